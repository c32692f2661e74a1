//! The embedded store: one SQLite file in WAL mode, and large values beside it.
//!
//! `open` finds and configures the file, `schema` has the tables, `write` and `read` the statements, `feed` the order of
//! commits, `due` what has to be looked at, `writer` the shared transactions, `gate` the order among processes. This file implements the traits. Not here: any SQL.

mod access;
mod backup;
mod breakpoints;
mod check;
mod chunks;
mod collect;
mod copy;
mod due;
mod fault;
mod feed;
mod forks;
mod gate;
mod keep;
mod large;
mod limits;
mod once;
mod open;
mod pools;
mod queries;
mod read;
mod releases;
mod reseal;
mod reseal_chunks;
mod restore;
mod schedules;
mod schema;
pub mod seal;
mod statistics;
mod upkeep;
mod write;
mod writer;

use crate::Options;
use crate::access::Access;
use crate::error::StoreError;
use crate::inherited::Inherited;
use crate::limits::{Limited, Limiting};
use crate::os;
use crate::owners::Owners;
use crate::seal::{Seal, keys};
use crate::store::{
    ArtifactRow, Assign, Changes, Claim, Created, ExecutionFilter, Guard, InboxPlace, LogLine, Page, Queries, Result,
    Revision, StatisticsRow, Store, WaitFilter,
};
use crate::values::Values;
use crate::wire::{Write, Wrote};
pub use fault::Fault;
use feed::Numbers;
use kitaru_core::lease::{Owner, Pulse};
use kitaru_core::release::Release;
use kitaru_core::rows::{BreakpointRow, CallRow, CallStatus, ExecutionRow, WaitRow};
use kitaru_core::schedule::Schedule;
use kitaru_core::{Body, Digest, Epoch, Event, ExecutionId, Millis, ScopeId, Seq, ValueRef};
pub use restore::restore;
use seal::Db;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use writer::{Durable, Writer};

/// See the module.
pub struct Sqlite {
    writer: Writer,
    /// `None`: the store is in memory, where there is one connection only.
    reader: Option<Mutex<Inherited<Db>>>,
    numbers: Mutex<HashMap<ExecutionId, i64>>,
    owners: Arc<Owners>,
    values: Values,
    /// The store's keys.
    seal: Arc<Seal>,
    path: PathBuf,
    /// The file that was opened, by more than its name.
    file: Option<(u64, u64)>,
    pid: u32,
    /// Writes by this handle for executions that it need not own.
    posts: AtomicU64,
}

impl Sqlite {
    /// Opens or creates the store in the file at `path`.
    pub fn open(path: &Path, home: &Path, options: &Options) -> Result<Self> {
        Self::open_where(path, home, options, os::network_file_system)
    }

    fn open_where(
        path: &Path,
        home: &Path,
        options: &Options,
        network: impl Fn(&Path) -> Option<&'static str>,
    ) -> Result<Self> {
        let home = open::folder(home, &network)?;
        let keys = options.keys.clone().or_else(keys::named);
        let opened = open::open(path, options, keys, network)?;
        let full = options.synchronous == crate::Synchronous::Full;
        Ok(Self {
            writer: Writer::new(opened.writer, Some(opened.gate), opened.path.clone(), full),
            reader: Some(Mutex::new(Inherited::new(opened.reader))),
            numbers: Mutex::default(),
            owners: Owners::of(&home)?,
            values: Values::in_folder(open::beside(&opened.path, ".packs")),
            seal: opened.seal,
            file: os::file_id(&opened.path).ok(),
            path: opened.path,
            pid: std::process::id(),
            posts: AtomicU64::new(0),
        })
    }

    /// Refuses a forked child before it touches a connection, or a lock that a thread of its parent may have held.
    fn here(&self) -> Result<()> {
        if std::process::id() == self.pid {
            return Ok(());
        }
        Err(StoreError::Forked { path: self.path.display().to_string() })
    }

    fn write(
        &self,
        durable: Durable,
        work: impl FnOnce(&Db, &mut Numbers) -> fault::Result<u64> + Send + 'static,
    ) -> Result<u64> {
        self.here()?;
        self.writer.run(durable, work)
    }

    fn read<T>(&self, mut query: impl FnMut(&Db) -> fault::Result<T>) -> Result<T> {
        self.here()?;
        let mut told = |db: &Db| query(db).map_err(|fault| fault.told(Some(db), &self.path));
        let mut read = || match &self.reader {
            Some(reader) => told(&reader.lock().unwrap_or_else(PoisonError::into_inner)),
            None => self.writer.with(&mut told),
        };
        match read() {
            // Somebody else has sealed it, or changed its key, since this handle last looked.
            Err(error) if seal::is_stale(&error) => {
                self.follow()?;
                read()
            }
            other => other,
        }
    }

