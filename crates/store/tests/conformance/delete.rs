//! Removing an execution takes nothing from its replays, nor from what it replays: events stay as long as somebody reads
//! them, and go with their last reader.
//!
//! Not here: what a replay reads (`forks`), that nothing is left behind (which a backend shows of its own tables), and
//! whether people are asked before.

use super::events::{artifact, completed, created, ended, taken, value, wait_opened};
use super::forks::{append, fork, forked, keys, try_fork};
use super::{Fixture, T, code, fresh};
use kitaru_core::event::{CallKind, Cancelled, Failed, Interrupted};
use kitaru_core::{Body, Event, ExecutionId, Value};
use kitaru_store::{Created, ExecutionFilter, Guard, LogLine, Store, StoreError};

/// Ends an execution that this process holds.
fn end(with: &Fixture, id: &ExecutionId) {
    with.store.append(id, T, 1, vec![completed()]).unwrap();
}

fn delete(with: &Fixture, id: &ExecutionId) -> Result<(), StoreError> {
    let row = with.store.queries().execution(id).unwrap();
    with.store.delete(id, row.epoch, row.last_seq)
}

fn load(with: &Fixture, id: &ExecutionId) -> Vec<Event> {
    let events = with.store.load(id, 0, 0).unwrap();
    let again = with.again();
    assert_eq!(again.load(id, 0, 0).unwrap(), events, "by another handle");
    events
}

fn is_gone(with: &Fixture, id: &ExecutionId) {
    let (store, queries, unknown) = (&with.store, with.store.queries(), "unknown-execution");
    assert_eq!(code(queries.execution(id)), unknown);
    assert_eq!(code(store.load(id, 0, 0)), unknown);
    assert_eq!(code(queries.calls(id)), unknown);
    assert_eq!(code(queries.call_counts(id)), unknown);
    assert_eq!(code(queries.artifacts(id)), unknown);
    assert_eq!(code(queries.logs(id, 0, 0)), unknown);
    assert_eq!(code(queries.find(id.as_str())), unknown);
    assert_eq!(code(store.delete(id, 1, 1)), unknown);
    assert_eq!(code(store.post(id, T, Guard::NotFinal, vec![completed()])), unknown);
    assert_eq!(code(store.claim(id, T, 1, with.claim(), Vec::new())), unknown);
    assert_eq!(code(try_fork(with, id, 1)), unknown);
    let filter = kitaru_store::WaitFilter { execution: Some(id.clone()), open: false };
    assert!(queries.waits(&filter, super::listing::ALL).unwrap().is_empty());
}

pub fn a_deleted_execution_is_gone_with_all_that_it_had(with: &Fixture) {
    let flow = fresh().to_string();
    let id = with.start(&flow);
    with.store
        .append(&id, T, 1, vec![ended("a", value("a")), wait_opened("w", CallKind::Wait), artifact("kept", "k")])
        .unwrap();
    let line = LogLine { at: T, call_key: None, stream: "stdout".to_owned(), text: "said".to_owned() };
    with.store.log(&id, vec![line]).unwrap();
    end(with, &id);
    delete(with, &id).unwrap();
    is_gone(with, &id);
    let filter = ExecutionFilter { flow: Some(flow), ..ExecutionFilter::default() };
    assert!(with.store.queries().executions(&filter, super::listing::ALL).unwrap().is_empty());
}

