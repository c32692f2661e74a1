//! A store of the first format, as its version wrote it, is taken over: nothing is lost, it is written on, and a process
//! that dies in the middle of it leaves the store as it was.
//!
//! What its executions go on with is shown from outside (`tests/e2e/test_format_1.py`). Not here: formats that are newer
//! (`faults.rs`).
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use kitaru_core::event::{Created, EntryPoint, Fork, Interrupted, Reuse, Taken};
use kitaru_core::rows::Status;
use kitaru_core::table::Table;
use kitaru_core::{Body, ExecutionId, Value};
use kitaru_store::{Claim, ExecutionFilter, Options, Page, Store, StoreError, WaitFilter, open};
use rusqlite::Connection;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

const FORMAT_1: &str = include_str!("../../../tests/e2e/format_1/store.sql");
const APPLICATION: i64 = 0x4b74_7275;
const ALL: Page = Page { limit: 1_000_000, offset: 0 };

/// A store as the first version left it, with so many copies of each execution's row.
fn format_1(home: &Path, copies: u32) -> Connection {
    let db = Connection::open(home.join("kitaru.db")).unwrap();
    db.execute_batch("PRAGMA journal_mode = WAL").unwrap();
    db.execute_batch(FORMAT_1).unwrap();
    db.execute_batch(&format!("PRAGMA application_id = {APPLICATION}; PRAGMA user_version = 1")).unwrap();
    db.execute_batch(&format!(
        "WITH RECURSIVE more (copy) AS (SELECT 1 UNION ALL SELECT copy + 1 FROM more WHERE copy < {copies})
         INSERT INTO executions (id, reversed, flow, status, reason, owner, epoch, lease_until, entry, code, tags, inputs,
            last_seq, created_at, updated_at)
         SELECT id || '-' || copy, copy || reversed, flow, status, reason, owner, epoch, lease_until, entry, code, tags,
            inputs, last_seq, created_at, updated_at FROM executions JOIN more ON {copies} > 0"
    ))
    .unwrap();
    db
}

fn try_open(home: &Path) -> Result<Arc<dyn Store>, StoreError> {
    open(home.join("kitaru.db").to_str().unwrap(), home, &Options::default())
}

fn health(store: &dyn Store, name: &str) -> String {
    let found = store.queries().health(true).unwrap();
    found.into_iter().find(|(known, _)| known == name).map(|(_, value)| value).unwrap_or_default()
}

/// All columns that both formats have, by number.
fn rows(db: &Connection) -> Vec<String> {
    let mut select = db
        .prepare(
            "SELECT n, id, reversed, flow, status, reason, wake_at, owner, epoch, lease_until, parent, parent_key,
                forked_from, entry, code, tags, inputs, result, error, input_tokens, output_tokens, cost_usd, stop,
                fruitless, last_seq, created_at, updated_at FROM executions ORDER BY n",
        )
        .unwrap();
    let width = select.column_count();
    let row = |row: &rusqlite::Row<'_>| {
        let values: Vec<String> = (0..width).map(|at| format!("{:?}", row.get_ref(at).unwrap())).collect();
        Ok(values.join(" "))
    };
    select.query_map([], row).unwrap().collect::<rusqlite::Result<_>>().unwrap()
}

fn find(store: &dyn Store, flow: &str) -> ExecutionId {
    let filter = ExecutionFilter { flow: Some(flow.to_owned()), ..ExecutionFilter::default() };
    store.queries().executions(&filter, ALL).unwrap().pop().unwrap().id
}

#[test]
fn nothing_is_lost() {
    let home = tempfile::tempdir().unwrap();
    let before = {
        let db = format_1(home.path(), 0);
        let tables = ["journal", "calls", "waits", "artifacts", "logs", "blobs", "chunks"];
        let count =
            |table: &str| db.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get::<_, i64>(0));
        assert!(tables.iter().all(|table| count(table).unwrap() > 0), "it has something of everything");
        rows(&db)
    };
    let store = try_open(home.path()).unwrap();
    assert_eq!(health(store.as_ref(), "format"), "7");
    assert_eq!(
        (health(store.as_ref(), "integrity_check"), health(store.as_ref(), "value_check")),
        ("ok".into(), "ok".into())
    );
    assert_eq!(rows(&Connection::open(home.path().join("kitaru.db")).unwrap()), before);
    let all = store.queries().executions(&ExecutionFilter::default(), ALL).unwrap();
    for status in Status::ALL {
        assert!(all.iter().any(|row| row.status == status), "there is one that is {status}");
    }
    for row in &all {
        assert_eq!((row.base, row.key.as_deref(), row.detached), (0, None, false));
        let events = store.load(&row.id, 0, 0).unwrap();
        assert_eq!(events.len() as u64, row.last_seq);
        let mut table = Table::default();
        events.iter().for_each(|event| table.fold(event.seq, event.at, &event.body));
        assert_eq!(store.queries().calls(&row.id).unwrap(), table.calls(), "{}", row.flow);
        for event in events {
            for value in event.body.clone().values_mut() {
                if let Value::Stored(reference) = value {
                    assert_eq!(store.value(reference).unwrap().len() as u64, reference.len);
                }
            }
        }
    }
    let open = store.queries().waits(&WaitFilter { open: true, execution: None }, ALL).unwrap();
    // Nobody answers to what was cancelled.
    assert_eq!(open.len(), 1);
}

