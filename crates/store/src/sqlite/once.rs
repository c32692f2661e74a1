//! Writes that may come twice: who sent them and under which number stands beside them, with what came of them.
//!
//! A writer has one request under way at a time, so its last answer is all that is kept of it. Not here: the statements
//! of the writes.

use super::fault::{Fault, Result};
use super::feed::Numbers;
use super::keep::{AGAIN, Referred};
use super::read::must_exist;
use super::seal::Db;
use super::writer::Durable;
use super::{Sqlite, breakpoints, chunks, forks, limits, pools, releases, schedules, write};
use crate::error::StoreError;
use crate::seal::{Place, named};
use crate::store::Created;
use crate::wire::{Write, Wrote};
use kitaru_core::{Digest, ExecutionId, Millis};
use rusqlite::params;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// A writer that was not heard of for so long sends nothing again: its answer is forgotten.
const FORGET: Millis = 30 * 24 * 60 * 60 * 1000;
/// With every so many new writers, old ones are forgotten.
const SWEEP: i64 = 64;

/// What came of each write.
pub type Answers = Vec<std::result::Result<Wrote, StoreError>>;

/// A request of a writer, ready to be written.
struct Request {
    writer: String,
    number: u64,
    writes: Arc<Vec<Write>>,
    /// What each write refers to.
    referred: Arc<Vec<Referred>>,
    /// For messages.
    path: PathBuf,
}

impl Sqlite {
    /// [`crate::Store::write_once`].
    pub(super) fn once(&self, writer: &str, number: u64, mut writes: Vec<Write>) -> crate::store::Result<Answers> {
        let durable = if writes.iter().any(Write::is_durable) { Durable::Now } else { Durable::Later };
        let moved = moved(&writes);
        let referred = writes.iter_mut().map(|one| self.store_values(one.events_mut()));
        let mut referred = Arc::new(referred.collect::<crate::store::Result<Vec<_>>>()?);
        let writes = Arc::new(writes);
        for _ in 0..AGAIN {
            let (writer, writes, path) = (writer.to_owned(), Arc::clone(&writes), self.path.clone());
            let request = Request { writer, number, writes, referred: Arc::clone(&referred), path };
            match self.send(durable, request) {
                // A part of a value has gone while it was being referred to.
                Err(StoreError::Collected) => {
                    let anew = referred.iter().map(|one| self.store_anew(one));
                    referred = Arc::new(anew.collect::<crate::store::Result<_>>()?);
                }
                Err(error) => return Err(error),
                Ok(answers) => {
                    for id in moved {
                        self.forget_number(&id);
                    }
                    self.posted();
                    return Ok(answers);
                }
            }
        }
        Err(StoreError::Collected)
    }

    fn send(&self, durable: Durable, request: Request) -> crate::store::Result<Answers> {
        let answers = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&answers);
        self.write(durable, move |db, numbers| {
            *told.lock().unwrap_or_else(PoisonError::into_inner) = request.run(db, numbers)?;
            Ok(0)
        })?;
        let mut answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(std::mem::take(&mut *answers))
    }
}

impl Request {
    /// Runs in a transaction of the caller's.
    fn run(&self, db: &Db, numbers: &mut Numbers) -> Result<Answers> {
        if let Some(answers) = known(db, &self.writer, self.number)? {
            return Ok(answers);
        }
        must_have_values(db, &self.referred)?;
        let mut answers = Vec::with_capacity(self.writes.len());
        for (one, referred) in self.writes.iter().zip(&*self.referred) {
            answers.push(alone(db, numbers, one, referred, &self.path)?);
        }
        remember(db, &self.writer, self.number, &answers)?;
        Ok(answers)
    }
}

/// What was answered when this came first. Refuses what was overtaken.
fn known(db: &Db, writer: &str, number: u64) -> Result<Option<Answers>> {
    let mut select = db.prepare_cached("SELECT number, answers FROM writers WHERE id = ?1")?;
    let mut rows = select.query([writer])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    match row.get(0)? {
        last if last == number => Ok(Some(db.json(row, 1, || answers_place(writer, last))?)),
        last if last > number => {
            let why = format!("write {number} comes after write {last} of the same writer, which was answered");
            Err(Fault::Refused(StoreError::Conflict(why)))
        }
        _ => Ok(None),
    }
}

/// What was refused may name what it was about.
fn answers_place(writer: &str, number: u64) -> Place {
    Place::of("writers.answers").text(writer).seq(number)
}

fn remember(db: &Db, writer: &str, number: u64, answers: &Answers) -> Result<()> {
    let now = now();
    let (seal, text) = (db.seal.now(), serde_json::to_string(answers)?);
    let text = seal.text(|| answers_place(writer, number), &text);
    let known = db
        .prepare_cached("UPDATE writers SET number = ?2, answers = ?3, at = ?4 WHERE id = ?1")?
        .execute(params![writer, number, text, now])?;
    if known > 0 {
        return Ok(());
    }
    let n: i64 = db
        .prepare_cached("INSERT INTO writers (id, number, answers, at) VALUES (?1, ?2, ?3, ?4) RETURNING n")?
        .query_row(params![writer, number, text, now], |row| row.get(0))?;
    if n % SWEEP == 0 {
        db.prepare_cached("DELETE FROM writers WHERE at < ?1")?.execute([now - FORGET])?;
    }
    Ok(())
}

