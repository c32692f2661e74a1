//! Whether an answer is taken is decided by the wait's deadline and the time of the answer.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use kitaru_core::event::{CallHead, CallKind, Created, EntryPoint, Inputs, WaitOpened};
use kitaru_core::{Body, Digest, ExecutionId, Millis, ScopeId, Value};
use kitaru_engine::manage::{self, Answered};
use kitaru_store::{Guard, Options, Store, open};
use std::sync::Arc;

/// An execution that has asked `go`, to be answered before 100.
fn asked(home: &std::path::Path, on_timeout: &str) -> (Arc<dyn Store>, ExecutionId) {
    let store = open("memory:", home, &Options::default()).unwrap();
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
    let call = CallHead {
        key: "go".to_owned(),
        scope: ScopeId::ROOT,
        name: "go".to_owned(),
        inputs: Inputs::Digest(Digest::of(b"?")),
        occurrence: 1,
        kind: CallKind::Wait,
        named: false,
        after: None,
        code: None,
        body: ScopeId::ROOT.child("call", "go", &[], 1),
    };
    let opened = WaitOpened {
        call,
        question: "?".to_owned(),
        schema: None,
        data: None,
        deadline: Some(100),
        on_timeout: Some(on_timeout.to_owned()),
    };
    store.post(&id, 2, Guard::NotFinal, vec![Body::WaitOpened(Box::new(opened))]).unwrap();
    (store, id)
}

fn answer(on_timeout: &str, now: Millis) -> Result<Answered, String> {
    let home = tempfile::tempdir().unwrap();
    let (store, id) = asked(home.path(), on_timeout);
    let row = store.queries().execution(&id).unwrap();
    manage::answer(store.as_ref(), &row, None, &serde_json::json!("yes"), "test", now).map_err(|error| error.code)
}

#[test]
fn before_its_deadline_a_wait_is_answered() {
    for on_timeout in ["default", "raise", "escalate"] {
        assert_eq!(answer(on_timeout, 99).unwrap().wait.key, "go");
    }
}

#[test]
fn from_its_deadline_on_it_is_too_late() {
    for (on_timeout, now) in [("default", 100), ("raise", 100), ("default", 5_000)] {
        assert_eq!(answer(on_timeout, now).unwrap_err(), "already-timed-out");
    }
}

#[test]
fn an_escalated_wait_is_answered_at_any_time() {
    assert_eq!(answer("escalate", 5_000).unwrap().wait.key, "go");
}
