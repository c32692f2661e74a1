//! The journal is the truth: what a process knows of its records is what another reads back; keys are unique.

use crate::desk::{Desk, Given::With, ROOT, Said};
use kitaru_core::Body;

#[test]
fn a_key_is_never_given_twice_though_lower_numbers_were_lost_in_a_crash() {
    // Three tasks are opened; only the third writes anything before the crash.
    let mut desk = Desk::new("v1");
    let scopes: Vec<_> = ["1", "2", "3"].iter().map(|i| desk.task(ROOT, "branch", i)).collect();
    desk.call(scopes[2], "ask", With("q"), "third");
    assert_eq!(desk.key(kitaru_core::matcher::CallId(0)), "branch.3/ask");
    let mut again = desk.again();
    let scopes: Vec<_> = ["1", "2", "3"].iter().map(|i| again.task(ROOT, "branch", i)).collect();
    for scope in scopes {
        let call = again.identify(scope, "ask", With("q"));
        if again.decide(call, false) == Said::Run {
            again.run(call, "new");
        }
    }
    assert_eq!(again.difference(), None);
}

#[test]
fn a_name_that_looks_like_a_numbered_one_does_not_share_its_key() {
    let mut desk = Desk::new("v1");
    desk.call(ROOT, "f#2", With("a"), "1");
    desk.call(ROOT, "f", With("a"), "2");
    desk.call(ROOT, "f", With("b"), "3");
    assert_eq!(desk.difference(), None);
}

#[test]
fn a_start_is_left_out_when_the_call_ends_before_anything_else_is_written() {
    let mut desk = Desk::new("v1");
    desk.call(ROOT, "f", With("a"), "1");
    let kinds: Vec<_> = desk.journal.iter().map(|event| event.body.kind()).collect();
    assert_eq!(kinds, ["created", "taken", "call_ended"]);
}

#[test]
fn a_scope_is_announced_once_and_before_its_first_record() {
    let mut desk = Desk::new("v1");
    let outer = desk.task(ROOT, "outer", "");
    let inner = desk.task(outer, "inner", "");
    desk.call(inner, "f", With("a"), "1");
    desk.call(outer, "g", With("a"), "1");
    let kinds: Vec<_> = desk.journal[2..].iter().map(|event| event.body.kind()).collect();
    assert_eq!(kinds, ["scope_opened", "scope_opened", "call_ended", "call_ended"]);
}

#[test]
fn what_could_not_be_written_rides_along_again() {
    let mut desk = Desk::new("v1");
    let scope = desk.task(ROOT, "work", "1");
    let call = desk.identify(scope, "f", With("a"));
    desk.decide(call, true);
    desk.start(call, false);
    let (lost, starts) = desk.pass.riding();
    assert_eq!((lost.len(), starts.len()), (2, 1));
    assert!(desk.pass.is_on_its_way(call));
    desk.pass.put_back(lost);
    desk.pass.landed(&starts);
    assert!(!desk.pass.is_on_its_way(call));
    desk.returns(call, "1");
    let kinds: Vec<_> = desk.journal[2..].iter().map(|event| event.body.kind()).collect();
    assert_eq!(kinds, ["scope_opened", "call_started", "call_ended"]);
    let mut again = desk.again();
    let scope = again.task(ROOT, "work", "1");
    assert_eq!(again.call(scope, "f", With("a"), "new"), Said::Served("1".into()));
}

#[test]
fn a_changed_checkpoint_is_reused_and_that_is_said_until_it_runs_anew() {
    use kitaru_core::event::CallKind;
    use kitaru_core::matcher::Ask;
    let ask = |code: &'static str| -> Ask<'static> {
        let inputs = With("a").inputs();
        let kind = CallKind::Checkpoint;
        Ask { scope: ROOT, name: "f", inputs, kind, named: false, once: false, code: Some(code) }
    };
    let said_so = |desk: &mut Desk| {
        desk.write(Vec::new());
        desk.journal.iter().filter(|event| matches!(event.body, Body::Noted(_))).count()
    };
    let mut desk = Desk::new("v1");
    let call = desk.pass.identify(&ask("src:1"));
    desk.decide(call, true);
    desk.run(call, "1");
    let mut again = desk.again();
    let call = again.pass.identify(&ask("src:2"));
    assert_eq!(again.decide(call, true), Said::Served("1".into()));
    assert_eq!(said_so(&mut again), 1);
    again.drop_records(&["f"]);
    let mut third = again.again();
    let call = third.pass.identify(&ask("src:2"));
    assert_eq!(third.decide(call, true), Said::Run);
    third.run(call, "2");
    let mut fourth = third.again();
    let call = fourth.pass.identify(&ask("src:2"));
    assert_eq!(fourth.decide(call, true), Said::Served("2".into()));
    assert_eq!(said_so(&mut fourth), 1, "nothing new to say");
}
