//! Limits by name: set, listed, closed, opened, removed; and in words what a call waits for that has no turn yet.
//!
//! Not here: turns as they are given (the store), and waiting for one (sessions).

use super::{ManageError, Result, next};
use kitaru_core::limit::{Bounds, Closed, Holds, Rate, check_name};
use kitaru_core::{ExecutionId, Millis};
use kitaru_store::limits::{LimitRow, Limited, Limiting, WaitingCall};
use kitaru_store::{Store, wire};
use serde_json::{Value as Json, json};

/// What somebody wants of a limit.
#[derive(Clone, Debug, Default)]
pub struct WantedLimit {
    /// How many calls run at once.
    pub at_once: Option<u32>,
    /// How many begin in a time: `50/s`, `3000/m`.
    pub rate: Option<String>,
    /// How many of them may begin together after a pause.
    pub burst: Option<u32>,
}

/// The longest that somebody closes a limit.
const LONGEST: Millis = 366 * 24 * 3_600_000;

fn bad(why: String) -> ManageError {
    ManageError::new("bad-limit", why, Some("kitaru limits set NAME --at-once 10 --rate 50/s".to_owned()))
}

fn changed(told: Limited) -> Result<bool> {
    match told {
        Limited::Changed(changed) => Ok(changed),
        _ => Err(wire::odd().into()),
    }
}

/// What a limit is to be, of what somebody wants. Refuses what lets nobody begin.
pub fn bounds(wanted: &WantedLimit) -> Result<Bounds> {
    let rate = match (&wanted.rate, wanted.burst) {
        (Some(text), burst) => Some(Rate::read(text, burst.unwrap_or(1)).map_err(bad)?),
        (None, Some(_)) => return Err(bad("a burst goes with a rate".to_owned())),
        (None, None) => None,
    };
    let bounds = Bounds { at_once: wanted.at_once, rate };
    if bounds == Bounds::default() {
        return Err(bad("say how many calls run at once, or how many begin in a time".to_owned()));
    }
    bounds.check().map_err(bad)?;
    Ok(bounds)
}

/// Sets what a limit is, in place of what it was.
pub fn set_limit(store: &dyn Store, name: &str, wanted: &WantedLimit, by: &str, now: Millis) -> Result<LimitRow> {
    check_name(name).map_err(bad)?;
    let bounds = bounds(wanted)?;
    changed(store.limiting(Limiting::Set { name: name.to_owned(), bounds, by: by.to_owned(), at: now })?)?;
    limit(store, name, now)
}

/// All limits, by name: those that are set, and those that calls have named.
pub fn limits(store: &dyn Store, now: Millis) -> Result<Vec<LimitRow>> {
    match store.limiting(Limiting::List(now))? {
        Limited::Limits(rows) => Ok(rows),
        _ => Err(wire::odd().into()),
    }
}

/// The limit of that name.
pub fn limit(store: &dyn Store, name: &str, now: Millis) -> Result<LimitRow> {
    let rows = limits(store, now)?;
    if let Some(row) = rows.iter().find(|row| row.name == name) {
        return Ok(row.clone());
    }
    let known: Vec<&str> = rows.iter().map(|row| row.name.as_str()).take(20).collect();
    let there = if known.is_empty() { "there is none".to_owned() } else { format!("there is: {}", known.join(", ")) };
    Err(ManageError::new(
        "unknown-limit",
        format!("no limit {name:?} is set, and no call has named it; {there}"),
        Some("kitaru limits list".to_owned()),
    ))
}

/// Lets nobody begin there for so long. Calls that run go on.
pub fn close_limit(
    store: &dyn Store,
    name: &str,
    lasts: Millis,
    why: Option<&str>,
    by: &str,
    now: Millis,
) -> Result<LimitRow> {
    check_name(name).map_err(bad)?;
    if !(1..=LONGEST).contains(&lasts) {
        return Err(bad("a limit is closed for a second to a year".to_owned()));
    }
    let closed = Closed { from: now, until: now + lasts, by: by.to_owned(), why: why.unwrap_or("by hand").to_owned() };
    changed(store.limiting(Limiting::Close { name: name.to_owned(), closed, asked: true })?)?;
    limit(store, name, now)
}

/// Lets calls begin again.
pub fn open_limit(store: &dyn Store, name: &str, now: Millis) -> Result<LimitRow> {
    limit(store, name, now)?;
    changed(store.limiting(Limiting::Open(name.to_owned(), now))?)?;
    limit(store, name, now)
}

/// Forgets what was set: calls that name it are not held back.
pub fn remove_limit(store: &dyn Store, name: &str, now: Millis) -> Result<()> {
    limit(store, name, now)?;
    changed(store.limiting(Limiting::Remove(name.to_owned(), now))?).map(drop)
}

/// A limit as every surface shows it.
pub fn item(row: &LimitRow) -> Json {
    let time = super::view::time;
    json!({
        "name": row.name,
        "at_once": row.bounds.at_once,
        "rate": row.bounds.rate.map(|rate| rate.text()),
        "burst": row.bounds.rate.map(|rate| rate.burst),
        "running": row.running,
        "waiting": row.waiting,
        "given": row.given,
        "closed_until": row.closed.as_ref().map(|closed| time(closed.until)),
        "closed_by": row.closed.as_ref().map(|closed| &closed.by),
        "closed_why": row.closed.as_ref().map(|closed| &closed.why),
        "set_by": row.set.as_ref().map(|(by, _)| by),
        "set_at": row.set.as_ref().map(|(_, at)| time(*at)),
    })
}

/// Calls of an execution that wait for their turn, oldest first.
pub fn waiting_calls(store: &dyn Store, id: &ExecutionId, now: Millis) -> Result<Vec<WaitingCall>> {
    match store.limiting(Limiting::Of(id.clone(), now))? {
        Limited::Waiting(calls) => Ok(calls),
        _ => Err(wire::odd().into()),
    }
}

/// What calls wait for, in a line; `None`: none does.
pub fn waits_for(store: &dyn Store, id: &ExecutionId, now: Millis) -> Result<Option<String>> {
    let calls = waiting_calls(store, id, now)?;
    let Some(first) = calls.first() else { return Ok(None) };
    let before = match first.before {
        0 => "it is next".to_owned(),
        many => format!("{many} before it"),
    };
    let soon = || format!("in {}", next::span((first.expects / 1000 - now).max(0)));
    let holds = match first.holds {
        Holds::Full => "as many run as may".to_owned(),
        Holds::Rate => format!("its turn comes {}", soon()),
        Holds::Closed => format!("the limit is closed, and its turn comes {}", soon()),
    };
    let more = match calls.len() {
        1 => String::new(),
        many => format!("; so do {} others of its calls", many - 1),
    };
    Ok(Some(format!("{} waits for its turn at {}, {before}, {holds}{more}", first.name, first.limit)))
}
