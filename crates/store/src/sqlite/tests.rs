//! What can be seen from inside only: how statements are served, and what is refused before a file is touched.

use super::*;
use crate::store::{ExecutionFilter, WaitFilter};
use kitaru_core::rows::Status;
use rusqlite::Connection;

fn store() -> (tempfile::TempDir, Sqlite) {
    let home = tempfile::tempdir().unwrap();
    let store = Sqlite::open(&home.path().join("kitaru.db"), home.path(), &Options::default()).unwrap();
    (home, store)
}

fn plan(store: &Sqlite, sql: &str) -> Vec<String> {
    store.writer.with(|db| {
        let mut explain = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let blanks = vec![rusqlite::types::Value::Null; explain.parameter_count()];
        let steps = explain.query_map(rusqlite::params_from_iter(blanks), |row| row.get(3)).unwrap();
        steps.collect::<rusqlite::Result<_>>().unwrap()
    })
}

fn must_use(store: &Sqlite, sql: &str, indexes: &[&str]) {
    let steps = plan(store, sql);
    for index in indexes {
        assert!(steps.iter().any(|step| step.contains(index)), "{sql}\nuses no {index}: {steps:#?}");
    }
    let scans: Vec<_> = steps
        .iter()
        .filter(|step| step.starts_with("SCAN") && !step.contains("INDEX") && !step.contains('('))
        .collect();
    assert!(scans.is_empty(), "{sql}\nscans: {steps:#?}");
}

#[test]
fn every_listing_is_served_by_an_index() {
    let (_home, store) = store();
    let page = Page { limit: 20, offset: 0 };
    let list = |filter: ExecutionFilter| read::executions_sql(&filter, page).0;
    let all = ExecutionFilter::default;
    let by_status = "executions_status";
    must_use(&store, &list(ExecutionFilter { status: vec![Status::Failed], ..all() }), &[by_status]);
    must_use(&store, &list(ExecutionFilter { status: vec![Status::Failed, Status::Paused], ..all() }), &[by_status]);
    must_use(&store, &list(ExecutionFilter { open: true, ..all() }), &[by_status]);
    let flow = Some("f".to_owned());
    must_use(&store, &list(ExecutionFilter { flow: flow.clone(), ..all() }), &["COVERING INDEX executions_flow"]);
    let both = ExecutionFilter { flow, status: vec![Status::Failed], ..all() };
    must_use(&store, &list(both), &["executions_"]);
    let children = ExecutionFilter { parent: Some(ExecutionId::new("p")), ..all() };
    must_use(&store, &list(children), &["executions_parent"]);
    must_use(&store, &list(ExecutionFilter { key: Some("k".to_owned()), ..all() }), &["executions_key"]);
    must_use(&store, &list(ExecutionFilter { awaits: true, ..all() }), &["awaits_n"]);
    let on = ExecutionFilter { awaits_on: Some(ExecutionId::new("x")), ..all() };
    must_use(&store, &list(on), &["SEARCH awaits USING PRIMARY KEY"]);
    let left = vec![Status::Running, Status::Interrupted];
    let of_pool = ExecutionFilter { pool: Some("p".to_owned()), status: left, ..all() };
    must_use(&store, &list(of_pool), &["INDEX executions_pool"]);
    let steps = plan(&store, pools::OF_POOL);
    assert!(steps.iter().all(|step| !step.contains("TEMP B-TREE")), "{steps:#?}");
    must_use(&store, &list(ExecutionFilter { due_by: Some(1), ..all() }), &["executions_wake"]);
    let indexes = ["executions_stirred", "executions_wake", "awaits_open", "executions_left"];
    must_use(&store, &format!("SELECT id FROM executions WHERE {}", due::CANDIDATES), &indexes);
    must_use(&store, due::INBOX, &["waits_open", "SEARCH executions"]);
    let steps = plan(&store, due::INBOX);
    assert!(steps.iter().all(|step| !step.contains("TEMP B-TREE")), "{steps:#?}");
    // Without a filter the newest page is the end of the table itself.
    let steps = plan(&store, &list(all()));
    assert!(steps.iter().all(|step| !step.contains("TEMP B-TREE")), "{steps:#?}");
    let id = Some(ExecutionId::new("x"));
    must_use(&store, &read::waits_sql(&WaitFilter { open: true, execution: None }, page).0, &["waits_open"]);
    must_use(&store, &read::waits_sql(&WaitFilter { open: true, execution: id }, page).0, &["SEARCH waits"]);
}

