//! What a request gives: its path, its query, its JSON object. What is wrong with it is a problem document.
//!
//! Not here: what it means.

use crate::problem::Problem;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::time::Duration;

/// How long a request's body may take to come.
const BODY: Duration = Duration::from_secs(30);

/// The parts of the path.
pub struct At<T>(pub T);

/// The fields of the query.
pub struct Asked<T>(pub T);

/// The fields of a JSON object.
pub struct Given<T>(pub T);

/// An object without fields.
#[derive(Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// What makes a request that is sent again the same one: the header `Idempotency-Key`, if it is there.
pub struct IdempotencyKey(pub Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut all = parts.headers.get_all("idempotency-key").iter();
        let Some(key) = all.next() else { return Ok(Self(None)) };
        let is_key =
            |text: &&str| !text.is_empty() && text.len() <= 255 && text.bytes().all(|one| one.is_ascii_graphic());
        match key.to_str().ok().filter(is_key) {
            Some(key) if all.next().is_none() => Ok(Self(Some(key.to_owned()))),
            _ => Err(usage("Idempotency-Key is one word of at most 255 visible ASCII characters".to_owned())),
        }
    }
}

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for At<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(found) = Path::from_request_parts(parts, state).await.map_err(|error| usage(error.body_text()))?;
        Ok(Self(found))
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Query(found) = Query::try_from_uri(&parts.uri).map_err(|error| usage(error.body_text()))?;
        Ok(Self(found))
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Given<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let bytes = read(request, state).await?;
        let wrong = |error: serde_json::Error| Problem::new(StatusCode::BAD_REQUEST, "bad-json", error.to_string());
        let value: Value = serde_json::from_slice(&bytes).map_err(wrong)?;
        if !value.is_object() {
            return Err(Problem::new(StatusCode::BAD_REQUEST, "bad-json", "what is sent is a JSON object"));
        }
        serde_json::from_value(value).map(Self).map_err(wrong)
    }
}

/// The body of a request, which may be so large and take so long.
pub async fn whole(request: Request) -> Result<Bytes, Problem> {
    read(request, &()).await
}

async fn read<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Problem> {
    let Ok(read) = tokio::time::timeout(BODY, Bytes::from_request(request, state)).await else {
        return Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "usage", "the rest of the request did not come"));
    };
    read.map_err(|error| too_much(&error))
}

fn usage(detail: String) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "usage", detail)
}

fn too_much(error: &BytesRejection) -> Problem {
    Problem::new(error.status(), "usage", error.body_text())
}
