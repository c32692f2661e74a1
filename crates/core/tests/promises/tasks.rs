//! Tasks: a scope each, known by function, arguments and number; and rule 5, calls that nothing tells apart.

use crate::desk::{Desk, Given::Nothing, Given::With, ROOT, Said};
use kitaru_core::ScopeId;

/// `before = balance(); pay(i); after = balance()` in tasks `one(0..n)`, interleaved one call at a time.
fn interleaved(desk: &mut Desk, order: &[usize]) -> Vec<Vec<Said>> {
    let scopes: Vec<ScopeId> = (0..3).map(|i| desk.task(ROOT, "one", &i.to_string())).collect();
    let mut said = vec![Vec::new(); 3];
    for task in order {
        let (scope, step) = (scopes[*task], said[*task].len());
        let call = if step == 1 {
            desk.identify(scope, "pay", With(&task.to_string()))
        } else {
            desk.identify(scope, "balance", Nothing)
        };
        let verdict = desk.decide(call, false);
        if verdict == Said::Run {
            desk.run(call, &format!("{task}.{step}"));
        }
        said[*task].push(verdict);
    }
    said
}

#[test]
fn after_is_never_another_tasks_before() {
    let mut desk = Desk::new("v1");
    interleaved(&mut desk, &[0, 1, 2, 1, 0, 2, 2, 0, 1]);
    for mut again in desk.crashes() {
        for (task, said) in interleaved(&mut again, &[2, 2, 1, 0, 1, 2, 0, 0, 1]).into_iter().enumerate() {
            for (step, one) in said.into_iter().enumerate() {
                assert!(one == Said::Run || one == Said::Served(format!("{task}.{step}")), "{task}.{step}: {one:?}");
            }
        }
    }
}

#[test]
fn two_tasks_in_one_context_are_two_scopes() {
    let mut desk = Desk::new("v1");
    let (f, g) = (desk.task(ROOT, "f", ""), desk.task(ROOT, "g", ""));
    desk.call(f, "fetch", With("u"), "f's");
    desk.call(g, "fetch", With("u"), "g's");
    let mut again = desk.again();
    let (g, f) = (again.task(ROOT, "g", ""), again.task(ROOT, "f", ""));
    assert_eq!(again.call(g, "fetch", With("u"), "new"), Said::Served("g's".into()));
    assert_eq!(again.call(f, "fetch", With("u"), "new"), Said::Served("f's".into()));
}

#[test]
fn a_clock_in_a_tasks_arguments_does_not_lose_its_calls_with_inputs() {
    let mut desk = Desk::new("v1");
    for i in 0..3 {
        let scope = desk.task(ROOT, "branch", &format!("12:00 {i}"));
        let call = desk.identify(scope, "fetch", With(&i.to_string()));
        desk.decide(call, false);
        desk.run(call, &format!("page {i}"));
    }
    for clock in ["12:05", "12:10"] {
        desk = desk.again();
        let scopes: Vec<_> = (0..3).map(|i| desk.task(ROOT, "branch", &format!("{clock} {i}"))).collect();
        for i in [2, 0, 1] {
            let call = desk.identify(scopes[i], "fetch", With(&i.to_string()));
            assert_eq!(desk.decide(call, false), Said::Served(format!("page {i}")), "at {clock}");
            let call = desk.identify(scopes[i], "store", With(&format!("{clock} {i}")));
            assert_eq!(desk.decide(call, false), Said::Run);
            desk.run(call, "stored");
        }
    }
    assert_eq!(desk.difference(), None);
}

#[test]
fn where_a_scope_only_stands_for_a_recorded_one_input_less_calls_never_match() {
    let mut desk = Desk::new("v1");
    let scope = desk.task(ROOT, "branch", "12:00");
    desk.call(scope, "fetch", With("u"), "page");
    desk.call(scope, "balance", Nothing, "100");
    let mut again = desk.again();
    let scope = again.task(ROOT, "branch", "12:05");
    assert_eq!(again.call(scope, "fetch", With("u"), "new"), Said::Served("page".into()));
    let call = again.identify(scope, "balance", Nothing);
    assert_eq!(again.decide(call, false), Said::Run);
}

