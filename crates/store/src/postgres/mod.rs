//! The store in PostgreSQL, for as many machines as reach it.
//!
//! `open` looks at the database and migrates it, `conn` has the connections, `once` and `items` write, `migrations` has the
//! tables and what the database makes of a write; `read`, `listing`, `feed`, `forks`, `statistics` look. This file
//! implements the traits. Times are by the database's clock, and owners are known by their leases, or by their process
//! where that is of this very system. Not here: any decision about what an execution does next.

mod access;
mod address;
mod bell;
mod chunks;
mod claims;
mod collect;
mod conn;
mod copy;
mod fault;
mod feed;
mod forks;
mod items;
mod limits;
mod listing;
mod once;
mod open;
mod param;
mod places;
mod queries;
mod read;
mod reseal;
mod seal;
mod shelved;
mod statistics;
mod steps;
mod tls;

use crate::access::Access;
use crate::afar::{Ahead, Away, Lane, Settings, Tries};
use crate::error::StoreError;
use crate::inherited::Inherited;
use crate::limits::{Limited, Limiting};
use crate::owners;
use crate::seal::{Seal, keys, named};
use crate::shelf::Shelved;
use crate::store::{
    ArtifactRow, Assign, Changes, Claim, Created, ExecutionFilter, Guard, InboxPlace, LogLine, Page, Queries, Result,
    Revision, StatisticsRow, Store, WaitFilter,
};
use crate::values::Values;
use crate::wire::{Write, Wrote, odd};
use address::Address;
pub use address::{hidden, is_postgres};
use conn::{Conn, Pool};
use fault::Fault;
use kitaru_core::lease::{Owner, Pulse};
use kitaru_core::release::Release;
use kitaru_core::rows::{BreakpointRow, CallRow, CallStatus, ExecutionRow, Status, WaitRow};
use kitaru_core::schedule::Schedule;
use kitaru_core::{Body, Digest, Epoch, Event, ExecutionId, Millis, ScopeId, Seq, Value, ValueRef};
use places::Places;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

/// How often it may be asked for its version by each process.
const LOOK: Duration = Duration::from_millis(40);
/// How long it is waited for by those who only look whether anything happened.
const GLANCE: Duration = Duration::from_millis(500);
/// So many requests with writes of executions go out at once, and another one when something has waited so long: where
/// commits are fast, they go out together and cost less; where they are slow, they share the syncs of the database.
const PROMPT: usize = 2;
const PATIENCE: Duration = Duration::from_micros(500);
/// Writes with more bytes than this in a value let others pass.
const LARGE: u64 = 64 << 10;

/// See the module.
pub struct Postgres {
    pool: Inherited<Pool>,
    /// Writes of executions; those with large values; leases, which must not wait for either. Several are under way at
    /// once: PostgreSQL syncs together what many connections commit.
    lanes: [Lane; 3],
    away: Away,
    /// How far the clock of the database is ahead.
    ahead: Ahead,
    values: Values,
    /// The store's keys.
    seal: Arc<Seal>,
    /// Where large parts of values lie, if not in their rows.
    shelf: OnceLock<Arc<Shelved>>,
    /// From how many bytes on.
    shelved_from: usize,
    /// Where what is written next will stand.
    places: Places,
    bell: bell::Bell,
    /// What is asked of limits.
    asks: Mutex<()>,
    /// Names the schema in locks.
    space: i32,
    path: String,
    pid: u32,
}

/// Opens the store in the database at that address.
pub fn connect(address: &str, options: &crate::Options) -> Result<Arc<dyn Store>> {
    let relaxed = options.synchronous == crate::Synchronous::Normal;
    let blobs = options.shelf()?;
    let mut made = Postgres::at(address, options.keys.clone().or_else(keys::named), relaxed)?;
    made.shelved_from = options.blobs_from.unwrap_or(shelved::LARGE);
    made.look_for_keys()?;
    let schema = made.pool.address().schema.clone();
    made.space = made.first(|db| open::open(db, &schema, &made.path))?;
    made.begin_sealing(options.stays_plain)?;
    made.begin_shelving(blobs.as_ref(), options.stays_plain)?;
    made.settled(None)?;
    Ok(Arc::new(made))
}

