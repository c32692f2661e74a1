//! The reading statements and how rows become the types of `kitaru_core::rows`.
//!
//! Not here: connections and which of them a query uses ([`super`]).

use super::fault::{Fault, Result};
use super::seal::Db;
use crate::error::StoreError;
use crate::seal::Place;
use crate::store::{ArtifactRow, ExecutionFilter, LogLine, Page, WaitFilter};
use kitaru_core::event::{Parent, Usage};
use kitaru_core::rows::{CallRow, CallStatus, ExecutionRow, Status, WaitRow};
use kitaru_core::{Event, ExecutionId, Seq};
use rusqlite::types::ToSql;
use rusqlite::{OptionalExtension, Row, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The number of an execution in this file.
pub fn number(db: &Db, id: &ExecutionId) -> Result<Option<i64>> {
    Ok(db
        .prepare_cached("SELECT n FROM executions WHERE id = ?1")?
        .query_row([id.as_str()], |row| row.get(0))
        .optional()?)
}

/// The number of an execution that must be there.
pub fn must_exist(db: &Db, id: &ExecutionId) -> Result<i64> {
    number(db, id)?.ok_or_else(|| Fault::Refused(StoreError::NotFound(id.to_string())))
}

/// A stored word that must mean something.
pub fn known<T>(word: &str, parsed: Option<T>) -> Result<T> {
    parsed.ok_or_else(|| Fault::Odd(format!("a record has the status {word:?}")))
}

/// A unit enum as the word that serde gives it.
pub fn word<T: Serialize>(value: &T) -> std::result::Result<String, serde_json::Error> {
    match serde_json::to_value(value)? {
        serde_json::Value::String(word) => Ok(word),
        other => Ok(other.to_string()),
    }
}

fn unword<T: DeserializeOwned>(word: String) -> Result<T> {
    Ok(serde_json::from_value(serde_json::Value::String(word))?)
}

fn json<T: DeserializeOwned>(text: Option<String>) -> Result<Option<T>> {
    Ok(text.map(|text| serde_json::from_str(&text)).transpose()?)
}

/// The place of an event.
pub fn payload(n: i64, seq: Seq) -> Place {
    Place::of("journal.payload").n(n).seq(seq)
}

/// An event of execution `n`, of a row with sequence, time and payload.
fn event(db: &Db, row: &Row<'_>, n: i64) -> Result<Event> {
    let seq = row.get(0)?;
    Ok(Event { seq, at: row.get(1)?, body: db.json(row, 2, || payload(n, seq))? })
}

/// Appends the events of execution `n` after `after` up to `upto`, at most `limit`.
pub fn events(db: &Db, n: i64, after: Seq, upto: Seq, limit: usize, found: &mut Vec<Event>) -> Result<()> {
    let mut select = db.prepare_cached(
        "SELECT seq, at, payload FROM journal WHERE place > (?1 << 32 | ?2) AND place <= (?1 << 32 | ?3)
         ORDER BY place LIMIT ?4",
    )?;
    let mut rows = select.query(params![n, after, upto, i64::try_from(limit).unwrap_or(i64::MAX)])?;
    while let Some(row) = rows.next()? {
        found.push(event(db, row, n)?);
    }
    Ok(())
}

/// The events of these kinds that an execution wrote itself.
pub fn events_of(db: &Db, id: &ExecutionId, kinds: &[&str]) -> Result<Vec<Event>> {
    let n = must_exist(db, id)?;
    let kinds = serde_json::to_string(kinds)?;
    let mut select = db.prepare_cached(
        "SELECT seq, at, payload FROM journal WHERE place > ?1 << 32 AND place < ?1 + 1 << 32
            AND kind IN (SELECT value FROM json_each(?2)) ORDER BY place",
    )?;
    let mut rows = select.query(params![n, kinds])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(event(db, row, n)?);
    }
    Ok(found)
}

const EXECUTION: &str = "SELECT id, flow, status, reason, wake_at, owner, epoch, lease_until, parent, parent_key,
    forked_from, entry, code, tags, inputs, result, error, input_tokens, output_tokens, cost_usd, stop, fruitless,
    last_seq, created_at, updated_at, base, key, detached, n, pool FROM executions";

