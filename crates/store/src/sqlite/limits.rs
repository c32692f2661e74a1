//! The statements of limits and turns. What becomes of what is asked is decided in [`crate::limits::rules`].
//!
//! Not awaited to the disk: when the machine goes down, all that had a turn is gone with it.

use super::Sqlite;
use super::fault::{Fault, Result};
use super::seal::Db;
use super::writer::Durable;
use crate::limits::rules::{COUNTED, Limit, Rows, State, TurnRow, change, late, look};
use crate::limits::{Holder, Limited, Limiting};
use crate::wire::odd;
use kitaru_core::limit::{Bounds, Closed, Gate, Micros, Rate};
use kitaru_core::{Epoch, ExecutionId, Millis, ScopeId};
use rusqlite::{OptionalExtension, Row, params};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

impl Sqlite {
    /// [`crate::Store::limiting`].
    pub(super) fn limits(&self, what: Limiting) -> crate::store::Result<Limited> {
        let begun = Instant::now();
        if let Some(found) = self.read(|db| look(&Statements(db, begun), &what))? {
            return Ok(found);
        }
        // Who has set a limit is told when that is kept.
        let durable = match what {
            Limiting::Set { .. } | Limiting::Remove(..) => Durable::Now,
            _ => Durable::Later,
        };
        let told = Arc::new(Mutex::new(None));
        let answer = Arc::clone(&told);
        self.write(durable, move |db, _| {
            *answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(change(&Statements(db, begun), &what)?);
            Ok(0)
        })?;
        let done = told.lock().unwrap_or_else(PoisonError::into_inner).take();
        done.ok_or_else(odd)
    }
}

/// Calls of that epoch have ended, in the transaction of their records: their turns are free.
pub fn ended(db: &Db, n: i64, epoch: Epoch, calls: &[ScopeId]) -> Result<()> {
    for call in calls {
        db.prepare_cached("DELETE FROM turns WHERE n = ?1 AND call = ?2 AND epoch = ?3")?.execute(params![
            n,
            &call.0[..],
            epoch
        ])?;
    }
    Ok(())
}

/// See the module.
pub struct Statements<'a>(&'a Db, Instant);

const LIMIT: &str = "name, at_once, rate, period, burst, set_by, set_at, due, closed_from, closed_until, closed_by,
    closed_why, given, clock, looked_at";

fn limit(row: &Row<'_>) -> rusqlite::Result<(String, Limit)> {
    let rate: Option<u32> = row.get(2)?;
    let rate = rate.map(|count| Ok::<_, rusqlite::Error>(Rate { count, period: row.get(3)?, burst: row.get(4)? }));
    let set: Option<String> = row.get(5)?;
    let closed: Option<Millis> = row.get(8)?;
    let closed = closed
        .map(|from| Ok::<_, rusqlite::Error>(Closed { from, until: row.get(9)?, by: row.get(10)?, why: row.get(11)? }));
    let gate = Gate {
        bounds: Bounds { at_once: row.get(1)?, rate: rate.transpose()? },
        due: row.get(7)?,
        closed: closed.transpose()?,
        clock: row.get(13)?,
    };
    let set = set.map(|by| Ok::<_, rusqlite::Error>((by, row.get(6)?))).transpose()?;
    Ok((row.get(0)?, Limit { gate, set, given: row.get(12)?, looked_at: row.get(14)? }))
}

const TURN: &str = "id, name, n, call, epoch, flow, called, rank, round, share, state, asked_at, at";

fn turn(row: &Row<'_>) -> rusqlite::Result<TurnRow> {
    Ok(TurnRow {
        id: row.get(0)?,
        limit: row.get(1)?,
        n: row.get(2)?,
        call: ScopeId(row.get(3)?),
        epoch: row.get(4)?,
        flow: row.get(5)?,
        name: row.get(6)?,
        rank: row.get(7)?,
        round: row.get(8)?,
        share: row.get(9)?,
        state: State::of(row.get(10)?),
        asked_at: row.get(11)?,
        at: row.get(12)?,
    })
}

