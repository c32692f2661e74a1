//! What must be written before an execution can go on, and whether it can.
//!
//! Not here: going on, which needs the user's code.

use super::by_hand::{self, Given};
use super::family::{above, children, root_of};
use super::fleet::{awaits, have_come};
use super::pending::pending;
use super::{ManageError, Result, hold, next, status};
use kitaru_core::event::{CallHead, CallsDropped, DriftDecided, DriftDecision, Noted, PauseReason, Paused, Resumed};
use kitaru_core::lease::Hold;
use kitaru_core::rows::{CallRow, CallStatus, ExecutionRow, Status};
use kitaru_core::{Body, ExecutionId, Millis, Seq};
use kitaru_store::{ExecutionFilter, Guard, Page, Store, WaitFilter};
use std::collections::HashSet;

/// At most this many are looked at in a pool: those that run there are few.
const ORPHANS: usize = 1_000;

/// What to do with the call that an execution is paused at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drift {
    /// Use its recorded result.
    Reuse,
    /// Run it again.
    Rerun,
}

/// How to resume.
#[derive(Clone, Debug, Default)]
pub struct ResumeOptions {
    /// For an execution that is paused by a drift.
    pub on_drift: Option<Drift>,
    /// Calls to run again: keys, or `failed` for all that failed.
    pub rerun: Vec<String>,
    /// What to put in by hand at the call that it is paused at: `inputs.NAME…`, `NAME…` or `output`, and plain JSON.
    pub set: Vec<(String, serde_json::Value)>,
    /// The flow that asks, where one does: it may let those below it go on while it runs.
    pub asker: Option<ExecutionId>,
    /// Who decides.
    pub by: String,
}

/// An execution that can go on now.
#[derive(Debug)]
pub struct Prepared {
    /// The execution to go on with: the topmost that it belongs to, since a child's result is its parent's.
    pub row: ExecutionRow,
    /// Whether a living process holds that one: then it is there that the execution goes on.
    pub in_place: bool,
    /// Failed calls on record, to be listed if the flow fails again by itself.
    pub failed: Vec<String>,
}

/// Checks that an execution can go on and writes what was decided. Refuses what has ended, what a living
/// process holds, and a pause that needs a decision that is not given.
pub fn prepare(store: &dyn Store, row: &ExecutionRow, options: &ResumeOptions, now: Millis) -> Result<Prepared> {
    let short = row.id.short();
    if row.status.is_final() {
        return Err(ManageError::new(
            "already-ended",
            format!("execution {} is {}: there is nothing to go on with", row.id, row.status),
            Some(format!("kitaru show {short}")),
        ));
    }
    if hold(store, row, now) == Hold::Held {
        let owner = row.owner.as_ref().map(|owner| format!("process {} on {}", owner.pid, owner.host));
        let owner = owner.unwrap_or_default();
        return Err(ManageError::new("held", format!("execution {} is running in {owner}", row.id), None));
    }
    let line = above(store, row)?;
    let in_place = match line.last() {
        Some(root) => goes_on_in_place(store, row, &line, root, options, now)?,
        None => false,
    };
    let calls = store.queries().calls(&row.id)?;
    let failed: Vec<_> = calls.iter().filter(|call| call.status == CallStatus::Failed).collect();
    let mut drop: Vec<Seq> = Vec::new();
    for wanted in &options.rerun {
        if wanted == "failed" {
            drop.extend(failed.iter().map(|call| call.seq));
            continue;
        }
        match calls.iter().find(|call| call.key == *wanted) {
            Some(call) => drop.push(call.seq),
            None => {
                let keys: Vec<&str> = calls.iter().map(|call| call.key.as_str()).take(20).collect();
                return Err(ManageError::new(
                    "unknown-call",
                    format!("execution {} has no call {wanted}; it has: {}", row.id, keys.join(", ")),
                    Some(format!("kitaru show {short}")),
                ));
            }
        }
    }
    let mut events = Vec::new();
    match status(store, row, now) {
        seen if seen != Status::Paused && !options.set.is_empty() => {
            let message = format!("execution {} is {seen}: --set changes the call that a paused one stands at", row.id);
            return Err(ManageError::new("bad-override", message, Some(format!("kitaru show {short}"))));
        }
        Status::Failed => drop.extend(sources(row)),
        Status::Paused => decide(store, row, options, (&calls, now), &mut drop, &mut events)?,
        Status::Waiting => must_have_news(store, row, now)?,
        Status::Sleeping if !has_news(store, row, now)? => {
            let until = row.wake_at.map(super::view::time).unwrap_or_default();
            let message = format!("execution {} sleeps until {until}", row.id);
            return Err(ManageError::new("waiting", message, Some("then: kitaru resume --due".to_owned())));
        }
        _ => {}
    }
    drop.sort_unstable();
    drop.dedup();
    if !drop.is_empty() {
        events.push(Body::CallsDropped(CallsDropped { records: drop, why: "asked".to_owned() }));
    }
    if !line.is_empty() {
        // Whoever goes on with what is above it knows by this that it is not to be left alone any more.
        events.push(Body::Resumed(Resumed { by: options.by.clone() }));
    } else if options.asker.is_some() {
        // A flow that comes here again after a crash knows by this that it has done so.
        events.push(Body::Noted(resumed_by(&options.by)));
    }
    if !events.is_empty() {
        store.post(&row.id, now, Guard::Unchanged(row.epoch, row.last_seq), events)?;
    }
    let failed = failed.iter().map(|call| call.key.clone()).collect();
    let Some(root) = line.into_iter().last() else { return Ok(Prepared { row: row.clone(), in_place, failed }) };
    // It may have been left since it was looked at. From here on it is not left without having seen what was written.
    let root = store.queries().execution(&root.id)?;
    Ok(Prepared { in_place: in_place && hold(store, &root, now) == Hold::Held, row: root, failed })
}