/// Brings the tables at that address up to date. Returns from which version and to which.
pub fn migrate(address: &str) -> Result<(Option<u32>, u32)> {
    let made = Postgres::at(address, keys::named(), false)?;
    made.look_for_keys()?;
    let schema = made.pool.address().schema.clone();
    Ok((made.first(|db| open::migrate(db, &schema, &made.path))?, open::VERSION))
}

/// The version of the tables at that address (`None`: there are none), and the version that is known here.
pub fn version(address: &str) -> Result<(Option<u32>, u32)> {
    let made = Postgres::at(address, None, false)?;
    let schema = made.pool.address().schema.clone();
    Ok((made.first(|db| open::look(db, &schema, &made.path))?.version, open::VERSION))
}

impl Postgres {
    fn at(address: &str, keys: Option<PathBuf>, relaxed: bool) -> Result<Self> {
        let address = Address::parse(address)?;
        let path = address.shown.clone();
        let seal = Arc::new(Seal::new(path.clone(), keys));
        Ok(Self {
            pool: Inherited::new(Pool::new(address, Arc::clone(&seal), relaxed)?),
            places: Places::default(),
            bell: bell::Bell::default(),
            asks: Mutex::default(),
            lanes: [Lane::gathering(8, PROMPT, PATIENCE), Lane::new(2), Lane::new(1)],
            away: Away::new(&path, &Settings::from_env()?),
            ahead: Ahead::default(),
            seal,
            values: Values::in_rows(),
            shelf: OnceLock::new(),
            shelved_from: shelved::LARGE,
            space: 0,
            path,
            pid: std::process::id(),
        })
    }

    /// Refuses a forked child: the connections belong to its parent.
    fn here(&self) -> Result<()> {
        if std::process::id() == self.pid {
            return Ok(());
        }
        Err(StoreError::Forked { path: self.path.clone() })
    }

    /// Asks a database that may never have been there.
    fn first<T>(&self, work: impl Fn(&Conn) -> fault::Result<T>) -> Result<T> {
        self.read_within(Some(Settings::from_env()?.first), work)
    }

    fn read<T>(&self, query: impl Fn(&Conn) -> fault::Result<T>) -> Result<T> {
        self.read_within(None, query)
    }

    fn read_within<T>(&self, most: Option<Duration>, query: impl Fn(&Conn) -> fault::Result<T>) -> Result<T> {
        match self.tried(most, &query) {
            // Somebody else has sealed it, or changed its key, since this handle last looked.
            Err(error) if seal::is_stale(&error) => {
                self.follow()?;
                self.tried(most, &query)
            }
            other => other,
        }
    }

    /// Asks without a look at the record of keys.
    fn read_once<T>(&self, query: impl Fn(&Conn) -> fault::Result<T>) -> Result<T> {
        self.tried(None, &query)
    }

    fn tried<T>(&self, most: Option<Duration>, query: &impl Fn(&Conn) -> fault::Result<T>) -> Result<T> {
        self.here()?;
        let mut tries = Tries::default();
        loop {
            match self.pool.with(query) {
                Ok(found) => {
                    self.away.over(&tries);
                    return Ok(found);
                }
                Err(Fault::Lost(why) | Fault::Again(why)) => self.away.pause(&mut tries, &why, most)?,
                Err(fault) => return Err(fault.told(&self.path)),
            }
        }
    }

    fn write(&self, mut write: Write) -> Result<Wrote> {
        self.here()?;
        let lane = match &write {
            Write::Renew(..) => 2,
            _ => {
                let values = write.events_mut().iter_mut().flat_map(Body::values_mut);
                usize::from(values.map(|value| value.len()).max().unwrap_or_default() > LARGE)
            }
        };
        let lane = self.lanes.get(lane).ok_or_else(odd)?;
        lane.run(write, &self.away, |writer, number, writes| self.send(writer, number, writes, false))
    }

