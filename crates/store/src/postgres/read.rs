//! The reading statements and how rows become the types of `kitaru_core::rows`.
//!
//! Not here: which executions a list has (`listing`), and replays, whose rows are not all their own (`forks`).

use super::conn::Conn;
use super::fault::{Fault, Result};
use super::param::{self, Columns, Param};
use crate::error::StoreError;
use crate::seal::{Place, named};
use crate::store::{ArtifactRow, LogLine};
use kitaru_core::event::{Parent, Usage};
use kitaru_core::release::Release;
use kitaru_core::rows::{BreakpointRow, CallRow, CallStatus, ExecutionRow, Status, WaitRow};
use kitaru_core::schedule::Schedule;
use kitaru_core::{Event, ExecutionId, Millis};
use serde::de::DeserializeOwned;
use tokio_postgres::Row;

/// The number of an execution that must be there.
pub fn must_exist(db: &Conn, id: &ExecutionId) -> Result<i64> {
    match db.find("SELECT n FROM executions WHERE id = $1", &[id.as_str().into()])? {
        Some(row) => row.int(0),
        None => Err(StoreError::NotFound(id.to_string()).into()),
    }
}

/// A stored word that must mean something.
pub fn known<T>(word: &str, parsed: Option<T>) -> Result<T> {
    parsed.ok_or_else(|| Fault::Odd(format!("a record has the status {word:?}")))
}

fn unword<T: DeserializeOwned>(word: String) -> Result<T> {
    Ok(serde_json::from_value(serde_json::Value::String(word))?)
}

/// A column that must have a JSON text.
pub fn must<T: DeserializeOwned>(row: &Row, at: usize) -> Result<T> {
    row.json(at)?.ok_or_else(|| Fault::Odd("a record lacks what each has".to_owned()))
}

/// The place of an event.
pub fn payload(n: i64, seq: u64) -> Place {
    Place::of("journal.payload").n(n).seq(seq)
}

/// Events of rows with number, sequence, time and payload from that column on.
pub fn event(db: &Conn, row: &Row, at: usize) -> Result<Event> {
    let (n, seq) = (row.int(at)?, row.num(at + 1)?);
    Ok(Event { seq, at: row.int(at + 2)?, body: db.json(row, at + 3, || payload(n, seq))? })
}

/// The events of these kinds that an execution wrote itself.
pub fn events_of(db: &Conn, id: &ExecutionId, kinds: &[&str]) -> Result<Vec<Event>> {
    let n = must_exist(db, id)?;
    let kinds = Param::Texts(kinds.iter().map(|kind| (*kind).to_owned()).collect());
    let text = "SELECT n, seq, at, payload FROM journal WHERE n = $1 AND kind = ANY ($2) ORDER BY seq";
    db.query(text, &[n.into(), kinds])?.iter().map(|row| event(db, row, 0)).collect()
}

/// What [`execution_row`] reads.
pub const EXECUTION: &str = "SELECT id, flow, status, reason, wake_at, owner, epoch,
    CASE WHEN owner IS NULL THEN lease_until ELSE held_until(lease_until) END, parent, parent_key,
    forked_from, entry, code, tags, inputs, result, error, input_tokens, output_tokens, cost_usd, stop, fruitless,
    last_seq, created_at, updated_at, base, key, detached, n, pool FROM executions";

pub fn execution_row(db: &Conn, row: &Row) -> Result<ExecutionRow> {
    let n = row.num(28)?;
    let place = |column| move || Place::of(column).seq(n);
    let status = row.text(2)?;
    let parent = row.opt_text(8)?.zip(row.opt_text(9)?);
    Ok(ExecutionRow {
        id: ExecutionId::new(row.text(0)?),
        flow: row.text(1)?,
        status: known(&status, Status::parse(&status))?,
        reason: db.opt_json(row, 3, place("executions.reason"))?,
        wake_at: row.opt_int(4)?,
        owner: row.json(5)?,
        epoch: row.num(6)?,
        lease_until: row.int(7)?,
        parent: parent.map(|(id, key)| Parent { id: ExecutionId::new(id), key }),
        forked_from: row.opt_text(10)?.map(ExecutionId::new),
        entry: must(row, 11)?,
        code: db.opt_text(row, 12, place("executions.code"))?,
        tags: row.texts(13)?,
        inputs: db.json(row, 14, place("executions.inputs"))?,
        result: db.opt_json(row, 15, place("executions.result"))?,
        error: db.opt_json(row, 16, place("executions.error"))?,
        usage: Usage { input_tokens: row.num(17)?, output_tokens: row.num(18)?, cost_usd: row.float(19)? },
        stop: row.opt_text(20)?.map(unword).transpose()?,
        fruitless: u32::try_from(row.num(21)?).unwrap_or(u32::MAX),
        last_seq: row.num(22)?,
        created_at: row.int(23)?,
        updated_at: row.int(24)?,
        base: row.num(25)?,
        key: row.opt_text(26)?,
        detached: row.flag(27)?,
        number: n,
        pool: row.opt_text(29)?,
    })
}

