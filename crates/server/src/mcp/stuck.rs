//! The tool that finds what makes no progress until somebody acts, and says why and what to do.
//!
//! Not here: the finding (`kitaru_engine::manage::stuck`).

use super::bounded::{Pile, begin};
use super::looking::limit;
use super::suggest;
use super::told::Told;
use super::tool::{Call, LOOKS, Result, Tool, tool};
use crate::scope::Scope;
use kitaru_engine::manage::{self, view};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

pub fn tools() -> Vec<Tool> {
    vec![tool(
        "kitaru_find_stuck",
        "Find what is stuck",
        (Scope::Read, LOOKS),
        "Finds executions that make no progress until somebody acts: those that ask a question, are paused for a \
         decision, lost their process, are due with nobody to carry them on, or have a process that gives no sign of \
         life. For each: why, who must act, the command that a person would type (`next`), and the tool calls to \
         choose from (`to_go_on`). Start here when asked what is going on. Failed executions have ended and are not \
         among them: kitaru_list_executions with states [\"failed\"].",
        stuck,
    )]
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// Only executions of this flow.
    flow: Option<String>,
    /// How many at the most.
    #[serde(default = "twenty")]
    #[schemars(range(min = 1, max = 50))]
    limit: usize,
}

fn twenty() -> usize {
    20
}

fn stuck(call: &Call, asked: Asked) -> Result<Told> {
    let (store, now) = (call.shared.store.as_ref(), call.shared.now());
    let found = manage::stuck(store, asked.flow.as_deref(), limit(asked.limit, 50)?, now)?;
    let mut pile = Pile::default();
    for (row, diagnosis) in &found.rows {
        let mut item = view::diagnosed(store, row, diagnosis, now);
        let why = item["why"].take();
        item["why"] = begin(why, 1_000, "kitaru_get_execution");
        item["to_go_on"] = Value::Array(suggest::calls(store, row, manage::status(store, row, now))?);
        if let Some(why) = call.shared.carrier.as_ref().and_then(|carrier| carrier.refused(row)) {
            item["could_not_go_on"] = why.into();
        }
        if !pile.take(item) {
            break;
        }
    }
    let more = found.more || pile.items.len() < found.rows.len();
    let summary = match pile.items.len() {
        0 if more => {
            "Nothing among the newest open executions needs somebody; older ones were not looked at.".to_owned()
        }
        0 => "Nothing is stuck: every open execution works, sleeps, or waits for others that do.".to_owned(),
        count => format!("{count} need somebody{}.", if more { "; there are more" } else { "" }),
    };
    let is_none = pile.items.is_empty();
    let told = Told::new(summary, json!({ "stuck": pile.items, "more": more }));
    Ok(if is_none { told } else { told.next("ask your user what to decide; do not decide for them") })
}