#[test]
fn every_statement_of_a_step_finds_its_rows_by_key() {
    let (_home, store) = store();
    for sql in [
        "UPDATE executions SET last_seq = 1 WHERE n = ?1 AND epoch = ?2 AND owner IS NOT NULL",
        "SELECT seq, at, payload FROM journal WHERE place > ?1 << 32 | ?2 AND place < ?1 + 1 << 32 ORDER BY place LIMIT ?3",
        "SELECT coalesce(max(line), 0) FROM logs WHERE n = ?1",
        "SELECT id FROM chunks WHERE digest = ?1",
        "SELECT chunks FROM blobs WHERE digest = ?1",
        "SELECT id FROM executions WHERE reversed >= ?2 AND reversed < ?2 || '~'",
        "SELECT key, seq FROM calls WHERE n = ?1 ORDER BY seq",
    ] {
        must_use(&store, sql, &["SEARCH"]);
    }
}

#[test]
fn a_step_of_a_lone_flow_writes_no_page_for_its_number() {
    let (home, store) = store();
    let written = |store: &Sqlite| {
        store.writer.with(|db| db.query_row("SELECT count(*) FROM feed", [], |row| row.get(0)).unwrap())
    };
    let id = ExecutionId::new("lone");
    let line = || LogLine { at: 1, call_key: None, stream: "stdout".to_owned(), text: "x".to_owned() };
    store
        .write(Durable::Now, |db, _| {
            Ok(db.execute(
                "INSERT INTO executions (id, reversed, flow, status, entry, tags, inputs, created_at, updated_at)
         VALUES ('lone', 'enol', 'f', 'running', '{}', '[]', '{}', 1, 1)",
                [],
            )? as u64)
        })
        .unwrap();
    for _ in 0..2_000 {
        store.log(&id, vec![line()]).unwrap();
    }
    assert!((2..=3).contains(&written(&store)), "a row in a thousand numbers");
    let other = Sqlite::open(&home.path().join("kitaru.db"), home.path(), &Options::default()).unwrap();
    let before: i64 = written(&store);
    for _ in 0..3 {
        other.log(&id, vec![line()]).unwrap();
        store.log(&id, vec![line()]).unwrap();
    }
    assert_eq!(written(&store), before + 6, "a turn each");
}

#[test]
fn a_page_of_ten_thousand_executions_costs_what_is_on_it() {
    let (_home, store) = store();
    store
        .write(Durable::Now, |db, _| {
            db.execute_batch(
                "WITH RECURSIVE i(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM i WHERE x < 10000)
                 INSERT INTO executions (id, reversed, flow, status, entry, tags, inputs, created_at, updated_at)
                 SELECT 'e' || x, x || 'e', 'f' || (x % 7), CASE x % 100 WHEN 0 THEN 'failed' ELSE 'completed' END,
                    json_object('module', NULL, 'file', NULL, 'qualname', 'f', 'interpreter', hex(zeroblob(500)),
                        'cwd', '/', 'path', json_array(), 'as_module', json('false')),
                    '[]', '{\"inline\":null}', x, x FROM i",
            )?;
            Ok(0)
        })
        .unwrap();
    let all = ExecutionFilter::default;
    let filters = [
        all(),
        ExecutionFilter { status: vec![Status::Failed], ..all() },
        ExecutionFilter { status: vec![Status::Completed, Status::Failed], ..all() },
        ExecutionFilter { open: true, ..all() },
        ExecutionFilter { flow: Some("f3".to_owned()), status: vec![Status::Failed], ..all() },
    ];
    for filter in filters {
        for offset in [0, 60] {
            let (sql, values) = read::executions_sql(&filter, Page { limit: 20, offset });
            let steps = store.writer.with(|db| {
                let mut select = db.prepare(&sql).unwrap();
                let mut rows = select.query(rusqlite::params_from_iter(values.iter())).unwrap();
                let mut count = 0;
                while rows.next().unwrap().is_some() {
                    count += 1;
                }
                drop(rows);
                assert!(count <= 20, "{count} rows");
                select.get_status(rusqlite::StatementStatus::VmStep)
            });
            // A look at every row takes four times as many, and one that sorts them more.
            assert!(steps < 15_000, "{filter:?} takes {steps} steps");
        }
    }
}

#[test]
fn a_network_file_system_is_refused_before_anything_is_made_on_it() {
    let home = tempfile::tempdir().unwrap();
    let far = home.path().join("far/away");
    let refused = Sqlite::open_where(&far.join("kitaru.db"), &far, &Options::default(), |path| {
        path.starts_with(home.path()).then_some("NFS")
    });
    let Err(error) = refused else { panic!("it was opened") };
    assert_eq!(error.code(), "network-file-system");
    assert!(error.to_string().contains("NFS") && error.to_string().contains("KITARU_HOME"), "{error}");
    assert!(!home.path().join("far").exists());
}

