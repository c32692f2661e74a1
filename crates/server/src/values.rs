//! `/api/v1/executions/{id}/artifacts`: named values, as JSON to look at or as the bytes that they are.
//!
//! Not here: inputs and outputs of calls (`executions`).

use crate::Shared;
use crate::executions::{about, items};
use crate::given::{Asked, At};
use crate::problem::{Answer, Problem};
use crate::route::{Route, get};
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kitaru_core::path::{INSIDE, TAG};
use kitaru_engine::manage::{self, ManageError, view};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

pub fn routes() -> Vec<Route> {
    vec![
        get("/executions/{id}/artifacts", "listArtifacts", list)
            .says("Its artifacts by name, without their values.")
            .answers("Artifacts"),
        get("/executions/{id}/artifacts/{*name}", "getArtifact", one)
            .says("The value of an artifact, as JSON.")
            .answers("Anything"),
        get("/executions/{id}/downloads/{*name}", "downloadArtifact", download)
            .says("The value of an artifact as a file: bytes and text as they are, all else as JSON. Takes Range.")
            .query::<Named>()
            .answers_bytes(),
    ]
}

async fn list(State(shared): State<Shared>, At(id): At<String>) -> Answer {
    about(&shared, id, |shared, row| {
        items(shared.store.queries().artifacts(&row.id)?.iter().map(|artifact| Ok(view::artifact(artifact))))
    })
    .await
}

async fn one(State(shared): State<Shared>, At((id, name)): At<(String, String)>) -> Answer {
    about(&shared, id, move |shared, row| {
        let artifact = manage::artifact(shared.store.as_ref(), &row, &name)?;
        view::value(shared.store.as_ref(), &artifact.value)
    })
    .await
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Named {
    /// The name that the file is saved under.
    filename: Option<String>,
}

async fn download(
    State(shared): State<Shared>,
    At((id, name)): At<(String, String)>,
    Asked(named): Asked<Named>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let saved = named.filename.unwrap_or_else(|| name.rsplit('/').next().unwrap_or_default().to_owned());
    let read = tokio::task::spawn_blocking(move || {
        let store = shared.store.as_ref();
        let row = manage::find(store, &id)?;
        bytes(&manage::text(store, &manage::artifact(store, &row, &name)?.value)?)
    });
    let (kind, bytes) = read.await.map_err(|error| ManageError::new("misuse", error.to_string(), None))??;
    let range = headers.get(header::RANGE).and_then(|range| range.to_str().ok());
    let mut response = match range.and_then(|text| part(text, bytes.len())) {
        None => bytes.into_response(),
        Some(Some((from, upto))) => {
            let at = format!("bytes {from}-{}/{}", upto - 1, bytes.len());
            let body = bytes.get(from..upto).unwrap_or_default().to_vec();
            (StatusCode::PARTIAL_CONTENT, [(header::CONTENT_RANGE, at)], body).into_response()
        }
        Some(None) => {
            let all = format!("bytes */{}", bytes.len());
            (StatusCode::RANGE_NOT_SATISFIABLE, [(header::CONTENT_RANGE, all)], Body::empty()).into_response()
        }
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    headers.insert(header::ACCEPT_RANGES, header::HeaderValue::from_static("bytes"));
    // Never shown as a page of this server.
    let name: String = saved.chars().filter(|one| one.is_ascii_alphanumeric() || "._- ".contains(*one)).collect();
    if let Ok(value) = header::HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    Ok(response)
}

/// What a value is as a file.
pub fn bytes(text: &str) -> Result<(&'static str, Vec<u8>), ManageError> {
    let damaged = |why: &str| ManageError::new("store-damaged", why.to_owned(), None);
    let value: Value = serde_json::from_str(text).map_err(|error| damaged(&error.to_string()))?;
    let tag = value.get(TAG).and_then(Value::as_str);
    if matches!(tag, Some("bytes" | "bytearray")) {
        let coded = value.get(INSIDE).and_then(Value::as_str).ok_or_else(|| damaged("bytes without a value"))?;
        let bytes = STANDARD.decode(coded).map_err(|error| damaged(&error.to_string()))?;
        return Ok(("application/octet-stream", bytes));
    }
    if let Value::String(text) = value {
        return Ok(("text/plain; charset=utf-8", text.into_bytes()));
    }
    Ok(("application/json", kitaru_core::value::plain(value).to_string().into_bytes()))
}

/// The bytes from..upto of a range of one part. `None`: all of it is sent; `Some(None)`: there is no such part
/// (RFC 9110, 14.1.2).
fn part(text: &str, len: usize) -> Option<Option<(usize, usize)>> {
    let (from, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    if from.is_empty() {
        let tail: usize = last.trim().parse().ok()?;
        return Some((tail > 0 && len > 0).then(|| (len.saturating_sub(tail), len)));
    }
    let from: usize = from.trim().parse().ok()?;
    let upto = if last.trim().is_empty() { len } else { last.trim().parse::<usize>().ok()?.saturating_add(1).min(len) };
    Some((from < upto).then_some((from, upto)))
}
