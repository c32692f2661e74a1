//! Tools that start executions and decide what becomes of them.
//!
//! Not here: answering (`answering`) and replaying (`replaying`).

use super::looking::Named;
use super::settle::{LONGEST, Watch};
use super::told::Told;
use super::tool::{CHANGES, Call, Hints, RUNS, Result, Tool, tool};
use crate::acts::{OnDrift, Resume, resume_with};
use crate::executions::{delete_with_children, said};
use crate::going::{self, Going};
use crate::scope::Scope;
use crate::start::{self, Start};
use kitaru_core::event::Stop;
use kitaru_core::rows::ExecutionRow;
use kitaru_engine::manage::{self, ManageError, Stopped};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

pub fn tools() -> Vec<Tool> {
    vec![
        tool(
            "kitaru_run",
            "Run a flow",
            (Scope::Operate, RUNS),
            "Starts a new execution of a flow that has run here before (kitaru_list_flows), with arguments of its \
             own. It runs in a process of its own and may cost money. Pass `key` so that, sent twice by accident, it \
             starts once. Returns at once with the execution's identifier.",
            run,
        ),
        tool(
            "kitaru_resume",
            "Resume an execution",
            (Scope::Operate, RUNS),
            "Goes on with an execution that is paused, interrupted, due or failed, where it was: finished calls are \
             not made, or paid for, again. What a paused one waits for is decided here: `on_drift` for a call that \
             changed since it was recorded, `rerun` for calls to make again, `set` for the call that it is paused \
             before. kitaru_find_stuck says which of these there are to choose from. An execution that waits for an \
             answer is not resumed but answered.",
            resume,
        ),
        tool(
            "kitaru_retry",
            "Retry a failed execution",
            (Scope::Operate, RUNS),
            "Goes on with a failed execution: the call that failed is made again, those that finished are not. Use it \
             after the cause is mended. To change what a call is given, replay instead.",
            retry,
        ),
        tool(
            "kitaru_pause",
            "Pause an execution",
            (Scope::Operate, Hints { repeats: true, ..CHANGES }),
            "Pauses an execution and all that it started before their next calls; what runs now ends first and is \
             kept. kitaru_resume goes on.",
            pause,
        ),
        tool(
            "kitaru_cancel",
            "Cancel an execution",
            (Scope::Operate, Hints { destroys: true, repeats: true, ..CHANGES }),
            "Cancels an execution and all that it started, for good: it cannot be resumed any more. What it recorded \
             stays and can be replayed. To stop for a while, use kitaru_pause.",
            cancel,
        ),
        tool(
            "kitaru_delete",
            "Delete an execution",
            (Scope::Admin, Hints { destroys: true, repeats: true, ..CHANGES }),
            "Deletes an execution that has ended, with all that it started: its record, its values and its logs are \
             gone for good. Ask your user first, naming the execution.",
            remove,
        ),
    ]
}

/// How long to wait, if that is bearable.
pub fn seconds(asked: u64) -> Result<u64> {
    if asked > LONGEST {
        return Err(ManageError::new("usage", format!("wait_seconds is {LONGEST} at the most"), None));
    }
    Ok(asked)
}

