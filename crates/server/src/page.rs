//! `GET /`: what runs and what is asked, for people, as a page without scripts.

use crate::Shared;
use crate::problem::Problem;
use axum::extract::State;
use axum::http::header;
use axum::response::{Html, IntoResponse, Response};
use kitaru_engine::manage::{self, ManageError, Wanted, view};
use serde_json::Value;
use std::fmt::Write;

const STYLE: &str = "body{font:15px system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem}\
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #8884;\
vertical-align:top}code{font-size:.9em}h2{margin-top:2rem}@media(prefers-color-scheme:dark){body{background:#111;\
color:#ddd}a{color:#8bf}}form{margin:1.5rem 0}button{font:inherit;padding:.6rem 1.6rem;margin:.2rem}\
textarea{display:block;width:100%;font:inherit;margin:.4rem 0 1rem}pre{white-space:pre-wrap;overflow-wrap:anywhere}\
.question{font-size:1.2rem;white-space:pre-wrap}.small{opacity:.7;font-size:.9em}.problem{color:#c33}";

/// The page.
pub async fn page(State(shared): State<Shared>) -> Response {
    let made = tokio::task::spawn_blocking(move || text(&shared)).await;
    match made {
        Ok(Ok(text)) => Html(text).into_response(),
        Ok(Err(error)) => Problem::from(error).into_response(),
        Err(error) => Problem::from(ManageError::new("misuse", error.to_string(), None)).into_response(),
    }
}

/// `GET /style.css`
pub async fn style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], STYLE)
}

fn text(shared: &Shared) -> Result<String, ManageError> {
    let (store, now) = (shared.store.as_ref(), shared.now());
    let mut page = "<!doctype html><html lang=en><meta charset=utf-8><title>Kitaru</title>\
        <link rel=stylesheet href=/style.css>"
        .to_owned();
    page.push_str("<h1>Kitaru</h1><h2>Open questions</h2>");
    let (waits, more) = manage::inbox(store, None, 100)?;
    if waits.is_empty() {
        page.push_str("<p>Nobody is asked anything.</p>");
    } else {
        page.push_str("<table><tr><th>Execution<th>Wait<th>Question<th>Answer with");
        for wait in &waits {
            let item = view::wait(store, wait, now)?;
            _ = write!(
                page,
                "<tr><td><code>{}</code><td>{}<td>{}<td><code>{}</code>",
                plain(wait.execution_id.short()),
                plain(&wait.key),
                plain(&wait.question),
                plain(item["next"].as_str().unwrap_or_default()),
            );
        }
        page.push_str("</table>");
        if more.is_some() {
            page.push_str("<p>There are more: <code>kitaru waits list</code>.</p>");
        }
    }
    page.push_str("<h2>Executions</h2>");
    let wanted = Wanted { limit: 50, page: 1, ..Wanted::default() };
    let rows = manage::list(store, &wanted, now)?;
    if rows.is_empty() {
        page.push_str("<p>No flow has run yet.</p>");
        return Ok(page);
    }
    page.push_str("<table><tr><th>Execution<th>Flow<th>Status<th>Created<th>Reason");
    for row in &rows {
        let item = view::brief(store, row, now)?;
        let field = |pointer: &str| plain(item.pointer(pointer).and_then(Value::as_str).unwrap_or_default());
        _ = write!(
            page,
            "<tr><td><a href=\"/api/v1/executions/{id}\"><code>{short}</code></a><td>{}<td>{}<td>{}<td>{}",
            field("/flow"),
            field("/status"),
            field("/created_at"),
            field("/reason/text"),
            id = plain(row.id.as_str()),
            short = plain(row.id.short()),
        );
    }
    page.push_str("</table>");
    Ok(page)
}

/// Text that can only be text.
pub fn plain(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}
