//! Tools for limits by name: listed, set, closed, opened and removed.
//!
//! Not here: turns as calls get them (the store).

use super::told::Told;
use super::tool::{CHANGES, Call, Hints, LOOKS, Result, Tool, tool};
use crate::bounds::{Close, Set, close_limit, set_limit};
use crate::scope::Scope;
use kitaru_engine::manage;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

/// Done again, it is as it was.
const SETS: Hints = Hints { repeats: true, ..CHANGES };

pub fn tools() -> Vec<Tool> {
    vec![
        tool(
            "kitaru_list_limits",
            "List limits",
            (Scope::Read, LOOKS),
            "Lists limits by name: how many calls of all executions may run at once or begin in a time, how many have \
             their turn now, how many wait for it, and whether one is closed and why (a provider that answered 429 with \
             Retry-After closes its limit for all who share it).",
            list,
        ),
        tool(
            "kitaru_set_limit",
            "Set a limit",
            (Scope::Operate, SETS),
            "Sets what a limit is, in place of what it was: how many calls that name it run at once (`at_once`), and how \
             many begin in a time (`rate`, such as 50/s). Calls that run already go on.",
            set,
        ),
        tool(
            "kitaru_close_limit",
            "Close a limit",
            (Scope::Operate, SETS),
            "Lets no call that names the limit begin for some time. Calls that run already go on, and those that come \
             wait, in their order.",
            close,
        ),
        tool(
            "kitaru_open_limit",
            "Open a limit",
            (Scope::Operate, SETS),
            "Lets calls begin again at a limit that somebody or a provider has closed.",
            open,
        ),
        tool(
            "kitaru_remove_limit",
            "Remove a limit",
            (Scope::Operate, Hints { destroys: true, ..SETS }),
            "Forgets what was set of a limit: calls that name it are not held back any more.",
            remove,
        ),
    ]
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct All {}

fn list(call: &Call, All {}: All) -> Result<Told> {
    let found = manage::limits(call.shared.store.as_ref(), call.shared.now())?;
    let items: Vec<_> = found.iter().map(manage::limit_item).collect();
    Ok(Told::new(format!("{} limits.", items.len()), json!({ "limits": items })))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Setting {
    /// Its name, as `@checkpoint(limit=…)` says it.
    limit: String,
    /// How many calls run at once.
    at_once: Option<u32>,
    /// How many begin in a time: `50/s`, `3000/m`, `500/h`, `1/10s`.
    rate: Option<String>,
    /// With `rate`: how many may begin together after a pause (1).
    burst: Option<u32>,
}

fn set(call: &Call, asked: Setting) -> Result<Told> {
    let wanted = Set { at_once: asked.at_once, rate: asked.rate, burst: asked.burst };
    let item = set_limit(&call.shared, &asked.limit, wanted, &call.by)?;
    Ok(Told::new("The limit is set.", item))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Closing {
    /// Its name, from kitaru_list_limits.
    limit: String,
    /// For how long: `90s`, `15m`, `24h`.
    #[serde(rename = "for")]
    lasts: String,
    /// Why, for those who wonder.
    why: Option<String>,
}

fn close(call: &Call, asked: Closing) -> Result<Told> {
    let closing = Close { lasts: asked.lasts, why: asked.why };
    let item = close_limit(&call.shared, &asked.limit, &closing, &call.by)?;
    Ok(Told::new("The limit is closed.", item))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Named {
    /// Its name, from kitaru_list_limits.
    limit: String,
}

fn open(call: &Call, asked: Named) -> Result<Told> {
    let row = manage::open_limit(call.shared.store.as_ref(), &asked.limit, call.shared.now())?;
    Ok(Told::new("The limit is open.", manage::limit_item(&row)))
}

fn remove(call: &Call, asked: Named) -> Result<Told> {
    manage::remove_limit(call.shared.store.as_ref(), &asked.limit, call.shared.now())?;
    Ok(Told::new("The limit is removed.", json!({ "removed": asked.limit })))
}
