//! The statements of schedules.
//!
//! Not here: when one is to be looked at, and what becomes of its ticks (`kitaru_core::schedule`).

use super::fault::{Fault, Result};
use crate::error::StoreError;
use kitaru_core::Millis;
use kitaru_core::schedule::Schedule;
use rusqlite::{Connection, Row, params};

/// See [`crate::Store::keep_schedule`].
pub fn keep(db: &Connection, one: &Schedule, look_at: Option<Millis>, seen: Option<u64>) -> Result<()> {
    let fields = params![one.name, one.version, look_at, one.state.until, serde_json::to_string(one)?, seen];
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

pub fn remove(db: &Connection, name: &str, seen: u64) -> Result<bool> {
    let text = "DELETE FROM schedules WHERE name = ?1 AND version = ?2";
    Ok(db.prepare_cached(text)?.execute(params![name, seen])? > 0)
}

/// See [`crate::Queries::schedules`].
pub fn list(db: &Connection, by: Option<Millis>) -> Result<Vec<Schedule>> {
    let text = |row: &Row<'_>| row.get(0);
    let bodies: Vec<String> = match by {
        None => db
            .prepare_cached("SELECT body FROM schedules ORDER BY name")?
            .query_map([], text)?
            .collect::<rusqlite::Result<_>>()?,
        // Each half by its own index.
        Some(by) => db
            .prepare_cached("SELECT body FROM schedules WHERE look_at <= ?1 OR decided > ?1 ORDER BY name")?
            .query_map([by], text)?
            .collect::<rusqlite::Result<_>>()?,
    };
    bodies.iter().map(|body| Ok(serde_json::from_str(body)?)).collect()
}
