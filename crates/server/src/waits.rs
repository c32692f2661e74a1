//! `/api/v1/waits`, the inbox over all executions, and the answer to one of its questions.

use crate::executions::{about, items, page_size, said};
use crate::given::{Asked, At, Given};
use crate::problem::{Answer, answer};
use crate::{Shared, carry};
use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use kitaru_engine::SystemClock;
use kitaru_engine::manage::{self, After, view};
use serde::Deserialize;
use serde_json::{Value, json};

pub fn routes() -> Router<Shared> {
    Router::new().route("/waits", get(list)).route("/executions/{id}/input", post(input))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Inbox {
    limit: Option<usize>,
    page: Option<usize>,
}

async fn list(State(shared): State<Shared>, Asked(inbox): Asked<Inbox>) -> Answer {
    answer(&shared, move |shared| {
        let (store, now) = (shared.store.as_ref(), shared.now());
        let limit = page_size(inbox.limit, 100)?;
        let skip = inbox.page.unwrap_or(1).saturating_sub(1).saturating_mul(limit);
        let waits = manage::waiting(store, None, false)?;
        items(waits.iter().skip(skip).take(limit).map(|wait| view::wait(store, wait, now)))
    })
    .await
}

/// An answer.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    value: Value,
    /// Which question, where several are open.
    wait: Option<String>,
}

async fn input(State(shared): State<Shared>, At(id): At<String>, Given(given): Given<Input>) -> Answer {
    about(&shared, id, move |shared, row| {
        let store = shared.store.as_ref();
        let answered = manage::answer(store, &row, given.wait.as_deref(), &given.value, carry::BY, shared.now())?;
        let goes_on = match manage::after_answer(store, &answered, &SystemClock)? {
            After::Carry => carry::go_on(shared, &answered.root, "answer")?,
            After::Taken { .. } => "in-place".to_owned(),
            After::Silent { pid } => format!("process {pid} has it, but gives no sign of life"),
            After::Stays { why } => why,
        };
        said(shared, &row, json!({ "answered": answered.wait.key, "goes_on": goes_on }))
    })
    .await
}
