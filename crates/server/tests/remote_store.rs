//! What every store promises (`crates/store/tests/conformance`), of the store of a server: straight, and over
//! connections that are cut at random, so that messages and answers are lost.
//!
//! Not here: a server that is killed (`tests/remote`).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[macro_use]
#[path = "../../store/tests/conformance/suite.rs"]
mod suite;

#[path = "../../store/tests/conformance/artifacts_logs.rs"]
mod artifacts_logs;
#[path = "../../store/tests/conformance/breakpoints.rs"]
mod breakpoints;
#[path = "../../store/tests/conformance/delete.rs"]
mod delete;
#[path = "../../store/tests/conformance/due.rs"]
mod due;
#[path = "../../store/tests/conformance/events.rs"]
mod events;
#[path = "../../store/tests/conformance/feed.rs"]
mod feed;
#[path = "../../store/tests/conformance/fixture.rs"]
mod fixture;
#[path = "../../store/tests/conformance/fleets.rs"]
mod fleets;
#[path = "../../store/tests/conformance/fold.rs"]
mod fold;
#[path = "../../store/tests/conformance/forks.rs"]
mod forks;
#[path = "../../store/tests/conformance/limits.rs"]
mod limits;
#[path = "../../store/tests/conformance/listing.rs"]
mod listing;
#[path = "../../store/tests/conformance/once.rs"]
mod once;
#[path = "../../store/tests/conformance/ownership.rs"]
mod ownership;
#[path = "../../store/tests/conformance/pools.rs"]
mod pools;
#[path = "../../store/tests/conformance/releases.rs"]
mod releases;
#[path = "../../store/tests/conformance/schedules.rs"]
mod schedules;
#[path = "../../store/tests/conformance/values.rs"]
mod values;
#[path = "../../store/tests/conformance/verbs.rs"]
mod verbs;

pub use fixture::{Fixture, LEASE, T, code, fresh};

use kitaru_store::{Options, open};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::channel;
use tempfile::TempDir;

/// Serves a fresh store until the process of the test ends.
fn serve(home: &TempDir) -> SocketAddr {
    let path = home.path().join("kitaru.db").display().to_string();
    let store = open(&path, home.path(), &Options::default()).unwrap();
    let place = (path, home.path().to_owned(), false);
    let host = "127.0.0.1".parse().unwrap();
    let log = kitaru_server::log::Log::new(kitaru_server::log::Form::Off, |_| {});
    let rules = kitaru_server::Rules::default();
    let config = kitaru_server::Config {
        host,
        port: 0,
        store,
        place,
        log,
        at_once: 0,
        serves: kitaru_server::Serves::default(),
        memory: None,
        python: String::new(),
        rules,
    };
    let (told, address) = channel();
    std::thread::spawn(move || kitaru_server::serve(config, &mut |address| told.send(address).unwrap()).unwrap());
    address.recv().unwrap()
}

/// Draws numbers: each of a seed and a count is one (splitmix64).
#[derive(Default)]
struct Luck(AtomicU64);

impl Luck {
    fn one_in(&self, many: u64) -> bool {
        let mut z = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)).is_multiple_of(many)
    }
}

/// Stands between clients and a server, and cuts connections: one message in twenty, and one answer in ten, which is
/// lost when all is done.
fn cut_at_random(server: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let luck = Arc::new(Luck::default());
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let (client, server) = (client.unwrap(), TcpStream::connect(server).unwrap());
            client.set_nodelay(true).unwrap();
            server.set_nodelay(true).unwrap();
            // The server must be called by its own name.
            let names = (address.to_string(), server.peer_addr().unwrap().to_string());
            let (there, back) = ((client.try_clone().unwrap(), server.try_clone().unwrap()), (server, client));
            let turn = Arc::new(AtomicBool::new(false));
            let (luck, same, other) = (Arc::clone(&luck), Arc::clone(&luck), Arc::clone(&turn));
            std::thread::spawn(move || {
                pass_on(there, Some(&names), |is| is != turn.swap(is, Ordering::Relaxed), || luck.one_in(20))
            });
            std::thread::spawn(move || {
                pass_on(back, None, |is| is != other.swap(is, Ordering::Relaxed), || same.one_in(10))
            });
        }
    });
    address
}

/// Passes on what comes from one side to the other. `turns`: whether this side speaks now and the other did before;
/// `cut`: whether that message is to be lost.
fn pass_on(
    (mut from, mut to): (TcpStream, TcpStream),
    names: Option<&(String, String)>,
    turns: impl Fn(bool) -> bool,
    cut: impl Fn() -> bool,
) {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let len = from.read(&mut buffer).unwrap_or(0);
        if let Some((called, is)) = names.filter(|(called, is)| called.len() == is.len())
            && let Some(at) = buffer[..len].windows(called.len()).position(|part| part == called.as_bytes())
        {
            buffer[at..at + is.len()].copy_from_slice(is.as_bytes());
        }
        if len == 0 || (turns(names.is_some()) && cut()) || to.write_all(&buffer[..len]).is_err() {
            // One side may have been closed by the other thread already.
            drop((from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both)));
            return;
        }
    }
}

backends! {
    served: |home: &tempfile::TempDir| format!("http://{}", crate::serve(home));
    cut: |home: &tempfile::TempDir| format!("http://{}", crate::cut_at_random(crate::serve(home)));
}

#[test]
fn what_is_no_server_of_a_store_is_told_so() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            drop(client.read(&mut [0; 4096]));
            client.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi").unwrap();
        }
    });
    let home = tempfile::tempdir().unwrap();
    let refused = open(&format!("http://{address}"), home.path(), &Options::default()).err().unwrap();
    assert_eq!(refused.code(), "server-protocol");
}

#[test]
fn nobody_takes_up_what_somebody_elsewhere_holds_by_the_clock_of_the_server() {
    let home = tempfile::tempdir().unwrap();
    let address = format!("http://{}", serve(&home));
    let store = open(&address, home.path(), &Options::default()).unwrap();
    let local = open(&home.path().join("kitaru.db").display().to_string(), home.path(), &Options::default()).unwrap();
    let now = store.by_its_clock(i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap());
    let elsewhere = kitaru_core::lease::Owner { host: "elsewhere".to_owned(), ..store.owner().unwrap() };
    let claim = |until| kitaru_store::Claim { owner: elsewhere.clone(), lease_until: until };
    let taken = || vec![events::taken(&elsewhere)];
    let (held, over) = (fresh(), fresh());
    for (id, until) in [(&held, now + 60_000), (&over, now - 1)] {
        local.create(id, now, vec![events::created("held"), events::taken(&elsewhere)], Some(claim(until))).unwrap();
    }
    // Whoever asks has a clock that is an hour ahead, and believes that the lease is over.
    let mine = kitaru_store::Claim { owner: store.owner().unwrap(), lease_until: now + 3_600_000 };
    assert_eq!(code(store.claim(&held, now + 3_600_000, 1, mine.clone(), taken())), "conflict");
    assert_eq!(store.claim(&over, now, 1, mine, taken()).unwrap(), 2);
}
