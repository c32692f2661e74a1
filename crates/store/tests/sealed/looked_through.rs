//! Every byte of a store's files, looked through for what is secret.

use super::Home;
use super::fill::{SECRET, digests, fill, told};
use kitaru_store::{Keyring, Reached, Resealed};
use std::path::Path;

/// Where in the files below a folder something secret stands.
pub fn found(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut wanted = vec![SECRET.as_bytes().to_vec()];
    for digest in digests() {
        wanted.push(digest.0.to_vec());
        wanted.push(digest.to_string().into_bytes());
        wanted.push(serde_json::to_string(&digest).unwrap().trim_matches('"').as_bytes().to_vec());
    }
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(self::found(&path));
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        for (at, one) in wanted.iter().enumerate() {
            if let Some(place) = bytes.windows(one.len()).position(|window| window == one.as_slice()) {
                let name = path.file_name().unwrap().to_string_lossy();
                let before = String::from_utf8_lossy(&bytes[place.saturating_sub(60)..place]).into_owned();
                found.push(format!("{at} at {place} of {name}, behind {before:?}"));
            }
        }
    }
    found
}

/// Seals all anew.
pub fn reseal(store: &dyn kitaru_store::Store) -> u64 {
    let ring: &dyn Keyring = store.keyring().unwrap();
    let (mut reached, mut sealed) = (Reached::default(), 0);
    loop {
        match ring.reseal(&mut reached).unwrap() {
            Resealed::Some(count) => sealed += count,
            Resealed::All => return sealed,
        }
    }
}

#[test]
fn nothing_secret_stands_in_the_files_of_a_sealed_store_and_all_of_it_in_a_plain_one() {
    let (sealed, plain) = (Home::made(), Home::made());
    let (one, other) = (sealed.sealed(), plain.plain());
    let (ids, others) = (fill(one.as_ref()), fill(other.as_ref()));
    assert_eq!(told(one.as_ref(), &ids), told(other.as_ref(), &others));
    assert_eq!(found(&sealed.path().join("store")), Vec::<String>::new());
    assert!(found(&plain.path().join("store")).len() > digests().len());
    let text = told(one.as_ref(), &ids);
    for place in [
        "inputs",
        "given",
        "effective",
        "attempt",
        "raised",
        "message",
        "traceback",
        "note",
        "artifact",
        "result",
        "failed",
        "question",
        "schema",
        "data",
        "answer",
        "line",
        "another",
        "code",
        "condition",
        "given",
        "before",
        "after",
    ] {
        assert!(text.contains(&format!("{SECRET} {place}")), "{place} is read back");
    }
    drop(one);
    assert_eq!(found(&sealed.path().join("store")), Vec::<String>::new(), "nor when it is closed");
}

#[test]
fn a_plain_store_is_sealed_from_the_first_write_with_keys_on_and_whole_when_it_was_sealed_anew() {
    let home = Home::made();
    let plain = home.plain();
    let ids = fill(plain.as_ref());
    let before = told(plain.as_ref(), &ids);
    drop(plain);
    let sealed = home.sealed();
    assert_eq!(told(sealed.as_ref(), &ids), before);
    let ring = sealed.keyring().unwrap();
    assert!(ring.in_use().unwrap().plain && ring.left().unwrap() > 20);
    reseal(sealed.as_ref());
    assert_eq!(ring.scrub(false).unwrap(), None);
    assert!(!ring.in_use().unwrap().plain && ring.left().unwrap() == 0);
    assert_eq!(told(sealed.as_ref(), &ids), before);
    assert_eq!(found(&home.path().join("store")), Vec::<String>::new());
    assert_eq!(sealed.queries().health(true).unwrap().last().unwrap().1, "ok");
    // What was plain is found by its content: nothing is stored twice.
    let (collected, chunks) =
        (sealed.upkeep().unwrap().collect(None).unwrap(), sealed.queries().health(false).unwrap());
    assert_eq!((collected.values, collected.chunks), (0, 0), "{chunks:?}");
}

#[test]
fn a_backup_of_a_sealed_store_is_sealed_and_restores_with_its_keys_alone() {
    let home = Home::made();
    let store = home.sealed();
    let ids = fill(store.as_ref());
    let before = told(store.as_ref(), &ids);
    let folder = home.path().join("backup");
    let made = store.upkeep().unwrap().backup(&folder).unwrap();
    assert_eq!(made.values, 2);
    assert_eq!(found(&folder), Vec::<String>::new());
    let to = home.path().join("other").join("kitaru.db").display().to_string();
    let how = |keys| kitaru_store::Restoring { force: false, keep_tokens: true, keys };
    let refused = kitaru_store::restore(&folder, &to, how(None), super::T).unwrap_err();
    assert_eq!(refused.code(), "store-sealed");
    kitaru_store::restore(&folder, &to, how(Some(home.file())), super::T).unwrap();
    let options = kitaru_store::Options { keys: Some(home.file()), ..kitaru_store::Options::default() };
    let restored = kitaru_store::open(&to, home.path(), &options).unwrap();
    let text = told(restored.as_ref(), &ids);
    // What ran is interrupted, and only that differs.
    assert!(text.contains("xSECRETx answer") && text.len() > before.len() / 2);
    assert_eq!(found(&home.path().join("other")), Vec::<String>::new());
}

#[test]
fn a_copy_is_sealed_by_the_keys_of_where_it_goes() {
    let (plain, sealed, back) = (Home::made(), Home::made(), Home::made());
    let first = plain.plain();
    let ids = fill(first.as_ref());
    let before = told(first.as_ref(), &ids);
    let second = sealed.sealed();
    kitaru_store::copy(first.as_ref(), second.as_ref(), super::T * 2).unwrap();
    assert_eq!(told(second.as_ref(), &ids), before);
    assert_eq!(found(&sealed.path().join("store")), Vec::<String>::new());
    let third = back.sealed();
    kitaru_store::copy(second.as_ref(), third.as_ref(), super::T * 2).unwrap();
    assert_eq!(told(third.as_ref(), &ids), before);
    let fourth = Home::made();
    let last = fourth.plain();
    kitaru_store::copy(third.as_ref(), last.as_ref(), super::T * 2).unwrap();
    assert_eq!(told(last.as_ref(), &ids), before);
}