pub fn execution(db: &Conn, id: &ExecutionId) -> Result<ExecutionRow> {
    match db.find(&format!("{EXECUTION} WHERE id = $1"), &[id.as_str().into()])? {
        Some(row) => execution_row(db, &row),
        None => Err(StoreError::NotFound(id.to_string()).into()),
    }
}

/// At most this many candidates are named.
const CANDIDATES: i64 = 6;

pub fn find(db: &Conn, given: &str) -> Result<ExecutionId> {
    if db.find("SELECT 1 FROM executions WHERE id = $1", &[given.into()])?.is_some() {
        return Ok(ExecutionId::new(given));
    }
    if given.is_empty() || !given.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
        return Err(StoreError::NotFound(given.to_owned()).into());
    }
    let text = given.to_ascii_lowercase();
    let reversed: String = text.chars().rev().collect();
    // '~' sorts after every character of an identifier, so that both are ranges of an index.
    let rows = db.query(
        "(SELECT id FROM executions WHERE id >= $1 AND id < $1 || '~' LIMIT $3)
         UNION (SELECT id FROM executions WHERE reversed >= $2 AND reversed < $2 || '~' LIMIT $3)",
        &[text.as_str().into(), reversed.as_str().into(), CANDIDATES.into()],
    )?;
    let mut found = rows.iter().map(|row| row.text(0).map(ExecutionId::new)).collect::<Result<Vec<_>>>()?;
    match found.len() {
        0 => Err(StoreError::NotFound(given.to_owned()).into()),
        1 => Ok(found.swap_remove(0)),
        _ => Err(StoreError::Ambiguous { text: given.to_owned(), found }.into()),
    }
}

pub fn calls(db: &Conn, id: &ExecutionId) -> Result<Vec<CallRow>> {
    let n = must_exist(db, id)?;
    let text = "SELECT key, seq, name, kind, status, attempts, started_at, ended_at, ended_seq, reused, input_tokens,
        output_tokens, cost_usd FROM calls WHERE n = $1 AND kind <> 'reading' ORDER BY seq";
    let call = |row: &Row| {
        let status = row.text(4)?;
        let ended_seq = row.opt_int(8)?.map(|seq| u64::try_from(seq).unwrap_or_default());
        Ok(CallRow {
            key: row.text(0)?,
            seq: row.num(1)?,
            name: row.text(2)?,
            kind: unword(row.text(3)?)?,
            status: known(&status, CallStatus::parse(&status))?,
            attempts: u32::try_from(row.num(5)?).unwrap_or(u32::MAX),
            started_at: row.int(6)?,
            ended_at: row.opt_int(7)?,
            ended_seq,
            reused: row.flag(9)?,
            usage: Usage { input_tokens: row.num(10)?, output_tokens: row.num(11)?, cost_usd: row.float(12)? },
        })
    };
    db.query(text, &[n.into()])?.iter().map(call).collect()
}

pub fn call_counts(db: &Conn, id: &ExecutionId) -> Result<Vec<(CallStatus, u64)>> {
    let n = must_exist(db, id)?;
    let text = "SELECT status, count(*) FROM calls WHERE n = $1 AND kind <> 'reading' GROUP BY status ORDER BY status";
    let count = |row: &Row| {
        let word = row.text(0)?;
        Ok((known(&word, CallStatus::parse(&word))?, row.num(1)?))
    };
    db.query(text, &[n.into()])?.iter().map(count).collect()
}

/// The columns of [`wait_row`].
pub const WAIT: &str =
    "executions.id, waits.key, waits.name, question, schema, data, waits.status, answer, answered_by,
    deadline, on_timeout, opened_at, closed_at, waits.n";

pub fn wait_row(db: &Conn, row: &Row) -> Result<WaitRow> {
    let (n, key) = (row.int(13)?, row.text(1)?);
    let place = |column| {
        let key = &key;
        move || Place::of(column).n(n).text(key)
    };
    Ok(WaitRow {
        execution_id: ExecutionId::new(row.text(0)?),
        name: row.text(2)?,
        question: db.text(row, 3, place("waits.question"))?,
        schema: db.opt_json(row, 4, place("waits.schema"))?,
        data: db.opt_json(row, 5, place("waits.data"))?,
        status: row.text(6)?,
        answer: db.opt_json(row, 7, place("waits.answer"))?,
        answered_by: row.opt_text(8)?,
        deadline: row.opt_int(9)?,
        on_timeout: row.opt_text(10)?,
        opened_at: row.int(11)?,
        closed_at: row.opt_int(12)?,
        key,
    })
}

