//! Tools for schedules: listed, added, paused, resumed and removed.
//!
//! Not here: what becomes of their ticks (`kitaru_engine::manage`).

use super::told::Told;
use super::tool::{CHANGES, Call, Hints, LOOKS, Result, Tool, tool};
use crate::schedules::{Add, OverlapWord, set, steer};
use crate::scope::Scope;
use kitaru_engine::manage::{self, view};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

pub fn tools() -> Vec<Tool> {
    vec![
        tool(
            "kitaru_list_schedules",
            "List schedules",
            (Scope::Read, LOOKS),
            "Lists the schedules: flows that start by the clock, with their next ticks, the execution of the last, and \
             what became of ticks before (started, skipped, missed, failed) and why.",
            list,
        ),
        tool(
            "kitaru_add_schedule",
            "Add a schedule",
            (Scope::Operate, Hints { runs_code: true, ..CHANGES }),
            "Has a flow that has run here start at the times of a cron expression in a time zone. Each tick runs the \
             flow's code and may cost money: show your user the times and the arguments first.",
            add,
        ),
        tool(
            "kitaru_pause_schedule",
            "Pause or resume a schedule",
            (Scope::Operate, Hints { repeats: true, ..CHANGES }),
            "Lets a schedule tick no more, or with `resume` again from its next time on. What it has begun goes on.",
            pause,
        ),
        tool(
            "kitaru_remove_schedule",
            "Remove a schedule",
            (Scope::Operate, Hints { destroys: true, repeats: true, ..CHANGES }),
            "Removes a schedule by its name, so that it never ticks again. Its executions stay.",
            remove,
        ),
    ]
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct All {}

fn list(call: &Call, All {}: All) -> Result<Told> {
    let (store, now) = (call.shared.store.as_ref(), call.shared.now());
    let all = manage::schedules(store)?;
    let items: Vec<Value> = all.iter().map(|one| view::schedule(store, one, now)).collect::<Result<_>>()?;
    Ok(Told::new(format!("{} schedules are there.", items.len()), json!({ "schedules": items })))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Adding {
    /// Name of a flow that has run here.
    flow: String,
    /// When: minute, hour, day of the month, month, day of the week, such as `0 6 * * mon-fri`.
    cron: String,
    /// The time zone of these times, such as `Europe/Berlin`; without it UTC.
    timezone: Option<String>,
    /// What it is called: letters, digits and `. _ -`; without it as the flow.
    name: Option<String>,
    /// The flow's arguments by name.
    #[serde(default)]
    arguments: Map<String, Value>,
    /// Labels of its executions.
    #[serde(default)]
    tags: Vec<String>,
    /// What a tick does while the execution of the one before has not ended: `skip`, `queue` or `cancel`.
    #[serde(default)]
    overlap: OverlapWord,
    /// Whether ticks that were missed while nobody worked are made up for, the latest 100 at the most.
    #[serde(default)]
    backfill: bool,
}

fn add(call: &Call, asked: Adding) -> Result<Told> {
    let asked = Add {
        flow: asked.flow,
        cron: asked.cron,
        timezone: asked.timezone,
        name: asked.name,
        inputs: asked.arguments,
        tags: asked.tags,
        deadline_s: None,
        pool: None,
        overlap: asked.overlap,
        backfill: asked.backfill,
    };
    let item = set(&call.shared, asked, &call.by)?;
    Ok(Told::new(format!("Schedule {} is added.", item["name"]), item))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Pausing {
    /// Its name, from kitaru_list_schedules.
    schedule: String,
    /// Whether it is to tick again.
    #[serde(default)]
    resume: bool,
}

fn pause(call: &Call, asked: Pausing) -> Result<Told> {
    let item = steer(&call.shared, &asked.schedule, (!asked.resume).then_some(call.by.as_str()))?;
    let what = if asked.resume { "ticks again" } else { "is paused" };
    Ok(Told::new(format!("Schedule {} {what}.", item["name"]), item))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Named {
    /// Its name, from kitaru_list_schedules.
    schedule: String,
}

fn remove(call: &Call, asked: Named) -> Result<Told> {
    manage::remove_schedule(call.shared.store.as_ref(), &asked.schedule)?;
    Ok(Told::new("The schedule is removed.".to_owned(), json!({ "removed": asked.schedule })))
}
