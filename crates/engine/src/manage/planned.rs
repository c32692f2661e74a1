//! A plan of a replay as the JSON item that every surface shows, with what a reader should know.
//!
//! Not here: how it looks as text.

use super::original::Original;
use super::replay::{Inspection, Planned, ReplayOptions};
use super::view::{self, time};
use kitaru_core::event::{CallKind, Reuse};
use kitaru_core::fork::same_code;
use kitaru_core::plan::{Fate, Line, Sum, Why};
use kitaru_core::rows::Status;
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;

/// The item. `unread`: why the code as it is now could not be read.
pub fn planned(
    original: &Original,
    planned: &Planned,
    options: &ReplayOptions,
    inspection: Option<&Inspection>,
    unread: Option<&str>,
) -> Json {
    let plan = &planned.plan;
    let waits = |is: &dyn Fn(&Fate) -> bool| plan.count(|line| line.kind == CallKind::Wait && is(&line.fate));
    let calls: Vec<Json> = plan.lines.iter().enumerate().map(|(at, line)| call(at + 1, line)).collect();
    json!({
        "source": original.row.id,
        "flow": original.row.flow,
        "upto": plan.upto,
        "from": plan.from.clone().or_else(|| options.from.as_ref().map(|_| "start".to_owned())),
        "reuse": if plan.reuse == Reuse::Unchanged { "unchanged" } else { "frontier" },
        "keep": options.keep_recorded.then_some("recorded"),
        "overrides": planned.changes.iter().map(|change| json!({
            "path": change.path, "value": change.value, "was": change.was,
        })).collect::<Vec<_>>(),
        "ask_again": plan.asked,
        "reused": sum(&plan.saved),
        "runs": sum(&plan.runs),
        "may_run": sum(&plan.may_run),
        "waits": {
            "reused": waits(&|fate| *fate == Fate::Reused),
            "asked_again": waits(&|fate| *fate == Fate::AskedAgain),
            "may_be_asked_again": waits(&|fate| matches!(fate, Fate::MayRun(_))),
            "answered": waits(&|fate| *fate == Fate::Supplied),
        },
        "effects_again": plan.count(|line| line.again),
        "calls": calls,
        "notes": notes(original, planned, inspection, unread),
    })
}

fn call(step: usize, line: &Line) -> Json {
    let (fate, why, on) = match &line.fate {
        Fate::Reused => ("reused", None, None),
        Fate::Supplied => ("supplied", Some("it is set by hand".to_owned()), None),
        Fate::Skipped => ("skipped", Some("the call around it is set by hand".to_owned()), None),
        Fate::Unasked => ("unasked", Some("the last run did not ask for it".to_owned()), None),
        Fate::AskedAgain => ("asked_again", None, None),
        Fate::Runs(why) => ("runs", Some(said(why)), None),
        Fate::MayRun(Some(on)) if *on == line.key => {
            ("may_run", Some("it was made more than once".to_owned()), Some(on.clone()))
        }
        Fate::MayRun(Some(on)) => ("may_run", Some(format!("depends on {on}")), Some(on.clone())),
        Fate::MayRun(None) => ("may_run", Some("the code as it is now was not read".to_owned()), None),
    };
    json!({
        "step": step,
        "key": line.key,
        "name": line.name,
        "kind": line.kind,
        "fate": fate,
        "why": why,
        "depends_on": on,
        "overridden": line.overridden,
        "effect_again": line.again,
        "code_changed": line.changed,
        "took_ms": line.took,
        "usage": view::usage(&line.usage),
        "child": line.child,
    })
}

fn said(why: &Why) -> String {
    match why {
        Why::Overridden => "its inputs are changed".to_owned(),
        Why::Frontier => "from here".to_owned(),
        Why::AfterFrontier => "after that".to_owned(),
        Why::Around(key) => format!("{key} inside it runs again"),
        Why::CodeChanged => "its code changed".to_owned(),
        Why::CodeUnknown => "its code cannot be compared".to_owned(),
        Why::NotTold => "its inputs do not tell it apart".to_owned(),
        Why::Volatile => "its result was not stored".to_owned(),
        Why::Failed => "it failed".to_owned(),
        Why::InFlight => "it has no result".to_owned(),
    }
}

fn sum(sum: &Sum) -> Json {
    json!({ "calls": sum.calls, "ms": sum.millis, "usage": view::usage(&sum.usage) })
}

fn notes(original: &Original, planned: &Planned, inspection: Option<&Inspection>, unread: Option<&str>) -> Vec<String> {
    let mut notes = planned.plan.notes.clone();
    let row = &original.row;
    if row.owner.is_some() && !row.status.has_ended() {
        notes.push(format!("the source goes on: what it had recorded by {} counts", time(row.updated_at)));
    }
    if row.status != Status::Completed {
        notes.push("the source did not complete: what it had not begun is not counted".to_owned());
    }
    let set: BTreeSet<String> = original
        .records
        .inputs_set
        .iter()
        .flat_map(|set| set.values.iter().map(|(path, _)| format!("{}.inputs.{path}", set.key)))
        .filter(|path| planned.changes.iter().all(|change| change.path != *path))
        .collect();
    notes.extend(set.into_iter().map(|path| format!("{path} stays as it was set by hand in the source")));
    if let Some(why) = unread {
        notes.push(format!("the code as it is now could not be read, so what of it changed is not known: {why}"));
    }
    if let Some(found) = inspection {
        notes.extend(changes(original, planned, found));
    }
    let children = planned.plan.lines.iter().filter(|line| {
        line.kind == CallKind::Child && line.child.is_some() && matches!(line.fate, Fate::Runs(_) | Fate::MayRun(_))
    });
    for line in children {
        let child = line.child.as_ref().map(|child| child.short()).unwrap_or_default();
        let cost = if line.usage.cost_usd > 0.0 {
            format!(" (${:.4} when recorded)", line.usage.cost_usd)
        } else {
            String::new()
        };
        notes.push(format!("{} starts its flow anew, not from {child}{cost}", line.key));
    }
    notes
}

/// What of the code is another than recorded.
fn changes(original: &Original, planned: &Planned, found: &Inspection) -> Vec<String> {
    let mut notes = Vec::new();
    let is_made =
        |line: &&Line| matches!(line.kind, CallKind::Checkpoint | CallKind::Child) && line.fate != Fate::Unasked;
    let made: Vec<&Line> = planned.plan.lines.iter().filter(is_made).collect();
    let changed: Vec<&&Line> = made.iter().filter(|line| line.changed == Some(true)).collect();
    let mut names: Vec<&str> = Vec::new();
    for line in &changed {
        if !names.contains(&line.name.as_str()) {
            names.push(&line.name);
        }
    }
    if !names.is_empty() {
        let told: Vec<String> = names
            .iter()
            .map(|name| found.changes.get(*name).map_or_else(|| (*name).to_owned(), |what| format!("{name} ({what})")))
            .collect();
        let verb = if changed.len() == 1 { "was" } else { "were" };
        notes.push(format!("{} of {} calls {verb} changed: {}", changed.len(), made.len(), told.join(", ")));
        let kept = changed.iter().any(|line| line.fate == Fate::Reused);
        if kept {
            notes.push("what is reused of them is used as it was recorded".to_owned());
        }
    }
    if let Some(what) = &found.flow_change {
        notes.push(format!("the flow's own code changed ({what}): it may make other calls than these"));
    } else if names.is_empty() && same_code(original.code(), found.flow_code.as_deref()) == Some(false) {
        notes.push("the flow's own code changed: it may make other calls than these".to_owned());
    }
    notes
}
