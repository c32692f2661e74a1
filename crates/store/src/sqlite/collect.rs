//! Removing stored values that no event refers to, while others write.
//!
//! First every event is read for what it refers to. What is written meanwhile is read inside each transaction that
//! removes: only executions that were not over, or are new, have new events. So what a transaction removes is referred to
//! by nothing when it commits, also not by what was written an instant before. Values go before their chunks, and chunks
//! before their bytes, so that whatever dies on the way leaves too much and never too little.
//!
//! Not here: which executions go (the engine says), and removing them ([`super::forks`]).

use super::fault::{Fault, Result};
use super::feed::Numbers;
use super::seal::Db;
use super::writer::Durable;
use super::{Sqlite, chunks};
use crate::seal::{Sealing, named};
use crate::upkeep::Collected;
use crate::values::{Range, decode_ids};
use kitaru_core::{Body, Digest, ExecutionId, ValueRef};
use rusqlite::{OptionalExtension, Row, params};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

/// How many rows are read at a time.
const READ: i64 = 1000;
/// How many are removed in a transaction.
const SWEPT: usize = 256;
/// After so many transactions what they freed is given back.
const SWEEPS: usize = 40;

/// What is in use, as far as has been read.
#[derive(Default)]
struct Marks {
    values: HashSet<Digest>,
    /// Chunks of these; empty until the values have been looked through.
    chunks: HashSet<i64>,
    /// The last execution that has been seen.
    top: i64,
    /// Executions that can have new events, and the last that was read of each.
    open: HashMap<i64, i64>,
}

impl Marks {
    fn used(&mut self, seal: &Sealing<'_>, reference: &ValueRef) {
        self.values.extend(named::names(seal, named::VALUE, reference.digest));
    }
}

/// What one transaction removed.
#[derive(Default)]
struct Swept {
    rows: u64,
    bytes: u64,
    ranges: Vec<Range>,
}

/// A chunk that may be unused: its identifier, and what it takes.
type Candidate = (i64, u64);

impl Sqlite {
    pub(super) fn collect_values(&self, without: Option<&[ExecutionId]>) -> crate::store::Result<Collected> {
        let apart = without.unwrap_or_default();
        let apart = apart.iter().filter_map(|id| self.read(|db| super::read::number(db, id)).transpose());
        let apart: HashSet<i64> = apart.collect::<crate::store::Result<_>>()?;
        let mut marks = self.read(begin)?;
        let (mut after, top) = (0, marks.top);
        while let Some(last) = self.read(|db| mark(db, &mut marks, (after, top), &apart))? {
            after = last;
        }
        let mut unused = Vec::new();
        let mut last = Vec::new();
        while let Some(digest) = self.read(|db| values(db, &mut marks, &last, &mut unused))? {
            last = digest;
        }
        let mut loose: Vec<Candidate> = Vec::new();
        let mut last = 0;
        while let Some(id) = self.read(|db| parts(db, &marks, last, &mut loose))? {
            last = id;
        }
        let mut found = Collected::default();
        if without.is_some() {
            (found.values, found.chunks) = (unused.len() as u64, loose.len() as u64);
            found.bytes = loose.iter().map(|(_, stored)| stored).sum();
            return Ok(found);
        }
        let marks = Arc::new(Mutex::new(marks));
        for some in unused.chunks(SWEPT) {
            found.values += self.sweep(&marks, some.to_vec(), sweep_values)?.rows;
        }
        for many in loose.chunks(SWEPT * SWEEPS) {
            let mut ranges = Vec::new();
            for some in many.chunks(SWEPT) {
                let swept = self.sweep(&marks, some.to_vec(), sweep_chunks)?;
                found.chunks += swept.rows;
                found.bytes += swept.bytes;
                ranges.extend(swept.ranges);
            }
            if !ranges.is_empty() {
                // A power cut must not bring a row back whose bytes are gone: the next value like it would be made of it.
                self.sync_log()?;
                self.values.free(ranges);
            }
        }
        let live = self.read(|db| Ok(chunks::packs(db)?))?;
        self.values.remove_dead(&live)?;
        Ok(found)
    }

