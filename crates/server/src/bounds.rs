//! `/api/v1/limits`: how many calls of all executions run at once, and how fast they begin, by name.
//!
//! Not here: what callers of this server may ask (`limits`), and turns as calls get them (the store).

use crate::Shared;
use crate::executions::items;
use crate::given::{At, Given, Nothing};
use crate::problem::{Answer, answer};
use crate::route::{Route, delete, get, post};
use crate::scope::{Caller, Scope};
use axum::extract::State;
use kitaru_engine::manage::{self, ManageError, WantedLimit};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

pub fn routes() -> Vec<Route> {
    vec![
        get("/limits", "listLimits", list)
            .says("Limits by name: those that are set, and those that calls have named.")
            .answers("Limits"),
        post("/limits/{name}", Scope::Operate, "setLimit", set)
            .says("Set what a limit is, in place of what it was.")
            .body::<Set>()
            .answers("Limit"),
        post("/limits/{name}/close", Scope::Operate, "closeLimit", close)
            .says("Let nobody begin there for some time. What runs goes on.")
            .body::<Close>()
            .answers("Limit"),
        post("/limits/{name}/open", Scope::Operate, "openLimit", open)
            .says("Let calls begin again.")
            .body::<Empty>()
            .answers("Limit"),
        delete("/limits/{name}", Scope::Operate, "removeLimit", remove)
            .says("Forget what was set: calls that name it are not held back.")
            .answers("RemovedLimit"),
    ]
}

async fn list(State(shared): State<Shared>) -> Answer {
    answer(&shared, |shared| {
        items(manage::limits(shared.store.as_ref(), shared.now())?.iter().map(|row| Ok(manage::limit_item(row))))
    })
    .await
}

/// What a limit is: one of them, or both.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Set {
    /// How many calls run at once.
    #[schemars(range(min = 1))]
    pub at_once: Option<u32>,
    /// How many begin in a time: `50/s`, `3000/m`, `500/h`, `1/10s`. Evenly apart.
    pub rate: Option<String>,
    /// How many of them may begin together after a pause (1).
    #[schemars(range(min = 1))]
    pub burst: Option<u32>,
}

/// Sets a limit.
pub fn set_limit(shared: &Shared, name: &str, asked: Set, by: &str) -> Result<Value, ManageError> {
    let wanted = WantedLimit { at_once: asked.at_once, rate: asked.rate, burst: asked.burst };
    manage::set_limit(shared.store.as_ref(), name, &wanted, by, shared.now()).map(|row| manage::limit_item(&row))
}

async fn set(State(shared): State<Shared>, caller: Caller, At(name): At<String>, Given(asked): Given<Set>) -> Answer {
    answer(&shared, move |shared| set_limit(shared, &name, asked, &caller.by)).await
}

/// For how long a limit is closed.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Close {
    /// For how long: `90s`, `15m`, `24h`.
    #[serde(rename = "for")]
    #[schemars(regex(pattern = r"^[0-9]{1,6}[smhd]$"))]
    pub lasts: String,
    /// Why, for those who wonder.
    pub why: Option<String>,
}

/// Closes a limit.
pub fn close_limit(shared: &Shared, name: &str, asked: &Close, by: &str) -> Result<Value, ManageError> {
    let span = manage::span_of(&asked.lasts)?;
    let row = manage::close_limit(shared.store.as_ref(), name, span, asked.why.as_deref(), by, shared.now())?;
    Ok(manage::limit_item(&row))
}

async fn close(
    State(shared): State<Shared>,
    caller: Caller,
    At(name): At<String>,
    Given(asked): Given<Close>,
) -> Answer {
    answer(&shared, move |shared| close_limit(shared, &name, &asked, &caller.by)).await
}

/// Nothing has to be said.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Empty {}

async fn open(State(shared): State<Shared>, At(name): At<String>, Given(Nothing {}): Given<Nothing>) -> Answer {
    answer(&shared, move |shared| {
        manage::open_limit(shared.store.as_ref(), &name, shared.now()).map(|row| manage::limit_item(&row))
    })
    .await
}

async fn remove(State(shared): State<Shared>, At(name): At<String>) -> Answer {
    answer(&shared, move |shared| {
        manage::remove_limit(shared.store.as_ref(), &name, shared.now())?;
        Ok(json!({ "removed": name }))
    })
    .await
}
