//! `POST /api/v1/executions`: a flow that has run here runs again, with inputs of its own.
//!
//! Only flows whose code is on record, or was deployed, are started: a file that somebody names is never loaded. Another process binds the
//! inputs by the flow's signature and creates the execution, so that a bad input is refused and starts nothing.

use crate::given::{Given, IdempotencyKey};
use crate::problem::{Made, answer, made};
use crate::process::{Process, refusal};
use crate::route::{Route, post};
use crate::scope::Scope;
use crate::{Shared, executions};
use axum::extract::State;
use kitaru_core::ExecutionId;
use kitaru_core::event::DEFAULT_POOL;
use kitaru_core::ids::takes;
use kitaru_core::rows::ExecutionRow;
use kitaru_engine::manage::{self, ManageError};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// How long the flow's code may take to load.
pub const PATIENCE: Duration = Duration::from_secs(60);

type Result<T> = std::result::Result<T, ManageError>;

pub fn routes() -> Vec<Route> {
    vec![
        post("/executions", Scope::Operate, "startExecution", start)
            .says("Start an execution of a flow that has run on this store before.")
            .body::<Start>()
            .keyed()
            .creates()
            .answers("Acted"),
    ]
}

/// What to start.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Start {
    /// Name of the flow; with `@` and a version or a tag, what was deployed as that.
    pub flow: String,
    /// Its arguments by name.
    #[serde(default)]
    pub inputs: Map<String, Value>,
    /// Labels.
    #[serde(default)]
    pub tags: Vec<String>,
    /// What the execution is known by: a key starts once, and later requests get the execution that is there.
    pub key: Option<String>,
    /// Selectors of calls to pause before.
    #[serde(default)]
    pub pause_before: Vec<String>,
    /// The pool whose workers run it; without one: `default`.
    pub pool: Option<String>,
    /// How many seconds it may work before it is paused, not counting what waits for people; without it as the flow says.
    #[serde(default)]
    #[schemars(range(min = 0.001, max = 1e9))]
    pub deadline_s: Option<f64>,
}

async fn start(State(shared): State<Shared>, key: IdempotencyKey, Given(asked): Given<Start>) -> Made {
    let answered = answer(&shared, move |shared| {
        let row = begin(shared, asked, key.0)?;
        executions::said(shared, &row, json!({ "goes_on": "worker" }))
    });
    made(answered.await)
}

/// Starts an execution. One that is there already by its key, or by that of the request, is left as it is if it has the
/// same inputs.
pub fn begin(shared: &Shared, asked: Start, request: Option<String>) -> Result<ExecutionRow> {
    let Some(carrier) = &shared.carrier else { return Err(no_worker()) };
    for before in &asked.pause_before {
        manage::check_before(before)?;
    }
    if asked.pool.as_deref() == Some("") {
        return Err(ManageError::new("usage", "a pool has a name: it is empty".to_owned(), None));
    }
    let deadline = asked.deadline_s.map(manage::deadline_of).transpose()?;
    let store = shared.store.as_ref();
    let flow = manage::runnable(store, &asked.flow)?;
    let id = match (&asked.key, &request) {
        (Some(key), _) => ExecutionId::keyed(&flow.flow, key),
        (None, Some(request)) => ExecutionId::keyed(&format!("start {}", flow.flow), request),
        (None, None) => manage::new_id(),
    };
    let start = json!({
        "id": id, "entry": flow.entry, "inputs": asked.inputs, "tags": asked.tags, "key": asked.key,
        "pause_before": asked.pause_before, "request": request,
        "pool": asked.pool.as_deref().unwrap_or(DEFAULT_POOL), "deadline": deadline,
    });
    let job = json!({ "start": start });
    let interpreter = carrier.at(&flow.entry)?.interpreter;
    let process = Process::begin(&interpreter, &job, carrier.place()).map_err(|error| {
        let message = format!("{interpreter} cannot be started: {error}");
        ManageError::new("flow-import", message, None)
    })?;
    let told = process.finish(PATIENCE)?;
    if let Some(refused) = refusal(&told, 2) {
        return Err(refused);
    }
    let row = store.queries().execution(&id)?;
    if takes(row.epoch) == 0 {
        crate::going::go_on(shared, &row, crate::going::Going::on("start"))?;
    }
    Ok(row)
}

/// The refusal of a server that only serves.
pub fn no_worker() -> ManageError {
    let hint = "serve with: kitaru up".to_owned();
    ManageError::new("no-worker", "this server has no worker: it runs no user code", Some(hint))
}
