//! The verbs: who may write what, when, and with which sequence.

use super::events::{answered, completed, created, ended, error, taken, value, wait_opened};
use super::{Fixture, LEASE, T, code, fresh};
use kitaru_core::Body;
use kitaru_core::event::{CallKind, Cancelled, Failed, Interrupted, PauseReason, Paused, Taken};
use kitaru_core::lease::Owner;
use kitaru_core::rows::Status;
use kitaru_store::{Created, Guard};

fn step(key: &str) -> Vec<Body> {
    vec![ended(key, value("r"))]
}

pub fn an_execution_is_created_once(with: &Fixture) {
    let id = with.start("once");
    let again = with.store.create(&id, T + 1, vec![created("other"), completed()], Some(with.claim())).unwrap();
    assert_eq!(again, Created::Exists);
    let row = with.store.queries().execution(&id).unwrap();
    assert_eq!((row.flow.as_str(), row.epoch, row.last_seq, row.created_at), ("once", 1, 2, T));
    assert_eq!((row.owner, row.lease_until), (Some(with.store.owner().unwrap()), T + LEASE));
    assert_eq!(with.bodies(&id).len(), 2);
    let unclaimed = fresh();
    assert_eq!(with.store.create(&unclaimed, T, vec![created("free")], None).unwrap(), Created::New(0));
    let row = with.store.queries().execution(&unclaimed).unwrap();
    assert_eq!((row.owner, row.epoch, row.status), (None, 0, Status::Interrupted));
}

pub fn a_new_execution_begins_with_created(with: &Fixture) {
    let id = fresh();
    assert_eq!(code(with.store.create(&id, T, step("a"), None)), "conflict");
    assert_eq!(code(with.store.create(&id, T, Vec::new(), None)), "conflict");
    assert_eq!(code(with.store.queries().execution(&id)), "unknown-execution");
}

pub fn only_one_of_two_claims_wins(with: &Fixture) {
    let id = with.start("claimed");
    let stranger = with.stranger();
    let events = vec![taken(&stranger.owner)];
    assert_eq!(with.store.claim(&id, T, 1, stranger.clone(), events.clone()).unwrap(), 2);
    assert_eq!(code(with.store.claim(&id, T, 1, with.claim(), events.clone())), "conflict");
    assert_eq!(code(with.store.claim(&id, T, 3, with.claim(), events)), "conflict");
    let row = with.store.queries().execution(&id).unwrap();
    assert_eq!((row.epoch, row.last_seq, row.owner), (2, 3, Some(stranger.owner)));
}

pub fn what_waits_for_a_decision_is_not_taken_up_unasked(with: &Fixture) {
    let why = |owner: &Owner, why: &str| {
        vec![Body::Taken(Taken { owner: owner.clone(), code: None, why: why.to_owned(), entry: None })]
    };
    let reason = PauseReason::LeftByWorker { why: "test".to_owned() };
    let paused = Body::Paused(Box::new(Paused { reason, text: "test".to_owned(), reused: Vec::new() }));
    let failed = Body::Failed(Box::new(Failed { error: error(value("null")), sources: vec![], reused: vec![] }));
    for end in [paused, failed] {
        let id = with.start("undecided");
        let claim = with.claim();
        with.store.append(&id, T, 1, vec![end]).unwrap();
        for unasked in ["answer", "awaited", "due", "worker"] {
            let told = with.store.claim(&id, T, 1, claim.clone(), why(&claim.owner, unasked));
            assert_eq!(code(told), "conflict", "{unasked}");
        }
        assert_eq!(with.store.claim(&id, T, 1, claim.clone(), why(&claim.owner, "resume")).unwrap(), 2);
    }
}

pub fn what_has_ended_for_good_is_never_taken_up_or_written_again(with: &Fixture) {
    for end in [completed(), Body::Cancelled(Cancelled { by: "cli".to_owned() })] {
        let id = with.start("ended");
        let last = with.store.append(&id, T, 1, vec![end.clone()]).unwrap();
        let before = with.store.queries().execution(&id).unwrap();
        assert!(before.status.is_final() && before.owner.is_none());
        assert_eq!(code(with.store.append(&id, T, 1, step("late"))), "fenced");
        assert_eq!(code(with.store.claim(&id, T, 1, with.claim(), Vec::new())), "conflict");
        for guard in [Guard::NotFinal, Guard::Unchanged(1, last), Guard::WaitOpen("w".to_owned())] {
            assert_eq!(code(with.store.post(&id, T, guard, vec![completed()])), "conflict");
        }
        assert_eq!(with.store.queries().execution(&id).unwrap(), before);
        assert_eq!(with.bodies(&id).len(), 3);
    }
}

