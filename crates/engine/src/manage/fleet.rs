//! Executions that wait for others: whether those have come so far, who is to be told that one has, and whether they
//! wait for each other.
//!
//! Not here: waiting itself (a session's), and starting anything.

use super::family::{ALL, above, below, children};
use super::resume::resumed_by;
use super::{ManageError, Result, hold, next, status};
use kitaru_core::cycle::{Need, Needs, cycle};
use kitaru_core::event::{Await, Body, CallKind, PauseReason};
use kitaru_core::lease::Hold;
use kitaru_core::rows::{CallStatus, ExecutionRow, Status, WaitRow};
use kitaru_core::{ExecutionId, Millis, Seq};
use kitaru_store::{ExecutionFilter, Store, StoreError, WaitFilter};
use serde::Deserialize;
use std::collections::BTreeMap;

/// How far an execution is, for one that waits for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It has ended, well or not.
    Ended,
    /// It, or one below it, has an open question or is paused.
    Asks,
    /// It is paused until somebody decides.
    Paused,
    /// Its process is gone, or somebody resumed it and nobody has taken it up.
    Interrupted,
    /// It works, sleeps, or waits for others.
    Pending,
}

impl Standing {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ended => "ended",
            Self::Asks => "asks",
            Self::Paused => "paused",
            Self::Interrupted => "interrupted",
            Self::Pending => "pending",
        }
    }

    /// Whether it counts for one that waits. `ends`: only an end does.
    pub fn counts(self, ends: bool) -> bool {
        match self {
            Self::Ended => true,
            Self::Pending => false,
            _ => !ends,
        }
    }
}

/// How far an execution is.
fn standing(store: &dyn Store, row: &ExecutionRow, now: Millis) -> std::result::Result<Standing, StoreError> {
    if row.status.has_ended() {
        return Ok(Standing::Ended);
    }
    match status(store, row, now) {
        // It goes on with the execution above it.
        Status::Paused if is_paused_with(row) => return Ok(Standing::Pending),
        Status::Paused => return Ok(Standing::Paused),
        // Workers take it up, unasked.
        Status::Interrupted if row.pool.is_some() => return Ok(Standing::Pending),
        Status::Interrupted => return Ok(Standing::Interrupted),
        _ => {}
    }
    let open = WaitFilter { execution: Some(row.id.clone()), open: true };
    if !store.queries().waits(&open, kitaru_store::Page { limit: 1, offset: 0 })?.is_empty() {
        return Ok(Standing::Asks);
    }
    for child in children(store, &row.id, true)? {
        if matches!(standing(store, &child, now)?, Standing::Asks | Standing::Paused) {
            return Ok(Standing::Asks);
        }
    }
    Ok(Standing::Pending)
}

/// The same for several, in their order. One that is not there, or no longer, is an error.
pub fn standings(store: &dyn Store, ids: &[ExecutionId], now: Millis) -> Result<Vec<(Status, Standing)>> {
    let look = |id: &ExecutionId| {
        let row = store.queries().execution(id)?;
        Ok((row.status, standing(store, &row, now)?))
    };
    ids.iter().map(look).collect()
}

/// Whether an execution is paused because one above it is.
pub fn is_paused_with(row: &ExecutionRow) -> bool {
    matches!(next::pause(row), Some(PauseReason::Requested { with: Some(_), .. }))
}

