//! Which tool call goes on with an execution that does not by itself: as the commands to paste are for people.
//!
//! Not here: why it does not (`kitaru_engine::manage::diagnose`).

use super::tool::Result;
use kitaru_core::event::PauseReason;
use kitaru_core::rows::{ExecutionRow, Status, WaitRow};
use kitaru_engine::manage;
use kitaru_store::Store;
use serde_json::{Value, json};

/// The calls that there are to choose from; none: it is nobody's turn, or only a person at a terminal can.
pub fn calls(store: &dyn Store, row: &ExecutionRow, seen: Status) -> Result<Vec<Value>> {
    let open = manage::open_waits(store, row)?;
    if seen == Status::Waiting && !open.is_empty() {
        return Ok(open.iter().take(5).map(answer).collect());
    }
    Ok(match seen {
        Status::Paused => after_pause(row),
        Status::Interrupted | Status::Waiting | Status::Sleeping => vec![resume(row, json!({}))],
        Status::Failed => vec![act("kitaru_retry", row, json!({}))],
        _ => Vec::new(),
    })
}

/// What answers a wait.
pub fn answer(wait: &WaitRow) -> Value {
    json!({
        "tool": "kitaru_answer",
        "arguments": { "execution_id": wait.execution_id, "wait": wait.key, "value": "what your user decides" },
    })
}

fn act(tool: &str, row: &ExecutionRow, more: Value) -> Value {
    let mut arguments = json!({ "execution_id": row.id });
    if let (Value::Object(arguments), Value::Object(more)) = (&mut arguments, more) {
        arguments.extend(more);
    }
    json!({ "tool": tool, "arguments": arguments })
}

fn resume(row: &ExecutionRow, more: Value) -> Value {
    act("kitaru_resume", row, more)
}

fn after_pause(row: &ExecutionRow) -> Vec<Value> {
    let supplied = json!({ "set": { "output": "the value to use instead of running it" } });
    match manage::next::pause(row) {
        Some(PauseReason::Drift { .. } | PauseReason::WaitChanged { .. } | PauseReason::MutatedArgument { .. }) => {
            vec![resume(row, json!({ "on_drift": "reuse" })), resume(row, json!({ "on_drift": "rerun" }))]
        }
        Some(PauseReason::InDoubt { key, .. } | PauseReason::Volatile { key, .. }) => {
            vec![resume(row, json!({ "rerun": [key] })), resume(row, supplied)]
        }
        Some(PauseReason::RetriesExhausted { .. }) => vec![resume(row, json!({})), resume(row, supplied)],
        Some(PauseReason::Breakpoint { .. }) => {
            vec![resume(row, json!({})), resume(row, json!({ "set": { "NAME_OF_AN_ARGUMENT": "its new value" } }))]
        }
        _ => vec![resume(row, json!({}))],
    }
}
