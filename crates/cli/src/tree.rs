//! A tree of executions as text: one line each, the one that was asked for marked, in the width of the line.
//!
//! Not here: what belongs into the tree (`kitaru_engine::manage`).

use crate::output::{clean, colour};
use crate::render;
use serde_json::Value as Json;

/// Columns of identifier, status and cost, with what is between them.
const RIGHT: usize = 2 + 8 + 2 + 11 + 2 + 9;

/// The tree, and one line that sums it up.
pub fn text(item: &Json) -> (String, String) {
    let mut lines = Vec::new();
    let mut sum = Sum::default();
    let name = render::width().saturating_sub(RIGHT).clamp(20, 60);
    lines.push(row("", "EXECUTION", "ID", "STATUS", "COST", name, false));
    add(item, "", "", name, &mut lines, &mut sum);
    let word = if sum.count == 1 { "execution" } else { "executions" };
    (lines.join("\n"), format!("{} {word}, ${:.4} in all", sum.count, sum.cost))
}

#[derive(Default)]
struct Sum {
    count: usize,
    cost: f64,
}

fn add(item: &Json, lead: &str, below: &str, name: usize, lines: &mut Vec<String>, sum: &mut Sum) {
    let field = |name: &str| render::field(item, name);
    if item.get("deleted").is_some() {
        lines.push(row(lead, "(deleted)", &render::short(item), "", "", name, false));
    } else {
        let cost = item.get("usage").and_then(|usage| usage.get("cost_usd")).and_then(Json::as_f64).unwrap_or(0.0);
        sum.count += 1;
        sum.cost += cost;
        let mut what = clean(&field("flow")).replace(['\n', '\t'], " ");
        let key = clean(&field("key")).replace(['\n', '\t'], " ");
        if !key.is_empty() {
            what.push_str(&format!(" [{key}]"));
        }
        if item.get("relation").and_then(Json::as_str) == Some("replay") {
            what = format!("replay of {what}");
        }
        let tags = item.get("tags").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str);
        for tag in tags {
            what.push_str(&format!(" · {}", clean(tag).replace(['\n', '\t'], " ")));
        }
        if item.get("detached") == Some(&Json::Bool(true)) {
            what.push_str(" (detached)");
        }
        let cost = if cost == 0.0 { String::new() } else { format!("${cost:.4}") };
        let marked = item.get("marked") == Some(&Json::Bool(true));
        lines.push(row(lead, &what, &render::short(item), &field("status"), &cost, name, marked));
    }
    let children = item.get("below").and_then(Json::as_array).cloned().unwrap_or_default();
    for (place, child) in children.iter().enumerate() {
        let (joint, line) = if place + 1 == children.len() { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        add(child, &format!("{below}{joint}"), &format!("{below}{line}"), name, lines, sum);
    }
}

fn row(lead: &str, what: &str, id: &str, status: &str, cost: &str, name: usize, marked: bool) -> String {
    // The mark stands in front of the name, where the eye looks for it without colour too.
    let mark = if marked { "» " } else { "" };
    let what = render::cut(&format!("{lead}{mark}{what}"), name);
    let padding = name.saturating_sub(what.chars().count());
    let (id, status) = (format!("{id:<8}"), format!("{status:<11}"));
    let status = if colour() && status.trim() != "STATUS" { render::tinted(status.trim_end(), 11) } else { status };
    format!("{what}{}  {id}  {status}  {cost}", " ".repeat(padding)).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn every_line_fits_eighty_columns() {
        let leaf = |flow: &str| {
            json!({ "id": "00000000-0000-8000-0000-00000000beef", "flow": flow, "status": "interrupted",
            "usage": { "cost_usd": 123.4567 }, "key": "a rather long key of an invoice", "below": [] })
        };
        let mut tree = leaf("deep");
        for _ in 0..6 {
            tree = json!({ "id": "00000000-0000-8000-0000-00000000beef", "flow": "a_flow_with_a_long_name", "status": "running",
                "usage": { "cost_usd": 0.0 }, "marked": true, "below": [leaf("sister"), tree] });
        }
        let (text, told) = super::text(&tree);
        // Without COLUMNS and a terminal a line has 100; the widest name column is 60.
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
        assert_eq!(told, "13 executions, $864.1969 in all");
    }
}
