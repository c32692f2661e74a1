//! What has to be looked at without looking at all: parked executions that have something to go on with, and the inbox.
//!
//! An execution that is parked is marked in the transaction in which something happens that it may wait for: an answer,
//! a move of an execution below it, or the end of another that it awaits. Too many may be marked, never too few. Not here: whether one that is marked can go
//! on (the engine's `manage::due`).

use super::fault::Result;
use super::read;
use super::seal::Db;
use crate::awaited::awaited;
use crate::store::InboxPlace;
use kitaru_core::Millis;
use kitaru_core::rows::{ExecutionRow, WaitRow};
use rusqlite::{OptionalExtension, params};
use serde_json::Value as Json;

/// Executions above one another, at the most.
const DEEP: usize = 1000;

/// To be called when an execution has moved in a way that it, or one above it, may wait for. `anew`: its status has
/// changed, so that what it was marked for is past.
pub fn stir(db: &Db, n: i64, anew: bool) -> Result<()> {
    // Parked on a question that was answered before it was left, or on what has ended before.
    db.prepare_cached(
        "UPDATE executions SET stirred = (stirred AND NOT ?2) OR (status IN ('waiting', 'sleeping') AND (EXISTS
            (SELECT 1 FROM waits WHERE waits.n = ?1 AND waits.status = 'answered'
                AND waits.key IN (SELECT value FROM json_each(executions.parked_on)))
            OR EXISTS (SELECT 1 FROM awaits LEFT JOIN executions AS other ON other.id = awaits.awaited
                WHERE awaits.n = ?1 AND coalesce(other.status IN ('completed', 'failed', 'cancelled'), 1))))
         WHERE n = ?1",
    )?
    .execute(params![n, anew])?;
    if anew {
        let ended = "SELECT id FROM executions WHERE n = ?1 AND status IN ('completed', 'failed', 'cancelled')";
        let ended: Option<String> = db.prepare_cached(ended)?.query_row([n], |row| row.get(0)).optional()?;
        if let Some(id) = ended {
            stir_awaiting(db, &id)?;
        }
    }
    let mut above = db.prepare_cached(
        "SELECT above.n FROM executions AS one JOIN executions AS above ON above.id = one.parent
         WHERE one.n = ?1 AND NOT one.detached",
    )?;
    let mut at = n;
    for _ in 0..DEEP {
        let Some(parent) = above.query_row([at], |row| row.get(0)).optional()? else { break };
        db.prepare_cached(
            "UPDATE executions SET stirred = 1 WHERE n = ?1 AND NOT stirred AND status IN ('waiting', 'sleeping')",
        )?
        .execute([parent])?;
        at = parent;
    }
    Ok(())
}

/// The waits that an execution is parked on, as its reason says: a list for its column.
pub fn parked_on(reason: Option<&Json>) -> String {
    let waits = reason.and_then(|reason| reason.get("waits")).filter(|waits| waits.is_array());
    waits.map_or_else(|| "[]".to_owned(), Json::to_string)
}

/// Keeps which executions one is parked on, as its reason says. The reason itself may be sealed: identifiers alone are
/// kept here.
pub fn await_others(db: &Db, n: i64, reason: Option<&Json>) -> Result<()> {
    db.prepare_cached("DELETE FROM awaits WHERE n = ?1")?.execute([n])?;
    let mut insert = db.prepare_cached("INSERT INTO awaits (awaited, n, ends) VALUES (?1, ?2, ?3)")?;
    for (id, ends) in awaited(reason) {
        insert.execute(params![id, n, ends])?;
    }
    Ok(())
}

/// To be called when an execution has ended, or is gone: marks what is parked on it.
pub fn stir_awaiting(db: &Db, id: &str) -> Result<()> {
    db.prepare_cached(
        "UPDATE executions SET stirred = 1 WHERE n IN (SELECT n FROM awaits WHERE awaited = ?1) AND NOT stirred
            AND status IN ('waiting', 'sleeping')",
    )?
    .execute([id])?;
    Ok(())
}

/// To be called when an execution is gone.
pub fn forget(db: &Db, n: i64, id: &str) -> Result<()> {
    db.prepare_cached("DELETE FROM awaits WHERE n = ?1")?.execute([n])?;
    stir_awaiting(db, id)
}

/// What may have something to go on with, newest first: each part by an index of its own.
pub const CANDIDATES: &str = "n IN (
    SELECT n FROM executions INDEXED BY executions_stirred WHERE stirred
    UNION ALL SELECT n FROM executions INDEXED BY executions_wake WHERE wake_at <= ?1
    UNION ALL SELECT n FROM awaits INDEXED BY awaits_open WHERE NOT ends
    UNION ALL SELECT n FROM executions INDEXED BY executions_left
        WHERE parent IS NOT NULL AND status IN ('running', 'interrupted'))
 ORDER BY n DESC";

pub fn candidates(db: &Db, now: Millis) -> Result<Vec<ExecutionRow>> {
    read::executions_where(db, CANDIDATES, &[&now])
}

/// A page of the inbox.
pub const INBOX: &str = "SELECT executions.id, waits.key, waits.name, question, schema, data, waits.status, answer,
    answered_by, deadline, on_timeout, opened_at, closed_at, waits.n FROM waits CROSS JOIN executions USING (n)
 WHERE waits.status = 'open' AND sleep = 0 AND over = 0 AND (opened_at, waits.n, waits.key) > (?1, ?2, ?3)
 ORDER BY opened_at, waits.n, waits.key LIMIT ?4";

pub fn inbox(db: &Db, after: Option<&InboxPlace>, limit: usize) -> Result<Vec<(InboxPlace, WaitRow)>> {
    let mut select = db.prepare_cached(INBOX)?;
    let (at, number, key) =
        after.map_or((Millis::MIN, 0, ""), |after| (after.opened_at, after.number, after.key.as_str()));
    let mut rows = select.query(params![at, number, key, i64::try_from(limit).unwrap_or(i64::MAX)])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let wait = read::wait_row(db, row)?;
        found.push((InboxPlace { opened_at: wait.opened_at, number: row.get(13)?, key: wait.key.clone() }, wait));
    }
    Ok(found)
}