fn execution_row(db: &Db, row: &Row<'_>) -> Result<ExecutionRow> {
    let n: u64 = row.get(28)?;
    let place = |column| move || Place::of(column).seq(n);
    let status: String = row.get(2)?;
    let parent: Option<String> = row.get(8)?;
    let key: Option<String> = row.get(9)?;
    let entry: String = row.get(11)?;
    let tags: String = row.get(13)?;
    let stop: Option<String> = row.get(20)?;
    Ok(ExecutionRow {
        id: ExecutionId::new(row.get::<_, String>(0)?),
        flow: row.get(1)?,
        status: known(&status, Status::parse(&status))?,
        reason: db.opt_json(row, 3, place("executions.reason"))?,
        wake_at: row.get(4)?,
        owner: json(row.get(5)?)?,
        epoch: row.get(6)?,
        lease_until: row.get(7)?,
        parent: parent.zip(key).map(|(id, key)| Parent { id: ExecutionId::new(id), key }),
        forked_from: row.get::<_, Option<String>>(10)?.map(ExecutionId::new),
        entry: serde_json::from_str(&entry)?,
        code: db.opt_text(row, 12, place("executions.code"))?,
        tags: serde_json::from_str(&tags)?,
        inputs: db.json(row, 14, place("executions.inputs"))?,
        result: db.opt_json(row, 15, place("executions.result"))?,
        error: db.opt_json(row, 16, place("executions.error"))?,
        usage: Usage { input_tokens: row.get(17)?, output_tokens: row.get(18)?, cost_usd: row.get(19)? },
        stop: stop.map(unword).transpose()?,
        fruitless: row.get(21)?,
        last_seq: row.get(22)?,
        created_at: row.get(23)?,
        updated_at: row.get(24)?,
        base: row.get(25)?,
        key: row.get(26)?,
        detached: row.get(27)?,
        pool: row.get(29)?,
        number: n,
    })
}

pub fn execution(db: &Db, id: &ExecutionId) -> Result<ExecutionRow> {
    let mut select = db.prepare_cached(&format!("{EXECUTION} WHERE id = ?1"))?;
    let mut rows = select.query([id.as_str()])?;
    match rows.next()? {
        Some(row) => execution_row(db, row),
        None => Err(Fault::Refused(StoreError::NotFound(id.to_string()))),
    }
}

/// At most this many candidates are named.
const CANDIDATES: i64 = 6;

pub fn find(db: &Db, text: &str) -> Result<ExecutionId> {
    let id = ExecutionId::new(text);
    if number(db, &id)?.is_some() {
        return Ok(id);
    }
    if text.is_empty() || !text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
        return Err(Fault::Refused(StoreError::NotFound(text.to_owned())));
    }
    let given = text.to_owned();
    let text = text.to_ascii_lowercase();
    let reversed: String = text.chars().rev().collect();
    // '~' sorts after every character of an identifier, so that both are ranges of an index.
    let mut select = db.prepare_cached(
        "SELECT id FROM (SELECT id FROM executions WHERE id >= ?1 AND id < ?1 || '~' LIMIT ?3)
         UNION SELECT id FROM
            (SELECT id FROM executions WHERE reversed >= ?2 AND reversed < ?2 || '~' LIMIT ?3)",
    )?;
    let found: Vec<String> =
        select.query_map(params![text, reversed, CANDIDATES], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    let mut found: Vec<ExecutionId> = found.into_iter().map(ExecutionId::new).collect();
    match found.len() {
        0 => Err(Fault::Refused(StoreError::NotFound(given))),
        1 => Ok(found.swap_remove(0)),
        _ => Err(Fault::Refused(StoreError::Ambiguous { text: given, found })),
    }
}

/// A statement and its values.
pub type Statement = (String, Vec<Box<dyn ToSql>>);

/// Whether a text stands in what an execution is called.
const TEXT: &str = "(SELECT max(instr(lower(one), ?) > 0) FROM (SELECT flow AS one UNION ALL SELECT id
    UNION ALL SELECT coalesce(key, '') UNION ALL SELECT value FROM json_each(tags)))";

