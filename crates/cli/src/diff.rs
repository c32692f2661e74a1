//! `diff`: executions side by side, as text that fits a terminal of 80 columns.
//!
//! Not here: what belongs together and what differs (`kitaru_engine::manage`).

use crate::Context;
use crate::asked::Diff;
use crate::output::{Answer, clean, colour};
use crate::plan::length;
use crate::render::{cut, field, table, width};
use kitaru_engine::manage::{self, ManageError};
use serde_json::Value as Json;

/// So many calls are listed; the item has all.
const LISTED: usize = 60;
/// Before a difference.
const INDENT: &str = "    ";

const GREEN: u8 = 32;
const RED: u8 = 31;
const YELLOW: u8 = 33;

/// `diff`
pub fn diff(context: &mut Context<'_>, asked: &Diff) -> Result<Answer, ManageError> {
    let store = context.store.as_ref();
    let rows = manage::found(store, &asked.ids)?;
    let item = manage::diff(store, &rows, context.now())?;
    let only = asked.only.as_deref();
    let text = if rows.len() > 2 { several(&item, only) } else { two(&item, only) };
    let diverged = match only {
        Some("outputs") => outputs_differ(&item),
        _ => item.get("diverged") == Some(&Json::Bool(true)),
    };
    let status = i32::from(asked.fail_on_divergence && diverged);
    Ok(Answer { item: Some(narrowed(item, only)), text, status, ..Answer::default() })
}

fn outputs_differ(item: &Json) -> bool {
    let some = |name: &str| list(item, name).next().is_some();
    let calls = list(item, "calls").any(|call| {
        list(call, "output").next().is_some() || matches!(field(call, "verdict").as_str(), "added" | "removed")
    });
    some("result") || item.get("error").is_some_and(|error| !error.is_null()) || calls
}

/// The item with what was asked for alone.
fn narrowed(mut item: Json, only: Option<&str>) -> Json {
    let (Some(only), Some(fields)) = (only, item.as_object_mut()) else { return item };
    let (drop, of_calls): (&[&str], &[&str]) = match only {
        "outputs" => (&["inputs"], &["inputs", "sides"]),
        "calls" => (&["inputs", "result", "error"], &["inputs", "output"]),
        _ => (&["inputs", "result", "error"], &["inputs", "output", "code_changed"]),
    };
    fields.retain(|name, _| !drop.contains(&name.as_str()));
    for call in fields.get_mut("calls").and_then(Json::as_array_mut).into_iter().flatten() {
        if let Some(call) = call.as_object_mut() {
            call.retain(|name, _| !of_calls.contains(&name.as_str()));
        }
    }
    item
}

// -- two -----------------------------------------------------------------------------------------------------

fn two(item: &Json, only: Option<&str>) -> String {
    let sides: Vec<&Json> = list(item, "executions").collect();
    let [a, b] = sides.as_slice() else { return String::new() };
    let mut lines = vec![clean(&title(a, b)), String::new()];
    if only.is_none_or(|only| only == "cost") {
        lines.extend(totals(a, b));
        lines.push(String::new());
    }
    if only != Some("outputs") {
        lines.extend(counted(item));
        lines.push(String::new());
    }
    if only.is_none() {
        lines.extend(section("inputs of the flow", item, "inputs"));
    }
    if only == Some("cost") {
        let calls: Vec<Json> = list(item, "calls").filter(|call| field(call, "verdict") != "reused").cloned().collect();
        if !calls.is_empty() {
            lines.push(costs(&calls[..calls.len().min(LISTED)]));
            lines.extend(left_out(calls.len()));
        }
        return lines.join("\n");
    }
    let shown: Vec<&Json> = list(item, "calls").filter(|call| is_shown(call, only)).collect();
    for call in shown.iter().take(LISTED) {
        lines.extend(one_call(call, only));
    }
    lines.extend(left_out(shown.len()));
    if !shown.is_empty() {
        lines.push(String::new());
    }
    if only != Some("calls") {
        lines.extend(section("result", item, "result"));
        if let Some([before, after]) = item.get("error").and_then(Json::as_array).map(Vec::as_slice) {
            let text = |side: &Json| side.as_str().unwrap_or("none").to_owned();
            lines.push("error".to_owned());
            lines.extend(changed("", &text(before), &text(after)));
            lines.push(String::new());
        }
    }
    if item.get("diverged") == Some(&Json::Bool(false)) {
        lines.push("they do not differ".to_owned());
    }
    lines.join("\n")
}

fn title(a: &Json, b: &Json) -> String {
    let name = |side: &Json| format!("{} {} ({})", field(side, "flow"), short(side), field(side, "status"));
    let replays = if field(b, "forked_from") == field(a, "id") { ", a replay of it" } else { "" };
    format!("{}\n{}{replays}", name(a), name(b))
}

