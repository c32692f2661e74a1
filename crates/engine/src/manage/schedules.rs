//! Schedules: added, listed, paused, resumed, removed.
//!
//! Not here: what becomes of their ticks ([`super::ticks`]), and loading a flow to bind its inputs (the host does).

use super::{ManageError, Result, new_id};
use kitaru_core::event::EntryPoint;
use kitaru_core::schedule::{Overlap, Paused, Schedule, Spec, State, Times, resumed};
use kitaru_core::{Digest, Millis, Value};
use kitaru_store::{Store, StoreError};

/// Inputs of a schedule are at most so long, as JSON: they stand in it.
const LONG: usize = 1 << 20;
/// A change of a schedule is tried so often while others change it.
const TRIES: usize = 20;

/// What to add.
#[derive(Clone, Debug, Default)]
pub struct NewSchedule {
    /// What it is to be called; `None`: as its flow.
    pub name: Option<String>,
    /// The cron expression.
    pub cron: String,
    /// Name of the time zone.
    pub timezone: String,
    /// Name of the flow.
    pub flow: String,
    /// Where its code is.
    pub entry: EntryPoint,
    /// Its bound arguments, a JSON text.
    pub inputs: String,
    /// Labels of its executions.
    pub tags: Vec<String>,
    /// How long each may work before it is paused.
    pub deadline: Option<Millis>,
    /// The pool whose workers run them; `None`: the one that all have.
    pub pool: Option<String>,
    /// What happens to a tick that comes while the execution of the one before has not ended.
    pub overlap: Overlap,
    /// Whether missed ticks are made up for.
    pub backfill: bool,
}

/// When a schedule of that expression and zone ticks. Refuses what is none.
pub fn times_of(cron: &str, timezone: &str) -> Result<Times> {
    Times::read(cron, timezone).map_err(|why| {
        let hint = "kitaru schedules add FLOW --cron '0 6 * * mon-fri' --timezone Europe/Berlin".to_owned();
        ManageError::new("bad-schedule", why, Some(hint))
    })
}

/// A deadline of so many seconds.
pub fn deadline_of(seconds: f64) -> Result<Millis> {
    let fits = seconds > 0.0 && seconds <= 1e9;
    let wrong = || ManageError::new("usage", format!("a deadline of {seconds} s: it is above 0 and at most 1e9"), None);
    // Whole milliseconds, one at the least, far below what would not fit.
    fits.then(|| (seconds * 1000.0).round().max(1.0) as Millis).ok_or_else(wrong)
}

/// Adds a schedule. Its first tick is the first after now.
pub fn add_schedule(store: &dyn Store, new: NewSchedule, by: &str, now: Millis) -> Result<Schedule> {
    let times = times_of(&new.cron, &new.timezone)?;
    let name = new.name.unwrap_or_else(|| named_after(&new.flow));
    let is_name = !name.is_empty()
        && name.len() <= 64
        && name.bytes().all(|one| one.is_ascii_alphanumeric() || b"._-".contains(&one));
    if !is_name {
        let message =
            format!("{name:?} is no name of a schedule: it has letters, digits and . _ - in it, 64 at the most");
        return Err(ManageError::new("usage", message, None));
    }
    if new.deadline.is_some_and(|deadline| deadline < 1) {
        return Err(ManageError::new("usage", "a deadline is above 0: 90s, 15m, 2h".to_owned(), None));
    }
    if new.pool.as_deref() == Some("") {
        return Err(ManageError::new("usage", "a pool has a name: it is empty".to_owned(), None));
    }
    if new.entry.module.is_none() {
        let message = format!("{} was defined in a notebook or at a prompt: no other process can load it", new.flow);
        return Err(ManageError::new("unknown-flow", message, Some("put it into a file".to_owned())));
    }
    if new.inputs.len() > LONG {
        let message = format!("the inputs of a schedule have at most {LONG} bytes; these have {}", new.inputs.len());
        return Err(ManageError::new("usage", message, Some("pass the path of a file that has them".to_owned())));
    }
    Value::json(new.inputs.clone()).map_err(|error| ManageError::new("bad-json", error.to_string(), None))?;
    let spec = Spec {
        cron: new.cron,
        timezone: new.timezone,
        flow: new.flow,
        entry: new.entry,
        inputs: new.inputs,
        tags: new.tags,
        deadline: new.deadline,
        pool: new.pool,
        overlap: new.overlap,
        backfill: new.backfill,
        by: by.to_owned(),
        added_at: now,
    };
    let state = State { until: now, ..State::default() };
    let one = Schedule { name, version: first_version(), spec, state };
    match store.keep_schedule(one.clone(), one.look_at(&times), None) {
        Ok(()) => find(store, &one.name),
        Err(StoreError::Conflict(why)) => {
            let hint = format!("kitaru schedules remove {}, or give this one another --name", one.name);
            Err(ManageError::new("schedule-exists", why, Some(hint)))
        }
        Err(error) => Err(error.into()),
    }
}

