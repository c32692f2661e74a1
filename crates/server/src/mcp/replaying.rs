//! Tools that run again what was recorded, plan first, and compare what came of it.
//!
//! A replay costs money. So it is started by the token of a plan: whoever starts it has been shown what it would run, and
//! if that is another by now, nothing is started. A token starts one replay, however often it is sent. Not here: the plan.

use super::acting::{exact, seconds};
use super::looking::shown;
use super::settle::Watch;
use super::told::Told;
use super::tool::{Call, Hints, LOOKS, RUNS, Result, Tool, tool};
use crate::executions::said;
use crate::replays::{self, Code, Replay};
use crate::scope::Scope;
use kitaru_core::ExecutionId;
use kitaru_core::rows::ExecutionRow;
use kitaru_engine::manage::{self, ManageError};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

pub fn tools() -> Vec<Tool> {
    vec![
        tool(
            "kitaru_plan_replay",
            "Plan a replay",
            // The code as it is now is loaded, in a process of its own, to see what of it changed.
            (Scope::Read, Hints { runs_code: true, ..LOOKS }),
            "Says what a replay would do, and starts nothing: which recorded calls it would reuse, which run again, \
             which may run, which questions are asked again, and what that saves and costs. A replay is a new \
             execution made from a recorded one, from any call on, with anything changed; the recorded one stays as \
             it is. Returns a `plan_token` for kitaru_replay.",
            plan,
        ),
        tool(
            "kitaru_replay",
            "Start a replay",
            (Scope::Operate, Hints { repeats: true, ..RUNS }),
            "Starts a replay that was planned: pass the same execution_id and changes as to kitaru_plan_replay, and \
             its plan_token. It runs code and may cost money, so show your user the plan first. A token starts one \
             replay, however often it is sent; where the plan would be another by now, nothing is started.",
            replay,
        ),
        tool(
            "kitaru_compare",
            "Compare executions",
            (Scope::Read, LOOKS),
            "Compares two executions, such as one and its replay, call by call: where they part, what differs in \
             inputs and results, what each took and cost. Of three or more, as a matrix.",
            compare,
        ),
    ]
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Planning {
    /// Identifier of the execution to replay, a unique beginning or end of it, or `latest`.
    execution_id: String,
    /// What is to be different: from which call on, or what is changed. Something must be.
    changes: Replay,
}

fn plan(call: &Call, asked: Planning) -> Result<Told> {
    asked.changes.set.values().try_for_each(exact)?;
    let row = call.find(&asked.execution_id)?;
    let found = replays::prepare(&call.shared, &row, &asked.changes, &call.by, Code::of(call.scope))?;
    Ok(planned(&row, &asked.changes, &found.item, nonce()?))
}

/// A plan as it is shown, with the token that starts it.
fn planned(row: &ExecutionRow, changes: &Replay, item: &Value, nonce: String) -> Told {
    let token = format!("{}-{nonce}", digest(row, changes, item));
    let mut shown = item.clone();
    let calls = shown["calls"].take();
    let calls = calls.as_array().map(Vec::as_slice).unwrap_or_default();
    let runs: Vec<&Value> = calls.iter().filter(|one| one["fate"] != "reused").collect();
    shown["calls"] = json!({ "count": calls.len(), "not_reused": runs });
    let count = |which: &str| item[which]["calls"].as_u64().unwrap_or_default();
    let cost = |which: &str| item[which]["usage"]["cost_usd"].as_f64().unwrap_or_default();
    let summary = format!(
        "It would reuse {} calls (saving ${:.4}), run {} (${:.4} when recorded) and perhaps {} more (${:.4}). \
         plan_token: {token}",
        count("reused"),
        cost("reused"),
        count("runs"),
        cost("runs"),
        count("may_run"),
        cost("may_run"),
    );
    shown["plan_token"] = token.into();
    Told::new(summary, shown).next("show your user what it would run and cost; then kitaru_replay with this plan_token")
}

/// What makes a plan the same one.
fn digest(row: &ExecutionRow, changes: &Replay, item: &Value) -> String {
    let on_drift = changes.on_drift.map(crate::acts::OnDrift::as_str);
    let whole = json!([row.id, item, changes.tags, on_drift]).to_string();
    let hash = blake3::hash(whole.as_bytes()).to_hex();
    hash.get(..20).unwrap_or_default().to_owned()
}

/// What tells two plans of the same apart, so that each can be started.
fn nonce() -> Result<String> {
    let drawn = getrandom::u64().map_err(|error| ManageError::new("server-io", error.to_string(), None))?;
    Ok(format!("{drawn:016x}"))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Replaying {
    /// Identifier of the execution to replay, as it was planned.
    execution_id: String,
    /// What is to be different, as it was planned.
    changes: Replay,
    /// What kitaru_plan_replay returned for just this.
    plan_token: String,
    /// Wait so many seconds at the most (up to 60) to see what becomes of it; 0: do not wait.
    #[serde(default)]
    #[schemars(range(min = 0, max = 60))]
    wait_seconds: u64,
}

fn replay(call: &Call, asked: Replaying) -> Result<Told> {
    let seconds = seconds(asked.wait_seconds)?;
    asked.changes.set.values().try_for_each(exact)?;
    let row = call.find(&asked.execution_id)?;
    let nonce = asked
        .plan_token
        .split_once('-')
        .map(|(_, nonce)| nonce)
        .filter(|nonce| nonce.len() == 16 && nonce.bytes().all(|one| one.is_ascii_hexdigit()));
    let Some(nonce) = nonce else { return Err(plan_first("that is not a plan_token")) };
    let id = ExecutionId::keyed(&format!("plan {}", row.id), &asked.plan_token);
    if let Ok(known) = call.shared.store.queries().execution(&id) {
        let item = said(&call.shared, &known, json!({ "started": false }))?;
        return Ok(Told::new("That plan_token has started this replay before; it is left as it is.", item));
    }
    let found = replays::prepare(&call.shared, &row, &asked.changes, &call.by, Code::Must)?;
    if asked.plan_token != format!("{}-{nonce}", digest(&row, &asked.changes, &found.item)) {
        let what = "the plan_token is of another plan: the changes, the execution or its code are others than when it \
                    was made";
        return Err(plan_first(what));
    }
    let (made, goes_on) = replays::create(&call.shared, &found, &asked.changes, Some(id))?;
    let told = Told::new(
        format!("Started, as {}.", made.id.short()),
        said(&call.shared, &made, json!({ "started": true, "goes_on": goes_on }))?,
    );
    let told = told.next(format!("kitaru_compare of {} and {} says what differs", row.id.short(), made.id.short()));
    Ok(Told { watch: Some(Watch::new(&made, false, seconds)), ..told })
}

fn plan_first(why: &str) -> ManageError {
    ManageError::new("plan-first", format!("a replay is planned before it is started, and {why}"), None)
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Comparing {
    /// Identifiers of two executions or more.
    #[schemars(length(min = 2, max = 8))]
    execution_ids: Vec<String>,
}

fn compare(call: &Call, asked: Comparing) -> Result<Told> {
    if asked.execution_ids.len() > 8 {
        return Err(ManageError::new("usage", "eight executions at the most are compared", None));
    }
    let store = call.shared.store.as_ref();
    let rows = manage::found(store, &asked.execution_ids)?;
    let mut item = manage::diff(store, &rows, call.shared.now())?;
    let parts = item["diverged"] == true;
    if let Some(calls) = item["calls"].as_array_mut().filter(|_| rows.len() == 2) {
        // How many are the same is counted.
        calls.retain(|one| one["verdict"] != "same" && one["verdict"] != "reused");
    }
    let summary = match item["first_divergence"]["steps"].as_array() {
        Some(steps) => format!("They part at steps {}.", Value::Array(steps.clone())),
        None if parts => "They differ.".to_owned(),
        None => "They do not differ.".to_owned(),
    };
    Ok(Told::new(summary, item))
}

/// Executions as they are shown alone, for whoever is to compare them.
pub fn beside(call: &Call, ids: &[String]) -> Result<Vec<Value>> {
    let rows = manage::found(call.shared.store.as_ref(), ids)?;
    rows.iter().map(|row| shown(call, row).map(|(_, item)| item)).collect()
}
