//! The writing statements: events into the journal, changes into the rows. Runs inside a transaction that the
//! caller owns.
//!
//! Not here: what an event changes ([`kitaru_core::project`]), transactions and locks ([`super::writer`]).

use super::fault::{Fault, Result};
use super::feed::{Far, Numbers};
use super::read::{self, must_exist};
use super::seal::Db;
use super::{breakpoints, due, forks};
use crate::error::StoreError;
use crate::seal::Place;
use crate::store::{Claim, Created, Guard, Seen};
use kitaru_core::event::{CallKind, is_unasked, moved_to};
use kitaru_core::project::{CallPatch, Change, ExecutionPatch, Fruitless, WaitEnd, project};
use kitaru_core::rows::CallStatus;
use kitaru_core::{Body, Epoch, ExecutionId, Millis, Seq};
use rusqlite::{OptionalExtension, params};
use std::collections::HashSet;

pub fn create(
    db: &Db,
    numbers: &mut Numbers,
    id: &ExecutionId,
    at: Millis,
    events: &[Body],
    claim: Option<&Claim>,
) -> Result<Created> {
    let known = db.prepare_cached("SELECT 1 FROM executions WHERE id = ?1")?.exists([id.as_str()])?;
    if known {
        return Ok(Created::Exists);
    }
    let Some(Body::Created(created)) = events.first() else {
        return Err(Fault::Refused(StoreError::Conflict("the first event of an execution is `created`".to_owned())));
    };
    let base = created.fork.as_ref().map_or(0, |fork| fork.upto);
    let epoch: Epoch = claim.map_or(0, |_| 1);
    let reversed: String = id.as_str().chars().rev().collect();
    let seal = db.seal.now();
    // What is sealed is bound to the number, which is therefore known before.
    let next = "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'executions'), 0) + 1";
    let next: i64 = db.prepare_cached(next)?.query_row([], |row| row.get(0))?;
    let code = created.code.as_deref().map(|code| seal.text(|| Place::of("executions.code").n(next), code));
    let inputs = serde_json::to_string(&created.inputs)?;
    let n: i64 = db
        .prepare_cached(
            "INSERT INTO executions (id, reversed, flow, status, epoch, lease_until, parent, parent_key, forked_from,
                entry, code, tags, inputs, last_seq, created_at, updated_at, owner, base, key, detached, n, pool)
             VALUES (?1, ?2, ?3, 'interrupted', ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?14, ?15, ?16, ?17, ?18,
                ?19, ?20)
             RETURNING n",
        )?
        .query_row(
            params![
                id.as_str(),
                reversed,
                created.flow,
                epoch,
                claim.map_or(0, |claim| claim.lease_until),
                created.parent.as_ref().map(|parent| parent.id.as_str().to_owned()),
                created.parent.as_ref().map(|parent| parent.key.clone()),
                created.fork.as_ref().map(|fork| fork.source.as_str().to_owned()),
                serde_json::to_string(&created.entry)?,
                code,
                serde_json::to_string(&created.tags)?,
                seal.text(|| Place::of("executions.inputs").n(next), &inputs),
                base + events.len() as Seq,
                at,
                claim.map(|claim| serde_json::to_string(&claim.owner)).transpose()?,
                base,
                created.key,
                created.detached,
                next,
                created.pool
            ],
            |row| row.get(0),
        )?;
    if let Some(fork) = &created.fork {
        forks::attach(db, n, &fork.source, fork.upto)?;
    }
    record(db, numbers, n, base + 1, epoch, at, events)?;
    Ok(Created::New(epoch))
}