pub fn artifacts(db: &Conn, id: &ExecutionId) -> Result<Vec<ArtifactRow>> {
    let n = must_exist(db, id)?;
    let text = "SELECT name, value, call_key, at FROM artifacts WHERE n = $1 ORDER BY name";
    let artifact = |row: &Row| {
        let name = row.text(0)?;
        Ok(ArtifactRow {
            execution_id: id.clone(),
            value: db.json(row, 1, || Place::of("artifacts.value").n(n).text(&name))?,
            name,
            call_key: row.opt_text(2)?,
            at: row.int(3)?,
        })
    };
    db.query(text, &[n.into()])?.iter().map(artifact).collect()
}

/// A line of an execution, of rows with time, call, stream and text from that column on.
pub fn line(db: &Conn, (n, number): (i64, u64), row: &Row, at: usize) -> Result<LogLine> {
    Ok(LogLine {
        at: row.int(at)?,
        call_key: row.opt_text(at + 1)?,
        stream: row.text(at + 2)?,
        text: db.text(row, at + 3, || Place::of("logs.text").n(n).seq(number))?,
    })
}

pub fn logs(db: &Conn, id: &ExecutionId, after: u64, limit: usize) -> Result<(Vec<LogLine>, u64)> {
    let n = must_exist(db, id)?;
    let limit = if limit == 0 { usize::MAX } else { limit };
    let text = "SELECT line, at, call_key, stream, text FROM logs WHERE n = $1 AND line > $2 ORDER BY line LIMIT $3";
    let (mut found, mut last) = (Vec::new(), after);
    for row in db.query(text, &[n.into(), after.into(), limit.into()])? {
        last = row.num(0)?;
        found.push(line(db, (n, last), &row, 1)?);
    }
    Ok((found, last))
}

/// Few are ever set: no index.
pub fn breakpoints(db: &Conn, flow: Option<&str>) -> Result<Vec<BreakpointRow>> {
    let text = "SELECT id, flow, file, before, every, condition, by, at, hits FROM breakpoints
        WHERE $1 IS NULL OR flow = $1 ORDER BY id";
    let one = |row: &Row| {
        let mut one = BreakpointRow {
            id: row.num(0)?,
            flow: row.text(1)?,
            file: row.opt_text(2)?,
            before: row.text(3)?,
            every: row.flag(4)?,
            condition: None,
            by: row.text(6)?,
            at: row.int(7)?,
            hits: row.num(8)?,
        };
        one.condition = db.opt_text(row, 5, || named::condition_place(&one.flow, &one.before, &one.by, one.at))?;
        Ok(one)
    };
    db.query(text, &[flow.into()])?.iter().map(one).collect()
}

/// See [`crate::Queries::schedules`].
pub fn schedules(db: &Conn, by: Option<Millis>) -> Result<Vec<Schedule>> {
    let rows = match by {
        None => db.query("SELECT name, version, body FROM schedules ORDER BY name", &[])?,
        Some(by) => {
            let text = "SELECT name, version, body FROM schedules WHERE look_at <= $1 OR decided > $1 ORDER BY name";
            db.query(text, &[by.into()])?
        }
    };
    let schedule = |row: &Row| {
        let (name, version) = (row.text(0)?, row.num(1)?);
        Ok(serde_json::from_str(&db.text(row, 2, || named::schedule_place(&name, version))?)?)
    };
    rows.iter().map(schedule).collect()
}

/// See [`crate::Queries::releases`].
pub fn releases(db: &Conn, flow: Option<&str>) -> Result<Vec<Release>> {
    let rows = match flow {
        None => db.query("SELECT flow, n, body FROM releases ORDER BY flow, n", &[])?,
        Some(flow) => db.query("SELECT flow, n, body FROM releases WHERE flow = $1 ORDER BY n", &[flow.into()])?,
    };
    let release = |row: &Row| {
        let (flow, n) = (row.text(0)?, row.num(1)?);
        Ok(serde_json::from_str(&db.text(row, 2, || named::release_place(&flow, n))?)?)
    };
    rows.iter().map(release).collect()
}

pub fn code(db: &Conn, digest: &str) -> Result<Option<String>> {
    for name in named::code_names(&db.seal.now(), digest) {
        let text = "SELECT parts FROM codes WHERE digest = $1";
        let Some(row) = db.find(text, &[name.as_str().into()])? else { continue };
        let parts = db.text(&row, 0, || named::code_place(&name))?;
        let was_sealed = param::sealed(param::get(&row, 0)?)?.is_some();
        return Ok(Some(if was_sealed { named::code_parts(parts).1 } else { parts }));
    }
    Ok(None)
}
