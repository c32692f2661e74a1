//! Tools for breakpoints: set, listed and removed.
//!
//! Not here: going on with an execution that has met one (`acting`).

use super::told::Told;
use super::tool::{CHANGES, Call, Hints, LOOKS, Result, Tool, tool};
use crate::breakpoints::{Add, set};
use crate::scope::Scope;
use kitaru_engine::manage::{self, view};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

pub fn tools() -> Vec<Tool> {
    vec![
        tool(
            "kitaru_list_breakpoints",
            "List breakpoints",
            (Scope::Read, LOOKS),
            "Lists the breakpoints that are set: places where the next execution of a flow pauses before a call.",
            list,
        ),
        tool(
            "kitaru_set_breakpoint",
            "Set a breakpoint",
            (Scope::Operate, CHANGES),
            "Has executions of a flow pause before a call, with no change to its code: there one can look at what the \
             call would be given, change it or supply its result (kitaru_resume with `set`), and go on. Met once, it \
             is gone, unless `every` is true.",
            add,
        ),
        tool(
            "kitaru_remove_breakpoint",
            "Remove a breakpoint",
            (Scope::Operate, Hints { destroys: true, repeats: true, ..CHANGES }),
            "Removes a breakpoint by its number. Executions that are paused at it stay paused until they are resumed.",
            remove,
        ),
    ]
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Of {
    /// Only those of this flow.
    flow: Option<String>,
}

fn list(call: &Call, asked: Of) -> Result<Told> {
    let found = manage::breakpoints(call.shared.store.as_ref(), asked.flow.as_deref())?;
    let items: Vec<_> = found.iter().map(view::breakpoint).collect();
    Ok(Told::new(format!("{} breakpoints are set.", items.len()), json!({ "breakpoints": items })))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Setting {
    /// Name of a flow that has run here.
    flow: String,
    /// Before which call: its key (`analyze#3`, `branch.2/summarise`), a checkpoint's name, or `step 14`.
    before: String,
    /// Whether it stays after it was met.
    #[serde(default)]
    every: bool,
    /// Only where this holds of the call: an expression over inputs, key, name and step, such as
    /// `inputs.topic == 'tea'`.
    when: Option<String>,
}

fn add(call: &Call, asked: Setting) -> Result<Told> {
    let asked = Add { flow: asked.flow, before: asked.before, every: asked.every, when: asked.when };
    let item = set(&call.shared, asked, &call.by)?;
    Ok(Told::new(format!("Breakpoint {} is set.", item["id"]), item))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Numbered {
    /// Its number, from kitaru_list_breakpoints.
    breakpoint: u32,
}

fn remove(call: &Call, asked: Numbered) -> Result<Told> {
    manage::remove_breakpoint(call.shared.store.as_ref(), asked.breakpoint.into())?;
    Ok(Told::new(format!("Breakpoint {} is removed.", asked.breakpoint), json!({ "removed": asked.breakpoint })))
}
