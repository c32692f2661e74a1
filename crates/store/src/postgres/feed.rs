//! The order of commits: what came after a number, in order, once.
//!
//! Numbers are given while a writer holds the rows that it writes, and may be seen in another order than they were given:
//! a transaction that began earlier may commit later. So each writer first announces the last number that was given
//! before its own (a shared advisory lock, which goes with its transaction), and whoever reads goes no further than the
//! lowest that is announced. Not here: who follows.

use super::Postgres;
use super::conn::Conn;
use super::fault::Result;
use super::param::{Columns, Param};
use super::read;
use crate::store::{self, Change, Changed, Changes, Revision};
use kitaru_core::ExecutionId;
use std::time::{Duration, Instant};
use tokio_postgres::Row;

/// So many bytes are handed out at a time, and one item more.
const BYTES: usize = 1 << 20;
/// How long those that are about to write are waited for, by whoever asks for the newest number.
const PATIENCE: Duration = Duration::from_millis(500);
const LOOK: Duration = Duration::from_millis(3);

/// Each part by its index of numbers, and all of it as of one moment.
const CHANGES: &str = "SELECT revision, id, what, number, at, call_key, stream, body, n FROM (
    (SELECT j.revision, e.id, 0 AS what, j.seq AS number, j.at, NULL AS call_key, NULL AS stream, j.payload AS body, j.n
     FROM journal AS j JOIN executions AS e USING (n) WHERE j.revision > $1 AND j.revision <= $2
     ORDER BY j.revision LIMIT $3)
    UNION ALL (SELECT l.revision, e.id, 1, l.line, l.at, l.call_key, l.stream, l.text, l.n
     FROM logs AS l JOIN executions AS e USING (n) WHERE l.revision > $1 AND l.revision <= $2
     ORDER BY l.revision LIMIT $3)
    UNION ALL (SELECT g.revision, g.id, 2, 0, 0, NULL, NULL, NULL, g.n
     FROM gone AS g WHERE g.revision > $1 AND g.revision <= $2 ORDER BY g.revision LIMIT $3)
) AS every ORDER BY revision LIMIT $3";

/// How far all is settled.
pub struct Settled {
    /// What has a number up to this one is there for good.
    pub upto: Revision,
    /// The last that was given.
    pub last: Revision,
    /// How many are about to write.
    pub writing: u64,
    /// The clock of the database.
    pub now: kitaru_core::Millis,
}

/// Looks how far all is settled.
pub fn settled(db: &Conn, space: i32) -> Result<Settled> {
    let row = db.one("SELECT settled, last, writing, now FROM settled($1)", &[Param::Small(space)])?;
    Ok(Settled { upto: row.num(0)?, last: row.num(1)?, writing: row.num(2)?, now: row.int(3)? })
}

/// What came after a number, in order, at most `limit`.
pub fn changes(db: &Conn, space: i32, after: Revision, limit: usize) -> Result<Changes> {
    // Looked at first: what is settled by then is seen by all that is read afterwards.
    let upto = settled(db, space)?.upto;
    let rows = db.query(CHANGES, &[after.into(), upto.into(), limit.saturating_add(1).into()])?;
    let mut found = Changes { items: Vec::new(), more: false };
    let mut bytes = 0;
    for row in &rows {
        if found.items.len() == limit || bytes > BYTES {
            found.more = true;
            break;
        }
        let (one, size) = change(db, row)?;
        bytes += size;
        found.items.push(one);
    }
    Ok(found)
}

fn change(db: &Conn, row: &Row) -> Result<(Change, usize)> {
    let (what, size) = match row.try_get::<_, i32>(2).unwrap_or(2) {
        0 => {
            let body: &str = row.try_get(7).unwrap_or_default();
            let (n, seq) = (row.int(8)?, row.num(3)?);
            let body_of = db.json(row, 7, || read::payload(n, seq))?;
            let event = kitaru_core::Event { seq, at: row.int(4)?, body: body_of };
            (Changed::Event(event), body.len())
        }
        1 => {
            let line = read::line(db, (row.int(8)?, row.num(3)?), row, 4)?;
            let size = line.text.len();
            (Changed::Line(row.num(3)?, line), size)
        }
        _ => (Changed::Deleted, 0),
    };
    Ok((Change { revision: row.num(0)?, execution: ExecutionId::new(row.text(1)?), what }, size))
}

impl Postgres {
    /// Looks how far all is settled, and hears the clock of the database. `most`: how long it may be tried, if not for long.
    pub(super) fn settled(&self, most: Option<Duration>) -> store::Result<Settled> {
        let sent = crate::afar::now();
        let found = self.read_within(most, |db| settled(db, self.space))?;
        self.ahead.hear(sent, crate::afar::now() - sent, found.now);
        Ok(found)
    }

    /// A number that all that was written is not after. Whoever is about to write is waited for a little: its numbers are
    /// given, and it must come after. If that takes long, the number is a lower one, and some is told again.
    pub(super) fn newest_settled(&self) -> store::Result<Revision> {
        let begun = Instant::now();
        loop {
            let found = self.settled(None)?;
            if found.upto == found.last || begun.elapsed() > PATIENCE {
                return Ok(found.upto);
            }
            std::thread::sleep(LOOK);
        }
    }
}
