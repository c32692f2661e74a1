//! How an execution leaves the process: suspended, interrupted, completed, failed, cancelled; `holds` pauses it.
//!
//! After any of these the session is closed: no call starts and nothing is recorded, whatever user code does
//! while it unwinds.

use super::{Session, json};
use crate::error::{EngineError, Result};
use kitaru_core::event::{Cancelled, Completed, ErrorData, Failed, Interrupted, Reused, Suspended};
use kitaru_core::{Body, Millis, Seq};
use kitaru_store::{Guard, StoreError};
use std::sync::atomic::Ordering;

impl Session {
    /// Parks the execution on its own open waits and on those of its children. Returns the sequence of that
    /// event; `None`: an answer or a request came first, nothing was written, and the flow goes on.
    ///
    /// Guarded by the last event that was seen, so that no answer can slip in between the last look and the
    /// release: whoever answers later finds the execution free and carries it on.
    pub fn suspend(
        &self,
        own: Vec<String>,
        children: Vec<String>,
        wake_at: Option<Millis>,
        sleeping: bool,
    ) -> Result<Option<Seq>> {
        self.flush_all()?;
        let reused = self.reused();
        let waiting = own.clone();
        let waits = own.into_iter().chain(children).collect();
        let body = Body::Suspended(Suspended { waits, wake_at, sleeping, reused });
        self.look();
        let (last, news) = {
            let inner = self.lock();
            let is_open = |key: &String| inner.pass.matcher.records.is_asked(key);
            (inner.seen, inner.stop.is_some() || inner.is_held() || !waiting.iter().all(is_open))
        };
        if news {
            return Ok(None);
        }
        match self.store.post(&self.id, self.now(), Guard::Unchanged(self.epoch, last), vec![body]) {
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

    /// The process stops before the end, in an orderly way.
    pub fn interrupt(&self, by: &str) -> Result<()> {
        let reused = self.reused();
        self.finish(Body::Interrupted(Interrupted { by: by.to_owned(), reused }))
    }

    /// The flow returned.
    pub fn complete(&self, result: String, volatile: Option<String>) -> Result<()> {
        let (result, reused) = (json(result)?, self.reused());
        self.finish(Body::Completed(Completed { result, volatile, reused }))
    }

    /// The flow raised; `sources` are the records of the failed calls that it came from.
    pub fn fail(&self, error: ErrorData, sources: Vec<Seq>) -> Result<()> {
        let reused = self.reused();
        self.finish(Body::Failed(Box::new(Failed { error, sources, reused })))
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
        self.changed.notify_all();
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
