//! What a caller may do, from looking to everything; and who calls.
//!
//! Not here: how a caller shows who it is (`access`).

use crate::problem::Problem;
use axum::extract::{FromRequestParts, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
pub use kitaru_engine::manage::Scope;
use kitaru_engine::manage::{Actor, Refused};
use kitaru_store::TokenRow;
use std::net::IpAddr;

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// As it stands in journals.
    pub by: String,
    /// What it may do.
    pub scope: Scope,
    /// The public part of its token, if it has shown one.
    pub token: Option<String>,
    /// Its address, as far as it is known.
    pub from: Option<IpAddr>,
}

impl Caller {
    /// Somebody on this machine, where nobody is asked who it is.
    pub fn local() -> Self {
        Self { by: "http".to_owned(), scope: Scope::Admin, token: None, from: None }
    }

    /// Whoever has that token.
    pub fn of(token: &TokenRow) -> Self {
        // A scope that is not known here is another version's: it allows what the least one does.
        let scope = Scope::parse(&token.scope).unwrap_or(Scope::Read);
        Self { by: token.name.clone(), scope, token: Some(token.id.clone()), from: None }
    }

    /// As the log of changes has it.
    pub fn actor(&self) -> Actor {
        let from = self.from.map_or_else(|| "http".to_owned(), |from| format!("http {from}"));
        Actor { by: self.by.clone(), token: self.token.clone(), from }
    }

    /// What its requests are counted by; `None`: they are not.
    pub fn counted(&self) -> Option<String> {
        self.token.as_ref().map(|token| format!("token {token}"))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        // A request that nobody has let in is nobody's.
        parts.extensions.get::<Self>().cloned().ok_or_else(|| Problem::unauthorized("nobody has said who asks"))
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        Self::unauthorized(refused.says())
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
