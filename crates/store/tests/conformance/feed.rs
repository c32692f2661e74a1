//! The order of commits: whoever follows gets each change once, in order, however it is written and read.

use super::events::{completed, created, ended, taken, value, wait_opened};
use super::{Fixture, T, code, fresh};
use kitaru_core::event::CallKind;
use kitaru_core::{Body, ExecutionId};
use kitaru_store::{Change, Changed, Guard, LogLine, Revision, Store};
use std::collections::HashMap;

fn line(text: &str) -> LogLine {
    LogLine { at: T, call_key: None, stream: "stdout".to_owned(), text: text.to_owned() }
}

/// All changes after a number, read in pieces.
fn follow(store: &dyn Store, after: Revision, limit: usize) -> Vec<Change> {
    let mut found: Vec<Change> = Vec::new();
    loop {
        let from = found.last().map_or(after, |last| last.revision);
        let changes = store.queries().changes(from, limit).unwrap();
        assert!(changes.items.len() <= limit);
        let empty = changes.items.is_empty();
        found.extend(changes.items);
        if !changes.more {
            return found;
        }
        assert!(!empty, "there is more, and nothing comes");
    }
}

fn must_be_in_order(found: &[Change], after: Revision) {
    let mut last = after;
    for change in found {
        assert!(change.revision > last, "{} after {last}", change.revision);
        last = change.revision;
    }
}

/// What it is about, in a word.
fn words(found: &[Change]) -> Vec<String> {
    let word = |change: &Change| match &change.what {
        Changed::Event(event) => format!("{}:{}", event.seq, event.body.kind()),
        Changed::Line(number, line) => format!("line {number}:{}", line.text),
        Changed::Deleted => "deleted".to_owned(),
    };
    found.iter().map(word).collect()
}

fn of(found: &[Change], id: &ExecutionId) -> Vec<Change> {
    found.iter().filter(|change| change.execution == *id).cloned().collect()
}

pub fn what_is_written_is_told_in_the_order_of_its_commits(with: &Fixture) {
    let before = with.store.queries().newest().unwrap();
    let (a, b) = (with.start("a"), with.start("b"));
    with.store.log(&a, vec![line("one"), line("two")]).unwrap();
    with.store.append(&b, T, 1, vec![ended("x", value("1"))]).unwrap();
    with.store.append(&a, T, 1, vec![ended("y", value("1")), wait_opened("w", CallKind::Wait)]).unwrap();
    with.store.log(&b, vec![line("three")]).unwrap();
    with.store.post(&b, T, Guard::NotFinal, vec![ended("z", value("2"))]).unwrap();
    let found = follow(with.store.as_ref(), before, 100);
    must_be_in_order(&found, before);
    assert_eq!(
        words(&found),
        [
            "1:created",
            "2:taken",
            "1:created",
            "2:taken",
            "line 1:one",
            "line 2:two",
            "3:call_ended",
            "3:call_ended",
            "4:wait_opened",
            "line 1:three",
            "4:call_ended",
        ]
    );
    let ids: Vec<&ExecutionId> = found.iter().map(|change| &change.execution).collect();
    assert_eq!(ids, [&a, &a, &b, &b, &a, &a, &b, &a, &a, &b, &b]);
    assert_eq!(with.store.queries().newest().unwrap(), found.last().unwrap().revision);
    // From each place on, in pieces of each size.
    for at in 0..=found.len() {
        let after = if at == 0 { before } else { found[at - 1].revision };
        for limit in [1, 2, 5, 100] {
            assert_eq!(follow(with.store.as_ref(), after, limit), found[at..]);
        }
    }
}

pub fn what_is_refused_is_not_told_and_numbers_go_on(with: &Fixture) {
    let before = with.store.queries().newest().unwrap();
    let id = with.start("a");
    assert_eq!(code(with.store.append(&id, T, 9, vec![ended("no", value("1"))])), "fenced");
    with.store.append(&id, T, 1, vec![ended("yes", value("1"))]).unwrap();
    assert_eq!(code(with.store.post(&id, T, Guard::WaitOpen("w".to_owned()), vec![completed()])), "conflict");
    with.store.append(&id, T, 1, vec![completed()]).unwrap();
    let found = follow(with.store.as_ref(), before, 100);
    must_be_in_order(&found, before);
    assert_eq!(words(&found), ["1:created", "2:taken", "3:call_ended", "4:completed"]);
}

