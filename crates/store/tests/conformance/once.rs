//! Writes whose answer was lost and that come again.

use super::events::{completed, created, ended, taken, value};
use super::{Fixture, LEASE, T, code, fresh};
use kitaru_core::{Body, Digest, ExecutionId, Value};
use kitaru_store::wire::{Write, Wrote};
use kitaru_store::{Assign, Created, Guard, LogLine, Store, StoreError, Wanted};

fn step(id: &ExecutionId, key: &str) -> Write {
    Write::Append(id.clone(), T, 1, vec![ended(key, value("r"))], Vec::new())
}

/// Each verb that writes, on executions of its own.
fn one_of_each(with: &Fixture) -> Vec<Write> {
    let (made, held, posted) = (fresh(), with.start("held"), with.start("posted"));
    let (taken_up, ended_one) = (with.start("taken"), with.start("ended"));
    let claim = with.claim();
    let last = with.store.append(&ended_one, T, 1, vec![completed()]).unwrap();
    let breakpoint = kitaru_core::rows::BreakpointRow {
        id: 0,
        flow: "flow".to_owned(),
        file: None,
        before: "step 1".to_owned(),
        every: false,
        condition: None,
        by: "test".to_owned(),
        at: T,
        hits: 0,
    };
    let line = LogLine { at: T, call_key: None, stream: "stdout".to_owned(), text: "line".to_owned() };
    vec![
        Write::Create(made, T, vec![created("made"), taken(&claim.owner)], Some(claim.clone())),
        step(&held, "a"),
        Write::Post(posted, T, Guard::NotFinal, vec![ended("b", value("r"))]),
        Write::Claim(taken_up, T, 1, claim.clone(), vec![taken(&claim.owner)]),
        Write::Renew(vec![(held.clone(), 1), (fresh(), 1)], T + 2 * LEASE),
        Write::Assign(Assign { wanted: Wanted::These(vec![held.clone(), fresh()]), limit: 9, at: T, hold: LEASE }),
        Write::Log(held, vec![line]),
        Write::Delete(ended_one, 1, last),
        Write::AddBreakpoint(breakpoint),
        Write::RemoveBreakpoint(77),
        Write::KeepCode("digest".to_owned(), "{}".to_owned()),
    ]
}

/// All that is in a store, as far as this module writes.
fn all(store: &dyn Store, writes: &[Write]) -> String {
    let mut seen = String::new();
    for one in writes {
        let ids: Vec<&ExecutionId> = match one {
            Write::Create(id, ..) | Write::Claim(id, ..) | Write::Append(id, ..) | Write::Post(id, ..) => vec![id],
            Write::Log(id, _) | Write::Delete(id, ..) => vec![id],
            Write::Renew(leases, _) => leases.iter().map(|(id, _)| id).collect(),
            _ => Vec::new(),
        };
        for id in ids {
            let queries = store.queries();
            seen += &format!("{:?}{:?}{:?}\n", queries.execution(id), store.load(id, 0, 0), queries.logs(id, 0, 0));
        }
    }
    seen + &format!("{:?}", store.queries().breakpoints(None))
}

pub fn a_write_that_comes_twice_is_written_once_and_answered_alike(with: &Fixture) {
    let writes = one_of_each(with);
    let first: Vec<Wrote> =
        with.store.write_once("w", 1, writes.clone()).unwrap().into_iter().map(Result::unwrap).collect();
    assert_eq!(first[0], Wrote::Created(Created::New(1)));
    assert_eq!((&first[1], &first[2], &first[3]), (&Wrote::Number(3), &Wrote::Number(3), &Wrote::Number(2)));
    assert!(matches!(&first[4], Wrote::These(lost) if lost.len() == 1));
    assert!(matches!(&first[5], Wrote::These(assigned) if assigned.len() == 1));
    assert_eq!((&first[7], &first[9]), (&Wrote::Done, &Wrote::Removed(false)));
    let seen = all(with.store.as_ref(), &writes);
    for by in [&with.store, &with.again()] {
        let again = by.write_once("w", 1, writes.clone()).unwrap();
        assert_eq!(again.into_iter().map(Result::unwrap).collect::<Vec<_>>(), first);
        assert_eq!(all(with.store.as_ref(), &writes), seen);
    }
    // Sent as something new, the same is written again, or refused.
    let id = with.start("twice");
    for (number, seq) in [(2, 3), (3, 4)] {
        let told = with.store.write_once("w", number, vec![step(&id, "a")]).unwrap();
        assert_eq!(told[0].as_ref().unwrap(), &Wrote::Number(seq));
    }
}