    /// Looks at the record of keys again.
    fn follow(&self) -> Result<()> {
        let follow = |db: &Db| db.follow().map_err(|fault| fault.told(Some(db), &self.path));
        match &self.reader {
            Some(reader) => follow(&reader.lock().unwrap_or_else(PoisonError::into_inner)),
            None => self.writer.with(follow),
        }
    }

    fn number(&self, id: &ExecutionId) -> Result<i64> {
        self.here()?;
        if let Some(n) = self.numbers.lock().unwrap_or_else(PoisonError::into_inner).get(id) {
            return Ok(*n);
        }
        let n = self.read(|db| read::must_exist(db, id))?;
        let mut numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        if numbers.len() > 10_000 {
            numbers.clear();
        }
        numbers.insert(id.clone(), n);
        Ok(n)
    }

    /// What is taken up may have been deleted, and made again, since this handle last asked for its number.
    fn forget_number(&self, id: &ExecutionId) {
        self.numbers.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }

    fn posted(&self) {
        self.posts.fetch_add(1, Ordering::Release);
    }
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        if self.here().is_ok() {
            self.writer.with(|db| open::before_close(db));
        }
    }
}

static IN_MEMORY: Mutex<Option<Arc<Sqlite>>> = Mutex::new(None);

/// Lets whoever opens the store in memory next begin with an empty one. Who has the present one keeps it.
pub fn forget_memory() {
    // Dropped after the lock is: it closes a database.
    let known = IN_MEMORY.lock().unwrap_or_else(PoisonError::into_inner).take();
    drop(known);
}

/// The store that lives in this process's memory: one for all who open it, for tests. A forked child gets its own.
pub fn in_memory(home: &Path) -> Result<Arc<Sqlite>> {
    let mut one = IN_MEMORY.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = one.as_ref().filter(|known| known.here().is_ok()) {
        return Ok(Arc::clone(known));
    }
    let path = PathBuf::from("memory:");
    // It is nowhere but in this process: it has no keys.
    let db = Db::plain(open::in_memory(&path)?, &path);
    let made = Arc::new(Sqlite {
        seal: Arc::clone(&db.seal),
        writer: Writer::new(db, None, path.clone(), false),
        reader: None,
        numbers: Mutex::default(),
        owners: Owners::of(&open::folder(home, &os::network_file_system)?)?,
        values: Values::in_rows(),
        file: None,
        path,
        pid: std::process::id(),
        posts: AtomicU64::new(0),
    });
    *one = Some(Arc::clone(&made));
    Ok(made)
}

impl Store for Sqlite {
    fn create(&self, id: &ExecutionId, at: Millis, events: Vec<Body>, claim: Option<Claim>) -> Result<Created> {
        let made = id.clone();
        let found = self.write_events(events, move |db, numbers, events| {
            match write::create(db, numbers, &made, at, events, claim.as_ref())? {
                Created::New(epoch) => Ok(epoch + 1),
                Created::Exists => Ok(0),
            }
        })?;
        self.forget_number(id);
        self.posted();
        Ok(if found == 0 { Created::Exists } else { Created::New(found - 1) })
    }

    fn claim(&self, id: &ExecutionId, at: Millis, expected: Epoch, claim: Claim, events: Vec<Body>) -> Result<Epoch> {
        let taken = id.clone();
        let epoch = self.write_events(events, move |db, numbers, events| {
            write::claim(db, numbers, &taken, at, expected, &claim, events)
        })?;
        self.forget_number(id);
        self.posted();
        Ok(epoch)
    }

    fn append_last(
        &self,
        id: &ExecutionId,
        at: Millis,
        epoch: Epoch,
        events: Vec<Body>,
        turns: Vec<ScopeId>,
    ) -> Result<Seq> {
        let n = self.number(id)?;
        let id = id.clone();
        self.write_events(events, move |db, numbers, events| {
            limits::ended(db, n, epoch, &turns)?;
            write::append(db, numbers, &id, n, at, epoch, events)
        })
    }

    fn limiting(&self, what: Limiting) -> Result<Limited> {
        self.limits(what)
    }

    fn post(&self, id: &ExecutionId, at: Millis, guard: Guard, events: Vec<Body>) -> Result<Seq> {
        let id = id.clone();
        let first =
            self.write_events(events, move |db, numbers, events| write::post(db, numbers, &id, at, &guard, events))?;
        self.posted();
        Ok(first)
    }

    fn renew(&self, leases: &[(ExecutionId, Epoch)], until: Millis) -> Result<Vec<ExecutionId>> {
        let leases = leases.to_vec();
        let lost = Arc::new(Mutex::new(Vec::new()));
        let found = Arc::clone(&lost);
        self.write(Durable::Now, move |db, _| {
            *found.lock().unwrap_or_else(PoisonError::into_inner) = write::renew(db, &leases, until)?;
            Ok(0)
        })?;
        let mut lost = lost.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(std::mem::take(&mut *lost))
    }

