//! Tools that say what there is: executions, flows, statistics, trees.
//!
//! Not here: what is in an execution (`reading`), and what needs somebody (`stuck`).

use super::bounded::{Pile, SOME, begin};
use super::suggest;
use super::told::Told;
use super::tool::{Call, LOOKS, Result, Tool, tool};
use crate::executions::Cursor;
use crate::scope::Scope;
use kitaru_core::Millis;
use kitaru_core::rows::ExecutionRow;
use kitaru_engine::manage::{self, ManageError, Wanted, view};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub fn tools() -> Vec<Tool> {
    vec![
        tool(
            "kitaru_list_executions",
            "List executions",
            (Scope::Read, LOOKS),
            "Lists executions (runs of flows), newest first, with their state. Filter by state, flow, tag, key or a \
             piece of text. For what needs somebody's attention use kitaru_find_stuck instead.",
            list,
        ),
        tool(
            "kitaru_get_execution",
            "Show an execution",
            (Scope::Read, LOOKS),
            "Shows one execution: its state and why, what its flow was given, its result or error, its open \
             questions, a count of its calls by state and its last calls, and which tool calls would go on with it. \
             Large values come cut.",
            get,
        ),
        tool(
            "kitaru_tree",
            "Show a tree of executions",
            (Scope::Read, LOOKS),
            "Shows what an execution started, what it was started by, and its replays, as a tree with states.",
            tree,
        ),
        tool(
            "kitaru_list_flows",
            "List flows",
            (Scope::Read, LOOKS),
            "Lists the flows that have executions here, with how many are in which state. kitaru_run starts one of \
             them.",
            flows,
        ),
        tool(
            "kitaru_statistics",
            "Statistics",
            (Scope::Read, LOOKS),
            "Counts, durations, tokens and cost (USD) of executions by flow, day (UTC) and state: how often something \
             fails, what it costs.",
            statistics,
        ),
    ]
}

/// An execution that is named.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Named {
    /// Identifier of the execution, a unique beginning or end of it, or `latest`.
    pub execution_id: String,
}

/// A state, as a word.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum State {
    Running,
    Waiting,
    Sleeping,
    Paused,
    Interrupted,
    Completed,
    Failed,
    Cancelled,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Listing {
    /// Only those in one of these states.
    #[serde(default)]
    states: Vec<State>,
    /// Only executions of this flow.
    flow: Option<String>,
    /// Only those with this tag.
    tag: Option<String>,
    /// Only those known by this key.
    key: Option<String>,
    /// Only those with this text in their identifier, flow, key or a tag.
    search: Option<String>,
    /// How many at the most.
    #[serde(default = "twenty")]
    #[schemars(range(min = 1, max = 100))]
    limit: usize,
    /// What the page before gave as `next_cursor`.
    #[schemars(with = "Option<String>")]
    cursor: Option<Cursor>,
}

fn twenty() -> usize {
    20
}

/// A limit, if it is one.
pub fn limit(asked: usize, most: usize) -> Result<usize> {
    if asked == 0 || asked > most {
        return Err(ManageError::new("usage", format!("limit is from 1 to {most}"), None));
    }
    Ok(asked)
}

fn list(call: &Call, asked: Listing) -> Result<Told> {
    let (store, now) = (call.shared.store.as_ref(), call.shared.now());
    let limit = limit(asked.limit, 100)?;
    let wanted = Wanted {
        status: asked
            .states
            .iter()
            .map(|one| manage::parse_status(&format!("{one:?}").to_lowercase()))
            .collect::<Result<_>>()?,
        flow: asked.flow,
        tag: asked.tag,
        key: asked.key,
        text: asked.search,
        before: asked.cursor.map(|cursor| cursor.0),
        // One more tells whether there is another page.
        limit: limit + 1,
        page: 1,
        ..Wanted::default()
    };
    let rows = manage::list(store, &wanted, now)?;
    let (mut pile, mut last) = (Pile::default(), None);
    for row in rows.iter().take(limit) {
        if !pile.take(line(call, row)?) {
            break;
        }
        last = Some(format!("e{}", row.number));
    }
    let next = last.filter(|_| rows.len() > pile.items.len());
    let summary = format!("{} {}", pile.items.len(), if pile.items.len() == 1 { "execution" } else { "executions" });
    let told = Told::new(summary, json!({ "executions": pile.items, "next_cursor": next }));
    Ok(if next.is_some() { told.next("there are more: call again with next_cursor as `cursor`") } else { told })
}

