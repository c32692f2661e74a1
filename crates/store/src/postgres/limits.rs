//! The statements of limits and turns. What becomes of what is asked is decided in [`crate::limits::rules`]; of what is asked
//! for each call, in the database, by functions that decide the same (`migrations/limits.sql`).
//!
//! Whoever changes something holds the row of its limit until it commits. Not awaited to the disk, but for what somebody
//! sets: when the database goes down, its clients are told, and ask again.

use super::Postgres;
use super::conn::Conn;
use super::fault::{Fault, Result};
use super::param::{Columns, Param};
use crate::error::StoreError;
use crate::limits::rules::{COUNTED, Limit, MANY, Rows, State, TurnRow, change, late, look};
use crate::limits::{Ask, Holder, Limited, Limiting, Ticket, Turn};
use crate::wire::Write;
use kitaru_core::limit::{Bounds, Closed, Gate, Holds, Micros, Rate};
use kitaru_core::{Epoch, ExecutionId, Millis, ScopeId};
use serde_json::Value as Json;
use std::sync::PoisonError;
use std::time::Instant;
use tokio_postgres::Row;

impl Postgres {
    /// [`crate::Store::limiting`].
    pub(super) fn limits(&self, what: &Limiting) -> crate::store::Result<Limited> {
        let begun = Instant::now();
        match what {
            // What is on the way of every call that has a limit is one round trip.
            Limiting::Ask(one, now) => return self.in_turn(|db| ask(db, one, *now, begun)),
            Limiting::Look(tickets, now) if tickets.len() <= MANY => {
                return self.in_turn(|db| looked(db, tickets, *now, begun));
            }
            _ => {}
        }
        if let Some(found) = self.read(|db| look(&Statements(db, begun), what))? {
            return Ok(found);
        }
        match what {
            Limiting::Look(..) | Limiting::Holders(..) => self.again(|db| {
                db.transaction("BEGIN; SET LOCAL synchronous_commit = off", |db| change(&Statements(db, begun), what))
            }),
            // Whoever waits notices.
            _ => self.noticed(|db, _| change(&Statements(db, begun), what)),
        }
    }
}

fn waited(begun: Instant) -> Param {
    Param::from(i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX))
}

/// How a call stands, as `limit_standing` says it.
fn standing(told: &Json) -> Result<Turn> {
    if told.is_null() {
        return Ok(Turn::Unknown);
    }
    if let Some(at) = told["at"].as_i64() {
        return Ok(Turn::Given(at));
    }
    let holds = match told["holds"].as_str() {
        Some("full") => Holds::Full,
        Some("closed") => Holds::Closed,
        _ => Holds::Rate,
    };
    let number = |name: &str| told[name].as_i64().ok_or_else(|| Fault::Odd("a turn has no number".to_owned()));
    Ok(Turn::Waits { before: number("before")?.unsigned_abs(), holds, expects: number("expects")? })
}

fn ask(db: &Conn, one: &Ask, now: Millis, begun: Instant) -> Result<Limited> {
    let text = "SELECT limit_ask($1, $2, $3, $4, $5, $6, $7, $8, $9)::text";
    let params = [
        one.ticket.execution.as_str().into(),
        one.ticket.epoch.into(),
        scope(one.ticket.call),
        one.limit.as_str().into(),
        one.flow.as_str().into(),
        one.name.as_str().into(),
        (-i64::from(one.priority)).into(),
        now.into(),
        waited(begun),
    ];
    let told = answer(db.prepared(text, &params)?)?;
    if told == Json::Bool(false) {
        return Err(StoreError::Fenced(one.ticket.execution.clone()).into());
    }
    Ok(Limited::Turn(standing(&told)?))
}

fn looked(db: &Conn, tickets: &[Ticket], now: Millis, begun: Instant) -> Result<Limited> {
    let text = "SELECT limit_look($1, $2, $3, $4, $5)::text";
    let epochs = tickets.iter().map(|one| i64::try_from(one.epoch).unwrap_or(i64::MAX));
    let params = [
        Param::Texts(tickets.iter().map(|one| one.execution.as_str().to_owned()).collect()),
        Param::Ints(epochs.collect()),
        Param::ManyBytes(tickets.iter().map(|one| one.call.0.to_vec()).collect()),
        now.into(),
        waited(begun),
    ];
    let told = answer(db.prepared(text, &params)?)?;
    let all = told.as_array().map(Vec::as_slice).unwrap_or_default();
    Ok(Limited::Turns(all.iter().map(standing).collect::<Result<_>>()?))
}

/// The JSON that a function says; null where it is nothing.
fn answer(rows: Vec<Row>) -> Result<Json> {
    let row = rows.into_iter().next().ok_or_else(|| Fault::Odd("a function said nothing".to_owned()))?;
    Ok(row.json(0)?.unwrap_or(Json::Null))
}

