//! Executions as resources: `kitaru://executions/{id}`.
//!
//! Not here: what is shown of one (`looking`).

use super::bounded::bounded;
use super::looking::shown;
use super::told::{ABOUT, Told};
use super::tool::{Call, Result};
use crate::executions::Cursor;
use kitaru_engine::manage::{self, ManageError, Wanted};
use rmcp::model::{
    ListResourceTemplatesResult, ListResourcesResult, ReadResourceResult, Resource, ResourceContents, ResourceTemplate,
};
use serde_json::json;

const ROOT: &str = "kitaru://executions/";

/// How many are listed at a time.
const MANY: usize = 50;

/// The newest executions, by pages.
pub fn list(call: &Call, cursor: Option<String>) -> Result<ListResourcesResult> {
    let (store, now) = (call.shared.store.as_ref(), call.shared.now());
    let before = cursor.map(Cursor::try_from).transpose();
    let before = before.map_err(|why| ManageError::new("usage", why, None))?.map(|cursor| cursor.0);
    let wanted = Wanted { before, limit: MANY + 1, page: 1, ..Wanted::default() };
    let rows = manage::list(store, &wanted, now)?;
    let page = &rows[..rows.len().min(MANY)];
    let resources = page.iter().map(|row| {
        let said = format!("An execution, {}.", manage::status(store, row, now));
        Resource::new(format!("{ROOT}{}", row.id), format!("{} {}", name(&row.flow), row.id.short()))
            .with_description(said)
            .with_mime_type("application/json")
    });
    let mut result = ListResourcesResult::with_all_items(resources.collect());
    result.next_cursor = page.last().filter(|_| rows.len() > MANY).map(|row| format!("e{}", row.number));
    Ok(result)
}

/// A flow's name, as far as it looks like one.
fn name(flow: &str) -> String {
    flow.chars().filter(|one| one.is_alphanumeric() || "._-".contains(*one)).take(60).collect()
}

/// How any is named.
pub fn templates() -> ListResourceTemplatesResult {
    let one = ResourceTemplate::new(format!("{ROOT}{{id}}"), "execution")
        .with_title("Execution")
        .with_description(
            "One execution: state, inputs, result or error, open questions, last calls. Its identifier, a \
                           unique beginning or end of it, or `latest`.",
        )
        .with_mime_type("application/json");
    ListResourceTemplatesResult::with_all_items(vec![one])
}

/// One execution.
pub fn read(call: &Call, uri: &str) -> Result<ReadResourceResult> {
    let Some(id) = uri.strip_prefix(ROOT).filter(|id| !id.is_empty()) else {
        return Err(ManageError::new("unknown-execution", format!("there is nothing at {uri}"), None));
    };
    let row = call.find(id)?;
    let data = bounded(Told::new("", shown(call, &row)?.1)).data;
    let text = json!({ "about_data": ABOUT, "data": data }).to_string();
    Ok(ReadResourceResult::new(vec![ResourceContents::text(text, uri).with_mime_type("application/json")]))
}