    /// Removes some of what was found unused and still is.
    fn sweep<T: Send + 'static>(
        &self,
        marks: &Arc<Mutex<Marks>>,
        some: Vec<T>,
        work: fn(&Db, &Marks, &[T]) -> Result<Swept>,
    ) -> crate::store::Result<Swept> {
        let swept = Arc::new(Mutex::new(Swept::default()));
        let (marks, told) = (Arc::clone(marks), Arc::clone(&swept));
        self.write(Durable::Later, move |db, _| {
            let mut marks = marks.lock().unwrap_or_else(PoisonError::into_inner);
            catch_up(db, &mut marks)?;
            *told.lock().unwrap_or_else(PoisonError::into_inner) = work(db, &marks, &some)?;
            Ok(0)
        })?;
        let mut swept = swept.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(std::mem::take(&mut *swept))
    }
}

/// What an event in that column refers to. Its text is parsed only where it can refer to anything.
pub fn references(db: &Db, row: &Row<'_>, at: usize, place: i64, found: &mut Vec<ValueRef>) -> Result<()> {
    let payload = db.opened(row, at, || super::read::payload(place >> 32, (place & 0xffff_ffff).unsigned_abs()))?;
    let payload = payload.unwrap_or_default();
    if !payload.contains("\"stored\"") {
        return Ok(());
    }
    let mut body: Body = serde_json::from_str(&payload)?;
    found.extend(body.values_mut().into_iter().filter(|value| value.inline().is_none()).map(|value| value.reference()));
    Ok(())
}

/// Which executions there are and which of them can have new events, from here on.
fn begin(db: &Db) -> Result<Marks> {
    let look = db.unchecked_transaction()?;
    let top = db.query_row("SELECT coalesce(max(n), 0) FROM executions", [], |row| row.get(0))?;
    let mut select = db.prepare_cached(
        "SELECT n, last_seq FROM executions WHERE status IN
            ('running', 'waiting', 'sleeping', 'paused', 'interrupted', 'failed')",
    )?;
    let open = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<_>>()?;
    drop(select);
    look.finish()?;
    Ok(Marks { top, open, ..Marks::default() })
}

/// Reads a page of events of executions up to `top`, but not of those in `apart`. Returns the place of the last.
fn mark(db: &Db, marks: &mut Marks, (after, top): (i64, i64), apart: &HashSet<i64>) -> Result<Option<i64>> {
    let mut select = db.prepare_cached(
        "SELECT place, payload FROM journal WHERE place > ?1 AND place < (?2 + 1) << 32 ORDER BY place LIMIT ?3",
    )?;
    let mut rows = select.query(params![after, top, READ])?;
    let (mut found, mut last) = (Vec::new(), None);
    while let Some(row) = rows.next()? {
        let place: i64 = row.get(0)?;
        last = Some(place);
        if !apart.contains(&(place >> 32)) {
            references(db, row, 1, place, &mut found)?;
        }
    }
    let seal = db.seal.now();
    found.iter().for_each(|reference| marks.used(&seal, reference));
    Ok(last)
}

/// Looks through a page of values: whose chunks are in use, and which of them nobody has referred to. Returns the last.
fn values(db: &Db, marks: &mut Marks, after: &[u8], unused: &mut Vec<Digest>) -> Result<Option<Vec<u8>>> {
    let mut select =
        db.prepare_cached("SELECT digest, chunks FROM blobs WHERE digest > ?1 ORDER BY digest LIMIT ?2")?;
    let mut rows = select.query(params![after, READ])?;
    let mut last = None;
    while let Some(row) = rows.next()? {
        let digest: [u8; 32] = row.get(0)?;
        last = Some(digest.to_vec());
        if marks.values.contains(&Digest(digest)) {
            let ids: Vec<u8> = row.get(1)?;
            marks.chunks.extend(decode_ids(&ids));
        } else {
            unused.push(Digest(digest));
        }
    }
    Ok(last)
}

/// The same for chunks.
fn parts(db: &Db, marks: &Marks, after: i64, loose: &mut Vec<Candidate>) -> Result<Option<i64>> {
    let mut select = db.prepare_cached("SELECT id, stored FROM chunks WHERE id > ?1 ORDER BY id LIMIT ?2")?;
    let mut rows = select.query(params![after, READ])?;
    let mut last = None;
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        last = Some(id);
        if !marks.chunks.contains(&id) {
            loose.push((id, row.get(1)?));
        }
    }
    Ok(last)
}

