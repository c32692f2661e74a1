//! Executions that are known by keys, wait for others, and are left only if those have not moved.

use super::events::{answered, completed, created, taken, wait_opened};
use super::{Fixture, T, code, fresh};
use kitaru_core::event::{Await, CallKind, Cancelled, Suspended};
use kitaru_core::rows::Status;
use kitaru_core::{Body, ExecutionId};
use kitaru_store::{Created, ExecutionFilter, Guard, Page, Seen, WaitFilter};

const ALL: Page = Page { limit: 1_000, offset: 0 };

fn parked(on: &[&ExecutionId]) -> Vec<Body> {
    let executions = on.iter().map(|id| (*id).clone()).collect();
    let awaits = vec![Await { least: 1, ends: true, executions }];
    vec![Body::Suspended(Suspended { waits: vec![], wake_at: None, sleeping: false, awaits, reused: vec![] })]
}

pub fn a_key_starts_once_and_is_found(with: &Fixture) {
    let key = fresh().to_string();
    let id = ExecutionId::keyed("pays", &key);
    let mut first = created("pays");
    if let Body::Created(created) = &mut first {
        created.key = Some(key.clone());
    }
    assert_eq!(with.store.create(&id, T, vec![first.clone()], None).unwrap(), Created::New(0));
    assert_eq!(with.again().create(&id, T, vec![first], None).unwrap(), Created::Exists);
    assert_ne!(ExecutionId::keyed("pay", &format!("s{key}")), id, "name and key are kept apart");
    let list = |key: &str| {
        let filter = ExecutionFilter { key: Some(key.to_owned()), ..ExecutionFilter::default() };
        with.store.queries().executions(&filter, ALL).unwrap().into_iter().map(|row| row.id).collect::<Vec<_>>()
    };
    assert_eq!(list(&key), [id]);
    assert_eq!(list("another"), []);
}

pub fn those_that_wait_for_others_are_found_while_they_do(with: &Fixture) {
    let (awaited, other) = (with.start("awaited"), with.start("asks"));
    let flow = fresh().to_string();
    let master = with.start(&flow);
    let list = || {
        let filter = ExecutionFilter { awaits: true, flow: Some(flow.clone()), ..ExecutionFilter::default() };
        with.store.queries().executions(&filter, ALL).unwrap().into_iter().map(|row| row.id).collect::<Vec<_>>()
    };
    assert_eq!(list(), []);
    with.store.post(&master, T, Guard::Unchanged(1, 2), parked(&[&other, &awaited, &awaited])).unwrap();
    assert_eq!(list(), vec![master.clone()]);
    let reason = with.store.queries().execution(&master).unwrap().reason.unwrap();
    let mut both = [awaited.as_str(), other.as_str()];
    both.sort_unstable();
    assert_eq!(reason["executions"], serde_json::json!(both));
    let claim = with.claim();
    let events = vec![taken(&claim.owner)];
    with.store.claim(&master, T, 1, claim, events).unwrap();
    assert_eq!(list(), []);
}

pub fn a_flow_is_left_only_if_those_it_waits_for_have_not_moved(with: &Fixture) {
    let (master, awaited) = (with.start("master"), with.start("awaited"));
    let seen = |how| [(awaited.clone(), how)];
    let guard = |seen: &[(ExecutionId, Seen)]| Guard::AllUnchanged(1, 2, seen.to_vec());
    with.store.append(&awaited, T, 1, vec![completed()]).unwrap();
    for stale in [Seen::In(Status::Running), Seen::At(2)] {
        assert_eq!(code(with.store.post(&master, T, guard(&seen(stale)), parked(&[&awaited]))), "conflict");
    }
    let gone = [(fresh(), Seen::In(Status::Running))];
    assert_eq!(code(with.store.post(&master, T, guard(&gone), parked(&[&awaited]))), "conflict");
    let stale = Guard::AllUnchanged(1, 1, Vec::new());
    assert_eq!(code(with.store.post(&master, T, stale, parked(&[]))), "conflict");
    let now = [(awaited.clone(), Seen::In(Status::Completed)), (awaited.clone(), Seen::At(3))];
    assert_eq!(with.store.post(&master, T, guard(&now), parked(&[])).unwrap(), 3);
}

pub fn what_has_ended_for_good_asks_nothing(with: &Fixture) {
    let id = with.start("asks");
    with.store.append(&id, T, 1, vec![wait_opened("ok", CallKind::Wait)]).unwrap();
    let open = || {
        let filter = WaitFilter { execution: Some(id.clone()), open: true };
        with.store.queries().waits(&filter, ALL).unwrap().len()
    };
    assert_eq!(open(), 1);
    with.store.append(&id, T, 1, vec![Body::Cancelled(Cancelled { by: "cli".to_owned() })]).unwrap();
    assert_eq!(open(), 0);
    let guard = Guard::WaitOpen("ok".to_owned());
    assert_eq!(code(with.store.post(&id, T, guard, vec![answered("ok")])), "conflict");
}