/// An execution in a list.
fn line(call: &Call, row: &ExecutionRow) -> Result<Value> {
    let item = view::brief(call.shared.store.as_ref(), row, call.shared.now())?;
    let reason = item.pointer("/reason/text").cloned().unwrap_or_default();
    Ok(json!({
        "id": item["id"],
        "flow": item["flow"],
        "state": item["status"],
        "reason": begin(reason, 500, "kitaru_get_execution"),
        "tags": item["tags"],
        "key": item["key"],
        "usage": item["usage"],
        "created_at": item["created_at"],
        "updated_at": item["updated_at"],
        "parent": item["parent"],
        "replays": item["forked_from"],
    }))
}

fn get(call: &Call, asked: Named) -> Result<Told> {
    let row = call.find(&asked.execution_id)?;
    let (seen, item) = shown(call, &row)?;
    Ok(Told::new(format!("Execution {} is {seen}.", row.id.short()), item))
}

/// How many of its last calls are shown with an execution.
const LAST: usize = 15;

/// An execution with what a model needs of it, and its state.
pub fn shown(call: &Call, row: &ExecutionRow) -> Result<(&'static str, Value)> {
    let (store, now) = (call.shared.store.as_ref(), call.shared.now());
    let seen = manage::status(store, row, now);
    let mut item = view::execution(store, row, now)?;
    let calls = item["calls"].take();
    let calls = calls.as_array().map(Vec::as_slice).unwrap_or_default();
    let mut states: BTreeMap<&str, usize> = BTreeMap::new();
    for one in calls {
        *states.entry(one["status"].as_str().unwrap_or_default()).or_default() += 1;
    }
    let last: Vec<Value> = calls[calls.len().saturating_sub(LAST)..].iter().map(brief_call).collect();
    let id = row.id.as_str();
    let read = |what: &str| format!("{what} with execution_id {id}");
    for (field, how) in [
        ("inputs", "kitaru_read_value (what: inputs)"),
        ("result", "kitaru_read_value (what: output)"),
        ("error", "kitaru_read_value (what: error)"),
        ("replay", "kitaru_read_journal"),
        ("pending", "kitaru_read_journal"),
        ("reason", "kitaru_read_journal"),
        ("waits", "kitaru_list_waits"),
    ] {
        let value = item[field].take();
        item[field] = begin(value, SOME * 2, &read(how));
    }
    item["calls"] = json!({
        "count": calls.len(), "by_state": states, "last": last,
        "all": read("kitaru_list_calls"),
    });
    item["to_go_on"] = Value::Array(suggest::calls(store, row, seen)?);
    if let Some(why) = call.shared.carrier.as_ref().and_then(|carrier| carrier.refused(row)) {
        item["could_not_go_on"] = why.into();
    }
    Ok((seen.as_str(), item))
}

/// A call in a list.
pub fn brief_call(call: &Value) -> Value {
    let mut item = json!({});
    for field in ["step", "key", "kind", "status", "attempts", "started_at", "ended_at", "reused", "usage"] {
        item[field] = call[field].clone();
    }
    item
}

fn tree(call: &Call, asked: Named) -> Result<Told> {
    let row = call.find(&asked.execution_id)?;
    let mut tree = manage::tree(call.shared.store.as_ref(), &row, call.shared.now())?;
    thin(&mut tree);
    Ok(Told::new("The tree that it stands in; `marked` is the one that was asked for.", tree))
}

/// Leaves of a node what a tree needs.
fn thin(node: &mut Value) {
    if let Some(fields) = node.as_object_mut() {
        fields.retain(|name, _| {
            ["id", "flow", "status", "relation", "marked", "deleted", "below", "key", "updated_at"]
                .contains(&name.as_str())
        });
    }
    if let Some(below) = node.get_mut("below").and_then(Value::as_array_mut) {
        below.iter_mut().for_each(thin);
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Nothing {}

fn flows(call: &Call, _: Nothing) -> Result<Told> {
    let flows = manage::flows(call.shared.store.as_ref(), call.shared.now())?;
    let items: Vec<Value> = flows.iter().map(|(flow, states)| json!({ "flow": flow, "executions": states })).collect();
    Ok(Told::new(format!("{} flows", items.len()), json!({ "flows": items })))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Since {
    /// Only executions that were created in the last so many days.
    #[serde(default = "week")]
    #[schemars(range(min = 1, max = 36500))]
    days: u16,
}

fn week() -> u16 {
    7
}

fn statistics(call: &Call, asked: Since) -> Result<Told> {
    let since = call.shared.now().saturating_sub(Millis::from(asked.days) * 86_400_000);
    let rows = call.shared.store.queries().statistics(since)?;
    let items: Vec<Value> = rows.iter().map(view::statistics).collect();
    Ok(Told::new(format!("The last {} days.", asked.days), json!({ "statistics": items })))
}
