//! The call that an execution is paused at: which it is, what it is given, and how people are shown that.
//!
//! Not here: changing it (`by_hand`), and pauses that are about no call.

use super::{Result, next, text};
use kitaru_core::breakpoint::Met;
use kitaru_core::event::{Body, CallHead, PauseReason};
use kitaru_core::rows::ExecutionRow;
use kitaru_core::value::plain;
use kitaru_core::{ExecutionId, Seq, Value};
use kitaru_store::Store;
use serde_json::{Value as Json, json};

/// See the module.
#[derive(Clone, Debug)]
pub struct Pending {
    /// The call.
    pub call: CallHead,
    /// What it is given, as a start records it; `None`: an argument has no codec.
    pub inputs: Option<Value>,
    /// Its record, if it has one.
    pub record: Option<Seq>,
}

/// How wide a line of a message is at the most.
const WIDE: usize = 80;
/// How many inputs are shown.
const MANY: usize = 12;

/// The call that a paused execution is about to run, or that its decision is about.
pub fn pending(store: &dyn Store, row: &ExecutionRow) -> Result<Option<Pending>> {
    let Some(reason) = next::pause(row) else { return Ok(None) };
    of(store, &row.id, reason)
}

fn of(store: &dyn Store, id: &ExecutionId, reason: PauseReason) -> Result<Option<Pending>> {
    let record = match reason {
        PauseReason::Breakpoint { call, inputs, .. } => {
            return Ok(Some(Pending { call: *call, inputs, record: None }));
        }
        PauseReason::InDoubt { record, .. }
        | PauseReason::Volatile { record, .. }
        | PauseReason::RetriesExhausted { record, .. } => record,
        _ => return Ok(None),
    };
    let event = store.load(id, record.saturating_sub(1), 1)?.into_iter().next().filter(|event| event.seq == record);
    Ok(event.and_then(|event| match event.body {
        Body::CallStarted(one) => Some(Pending { call: one.call, inputs: one.inputs, record: Some(record) }),
        Body::CallEnded(one) => Some(Pending { call: one.call, inputs: one.inputs, record: Some(record) }),
        Body::AttemptFailed(one) => Some(Pending { call: one.call, inputs: None, record: Some(record) }),
        _ => None,
    }))
}

/// As an item.
pub(super) fn item(store: &dyn Store, row: &ExecutionRow, pending: &Pending) -> Result<Json> {
    Ok(json!({
        "key": pending.call.key,
        "name": pending.call.name,
        "inputs": given(store, pending)?,
        "next": next::after_pause(row),
    }))
}

/// What it is given, as plain JSON.
fn given(store: &dyn Store, pending: &Pending) -> Result<Option<Json>> {
    let Some(inputs) = &pending.inputs else { return Ok(None) };
    Ok(serde_json::from_str(&text(store, inputs)?).ok().map(plain))
}

/// Why it is paused before a call, in one line.
pub(crate) fn said(met: &Met) -> String {
    let mut said = format!("paused before {}", met.call.key);
    if let Some(id) = met.id {
        said.push_str(&format!(" (breakpoint {id})"));
    }
    match &met.problem {
        Some(why) if met.id.is_some() => said.push_str(&format!(": its condition cannot be told: {why}")),
        Some(why) => said.push_str(&format!(": {why}")),
        None => {}
    }
    said
}

/// What people are told of a pause: a call that is about to run with its inputs and the commands to go on, else just
/// the text. No line of it is wider than 80 columns, but for the first.
pub(crate) fn message(store: &dyn Store, id: &ExecutionId, flow: &str, reason: &PauseReason, said: &str) -> String {
    if !matches!(reason, PauseReason::Breakpoint { .. }) {
        return said.to_owned();
    }
    let mut lines = vec![format!("{flow} ({}) is {said}. No process needs to run.", id.short())];
    // What cannot be read now is shown by `kitaru show`, with why.
    if let Ok(Some(pending)) = of(store, id, reason.clone()) {
        lines.extend(shown(store, id, &pending));
    }
    lines.join("\n")
}

/// The inputs of a call that is about to run, and the commands to go on.
pub fn shown(store: &dyn Store, id: &ExecutionId, pending: &Pending) -> Vec<String> {
    let short = id.short();
    let inputs = given(store, pending).ok().flatten();
    let mut lines = Vec::new();
    let mut example = None;
    match &inputs {
        Some(Json::Object(fields)) => {
            for (name, value) in fields.iter().take(MANY) {
                lines.push(cut(&format!("  {name}: {value}"), WIDE));
            }
            if fields.len() > MANY {
                lines.push(format!("  and {} more: kitaru show {short}", fields.len() - MANY));
            }
            example = fields.iter().find_map(|(name, value)| {
                let command = format!("kitaru resume {short} --set {}", next::assignment(name, value));
                (command.chars().count() + COLUMN <= WIDE).then_some(command)
            });
            example = example.or_else(|| Some(format!("kitaru resume {short} --set {}=VALUE", fields.keys().next()?)));
        }
        _ => lines.push("  its inputs cannot be shown: an argument has no codec".to_owned()),
    }
    lines.push(format!("  go on:           kitaru resume {short}"));
    lines.extend(example.map(|command| format!("  change an input: {command}")));
    lines.push(format!("  or its output:   kitaru resume {short} --set output=VALUE"));
    lines
}

/// What a call is given, on one bounded line.
pub(super) fn given_in_a_line(store: &dyn Store, pending: &Pending) -> Result<Option<String>> {
    let Some(Json::Object(fields)) = given(store, pending)? else { return Ok(None) };
    let all: Vec<String> =
        fields.iter().map(|(name, value)| format!("{name}={}", cut(&value.to_string(), 40))).collect();
    Ok((!all.is_empty()).then(|| cut(&all.join(", "), 2 * WIDE)))
}

/// Where the commands stand in their lines.
const COLUMN: usize = 19;

/// A text of at most `most` characters, on one line.
fn cut(text: &str, most: usize) -> String {
    let text = text.replace(['\n', '\t'], " ");
    if text.chars().count() <= most {
        return text;
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{kept}…")
}
