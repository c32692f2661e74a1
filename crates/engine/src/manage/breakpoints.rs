//! Breakpoints: set, listed, removed. A bad selector or condition is refused here, where somebody can mend it.
//!
//! Not here: loading a file to see which flow it defines (the host does), and when one is met (sessions).

use super::{ManageError, Result, flows};
use kitaru_core::Millis;
use kitaru_core::breakpoint::Before as Selector;
use kitaru_core::condition::Condition;
use kitaru_core::rows::{BreakpointRow, ExecutionRow};
use kitaru_store::{ExecutionFilter, Page, Store};

/// The flow that a breakpoint is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Its name.
    pub name: String,
    /// Absolute path of the file that defines it; `None`: any flow of that name.
    pub file: Option<String>,
}

/// Where a breakpoint stands.
#[derive(Clone, Debug, Default)]
pub struct Before {
    /// `analyze#3`, `branch.2/summarise`, `analyze` or `step 14`.
    pub before: String,
    /// Whether it stays after it was met.
    pub every: bool,
    /// A condition on the call.
    pub condition: Option<String>,
}

/// How many of its newest executions are looked at for the calls that a flow makes.
const LOOK_AT: Page = Page { limit: 3, offset: 0 };

/// Refuses what is no selector.
pub fn check_before(before: &str) -> Result<()> {
    Selector::read(before).map(drop).map_err(|why| ManageError::new("bad-selector", why, None))
}

/// A flow of that name that has run. Refuses a name that no execution has, with those that are.
pub fn known_flow(store: &dyn Store, name: &str, now: Millis) -> Result<Flow> {
    if !newest(store, name)?.is_empty() {
        return Ok(Flow { name: name.to_owned(), file: None });
    }
    let known = flows(store, now)?;
    let known: Vec<&str> = known.keys().map(String::as_str).take(20).collect();
    let there =
        if known.is_empty() { "none has run yet".to_owned() } else { format!("there is: {}", known.join(", ")) };
    Err(ManageError::new(
        "unknown-flow",
        format!("no flow {name:?} has run in this store; {there}"),
        Some(format!("a flow that has not run yet is named by its file: FILE.py:{name}")),
    ))
}

fn newest(store: &dyn Store, flow: &str) -> Result<Vec<ExecutionRow>> {
    let filter = ExecutionFilter { flow: Some(flow.to_owned()), ..ExecutionFilter::default() };
    Ok(store.queries().executions(&filter, LOOK_AT)?)
}

/// Sets a breakpoint. Returns it, and where no call like that is on record what to know about that.
pub fn add_breakpoint(
    store: &dyn Store,
    flow: Flow,
    at: Before,
    by: &str,
    now: Millis,
) -> Result<(BreakpointRow, Option<String>)> {
    check_before(&at.before)?;
    if let Some(condition) = &at.condition {
        Condition::read(condition).map_err(|why| {
            let hint = "it is made of inputs, key, name and step: inputs.topic == 'tea' and step > 3";
            ManageError::new("bad-expression", format!("{condition:?}: {why}"), Some(hint.to_owned()))
        })?;
    }
    let mut row = BreakpointRow {
        id: 0,
        flow: flow.name,
        file: flow.file,
        before: at.before.trim().to_owned(),
        every: at.every,
        condition: at.condition,
        by: by.to_owned(),
        at: now,
        hits: 0,
    };
    row.id = store.add_breakpoint(row.clone())?;
    let note = never_made(store, &row)?;
    Ok((row, note))
}

/// Whether the flow's last executions made no call like that: a misspelt name is seen at once and not when it is too
/// late.
fn never_made(store: &dyn Store, row: &BreakpointRow) -> Result<Option<String>> {
    let Ok(Selector::Call(wanted)) = Selector::read(&row.before) else { return Ok(None) };
    let mut names: Vec<String> = Vec::new();
    for execution in newest(store, &row.flow)? {
        for call in store.queries().calls(&execution.id)? {
            if call.key == wanted || call.name == wanted {
                return Ok(None);
            }
            if !names.contains(&call.name) {
                names.push(call.name);
            }
        }
    }
    if names.is_empty() {
        return Ok(None);
    }
    names.truncate(20);
    Ok(Some(format!("{} made no call {wanted} so far; it made: {}", row.flow, names.join(", "))))
}

/// The breakpoints that are set, in the order in which they were.
pub fn breakpoints(store: &dyn Store, flow: Option<&str>) -> Result<Vec<BreakpointRow>> {
    Ok(store.queries().breakpoints(flow)?)
}

/// Removes a breakpoint.
pub fn remove_breakpoint(store: &dyn Store, id: u64) -> Result<()> {
    if store.remove_breakpoint(id)? {
        return Ok(());
    }
    let set: Vec<String> = store.queries().breakpoints(None)?.iter().map(|one| one.id.to_string()).collect();
    let there = if set.is_empty() { "none is set".to_owned() } else { format!("there is: {}", set.join(", ")) };
    Err(ManageError::new(
        "unknown-breakpoint",
        format!("there is no breakpoint {id}; {there}"),
        Some("kitaru breakpoints list".to_owned()),
    ))
}
