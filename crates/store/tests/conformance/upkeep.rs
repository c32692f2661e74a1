//! Removing what is old and collecting what nobody refers to takes nothing that somebody needs.
//!
//! Not here: which executions are old enough (the engine), many processes at once (`tests/collect.rs`), backups.

use super::events::{artifact, completed, created, ended, taken, value};
use super::forks::{append, fork};
use super::{Fixture, T, code, fresh};
use kitaru_core::event::Parent;
use kitaru_core::{Body, ExecutionId, Value};
use kitaru_store::{Removal, Store, StoreError, Upkeep};

fn upkeep(store: &dyn Store) -> &dyn Upkeep {
    store.upkeep().unwrap()
}

fn remove(with: &Fixture, id: &ExecutionId) -> Removal {
    let store = with.store.as_ref();
    let row = store.queries().execution(id).unwrap();
    let removed = upkeep(store).remove(&[(id.clone(), row.epoch, row.last_seq)]).unwrap();
    removed.into_iter().next().unwrap()
}

fn kept(removal: Removal) -> String {
    match removal {
        Removal::Kept(why) => why,
        other => panic!("{other:?}"),
    }
}

/// A text that has nothing in common with others.
fn large(seed: u64, len: usize) -> Value {
    let mut text = String::new();
    for n in 0u64.. {
        text.push_str(&blake3::hash(&[seed.to_le_bytes(), n.to_le_bytes()].concat()).to_hex());
        if text.len() >= len {
            break;
        }
    }
    value(&text)
}

fn end(with: &Fixture, id: &ExecutionId) {
    with.store.append(id, T, 1, vec![completed()]).unwrap();
}

pub fn what_is_read_or_belongs_to_others_is_not_removed(with: &Fixture) {
    let source = with.start("source");
    append(with, &source, &["a", "b"]);
    assert!(kept(remove(with, &source)).contains("changed"), "it is open");
    end(with, &source);
    let replay = fork(with, &source, 4, &["c"]);
    end(with, &replay);
    assert!(kept(remove(with, &source)).contains("replay"));
    let mut first = created("child");
    if let Body::Created(one) = &mut first {
        one.parent = Some(Parent { id: replay.clone(), key: "c".to_owned() });
    }
    let (child, claim) = (fresh(), with.claim());
    with.store.create(&child, T, vec![first, taken(&claim.owner)], Some(claim)).unwrap();
    end(with, &child);
    assert!(kept(remove(with, &child)).contains("parent"));
    // In one transaction, each sees what became of those before it.
    let rows: Vec<_> = [&replay, &child, &source]
        .map(|id| with.store.queries().execution(id).unwrap())
        .into_iter()
        .map(|row| (row.id, row.epoch, row.last_seq))
        .collect();
    let removed = upkeep(with.store.as_ref()).remove(&rows).unwrap();
    assert!(removed.iter().all(|one| matches!(one, Removal::Removed { .. })), "{removed:?}");
    assert!(matches!(&removed[1], Removal::Removed { events: 3, bytes } if *bytes > 100), "{removed:?}");
    assert_eq!(upkeep(with.store.as_ref()).remove(&rows[..1]).unwrap(), [Removal::Gone]);
    assert_eq!(code(with.store.load(&replay, 0, 0)), "unknown-execution");
}

