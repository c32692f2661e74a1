//! What crosses between Python and the engine, one way and the other.

use crate::errors::raise_code;
use kitaru_core::event::{Await, CallKind, ErrorData, Usage};
use kitaru_core::matcher::Verdict;
use kitaru_core::{Digest, ExecutionId, ScopeId, Value};
use pyo3::prelude::*;

/// (type, message, traceback, JSON text of the exception tree, whether it rebuilds)
pub type ErrorTuple = (String, String, String, String, bool);
/// (input tokens, output tokens, US dollars)
pub type UsageTuple = (u64, u64, f64);
/// (how many must come, whether only their end counts, which executions)
pub type AwaitTuple = (usize, bool, Vec<String>);

/// A scope from Python's 16 bytes.
pub fn scope(py: Python<'_>, bytes: &[u8]) -> PyResult<ScopeId> {
    bytes.try_into().map(ScopeId).map_err(|_| raise_code(py, "misuse", "a scope has 16 bytes"))
}

/// A digest from Python's 32 bytes.
pub fn digest(py: Python<'_>, bytes: &[u8]) -> PyResult<Digest> {
    bytes.try_into().map(Digest).map_err(|_| raise_code(py, "misuse", "a digest has 32 bytes"))
}

/// An exception as data.
pub fn error_data(py: Python<'_>, error: ErrorTuple) -> PyResult<ErrorData> {
    let (kind, message, traceback, value, rebuilds) = error;
    let value = Value::json(value).map_err(|error| raise_code(py, "misuse", &error.to_string()))?;
    Ok(ErrorData { kind, message, traceback, value, rebuilds })
}

/// What the executions are that a flow waits for.
pub fn awaits(all: Vec<AwaitTuple>) -> Vec<Await> {
    let made = |(least, ends, ids): AwaitTuple| Await {
        least,
        ends,
        executions: ids.into_iter().map(ExecutionId::new).collect(),
    };
    all.into_iter().map(made).collect()
}

/// What was consumed.
pub fn usage((input_tokens, output_tokens, cost_usd): UsageTuple) -> Usage {
    Usage { input_tokens, output_tokens, cost_usd }
}

/// A kind of call from its word.
pub fn call_kind(py: Python<'_>, word: &str) -> PyResult<CallKind> {
    Ok(match word {
        "checkpoint" => CallKind::Checkpoint,
        "child" => CallKind::Child,
        "wait" => CallKind::Wait,
        "sleep" => CallKind::Sleep,
        "reading" => CallKind::Reading,
        "client" => CallKind::Client,
        other => return Err(raise_code(py, "misuse", &format!("no call kind {other:?}"))),
    })
}

/// A verdict's name, and the index of a record (or 0).
pub fn verdict(verdict: Verdict) -> (&'static str, usize) {
    match verdict {
        Verdict::Run => ("run", 0),
        Verdict::Reuse(record) => ("reuse", record),
        Verdict::Park(record) => ("park", record),
        Verdict::Open(record) => ("open", record),
        Verdict::Drift { record, moved: false } => ("drift", record),
        Verdict::Drift { record, moved: true } => ("moved", record),
        Verdict::InDoubt(record) => ("in_doubt", record),
        Verdict::Began(record) => ("began", record),
        Verdict::Volatile(record) => ("volatile", record),
        Verdict::Mutated(record) => ("mutated", record),
        Verdict::RaceDiverged { served } => ("race", served),
    }
}
