//! A replay reads the events of its source where they stand, before its own: one sequence, whatever leads through how
//! many executions, and nothing of the source that came after the fork.
//!
//! Not here: what of those events a replay is served (core's `random/replays`), and deletion (`delete`).

use super::events::{artifact, completed, created, ended, started, taken, value, wait_opened};
use super::{Fixture, LEASE, T, code, fresh};
use kitaru_core::event::{CallKind, CallsDropped, Fork, Override, Reuse};
use kitaru_core::rows::Status;
use kitaru_core::{Body, Event, ExecutionId, Seq, Value};
use kitaru_store::{Claim, Created, ExecutionFilter, Guard, LogLine, StoreError, WaitFilter};

/// The first event of a replay.
pub fn forked(source: &ExecutionId, upto: Seq, kept: &[(Seq, Seq)]) -> Body {
    let mut first = created("replayed");
    if let Body::Created(created) = &mut first {
        created.fork = Some(Box::new(Fork {
            source: source.clone(),
            upto,
            kept: kept.to_vec(),
            reuse: Reuse::Frontier,
            from: None,
            overrides: Vec::new(),
            asked: Vec::new(),
            plain: Vec::new(),
            by: "test".to_owned(),
        }));
    }
    first
}

pub fn try_fork(with: &Fixture, source: &ExecutionId, upto: Seq) -> Result<ExecutionId, StoreError> {
    let id = fresh();
    let claim = with.claim();
    let events = vec![forked(source, upto, &[(1, upto)]), taken(&claim.owner)];
    with.store.create(&id, T, events, Some(claim)).map(|made| {
        assert_eq!(made, Created::New(1));
        id
    })
}

/// A replay of `source` that this process holds with epoch 1, with calls of these keys of its own.
pub fn fork(with: &Fixture, source: &ExecutionId, upto: Seq, calls: &[&str]) -> ExecutionId {
    let id = try_fork(with, source, upto).unwrap();
    append(with, &id, calls);
    id
}

pub fn append(with: &Fixture, id: &ExecutionId, calls: &[&str]) {
    for key in calls {
        with.store.append(id, T, 1, vec![ended(key, value(key))]).unwrap();
    }
}

/// What was called in the events of an execution, in order, after its and its sources' beginnings.
pub fn keys(events: &[Event]) -> Vec<String> {
    events.iter().filter_map(|event| event.body.call_key().map(str::to_owned)).collect()
}

/// All events of an execution, which any way of paging through them must give too.
fn all(with: &Fixture, id: &ExecutionId) -> Vec<Event> {
    let whole = with.store.load(id, 0, 0).unwrap();
    let seqs: Vec<Seq> = whole.iter().map(|event| event.seq).collect();
    assert_eq!(seqs, (1..=whole.len() as Seq).collect::<Vec<_>>(), "one sequence without gaps");
    assert_eq!(with.store.queries().execution(id).unwrap().last_seq, whole.len() as Seq);
    for after in 0..=whole.len() + 1 {
        for limit in 0..=whole.len() + 1 {
            let rest = &whole[after.min(whole.len())..];
            let rest = if limit == 0 { rest } else { &rest[..limit.min(rest.len())] };
            assert_eq!(with.store.load(id, after as Seq, limit).unwrap(), rest, "{limit} after {after}");
        }
    }
    whole
}

pub fn a_replay_goes_on_from_the_last_event_that_counts(with: &Fixture) {
    let source = with.start("source");
    append(with, &source, &["a", "b", "c"]);
    let replay = fork(with, &source, 4, &["x", "y"]);
    append(with, &source, &["late"]);
    let found = all(with, &replay);
    assert_eq!(keys(&found), ["a", "b", "x", "y"]);
    let Body::Created(begun) = &found[4].body else { panic!("its own beginning is its first event") };
    assert_eq!(begun.fork.as_ref().map(|fork| (&fork.source, fork.upto)), Some((&source, 4)));
    assert_eq!(keys(&all(with, &source)), ["a", "b", "c", "late"], "the source is not touched");
    let row = with.store.queries().execution(&replay).unwrap();
    assert_eq!((row.base, row.last_seq, row.forked_from.as_ref()), (4, 8, Some(&source)));
    assert_eq!(with.store.queries().execution(&source).unwrap().base, 0);
    let replays = ExecutionFilter { forked_from: Some(source), ..ExecutionFilter::default() };
    let listed = with.store.queries().executions(&replays, super::listing::ALL).unwrap();
    assert_eq!(listed.iter().map(|row| &row.id).collect::<Vec<_>>(), [&replay]);
}

