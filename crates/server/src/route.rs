//! A route of the API with all that is to be known of it: the router, the OpenAPI document and the checks of who may
//! ask are made of the same list.
//!
//! Not here: any route (a file a resource), and the document (`openapi`).

use crate::Shared;
use crate::audit::{self, Of};
use crate::problem::Problem;
use crate::scope::{self, Scope};
use axum::Router;
use axum::extract::{RawPathParams, Request};
use axum::handler::Handler;
use axum::http::{Method, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter, on};
use schemars::{JsonSchema, Schema, SchemaGenerator};

/// Makes the schema of a type.
pub type Describe = fn(&mut SchemaGenerator) -> Schema;

/// What an answer looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answers {
    /// JSON of that component.
    Json(&'static str),
    /// Bytes of any type.
    Bytes,
    /// Server-sent events.
    Events,
}

/// One method of one path.
pub struct Route {
    /// `GET`, `POST` or `DELETE`.
    pub method: Method,
    /// Under `/api/v1`.
    pub path: &'static str,
    /// Who may.
    pub scope: Scope,
    /// Its name for programs.
    pub name: &'static str,
    /// What it does, in a line.
    pub says: &'static str,
    /// The fields of its query.
    pub query: Option<Describe>,
    /// The object that is sent.
    pub body: Option<Describe>,
    /// What it answers.
    pub answers: Answers,
    /// Status of a good answer.
    pub status: StatusCode,
    /// Whether `Idempotency-Key` makes it safe to send again.
    pub keyed: bool,
    /// Whether the log of changes has it.
    pub logged: bool,
    handler: MethodRouter<Shared>,
}

fn route<H, T>(method: Method, path: &'static str, scope: Scope, name: &'static str, handler: H) -> Route
where
    H: Handler<T, Shared>,
    T: 'static,
{
    let filter = match method {
        Method::POST => MethodFilter::POST,
        Method::DELETE => MethodFilter::DELETE,
        _ => MethodFilter::GET,
    };
    Route {
        method,
        path,
        scope,
        name,
        says: "",
        query: None,
        body: None,
        answers: Answers::Json("Anything"),
        status: StatusCode::OK,
        keyed: false,
        logged: scope > Scope::Read,
        handler: on(filter, handler),
    }
}

/// What looks.
pub fn get<H: Handler<T, Shared>, T: 'static>(path: &'static str, name: &'static str, handler: H) -> Route {
    route(Method::GET, path, Scope::Read, name, handler)
}

/// What changes something.
pub fn post<H, T>(path: &'static str, scope: Scope, name: &'static str, handler: H) -> Route
where
    H: Handler<T, Shared>,
    T: 'static,
{
    route(Method::POST, path, scope, name, handler)
}

/// What removes something.
pub fn delete<H, T>(path: &'static str, scope: Scope, name: &'static str, handler: H) -> Route
where
    H: Handler<T, Shared>,
    T: 'static,
{
    route(Method::DELETE, path, scope, name, handler)
}

impl Route {
    /// What it does, in a line.
    pub fn says(self, says: &'static str) -> Self {
        Self { says, ..self }
    }

    /// The fields of its query.
    pub fn query<T: JsonSchema>(self) -> Self {
        Self { query: Some(T::json_schema), ..self }
    }

    /// The object that is sent.
    pub fn body<T: JsonSchema>(self) -> Self {
        Self { body: Some(T::json_schema), ..self }
    }

    /// JSON of that component.
    pub fn answers(self, component: &'static str) -> Self {
        Self { answers: Answers::Json(component), ..self }
    }

    /// Bytes of any type.
    pub fn answers_bytes(self) -> Self {
        Self { answers: Answers::Bytes, ..self }
    }

    /// Server-sent events.
    pub fn answers_events(self) -> Self {
        Self { answers: Answers::Events, ..self }
    }

    /// It makes something.
    pub fn creates(self) -> Self {
        Self { status: StatusCode::CREATED, ..self }
    }

    /// `Idempotency-Key` makes it safe to send again.
    pub fn keyed(self) -> Self {
        Self { keyed: true, ..self }
    }

    /// Who may look, if not everybody who may look at all.
    pub fn scope(self, scope: Scope) -> Self {
        Self { scope, ..self }
    }

    /// Puts it into a router.
    pub fn add_to(self, router: Router<Shared>, shared: &Shared) -> Router<Shared> {
        let scope = self.scope;
        let mut handler = self.handler;
        if self.query.is_none() {
            handler = handler.route_layer(from_fn(no_query));
        }
        if self.logged {
            let (shared, of) =
                (shared.clone(), Of { act: self.name, execution: self.path.starts_with("/executions/") });
            let log = move |params: RawPathParams, request: Request, next: Next| {
                audit::record(shared.clone(), of, params, request, next)
            };
            handler = handler.route_layer(from_fn(log));
        }
        if self.method == Method::POST {
            handler = handler.route_layer(from_fn(json_only));
        }
        let may = move |request: Request, next: Next| scope::require(scope, request, next);
        router.route(self.path, handler.route_layer(from_fn(may)))
    }
}

/// A field that nobody reads is a mistake of whoever sent it.
async fn no_query(request: Request, next: Next) -> Response {
    match request.uri().query() {
        None | Some("") => next.run(request).await,
        Some(_) => Problem::new(StatusCode::BAD_REQUEST, "usage", "no query is read here").into_response(),
    }
}

/// A form of another site can post anything but this without asking first.
async fn json_only(request: Request, next: Next) -> Response {
    let mut kinds = request.headers().get_all(header::CONTENT_TYPE).iter();
    let kind = kinds.next().and_then(|kind| kind.to_str().ok()).and_then(|kind| kind.split(';').next());
    let is_known = |kind: &str| kind.eq_ignore_ascii_case("application/json") || kind == crate::remote::KIND;
    if kind.is_some_and(|kind| is_known(kind.trim())) && kinds.next().is_none() {
        return next.run(request).await;
    }
    let detail = "what changes something is sent as Content-Type: application/json";
    Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "usage", detail).into_response()
}