/// Numbers come from indexes alone; only the page's rows are fetched.
pub fn executions_sql(filter: &ExecutionFilter, page: Page) -> Statement {
    let mut conditions = vec!["1".to_owned()];
    let mut values: Vec<Box<dyn ToSql>> = Vec::new();
    let mut statuses: Vec<Status> = if filter.status.is_empty() { Status::ALL.to_vec() } else { filter.status.clone() };
    if filter.open {
        statuses.retain(|status| !status.has_ended());
    }
    if filter.open || !filter.status.is_empty() {
        let words: Vec<String> = statuses.iter().map(|status| format!("'{}'", status.as_str())).collect();
        conditions.push(format!("status IN ({})", words.join(", ")));
    }
    if let Some(flow) = &filter.flow {
        conditions.push("flow = ?".to_owned());
        values.push(Box::new(flow.clone()));
    }
    if let Some(tag) = &filter.tag {
        conditions.push("EXISTS (SELECT 1 FROM json_each(tags) WHERE value = ?)".to_owned());
        values.push(Box::new(tag.clone()));
    }
    if let Some(key) = &filter.key {
        conditions.push("key = ?".to_owned());
        values.push(Box::new(key.clone()));
    }
    if let Some(before) = filter.before {
        conditions.push("n < ?".to_owned());
        values.push(Box::new(before));
    }
    if let Some(since) = filter.since {
        conditions.push("created_at >= ?".to_owned());
        values.push(Box::new(since));
    }
    if let Some(cost) = filter.min_cost {
        conditions.push("cost_usd >= ?".to_owned());
        values.push(Box::new(cost));
    }
    if let Some(still) = filter.still_since {
        conditions.push("updated_at <= ?".to_owned());
        values.push(Box::new(still));
    }
    if let Some(text) = &filter.text {
        conditions.push(TEXT.to_owned());
        values.push(Box::new(text.to_lowercase()));
    }
    if filter.awaits {
        conditions.push("n IN (SELECT n FROM awaits)".to_owned());
    }
    if let Some(other) = &filter.awaits_on {
        conditions.push("n IN (SELECT n FROM awaits WHERE awaited = ?)".to_owned());
        values.push(Box::new(other.as_str().to_owned()));
    }
    if let Some(pool) = &filter.pool {
        conditions.push("pool = ?".to_owned());
        values.push(Box::new(pool.clone()));
    }
    if let Some(parent) = &filter.parent {
        conditions.push("parent = ?".to_owned());
        values.push(Box::new(parent.as_str().to_owned()));
    }
    if let Some(source) = &filter.forked_from {
        conditions.push("forked_from = ?".to_owned());
        values.push(Box::new(source.as_str().to_owned()));
    }
    if filter.roots {
        conditions.push("parent IS NULL".to_owned());
    }
    if let Some(due) = filter.due_by {
        // What is due is little: its own index serves it better than the order of numbers (hence `+n` below).
        conditions.push("wake_at <= ?".to_owned());
        values.push(Box::new(due));
    }
    values.push(Box::new(i64::try_from(page.limit).unwrap_or(i64::MAX)));
    values.push(Box::new(i64::try_from(page.offset).unwrap_or(i64::MAX)));
    let sql = format!(
        "{EXECUTION} WHERE n IN (SELECT n FROM executions WHERE {} ORDER BY {} DESC LIMIT ? OFFSET ?) ORDER BY n DESC",
        conditions.join(" AND "),
        if filter.due_by.is_some() { "+n" } else { "n" }
    );
    (sql, values)
}

pub fn executions(db: &Db, filter: &ExecutionFilter, page: Page) -> Result<Vec<ExecutionRow>> {
    let (sql, values) = executions_sql(filter, page);
    rows(db, &sql, values.iter())
}

/// Executions by a condition of one's own.
pub fn executions_where(db: &Db, condition: &str, values: &[&dyn ToSql]) -> Result<Vec<ExecutionRow>> {
    rows(db, &format!("{EXECUTION} WHERE {condition}"), values.iter())
}

fn rows(db: &Db, sql: &str, values: impl Iterator<Item = impl ToSql>) -> Result<Vec<ExecutionRow>> {
    let mut select = db.prepare_cached(sql)?;
    let mut rows = select.query(rusqlite::params_from_iter(values))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(execution_row(db, row)?);
    }
    Ok(found)
}

pub fn calls(db: &Db, id: &ExecutionId) -> Result<Vec<CallRow>> {
    let n = must_exist(db, id)?;
    let mut select = db.prepare_cached(
        "SELECT key, seq, name, kind, status, attempts, started_at, ended_at, ended_seq, reused, input_tokens,
            output_tokens, cost_usd FROM calls WHERE n = ?1 AND kind <> 'reading' ORDER BY seq",
    )?;
    let mut rows = select.query([n])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let status: String = row.get(4)?;
        found.push(CallRow {
            key: row.get(0)?,
            seq: row.get(1)?,
            name: row.get(2)?,
            kind: unword(row.get(3)?)?,
            status: known(&status, CallStatus::parse(&status))?,
            attempts: row.get(5)?,
            started_at: row.get(6)?,
            ended_at: row.get(7)?,
            ended_seq: row.get(8)?,
            reused: row.get(9)?,
            usage: Usage { input_tokens: row.get(10)?, output_tokens: row.get(11)?, cost_usd: row.get(12)? },
        });
    }
    Ok(found)
}