impl Rows for Statements<'_> {
    type Fault = Fault;

    fn late(&self) -> Millis {
        late(self.1)
    }

    fn held(&self, id: &ExecutionId, epoch: Epoch) -> Result<Option<i64>> {
        let mut select =
            self.0.prepare_cached("SELECT n FROM executions WHERE id = ?1 AND epoch = ?2 AND owner IS NOT NULL")?;
        Ok(select.query_row(params![id.as_str(), epoch], |row| row.get(0)).optional()?)
    }

    fn number(&self, id: &ExecutionId) -> Result<Option<i64>> {
        let mut select = self.0.prepare_cached("SELECT n FROM executions WHERE id = ?1")?;
        Ok(select.query_row([id.as_str()], |row| row.get(0)).optional()?)
    }

    fn limit(&self, name: &str) -> Result<Option<Limit>> {
        let mut select = self.0.prepare_cached(&format!("SELECT {LIMIT} FROM limits WHERE name = ?1"))?;
        Ok(select.query_row([name], limit).optional()?.map(|(_, limit)| limit))
    }

    fn hold(&self, name: &str) -> Result<Limit> {
        if let Some(known) = self.limit(name)? {
            return Ok(known);
        }
        self.0.prepare_cached("INSERT INTO limits (name) VALUES (?1)")?.execute([name])?;
        Ok(Limit::default())
    }

    fn save(&self, name: &str, one: &Limit) -> Result<()> {
        let rate = one.gate.bounds.rate;
        let closed = one.gate.closed.as_ref();
        self.0
            .prepare_cached(
                "UPDATE limits SET at_once = ?2, rate = ?3, period = ?4, burst = ?5, set_by = ?6, set_at = ?7, due = ?8,
                    closed_from = ?9, closed_until = ?10, closed_by = ?11, closed_why = ?12, given = ?13, clock = ?14,
                    looked_at = ?15
                 WHERE name = ?1",
            )?
            .execute(params![
                name,
                one.gate.bounds.at_once,
                rate.map(|rate| rate.count),
                rate.map(|rate| rate.period),
                rate.map(|rate| rate.burst),
                one.set.as_ref().map(|(by, _)| by),
                one.set.as_ref().map(|(_, at)| at),
                one.gate.due,
                closed.map(|closed| closed.from),
                closed.map(|closed| closed.until),
                closed.map(|closed| &closed.by),
                closed.map(|closed| &closed.why),
                one.given,
                one.gate.clock,
                one.looked_at
            ])?;
        Ok(())
    }

    fn forget(&self, name: &str) -> Result<()> {
        self.0.prepare_cached("DELETE FROM limits WHERE name = ?1")?.execute([name])?;
        Ok(())
    }

    fn limits(&self) -> Result<Vec<(String, Limit)>> {
        let mut select = self.0.prepare_cached(&format!("SELECT {LIMIT} FROM limits ORDER BY name"))?;
        let found = select.query_map([], limit)?.collect::<rusqlite::Result<_>>()?;
        Ok(found)
    }

    fn counts(&self) -> Result<Vec<(String, State, u64)>> {
        let mut select = self.0.prepare_cached(
            "SELECT name, state, count(*) FROM turns WHERE state <> 1 OR EXISTS (SELECT 1 FROM executions AS e
                WHERE e.n = turns.n AND e.epoch = turns.epoch AND e.owner IS NOT NULL)
             GROUP BY name, state",
        )?;
        let found = select.query_map([], |row| Ok((row.get(0)?, State::of(row.get(1)?), row.get(2)?)))?;
        Ok(found.collect::<rusqlite::Result<_>>()?)
    }

    fn turn(&self, n: i64, call: ScopeId) -> Result<Option<TurnRow>> {
        let mut select = self.0.prepare_cached(&format!("SELECT {TURN} FROM turns WHERE n = ?1 AND call = ?2"))?;
        Ok(select.query_row(params![n, &call.0[..]], turn).optional()?)
    }

    fn waiting_of(&self, n: i64) -> Result<Vec<TurnRow>> {
        let mut select =
            self.0.prepare_cached(&format!("SELECT {TURN} FROM turns WHERE n = ?1 AND state <> 1 ORDER BY id"))?;
        let found = select.query_map([n], turn)?.collect::<rusqlite::Result<_>>()?;
        Ok(found)
    }

    fn head(&self, limit: &str, rank: i64) -> Result<Option<(i64, i64)>> {
        let mut select = self.0.prepare_cached(
            "SELECT round, share FROM turns WHERE state = 0 AND name = ?1 AND rank = ?2 ORDER BY round, share, id LIMIT 1",
        )?;
        Ok(select.query_row(params![limit, rank], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
    }

    fn round_of(&self, n: i64, limit: &str, rank: i64) -> Result<Option<i64>> {
        let mut select =
            self.0.prepare_cached("SELECT max(round) FROM turns WHERE n = ?1 AND name = ?2 AND rank = ?3")?;
        Ok(select.query_row(params![n, limit, rank], |row| row.get(0))?)
    }

    fn share_of(&self, limit: &str, rank: i64, flow: &str, round: i64) -> Result<Option<i64>> {
        let mut select = self.0.prepare_cached(
            "SELECT max(share) FROM turns WHERE name = ?1 AND rank = ?2 AND flow = ?3 AND round = ?4",
        )?;
        Ok(select.query_row(params![limit, rank, flow, round], |row| row.get(0))?)
    }

    fn insert(&self, one: &TurnRow) -> Result<i64> {
        let mut insert = self.0.prepare_cached(
            "INSERT INTO turns (name, n, call, epoch, flow, called, rank, round, share, state, asked_at, at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) RETURNING id",
        )?;
        Ok(insert.query_row(
            params![
                one.limit,
                one.n,
                &one.call.0[..],
                one.epoch,
                one.flow,
                one.name,
                one.rank,
                one.round,
                one.share,
                one.state as i64,
                one.asked_at,
                one.at
            ],
            |row| row.get(0),
        )?)
    }

    fn update(&self, one: &TurnRow) -> Result<()> {
        self.0.prepare_cached("UPDATE turns SET epoch = ?2, state = ?3, at = ?4 WHERE id = ?1")?.execute(params![
            one.id,
            one.epoch,
            one.state as i64,
            one.at
        ])?;
        Ok(())
    }

    fn remove(&self, id: i64) -> Result<()> {
        self.0.prepare_cached("DELETE FROM turns WHERE id = ?1")?.execute([id])?;
        Ok(())
    }

    fn next(&self, limit: &str) -> Result<Option<TurnRow>> {
        // By the order of its index: what is passed over is dead, and put aside soon.
        let mut select = self.0.prepare_cached(&format!(
            "SELECT {TURN} FROM turns INDEXED BY turns_waiting WHERE state = 0 AND name = ?1 AND EXISTS
                (SELECT 1 FROM executions AS e WHERE e.n = turns.n AND e.epoch = turns.epoch AND e.owner IS NOT NULL)
             ORDER BY rank, round, share, id LIMIT 1"
        ))?;
        Ok(select.query_row([limit], turn).optional()?)
    }

    fn running(&self, limit: &str) -> Result<u64> {
        let mut select = self.0.prepare_cached(
            "SELECT count(*) FROM turns INDEXED BY turns_given WHERE state = 1 AND name = ?1 AND EXISTS
                (SELECT 1 FROM executions AS e WHERE e.n = turns.n AND e.epoch = turns.epoch AND e.owner IS NOT NULL)",
        )?;
        Ok(select.query_row([limit], |row| row.get(0))?)
    }

    fn before(&self, one: &TurnRow) -> Result<u64> {
        let mut select = self.0.prepare_cached(
            "SELECT count(*) FROM (SELECT 1 FROM turns INDEXED BY turns_waiting WHERE state = 0 AND name = ?1
                AND (rank, round, share, id) < (?2, ?3, ?4, ?5) LIMIT ?6)",
        )?;
        Ok(select.query_row(params![one.limit, one.rank, one.round, one.share, one.id, COUNTED], |row| row.get(0))?)
    }

    fn order(&self, limit: &str) -> Result<Vec<i64>> {
        let mut select = self.0.prepare_cached(
            "SELECT id FROM turns INDEXED BY turns_waiting WHERE state = 0 AND name = ?1
             ORDER BY rank, round, share, id LIMIT ?2",
        )?;
        let found = select.query_map(params![limit, COUNTED], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
        Ok(found)
    }

    fn take_back(&self, limit: &str, after: Micros) -> Result<u64> {
        let mut update =
            self.0.prepare_cached("UPDATE turns SET state = 0 WHERE state = 1 AND name = ?1 AND at > ?2")?;
        Ok(update.execute(params![limit, after])? as u64)
    }

    fn prune(&self, limit: &str) -> Result<()> {
        self.0
            .prepare_cached(
                "DELETE FROM turns WHERE name = ?1 AND NOT EXISTS (SELECT 1 FROM executions AS e WHERE e.n = turns.n
                    AND ((e.epoch = turns.epoch AND e.owner IS NOT NULL)
                        OR (turns.state <> 1 AND e.status NOT IN ('completed', 'cancelled', 'failed'))))",
            )?
            .execute([limit])?;
        Ok(())
    }

    fn holders(&self, limit: &str) -> Result<Vec<Holder>> {
        let mut select = self.0.prepare_cached(
            "SELECT DISTINCT e.id, e.epoch, e.owner, e.lease_until FROM turns
             JOIN executions AS e ON e.n = turns.n AND e.epoch = turns.epoch AND e.owner IS NOT NULL
             WHERE turns.name = ?1 AND turns.state <> 2",
        )?;
        let mut rows = select.query([limit])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(Holder {
                execution: ExecutionId::new(row.get::<_, String>(0)?),
                epoch: row.get(1)?,
                owner: serde_json::from_str(&row.get::<_, String>(2)?)?,
                lease_until: row.get(3)?,
            });
        }
        Ok(found)
    }

    fn wake(&self, limit: &str, now: Millis) -> Result<()> {
        self.0
            .prepare_cached(
                "UPDATE executions SET wake_at = ?2 WHERE status IN ('sleeping', 'waiting') AND wake_at > ?2
                    AND n IN (SELECT n FROM turns WHERE name = ?1 AND state = 2)",
            )?
            .execute(params![limit, now])?;
        Ok(())
    }

    fn gone(&self, id: &ExecutionId, epoch: Epoch) -> Result<()> {
        let Some(n) = self.number(id)? else { return Ok(()) };
        self.0
            .prepare_cached("DELETE FROM turns WHERE n = ?1 AND epoch = ?2 AND state = 1")?
            .execute(params![n, epoch])?;
        self.0
            .prepare_cached("UPDATE turns SET state = 2 WHERE n = ?1 AND epoch = ?2 AND state = 0")?
            .execute(params![n, epoch])?;
        Ok(())
    }
}
