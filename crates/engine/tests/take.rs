//! Taking an execution up: in little memory however long its journal is, and held by nobody where that fails.
//!
//! Not here: how long it takes (`bench/restart.py`).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use kitaru_core::event::{CallEnded, CallHead, CallKind, Created, EntryPoint, Inputs, Outcome, Usage};
use kitaru_core::rows::Status;
use kitaru_core::{Body, Digest, ExecutionId, ScopeId, Value};
use kitaru_engine::{Engine, EngineError};
use kitaru_store::{Guard, Options, Store, open};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::path::Path;
use std::sync::Arc;

thread_local! {
    /// Bytes that this thread has allocated and not freed, and the most that these were.
    static HELD: Cell<(isize, isize)> = const { Cell::new((0, 0)) };
}

struct Counting;

fn count(bytes: isize) {
    // A thread that ends has no counter any more.
    let _ = HELD.try_with(|held| {
        let now = held.get().0 + bytes;
        held.set((now, held.get().1.max(now)));
    });
}

// SAFETY: every call is the system allocator's with the same arguments; what is counted is neither allocated nor dropped.
unsafe impl GlobalAlloc for Counting {
    // SAFETY: the contract is the trait's, and is passed on.
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size().cast_signed());
        // SAFETY: as promised by our caller.
        unsafe { System.alloc(layout) }
    }

    // SAFETY: the contract is the trait's, and is passed on.
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count(-layout.size().cast_signed());
        // SAFETY: as promised by our caller; it was allocated above.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

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
        pool: None,
        pause_before: Vec::new(),
        deadline: None,
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

#[test]
fn a_long_journal_is_taken_up_a_page_at_a_time() {
    let home = tempfile::tempdir().unwrap();
    let store = store(home.path());
    let id = create(store.as_ref());
    let records = 20_000;
    for batch in 0..4 {
        let events = (batch * 5_000..(batch + 1) * 5_000).map(ended).collect();
        store.post(&id, 1, Guard::NotFinal, events).unwrap();
    }
    let engine = Engine::new(Arc::clone(&store));
    let before = HELD.get().0;
    HELD.set((before, before));
    let session = engine.take(&id, None, "resume").unwrap();
    let (held, most) = HELD.get();
    let (kept, passing) = (held - before, most - held);
    println!("{} bytes a record kept, {passing} in passing", kept / records);
    assert!(session.is_open());
    assert!(kept < 1_500 * records, "{kept} bytes kept");
    // A page of two thousand events, and the tables that are given up as they grow.
    assert!(passing < 600 * records, "{passing} bytes in passing");
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