pub fn call_counts(db: &Db, id: &ExecutionId) -> Result<Vec<(CallStatus, u64)>> {
    let n = must_exist(db, id)?;
    let mut select = db.prepare_cached(
        "SELECT status, count(*) FROM calls WHERE n = ?1 AND kind <> 'reading' GROUP BY status ORDER BY status",
    )?;
    let found: Vec<(String, u64)> =
        select.query_map([n], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<_>>()?;
    found.into_iter().map(|(word, count)| Ok((known(&word, CallStatus::parse(&word))?, count))).collect()
}

pub fn waits_sql(filter: &WaitFilter, page: Page) -> Statement {
    let mut conditions = vec!["sleep = 0".to_owned()];
    let mut values: Vec<Box<dyn ToSql>> = Vec::new();
    if filter.open {
        conditions.push("waits.status = 'open'".to_owned());
        conditions.push("over = 0".to_owned());
    }
    if let Some(id) = &filter.execution {
        conditions.push("waits.n = (SELECT n FROM executions WHERE id = ?)".to_owned());
        values.push(Box::new(id.as_str().to_owned()));
    }
    values.push(Box::new(i64::try_from(page.limit).unwrap_or(i64::MAX)));
    values.push(Box::new(i64::try_from(page.offset).unwrap_or(i64::MAX)));
    let sql = format!(
        "SELECT executions.id, waits.key, waits.name, question, schema, data, waits.status, answer, answered_by,
            deadline, on_timeout, opened_at, closed_at, waits.n FROM waits JOIN executions USING (n)
         WHERE {} ORDER BY opened_at, waits.n, waits.key LIMIT ? OFFSET ?",
        conditions.join(" AND ")
    );
    (sql, values)
}

pub fn waits(db: &Db, filter: &WaitFilter, page: Page) -> Result<Vec<WaitRow>> {
    let (sql, values) = waits_sql(filter, page);
    let mut select = db.prepare_cached(&sql)?;
    let mut rows = select.query(rusqlite::params_from_iter(values.iter()))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(wait_row(db, row)?);
    }
    Ok(found)
}

/// A wait of a statement whose columns are those of [`waits_sql`].
pub fn wait_row(db: &Db, row: &Row<'_>) -> Result<WaitRow> {
    let (n, key): (i64, String) = (row.get(13)?, row.get(1)?);
    let place = |column| {
        let key = &key;
        move || Place::of(column).n(n).text(key)
    };
    Ok(WaitRow {
        execution_id: ExecutionId::new(row.get::<_, String>(0)?),
        name: row.get(2)?,
        question: db.text(row, 3, place("waits.question"))?,
        schema: db.opt_json(row, 4, place("waits.schema"))?,
        data: db.opt_json(row, 5, place("waits.data"))?,
        status: row.get(6)?,
        answer: db.opt_json(row, 7, place("waits.answer"))?,
        answered_by: row.get(8)?,
        deadline: row.get(9)?,
        on_timeout: row.get(10)?,
        opened_at: row.get(11)?,
        closed_at: row.get(12)?,
        key,
    })
}

pub fn artifacts(db: &Db, id: &ExecutionId) -> Result<Vec<ArtifactRow>> {
    let n = must_exist(db, id)?;
    let mut select = db.prepare_cached("SELECT name, value, call_key, at FROM artifacts WHERE n = ?1 ORDER BY name")?;
    let mut rows = select.query([n])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let name: String = row.get(0)?;
        found.push(ArtifactRow {
            execution_id: id.clone(),
            value: db.json(row, 1, || Place::of("artifacts.value").n(n).text(&name))?,
            name,
            call_key: row.get(2)?,
            at: row.get(3)?,
        });
    }
    Ok(found)
}

pub fn logs(db: &Db, id: &ExecutionId, after: u64, limit: usize) -> Result<(Vec<LogLine>, u64)> {
    let n = must_exist(db, id)?;
    let limit = if limit == 0 { -1 } else { i64::try_from(limit).unwrap_or(-1) };
    let mut select = db.prepare_cached(
        "SELECT line, at, call_key, stream, text FROM logs WHERE n = ?1 AND line > ?2 ORDER BY line LIMIT ?3",
    )?;
    let mut rows = select.query(params![n, after, limit])?;
    let (mut found, mut last) = (Vec::new(), after);
    while let Some(row) = rows.next()? {
        last = row.get(0)?;
        let text = db.text(row, 4, || Place::of("logs.text").n(n).seq(last))?;
        found.push(LogLine { at: row.get(1)?, call_key: row.get(2)?, stream: row.get(3)?, text });
    }
    Ok((found, last))
}