fn short(side: &Json) -> String {
    crate::render::short(side)
}

/// Status, times, tokens and cost side by side.
fn totals(a: &Json, b: &Json) -> Vec<String> {
    let usage = |side: &Json, of: &str, name: &str| -> f64 {
        side.get(of).and_then(|usage| usage.get(name)).and_then(Json::as_f64).unwrap_or_default()
    };
    let number = |side: &Json, name: &str| side.get(name).and_then(Json::as_f64).unwrap_or_default();
    let mut lines = vec![row("", &short(a), &short(b), "")];
    lines.push(row("status", &field(a, "status"), &field(b, "status"), ""));
    let mut add = |name: &str, one: f64, other: f64, show: fn(f64) -> String| {
        if one != 0.0 || other != 0.0 {
            let more = other - one;
            let sign = if more > 0.0 { "+" } else { "-" };
            let more = if more == 0.0 { String::new() } else { format!("{sign}{}", show(more.abs())) };
            lines.push(row(name, &show(one), &show(other), &more));
        }
    };
    add("calls", number(a, "calls"), number(b, "calls"), whole);
    add("  of them reused", number(a, "reused"), number(b, "reused"), whole);
    add("attempts", number(a, "attempts"), number(b, "attempts"), whole);
    add("took", number(a, "ms"), number(b, "ms"), length);
    add("  of it itself", number(a, "ran_ms"), number(b, "ran_ms"), length);
    for (name, title) in [("input_tokens", "tokens in"), ("output_tokens", "tokens out")] {
        add(title, usage(a, "usage", name), usage(b, "usage", name), whole);
    }
    add("cost", usage(a, "usage", "cost_usd"), usage(b, "usage", "cost_usd"), dollars);
    add("  of it itself", usage(a, "spent", "cost_usd"), usage(b, "spent", "cost_usd"), dollars);
    lines
}

fn row(name: &str, one: &str, other: &str, more: &str) -> String {
    format!("{name:<18} {one:>12} {other:>12} {more:>12}").trim_end().to_owned()
}

fn whole(number: f64) -> String {
    format!("{number}")
}

fn dollars(number: f64) -> String {
    format!("${number:.4}")
}

fn counted(item: &Json) -> Vec<String> {
    let counts = item.get("counts").cloned().unwrap_or_default();
    let told: Vec<String> = ["reused", "same", "changed", "added", "removed", "moved"]
        .iter()
        .filter_map(|word| {
            let count = counts.get(*word).and_then(Json::as_u64).filter(|count| *count > 0)?;
            Some(format!("{count} {word}"))
        })
        .collect();
    let mut lines = vec![format!("calls: {}", if told.is_empty() { "none".to_owned() } else { told.join(", ") })];
    if let Some(first) = item.get("first_divergence").filter(|first| !first.is_null()) {
        let steps: Vec<u64> = list(first, "steps").filter_map(Json::as_u64).collect();
        let step = steps.last().map(|step| format!(" (step {step})")).unwrap_or_default();
        lines.push(clean(&format!("first divergence: {}{step}, {}", field(first, "key"), field(first, "verdict"))));
    }
    lines
}

fn is_shown(call: &Json, only: Option<&str>) -> bool {
    let verdict = field(call, "verdict");
    let parts = matches!(verdict.as_str(), "changed" | "added" | "removed");
    match only {
        Some("outputs") => list(call, "output").next().is_some() || matches!(verdict.as_str(), "added" | "removed"),
        _ => parts || call.get("moved") == Some(&Json::Bool(true)),
    }
}

