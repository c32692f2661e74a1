//! The statements that count executions: by flow, day and status, and by tag.
//!
//! They read every row that they count: for people who ask now and then. Not here: anything on the way of a call.

use super::fault::Result;
use super::read::known;
use super::seal::Db;
use crate::store::StatisticsRow;
use kitaru_core::Millis;
use kitaru_core::event::Usage;
use kitaru_core::rows::Status;

pub fn statistics(db: &Db, since: Millis) -> Result<Vec<StatisticsRow>> {
    let mut select = db.prepare_cached(
        "SELECT flow, created_at - created_at % 86400000 AS day, status, count(*), sum(max(updated_at - created_at, 0)),
            max(max(updated_at - created_at, 0)), sum(input_tokens), sum(output_tokens), sum(cost_usd)
         FROM executions WHERE created_at >= ?1 GROUP BY flow, day, status ORDER BY flow, day, status",
    )?;
    let mut rows = select.query([since])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let status: String = row.get(2)?;
        found.push(StatisticsRow {
            flow: row.get(0)?,
            day: row.get(1)?,
            status: known(&status, Status::parse(&status))?,
            executions: row.get(3)?,
            total_ms: row.get(4)?,
            longest_ms: row.get(5)?,
            usage: Usage { input_tokens: row.get(6)?, output_tokens: row.get(7)?, cost_usd: row.get(8)? },
        });
    }
    Ok(found)
}

pub fn tags(db: &Db) -> Result<Vec<(String, u64)>> {
    let mut select = db.prepare_cached(
        "SELECT value, count(DISTINCT n) FROM executions, json_each(tags) GROUP BY value ORDER BY value",
    )?;
    Ok(select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<_>>()?)
}

/// By an index that has all of it.
pub fn counts(db: &Db) -> Result<Vec<(String, Status, u64)>> {
    let mut select = db.prepare_cached("SELECT flow, status, count(*) FROM executions GROUP BY flow, status")?;
    let mut rows = select.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let status: String = row.get(1)?;
        found.push((row.get(0)?, known(&status, Status::parse(&status))?, row.get(2)?));
    }
    Ok(found)
}

pub fn open_waits(db: &Db) -> Result<(u64, Option<Millis>)> {
    let mut select = db.prepare_cached(
        "SELECT count(*), min(opened_at) FROM waits JOIN executions USING (n)
         WHERE waits.status = 'open' AND sleep = 0 AND executions.status NOT IN ('completed', 'cancelled')",
    )?;
    Ok(select.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?)
}
