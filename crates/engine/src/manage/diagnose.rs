//! Why an open execution is not progressing, when it wakes and who must act: for every one of them an answer.
//!
//! Not here: doing something about it.

use super::pending::{self, pending};
use super::{Result, hold, next, status};
use kitaru_core::Millis;
use kitaru_core::event::DEFAULT_POOL;
use kitaru_core::event::{PauseReason, Stop};
use kitaru_core::ids::takes;
use kitaru_core::lease::Hold;
use kitaru_core::rows::{CallStatus, ExecutionRow, Status};
use kitaru_store::{ExecutionFilter, Page, Store, WaitFilter};
use std::path::Path;

/// Who must act for an execution to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// The process that holds it does.
    Process,
    /// It goes on with its parent.
    Parent,
    /// Somebody must answer or decide, or call it back to life.
    Person,
    /// Nobody before a time; then whoever runs `kitaru resume --due`.
    Time,
}

impl Who {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Parent => "parent",
            Self::Person => "person",
            Self::Time => "time",
        }
    }
}

/// What [`diagnose`] finds.
#[derive(Clone, Debug)]
pub struct Diagnosis {
    /// One line.
    pub why: String,
    /// Who must act.
    pub who: Who,
    /// When it wakes by itself.
    pub wake_at: Option<Millis>,
    /// The command to paste, where there is one.
    pub next: Option<String>,
}

/// Why an open execution is not progressing. `due`: whether its time has come or its answer is there.
pub fn diagnose(store: &dyn Store, row: &ExecutionRow, due: bool, now: Millis) -> Result<Diagnosis> {
    let short = row.id.short();
    let mut found = match status(store, row, now) {
        Status::Running => running(store, row, now)?,
        Status::Waiting => waiting(store, row, due, now)?,
        Status::Sleeping if due => Diagnosis {
            why: "its time has come and nobody has woken it".to_owned(),
            who: Who::Person,
            wake_at: row.wake_at,
            next: Some("kitaru resume --due".to_owned()),
        },
        Status::Sleeping => {
            let why = super::waits_for(store, &row.id, now)?.unwrap_or_else(|| "sleeps".to_owned());
            Diagnosis { why, who: Who::Time, wake_at: row.wake_at, next: None }
        }
        Status::Paused => {
            Diagnosis { why: paused(store, row)?, who: Who::Person, wake_at: None, next: Some(next::after_pause(row)) }
        }
        Status::Interrupted if row.pool.is_some() => {
            let (why, worker) = for_workers(row);
            Diagnosis {
                why,
                who: Who::Person,
                wake_at: None,
                next: Some(format!("{worker}   # where none is at work")),
            }
        }
        Status::Interrupted => Diagnosis {
            why: match said(row) {
                Some(text) => text,
                None if takes(row.epoch) == 0 => "nobody has taken it up yet".to_owned(),
                None => "its process ended without a word (killed, or the machine went down)".to_owned(),
            },
            who: Who::Person,
            wake_at: None,
            next: Some(format!("kitaru resume {short}")),
        },
        Status::Failed => Diagnosis {
            why: said(row).unwrap_or_else(|| "failed".to_owned()),
            who: Who::Person,
            wake_at: None,
            next: Some(format!("kitaru retry {short}")),
        },
        ended => Diagnosis { why: format!("{ended}"), who: Who::Person, wake_at: None, next: None },
    };
    if found.who != Who::Process {
        if let Some(missing) = missing(row) {
            found.why = format!("{}; {missing}", found.why);
        }
        if let Some(parent) = &row.parent {
            let above = store.queries().execution(&parent.id)?;
            if !above.status.has_ended() && found.next.as_deref() == Some(&format!("kitaru resume {short}")) {
                found.who = Who::Parent;
                found.next = Some(format!("kitaru resume {}", above.id.short()));
            }
        }
    }
    Ok(found)
}

/// What becomes of an execution that the workers of a pool are to begin, or take up, and what to do where there are none.
pub(super) fn for_workers(row: &ExecutionRow) -> (String, String) {
    let pool = row.pool.as_deref().unwrap_or(DEFAULT_POOL);
    let before = if takes(row.epoch) == 0 { "" } else { "its process is gone; " };
    let named = if pool == DEFAULT_POOL { String::new() } else { format!(" --pool {}", next::quoted(pool)) };
    (format!("{before}a worker of the pool {pool} takes it up"), format!("kitaru worker{named}"))
}

/// The same, looking itself whether its time has come.
pub fn now(store: &dyn Store, row: &ExecutionRow, now: Millis) -> Result<Diagnosis> {
    let is_parked = matches!(row.status, Status::Waiting | Status::Sleeping);
    let due = is_parked && row.parent.is_none() && super::has_news(store, row, now)?;
    diagnose(store, row, due, now)
}

/// Why it is paused, and what the call that it is paused before is given.
fn paused(store: &dyn Store, row: &ExecutionRow) -> Result<String> {
    let why = said(row).unwrap_or_else(|| "paused".to_owned());
    if !matches!(next::pause(row), Some(PauseReason::Breakpoint { .. })) {
        return Ok(why);
    }
    let given = pending(store, row)?.map(|one| pending::given_in_a_line(store, &one)).transpose()?;
    Ok(given.flatten().map_or(why.clone(), |given| format!("{why}, given {given}")))
}

fn said(row: &ExecutionRow) -> Option<String> {
    let text = row.reason.as_ref()?.get("text")?.as_str()?;
    Some(next::said(text)).filter(|said| !said.is_empty())
}

