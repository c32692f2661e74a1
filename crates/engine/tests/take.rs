//! Taking an execution up: quick however long its journal is, and held by nobody where that fails.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use kitaru_core::event::{CallEnded, CallHead, CallKind, Created, EntryPoint, Inputs, Outcome, Usage};
use kitaru_core::rows::Status;
use kitaru_core::{Body, Digest, ExecutionId, ScopeId, Value};
use kitaru_engine::{Engine, EngineError};
use kitaru_store::{Guard, Options, Store, open};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

fn store(home: &Path) -> Arc<dyn Store> {
    open(home.join("kitaru.db").to_str().unwrap(), home, &Options::default()).unwrap()
}

fn create(store: &dyn Store) -> ExecutionId {
    let id = ExecutionId::new("e");
    let created = Created {
        flow: "f".to_owned(),
        inputs: Value::of(&()).unwrap(),
        entry: EntryPoint::default(),
        code: None,
        parent: None,
        fork: None,
        key: None,
        detached: false,
        pause_before: Vec::new(),
        tags: Vec::new(),
    };
    store.create(&id, 1, vec![Body::Created(Box::new(created))], None).unwrap();
    id
}

fn ended(n: u32) -> Body {
    let key = if n == 0 { "step".to_owned() } else { format!("step#{}", n + 1) };
    let call = CallHead {
        body: ScopeId::ROOT.child("call", "step", &[], n),
        key,
        scope: ScopeId::ROOT,
        name: "step".to_owned(),
        inputs: Inputs::Digest(Digest::of(&n.to_le_bytes())),
        occurrence: 1,
        kind: CallKind::Checkpoint,
        named: false,
        after: None,
        code: None,
    };
    let result = Value::of("a short result").unwrap();
    Body::CallEnded(Box::new(CallEnded {
        effective: None,
        by: None,
        call,
        record: None,
        inputs: None,
        outcome: Outcome::Returned { result },
        mutated: None,
        attempts: 1,
        started_at: 1,
        usage: Usage::default(),
    }))
}

/// Memory in use, in KiB (proc(5)).
#[cfg(target_os = "linux")]
fn memory(line: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let found = status.lines().find_map(|text| text.strip_prefix(line)).unwrap();
    found.trim().trim_end_matches(" kB").parse().unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn a_journal_of_a_hundred_thousand_records_is_taken_up_in_two_seconds_and_bounded_memory() {
    let home = tempfile::tempdir().unwrap();
    let store = store(home.path());
    let id = create(store.as_ref());
    for batch in 0..20 {
        let events = (batch * 5_000..(batch + 1) * 5_000).map(ended).collect();
        store.post(&id, 1, Guard::NotFinal, events).unwrap();
    }
    let engine = Engine::new(Arc::clone(&store));
    let before = memory("VmRSS:");
    let begun = Instant::now();
    let session = engine.take(&id, None, "resume").unwrap();
    let took = begun.elapsed();
    let (grown, peak) = (memory("VmRSS:").saturating_sub(before) >> 10, memory("VmHWM:") >> 10);
    println!("{took:?}, {grown} MiB kept, {peak} MiB at the most");
    assert!(session.is_open());
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert!(grown < 150 && peak < 300, "{grown} MiB kept, {peak} MiB at the most");
}

#[test]
fn a_journal_that_cannot_be_read_is_held_by_nobody() {
    let home = tempfile::tempdir().unwrap();
    let store = store(home.path());
    let id = create(store.as_ref());
    store.post(&id, 1, Guard::NotFinal, (0..3).map(ended).collect()).unwrap();
    let spoil = |payload: &str| {
        let db = rusqlite::Connection::open(home.path().join("kitaru.db")).unwrap();
        db.execute("UPDATE journal SET payload = ?1 WHERE seq = 3", [payload]).unwrap();
    };
    let whole = serde_json::to_string(&store.load(&id, 2, 1).unwrap()[0].body).unwrap();
    spoil("{\"call_ended\": ");
    let engine = Engine::new(Arc::clone(&store));
    let Err(error) = engine.take(&id, None, "resume") else { panic!("it was taken") };
    assert_eq!(error.code(), "store-damaged");
    let row = store.queries().execution(&id).unwrap();
    assert_eq!((row.owner, row.epoch, row.status), (None, 0, Status::Interrupted));
    spoil(&whole);
    drop(engine.take(&id, None, "resume").unwrap());
    let Err(EngineError::Held { .. }) = engine.take(&id, None, "resume") else { panic!("it was taken twice") };
}
