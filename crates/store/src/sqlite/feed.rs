//! The order of commits: a number for each event and each line of log, in the transaction that writes it, and what came
//! after a number, in order.
//!
//! An index by number would cost each step a page of its own, a quarter of what a step costs without a sync (measured:
//! 47 µs against 37). So numbers come in blocks, and a block is one process's for as long as nobody else writes: the table
//! `feed` says which executions have something in a block, and how far they were before it. A lone flow pays for one row
//! in a thousand numbers; where processes take turns each turn begins a block. Numbers may be left out, never given twice,
//! and never go back.
//!
//! Not here: what an event changes (`write`), and who follows.

use super::fault::Result;
use super::read;
use super::seal::Db;
use crate::seal::Place;
use crate::store::{Change, Changed, Changes, LogLine, Revision};
use kitaru_core::{Event, ExecutionId, Millis, Seq};
use rusqlite::{OptionalExtension, params};
use std::collections::HashSet;

/// Numbers in a block.
const BLOCK: u64 = 1 << 10;

/// Blocks that a restored store leaves out.
const SKIPPED: u64 = 1 << 20;

/// So many bytes are handed out at a time, and one item more.
const BYTES: usize = 1 << 20;

/// What a writing connection knows of the numbers. Good for as long as nobody else has written.
#[derive(Default)]
pub struct Numbers {
    /// The database as this connection saw it, so that another's commit is noticed.
    version: i64,
    turn: Option<Turn>,
}

struct Turn {
    next: Revision,
    /// Who has a row for the block of `next`.
    begun: HashSet<i64>,
}

/// How far an execution is before a write.
#[derive(Clone, Copy)]
pub enum Far {
    /// Its last event is that one.
    Event(Seq),
    /// Its last line is that one.
    Line(u64),
    /// It is gone.
    Gone,
}

impl Numbers {
    /// To be called first in each transaction: after another's commit numbers go on in a new block.
    /// Whether another has committed.
    pub fn begin(&mut self, db: &Db) -> rusqlite::Result<bool> {
        let version = db.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))?;
        let is_new = version != self.version;
        if is_new {
            self.version = version;
            self.turn = None;
        }
        Ok(is_new)
    }

    /// To be called when a transaction could not begin: whatever others have written is looked at again by the next.
    pub fn forget_all(&mut self) {
        *self = Self::default();
    }

    /// To be called when what was written is undone, all or in part.
    pub fn forget(&mut self) {
        self.turn = None;
    }

    /// The first of `count` numbers in a row for what is written of execution `n`.
    pub fn take(&mut self, db: &Db, n: i64, far: Far, count: usize) -> Result<Revision> {
        let turn = match &mut self.turn {
            Some(turn) => turn,
            none => none.insert(Turn { next: (last_block(db)? + 1) * BLOCK, begun: HashSet::new() }),
        };
        let (first, end) = (turn.next, turn.next + count as u64);
        while turn.next < end {
            if turn.next % BLOCK == 0 {
                turn.begun.clear();
            }
            if turn.begun.insert(n) {
                let written = turn.next - first;
                let (seq, line) = match far {
                    Far::Event(seq) => (Some(seq + written), None),
                    Far::Line(line) => (None, Some(line + written)),
                    Far::Gone => (Some(0), Some(0)),
                };
                db.prepare_cached(
                    "INSERT INTO feed (block, n, seq, line, at) VALUES (?1, ?2,
                        coalesce(?3, (SELECT last_seq FROM executions WHERE n = ?2), 0),
                        coalesce(?4, (SELECT max(line) FROM logs WHERE n = ?2), 0), unixepoch() * 1000)",
                )?
                .execute(params![turn.next / BLOCK, n, seq, line])?;
            }
            turn.next = end.min((turn.next / BLOCK + 1) * BLOCK);
        }
        Ok(first)
    }
}

/// Lets numbers go on far behind the last: the store that a backup was made of may have given many since, and whoever
/// followed that one must not take a new number for one that it knows.
pub fn skip(db: &Db) -> Result<Numbers> {
    // A row for no execution has nothing to tell.
    let row = "INSERT INTO feed (block, n, seq, line, at) VALUES (?1, 0, 0, 0, unixepoch() * 1000)";
    db.execute(row, [last_block(db)? + SKIPPED])?;
    Ok(Numbers::default())
}