/// What stands in the journal of an execution of its own that a flow has resumed.
pub(super) fn resumed_by(by: &str) -> Noted {
    Noted { key: None, code: "resumed".to_owned(), text: format!("resumed by {by}") }
}

/// Whether a living process holds what an execution belongs to, and lets it go on: where a flow above it asks, or
/// where it is paused, so that its parent there waits for just this.
fn goes_on_in_place(
    store: &dyn Store,
    row: &ExecutionRow,
    line: &[ExecutionRow],
    root: &ExecutionRow,
    options: &ResumeOptions,
    now: Millis,
) -> Result<bool> {
    if hold(store, root, now) != Hold::Held {
        return Ok(false);
    }
    let asked_from_above = options.asker.as_ref().is_some_and(|asker| line.iter().any(|one| one.id == *asker));
    if asked_from_above || row.status == Status::Paused {
        return Ok(true);
    }
    let message = format!("execution {} belongs to {}, which is running", row.id, root.id);
    Err(ManageError::new("held", message, None))
}

/// Executions that should go on but that nobody works on: their time has come, or an answer is there.
pub fn due(store: &dyn Store, now: Millis) -> Result<Vec<ExecutionRow>> {
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    for row in store.queries().stirred(now)? {
        // What it belongs to goes on with it.
        let root = root_of(store, &row)?;
        let parked = matches!(root.status, Status::Waiting | Status::Sleeping);
        if parked && seen.insert(root.id.clone()) && has_news(store, &root, now)? {
            found.push(root);
        }
    }
    Ok(found)
}

/// Executions of those pools that lost their process before their lease was over: whoever looks on that machine knows it at
/// once. Those whose lease is over are given out by [`Store::assign`].
pub fn orphaned(store: &dyn Store, pools: &[String], now: Millis) -> Result<Vec<ExecutionRow>> {
    let mut found = Vec::new();
    for pool in pools {
        // Those that are not begun have no owner to lose, and may be very many.
        let filter =
            ExecutionFilter { status: vec![Status::Running], pool: Some(pool.clone()), ..ExecutionFilter::default() };
        let rows = store.queries().executions(&filter, Page { limit: ORPHANS, offset: 0 })?;
        found.extend(rows.into_iter().filter(|row| {
            row.owner.is_some() && row.lease_until > now && status(store, row, now) == Status::Interrupted
        }));
    }
    Ok(found)
}

/// Pauses an execution, as it was seen, that a worker could not begin or whose process it has ended: nobody tries it again
/// until somebody says so.
pub fn left_by_worker(store: &dyn Store, row: &ExecutionRow, why: &str, now: Millis) -> Result<()> {
    let text = format!("{why}; go on with: kitaru resume {}", row.id.short());
    let reason = PauseReason::LeftByWorker { why: why.to_owned() };
    let paused = Body::Paused(Box::new(Paused { reason, text, reused: Vec::new() }));
    store.post(&row.id, now, Guard::Unchanged(row.epoch, row.last_seq), vec![paused])?;
    Ok(())
}

