//! Removing executions, and stored values that no event refers to, while others write.
//!
//! First every event is read for what it refers to. What is written meanwhile is read inside each transaction that
//! removes, while nobody writes what refers to values: whoever does waits for it, and finds what it refers to or is refused
//! (`lacks` in the migrations). Not here: which executions go (the engine says).

use super::Postgres;
use super::chunks;
use super::conn::Conn;
use super::fault::Result;
use super::feed;
use super::param::{Columns, Param};
use super::read;
use crate::error::StoreError;
use crate::seal::named;
use crate::store;
use crate::upkeep::{Backup, Collected, Removal, Upkeep};
use crate::values::decode_ids;
use kitaru_core::{Body, Digest, Epoch, ExecutionId, Millis, Seq, ValueRef};
use serde_json::Value as Json;
use std::cell::RefCell;
use std::collections::HashSet;
use std::path::Path;

/// How many rows are read at a time.
const READ: usize = 1000;
/// How many are removed in a transaction.
const SWEPT: usize = 256;

/// What is in use, as far as has been read.
#[derive(Default, Clone)]
struct Marks {
    values: HashSet<Digest>,
    /// What the walk through all of it has found.
    references: Vec<ValueRef>,
    /// Chunks of these; empty until the values have been looked through.
    chunks: HashSet<i64>,
    /// All with numbers up to this one has been read.
    upto: u64,
}

/// A chunk that may be unused: its identifier, and what it takes.
type Candidate = (i64, u64);

/// What an event refers to, of a row with number, sequence and payload.
fn references(db: &Conn, row: &tokio_postgres::Row, found: &mut Vec<ValueRef>) -> Result<()> {
    let (n, seq) = (row.int(0)?, row.num(1)?);
    let payload = db.text(row, 2, || read::payload(n, seq))?;
    if !payload.contains("\"stored\"") {
        return Ok(());
    }
    let mut body: Body = serde_json::from_str(&payload)?;
    found.extend(body.values_mut().into_iter().filter(|value| value.inline().is_none()).map(|value| value.reference()));
    Ok(())
}

/// Reads a page of the journal behind a place for what it refers to. Returns the next place.
fn mark(db: &Conn, after: (i64, i64), apart: &HashSet<i64>, found: &mut Vec<ValueRef>) -> Result<Option<(i64, i64)>> {
    let text = "SELECT n, seq, payload FROM journal WHERE (n, seq) > ($1, $2)
        AND (strpos(payload, '\"stored\"') > 0 OR payload LIKE E'\\x1a2%') ORDER BY n, seq LIMIT $3";
    let mut last = None;
    for row in db.query(text, &[after.0.into(), after.1.into(), READ.into()])? {
        let n = row.int(0)?;
        last = Some((n, row.int(1)?));
        if !apart.contains(&n) {
            references(db, &row, found)?;
        }
    }
    Ok(last)
}

impl Marks {
    /// Reads what was written since the last look.
    fn catch_up(&mut self, db: &Conn, space: i32) -> Result<()> {
        let upto = feed::settled(db, space)?.upto;
        let text = "SELECT n, seq, payload FROM journal WHERE revision > $1
            AND (strpos(payload, '\"stored\"') > 0 OR payload LIKE E'\\x1a2%')";
        let mut found = Vec::new();
        for row in db.query(text, &[self.upto.into()])? {
            references(db, &row, &mut found)?;
        }
        let seal = db.seal.now();
        let names: Vec<Digest> =
            found.iter().flat_map(|reference| named::names(&seal, named::VALUE, reference.digest)).collect();
        let digests: Vec<Vec<u8>> = names.iter().map(|name| name.0.to_vec()).collect();
        for row in db.query("SELECT chunks FROM blobs WHERE digest = ANY ($1)", &[Param::ManyBytes(digests)])? {
            self.chunks.extend(ids(&row, 0)?);
        }
        self.values.extend(names);
        self.upto = upto;
        Ok(())
    }
}

fn ids(row: &tokio_postgres::Row, at: usize) -> Result<Vec<i64>> {
    Ok(decode_ids(&row.bytes(at)?))
}

