//! `GET /health/ready`: whether it is of use to ask this server for anything now.
//!
//! Apart from `/health/live`, which says only that the process answers: one that lives and is not ready is left alone for a
//! while, and not killed.

use crate::Shared;
use crate::problem::{Answer, Problem};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::json;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How long the store may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Whether the store answers, is where it was, and the server is not about to end.
pub async fn ready(State(shared): State<Shared>) -> Answer {
    let refused = |why: String| Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not-ready", why);
    if shared.stopping.load(Ordering::Acquire) {
        return Err(refused("the server is stopping".to_owned()));
    }
    let store = std::sync::Arc::clone(&shared.store);
    let asked = tokio::task::spawn_blocking(move || store.ready());
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(Ok(()))) => Ok(Json(json!({ "ready": true }))),
        Ok(Ok(Err(error))) => Err(refused(error.to_string())),
        Ok(Err(error)) => Err(refused(error.to_string())),
        Err(_) => Err(refused(format!("the store has not answered for {} s", PATIENCE.as_secs()))),
    }
}