#[test]
fn a_scope_whose_exact_name_comes_late_is_still_its_own() {
    let mut desk = Desk::new("v1");
    let scope = desk.task(ROOT, "one", "a");
    desk.call(scope, "pay", With("x"), "a paid");
    desk.call(scope, "balance", Nothing, "a's balance");
    let mut again = desk.again();
    // Another task of that function comes first and makes the same first call.
    let other = again.task(ROOT, "one", "b");
    let call = again.identify(other, "start", With("b"));
    again.decide(call, false);
    again.run(call, "b started");
    let own = again.task(ROOT, "one", "a");
    let call = again.identify(other, "balance", Nothing);
    assert_eq!(again.decide(call, false), Said::Run);
    again.run(call, "b's balance");
    let call = again.identify(own, "pay", With("x"));
    assert_eq!(again.decide(call, false), Said::Served("a paid".into()));
    let call = again.identify(own, "balance", Nothing);
    assert_eq!(again.decide(call, false), Said::Served("a's balance".into()));
    assert_eq!(again.difference(), None);
    let mut later = again.again();
    let own = later.task(ROOT, "one", "a");
    later.call(own, "pay", With("x"), "new");
    assert_eq!(later.call(own, "balance", Nothing, "new"), Said::Served("a's balance".into()));
}

#[test]
fn a_task_that_was_met_without_a_scope_matches_only_calls_with_inputs() {
    let mut desk = Desk::new("v1");
    let scope = desk.pass.adopt_scope(ROOT, "helper");
    desk.call(scope, "fetch", With("u"), "page");
    desk.call(scope, "balance", Nothing, "100");
    let mut again = desk.again();
    let scope = again.pass.adopt_scope(ROOT, "helper");
    assert_eq!(again.call(scope, "fetch", With("u"), "new"), Said::Served("page".into()));
    let call = again.identify(scope, "balance", Nothing);
    assert_eq!(again.decide(call, false), Said::Run);
}

/// Two workers without arguments take items from a queue: `tick()`, then `process(item)`.
fn worker(desk: &mut Desk, scope: ScopeId, item: &str, alone: bool) -> (Said, Said) {
    let call = desk.identify(scope, "tick", Nothing);
    let tick = desk.decide(call, alone);
    if tick == Said::Run {
        desk.run(call, "tick");
    }
    let call = desk.identify(scope, "process", With(item));
    let process = desk.decide(call, alone);
    if process == Said::Run {
        desk.run(call, item);
    }
    (tick, process)
}

#[test]
fn a_scope_served_a_racing_call_that_then_asks_for_what_its_record_lacks_pauses() {
    let mut desk = Desk::new("v1");
    let workers = [desk.task(ROOT, "worker", ""), desk.task(ROOT, "worker", "")];
    worker(&mut desk, workers[0], "A", false);
    worker(&mut desk, workers[1], "B", false);
    let mut again = desk.again();
    let workers = [again.task(ROOT, "worker", ""), again.task(ROOT, "worker", "")];
    let (tick, process) = worker(&mut again, workers[0], "B", false);
    assert_eq!(tick, Said::Served("tick".into()));
    assert_eq!(process, Said::Raced("worker/tick".into()));
}

#[test]
fn that_holds_when_the_other_tasks_have_ended_meanwhile() {
    let mut desk = Desk::new("v1");
    let scope = desk.task(ROOT, "worker", "");
    worker(&mut desk, scope, "A", false);
    let mut again = desk.again();
    let scope = again.task(ROOT, "worker", "");
    let call = again.identify(scope, "tick", Nothing);
    assert_eq!(again.decide(call, false), Said::Served("tick".into()));
    let call = again.identify(scope, "store", With("A"));
    assert_eq!(again.decide(call, true), Said::Raced("worker/tick".into()));
}

#[test]
fn a_racing_call_whose_record_ends_there_goes_on() {
    let mut desk = Desk::new("v1");
    let scope = desk.task(ROOT, "worker", "");
    let call = desk.identify(scope, "tick", Nothing);
    desk.decide(call, false);
    desk.run(call, "tick");
    let mut again = desk.again();
    let scope = again.task(ROOT, "worker", "");
    assert_eq!(worker(&mut again, scope, "A", false), (Said::Served("tick".into()), Said::Run));
}

#[test]
fn a_matching_call_with_inputs_settles_whose_the_racing_call_was() {
    let mut desk = Desk::new("v1");
    let scope = desk.task(ROOT, "worker", "");
    worker(&mut desk, scope, "A", false);
    let call = desk.identify(scope, "store", With("A"));
    desk.decide(call, false);
    desk.run(call, "stored");
    let mut again = desk.again();
    let scope = again.task(ROOT, "worker", "");
    worker(&mut again, scope, "A", false);
    let call = again.identify(scope, "store", With("other"));
    assert_eq!(again.decide(call, false), Said::Run);
}