pub fn an_owner_appends_until_its_lease_ends(with: &Fixture) {
    let id = with.start("leased");
    with.store.append(&id, T + LEASE - 1, 1, step("a")).unwrap();
    assert_eq!(code(with.store.append(&id, T + LEASE, 1, step("b"))), "fenced");
    assert_eq!(with.store.renew(&[(id.clone(), 1)], T + 2 * LEASE).unwrap(), []);
    with.store.append(&id, T + LEASE, 1, step("b")).unwrap();
    assert_eq!(with.bodies(&id).len(), 4);
}

pub fn an_old_owner_records_nothing(with: &Fixture) {
    let id = with.start("fenced");
    let stranger = with.stranger();
    with.store.claim(&id, T, 1, stranger.clone(), vec![taken(&stranger.owner)]).unwrap();
    let before = with.store.queries().execution(&id).unwrap();
    assert_eq!(code(with.store.append(&id, T, 1, step("a"))), "fenced");
    assert_eq!(code(with.store.post(&id, T, Guard::Unchanged(1, 2), step("a"))), "conflict");
    assert_eq!(with.store.renew(&[(id.clone(), 1)], T + 9 * LEASE).unwrap(), std::slice::from_ref(&id));
    assert_eq!(with.store.queries().execution(&id).unwrap(), before);
    // Released is not held either, by whichever epoch.
    let gone = Body::Interrupted(Interrupted { by: "SIGTERM".to_owned(), reused: Vec::new() });
    with.store.append(&id, T, 2, vec![gone]).unwrap();
    assert_eq!(code(with.store.append(&id, T, 2, step("a"))), "fenced");
    assert_eq!(with.store.renew(&[(id.clone(), 2)], T + 9 * LEASE).unwrap(), std::slice::from_ref(&id));
    assert!(with.store.queries().calls(&id).unwrap().is_empty());
}

pub fn sequences_follow_each_other_without_gaps(with: &Fixture) {
    let id = with.start("counted");
    let two = vec![ended("a", value("1")), ended("b", value("2"))];
    assert_eq!(with.store.append(&id, T, 1, two).unwrap(), 3);
    assert_eq!(code(with.store.append(&id, T, 9, step("x"))), "fenced");
    assert_eq!(with.store.append(&id, T + 1, 1, step("c")).unwrap(), 5);
    assert_eq!(with.store.post(&id, T + 2, Guard::NotFinal, step("d")).unwrap(), 6);
    let events = with.store.load(&id, 0, 0).unwrap();
    let found: Vec<_> = events.iter().map(|event| (event.seq, event.at)).collect();
    assert_eq!(found, [(1, T), (2, T), (3, T), (4, T), (5, T + 1), (6, T + 2)]);
    assert_eq!(with.store.queries().execution(&id).unwrap().updated_at, T + 2);
}

pub fn threads_that_append_at_once_get_each_their_own_sequences(with: &Fixture) {
    let ids: Vec<_> = (0..4).map(|_| with.start("threads")).collect();
    let given: std::sync::Mutex<Vec<_>> = std::sync::Mutex::default();
    std::thread::scope(|scope| {
        for thread in 0..8usize {
            let (id, given) = (&ids[thread % 4], &given);
            scope.spawn(move || {
                for n in 0..10 {
                    let key = format!("{thread}-{n}");
                    let seq = with.store.append(id, T, 1, vec![ended(&key, value(&key))]).unwrap();
                    given.lock().unwrap().push((thread % 4, seq, key));
                    // A refused write among theirs takes nothing from them.
                    assert_eq!(code(with.store.append(id, T, 7, step("never"))), "fenced");
                }
            });
        }
    });
    for (at, id) in ids.iter().enumerate() {
        let mut expected: Vec<_> = given
            .lock()
            .unwrap()
            .iter()
            .filter(|(of, ..)| *of == at)
            .map(|(_, seq, key)| (*seq, key.clone()))
            .collect();
        expected.sort();
        let events = with.store.load(id, 2, 0).unwrap();
        let found: Vec<_> = events.iter().map(|event| (event.seq, event.body.call_key().unwrap().to_owned())).collect();
        assert_eq!(found, expected);
        assert_eq!(found.len(), 20);
    }
}