/// A call that differs: one line, and where its values do.
fn one_call(call: &Json, only: Option<&str>) -> Vec<String> {
    let verdict = field(call, "verdict");
    let (mark, tint) = match verdict.as_str() {
        "added" => ("+", GREEN),
        "removed" => ("-", RED),
        "changed" => ("~", YELLOW),
        _ => (">", YELLOW),
    };
    let sides: Vec<&Json> = list(call, "sides").filter(|side| !side.is_null()).collect();
    let mut said = Vec::new();
    if call.get("moved") == Some(&Json::Bool(true))
        && let Some(first) = sides.first()
    {
        said.push(format!("moved from {}", field(first, "key")));
    }
    let pair = |read: &dyn Fn(&Json) -> String| -> Option<String> {
        let told: Vec<String> = sides.iter().map(|side| read(side)).collect();
        match told.as_slice() {
            [one, other] if one != other => Some(format!("{} -> {}", or_none(one), or_none(other))),
            [one] | [one, _] if !one.is_empty() && sides.len() == 1 => Some(one.clone()),
            _ => None,
        }
    };
    said.extend(
        pair(&|side| match field(side, "status").as_str() {
            "completed" => String::new(),
            other => other.to_owned(),
        })
        .map(|text| text.replace("none", "completed")),
    );
    said.extend(pair(&|side| side.get("ms").and_then(Json::as_f64).map(length).unwrap_or_default()));
    said.extend(pair(&|side| {
        let cost = side.get("usage").and_then(|usage| usage.get("cost_usd")).and_then(Json::as_f64);
        cost.filter(|cost| *cost > 0.0).map(dollars).unwrap_or_default()
    }));
    said.extend(
        pair(&|side| match field(side, "attempts").as_str() {
            "0" | "1" => String::new(),
            tries => format!("{tries} tries"),
        })
        .map(|text| text.replace("none", "1 try")),
    );
    if call.get("code_changed") == Some(&Json::Bool(true)) {
        said.push("its code changed".to_owned());
    }
    if sides.iter().any(|side| side.get("by_hand") == Some(&Json::Bool(true))) {
        said.push("set by hand".to_owned());
    }
    let head = format!("{mark} {}", cut(&field(call, "key"), 36));
    let rest = if said.is_empty() { String::new() } else { format!("  {}", said.join(", ")) };
    let mut lines = vec![format!("{}{}", tinted(&clean(&head), tint), clean(&rest))];
    if only == Some("calls") {
        return lines;
    }
    if only.is_none() {
        lines.extend(differences("inputs ", call, "inputs"));
    }
    lines.extend(differences("output ", call, "output"));
    if let [one, other] = sides.as_slice() {
        let (one, other) = (field(one, "error"), field(other, "error"));
        if one != other {
            lines.extend(changed("error", &or_none(&one), &or_none(&other)));
        }
    }
    lines
}

fn or_none(text: &str) -> String {
    if text.is_empty() { "none".to_owned() } else { text.to_owned() }
}

fn section(title: &str, item: &Json, name: &str) -> Vec<String> {
    let mut lines = differences("", item, name);
    if !lines.is_empty() {
        lines.insert(0, title.to_owned());
        lines.push(String::new());
    }
    lines
}

fn differences(label: &str, item: &Json, name: &str) -> Vec<String> {
    let one = |one: &Json| {
        let path = match field(one, "path").as_str() {
            "value" => label.trim().to_owned(),
            path => format!("{label}{path}"),
        };
        let side = |name: &str| one.get(name).and_then(Json::as_str).unwrap_or("nothing").to_owned();
        changed(&path, &side("before"), &side("after"))
    };
    list(item, name).flat_map(one).collect()
}

/// `path: before -> after` where it fits the line, else one below the other.
fn changed(path: &str, before: &str, after: &str) -> Vec<String> {
    let (path, before, after) = (clean(path), one_line(before), one_line(after));
    let colon = if path.is_empty() { String::new() } else { format!("{path}: ") };
    let long = INDENT.len() + [&colon, &before, &after].iter().map(|text| text.chars().count()).sum::<usize>() + 4;
    if long <= width() {
        return vec![format!("{INDENT}{colon}{} -> {}", tinted(&before, RED), tinted(&after, GREEN))];
    }
    let left = width().saturating_sub(INDENT.len() + 4).max(20);
    let mut lines = Vec::new();
    if !path.is_empty() {
        lines.push(format!("{INDENT}{}", colon.trim_end()));
    }
    lines.push(tinted(&format!("{INDENT}  - {}", cut(&before, left)), RED));
    lines.push(tinted(&format!("{INDENT}  + {}", cut(&after, left)), GREEN));
    lines
}

fn one_line(text: &str) -> String {
    clean(text).replace(['\n', '\t'], " ")
}

fn costs(calls: &[Json]) -> String {
    fn side(call: &Json, at: usize) -> Option<&Json> {
        call.get("sides")?.get(at).filter(|side| !side.is_null())
    }
    fn took(call: &Json, at: usize) -> String {
        side(call, at).and_then(|side| side.get("ms")).and_then(Json::as_f64).map(length).unwrap_or_default()
    }
    fn cost(call: &Json, at: usize) -> String {
        let usage = side(call, at).and_then(|side| side.get("usage")).cloned().unwrap_or_default();
        let number = |name: &str| usage.get(name).and_then(Json::as_f64).unwrap_or_default();
        let tokens = number("input_tokens") + number("output_tokens");
        if tokens == 0.0 && number("cost_usd") == 0.0 {
            return String::new();
        }
        format!("{tokens} {}", dollars(number("cost_usd")))
    }
    table(
        calls,
        &[
            ("CALL", |call| cut(&field(call, "key"), 22)),
            ("", |call| field(call, "verdict")),
            ("TOOK", |call| took(call, 0)),
            ("TOOK", |call| took(call, 1)),
            ("TOKENS, COST", |call| cost(call, 0)),
            ("TOKENS, COST", |call| cost(call, 1)),
        ],
    )
}

