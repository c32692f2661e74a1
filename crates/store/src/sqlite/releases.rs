//! The statements of releases.
//!
//! Not here: what follows from them (`kitaru_core::release`), and the code that they name (`breakpoints`: what is kept by
//! its digest).

use super::fault::{Fault, Result};
use super::seal::Db;
use crate::error::StoreError;
use crate::seal::named;
use kitaru_core::release::Release;
use rusqlite::params;

/// See [`crate::Store::release`].
pub fn add(db: &Db, one: &Release) -> Result<()> {
    let (seal, text) = (db.seal.now(), serde_json::to_string(one)?);
    let body = seal.text(|| named::release_place(&one.flow, one.n), &text);
    let insert = "INSERT INTO releases (flow, n, body) VALUES (?1, ?2, ?3) ON CONFLICT (flow, n) DO NOTHING";
    if db.prepare_cached(insert)?.execute(params![one.flow, one.n, body])? > 0 {
        return Ok(());
    }
    let why = format!("somebody else has just released {}", one.flow);
    Err(Fault::Refused(StoreError::Conflict(why)))
}

/// See [`crate::Queries::releases`].
pub fn list(db: &Db, flow: Option<&str>) -> Result<Vec<Release>> {
    let text = match flow {
        None => "SELECT flow, n, body FROM releases WHERE ?1 IS NULL ORDER BY flow, n",
        Some(_) => "SELECT flow, n, body FROM releases WHERE flow = ?1 ORDER BY n",
    };
    let mut select = db.prepare_cached(text)?;
    let mut rows = select.query([flow])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let (flow, n): (String, u64) = (row.get(0)?, row.get(1)?);
        found.push(db.json(row, 2, || named::release_place(&flow, n))?);
    }
    Ok(found)
}