/// Whether what a parked execution waits for has come, as far as other executions go.
pub fn have_come(store: &dyn Store, awaits: &[Await], now: Millis) -> std::result::Result<bool, StoreError> {
    for one in awaits {
        let mut come = 0;
        for id in &one.executions {
            let standing = match store.queries().execution(id) {
                Ok(row) => standing(store, &row, now)?,
                // It was deleted: whoever waits for it is to be told.
                Err(StoreError::NotFound(_)) => Standing::Ended,
                Err(error) => return Err(error),
            };
            come += usize::from(standing.counts(one.ends));
        }
        if come >= one.least {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What a parked execution waits for, of other executions.
pub fn awaits(row: &ExecutionRow) -> Vec<Await> {
    let listed = row.reason.as_ref().and_then(|reason| reason.get("awaits")).cloned();
    listed.and_then(|listed| serde_json::from_value(listed).ok()).unwrap_or_default()
}

/// Executions to carry on because `moved`, or one below it, has ended or needs somebody: those at the top of whatever
/// is parked on it and has all it waits for. What a living process holds sees for itself.
pub fn waiters(store: &dyn Store, moved: &ExecutionId, now: Millis) -> Result<Vec<ExecutionRow>> {
    let mut parked: BTreeMap<u64, ExecutionRow> = BTreeMap::new();
    let below = below(store, moved)?.into_iter().map(|row| row.id);
    for id in std::iter::once(moved.clone()).chain(below) {
        let filter = ExecutionFilter { awaits_on: Some(id), ..ExecutionFilter::default() };
        parked.extend(store.queries().executions(&filter, ALL)?.into_iter().map(|row| (row.number, row)));
    }
    let mut found: Vec<ExecutionRow> = Vec::new();
    // Newest first.
    for row in parked.into_values().rev() {
        if !have_come(store, &awaits(&row), now)? {
            continue;
        }
        let line = above(store, &row)?;
        // A decision about one above it is still to be made.
        if line.iter().chain([&row]).any(|one| !matches!(one.status, Status::Waiting | Status::Sleeping)) {
            continue;
        }
        let root = line.last().unwrap_or(&row);
        if hold(store, root, now) != Hold::Held && !found.iter().any(|one| one.id == root.id) {
            found.push(root.clone());
        }
    }
    Ok(found)
}

/// Open questions, oldest first: of all executions, or of those that `parent` started. `recursive`: of all below it.
pub fn waiting(store: &dyn Store, parent: Option<&ExecutionRow>, recursive: bool) -> Result<Vec<WaitRow>> {
    let Some(parent) = parent else {
        return Ok(store.queries().waits(&WaitFilter { execution: None, open: true }, ALL)?);
    };
    let rows = if recursive {
        below(store, &parent.id)?
    } else {
        let filter = ExecutionFilter { parent: Some(parent.id.clone()), ..ExecutionFilter::default() };
        store.queries().executions(&filter, ALL)?
    };
    let mut found = Vec::new();
    for row in rows.iter().filter(|row| !row.status.is_final()) {
        let filter = WaitFilter { execution: Some(row.id.clone()), open: true };
        found.extend(store.queries().waits(&filter, ALL)?);
    }
    found.sort_by_key(|wait| wait.opened_at);
    Ok(found)
}

/// What a call that waits for others is given.
#[derive(Deserialize)]
struct Waits {
    executions: Vec<ExecutionId>,
    least: usize,
}

/// Refuses a wait that can never end because those that are waited for wait for `id`. What `id` waits for must be on
/// record.
pub fn must_not_circle(store: &dyn Store, id: &ExecutionId) -> Result<()> {
    let mut needs = Needs::new();
    let mut ahead = vec![id.clone()];
    while let Some(at) = ahead.pop() {
        if needs.contains_key(&at) {
            continue;
        }
        let found = needs_of(store, &at)?;
        ahead.extend(found.iter().flat_map(|need| &need.of).cloned());
        needs.insert(at, found);
    }
    let Some(way) = cycle(id, &needs) else { return Ok(()) };
    let mut said = String::new();
    for (place, one) in way.iter().enumerate() {
        let joint = match place {
            0 => "",
            1 => " waits for ",
            _ => ", which waits for ",
        };
        let flow = store.queries().execution(one).map(|row| row.flow)?;
        said.push_str(&format!("{joint}{flow} {one}"));
    }
    let hint = "let one of them go on without the other, or start it with detached=True".to_owned();
    Err(ManageError::new("wait-cycle", format!("these executions wait for each other: {said}"), Some(hint)))
}

/// What an execution cannot end without: what its open calls wait for, and its children.
fn needs_of(store: &dyn Store, id: &ExecutionId) -> Result<Vec<Need>> {
    let row = match store.queries().execution(id) {
        Ok(row) if !row.status.has_ended() => row,
        Ok(_) | Err(StoreError::NotFound(_)) => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let mut found = Vec::new();
    for call in store.queries().calls(&row.id)? {
        if call.kind != CallKind::Client || call.status != CallStatus::Running {
            continue;
        }
        let began = store.load(&row.id, call.seq.saturating_sub(1), 1)?.into_iter().next().map(|event| event.body);
        let Some(Body::CallStarted(began)) = began else { continue };
        let Some(inputs) = began.inputs.as_ref() else { continue };
        // Other calls of that kind wait for nobody.
        if let Ok(waits) = serde_json::from_str::<Waits>(&super::text(store, inputs)?) {
            found.push(Need { least: waits.least, of: waits.executions });
        }
    }
    found.extend(children(store, &row.id, true)?.into_iter().map(|child| Need { least: 1, of: vec![child.id] }));
    Ok(found)
}

/// Whether `by` has done something to an execution, or to one below it: the last thing that it did stands in the
/// journal of the one that is returned.
pub fn acted(store: &dyn Store, row: &ExecutionRow, by: &str) -> Result<Option<ExecutionId>> {
    let mut all = vec![row.id.clone()];
    all.extend(below(store, &row.id)?.into_iter().map(|one| one.id));
    for id in all {
        if has_acted(store, &id, by)? {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

/// The same for one execution alone.
pub(super) fn has_acted(store: &dyn Store, id: &ExecutionId, by: &str) -> Result<bool> {
    Ok(store.load(id, 0, 0)?.iter().any(|event| is_act(&event.body, by)))
}

/// Whether `by` has done something to an execution, and nobody has taken it up since.
pub fn is_left_by(store: &dyn Store, id: &ExecutionId, by: &str) -> Result<bool> {
    let events = store.load(id, 0, 0)?;
    let last = events.iter().rev().find(|event| matches!(event.body, Body::Taken(_)) || is_act(&event.body, by));
    Ok(last.is_some_and(|event| !matches!(event.body, Body::Taken(_))))
}

fn is_act(body: &Body, by: &str) -> bool {
    match body {
        Body::WaitAnswered(one) => one.by == by,
        Body::StopRequested(one) => one.by == by,
        Body::Cancelled(one) => one.by == by,
        Body::Resumed(one) => one.by == by,
        Body::Noted(one) => *one == resumed_by(by),
        Body::Paused(one) => matches!(&one.reason, PauseReason::Requested { by: who, .. } if who == by),
        _ => false,
    }
}

/// Whether an execution that was left parked can go on: it, or one that was parked below it, has moved since its last
/// event (`seen`, itself first), or its time has come.
pub fn stirred(store: &dyn Store, seen: &[(ExecutionId, Seq)], now: Millis) -> Result<bool> {
    for (id, last) in seen {
        let row = store.queries().execution(id)?;
        let parked = matches!(row.status, Status::Waiting | Status::Sleeping);
        if row.last_seq != *last || (parked && super::has_news(store, &row, now)?) {
            return Ok(true);
        }
    }
    Ok(false)
}
