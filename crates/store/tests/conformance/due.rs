//! What has to be looked at, and the inbox. Not here: whether one can go on, which the engine decides.

use super::events::{answered, completed, created, error, taken, value, wait_opened};
use super::{Fixture, T, fresh};
use kitaru_core::event::{Await, CallKind, Cancelled, Failed, Interrupted, Parent, Suspended};
use kitaru_core::{Body, ExecutionId, Millis};
use kitaru_store::{ExecutionFilter, Guard, InboxPlace, Page};

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
    let take_up = |id: &ExecutionId, epoch: u64| {
        let claim = with.claim();
        let events = vec![taken(&claim.owner)];
        with.store.claim(id, T, epoch, claim, events).unwrap()
    };
    let epoch = take_up(&parent, 2);
    with.store.append(&parent, T, epoch, vec![suspended(&[], None)]).unwrap();
    assert!(!is_stirred(with, &parent, T), "what it was stirred for is past");
    take_up(&far, 1);
    assert!(is_stirred(with, &parent, T), "somebody has taken up one below it");
}

/// Leaves it parked on others.
fn park(with: &Fixture, id: &ExecutionId, epoch: u64, awaits: Vec<Await>) {
    let parked = Suspended { waits: vec![], wake_at: None, sleeping: false, awaits, reused: vec![] };
    with.store.append(id, T, epoch, vec![Body::Suspended(parked)]).unwrap();
}

fn ends(of: &[&ExecutionId]) -> Vec<Await> {
    vec![Await { least: 1, ends: true, executions: of.iter().map(|id| (*id).clone()).collect() }]
}

fn failure() -> Body {
    Body::Failed(Box::new(Failed { error: error(value("null")), sources: vec![], reused: vec![] }))
}

/// Those that are parked on an execution.
fn parked_on(with: &Fixture, id: &ExecutionId) -> Vec<ExecutionId> {
    let filter = ExecutionFilter { awaits_on: Some(id.clone()), ..ExecutionFilter::default() };
    let all = Page { limit: 1_000, offset: 0 };
    with.store.queries().executions(&filter, all).unwrap().into_iter().map(|row| row.id).collect()
}

pub fn what_waits_for_an_end_is_looked_at_when_that_comes(with: &Fixture) {
    let is_left_alone = |id: &ExecutionId| !is_stirred(with, id, T);
    for last in ["completed", "failed", "cancelled", "deleted"] {
        let (one, other) = (with.start("one"), with.start("other"));
        let id = with.start("master");
        park(with, &id, 1, ends(&[&one, &other]));
        assert!(is_left_alone(&id), "nothing has come");
        assert_eq!((parked_on(with, &one), parked_on(with, &id)), (vec![id.clone()], vec![]));
        with.store.append(&other, T, 1, vec![wait_opened("w", CallKind::Wait), suspended(&["w"], None)]).unwrap();
        assert!(is_left_alone(&id), "that it asks is no end");
        match last {
            "completed" => _ = with.store.append(&one, T, 1, vec![completed()]).unwrap(),
            "failed" => _ = with.store.append(&one, T, 1, vec![failure()]).unwrap(),
            "cancelled" => {
                let event = Body::Cancelled(Cancelled { by: "cli".to_owned() });
                _ = with.store.post(&other, T, Guard::NotFinal, vec![event]).unwrap();
            }
            _ => {
                with.store.append(&one, T, 1, vec![completed()]).unwrap();
                let row = with.store.queries().execution(&one).unwrap();
                with.store.delete(&one, row.epoch, row.last_seq).unwrap();
            }
        }
        assert!(is_stirred(with, &id, T), "{last}");
        let claim = with.claim();
        let events = vec![taken(&claim.owner)];
        with.store.claim(&id, T, 1, claim, events).unwrap();
        assert!(!is_stirred(with, &id, T), "it was taken up");
        assert_eq!(parked_on(with, &other), vec![]);
        // It waits for what is over, or is not there: it is to be looked at at once.
        park(with, &id, 2, ends(&[if last == "cancelled" { &other } else { &one }]));
        assert!(is_stirred(with, &id, T), "{last}, before it was left");
    }
}

pub fn what_waits_for_less_than_an_end_is_always_looked_at(with: &Fixture) {
    let other = with.start("other");
    let id = with.start("master");
    // In one of its groups an end counts only, in the other a question does too.
    let mut awaits = ends(&[&other]);
    awaits.push(Await { least: 1, ends: false, executions: vec![other] });
    park(with, &id, 1, awaits);
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
