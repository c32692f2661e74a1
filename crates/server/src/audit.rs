//! Each change that somebody may ask for is on record before it is made (`kitaru_engine::manage`), and `/api/v1/audit`.
//!
//! Not here: what is kept of it.

use crate::Shared;
use crate::given::{self, Asked};
use crate::problem::{Answer, Code, Problem, answer};
use crate::route::{Route, get};
use crate::scope::{Caller, Scope};
use axum::body::{Body, to_bytes};
use axum::extract::{RawPathParams, Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use kitaru_engine::manage::{self, Begun, ManageError, Target};
use kitaru_store::ActFilter;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

pub fn routes() -> Vec<Route> {
    vec![
        get("/audit", "listChanges", list)
            .scope(Scope::Admin)
            .says("What was changed: who asked for it, from where, when, and what came of it. Newest first.")
            .query::<Listing>()
            .answers("Changes"),
    ]
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Listing {
    /// What they asked for: a name, or the public part of a token.
    by: Option<String>,
    /// Only what was asked for in the last so many days.
    #[schemars(range(min = 1, max = 36500))]
    days: Option<u16>,
    /// How many at the most.
    #[schemars(range(min = 1, max = 1000))]
    limit: Option<usize>,
    /// What the page before gave as `next`.
    #[schemars(with = "Option<String>", regex(pattern = r"^a[0-9]{1,18}$"))]
    cursor: Option<Cursor>,
}

/// Where a page begins: below that number.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Cursor(u64);

impl TryFrom<String> for Cursor {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let digits = text.strip_prefix('a').filter(|rest| rest.len() <= 18);
        let digits = digits.filter(|rest| rest.bytes().all(|one| one.is_ascii_digit()));
        digits.and_then(|digits| digits.parse().ok()).map(Self).ok_or("cursor is what the page before gave as next")
    }
}

async fn list(State(shared): State<Shared>, Asked(asked): Asked<Listing>) -> Answer {
    answer(&shared, move |shared| {
        let limit = crate::executions::page_size(asked.limit, 100)?;
        if asked.days.is_some_and(|days| !(1..=36_500).contains(&days)) {
            return Err(ManageError::new("usage", "days counts from 1 to 36500", None));
        }
        let ago = |days: u16| shared.now().saturating_sub(i64::from(days) * 86_400_000);
        let filter = ActFilter {
            since: asked.days.map(ago),
            by: asked.by,
            before: asked.cursor.map(|cursor| cursor.0),
            // One more tells whether there is another page.
            limit: limit + 1,
        };
        let mut items = manage::changes(shared.store.as_ref(), &filter)?;
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(|item| format!("a{}", item["id"]));
        Ok(json!({ "items": items, "next": next }))
    })
    .await
}

/// A route that changes something.
#[derive(Clone, Copy)]
pub struct Of {
    /// Its name.
    pub act: &'static str,
    /// Whether its path names an execution.
    pub execution: bool,
}

/// Puts what a request asks for on record, has it done, and says what came of it. That goes on to its end also when
/// whoever asked has gone.
pub async fn record(shared: Shared, of: Of, params: RawPathParams, request: Request, next: Next) -> Response {
    let Some(caller) = request.extensions().get::<Caller>().cloned() else {
        return Problem::unauthorized("nobody has said who asks").into_response();
    };
    let (parts, body) = request.into_parts();
    let bytes = match given::whole(Request::from_parts(parts.clone(), body)).await {
        Ok(bytes) => bytes,
        Err(problem) => return problem.into_response(),
    };
    // What is no JSON changes nothing.
    let given: Value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    let named = params.iter().next().map(|(_, value)| value.to_owned());
    let request = Request::from_parts(parts, Body::from(bytes));
    let whole = tokio::spawn(async move {
        let begun = match begin(&shared, &caller, of, named, given).await {
            Ok(begun) => begun,
            Err(problem) => return problem.into_response(),
        };
        let (response, outcome, told) = taken_apart(next.run(request).await).await;
        finish(&shared, begun, outcome, told).await;
        response
    });
    whole.await.unwrap_or_else(|error| Problem::broken(&error).into_response())
}

async fn begin(
    shared: &Shared,
    caller: &Caller,
    of: Of,
    named: Option<String>,
    given: Value,
) -> Result<Begun, Problem> {
    let (shared, actor) = (shared.clone(), caller.actor());
    let begun = tokio::task::spawn_blocking(move || {
        let target = match named.as_deref() {
            None => Target::Nothing,
            Some(named) if of.execution => Target::Execution(named),
            Some(named) => Target::Other(named),
        };
        manage::begin_act(shared.store.as_ref(), &actor, of.act, target, &given, shared.now())
    });
    Ok(begun.await.map_err(|error| Problem::broken(&error))??)
}

/// An answer, what it comes to in a word, and the object that it tells.
async fn taken_apart(response: Response) -> (Response, String, Value) {
    let (parts, body) = response.into_parts();
    let code = parts.extensions.get::<Code>().map(|code| code.0.clone());
    let outcome = match code {
        Some(code) => code,
        None if parts.status.is_success() => "done".to_owned(),
        None => parts.status.as_u16().to_string(),
    };
    let Ok(bytes) = to_bytes(body, usize::MAX).await else {
        return (StatusCode::INTERNAL_SERVER_ERROR.into_response(), outcome, Value::Null);
    };
    let told = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    (Response::from_parts(parts, Body::from(bytes)), outcome, told)
}

async fn finish(shared: &Shared, begun: Begun, outcome: String, told: Value) {
    let ends = shared.clone();
    let ended = tokio::task::spawn_blocking(move || {
        let told = Some(&told).filter(|_| outcome == "done");
        manage::done(ends.store.as_ref(), &begun, &outcome, told, ends.now())
    });
    // It was done, or refused, and whoever asked is told so: that the log could not be told, its owner is.
    let ended = ended.await.unwrap_or_else(|error| Err(ManageError::new("misuse", error.to_string(), None)));
    if let Err(error) = ended {
        let said = format!("the log of changes could not say what came of one: error[{}]: {error}", error.code);
        shared.log.complain(&error.code, &said);
    }
}
