//! The statements of breakpoints and of what code digests are made of: small tables beside the journal.
//!
//! Not here: when a breakpoint is hit (the engine's sessions).

use super::fault::{Fault, Result};
use super::seal::Db;
use crate::error::StoreError;
use crate::seal::named;
use kitaru_core::Millis;
use kitaru_core::rows::BreakpointRow;
use rusqlite::params;

pub fn add(db: &Db, one: &BreakpointRow) -> Result<u64> {
    let seal = db.seal.now();
    let condition = one.condition.as_deref();
    let condition =
        condition.map(|text| seal.text(|| named::condition_place(&one.flow, &one.before, &one.by, one.at), text));
    let id = db
        .prepare_cached(
            "INSERT INTO breakpoints (flow, file, before, every, condition, by, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             RETURNING id",
        )?
        .query_row(params![one.flow, one.file, one.before, one.every, condition, one.by, one.at], |row| row.get(0))?;
    Ok(id)
}

pub fn remove(db: &Db, id: u64) -> Result<bool> {
    Ok(db.prepare_cached("DELETE FROM breakpoints WHERE id = ?1")?.execute([id])? > 0)
}

/// Counts a hit; one that does not stay is gone. Whoever comes too late for it is refused, with all that it writes.
pub fn hit(db: &Db, id: u64) -> Result<()> {
    let gone = db.prepare_cached("DELETE FROM breakpoints WHERE id = ?1 AND NOT every")?.execute([id])?;
    let counted = db.prepare_cached("UPDATE breakpoints SET hits = hits + 1 WHERE id = ?1")?.execute([id])?;
    if gone + counted == 0 {
        return Err(Fault::Refused(StoreError::Conflict(format!("breakpoint {id} is gone"))));
    }
    Ok(())
}

/// Few are ever set: no index.
pub fn list(db: &Db, flow: Option<&str>) -> Result<Vec<BreakpointRow>> {
    let mut select = db.prepare_cached(
        "SELECT id, flow, file, before, every, condition, by, at, hits FROM breakpoints
         WHERE ?1 IS NULL OR flow = ?1 ORDER BY id",
    )?;
    let mut rows = select.query([flow])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let (flow, before, by, at): (String, String, String, Millis) =
            (row.get(1)?, row.get(3)?, row.get(6)?, row.get(7)?);
        let condition = db.opt_text(row, 5, || named::condition_place(&flow, &before, &by, at))?;
        let (id, file, every, hits) = (row.get(0)?, row.get(2)?, row.get(4)?, row.get(8)?);
        found.push(BreakpointRow { id, flow, file, before, every, condition, by, at, hits });
    }
    Ok(found)
}

pub fn keep_code(db: &Db, digest: &str, parts: &str) -> Result<()> {
    let seal = db.seal.now();
    let (digest, parts) = named::code(&seal, digest, parts);
    let parts = seal.text(|| named::code_place(&digest), &parts);
    db.prepare_cached("INSERT OR IGNORE INTO codes (digest, parts) VALUES (?1, ?2)")?
        .execute(params![digest, parts])?;
    Ok(())
}

pub fn code(db: &Db, digest: &str) -> Result<Option<String>> {
    let mut select = db.prepare_cached("SELECT parts FROM codes WHERE digest = ?1")?;
    for name in named::code_names(&db.seal.now(), digest) {
        let mut rows = select.query([&name])?;
        if let Some(row) = rows.next()? {
            let sealed = matches!(row.get_ref(0)?, rusqlite::types::ValueRef::Blob(_));
            let parts = db.text(row, 0, || named::code_place(&name))?;
            return Ok(Some(if sealed { named::code_parts(parts).1 } else { parts }));
        }
    }
    Ok(None)
}