/// Only says how old an answer is: it decides nothing about an execution.
fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis::try_from(since.as_millis()).unwrap_or(Millis::MAX)
}

/// One of several: what it refuses leaves the others as they are.
fn alone(
    db: &Db,
    numbers: &mut Numbers,
    one: &Write,
    referred: &Referred,
    path: &Path,
) -> Result<std::result::Result<Wrote, StoreError>> {
    db.prepare_cached("SAVEPOINT part")?.execute([])?;
    let done = apply(db, numbers, one).and_then(|wrote| {
        if wrote != Wrote::Created(Created::Exists) {
            chunks::insert(db, &referred.new)?;
        }
        Ok(wrote)
    });
    let done = match done {
        Err(fault) if fault.concerns_all() || db.is_autocommit() => return Err(fault),
        Err(Fault::Refused(StoreError::Collected)) => return Err(Fault::Refused(StoreError::Collected)),
        Err(fault) => {
            db.prepare_cached("ROLLBACK TO part")?.execute([])?;
            numbers.forget();
            Err(fault.told(Some(db), path))
        }
        Ok(wrote) => Ok(wrote),
    };
    db.prepare_cached("RELEASE part")?.execute([])?;
    Ok(done)
}

fn apply(db: &Db, numbers: &mut Numbers, one: &Write) -> Result<Wrote> {
    Ok(match one {
        Write::Create(id, at, events, claim) => {
            Wrote::Created(write::create(db, numbers, id, *at, events, claim.as_ref())?)
        }
        Write::Claim(id, at, expected, claim, events) => {
            Wrote::Number(write::claim(db, numbers, id, *at, *expected, claim, events)?)
        }
        Write::Append(id, at, epoch, events, turns) => {
            let n = must_exist(db, id)?;
            limits::ended(db, n, *epoch, turns)?;
            Wrote::Number(write::append(db, numbers, id, n, *at, *epoch, events)?)
        }
        Write::Post(id, at, guard, events) => Wrote::Number(write::post(db, numbers, id, *at, guard, events)?),
        Write::Renew(leases, until) => Wrote::These(write::renew(db, leases, *until)?),
        Write::Assign(assign) => Wrote::These(pools::assign(db, assign)?),
        Write::Log(id, lines) => {
            write::log(db, numbers, must_exist(db, id)?, lines)?;
            Wrote::Done
        }
        Write::Delete(id, epoch, last) => {
            forks::delete(db, numbers, id, *epoch, *last)?;
            Wrote::Done
        }
        Write::AddBreakpoint(row) => Wrote::Number(breakpoints::add(db, row)?),
        Write::RemoveBreakpoint(id) => Wrote::Removed(breakpoints::remove(db, *id)?),
        Write::KeepSchedule(one, look_at, seen) => {
            schedules::keep(db, one, *look_at, *seen)?;
            Wrote::Done
        }
        Write::Release(one) => {
            releases::add(db, one)?;
            Wrote::Done
        }
        Write::RemoveSchedule(name, seen) => Wrote::Removed(schedules::remove(db, name, *seen)?),
        Write::KeepCode(digest, parts) => {
            breakpoints::keep_code(db, digest, parts)?;
            Wrote::Done
        }
    })
}

/// Refuses references to values that are not here: whoever sent them took them for known.
fn must_have_values(db: &Db, referred: &[Referred]) -> Result<()> {
    let mut select = db.prepare_cached("SELECT 1 FROM blobs WHERE digest = ?1")?;
    let seal = db.seal.now();
    let mut missing: Vec<Digest> = Vec::new();
    for digest in referred.iter().flat_map(|one| &one.copied) {
        let is_new = referred.iter().flat_map(|one| &one.new).any(|new| new.reference.digest == *digest);
        let names = named::names(&seal, named::VALUE, *digest);
        let found = names.iter().map(|name| select.exists([&name.0[..]])).collect::<rusqlite::Result<Vec<bool>>>()?;
        if !is_new && !found.contains(&true) {
            missing.push(*digest);
        }
    }
    if missing.is_empty() { Ok(()) } else { Err(Fault::Refused(StoreError::Missing(missing))) }
}

/// Which executions are made, taken up or deleted: where they stand may change.
fn moved(writes: &[Write]) -> Vec<ExecutionId> {
    let named = writes.iter().filter_map(|one| match one {
        Write::Create(id, ..) | Write::Claim(id, ..) | Write::Delete(id, ..) => Some(id.clone()),
        _ => None,
    });
    named.collect()
}
