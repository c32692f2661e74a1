//! Declared effects, results that were not stored, and outcomes that lack what a body did to its arguments.

use crate::desk::{Desk, Given::With, ROOT, Said, error, value};
use kitaru_core::Body;
use kitaru_core::event::{CallKind, DriftDecided, DriftDecision, Outcome};
use kitaru_core::ids::ScopeId;
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
    assert_eq!(again.ask(ROOT, "charge", With("x")).1, Said::Run, "nor when it is no longer declared");
    let mut again = desk.edited("v2");
    assert_eq!(once(&mut again, "charge").1, Said::Began("work/charge".into()), "nor is it made once more unasked");
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

fn mutating(outcome: Outcome) -> Desk {
    let mut desk = Desk::new("v1");
    let (call, _) = desk.ask(ROOT, "step", With("x"));
    desk.start(call, false);
    desk.end_mutated(call, outcome, Some("messages[3]"));
    desk
}

fn decide(desk: &mut Desk, inputs: &str, decision: DriftDecision) {
    let (call, said) = desk.ask(ROOT, "step", With(inputs));
    assert_eq!(said, Said::Mutated("step".into()));
    let head = desk.pass.matcher.head(call).unwrap().clone();
    let record = desk.seq("step");
    desk.write(vec![Body::DriftDecided(DriftDecided {
        scope: head.scope,
        name: head.name,
        inputs: head.inputs,
        occurrence: head.occurrence,
        after: head.after,
        record,
        decision,
    })]);
}

#[test]
fn an_outcome_that_lacks_a_change_is_asked_about_however_the_call_ended() {
    let outcomes = [
        Outcome::Returned { result: value("answer") },
        Outcome::Raised { error: error("boom", true) },
        Outcome::Volatile { path: "step.return".into(), rerunnable: true },
        Outcome::Cancelled,
    ];
    for outcome in outcomes {
        let desk = mutating(outcome);
        assert_eq!(desk.again().ask(ROOT, "step", With("x")).1, Said::Mutated("step".into()));
        let drifted = desk.edited("v2").ask(ROOT, "step", With("y")).1;
        assert!(!matches!(drifted, Said::Served(_) | Said::Failed(_) | Said::Drift(_)), "{drifted:?}");
    }
}

#[test]
fn it_is_served_once_somebody_said_so_and_from_then_on() {
    for inputs in ["x", "y"] {
        let mut desk = mutating(Outcome::Returned { result: value("answer") }).again();
        decide(&mut desk, inputs, DriftDecision::Reuse);
        for mut again in [desk.again(), desk.again().again()] {
            assert_eq!(again.ask(ROOT, "step", With(inputs)).1, Said::Served("answer".into()));
        }
    }
}

#[test]
fn once_dropped_it_runs_and_what_it_gives_then_is_served() {
    let mut desk = mutating(Outcome::Returned { result: value("answer") }).again();
    desk.drop_records(&["step"]);
    let mut again = desk.again();
    assert_eq!(again.call(ROOT, "step", With("x"), "another"), Said::Run);
    assert_eq!(again.again().ask(ROOT, "step", With("x")).1, Said::Served("another".into()));
}

fn once_with(desk: &mut Desk, scope: ScopeId, inputs: &str) -> (CallId, Said) {
    let call = desk.identify_as(scope, "charge", With(inputs), CallKind::Checkpoint, true);
    (call, desk.decide(call, true))
}

#[test]
fn an_effect_that_began_with_other_inputs_is_asked_about() {
    let mut desk = Desk::new("v1");
    let (call, _) = once_with(&mut desk, ROOT, "42");
    desk.start(call, true);
    let mut edited = desk.again();
    assert_eq!(once_with(&mut edited, ROOT, "43").1, Said::Began("charge".into()));
    let mut both = desk.again();
    assert_eq!(once_with(&mut both, ROOT, "42").1, Said::InDoubt);
    assert_eq!(once_with(&mut both, ROOT, "43").1, Said::Run, "the one that began asks by itself");
    let mut ended = desk.again();
    ended.drop_records(&["charge"]);
    assert_eq!(once_with(&mut ended, ROOT, "43").1, Said::Run, "somebody said that it did not happen");
}

#[test]
fn so_is_one_that_began_in_an_item_of_its_own() {
    let mut desk = Desk::new("v1");
    let item = desk.task(ROOT, "charge", "42");
    let (call, _) = once_with(&mut desk, item, "42");
    desk.start(call, true);
    let mut edited = desk.again();
    let other = edited.task(ROOT, "charge", "43");
    let call = edited.identify_as(other, "charge", With("43"), CallKind::Checkpoint, true);
    assert_eq!(edited.decide(call, false), Said::Began("charge/charge".into()), "whoever else is alive");
    let mut both = desk.again();
    let (first, second) = (both.task(ROOT, "charge", "42"), both.task(ROOT, "charge", "43"));
    let call = both.identify_as(second, "charge", With("43"), CallKind::Checkpoint, true);
    assert_eq!(both.decide(call, false), Said::Run, "its own task is there");
    assert_eq!(once_with(&mut both, first, "42").1, Said::InDoubt);
}

#[test]
fn one_that_happened_in_a_task_with_a_clock_is_asked_about_and_the_decision_outlives_the_clock() {
    for decision in [None, Some(DriftDecision::Rerun), Some(DriftDecision::Reuse)] {
        let mut desk = Desk::new("v1");
        let task = desk.task(ROOT, "work", "12:00");
        let (call, _) = once_with(&mut desk, task, "42");
        desk.start(call, true);
        desk.returns(call, "receipt");
        let mut later = desk.again();
        let task = later.task(ROOT, "work", "12:01");
        let call = later.identify_as(task, "charge", With("42"), CallKind::Checkpoint, true);
        assert_eq!(later.decide(call, false), Said::Began("work/charge".into()));
        let Some(decision) = decision else { continue };
        settle(&mut later, call, "work/charge", decision);
        let mut latest = later.again();
        let task = latest.task(ROOT, "work", "12:02");
        let call = latest.identify_as(task, "charge", With("42"), CallKind::Checkpoint, true);
        let said = latest.decide(call, false);
        let reused = Said::Served("receipt".into());
        assert_eq!(said, if decision == DriftDecision::Rerun { Said::Run } else { reused });
    }
}

fn settle(desk: &mut Desk, call: CallId, key: &str, decision: DriftDecision) {
    let head = desk.pass.matcher.head(call).expect("of this pass").clone();
    let record = desk.seq(key);
    desk.write(vec![Body::DriftDecided(DriftDecided {
        scope: head.scope,
        name: head.name,
        inputs: head.inputs,
        occurrence: head.occurrence,
        after: head.after,
        record,
        decision,
    })]);
}

#[test]
fn what_was_decided_about_one_that_began_holds() {
    for (decision, said) in [(DriftDecision::Rerun, Said::Run), (DriftDecision::Reuse, Said::InDoubt)] {
        let mut desk = Desk::new("v1");
        let (call, _) = once_with(&mut desk, ROOT, "42");
        desk.start(call, true);
        let mut edited = desk.again();
        let (call, _) = once_with(&mut edited, ROOT, "43");
        settle(&mut edited, call, "charge", decision);
        assert_eq!(once_with(&mut edited.again(), ROOT, "43").1, said, "{decision:?}");
    }
}
