//! Declared effects and results that were not stored.

use crate::desk::{Desk, Given::With, ROOT, Said, error};
use kitaru_core::event::{CallKind, Outcome};
use kitaru_core::matcher::CallId;

fn once(desk: &mut Desk, name: &str) -> (CallId, Said) {
    let call = desk.identify_as(ROOT, name, With("x"), CallKind::Checkpoint, true);
    (call, desk.decide(call, true))
}

#[test]
fn an_effect_that_began_and_has_no_outcome_is_in_doubt() {
    let mut desk = Desk::new("v1");
    let (call, _) = once(&mut desk, "charge");
    desk.start(call, true);
    let mut again = desk.again();
    assert_eq!(once(&mut again, "charge").1, Said::InDoubt);
    again.drop_records(&["charge"]);
    let mut decided = again.again();
    assert_eq!(once(&mut decided, "charge").1, Said::Run, "somebody said that it did not happen");
}

#[test]
fn a_try_that_is_known_to_have_failed_leaves_no_doubt() {
    let mut desk = Desk::new("v1");
    let (call, _) = once(&mut desk, "charge");
    desk.start(call, true);
    let batch = desk.pass.attempt_failed(call, 1, error("refused", true), 0).unwrap();
    desk.write(batch);
    let mut again = desk.again();
    assert_eq!(once(&mut again, "charge").1, Said::Run);
    desk.start(call, true);
    assert_eq!(once(&mut desk.again(), "charge").1, Said::InDoubt, "the second try has begun");
}

#[test]
fn an_effect_that_happened_is_not_dropped_with_the_body_around_it() {
    let mut desk = Desk::new("v1");
    let (outer, _) = desk.ask(ROOT, "order", With(""));
    let body = desk.start(outer, false);
    let call = desk.identify_as(body, "charge", With("x"), CallKind::Checkpoint, true);
    desk.decide(call, true);
    desk.start(call, true);
    desk.returns(call, "receipt");
    desk.call(body, "llm", With("p"), "bad reply");
    desk.pass.restart_body(outer, false);
    let call = desk.identify_as(body, "charge", With("x"), CallKind::Checkpoint, true);
    assert_eq!(desk.decide(call, true), Said::Served("receipt".into()));
    assert_eq!(desk.call(body, "llm", With("p"), "new"), Said::Run);
}

#[test]
fn an_effect_never_matches_elsewhere() {
    let mut desk = Desk::new("v1");
    let scope = desk.task(ROOT, "work", "1");
    let call = desk.identify_as(scope, "charge", With("x"), CallKind::Checkpoint, true);
    desk.decide(call, true);
    desk.start(call, true);
    desk.returns(call, "receipt");
    let mut again = desk.edited("v2");
    assert_eq!(once(&mut again, "charge").1, Said::Run);
    assert_eq!(again.ask(ROOT, "charge", With("x")).1, Said::Run, "nor when it is no longer declared");
}

#[test]
fn a_result_that_was_not_stored_is_asked_about_unless_it_may_run_again() {
    for (rerunnable, expected) in [(false, Said::Volatile), (true, Said::Run)] {
        let mut desk = Desk::new("v1");
        let (call, _) = desk.ask(ROOT, "open", With("x"));
        desk.start(call, false);
        desk.end(call, Outcome::Volatile { path: "open.return".into(), rerunnable });
        assert_eq!(desk.again().ask(ROOT, "open", With("x")).1, expected);
    }
}
