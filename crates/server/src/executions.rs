//! `/api/v1/executions` and `/diff`: what there is, looked at, compared and deleted.
//!
//! Not here: starting (`start`), what becomes of one (`acts`, `replays`), its values (`values`), its events as they happen
//! (`events`), and its questions (`waits`).

use crate::Shared;
use crate::given::{Asked, At};
use crate::problem::{Answer, answer};
use crate::route::{Route, delete, get};
use crate::scope::Scope;
use axum::extract::State;
use kitaru_core::rows::ExecutionRow;
use kitaru_engine::manage::{self, ManageError, Wanted, view};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

type Result<T> = std::result::Result<T, ManageError>;

pub fn routes() -> Vec<Route> {
    vec![
        get("/executions", "listExecutions", list)
            .says("Executions, newest first.")
            .query::<Listing>()
            .answers("ExecutionPage"),
        get("/executions/{id}", "getExecution", one)
            .says("One execution with its values, calls and open waits.")
            .answers("Execution"),
        delete("/executions/{id}", Scope::Admin, "deleteExecution", remove)
            .says("Delete an execution that has ended, with all that it started.")
            .answers("Deleted"),
        get("/executions/{id}/calls", "listCalls", calls)
            .says("Its calls, in the order of their records.")
            .answers("Calls"),
        get("/executions/{id}/calls/{*key}", "getCall", call)
            .says("One call with its inputs and what came of it. `key`: its key or `step N`.")
            .answers("CallWithValues"),
        get("/executions/{id}/journal", "readJournal", journal)
            .says("What was recorded, in order.")
            .query::<After>()
            .answers("Journal"),
        get("/executions/{id}/logs", "readLogs", logs)
            .says("What its calls printed, logged and reported.")
            .query::<After>()
            .answers("Logs"),
        get("/executions/{id}/tree", "getTree", tree)
            .says("What it started, what it was started by, and its replays.")
            .answers("Tree"),
        get("/diff", "compareExecutions", diff)
            .says("Two executions or more beside each other.")
            .query::<Compared>()
            .answers("Diff"),
    ]
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Listing {
    /// Words of status with commas between them.
    #[serde(default)]
    #[schemars(regex(
        pattern = r"^((running|waiting|sleeping|paused|interrupted|completed|failed|cancelled)(,|$))*$"
    ))]
    status: String,
    /// Name of the flow.
    flow: Option<String>,
    /// Has this tag.
    tag: Option<String>,
    /// Is known by this key.
    key: Option<String>,
    /// This stands in its identifier, the name of its flow, its key or one of its tags.
    search: Option<String>,
    /// Only what was created so recently: `90s`, `15m`, `24h`, `30d`.
    #[schemars(regex(pattern = r"^[0-9]{1,6}[smhd]$"))]
    since: Option<String>,
    /// Only what cost as much itself, in US dollars, or more.
    #[schemars(range(min = 0))]
    min_cost: Option<f64>,
    /// How many at the most.
    #[schemars(range(min = 1, max = 1000))]
    limit: Option<usize>,
    /// What the page before gave as `next`.
    #[schemars(with = "Option<String>", regex(pattern = r"^e[0-9]{1,18}$"))]
    cursor: Option<Cursor>,
}

/// Where a page of executions begins: below that number.
#[derive(Deserialize)]
#[serde(try_from = "String")]
pub struct Cursor(pub u64);

impl TryFrom<String> for Cursor {
    type Error = &'static str;

    fn try_from(text: String) -> std::result::Result<Self, Self::Error> {
        let digits =
            text.strip_prefix('e').filter(|rest| rest.len() <= 18 && rest.bytes().all(|one| one.is_ascii_digit()));
        digits.and_then(|digits| digits.parse().ok()).map(Self).ok_or("cursor is what the page before gave as next")
    }
}

/// How many rows a page has at the most.
const MOST: usize = 1000;

async fn list(State(shared): State<Shared>, Asked(listing): Asked<Listing>) -> Answer {
    answer(&shared, move |shared| {
        let words = listing.status.split(',').filter(|word| !word.is_empty());
        let limit = page_size(listing.limit, 50)?;
        let since = listing.since.as_deref().map(manage::span_of).transpose()?;
        if listing.min_cost.is_some_and(|cost| cost.is_nan() || cost < 0.0) {
            return Err(ManageError::new("usage", "min_cost is a number of US dollars from 0 on", None));
        }
        let wanted = Wanted {
            status: words.map(manage::parse_status).collect::<Result<_>>()?,
            flow: listing.flow,
            tag: listing.tag,
            key: listing.key,
            text: listing.search,
            since: since.map(|span| shared.now().saturating_sub(span)),
            min_cost: listing.min_cost,
            before: listing.cursor.map(|cursor| cursor.0),
            // One more tells whether there is another page.
            limit: limit + 1,
            page: 1,
        };
        let (store, now) = (shared.store.as_ref(), shared.now());
        let mut rows = manage::list(store, &wanted, now)?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(|row| format!("e{}", row.number));
        let mut page = items(rows.iter().map(|row| view::brief(store, row, now)))?;
        page["next"] = json!(next);
        Ok(page)
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
    about(&shared, id, move |shared, row| call_with_values(shared, &row, &key)).await
}

/// A call with its inputs and what came of it.
pub fn call_with_values(shared: &Shared, row: &ExecutionRow, key: &str) -> Result<Value> {
    let store = shared.store.as_ref();
    let call = manage::call(store, row, key)?;
    let mut item = view::call(&call.row);
    let shown = |value: &Option<kitaru_core::Value>| value.as_ref().map(|one| view::value(store, one)).transpose();
    item["step"] = json!(call.step);
    item["inputs"] = json!(shown(&call.inputs)?);
    item["given"] = json!(shown(&call.given)?);
    item["output"] = json!(shown(&call.output)?);
    item["by"] = json!(call.by);
    item["error"] = json!(call.error.as_ref().map(view::raised));
    item["code"] = json!(call.code);
    let tries = call.tries.iter().map(|one| {
        let mut item = view::raised(&one.error);
        item["attempt"] = json!(one.attempt);
        item["ended_at"] = json!(view::time(one.at));
        item
    });
    item["tries"] = tries.collect();
    Ok(item)
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct After {
    /// Only what comes after that one; 0: from the first on.
    #[serde(default)]
    after: u32,
    /// How many at the most.
    #[schemars(range(min = 1, max = 1000))]
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
                .map(|event| Ok(crate::item::journal(event))),
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

#[derive(Deserialize, JsonSchema)]
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

async fn remove(State(shared): State<Shared>, At(id): At<String>) -> Answer {
    about(&shared, id, |shared, row| delete_with_children(shared, &row)).await
}

/// Deletes an execution with all that it started.
pub fn delete_with_children(shared: &Shared, row: &ExecutionRow) -> Result<Value> {
    let deletion = manage::deletion(shared.store.as_ref(), row, shared.now())?;
    manage::delete(shared.store.as_ref(), &deletion)?;
    let ids: Vec<_> = deletion.rows.iter().map(|row| &row.id).collect();
    Ok(json!({ "deleted": ids }))
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
