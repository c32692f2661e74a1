//! `kitaru explain CODE`: the error pages, carried in the program.

use crate::output::Answer;
use kitaru_engine::manage::ManageError;
use serde_json::json;

include!(concat!(env!("OUT_DIR"), "/pages.rs"));

/// The page of a code.
pub fn explain(code: &str) -> Result<Answer, ManageError> {
    let wanted = code.trim_start_matches("error[").trim_end_matches(']');
    match PAGES.iter().find(|(name, _)| *name == wanted) {
        Some((name, page)) => Ok(Answer {
            item: Some(json!({ "code": name, "page": page })),
            text: (*page).to_owned(),
            ..Answer::default()
        }),
        None => {
            let known: Vec<&str> = PAGES.iter().map(|(name, _)| *name).collect();
            let hint = Some(format!("codes: {}", known.join(", ")));
            Err(ManageError::new("usage", format!("there is no error code {wanted:?}"), hint))
        }
    }
}
