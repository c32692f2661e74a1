//! Breakpoints, set, listed, removed, and hit in the transaction of the pause; and what code digests are made of.

use super::events::{completed, head, value};
use super::{Fixture, T, code, fresh};
use kitaru_core::Body;
use kitaru_core::event::{CallKind, PauseReason, Paused};
use kitaru_core::rows::{BreakpointRow, Status};
use kitaru_store::{Guard, Store};

fn set(store: &dyn Store, flow: &str, every: bool) -> u64 {
    let row = BreakpointRow {
        id: 0,
        flow: flow.to_owned(),
        file: Some("/home/me/agent.py".to_owned()),
        before: "step#2".to_owned(),
        every,
        condition: Some("inputs.n > 1".to_owned()),
        by: "cli".to_owned(),
        at: T,
        hits: 0,
    };
    store.add_breakpoint(row).unwrap()
}

fn paused(id: u64) -> Body {
    let reason = PauseReason::Breakpoint {
        call: Box::new(head("step#2", CallKind::Checkpoint)),
        inputs: Some(value("in")),
        before: "step#2".to_owned(),
        id: Some(id),
        problem: None,
    };
    Body::Paused(Box::new(Paused { reason, text: "paused before step#2".to_owned(), reused: Vec::new() }))
}

pub fn a_breakpoint_is_listed_by_flow_until_it_is_removed(with: &Fixture) {
    let flow = fresh().to_string();
    let store = with.store.as_ref();
    let before = store.version().unwrap();
    let (first, second) = (set(store, &flow, false), set(store, &flow, true));
    assert_ne!(store.version().unwrap(), before, "who runs must notice");
    let listed = store.queries().breakpoints(Some(&flow)).unwrap();
    assert_eq!(
        listed.iter().map(|one| (one.id, one.every, one.hits)).collect::<Vec<_>>(),
        [(first, false, 0), (second, true, 0)]
    );
    assert_eq!(listed[0].condition.as_deref(), Some("inputs.n > 1"));
    assert_eq!(with.again().queries().breakpoints(Some(&flow)).unwrap(), listed);
    assert!(store.queries().breakpoints(None).unwrap().len() >= 2);
    assert!(store.remove_breakpoint(second).unwrap());
    assert!(!store.remove_breakpoint(second).unwrap());
    assert!(set(store, &flow, true) > second, "a number is never given again");
}

pub fn a_breakpoint_that_does_not_stay_stops_one_run(with: &Fixture) {
    let flow = fresh().to_string();
    let store = with.store.as_ref();
    let (one, other) = (with.start(&flow), with.start(&flow));
    let (once, every) = (set(store, &flow, false), set(store, &flow, true));
    store.post(&one, T, Guard::Unchanged(1, 2), vec![paused(once)]).unwrap();
    assert_eq!(store.queries().execution(&one).unwrap().status, Status::Paused);
    let before = store.queries().execution(&other).unwrap();
    assert_eq!(code(store.post(&other, T, Guard::Unchanged(1, 2), vec![paused(once)])), "conflict");
    assert_eq!(store.queries().execution(&other).unwrap(), before, "it goes on");
    store.post(&other, T, Guard::Unchanged(1, 2), vec![paused(every)]).unwrap();
    let left = store.queries().breakpoints(Some(&flow)).unwrap();
    assert_eq!(left.iter().map(|one| (one.id, one.hits)).collect::<Vec<_>>(), [(every, 1)]);
    assert!(store.append(&one, T, 1, vec![completed()]).is_err(), "who paused let go");
}

pub fn what_a_code_digest_is_made_of_is_kept_once(with: &Fixture) {
    let digest = format!("source:{}", fresh());
    assert_eq!(with.store.queries().code(&digest).unwrap(), None);
    with.store.keep_code(&digest, "{\"analyze\":\"1\"}").unwrap();
    with.store.keep_code(&digest, "{\"analyze\":\"1\"}").unwrap();
    assert_eq!(with.store.queries().code(&digest).unwrap().as_deref(), Some("{\"analyze\":\"1\"}"));
    assert_eq!(with.again().queries().code(&digest).unwrap().as_deref(), Some("{\"analyze\":\"1\"}"));
}
