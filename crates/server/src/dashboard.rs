//! The dashboard: built files that the binary carries, and the addresses of its screens.
//!
//! They hold nothing of the store and are shown to whoever may reach this server; what they ask for is asked of the API,
//! with a token where one is wanted. Not here: pages without scripts (`page`).

use crate::problem::{Problem, no_such_route};
use axum::Router;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use rust_embed::{EmbeddedFile, RustEmbed};
use std::fmt::Write;

/// What `dashboard/` was built to.
#[derive(RustEmbed)]
#[folder = "../../dashboard/dist"]
struct Files;

/// First parts of the addresses of screens (`dashboard/src/router.tsx`).
const SCREENS: [&str; 12] = [
    "audit",
    "breakpoints",
    "compare",
    "deployments",
    "executions",
    "fleet",
    "flows",
    "inbox",
    "limits",
    "schedules",
    "tokens",
    "workers",
];

/// What the pages may do: run their own scripts, and talk to this server.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
     img-src 'self' data: blob:; form-action 'none'; frame-ancestors 'none'; base-uri 'none'";

/// The routes.
pub fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    SCREENS.into_iter().fold(
        Router::new().route("/", get(index)).route("/assets/{*path}", get(asset)),
        |router, screen| {
            router.route(&format!("/{screen}"), get(index)).route(&format!("/{screen}/{{*rest}}"), get(index))
        },
    )
}

/// Whether a path is shown to whoever asks.
pub fn is_open(path: &str) -> bool {
    let first = path.strip_prefix('/').and_then(|rest| rest.split('/').next()).unwrap_or_default();
    path == "/" || path.starts_with("/assets/") || SCREENS.contains(&first)
}

async fn index(headers: HeaderMap) -> Response {
    let page = Files::get("index.html").map(|file| {
        // Asked for anew each time: it names the files that belong to it.
        sent(&file, "text/html; charset=utf-8", "no-cache", &headers)
    });
    page.unwrap_or_else(|| {
        let text = "this program was built without its dashboard";
        Problem::new(StatusCode::NOT_FOUND, "unknown-route", text).into_response()
    })
}

async fn asset(uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path().trim_start_matches('/');
    match (Files::get(path), kind(path)) {
        // Its name changes with what is in it.
        (Some(file), Some(kind)) => sent(&file, kind, "public, max-age=31536000, immutable", &headers),
        _ => no_such_route(uri).await.into_response(),
    }
}

fn sent(file: &EmbeddedFile, kind: &'static str, keep: &'static str, asked: &HeaderMap) -> Response {
    let mut tag = String::from("W/\"");
    for byte in file.metadata.sha256_hash().iter().take(16) {
        _ = write!(tag, "{byte:02x}");
    }
    tag.push('"');
    let is_known = asked.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let mut response = if is_known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, kind)], file.data.clone()).into_response()
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    response
}

fn kind(path: &str) -> Option<&'static str> {
    match path.rsplit_once('.')?.1 {
        "js" => Some("text/javascript; charset=utf-8"),
        "css" => Some("text/css; charset=utf-8"),
        "svg" => Some("image/svg+xml"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Files, is_open, kind};

    #[test]
    fn all_built_files_have_a_type() {
        for path in Files::iter().filter(|path| *path != "index.html") {
            assert!(path.starts_with("assets/") && kind(&path).is_some(), "{path}");
        }
    }

    #[test]
    fn nothing_else_is_open() {
        for path in ["/", "/inbox", "/executions/x", "/assets/a.js"] {
            assert!(is_open(path), "{path}");
        }
        for path in ["", "inbox", "/api", "/api/v1/executions", "/metrics", "/mcp", "/inboxes", "//inbox", "/assets"] {
            assert!(!is_open(path), "{path}");
        }
    }
}
