//! Why an execution goes on, and having it do so.
//!
//! Not here: how that is done (`carry`).

use crate::Shared;
use crate::serves::is_here;
use kitaru_core::event::EntryPoint;
use kitaru_core::rows::ExecutionRow;
use kitaru_core::{ExecutionId, lease};
use kitaru_engine::manage::ManageError;
use serde_json::{Value, json};

/// What an execution that goes on is told of that.
#[derive(Clone, Debug)]
pub struct Going {
    /// Why: `resume`, `answer`, `due`, `replay` or `start`.
    pub why: String,
    /// What is done with a call that has other inputs than recorded; `None`: what its flow says.
    pub on_drift: Option<&'static str>,
    /// Where its code is from now on, if that is another version.
    pub moves: Option<EntryPoint>,
    /// What goes on by itself afterwards, if that left it alone.
    pub then: Option<ExecutionId>,
    /// How many processes have ended before they took it up.
    pub(crate) lost: u32,
}

impl Going {
    /// For that reason.
    pub fn on(why: &str) -> Self {
        Self { why: why.to_owned(), on_drift: None, moves: None, then: None, lost: 0 }
    }

    /// What its process is told. `sees_to_waiters`: nobody else carries on what waits for it.
    pub(crate) fn job(&self, row: &ExecutionRow, sees_to_waiters: bool) -> Value {
        let mut resume = json!({ "id": row.id, "entry": row.entry, "why": self.why });
        if !lease::is_unasked(&self.why) {
            // What somebody asked for is for as it was seen then: another process may have had it since.
            resume["epoch"] = row.epoch.into();
        }
        if let Some(on_drift) = self.on_drift {
            resume["on_drift"] = on_drift.into();
        }
        if let Some(entry) = &self.moves {
            (resume["entry"], resume["moves"]) = (json!(entry), true.into());
        }
        json!({ "resume": resume, "sees_to_waiters": sees_to_waiters })
    }
}

/// Has an execution go on. Returns what becomes of it, for whoever asked.
pub fn go_on(shared: &Shared, row: &ExecutionRow, going: Going) -> Result<String, ManageError> {
    match &shared.carrier {
        Some(carrier) if is_here(row) => {
            carrier.ask(row.clone(), going);
            Ok("worker".to_owned())
        }
        _ => Ok(format!("nobody here: kitaru resume {}", row.id.short())),
    }
}