impl Postgres {
    /// One after the other: all of them wait for the same row there, and a connection for each thread that asks would cost
    /// more than what is asked.
    fn in_turn<T>(&self, work: impl Fn(&Conn) -> Result<T>) -> crate::store::Result<T> {
        self.until_done(|| {
            let _turn = self.asks.lock().unwrap_or_else(PoisonError::into_inner);
            self.pool.with(&work)
        })
    }
}

/// The turns that writes give back: identifiers of executions, epochs and calls, for [`ENDED`].
pub fn ended(writes: &[Write]) -> Option<[Param; 3]> {
    let (mut ids, mut epochs, mut calls) = (Vec::new(), Vec::new(), Vec::new());
    for one in writes {
        let Write::Append(id, _, epoch, _, turns) = one else { continue };
        for call in turns {
            ids.push(id.as_str().to_owned());
            epochs.push(i64::try_from(*epoch).unwrap_or(i64::MAX));
            calls.push(call.0.to_vec());
        }
    }
    (!ids.is_empty()).then_some([Param::Texts(ids), Param::Ints(epochs), Param::ManyBytes(calls)])
}

/// See the module.
pub struct Statements<'a>(&'a Conn, Instant);

const LIMIT: &str =
    "SELECT name, at_once, rate, period, burst, set_by, set_at, due, closed_from, closed_until, closed_by,
    closed_why, given, clock, looked_at FROM limits";

/// Whether the execution of a turn is held as it was when the turn was asked for.
const HELD: &str = "EXISTS (SELECT 1 FROM executions AS e WHERE e.n = turns.n AND e.epoch = turns.epoch
    AND e.owner IS NOT NULL)";

fn small(number: i64) -> Result<u32> {
    u32::try_from(number).map_err(|_| Fault::Odd("a limit has a number that is none".to_owned()))
}

fn limit(row: &Row) -> Result<(String, Limit)> {
    let some = |at: usize| row.opt_int(at).map(|found| found.unwrap_or_default());
    let rate = row
        .opt_int(2)?
        .map(|count| Ok::<_, Fault>(Rate { count: small(count)?, period: some(3)?, burst: small(some(4)?)? }));
    let closed = row.opt_int(8)?.map(|from| {
        let text = |at: usize| row.opt_text(at).map(Option::unwrap_or_default);
        Ok::<_, Fault>(Closed { from, until: some(9)?, by: text(10)?, why: text(11)? })
    });
    let gate = Gate {
        bounds: Bounds { at_once: row.opt_int(1)?.map(small).transpose()?, rate: rate.transpose()? },
        due: row.int(7)?,
        closed: closed.transpose()?,
        clock: row.int(13)?,
    };
    let set = row.opt_text(5)?.map(|by| Ok::<_, Fault>((by, some(6)?))).transpose()?;
    Ok((row.text(0)?, Limit { gate, set, given: row.num(12)?, looked_at: row.int(14)? }))
}

const TURN: &str = "SELECT id, name, n, call, epoch, flow, called, rank, round, share, state, asked_at, at FROM turns";

fn turn(row: &Row) -> Result<TurnRow> {
    let call = row.bytes(3)?.try_into().map_err(|_| Fault::Odd("a turn has no call".to_owned()))?;
    Ok(TurnRow {
        id: row.int(0)?,
        limit: row.text(1)?,
        n: row.int(2)?,
        call: ScopeId(call),
        epoch: row.num(4)?,
        flow: row.text(5)?,
        name: row.text(6)?,
        rank: row.int(7)?,
        round: row.int(8)?,
        share: row.int(9)?,
        state: State::of(row.int(10)?),
        asked_at: row.int(11)?,
        at: row.int(12)?,
    })
}

fn scope(call: ScopeId) -> Param {
    Param::Bytes(call.0.to_vec())
}

impl Statements<'_> {
    fn number_in(&self, text: &str, params: &[Param]) -> Result<Option<i64>> {
        match self.0.find(text, params)? {
            Some(row) => row.opt_int(0),
            None => Ok(None),
        }
    }

    fn count(&self, text: &str, params: &[Param]) -> Result<u64> {
        self.0.one(text, params)?.num(0)
    }
}