    fn done(&self, write: Write) -> Result<()> {
        match self.write(write)? {
            Wrote::Done => Ok(()),
            _ => Err(odd()),
        }
    }

    fn pieces(&self, digests: &[Digest]) -> Result<Vec<Option<Vec<u8>>>> {
        let (path, seal) = (Path::new(&self.path), self.seal.now());
        let names = |at| digests.iter().map(move |digest| (at, digest));
        let mut found: Vec<Option<Vec<u8>>> = vec![None; digests.len()];
        // Under the name that is likely, and, where some is plain still, under the plain one.
        for at in 0..=usize::from(seal.has_plain()) {
            let wanted: Vec<Digest> = names(at)
                .filter_map(|(at, digest)| named::names(&seal, named::CHUNK, *digest).get(at).copied())
                .collect();
            let parts = self.whole(|db| chunks::pieces(db, &wanted))?;
            for (place, part) in found.iter_mut().zip(parts) {
                if let (None, Some(part)) = (&place, part) {
                    *place = Some(self.values.bytes_of(part, &seal, path)?);
                }
            }
        }
        Ok(found)
    }

    fn text_of(&self, reference: &ValueRef) -> Result<String> {
        let mut again = true;
        loop {
            let look = |db: &Conn| Ok(chunks::parts(db, &self.seal.now(), reference)?.into_iter().map(Some).collect());
            let parts = self.whole(look)?.into_iter().flatten().collect();
            match self.values.read(reference, parts, &self.seal.now(), Path::new(&self.path)) {
                // Sealed anew by a key that was not known: the record says which.
                Err(error) if again && seal::is_stale(&error) => {
                    self.follow()?;
                    again = false;
                }
                other => return other,
            }
        }
    }
}

impl Store for Postgres {
    fn create(&self, id: &ExecutionId, at: Millis, mut events: Vec<Body>, claim: Option<Claim>) -> Result<Created> {
        for body in &mut events {
            if let Body::Created(created) = body {
                // Whoever carries on what this store has looks for its code where it is.
                created.entry.host.get_or_insert_with(crate::os::host_name);
            }
        }
        match self.write(Write::Create(id.clone(), at, events, claim))? {
            Wrote::Created(created) => Ok(created),
            _ => Err(odd()),
        }
    }

    fn claim(&self, id: &ExecutionId, at: Millis, expected: Epoch, claim: Claim, events: Vec<Body>) -> Result<Epoch> {
        self.write(Write::Claim(id.clone(), at, expected, claim, events))?.number()
    }

    fn append_last(
        &self,
        id: &ExecutionId,
        at: Millis,
        epoch: Epoch,
        events: Vec<Body>,
        turns: Vec<ScopeId>,
    ) -> Result<Seq> {
        self.write(Write::Append(id.clone(), at, epoch, events, turns))?.number()
    }

    fn limiting(&self, what: Limiting) -> Result<Limited> {
        self.limits(&what)
    }

    fn post(&self, id: &ExecutionId, at: Millis, guard: Guard, events: Vec<Body>) -> Result<Seq> {
        self.write(Write::Post(id.clone(), at, guard, events))?.number()
    }

    fn renew(&self, leases: &[(ExecutionId, Epoch)], until: Millis) -> Result<Vec<ExecutionId>> {
        self.write(Write::Renew(leases.to_vec(), until))?.these()
    }

    fn assign(&self, wanted: Assign) -> Result<Vec<ExecutionId>> {
        self.write(Write::Assign(wanted))?.these()
    }

    fn load(&self, id: &ExecutionId, after: Seq, limit: usize) -> Result<Vec<Event>> {
        self.read(|db| forks::load(db, id, after, limit))
    }