pub fn a_replay_of_a_replay_reads_through_all_of_them(with: &Fixture) {
    let first = with.start("first");
    append(with, &first, &["a", "b", "c"]);
    let second = fork(with, &first, 4, &["d", "e"]);
    let third = fork(with, &second, 7, &["f"]);
    let fourth = fork(with, &third, 10, &["g", "h"]);
    append(with, &second, &["late"]);
    assert_eq!(keys(&all(with, &second)), ["a", "b", "d", "e", "late"]);
    assert_eq!(keys(&all(with, &third)), ["a", "b", "d", "f"]);
    assert_eq!(keys(&all(with, &fourth)), ["a", "b", "d", "f", "g", "h"]);
    assert_eq!(with.store.queries().execution(&fourth).unwrap().base, 10);
}

/// Its source's own events need not count: then it stands where it would if it replayed its source's source.
pub fn a_replay_may_be_of_what_its_source_read(with: &Fixture) {
    let first = with.start("first");
    append(with, &first, &["a", "b", "c"]);
    let second = fork(with, &first, 4, &["d"]);
    for (upto, expected) in [(1, &["x"] as &[&str]), (3, &["a", "x"]), (4, &["a", "b", "x"]), (5, &["a", "b", "x"])] {
        let third = fork(with, &second, upto, &["x"]);
        assert_eq!(keys(&all(with, &third)), expected, "up to {upto}");
        let fourth = fork(with, &third, upto + 3, &["y"]);
        let whole: Vec<&str> = expected.iter().chain(&["y"]).copied().collect();
        assert_eq!(keys(&all(with, &fourth)), whole, "of a replay up to {upto}");
    }
}

pub fn a_replay_of_what_is_not_there_is_refused(with: &Fixture) {
    let source = with.start("source");
    append(with, &source, &["a"]);
    assert_eq!(code(try_fork(with, &fresh(), 1)), "unknown-execution");
    // What the source has not written yet would come to stand in the replay.
    assert_eq!(code(try_fork(with, &source, 4)), "conflict");
    assert_eq!(code(try_fork(with, &source, 0)), "conflict", "there is nothing before the first event");
    let replays = ExecutionFilter { forked_from: Some(source.clone()), ..ExecutionFilter::default() };
    assert!(with.store.queries().executions(&replays, super::listing::ALL).unwrap().is_empty(), "nothing is left");
    let replay = fork(with, &source, 3, &["b"]);
    assert_eq!(code(try_fork(with, &replay, 7)), "conflict");
}

pub fn a_replay_is_claimed_written_and_fenced_like_any_other(with: &Fixture) {
    let source = with.start("source");
    append(with, &source, &["a", "b"]);
    let id = fresh();
    let events = vec![forked(&source, 4, &[(3, 3)]), wait_opened("asked", CallKind::Wait)];
    assert_eq!(with.store.create(&id, T, events, None).unwrap(), Created::New(0));
    let row = with.store.queries().execution(&id).unwrap();
    assert_eq!((row.status, row.owner, row.epoch, row.last_seq), (Status::Interrupted, None, 0, 6));
    assert_eq!(with.store.create(&id, T, vec![created("other")], None).unwrap(), Created::Exists);
    let claim = with.claim();
    assert_eq!(with.store.claim(&id, T, 0, claim.clone(), vec![taken(&claim.owner)]).unwrap(), 1);
    assert_eq!(with.store.append(&id, T, 1, vec![ended("x", value("x"))]).unwrap(), 8);
    assert_eq!(with.store.post(&id, T, Guard::Unchanged(1, 8), vec![ended("y", value("y"))]).unwrap(), 9);
    assert_eq!(code(with.store.post(&id, T, Guard::Unchanged(1, 8), vec![completed()])), "conflict");
    let stranger = Claim { lease_until: T + 2 * LEASE, ..with.stranger() };
    with.store.claim(&id, T, 1, stranger, Vec::new()).unwrap();
    assert_eq!(code(with.store.append(&id, T, 1, vec![ended("z", value("z"))])), "fenced");
    assert_eq!(keys(&all(with, &id)), ["a", "b", "asked", "x", "y"]);
    // Of questions and output it has its own.
    let waits = |id: &ExecutionId| {
        let filter = WaitFilter { execution: Some(id.clone()), open: true };
        with.store.queries().waits(&filter, super::listing::ALL).unwrap().len()
    };
    assert_eq!((waits(&id), waits(&source)), (1, 0));
    let line = LogLine { at: T, call_key: None, stream: "stdout".to_owned(), text: "said".to_owned() };
    with.store.log(&source, vec![line]).unwrap();
    assert!(with.store.queries().logs(&id, 0, 0).unwrap().0.is_empty());
}