pub fn only_what_has_ended_and_stands_still_is_deleted(with: &Fixture) {
    let id = with.start("held");
    let row = with.store.queries().execution(&id).unwrap();
    assert_eq!(code(with.store.delete(&id, row.epoch, row.last_seq)), "conflict", "it is held");
    with.store.append(&id, T, 1, vec![Body::Interrupted(Interrupted { by: "x".into(), reused: vec![] })]).unwrap();
    assert_eq!(code(delete(with, &id)), "conflict", "it can go on");
    let failed = Failed { error: super::events::error(value("no")), sources: vec![], reused: vec![] };
    with.store.claim(&id, T, 1, with.claim(), Vec::new()).unwrap();
    with.store.append(&id, T, 2, vec![Body::Failed(Box::new(failed))]).unwrap();
    let row = with.store.queries().execution(&id).unwrap();
    for (epoch, seq) in [(1, row.last_seq), (3, row.last_seq), (2, row.last_seq - 1), (2, row.last_seq + 1)] {
        assert_eq!(code(with.store.delete(&id, epoch, seq)), "conflict", "it was another then");
    }
    // Somebody goes on with it between the look and the deletion.
    with.store.claim(&id, T, 2, with.claim(), vec![taken(&with.claim().owner)]).unwrap();
    assert_eq!(code(with.store.delete(&id, row.epoch, row.last_seq)), "conflict");
    assert_eq!(load(with, &id).len(), 5);
    with.store.append(&id, T, 3, vec![Body::Cancelled(Cancelled { by: "cli".to_owned() })]).unwrap();
    delete(with, &id).unwrap();
    is_gone(with, &id);
}

pub fn a_replay_outlives_its_source(with: &Fixture) {
    let source = with.start("source");
    let large = value(&"large ".repeat(30_000));
    with.store.append(&source, T, 1, vec![ended("a", large.clone()), artifact("kept", "k")]).unwrap();
    append(with, &source, &["b"]);
    let replay = fork(with, &source, 5, &["x"]);
    end(with, &source);
    let (before, calls) = (load(with, &replay), with.store.queries().calls(&replay).unwrap());
    delete(with, &source).unwrap();
    is_gone(with, &source);
    assert_eq!(load(with, &replay), before);
    assert_eq!(with.store.queries().calls(&replay).unwrap(), calls);
    let mut body = before[2].body.clone();
    let values = body.values_mut();
    let Some(Value::Stored(reference)) = values.first() else { panic!("it is large") };
    assert_eq!(Some(with.store.value(reference).unwrap().as_str()), large.inline());
    // It is replayed and written on like any other.
    append(with, &replay, &["y"]);
    let third = fork(with, &replay, 9, &["z"]);
    assert_eq!(keys(&load(with, &third)), ["a", "b", "x", "y", "z"]);
    assert_eq!(with.store.queries().execution(&replay).unwrap().forked_from, Some(source), "its origin is still told");
}

pub fn a_source_outlives_its_replay(with: &Fixture) {
    let source = with.start("source");
    append(with, &source, &["a", "b"]);
    let (replay, other) = (fork(with, &source, 4, &["x"]), fork(with, &source, 3, &["y"]));
    end(with, &replay);
    let before = load(with, &source);
    delete(with, &replay).unwrap();
    is_gone(with, &replay);
    assert_eq!(load(with, &source), before);
    assert_eq!(keys(&load(with, &other)), ["a", "y"]);
    append(with, &source, &["c"]);
    assert_eq!(keys(&load(with, &source)), ["a", "b", "c"]);
}

/// S is replayed by F, F by G. However they are deleted, what is left reads on.
pub fn a_chain_is_deleted_in_any_order(with: &Fixture) {
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let s = with.start("s");
        append(with, &s, &["a", "b"]);
        let f = fork(with, &s, 4, &["c", "d"]);
        let g = fork(with, &f, 7, &["e"]);
        let chain = [s, f, g];
        let mut left: Vec<(usize, Vec<Event>)> = Vec::new();
        for (at, id) in chain.iter().enumerate() {
            end(with, id);
            left.push((at, load(with, id)));
        }
        for at in order {
            delete(with, &chain[at]).unwrap();
            is_gone(with, &chain[at]);
            left.retain(|(one, _)| *one != at);
            for (one, events) in &left {
                assert_eq!(&load(with, &chain[*one]), events, "{one} after {at} of {order:?}");
            }
        }
    }
}

