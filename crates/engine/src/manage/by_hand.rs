//! Values that somebody puts in by hand at the call that an execution is paused at: its inputs, or its output instead
//! of running it. Each is in the journal with who put it there, and the event says when.
//!
//! Not here: overrides of a replay, which name calls of another execution.

use super::pending::Pending;
use super::{ManageError, Result, next, text, view};
use kitaru_core::event::{CallEnded, CallReleased, InputsSet, Outcome, Usage};
use kitaru_core::path::{self, PathError};
use kitaru_core::rows::{CallRow, ExecutionRow};
use kitaru_core::{Body, Event, ExecutionId, Millis, Value};
use kitaru_store::Store;
use serde_json::{Map, Value as Json, json};
use std::collections::HashMap;

/// Kinds of the events that a hand-made value leaves. An output that was supplied has let its call go on, too.
const KINDS: [&str; 2] = ["inputs_set", "call_released"];

/// What is put where: paths below a call, and plain JSON.
pub type Values = [(String, Json)];

/// What is to be done with the values that somebody gave.
pub(super) enum Given {
    /// Nothing was given.
    Nothing,
    /// The call runs with other inputs.
    Inputs(Body),
    /// The call does not run.
    Output(Body),
}

/// Reads what was given for a pending call. `decided`: its outcome was supplied already.
pub(super) fn given(
    store: &dyn Store,
    row: &ExecutionRow,
    pending: &Pending,
    values: &Values,
    decided: bool,
    (by, now): (&str, Millis),
) -> Result<Given> {
    let key = &pending.call.key;
    let is_input = has_parameter(store, pending, "output")?;
    let mut inputs = Vec::new();
    let mut output = None;
    for (path, value) in values {
        // As a replay names them: the call first.
        let own = path.strip_prefix(key.as_str()).and_then(|rest| rest.strip_prefix('.'));
        let own = own.filter(|rest| *rest == "output" || rest.starts_with("inputs."));
        match own.unwrap_or(path) {
            "output" if is_input && own.is_none() => {
                let message = format!("{key} has an input called output, so output alone could be either");
                let hint = format!("--set inputs.output=VALUE changes the input, --set {key}.output=VALUE its output");
                return Err(bad(message, Some(hint)));
            }
            "output" => output = Some(value),
            inside if inside.starts_with("output.") && !is_input => {
                let message = format!("{inside}: an output that is supplied is supplied whole");
                return Err(bad(message, Some("--set output=VALUE".to_owned())));
            }
            inside => inputs.push((inside.strip_prefix("inputs.").unwrap_or(inside).to_owned(), value.clone())),
        }
    }
    match (output, inputs.is_empty()) {
        (None, true) => Ok(Given::Nothing),
        (Some(_), false) => {
            let message = format!("{key} does not run where its output is supplied: its inputs change nothing then");
            Err(bad(message, Some("give one or the other".to_owned())))
        }
        (Some(value), true) => ended(pending, value, by, now).map(Given::Output),
        (None, false) if decided => {
            let hint = format!("kitaru resume {} --rerun {}", row.id.short(), next::quoted(key));
            Err(bad(format!("the output of {key} was supplied already: it does not run"), Some(hint)))
        }
        (None, false) => set(store, row, pending, inputs, by).map(Given::Inputs),
    }
}

fn bad(message: String, hint: Option<String>) -> ManageError {
    ManageError::new("bad-override", message, hint)
}

/// Lets a call go on that was paused before.
pub(super) fn released(pending: &Pending, by: &str) -> Body {
    let (key, body) = (pending.call.key.clone(), pending.call.body);
    Body::CallReleased(CallReleased { key, body, by: by.to_owned() })
}

fn ended(pending: &Pending, value: &Json, by: &str, now: Millis) -> Result<Body> {
    let result = Value::of(value).map_err(|error| bad(error.to_string(), None))?;
    Ok(Body::CallEnded(Box::new(CallEnded {
        call: pending.call.clone(),
        record: pending.record,
        inputs: if pending.record.is_none() { pending.inputs.clone() } else { None },
        effective: None,
        outcome: Outcome::Returned { result },
        by: Some(by.to_owned()),
        mutated: None,
        attempts: 0,
        started_at: now,
        usage: Usage::default(),
    })))
}

