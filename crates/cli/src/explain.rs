//! `kitaru explain CODE`: the error pages, carried in the program.

use crate::output::Answer;
use kitaru_engine::manage::ManageError;
use serde_json::json;

include!(concat!(env!("OUT_DIR"), "/pages.rs"));

/// The page of a code; without one, the list of them.
pub fn explain(code: Option<&str>) -> Result<Answer, ManageError> {
    let Some(code) = code else {
        let items = PAGES.iter().map(|(name, page)| json!({ "code": name, "title": title(page) })).collect();
        let widest = PAGES.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
        let lines: Vec<String> = PAGES.iter().map(|(name, page)| format!("{name:<widest$}  {}", title(page))).collect();
        return Ok(Answer { items: Some(items), text: lines.join("\n"), ..Answer::default() });
    };
    let wanted = code.trim().trim_start_matches("error[").trim_end_matches(':').trim_end_matches(']');
    match PAGES.iter().find(|(name, _)| *name == wanted) {
        Some((name, page)) => Ok(Answer {
            item: Some(json!({ "code": name, "title": title(page), "page": page })),
            text: (*page).to_owned(),
            ..Answer::default()
        }),
        None => {
            let near: Vec<&str> = PAGES
                .iter()
                .map(|(name, _)| *name)
                .filter(|name| !wanted.is_empty() && name.contains(wanted))
                .collect();
            let hint = if near.is_empty() { "kitaru explain lists them".to_owned() } else { near.join(", ") };
            Err(ManageError::new("usage", format!("there is no error code {wanted:?}"), Some(hint)))
        }
    }
}

/// A page's first line says in a sentence what happened.
fn title(page: &str) -> &str {
    page.lines().find(|line| !line.is_empty() && !line.starts_with('#')).unwrap_or_default()
}