#[test]
fn the_write_ahead_log_keeps_its_size_and_is_cut_back_after_a_long_reader() {
    let (home, store) = store();
    let wal = home.path().join("kitaru.db-wal");
    let len = || wal.metadata().unwrap().len();
    let lines = |count: usize| {
        store
            .write(Durable::Later, move |db, _| {
                for line in 0..count {
                    db.execute(
                        "INSERT INTO logs VALUES (1, (SELECT coalesce(max(line), 0) + 1 FROM logs WHERE n = 1), 0, '', '', ?1, 0)",
                        [format!("{line:01000}")],
                    )?;
                }
                Ok(0)
            })
            .unwrap()
    };
    assert_eq!(len(), open::WAL_BYTES);
    for _ in 0..60 {
        lines(100);
    }
    assert_eq!(len(), open::WAL_BYTES, "checkpoints keep the log at its size");
    let reader = Connection::open(home.path().join("kitaru.db")).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM logs").unwrap();
    for _ in 0..60 {
        lines(100);
    }
    assert!(len() > open::WAL_BYTES, "a reader keeps what it sees in the log");
    reader.execute_batch("COMMIT").unwrap();
    for _ in 0..20 {
        lines(100);
    }
    assert_eq!(len(), open::WAL_BYTES, "the log is cut back when the reader has gone");
    drop(reader);
    drop(store);
    assert_eq!(len(), open::WAL_BYTES, "closing keeps the log");
    let store = Sqlite::open(&home.path().join("kitaru.db"), home.path(), &Options::default()).unwrap();
    let rows: u64 = store.read(|db| Ok(db.query_row("SELECT count(*) FROM logs", [], |row| row.get(0))?)).unwrap();
    assert_eq!(rows, 14_000);
}

#[test]
fn a_durable_write_after_an_unsynced_one_syncs_again() {
    let (_home, store) = store();
    let level = |store: &Sqlite| store.writer.with(|db| open::pragma(db, "synchronous").unwrap());
    let touch = |db: &Db, _: &mut Numbers| {
        Ok(db.execute("INSERT INTO logs VALUES (1, random(), 0, '', '', '', 0)", [])? as u64)
    };
    store.write(Durable::Later, touch).unwrap();
    assert_eq!(level(&store), "1");
    store.write(Durable::Now, touch).unwrap();
    assert_eq!(level(&store), "2");
}

#[test]
fn a_store_of_the_first_format_gets_to_know_what_happens_at_a_waits_deadline() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("kitaru.db");
    let db = Connection::open(&file).unwrap();
    db.execute_batch(schema::MIGRATIONS[0]).unwrap();
    db.execute_batch(&format!("PRAGMA application_id = {}; PRAGMA user_version = 1", open::APPLICATION)).unwrap();
    db.execute_batch(
        r#"INSERT INTO executions (id, reversed, flow, status, entry, tags, inputs, created_at, updated_at)
               VALUES ('a', 'a', 'f', 'waiting', '{}', '[]', '{}', 1, 1), ('b', 'b', 'f', 'waiting', '{}', '[]', '{}', 1, 1);
           INSERT INTO journal (place, kind, call_key, payload, epoch, at) VALUES
               (1 << 32 | 3, 'wait_opened', 'go', '{"wait_opened": {"on_timeout": "default"}}', 1, 1),
               (2 << 32 | 3, 'wait_opened', 'go', '{"wait_opened": {"on_timeout": "raise"}}', 1, 1),
               (2 << 32 | 9, 'wait_opened', 'go', '{"wait_opened": {"on_timeout": "escalate"}}', 1, 1);
           INSERT INTO waits (n, key, name, sleep, question, status, deadline, opened_at) VALUES
               (1, 'go', 'go', 0, '?', 'open', 5, 1), (2, 'go', 'go', 0, '?', 'open', 5, 1),
               (2, 'other', 'other', 0, '?', 'open', NULL, 1);"#,
    )
    .unwrap();
    drop(db);
    let store = Sqlite::open(&file, home.path(), &Options::default()).unwrap();
    let found = store.waits(&WaitFilter::default(), Page { limit: 9, offset: 0 }).unwrap();
    let found: Vec<_> = found.iter().map(|wait| (wait.key.as_str(), wait.on_timeout.as_deref())).collect();
    assert_eq!(found, [("go", Some("default")), ("go", Some("escalate")), ("other", None)]);
}