pub fn a_replay_has_the_calls_and_artifacts_that_it_keeps(with: &Fixture) {
    let source = with.start("source");
    let saved = |name: &str, text: &str, call: Option<&str>| {
        let mut body = artifact(name, text);
        if let Body::ArtifactSaved(saved) = &mut body {
            saved.call = call.map(str::to_owned);
        }
        body
    };
    let steps = vec![
        saved("report", "draft", Some("a")),
        ended("a", value("a")),
        saved("report", "final", Some("b")),
        saved("only b", "x", Some("b")),
        ended("b", value("b")),
        saved("by the flow", "y", None),
    ];
    with.store.append(&source, T, 1, steps).unwrap();
    // Neither has it what was to run again there, nor what had not ended.
    let dropped = CallsDropped { records: vec![9], why: "asked".to_owned() };
    with.store.append(&source, T, 1, vec![ended("c", value("c")), Body::CallsDropped(dropped), started("d")]).unwrap();
    let replay = fresh();
    with.store.create(&replay, T, vec![forked(&source, 11, &[(4, 4), (9, 11)])], Some(with.claim())).unwrap();
    let names = |id: &ExecutionId| {
        let rows = with.store.queries().artifacts(id).unwrap();
        rows.into_iter().map(|row| (row.name, row.value)).collect::<Vec<_>>()
    };
    let is = |name: &str, text: &str| (name.to_owned(), value(text));
    assert_eq!(names(&source), [is("by the flow", "y"), is("only b", "x"), is("report", "final")]);
    // What b put in the place of a's is b's.
    assert_eq!(names(&replay), [is("report", "draft")]);
    let calls = |id: &ExecutionId| -> Vec<(String, bool)> {
        with.store.queries().calls(id).unwrap().into_iter().map(|call| (call.key, call.reused)).collect()
    };
    assert_eq!(calls(&replay), [("a".to_owned(), true)]);
    with.store.append(&replay, T, 1, vec![ended("b", value("anew")), saved("report", "new", Some("b"))]).unwrap();
    assert_eq!(calls(&replay), [("a".to_owned(), true), ("b".to_owned(), false)]);
    assert_eq!(names(&replay), [is("report", "new")]);
}

pub fn large_overrides_and_inputs_come_back_as_they_were(with: &Fixture) {
    let source = with.start("source");
    append(with, &source, &["a"]);
    let text = "override ".repeat(40_000);
    let mut first = forked(&source, 3, &[]);
    if let Body::Created(created) = &mut first {
        let fork = created.fork.as_mut().unwrap();
        fork.overrides = vec![Override { path: "a.inputs.x".to_owned(), value: value(&text) }];
    }
    let set = kitaru_core::event::InputsSet {
        key: "a".to_owned(),
        body: kitaru_core::ScopeId::ROOT,
        values: vec![("x".to_owned(), value(&text))],
        by: "test".to_owned(),
    };
    let id = fresh();
    with.store.create(&id, T, vec![first, Body::InputsSet(set)], None).unwrap();
    let mut found = 0;
    for event in with.store.load(&id, 3, 0).unwrap() {
        let mut body = event.body;
        for place in body.values_mut() {
            if let Value::Stored(reference) = place {
                assert_eq!(with.store.value(reference).unwrap(), serde_json::to_string(&text).unwrap());
                found += 1;
            }
        }
    }
    assert_eq!(found, 2);
}
