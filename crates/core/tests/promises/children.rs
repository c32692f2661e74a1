//! Children that began: what they have done was paid for, and they may go on.

use crate::desk::{Desk, Given::With, ROOT, Said};
use kitaru_core::event::{CallKind, DriftDecision};
use kitaru_core::matcher::CallId;

fn child(desk: &mut Desk, inputs: &str) -> (CallId, Said) {
    let call = desk.identify_as(ROOT, "research", With(inputs), CallKind::Child, false);
    (call, desk.decide(call, true))
}

/// That it begins is on record before it is there.
fn begin(desk: &mut Desk, call: CallId) {
    let (_, intent) = desk.pass.start(call, None, false, desk.now).unwrap().unwrap();
    desk.write(intent);
}

/// One that began and has not ended.
fn left() -> Desk {
    let mut desk = Desk::new("v1");
    let (call, said) = child(&mut desk, "bees");
    assert_eq!(said, Said::Run);
    begin(&mut desk, call);
    desk
}

#[test]
fn one_that_has_not_ended_is_asked_about_before_another_begins() {
    assert_eq!(child(&mut left().again(), "bees").1, Said::Run, "it goes on");
    assert_eq!(child(&mut left().again(), "wasps").1, Said::Began("research".into()));
    let mut both = left().again();
    let call = both.identify_as(ROOT, "research", With("bees"), CallKind::Child, false);
    assert_eq!(child(&mut both, "wasps").1, Said::Run, "the first one's own call is there");
    assert_eq!(both.decide(call, false), Said::Run);
    let mut other = left().again();
    let call = other.identify_as(ROOT, "write", With("wasps"), CallKind::Child, false);
    assert_eq!(other.decide(call, true), Said::Run, "it is another flow");
}

#[test]
fn one_that_goes_on_keeps_its_identity() {
    let mut edited = left().again();
    let (call, _) = child(&mut edited, "wasps");
    edited.settle(call, "research", DriftDecision::Reuse);
    let mut later = edited.again();
    let (call, said) = child(&mut later, "wasps");
    assert_eq!((said, later.key(call).as_str()), (Said::Run, "research"));
    let began = left();
    let record = &began.pass.matcher.records.all[0];
    assert_eq!(later.pass.matcher.child_scope(call), Some(record.child_scope()));
    begin(&mut later, call);
    later.returns(call, "honey");
    let mut last = later.again();
    assert_eq!(child(&mut last, "wasps").1, Said::Served("honey".into()));
    assert_eq!(last.pass.matcher.records.all.len(), 1, "it is one call");
}

#[test]
fn another_begins_when_somebody_says_so() {
    let mut edited = left().again();
    let (call, _) = child(&mut edited, "wasps");
    edited.settle(call, "research", DriftDecision::Rerun);
    let mut later = edited.again();
    let (call, said) = child(&mut later, "wasps");
    assert_eq!(said, Said::Run);
    begin(&mut later, call);
    let mut last = later.again();
    assert_eq!(child(&mut last, "wasps").1, Said::Run, "it goes on itself");
    assert_eq!(child(&mut last, "hornets").1, Said::Run, "what was decided is not asked again");
}

#[test]
fn one_that_began_after_that_was_said_is_asked_about() {
    let mut edited = left().again();
    let (call, _) = child(&mut edited, "wasps");
    edited.settle(call, "research", DriftDecision::Rerun);
    let mut later = edited.again();
    let (call, _) = child(&mut later, "wasps");
    begin(&mut later, call);
    later.returns(call, "wax");
    let (call, _) = child(&mut later, "ants");
    begin(&mut later, call);
    let mut last = later.again();
    assert_eq!(child(&mut last, "wasps").1, Said::Served("wax".into()));
    assert_eq!(child(&mut last, "flies").1, Said::Began("research#3".into()));
}

#[test]
fn one_that_is_decided_about_hides_no_other() {
    let mut desk = left();
    let (call, _) = child(&mut desk, "ants");
    begin(&mut desk, call);
    let mut edited = desk.again();
    let (call, said) = child(&mut edited, "wasps");
    assert_eq!(said, Said::Began("research".into()));
    assert_eq!(edited.pass.matcher.children_left(call, true).len(), 2);
    edited.settle(call, "research", DriftDecision::Rerun);
    assert_eq!(child(&mut edited.again(), "wasps").1, Said::Began("research#2".into()));
}

#[test]
fn one_that_stands_where_the_flow_comes_no_more_is_asked_about() {
    let mut desk = Desk::new("v1");
    let (step, _) = desk.ask(ROOT, "step", With("bees"));
    let body = desk.start(step, false);
    let call = desk.identify_as(body, "research", With("bees"), CallKind::Child, false);
    assert_eq!(desk.decide(call, true), Said::Run);
    begin(&mut desk, call);
    let mut edited = desk.again();
    let (step, _) = edited.ask(ROOT, "step", With("wasps"));
    let body = edited.start(step, false);
    let call = edited.identify_as(body, "research", With("wasps"), CallKind::Child, false);
    assert_eq!(edited.decide(call, true), Said::Began("step/research".into()));
    let mut again = desk.again();
    let (step, _) = again.ask(ROOT, "step", With("bees"));
    let body = again.start(step, false);
    let call = again.identify_as(body, "research", With("bees"), CallKind::Child, false);
    assert_eq!(again.decide(call, true), Said::Run);
    let task = again.task(ROOT, "work", "ants");
    let call = again.identify_as(task, "research", With("ants"), CallKind::Child, false);
    assert_eq!(again.decide(call, false), Said::Run, "it is another call's");
}

#[test]
fn so_is_one_of_a_task_that_is_gone_whoever_else_is_alive() {
    let mut desk = Desk::new("v1");
    let task = desk.task(ROOT, "one", "bees");
    let call = desk.identify_as(task, "research", With("bees"), CallKind::Child, false);
    assert_eq!(desk.decide(call, false), Said::Run);
    begin(&mut desk, call);
    let mut edited = desk.again();
    let task = edited.task(ROOT, "one", "wasps");
    let call = edited.identify_as(task, "research", With("wasps"), CallKind::Child, false);
    assert_eq!(edited.decide(call, false), Said::Began("one/research".into()));
}
