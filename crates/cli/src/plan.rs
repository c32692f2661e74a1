//! A plan of a replay as text: what is reused and what runs, the calls that are not reused and why, what to know.
//!
//! Not here: the plan, which is an item of `kitaru_engine::manage`.

use crate::output::clean;
use crate::render::{Column, cut, field, table};
use serde_json::Value as Json;

/// So many calls are listed; the item has all.
const LISTED: usize = 40;

/// The page of one plan.
pub fn plan(item: &Json) -> String {
    let mut lines = vec![clean(&head(item)), String::new()];
    for one in list(item, "overrides") {
        let was = one.get("was").filter(|was| !was.is_null());
        let was = was.map_or_else(|| "set to".to_owned(), |was| format!("{} ->", cut(&was.to_string(), 32)));
        let value = one.get("value").map(Json::to_string).unwrap_or_default();
        lines.push(clean(&format!("set      {}  {was} {}", field(one, "path"), cut(&value, 32))));
    }
    if lines.len() > 2 {
        lines.push(String::new());
    }
    lines.extend(sums(item));
    let shown: Vec<Json> = list(item, "calls")
        .filter(|call| !matches!(field(call, "fate").as_str(), "reused" | "skipped"))
        .cloned()
        .collect();
    if !shown.is_empty() {
        lines.push(String::new());
        let columns: [Column<'_>; 4] = [
            ("STEP", |call| format!("{:>4}", field(call, "step"))),
            ("CALL", |call| cut(&field(call, "key"), 32)),
            ("WHAT", |call| word(&field(call, "fate")).to_owned()),
            ("WHY", why),
        ];
        lines.push(table(&shown[..shown.len().min(LISTED)], &columns));
        if shown.len() > LISTED {
            lines.push(format!("and {} more (all of them: --output json)", shown.len() - LISTED));
        }
    }
    let notes: Vec<String> = list(item, "notes").filter_map(Json::as_str).map(|note| format!("note: {note}")).collect();
    if !notes.is_empty() {
        lines.push(String::new());
        lines.extend(notes.iter().map(|note| clean(note)));
    }
    lines.join("\n")
}

/// Several plans together.
pub fn together(plans: &[&Json]) -> String {
    let total = |name: &str, inner: &str| -> f64 {
        let number = |plan: &&Json| plan.get(name).and_then(|sum| sum.get(inner)).and_then(Json::as_f64);
        plans.iter().filter_map(number).sum()
    };
    let cost = |name: &str| -> f64 { plans.iter().filter_map(|plan| cost_of(plan, name)).sum() };
    let mut lines = Vec::new();
    for (name, title, verb) in [("reused", "reused", "saves"), ("runs", "runs", "cost"), ("may_run", "may run", "cost")]
    {
        let calls = total(name, "calls");
        if calls > 0.0 || name != "may_run" {
            lines.push(format!("{title:<8} {calls} calls{}", money(verb, total(name, "ms"), cost(name))));
        }
    }
    let again: f64 = plans.iter().filter_map(|plan| plan.get("effects_again").and_then(Json::as_f64)).sum();
    if again > 0.0 {
        lines.push(format!("{again} effects that happen once would happen again"));
    }
    lines.join("\n")
}

fn head(item: &Json) -> String {
    let source = field(item, "source");
    let short = source.get(source.len().saturating_sub(8)..).unwrap_or_default();
    let mut head = format!("replay of {} {short}", field(item, "flow"));
    let from = field(item, "from");
    if !from.is_empty() {
        head.push_str(&format!(" from {from}"));
    }
    if field(item, "reuse") == "unchanged" {
        head.push_str(", reusing what is unchanged");
    }
    if !field(item, "keep").is_empty() {
        head.push_str(", keeping what is recorded");
    }
    head
}