/// Whether a parked execution has something to go on with.
pub(super) fn has_news(store: &dyn Store, row: &ExecutionRow, now: Millis) -> Result<bool> {
    if row.wake_at.is_some_and(|at| at <= now) {
        return Ok(true);
    }
    // Parked on waits that are no longer open: somebody answered and did not go on.
    let suspended = row.reason.as_ref().and_then(|reason| reason.get("waits")).and_then(|waits| waits.as_array());
    let parked: Vec<&str> = suspended.into_iter().flatten().filter_map(|key| key.as_str()).collect();
    let filter = WaitFilter { execution: Some(row.id.clone()), open: false };
    let waits = store.queries().waits(&filter, Page { limit: 100_000, offset: 0 })?;
    if waits.iter().any(|wait| parked.contains(&wait.key.as_str()) && wait.status == "answered") {
        return Ok(true);
    }
    if have_come(store, &awaits(row), now)? {
        return Ok(true);
    }
    for child in children(store, &row.id, false)? {
        let news = match status(store, &child, now) {
            // It works where somebody else has it.
            Status::Running => false,
            Status::Interrupted => is_waited_for(store, row, &child)?,
            Status::Waiting | Status::Sleeping if has_news(store, &child, now)? => true,
            _ => child.updated_at > row.updated_at,
        };
        if news {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether the call that started a child has no outcome yet.
fn is_waited_for(store: &dyn Store, row: &ExecutionRow, child: &ExecutionRow) -> Result<bool> {
    let Some(parent) = &child.parent else { return Ok(false) };
    let calls = store.queries().calls(&row.id)?;
    Ok(calls.iter().any(|call| call.key == parent.key && call.status == CallStatus::Running))
}

fn must_have_news(store: &dyn Store, row: &ExecutionRow, now: Millis) -> Result<()> {
    if has_news(store, row, now)? {
        return Ok(());
    }
    let filter = WaitFilter { execution: Some(row.id.clone()), open: true };
    let open = store.queries().waits(&filter, Page { limit: 10, offset: 0 })?;
    let asked: Vec<String> = open.iter().map(|wait| format!("{}: {}", wait.key, wait.question)).collect();
    let message = if asked.is_empty() {
        let text = row.reason.as_ref().and_then(|reason| reason.get("text")).and_then(|text| text.as_str());
        format!("execution {} is {}", row.id, text.unwrap_or("waiting"))
    } else {
        format!("execution {} waits for an answer: {}", row.id, asked.join("; "))
    };
    let hint = open.first().map(|wait| next::wait(wait, now));
    Err(ManageError::new("waiting", message, hint))
}

pub(super) fn sources(row: &ExecutionRow) -> Vec<Seq> {
    let listed = row.reason.as_ref().and_then(|reason| reason.get("sources")).and_then(|list| list.as_array());
    listed.into_iter().flatten().filter_map(serde_json::Value::as_u64).collect()
}

/// A pause that goes on only with a decision, and there is none.
fn undecided(row: &ExecutionRow, text: String) -> Result<()> {
    Err(ManageError::new("paused", text, Some(next::after_pause(row))))
}

fn drift_decided(call: CallHead, record: Seq, decision: DriftDecision) -> Body {
    Body::DriftDecided(DriftDecided {
        scope: call.scope,
        name: call.name,
        inputs: call.inputs,
        occurrence: call.occurrence,
        after: call.after,
        record,
        decision,
    })
}

fn decide(
    store: &dyn Store,
    row: &ExecutionRow,
    options: &ResumeOptions,
    (calls, now): (&[CallRow], Millis),
    drop: &mut Vec<Seq>,
    events: &mut Vec<Body>,
) -> Result<()> {
    let pending = pending(store, row)?;
    let known = pending.as_ref().and_then(|pending| calls.iter().find(|call| call.key == pending.call.key));
    // Decided before, by a command that did not get to go on.
    let supplied = known.is_some_and(|call| call.status == CallStatus::Completed && !drop.contains(&call.seq));
    let settled = supplied || known.is_some_and(|call| call.status == CallStatus::Dropped);
    let given = match &pending {
        Some(pending) => by_hand::given(store, row, pending, &options.set, supplied, (&options.by, now))?,
        None if options.set.is_empty() => Given::Nothing,
        None => {
            let message = format!("execution {} is not paused at a call that could be given something", row.id);
            return Err(ManageError::new("bad-override", message, Some(format!("kitaru show {}", row.id.short()))));
        }
    };
    let Some(pause) = next::pause(row) else { return Ok(()) };
    let is_output = matches!(given, Given::Output(_));
    let is_held = matches!(pause, PauseReason::Breakpoint { .. });
    let text = row.reason.as_ref().and_then(|reason| reason.get("text")).and_then(|text| text.as_str());
    let text = next::said(text.unwrap_or("paused"));
    match pause {
        PauseReason::Drift { call, record, .. } => {
            let Some(decision) = options.on_drift else {
                return if drop.is_empty() { undecided(row, text) } else { Ok(()) };
            };
            let decision = match decision {
                Drift::Reuse => DriftDecision::Reuse,
                Drift::Rerun => DriftDecision::Rerun,
            };
            events.push(drift_decided(call, record, decision));
        }
        PauseReason::MutatedArgument { call, record, .. } => match options.on_drift {
            Some(Drift::Reuse) => events.push(drift_decided(call, record, DriftDecision::Reuse)),
            Some(Drift::Rerun) => drop.push(record),
            None if drop.is_empty() => return undecided(row, text),
            None => {}
        },
        PauseReason::InDoubt { .. } | PauseReason::Volatile { .. } => {
            if drop.is_empty() && !settled && !is_output {
                return undecided(row, text);
            }
        }
        PauseReason::RetriesExhausted { record, .. } => {
            if !settled && !is_output {
                drop.push(record);
            }
        }
        PauseReason::Breakpoint { .. } => {}
        PauseReason::WaitChanged { .. }
        | PauseReason::RaceDiverged { .. }
        | PauseReason::NoProgress { .. }
        | PauseReason::LeftByWorker { .. }
        | PauseReason::Requested { .. } => {}
    }
    match given {
        Given::Nothing => {}
        Given::Inputs(body) | Given::Output(body) => events.push(body),
    }
    if let Some(pending) = pending.filter(|_| is_held || is_output) {
        events.push(by_hand::released(&pending, &options.by));
    }
    Ok(())
}
