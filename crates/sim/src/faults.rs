//! A store as one simulated process sees it: writes fail before or after they happened, and owners live and die
//! in a registry instead of the operating system. Watches, for the checks, what was truly written by whom.
//!
//! Not here: what a process does about a fault ([`crate::worker`]).

use crate::rng::Rng;
use kitaru_core::lease::{Owner, Pulse};
use kitaru_core::release::Release;
use kitaru_core::rows::BreakpointRow;
use kitaru_core::schedule::Schedule;
use kitaru_core::{Body, Digest, Epoch, Event, ExecutionId, Millis, ScopeId, Seq, Value, ValueRef};
use kitaru_store::store::Result;
use kitaru_store::wire::{Write, Wrote};
use kitaru_store::{Assign, Claim, Created, Guard, Limited, Limiting, LogLine, Queries, Store, StoreError};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A store that breaks a promise on purpose, to see that it is noticed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cheat {
    /// It keeps its promises.
    #[default]
    None,
    /// It takes the appends of an owner that another has replaced.
    NoFence,
}

/// What all processes of one world share.
#[derive(Debug)]
pub struct Shared {
    pub rng: Rng,
    /// How many writes in a hundred fail.
    pub rate: u64,
    pub cheat: Cheat,
    /// Who lives, by nonce.
    pub living: BTreeSet<String>,
    /// The highest epoch of each execution that was truly handed out, and to whom.
    epochs: BTreeMap<ExecutionId, (Epoch, String)>,
    pub broken: Option<String>,
    pub failed_before: u64,
    pub failed_after: u64,
    pub refused: u64,
}

impl Shared {
    pub fn new(rng: Rng, rate: u64, cheat: Cheat) -> Self {
        Self {
            rng,
            rate,
            cheat,
            living: BTreeSet::new(),
            epochs: BTreeMap::new(),
            broken: None,
            failed_before: 0,
            failed_after: 0,
            refused: 0,
        }
    }

    fn owned(&mut self, id: &ExecutionId, epoch: Epoch, owner: &Owner) {
        let before = self.epochs.insert(id.clone(), (epoch, owner.nonce.clone()));
        if let Some((known, by)) = before
            && known >= epoch
        {
            self.broken.get_or_insert(format!("epoch {epoch} was given to {} after {known} to {by}", owner.nonce));
        }
    }

    fn wrote(&mut self, id: &ExecutionId, epoch: Epoch, owner: &Owner) {
        if let Some((known, by)) = self.epochs.get(id)
            && (*known != epoch || *by != owner.nonce)
        {
            let nonce = &owner.nonce;
            self.broken.get_or_insert(format!("{nonce} wrote with epoch {epoch}, but {by} has {known}"));
        }
    }
}

/// See the module.
pub struct Faulty {
    inner: Arc<dyn Store>,
    shared: Arc<Mutex<Shared>>,
    owner: Owner,
}

impl Faulty {
    /// The store for the process `owner`, which lives from here on.
    pub fn new(inner: Arc<dyn Store>, shared: Arc<Mutex<Shared>>, owner: Owner) -> Self {
        shared.lock().unwrap_or_else(PoisonError::into_inner).living.insert(owner.nonce.clone());
        Self { inner, shared, owner }
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes, unless a fault comes first; a fault may come after. `seen` is told of what was truly written.
    fn write<T>(&self, write: impl FnOnce() -> Result<T>, seen: impl FnOnce(&mut Shared, &T)) -> Result<T> {
        let (before, after) = {
            let mut shared = self.shared();
            let rate = shared.rate;
            (shared.rng.chance(rate), shared.rng.chance(rate))
        };
        if before {
            self.shared().failed_before += 1;
            return Err(StoreError::Busy("a fault before the write".to_owned()));
        }
        let written = write();
        let mut shared = self.shared();
        match &written {
            Ok(done) => {
                seen(&mut shared, done);
                if after {
                    shared.failed_after += 1;
                    return Err(StoreError::Busy("the acknowledgement was lost".to_owned()));
                }
            }
            Err(_) => shared.refused += 1,
        }
        written
    }
}

impl Store for Faulty {
    fn create(&self, id: &ExecutionId, at: Millis, events: Vec<Body>, claim: Option<Claim>) -> Result<Created> {
        let claimed = claim.is_some();
        self.write(
            || self.inner.create(id, at, events, claim),
            |shared, made| {
                if let (true, Created::New(epoch)) = (claimed, made) {
                    shared.owned(id, *epoch, &self.owner);
                }
            },
        )
    }

