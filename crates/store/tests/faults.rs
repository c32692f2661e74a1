//! Disks that are full, read-only or damaged, and files that are not ours: each gives its code and one sentence with
//! a way out, and loses nothing that was recorded.
//!
//! Not here: processes that die (`processes.rs`). A test that needs a mount says so when it cannot have one.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use kitaru_core::event::{ArtifactSaved, Created, EntryPoint};
use kitaru_core::{Body, Digest, ExecutionId, Value};
use kitaru_store::{Claim, Guard, Options, Store, StoreError, open};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

fn try_open(home: &Path) -> Result<Arc<dyn Store>, StoreError> {
    open(home.join("kitaru.db").to_str().unwrap(), home, &Options::default())
}

fn refused(home: &Path) -> StoreError {
    let Err(error) = try_open(home) else { panic!("the store was opened") };
    told(&error);
    error
}

/// One line that ends in no code and names what to do.
fn told(error: &StoreError) {
    let text = error.to_string();
    assert!(!text.contains('\n') && text.len() < 300, "{text}");
    let ways = ["KITARU_HOME", "KITARU_STORE", "restore", "upgrade", "free some", "try again"];
    assert!(ways.iter().any(|way| text.contains(way)), "no way out: {text}");
}

fn start(store: &dyn Store) -> ExecutionId {
    let id = ExecutionId::new(uuid::Uuid::now_v7().to_string());
    let created = Created {
        flow: "f".to_owned(),
        inputs: Value::of(&()).unwrap(),
        entry: EntryPoint::default(),
        code: None,
        parent: None,
        fork: None,
        key: None,
        detached: false,
        pool: None,
        pause_before: Vec::new(),
        deadline: None,
        tags: Vec::new(),
    };
    let claim = Claim { owner: store.owner().unwrap(), lease_until: i64::MAX };
    store.create(&id, 1, vec![Body::Created(Box::new(created))], Some(claim)).unwrap();
    id
}

fn save(store: &dyn Store, id: &ExecutionId, n: usize, len: usize) -> Result<u64, StoreError> {
    let saved = ArtifactSaved { name: n.to_string(), value: Value::of(&text(n, len)).unwrap(), call: None };
    store.append(id, 1, 1, vec![Body::ArtifactSaved(saved)])
}

fn text(n: usize, len: usize) -> String {
    (0..=len / 64).map(|part| Digest::of(format!("{n} {part}").as_bytes()).to_string()).collect()
}

fn is_all_there(store: &dyn Store, id: &ExecutionId, saved: &[(usize, usize)]) {
    let found = store.queries().artifacts(id).unwrap();
    assert_eq!(found.len(), saved.len());
    for (n, len) in saved {
        let row = found.iter().find(|row| row.name == n.to_string()).unwrap();
        let json = match &row.value {
            Value::Inline(raw) => raw.get().to_owned(),
            Value::Stored(reference) => store.value(reference).unwrap(),
        };
        assert!(serde_json::from_str::<String>(&json).unwrap() == text(*n, *len));
    }
    for (name, value) in store.queries().health(true).unwrap() {
        assert!(!name.ends_with("_check") || value == "ok", "{name}: {value}");
    }
}

/// A small file system of its own, where that is allowed.
struct Mount(tempfile::TempDir);

impl Mount {
    fn new(options: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        let done =
            mount.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(folder.path()).stderr(Stdio::null()).status();
        if done.is_ok_and(|done| done.success()) {
            return Some(Self(folder));
        }
        println!("SKIPPED: this user cannot mount a tmpfs");
        None
    }

    fn remount(&self, options: &str) {
        let done = Command::new("mount").args(["-o", options]).arg(self.0.path()).status().unwrap();
        assert!(done.success());
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(self.0.path()).status());
    }
}