/// Reads what was written since the last look: all of new executions, and what is new of those that were not over.
fn catch_up(db: &Db, marks: &mut Marks) -> Result<()> {
    let mut found = Vec::new();
    let mut last = db.prepare_cached("SELECT last_seq, status FROM executions WHERE n = ?1")?;
    let mut events = db.prepare_cached(
        "SELECT payload, place FROM journal WHERE place > (?1 << 32 | ?2) AND place < (?1 + 1) << 32",
    )?;
    let mut read = |n: i64, seen: i64, upto: i64| -> Result<()> {
        if upto > seen {
            let mut rows = events.query(params![n, seen])?;
            while let Some(row) = rows.next()? {
                references(db, row, 0, row.get(1)?, &mut found)?;
            }
        }
        Ok(())
    };
    let mut over = Vec::new();
    for (n, seen) in &mut marks.open {
        let now: Option<(i64, String)> = last.query_row([*n], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        let Some((upto, status)) = now else {
            over.push(*n);
            continue;
        };
        read(*n, *seen, upto)?;
        *seen = upto;
        if matches!(status.as_str(), "completed" | "cancelled") {
            over.push(*n);
        }
    }
    for n in over {
        marks.open.remove(&n);
    }
    let mut new = db.prepare_cached("SELECT n, last_seq FROM executions WHERE n > ?1 ORDER BY n")?;
    let mut rows = new.query([marks.top])?;
    while let Some(row) = rows.next()? {
        let (n, upto): (i64, i64) = (row.get(0)?, row.get(1)?);
        read(n, 0, upto)?;
        marks.top = n;
        marks.open.insert(n, upto);
    }
    let seal = db.seal.now();
    for reference in found {
        marks.used(&seal, &reference);
        marks.chunks.extend(chunks::ids(db, &reference.digest)?);
    }
    Ok(())
}

fn sweep_values(db: &Db, marks: &Marks, some: &[Digest]) -> Result<Swept> {
    let mut delete = db.prepare_cached("DELETE FROM blobs WHERE digest = ?1")?;
    let mut swept = Swept::default();
    for digest in some.iter().filter(|digest| !marks.values.contains(digest)) {
        swept.rows += delete.execute([&digest.0[..]])? as u64;
    }
    Ok(swept)
}

fn sweep_chunks(db: &Db, marks: &Marks, some: &[Candidate]) -> Result<Swept> {
    let mut delete = db.prepare_cached("DELETE FROM chunks WHERE id = ?1 RETURNING pack, place, stored")?;
    let mut swept = Swept::default();
    for (id, _) in some.iter().filter(|(id, _)| !marks.chunks.contains(id)) {
        let gone: Option<(Option<u64>, Option<u64>, u64)> =
            delete.query_row([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional()?;
        let Some((pack, place, stored)) = gone else { continue };
        swept.rows += 1;
        swept.bytes += stored;
        swept.ranges.extend(pack.zip(place).map(|(pack, place)| (pack, place, stored)));
    }
    Ok(swept)
}

/// Removes an execution unless something needs it.
pub fn remove(
    db: &Db,
    numbers: &mut Numbers,
    (id, epoch, last_seq): &(ExecutionId, kitaru_core::Epoch, kitaru_core::Seq),
) -> Result<crate::Removal> {
    let found: Option<(i64, Option<String>)> = db
        .prepare_cached("SELECT n, parent FROM executions WHERE id = ?1")?
        .query_row([id.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((n, parent)) = found else { return Ok(crate::Removal::Gone) };
    let kept = |why: &str| Ok(crate::Removal::Kept(why.to_owned()));
    if db.prepare_cached("SELECT 1 FROM segments WHERE source = ?1")?.exists([n])? {
        return kept("a replay reads it");
    }
    let mut on_record = db.prepare_cached("SELECT 1 FROM executions WHERE id = ?1")?;
    if let Some(parent) = parent
        && on_record.exists([parent])?
    {
        return kept("its parent is on record");
    }
    let (events, bytes) = weigh(db, n)?;
    match super::forks::delete(db, numbers, id, *epoch, *last_seq) {
        Ok(()) => Ok(crate::Removal::Removed { events, bytes }),
        Err(Fault::Refused(crate::StoreError::Conflict(_))) => kept("it has changed"),
        Err(fault) => Err(fault),
    }
}

/// How many events an execution has written, and how many bytes they and its log are.
pub fn weigh(db: &Db, n: i64) -> Result<(u64, u64)> {
    let (events, bytes): (u64, u64) = db
        .prepare_cached(
            "SELECT count(*), coalesce(sum(octet_length(payload)), 0) FROM journal
             WHERE place > ?1 << 32 AND place < (?1 + 1) << 32",
        )?
        .query_row([n], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let logged: u64 = db
        .prepare_cached("SELECT coalesce(sum(octet_length(text)), 0) FROM logs WHERE n = ?1")?
        .query_row([n], |row| row.get(0))?;
    Ok((events, bytes + logged))
}
