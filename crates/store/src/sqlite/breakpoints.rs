//! The statements of breakpoints and of what code digests are made of: small tables beside the journal.
//!
//! Not here: when a breakpoint is hit (the engine's sessions).

use super::fault::{Fault, Result};
use crate::error::StoreError;
use kitaru_core::rows::BreakpointRow;
use rusqlite::{Connection, OptionalExtension, params};

pub fn add(db: &Connection, one: &BreakpointRow) -> Result<u64> {
    let id = db
        .prepare_cached(
            "INSERT INTO breakpoints (flow, file, before, every, condition, by, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             RETURNING id",
        )?
        .query_row(params![one.flow, one.file, one.before, one.every, one.condition, one.by, one.at], |row| {
            row.get(0)
        })?;
    Ok(id)
}

pub fn remove(db: &Connection, id: u64) -> Result<bool> {
    Ok(db.prepare_cached("DELETE FROM breakpoints WHERE id = ?1")?.execute([id])? > 0)
}

/// Counts a hit; one that does not stay is gone. Whoever comes too late for it is refused, with all that it writes.
pub fn hit(db: &Connection, id: u64) -> Result<()> {
    let gone = db.prepare_cached("DELETE FROM breakpoints WHERE id = ?1 AND NOT every")?.execute([id])?;
    let counted = db.prepare_cached("UPDATE breakpoints SET hits = hits + 1 WHERE id = ?1")?.execute([id])?;
    if gone + counted == 0 {
        return Err(Fault::Refused(StoreError::Conflict(format!("breakpoint {id} is gone"))));
    }
    Ok(())
}

/// Few are ever set: no index.
pub fn list(db: &Connection, flow: Option<&str>) -> Result<Vec<BreakpointRow>> {
    let mut select = db.prepare_cached(
        "SELECT id, flow, file, before, every, condition, by, at, hits FROM breakpoints
         WHERE ?1 IS NULL OR flow = ?1 ORDER BY id",
    )?;
    let rows = select.query_map([flow], |row| {
        Ok(BreakpointRow {
            id: row.get(0)?,
            flow: row.get(1)?,
            file: row.get(2)?,
            before: row.get(3)?,
            every: row.get(4)?,
            condition: row.get(5)?,
            by: row.get(6)?,
            at: row.get(7)?,
            hits: row.get(8)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub fn keep_code(db: &Connection, digest: &str, parts: &str) -> Result<()> {
    db.prepare_cached("INSERT OR IGNORE INTO codes (digest, parts) VALUES (?1, ?2)")?.execute([digest, parts])?;
    Ok(())
}

pub fn code(db: &Connection, digest: &str) -> Result<Option<String>> {
    Ok(db
        .prepare_cached("SELECT parts FROM codes WHERE digest = ?1")?
        .query_row([digest], |row| row.get(0))
        .optional()?)
}
