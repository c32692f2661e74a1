//! `/api/v1/breakpoints`: set, listed and removed.
//!
//! Not here: what a breakpoint does (sessions), and flows that have not run yet, whose code would have to be loaded.

use crate::executions::items;
use crate::given::{Asked, At, Given};
use crate::problem::{Answer, answer};
use crate::{Shared, carry};
use axum::Router;
use axum::extract::State;
use axum::routing::get;
use kitaru_engine::manage::{self, Before, view};
use serde::Deserialize;
use serde_json::json;

pub fn routes() -> Router<Shared> {
    Router::new().route("/breakpoints", get(list).post(add)).route("/breakpoints/{id}", axum::routing::delete(remove))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Of {
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
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Add {
    flow: String,
    before: String,
    #[serde(default)]
    every: bool,
    when: Option<String>,
}

async fn add(State(shared): State<Shared>, Given(asked): Given<Add>) -> Answer {
    answer(&shared, move |shared| {
        let store = shared.store.as_ref();
        manage::check_before(&asked.before)?;
        let flow = manage::known_flow(store, &asked.flow, shared.now())?;
        let at = Before { before: asked.before, every: asked.every, condition: asked.when };
        let (row, note) = manage::add_breakpoint(store, flow, at, carry::BY, shared.now())?;
        let mut item = view::breakpoint(&row);
        item["note"] = json!(note);
        Ok(item)
    })
    .await
}

async fn remove(State(shared): State<Shared>, At(id): At<u32>) -> Answer {
    answer(&shared, move |shared| {
        manage::remove_breakpoint(shared.store.as_ref(), id.into())?;
        Ok(json!({ "removed": id }))
    })
    .await
}