pub fn claim(
    db: &Db,
    numbers: &mut Numbers,
    id: &ExecutionId,
    at: Millis,
    expected: Epoch,
    claim: &Claim,
    events: &[Body],
) -> Result<Epoch> {
    let taken: Option<(i64, Seq)> = db
        .prepare_cached(
            "UPDATE executions SET epoch = epoch + 1, owner = ?3, lease_until = ?4, last_seq = last_seq + ?5,
                updated_at = ?6, assigned_until = 0, entry = coalesce(?7, entry)
             WHERE id = ?1 AND epoch = ?2 AND status NOT IN ('completed', 'cancelled')
                AND NOT (?8 AND status IN ('paused', 'failed')) RETURNING n, last_seq",
        )?
        .query_row(
            params![
                id.as_str(),
                expected,
                serde_json::to_string(&claim.owner)?,
                claim.lease_until,
                events.len() as i64,
                at,
                moved_to(events).map(serde_json::to_string).transpose()?,
                is_unasked(events)
            ],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()?;
    let Some((n, last)) = taken else {
        must_exist(db, id)?;
        let why = format!("execution {id} was taken up by another process, or has ended");
        return Err(Fault::Refused(StoreError::Conflict(why)));
    };
    record(db, numbers, n, last + 1 - events.len() as Seq, expected + 1, at, events)?;
    Ok(expected + 1)
}

pub fn append(
    db: &Db,
    numbers: &mut Numbers,
    id: &ExecutionId,
    n: i64,
    at: Millis,
    epoch: Epoch,
    events: &[Body],
) -> Result<Seq> {
    let last: Option<Seq> = db
        .prepare_cached(
            "UPDATE executions SET last_seq = last_seq + ?3, updated_at = ?4
             WHERE n = ?1 AND epoch = ?2 AND owner IS NOT NULL AND lease_until > ?4 RETURNING last_seq",
        )?
        .query_row(params![n, epoch, events.len() as i64, at], |row| row.get(0))
        .optional()?;
    let Some(last) = last else {
        return Err(Fault::Refused(StoreError::Fenced(id.clone())));
    };
    let first = last + 1 - events.len() as Seq;
    record(db, numbers, n, first, epoch, at, events)?;
    Ok(first)
}

pub fn post(
    db: &Db,
    numbers: &mut Numbers,
    id: &ExecutionId,
    at: Millis,
    guard: &Guard,
    events: &[Body],
) -> Result<Seq> {
    let row: Option<(i64, Epoch, Seq, String)> = db
        .prepare_cached("SELECT n, epoch, last_seq, status FROM executions WHERE id = ?1")?
        .query_row([id.as_str()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
        .optional()?;
    let Some((n, epoch, last, status)) = row else {
        return Err(Fault::Refused(StoreError::NotFound(id.to_string())));
    };
    let is_final = status == "completed" || status == "cancelled";
    let refused = match guard {
        _ if is_final => Some(format!("execution {id} is {status}")),
        Guard::NotFinal => None,
        Guard::Unchanged(known, seq) | Guard::AllUnchanged(known, seq, _) if epoch != *known || last != *seq => {
            Some(format!("execution {id} has changed meanwhile"))
        }
        Guard::Unchanged(..) => None,
        Guard::AllUnchanged(_, _, others) => changed(db, others)?,
        Guard::WaitOpen(key) => {
            let open: Option<String> = db
                .prepare_cached("SELECT status FROM waits WHERE n = ?1 AND key = ?2")?
                .query_row(params![n, key], |row| row.get(0))
                .optional()?;
            match open.as_deref() {
                Some("open") => None,
                Some(other) => Some(format!("wait {key} of {id} is {other}")),
                None => Some(format!("execution {id} has no wait {key}")),
            }
        }
    };
    if let Some(why) = refused {
        return Err(Fault::Refused(StoreError::Conflict(why)));
    }
    db.prepare_cached("UPDATE executions SET last_seq = ?2, updated_at = ?3 WHERE n = ?1")?.execute(params![
        n,
        last + events.len() as Seq,
        at
    ])?;
    record(db, numbers, n, last + 1, epoch, at, events)?;
    // Whoever posts decides something that others may wait for.
    due::stir(db, n, false)?;
    Ok(last + 1)
}

/// What is wrong with others; `None`: each is as it was seen.
fn changed(db: &Db, others: &[(ExecutionId, Seen)]) -> Result<Option<String>> {
    let mut select = db.prepare_cached("SELECT status, last_seq FROM executions WHERE id = ?1")?;
    for (id, seen) in others {
        let now: Option<(String, Seq)> =
            select.query_row([id.as_str()], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        let is_same = now.as_ref().is_some_and(|(status, last)| match seen {
            Seen::In(known) => status == known.as_str(),
            Seen::At(known) => last == known,
        });
        if !is_same {
            return Ok(Some(format!("execution {id} has moved meanwhile")));
        }
    }
    Ok(None)
}

pub fn renew(db: &Db, leases: &[(ExecutionId, Epoch)], until: Millis) -> Result<Vec<ExecutionId>> {
    let mut lost = Vec::new();
    let mut update =
        db.prepare_cached("UPDATE executions SET lease_until = ?3 WHERE id = ?1 AND epoch = ?2 AND owner IS NOT NULL")?;
    for (id, epoch) in leases {
        if update.execute(params![id.as_str(), epoch, until])? == 0 {
            lost.push(id.clone());
        }
    }
    Ok(lost)
}

pub fn log(db: &Db, numbers: &mut Numbers, n: i64, lines: &[crate::LogLine]) -> Result<()> {
    let last: u64 =
        db.prepare_cached("SELECT coalesce(max(line), 0) FROM logs WHERE n = ?1")?.query_row([n], |row| row.get(0))?;
    let mut insert = db.prepare_cached(
        "INSERT INTO logs (n, line, at, call_key, stream, text, revision) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    let revision = numbers.take(db, n, Far::Line(last), lines.len())?;
    let seal = db.seal.now();
    for ((line, number), revision) in lines.iter().zip(last + 1..).zip(revision..) {
        let text = seal.text(|| Place::of("logs.text").n(n).seq(number), &line.text);
        insert.execute(params![n, number, line.at, line.call_key, line.stream, text, revision])?;
    }
    Ok(())
}

/// Writes events whose sequences are reserved, and what they change.
fn record(db: &Db, numbers: &mut Numbers, n: i64, first: Seq, epoch: Epoch, at: Millis, events: &[Body]) -> Result<()> {
    let mut insert = db.prepare_cached(
        "INSERT INTO journal (place, kind, call_key, payload, epoch, at, revision)
         VALUES (?1 << 32 | ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    let revision = numbers.take(db, n, Far::Event(first - 1), events.len())?;
    let seal = db.seal.now();
    let mut merged: Option<ExecutionPatch> = None;
    let mut asks = false;
    for ((seq, body), revision) in (first..).zip(events).zip(revision..) {
        let text = serde_json::to_string(body)?;
        let text = seal.text(|| Place::of("journal.payload").n(n).seq(seq), &text);
        insert.execute(params![n, seq, body.kind(), body.call_key(), text, epoch, at, revision])?;
        for change in project(seq, at, body) {
            match change {
                Change::Execution(patch) => match &mut merged {
                    // A count that goes on from another change cannot be merged with it.
                    Some(known) if patch.fruitless == Fruitless::Increment && known.fruitless != Fruitless::Keep => {
                        execution(db, n, known)?;
                        *known = *patch;
                    }
                    Some(known) => known.merge(*patch),
                    None => merged = Some(*patch),
                },
                Change::Call(patch) => call(db, n, &patch)?,
                Change::CallUsage(key, usage) => {
                    db.prepare_cached(
                        "UPDATE calls SET input_tokens = input_tokens + ?3, output_tokens = output_tokens + ?4,
                            cost_usd = cost_usd + ?5 WHERE n = ?1 AND key = ?2",
                    )?
                    .execute(params![
                        n,
                        key,
                        usage.input_tokens,
                        usage.output_tokens,
                        usage.cost_usd
                    ])?;
                }
                Change::DropCalls(records) => drop_calls(db, n, &records)?,
                Change::Reused(ranges) => reused(db, n, &ranges)?,
                Change::WaitOpened(opened) => {
                    asks = true;
                    let place = |column| Place::of(column).n(n).text(&opened.call.key);
                    let schema = opened.schema.as_ref().map(serde_json::Value::to_string);
                    let data = opened.data.as_ref().map(serde_json::to_string).transpose()?;
                    db.prepare_cached(
                        "INSERT OR REPLACE INTO waits (n, key, name, sleep, question, schema, data, status, deadline,
                            on_timeout, opened_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'open', ?8, ?9, ?10)",
                    )?
                    .execute(params![
                        n,
                        opened.call.key,
                        opened.call.name,
                        opened.call.kind == CallKind::Sleep,
                        seal.text(|| place("waits.question"), &opened.question),
                        schema.as_deref().map(|text| seal.text(|| place("waits.schema"), text)),
                        data.as_deref().map(|text| seal.text(|| place("waits.data"), text)),
                        opened.deadline,
                        opened.on_timeout,
                        at
                    ])?;
                }
                Change::WaitClosed(end) => close_wait(db, n, seq, at, &end)?,
                Change::BreakpointHit(id) => breakpoints::hit(db, id)?,
                Change::Artifact(saved) => {
                    let value = serde_json::to_string(&saved.value)?;
                    db.prepare_cached(
                        "INSERT OR REPLACE INTO artifacts (n, name, value, call_key, at) VALUES (?1, ?2, ?3, ?4, ?5)",
                    )?
                    .execute(params![
                        n,
                        saved.name,
                        seal.text(|| Place::of("artifacts.value").n(n).text(&saved.name), &value),
                        saved.call,
                        at
                    ])?;
                }
            }
        }
    }
    let anew = merged.as_ref().is_some_and(|patch| patch.status.is_some());
    if let Some(patch) = merged {
        execution(db, n, &patch)?;
    }
    if anew || asks { due::stir(db, n, anew) } else { Ok(()) }
}

fn call(db: &Db, n: i64, patch: &CallPatch) -> Result<()> {
    let (ended_at, ended_seq) = patch.ended.unzip();
    // A row whose record is another one was dropped and runs anew: it is taken over, its usage keeps adding.
    // A failed try has no record of its own.
    let keeps = patch.status == CallStatus::Retrying;
    db.prepare_cached(
        "INSERT INTO calls (n, key, seq, name, kind, status, attempts, started_at, ended_at, ended_seq,
            input_tokens, output_tokens, cost_usd)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, coalesce(?7, 0), ?8, ?9, ?10, ?11, ?12, ?13)
         ON CONFLICT (n, key) DO UPDATE SET
            status = excluded.status,
            attempts = CASE WHEN ?7 IS NOT NULL THEN ?7 WHEN seq = ?3 OR ?14 THEN attempts ELSE 0 END,
            started_at = CASE WHEN seq = ?3 OR ?14 THEN started_at ELSE excluded.started_at END,
            seq = CASE WHEN ?14 THEN seq ELSE excluded.seq END,
            ended_at = excluded.ended_at, ended_seq = excluded.ended_seq, reused = 0,
            input_tokens = input_tokens + excluded.input_tokens,
            output_tokens = output_tokens + excluded.output_tokens,
            cost_usd = cost_usd + excluded.cost_usd",
    )?
    .execute(params![
        n,
        patch.call.key,
        patch.record,
        patch.call.name,
        read::word(&patch.call.kind)?,
        patch.status.as_str(),
        patch.attempts,
        patch.started_at,
        ended_at,
        ended_seq,
        patch.usage.input_tokens,
        patch.usage.output_tokens,
        patch.usage.cost_usd,
        keeps
    ])?;
    Ok(())
}

/// One walk over the calls, however many records: there is no index by record, which each step would pay for.
fn drop_calls(db: &Db, n: i64, records: &[Seq]) -> Result<()> {
    let records: HashSet<Seq> = records.iter().copied().collect();
    let mut update = db.prepare_cached("UPDATE calls SET status = 'dropped', reused = 0 WHERE n = ?1 AND key = ?2")?;
    for (key, seq, _) in marks(db, n)? {
        if records.contains(&seq) {
            update.execute(params![n, key])?;
        }
    }
    Ok(())
}

fn reused(db: &Db, n: i64, ranges: &[(Seq, Seq)]) -> Result<()> {
    let mut update = db.prepare_cached("UPDATE calls SET reused = ?3 WHERE n = ?1 AND key = ?2")?;
    for (key, seq, was) in marks(db, n)? {
        let is = ranges.iter().any(|(from, to)| (*from..=*to).contains(&seq));
        if is != was {
            update.execute(params![n, key, is])?;
        }
    }
    Ok(())
}

/// Key, record and `reused` of an execution's calls.
fn marks(db: &Db, n: i64) -> Result<Vec<(String, Seq, bool)>> {
    let mut select = db.prepare_cached("SELECT key, seq, reused FROM calls WHERE n = ?1")?;
    let found = select.query_map([n], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

fn close_wait(db: &Db, n: i64, seq: Seq, at: Millis, end: &WaitEnd) -> Result<()> {
    let (answer, by) = match &end.answer {
        Some((value, by)) => (Some(serde_json::to_string(value)?), Some(by.as_str())),
        None => (None, None),
    };
    let seal = db.seal.now();
    let answer = answer.as_deref().map(|text| seal.text(|| Place::of("waits.answer").n(n).text(&end.key), text));
    db.prepare_cached(
        "UPDATE waits SET status = ?3, answer = ?4, answered_by = ?5, closed_at = ?6 WHERE n = ?1 AND key = ?2",
    )?
    .execute(params![n, end.key, end.status, answer, by, at])?;
    let status = if end.status == "withdrawn" { CallStatus::Cancelled } else { CallStatus::Completed };
    db.prepare_cached("UPDATE calls SET status = ?3, ended_at = ?4, ended_seq = ?5 WHERE n = ?1 AND key = ?2")?
        .execute(params![n, end.key, status.as_str(), at, seq])?;
    Ok(())
}

fn execution(db: &Db, n: i64, patch: &ExecutionPatch) -> Result<()> {
    let stop = match &patch.stop {
        Some(Some(stop)) => Some(read::word(stop)?),
        _ => None,
    };
    let only_usage = ExecutionPatch { usage: patch.usage, fruitless: patch.fruitless, ..ExecutionPatch::default() };
    if *patch == only_usage && patch.usage.is_zero() {
        // The most common patch by far: a finished call that consumed nothing.
        if patch.fruitless == Fruitless::Reset {
            db.prepare_cached("UPDATE executions SET fruitless = 0 WHERE n = ?1 AND fruitless <> 0")?.execute([n])?;
        }
        return Ok(());
    }
    let seal = db.seal.now();
    let reason = patch.reason.as_ref().and_then(Option::as_ref).map(serde_json::Value::to_string);
    let result = patch.result.as_ref().map(serde_json::to_string).transpose()?;
    let error = patch.error.as_ref().and_then(Option::as_ref).map(serde_json::to_string).transpose()?;
    db.prepare_cached(
        "UPDATE executions SET
            status = coalesce(?2, status),
            reason = CASE WHEN ?3 THEN ?4 ELSE reason END,
            wake_at = CASE WHEN ?5 THEN ?6 ELSE wake_at END,
            owner = CASE WHEN ?7 THEN ?8 ELSE owner END,
            result = coalesce(?9, result),
            error = CASE WHEN ?10 THEN ?11 ELSE error END,
            stop = CASE WHEN ?12 THEN ?13 ELSE stop END,
            input_tokens = input_tokens + ?14, output_tokens = output_tokens + ?15, cost_usd = cost_usd + ?16,
            fruitless = CASE ?17 WHEN 0 THEN fruitless WHEN 1 THEN fruitless + 1 ELSE 0 END,
            parked_on = CASE WHEN ?3 THEN ?18 ELSE parked_on END
         WHERE n = ?1",
    )?
    .execute(params![
        n,
        patch.status.map(kitaru_core::rows::Status::as_str),
        patch.reason.is_some(),
        reason.as_deref().map(|text| seal.text(|| Place::of("executions.reason").n(n), text)),
        patch.wake_at.is_some(),
        patch.wake_at.flatten(),
        patch.owner.is_some(),
        patch.owner.as_ref().and_then(Option::as_ref).map(serde_json::to_string).transpose()?,
        result.as_deref().map(|text| seal.text(|| Place::of("executions.result").n(n), text)),
        patch.error.is_some(),
        error.as_deref().map(|text| seal.text(|| Place::of("executions.error").n(n), text)),
        patch.stop.is_some(),
        stop,
        patch.usage.input_tokens,
        patch.usage.output_tokens,
        patch.usage.cost_usd,
        match patch.fruitless {
            Fruitless::Keep => 0,
            Fruitless::Increment => 1,
            Fruitless::Reset => 2,
        },
        due::parked_on(patch.reason.as_ref().and_then(Option::as_ref))
    ])?;
    if let Some(reason) = &patch.reason {
        due::await_others(db, n, reason.as_ref())?;
    }
    if patch.status.is_some_and(kitaru_core::rows::Status::is_final) {
        // Nobody can answer any more.
        db.prepare_cached("UPDATE waits SET over = 1 WHERE n = ?1 AND status = 'open'")?.execute([n])?;
    }
    Ok(())
}
