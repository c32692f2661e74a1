//! Calls that the flow cancelled: parked until they are cancelled again.

use crate::desk::{Desk, Given::With, ROOT, Said};
use kitaru_core::event::Outcome;

/// `ask("x")` wins, `ask("y")` is cancelled.
fn raced() -> Desk {
    let mut desk = Desk::new("v1");
    let (x, y) = (desk.identify(ROOT, "ask", With("x")), desk.identify(ROOT, "ask", With("y")));
    for call in [x, y] {
        desk.decide(call, false);
        desk.start(call, false);
    }
    desk.returns(x, "x");
    desk.end(y, Outcome::Cancelled);
    desk
}

#[test]
fn the_loser_of_a_race_is_parked_and_not_run_again() {
    let mut again = raced().again();
    let (x, y) = (again.identify(ROOT, "ask", With("x")), again.identify(ROOT, "ask", With("y")));
    assert_eq!(again.decide(x, false), Said::Served("x".into()));
    assert_eq!(again.decide(y, false), Said::Parked);
}

#[test]
fn when_a_call_recorded_before_runs_anew_the_loser_may_run() {
    let mut desk = raced();
    desk.drop_records(&["ask"]);
    let mut again = desk.again();
    let (x, y) = (again.identify(ROOT, "ask", With("x")), again.identify(ROOT, "ask", With("y")));
    assert_eq!(again.decide(x, false), Said::Run);
    again.run(x, "x anew");
    assert_eq!(again.decide(y, false), Said::Run);
    let mut later = again.again();
    let (_, y) = (later.identify(ROOT, "ask", With("x")), later.identify(ROOT, "ask", With("y")));
    assert_eq!(later.decide(y, false), Said::Run, "durably");
}

#[test]
fn a_call_that_had_no_outcome_when_it_was_cancelled_leaves_the_loser_parked() {
    let mut desk = Desk::new("v1");
    let slow = desk.identify(ROOT, "slow", With(""));
    desk.decide(slow, false);
    desk.start(slow, false);
    let (x, y) = (desk.identify(ROOT, "ask", With("x")), desk.identify(ROOT, "ask", With("y")));
    for call in [x, y] {
        desk.decide(call, false);
        desk.start(call, false);
    }
    desk.returns(x, "x");
    desk.end(y, Outcome::Cancelled);
    let mut again = desk.again();
    let slow = again.identify(ROOT, "slow", With(""));
    assert_eq!(again.decide(slow, false), Said::Run);
    again.start(slow, false);
    let y = again.identify(ROOT, "ask", With("y"));
    assert_eq!(again.decide(y, false), Said::Parked);
}

#[test]
fn a_parked_call_that_runs_after_all_is_a_new_record() {
    let mut again = raced().again();
    let y = again.identify(ROOT, "ask", With("y"));
    assert_eq!(again.decide(y, false), Said::Parked);
    again.run(y, "y after all");
    assert_eq!(again.difference(), None);
    let mut later = again.again();
    assert_eq!(later.call(ROOT, "ask", With("y"), "new"), Said::Served("y after all".into()));
}