pub fn a_value_goes_with_the_last_that_refers_to_it(with: &Fixture) {
    let (one, two) = (with.start("one"), with.start("two"));
    // The last is long enough to go into a pack, where there are packs.
    let (shared, own, long) = (large(1, 6_000), large(2, 9_000), large(3, 300_000));
    with.store.append(&one, T, 1, vec![ended("a", shared.clone()), ended("b", own.clone())]).unwrap();
    with.store.append(&one, T, 1, vec![ended("c", long.clone())]).unwrap();
    with.store.append(&two, T, 1, vec![artifact("x", "x"), ended("a", shared.clone())]).unwrap();
    let tail = large(4, 280_000);
    with.store.append(&two, T, 1, vec![ended("b", tail.clone())]).unwrap();
    let keep = upkeep(with.store.as_ref());
    assert_eq!(keep.collect(None).unwrap().values, 0);
    end(with, &one);
    assert!(matches!(remove(with, &one), Removal::Removed { .. }));
    let found = keep.collect(None).unwrap();
    assert_eq!((found.values, &found.put_off), (2, &None));
    assert!(found.bytes > 100_000, "{found:?}");
    for gone in [&own, &long] {
        assert_eq!(code(with.store.value(&gone.reference())), "store-damaged");
    }
    for there in [&shared, &tail] {
        assert_eq!(Some(with.store.value(&there.reference()).unwrap().as_str()), there.inline());
        assert_eq!(Some(with.again().value(&there.reference()).unwrap().as_str()), there.inline());
    }
    assert_eq!(keep.collect(None).unwrap(), kitaru_store::Collected::default());
    let health = with.store.queries().health(true).unwrap();
    assert!(health.contains(&("value_check".to_owned(), "ok".to_owned())), "{health:?}");
}

pub fn what_would_be_collected_is_told_and_stays(with: &Fixture) {
    let (one, two) = (with.start("one"), with.start("two"));
    let (shared, own) = (large(1, 6_000), large(2, 9_000));
    with.store.append(&one, T, 1, vec![ended("a", shared.clone()), ended("b", own.clone())]).unwrap();
    with.store.append(&two, T, 1, vec![ended("a", shared)]).unwrap();
    let keep = upkeep(with.store.as_ref());
    assert_eq!(keep.collect(Some(&[])).unwrap().values, 0);
    let found = keep.collect(Some(std::slice::from_ref(&one))).unwrap();
    assert!(found.values == 1 && found.bytes > 3_000, "{found:?}");
    assert_eq!(keep.collect(Some(&[one.clone(), two])).unwrap().values, 2);
    assert!(with.store.value(&own.reference()).is_ok());
    let (events, bytes) = keep.weigh(&one).unwrap();
    assert!(events == 4 && bytes > 400, "{events} {bytes}");
}

pub fn a_value_that_went_is_stored_anew(with: &Fixture) {
    let (one, text) = (with.start("one"), large(1, 90_000));
    with.store.append(&one, T, 1, vec![ended("a", text.clone())]).unwrap();
    end(with, &one);
    remove(with, &one);
    let keep = upkeep(with.store.as_ref());
    assert_eq!(keep.collect(None).unwrap().values, 1);
    let two = with.start("two");
    with.store.append(&two, T, 1, vec![ended("a", text.clone())]).unwrap();
    assert_eq!(keep.collect(None).unwrap().values, 0);
    assert_eq!(Some(with.again().value(&text.reference()).unwrap().as_str()), text.inline());
}

/// Whoever read a reference and writes it on must not be left with one that leads nowhere.
pub fn a_reference_to_what_has_gone_is_refused(with: &Fixture) {
    let (one, two, text) = (with.start("one"), with.start("two"), large(1, 6_000));
    with.store.append(&one, T, 1, vec![ended("a", text.clone())]).unwrap();
    let reference = Value::Stored(text.reference());
    with.store.append(&two, T, 1, vec![ended("a", reference.clone())]).unwrap();
    let Removal::Removed { .. } = ({
        end(with, &one);
        remove(with, &one)
    }) else {
        panic!("it is in nobody's way")
    };
    let keep = upkeep(with.store.as_ref());
    assert_eq!(keep.collect(None).unwrap().values, 0, "the copy refers to it");
    end(with, &two);
    remove(with, &two);
    assert_eq!(keep.collect(None).unwrap().values, 1);
    let three = with.start("three");
    let refused: Result<_, StoreError> = with.store.append(&three, T, 1, vec![ended("a", reference)]);
    assert_eq!(code(refused), "conflict");
    assert_eq!(with.bodies(&three).len(), 2, "nothing of it was written");
}
