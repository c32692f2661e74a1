//! `/api/v1/deployments`: versions of flows' code, and the tags that name them.
//!
//! Not here: deploying, which reads a project (`kitaru deploy`), and starting what was deployed (`start`).

use crate::Shared;
use crate::executions::items;
use crate::given::{Asked, At, Given, Nothing};
use crate::problem::{Answer, answer};
use crate::route::{Route, get, post};
use crate::scope::{Caller, Scope};
use axum::extract::State;
use kitaru_engine::manage::{self, ManageError, view};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

pub fn routes() -> Vec<Route> {
    vec![
        get("/deployments", "listDeployments", list)
            .says("Versions that were deployed, the newest of each flow first.")
            .query::<Of>()
            .answers("Deployments"),
        post("/deployments/{flow}/tags/{tag}", Scope::Operate, "tagDeployment", tag)
            .says("Have a tag name a version. What runs stays on the version that it began with.")
            .body::<Tag>()
            .answers("Deployment"),
        post("/deployments/{flow}/tags/{tag}/rollback", Scope::Operate, "rollBackDeployment", roll_back)
            .says("Have a tag name again what it named before.")
            .answers("Deployment"),
    ]
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Of {
    /// Of this flow.
    flow: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Tag {
    /// The version, or another tag, or `latest`.
    version: String,
}

async fn list(State(shared): State<Shared>, Asked(of): Asked<Of>) -> Answer {
    answer(&shared, move |shared| {
        let found = view::deployments(shared.store.as_ref(), of.flow.as_deref())?;
        items(found.into_iter().map(Ok))
    })
    .await
}

async fn tag(
    State(shared): State<Shared>,
    caller: Caller,
    At((flow, tag)): At<(String, String)>,
    Given(asked): Given<Tag>,
) -> Answer {
    answer(&shared, move |shared| {
        let named = (asked.version.as_str(), tag.as_str());
        manage::tag_deployment(shared.store.as_ref(), &flow, named, &caller.by, shared.now())?;
        named_by(shared, &flow, &tag)
    })
    .await
}

async fn roll_back(
    State(shared): State<Shared>,
    caller: Caller,
    At((flow, tag)): At<(String, String)>,
    Given(Nothing {}): Given<Nothing>,
) -> Answer {
    answer(&shared, move |shared| {
        manage::roll_back(shared.store.as_ref(), &flow, &tag, &caller.by, shared.now())?;
        named_by(shared, &flow, &tag)
    })
    .await
}

fn named_by(shared: &Shared, flow: &str, tag: &str) -> Result<Value, ManageError> {
    view::deployment(shared.store.as_ref(), flow, tag)
}