#[test]
fn a_home_that_is_a_file_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    std::fs::write(&home, "mine").unwrap();
    for path in [home.clone(), home.join("below")] {
        let error = refused(&path);
        assert_eq!(error.code(), "store-io");
        assert!(error.to_string().contains("a file is where a folder is needed"), "{error}");
    }
    assert_eq!(std::fs::read_to_string(&home).unwrap(), "mine");
}

#[test]
fn a_store_that_is_a_folder_is_told() {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join("kitaru.db")).unwrap();
    let error = refused(home.path());
    assert!(error.to_string().contains("it is a folder"), "{error}");
}

#[test]
fn an_address_of_another_kind_is_told() {
    let home = tempfile::tempdir().unwrap();
    for address in ["mysql://somewhere/db", ""] {
        let Err(error) = open(address, home.path(), &Options::default()) else { panic!("it was opened") };
        assert_eq!(error.code(), "store-address");
    }
}

#[test]
fn a_read_only_home_is_told_and_what_is_in_it_kept() {
    let Some(mount) = Mount::new("size=16m") else { return };
    let home = mount.0.path();
    mount.remount("remount,ro");
    assert_eq!(refused(home).code(), "store-read-only");
    assert_eq!(refused(&home.join("new")).code(), "store-read-only");
    mount.remount("remount,rw");
    // In another process: the lock files stay open for as long as theirs lives.
    assert!(role_of("makes", home).status().unwrap().success());
    let id = ExecutionId::new(std::fs::read_to_string(home.join("id")).unwrap());
    mount.remount("remount,ro");
    assert_eq!(refused(home).code(), "store-read-only");
    mount.remount("remount,rw");
    is_all_there(try_open(home).unwrap().as_ref(), &id, &[(1, 100)]);
}

#[test]
fn a_full_disk_loses_nothing_and_goes_on_when_there_is_space() {
    let Some(mount) = Mount::new("size=8m") else { return };
    let home = mount.0.path();
    let ballast = home.join("ballast");
    std::fs::write(&ballast, vec![0; 2 << 20]).unwrap();
    let store = try_open(home).unwrap();
    let id = start(store.as_ref());
    let mut saved = Vec::new();
    // Sizes for rows, for chunks in rows, and for packs.
    for len in [100, 40_000, 200_000] {
        let error = loop {
            let n = saved.len();
            match save(store.as_ref(), &id, n, len) {
                Ok(_) => saved.push((n, len)),
                Err(error) => break error,
            }
            assert!(saved.len() < 100_000, "the disk does not fill up");
        };
        assert_eq!(error.code(), "store-full", "{error}");
        told(&error);
        is_all_there(store.as_ref(), &id, &saved);
        // The same write again says the same, and others still read.
        assert_eq!(save(store.as_ref(), &id, saved.len(), len).unwrap_err().code(), "store-full");
        std::fs::write(&ballast, vec![0; (2 << 20) - (saved.len() << 4).min(1 << 19) - len * 2]).unwrap();
    }
    std::fs::remove_file(&ballast).unwrap();
    for len in [100, 40_000, 200_000] {
        save(store.as_ref(), &id, saved.len(), len).unwrap();
        saved.push((saved.len(), len));
    }
    is_all_there(store.as_ref(), &id, &saved);
    drop(store);
    let store = try_open(home).unwrap();
    is_all_there(store.as_ref(), &id, &saved);
    store.post(&id, 1, Guard::NotFinal, Vec::new()).unwrap();
}

#[test]
fn a_full_disk_may_still_be_read_by_a_new_process() {
    let Some(mount) = Mount::new("size=8m") else { return };
    let home = mount.0.path();
    let store = try_open(home).unwrap();
    let id = start(store.as_ref());
    drop(store);
    std::fs::remove_file(home.join("kitaru.db-wal")).unwrap();
    std::fs::write(home.join("ballast"), vec![0; 8 << 20]).unwrap_err();
    std::fs::OpenOptions::new().write(true).open(home.join("ballast")).unwrap().set_len(5 << 20).unwrap();
    std::fs::write(home.join("more"), vec![0; 8 << 20]).unwrap_err();
    // Some pages are left for the shared memory of the log; none for the log at its size.
    let more = std::fs::OpenOptions::new().write(true).open(home.join("more")).unwrap();
    more.set_len(more.metadata().unwrap().len() - (256 << 10)).unwrap();
    let store = try_open(home).unwrap();
    is_all_there(store.as_ref(), &id, &[]);
}

