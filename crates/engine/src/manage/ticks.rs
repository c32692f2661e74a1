//! What workers do about schedules: decide what becomes of ticks, write that down, and do it.
//!
//! Whatever number of workers looks, one of them writes a decision down (by the schedule's version), and any of them does
//! what stands there. Each step is durable before the next begins and may be done twice: an execution is known by its
//! schedule and its tick, and to cancel or to create it again changes nothing. A worker that dies on whichever line leaves
//! the rest to the others. Not here: what is decided (`kitaru_core::schedule`), and running anything: the execution that is
//! created is one that nobody has begun.

use super::schedules::{change, keep, times_of};
use super::{ManageError, Result, status, stop};
use kitaru_core::event::{Created, DEFAULT_POOL, Stop};
use kitaru_core::ids::takes;
use kitaru_core::rows::{ExecutionRow, Status};
use kitaru_core::schedule::{Refused, Schedule, Standing, State, decide, tick_of};
use kitaru_core::{Body, ExecutionId, Millis, Value};
use kitaru_store::{Store, StoreError};

/// So many steps are made for one schedule in one look.
const STEPS: usize = 8;
/// The longest refusal that is kept.
const LONG: usize = 400;

/// What a look at the schedules came to.
#[derive(Debug, Default)]
pub struct Ticked {
    /// What was created.
    pub created: Vec<(Schedule, ExecutionId)>,
    /// What went wrong, with the schedule. Others are none the worse for it.
    pub failed: Vec<(String, ManageError)>,
}

/// Sees to all schedules that are due. `mine`: which of them are this worker's to see to.
pub fn tick(store: &dyn Store, now: Millis, mine: impl Fn(&Schedule) -> bool) -> Result<Ticked> {
    let mut told = Ticked::default();
    for one in store.queries().schedules(Some(now))?.into_iter().filter(|one| mine(one)) {
        let name = one.name.clone();
        if let Err(error) = advance(store, one, now, &mut told) {
            told.failed.push((name, error));
        }
    }
    Ok(told)
}

/// As many steps as can be made.
fn advance(store: &dyn Store, mut one: Schedule, now: Millis, told: &mut Ticked) -> Result<()> {
    for _ in 0..STEPS {
        let state = if one.state.is_settled() {
            let times = times_of(&one.spec.cron, &one.spec.timezone)?;
            decide(&one, &times, &standing(store, &one, now)?, now)
        } else {
            settle(store, &one, now, told)?
        };
        let Some(state) = state else { return Ok(()) };
        // Where another was faster, it goes on with that.
        let Some(kept) = keep(store, &one, state)? else { return Ok(()) };
        one = kept;
    }
    Ok(())
}

/// How the execution of the last tick stands.
fn standing(store: &dyn Store, one: &Schedule, now: Millis) -> Result<Standing> {
    let Some(last) = &one.state.last else { return Ok(Standing::Over) };
    let row = match store.queries().execution(&one.execution(last.tick)) {
        Ok(row) => row,
        Err(StoreError::NotFound(_)) => return Ok(Standing::Over),
        Err(error) => return Err(error.into()),
    };
    if takes(row.epoch) == 0 && matches!(row.status, Status::Interrupted | Status::Paused) {
        // Its worker has paused one that it could not begin; others may have paused one too.
        let refused = one.state.refused.as_ref().filter(|refused| refused.tick == last.tick);
        if let Some(refused) = refused {
            return Ok(Standing::Refused(refused.why.clone()));
        }
        if row.status == Status::Interrupted {
            return Ok(Standing::Unbegun);
        }
    }
    Ok(match status(store, &row, now) {
        // What lost its process costs nothing, and goes on only if somebody has it go on.
        Status::Completed | Status::Failed | Status::Cancelled | Status::Interrupted => Standing::Over,
        other => Standing::Open(other.as_str().to_owned()),
    })
}

/// Does what was decided: first what is to be cancelled, then what is to be created. Returns the state after that; `None`:
/// it is not done yet.
fn settle(store: &dyn Store, one: &Schedule, now: Millis, told: &mut Ticked) -> Result<Option<State>> {
    let mut state = one.state.clone();
    if let Some(id) = &one.state.ends {
        if !has_ended(store, one, id, now)? {
            return Ok(None);
        }
        state.ends = None;
        return Ok(Some(state));
    }
    let Some(last) = state.last.as_mut() else { return Ok(None) };
    let id = one.execution(last.tick);
    let inputs = Value::json(one.spec.inputs.clone());
    let created = Created {
        flow: one.spec.flow.clone(),
        inputs: inputs.map_err(|error| ManageError::new("bad-json", error.to_string(), None))?,
        entry: one.spec.entry.clone(),
        // Whoever begins it says which code that is.
        code: None,
        parent: None,
        fork: None,
        tags: one.spec.tags.iter().cloned().chain([one.tag()]).collect(),
        key: Some(one.key(last.tick)),
        detached: false,
        pool: Some(one.spec.pool.clone().unwrap_or_else(|| DEFAULT_POOL.to_owned())),
        pause_before: Vec::new(),
        deadline: one.spec.deadline,
    };
    store.create(&id, now, vec![Body::Created(Box::new(created))], None)?;
    last.made = true;
    told.created.push((one.clone(), id));
    Ok(Some(state))
}

/// Whether an execution that the schedule cancels has ended; it is cancelled if it was not yet.
fn has_ended(store: &dyn Store, one: &Schedule, id: &ExecutionId, now: Millis) -> Result<bool> {
    let ended = |row: std::result::Result<ExecutionRow, StoreError>| match row {
        Ok(row) => Ok((row.status.has_ended(), Some(row))),
        Err(StoreError::NotFound(_)) => Ok((true, None)),
        Err(error) => Err(ManageError::from(error)),
    };
    let (is_over, row) = ended(store.queries().execution(id))?;
    if let Some(row) = row.filter(|row| !is_over && row.stop != Some(Stop::Cancel)) {
        match stop(store, &row, Stop::Cancel, &format!("schedule {}", one.name), now) {
            Ok(_) => {}
            Err(error) if error.code == "already-ended" => {}
            Err(error) => return Err(error),
        }
    }
    Ok(ended(store.queries().execution(id))?.0)
}

/// Puts on record that the execution of a tick could not begin. One that has begun, or is of no schedule, is passed over.
pub fn tick_refused(store: &dyn Store, row: &ExecutionRow, why: &str) -> Result<()> {
    if takes(row.epoch) > 0 {
        return Ok(());
    }
    let Some((name, tick)) = tick_of(&row.tags, row.key.as_deref()) else { return Ok(()) };
    let why: String = why.chars().take(LONG).collect();
    let noted = change(store, name, |one| {
        let mut state = one.state.clone();
        if state.last.as_ref().is_some_and(|last| last.tick == tick) {
            state.refused = Some(Refused { tick, why: why.clone() });
        }
        Ok(state)
    });
    match noted {
        Err(error) if error.code == "unknown-schedule" => Ok(()),
        other => other.map(|_| ()),
    }
}