fn last_block(db: &Db) -> rusqlite::Result<u64> {
    db.prepare_cached("SELECT coalesce(max(block), 0) FROM feed")?.query_row([], |row| row.get(0))
}

/// Keeps in mind that an execution was deleted.
pub fn gone(db: &Db, numbers: &mut Numbers, n: i64, id: &ExecutionId) -> Result<()> {
    let revision = numbers.take(db, n, Far::Gone, 1)?;
    db.prepare_cached("INSERT INTO gone (n, id, revision) VALUES (?1, ?2, ?3)")?.execute(params![
        n,
        id.as_str(),
        revision
    ])?;
    Ok(())
}

/// Blocks that are forgotten in a transaction.
const TRIMMED: u64 = 64;

/// Forgets some of what was written before that time: which changes there were, and what was deleted. The block that was
/// begun last before it stays, since it may have later ones. Whether there is more.
pub fn trim(db: &Db, before: Millis) -> Result<bool> {
    let kept: Option<u64> = db.query_row("SELECT max(block) FROM feed WHERE at < ?1", [before], |row| row.get(0))?;
    let Some(kept) = kept else { return Ok(false) };
    let last = "SELECT max(block) FROM (SELECT DISTINCT block FROM feed WHERE block < ?1 ORDER BY block LIMIT ?2)";
    let last: Option<u64> = db.query_row(last, params![kept, TRIMMED], |row| row.get(0))?;
    let Some(last) = last else { return Ok(false) };
    db.execute("DELETE FROM feed WHERE block <= ?1", [last])?;
    db.execute("DELETE FROM gone WHERE revision < ?1", [(last + 1) * BLOCK])?;
    Ok(true)
}

/// The number up to which changes are forgotten; 0: none are.
pub fn forgotten(db: &Db) -> Result<Revision> {
    let first: Option<u64> = db.prepare_cached("SELECT min(block) FROM feed")?.query_row([], |row| row.get(0))?;
    // The first block that a store ever has is 1.
    Ok(first.filter(|first| *first > 1).map_or(0, |first| first * BLOCK - 1))
}

/// Where something with a number stands.
struct Spot {
    revision: Revision,
    n: i64,
    kind: Kind,
}

enum Kind {
    Event(Seq),
    Line(u64),
    Gone,
}

/// An execution's row for a block.
struct Row {
    n: i64,
    seq: Seq,
    line: u64,
}

/// What came after a number, in order, at most `limit`.
pub fn changes(db: &Db, after: Revision, limit: usize) -> Result<Changes> {
    // All of it as of one moment: else an earlier number could be overlooked for a later one.
    let look = db.unchecked_transaction()?;
    let mut found = Changes { items: Vec::new(), more: false };
    let mut block = after / BLOCK;
    let mut bytes = 0;
    while let Some((at, rows)) = next_block(db, block)? {
        for spot in spots(db, at, &rows, after)? {
            if found.items.len() == limit || bytes > BYTES {
                found.more = true;
                break;
            }
            let (one, size) = load(db, &spot)?;
            bytes += size;
            found.items.push(one);
        }
        if found.more {
            break;
        }
        block = at + 1;
    }
    look.finish()?;
    Ok(found)
}

/// The number of the last change, or a lower one that nothing came after.
pub fn newest(db: &Db) -> Result<Revision> {
    let look = db.unchecked_transaction()?;
    let block = last_block(db)?;
    let found = match next_block(db, block)? {
        Some((at, rows)) => spots(db, at, &rows, 0)?.last().map(|spot| spot.revision),
        None => None,
    };
    look.finish()?;
    Ok(found.unwrap_or((block * BLOCK).saturating_sub(1)))
}

/// The first block from there on that has anything.
fn next_block(db: &Db, from: u64) -> Result<Option<(u64, Vec<Row>)>> {
    let block: Option<u64> =
        db.prepare_cached("SELECT min(block) FROM feed WHERE block >= ?1")?.query_row([from], |row| row.get(0))?;
    let Some(block) = block else { return Ok(None) };
    let mut select = db.prepare_cached("SELECT n, seq, line FROM feed WHERE block = ?1 ORDER BY n")?;
    let rows = select.query_map([block], |row| Ok(Row { n: row.get(0)?, seq: row.get(1)?, line: row.get(2)? }))?;
    Ok(Some((block, rows.collect::<rusqlite::Result<_>>()?)))
}

