//! The statements of schedules.
//!
//! Not here: when one is to be looked at, and what becomes of its ticks (`kitaru_core::schedule`).

use super::fault::{Fault, Result};
use super::seal::Db;
use crate::error::StoreError;
use crate::seal::named;
use kitaru_core::Millis;
use kitaru_core::schedule::Schedule;
use rusqlite::params;

/// See [`crate::Store::keep_schedule`].
pub fn keep(db: &Db, one: &Schedule, look_at: Option<Millis>, seen: Option<u64>) -> Result<()> {
    let (seal, text) = (db.seal.now(), serde_json::to_string(one)?);
    let body = seal.text(|| named::schedule_place(&one.name, one.version), &text);
    let fields = params![one.name, one.version, look_at, one.state.until, body, seen];
    let text = match seen {
        None => {
            "INSERT INTO schedules (name, version, look_at, decided, body) SELECT ?1, ?2, ?3, ?4, ?5
             WHERE ?6 IS NULL ON CONFLICT (name) DO NOTHING"
        }
        Some(_) => {
            "UPDATE schedules SET version = ?2, look_at = ?3, decided = ?4, body = ?5 WHERE name = ?1 AND version = ?6"
        }
    };
    if db.prepare_cached(text)?.execute(fields)? > 0 {
        return Ok(());
    }
    let why = match seen {
        None => format!("there is a schedule {} already", one.name),
        Some(_) => format!("the schedule {} has changed meanwhile", one.name),
    };
    Err(Fault::Refused(StoreError::Conflict(why)))
}

pub fn remove(db: &Db, name: &str, seen: u64) -> Result<bool> {
    let text = "DELETE FROM schedules WHERE name = ?1 AND version = ?2";
    Ok(db.prepare_cached(text)?.execute(params![name, seen])? > 0)
}

/// See [`crate::Queries::schedules`].
pub fn list(db: &Db, by: Option<Millis>) -> Result<Vec<Schedule>> {
    let text = match by {
        None => "SELECT name, version, body FROM schedules WHERE ?1 IS NULL ORDER BY name",
        // Each half by its own index.
        Some(_) => "SELECT name, version, body FROM schedules WHERE look_at <= ?1 OR decided > ?1 ORDER BY name",
    };
    let mut select = db.prepare_cached(text)?;
    let mut rows = select.query([by])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let (name, version): (String, u64) = (row.get(0)?, row.get(1)?);
        found.push(db.json(row, 2, || named::schedule_place(&name, version))?);
    }
    Ok(found)
}
