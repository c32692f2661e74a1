//! Waits: an answer belongs to its question.

use crate::desk::{Desk, Given::With, ROOT, Said};
use kitaru_core::ScopeId;
use kitaru_core::event::CallKind;
use kitaru_core::matcher::CallId;

fn wait(desk: &mut Desk, scope: ScopeId, question: &str) -> (CallId, Said) {
    let call = desk.identify_as(scope, "approve", With(question), CallKind::Wait, false);
    (call, desk.decide(call, true))
}

fn asked(question: &str) -> Desk {
    let mut desk = Desk::new("v1");
    let (call, said) = wait(&mut desk, ROOT, question);
    assert_eq!(said, Said::Run);
    assert_eq!(desk.wait(call), "approve");
    desk
}

#[test]
fn an_answer_is_served_to_its_question() {
    let mut desk = asked("Publish draft 1?");
    assert_eq!(wait(&mut desk.again(), ROOT, "Publish draft 1?").1, Said::Open);
    desk.answer("approve", "yes");
    assert_eq!(wait(&mut desk.again(), ROOT, "Publish draft 1?").1, Said::Served("yes".into()));
}

#[test]
fn an_approval_of_draft_1_never_publishes_draft_2() {
    let mut desk = asked("Publish draft 1?");
    desk.answer("approve", "yes");
    assert_eq!(wait(&mut desk.again(), ROOT, "Publish draft 2?").1, Said::Drift("approve".into()));
}

#[test]
fn an_unanswered_question_that_is_asked_otherwise_is_withdrawn() {
    let mut again = asked("Publish draft 1?").again();
    let (call, said) = wait(&mut again, ROOT, "Publish draft 2?");
    assert_eq!(said, Said::Run);
    assert_eq!(again.wait(call), "approve#2");
    assert!(!again.pass.matcher.records.is_asked("approve"));
    assert!(again.pass.matcher.records.is_asked("approve#2"));
}

#[test]
fn the_first_end_of_a_wait_is_its_end() {
    let mut desk = asked("Publish?");
    desk.close("approve", "timed_out");
    desk.answer("approve", "yes, too late");
    assert_eq!(wait(&mut desk.again(), ROOT, "Publish?").1, Said::Served("elapsed".into()));
}

#[test]
fn an_answered_wait_never_matches_elsewhere() {
    let mut desk = asked("Publish?");
    desk.answer("approve", "yes");
    let mut again = desk.edited("v2");
    let scope = again.task(ROOT, "work", "1");
    assert_eq!(wait(&mut again, scope, "Publish?").1, Said::Run);
}

#[test]
fn the_same_question_asked_twice_has_two_answers() {
    let mut desk = asked("Go on?");
    desk.answer("approve", "yes");
    let (call, said) = wait(&mut desk, ROOT, "Go on?");
    assert_eq!(said, Said::Run);
    let key = desk.wait(call);
    desk.answer(&key, "no");
    let mut again = desk.again();
    assert_eq!(wait(&mut again, ROOT, "Go on?").1, Said::Served("yes".into()));
    assert_eq!(wait(&mut again, ROOT, "Go on?").1, Said::Served("no".into()));
}
