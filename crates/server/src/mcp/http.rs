//! `/mcp`: streamable HTTP, behind the same door as the API. There are no sessions: every request stands for itself,
//! so that there is nothing to keep, to bound or to lose when the server starts anew.
//!
//! Not here: who may ask (`access`, `scope`), and the protocol (rmcp).

use super::handler::Handler;
use crate::problem::Problem;
use crate::scope::{Caller, Scope, require};
use crate::{MOST, Shared};
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{Method, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, any};
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use std::sync::Arc;
use std::time::Duration;

/// How long a message may take to come.
const BODY: Duration = Duration::from_secs(30);

/// What answers at `/mcp`.
pub fn route(shared: &Shared) -> MethodRouter<Shared> {
    let handler = Handler::new(shared.clone(), None);
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .with_max_request_body_bytes(MOST)
        // The door has looked.
        .disable_allowed_hosts();
    let service =
        StreamableHttpService::new(move || Ok(handler.clone()), Arc::new(NeverSessionManager::default()), config);
    let may = |request: Request, next: Next| require(Scope::Read, request, next);
    any(move |request: Request| answer(service.clone(), request)).layer(from_fn(may))
}

type Service = StreamableHttpService<Handler, NeverSessionManager>;

async fn answer(service: Service, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    if parts.method != Method::POST {
        return service.handle(Request::from_parts(parts, Body::empty())).await.into_response();
    }
    match allowed(parts.uri.query()) {
        Ok(Some(allowed)) => {
            if let Some(caller) = parts.extensions.get_mut::<Caller>() {
                caller.scope = caller.scope.min(allowed);
            }
        }
        Ok(None) => {}
        Err(problem) => return problem.into_response(),
    }
    if let Some(caller) = parts.extensions.get_mut::<Caller>() {
        caller.by = if caller.by == "http" { "mcp".to_owned() } else { format!("{} (mcp)", caller.by) };
    }
    match tokio::time::timeout(BODY, to_bytes(body, MOST)).await {
        Ok(Ok(bytes)) => service.handle(Request::from_parts(parts, Body::from(bytes))).await.into_response(),
        Ok(Err(error)) => {
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "usage", format!("the message cannot be read: {error}"))
                .into_response()
        }
        Err(_) => {
            Problem::new(StatusCode::REQUEST_TIMEOUT, "usage", "the rest of the message did not come").into_response()
        }
    }
}

/// The set that an address asks for: `/mcp?allow=read`. It narrows what the caller may, and never widens it.
fn allowed(query: Option<&str>) -> Result<Option<Scope>, Problem> {
    let Some(query) = query.filter(|query| !query.is_empty()) else { return Ok(None) };
    let known = query.strip_prefix("allow=").and_then(|word| Scope::parse(word).ok());
    let wrong = || Problem::new(StatusCode::BAD_REQUEST, "usage", "allow is read, answer, operate or admin");
    known.map(Some).ok_or_else(wrong)
}