/// Looks through all values: whose chunks are in use, and which of them nobody has referred to.
fn values(db: &Conn, marks: &mut Marks) -> Result<Vec<Digest>> {
    let (mut unused, mut last) = (Vec::new(), Vec::new());
    loop {
        let text = "SELECT digest, chunks FROM blobs WHERE digest > $1 ORDER BY digest LIMIT $2";
        let rows = db.query(text, &[Param::Bytes(last), READ.into()])?;
        for row in &rows {
            let digest = Digest(row.digest(0)?);
            if marks.values.contains(&digest) {
                marks.chunks.extend(ids(row, 1)?);
            } else {
                unused.push(digest);
            }
        }
        match rows.last() {
            Some(row) => last = row.bytes(0)?,
            None => return Ok(unused),
        }
    }
}

/// The same for chunks.
fn parts(db: &Conn, marks: &Marks) -> Result<Vec<Candidate>> {
    let (mut loose, mut last) = (Vec::new(), 0);
    loop {
        let text = "SELECT id, stored FROM chunks WHERE id > $1 ORDER BY id LIMIT $2";
        let rows = db.query(text, &[last.into(), READ.into()])?;
        for row in &rows {
            let id = row.int(0)?;
            if !marks.chunks.contains(&id) {
                loose.push((id, row.num(1)?));
            }
        }
        match rows.last() {
            Some(row) => last = row.int(0)?,
            None => return Ok(loose),
        }
    }
}

impl Postgres {
    /// Runs `work` while nobody writes what refers to values.
    fn sweep<T>(&self, marks: &RefCell<Marks>, work: impl Fn(&Conn, &Marks) -> Result<T>) -> store::Result<T> {
        self.again(|db| {
            db.transaction("BEGIN", |db| {
                let key = (i64::from(self.space) << 8) | 1;
                db.query("SELECT pg_advisory_xact_lock($1)", &[key.into()])?;
                let mut marks = marks.borrow_mut();
                marks.catch_up(db, self.space)?;
                work(db, &marks)
            })
        })
    }

    fn marked(&self, apart: &HashSet<i64>) -> store::Result<Marks> {
        let mut marks = Marks { upto: self.settled(None)?.upto, ..Marks::default() };
        let mut place = Some((0, 0));
        while let Some(after) = place {
            let (next, found) = self.read(|db| {
                let mut found = Vec::new();
                Ok((mark(db, after, apart, &mut found)?, found))
            })?;
            let seal = self.seal.now();
            for reference in found {
                marks.values.extend(named::names(&seal, named::VALUE, reference.digest));
                marks.references.push(reference);
            }
            place = next;
        }
        Ok(marks)
    }

    /// What is wrong with the values; `ok`: each that is referred to is there and reads back.
    pub(super) fn check(&self) -> store::Result<String> {
        let marks = self.marked(&HashSet::new())?;
        for ValueRef { digest, .. } in &marks.references {
            if !self.read(|db| chunks::is_there(db, &self.seal.now(), digest))? {
                // What was referred to may have been removed since, with the execution that did.
                if self.marked(&HashSet::new())?.references.iter().any(|one| one.digest == *digest) {
                    return Ok(format!("value {digest} is referred to and is not there"));
                }
            }
        }
        for reference in &marks.references {
            if !self.read(|db| chunks::is_there(db, &self.seal.now(), &reference.digest))? {
                continue;
            }
            match self.text_of(reference) {
                Ok(_) => {}
                Err(StoreError::Damaged { why, .. }) => return Ok(why),
                Err(error) => return Err(error),
            }
        }
        Ok("ok".to_owned())
    }
}

impl Upkeep for Postgres {
    fn weigh(&self, id: &ExecutionId) -> store::Result<(u64, u64)> {
        self.read(|db| {
            let n = read::must_exist(db, id)?;
            let text = "SELECT (SELECT count(*) FROM journal WHERE n = $1),
                (SELECT coalesce(sum(octet_length(payload)), 0)::bigint FROM journal WHERE n = $1)
                + (SELECT coalesce(sum(octet_length(text)), 0)::bigint FROM logs WHERE n = $1)";
            let row = db.one(text, &[n.into()])?;
            Ok((row.num(0)?, row.num(1)?))
        })
    }