pub fn a_post_writes_only_if_its_guard_holds(with: &Fixture) {
    let id = with.start("guarded");
    assert_eq!(code(with.store.post(&id, T, Guard::Unchanged(1, 1), step("a"))), "conflict");
    assert_eq!(code(with.store.post(&id, T, Guard::Unchanged(0, 2), step("a"))), "conflict");
    assert_eq!(with.store.post(&id, T, Guard::Unchanged(1, 2), step("a")).unwrap(), 3);
    assert_eq!(code(with.store.post(&id, T, Guard::Unchanged(1, 2), step("b"))), "conflict");
    assert_eq!(with.store.post(&id, T, Guard::NotFinal, step("b")).unwrap(), 4);
}

pub fn a_wait_is_answered_once(with: &Fixture) {
    let id = with.start("asks");
    let guard = || Guard::WaitOpen("ok".to_owned());
    assert_eq!(code(with.store.post(&id, T, guard(), vec![answered("ok")])), "conflict");
    with.store.append(&id, T, 1, vec![wait_opened("ok", CallKind::Wait)]).unwrap();
    let wins = std::thread::scope(|scope| {
        let posts: Vec<_> =
            (0..6).map(|_| scope.spawn(|| with.store.post(&id, T, guard(), vec![answered("ok")]))).collect();
        posts.into_iter().map(|post| post.join().unwrap()).filter(Result::is_ok).count()
    });
    assert_eq!(wins, 1);
    let told = with.store.post(&id, T, guard(), vec![answered("ok")]).unwrap_err();
    assert_eq!((told.code(), told.to_string()), ("conflict", format!("wait ok of {id} is answered")));
}

pub fn leases_are_renewed_for_whoever_holds_them(with: &Fixture) {
    let (ours, lost) = (with.start("ours"), with.start("lost"));
    with.store.claim(&lost, T, 1, with.stranger(), Vec::new()).unwrap();
    let unknown = fresh();
    let leases = [(ours.clone(), 1), (lost.clone(), 1), (unknown.clone(), 1)];
    assert_eq!(with.store.renew(&leases, T + 5 * LEASE).unwrap(), [lost.clone(), unknown]);
    assert_eq!(with.store.queries().execution(&ours).unwrap().lease_until, T + 5 * LEASE);
    assert_eq!(with.store.queries().execution(&lost).unwrap().lease_until, T + LEASE);
}

pub fn a_journal_is_read_in_pages(with: &Fixture) {
    let id = with.start("paged");
    let events: Vec<Body> = (0..25).map(|n| ended(&format!("c{n}"), value("r"))).collect();
    with.store.append(&id, T, 1, events).unwrap();
    let all = with.store.load(&id, 0, 0).unwrap();
    assert_eq!(all.len(), 27);
    let (mut paged, mut after) = (Vec::new(), 0);
    loop {
        let page = with.store.load(&id, after, 10).unwrap();
        let Some(last) = page.last() else { break };
        assert!(page.len() <= 10);
        after = last.seq;
        paged.extend(page);
    }
    assert_eq!(paged, all);
    assert_eq!(with.store.load(&id, 27, 10).unwrap(), []);
}

pub fn the_version_tells_of_other_writers(with: &Fixture) {
    let id = with.start("seen");
    let other = with.again();
    let (ours, theirs) = (with.store.version().unwrap(), other.version().unwrap());
    assert_eq!(with.store.version().unwrap(), ours);
    with.store.post(&id, T, Guard::NotFinal, step("a")).unwrap();
    assert_ne!(other.version().unwrap(), theirs, "another handle sees it");
    assert_ne!(with.store.version().unwrap(), ours, "a post by the same handle may be for a session of its own");
    let ours = with.store.version().unwrap();
    other.post(&id, T, Guard::NotFinal, step("b")).unwrap();
    assert_ne!(with.store.version().unwrap(), ours);
}

pub fn an_unknown_execution_is_not_found(with: &Fixture) {
    let (id, unknown) = (fresh(), "unknown-execution");
    let (store, queries) = (&with.store, with.store.queries());
    assert_eq!(code(store.append(&id, T, 1, step("a"))), unknown);
    assert_eq!(code(store.post(&id, T, Guard::NotFinal, step("a"))), unknown);
    assert_eq!(code(store.claim(&id, T, 0, with.claim(), Vec::new())), unknown);
    assert_eq!(code(store.load(&id, 0, 0)), unknown);
    assert_eq!(code(store.log(&id, Vec::new())), unknown);
    assert_eq!(code(queries.execution(&id)), unknown);
    assert_eq!(code(queries.calls(&id)), unknown);
    assert_eq!(code(queries.call_counts(&id)), unknown);
    assert_eq!(code(queries.artifacts(&id)), unknown);
    assert_eq!(code(queries.logs(&id, 0, 0)), unknown);
    assert_eq!(code(queries.find(id.as_str())), unknown);
}
