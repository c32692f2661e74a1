//! Tools that read what an execution recorded: calls, values, logs, journal, artifacts. By pages, and in parts.
//!
//! Not here: the execution as a whole (`looking`).

use super::bounded::{PART, Pile, SOME, begin, part};
use super::looking::{Named, brief_call, limit};
use super::told::Told;
use super::tool::{Call, LOOKS, Result, Tool, tool};
use crate::scope::Scope;
use crate::{executions, item, values};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kitaru_engine::manage::{self, ManageError, view};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

pub fn tools() -> Vec<Tool> {
    vec![
        tool(
            "kitaru_list_calls",
            "List calls",
            (Scope::Read, LOOKS),
            "Lists the calls (steps) that an execution made, in the order of their records, with state, attempts, \
             tokens and cost; without their values, which kitaru_read_call has.",
            calls,
        ),
        tool(
            "kitaru_read_call",
            "Read a call",
            (Scope::Read, LOOKS),
            "Reads one call of an execution: what it was given, what it returned or raised, who set something by \
             hand. Large values come cut; kitaru_read_value reads on.",
            call_values,
        ),
        tool(
            "kitaru_read_value",
            "Read a value",
            (Scope::Read, LOOKS),
            "Reads one value of an execution, or of one of its calls, in parts of about 16,000 characters: a text as \
             it is, all else as JSON. Pass `next_offset` as `offset` to read on.",
            value,
        ),
        tool(
            "kitaru_read_logs",
            "Read logs",
            (Scope::Read, LOOKS),
            "Reads what an execution printed, logged and reported, line by line from the first. Pass `next_after` as \
             `after` to read on. A long line comes cut; pass its `read_on` to read the rest of it.",
            logs,
        ),
        tool(
            "kitaru_read_journal",
            "Read the journal",
            (Scope::Read, LOOKS),
            "Reads the journal of an execution: every event on record, in order, which is the truth about what \
             happened. Prefer kitaru_list_calls and kitaru_read_call, unless the order of events, retries, or who \
             decided what is in question.",
            journal,
        ),
        tool(
            "kitaru_list_artifacts",
            "List artifacts",
            (Scope::Read, LOOKS),
            "Lists the named values that an execution saved, with their sizes.",
            artifacts,
        ),
        tool(
            "kitaru_read_artifact",
            "Read an artifact",
            (Scope::Read, LOOKS),
            "Reads a named value that an execution saved, in parts of about 16,000 characters: a text as it is, bytes \
             as base64, all else as JSON. Pass `next_offset` as `offset` to read on.",
            artifact,
        ),
    ]
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Calls {
    /// Identifier of the execution, a unique beginning or end of it, or `latest`.
    execution_id: String,
    /// Only calls after that step; 0: from the first on.
    #[serde(default)]
    after: usize,
    /// How many at the most.
    #[serde(default = "fifty")]
    #[schemars(range(min = 1, max = 200))]
    limit: usize,
}

fn fifty() -> usize {
    50
}

fn calls(call: &Call, asked: Calls) -> Result<Told> {
    let row = call.find(&asked.execution_id)?;
    let made = call.shared.store.queries().calls(&row.id)?;
    let mut pile = Pile::default();
    for (at, one) in made.iter().enumerate().skip(asked.after).take(limit(asked.limit, 200)?) {
        let mut item = view::call(one);
        item["step"] = (at + 1).into();
        if !pile.take(brief_call(&item)) {
            break;
        }
    }
    let upto = asked.after.saturating_add(pile.items.len());
    let next = (upto < made.len()).then_some(upto);
    let summary = format!("{} of {} calls of {}.", pile.items.len(), made.len(), row.id.short());
    Ok(Told::new(summary, json!({ "calls": pile.items, "next_after": next })))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct OneCall {
    /// Identifier of the execution, a unique beginning or end of it, or `latest`.
    execution_id: String,
    /// The call: its key (such as `analyze#3`), a checkpoint's name if it was called once, `step 14`, or `failure` for
    /// the one that the execution failed by.
    call: String,
}

fn call_values(call: &Call, asked: OneCall) -> Result<Told> {
    let row = call.find(&asked.execution_id)?;
    let mut item = executions::call_with_values(&call.shared, &row, &asked.call)?;
    for what in ["inputs", "given", "output", "error"] {
        let value = item[what].take();
        let read_on = format!("kitaru_read_value with this execution_id and call, and what: {what}");
        item[what] = begin(value, SOME * 2, &read_on);
    }
    Ok(Told::new(format!("Step {} of {}.", item["step"], row.id.short()), item))
}

/// A value of a call, or of the flow itself.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum What {
    /// What it was asked with.
    Inputs,
    /// What its body was given instead, where somebody changed that.
    Given,
    /// What it returned, or was answered.
    Output,
    /// What it raised.
    Error,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct OneValue {
    /// Identifier of the execution, a unique beginning or end of it, or `latest`.
    execution_id: String,
    /// The call, as kitaru_read_call takes it. Left out: the flow itself, its arguments and its result.
    call: Option<String>,
    /// Which value: `inputs`, `given` (what the body was given instead, where somebody changed that), `output`, `error`.
    what: What,
    /// From which character on.
    #[serde(default)]
    offset: usize,
}

fn value(call: &Call, asked: OneValue) -> Result<Told> {
    let row = call.find(&asked.execution_id)?;
    let store = call.shared.store.as_ref();
    let found = match (&asked.call, asked.what) {
        (Some(key), what) => {
            let mut item = executions::call_with_values(&call.shared, &row, key)?;
            item[match what {
                What::Inputs => "inputs",
                What::Given => "given",
                What::Output => "output",
                What::Error => "error",
            }]
            .take()
        }
        (None, What::Inputs | What::Given) => view::value(store, &row.inputs)?,
        (None, What::Output) => row.result.as_ref().map(|one| view::value(store, one)).transpose()?.unwrap_or_default(),
        (None, What::Error) => match &row.error {
            Some(error) => json!(error.traceback.clone()),
            None => Value::Null,
        },
    };
    let (kind, text) = match found {
        Value::Null => return Ok(Told::new("There is no such value (or it is null).", Value::Null)),
        Value::String(text) => ("text", text),
        other => ("json", other.to_string()),
    };
    Ok(read(kind, part(&text, asked.offset, PART)))
}

/// A part of something.
fn read(kind: &str, mut part: Value) -> Told {
    part["kind"] = kind.into();
    let told = Told::new(format!("Characters {} and on, of {}.", part["offset"], part["characters"]), Value::Null);
    let told = match part["next_offset"].as_u64() {
        Some(next) => told.next(format!("to read on, pass offset {next}")),
        None => told,
    };
    Told { data: part, ..told }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Lines {
    /// Identifier of the execution, a unique beginning or end of it, or `latest`.
    execution_id: String,
    /// Only what comes after that one; 0: from the first on.
    #[serde(default)]
    after: u32,
    /// How many at the most.
    #[serde(default = "hundred")]
    #[schemars(range(min = 1, max = 500))]
    limit: usize,
    /// For a line that came cut: read only the line after `after`, from this character on.
    offset: Option<usize>,
}

fn hundred() -> usize {
    100
}

fn logs(call: &Call, asked: Lines) -> Result<Told> {
    let row = call.find(&asked.execution_id)?;
    let after = u64::from(asked.after);
    let wanted = if asked.offset.is_some() { 1 } else { limit(asked.limit, 500)? };
    let (lines, last) = call.shared.store.queries().logs(&row.id, after, wanted)?;
    let first = last.saturating_sub(lines.len() as u64);
    if let Some(offset) = asked.offset {
        let line = lines.first().ok_or_else(|| ManageError::new("usage", "there is no line after that", None))?;
        return Ok(read("text", part(&line.text, offset, PART)));
    }
    let mut pile = Pile::default();
    for (nth, line) in lines.iter().enumerate() {
        let before = first + nth as u64;
        let mut item = view::log_line(line);
        let text = item["text"].take();
        let read_on = format!("kitaru_read_logs with after {before} and offset {SOME}");
        item["text"] = begin(text, SOME, &read_on);
        item["line"] = (before + 1).into();
        if !pile.take(item) {
            break;
        }
    }
    let upto = first + pile.items.len() as u64;
    let next = (pile.items.len() < lines.len() || lines.len() == wanted).then_some(upto);
    let summary = format!("{} lines of {}.", pile.items.len(), row.id.short());
    Ok(Told::new(summary, json!({ "lines": pile.items, "next_after": next })))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Events {
    /// Identifier of the execution, a unique beginning or end of it, or `latest`.
    execution_id: String,
    /// Only events after that `seq`; 0: from the first on.
    #[serde(default)]
    after: u32,
    /// How many at the most.
    #[serde(default = "fifty")]
    #[schemars(range(min = 1, max = 200))]
    limit: usize,
}

fn journal(call: &Call, asked: Events) -> Result<Told> {
    let row = call.find(&asked.execution_id)?;
    let events = call.shared.store.load(&row.id, asked.after.into(), limit(asked.limit, 200)?)?;
    let (mut pile, mut next) = (Pile::default(), None);
    for event in &events {
        let mut item = item::journal(event);
        let body = item["event"].take();
        item["event"] = begin(body, SOME, "kitaru_read_call, with the call of this event");
        if !pile.take(item) {
            break;
        }
        next = Some(event.seq).filter(|seq| *seq < row.last_seq);
    }
    let summary = format!("{} events of {}.", pile.items.len(), row.id.short());
    Ok(Told::new(summary, json!({ "events": pile.items, "next_after": next })))
}

fn artifacts(call: &Call, asked: Named) -> Result<Told> {
    let row = call.find(&asked.execution_id)?;
    let found = call.shared.store.queries().artifacts(&row.id)?;
    let mut pile = Pile::default();
    let fits = found.iter().take_while(|one| pile.take(view::artifact(one))).count();
    let summary = format!("{fits} of {} artifacts of {}.", found.len(), row.id.short());
    Ok(Told::new(summary, json!({ "artifacts": pile.items, "count": found.len() })))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct OneArtifact {
    /// Identifier of the execution, a unique beginning or end of it, or `latest`.
    execution_id: String,
    /// Name of the artifact.
    name: String,
    /// From which character on; of bytes, from which byte on.
    #[serde(default)]
    offset: usize,
}

fn artifact(call: &Call, asked: OneArtifact) -> Result<Told> {
    let row = call.find(&asked.execution_id)?;
    let store = call.shared.store.as_ref();
    let found = manage::artifact(store, &row, &asked.name)?;
    let (kind, bytes) = values::bytes(&manage::text(store, &found.value)?)?;
    match (kind, String::from_utf8(bytes)) {
        ("application/octet-stream", bytes) => {
            let bytes = bytes.map_or_else(|error| error.into_bytes(), String::into_bytes);
            let upto = asked.offset.saturating_add(PART / 2);
            let shown = bytes.get(asked.offset.min(bytes.len())..upto.min(bytes.len())).unwrap_or_default();
            Ok(read(
                "base64",
                json!({
                    "offset": asked.offset,
                    "bytes": bytes.len(),
                    "characters": bytes.len(),
                    "base64": STANDARD.encode(shown),
                    "next_offset": (upto < bytes.len()).then_some(upto),
                }),
            ))
        }
        (kind, Ok(text)) => {
            let kind = if kind == "application/json" { "json" } else { "text" };
            Ok(read(kind, part(&text, asked.offset, PART)))
        }
        (_, Err(error)) => Err(ManageError::new("store-damaged", error.to_string(), None)),
    }
}
