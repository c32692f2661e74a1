//! A bucket of a test's own: an S3 (moto) on a free port of loopback, which ends with the test.
//!
//! Not here: what is expected of a store that has its large values there.

#![allow(dead_code)]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// The secret that no file and no message may have.
pub const SECRET: &str = "the-secret-of-the-bucket";

/// See the module.
pub struct Bucket {
    port: u16,
    process: Option<Child>,
    places: AtomicU32,
}

impl Bucket {
    /// An empty one. To be called before there are other threads.
    pub fn started() -> Self {
        static ONCE: Once = Once::new();
        // SAFETY: tests begin with it, before they start threads.
        ONCE.call_once(|| unsafe {
            std::env::set_var("AWS_ACCESS_KEY_ID", "test");
            std::env::set_var("AWS_SECRET_ACCESS_KEY", SECRET);
        });
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut made = Self { port, process: None, places: AtomicU32::new(0) };
        made.start();
        made
    }

    /// Starts it, and returns when it has its bucket.
    pub fn start(&mut self) {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.venv-moto/bin/moto_server");
        let mut command = Command::new(&program);
        command.args(["-H", "127.0.0.1", "-p", &self.port.to_string()]);
        let spawned = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        self.process = Some(spawned.unwrap_or_else(|error| {
            panic!("{}: {error}: `make test-rust` installs it", program.display());
        }));
        let until = Instant::now() + Duration::from_secs(60);
        while !self.ask("PUT", "/large").contains("200 OK") {
            assert!(Instant::now() < until, "moto does not start");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Ends it, with all that it had.
    pub fn end(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// One request, without a word of who asks: it believes everybody.
    pub fn ask(&self, method: &str, path: &str) -> String {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) else { return String::new() };
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            self.port
        );
        let mut told = Vec::new();
        drop(stream.write_all(head.as_bytes()).and_then(|()| stream.read_to_end(&mut told)));
        String::from_utf8_lossy(&told).into_owned()
    }

    /// The address of an empty place in it.
    pub fn fresh(&self) -> String {
        let place = self.places.fetch_add(1, Ordering::Relaxed);
        format!("s3://large/p{place}/?endpoint=http://127.0.0.1:{}&region=us-east-1", self.port)
    }

    /// The names of what lies in the place that was given last.
    pub fn names(&self) -> Vec<String> {
        let place = self.places.load(Ordering::Relaxed) - 1;
        let told = self.ask("GET", &format!("/large?list-type=2&prefix=p{place}/"));
        told.split("<Key>").skip(1).filter_map(|rest| Some(rest.split_once("</Key>")?.0.to_owned())).collect()
    }
}

impl Drop for Bucket {
    fn drop(&mut self) {
        self.end();
    }
}