/// Not a test: what this program does when it was started by one.
#[test]
#[ignore = "a role of other tests"]
fn role() {
    let home = PathBuf::from(std::env::var("KITARU_TEST_HOME").unwrap_or_default());
    match std::env::var("KITARU_TEST_ROLE").unwrap_or_default().as_str() {
        "limited" => limited(&home),
        "nobody" => {
            let error = refused(&home);
            eprintln!("CODE {} {error}", error.code());
        }
        "makes" => {
            let store = try_open(&home).unwrap();
            let id = start(store.as_ref());
            save(store.as_ref(), &id, 1, 100).unwrap();
            std::fs::write(home.join("id"), id.as_str()).unwrap();
        }
        _ => {}
    }
}

fn role_of(name: &str, home: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "role", "--ignored", "--nocapture"]);
    command.env("KITARU_TEST_ROLE", name).env("KITARU_TEST_HOME", home);
    command
}

/// Files may not grow beyond a limit: the same as a quota, which SQLite does not tell from other failures.
fn limited(home: &Path) {
    let store = try_open(home).unwrap();
    let id = start(store.as_ref());
    let limit = |bytes: u64| {
        let limit = libc::rlimit { rlim_cur: bytes, rlim_max: libc::RLIM_INFINITY };
        // SAFETY: the structure is valid for the call; the signal's handler is the system's own.
        unsafe {
            libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
            assert_eq!(libc::setrlimit(libc::RLIMIT_FSIZE, &raw const limit), 0);
        }
    };
    save(store.as_ref(), &id, 0, 100).unwrap();
    let mut saved = vec![(0, 100)];
    limit(64 << 10);
    for len in [100, 200_000] {
        let error = loop {
            match save(store.as_ref(), &id, saved.len(), len) {
                Ok(_) => saved.push((saved.len(), len)),
                Err(error) => break error,
            }
            assert!(saved.len() < 10_000);
        };
        assert_eq!(error.code(), "store-full", "{error}");
        is_all_there(store.as_ref(), &id, &saved);
    }
    limit(libc::RLIM_INFINITY);
    for len in [100, 200_000] {
        save(store.as_ref(), &id, saved.len(), len).unwrap();
        saved.push((saved.len(), len));
    }
    is_all_there(store.as_ref(), &id, &saved);
}

#[test]
fn a_limit_of_the_system_is_a_full_disk() {
    let home = tempfile::tempdir().unwrap();
    assert!(role_of("limited", home.path()).status().unwrap().success());
}

#[test]
fn a_home_without_permission_is_told() {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;
    let home = tempfile::tempdir().unwrap();
    std::fs::set_permissions(home.path(), std::fs::Permissions::from_mode(0o555)).unwrap();
    let mut command = role_of("nobody", home.path());
    // SAFETY: the call takes nothing and cannot fail.
    if unsafe { libc::geteuid() } == 0 {
        // Root may write everywhere.
        command.uid(65_534).gid(65_534);
    }
    match command.output() {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(said.contains("CODE store-read-only") && said.contains("KITARU_HOME"), "{said}");
        }
        Err(error) => println!("SKIPPED: another user cannot run this program: {error}"),
    }
}