/// Were its number given again, a new execution's events would be among those that the replays read.
pub fn what_is_new_never_gets_in_the_way_of_what_was_deleted(with: &Fixture) {
    let source = with.start("source");
    append(with, &source, &["a"]);
    let replay = fork(with, &source, 3, &["x"]);
    end(with, &source);
    end(with, &replay);
    let before = load(with, &replay);
    delete(with, &source).unwrap();
    // The youngest goes too: the next number would be its.
    let youngest = with.start("youngest");
    end(with, &youngest);
    delete(with, &youngest).unwrap();
    for n in 0..3 {
        let new = with.start("new");
        append(with, &new, &["p", "q", "r", "s"]);
        assert_eq!(keys(&load(with, &new)), ["p", "q", "r", "s"], "{n}");
        assert_eq!(load(with, &replay), before);
    }
}

/// A handle that knew a deleted execution by its number writes nothing into one that was made since.
pub fn a_late_writer_of_a_deleted_execution_reaches_no_other(with: &Fixture) {
    let id = with.start("deleted");
    append(with, &id, &["a"]);
    end(with, &id);
    let other = with.again();
    let row = other.queries().execution(&id).unwrap();
    other.delete(&id, row.epoch, row.last_seq).unwrap();
    let new = with.start("new");
    assert!(with.store.append(&id, T, 1, vec![ended("late", value("late"))]).is_err());
    let line = LogLine { at: T, call_key: None, stream: "stdout".to_owned(), text: "late".to_owned() };
    drop(with.store.log(&id, vec![line]));
    assert_eq!(load(with, &new).len(), 2);
    assert!(with.store.queries().logs(&new, 0, 0).unwrap().0.is_empty());
}

/// An execution that is named by its key may come again after it was deleted, and by another process than deleted it.
pub fn an_identifier_may_come_again(with: &Fixture) {
    let id = with.start("first");
    append(with, &id, &["a"]);
    end(with, &id);
    let other = with.again();
    let row = other.queries().execution(&id).unwrap();
    other.delete(&id, row.epoch, row.last_seq).unwrap();
    let again = |store: &dyn Store| {
        let claim = with.claim();
        let events = vec![created("second"), taken(&claim.owner)];
        store.create(&id, T, events, Some(claim)).unwrap()
    };
    assert_eq!(again(with.store.as_ref()), Created::New(1));
    // This handle had known it by its old number.
    append(with, &id, &["b"]);
    let line = LogLine { at: T, call_key: None, stream: "stdout".to_owned(), text: "said".to_owned() };
    with.store.log(&id, vec![line]).unwrap();
    assert_eq!(keys(&load(with, &id)), ["b"]);
    assert_eq!(with.store.queries().logs(&id, 0, 0).unwrap().0.len(), 1);
    // And once more: here it is deleted and made by the other, and taken up by this one.
    end(with, &id);
    let row = other.queries().execution(&id).unwrap();
    other.delete(&id, row.epoch, row.last_seq).unwrap();
    assert_eq!(again(other.as_ref()), Created::New(1));
    with.store.claim(&id, T, 1, with.claim(), Vec::new()).unwrap();
    with.store.append(&id, T, 2, vec![ended("c", value("c"))]).unwrap();
    assert_eq!(keys(&load(with, &id)), ["c"]);
}

/// A replay is made of what is being deleted: either it is whole, or the source was gone.
pub fn a_replay_and_a_deletion_at_once_leave_no_torn_replay(with: &Fixture) {
    for _ in 0..20 {
        let source = with.start("source");
        append(with, &source, &["a", "b"]);
        end(with, &source);
        let row = with.store.queries().execution(&source).unwrap();
        let id = fresh();
        let (made, gone) = std::thread::scope(|scope| {
            let first = forked(&source, 4, &[(3, 4)]);
            let make = scope.spawn(|| with.store.create(&id, T, vec![first], None));
            let other = with.again();
            let source = &source;
            let gone = scope.spawn(move || other.delete(source, row.epoch, row.last_seq));
            (make.join().unwrap(), gone.join().unwrap())
        });
        gone.unwrap();
        match made {
            Ok(_) => assert_eq!(keys(&load(with, &id)), ["a", "b"]),
            Err(error) => {
                assert_eq!(error.code(), "unknown-execution");
                assert_eq!(code(with.store.queries().execution(&id)), "unknown-execution");
            }
        }
    }
}