impl Rows for Statements<'_> {
    type Fault = Fault;

    fn late(&self) -> Millis {
        late(self.1)
    }

    fn held(&self, id: &ExecutionId, epoch: Epoch) -> Result<Option<i64>> {
        let text = "SELECT n FROM executions WHERE id = $1 AND epoch = $2 AND owner IS NOT NULL";
        self.number_in(text, &[id.as_str().into(), epoch.into()])
    }

    fn number(&self, id: &ExecutionId) -> Result<Option<i64>> {
        self.number_in("SELECT n FROM executions WHERE id = $1", &[id.as_str().into()])
    }

    fn limit(&self, name: &str) -> Result<Option<Limit>> {
        let found = self.0.find(&format!("{LIMIT} WHERE name = $1"), &[name.into()])?;
        Ok(found.as_ref().map(limit).transpose()?.map(|(_, limit)| limit))
    }

    fn hold(&self, name: &str) -> Result<Limit> {
        let text = format!("{LIMIT} WHERE name = $1 FOR UPDATE");
        if let Some(row) = self.0.find(&text, &[name.into()])? {
            return Ok(limit(&row)?.1);
        }
        self.0.execute("INSERT INTO limits (name) VALUES ($1) ON CONFLICT (name) DO NOTHING", &[name.into()])?;
        Ok(limit(&self.0.one(&text, &[name.into()])?)?.1)
    }

    fn save(&self, name: &str, one: &Limit) -> Result<()> {
        let rate = one.gate.bounds.rate;
        let closed = one.gate.closed.as_ref();
        let text =
            "UPDATE limits SET at_once = $2, rate = $3, period = $4, burst = $5, set_by = $6, set_at = $7, due = $8,
            closed_from = $9, closed_until = $10, closed_by = $11, closed_why = $12, given = $13, clock = $14,
            looked_at = $15 WHERE name = $1";
        let params = [
            name.into(),
            one.gate.bounds.at_once.map(i64::from).into(),
            rate.map(|rate| i64::from(rate.count)).into(),
            rate.map(|rate| rate.period).into(),
            rate.map(|rate| i64::from(rate.burst)).into(),
            one.set.as_ref().map(|(by, _)| by.as_str()).into(),
            one.set.as_ref().map(|(_, at)| *at).into(),
            one.gate.due.into(),
            closed.map(|closed| closed.from).into(),
            closed.map(|closed| closed.until).into(),
            closed.map(|closed| closed.by.as_str()).into(),
            closed.map(|closed| closed.why.as_str()).into(),
            one.given.into(),
            one.gate.clock.into(),
            one.looked_at.into(),
        ];
        self.0.execute(text, &params).map(|_| ())
    }

    fn forget(&self, name: &str) -> Result<()> {
        self.0.execute("DELETE FROM limits WHERE name = $1", &[name.into()]).map(|_| ())
    }

    fn limits(&self) -> Result<Vec<(String, Limit)>> {
        self.0.query(&format!("{LIMIT} ORDER BY name COLLATE \"C\""), &[])?.iter().map(limit).collect()
    }

    fn counts(&self) -> Result<Vec<(String, State, u64)>> {
        let text = format!("SELECT name, state, count(*) FROM turns WHERE state <> 1 OR {HELD} GROUP BY name, state");
        let rows = self.0.query(&text, &[])?;
        rows.iter().map(|row| Ok((row.text(0)?, State::of(row.int(1)?), row.num(2)?))).collect()
    }

    fn turn(&self, n: i64, call: ScopeId) -> Result<Option<TurnRow>> {
        let text = format!("{TURN} WHERE n = $1 AND call = $2");
        self.0.find(&text, &[n.into(), scope(call)])?.as_ref().map(turn).transpose()
    }

    fn waiting_of(&self, n: i64) -> Result<Vec<TurnRow>> {
        let text = format!("{TURN} WHERE n = $1 AND state <> 1 ORDER BY id");
        self.0.query(&text, &[n.into()])?.iter().map(turn).collect()
    }

    fn head(&self, limit: &str, rank: i64) -> Result<Option<(i64, i64)>> {
        let text = "SELECT round, share FROM turns WHERE state = 0 AND name = $1 AND rank = $2
            ORDER BY round, share, id LIMIT 1";
        let found = self.0.find(text, &[limit.into(), rank.into()])?;
        found.map(|row| Ok((row.int(0)?, row.int(1)?))).transpose()
    }

    fn round_of(&self, n: i64, limit: &str, rank: i64) -> Result<Option<i64>> {
        let text = "SELECT max(round) FROM turns WHERE n = $1 AND name = $2 AND rank = $3";
        self.number_in(text, &[n.into(), limit.into(), rank.into()])
    }

    fn share_of(&self, limit: &str, rank: i64, flow: &str, round: i64) -> Result<Option<i64>> {
        let text = "SELECT max(share) FROM turns WHERE name = $1 AND rank = $2 AND flow = $3 AND round = $4";
        self.number_in(text, &[limit.into(), rank.into(), flow.into(), round.into()])
    }

    fn insert(&self, one: &TurnRow) -> Result<i64> {
        let text = "INSERT INTO turns (name, n, call, epoch, flow, called, rank, round, share, state, asked_at, at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) RETURNING id";
        let params = [
            one.limit.as_str().into(),
            one.n.into(),
            scope(one.call),
            one.epoch.into(),
            one.flow.as_str().into(),
            one.name.as_str().into(),
            one.rank.into(),
            one.round.into(),
            one.share.into(),
            (one.state as i64).into(),
            one.asked_at.into(),
            one.at.into(),
        ];
        self.0.one(text, &params)?.int(0)
    }

    fn update(&self, one: &TurnRow) -> Result<()> {
        let text = "UPDATE turns SET epoch = $2, state = $3, at = $4 WHERE id = $1";
        let params = [one.id.into(), one.epoch.into(), (one.state as i64).into(), one.at.into()];
        self.0.execute(text, &params).map(|_| ())
    }

    fn remove(&self, id: i64) -> Result<()> {
        self.0.execute("DELETE FROM turns WHERE id = $1", &[id.into()]).map(|_| ())
    }

    fn next(&self, limit: &str) -> Result<Option<TurnRow>> {
        let text = format!("{TURN} WHERE state = 0 AND name = $1 AND {HELD} ORDER BY rank, round, share, id LIMIT 1");
        self.0.find(&text, &[limit.into()])?.as_ref().map(turn).transpose()
    }

    fn running(&self, limit: &str) -> Result<u64> {
        self.count(&format!("SELECT count(*) FROM turns WHERE state = 1 AND name = $1 AND {HELD}"), &[limit.into()])
    }

    fn before(&self, one: &TurnRow) -> Result<u64> {
        let text = "SELECT count(*) FROM (SELECT 1 FROM turns WHERE state = 0 AND name = $1
            AND (rank, round, share, id) < ($2, $3, $4, $5) LIMIT $6) AS before";
        let place = [one.rank.into(), one.round.into(), one.share.into(), one.id.into(), COUNTED.into()];
        self.count(text, &[vec![one.limit.as_str().into()], place.to_vec()].concat())
    }

    fn order(&self, limit: &str) -> Result<Vec<i64>> {
        let text = "SELECT id FROM turns WHERE state = 0 AND name = $1 ORDER BY rank, round, share, id LIMIT $2";
        self.0.query(text, &[limit.into(), COUNTED.into()])?.iter().map(|row| row.int(0)).collect()
    }

    fn take_back(&self, limit: &str, after: Micros) -> Result<u64> {
        let text = "UPDATE turns SET state = 0 WHERE state = 1 AND name = $1 AND at > $2";
        self.0.execute(text, &[limit.into(), after.into()])
    }

    fn prune(&self, limit: &str) -> Result<()> {
        let text = "DELETE FROM turns WHERE name = $1 AND NOT EXISTS (SELECT 1 FROM executions AS e WHERE e.n = turns.n
            AND ((e.epoch = turns.epoch AND e.owner IS NOT NULL)
                OR (turns.state <> 1 AND e.status NOT IN ('completed', 'cancelled', 'failed'))))";
        self.0.execute(text, &[limit.into()]).map(|_| ())
    }

    fn holders(&self, limit: &str) -> Result<Vec<Holder>> {
        let text = "SELECT DISTINCT e.id, e.epoch, e.owner, held_until(e.lease_until) FROM turns
            JOIN executions AS e ON e.n = turns.n AND e.epoch = turns.epoch AND e.owner IS NOT NULL
            WHERE turns.name = $1 AND turns.state <> 2";
        let holder = |row: &Row| {
            let owner = row.json(2)?.ok_or_else(|| Fault::Odd("an owner is none".to_owned()))?;
            let lease_until: Millis = row.int(3)?;
            Ok(Holder { execution: ExecutionId::new(row.text(0)?), epoch: row.num(1)?, owner, lease_until })
        };
        self.0.query(text, &[limit.into()])?.iter().map(holder).collect()
    }

    fn wake(&self, limit: &str, now: Millis) -> Result<()> {
        let text = "UPDATE executions SET wake_at = $2 WHERE status IN ('sleeping', 'waiting') AND wake_at > $2
            AND n IN (SELECT n FROM turns WHERE name = $1 AND state = 2)";
        self.0.execute(text, &[limit.into(), now.into()]).map(|_| ())
    }

    fn gone(&self, id: &ExecutionId, epoch: Epoch) -> Result<()> {
        let Some(n) = self.number(id)? else { return Ok(()) };
        let params = [n.into(), epoch.into()];
        self.0.execute("DELETE FROM turns WHERE n = $1 AND epoch = $2 AND state = 1", &params)?;
        self.0.execute("UPDATE turns SET state = 2 WHERE n = $1 AND epoch = $2 AND state = 0", &params)?;
        Ok(())
    }
}