#[test]
fn a_later_versions_store_and_another_programs_database_stay_as_they_are() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("kitaru.db");
    drop(try_open(home.path()).unwrap());
    let change = |sql: &str| rusqlite::Connection::open(&file).unwrap().execute_batch(sql).unwrap();
    change("PRAGMA user_version = 99; PRAGMA journal_mode = DELETE");
    let before = std::fs::read(&file).unwrap();
    let error = refused(home.path());
    assert_eq!(error.code(), "store-newer");
    assert!(error.to_string().contains("99"), "{error}");
    assert!(std::fs::read(&file).unwrap() == before);
    std::fs::remove_file(&file).unwrap();
    change("CREATE TABLE recipes (x)");
    let before = std::fs::read(&file).unwrap();
    let error = refused(home.path());
    assert_eq!(error.code(), "store-damaged");
    assert!(error.to_string().contains("another program's"), "{error}");
    assert!(std::fs::read(&file).unwrap() == before);
}

#[test]
fn a_file_that_is_no_database_is_told_and_kept() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("kitaru.db");
    std::fs::write(&file, "dear diary ".repeat(1000)).unwrap();
    assert_eq!(refused(home.path()).code(), "store-damaged");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "dear diary ".repeat(1000));
}

#[test]
fn damage_anywhere_is_told_and_never_a_panic_or_a_wrong_value() {
    let home = tempfile::tempdir().unwrap();
    let store = try_open(home.path()).unwrap();
    let id = start(store.as_ref());
    let saved: Vec<(usize, usize)> = (0..60).map(|n| (n, [100, 3_000, 30_000][n % 3])).collect();
    for (n, len) in &saved {
        save(store.as_ref(), &id, *n, *len).unwrap();
    }
    drop(store);
    let file = home.path().join("kitaru.db");
    let (whole, pages) = (std::fs::read(&file).unwrap(), std::fs::metadata(&file).unwrap().len() / 4096);
    // Without its log the file alone is the store: it was moved over when the last handle closed.
    std::fs::remove_file(home.path().join("kitaru.db-wal")).unwrap();
    let mut noticed = 0;
    for place in 0..pages {
        std::fs::write(&file, &whole).unwrap();
        let mut damaged = std::fs::OpenOptions::new().write(true).open(&file).unwrap();
        damaged.seek(SeekFrom::Start(place * 4096)).unwrap();
        let junk: Vec<u8> = (0..64).flat_map(|n| Digest::of(&[n, place as u8]).0).collect();
        damaged.write_all(&junk).unwrap();
        let store = match try_open(home.path()) {
            Ok(store) => store,
            Err(error) => {
                assert_eq!(error.code(), "store-damaged", "page {place}: {error}");
                told(&error);
                noticed += 1;
                continue;
            }
        };
        let health = store.queries().health(true);
        let sound = health.is_ok_and(|all| all.iter().all(|(name, value)| !name.ends_with("_check") || value == "ok"));
        let mut wrong = Vec::new();
        let mut see = |error: &StoreError| {
            // A damaged index may hide a row: that is told by the deep look above, as everything else.
            assert!(["store-damaged", "unknown-execution"].contains(&error.code()), "page {place}: {error}");
            wrong.push(error.code());
        };
        match store.queries().artifacts(&id) {
            Err(error) => see(&error),
            Ok(rows) => {
                for row in rows {
                    let json = match &row.value {
                        Value::Inline(raw) => Ok(raw.get().to_owned()),
                        Value::Stored(reference) => store.value(reference),
                    };
                    let n: usize = row.name.parse().unwrap_or(0);
                    match json {
                        Err(error) => see(&error),
                        Ok(json) if matches!(row.value, Value::Stored(_)) => {
                            assert!(serde_json::from_str::<String>(&json).unwrap() == text(n, saved[n].1));
                        }
                        Ok(_) => {}
                    }
                }
            }
        }
        if let Err(error) = store.load(&id, 0, 0) {
            see(&error);
        }
        if let Err(error) = save(store.as_ref(), &id, 1000, 100) {
            see(&error);
        }
        assert!(wrong.is_empty() || !sound, "page {place}: {wrong:?}");
        noticed += usize::from(!wrong.is_empty() || !sound);
    }
    assert!(noticed as u64 > pages / 2, "{noticed} of {pages} damaged pages were noticed");
}
