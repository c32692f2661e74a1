//! One call of an execution with its values: what it was asked with, what its body was given, how it ended.

use super::{ManageError, Result};
use kitaru_core::event::Outcome;
use kitaru_core::rows::{CallRow, ExecutionRow};
use kitaru_core::selector::{Found, Listed, Selector};
use kitaru_core::{Body, Seq, Value};
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
    /// What it raised: its class, message, and the tree that it is rebuilt from.
    pub error: Option<(String, String, Value)>,
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
    let mut values =
        CallValues { step: at + 1, inputs: None, given: None, output: None, by: None, error: None, row: call };
    for seq in [Some(values.row.seq), values.row.ended_seq.filter(|seq| *seq != values.row.seq)] {
        if let Some(body) = seq.map(|seq| event(store, row, seq)).transpose()?.flatten() {
            take(&mut values, body);
        }
    }
    Ok(values)
}

fn event(store: &dyn Store, row: &ExecutionRow, seq: Seq) -> Result<Option<Body>> {
    let found = store.load(&row.id, seq.saturating_sub(1), 1)?;
    Ok(found.into_iter().find(|event| event.seq == seq).map(|event| event.body))
}

fn take(values: &mut CallValues, body: Body) {
    match body {
        Body::CallStarted(started) => {
            values.inputs = started.inputs;
            values.given = started.effective;
        }
        Body::CallEnded(ended) => {
            values.inputs = ended.inputs.or(values.inputs.take());
            values.given = ended.effective.or(values.given.take());
            values.by = ended.by;
            match ended.outcome {
                Outcome::Returned { result } => values.output = Some(result),
                Outcome::Raised { error } => values.error = Some((error.kind, error.message, error.value)),
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
