//! The statements that count executions: by flow, day and status, and by tag; and what the store says of its health.
//!
//! They read every row that they count: for people who ask now and then. Not here: anything on the way of a call.

use super::conn::Conn;
use super::fault::Result;
use super::param::Columns;
use super::read::known;
use crate::store::StatisticsRow;
use kitaru_core::Millis;
use kitaru_core::event::Usage;
use kitaru_core::rows::Status;
use tokio_postgres::Row;

pub fn statistics(db: &Conn, since: Millis) -> Result<Vec<StatisticsRow>> {
    let text = "SELECT flow, created_at - created_at % 86400000 AS day, status, count(*),
            sum(greatest(updated_at - created_at, 0))::bigint, max(greatest(updated_at - created_at, 0)),
            sum(input_tokens)::bigint, sum(output_tokens)::bigint, sum(cost_usd)
        FROM executions WHERE created_at >= $1 GROUP BY flow, day, status ORDER BY flow, day, status";
    let one = |row: &Row| {
        let status = row.text(2)?;
        Ok(StatisticsRow {
            flow: row.text(0)?,
            day: row.int(1)?,
            status: known(&status, Status::parse(&status))?,
            executions: row.num(3)?,
            total_ms: row.num(4)?,
            longest_ms: row.num(5)?,
            usage: Usage { input_tokens: row.num(6)?, output_tokens: row.num(7)?, cost_usd: row.float(8)? },
        })
    };
    db.query(text, &[since.into()])?.iter().map(one).collect()
}

pub fn tags(db: &Conn) -> Result<Vec<(String, u64)>> {
    let text = "SELECT one COLLATE \"C\" AS tag, count(DISTINCT n) FROM executions, unnest(tags) AS one
        GROUP BY tag ORDER BY tag";
    db.query(text, &[])?.iter().map(|row| Ok((row.text(0)?, row.num(1)?))).collect()
}

/// By an index that has all of it.
pub fn counts(db: &Conn) -> Result<Vec<(String, Status, u64)>> {
    let text = "SELECT flow, status, count(*) FROM executions GROUP BY flow, status ORDER BY flow, status";
    let one = |row: &Row| {
        let status = row.text(1)?;
        Ok((row.text(0)?, known(&status, Status::parse(&status))?, row.num(2)?))
    };
    db.query(text, &[])?.iter().map(one).collect()
}

pub fn open_waits(db: &Conn) -> Result<(u64, Option<Millis>)> {
    let row = db.one(
        "SELECT count(*), min(opened_at) FROM waits WHERE waits.status = 'open' AND NOT sleep AND NOT over",
        &[],
    )?;
    Ok((row.num(0)?, row.opt_int(1)?))
}

/// Settings that decide whether what was acknowledged survives, as the database has them.
const SETTINGS: &[&str] = &["server_version", "synchronous_commit", "fsync", "full_page_writes", "max_connections"];

/// What the database says of its health.
pub fn health(db: &Conn, schema: &str) -> Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    for name in SETTINGS {
        found.push(((*name).to_owned(), db.one("SELECT current_setting($1)", &[(*name).into()])?.text(0)?));
    }
    let size = db.one(
        "SELECT coalesce(sum(pg_total_relation_size(oid)), 0)::bigint FROM pg_class
         WHERE relkind = 'r' AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1)",
        &[schema.into()],
    )?;
    found.push(("bytes".to_owned(), size.int(0)?.to_string()));
    Ok(found)
}
