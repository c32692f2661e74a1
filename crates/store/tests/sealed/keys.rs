//! Keys that are missing, wrong, changed, and changed while others write.

use super::fill::{fill, told};
use super::looked_through::{found, reseal};
use super::{Home, T, events};
use kitaru_core::{Body, ExecutionId};
use kitaru_store::{Claim, Reached, Resealed};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

fn files(home: &Home) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files: Vec<_> =
        std::fs::read_dir(home.path().join("store")).unwrap().map(|one| one.unwrap().path()).collect();
    files.retain(|path| path.is_file() && !path.to_string_lossy().ends_with("-shm"));
    files.sort();
    files.into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

/// A file with those of the keys.
fn only(home: &Home, keep: &[usize]) -> PathBuf {
    let text = std::fs::read_to_string(home.file()).unwrap();
    let keys: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let path = home.path().join(format!("some{keep:?}"));
    std::fs::write(&path, keep.iter().map(|at| format!("{}\n", keys[*at])).collect::<String>()).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
    path
}

#[test]
fn a_sealed_store_is_refused_without_its_key_before_anything_is_touched() {
    let home = Home::made();
    fill(home.sealed().as_ref());
    let before = files(&home);
    let other = Home::made();
    for keys in [None, Some(other.file())] {
        let error = home.open_with(keys).err().unwrap();
        assert_eq!(error.code(), "store-sealed");
        assert!(error.to_string().contains("name the file that has it"), "{error}");
    }
    assert_eq!(home.open_with(Some(home.path().join("none"))).err().unwrap().code(), "key-file");
    std::fs::set_permissions(home.file(), PermissionsExt::from_mode(0o640)).unwrap();
    assert_eq!(home.open_with(Some(home.file())).err().unwrap().code(), "key-file");
    assert!(before == files(&home), "nothing was changed");
}

#[test]
fn whoever_has_a_plain_store_open_writes_nothing_plain_once_it_is_sealed() {
    let home = Home::made();
    let (early, id) = (home.plain(), ExecutionId::new("early"));
    early.create(&id, T, vec![events::created("flow")], None).unwrap();
    let sealed = home.sealed();
    let refused = early.create(&ExecutionId::new("late"), T, vec![events::created("flow")], None).unwrap_err();
    assert_eq!(refused.code(), "store-sealed");
    let late = ExecutionId::new("sealed");
    sealed.create(&late, T, vec![events::created("flow")], None).unwrap();
    assert_eq!(early.load(&late, 0, 0).unwrap_err().code(), "store-sealed", "never as damage");
    assert_eq!(sealed.load(&id, 0, 0).unwrap().len(), 1);
}

#[test]
fn a_key_is_changed_while_others_have_the_store_open() {
    let home = Home::made();
    let (one, other) = (home.sealed(), home.sealed());
    let ids = fill(one.as_ref());
    let before = told(one.as_ref(), &ids);
    let first = one.keyring().unwrap().in_use().unwrap().writes.unwrap();
    assert!(!one.keyring().unwrap().change().unwrap(), "there is no newer key");
    let second = home.key();
    assert!(one.keyring().unwrap().change().unwrap());
    let used = other.keyring().unwrap().in_use().unwrap();
    assert_eq!((used.writes.as_deref(), used.before.as_slice()), (Some(second.as_str()), [first].as_slice()));
    // Both are needed until all is sealed anew; then the newer alone.
    for keep in [[0], [1]] {
        assert_eq!(home.open_with(Some(only(&home, &keep))).err().unwrap().code(), "store-sealed");
    }
    assert_eq!(told(other.as_ref(), &ids), before);
    let late = ExecutionId::new("late");
    other.create(&late, T, vec![events::created("flow")], None).unwrap();
    let resealed = reseal(one.as_ref());
    assert!(resealed > 20, "{resealed}");
    for store in [&one, &other, &home.open_with(Some(only(&home, &[1]))).unwrap()] {
        assert_eq!(told(store.as_ref(), &ids), before);
        store.create(&ExecutionId::new(format!("{resealed}")), T, vec![events::created("flow")], None).unwrap();
    }
    assert_eq!(home.open_with(Some(only(&home, &[0]))).err().unwrap().code(), "store-sealed");
}

/// A rotation that is cut at any place, by whoever dies, is gone on with by another; what is read is the same throughout.
#[test]
fn a_rotation_that_is_cut_anywhere_goes_on() {
    for plain in [true, false] {
        let home = Home::made();
        let first = if plain { home.plain() } else { home.sealed() };
        let ids = fill(first.as_ref());
        let before = told(first.as_ref(), &ids);
        drop(first);
        home.key();
        let mut cut = 0;
        loop {
            let store = home.sealed();
            let ring = store.keyring().unwrap();
            ring.change().unwrap();
            let mut reached = Reached::default();
            // Each dies one step later, and with other writes in between.
            let mut done = false;
            for _ in 0..=cut {
                done = ring.reseal(&mut reached).unwrap() == Resealed::All;
                if done {
                    break;
                }
                assert_eq!(told(store.as_ref(), &ids), before, "after {cut} of a {plain} store");
            }
            let id = ExecutionId::new(format!("written-{cut}"));
            store.create(&id, T, vec![events::created("flow")], None).unwrap();
            assert_eq!(store.load(&id, 0, 0).unwrap().len(), 1);
            cut += 1;
            if done {
                assert_eq!(ring.left().unwrap(), 0);
                break;
            }
            assert!(cut < 100);
        }
        let newest = home.open_with(Some(only(&home, &[1]))).unwrap();
        assert_eq!(told(newest.as_ref(), &ids), before);
        newest.keyring().unwrap().scrub(false).unwrap();
        assert_eq!(found(&home.path().join("store")), Vec::<String>::new());
    }
}

#[test]
fn writers_and_readers_notice_nothing_of_a_rotation() {
    let home = Home::made();
    let store = home.sealed();
    let claim = Claim { owner: store.owner().unwrap(), lease_until: T + 1_000_000 };
    let id = ExecutionId::new("busy");
    store.create(&id, T, vec![events::created("flow"), events::taken(&claim.owner)], Some(claim)).unwrap();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let store = home.sealed();
            for at in 0..200u64 {
                let large = kitaru_core::Value::of(&super::fill::large(at, 3_000 + 500 * at as usize)).unwrap();
                store.append(&id, T, 1, vec![events::ended(&format!("c{at}"), large)]).unwrap();
                store
                    .log(
                        &id,
                        vec![kitaru_store::LogLine {
                            at: T,
                            call_key: None,
                            stream: "log".to_owned(),
                            text: format!("{at}"),
                        }],
                    )
                    .unwrap();
            }
        });
        let reader = scope.spawn(|| {
            let store = home.sealed();
            for _ in 0..40 {
                for event in store.load(&id, 0, 0).unwrap() {
                    let mut body = event.body;
                    for value in body.values_mut() {
                        if value.inline().is_none() {
                            store.value(&value.reference()).unwrap();
                        }
                    }
                }
            }
        });
        while !writer.is_finished() || !reader.is_finished() {
            home.key();
            store.keyring().unwrap().change().unwrap();
            reseal(store.as_ref());
        }
        writer.join().unwrap();
        reader.join().unwrap();
    });
    let events = store.load(&id, 0, 0).unwrap();
    assert_eq!(events.len(), 202);
    assert!(events.iter().any(|event| matches!(event.body, Body::CallEnded(_))));
    assert_eq!(store.queries().logs(&id, 0, 0).unwrap().0.len(), 200);
    assert!(store.queries().health(true).unwrap().contains(&("value_check".to_owned(), "ok".to_owned())));
}