    fn claim(&self, id: &ExecutionId, at: Millis, expected: Epoch, claim: Claim, events: Vec<Body>) -> Result<Epoch> {
        self.write(
            || self.inner.claim(id, at, expected, claim, events),
            |shared, epoch| shared.owned(id, *epoch, &self.owner),
        )
    }

    fn append_last(
        &self,
        id: &ExecutionId,
        at: Millis,
        epoch: Epoch,
        events: Vec<Body>,
        turns: Vec<ScopeId>,
    ) -> Result<Seq> {
        let asked = match self.shared().cheat {
            Cheat::None => epoch,
            Cheat::NoFence => self.inner.queries().execution(id)?.epoch,
        };
        self.write(
            || self.inner.append_last(id, at, asked, events, turns),
            |shared, _| shared.wrote(id, epoch, &self.owner),
        )
    }

    fn limiting(&self, what: Limiting) -> Result<Limited> {
        self.write(|| self.inner.limiting(what), |_, _| {})
    }

    fn post(&self, id: &ExecutionId, at: Millis, guard: Guard, events: Vec<Body>) -> Result<Seq> {
        self.write(|| self.inner.post(id, at, guard, events), |_, _| {})
    }

    fn renew(&self, leases: &[(ExecutionId, Epoch)], until: Millis) -> Result<Vec<ExecutionId>> {
        self.write(|| self.inner.renew(leases, until), |_, _| {})
    }

    fn assign(&self, wanted: Assign) -> Result<Vec<ExecutionId>> {
        self.write(|| self.inner.assign(wanted), |_, _| {})
    }

    fn load(&self, id: &ExecutionId, after: Seq, limit: usize) -> Result<Vec<Event>> {
        self.inner.load(id, after, limit)
    }

    fn reference(&self, value: &Value) -> Option<ValueRef> {
        self.inner.reference(value)
    }

    fn value(&self, reference: &ValueRef) -> Result<String> {
        self.inner.value(reference)
    }

    fn log(&self, id: &ExecutionId, lines: Vec<LogLine>) -> Result<()> {
        self.write(|| self.inner.log(id, lines), |_, ()| {})
    }

    fn delete(&self, id: &ExecutionId, epoch: Epoch, last_seq: Seq) -> Result<()> {
        self.write(|| self.inner.delete(id, epoch, last_seq), |_, ()| {})
    }

    fn add_breakpoint(&self, breakpoint: BreakpointRow) -> Result<u64> {
        self.write(|| self.inner.add_breakpoint(breakpoint), |_, _| {})
    }

    fn remove_breakpoint(&self, id: u64) -> Result<bool> {
        self.write(|| self.inner.remove_breakpoint(id), |_, _| {})
    }

    fn keep_schedule(&self, schedule: Schedule, look_at: Option<Millis>, seen: Option<u64>) -> Result<()> {
        self.write(|| self.inner.keep_schedule(schedule, look_at, seen), |_, ()| {})
    }

    fn release(&self, release: Release) -> Result<()> {
        self.write(|| self.inner.release(release), |_, ()| {})
    }

    fn remove_schedule(&self, name: &str, seen: u64) -> Result<bool> {
        self.write(|| self.inner.remove_schedule(name, seen), |_, _| {})
    }

    fn keep_code(&self, digest: &str, parts: &str) -> Result<()> {
        self.write(|| self.inner.keep_code(digest, parts), |_, ()| {})
    }

    fn version(&self) -> Result<u64> {
        self.inner.version()
    }

    fn write_once(&self, writer: &str, number: u64, writes: Vec<Write>) -> Result<Vec<Result<Wrote>>> {
        self.write(|| self.inner.write_once(writer, number, writes), |_, _| {})
    }

    fn chunks(&self, digests: &[Digest]) -> Result<Vec<Option<Vec<u8>>>> {
        self.inner.chunks(digests)
    }

    fn by_its_clock(&self, here: Millis) -> Millis {
        self.inner.by_its_clock(here)
    }

    fn look_every(&self) -> Duration {
        self.inner.look_every()
    }

    fn owner(&self) -> Result<Owner> {
        Ok(self.owner.clone())
    }

    fn pulse(&self, owner: &Owner) -> Pulse {
        if owner.host != self.owner.host {
            return Pulse::Unknown;
        }
        if self.shared().living.contains(&owner.nonce) { Pulse::Alive } else { Pulse::Dead }
    }

    fn goes_by_leases(&self) -> bool {
        self.inner.goes_by_leases()
    }

    fn leave(&self) {
        self.inner.leave();
    }

    fn queries(&self) -> &dyn Queries {
        self.inner.queries()
    }
}