pub fn what_is_refused_leaves_the_others_and_is_refused_alike(with: &Fixture) {
    let (id, other) = (with.start("refused"), with.start("other"));
    let late = Write::Append(id.clone(), T + LEASE, 1, vec![ended("late", value("r"))], Vec::new());
    let writes = vec![step(&id, "a"), late, step(&fresh(), "unknown"), step(&other, "b")];
    let told = |answers: Vec<Result<Wrote, kitaru_store::StoreError>>| -> Vec<String> {
        answers.into_iter().map(|one| one.map_or_else(|error| error.code().to_owned(), |_| "ok".to_owned())).collect()
    };
    let first = told(with.store.write_once("w", 1, writes.clone()).unwrap());
    assert_eq!(first, ["ok", "fenced", "unknown-execution", "ok"]);
    assert_eq!((with.bodies(&id).len(), with.bodies(&other).len()), (3, 3));
    // It would go through now: it was refused, and whoever sent it was told so, or is told so now.
    with.store.renew(&[(id.clone(), 1)], T + 9 * LEASE).unwrap();
    assert_eq!(told(with.store.write_once("w", 1, writes).unwrap()), first);
    assert_eq!(with.bodies(&id).len(), 3);
    let alone = vec![step(&fresh(), "unknown")];
    assert_eq!(told(with.store.write_once("w", 2, alone.clone()).unwrap()), ["unknown-execution"]);
    assert_eq!(code(with.store.write_once("w", 1, alone)), "conflict", "a refusal counts as an answer");
}

pub fn what_was_overtaken_is_never_written(with: &Fixture) {
    let id = with.start("overtaken");
    with.store.write_once("w", 5, vec![step(&id, "a")]).unwrap();
    assert_eq!(code(with.store.write_once("w", 4, vec![step(&id, "late")])), "conflict");
    with.store.write_once("another", 1, vec![step(&id, "b")]).unwrap();
    let keys: Vec<_> = with.bodies(&id).iter().filter_map(|body| body.call_key().map(str::to_owned)).collect();
    assert_eq!(keys, ["a", "b"]);
}

pub fn writers_at_once_are_written_each_once(with: &Fixture) {
    let ids: Vec<_> = (0..4).map(|_| with.start("at once")).collect();
    std::thread::scope(|scope| {
        for (at, id) in ids.iter().enumerate() {
            // Two connections bring the same: the first was thought lost.
            for _ in 0..2 {
                scope.spawn(move || {
                    for number in 1..=20u64 {
                        let told =
                            with.store.write_once(&format!("w{at}"), number, vec![step(id, &number.to_string())]);
                        match told {
                            Ok(told) => assert_eq!(told[0].as_ref().unwrap(), &Wrote::Number(number + 2)),
                            Err(overtaken) => assert_eq!(overtaken.code(), "conflict"),
                        }
                    }
                });
            }
        }
    });
    for id in &ids {
        let found: Vec<_> = with.bodies(id).iter().filter_map(|body| body.call_key().map(str::to_owned)).collect();
        assert_eq!(found, (1..=20).map(|number| number.to_string()).collect::<Vec<_>>());
    }
}

pub fn what_one_writer_sends_is_seen_by_others_as_any_write(with: &Fixture) {
    let id = with.start("seen");
    let other = with.again();
    let (ours, theirs) = (with.store.version().unwrap(), other.version().unwrap());
    with.store.write_once("w", 1, vec![step(&id, "a")]).unwrap();
    assert_ne!(with.store.version().unwrap(), ours, "it may be for a session of this handle");
    assert_ne!(other.version().unwrap(), theirs);
    let gone = fresh();
    let made = vec![Write::Create(gone.clone(), T, vec![created("unclaimed")], None), step(&gone, "x")];
    let told = with.store.write_once("w", 2, made).unwrap();
    assert_eq!(told[0].as_ref().unwrap(), &Wrote::Created(Created::New(0)));
    assert_eq!(told[1].as_ref().unwrap_err().code(), "fenced", "nobody has taken it");
}

pub fn values_that_are_not_there_are_asked_for_and_nothing_is_written(with: &Fixture) {
    let (id, large) = (with.start("missing"), value(&"never sent ".repeat(1000)));
    let reference = with.store.reference(&large).unwrap();
    let named = ended("a", Value::Stored(reference));
    let writes = |body: Body| vec![step(&id, "before"), Write::Append(id.clone(), T, 1, vec![body], Vec::new())];
    let refused = with.store.write_once("w", 1, writes(named.clone())).unwrap_err();
    assert!(matches!(&refused, StoreError::Missing(digests) if *digests == [reference.digest]), "{refused}");
    assert_eq!(with.bodies(&id).len(), 2);
    with.store.write_once("w", 1, writes(ended("a", large.clone()))).unwrap();
    let other = with.start("known");
    with.store.write_once("w", 2, vec![Write::Append(other.clone(), T, 1, vec![named], Vec::new())]).unwrap();
    assert_eq!(with.bodies(&other).len(), 3);
    assert_eq!(with.store.value(&reference).unwrap(), large.inline().unwrap());
}

pub fn pieces_of_values_are_found_by_their_digests(with: &Fixture) {
    let id = with.start("pieces");
    // Of one piece: none is shorter than this.
    let small = value(&"x".repeat(2047));
    let text = small.inline().unwrap();
    let (own, unknown) = (Digest::of(text.as_bytes()), Digest::of(b"never stored"));
    assert_eq!(with.store.chunks(&[own, unknown]).unwrap(), [None, None]);
    with.store.append(&id, T, 1, vec![ended("a", small.clone())]).unwrap();
    let found = with.store.chunks(&[unknown, own, own]).unwrap();
    let bytes = Some(text.as_bytes().to_vec());
    assert_eq!(found, [None, bytes.clone(), bytes]);
}
