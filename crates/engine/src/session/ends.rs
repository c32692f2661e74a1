//! How an execution leaves the process: suspended, interrupted, completed, failed, cancelled; `holds` pauses it.
//!
//! After any of these the session is closed: no call starts and nothing is recorded, whatever user code does
//! while it unwinds.

use super::{Session, json};
use crate::error::{EngineError, Result};
use crate::manage;
use kitaru_core::event::{Await, Cancelled, Completed, ErrorData, Failed, Interrupted, Reused, Suspended};
use kitaru_core::{Body, ExecutionId, Millis, Seq};
use kitaru_store::{Guard, Seen, StoreError};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

impl Session {
    /// Parks the execution on its own open waits, on those of its children, and on other executions; `below`: those
    /// children and what is below them, each with its last event. Returns the sequence of the event; `None`: an answer,
    /// an end or a request came first, nothing was written, and the flow goes on.
    ///
    /// Guarded by the last event that was seen, and by how the others stood, so that nothing can slip in between the
    /// last look and the release: whoever answers or ends later finds the execution free and carries it on.
    pub fn suspend(
        &self,
        own: Vec<String>,
        children: Vec<String>,
        awaits: Vec<Await>,
        below: Vec<(ExecutionId, Seq)>,
        wake_at: Option<Millis>,
        sleeping: bool,
    ) -> Result<Option<Seq>> {
        self.flush_all()?;
        let reused = self.reused();
        let waiting = own.clone();
        let waits = own.into_iter().chain(children).collect();
        let mut others: Vec<(ExecutionId, Seen)> = below.into_iter().map(|(id, seq)| (id, Seen::At(seq))).collect();
        for id in awaits.iter().flat_map(|one| &one.executions) {
            if !others.iter().any(|(known, _)| known == id) {
                others.push((id.clone(), Seen::In(self.store.queries().execution(id)?.status)));
            }
        }
        if manage::have_come(self.store.as_ref(), &awaits, self.now())? {
            return Ok(None);
        }
        let body = Body::Suspended(Suspended { waits, wake_at, sleeping, awaits, reused });
        self.look();
        let (last, news) = {
            let inner = self.lock();
            let is_open = |key: &String| inner.pass.matcher.records.is_asked(key);
            (inner.seen, inner.stop.is_some() || inner.is_held() || !waiting.iter().all(is_open))
        };
        if news {
            return Ok(None);
        }
        match self.store.post(&self.id, self.now(), Guard::AllUnchanged(self.epoch, last, others), vec![body]) {
            Ok(seq) => {
                self.close();
                Ok(Some(seq))
            }
            Err(StoreError::Conflict(_)) => {
                self.must_own()?;
                self.look();
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Somebody wants to go: a store that is away is waited for no more, by nobody in the process.
    pub fn leave(&self) {
        self.store.leave();
    }

    /// The process stops before the end, in an orderly way.
    pub fn interrupt(&self, by: &str) -> Result<()> {
        let reused = self.reused();
        self.finish(Body::Interrupted(Interrupted { by: by.to_owned(), reused }))
    }

    /// The flow has ended here, and the store failed to take that. This process lives, so that nobody else would take the
    /// execution up: it is let go of as soon as the store takes that.
    pub fn abandon(self: &Arc<Self>) {
        if self.is_open() {
            *self.abandoned.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(self));
        }
    }

    /// Writes that an abandoned execution is left. Where the store does not take it, it is tried again. Only this is
    /// written: what else waited to be may be what the store did not take.
    pub(crate) fn let_go(&self) {
        if self.abandoned.lock().unwrap_or_else(PoisonError::into_inner).is_none() || !self.is_open() {
            return;
        }
        let left = Interrupted { by: "a failure of the store".to_owned(), reused: self.reused() };
        match self.store.append(&self.id, self.clock.now(), self.epoch, vec![Body::Interrupted(left)]) {
            Ok(_) => self.close(),
            Err(StoreError::Fenced(_)) if !matches!(self.lease_was_only_late(), Ok(true)) => self.fence(),
            Err(_) => {}
        }
    }

    pub(super) fn forget_abandoned(&self) {
        drop(self.abandoned.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// The flow returned. Returns what was put in place in a replay and no call took.
    pub fn complete(&self, result: String, volatile: Option<String>) -> Result<Vec<String>> {
        let (result, reused) = (json(result)?, self.reused());
        let not_taken = self.not_taken();
        self.finish(Body::Completed(Completed { result, volatile, reused }))?;
        Ok(not_taken)
    }

    /// The flow raised; `sources` are the records of the failed calls that it came from. Returns what
    /// [`Session::complete`] does.
    pub fn fail(&self, error: ErrorData, sources: Vec<Seq>) -> Result<Vec<String>> {
        let reused = self.reused();
        let not_taken = self.not_taken();
        self.finish(Body::Failed(Box::new(Failed { error, sources, reused })))?;
        Ok(not_taken)
    }

    /// Says what was put in place for nothing, and returns it as sentences.
    fn not_taken(&self) -> Vec<String> {
        let paths = self.lock().pass.matcher.not_taken();
        let said = |path: String| format!("{path} was set, but no such call was made");
        let not_taken: Vec<String> = paths.into_iter().map(said).collect();
        for text in &not_taken {
            self.note(None, "not-taken", text.clone());
        }
        not_taken
    }

    /// Somebody asked, and the flow has unwound.
    pub fn cancel(&self, by: &str) -> Result<()> {
        self.finish(Body::Cancelled(Cancelled { by: by.to_owned() }))
    }

    /// Who asked the execution to stop, as far as this session was told.
    pub fn stop_requested(&self) -> Option<kitaru_core::event::Stop> {
        self.lock().stop
    }

    /// Writes what rides along.
    pub fn flush_all(&self) -> Result<()> {
        self.write(Vec::new()).map(|_| ())
    }

    fn reused(&self) -> Reused {
        self.lock().pass.matcher.reused()
    }

    fn finish(&self, body: Body) -> Result<()> {
        self.write(vec![body])?;
        self.close();
        Ok(())
    }

    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.forget_abandoned();
        self.changed.notify_all();
        // The process may be gone before the next beat.
        self.codes.flush();
    }

    /// A conflict is either news for this owner or the end of its ownership.
    pub(super) fn must_own(&self) -> Result<()> {
        let row = self.store.queries().execution(&self.id)?;
        if row.epoch != self.epoch || row.owner.is_none() {
            self.fence();
            return Err(EngineError::Store(StoreError::Fenced(self.id.clone())));
        }
        Ok(())
    }
}
