//! Failures: served to handlers, dropped durably where they are to run again; tries survive a crash.

use crate::desk::{Desk, Given::With, ROOT, Said, error};
use kitaru_core::event::Outcome;

fn failed(rebuilds: bool) -> Desk {
    let mut desk = Desk::new("v1");
    let (call, _) = desk.ask(ROOT, "tool", With("t"));
    desk.start(call, false);
    desk.end(call, Outcome::Raised { error: error("boom", rebuilds) });
    desk
}

#[test]
fn a_handled_failure_is_raised_again_from_its_record() {
    let mut again = failed(true).again();
    assert_eq!(again.call(ROOT, "tool", With("t"), "new"), Said::Failed("boom".into()));
}

#[test]
fn a_handled_failure_that_cannot_be_rebuilt_is_asked_about_before_it_runs_again() {
    let mut again = failed(false).again();
    let (_, said) = again.ask(ROOT, "tool", With("t"));
    assert_eq!(said, Said::Volatile);
    again.drop_records(&["tool"]);
    let mut later = again.again();
    assert_eq!(later.call(ROOT, "tool", With("t"), "fine"), Said::Run);
    let mut last = later.again();
    assert_eq!(last.call(ROOT, "tool", With("t"), "new"), Said::Served("fine".into()));
}

#[test]
fn a_failure_marked_to_run_again_stays_dropped_until_a_new_outcome() {
    let mut desk = failed(true);
    desk.drop_records(&["tool"]);
    let mut again = desk.again();
    let (call, said) = again.ask(ROOT, "tool", With("t"));
    assert_eq!(said, Said::Run);
    again.start(call, false);
    again.write(Vec::new());
    // The process dies in the body.
    let mut later = again.again();
    assert_eq!(later.call(ROOT, "tool", With("t"), "fine"), Said::Run);
    let mut last = later.again();
    assert_eq!(last.call(ROOT, "tool", With("t"), "new"), Said::Served("fine".into()));
}

#[test]
fn what_ran_again_can_be_dropped_again_after_a_crash() {
    let mut again = failed(false).again();
    let (call, _) = again.ask(ROOT, "tool", With("t"));
    again.start(call, false);
    again.write(Vec::new());
    again.raises(call, "boom again");
    let mut later = again.again();
    assert_eq!(later.seq("tool"), again.seq("tool"), "both know the record by one sequence");
    later.drop_records(&["tool"]);
    assert_eq!(later.again().call(ROOT, "tool", With("t"), "fine"), Said::Run);
}

#[test]
fn tries_survive_a_crash_and_a_crash_is_no_try() {
    let mut desk = Desk::new("v1");
    let (call, _) = desk.ask(ROOT, "tool", With("t"));
    desk.start(call, false);
    let batch = desk.pass.attempt_failed(call, 1, error("429", true), 0).unwrap();
    desk.write(batch);
    for _ in 0..3 {
        desk = desk.again();
        let (call, said) = desk.ask(ROOT, "tool", With("t"));
        assert_eq!(said, Said::Run);
        let (started, _) = desk.pass.start(call, None, false, 0).unwrap().unwrap();
        assert_eq!(started.failed_attempts, 1);
        desk.write(Vec::new());
    }
}

#[test]
fn tries_are_counted_anew_when_a_failed_call_runs_again() {
    let mut desk = Desk::new("v1");
    let (call, _) = desk.ask(ROOT, "tool", With("t"));
    desk.start(call, false);
    let batch = desk.pass.attempt_failed(call, 1, error("429", true), 0).unwrap();
    desk.write(batch);
    desk.end(call, Outcome::Raised { error: error("429", false) });
    let mut again = desk.again();
    let (call, _) = again.ask(ROOT, "tool", With("t"));
    let (started, _) = again.pass.start(call, None, false, 0).unwrap().unwrap();
    assert_eq!(started.failed_attempts, 0);
    again.write(Vec::new());
    let mut later = again.again();
    let (call, _) = later.ask(ROOT, "tool", With("t"));
    assert_eq!(later.pass.start(call, None, false, 0).unwrap().unwrap().0.failed_attempts, 0, "after a crash too");
}

/// `parse` calls `llm("p")` in its body and fails; its second try begins.
fn second_try(keep: bool) -> (Desk, kitaru_core::ScopeId) {
    let mut desk = Desk::new("v1");
    let (call, _) = desk.ask(ROOT, "parse", With(""));
    let body = desk.start(call, false);
    desk.call(body, "llm", With("p"), "bad reply");
    desk.pass.restart_body(call, keep);
    let batch = desk.pass.attempt_failed(call, 1, error("bad json", true), 0).unwrap();
    desk.write(batch);
    (desk, body)
}

#[test]
fn a_body_that_failed_itself_asks_anew_after_a_crash_too() {
    let (mut desk, body) = second_try(false);
    let mut again = desk.again();
    assert_eq!(desk.call(body, "llm", With("p"), "good reply"), Said::Run);
    assert_eq!(desk.difference(), None);
    let (call, _) = again.ask(ROOT, "parse", With(""));
    let body = again.start(call, false);
    assert_eq!(again.call(body, "llm", With("p"), "good reply"), Said::Run);
}

#[test]
fn a_body_that_failed_by_a_nested_call_keeps_the_others() {
    let (mut desk, body) = second_try(true);
    assert_eq!(desk.call(body, "llm", With("p"), "new"), Said::Served("bad reply".into()));
}

#[test]
fn a_body_that_begins_again_counts_its_calls_and_tasks_from_the_start() {
    let mut desk = Desk::new("v1");
    let (call, _) = desk.ask(ROOT, "work", With(""));
    let body = desk.start(call, false);
    let run = |desk: &mut Desk| -> Vec<Said> {
        let task = desk.task(body, "part", "1");
        [(body, "a"), (body, "a"), (task, "a")]
            .into_iter()
            .map(|(scope, name)| {
                let call = desk.identify(scope, name, With("x"));
                let said = desk.decide(call, false);
                if said == Said::Run {
                    desk.run(call, "r");
                }
                said
            })
            .collect()
    };
    assert_eq!(run(&mut desk), [Said::Run, Said::Run, Said::Run]);
    desk.pass.restart_body(call, true);
    assert!(run(&mut desk).iter().all(|said| *said == Said::Served("r".into())));
}