#[test]
fn a_task_that_is_new_does_not_take_the_scope_of_one_that_comes_later() {
    let mut desk = Desk::new("v1");
    let scope = desk.task(ROOT, "branch", "12:00 1");
    desk.call(scope, "fetch", With("1"), "page 1");
    desk.call(scope, "store", With("1"), "stored 1");
    let mut again = desk.again();
    let scopes: Vec<_> = (0..2).map(|i| again.task(ROOT, "branch", &format!("12:05 {i}"))).collect();
    for i in [0, 1] {
        let call = again.identify(scopes[i], "fetch", With(&i.to_string()));
        assert_eq!(again.decide(call, false), [Said::Run, Said::Served("page 1".into())][i]);
    }
}

#[test]
fn in_a_sequential_flow_a_task_stands_where_the_next_recorded_one_stood() {
    let mut desk = Desk::new("v1");
    let scope = desk.task(ROOT, "branch", "12:00");
    desk.call(scope, "llm", With("It is 12:00"), "reply");
    let mut again = desk.again();
    let scope = again.task(ROOT, "branch", "12:05");
    let (call, said) = again.ask(scope, "llm", With("It is 12:05"));
    assert_eq!(said, Said::Drift("branch/llm".into()));
    again.pass.reuse(call, 0, false);
    assert_eq!(again.served(call), Said::Served("reply".into()));
}

#[test]
fn where_a_scope_only_stands_for_a_recorded_one_effects_never_match() {
    use kitaru_core::event::CallKind;
    let charge = |desk: &mut Desk, scope| {
        let call = desk.identify_as(scope, "charge", With("fee"), CallKind::Checkpoint, true);
        (call, desk.decide(call, false))
    };
    let mut desk = Desk::new("v1");
    let alice = desk.task(ROOT, "bill", "alice");
    desk.call(alice, "greet", With(""), "hello");
    let (call, _) = charge(&mut desk, alice);
    desk.start(call, true);
    desk.returns(call, "receipt of alice");
    let mut again = desk.edited("v2");
    let bob = again.task(ROOT, "bill", "bob");
    again.call(bob, "greet", With(""), "new");
    let (call, said) = charge(&mut again, bob);
    assert_eq!(said, Said::Began("bill/charge".into()));
    again.start(call, true);
    again.returns(call, "receipt of bob");
    let mut later = again.again();
    let alice = later.task(ROOT, "bill", "alice");
    assert_eq!(charge(&mut later, alice).1, Said::Served("receipt of alice".into()));
}

#[test]
fn where_arguments_are_steady_a_new_task_takes_nothing_from_one_that_comes_later() {
    let mut desk = Desk::new("v1");
    for user in ["alice", "bob"] {
        let scope = desk.task(ROOT, "handle", user);
        desk.call(scope, "fetch", With("common"), user);
    }
    let mut again = desk.again();
    for (user, expected) in
        [("alice", Said::Served("alice".into())), ("carol", Said::Run), ("bob", Said::Served("bob".into()))]
    {
        let scope = again.task(ROOT, "handle", user);
        let call = again.identify(scope, "fetch", With("common"));
        let said = again.decide(call, false);
        assert_eq!(said, expected, "{user}");
        if said == Said::Run {
            again.run(call, user);
        }
    }
}

#[test]
fn a_scope_is_given_back_to_the_task_that_has_its_exact_name() {
    let mut desk = Desk::new("v1");
    let scope = desk.task(ROOT, "one", "12:00");
    for (name, given) in [("pay", With("x")), ("store", With("y")), ("balance", Nothing)] {
        desk.call(scope, name, given, &format!("own {name}"));
    }
    let mut again = desk.again();
    let guest = again.task(ROOT, "one", "12:05");
    let call = again.identify(guest, "pay", With("x"));
    assert_eq!(again.decide(call, false), Said::Served("own pay".into()), "it stands for the recorded one");
    let owner = again.task(ROOT, "one", "12:00");
    let call = again.identify(guest, "store", With("y"));
    assert_eq!(again.decide(call, false), Said::Run, "no longer");
    again.run(call, "guest's store");
    let call = again.identify(owner, "store", With("y"));
    assert_eq!(again.decide(call, false), Said::Served("own store".into()));
    let call = again.identify(owner, "balance", Nothing);
    assert_eq!(again.decide(call, false), Said::Served("own balance".into()));
    assert_eq!(again.difference(), None);
}
