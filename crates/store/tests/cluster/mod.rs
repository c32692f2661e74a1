//! A PostgreSQL of a test's own: in a temporary folder, on loopback, with a password, and gone with the test. It does not
//! run as root, which it refuses.
//!
//! Not here: what is expected of a store in it.

#![allow(dead_code)]

use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// See the module.
pub struct Cluster {
    folder: TempDir,
    port: u16,
    process: Option<Child>,
    settings: Vec<String>,
    schemas: AtomicU32,
}

/// Where a program of PostgreSQL is.
fn program(name: &str) -> PathBuf {
    let on_path =
        std::env::var_os("PATH").into_iter().flat_map(|path| std::env::split_paths(&path).collect::<Vec<_>>());
    let mut folders: Vec<PathBuf> = on_path.collect();
    let versions = Path::new("/usr/lib/postgresql").read_dir().into_iter().flatten().flatten();
    let mut versions: Vec<PathBuf> = versions.map(|one| one.path().join("bin")).collect();
    versions.sort();
    folders.extend(versions.into_iter().rev());
    let found = folders.into_iter().map(|folder| folder.join(name)).find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("{name} is missing: install PostgreSQL (Debian: apt-get install postgresql)"))
}

fn is_root() -> bool {
    // SAFETY: it only asks.
    unsafe { libc::geteuid() == 0 }
}

/// A command that does not run as root, and ends with this process.
fn command(name: &str) -> Command {
    if !is_root() {
        return Command::new(program(name));
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--inh-caps=-all"]).arg(program(name));
    command
}

impl Cluster {
    /// One that does not sync: what is tested is not whether a disk keeps its word.
    pub fn quick() -> Self {
        Self::new(&["fsync=off", "full_page_writes=off"])
    }

    /// One with these settings.
    pub fn new(settings: &[&str]) -> Self {
        let folder = tempfile::Builder::new().prefix("kitaru-postgres").tempdir().unwrap();
        let secret = folder.path().join("secret");
        std::fs::write(&secret, "secret\n").unwrap();
        if is_root() {
            for path in [folder.path(), &secret] {
                let owned = Command::new("chown").arg("postgres:").arg(path).status().unwrap();
                assert!(owned.success());
            }
        }
        let made = command("initdb")
            .args(["--username=kitaru", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"])
            .arg(format!("--pwfile={}", secret.display()))
            .arg("-D")
            .arg(folder.path().join("data"))
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let settings = settings.iter().map(|one| (*one).to_owned()).collect();
        let mut cluster = Self { folder, port, process: None, settings, schemas: AtomicU32::new(0) };
        cluster.start();
        cluster
    }

    /// Starts it, and returns when it takes connections.
    pub fn start(&mut self) {
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            let ended = self.process.as_mut().is_none_or(|process| process.try_wait().unwrap().is_some());
            if ended {
                // After a kill those that it had started may live a moment longer, and it does not start beside them.
                self.process = Some(self.command().spawn().unwrap());
            }
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                return;
            }
            assert!(Instant::now() < until, "{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn command(&self) -> Command {
        let log = std::fs::File::options().create(true).append(true).open(self.folder.path().join("log")).unwrap();
        let mut command = command("postgres");
        command.arg("-D").arg(self.folder.path().join("data"));
        command.args(["-p", &self.port.to_string(), "-c", "listen_addresses=127.0.0.1", "-c", "max_connections=200"]);
        command.args(["-c", "unix_socket_directories=", "-c", "shared_buffers=32MB", "-c", "log_min_messages=warning"]);
        for setting in &self.settings {
            command.args(["-c", setting]);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).process_group(0);
        command
    }

    /// What it said.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Sends it a signal by its process, and to those that it has started if it is to be killed, and waits for its end.
    pub fn end(&mut self, signal: libc::c_int) {
        let Some(mut process) = self.process.take() else { return };
        let pid = libc::pid_t::try_from(process.id()).unwrap();
        // Killed, it cannot end its own processes, which share its group.
        let target = if signal == libc::SIGKILL { -pid } else { pid };
        // SAFETY: the process is a child that nobody has waited for.
        unsafe { libc::kill(target, signal) };
        process.wait().unwrap();
    }

    /// The address of a schema, without the rest.
    pub fn address(&self, schema: &str) -> String {
        format!("postgres://kitaru:secret@127.0.0.1:{}/postgres?schema={schema}", self.port)
    }

    /// The address of an empty store.
    pub fn fresh(&self) -> String {
        self.address(&format!("s{}", self.schemas.fetch_add(1, Ordering::Relaxed)))
    }

    /// Waits until nobody is connected: what a process had asked for when it was killed is done without it.
    pub fn wait_until_left(&self) {
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            let asked = command("psql")
                .args(["--no-psqlrc", "--host=127.0.0.1", "--username=kitaru", "--tuples-only", "--no-align"])
                .arg(format!("--port={}", self.port))
                .arg("--command")
                .arg(
                    "SELECT count(*) FROM pg_stat_activity
                     WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()",
                )
                .arg("postgres")
                .env("PGPASSWORD", "secret")
                .current_dir(self.folder.path())
                .output()
                .unwrap();
            assert!(asked.status.success(), "{}", String::from_utf8_lossy(&asked.stderr));
            if asked.stdout == b"0\n" {
                return;
            }
            assert!(Instant::now() < until, "somebody is still connected");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Where all of it lies.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // Without a word to those that are connected.
        self.end(libc::SIGQUIT);
    }
}
