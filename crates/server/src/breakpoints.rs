//! `/api/v1/breakpoints`: set, listed and removed.
//!
//! Not here: what a breakpoint does (sessions), and flows that have not run yet, whose code would have to be loaded.

use crate::Shared;
use crate::executions::items;
use crate::given::{Asked, At, Given};
use crate::problem::{Answer, Made, answer, made};
use crate::route::{Route, delete, get, post};
use crate::scope::{Caller, Scope};
use axum::extract::State;
use kitaru_engine::manage::{self, Before, ManageError, view};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

pub fn routes() -> Vec<Route> {
    vec![
        get("/breakpoints", "listBreakpoints", list).says("Those that are set.").query::<Of>().answers("Breakpoints"),
        post("/breakpoints", Scope::Operate, "addBreakpoint", add)
            .says("Pause executions of a flow before a call.")
            .body::<Add>()
            .creates()
            .answers("Breakpoint"),
        delete("/breakpoints/{id}", Scope::Operate, "removeBreakpoint", remove)
            .says("Remove a breakpoint.")
            .answers("Removed"),
    ]
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Of {
    /// Of this flow.
    flow: Option<String>,
}

async fn list(State(shared): State<Shared>, Asked(of): Asked<Of>) -> Answer {
    answer(&shared, move |shared| {
        let found = manage::breakpoints(shared.store.as_ref(), of.flow.as_deref())?;
        items(found.iter().map(|row| Ok(view::breakpoint(row))))
    })
    .await
}

/// Where to pause. The flow is one that has run here: its code is not loaded.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Add {
    /// Name of the flow.
    pub flow: String,
    /// The call: `analyze#3`, `branch.2/summarise`, `analyze`, `step 14`.
    pub before: String,
    /// Whether it stays after it was met.
    #[serde(default)]
    pub every: bool,
    /// A condition on the call, such as `inputs.topic == 'tea'`.
    pub when: Option<String>,
}

async fn add(State(shared): State<Shared>, caller: Caller, Given(asked): Given<Add>) -> Made {
    made(answer(&shared, move |shared| set(shared, asked, &caller.by)).await)
}

/// Sets a breakpoint.
pub fn set(shared: &Shared, asked: Add, by: &str) -> Result<Value, ManageError> {
    let store = shared.store.as_ref();
    manage::check_before(&asked.before)?;
    let flow = manage::known_flow(store, &asked.flow, shared.now())?;
    let at = Before { before: asked.before, every: asked.every, condition: asked.when };
    let (row, note) = manage::add_breakpoint(store, flow, at, by, shared.now())?;
    let mut item = view::breakpoint(&row);
    item["note"] = json!(note);
    Ok(item)
}

async fn remove(State(shared): State<Shared>, At(id): At<u32>) -> Answer {
    answer(&shared, move |shared| {
        manage::remove_breakpoint(shared.store.as_ref(), id.into())?;
        Ok(json!({ "removed": id }))
    })
    .await
}