    fn reference(&self, value: &Value) -> Option<ValueRef> {
        value.inline().filter(|text| text.len() > crate::values::INLINE).map(|_| value.reference())
    }

    fn value(&self, reference: &ValueRef) -> Result<String> {
        self.text_of(reference)
    }

    fn log(&self, id: &ExecutionId, lines: Vec<LogLine>) -> Result<()> {
        self.done(Write::Log(id.clone(), lines))
    }

    fn version(&self) -> Result<u64> {
        let found = self.settled(Some(GLANCE))?;
        // Any of them changes when something is written, or becomes visible.
        let mixed = found.last.rotate_left(40) ^ found.upto.rotate_left(20) ^ found.writing;
        Ok(mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn delete(&self, id: &ExecutionId, epoch: Epoch, last_seq: Seq) -> Result<()> {
        self.done(Write::Delete(id.clone(), epoch, last_seq))
    }

    fn add_breakpoint(&self, breakpoint: BreakpointRow) -> Result<u64> {
        self.write(Write::AddBreakpoint(breakpoint))?.number()
    }

    fn remove_breakpoint(&self, id: u64) -> Result<bool> {
        match self.write(Write::RemoveBreakpoint(id))? {
            Wrote::Removed(removed) => Ok(removed),
            _ => Err(odd()),
        }
    }

    fn keep_schedule(&self, schedule: Schedule, look_at: Option<Millis>, seen: Option<u64>) -> Result<()> {
        self.done(Write::KeepSchedule(Box::new(schedule), look_at, seen))
    }

    fn release(&self, release: Release) -> Result<()> {
        self.done(Write::Release(Box::new(release)))
    }

    fn remove_schedule(&self, name: &str, seen: u64) -> Result<bool> {
        match self.write(Write::RemoveSchedule(name.to_owned(), seen))? {
            Wrote::Removed(removed) => Ok(removed),
            _ => Err(odd()),
        }
    }

    fn keep_code(&self, digest: &str, parts: &str) -> Result<()> {
        self.done(Write::KeepCode(digest.to_owned(), parts.to_owned()))
    }

    fn write_once(&self, writer: &str, number: u64, writes: Vec<Write>) -> Result<Vec<Result<Wrote>>> {
        self.send(writer, number, writes, true)
    }

    fn chunks(&self, digests: &[Digest]) -> Result<Vec<Option<Vec<u8>>>> {
        match self.pieces(digests) {
            Err(error) if seal::is_stale(&error) => {
                self.follow()?;
                self.pieces(digests)
            }
            other => other,
        }
    }

    fn by_its_clock(&self, here: Millis) -> Millis {
        self.ahead.by_its_clock(here)
    }

    fn look_every(&self) -> Duration {
        LOOK
    }

    fn hear(&self, most: Duration) -> Result<Option<bool>> {
        self.here()?;
        let heard = self.bell.hear(self.pool.address(), self.space, most);
        heard.map(Some).map_err(|fault| fault.told(&self.path))
    }

    fn owner(&self) -> Result<Owner> {
        self.here()?;
        Ok(owners::remote())
    }

    fn pulse(&self, owner: &Owner) -> Pulse {
        owners::by_process(owner)
    }

    fn goes_by_leases(&self) -> bool {
        true
    }

    fn leave(&self) {
        self.away.leave();
        if let Some(shelf) = self.shelf.get() {
            shelf.leave();
        }
    }

    fn queries(&self) -> &dyn Queries {
        self
    }

    fn access(&self) -> Option<&dyn Access> {
        Some(self)
    }

    fn ready(&self) -> Result<()> {
        self.read_within(Some(GLANCE), |db| db.query("SELECT n FROM executions LIMIT 1", &[])).map(|_| ())
    }

    fn upkeep(&self) -> Option<&dyn crate::Upkeep> {
        Some(self)
    }

    fn keyring(&self) -> Option<&dyn crate::Keyring> {
        Some(self)
    }

    fn copying(&self) -> Option<&dyn crate::Copying> {
        Some(self)
    }
}
