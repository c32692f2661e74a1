//! What a caller may do, from looking to everything; and who calls.
//!
//! Not here: how a caller shows who it is (`access`).

use crate::problem::Problem;
use axum::extract::{FromRequestParts, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// What a caller may do. Each includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Look.
    Read,
    /// Answer what is asked.
    Answer,
    /// Start, resume, replay, pause, cancel.
    Operate,
    /// Delete, and say who may do what.
    Admin,
}

impl Scope {
    /// The one of that word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Read, Self::Answer, Self::Operate, Self::Admin].into_iter().find(|one| one.as_str() == word)
    }

    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Answer => "answer",
            Self::Operate => "operate",
            Self::Admin => "admin",
        }
    }
}

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// As it stands in journals.
    pub by: String,
    /// What it may do.
    pub scope: Scope,
}

impl Caller {
    /// Somebody on this machine, where nobody is asked who it is.
    pub fn local() -> Self {
        Self { by: "http".to_owned(), scope: Scope::Admin }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        // A request that nobody has let in is nobody's.
        let nobody = || Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", "nobody has said who asks");
        parts.extensions.get::<Self>().cloned().ok_or_else(nobody)
    }
}

/// Lets a request on to its route if its caller may.
pub async fn require(scope: Scope, request: Request, next: Next) -> Response {
    match request.extensions().get::<Caller>() {
        Some(caller) if caller.scope >= scope => next.run(request).await,
        _ => {
            let detail = format!("this wants the scope {}", scope.as_str());
            Problem::new(StatusCode::FORBIDDEN, "forbidden", detail).into_response()
        }
    }
}