/// Refuses whole numbers that were rounded on their way here.
pub fn exact(value: &Value) -> Result<()> {
    match value {
        Value::Number(number) if number.is_f64() && number.as_f64().is_some_and(|one| one.abs() >= 1.8e19) => {
            let message = format!("{number} may have more than 64 bits and is not exact any more");
            Err(ManageError::new("bad-json", message, Some("pass it as a text".to_owned())))
        }
        Value::Array(items) => items.iter().try_for_each(exact),
        Value::Object(fields) => fields.values().try_for_each(exact),
        _ => Ok(()),
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Run {
    /// Name of the flow, as kitaru_list_flows has it.
    flow: String,
    /// Its arguments by name.
    #[serde(default)]
    arguments: Map<String, Value>,
    /// Labels.
    #[serde(default)]
    tags: Vec<String>,
    /// What the execution is known by: a key starts one execution of the flow, once.
    key: Option<String>,
    /// Calls to pause before: a call's key, a checkpoint's name, or `step 14`.
    #[serde(default)]
    pause_before: Vec<String>,
    /// Wait so many seconds at the most (up to 60) to see what becomes of it; 0: do not wait.
    #[serde(default)]
    #[schemars(range(min = 0, max = 60))]
    wait_seconds: u64,
}

fn run(call: &Call, asked: Run) -> Result<Told> {
    let seconds = seconds(asked.wait_seconds)?;
    asked.arguments.values().try_for_each(exact)?;
    let start = Start {
        flow: asked.flow,
        inputs: asked.arguments,
        tags: asked.tags,
        key: asked.key,
        pause_before: asked.pause_before,
        pool: None,
        deadline_s: None,
    };
    let row = start::begin(&call.shared, start, None)?;
    let is_new = row.epoch == 0;
    let summary = if is_new { "Started." } else { "That key has started an execution before; it is left as it is." };
    let told = Told::new(summary, said(&call.shared, &row, json!({ "started": is_new }))?);
    Ok(Told { watch: is_new.then(|| Watch::new(&row, false, seconds)), ..told })
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Resuming {
    /// Identifier of the execution, a unique beginning or end of it, or `latest`.
    execution_id: String,
    /// Where a call has other inputs than recorded, or changed its arguments: `reuse` its recorded result, or `rerun` it.
    on_drift: Option<OnDrift>,
    /// Calls to make again: keys, or `failed` for all that failed. They may cost money again.
    #[serde(default)]
    rerun: Vec<String>,
    /// At the call that it is paused before: new values of its arguments by name or path (`topic`, `options.depth`), or
    /// `output` to use a value instead of running it.
    #[serde(default)]
    set: Map<String, Value>,
    /// A version or tag of its flow, with whose code it goes on from now on.
    version: Option<String>,
    /// Wait so many seconds at the most (up to 60) to see what becomes of it; 0: do not wait.
    #[serde(default)]
    #[schemars(range(min = 0, max = 60))]
    wait_seconds: u64,
}

fn resume(call: &Call, asked: Resuming) -> Result<Told> {
    asked.set.values().try_for_each(exact)?;
    let how = Resume { on_drift: asked.on_drift, rerun: asked.rerun, set: asked.set, version: asked.version };
    go_on(call, &asked.execution_id, how, asked.wait_seconds)
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Retrying {
    /// Identifier of the execution, a unique beginning or end of it, or `latest`.
    execution_id: String,
    /// Wait so many seconds at the most (up to 60) to see what becomes of it; 0: do not wait.
    #[serde(default)]
    #[schemars(range(min = 0, max = 60))]
    wait_seconds: u64,
}

fn retry(call: &Call, asked: Retrying) -> Result<Told> {
    go_on(call, &asked.execution_id, Resume::default(), asked.wait_seconds)
}

fn go_on(call: &Call, id: &str, how: Resume, wait_seconds: u64) -> Result<Told> {
    let seconds = seconds(wait_seconds)?;
    let row = call.find(id)?;
    let (root, goes_on) = resume_with(&call.shared, &row, how, call.by.clone())?;
    let in_place = goes_on == "in-place";
    let told = Told::new("It goes on.", said(&call.shared, &row, json!({ "goes_on": goes_on }))?);
    Ok(Told { watch: Some(Watch::new(&root, in_place, seconds)), ..told })
}

fn pause(call: &Call, asked: Named) -> Result<Told> {
    stop(call, &asked, Stop::Pause, ("Paused.", "Asked to pause: it does when what runs now has ended."))
}

fn cancel(call: &Call, asked: Named) -> Result<Told> {
    stop(call, &asked, Stop::Cancel, ("Cancelled.", "Asked to stop: it is cancelled at its next step."))
}

fn stop(call: &Call, asked: &Named, how: Stop, (now, soon): (&str, &str)) -> Result<Told> {
    let row = call.find(&asked.execution_id)?;
    let stopped = manage::stop(call.shared.store.as_ref(), &row, how, &call.by, call.shared.now())?;
    carry_waiters_on(call, &row)?;
    let is_now = stopped == Stopped::Now;
    let item = said(&call.shared, &row, json!({ "stopped": is_now }))?;
    Ok(Told::new(if is_now { now } else { soon }, item))
}

/// Whoever ends an execution carries on what was parked on it.
fn carry_waiters_on(call: &Call, moved: &ExecutionRow) -> Result<()> {
    for row in manage::waiters(call.shared.store.as_ref(), &moved.id, call.shared.now())? {
        going::go_on(&call.shared, &row, Going::on("awaited"))?;
    }
    Ok(())
}

fn remove(call: &Call, asked: Named) -> Result<Told> {
    let row = call.find(&asked.execution_id)?;
    let item = delete_with_children(&call.shared, &row)?;
    Ok(Told::new(format!("{} is deleted.", row.id.short()), item))
}
