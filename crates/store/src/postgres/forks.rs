//! Replays and what they read of others: whose events come before their own. Not here: writing them (`migrations`), and which
//! records a replay keeps (core's `fork`).

use super::conn::Conn;
use super::fault::Result;
use super::param::{Columns, Param};
use super::read;
use crate::error::StoreError;
use crate::store::ArtifactRow;
use kitaru_core::rows::CallRow;
use kitaru_core::table::Table;
use kitaru_core::{Event, ExecutionId, Seq};

/// The events after `after`, at most `limit` (0: all), those of the source first: each part by the journal's key, and all
/// of it as of one moment.
const LOAD: &str = "WITH me AS (SELECT n, base FROM executions WHERE id = $1),
    parts AS (
        SELECT segments.source AS n, lag(segments.upto, 1, 0::bigint) OVER (ORDER BY segments.upto) AS after, segments.upto
        FROM segments JOIN me USING (n)
        UNION ALL SELECT me.n, me.base, 9223372036854775807 FROM me)
    SELECT own.n, own.seq, own.at, own.payload FROM me LEFT JOIN LATERAL (
        SELECT one.n, one.seq, one.at, one.payload FROM parts CROSS JOIN LATERAL (
            SELECT n, seq, at, payload FROM journal
            WHERE journal.n = parts.n AND seq > greatest(parts.after, $2) AND seq <= parts.upto
            ORDER BY seq LIMIT $3) AS one
        ORDER BY one.seq LIMIT $3) AS own ON true
    ORDER BY own.seq";

pub fn load(db: &Conn, id: &ExecutionId, after: Seq, limit: usize) -> Result<Vec<Event>> {
    let limit = if limit == 0 { usize::MAX } else { limit };
    let rows = db.prepared(LOAD, &[id.as_str().into(), after.into(), limit.into()])?;
    let Some(first) = rows.first() else { return Err(StoreError::NotFound(id.to_string()).into()) };
    // One row without an event: there is none.
    if first.opt_int(0)?.is_none() {
        return Ok(Vec::new());
    }
    rows.iter().map(|row| read::event(db, row, 0)).collect()
}

/// Whether an execution is a replay, so that its calls and artifacts are not all in rows.
pub fn is_replay(db: &Conn, id: &ExecutionId) -> Result<bool> {
    let text = "SELECT 1 FROM executions WHERE id = $1 AND base > 0";
    Ok(db.find(text, &[Param::from(id.as_str())])?.is_some())
}

/// A replay's calls.
pub fn calls(db: &Conn, id: &ExecutionId) -> Result<Vec<CallRow>> {
    Ok(table(db, id)?.calls())
}

/// A replay's artifacts, by name.
pub fn artifacts(db: &Conn, id: &ExecutionId) -> Result<Vec<ArtifactRow>> {
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

fn table(db: &Conn, id: &ExecutionId) -> Result<Table> {
    let mut table = Table::default();
    for event in load(db, id, 0, 0)? {
        table.fold(event.seq, event.at, &event.body);
    }
    Ok(table)
}
