//! A store that nothing is written to: executions are entered again against what is on record, and what that adds
//! stays in memory.
//!
//! [`crate::Engine::rehearsing`] makes an engine on one. Not here: where a rehearsal ends (Python stops at the first
//! call that would run).

use kitaru_core::lease::{Owner, Pulse};
use kitaru_core::release::Release;
use kitaru_core::rows::BreakpointRow;
use kitaru_core::schedule::Schedule;
use kitaru_core::{Body, Digest, Epoch, Event, ExecutionId, Millis, ScopeId, Seq, Value, ValueRef};
use kitaru_store::store::Result;
use kitaru_store::wire::{Write, Wrote};
use kitaru_store::{Assign, Claim, Created, Guard, Limited, Limiting, LogLine, Queries, Store, StoreError};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// See the module.
pub(crate) struct Rehearsal {
    inner: Arc<dyn Store>,
    /// What was added to each execution that is rehearsed, behind the last event that counts.
    added: Mutex<HashMap<ExecutionId, (Seq, Vec<Event>)>>,
}

impl Rehearsal {
    pub fn new(inner: Arc<dyn Store>) -> Self {
        Self { inner, added: Mutex::default() }
    }

    /// From here on what is written to `id` goes behind `last`; what others write to it is not seen.
    pub fn begin(&self, id: &ExecutionId, last: Seq) {
        self.lock().insert(id.clone(), (last, Vec::new()));
    }

    fn add(&self, id: &ExecutionId, at: Millis, events: Vec<Body>) -> Result<Seq> {
        let mut added = self.lock();
        let (last, own) = added.get_mut(id).ok_or_else(refused)?;
        let first = *last + own.len() as Seq + 1;
        own.extend((first..).zip(events).map(|(seq, body)| Event { seq, at, body }));
        Ok(first)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ExecutionId, (Seq, Vec<Event>)>> {
        // Each of its statements leaves it whole.
        self.added.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn refused() -> StoreError {
    StoreError::Conflict("this is a rehearsal: nothing is written to the store".to_owned())
}

impl Store for Rehearsal {
    fn create(&self, _: &ExecutionId, _: Millis, _: Vec<Body>, _: Option<Claim>) -> Result<Created> {
        Err(refused())
    }

    fn claim(&self, _: &ExecutionId, _: Millis, _: Epoch, _: Claim, _: Vec<Body>) -> Result<Epoch> {
        Err(refused())
    }

    fn append_last(&self, id: &ExecutionId, at: Millis, _: Epoch, events: Vec<Body>, _: Vec<ScopeId>) -> Result<Seq> {
        self.add(id, at, events)
    }

    fn limiting(&self, what: Limiting) -> Result<Limited> {
        if what.only_looks() { self.inner.limiting(what) } else { Err(refused()) }
    }

    fn post(&self, id: &ExecutionId, at: Millis, _: Guard, events: Vec<Body>) -> Result<Seq> {
        self.add(id, at, events)
    }

    fn renew(&self, _: &[(ExecutionId, Epoch)], _: Millis) -> Result<Vec<ExecutionId>> {
        Ok(Vec::new())
    }

    fn assign(&self, _: Assign) -> Result<Vec<ExecutionId>> {
        Err(refused())
    }

    fn load(&self, id: &ExecutionId, after: Seq, limit: usize) -> Result<Vec<Event>> {
        let Some((last, own)) = self.lock().get(id).cloned() else {
            return self.inner.load(id, after, limit);
        };
        let mut events = Vec::new();
        if after < last {
            events = self.inner.load(id, after, limit)?;
            events.retain(|event| event.seq <= last);
        }
        events.extend(own.into_iter().filter(|event| event.seq > after));
        if limit > 0 {
            events.truncate(limit);
        }
        Ok(events)
    }

    fn reference(&self, _: &Value) -> Option<ValueRef> {
        // Large values stay where they are: they are stored nowhere.
        None
    }

    fn value(&self, reference: &ValueRef) -> Result<String> {
        self.inner.value(reference)
    }

    fn log(&self, _: &ExecutionId, _: Vec<LogLine>) -> Result<()> {
        Ok(())
    }

    fn version(&self) -> Result<u64> {
        self.inner.version()
    }

    fn delete(&self, _: &ExecutionId, _: Epoch, _: Seq) -> Result<()> {
        Err(refused())
    }

    fn add_breakpoint(&self, _: BreakpointRow) -> Result<u64> {
        Err(refused())
    }

    fn remove_breakpoint(&self, _: u64) -> Result<bool> {
        Err(refused())
    }

    fn keep_schedule(&self, _: Schedule, _: Option<Millis>, _: Option<u64>) -> Result<()> {
        Err(refused())
    }

    fn release(&self, _: Release) -> Result<()> {
        Err(refused())
    }

    fn remove_schedule(&self, _: &str, _: u64) -> Result<bool> {
        Err(refused())
    }

    fn keep_code(&self, _: &str, _: &str) -> Result<()> {
        Ok(())
    }

    fn write_once(&self, _: &str, _: u64, _: Vec<Write>) -> Result<Vec<Result<Wrote>>> {
        Err(refused())
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
        Err(refused())
    }

    fn pulse(&self, owner: &Owner) -> Pulse {
        self.inner.pulse(owner)
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
