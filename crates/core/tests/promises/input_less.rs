//! Calls without inputs, or with an argument that no codec takes: they match only in order in their own scope,
//! after an edit only if the same call precedes them.

use crate::desk::{Desk, Given, Given::Nothing, Given::Opaque, Given::With, ROOT, Said};
use kitaru_core::event::DriftDecision;

fn recorded(calls: &[(&str, Given<'_>, &str)]) -> Desk {
    let mut desk = Desk::new("v1");
    for (name, given, result) in calls {
        assert_eq!(desk.call(ROOT, name, *given, result), Said::Run);
    }
    desk
}

#[test]
fn they_are_served_in_order() {
    let desk = recorded(&[("balance", Nothing, "100"), ("pay", With("5"), "ok"), ("balance", Nothing, "95")]);
    let mut again = desk.again();
    assert_eq!(again.call(ROOT, "balance", Nothing, "new"), Said::Served("100".into()));
    assert_eq!(again.call(ROOT, "pay", With("5"), "new"), Said::Served("ok".into()));
    assert_eq!(again.call(ROOT, "balance", Nothing, "new"), Said::Served("95".into()));
}

#[test]
fn after_an_edit_one_with_another_call_before_it_is_asked_about() {
    let mut again = recorded(&[("pay", With("5"), "ok"), ("balance", Nothing, "95")]).edited("v2");
    again.call(ROOT, "pay", With("5"), "new");
    assert_eq!(again.call(ROOT, "refund", With("1"), "ok"), Said::Run);
    let (call, said) = again.ask(ROOT, "balance", Nothing);
    assert_eq!(said, Said::Drift("balance".into()));
    again.settle(call, "balance", DriftDecision::Reuse);
    let mut later = again.again();
    later.call(ROOT, "pay", With("5"), "new");
    later.call(ROOT, "refund", With("1"), "new");
    assert_eq!(later.call(ROOT, "balance", Nothing, "new"), Said::Served("95".into()), "the decision is found again");
}

#[test]
fn a_decision_about_one_is_not_another_ones_with_another_call_before_it() {
    let desk =
        recorded(&[("a", With("1"), "a"), ("ping", Nothing, "p1"), ("b", With("1"), "b"), ("ping", Nothing, "p2")]);
    let mut again = desk.edited("v2");
    again.call(ROOT, "a", With("1"), "new");
    again.call(ROOT, "ping", Nothing, "new");
    again.call(ROOT, "b", With("1"), "new");
    again.call(ROOT, "c", With("1"), "c");
    let (call, said) = again.ask(ROOT, "ping", Nothing);
    assert_eq!(said, Said::Drift("ping#2".into()));
    again.settle(call, "ping#2", DriftDecision::Reuse);
    // Edited once more: a ping stands first now.
    let mut later = again.edited("v3");
    assert!(matches!(later.ask(ROOT, "ping", Nothing).1, Said::Drift(_)));
}

#[test]
fn opaque_calls_whose_lines_were_swapped_never_get_each_others_results() {
    let desk = recorded(&[("ask", Opaque, "gpt"), ("ask", Opaque, "claude")]);
    let mut same = desk.again();
    assert_eq!(same.call(ROOT, "ask", Opaque, "new"), Said::Served("gpt".into()));
    assert_eq!(same.call(ROOT, "ask", Opaque, "new"), Said::Served("claude".into()));
    let mut swapped = desk.edited("v2");
    assert_eq!(swapped.ask(ROOT, "ask", Opaque).1, Said::Drift("ask".into()));
}

#[test]
fn where_the_code_cannot_be_told_opaque_calls_are_asked_about() {
    let mut desk = Desk::over(Vec::new(), None);
    desk.call(ROOT, "ask", Opaque, "gpt");
    let mut again = desk.again();
    assert_eq!(again.ask(ROOT, "ask", Opaque).1, Said::Drift("ask".into()));
}

#[test]
fn swapped_calls_without_inputs_are_not_run_again_unasked() {
    let mut again = recorded(&[("draft", Nothing, "d"), ("review", Nothing, "r")]).edited("v2");
    let (call, said) = again.ask(ROOT, "review", Nothing);
    assert_eq!(said, Said::Drift("review".into()));
    again.pass.reuse(call, 1, true);
    assert_eq!(again.ask(ROOT, "draft", Nothing).1, Said::Drift("draft".into()));
}

#[test]
fn they_never_match_elsewhere() {
    let mut desk = Desk::new("v1");
    let scope = desk.task(ROOT, "work", "1");
    desk.call(scope, "balance", Nothing, "100");
    let mut again = desk.edited("v2");
    assert_eq!(again.ask(ROOT, "balance", Nothing).1, Said::Run);
}

#[test]
fn a_call_that_a_crash_cut_off_belongs_to_the_code_that_it_ended_under() {
    let mut desk = Desk::new("v1");
    let call = desk.identify(ROOT, "ask", Opaque);
    desk.decide(call, true);
    desk.start(call, false);
    desk.write(Vec::new());
    let mut edited = desk.edited("v2");
    assert_eq!(edited.call(ROOT, "ask", Opaque, "answer"), Said::Run);
    assert_eq!(edited.again().call(ROOT, "ask", Opaque, "new"), Said::Served("answer".into()));
}