/// What stands in a block behind a number, in order.
fn spots(db: &Db, block: u64, rows: &[Row], after: Revision) -> Result<Vec<Spot>> {
    let (from, to) = (after.max((block * BLOCK).saturating_sub(1)), block * BLOCK + BLOCK - 1);
    let mut found = Vec::new();
    let mut known = db.prepare_cached("SELECT last_seq FROM executions WHERE n = ?1")?;
    let mut ended = db.prepare_cached("SELECT revision FROM gone WHERE n = ?1")?;
    for &Row { n, seq, line } in rows {
        let Some(last) = known.query_row([n], |row| row.get::<_, Seq>(0)).optional()? else {
            // Its events may be there still, for its replays.
            let revision: Option<Revision> = ended.query_row([n], |row| row.get(0)).optional()?;
            let gone = revision.filter(|one| (from + 1..=to).contains(one));
            found.extend(gone.map(|revision| Spot { revision, n, kind: Kind::Gone }));
            continue;
        };
        let begin = first_after(db, n, (seq, last), from)?;
        let mut select = db.prepare_cached(
            "SELECT seq, revision FROM journal WHERE place >= (?1 << 32 | ?2) AND place < (?1 + 1) << 32 ORDER BY place",
        )?;
        let mut events = select.query(params![n, begin])?;
        while let Some(row) = events.next()? {
            let revision = row.get(1)?;
            if revision > to {
                break;
            }
            found.push(Spot { revision, n, kind: Kind::Event(row.get(0)?) });
        }
        let mut select =
            db.prepare_cached("SELECT line, revision FROM logs WHERE n = ?1 AND line > ?2 ORDER BY line")?;
        let mut lines = select.query(params![n, line])?;
        while let Some(row) = lines.next()? {
            let revision = row.get(1)?;
            if revision > to {
                break;
            }
            if revision > from {
                found.push(Spot { revision, n, kind: Kind::Line(row.get(0)?) });
            }
        }
    }
    found.sort_unstable_by_key(|spot| spot.revision);
    Ok(found)
}

/// The first event behind `before` with a number above `after`: both grow together, so it is looked for by halves.
fn first_after(db: &Db, n: i64, (before, last): (Seq, Seq), after: Revision) -> Result<Seq> {
    let mut select = db.prepare_cached("SELECT revision FROM journal WHERE place = (?1 << 32 | ?2)")?;
    // A block has no more of it than it has numbers.
    let (mut low, mut high) = (before + 1, last.min(before + BLOCK) + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        let revision: Option<Revision> = select.query_row(params![n, middle], |row| row.get(0)).optional()?;
        if revision.is_some_and(|revision| revision <= after) { low = middle + 1 } else { high = middle }
    }
    Ok(low)
}

fn load(db: &Db, spot: &Spot) -> Result<(Change, usize)> {
    let of = match spot.kind {
        Kind::Gone => "SELECT id FROM gone WHERE n = ?1",
        _ => "SELECT id FROM executions WHERE n = ?1",
    };
    let id: String = db.prepare_cached(of)?.query_row([spot.n], |row| row.get(0))?;
    let (what, size) = match spot.kind {
        Kind::Gone => (Changed::Deleted, 0),
        Kind::Event(seq) => {
            let mut select = db.prepare_cached("SELECT at, payload FROM journal WHERE place = (?1 << 32 | ?2)")?;
            let mut rows = select.query(params![spot.n, seq])?;
            let row = rows.next()?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
            let payload = db.text(row, 1, || read::payload(spot.n, seq))?;
            let body = serde_json::from_str(&payload)?;
            (Changed::Event(Event { seq, at: row.get(0)?, body }), payload.len())
        }
        Kind::Line(number) => {
            let mut select =
                db.prepare_cached("SELECT at, call_key, stream, text FROM logs WHERE n = ?1 AND line = ?2")?;
            let mut rows = select.query(params![spot.n, number])?;
            let row = rows.next()?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
            let text = db.text(row, 3, || Place::of("logs.text").n(spot.n).seq(number))?;
            let line = LogLine { at: row.get(0)?, call_key: row.get(1)?, stream: row.get(2)?, text };
            let size = line.text.len();
            (Changed::Line(number, line), size)
        }
    };
    Ok((Change { revision: spot.revision, execution: ExecutionId::new(id), what }, size))
}
