//! What has to be looked at, and the inbox. Not here: whether one can go on, which the engine decides.

use super::events::{answered, completed, created, taken, wait_opened};
use super::{Fixture, T, fresh};
use kitaru_core::event::{Await, CallKind, Cancelled, Interrupted, Parent, Suspended};
use kitaru_core::{Body, ExecutionId, Millis};
use kitaru_store::{Guard, InboxPlace};

fn suspended(waits: &[&str], wake_at: Option<Millis>) -> Body {
    let waits = waits.iter().map(|key| (*key).to_owned()).collect();
    Body::Suspended(Suspended { waits, wake_at, sleeping: false, awaits: vec![], reused: vec![] })
}

fn is_stirred(with: &Fixture, id: &ExecutionId, now: Millis) -> bool {
    with.store.queries().stirred(now).unwrap().iter().any(|row| row.id == *id)
}

/// An execution that asks something and is left.
fn asking(with: &Fixture, key: &str) -> ExecutionId {
    let id = with.start("asks");
    with.store.append(&id, T, 1, vec![wait_opened(key, CallKind::Wait), suspended(&[key], None)]).unwrap();
    id
}

/// A child that this process holds.
fn child(with: &Fixture, parent: &ExecutionId, detached: bool) -> ExecutionId {
    let id = fresh();
    let claim = with.claim();
    let mut first = created("child");
    if let Body::Created(created) = &mut first {
        created.parent = Some(Parent { id: parent.clone(), key: "child".to_owned() });
        created.detached = detached;
    }
    with.store.create(&id, T, vec![first, taken(&claim.owner)], Some(claim)).unwrap();
    id
}

pub fn an_answer_stirs_what_is_parked_on_it_until_it_is_taken_up(with: &Fixture) {
    let (id, other) = (asking(with, "w"), asking(with, "w"));
    assert!(!is_stirred(with, &id, T));
    with.store.post(&id, T, Guard::WaitOpen("w".to_owned()), vec![answered("w")]).unwrap();
    assert!(is_stirred(with, &id, T) && !is_stirred(with, &other, T));
    let row = with.store.queries().execution(&id).unwrap();
    let claim = with.claim();
    let events = vec![taken(&claim.owner)];
    with.store.claim(&id, T, row.epoch, claim, events).unwrap();
    assert!(!is_stirred(with, &id, T));
    // It goes on to its next question, and what was answered is past.
    with.store.append(&id, T, 2, vec![wait_opened("x", CallKind::Wait), suspended(&["x"], None)]).unwrap();
    assert!(!is_stirred(with, &id, T));
}

pub fn what_is_parked_on_an_answer_that_is_there_is_stirred(with: &Fixture) {
    let id = with.start("asks");
    with.store.append(&id, T, 1, vec![wait_opened("w", CallKind::Wait)]).unwrap();
    with.store.post(&id, T, Guard::WaitOpen("w".to_owned()), vec![answered("w")]).unwrap();
    assert!(!is_stirred(with, &id, T), "its process has it");
    with.store.append(&id, T, 1, vec![suspended(&["w"], None)]).unwrap();
    assert!(is_stirred(with, &id, T));
}

pub fn what_sleeps_is_stirred_when_its_time_has_come(with: &Fixture) {
    let id = with.start("sleeps");
    with.store.append(&id, T, 1, vec![suspended(&[], Some(T + 50))]).unwrap();
    assert!(!is_stirred(with, &id, T + 49));
    assert!(is_stirred(with, &id, T + 50));
}

