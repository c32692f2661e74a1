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