#[test]
fn it_is_written_on() {
    let home = tempfile::tempdir().unwrap();
    drop(format_1(home.path(), 0));
    let store = try_open(home.path()).unwrap();
    let id = find(store.as_ref(), "interrupted");
    let row = store.queries().execution(&id).unwrap();
    let owner = store.owner().unwrap();
    let claim = Claim { owner: owner.clone(), lease_until: i64::MAX };
    let taken = Body::Taken(Taken { owner, code: None, why: "resume".to_owned(), entry: None });
    let epoch = store.claim(&id, row.updated_at + 1, row.epoch, claim, vec![taken]).unwrap();
    let gone = Body::Interrupted(Interrupted { by: "test".to_owned(), reused: Vec::new() });
    assert_eq!(store.append(&id, row.updated_at + 2, epoch, vec![gone]).unwrap(), row.last_seq + 2);
    // Its executions are replayed and deleted like any other, and numbers go on from theirs.
    let source = find(store.as_ref(), "completes");
    let row = store.queries().execution(&source).unwrap();
    let events = store.load(&source, 0, 0).unwrap();
    let replay = ExecutionId::new("replay");
    let created = Created {
        flow: row.flow.clone(),
        inputs: row.inputs.clone(),
        entry: EntryPoint::default(),
        code: None,
        parent: None,
        fork: Some(Box::new(Fork {
            source: source.clone(),
            upto: row.last_seq,
            kept: vec![(1, row.last_seq)],
            reuse: Reuse::Frontier,
            from: None,
            overrides: Vec::new(),
            asked: Vec::new(),
            plain: Vec::new(),
            by: "test".to_owned(),
        })),
        key: None,
        detached: false,
        pool: None,
        pause_before: Vec::new(),
        deadline: None,
        tags: Vec::new(),
    };
    store.create(&replay, row.updated_at, vec![Body::Created(Box::new(created))], None).unwrap();
    store.delete(&source, row.epoch, row.last_seq).unwrap();
    assert_eq!(store.load(&replay, 0, events.len()).unwrap(), events);
    assert_eq!(store.queries().artifacts(&replay).unwrap().len(), 1);
    let db = Connection::open(home.path().join("kitaru.db")).unwrap();
    let numbers = |id: &str| db.query_row("SELECT n FROM executions WHERE id = ?1", [id], |row| row.get::<_, i64>(0));
    let highest = FORMAT_1.lines().filter(|line| line.starts_with("INSERT INTO \"executions\"")).count() as i64;
    assert_eq!(numbers("replay").unwrap(), highest + 1);
}

/// The other role of this program: opens the store.
#[test]
#[ignore = "a role that the other tests start"]
fn role() {
    let Ok(home) = std::env::var("KITARU_TEST_HOME") else { return };
    drop(try_open(Path::new(&home)).unwrap());
}

#[test]
fn a_process_that_dies_in_the_middle_leaves_it_as_it_was() {
    let mut in_the_middle = 0;
    // So far the log had grown when it died: what the transaction does not hold in memory goes there.
    for grown in [1u64 << 20, 6 << 20, 24 << 20] {
        let home = tempfile::tempdir().unwrap();
        let db = format_1(home.path(), 3_000);
        let before = rows(&db);
        db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
        drop(db);
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "role", "--ignored", "--test-threads", "1"])
            .env("KITARU_TEST_HOME", home.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let (wal, begun) = (home.path().join("kitaru.db-wal"), Instant::now());
        while wal.metadata().map_or(0, |wal| wal.len()) < grown && child.try_wait().unwrap().is_none() {
            assert!(begun.elapsed() < Duration::from_secs(60), "it never came to {grown} bytes");
            std::thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        {
            let db = Connection::open(home.path().join("kitaru.db")).unwrap();
            let format: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
            in_the_middle += u32::from(format == 1);
            assert_eq!(rows(&db), before, "format {format}");
        }
        let store = try_open(home.path()).unwrap();
        assert_eq!(health(store.as_ref(), "format"), "7");
        assert_eq!(health(store.as_ref(), "integrity_check"), "ok");
        assert_eq!(rows(&Connection::open(home.path().join("kitaru.db")).unwrap()), before);
    }
    assert!(in_the_middle > 0, "none died in the middle");
}