/// The change of its inputs, together with those that were made before: the latest event counts.
fn set(store: &dyn Store, row: &ExecutionRow, pending: &Pending, new: Vec<(String, Json)>, by: &str) -> Result<Body> {
    let call = &pending.call;
    let Some(inputs) = &pending.inputs else {
        let message = format!("the inputs of {} were not recorded: an argument has no codec", call.key);
        return Err(bad(message, Some("supply its output instead: --set output=VALUE".to_owned())));
    };
    let mut bound: Json = serde_json::from_str(&text(store, inputs)?).map_err(|error| bad(error.to_string(), None))?;
    let earlier =
        store.queries().events(&row.id, &["inputs_set"])?.into_iter().rev().find_map(|event| match event.body {
            Body::InputsSet(set) if set.body == call.body => Some(set.values),
            _ => None,
        });
    let mut values = earlier.unwrap_or_default();
    values.retain(|(path, _)| !new.iter().any(|(other, _)| other == path));
    for (path, value) in &values {
        // What was taken before is taken again.
        drop(put(&mut bound, path, serde_json::from_str(&text(store, value)?).unwrap_or_default()));
    }
    for (path, value) in new {
        put(&mut bound, &path, value.clone()).map_err(|error| {
            let message = format!("{path} cannot be set for {}: {error}", call.key);
            bad(message, Some(format!("what it is given: kitaru show {}", row.id.short())))
        })?;
        values.push((path, Value::of(&value).map_err(|error| bad(error.to_string(), None))?));
    }
    Ok(Body::InputsSet(InputsSet { key: call.key.clone(), body: call.body, values, by: by.to_owned() }))
}

fn put(bound: &mut Json, path: &str, value: Json) -> std::result::Result<(), PathError> {
    path::set(bound, &path::parse(path)?, value)
}

fn has_parameter(store: &dyn Store, pending: &Pending, name: &str) -> Result<bool> {
    let Some(inputs) = &pending.inputs else { return Ok(false) };
    let bound: Option<Map<String, Json>> = serde_json::from_str(&text(store, inputs)?).ok();
    Ok(bound.is_some_and(|bound| bound.contains_key(name)))
}

/// What was put in by hand, by call: who, when and what.
pub(super) fn items(store: &dyn Store, id: &ExecutionId, calls: &[CallRow]) -> Result<HashMap<String, Vec<Json>>> {
    let mut found: HashMap<String, Vec<Json>> = HashMap::new();
    let made = |what: &str, value: Json, by: &str, event: &Event| json!({ "what": what, "value": value, "by": by, "at": view::time(event.at) });
    for event in store.queries().events(id, &KINDS)? {
        match &event.body {
            Body::InputsSet(set) => {
                for (path, value) in &set.values {
                    let all = found.entry(set.key.clone()).or_default();
                    let what = format!("inputs.{path}");
                    // Said again with a later change: that it was made is said once.
                    let value = view::value(store, value)?;
                    if !all.iter().any(|one| one["what"] == what.as_str() && one["value"] == value) {
                        all.push(made(&what, value, &set.by, &event));
                    }
                }
            }
            Body::CallReleased(released) => {
                let ended = calls.iter().find(|call| call.key == released.key).and_then(|call| call.ended_seq);
                let Some(ended) = ended else { continue };
                let end = store.load(id, ended.saturating_sub(1), 1)?.into_iter().next();
                let all = found.entry(released.key.clone()).or_default();
                if let Some(Event { body: Body::CallEnded(one), .. }) = &end
                    && let (Some(by), Outcome::Returned { result }) = (&one.by, &one.outcome)
                    && !all.iter().any(|one| one["what"] == "output")
                {
                    let value = view::value(store, result)?;
                    all.extend(end.as_ref().map(|event| made("output", value, by, event)));
                }
            }
            _ => {}
        }
    }
    found.retain(|_, all| !all.is_empty());
    Ok(found)
}