fn left_out(calls: usize) -> Option<String> {
    (calls > LISTED).then(|| format!("and {} more (all of them: --output json)", calls - LISTED))
}

// -- several -------------------------------------------------------------------------------------------------

fn several(item: &Json, only: Option<&str>) -> String {
    let sides: Vec<Json> = list(item, "executions").cloned().collect();
    let mut lines = Vec::new();
    if only != Some("calls") {
        lines.push(table(
            &sides,
            &[
                ("ID", crate::render::short),
                ("FLOW", |side| cut(&field(side, "flow"), 16)),
                ("STATUS", |side| field(side, "status")),
                ("CALLS", |side| field(side, "calls")),
                ("REUSED", |side| field(side, "reused")),
                ("TOOK", |side| side.get("ms").and_then(Json::as_f64).map(length).unwrap_or_default()),
                ("TOKENS", |side| {
                    let usage = side.get("usage").cloned().unwrap_or_default();
                    let number = |name: &str| usage.get(name).and_then(Json::as_f64).unwrap_or_default();
                    whole(number("input_tokens") + number("output_tokens"))
                }),
                ("COST", |side| {
                    let cost = side.get("usage").and_then(|usage| usage.get("cost_usd")).and_then(Json::as_f64);
                    dollars(cost.unwrap_or_default())
                }),
            ],
        ));
        lines.push(String::new());
    }
    if only == Some("cost") {
        return lines.join("\n");
    }
    let differs = |call: &&Json| {
        list(call, "verdicts").filter_map(Json::as_str).any(|verdict| !matches!(verdict, "reused" | "same"))
    };
    let all = list(item, "calls").count();
    let shown: Vec<&Json> = list(item, "calls").filter(differs).collect();
    let alike = all - shown.len();
    lines.push(format!("{alike} of {all} calls are the same in all of them"));
    if !shown.is_empty() {
        lines.push(String::new());
        lines.extend(grid(&sides, &shown[..shown.len().min(LISTED)]));
        lines.extend(left_out(shown.len()));
    }
    lines.join("\n")
}

/// A column for each execution: how its call compares with the first that has it.
fn grid(sides: &[Json], calls: &[&Json]) -> Vec<String> {
    let cell = 9;
    let name = width().saturating_sub(sides.len() * (cell + 1)).clamp(12, 36);
    let line = |head: &str, cells: &[(String, Option<u8>)]| {
        let mut text = format!("{:<name$}", cut(head, name));
        for (word, tint) in cells {
            let padded = format!("{word:<cell$}");
            text.push(' ');
            text.push_str(&tint.map_or(padded.clone(), |tint| tinted(&padded, tint)));
        }
        text.trim_end().to_owned()
    };
    let heads: Vec<(String, Option<u8>)> = sides.iter().map(|side| (short(side), None)).collect();
    let mut lines = vec![line("CALL", &heads)];
    for call in calls {
        let has: Vec<bool> = list(call, "sides").map(|side| !side.is_null()).collect();
        let cells: Vec<(String, Option<u8>)> = list(call, "verdicts")
            .enumerate()
            .map(|(at, verdict)| match verdict.as_str() {
                Some("changed") => ("changed".to_owned(), Some(YELLOW)),
                Some("added") => ("added".to_owned(), Some(GREEN)),
                Some("removed") => ("missing".to_owned(), Some(RED)),
                Some(word) => (word.to_owned(), None),
                None if has.get(at) == Some(&true) => ("first".to_owned(), None),
                None => (String::new(), None),
            })
            .collect();
        lines.push(line(&clean(&field(call, "key")), &cells));
    }
    lines
}

fn tinted(text: &str, code: u8) -> String {
    if colour() { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
}

fn list<'a>(item: &'a Json, name: &str) -> impl Iterator<Item = &'a Json> {
    item.get(name).and_then(Json::as_array).into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_long_difference_is_told_on_two_lines() {
        assert_eq!(changed("topic", "\"a\"", "\"b\""), ["    topic: \"a\" -> \"b\""]);
        let long = "x".repeat(200);
        assert_eq!(changed("topic", &long, "\"b\"").len(), 3);
    }

    #[test]
    fn what_is_not_asked_for_is_left_out() {
        let item = json!({ "inputs": [], "result": [], "calls": [{ "key": "a", "inputs": [], "output": [1] }] });
        assert_eq!(narrowed(item, Some("outputs")), json!({ "result": [], "calls": [{ "key": "a", "output": [1] }] }));
    }
}
