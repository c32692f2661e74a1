//! Cancelling and pausing, with all descendants that are open.

use super::family::children;
use super::fleet::has_acted;
use super::{ManageError, Result, hold};
use kitaru_core::event::{Cancelled, PauseReason, Paused, Stop, StopRequested};
use kitaru_core::lease::Hold;
use kitaru_core::rows::{ExecutionRow, Status};
use kitaru_core::{Body, ExecutionId, Millis};
use kitaru_store::{Guard, Store, StoreError};

/// What became of a request to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// It has stopped.
    Now,
    /// A living process holds it and stops at its next step.
    Asked,
}

/// Cancels or pauses an execution, then those below it that are open and belong to it: a parent that runs must know
/// before a child's end reaches it as a failure.
pub fn stop(store: &dyn Store, row: &ExecutionRow, how: Stop, by: &str, now: Millis) -> Result<Stopped> {
    stop_with(store, row, how, by, None, now)
}

/// The same again for `by`, who may have begun with it before: what it has stopped is left as it is by now.
pub fn stop_again(store: &dyn Store, row: &ExecutionRow, how: Stop, by: &str, now: Millis) -> Result<()> {
    if !has_acted(store, &row.id, by)? {
        return stop(store, row, how, by, now).map(|_| ());
    }
    stop_children(store, &row.id, how, by, &row.id, now, true)
}

fn stop_with(
    store: &dyn Store,
    row: &ExecutionRow,
    how: Stop,
    by: &str,
    with: Option<&ExecutionId>,
    now: Millis,
) -> Result<Stopped> {
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
    let stopped = stop_one(store, row, how, by, with, now)?;
    stop_children(store, &row.id, how, by, with.unwrap_or(&row.id), now, false)?;
    Ok(stopped)
}

fn stop_children(
    store: &dyn Store,
    id: &ExecutionId,
    how: Stop,
    by: &str,
    with: &ExecutionId,
    now: Millis,
    again: bool,
) -> Result<()> {
    for child in children(store, id, true)? {
        if again && has_acted(store, &child.id, by)? {
            stop_children(store, &child.id, how, by, with, now, true)?;
            continue;
        }
        match stop_with(store, &child, how, by, Some(with), now) {
            // It ended between the look and the request.
            Ok(_) => {}
            Err(error) if matches!(error.code.as_str(), "already-ended" | "paused") => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn stop_one(
    store: &dyn Store,
    row: &ExecutionRow,
    how: Stop,
    by: &str,
    with: Option<&ExecutionId>,
    now: Millis,
) -> Result<Stopped> {
    let mut row = row.clone();
    loop {
        let done = if hold(store, &row, now) == Hold::Held {
            let asked = Body::StopRequested(StopRequested { stop: how, by: by.to_owned(), with: with.cloned() });
            store.post(&row.id, now, Guard::Unchanged(row.epoch, row.last_seq), vec![asked]).map(|_| Stopped::Asked)
        } else {
            let ended = match how {
                Stop::Cancel => Body::Cancelled(Cancelled { by: by.to_owned() }),
                Stop::Pause => Body::Paused(Box::new(Paused {
                    reason: PauseReason::Requested { by: by.to_owned(), with: with.cloned() },
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
