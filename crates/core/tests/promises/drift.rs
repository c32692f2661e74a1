//! Rule 4: same name, other inputs: Kitaru asks before it spends, unless other tasks are running; then it runs.

use crate::desk::{Desk, Given::With, ROOT, Said};
use kitaru_core::Body;
use kitaru_core::event::{CallKind, DriftDecision, Suspended};
use kitaru_core::matcher::Ask;

fn summarised(files: &[&str]) -> Desk {
    let mut desk = Desk::new("v1");
    for file in files {
        desk.call(ROOT, "summarise", With(file), &format!("of {file}"));
    }
    desk
}

#[test]
fn a_new_file_that_sorts_first_is_asked_about_and_the_others_are_found() {
    let mut again = summarised(&["b", "c"]).again();
    let (call, said) = again.ask(ROOT, "summarise", With("a"));
    assert_eq!(said, Said::Drift("summarise".into()));
    again.pass.rerun(call);
    again.run(call, "of a");
    assert_eq!(again.call(ROOT, "summarise", With("b"), "new"), Said::Served("of b".into()));
    assert_eq!(again.call(ROOT, "summarise", With("c"), "new"), Said::Served("of c".into()));
}

#[test]
fn with_other_tasks_alive_a_drifted_call_runs() {
    let mut again = summarised(&["b", "c"]).again();
    let call = again.identify(ROOT, "summarise", With("a"));
    assert_eq!(again.decide(call, false), Said::Run);
}

#[test]
fn reuse_holds_for_that_call_alone() {
    let mut again = summarised(&["b", "c"]).again();
    let (call, said) = again.ask(ROOT, "summarise", With("B"));
    assert_eq!(said, Said::Drift("summarise".into()));
    again.settle(call, "summarise", DriftDecision::Reuse);
    let mut later = again.again();
    assert_eq!(later.call(ROOT, "summarise", With("B"), "new"), Said::Served("of b".into()));
    assert_eq!(later.ask(ROOT, "summarise", With("C")).1, Said::Drift("summarise#2".into()));
}

#[test]
fn rerun_holds_for_the_rest_of_its_scope_after_a_crash_too() {
    let mut again = summarised(&["b", "c", "d"]).again();
    let (call, _) = again.ask(ROOT, "summarise", With("B"));
    again.settle(call, "summarise", DriftDecision::Rerun);
    let mut later = again.again();
    assert_eq!(later.call(ROOT, "summarise", With("B"), "of B"), Said::Run);
    let mut after_crash = later.again();
    assert_eq!(after_crash.call(ROOT, "summarise", With("B"), "new"), Said::Served("of B".into()));
    assert_eq!(after_crash.call(ROOT, "summarise", With("C"), "of C"), Said::Run, "not asked again");
}

/// An execution in which `B` in place of `b` was decided to run, and did.
fn rerun() -> Desk {
    let mut again = summarised(&["b", "c", "d"]).edited("v2");
    let (call, said) = again.ask(ROOT, "summarise", With("B"));
    assert_eq!(said, Said::Drift("summarise".into()));
    again.settle(call, "summarise", DriftDecision::Rerun);
    let mut later = again.again();
    assert_eq!(later.call(ROOT, "summarise", With("B"), "of B"), Said::Run);
    later
}

#[test]
fn rerun_does_not_hold_for_a_later_edit() {
    let mut edited = rerun().edited("v3");
    assert_eq!(edited.call(ROOT, "summarise", With("B"), "new"), Said::Served("of B".into()));
    assert!(matches!(edited.ask(ROOT, "summarise", With("C")).1, Said::Drift(_)));
}

#[test]
fn rerun_does_not_hold_for_what_was_recorded_after_it() {
    let mut desk = rerun();
    assert_eq!(desk.call(ROOT, "summarise", With("C"), "of C"), Said::Run);
    let mut later = desk.again();
    assert_eq!(later.call(ROOT, "summarise", With("B"), "new"), Said::Served("of B".into()));
    let (_, said) = later.ask(ROOT, "summarise", With("C, but otherwise"));
    assert_eq!(said, Said::Drift(desk.key(kitaru_core::matcher::CallId(1))));
}

#[test]
fn rerun_does_not_hold_for_what_was_used_after_it() {
    let mut desk = rerun();
    assert_eq!(desk.call(ROOT, "summarise", With("c"), "new"), Said::Served("of c".into()));
    let reused = desk.pass.matcher.reused();
    let (waits, wake_at, sleeping) = (vec!["go".into()], None, false);
    desk.write(vec![Body::Suspended(Suspended { waits, wake_at, sleeping, awaits: Vec::new(), reused })]);
    let mut later = desk.again();
    later.call(ROOT, "summarise", With("B"), "new");
    assert_eq!(later.ask(ROOT, "summarise", With("C")).1, Said::Drift("summarise#2".into()));
}

#[test]
fn a_call_that_was_decided_to_run_is_not_asked_about_again_after_an_edit() {
    let mut again = summarised(&["b", "c"]).edited("v2");
    let (call, _) = again.ask(ROOT, "summarise", With("B"));
    again.settle(call, "summarise", DriftDecision::Rerun);
    // The process that was to run it died at once.
    let mut edited = again.again().edited("v3");
    assert_eq!(edited.call(ROOT, "summarise", With("B"), "of B"), Said::Run);
    assert!(matches!(edited.ask(ROOT, "summarise", With("C")).1, Said::Drift(_)));
}

