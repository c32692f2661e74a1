//! Rules 1 and 3: a call is known by where it is made, its name, its inputs, and a number if all three repeat;
//! the same call gets its record.

use crate::desk::{Desk, Given::With, ROOT, Said};
use kitaru_core::delivery::Next;

fn charged(orders: &[&str]) -> Desk {
    let mut desk = Desk::new("v1");
    for order in orders {
        assert_eq!(desk.call(ROOT, "charge", With(order), &format!("receipt {order}")), Said::Run);
    }
    desk
}

#[test]
fn a_recorded_call_returns_its_record_without_running() {
    let desk = charged(&["o1", "o2", "o3"]);
    let mut again = desk.again();
    for order in ["o1", "o2", "o3"] {
        assert_eq!(again.call(ROOT, "charge", With(order), "new"), Said::Served(format!("receipt {order}")));
    }
}

#[test]
fn after_a_crash_at_any_event_only_what_is_not_recorded_runs() {
    let desk = charged(&["o1", "o2", "o3"]);
    for mut again in desk.crashes() {
        let recorded = again.pass.matcher.records.all.len();
        for (at, order) in ["o1", "o2", "o3"].into_iter().enumerate() {
            let said = again.call(ROOT, "charge", With(order), "new");
            assert_eq!(said == Said::Run, at >= recorded, "{order} with {recorded} on record");
        }
    }
}

#[test]
fn a_removed_call_leaves_its_result_to_nobody() {
    let mut again = charged(&["o1", "o2"]).edited("v2");
    assert_eq!(again.call(ROOT, "charge", With("o2"), "new"), Said::Served("receipt o2".into()));
    assert_eq!(again.call(ROOT, "charge", With("o3"), "new"), Said::Run, "o1's receipt stands before o2's");
}

#[test]
fn swapped_calls_keep_their_own_results() {
    let mut again = charged(&["A", "B"]).edited("v2");
    assert_eq!(again.call(ROOT, "charge", With("B"), "new"), Said::Served("receipt B".into()));
    assert_eq!(again.call(ROOT, "charge", With("A"), "new"), Said::Served("receipt A".into()));
}

#[test]
fn a_renamed_call_is_another_call() {
    let mut again = charged(&["A"]).edited("v2");
    assert_eq!(again.call(ROOT, "bill", With("A"), "new"), Said::Run);
}

#[test]
fn repeated_calls_are_numbered_and_keep_their_order() {
    let mut desk = Desk::new("v1");
    for n in 1..=3 {
        desk.call(ROOT, "roll", With("d6"), &n.to_string());
    }
    let mut again = desk.again();
    for n in 1..=3 {
        assert_eq!(again.call(ROOT, "roll", With("d6"), "new"), Said::Served(n.to_string()));
    }
    assert_eq!(again.call(ROOT, "roll", With("d6"), "new"), Said::Run);
    let keys: Vec<_> = again.pass.matcher.records.all.iter().map(|record| record.call.key.clone()).collect();
    assert_eq!(keys, ["roll", "roll#2", "roll#3", "roll#4"]);
}

#[test]
fn racing_calls_are_known_in_the_order_in_which_they_were_written_and_delivered_in_that_of_their_results() {
    let mut desk = Desk::new("v1");
    let calls: Vec<_> = ["0", "1", "2"].iter().map(|i| desk.identify(ROOT, "fetch", With(i))).collect();
    for call in &calls {
        assert_eq!(desk.decide(*call, false), Said::Run);
        desk.start(*call, false);
    }
    for at in [2, 0, 1] {
        desk.returns(calls[at], &at.to_string());
    }
    let mut again = desk.again();
    let mut orders = Vec::new();
    for i in ["0", "1", "2"] {
        let call = again.identify(ROOT, "fetch", With(i));
        let asked = again.pass.decide(call, false);
        assert_eq!(again.served(call), Said::Served(i.into()));
        again.pass.delivery.ask(asked.order);
        orders.push(asked.order);
    }
    let handed: Vec<_> = (0..3)
        .map(|_| match again.pass.delivery.next(0) {
            Next::Deliver(order) => orders.iter().position(|known| *known == order).unwrap(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(handed, [2, 0, 1]);
}
