//! Comparing executions: side by side what they cost and how long they took, call by call what is the same, and where
//! inputs and outputs differ.
//!
//! Not here: which calls belong together ([`kitaru_core::compare`]), and how it looks as text.

use super::original::Original;
use super::{ManageError, Result, status, text, view};
use kitaru_core::compare::{self, Call, Pair, Verdict};
use kitaru_core::event::{CallKind, Usage};
use kitaru_core::rows::ExecutionRow;
use kitaru_core::{Millis, Value};
use kitaru_store::Store;
use serde_json::{Map, Value as Json, json};

/// An execution that is compared.
struct Side {
    read: Original,
    calls: Vec<Call>,
}

/// Compares executions with the first of them; two call by call with what differs, more as a matrix. As an item.
pub fn diff(store: &dyn Store, rows: &[ExecutionRow], now: Millis) -> Result<Json> {
    if rows.len() < 2 {
        return Err(ManageError::new("usage", "two executions at least are compared", None));
    }
    let sides = rows.iter().map(|row| side(store, row)).collect::<Result<Vec<Side>>>()?;
    let mut read = |value: &Value| json_of(store, value);
    let executions: Vec<Json> = sides.iter().map(|side| execution(store, side, now)).collect::<Result<_>>()?;
    let mut item = Map::new();
    item.insert("executions".to_owned(), Json::Array(executions));
    let [first, second] = sides.as_slice() else {
        let (calls, diverged) = matrix(&sides, &mut read)?;
        item.insert("calls".to_owned(), Json::Array(calls));
        item.insert("diverged".to_owned(), Json::Bool(diverged));
        return Ok(Json::Object(item));
    };
    let pairs = compare::compare(&first.calls, &second.calls, &mut read)?;
    let (one, other) = (&first.read.row, &second.read.row);
    let inputs = compare::differences(Some(&one.inputs), Some(&other.inputs), true, &mut read)?;
    let result = compare::differences(one.result.as_ref(), other.result.as_ref(), false, &mut read)?;
    let error = |row: &ExecutionRow| row.error.as_ref().map(|error| format!("{}: {}", error.kind, error.message));
    let parts = pairs.iter().find(|pair| pair.verdict.diverges());
    let diverged = parts.is_some() || !result.is_empty() || error(one) != error(other);
    let mut counts = Map::new();
    for verdict in [Verdict::Reused, Verdict::Same, Verdict::Changed, Verdict::Added, Verdict::Removed] {
        let count = pairs.iter().filter(|pair| pair.verdict == verdict).count();
        counts.insert(verdict.as_str().to_owned(), count.into());
    }
    counts.insert("moved".to_owned(), pairs.iter().filter(|pair| pair.moved).count().into());
    item.insert("counts".to_owned(), Json::Object(counts));
    item.insert("first_divergence".to_owned(), parts.map_or(Json::Null, |pair| place(pair, first, second)));
    item.insert("inputs".to_owned(), json!(inputs));
    item.insert("result".to_owned(), json!(result));
    item.insert(
        "error".to_owned(),
        if error(one) == error(other) { Json::Null } else { json!([error(one), error(other)]) },
    );
    item.insert("calls".to_owned(), Json::Array(pairs.iter().map(|pair| shown(pair, first, second)).collect()));
    item.insert("diverged".to_owned(), Json::Bool(diverged));
    Ok(Json::Object(item))
}

fn side(store: &dyn Store, row: &ExecutionRow) -> Result<Side> {
    let read = Original::read(store, row)?;
    let origin = |seq| read.origin(seq).clone();
    let mut calls = compare::calls(&read.records, &read.rows, &origin, &read.given);
    // What a child flow consumed is the cost of the call that started it.
    for (call, source) in calls.iter_mut().zip(&read.source.calls) {
        if let Some(child) = &source.child {
            call.usage.add(&child.usage);
        }
    }
    Ok(Side { read, calls })
}

fn json_of(store: &dyn Store, value: &Value) -> Result<Json> {
    serde_json::from_str(&text(store, value)?)
        .map_err(|error| ManageError::new("store-damaged", error.to_string(), None))
}

/// One execution with its totals. `reused`: what it was served of others; `usage`: what its calls consumed, whoever
/// made them; `spent`: what it consumed itself.
fn execution(store: &dyn Store, side: &Side, now: Millis) -> Result<Json> {
    let row = &side.read.row;
    let is_step = |call: &&Call| matches!(call.kind, CallKind::Checkpoint | CallKind::Child);
    let own = |call: &&Call| call.record.0 == row.id;
    let sum = |calls: &mut dyn Iterator<Item = &Call>| {
        let mut usage = Usage::default();
        calls.for_each(|call| usage.add(&call.usage));
        usage
    };
    let steps = || side.calls.iter().filter(is_step);
    let spans = |own_only: bool| {
        let chosen =
            side.read.rows.iter().zip(&side.calls).filter(|(_, call)| is_step(call) && (!own_only || own(call)));
        under_way(chosen.filter_map(|(row, _)| Some((row.started_at, row.ended_at?))))
    };
    Ok(json!({
        "id": row.id,
        "flow": row.flow,
        "status": status(store, row, now).as_str(),
        "forked_from": row.forked_from,
        "created_at": view::time(row.created_at),
        "calls": side.calls.len(),
        "reused": side.calls.iter().filter(|call| !own(call)).count(),
        "attempts": steps().map(|call| u64::from(call.attempts)).sum::<u64>(),
        "ms": spans(false),
        "ran_ms": spans(true),
        "usage": view::usage(&sum(&mut steps())),
        "spent": view::usage(&sum(&mut steps().filter(own))),
    }))
}

