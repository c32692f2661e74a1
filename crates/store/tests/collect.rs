//! Removing and collecting beside processes that write, replay and die at any moment: whatever is left loads whole, and
//! every value that it refers to reads back.
//!
//! A process of another role is this test program again, in [`role`]. Not here: what one process can show
//! (`conformance/upkeep.rs`).
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod apart;
mod cluster;

use apart::{ended, now, spawn, store};
use cluster::Cluster;
use kitaru_core::event::{Completed, Created, EntryPoint, Fork, Reuse, Taken};
use kitaru_core::rows::Status;
use kitaru_core::{Body, Digest, ExecutionId, Value};
use kitaru_store::{Claim, ExecutionFilter, Page, Removal, Store, StoreError};
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

const ALL: Page = Page { limit: 1_000_000, offset: 0 };

/// Numbers that follow from a seed.
struct Draw(u64);

impl Draw {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// One of a few texts, so that what one process lets go another writes anew. They share chunks with each other.
fn text(which: u64) -> Value {
    let len = [3_000, 20_000, 90_000, 200_000][which as usize % 4];
    let mut text = String::new();
    for n in 0u64.. {
        text.push_str(Digest::of(format!("{} {n}", which % 3).as_bytes()).to_string().as_str());
        if text.len() >= len {
            break;
        }
    }
    text.push_str(&which.to_string());
    Value::of(&text).unwrap()
}

fn created(fork: Option<(ExecutionId, u64)>) -> Body {
    let fork = fork.map(|(source, upto)| {
        Box::new(Fork {
            source,
            upto,
            kept: vec![(1, upto)],
            reuse: Reuse::Frontier,
            from: None,
            overrides: Vec::new(),
            asked: Vec::new(),
            plain: Vec::new(),
            by: "test".to_owned(),
        })
    });
    Body::Created(Box::new(Created {
        flow: "f".to_owned(),
        inputs: Value::of(&()).unwrap(),
        entry: EntryPoint::default(),
        code: None,
        parent: None,
        fork,
        key: None,
        detached: false,
        pool: None,
        pause_before: Vec::new(),
        deadline: None,
        tags: Vec::new(),
    }))
}

/// Writes executions and replays of what it finds, until it is killed.
fn write(home: &Path, seed: u64) {
    let (store, mut draw) = (store(home), Draw(seed));
    let completed =
        || Body::Completed(Completed { result: Value::of(&1).unwrap(), volatile: None, reused: Vec::new() });
    loop {
        let filter = ExecutionFilter::default();
        let found = store.queries().executions(&filter, Page { limit: 30, offset: 0 }).unwrap();
        let source = if draw.below(2) == 0 || found.is_empty() {
            None
        } else {
            let row = &found[draw.below(found.len() as u64) as usize];
            Some((row.id.clone(), 1 + draw.below(row.last_seq)))
        };
        let id = ExecutionId::new(uuid::Uuid::now_v7().to_string());
        let owner = store.owner().unwrap();
        let taken = Body::Taken(Taken { owner: owner.clone(), code: None, why: "start".to_owned(), entry: None });
        let claim = Claim { owner, lease_until: now() + 60_000 };
        match store.create(&id, now(), vec![created(source), taken], Some(claim)) {
            Ok(_) => {}
            // What it was to replay has been removed.
            Err(StoreError::NotFound(_)) => continue,
            Err(error) => panic!("{error}"),
        }
        for key in 0..1 + draw.below(4) {
            store.append(&id, now(), 1, vec![ended(&key.to_string(), text(draw.below(24)))]).unwrap();
        }
        // Some stay open: those of a process that was killed here.
        store.append(&id, now(), 1, vec![completed()]).unwrap();
    }
}

/// Removes most of what has ended and collects, until it is killed.
fn collect(home: &Path, seed: u64) {
    let (store, mut draw) = (store(home), Draw(seed));
    let keep = store.upkeep().unwrap();
    loop {
        let filter = ExecutionFilter { status: vec![Status::Completed], ..ExecutionFilter::default() };
        let mut rows = store.queries().executions(&filter, ALL).unwrap();
        rows.retain(|_| draw.below(3) > 0);
        for some in rows.chunks(8) {
            let some: Vec<_> = some.iter().map(|row| (row.id.clone(), row.epoch, row.last_seq)).collect();
            for removal in keep.remove(&some).unwrap() {
                if matches!(removal, Removal::Removed { .. }) {
                    mark(home, "removed");
                }
            }
        }
        if keep.collect(None).unwrap().values > 0 {
            mark(home, "collected");
        }
    }
}

fn mark(home: &Path, name: &str) {
    use std::io::Write;
    let file = std::fs::File::options().append(true).create(true).open(home.join(name));
    file.unwrap().write_all(b".").unwrap();
}

fn marks(home: &Path, name: &str) -> u64 {
    home.join(name).metadata().map_or(0, |file| file.len())
}

#[test]
#[ignore = "another process's role in the tests"]
fn role() {
    let text = |name: &str| std::env::var(name).unwrap_or_default();
    let (home, seed) = (text("KITARU_TEST_HOME"), text("KITARU_TEST_SEED").parse().unwrap_or(0));
    match text("KITARU_TEST_ROLE").as_str() {
        "write" => write(Path::new(&home), seed),
        "collect" => collect(Path::new(&home), seed),
        other => panic!("no role {other:?}"),
    }
}

fn seeded(seed: u64, more: &[(&'static str, String)]) -> Vec<(&'static str, String)> {
    more.iter().cloned().chain([("KITARU_TEST_SEED", seed.to_string())]).collect()
}

/// Loads everything that is on record and reads every value. How many executions and replays there are.
fn must_be_whole(store: &dyn Store) -> (usize, usize) {
    let rows = store.queries().executions(&ExecutionFilter::default(), ALL).unwrap();
    for row in &rows {
        let events = store.load(&row.id, 0, 0).unwrap();
        let seqs: Vec<u64> = events.iter().map(|event| event.seq).collect();
        assert_eq!(seqs, (1..=row.last_seq).collect::<Vec<_>>(), "{}", row.id);
        for mut event in events {
            for value in event.body.values_mut() {
                if let Value::Stored(reference) = value {
                    store.value(reference).unwrap();
                }
            }
        }
    }
    let health = store.queries().health(true).unwrap();
    for check in ["integrity_check", "value_check"] {
        assert!(health.contains(&(check.to_owned(), "ok".to_owned())), "{health:?}");
    }
    (rows.len(), rows.iter().filter(|row| row.base > 0).count())
}

#[test]
fn collecting_beside_writers_that_die_takes_nothing_that_is_in_use() {
    let home = tempfile::tempdir().unwrap();
    collect_beside(home.path(), 3, &[], &|| store(home.path()), &|| ());
}

#[test]
fn nor_does_it_from_a_folder_beside_postgres() {
    let (home, cluster) = (tempfile::tempdir().unwrap(), Cluster::quick());
    let folder = home.path().join("blobs");
    std::fs::create_dir(&folder).unwrap();
    let (address, blobs) = (cluster.fresh(), folder.display().to_string());
    let opened = || apart::shelved(&address, home.path(), Some(&blobs));
    drop(opened());
    let settings = [("KITARU_TEST_ADDRESS", address.clone()), ("KITARU_TEST_BLOBS", blobs.clone())];
    // Each look through all of it is longer here.
    collect_beside(home.path(), 0, &settings, &opened, &|| cluster.wait_until_left());
}

/// `least`: more often than this something has been collected meanwhile. `left`: returns when nothing is done any more for
/// processes that are gone.
fn collect_beside(
    home: &Path,
    least: u64,
    settings: &[(&'static str, String)],
    opened: &dyn Fn() -> std::sync::Arc<dyn Store>,
    left: &dyn Fn(),
) {
    let seconds = std::env::var("KITARU_SOAK").ok().and_then(|text| text.parse().ok()).unwrap_or(8);
    let (begun, mut seed) = (Instant::now(), 1);
    let roles = ["write", "write", "write", "collect", "collect"];
    let mut running: Vec<Child> = Vec::new();
    for role in roles {
        seed += 1;
        running.push(spawn(role, home, &seeded(seed, settings)));
    }
    let mut draw = Draw(7);
    while begun.elapsed() < Duration::from_secs(seconds) {
        std::thread::sleep(Duration::from_millis(100 + draw.below(400)));
        let at = draw.below(roles.len() as u64) as usize;
        // It was at work until now, and is not one that failed.
        assert!(running[at].try_wait().unwrap().is_none(), "{} ended by itself", roles[at]);
        running[at].kill().unwrap();
        running[at].wait().unwrap();
        seed += 1;
        running[at] = spawn(roles[at], home, &seeded(seed, settings));
    }
    for (at, child) in running.iter_mut().enumerate() {
        assert!(child.try_wait().unwrap().is_none(), "{} ended by itself", roles[at]);
        child.kill().unwrap();
        child.wait().unwrap();
    }
    left();
    let store = opened();
    let (executions, replays) = must_be_whole(store.as_ref());
    let did = (marks(home, "removed"), marks(home, "collected"));
    assert!(executions > 5 && replays > 0 && did.0 > 20 && did.1 > least, "{executions} {replays} {did:?}");
    // With everybody gone, what is left over goes, and nothing else.
    store.upkeep().unwrap().collect(None).unwrap();
    assert_eq!(must_be_whole(store.as_ref()), (executions, replays));
    assert_eq!(store.upkeep().unwrap().collect(None).unwrap().values, 0);
}