/// Drawn, so that what is removed and added again is never taken for what it was.
fn first_version() -> u64 {
    let drawn = Digest::of(new_id().as_str().as_bytes()).0;
    drawn.iter().take(5).fold(1, |number, byte| number << 8 | u64::from(*byte))
}

fn named_after(flow: &str) -> String {
    let plain = |one: char| if one.is_ascii_alphanumeric() || "._-".contains(one) { one } else { '-' };
    flow.chars().take(64).map(plain).collect()
}

/// All of them, by name.
pub fn schedules(store: &dyn Store) -> Result<Vec<Schedule>> {
    Ok(store.queries().schedules(None)?)
}

/// The schedule of that name.
pub fn schedule(store: &dyn Store, name: &str) -> Result<Schedule> {
    find(store, name)
}

fn find(store: &dyn Store, name: &str) -> Result<Schedule> {
    let all = schedules(store)?;
    let known: Vec<&str> = all.iter().map(|one| one.name.as_str()).take(20).collect();
    let there = if known.is_empty() { "there is none".to_owned() } else { format!("there is: {}", known.join(", ")) };
    all.iter().find(|one| one.name == name).cloned().ok_or_else(|| {
        let shown: String = name.chars().take(64).collect();
        let hint = Some("kitaru schedules list".to_owned());
        ManageError::new("unknown-schedule", format!("there is no schedule {shown:?}; {there}"), hint)
    })
}

/// Pauses a schedule: it does not tick until somebody resumes it. What it has begun goes on.
pub fn pause_schedule(store: &dyn Store, name: &str, by: &str, now: Millis) -> Result<Schedule> {
    change(store, name, |one| {
        let mut state = one.state.clone();
        state.paused.get_or_insert_with(|| Paused { by: by.to_owned(), at: now, why: None });
        Ok(state)
    })
}

/// Has a paused schedule tick again, from its next time on.
pub fn resume_schedule(store: &dyn Store, name: &str, now: Millis) -> Result<Schedule> {
    change(store, name, |one| {
        if one.state.paused.is_none() {
            return Ok(one.state.clone());
        }
        Ok(resumed(&one.state, &times_of(&one.spec.cron, &one.spec.timezone)?, now))
    })
}

/// Removes a schedule. Its executions stay.
pub fn remove_schedule(store: &dyn Store, name: &str) -> Result<()> {
    for _ in 0..TRIES {
        let one = find(store, name)?;
        if store.remove_schedule(name, one.version)? {
            return Ok(());
        }
    }
    Err(busy(name))
}

pub(super) fn change(store: &dyn Store, name: &str, to: impl Fn(&Schedule) -> Result<State>) -> Result<Schedule> {
    for _ in 0..TRIES {
        let one = find(store, name)?;
        let state = to(&one)?;
        if state == one.state {
            return Ok(one);
        }
        if let Some(kept) = keep(store, &one, state)? {
            return Ok(kept);
        }
    }
    Err(busy(name))
}

/// Writes a state down; `None`: another was faster.
pub(super) fn keep(store: &dyn Store, one: &Schedule, state: State) -> Result<Option<Schedule>> {
    let times = times_of(&one.spec.cron, &one.spec.timezone)?;
    let next = Schedule { version: one.version + 1, state, ..one.clone() };
    match store.keep_schedule(next.clone(), next.look_at(&times), Some(one.version)) {
        Ok(()) => Ok(Some(next)),
        Err(StoreError::Conflict(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn busy(name: &str) -> ManageError {
    ManageError::new("conflict", format!("the schedule {name} is changed by others all the time: try again"), None)
}

/// What is wrong with schedules, a line each, with what to do: those that could not begin, and those that paused
/// themselves.
pub fn troubles(store: &dyn Store) -> Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    for one in schedules(store)? {
        let paused = one.state.paused.as_ref().and_then(|paused| paused.why.clone());
        let refused =
            one.state.refused.as_ref().map(|refused| format!("its last tick could not begin: {}", refused.why));
        let Some(why) = paused.map(|why| format!("it is paused: {why}")).or(refused) else { continue };
        let verb = if one.state.paused.is_some() { "resume" } else { "show" };
        let next = format!("kitaru schedules {verb} {}", one.name);
        found.push((format!("schedule {}: {why}", one.name), next));
    }
    Ok(found)
}
