//! Promises of a store's keys. Not here: those of a store in which values are sealed.

use super::*;

fn seal(home: &Path) -> Seal {
    Seal::new("test".to_owned(), Some(home.join("keys")))
}

fn begun(home: &Path, all: bool) -> Seal {
    keys::make(&home.join("keys"), "2026-11-30").unwrap();
    let seal = seal(home);
    let record = seal.begin(all).unwrap();
    seal.follow(Some(record)).unwrap();
    seal
}

fn at(n: i64) -> impl Fn() -> Place {
    move || Place::of("t.c").n(n)
}

fn whole(kept: Kept<'_>) -> Vec<u8> {
    match kept {
        Kept::Sealed(whole) => whole,
        Kept::Plain(text) => panic!("it is plain: {text}"),
    }
}

#[test]
fn a_text_opens_where_it_was_sealed_and_a_plain_one_is_not_believed() {
    let home = tempfile::tempdir().unwrap();
    let seal = begun(home.path(), true);
    let now = seal.now();
    let sealed = whole(now.text(at(1), "hello"));
    assert_eq!(now.open(at(1), Found::Sealed(&sealed)).unwrap(), "hello");
    assert_eq!(now.open(at(2), Found::Sealed(&sealed)).unwrap_err().code(), "store-damaged");
    assert_eq!(now.open(at(1), Found::Plain("hello")).unwrap_err().code(), "store-damaged");
    assert_eq!(now.open(at(1), Found::Sealed(b"")).unwrap_err().code(), "store-damaged");
    let other = tempfile::tempdir().unwrap();
    let other = begun(other.path(), true);
    assert_eq!(other.now().open(at(1), Found::Sealed(&sealed)).unwrap_err().code(), "store-sealed");
    let digest = Digest::of(b"x");
    assert_ne!(now.address("value", digest), digest);
    assert_ne!(now.address("value", digest), now.address("chunk", digest));
    assert_ne!(now.address("value", digest), other.now().address("value", digest));
}

#[test]
fn a_store_with_plain_rows_reads_both() {
    let home = tempfile::tempdir().unwrap();
    let seal = begun(home.path(), false);
    assert_eq!(seal.now().open(at(1), Found::Plain("hello")).unwrap(), "hello");
    let done = seal.finished().unwrap();
    seal.follow(done).unwrap();
    assert_eq!(seal.now().open(at(1), Found::Plain("hello")).unwrap_err().code(), "store-damaged");
    assert_eq!(seal.finished().unwrap(), None);
}

#[test]
fn keys_change_and_what_older_ones_sealed_opens_until_it_is_over() {
    let home = tempfile::tempdir().unwrap();
    let seal = begun(home.path(), true);
    let first = whole(seal.now().text(at(1), "hello"));
    let address = seal.now().address("value", Digest::of(b"x"));
    assert_eq!(seal.rotated().unwrap(), None);
    let key = keys::make(&home.path().join("keys"), "2026-12-01").unwrap();
    let changed = seal.rotated().unwrap();
    seal.follow(changed.clone()).unwrap();
    let now = seal.now();
    assert_eq!((now.writes(), now.in_use().before.len()), (Some(key.id), 1));
    let second = whole(now.text(at(1), "hello"));
    assert_ne!(first, second);
    for one in [&first, &second] {
        assert_eq!(now.open(at(1), Found::Sealed(one)).unwrap(), "hello");
    }
    assert_eq!(now.address("value", Digest::of(b"x")), address, "what is kept is found by any key");
    // Whoever has the old key alone is refused, and told what is missing.
    let old = home.path().join("old");
    let all = std::fs::read_to_string(home.path().join("keys")).unwrap();
    std::io::Write::write_all(
        &mut crate::os::private_file(&old).unwrap(),
        all.replace(all.lines().last().unwrap(), "").as_bytes(),
    )
    .unwrap();
    let error = Seal::new("test".to_owned(), Some(old)).follow(changed).unwrap_err();
    assert_eq!(error.code(), "store-sealed");
    assert!(error.to_string().contains(&key.id.to_string()), "{error}");
}

#[test]
fn a_record_is_followed_only_as_it_was_made() {
    let home = tempfile::tempdir().unwrap();
    let seal = begun(home.path(), false);
    let record = seal.now().state.unwrap().record.clone();
    assert_eq!(Record::of(&record.names(), record.state.clone()).as_ref(), Some(&record));
    for at in 0..record.state.len() {
        let mut wrong = record.clone();
        wrong.state[at] ^= 1;
        assert!(super::Seal::new("t".into(), seal.file.clone()).follow(Some(wrong)).is_err(), "{at}");
    }
    assert_eq!(seal.follow(None).unwrap_err().code(), "store-damaged");
    let none = Seal::new("test".to_owned(), None);
    assert_eq!(none.follow(Some(record)).unwrap_err().code(), "store-sealed");
    assert!(Record::of("", Vec::new()).is_none());
}