fn sums(item: &Json) -> Vec<String> {
    let mut lines = Vec::new();
    for (name, title, verb) in [("reused", "reused", "saves"), ("runs", "runs", "cost"), ("may_run", "may run", "cost")]
    {
        let Some(sum) = item.get(name) else { continue };
        let calls = sum.get("calls").and_then(Json::as_u64).unwrap_or_default();
        if calls > 0 || name != "may_run" {
            let millis = sum.get("ms").and_then(Json::as_f64).unwrap_or_default();
            let plural = if calls == 1 { "call" } else { "calls" };
            let money = money(verb, millis, cost_of(item, name).unwrap_or_default());
            lines.push(format!("{title:<8} {calls} {plural}{money}"));
        }
    }
    let waits = item.get("waits").cloned().unwrap_or_default();
    let told: Vec<String> = [
        ("reused", "reused"),
        ("answered", "answered by you"),
        ("asked_again", "asked again"),
        ("may_be_asked_again", "may be asked again"),
    ]
    .iter()
    .filter_map(|(name, words)| {
        let count = waits.get(*name).and_then(Json::as_u64).filter(|count| *count > 0)?;
        Some(format!("{count} {words}"))
    })
    .collect();
    if !told.is_empty() {
        lines.push(format!("{:<8} {}", "waits", told.join(", ")));
    }
    lines
}

fn cost_of(item: &Json, name: &str) -> Option<f64> {
    item.get(name)?.get("usage")?.get("cost_usd")?.as_f64()
}

/// `, saves 4m12s and $0.8120`; `, cost 20s and $0.0450 when recorded`
fn money(verb: &str, millis: f64, dollars: f64) -> String {
    let mut parts = Vec::new();
    if millis >= 1.0 {
        parts.push(length(millis));
    }
    if dollars > 0.0 {
        parts.push(format!("${dollars:.4}"));
    }
    match (parts.is_empty(), verb) {
        (true, _) => String::new(),
        (false, "cost") => format!(", took {} when recorded", parts.join(" and ")),
        (false, verb) => format!(", {verb} {}", parts.join(" and ")),
    }
}

/// A span as people read it: `450 ms`, `12.3 s`, `4m12s`, `2h05m`.
pub fn length(millis: f64) -> String {
    let seconds = millis / 1000.0;
    if millis < 1_000.0 {
        return format!("{millis:.0} ms");
    }
    if seconds < 100.0 {
        return format!("{seconds:.1} s");
    }
    let whole = seconds.round();
    let (minutes, hours) = ((whole / 60.0).floor(), (whole / 3600.0).floor());
    if minutes < 100.0 {
        return format!("{minutes:.0}m{:02.0}s", whole - minutes * 60.0);
    }
    format!("{hours:.0}h{:02.0}m", minutes - hours * 60.0)
}

fn word(fate: &str) -> &str {
    match fate {
        "runs" => "runs",
        "may_run" => "may run",
        "asked_again" => "is asked again",
        "supplied" => "is set",
        "unasked" => "is left out",
        other => other,
    }
}

fn why(call: &Json) -> String {
    let mut parts = Vec::new();
    let is = |name: &str| call.get(name) == Some(&Json::Bool(true));
    let why = field(call, "why");
    let may = field(call, "fate") == "may_run";
    if !why.is_empty() {
        parts.push(why);
    }
    if may && is("overridden") {
        parts.push("with your change".to_owned());
    }
    if is("effect_again") {
        parts.push("its effect happens again".to_owned());
    }
    parts.join("; ")
}

fn list<'a>(item: &'a Json, name: &str) -> impl Iterator<Item = &'a Json> {
    item.get(name).and_then(Json::as_array).into_iter().flatten()
}

#[cfg(test)]
mod tests {
    #[test]
    fn spans_are_as_long_as_they_need_be() {
        let told: Vec<String> = [450.0, 12_340.0, 252_000.0, 7_500_000.0].into_iter().map(super::length).collect();
        assert_eq!(told, ["450 ms", "12.3 s", "4m12s", "2h05m"]);
    }
}
