//! What workers are given to begin: each of it to one of them.

use super::events::{completed, created, taken};
use super::{Fixture, LEASE, T, fresh};
use kitaru_core::event::{Created, EntryPoint, Interrupted, Parent};
use kitaru_core::rows::Status;
use kitaru_core::{Body, ExecutionId, Millis};
use kitaru_store::{Assign, Claim, ExecutionFilter, Page, Wanted};
use std::sync::Mutex;

const HOLD: Millis = 30_000;

/// An execution of a pool of its own that nobody has begun.
fn left(with: &Fixture, pool: &str, change: impl FnOnce(&mut Created)) -> ExecutionId {
    let id = fresh();
    let Body::Created(mut made) = created("later") else { panic!("it is made by another event") };
    made.pool = Some(pool.to_owned());
    change(&mut made);
    with.store.create(&id, with.now(), vec![Body::Created(made)], None).unwrap();
    id
}

fn of(pools: &[&str], flows: &[&str]) -> Wanted {
    let named = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let host = kitaru_store::os::host_name();
    Wanted::OfPools { pools: named(pools), flows: named(flows), host, but: Vec::new(), lapsed: true }
}

fn assign(with: &Fixture, wanted: Wanted, limit: usize, at: Millis) -> Vec<ExecutionId> {
    with.store.assign(Assign { wanted, limit, at, hold: HOLD }).unwrap()
}

pub fn what_a_pool_has_is_given_once_the_oldest_first(with: &Fixture) {
    let (pool, other) = (fresh().to_string(), fresh().to_string());
    let ids: Vec<_> = (0..5).map(|_| left(with, &pool, |_| {})).collect();
    let elsewhere = left(with, &other, |_| {});
    let now = with.now();
    assert_eq!(assign(with, of(&[&pool], &[]), 2, now), ids[..2]);
    assert_eq!(assign(with, of(&[&pool], &["another flow"]), 9, now), []);
    assert_eq!(assign(with, of(&[&other, &pool], &[]), 3, now), [&[elsewhere][..], &ids[2..4]].concat());
    assert_eq!(assign(with, of(&[&pool], &["later"]), 9, now), ids[4..]);
    assert_eq!(assign(with, of(&[&pool, &other], &[]), 9, now), []);
    let filter = ExecutionFilter { pool: Some(pool.clone()), ..ExecutionFilter::default() };
    let listed = with.store.queries().executions(&filter, Page { limit: 9, offset: 0 }).unwrap();
    assert_eq!(listed.len(), 5);
    assert!(listed.iter().all(|row| row.pool.as_ref() == Some(&pool) && row.status == Status::Interrupted));
}

pub fn what_is_not_wanted_is_left_for_others(with: &Fixture) {
    let pool = fresh().to_string();
    let ids: Vec<_> = (0..3).map(|_| left(with, &pool, |_| {})).collect();
    let host = kitaru_store::os::host_name();
    let wanted =
        Wanted::OfPools { pools: vec![pool.clone()], flows: Vec::new(), host, but: vec![ids[0].clone()], lapsed: true };
    let now = with.now();
    assert_eq!(assign(with, wanted, 1, now), ids[1..2]);
    assert_eq!(assign(with, of(&[&pool], &[]), 9, now), [ids[0].clone(), ids[2].clone()]);
}

pub fn what_was_given_and_not_taken_up_is_given_to_another_later(with: &Fixture) {
    if with.has_own_clock() {
        return;
    }
    let pool = fresh().to_string();
    let id = left(with, &pool, |_| {});
    assert_eq!(assign(with, of(&[&pool], &[]), 1, T), std::slice::from_ref(&id));
    assert_eq!(assign(with, of(&[&pool], &[]), 1, T + HOLD - 1), []);
    assert_eq!(assign(with, of(&[&pool], &[]), 1, T + HOLD), [id]);
}

