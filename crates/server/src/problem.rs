//! How answers and refusals leave: JSON, and problem details with the project's own codes (RFC 9457).

use crate::Shared;
use axum::Json;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use kitaru_engine::manage::{ManageError, secrets};
use serde_json::{Value, json};

/// The longest detail, in characters.
const MOST: usize = 1000;

/// What a handler answers.
pub type Answer = Result<Json<Value>, Problem>;

/// What a handler answers that makes something.
pub type Made = Result<(StatusCode, Json<Value>), Problem>;

/// The answer of a handler that has made something.
pub fn made(answer: Answer) -> Made {
    answer.map(|answer| (StatusCode::CREATED, answer))
}

/// A refusal, with its code and a way out.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    code: String,
    detail: String,
    hint: Option<String>,
    /// Seconds until it is worth trying again.
    wait: Option<u64>,
}

/// The code of a problem, for whoever hands its answer on.
#[derive(Clone, Debug)]
pub struct Code(pub String);

impl Problem {
    /// A refusal that is not the engine's.
    pub fn new(status: StatusCode, code: &str, detail: impl Into<String>) -> Self {
        Self { status, code: code.to_owned(), detail: detail.into(), hint: None, wait: None }
    }

    /// Nobody knows who asks.
    pub fn unauthorized(detail: &str) -> Self {
        let hint = "Authorization: Bearer TOKEN, with one of: kitaru tokens create NAME --scope SCOPE";
        Self { hint: Some(hint.to_owned()), ..Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", detail) }
    }

    /// It was asked too often; so many seconds later it may be asked again.
    pub fn too_many(detail: &str, wait: u64) -> Self {
        Self { wait: Some(wait), ..Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate-limited", detail) }
    }

    /// A mistake of this program.
    pub fn broken(error: &dyn std::fmt::Display) -> Self {
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "misuse", error.to_string())
    }

    /// Its status.
    pub fn status(&self) -> StatusCode {
        self.status
    }
}

impl From<ManageError> for Problem {
    fn from(error: ManageError) -> Self {
        Self { status: status(&error.code), code: error.code, detail: error.message, hint: error.hint, wait: None }
    }
}

impl From<kitaru_store::StoreError> for Problem {
    fn from(error: kitaru_store::StoreError) -> Self {
        ManageError::from(error).into()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        // Whoever sent something large, or a secret, knows what it was.
        let whole = secrets::masked(&self.detail);
        let mut detail: String = whole.chars().take(MOST).collect();
        if detail.len() < whole.len() {
            detail.push('…');
        }
        let body = json!({
            "type": format!("urn:kitaru:error:{}", self.code),
            "title": self.status.canonical_reason().unwrap_or_default(),
            "status": self.status.as_u16(),
            "detail": detail,
            "code": self.code,
            "hint": self.hint,
        });
        let kind = [(header::CONTENT_TYPE, "application/problem+json")];
        let mut response = (self.status, kind, body.to_string()).into_response();
        if let Some(wait) = self.wait {
            response.headers_mut().insert(header::RETRY_AFTER, wait.into());
        }
        response.extensions_mut().insert(Code(self.code));
        response
    }
}

fn status(code: &str) -> StatusCode {
    match code {
        "unknown-execution" | "unknown-call" | "unknown-wait" | "unknown-artifact" | "unknown-flow"
        | "unknown-breakpoint" | "unknown-schedule" | "unknown-token" | "unknown-link" | "unknown-limit"
        | "unknown-deployment" => StatusCode::NOT_FOUND,
        "store-busy" => StatusCode::SERVICE_UNAVAILABLE,
        "already-answered" | "already-ended" | "already-timed-out" | "held" | "conflict" | "fenced" | "waiting"
        | "paused" | "not-ended" | "still-needed" | "several-waits" | "no-worker" | "schedule-exists"
        | "deployment-exists" | "does-not-fit" => StatusCode::CONFLICT,
        "bad-answer" | "bad-inputs" | "key-conflict" | "bad-override" | "bad-selector" | "bad-expression"
        | "bad-schedule" | "bad-limit" | "flow-import" | "snapshot" | "ambiguous-selector" => {
            StatusCode::UNPROCESSABLE_ENTITY
        }
        _ if code.starts_with("store-") => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::BAD_REQUEST,
    }
}

/// A path that nothing answers.
pub async fn no_such_route(uri: Uri) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "unknown-route", format!("nothing is at {}", uri.path()))
}

/// A method that a path does not take.
pub async fn no_such_method(uri: Uri) -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "unknown-route", format!("{} is not asked like that", uri.path()))
}

/// Answers by what blocks, on a thread that may.
pub async fn answer<F>(shared: &Shared, work: F) -> Answer
where
    F: FnOnce(&Shared) -> Result<Value, ManageError> + Send + 'static,
{
    let shared = shared.clone();
    match tokio::task::spawn_blocking(move || work(&shared)).await {
        Ok(Ok(value)) => Ok(Json(value)),
        Ok(Err(error)) => Err(error.into()),
        Err(error) => Err(Problem::broken(&error)),
    }
}
