//! `/api/v1/flows`, `/statistics`, `/tags` and `/workers`: what there is, counted.
//!
//! Not here: single executions (`executions`).

use crate::Shared;
use crate::executions::items;
use crate::given::{Asked, At};
use crate::problem::{Answer, answer};
use crate::route::{Route, get};
use axum::extract::State;
use kitaru_core::Millis;
use kitaru_core::rows::Status;
use kitaru_engine::manage::{self, ManageError, Wanted, view};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub fn routes() -> Vec<Route> {
    vec![
        get("/flows", "listFlows", flows)
            .says("Flows that have executions, and how many are in which state.")
            .answers("Flows"),
        get("/flows/{flow}", "getFlow", flow)
            .says(
                "A flow as its latest executions show it, 200 at most: which calls it makes, how often, how long they \
                 take, how often they fail, what they cost.",
            )
            .answers("FlowShape"),
        get("/statistics", "readStatistics", statistics)
            .says("What executions came to, by flow, day (UTC) of their creation and state.")
            .query::<Since>()
            .answers("Statistics"),
        get("/tags", "listTags", tags).says("Tags, and how many executions have each.").answers("Tags"),
        get("/workers", "listWorkers", workers)
            .says("Processes that have executions now, and the workers of the store, this server's own apart.")
            .answers("Workers"),
    ]
}

async fn flows(State(shared): State<Shared>) -> Answer {
    answer(&shared, |shared| {
        let flows = manage::flows(shared.store.as_ref(), shared.now())?;
        items(flows.iter().map(|(flow, states)| Ok(json!({ "flow": flow, "executions": states }))))
    })
    .await
}

async fn flow(State(shared): State<Shared>, At(flow): At<String>) -> Answer {
    answer(&shared, move |shared| {
        let mut item = manage::shape(shared.store.as_ref(), &flow)?;
        item["executions"] = json!(manage::flows(shared.store.as_ref(), shared.now())?.remove(&flow));
        Ok(item)
    })
    .await
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Since {
    /// Only executions that were created in the last so many days; without it, all.
    #[schemars(range(min = 1, max = 36500))]
    days: Option<u16>,
}

async fn statistics(State(shared): State<Shared>, Asked(since): Asked<Since>) -> Answer {
    answer(&shared, move |shared| {
        let ago = |days: u16| shared.now().saturating_sub(Millis::from(days) * 86_400_000);
        if since.days.is_some_and(|days| !(1..=36_500).contains(&days)) {
            return Err(ManageError::new("usage", "days counts from 1 to 36500", None));
        }
        let rows = shared.store.queries().statistics(since.days.map_or(Millis::MIN, ago))?;
        items(rows.iter().map(|row| Ok(view::statistics(row))))
    })
    .await
}

async fn tags(State(shared): State<Shared>) -> Answer {
    answer(&shared, |shared| {
        let tags = shared.store.queries().tags()?;
        items(tags.iter().map(|(tag, count)| Ok(json!({ "tag": tag, "executions": count }))))
    })
    .await
}

/// How many running executions are looked at.
const MOST: usize = 1000;

async fn workers(State(shared): State<Shared>) -> Answer {
    answer(&shared, |shared| {
        let wanted = Wanted { status: vec![Status::Running], limit: MOST, page: 1, ..Wanted::default() };
        let mut processes: BTreeMap<(String, u32), Vec<Value>> = BTreeMap::new();
        for row in manage::list(shared.store.as_ref(), &wanted, shared.now())? {
            let Some(owner) = &row.owner else { continue };
            let one = json!({ "id": row.id, "flow": row.flow });
            processes.entry((owner.host.clone(), owner.pid)).or_default().push(one);
        }
        let mut found = items(
            processes
                .into_iter()
                .map(|((host, pid), executions)| Ok(json!({ "host": host, "pid": pid, "executions": executions }))),
        )?;
        let workers = crate::registry::workers(&shared.place);
        found["workers"] = json!(workers.map_err(|error| crate::broken(&error))?);
        found["local"] = json!(shared.carrier.as_ref().map(|carrier| {
            let (running, queued, at_once) = carrier.load();
            let serves = carrier.serves();
            json!({
                "pid": std::process::id(), "running": running, "queued": queued, "at_once": at_once,
                "pools": serves.pools, "flows": serves.flows,
            })
        }));
        Ok(found)
    })
    .await
}
