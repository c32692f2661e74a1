//! Breakpoints and what code digests are made of: small tables beside the journal.
//!
//! Not here: when a breakpoint is hit (the engine).

use super::{Fixture, T, fresh};
use kitaru_core::Body;
use kitaru_core::event::{CallKind, PauseReason, Paused};
use kitaru_core::rows::BreakpointRow;

fn breakpoint(flow: &str, before: &str, every: bool) -> BreakpointRow {
    BreakpointRow {
        id: 0,
        flow: flow.to_owned(),
        file: Some("/somewhere/agent.py".to_owned()),
        before: before.to_owned(),
        every,
        condition: Some("attempt > 1".to_owned()),
        by: "test".to_owned(),
        at: T,
        hits: 0,
    }
}

fn hit(with: &Fixture, id: u64) {
    let execution = with.start("paused");
    let call = Box::new(super::events::head("a", CallKind::Checkpoint));
    let reason = PauseReason::Breakpoint { call, inputs: None, before: "a".to_owned(), id: Some(id) };
    let paused = Paused { reason, text: "paused before a".to_owned(), reused: Vec::new() };
    with.store.append(&execution, T, 1, vec![Body::Paused(Box::new(paused))]).unwrap();
}

pub fn breakpoints_are_listed_as_they_were_set(with: &Fixture) {
    let (mine, other) = (fresh().to_string(), fresh().to_string());
    let first = with.store.add_breakpoint(breakpoint(&mine, "analyze#3", true)).unwrap();
    let second = with.store.add_breakpoint(breakpoint(&mine, "step 20", false)).unwrap();
    let third =
        with.store.add_breakpoint(BreakpointRow { file: None, condition: None, ..breakpoint(&other, "x", false) });
    let third = third.unwrap();
    assert!(first < second && second < third);
    let expected = [
        BreakpointRow { id: first, ..breakpoint(&mine, "analyze#3", true) },
        BreakpointRow { id: second, ..breakpoint(&mine, "step 20", false) },
    ];
    assert_eq!(with.store.queries().breakpoints(Some(&mine)).unwrap(), expected);
    let all = with.again().queries().breakpoints(None).unwrap();
    assert!(all.is_sorted_by_key(|one| one.id));
    assert_eq!(all.iter().filter(|one| one.flow == mine || one.flow == other).count(), 3);
    assert!(with.store.remove_breakpoint(second).unwrap());
    assert!(!with.store.remove_breakpoint(second).unwrap(), "it is gone already");
    assert_eq!(with.store.queries().breakpoints(Some(&mine)).unwrap(), expected[..1]);
    // A number means one breakpoint for ever: a pause says which it was.
    with.store.remove_breakpoint(third).unwrap();
    assert!(with.store.add_breakpoint(breakpoint(&mine, "y", false)).unwrap() > third);
}

pub fn a_breakpoint_stays_only_if_it_is_for_every_run(with: &Fixture) {
    let flow = fresh().to_string();
    let every = with.store.add_breakpoint(breakpoint(&flow, "a", true)).unwrap();
    let once = with.store.add_breakpoint(breakpoint(&flow, "a", false)).unwrap();
    hit(with, every);
    hit(with, every);
    hit(with, once);
    let found = with.store.queries().breakpoints(Some(&flow)).unwrap();
    assert_eq!(found, [BreakpointRow { id: every, hits: 2, ..breakpoint(&flow, "a", true) }]);
    hit(with, once);
    assert_eq!(with.store.queries().breakpoints(Some(&flow)).unwrap(), found, "one that is gone is hit no more");
}

pub fn setting_and_removing_a_breakpoint_is_seen_by_others(with: &Fixture) {
    let before = with.store.version().unwrap();
    let id = with.store.add_breakpoint(breakpoint(fresh().as_str(), "a", true)).unwrap();
    let between = with.store.version().unwrap();
    with.store.remove_breakpoint(id).unwrap();
    assert!(before != between && between != with.store.version().unwrap());
}

pub fn what_a_code_digest_is_made_of_is_kept_once(with: &Fixture) {
    let digest = format!("source:{}", fresh());
    assert_eq!(with.store.queries().code(&digest).unwrap(), None);
    with.store.keep_code(&digest, "{\"analyze\":\"1\"}").unwrap();
    with.store.keep_code(&digest, "{\"analyze\":\"1\"}").unwrap();
    assert_eq!(with.store.queries().code(&digest).unwrap().as_deref(), Some("{\"analyze\":\"1\"}"));
    assert_eq!(with.again().queries().code(&digest).unwrap().as_deref(), Some("{\"analyze\":\"1\"}"));
}
