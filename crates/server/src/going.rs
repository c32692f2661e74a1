//! Why an execution goes on, and having it do so.
//!
//! Not here: how that is done (`carry`).

use crate::Shared;
use crate::serves::is_here;
use kitaru_core::ExecutionId;
use kitaru_core::rows::ExecutionRow;
use kitaru_engine::manage::ManageError;

/// What an execution that goes on is told of that.
#[derive(Clone, Debug)]
pub struct Going {
    /// Why: `resume`, `answer`, `due`, `replay` or `start`.
    pub why: String,
    /// What is done with a call that has other inputs than recorded; `None`: what its flow says.
    pub on_drift: Option<&'static str>,
    /// What goes on by itself afterwards, if that left it alone.
    pub then: Option<ExecutionId>,
    /// How many processes have ended before they took it up.
    pub(crate) lost: u32,
}

impl Going {
    /// For that reason.
    pub fn on(why: &str) -> Self {
        Self { why: why.to_owned(), on_drift: None, then: None, lost: 0 }
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
