//! What was consumed is counted exactly once, whenever it is written and however the try ends.

use crate::desk::{Desk, Given::With, ROOT, Said, error};
use kitaru_core::event::{Outcome, Usage};
use kitaru_core::matcher::CallId;
use kitaru_core::project::{Change, project};
use kitaru_core::records::Records;

fn tokens(n: u64) -> Usage {
    Usage { input_tokens: n, output_tokens: 0, cost_usd: 0.0 }
}

/// What the journal says: in its records, in the execution's row, and in the row of `f`.
fn counted(desk: &Desk) -> [u64; 3] {
    let mut records = Records::default();
    let (mut execution, mut call, mut has_row) = (0, 0, false);
    for event in &desk.journal {
        records.fold(event.seq, event.at, &event.body);
        for change in project(event.seq, event.at, &event.body) {
            match change {
                Change::Execution(patch) => execution += patch.usage.input_tokens,
                Change::Call(patch) => (call, has_row) = (call + patch.usage.input_tokens, true),
                Change::CallUsage(key, usage) if key == "f" && has_row => call += usage.input_tokens,
                _ => {}
            }
        }
    }
    [records.usage.input_tokens, execution, call]
}

fn running() -> (Desk, CallId) {
    let mut desk = Desk::new("v1");
    let call = desk.identify(ROOT, "f", With("a"));
    desk.decide(call, true);
    desk.start(call, false);
    (desk, call)
}

#[test]
fn with_the_end_if_nothing_was_written_before() {
    let (mut desk, call) = running();
    desk.pass.used("f", &tokens(3));
    desk.pass.used("f", &tokens(4));
    desk.returns(call, "1");
    assert_eq!(counted(&desk), [7; 3]);
    assert!(!desk.journal.iter().any(|event| event.body.kind() == "usage_reported"), "no event of its own");
}

#[test]
fn before_the_end_and_what_is_left_with_it() {
    let (mut desk, call) = running();
    desk.pass.used("f", &tokens(3));
    assert!(desk.pass.is_due(0), "it is written soon");
    desk.write(Vec::new());
    assert_eq!(counted(&desk), [3; 3], "also if the process dies here");
    assert!(!desk.pass.is_due(0));
    desk.pass.used("f", &tokens(4));
    desk.returns(call, "1");
    assert_eq!(counted(&desk), [7; 3]);
}

#[test]
fn of_each_try() {
    let (mut desk, call) = running();
    desk.pass.used("f", &tokens(1));
    desk.write(Vec::new());
    desk.pass.used("f", &tokens(2));
    let batch = desk.pass.attempt_failed(call, 1, error("429", true), 0).unwrap();
    desk.write(batch);
    desk.pass.restart_body(call, false);
    desk.pass.used("f", &tokens(4));
    desk.write(Vec::new());
    let mut again = desk.again();
    let (call, said) = again.ask(ROOT, "f", With("a"));
    assert_eq!(said, Said::Run);
    again.start(call, false);
    again.pass.used("f", &tokens(8));
    again.raises(call, "broken");
    assert_eq!(counted(&again), [15; 3]);
}

#[test]
fn once_for_a_call_that_ends_twice() {
    let (mut desk, call) = running();
    desk.pass.used("f", &tokens(1));
    desk.returns(call, "1");
    desk.end(call, Outcome::Cancelled);
    assert_eq!(counted(&desk), [1; 3]);
}

#[test]
fn though_the_first_commit_failed() {
    let (mut desk, call) = running();
    desk.pass.used("f", &tokens(1));
    let (lost, starts) = desk.pass.riding();
    desk.pass.put_back(lost);
    desk.pass.landed(&starts);
    desk.pass.used("f", &tokens(2));
    desk.returns(call, "1");
    assert_eq!(counted(&desk), [3; 3]);
}

#[test]
fn after_the_call_ended_or_the_flow_began_again_too() {
    let (mut desk, call) = running();
    desk.end(call, Outcome::Raised { error: error("took too long", true) });
    desk.pass.used("f", &tokens(1));
    desk.pass.begin();
    desk.pass.used("f", &tokens(2));
    desk.write(vec![]);
    assert_eq!(counted(&desk), [3; 3]);
}