pub fn a_parked_parent_is_stirred_by_what_becomes_of_its_children(with: &Fixture) {
    let parent = with.start("parent");
    let (near, free) = (child(with, &parent, false), child(with, &parent, true));
    let far = child(with, &near, false);
    with.store.append(&near, T, 1, vec![suspended(&[], None)]).unwrap();
    with.store.append(&parent, T, 1, vec![suspended(&[], None)]).unwrap();
    assert!(!is_stirred(with, &parent, T) && !is_stirred(with, &near, T));
    // Those that run may die, which nobody writes.
    assert!(is_stirred(with, &far, T) && is_stirred(with, &free, T));
    with.store.append(&free, T, 1, vec![completed()]).unwrap();
    assert!(!is_stirred(with, &parent, T), "it was let go");
    with.store.append(&far, T, 1, vec![wait_opened("w", CallKind::Wait)]).unwrap();
    assert!(is_stirred(with, &parent, T) && is_stirred(with, &near, T));
    let claim = with.claim();
    let events = vec![taken(&claim.owner)];
    with.store.claim(&parent, T, 1, claim, events).unwrap();
    with.store.append(&parent, T, 2, vec![suspended(&[], None)]).unwrap();
    assert!(!is_stirred(with, &parent, T));
    let gone = Body::Interrupted(Interrupted { by: "SIGTERM".to_owned(), reused: Vec::new() });
    with.store.append(&far, T, 1, vec![gone]).unwrap();
    assert!(is_stirred(with, &parent, T) && is_stirred(with, &far, T));
}

pub fn what_waits_for_others_is_always_looked_at(with: &Fixture) {
    let other = with.start("other");
    let id = with.start("master");
    let awaits = vec![Await { least: 1, ends: true, executions: vec![other] }];
    let parked = Suspended { waits: vec![], wake_at: None, sleeping: false, awaits, reused: vec![] };
    with.store.append(&id, T, 1, vec![Body::Suspended(parked)]).unwrap();
    assert!(is_stirred(with, &id, T));
}

pub fn pages_of_the_inbox_follow_each_other_whatever_is_answered(with: &Fixture) {
    let before: usize = pages(with, 1_000).len();
    let mut ids: Vec<ExecutionId> = Vec::new();
    for n in 0..20 {
        let id = with.start("asks");
        // Several at the same moment, and several of one execution.
        let keys: &[&str] = if n % 5 == 0 { &["b", "a"] } else { &["w"] };
        for key in keys {
            with.store.append(&id, T + n / 3, 1, vec![wait_opened(key, CallKind::Wait)]).unwrap();
        }
        ids.push(id);
    }
    // Neither a sleep nor what has ended for good asks anything.
    with.store.append(&ids[3], T, 1, vec![wait_opened("sleep", CallKind::Sleep)]).unwrap();
    with.store.append(&ids[7], T, 1, vec![Body::Cancelled(Cancelled { by: "cli".to_owned() })]).unwrap();
    let mine = |found: Vec<(ExecutionId, String)>| -> Vec<(usize, String)> {
        let at = |id: &ExecutionId| ids.iter().position(|one| one == id);
        found.into_iter().filter_map(|(id, key)| Some((at(&id)?, key))).collect()
    };
    let mut expected: Vec<(usize, String)> = Vec::new();
    for n in (0..20).filter(|n| *n != 7) {
        let keys: &[&str] = if n % 5 == 0 { &["a", "b"] } else { &["w"] };
        expected.extend(keys.iter().map(|key| (n, (*key).to_owned())));
    }
    for size in [1, 2, 3, 7, 1_000] {
        assert_eq!(mine(pages(with, size)), expected, "pages of {size}");
    }
    assert_eq!(pages(with, 1_000).len(), before + expected.len());
    // One that is answered while somebody turns the page.
    let first = with.store.queries().inbox(None, before + 4).unwrap();
    let (place, last) = first.last().unwrap();
    let guard = Guard::WaitOpen(last.key.clone());
    with.store.post(&last.execution_id, T + 9, guard, vec![answered(&last.key)]).unwrap();
    let rest = with.store.queries().inbox(Some(place), 1_000).unwrap();
    let rest: Vec<_> = rest.into_iter().map(|(_, wait)| (wait.execution_id, wait.key)).collect();
    assert_eq!(mine(rest), expected[4..]);
}

fn pages(with: &Fixture, size: usize) -> Vec<(ExecutionId, String)> {
    let (mut found, mut after): (Vec<_>, Option<InboxPlace>) = (Vec::new(), None);
    loop {
        let page = with.store.queries().inbox(after.as_ref(), size).unwrap();
        assert!(page.len() <= size);
        let is_last = page.len() < size;
        after = page.last().map(|(place, _)| place.clone()).or(after);
        found.extend(page.into_iter().map(|(_, wait)| (wait.execution_id, wait.key)));
        if is_last {
            return found;
        }
    }
}
