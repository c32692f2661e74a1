//! `POST /api/v1/gc`: removing what ended long ago.
//!
//! Not here: what may go (`kitaru_engine::manage::gc`). Backups are made on the machine itself: `kitaru backup`.

use crate::Shared;
use crate::given::Given;
use crate::problem::{Answer, answer};
use crate::route::{Route, post};
use crate::scope::Scope;
use axum::extract::State;
use kitaru_core::rows::Status;
use kitaru_engine::manage::{self, GcOptions};
use schemars::JsonSchema;
use serde::Deserialize;

pub fn routes() -> Vec<Route> {
    vec![
        post("/gc", Scope::Admin, "removeOld", gc)
            .says("Remove executions that ended long ago, and values that nothing refers to.")
            .body::<Gc>()
            .answers("Collected"),
    ]
}

/// What to remove.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Gc {
    /// Only what ended longer ago: a whole number and s, m, h, d or w, as in `30d`.
    #[schemars(regex(pattern = r"^[0-9]{1,9}[smhdw]$"))]
    older_than: String,
    /// Only executions of this flow, with all that they started.
    flow: Option<String>,
    /// Only in these states; empty: completed and cancelled ones.
    #[serde(default)]
    status: Vec<Ended>,
    /// Only say what would be removed.
    #[serde(default)]
    dry_run: bool,
}

/// A state that is removed.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Ended {
    /// The flow returned.
    Completed,
    /// The flow raised. It could still be resumed.
    Failed,
    /// It was cancelled.
    Cancelled,
}

async fn gc(State(shared): State<Shared>, Given(asked): Given<Gc>) -> Answer {
    answer(&shared, move |shared| {
        let status = asked.status.iter().map(|one| match one {
            Ended::Completed => Status::Completed,
            Ended::Failed => Status::Failed,
            Ended::Cancelled => Status::Cancelled,
        });
        let options = GcOptions {
            now: shared.now(),
            before: shared.now().saturating_sub(manage::age(&asked.older_than)?),
            flow: asked.flow.clone(),
            status: status.collect(),
            dry_run: asked.dry_run,
        };
        Ok(manage::gc(shared.store.as_ref(), &options)?.item(asked.dry_run))
    })
    .await
}