/// How long at least one of these spans was under way.
fn under_way(spans: impl Iterator<Item = (Millis, Millis)>) -> Millis {
    let mut spans: Vec<(Millis, Millis)> = spans.collect();
    spans.sort_unstable();
    let (mut sum, mut until) = (0, Millis::MIN);
    for (began, ended) in spans {
        sum += (ended - began.max(until)).max(0);
        until = until.max(ended);
    }
    sum
}

fn place(pair: &Pair, first: &Side, second: &Side) -> Json {
    let key = |side: &Side, at: Option<usize>| at.map(|at| side.calls[at].key.clone());
    let name = key(second, pair.b).or_else(|| key(first, pair.a));
    json!({
        "key": name,
        "verdict": pair.verdict.as_str(),
        "steps": [pair.a.map(|at| at + 1), pair.b.map(|at| at + 1)],
    })
}

fn shown(pair: &Pair, first: &Side, second: &Side) -> Json {
    let half = |side: &Side, at: Option<usize>| {
        at.map(|at| {
            let call = &side.calls[at];
            json!({
                "step": at + 1,
                "key": call.key,
                "status": call.status.as_str(),
                "attempts": call.attempts,
                "ms": call.took,
                "usage": view::usage(&call.usage),
                "error": call.error,
                "by_hand": call.changed || (call.supplied && call.kind != CallKind::Wait),
            })
        })
    };
    let call = pair.b.map(|at| &second.calls[at]).or_else(|| pair.a.map(|at| &first.calls[at]));
    json!({
        "key": call.map(|call| &call.key),
        "name": call.map(|call| &call.name),
        "kind": call.map(|call| call.kind),
        "verdict": pair.verdict.as_str(),
        "moved": pair.moved,
        "code_changed": pair.code_changed,
        "inputs": pair.inputs,
        "output": pair.output,
        "sides": [half(first, pair.a), half(second, pair.b)],
    })
}

/// A row of the matrix: the call in each execution, by its place there.
type Cells = Vec<Option<usize>>;

/// Each call of any of the executions, and how each other compares with the first that has it.
fn matrix(sides: &[Side], read: &mut dyn FnMut(&Value) -> Result<Json>) -> Result<(Vec<Json>, bool)> {
    let mut rows: Vec<Cells> = Vec::new();
    for (at, side) in sides.iter().enumerate() {
        let known: Vec<&Call> = rows.iter().filter_map(|cells| has(sides, cells).map(|(_, call)| call)).collect();
        let together = compare::align(&known, &side.calls.iter().collect::<Vec<_>>());
        let mut next: Vec<Cells> = Vec::with_capacity(together.len());
        for (row, call, _) in together {
            let mut cells = row.map_or_else(|| vec![None; at], |row| std::mem::take(&mut rows[row]));
            cells.push(call);
            next.push(cells);
        }
        rows = next;
    }
    let mut diverged = false;
    let mut items = Vec::with_capacity(rows.len());
    for cells in &rows {
        let Some((base, first)) = has(sides, cells) else { continue };
        let mut verdicts = Vec::new();
        let mut halves = Vec::new();
        for (at, cell) in cells.iter().enumerate() {
            let call = cell.map(|cell| &sides[at].calls[cell]);
            let verdict = match call {
                None if at < base => None,
                None => Some(Verdict::Removed),
                Some(_) if at == base && base > 0 => Some(Verdict::Added),
                Some(_) if at == base => None,
                Some(call) => Some(compare::verdict(first, call, read)?),
            };
            diverged |= verdict.is_some_and(Verdict::diverges);
            verdicts.push(verdict.map(Verdict::as_str));
            halves.push(call.map(|call| {
                json!({ "key": call.key, "status": call.status.as_str(), "ms": call.took, "usage": view::usage(&call.usage) })
            }));
        }
        items.push(json!({
            "key": first.key, "name": first.name, "kind": first.kind, "verdicts": verdicts, "sides": halves,
        }));
    }
    Ok((items, diverged))
}

/// The first execution that has the call of a row, and the call there.
fn has<'a>(sides: &'a [Side], cells: &Cells) -> Option<(usize, &'a Call)> {
    cells.iter().enumerate().find_map(|(at, cell)| cell.map(|cell| (at, &sides[at].calls[cell])))
}

/// Identifiers, for a caller that has them as texts.
pub fn found(store: &dyn Store, ids: &[String]) -> Result<Vec<ExecutionRow>> {
    let mut rows: Vec<ExecutionRow> = Vec::new();
    for id in ids {
        let row = super::find(store, id)?;
        if rows.iter().any(|known: &ExecutionRow| known.id == row.id) {
            return Err(ManageError::new("usage", format!("{} is named twice", row.id.short()), None));
        }
        rows.push(row);
    }
    Ok(rows)
}
