//! One call of an execution with its values: what it was asked with, what its body was given, how it ended.

use super::{ManageError, Result};
use kitaru_core::event::{ErrorData, Outcome};
use kitaru_core::rows::{CallRow, CallStatus, ExecutionRow};
use kitaru_core::selector::{Found, Listed, Selector};
use kitaru_core::{Body, Millis, Seq, Value};
use kitaru_store::Store;

/// See the module. Values are as they are recorded, with tags, unless it says otherwise.
#[derive(Clone, Debug)]
pub struct CallValues {
    /// The call.
    pub row: CallRow,
    /// Its place in the list of calls, from 1.
    pub step: usize,
    /// The bound arguments, where they are on record.
    pub inputs: Option<Value>,
    /// What its body was given instead, where somebody changed that.
    pub given: Option<Value>,
    /// What it returned, or was answered.
    pub output: Option<Value>,
    /// Who supplied the output by hand: then it is plain JSON, as an answer is.
    pub by: Option<String>,
    /// What it raised.
    pub error: Option<ErrorData>,
    /// Digest of its checkpoint's code, with its kind in front.
    pub code: Option<String>,
    /// Tries that failed and were followed by another, in order.
    pub tries: Vec<Try>,
}

/// A try of a call that failed and was followed by another.
#[derive(Clone, Debug)]
pub struct Try {
    /// Which, from 1.
    pub attempt: u32,
    /// When it failed.
    pub at: Millis,
    /// How.
    pub error: ErrorData,
}

/// The call that `selector` names: a key, a checkpoint's name, `step N` or `failure`.
pub fn call(store: &dyn Store, row: &ExecutionRow, selector: &str) -> Result<CallValues> {
    let rows = store.queries().calls(&row.id)?;
    let listed: Vec<Listed<'_>> = rows.iter().map(|call| Listed { key: &call.key, name: &call.name }).collect();
    let failed = super::resume::sources(row);
    let failed = rows.iter().position(|call| failed.contains(&call.seq));
    let found = Selector::parse(selector).and_then(|selector| selector.find(&listed, failed));
    let at = match found {
        Ok(Found::Call(at)) => at,
        Ok(Found::Start) => return Err(ManageError::new("unknown-call", "start is no call", None)),
        Err(error) => {
            let code = kitaru_core::plan::PlanError::from(error.clone()).code();
            return Err(ManageError::new(code, error.to_string(), Some(format!("kitaru show {}", row.id.short()))));
        }
    };
    let call = rows[at].clone();
    let mut values = CallValues {
        step: at + 1,
        inputs: None,
        given: None,
        output: None,
        by: None,
        error: None,
        code: None,
        tries: Vec::new(),
        row: call,
    };
    for seq in [Some(values.row.seq), values.row.ended_seq.filter(|seq| *seq != values.row.seq)] {
        if let Some(body) = seq.map(|seq| event(store, row, seq)).transpose()?.flatten() {
            take(&mut values, body);
        }
    }
    if values.row.attempts > 1 || values.row.status == CallStatus::Retrying {
        values.tries = tries(store, row, &values.row)?;
    }
    Ok(values)
}

/// How many events are read at a time.
const BLOCK: usize = 500;

/// Its tries that failed, among the events from its record to its end.
fn tries(store: &dyn Store, row: &ExecutionRow, call: &CallRow) -> Result<Vec<Try>> {
    let mut found = Vec::new();
    let mut after = call.seq;
    loop {
        let events = store.load(&row.id, after, BLOCK)?;
        let Some(last) = events.last().map(|event| event.seq) else { return Ok(found) };
        for event in events {
            if call.ended_seq.is_some_and(|end| event.seq >= end) {
                return Ok(found);
            }
            match event.body {
                Body::AttemptFailed(failed) if failed.call.key == call.key => {
                    found.push(Try { attempt: failed.attempt, at: event.at, error: failed.error });
                }
                _ => {}
            }
        }
        after = last;
    }
}

fn event(store: &dyn Store, row: &ExecutionRow, seq: Seq) -> Result<Option<Body>> {
    let found = store.load(&row.id, seq.saturating_sub(1), 1)?;
    Ok(found.into_iter().find(|event| event.seq == seq).map(|event| event.body))
}

fn take(values: &mut CallValues, body: Body) {
    match body {
        Body::CallStarted(started) => {
            values.code = started.call.code;
            values.inputs = started.inputs;
            values.given = started.effective;
        }
        Body::CallEnded(ended) => {
            values.code = ended.call.code;
            values.inputs = ended.inputs.or(values.inputs.take());
            values.given = ended.effective.or(values.given.take());
            values.by = ended.by;
            match ended.outcome {
                Outcome::Returned { result } => values.output = Some(result),
                Outcome::Raised { error } => values.error = Some(error),
                Outcome::Volatile { .. } | Outcome::Cancelled => {}
            }
        }
        Body::WaitOpened(opened) => values.inputs = opened.data,
        Body::WaitAnswered(answered) => {
            values.output = Some(answered.value);
            values.by = Some(answered.by);
        }
        _ => {}
    }
}
