//! Rule 2: "where" is the flow, checkpoint, child flow or task that makes the call.

use crate::desk::{Desk, Given::Nothing, Given::With, ROOT, Said};
use kitaru_core::event::DriftDecision;

/// `draft()` calls `llm("p")` inside; then the flow calls `llm("p")` itself.
fn second_opinion(desk: &mut Desk) -> Vec<Said> {
    let mut said = Vec::new();
    let (call, draft) = desk.ask(ROOT, "draft", Nothing);
    said.push(draft.clone());
    if draft == Said::Run {
        let body = desk.start(call, false);
        said.push(desk.call(body, "llm", With("p"), "inside"));
        desk.returns(call, "draft");
    }
    said.push(desk.call(ROOT, "llm", With("p"), "second"));
    said
}

#[test]
fn a_second_opinion_is_a_second_call() {
    let mut desk = Desk::new("v1");
    assert_eq!(second_opinion(&mut desk), [Said::Run, Said::Run, Said::Run]);
    let mut again = desk.again();
    assert_eq!(second_opinion(&mut again), [Said::Served("draft".into()), Said::Served("second".into())]);
}

#[test]
fn after_a_crash_at_any_event_a_second_opinion_is_never_the_first() {
    let mut desk = Desk::new("v1");
    second_opinion(&mut desk);
    for mut again in desk.crashes() {
        let said = second_opinion(&mut again);
        let last = said.last().unwrap();
        assert!(*last == Said::Run || *last == Said::Served("second".into()), "{said:?}");
        if let Some(inside) = said.get(1).filter(|_| said.len() == 3) {
            assert!(*inside == Said::Run || *inside == Said::Served("inside".into()), "{said:?}");
        }
        assert_eq!(again.difference(), None);
    }
}

#[test]
fn what_a_call_recorded_in_its_body_is_kept_over_a_crash() {
    let mut desk = Desk::new("v1");
    let (call, _) = desk.ask(ROOT, "draft", With("x"));
    let body = desk.start(call, false);
    desk.call(body, "llm", With("p"), "inside");
    let mut again = desk.again();
    let (call, said) = again.ask(ROOT, "draft", With("x"));
    assert_eq!(said, Said::Run);
    let body = again.start(call, false);
    assert_eq!(again.call(body, "llm", With("p"), "new"), Said::Served("inside".into()));
    assert_eq!(again.key(call), "draft");
}

#[test]
fn a_call_whose_record_another_was_served_keeps_what_its_own_body_recorded() {
    let mut desk = Desk::new("v1");
    let (call, _) = desk.ask(ROOT, "draft", With("x"));
    let body = desk.start(call, false);
    desk.call(body, "llm", With("p"), "first");
    desk.returns(call, "draft x");
    // draft(y) is served draft(x)'s record; then draft(x) is called after all, and dies half-way.
    let mut again = desk.again();
    let (call, said) = again.ask(ROOT, "draft", With("y"));
    assert_eq!(said, Said::Drift("draft".into()));
    again.settle(call, "draft", DriftDecision::Reuse);
    let mut third = again.again();
    assert_eq!(third.call(ROOT, "draft", With("y"), "new"), Said::Served("draft x".into()));
    let (call, said) = third.ask(ROOT, "draft", With("x"));
    assert_eq!(said, Said::Run);
    let body = third.start(call, false);
    assert_eq!(third.call(body, "llm", With("p"), "second"), Said::Run);
    let mut fourth = third.again();
    fourth.call(ROOT, "draft", With("y"), "new");
    let (call, _) = fourth.ask(ROOT, "draft", With("x"));
    let body = fourth.start(call, false);
    assert_eq!(fourth.call(body, "llm", With("p"), "new"), Said::Served("second".into()));
    assert_eq!(fourth.difference(), None);
}