pub fn what_somebody_has_is_given_when_it_was_left_or_its_lease_is_over(with: &Fixture) {
    let pool = fresh().to_string();
    let (kept, over, stopped) = (left(with, &pool, |_| {}), left(with, &pool, |_| {}), left(with, &pool, |_| {}));
    let now = with.now();
    assert_eq!(assign(with, of(&[&pool], &[]), 9, now).len(), 3);
    for (id, lease) in [(&kept, LEASE), (&over, -3_600_000), (&stopped, LEASE)] {
        let claim = Claim { lease_until: now + lease, ..with.claim() };
        let events = vec![taken(&claim.owner)];
        with.store.claim(id, now, 0, claim, events).unwrap();
    }
    let gone = Body::Interrupted(Interrupted { by: "SIGTERM".to_owned(), reused: Vec::new() });
    with.store.append(&stopped, now, 1, vec![gone]).unwrap();
    // A claim is the end of having been given: what is parked soon after is not kept from anybody. What is held is
    // looked at where that is wanted.
    let Wanted::OfPools { pools, flows, host, but, .. } = of(&[&pool], &[]) else { panic!("it is something else") };
    let left = Wanted::OfPools { pools, flows, host, but, lapsed: false };
    assert_eq!(assign(with, left, 9, now), std::slice::from_ref(&stopped));
    assert_eq!(assign(with, of(&[&pool], &[]), 9, now), std::slice::from_ref(&over));
    let claim = Claim { lease_until: now + LEASE, ..with.claim() };
    let events = vec![taken(&claim.owner)];
    with.store.claim(&stopped, now, 1, claim, events).unwrap();
    with.store.append(&stopped, now, 2, vec![completed()]).unwrap();
    assert_eq!(assign(with, Wanted::These(vec![kept.clone(), stopped, fresh()]), 9, now), std::slice::from_ref(&kept));
    assert_eq!(assign(with, Wanted::These(vec![kept]), 9, now), []);
}

pub fn what_was_begun_is_not_left_for_all_that_was_not(with: &Fixture) {
    let pool = fresh().to_string();
    let begun = left(with, &pool, |_| {});
    let now = with.now();
    let claim = Claim { lease_until: now - 3_600_000, ..with.claim() };
    let events = vec![taken(&claim.owner)];
    with.store.claim(&begun, now, 0, claim, events).unwrap();
    let waiting: Vec<_> = (0..3).map(|_| left(with, &pool, |_| {})).collect();
    assert_eq!(assign(with, of(&[&pool], &[]), 1, now), [begun]);
    assert_eq!(assign(with, of(&[&pool], &[]), 2, now), waiting[..2]);
}

pub fn what_is_on_another_machine_is_left_to_that_one(with: &Fixture) {
    let pool = fresh().to_string();
    let entry = |host: &str| {
        let host = Some(host.to_owned());
        move |made: &mut Created| made.entry = EntryPoint { host, ..made.entry.clone() }
    };
    let host = kitaru_store::os::host_name();
    let (here, there) = (left(with, &pool, entry(&host)), left(with, &pool, entry("there")));
    // A store behind a server says of each that it is from where it was made.
    let expected = if with.names_hosts() { vec![here, there] } else { vec![here] };
    assert_eq!(assign(with, of(&[&pool], &[]), 9, with.now()), expected);
}

pub fn many_who_ask_at_once_are_given_each_something_else(with: &Fixture) {
    let pool = fresh().to_string();
    let mut ids: Vec<_> = (0..60).map(|_| left(with, &pool, |_| {})).collect();
    let all = Mutex::new(Vec::new());
    let now = with.now();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                // One who is passed over because others are just being given theirs asks again.
                for _ in 0..1_000 {
                    let some = assign(with, of(&[&pool], &[]), 3, now);
                    let is_over = some.is_empty();
                    all.lock().unwrap().extend(some);
                    if is_over && all.lock().unwrap().len() >= 60 {
                        break;
                    }
                }
            });
        }
    });
    let mut given = all.into_inner().unwrap();
    given.sort();
    ids.sort();
    assert_eq!(given, ids);
}

pub fn many_who_ask_and_take_up_at_once_have_each_its_own(with: &Fixture) {
    let pool = fresh().to_string();
    let parent = with.start("parent");
    let mut ids: Vec<_> = (0..96)
        .map(|at| {
            left(with, &pool, |made| {
                // Some of them have somebody above.
                made.parent = (at % 3 == 0).then(|| Parent { id: parent.clone(), key: format!("child {at}") });
            })
        })
        .collect();
    let taken_up = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let claim = with.claim();
                while taken_up.lock().unwrap().len() < 96 {
                    for id in assign(with, of(&[&pool], &[]), 4, with.now()) {
                        let now = with.now();
                        let claim = Claim { lease_until: now + LEASE, ..claim.clone() };
                        let events = vec![taken(&claim.owner)];
                        assert_eq!(with.store.claim(&id, now, 0, claim.clone(), events.clone()).unwrap(), 1);
                        let again = with.store.claim(&id, now, 0, claim, events);
                        assert_eq!(super::code(again), "conflict");
                        taken_up.lock().unwrap().push(id);
                    }
                }
            });
        }
    });
    let mut given = taken_up.into_inner().unwrap();
    given.sort();
    ids.sort();
    assert_eq!(given, ids);
    for id in &ids {
        let row = with.store.queries().execution(id).unwrap();
        assert_eq!((row.status, row.epoch, row.last_seq), (Status::Running, 1, 2));
        assert_eq!(with.bodies(id).len(), 2);
    }
}
