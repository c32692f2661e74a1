//! Items as text for people: tables that fit the line, and the page of one execution.

use crate::output::{clean, colour};
use comfy_table::{Cell, Color, ContentArrangement, Table, presets};
use kitaru_engine::manage::next;
use serde_json::Value as Json;

const WIDE: usize = 60;

/// A column: its title, and how to read its cells.
pub type Column<'a> = (&'a str, fn(&Json) -> String);

/// A table of items. The last column is cut to what is left of the line.
pub fn table(items: &[Json], columns: &[Column<'_>]) -> String {
    let read: Vec<Vec<String>> = items
        .iter()
        .map(|item| columns.iter().map(|(_, read)| clean(&read(item)).replace(['\n', '\t'], " ")).collect())
        .collect();
    let widths = |column: usize| {
        let cells = read.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain(columns.get(column).map(|(title, _)| title.chars().count())).max().unwrap_or_default()
    };
    let before: usize = (0..columns.len().saturating_sub(1)).map(|column| widths(column) + 2).sum();
    let left = width().saturating_sub(before).max(12);
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    if colour() {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    table.set_header(columns.iter().map(|(title, _)| Cell::new(title)));
    for row in &read {
        table.add_row(row.iter().zip(columns).enumerate().map(|(place, (text, (title, _)))| {
            let text = if place + 1 == columns.len() { cut(text, left) } else { text.clone() };
            let cell = Cell::new(&text);
            if *title == "STATUS" && colour() { cell.fg(status_colour(&text)) } else { cell }
        }));
    }
    // The first column's own padding goes, so that lines begin at the margin.
    let lines: Vec<String> =
        table.lines().map(|line| line.strip_prefix(' ').unwrap_or(&line).trim_end().to_owned()).collect();
    lines.join("\n")
}

/// Characters in a line: COLUMNS, or the terminal's; 100 where there is neither.
pub fn width() -> usize {
    let given = std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok()).filter(|width| *width > 0);
    given.or_else(|| Table::new().width().map(usize::from).filter(|width| *width > 0)).unwrap_or(100)
}

/// A status in its colour, where colour is wanted, in a column of that width.
pub fn tinted(status: &str, width: usize) -> String {
    if !colour() {
        return format!("{status:<width$}");
    }
    let code = match status {
        "completed" => 32,
        "failed" | "cancelled" => 31,
        "running" => 34,
        _ => 33,
    };
    let padding = " ".repeat(width.saturating_sub(status.chars().count()));
    format!("\u{1b}[{code}m{status}\u{1b}[0m{padding}")
}

fn status_colour(status: &str) -> Color {
    match status {
        "completed" => Color::Green,
        "failed" | "cancelled" => Color::Red,
        "running" => Color::Blue,
        _ => Color::Yellow,
    }
}

/// A field as text; nothing for null.
pub fn field(item: &Json, name: &str) -> String {
    match item.get(name) {
        None | Some(Json::Null) => String::new(),
        Some(Json::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// The part of an identifier that people type.
pub fn short(item: &Json) -> String {
    let id = field(item, "id");
    id.get(id.len().saturating_sub(8)..).unwrap_or_default().to_owned()
}

/// A time without its date's beginning and milliseconds.
pub fn when(item: &Json, name: &str) -> String {
    field(item, name).get(..19).unwrap_or_default().replace('T', " ")
}

/// A text of at most `most` characters.
pub fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{kept}…")
}

/// Why an execution is not progressing, on one line.
pub fn reason(item: &Json) -> String {
    let text = item.get("reason").and_then(|reason| reason.get("text")).and_then(Json::as_str).unwrap_or_default();
    text.lines().next().unwrap_or_default().to_owned()
}

/// What stands behind the name of a wait whose time has passed.
pub fn overdue(wait: &Json) -> &'static str {
    if wait.get("overdue") == Some(&Json::Bool(true)) { " (overdue)" } else { "" }
}

/// Tokens and dollars, where there are some.
pub fn usage(item: &Json) -> String {
    let usage = item.get("usage").cloned().unwrap_or_default();
    let number = |name: &str| usage.get(name).and_then(Json::as_f64).unwrap_or(0.0);
    let (tokens_in, tokens_out, cost) = (number("input_tokens"), number("output_tokens"), number("cost_usd"));
    if tokens_in == 0.0 && tokens_out == 0.0 && cost == 0.0 {
        return String::new();
    }
    format!("{tokens_in} tokens in, {tokens_out} out, ${cost:.4}")
}

/// How long a call took.
fn took(call: &Json) -> String {
    let at = |name: &str| field(call, name).parse::<jiff::Timestamp>().ok();
    match (at("started_at"), at("ended_at")) {
        (Some(began), Some(ended)) => match ended.as_millisecond() - began.as_millisecond() {
            length @ 0..=9_999 => format!("{length} ms"),
            length => next::span(length),
        },
        _ => String::new(),
    }
}

/// What a replay replays, and what is changed in it.
fn replays(replay: &Json) -> String {
    let source = field(replay, "source");
    let mut text = source.get(source.len().saturating_sub(8)..).unwrap_or_default().to_owned();
    let from = field(replay, "from");
    if !from.is_empty() {
        text.push_str(&format!(" from {from}"));
    }
    if field(replay, "reuse") == "unchanged" {
        text.push_str(", reusing what is unchanged");
    }
    let list = |name: &str| replay.get(name).and_then(Json::as_array).cloned().unwrap_or_default();
    for one in list("overrides") {
        let value = one.get("value").map(Json::to_string).unwrap_or_default();
        text.push_str(&format!("\n         {} = {}", field(&one, "path"), cut(&value, WIDE)));
    }
    for wait in list("ask_again") {
        text.push_str(&format!("\n         {} asked again", wait.as_str().unwrap_or_default()));
    }
    text
}

/// What somebody put in at a call.
fn by_hand(call: &Json) -> impl Iterator<Item = &Json> {
    call.get("by_hand").and_then(Json::as_array).into_iter().flatten()
}

/// The page of one execution.
pub fn execution(item: &Json) -> String {
    let mut lines = vec![
        format!("{}  {}  {}", clean(&field(item, "flow")), field(item, "id"), tinted(&field(item, "status"), 0)),
        format!("created  {}", when(item, "created_at")),
        format!("updated  {}", when(item, "updated_at")),
    ];
    let mut add = |name: &str, text: String| {
        if !text.is_empty() {
            lines.push(clean(&format!("{name:<8} {text}")));
        }
    };
    if let Some(text) = item.get("reason").and_then(|reason| reason.get("text")).and_then(Json::as_str) {
        add("reason", text.replace('\n', "\n         "));
    }
    add("inputs", cut(&field(item, "inputs"), WIDE * 4));
    add("result", cut(&field(item, "result"), WIDE * 16));
    add("usage", usage(item));
    if let Some(parent) = item.get("parent").filter(|parent| !parent.is_null()) {
        add("parent", format!("{} ({})", field(parent, "id"), field(parent, "key")));
    }
    if let Some(replay) = item.get("replay").filter(|replay| !replay.is_null()) {
        add("replays", replays(replay));
    }
    if let Some(error) = item.get("error").filter(|error| !error.is_null()) {
        add("error", format!("{}: {}", field(error, "type"), field(error, "message")));
        lines.push(clean(field(error, "traceback").trim_end()));
    }
    if let Some(calls) = item.get("calls").and_then(Json::as_array).filter(|calls| !calls.is_empty()) {
        lines.push(String::new());
        lines.push(table(
            calls,
            &[
                ("STEP", |call| format!("{:>4}", field(call, "step"))),
                ("CALL", |call| cut(&field(call, "key"), 38)),
                ("STATUS", |call| field(call, "status")),
                ("TRIES", |call| if field(call, "attempts") == "0" { String::new() } else { field(call, "attempts") }),
                ("STARTED", |call| when(call, "started_at").get(11..).unwrap_or_default().to_owned()),
                ("TOOK", |call| took(call)),
                ("", |call| {
                    let made = |what: &str| by_hand(call).any(|one| field(one, "what") == what);
                    let words = [
                        (call["reused"] == true, "reused"),
                        (made("output"), "output by hand"),
                        (by_hand(call).next().is_some() && !made("output"), "inputs by hand"),
                    ];
                    let words = words.iter().filter(|(holds, _)| *holds).map(|(_, word)| *word);
                    words.collect::<Vec<_>>().join(", ")
                }),
            ],
        ));
    }
    if let Some(pending) = item.get("pending").filter(|pending| !pending.is_null()) {
        lines.push(String::new());
        lines.push(clean(&format!("paused at {}", field(pending, "key"))));
        let inputs = pending.get("inputs").and_then(Json::as_object);
        lines.extend(
            inputs.into_iter().flatten().map(|(name, value)| cut(&clean(&format!("  {name}: {value}")), width())),
        );
        lines.push(clean(&field(pending, "next")));
    }
    let calls = item.get("calls").and_then(Json::as_array).into_iter().flatten();
    let changed: Vec<String> = calls
        .chain(item.get("pending"))
        .flat_map(|call| by_hand(call).map(|one| (field(call, "key"), one)))
        .map(|(key, one)| {
            let who = format!("  {}, {} UTC", field(one, "by"), when(one, "at"));
            let left = width().saturating_sub(who.chars().count() + 2);
            let what = format!("{key} {} = {}", field(one, "what"), one.get("value").unwrap_or(&Json::Null));
            format!("  {}{who}", cut(&clean(&what), left.max(20)))
        })
        .collect();
    if !changed.is_empty() {
        lines.push(String::new());
        lines.push("put in by hand".to_owned());
        lines.extend(changed);
    }
    for wait in item.get("waits").and_then(Json::as_array).into_iter().flatten() {
        lines.push(String::new());
        lines.push(clean(&format!("{}{}: {}", field(wait, "key"), overdue(wait), field(wait, "question"))));
        let shown = wait.get("metadata").filter(|data| !data.is_null());
        lines.extend(shown.map(|data| cut(&clean(&format!("{data}")), WIDE * 8)));
        lines.push(clean(&field(wait, "next")));
    }
    lines.join("\n")
}
