//! The one door to the journal: what threads of a flow write goes out in the order in which they came, and what comes
//! while a commit is under way goes out together with the next.
//!
//! The order matters: a call's end must not overtake its start, nor a record the word that drops the one before it.
//! Not here: sharing a commit with other executions (the store does).

use super::{Inner, Session};
use crate::error::{EngineError, Result};
use kitaru_core::matcher::CallId;
use kitaru_core::{Body, Millis, ScopeId, Seq, Value};
use kitaru_store::limits::{Limiting, Ticket};
use kitaru_store::{LogLine, StoreError};
use std::collections::HashMap;
use std::sync::PoisonError;

/// What waits to be written.
#[derive(Default)]
pub(super) struct Queue {
    pending: Vec<Pending>,
    last_ticket: u64,
    /// Whether somebody is writing; what comes meanwhile waits.
    busy: bool,
    /// How many parts have readings and are not written yet: some thread has taken them along.
    readings: usize,
    done: HashMap<u64, std::result::Result<Vec<Seq>, StoreError>>,
}

/// What one thread writes, after everything that rode along when it came.
struct Pending {
    ticket: u64,
    riding: Vec<Body>,
    starts: Vec<CallId>,
    bodies: Vec<Body>,
    turns: Vec<ScopeId>,
    reads: bool,
}

/// Where one thread's part of a commit ends.
struct Part {
    ticket: u64,
    starts: Vec<CallId>,
    riding: usize,
    own: usize,
    reads: bool,
}

impl Session {
    /// Writes `bodies` after everything that rides along, folds them in, returns the sequence of each. The thread
    /// that finds nobody writing writes for all that wait.
    pub(super) fn write(&self, bodies: Vec<Body>) -> Result<Vec<Seq>> {
        self.must_be_open()?;
        let mut inner = self.lock();
        let ticket = inner.enqueue(bodies);
        loop {
            if let Some(done) = inner.queue.done.remove(&ticket) {
                return Ok(done?);
            }
            if !inner.queue.busy {
                break;
            }
            inner = self.changed.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
        inner.queue.busy = true;
        let group = std::mem::take(&mut inner.queue.pending);
        let logs = std::mem::take(&mut inner.logs);
        drop(inner);
        let leader = Leader(self);
        let mut parts = Vec::with_capacity(group.len());
        let mut batch = Vec::new();
        let mut turns = Vec::new();
        for mut one in group {
            turns.append(&mut one.turns);
            parts.push(Part {
                ticket: one.ticket,
                starts: one.starts,
                riding: one.riding.len(),
                own: one.bodies.len(),
                reads: one.reads,
            });
            batch.append(&mut one.riding);
            batch.append(&mut one.bodies);
        }
        let (first, lost) = match self.commit(&batch, logs, &turns) {
            Ok(written) => {
                self.take_in(batch, written);
                (Ok(written.0), Vec::new())
            }
            Err(error) => (Err(error), batch),
        };
        let mut inner = self.lock();
        let first_failed = first.is_err();
        inner.settle(parts, first, lost);
        if first_failed {
            // They go back with whatever is written next, or with the execution.
            inner.turns.append(&mut turns);
        }
        let own = inner.queue.done.remove(&ticket);
        drop(inner);
        drop(leader);
        if !turns.is_empty() {
            // Whoever waits for one of them in this process need not wait for a look at the store.
            self.desk.beat(true);
        }
        Ok(own.ok_or_else(|| EngineError::Misuse("a write was lost with the thread that made it".to_owned()))??)
    }

    /// Where the first of `batch` stands, and when it was written.
    fn commit(
        &self,
        batch: &[Body],
        logs: Vec<LogLine>,
        turns: &[ScopeId],
    ) -> std::result::Result<(Seq, Millis), StoreError> {
        if !logs.is_empty() {
            self.store.log(&self.id, logs)?;
        }
        if batch.is_empty() {
            if !turns.is_empty() {
                let ticket = |call: &ScopeId| Ticket { execution: self.id.clone(), epoch: self.epoch, call: *call };
                self.store.limiting(Limiting::GiveBack(turns.iter().map(ticket).collect()))?;
            }
            return Ok((0, 0));
        }
        let at = self.clock.now();
        let append = |at| self.store.append_last(&self.id, at, self.epoch, batch.to_vec(), turns.to_vec());
        let first = match append(at) {
            Err(StoreError::Fenced(_)) if self.lease_was_only_late()? => append(self.clock.now()),
            other => other,
        };
        let first = first.inspect_err(|error| {
            if matches!(error, StoreError::Fenced(_)) {
                self.fence();
            }
        })?;
        Ok((first, at))
    }

    /// Takes what was written into the records.
    fn take_in(&self, mut batch: Vec<Body>, (first, at): (Seq, Millis)) {
        // The store has the large values now: a long run must not keep each of them in memory.
        for value in batch.iter_mut().flat_map(Body::values_mut) {
            if let Some(reference) = self.store.reference(value) {
                *value = Value::Stored(reference);
            }
        }
        let mut inner = self.lock();
        if first == inner.seen + 1 {
            inner.seen += batch.len() as Seq;
        }
        for (seq, body) in (first..).zip(&batch) {
            inner.pass.wrote(seq, at, body);
        }
    }

    /// After a suspended laptop or a stopped process the lease has expired though nobody else took over.
    pub(super) fn lease_was_only_late(&self) -> std::result::Result<bool, StoreError> {
        let until = self.clock.now() + crate::engine::LEASE;
        let lost = self.store.renew(&[(self.id.clone(), self.epoch)], until)?;
        Ok(lost.is_empty())
    }
}

impl Inner {
    /// Whether a reading was handed out that is not on record: nobody has taken it along, or somebody is just about to
    /// write it.
    pub(super) fn owes_readings(&self) -> bool {
        self.pass.owes_readings() || self.queue.readings > 0
    }

    fn enqueue(&mut self, bodies: Vec<Body>) -> u64 {
        let reads = self.pass.owes_readings();
        self.queue.readings += usize::from(reads);
        let (riding, starts) = self.pass.riding();
        let turns = std::mem::take(&mut self.turns);
        self.queue.last_ticket += 1;
        let ticket = self.queue.last_ticket;
        self.queue.pending.push(Pending { ticket, riding, starts, bodies, turns, reads });
        ticket
    }

    /// Tells each of a group what became of its part. `lost`: a commit that failed; what rode along rides again.
    fn settle(&mut self, parts: Vec<Part>, first: std::result::Result<Seq, StoreError>, lost: Vec<Body>) {
        let mut at = first.as_ref().copied().unwrap_or_default();
        let mut lost = lost.into_iter();
        let mut again = Vec::new();
        for part in parts {
            self.queue.readings -= usize::from(part.reads);
            self.pass.landed(&part.starts);
            again.extend(lost.by_ref().take(part.riding));
            lost.by_ref().take(part.own).for_each(drop);
            at += part.riding as Seq;
            let done = first.as_ref().map(|_| (at..).take(part.own).collect()).map_err(Clone::clone);
            at += part.own as Seq;
            self.queue.done.insert(part.ticket, done);
        }
        if !again.is_empty() {
            self.pass.put_back(again);
        }
    }
}

/// The thread that writes. However it ends, the others are not left waiting.
struct Leader<'a>(&'a Session);

impl Drop for Leader<'_> {
    fn drop(&mut self) {
        self.0.lock().queue.busy = false;
        self.0.changed.notify_all();
    }
}
