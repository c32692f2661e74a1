//! `/api/v1/waits`, the inbox over all executions, and the answer to one of its questions.

use crate::Shared;
use crate::executions::{about, items, page_size, said};
use crate::given::{Asked, At, Given, IdempotencyKey};
use crate::going::{self, Going};
use crate::problem::{Answer, answer};
use crate::route::{Route, get, post};
use crate::scope::{Caller, Scope};
use axum::extract::State;
use kitaru_core::rows::ExecutionRow;
use kitaru_engine::SystemClock;
use kitaru_engine::manage::{self, After, Answered, ManageError, view};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

pub fn routes() -> Vec<Route> {
    vec![
        get("/waits", "listWaits", list)
            .says("The inbox: open questions of all executions, oldest first.")
            .query::<Inbox>()
            .answers("WaitPage"),
        post("/executions/{id}/input", Scope::Answer, "answerWait", input)
            .says("Answer a question of an execution, or of one that it started; the flow goes on.")
            .body::<Input>()
            .keyed()
            .answers("Answered"),
    ]
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Inbox {
    /// How many at the most.
    #[schemars(range(min = 1, max = 1000))]
    limit: Option<usize>,
    /// What the page before gave as `next`.
    #[schemars(regex(pattern = r"^w[0-9]{1,15}\.[0-9]{1,15}\.."))]
    cursor: Option<String>,
}

async fn list(State(shared): State<Shared>, Asked(inbox): Asked<Inbox>) -> Answer {
    answer(&shared, move |shared| {
        let (store, now) = (shared.store.as_ref(), shared.now());
        let limit = page_size(inbox.limit, 100)?;
        let (waits, next) = manage::inbox(store, inbox.cursor.as_deref(), limit)?;
        let mut page = items(waits.iter().map(|wait| view::wait(store, wait, now)))?;
        page["next"] = json!(next);
        Ok(page)
    })
    .await
}

/// An answer.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The answer, as the question's schema asks for it.
    pub value: Value,
    /// Which question, where several are open.
    pub wait: Option<String>,
}

/// Records an answer and has its flow go on. Returns what was answered, and how the flow goes on.
pub fn record(
    shared: &Shared,
    row: &ExecutionRow,
    given: &Input,
    by: &str,
    key: Option<&str>,
) -> Result<(Answered, String), ManageError> {
    let (store, wait, value) = (shared.store.as_ref(), given.wait.as_deref(), &given.value);
    let answered = match key {
        Some(key) => manage::answer_once(store, row, wait, value, (by, key), shared.now())?,
        None => manage::answer(store, row, wait, value, by, shared.now())?,
    };
    let goes_on = match manage::after_answer(store, &answered, &SystemClock)? {
        After::Carry => going::go_on(shared, &answered.root, Going::on("answer"))?,
        After::Taken { .. } => "in-place".to_owned(),
        After::Silent { pid } => format!("process {pid} has it, but gives no sign of life"),
        After::Stays { why } => why,
    };
    Ok((answered, goes_on))
}

async fn input(
    State(shared): State<Shared>,
    At(id): At<String>,
    caller: Caller,
    key: IdempotencyKey,
    Given(given): Given<Input>,
) -> Answer {
    about(&shared, id, move |shared, row| {
        let (answered, goes_on) = record(shared, &row, &given, &caller.by, key.0.as_deref())?;
        said(shared, &row, json!({ "answered": answered.wait.key, "goes_on": goes_on }))
    })
    .await
}