    fn assign(&self, wanted: Assign) -> Result<Vec<ExecutionId>> {
        let assigned = Arc::new(Mutex::new(Vec::new()));
        let found = Arc::clone(&assigned);
        self.write(Durable::Later, move |db, _| {
            *found.lock().unwrap_or_else(PoisonError::into_inner) = pools::assign(db, &wanted)?;
            Ok(0)
        })?;
        let mut assigned = assigned.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(std::mem::take(&mut *assigned))
    }

    fn load(&self, id: &ExecutionId, after: Seq, limit: usize) -> Result<Vec<Event>> {
        self.read(|db| forks::load(db, id, after, limit))
    }

    fn reference(&self, value: &kitaru_core::Value) -> Option<ValueRef> {
        value.inline().filter(|text| text.len() > crate::values::INLINE).map(|_| value.reference())
    }

    fn value(&self, reference: &ValueRef) -> Result<String> {
        self.large_text(reference)
    }

    fn log(&self, id: &ExecutionId, lines: Vec<LogLine>) -> Result<()> {
        let n = self.number(id)?;
        self.write(Durable::Later, move |db, numbers| write::log(db, numbers, n, &lines).map(|()| 0)).map(|_| ())
    }

    fn version(&self) -> Result<u64> {
        self.here()?;
        // On the writing connection it counts the commits of other connections only.
        let others: u64 = self.writer.with(|db| {
            let read = |db: &Db| db.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0));
            read(db).map_err(|error| Fault::Sql(error).told(Some(db), &self.path))
        })?;
        Ok(others.wrapping_add(self.posts.load(Ordering::Acquire)))
    }

    fn delete(&self, id: &ExecutionId, epoch: Epoch, last_seq: Seq) -> Result<()> {
        let gone = id.clone();
        self.write(Durable::Now, move |db, numbers| forks::delete(db, numbers, &gone, epoch, last_seq).map(|()| 0))?;
        self.forget_number(id);
        self.posted();
        Ok(())
    }

    fn add_breakpoint(&self, breakpoint: BreakpointRow) -> Result<u64> {
        let id = self.write(Durable::Now, move |db, _| breakpoints::add(db, &breakpoint))?;
        self.posted();
        Ok(id)
    }

    fn remove_breakpoint(&self, id: u64) -> Result<bool> {
        let found = self.write(Durable::Now, move |db, _| breakpoints::remove(db, id).map(u64::from))?;
        self.posted();
        Ok(found > 0)
    }

    fn keep_schedule(&self, schedule: Schedule, look_at: Option<Millis>, seen: Option<u64>) -> Result<()> {
        self.write(Durable::Now, move |db, _| schedules::keep(db, &schedule, look_at, seen).map(|()| 0))?;
        self.posted();
        Ok(())
    }

    fn release(&self, release: Release) -> Result<()> {
        self.write(Durable::Now, move |db, _| releases::add(db, &release).map(|()| 0))?;
        self.posted();
        Ok(())
    }

    fn remove_schedule(&self, name: &str, seen: u64) -> Result<bool> {
        let name = name.to_owned();
        let found = self.write(Durable::Now, move |db, _| schedules::remove(db, &name, seen).map(u64::from))?;
        self.posted();
        Ok(found > 0)
    }

    fn keep_code(&self, digest: &str, parts: &str) -> Result<()> {
        let (digest, parts) = (digest.to_owned(), parts.to_owned());
        self.write(Durable::Later, move |db, _| breakpoints::keep_code(db, &digest, &parts).map(|()| 0)).map(|_| ())
    }

    fn write_once(&self, writer: &str, number: u64, writes: Vec<Write>) -> Result<Vec<Result<Wrote>>> {
        self.once(writer, number, writes)
    }

    fn chunks(&self, digests: &[Digest]) -> Result<Vec<Option<Vec<u8>>>> {
        digests.iter().map(|digest| self.piece(*digest)).collect()
    }

    fn owner(&self) -> Result<Owner> {
        self.owners.owner()
    }

    fn pulse(&self, owner: &Owner) -> Pulse {
        self.owners.pulse(owner)
    }

    fn queries(&self) -> &dyn Queries {
        self
    }

    fn access(&self) -> Option<&dyn Access> {
        Some(self)
    }

    fn ready(&self) -> Result<()> {
        self.must_be_where_it_was()?;
        self.read(|db| Ok(db.prepare_cached("SELECT n FROM executions LIMIT 1")?.exists([])?)).map(|_| ())
    }

    fn upkeep(&self) -> Option<&dyn crate::Upkeep> {
        Some(self)
    }

    fn keyring(&self) -> Option<&dyn crate::Keyring> {
        self.reader.as_ref().map(|_| self as &dyn crate::Keyring)
    }

    fn copying(&self) -> Option<&dyn crate::Copying> {
        Some(self)
    }
}

const SETTINGS: &[&str] = &[
    "journal_mode",
    "synchronous",
    "fullfsync",
    "foreign_keys",
    "wal_autocheckpoint",
    "journal_size_limit",
    "cache_size",
    "temp_store",
    "page_size",
    "page_count",
];

#[cfg(test)]
mod tests;