    fn remove(&self, rows: &[(ExecutionId, Epoch, Seq)]) -> store::Result<Vec<Removal>> {
        self.again(|db| {
            db.transaction("BEGIN", |db| {
                db.query("SELECT announce($1)", &[Param::Small(self.space)])?;
                let removed = rows.iter().map(|(id, epoch, last)| {
                    let text = "SELECT remove_one($1, $2, $3, $4)::text";
                    let params = [id.as_str().into(), (*epoch).into(), (*last).into(), Param::Small(self.space)];
                    let told: Json = read::must(&db.one(text, &params)?, 0)?;
                    Ok(match (told["kept"].as_str(), told["events"].as_u64(), told["bytes"].as_u64()) {
                        (Some(why), ..) => Removal::Kept(why.to_owned()),
                        (None, Some(events), Some(bytes)) => Removal::Removed { events, bytes },
                        _ => Removal::Gone,
                    })
                });
                removed.collect()
            })
        })
    }

    fn collect(&self, without: Option<&[ExecutionId]>) -> store::Result<Collected> {
        let mut apart = HashSet::new();
        for id in without.unwrap_or_default() {
            let text = "SELECT n FROM executions WHERE id = $1";
            apart.extend(self.read(|db| db.find(text, &[id.as_str().into()])?.map(|row| row.int(0)).transpose())?);
        }
        let begun = self.marked(&apart)?;
        let (unused, marks, loose) = self.read(|db| {
            let mut marks = begun.clone();
            let unused = values(db, &mut marks)?;
            let loose = parts(db, &marks)?;
            Ok((unused, marks, loose))
        })?;
        let mut found = Collected::default();
        if without.is_some() {
            (found.values, found.chunks) = (unused.len() as u64, loose.len() as u64);
            found.bytes = loose.iter().map(|(_, stored)| stored).sum();
            return Ok(found);
        }
        let marks = RefCell::new(marks);
        for some in unused.chunks(SWEPT) {
            found.values += self.sweep(&marks, |db, marks| {
                let digests = some.iter().filter(|digest| !marks.values.contains(digest));
                let digests = Param::ManyBytes(digests.map(|digest| digest.0.to_vec()).collect());
                db.execute("DELETE FROM blobs WHERE digest = ANY ($1)", &[digests])
            })?;
        }
        for some in loose.chunks(SWEPT) {
            let (chunks, bytes, places) = self.sweep(&marks, |db, marks| {
                let ids = some.iter().filter(|(id, _)| !marks.chunks.contains(id)).map(|(id, _)| *id).collect();
                super::shelved::must_stay_done(db)?;
                let text = "DELETE FROM chunks WHERE id = ANY ($1) RETURNING stored, place";
                let rows = db.query(text, &[Param::Ints(ids)])?;
                let bytes: u64 = rows.iter().map(|row| row.num(0)).sum::<Result<u64>>()?;
                let places: Vec<Option<String>> = rows.iter().map(|row| row.opt_text(1)).collect::<Result<_>>()?;
                Ok((rows.len() as u64, bytes, places))
            })?;
            // The rows are gone for good: nobody else has these names.
            self.unshelve(&places.into_iter().flatten().collect::<Vec<_>>())?;
            found.chunks += chunks;
            found.bytes += bytes;
        }
        let (chunks, bytes) = self.remove_left()?;
        found.chunks += chunks;
        found.bytes += bytes;
        Ok(found)
    }

    /// Nothing: a change is known by the row that it wrote, and names of what was deleted are kept.
    fn forget_changes(&self, _: Millis) -> store::Result<()> {
        Ok(())
    }

    /// Nothing: the database gives room back by itself (autovacuum).
    fn give_back(&self) -> store::Result<u64> {
        Ok(0)
    }

    fn backup(&self, _: &Path) -> store::Result<Backup> {
        let why =
            "a store in PostgreSQL is backed up with PostgreSQL's own means: `pg_dump --schema`, or a base backup";
        Err(StoreError::Setting(format!("{}: {why}", self.path)))
    }
}
