//! `check`: whether the open executions of a flow would resume with the code as it is now.
//!
//! Not here: the rehearsals, which run user code (the [`crate::Host`] does).

use crate::output::{Answer, clean};
use crate::{Context, HostError, render};
use kitaru_engine::manage::ManageError;
use serde_json::Value as Json;

/// `check`
pub fn check(context: &mut Context<'_>, target: &str) -> Result<Answer, ManageError> {
    let found = context
        .host
        .check(target, &context.place)
        .map_err(|HostError { code, message, hint }| ManageError { code, message, hint })?;
    let all: Vec<&Json> = found.get("executions").and_then(Json::as_array).into_iter().flatten().collect();
    let stops = all.iter().filter(|one| !is_clean(one)).count();
    let mut messages = vec![counted(&render::field(&found, "flow"), all.len(), stops)];
    let others = found.get("others").and_then(Json::as_u64).unwrap_or_default();
    if others > 0 {
        messages.push(format!("{others} more of a flow of that name in another file were not looked at"));
    }
    if !all.is_empty() {
        messages.push("their code between checkpoints was run; nothing was written to the store".to_owned());
    }
    let text = all.iter().map(|one| shown(one)).collect::<Vec<_>>().join("\n");
    Ok(Answer { item: Some(found.clone()), text, messages, status: i32::from(stops > 0), ..Answer::default() })
}

fn is_clean(one: &Json) -> bool {
    one.get("clean") == Some(&Json::Bool(true))
}

fn counted(flow: &str, all: usize, stops: usize) -> String {
    let flow = clean(flow);
    match (all, stops) {
        (0, _) => format!("no execution of {flow} is open"),
        (1, 0) => format!("the one open execution of {flow} would resume cleanly"),
        (_, 0) => format!("all {all} open executions of {flow} would resume cleanly"),
        (1, _) => format!("the one open execution of {flow} would stop"),
        _ => format!("{stops} of {all} open executions of {flow} would stop"),
    }
}

/// One execution: a line of what would happen, and below it why.
fn shown(one: &Json) -> String {
    let served = one.get("served").and_then(Json::as_u64).unwrap_or_default();
    let head = format!("{}  {:<11}", render::short(one), render::field(one, "status"));
    let served = if served == 1 { "1 recorded call".to_owned() } else { format!("{served} recorded calls") };
    let mut lines = Vec::new();
    if is_clean(one) {
        lines.push(format!("{head}  resumes: {served}, then {}", then(one)));
    } else {
        lines.push(format!("{head}  stops: {}", render::field(one, "why").replace('_', " ")));
        lines.extend(said(&render::field(one, "text")));
    }
    for (name, why) in one.get("changed").and_then(Json::as_object).into_iter().flatten() {
        lines.push(format!("    changed: {name} ({})", why.as_str().unwrap_or_default()));
    }
    lines.iter().map(|line| clean(line)).collect::<Vec<_>>().join("\n")
}

/// What a clean resume goes on with.
fn then(one: &Json) -> String {
    let mut parts = Vec::new();
    for (name, words) in [("runs", "runs"), ("waits", "waits for"), ("sleeps", "sleeps at")] {
        let keys: Vec<String> = list(one, name).filter_map(Json::as_str).map(str::to_owned).collect();
        if !keys.is_empty() {
            let more = if keys.len() > 3 { format!(" and {} more", keys.len() - 3) } else { String::new() };
            parts.push(format!("{words} {}{more}", keys[..keys.len().min(3)].join(", ")));
        }
    }
    if parts.is_empty() { "it ends".to_owned() } else { parts.join(", ") }
}

/// What a stop says, without the commands that follow it, which are for when it has stopped, and without what has
/// changed, which is listed.
fn said(text: &str) -> Vec<String> {
    let own = text.lines().filter(|line| !line.contains(": kitaru ") && !line.starts_with("Changed since: "));
    own.map(|line| format!("    {}", line.trim_start())).collect()
}

fn list<'a>(item: &'a Json, name: &str) -> impl Iterator<Item = &'a Json> {
    item.get(name).and_then(Json::as_array).into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn a_clean_resume_says_what_it_goes_on_with() {
        let one = json!({ "id": "0", "status": "waiting", "clean": true, "served": 1, "runs": ["a", "b", "c", "d"],
                          "waits": ["approve"], "sleeps": [] });
        let text = super::shown(&one);
        assert!(text.ends_with("resumes: 1 recorded call, then runs a, b, c and 1 more, waits for approve"), "{text}");
    }

    #[test]
    fn a_stop_says_what_and_not_what_to_type() {
        let text = "step has other inputs:\n  x: 1 -> 2\nUse its result: kitaru resume 1 --on-drift reuse";
        assert_eq!(super::said(text), ["    step has other inputs:", "    x: 1 -> 2"]);
    }
}
