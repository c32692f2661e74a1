//! Cancelling and pausing, with all descendants that are open.

use super::{ManageError, Result, hold};
use kitaru_core::event::{Cancelled, PauseReason, Paused, Stop, StopRequested};
use kitaru_core::lease::Hold;
use kitaru_core::rows::{ExecutionRow, Status};
use kitaru_core::{Body, Millis};
use kitaru_store::{ExecutionFilter, Guard, Page, Store, StoreError};

/// What became of a request to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// It has stopped.
    Now,
    /// A living process holds it and stops at its next step.
    Asked,
}

/// Cancels or pauses an execution, then its open descendants: a parent that runs must know before a child's end
/// reaches it as a failure.
pub fn stop(store: &dyn Store, row: &ExecutionRow, how: Stop, by: &str, now: Millis) -> Result<Stopped> {
    if row.status.has_ended() && !(how == Stop::Cancel && row.status == Status::Failed) {
        return Err(ManageError::new("already-ended", format!("execution {} is {} already", row.id, row.status), None));
    }
    if how == Stop::Pause && row.status == Status::Paused {
        // What it is paused for stays the reason: that is what has to be decided.
        return Err(ManageError::new(
            "paused",
            format!("execution {} is paused already", row.id),
            Some(format!("kitaru show {}", row.id.short())),
        ));
    }
    let stopped = stop_one(store, row, how, by, now)?;
    let children = ExecutionFilter { parent: Some(row.id.clone()), open: true, ..ExecutionFilter::default() };
    for child in store.queries().executions(&children, Page { limit: 100_000, offset: 0 })? {
        match stop(store, &child, how, by, now) {
            // It ended between the look and the request.
            Ok(_) => {}
            Err(error) if matches!(error.code.as_str(), "already-ended" | "paused") => {}
            Err(error) => return Err(error),
        }
    }
    Ok(stopped)
}

fn stop_one(store: &dyn Store, row: &ExecutionRow, how: Stop, by: &str, now: Millis) -> Result<Stopped> {
    let mut row = row.clone();
    loop {
        let done = if hold(store, &row, now) == Hold::Held {
            let asked = Body::StopRequested(StopRequested { stop: how, by: by.to_owned() });
            store.post(&row.id, now, Guard::Unchanged(row.epoch, row.last_seq), vec![asked]).map(|_| Stopped::Asked)
        } else {
            let ended = match how {
                Stop::Cancel => Body::Cancelled(Cancelled { by: by.to_owned() }),
                Stop::Pause => Body::Paused(Box::new(Paused {
                    reason: PauseReason::Requested { by: by.to_owned() },
                    text: format!("paused by {by}; go on with: kitaru resume {}", row.id.short()),
                    reused: Vec::new(),
                })),
            };
            store.post(&row.id, now, Guard::Unchanged(row.epoch, row.last_seq), vec![ended]).map(|_| Stopped::Now)
        };
        match done {
            // It moved on between the look and the write: look again.
            Err(StoreError::Conflict(_)) => row = store.queries().execution(&row.id)?,
            other => return Ok(other?),
        }
        if row.status.has_ended() {
            return Err(ManageError::new("already-ended", format!("execution {} is {}", row.id, row.status), None));
        }
    }
}
