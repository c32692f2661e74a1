//! `/api/v1/executions`, `/flows` and `/diff`: what there is, and what becomes of it.
//!
//! Not here: their events as they happen (`events`), and their questions (`waits`).

use crate::given::{Asked, At, Given};
use crate::problem::{Answer, answer};
use crate::{Shared, carry};
use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use kitaru_core::event::Stop;
use kitaru_core::rows::{ExecutionRow, Status};
use kitaru_engine::manage::{self, Drift, ManageError, ResumeOptions, Stopped, Wanted, view};
use serde::Deserialize;
use serde_json::{Value, json};

type Result<T> = std::result::Result<T, ManageError>;

pub fn routes() -> Router<Shared> {
    Router::new()
        .route("/flows", get(flows))
        .route("/diff", get(diff))
        .route("/executions", get(list))
        .route("/executions/{id}", get(one).delete(delete))
        .route("/executions/{id}/calls", get(calls))
        .route("/executions/{id}/calls/{*key}", get(call))
        .route("/executions/{id}/journal", get(journal))
        .route("/executions/{id}/logs", get(logs))
        .route("/executions/{id}/tree", get(tree))
        .route("/executions/{id}/artifacts", get(artifacts))
        .route("/executions/{id}/artifacts/{*name}", get(artifact))
        .route("/executions/{id}/resume", post(resume))
        .route("/executions/{id}/cancel", post(cancel))
        .route("/executions/{id}/pause", post(pause))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listing {
    /// Words with commas between them.
    #[serde(default)]
    status: String,
    flow: Option<String>,
    tag: Option<String>,
    key: Option<String>,
    limit: Option<usize>,
    page: Option<usize>,
}

/// How many rows a page has at the most.
const MOST: usize = 1000;

async fn list(State(shared): State<Shared>, Asked(listing): Asked<Listing>) -> Answer {
    answer(&shared, move |shared| {
        let words = listing.status.split(',').filter(|word| !word.is_empty());
        let limit = page_size(listing.limit, 50)?;
        let wanted = Wanted {
            status: words.map(manage::parse_status).collect::<Result<_>>()?,
            flow: listing.flow,
            tag: listing.tag,
            key: listing.key,
            limit,
            page: listing.page.unwrap_or(1),
        };
        let (store, now) = (shared.store.as_ref(), shared.now());
        let rows = manage::list(store, &wanted, now)?;
        items(rows.iter().map(|row| view::brief(store, row, now)))
    })
    .await
}

async fn one(State(shared): State<Shared>, At(id): At<String>) -> Answer {
    about(&shared, id, |shared, row| view::execution(shared.store.as_ref(), &row, shared.now())).await
}

async fn calls(State(shared): State<Shared>, At(id): At<String>) -> Answer {
    about(&shared, id, |shared, row| {
        items(shared.store.queries().calls(&row.id)?.iter().map(|call| Ok(view::call(call))))
    })
    .await
}

async fn call(State(shared): State<Shared>, At((id, key)): At<(String, String)>) -> Answer {
    about(&shared, id, move |shared, row| {
        let store = shared.store.as_ref();
        let call = manage::call(store, &row, &key)?;
        let mut item = view::call(&call.row);
        let shown = |value: &Option<kitaru_core::Value>| value.as_ref().map(|one| view::value(store, one)).transpose();
        item["step"] = json!(call.step);
        item["inputs"] = json!(shown(&call.inputs)?);
        item["given"] = json!(shown(&call.given)?);
        item["output"] = json!(shown(&call.output)?);
        item["by"] = json!(call.by);
        item["error"] = json!(call.error.as_ref().map(|(kind, text, _)| json!({ "type": kind, "message": text })));
        Ok(item)
    })
    .await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct After {
    #[serde(default)]
    after: u32,
    limit: Option<usize>,
}

impl After {
    fn most(&self) -> Result<usize> {
        page_size(self.limit, 500)
    }
}

/// How many a page has. Refuses more than there can be, and none.
pub fn page_size(asked: Option<usize>, usual: usize) -> Result<usize> {
    match asked.unwrap_or(usual) {
        0 => Err(ManageError::new("usage", "limit counts from 1", None)),
        limit if limit > MOST => Err(ManageError::new("usage", format!("limit is {MOST} at the most"), None)),
        limit => Ok(limit),
    }
}

async fn journal(State(shared): State<Shared>, At(id): At<String>, Asked(from): Asked<After>) -> Answer {
    about(&shared, id, move |shared, row| {
        items(
            shared
                .store
                .load(&row.id, from.after.into(), from.most()?)?
                .iter()
                .map(|event| Ok(super::events::item(event))),
        )
    })
    .await
}

async fn logs(State(shared): State<Shared>, At(id): At<String>, Asked(from): Asked<After>) -> Answer {
    about(&shared, id, move |shared, row| {
        let (lines, last) = shared.store.queries().logs(&row.id, from.after.into(), from.most()?)?;
        let lines: Vec<Value> = lines.iter().map(view::log_line).collect();
        Ok(json!({ "items": lines, "next_after": last }))
    })
    .await
}

async fn tree(State(shared): State<Shared>, At(id): At<String>) -> Answer {
    about(&shared, id, |shared, row| manage::tree(shared.store.as_ref(), &row, shared.now())).await
}

async fn artifacts(State(shared): State<Shared>, At(id): At<String>) -> Answer {
    about(&shared, id, |shared, row| {
        items(shared.store.queries().artifacts(&row.id)?.iter().map(|artifact| Ok(view::artifact(artifact))))
    })
    .await
}

async fn artifact(State(shared): State<Shared>, At((id, name)): At<(String, String)>) -> Answer {
    about(&shared, id, move |shared, row| {
        let artifact = manage::artifact(shared.store.as_ref(), &row, &name)?;
        view::value(shared.store.as_ref(), &artifact.value)
    })
    .await
}

async fn flows(State(shared): State<Shared>) -> Answer {
    answer(&shared, |shared| {
        let flows = manage::flows(shared.store.as_ref(), shared.now())?;
        items(flows.iter().map(|(flow, states)| Ok(json!({ "flow": flow, "executions": states }))))
    })
    .await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Compared {
    /// Two identifiers or more, with commas between them.
    ids: String,
}

async fn diff(State(shared): State<Shared>, Asked(compared): Asked<Compared>) -> Answer {
    answer(&shared, move |shared| {
        let ids: Vec<String> = compared.ids.split(',').map(str::to_owned).collect();
        let rows = manage::found(shared.store.as_ref(), &ids)?;
        manage::diff(shared.store.as_ref(), &rows, shared.now())
    })
    .await
}

async fn delete(State(shared): State<Shared>, At(id): At<String>) -> Answer {
    about(&shared, id, |shared, row| {
        let deletion = manage::deletion(shared.store.as_ref(), &row, shared.now())?;
        manage::delete(shared.store.as_ref(), &deletion)?;
        let ids: Vec<_> = deletion.rows.iter().map(|row| &row.id).collect();
        Ok(json!({ "deleted": ids }))
    })
    .await
}

/// How an execution is to go on.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Resume {
    on_drift: Option<String>,
    rerun: Vec<String>,
    set: serde_json::Map<String, Value>,
}

async fn resume(State(shared): State<Shared>, At(id): At<String>, Given(asked): Given<Resume>) -> Answer {
    about(&shared, id, move |shared, row| {
        let on_drift = match asked.on_drift.as_deref() {
            None => None,
            Some("reuse") => Some(Drift::Reuse),
            Some("rerun") => Some(Drift::Rerun),
            Some(other) => {
                let message = format!("on_drift is \"reuse\" or \"rerun\", not {other:?}");
                return Err(ManageError::new("usage", message, None));
            }
        };
        let set = asked.set.into_iter().collect();
        let options = ResumeOptions { on_drift, rerun: asked.rerun, set, asker: None, by: carry::BY.to_owned() };
        let prepared = manage::prepare(shared.store.as_ref(), &row, &options, shared.now())?;
        let goes_on =
            if prepared.in_place { "in-place".to_owned() } else { carry::go_on(shared, &prepared.row, "resume")? };
        said(shared, &row, json!({ "goes_on": goes_on }))
    })
    .await
}

async fn cancel(State(shared): State<Shared>, At(id): At<String>) -> Answer {
    stop(&shared, id, Stop::Cancel).await
}

async fn pause(State(shared): State<Shared>, At(id): At<String>) -> Answer {
    stop(&shared, id, Stop::Pause).await
}

async fn stop(shared: &Shared, id: String, how: Stop) -> Answer {
    about(shared, id, move |shared, row| {
        let stopped = manage::stop(shared.store.as_ref(), &row, how, carry::BY, shared.now())?;
        said(shared, &row, json!({ "stopped": stopped == Stopped::Now }))
    })
    .await
}

/// What became of an execution, with more.
pub fn said(shared: &Shared, row: &ExecutionRow, more: Value) -> Result<Value> {
    let row = shared.store.queries().execution(&row.id)?;
    let mut item = view::brief(shared.store.as_ref(), &row, shared.now())?;
    if let (Value::Object(item), Value::Object(more)) = (&mut item, more) {
        item.extend(more);
    }
    Ok(item)
}

/// Answers about one execution.
pub async fn about<F>(shared: &Shared, id: String, work: F) -> Answer
where
    F: FnOnce(&Shared, ExecutionRow) -> Result<Value> + Send + 'static,
{
    answer(shared, move |shared| {
        let row = manage::find(shared.store.as_ref(), &id)?;
        work(shared, row)
    })
    .await
}

/// A list.
pub fn items(found: impl Iterator<Item = Result<Value>>) -> Result<Value> {
    Ok(json!({ "items": found.collect::<Result<Vec<Value>>>()? }))
}

/// Whether an execution needs nobody any more, for now.
pub fn is_over(status: Status) -> bool {
    status.has_ended()
}