#[test]
fn rerun_holds_for_the_pass_that_it_was_given_for_though_the_code_was_edited_or_cannot_be_told() {
    for code in [Some("v2"), None] {
        let mut again = summarised(&["b", "c"]).again();
        let (call, _) = again.ask(ROOT, "summarise", With("B"));
        again.settle(call, "summarise", DriftDecision::Rerun);
        let mut later = Desk::over(again.journal.clone(), code);
        assert_eq!(later.call(ROOT, "summarise", With("B"), "of B"), Said::Run);
        assert_eq!(later.ask(ROOT, "summarise", With("C")).1, Said::Run, "not asked again");
    }
}

#[test]
fn to_ask_a_question_again_decides_nothing_about_calls_that_cost() {
    let ask = |desk: &mut Desk, question: &str| {
        let call = desk.identify_as(ROOT, "approve", With(question), CallKind::Wait, false);
        (call, desk.decide(call, true))
    };
    let mut desk = Desk::new("v1");
    let (call, _) = ask(&mut desk, "draft 1?");
    desk.wait(call);
    desk.answer("approve", "yes");
    desk.call(ROOT, "publish", With("draft 1"), "url");
    let mut again = desk.again();
    let (call, said) = ask(&mut again, "draft 2?");
    assert_eq!(said, Said::Drift("approve".into()));
    again.settle(call, "approve", DriftDecision::Rerun);
    let mut later = again.again();
    let (call, said) = ask(&mut later, "draft 2?");
    assert_eq!(said, Said::Run);
    let key = later.wait(call);
    later.answer(&key, "yes");
    assert_eq!(later.ask(ROOT, "publish", With("draft 2")).1, Said::Drift("publish".into()));
}

#[test]
fn a_record_that_another_call_was_served_is_never_overwritten_by_its_own() {
    let mut again = summarised(&["b"]).again();
    let (call, _) = again.ask(ROOT, "summarise", With("a"));
    again.settle(call, "summarise", DriftDecision::Reuse);
    for _ in 0..2 {
        again = again.again();
        assert_eq!(again.call(ROOT, "summarise", With("a"), "new"), Said::Served("of b".into()));
        let own = again.call(ROOT, "summarise", With("b"), "of b, again");
        assert!(own == Said::Run || own == Said::Served("of b, again".into()), "{own:?}");
    }
    assert_eq!(again.difference(), None);
}

#[test]
fn a_call_inserted_before_a_changed_one_does_not_hide_the_change() {
    let mut again = summarised(&["b"]).edited("v2");
    assert_eq!(again.call(ROOT, "list", With("d"), "b"), Said::Run);
    assert_eq!(again.ask(ROOT, "summarise", With("B")).1, Said::Drift("summarise".into()));
    let mut later = again.again();
    assert_eq!(later.call(ROOT, "list", With("d"), "b"), Said::Served("b".into()));
    assert_eq!(later.ask(ROOT, "summarise", With("B")).1, Said::Drift("summarise".into()), "after a crash too");
}

#[test]
fn a_call_that_moved_elsewhere_is_asked_about() {
    let mut desk = Desk::new("v1");
    let scope = desk.task(ROOT, "work", "1");
    desk.call(scope, "fetch", With("u"), "page");
    let mut again = desk.edited("v2");
    let (call, said) = again.ask(ROOT, "fetch", With("u"));
    assert_eq!(said, Said::Moved("work/fetch".into()));
    again.settle(call, "work/fetch", DriftDecision::Reuse);
    let mut later = again.again();
    assert_eq!(later.call(ROOT, "fetch", With("u"), "new"), Said::Served("page".into()));
    let scope = later.task(ROOT, "work", "1");
    assert_eq!(later.call(scope, "fetch", With("u"), "new"), Said::Run, "its record is another call's now");
}

#[test]
fn what_its_own_place_still_asks_for_is_not_offered_twice() {
    let mut desk = Desk::new("v1");
    let scope = desk.task(ROOT, "work", "1");
    desk.call(scope, "fetch", With("u"), "page");
    let mut again = desk.again();
    let scope = again.task(ROOT, "work", "1");
    again.call(scope, "fetch", With("u"), "new");
    assert_eq!(again.call(ROOT, "fetch", With("u"), "second"), Said::Run);
}

#[test]
fn calls_that_were_named_outright_do_not_drift() {
    let named = |name: &str| -> Ask<'static> {
        let inputs = With(&format!("id:{name}")).inputs();
        Ask { scope: ROOT, name: "f", inputs, kind: CallKind::Checkpoint, named: true, once: false, code: None }
    };
    let mut desk = Desk::new("v1");
    let call = desk.pass.identify(&named("one"));
    desk.decide(call, true);
    desk.run(call, "1");
    let mut again = desk.again();
    let call = again.pass.identify(&named("two"));
    assert_eq!(again.decide(call, true), Said::Run);
}
