//! Replays and what they read of others: whose events come before their own, and removing an execution without taking
//! anything from them.
//!
//! Not here: which records a replay keeps (core's `fork`).

use super::due;
use super::fault::{Fault, Result};
use super::feed::{self, Numbers};
use super::read::{self, must_exist};
use super::seal::Db;
use crate::error::StoreError;
use crate::store::ArtifactRow;
use kitaru_core::rows::CallRow;
use kitaru_core::table::Table;
use kitaru_core::{Epoch, Event, ExecutionId, Seq};
use rusqlite::{OptionalExtension, params};

/// Lets execution `n` read the events of `source` up to `upto`, and what that one reads. What the source has not
/// written yet cannot be promised.
pub fn attach(db: &Db, n: i64, source: &ExecutionId, upto: Seq) -> Result<()> {
    let (from, last): (i64, Seq) = db
        .prepare_cached("SELECT n, last_seq FROM executions WHERE id = ?1")?
        .query_row([source.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?
        .ok_or_else(|| Fault::Refused(StoreError::NotFound(source.to_string())))?;
    if !(1..=last).contains(&upto) {
        let why = format!("execution {source} has events 1 to {last}, and none to replay it up to {upto}");
        return Err(Fault::Refused(StoreError::Conflict(why)));
    }
    let mut insert = db.prepare_cached("INSERT INTO segments (n, upto, source) VALUES (?1, ?2, ?3)")?;
    for (last, of) in segments(db, from)? {
        insert.execute(params![n, last.min(upto), of])?;
        if last >= upto {
            return Ok(());
        }
    }
    insert.execute(params![n, upto, from])?;
    Ok(())
}

/// The last event and the execution of each part that comes before the own events of `n`, in order.
fn segments(db: &Db, n: i64) -> Result<Vec<(Seq, i64)>> {
    let mut select = db.prepare_cached("SELECT upto, source FROM segments WHERE n = ?1 ORDER BY upto")?;
    let found = select.query_map([n], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// The events after `after`, at most `limit` (0: all), those of the source first.
pub fn load(db: &Db, id: &ExecutionId, after: Seq, limit: usize) -> Result<Vec<Event>> {
    let (n, base): (i64, Seq) = db
        .prepare_cached("SELECT n, base FROM executions WHERE id = ?1")?
        .query_row([id.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?
        .ok_or_else(|| Fault::Refused(StoreError::NotFound(id.to_string())))?;
    let mut limit = if limit == 0 { usize::MAX } else { limit };
    let mut events = Vec::new();
    if after < base {
        for (upto, source) in segments(db, n)? {
            let from = events.last().map_or(after, |last: &Event| last.seq);
            if from < upto && limit > 0 {
                let before = events.len();
                read::events(db, source, from, upto, limit, &mut events)?;
                limit -= events.len() - before;
            }
        }
    }
    if limit > 0 {
        read::events(db, n, after.max(base), Seq::from(u32::MAX), limit, &mut events)?;
    }
    Ok(events)
}

/// Whether an execution is a replay, so that its calls and artifacts are not all in rows.
pub fn is_replay(db: &Db, id: &ExecutionId) -> Result<bool> {
    let base: Option<Seq> = db
        .prepare_cached("SELECT base FROM executions WHERE id = ?1")?
        .query_row([id.as_str()], |row| row.get(0))
        .optional()?;
    Ok(base.unwrap_or(0) > 0)
}

/// A replay's calls.
pub fn calls(db: &Db, id: &ExecutionId) -> Result<Vec<CallRow>> {
    Ok(table(db, id)?.calls())
}

/// A replay's artifacts, by name.
pub fn artifacts(db: &Db, id: &ExecutionId) -> Result<Vec<ArtifactRow>> {
    let table = table(db, id)?;
    let row = |(saved, at): (&kitaru_core::event::ArtifactSaved, i64)| ArtifactRow {
        execution_id: id.clone(),
        name: saved.name.clone(),
        value: saved.value.clone(),
        call_key: saved.call.clone(),
        at,
    };
    Ok(table.artifacts().into_iter().map(row).collect())
}

fn table(db: &Db, id: &ExecutionId) -> Result<Table> {
    let mut table = Table::default();
    for event in load(db, id, 0, 0)? {
        table.fold(event.seq, event.at, &event.body);
    }
    Ok(table)
}

/// Removes an execution that ended and has not changed.
pub fn delete(db: &Db, numbers: &mut Numbers, id: &ExecutionId, epoch: Epoch, last_seq: Seq) -> Result<()> {
    let gone: Option<i64> = db
        .prepare_cached(
            "DELETE FROM executions WHERE id = ?1 AND epoch = ?2 AND last_seq = ?3 AND owner IS NULL
                AND status IN ('completed', 'failed', 'cancelled') RETURNING n",
        )?
        .query_row(params![id.as_str(), epoch, last_seq], |row| row.get(0))
        .optional()?;
    let Some(n) = gone else {
        must_exist(db, id)?;
        return Err(Fault::Refused(StoreError::Conflict(format!("execution {id} has changed meanwhile, or goes on"))));
    };
    for statement in [
        "DELETE FROM calls WHERE n = ?1",
        "DELETE FROM waits WHERE n = ?1",
        "DELETE FROM artifacts WHERE n = ?1",
        "DELETE FROM logs WHERE n = ?1",
    ] {
        db.prepare_cached(statement)?.execute([n])?;
    }
    due::forget(db, n, id.as_str())?;
    feed::gone(db, numbers, n, id)?;
    let read = segments(db, n)?;
    db.prepare_cached("DELETE FROM segments WHERE n = ?1")?.execute([n])?;
    // Its own events go, and those that were kept for it alone.
    for of in read.into_iter().map(|(_, of)| of).chain([n]) {
        let used = db
            .prepare_cached(
                "SELECT 1 FROM executions WHERE n = ?1 UNION ALL SELECT 1 FROM segments WHERE source = ?1 LIMIT 1",
            )?
            .exists([of])?;
        if !used {
            db.prepare_cached("DELETE FROM journal WHERE place > ?1 << 32 AND place < ?1 + 1 << 32")?.execute([of])?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::Sqlite;
    use super::*;
    use crate::store::{Queries, Store};
    use kitaru_core::Body;
    use kitaru_core::event::{Completed, Created, EntryPoint, Fork, Reuse};
    use kitaru_core::value::Value;

    fn made(store: &Sqlite, name: &str, source: Option<(&ExecutionId, Seq)>, more: usize) -> ExecutionId {
        let id = ExecutionId::new(name);
        let fork = source.map(|(source, upto)| {
            let (source, kept, by) = (source.clone(), Vec::new(), "test".to_owned());
            Box::new(Fork {
                source,
                upto,
                kept,
                reuse: Reuse::Frontier,
                from: None,
                overrides: Vec::new(),
                asked: Vec::new(),
                plain: Vec::new(),
                by,
            })
        });
        let created = Created {
            flow: "f".to_owned(),
            inputs: Value::of(&()).unwrap(),
            entry: EntryPoint::default(),
            code: None,
            parent: None,
            fork,
            key: None,
            detached: false,
            pool: None,
            pause_before: Vec::new(),
            deadline: None,
            tags: Vec::new(),
        };
        let done = Completed { result: Value::of(&()).unwrap(), volatile: None, reused: Vec::new() };
        let events = std::iter::once(Body::Created(Box::new(created)));
        let events = events.chain(std::iter::repeat_n(Body::Completed(done), more)).collect();
        store.create(&id, 1, events, None).unwrap();
        id
    }

    fn rows(store: &Sqlite, table: &str) -> i64 {
        store.read(|db| Ok(db.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0))?)).unwrap()
    }

    /// S is replayed by F, F by G, and H replays no more of F than what that has of S.
    #[test]
    fn events_go_with_their_last_reader_and_not_before() {
        // Own events of S, F, G and H, and who reads them.
        let own = [5, 4, 3, 2];
        let readers: [&[usize]; 4] = [&[0, 1, 2, 3], &[1, 2], &[2], &[3]];
        for order in [[0, 1, 2, 3], [1, 0, 2, 3], [1, 0, 3, 2], [3, 2, 1, 0], [2, 0, 1, 3], [0, 3, 1, 2]] {
            let home = tempfile::tempdir().unwrap();
            let store = Sqlite::open(&home.path().join("s.db"), home.path(), &crate::Options::default()).unwrap();
            let s = made(&store, "s", None, 4);
            let f = made(&store, "f", Some((&s, 4)), 3);
            let g = made(&store, "g", Some((&f, 7)), 2);
            let h = made(&store, "h", Some((&f, 3)), 1);
            let chain = [s, f, g, h];
            let mut left: Vec<usize> = (0..4).collect();
            for at in order {
                let row = store.execution(&chain[at]).unwrap();
                store.delete(&chain[at], row.epoch, row.last_seq).unwrap();
                left.retain(|one| *one != at);
                let is_read = |of: &usize| readers[*of].iter().any(|reader| left.contains(reader));
                let kept: i64 = (0..4).filter(is_read).map(|of| own[of]).sum();
                assert_eq!(rows(&store, "journal"), kept, "after {at} of {order:?}");
            }
            assert_eq!((rows(&store, "segments"), rows(&store, "executions")), (0, 0));
        }
    }
}
