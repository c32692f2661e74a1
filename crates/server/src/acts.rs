//! What becomes of an execution: resumed, retried, paused, cancelled.
//!
//! Not here: starting one (`start`), replaying it (`replays`), and answering it (`waits`).

use crate::Shared;
use crate::executions::{about, said};
use crate::given::{At, Given, Nothing};
use crate::going::{self, Going};
use crate::moving;
use crate::problem::Answer;
use crate::route::{Route, post};
use crate::scope::{Caller, Scope};
use axum::extract::State;
use kitaru_core::event::Stop;
use kitaru_core::rows::ExecutionRow;
use kitaru_engine::manage::{self, Drift, ManageError, ResumeOptions, Stopped};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

type Result<T> = std::result::Result<T, ManageError>;

pub fn routes() -> Vec<Route> {
    vec![
        post("/executions/{id}/resume", Scope::Operate, "resumeExecution", resume)
            .says("Go on with an execution that is paused, interrupted, due or failed, with what was decided.")
            .body::<Resume>()
            .answers("Acted"),
        post("/executions/{id}/retry", Scope::Operate, "retryExecution", retry)
            .says("Go on with a failed execution: what failed runs again, what finished does not.")
            .answers("Acted"),
        post("/executions/{id}/pause", Scope::Operate, "pauseExecution", pause)
            .says("Pause it before the next call; what runs ends.")
            .answers("Stopped"),
        post("/executions/{id}/cancel", Scope::Operate, "cancelExecution", cancel)
            .says("Cancel it, with all that it started.")
            .answers("Stopped"),
    ]
}

/// How an execution is to go on.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Resume {
    /// For a call that has other inputs than recorded, or changed them: reuse its result, or run it again.
    pub on_drift: Option<OnDrift>,
    /// Calls to run again: keys, or `failed` for all that failed.
    pub rerun: Vec<String>,
    /// At the call that it is paused at: values by path (`NAME`, `NAME.PATH`), or `output` instead of running it.
    pub set: Map<String, Value>,
    /// A version or tag of its flow, with whose code it goes on from now on. Unless `on_drift` says what is done with what
    /// does not fit, that is looked at first.
    pub version: Option<String>,
}

/// What is done with a call that has other inputs than recorded.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnDrift {
    /// Its recorded result is used.
    Reuse,
    /// It runs again.
    Rerun,
}

impl OnDrift {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reuse => "reuse",
            Self::Rerun => "rerun",
        }
    }
}

async fn resume(
    State(shared): State<Shared>,
    At(id): At<String>,
    caller: Caller,
    Given(asked): Given<Resume>,
) -> Answer {
    go_on(&shared, id, caller, asked).await
}

async fn retry(State(shared): State<Shared>, At(id): At<String>, caller: Caller, _: Given<Nothing>) -> Answer {
    go_on(&shared, id, caller, Resume::default()).await
}

async fn go_on(shared: &Shared, id: String, caller: Caller, asked: Resume) -> Answer {
    about(shared, id, move |shared, row| {
        let (_, goes_on) = resume_with(shared, &row, asked, caller.by)?;
        said(shared, &row, json!({ "goes_on": goes_on }))
    })
    .await
}

/// Has an execution go on with what was decided. Returns the one that is carried on, as it was before, and how.
pub fn resume_with(shared: &Shared, row: &ExecutionRow, asked: Resume, by: String) -> Result<(ExecutionRow, String)> {
    let on_drift = asked.on_drift.map(|decision| match decision {
        OnDrift::Reuse => Drift::Reuse,
        OnDrift::Rerun => Drift::Rerun,
    });
    let moves = match &asked.version {
        Some(version) => Some(moving::to(shared, row, version, on_drift.is_some())?),
        None => None,
    };
    let set = asked.set.into_iter().collect();
    let options = ResumeOptions { on_drift, rerun: asked.rerun, set, asker: None, by };
    let prepared = manage::prepare(shared.store.as_ref(), row, &options, shared.now())?;
    let goes_on = if prepared.in_place {
        "in-place".to_owned()
    } else if prepared.row.id == row.id {
        going::go_on(shared, row, Going { moves, ..Going::on("resume") })?
    } else {
        // What its parent is paused at is another question; and what it belongs to may have done with it.
        going::go_on(shared, &prepared.row, Going { then: Some(row.id.clone()), ..Going::on("child") })?
    };
    Ok((prepared.row, goes_on))
}

async fn cancel(State(shared): State<Shared>, At(id): At<String>, caller: Caller, _: Given<Nothing>) -> Answer {
    stop(&shared, id, caller, Stop::Cancel).await
}

async fn pause(State(shared): State<Shared>, At(id): At<String>, caller: Caller, _: Given<Nothing>) -> Answer {
    stop(&shared, id, caller, Stop::Pause).await
}

async fn stop(shared: &Shared, id: String, caller: Caller, how: Stop) -> Answer {
    about(shared, id, move |shared, row| {
        let stopped = manage::stop(shared.store.as_ref(), &row, how, &caller.by, shared.now())?;
        said(shared, &row, json!({ "stopped": stopped == Stopped::Now }))
    })
    .await
}