pub fn a_deletion_is_told_and_takes_the_rest_with_it(with: &Fixture) {
    let before = with.store.queries().newest().unwrap();
    let (kept, id) = (with.start("kept"), with.start("deleted"));
    with.store.log(&id, vec![line("said")]).unwrap();
    with.store.append(&id, T, 1, vec![completed()]).unwrap();
    let row = with.store.queries().execution(&id).unwrap();
    let seen = with.store.queries().newest().unwrap();
    with.store.delete(&id, row.epoch, row.last_seq).unwrap();
    let found = follow(with.store.as_ref(), before, 100);
    must_be_in_order(&found, before);
    assert_eq!(words(&found), ["1:created", "2:taken", "deleted"]);
    assert_eq!((&found[0].execution, &found[2].execution), (&kept, &id));
    assert_eq!(words(&follow(with.store.as_ref(), seen, 100)), ["deleted"]);
    // The same identifier again is another execution.
    let claim = with.claim();
    let events = vec![created("again"), taken(&claim.owner)];
    with.store.create(&id, T, events, Some(claim)).unwrap();
    assert_eq!(words(&follow(with.store.as_ref(), found[2].revision, 100)), ["1:created", "2:taken"]);
    assert_eq!(words(&of(&follow(with.store.as_ref(), before, 100), &id)), ["deleted", "1:created", "2:taken"]);
}

pub fn a_long_journal_is_told_from_each_place_on(with: &Fixture) {
    let before = with.store.queries().newest().unwrap();
    let (long, other) = (with.start("long"), with.start("other"));
    for n in 0..40 {
        let events: Vec<Body> = (0..60).map(|at| ended(&format!("{n}-{at}"), value("r"))).collect();
        with.store.append(&long, T, 1, events).unwrap();
        with.store.log(&long, (0..20).map(|at| line(&format!("{n}-{at}"))).collect()).unwrap();
        if n % 7 == 0 {
            with.store.append(&other, T, 1, vec![ended(&format!("{n}"), value("r"))]).unwrap();
        }
    }
    // At once more than a block holds.
    with.store.log(&other, (0..3_000).map(|at| line(&at.to_string())).collect()).unwrap();
    let found = follow(with.store.as_ref(), before, 700);
    must_be_in_order(&found, before);
    assert_eq!(found.len(), 4 + 40 * 80 + 6 + 3_000);
    let events = of(&found, &long).iter().filter(|change| matches!(change.what, Changed::Event(_))).count();
    assert_eq!(events, 2 + 40 * 60);
    for at in (0..found.len()).step_by(211) {
        assert_eq!(
            with.store.queries().changes(found[at].revision, 50).unwrap().items,
            found[at + 1..][..50.min(found.len() - at - 1)]
        );
    }
}

pub fn a_follower_misses_nothing_of_writers_at_once(with: &Fixture) {
    let before = with.store.queries().newest().unwrap();
    let (threads, writes) = (6, 60);
    let handles: Vec<_> = (0..3).map(|_| with.again()).collect();
    let ids: Vec<ExecutionId> = (0..threads).map(|_| with.start("at once")).collect();
    let total = threads * (2 + writes + writes / 3 * 2);
    let found = std::thread::scope(|scope| {
        for (at, id) in ids.iter().enumerate() {
            let store = &handles[at % handles.len()];
            scope.spawn(move || {
                for n in 0..writes {
                    store.append(id, T, 1, vec![ended(&format!("{n}"), value("r"))]).unwrap();
                    if n % 3 == 0 {
                        store.log(id, vec![line("a"), line("b")]).unwrap();
                        assert_eq!(code(store.append(id, T, 9, vec![completed()])), "fenced");
                    }
                }
            });
        }
        // It looks while they write: whatever it has seen, nothing comes before that later.
        let mut found: Vec<Change> = Vec::new();
        while found.len() < total {
            let after = found.last().map_or(before, |last| last.revision);
            found.extend(with.store.queries().changes(after, 64).unwrap().items);
        }
        found
    });
    must_be_in_order(&found, before);
    assert_eq!(follow(with.store.as_ref(), before, 1_000), found, "all of it, and nothing in between came later");
    let mut seen: HashMap<&ExecutionId, (u64, u64)> = HashMap::new();
    for change in &found {
        let (seq, last) = seen.entry(&change.execution).or_default();
        match &change.what {
            Changed::Event(event) => {
                assert_eq!(event.seq, *seq + 1);
                *seq += 1;
            }
            Changed::Line(number, _) => {
                assert_eq!(*number, *last + 1);
                *last += 1;
            }
            Changed::Deleted => panic!("nothing was deleted"),
        }
    }
    assert!(seen.values().all(|far| *far == (2 + writes as u64, writes as u64 / 3 * 2)), "{seen:?}");
}

/// A replay tells what it wrote itself.
pub fn a_replay_tells_its_own_events(with: &Fixture) {
    let source = with.start("source");
    with.store.append(&source, T, 1, vec![ended("a", value("1")), completed()]).unwrap();
    let before = with.store.queries().newest().unwrap();
    let id = fresh();
    with.store.create(&id, T, vec![super::forks::forked(&source, 3, &[(3, 3)])], None).unwrap();
    let row = with.store.queries().execution(&source).unwrap();
    with.store.delete(&source, row.epoch, row.last_seq).unwrap();
    let found = follow(with.store.as_ref(), before, 10);
    assert_eq!(words(&found), ["4:created", "deleted"]);
    assert_eq!((&found[0].execution, &found[1].execution), (&id, &source));
}
