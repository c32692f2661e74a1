//! The log of changes: that somebody asked for one is on record before it is made, and then what came of it.
//!
//! It has who, from where, of what, and how that was before and afterwards, with the place in the journal where the
//! rest stands. It has no values: who deletes an execution deletes those. Not here: the journal.

use super::tokens::access;
use super::{ManageError, Result, find, secrets};
use kitaru_core::Millis;
use kitaru_core::rows::ExecutionRow;
use kitaru_store::{ActFilter, ActRow, Store};
use serde_json::{Map, Value as Json, json};

/// Who asks for a change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Actor {
    /// As it stands in journals.
    pub by: String,
    /// The public part of the token that was shown.
    pub token: Option<String>,
    /// From where: `cli`, `python`, `stdio`, `http 10.0.0.7`.
    pub from: String,
}

/// What is to be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'a> {
    /// Nothing in particular, or something new.
    Nothing,
    /// An execution, as it was named.
    Execution(&'a str),
    /// Something else, by its number or identifier.
    Other(&'a str),
}

/// A change that is on record and not yet over.
#[derive(Debug)]
#[must_use = "what came of it has to be said"]
pub struct Begun {
    /// `None`: whoever stands before the store keeps the log.
    id: Option<u64>,
    /// The execution that it is of.
    execution: Option<String>,
}

/// The longest text that is kept as it is.
const TEXT: usize = 120;
/// How many fields or items of one thing are kept.
const WIDE: usize = 20;
/// The longest that is kept of all that was given, in bytes.
const LONG: usize = 4096;
/// What says how something is to be done, and never what is worked on: kept as it is.
const PLAIN: &[&str] = &[
    "add",
    "ask_again",
    "at_once",
    "before",
    "burst",
    "every",
    "expires",
    "flow",
    "for",
    "from",
    "keep_recorded",
    "key",
    "kind",
    "name",
    "on_drift",
    "pause_before",
    "rate",
    "remove",
    "rerun",
    "reuse",
    "scope",
    "tags",
    "wait",
    "why",
];
/// What an answer says of a change.
const SAID: &[&str] = &["answered", "deleted", "expires_at", "goes_on", "id", "name", "removed", "scope", "stopped"];

/// Puts a change on record that is about to be made.
pub fn begin_act(
    store: &dyn Store,
    actor: &Actor,
    act: &str,
    target: Target<'_>,
    given: &Json,
    now: Millis,
) -> Result<Begun> {
    let Some(access) = store.access() else { return Ok(Begun { id: None, execution: None }) };
    let row = match target {
        // One that is not there is refused by whoever makes the change.
        Target::Execution(named) => find(store, named).ok(),
        Target::Nothing | Target::Other(_) => None,
    };
    let named = match target {
        Target::Nothing => None,
        Target::Execution(named) | Target::Other(named) => Some(cut(named)),
    };
    let execution = row.as_ref().map(|row| row.id.to_string());
    let id = access.begin_act(&ActRow {
        at: now,
        by: cut(&actor.by),
        token: actor.token.clone(),
        from: cut(&actor.from),
        act: act.to_owned(),
        target: execution.clone().or(named),
        given: bounded(given),
        before: row.as_ref().map(|row| state(row).to_string()),
        ..ActRow::default()
    })?;
    Ok(Begun { id: Some(id), execution })
}

/// Says what came of it: `done`, or the code of a refusal; with what was answered.
pub fn done(store: &dyn Store, begun: &Begun, outcome: &str, answer: Option<&Json>, now: Millis) -> Result<()> {
    let (Some(id), Some(access)) = (begun.id, store.access()) else { return Ok(()) };
    let mut after = Map::new();
    if let Some(row) = begun.execution.as_deref().and_then(|id| find(store, id).ok()) {
        after.insert("execution".to_owned(), state(&row));
    }
    let fields = answer.and_then(Json::as_object).into_iter().flatten();
    after.extend(
        fields
            .filter(|(name, _)| SAID.contains(&name.as_str()))
            .map(|(name, value)| (name.clone(), summary(value, true, 1))),
    );
    let after = (!after.is_empty()).then(|| Json::Object(after).to_string());
    Ok(access.end_act(id, now, after.as_deref(), outcome)?)
}

/// Makes a change that is on record before it is made, and with what came of it afterwards.
pub fn audited<T>(
    store: &dyn Store,
    actor: &Actor,
    (act, target): (&str, Target<'_>),
    given: &Json,
    clock: &dyn Fn() -> Millis,
    work: impl FnOnce() -> Result<T>,
) -> Result<T> {
    let begun = begin_act(store, actor, act, target, given, clock())?;
    let made = work();
    let outcome = made.as_ref().map_or_else(|error| error.code.clone(), |_| "done".to_owned());
    match (made, done(store, &begun, &outcome, None, clock())) {
        // What was refused is told rather than that the log could not say so.
        (Err(error), _) => Err(error),
        (Ok(made), Ok(())) => Ok(made),
        (Ok(_), Err(error)) => {
            let message = format!("it was done, but the log of changes could not say so: {}", error.message);
            Err(ManageError { message, ..error })
        }
    }
}

/// Changes, newest first.
pub fn changes(store: &dyn Store, filter: &ActFilter) -> Result<Vec<Json>> {
    let read = |text: Option<&str>| text.and_then(|text| serde_json::from_str::<Json>(text).ok());
    let item = |one: &ActRow| {
        json!({
            "id": one.id,
            "at": super::view::time(one.at),
            "by": one.by,
            "token": one.token,
            "from": one.from,
            "act": one.act,
            "target": one.target,
            "given": read(Some(&one.given)),
            "before": read(one.before.as_deref()),
            "after": read(one.after.as_deref()),
            "outcome": one.outcome,
            "ended_at": one.ended_at.map(super::view::time),
        })
    };
    Ok(access(store)?.acts(filter)?.iter().map(item).collect())
}

/// How an execution is, and how far its journal goes.
fn state(row: &ExecutionRow) -> Json {
    json!({ "status": row.status.as_str(), "seq": row.last_seq })
}

/// A text that is not long, and holds no secret.
fn cut(text: &str) -> String {
    let text = &secrets::masked(text);
    let mut kept: String = text.chars().take(TEXT).collect();
    if kept.len() < text.len() {
        kept.push('…');
    }
    kept
}

/// What was given, as a JSON text that is not long.
fn bounded(given: &Json) -> String {
    let text = summary(given, true, 0).to_string();
    if text.len() <= LONG {
        return text;
    }
    let fields = given.as_object().into_iter().flatten().take(WIDE);
    Json::Object(fields.map(|(name, field)| (cut(name), summary(field, false, 3))).collect()).to_string()
}

/// What was given, with what is worked on told by its kind and size only.
fn summary(value: &Json, plain: bool, depth: usize) -> Json {
    match value {
        Json::Null | Json::Bool(_) => value.clone(),
        Json::Number(_) if plain => value.clone(),
        Json::Number(_) => json!("a number"),
        Json::String(text) if plain => json!(cut(text)),
        Json::String(text) => json!(format!("a text of {} bytes", text.len())),
        Json::Array(items) if depth < 3 => items.iter().take(WIDE).map(|one| summary(one, plain, depth + 1)).collect(),
        Json::Object(fields) if depth < 3 => {
            let kept = fields.iter().take(WIDE).map(|(name, field)| {
                // At the top a field says by its name what it is; below, it is as what it stands in.
                let plain = plain && (depth > 0 || PLAIN.contains(&name.as_str()));
                (cut(name), summary(field, plain, depth + 1))
            });
            Json::Object(kept.collect())
        }
        Json::Array(items) => json!(format!("a list of {}", items.len())),
        Json::Object(fields) => json!(format!("an object of {}", fields.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_worked_on_is_told_by_its_kind_and_size() {
        let given = json!({
            "value": "hunter2", "set": { "charge.inputs.card": "4111", "flow.n": 7, "ok": true },
            "inputs": { "a": ["x", [1, [2]]] }, "flow": "research", "tags": ["a", "b"], "password": "p", "wait": "go",
        });
        let kept = summary(&given, true, 0);
        assert_eq!(
            kept,
            json!({
                "value": "a text of 7 bytes",
                "set": { "charge.inputs.card": "a text of 4 bytes", "flow.n": "a number", "ok": true },
                "inputs": { "a": ["a text of 1 bytes", "a list of 2"] },
                "flow": "research", "tags": ["a", "b"], "password": "a text of 1 bytes", "wait": "go",
            })
        );
    }

    #[test]
    fn however_much_is_given_little_is_kept() {
        let deep = (0..100).fold(json!(1), |inside, _| json!([inside]));
        let wide: Map<String, Json> =
            (0..1000).map(|n| (format!("{n}").repeat(100), json!("x".repeat(9999)))).collect();
        let given =
            json!({ "value": deep, "inputs": wide, "flow": "f".repeat(9999), "tags": vec!["t".repeat(999); 99] });
        assert!(bounded(&given).len() < LONG * 2);
        let many = json!({ "tags": vec![vec![vec!["t".repeat(999); 99]; 99]; 99] });
        assert_eq!(bounded(&many), r#"{"tags":"a list of 99"}"#);
    }
}