fn running(store: &dyn Store, row: &ExecutionRow, now: Millis) -> Result<Diagnosis> {
    let calls = store.queries().calls(&row.id)?;
    let busy: Vec<String> = calls
        .iter()
        .filter(|call| matches!(call.status, CallStatus::Running | CallStatus::Retrying))
        .take(3)
        .map(|call| format!("{} for {}", call.key, next::span(now - call.started_at)))
        .collect();
    let owner = row.owner.as_ref().map(|owner| format!("process {} on {}", owner.pid, owner.host));
    let owner = owner.unwrap_or_else(|| "a process".to_owned());
    let why = if let Some(stop) = row.stop {
        match stop {
            Stop::Cancel => format!("{owner} was asked to cancel it, and does at its next step"),
            Stop::Pause if busy.is_empty() => format!("{owner} was asked to pause it, and does at its next step"),
            Stop::Pause => format!("{owner} was asked to pause it, and does when it has ended {}", busy.join(", ")),
        }
    } else if row.lease_until <= now && hold(store, row, now) == Hold::Held {
        format!("{owner} lives but gives no sign of life: stopped, or starved")
    } else {
        match (busy.is_empty(), super::waits_for(store, &row.id, now)?) {
            (true, None) => format!("{owner} works on it"),
            (true, Some(turn)) => turn,
            (false, None) => format!("{owner} works on {}", busy.join(", ")),
            (false, Some(turn)) => format!("{owner} works on {}; {turn}", busy.join(", ")),
        }
    };
    Ok(Diagnosis { why, who: Who::Process, wake_at: None, next: None })
}

fn waiting(store: &dyn Store, row: &ExecutionRow, due: bool, now: Millis) -> Result<Diagnosis> {
    let short = row.id.short();
    if due {
        return Ok(Diagnosis {
            why: "its answer is there, or its time has come, and nobody goes on with it".to_owned(),
            who: Who::Person,
            wake_at: row.wake_at,
            next: Some(format!("kitaru resume {short}")),
        });
    }
    let filter = WaitFilter { execution: Some(row.id.clone()), open: true };
    let open = store.queries().waits(&filter, Page { limit: 1000, offset: 0 })?;
    let Some(first) = open.first() else {
        let filter = ExecutionFilter {
            parent: Some(row.id.clone()),
            status: vec![Status::Paused],
            ..ExecutionFilter::default()
        };
        if let Some(child) = store.queries().executions(&filter, Page { limit: 1, offset: 0 })?.first() {
            let why = format!("its child {} ({}) is {}", child.flow, child.id.short(), paused(store, child)?);
            return Ok(Diagnosis { why, who: Who::Person, wake_at: row.wake_at, next: Some(next::after_pause(child)) });
        }
        return Ok(Diagnosis {
            why: said(row).unwrap_or_else(|| "waits for its child".to_owned()),
            who: Who::Person,
            wake_at: row.wake_at,
            next: None,
        });
    };
    let asks: Vec<String> = open
        .iter()
        .map(|one| format!("asks {}{}", one.question, if one.is_overdue(now) { " (overdue)" } else { "" }))
        .collect();
    Ok(Diagnosis { why: asks.join("; "), who: Who::Person, wake_at: row.wake_at, next: Some(next::wait(first, now)) })
}

/// What of an execution's recorded surroundings is no longer there.
fn missing(row: &ExecutionRow) -> Option<String> {
    let entry = &row.entry;
    if entry.module.is_none() {
        return Some("it was defined in a notebook or at a prompt, and can go on there only".to_owned());
    }
    if entry.deployment.is_some() {
        // It is unpacked wherever it runs.
        return None;
    }
    if let Some(file) = entry.file.as_ref().filter(|file| !Path::new(file).exists()) {
        return Some(format!("its file {file} is gone"));
    }
    if !entry.interpreter.is_empty() && !Path::new(&entry.interpreter).exists() {
        return Some(format!("its interpreter {} is gone", entry.interpreter));
    }
    None
}

/// What [`stuck`] finds.
#[derive(Clone, Debug)]
pub struct Stuck {
    /// Executions that need somebody, newest first, with why.
    pub rows: Vec<(ExecutionRow, Diagnosis)>,
    /// Whether there may be more.
    pub more: bool,
}

/// How many open executions are looked at for those that are stuck.
const LOOK_AT: usize = 2_000;

/// Open executions that make no progress until somebody acts. What works, sleeps, or goes on with what it belongs to, is
/// none of them.
pub fn stuck(store: &dyn Store, flow: Option<&str>, limit: usize, now: Millis) -> Result<Stuck> {
    let mut filter = ExecutionFilter { open: true, flow: flow.map(str::to_owned), ..ExecutionFilter::default() };
    let mut found = Stuck { rows: Vec::new(), more: false };
    let mut seen = 0;
    loop {
        let rows = store.queries().executions(&filter, Page { limit: 200, offset: 0 })?;
        let Some(last) = rows.last() else { return Ok(found) };
        filter.before = Some(last.number);
        for row in rows {
            let diagnosis = super::diagnose::now(store, &row, now)?;
            let is_silent = row.lease_until <= now && row.stop.is_none();
            let is_stuck = match diagnosis.who {
                Who::Process => row.status == Status::Running && is_silent,
                // What only waits for a child is not itself what somebody acts on.
                Who::Person => diagnosis.next.is_some(),
                Who::Parent | Who::Time => false,
            };
            if is_stuck && found.rows.len() == limit {
                found.more = true;
                return Ok(found);
            }
            if is_stuck {
                found.rows.push((row, diagnosis));
            }
            seen += 1;
        }
        if seen >= LOOK_AT {
            found.more = true;
            return Ok(found);
        }
    }
}
