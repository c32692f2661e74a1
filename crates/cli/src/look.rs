//! Commands that only show.

use crate::args::{Artifacts, List};
use crate::output::{Answer, clean};
use crate::{Context, render};
use kitaru_core::rows::Status;
use kitaru_engine::manage::{self, ManageError, view};
use kitaru_store::{ExecutionFilter, Page, WaitFilter};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

type Result<T> = std::result::Result<T, ManageError>;

const MANY: usize = 1_000_000;

/// `executions list`
pub fn list(context: &mut Context<'_>, list: &List) -> Result<Answer> {
    let store = context.store.as_ref();
    let now = context.now();
    let mut wanted = Vec::new();
    for word in &list.status {
        let known = || Status::ALL.map(Status::as_str).join(", ");
        wanted.push(Status::parse(word).ok_or_else(|| {
            ManageError::new("usage", format!("no status {word:?}"), Some(format!("it is one of {}", known())))
        })?);
    }
    // A running execution whose owner has gone is interrupted: both are recorded as running.
    let mut recorded = wanted.clone();
    let pairs = [(Status::Interrupted, Status::Running), (Status::Running, Status::Running)];
    for (seen, also) in pairs {
        if wanted.contains(&seen) && !recorded.contains(&also) {
            recorded.push(also);
        }
    }
    let filter = ExecutionFilter {
        status: recorded,
        flow: list.flow.clone(),
        tag: list.tag.clone(),
        ..ExecutionFilter::default()
    };
    let skip = list.page.saturating_sub(1).saturating_mul(list.limit);
    let exact = !wanted.iter().any(|one| matches!(one, Status::Running | Status::Interrupted));
    let page = if exact { Page { limit: list.limit, offset: skip } } else { Page { limit: MANY, offset: 0 } };
    let rows = store.queries().executions(&filter, page)?;
    let rows = rows.iter().filter(|row| wanted.is_empty() || wanted.contains(&manage::status(store, row, now)));
    let rows: Vec<_> = if exact { rows.collect() } else { rows.skip(skip).take(list.limit).collect() };
    let items = rows.into_iter().map(|row| view::summary(store, row, now)).collect::<Result<Vec<Json>>>()?;
    let text = if items.is_empty() {
        "no executions".to_owned()
    } else {
        render::table(
            &items,
            &[
                ("ID", render::short),
                ("FLOW", |item| render::cut(&render::field(item, "flow"), 22)),
                ("STATUS", |item| render::field(item, "status")),
                ("CREATED (UTC)", |item| render::when(item, "created_at")),
                ("REASON", |item| render::cut(&render::reason(item), 24)),
            ],
        )
    };
    Ok(Answer { items: Some(items), text, ..Answer::default() })
}

/// `executions get`
pub fn get(context: &mut Context<'_>, id: &str) -> Result<Answer> {
    let store = context.store.as_ref();
    let row = manage::find(store, id)?;
    let item = view::execution(store, &row, context.now())?;
    Ok(Answer { text: render::execution(&item), item: Some(item), ..Answer::default() })
}

/// `executions logs`
pub fn logs(context: &mut Context<'_>, id: &str, follow: bool) -> Result<Answer> {
    let store = context.store.as_ref();
    let row = manage::find(store, id)?;
    let mut after = 0;
    let mut items = Vec::new();
    let mut text = Vec::new();
    loop {
        let over = !follow || manage::status(store, &store.queries().execution(&row.id)?, context.now()) != Status::Running;
        let (lines, last) = store.queries().logs(&row.id, after, 0)?;
        after = last;
        for line in &lines {
            let place = line.call_key.as_deref().unwrap_or("flow");
            let shown = format!("{} {place} {}: {}", view::time(line.at), line.stream, clean(&line.text));
            if follow && !context.json {
                println!("{shown}");
            } else {
                text.push(shown);
            }
            items.push(json!({
                "at": view::time(line.at), "call": line.call_key, "stream": line.stream, "text": line.text,
            }));
        }
        if over {
            break;
        }
        // The store has no bell across processes; a person reads no faster than this.
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    Ok(Answer { items: Some(items), text: text.join("\n"), ..Answer::default() })
}

/// `waits list`
pub fn waits(context: &mut Context<'_>) -> Result<Answer> {
    let store = context.store.as_ref();
    let rows =
        store.queries().waits(&WaitFilter { execution: None, open: true }, Page { limit: MANY, offset: 0 })?;
    let items = rows.iter().map(|row| view::wait(store, row)).collect::<Result<Vec<Json>>>()?;
    let text = if items.is_empty() {
        "nobody is asked anything".to_owned()
    } else {
        render::table(
            &items,
            &[
                ("EXECUTION", |item| {
                    let id = render::field(item, "execution_id");
                    id.get(id.len().saturating_sub(8)..).unwrap_or_default().to_owned()
                }),
                ("WAIT", |item| render::cut(&render::field(item, "key"), 20)),
                ("ASKED (UTC)", |item| render::when(item, "opened_at")),
                ("QUESTION", |item| render::cut(&render::field(item, "question"), 30)),
            ],
        )
    };
    Ok(Answer { items: Some(items), text, ..Answer::default() })
}

/// `artifacts …`
pub fn artifacts(context: &mut Context<'_>, one: &Artifacts) -> Result<Answer> {
    let store = context.store.as_ref();
    match one {
        Artifacts::List { id } => {
            let row = manage::find(store, id)?;
            let found = store.queries().artifacts(&row.id)?;
            let items: Vec<Json> = found
                .iter()
                .map(|one| {
                    json!({ "name": one.name, "call": one.call_key, "at": view::time(one.at), "bytes": one.value.len() })
                })
                .collect();
            let text = render::table(
                &items,
                &[
                    ("NAME", |item| render::field(item, "name")),
                    ("BYTES", |item| render::field(item, "bytes")),
                    ("CALL", |item| render::field(item, "call")),
                    ("SAVED (UTC)", |item| render::when(item, "at")),
                ],
            );
            Ok(Answer { items: Some(items), text, ..Answer::default() })
        }
        Artifacts::Get { id, name } => {
            let row = manage::find(store, id)?;
            let found = store.queries().artifacts(&row.id)?;
            let Some(artifact) = found.iter().find(|one| one.name == *name) else {
                let known: Vec<&str> = found.iter().map(|one| one.name.as_str()).collect();
                return Err(ManageError::new(
                    "unknown-artifact",
                    format!("execution {} has no artifact {name:?}; it has: {}", row.id, known.join(", ")),
                    None,
                ));
            };
            let item = view::value(store, &artifact.value)?;
            let text = match &item {
                Json::String(text) => clean(text),
                other => clean(&format!("{other:#}")),
            };
            Ok(Answer { item: Some(item), text, ..Answer::default() })
        }
    }
}

/// `flows`
pub fn flows(context: &mut Context<'_>) -> Result<Answer> {
    let store = context.store.as_ref();
    let rows = store.queries().executions(&ExecutionFilter::default(), Page { limit: MANY, offset: 0 })?;
    let mut counts: BTreeMap<String, BTreeMap<&str, u64>> = BTreeMap::new();
    for row in &rows {
        let status = manage::status(store, row, context.now()).as_str();
        *counts.entry(row.flow.clone()).or_default().entry(status).or_default() += 1;
    }
    let items: Vec<Json> = counts.iter().map(|(flow, states)| json!({ "flow": flow, "executions": states })).collect();
    let lines: Vec<String> = counts
        .iter()
        .map(|(flow, states)| {
            let states: Vec<String> = states.iter().map(|(state, count)| format!("{count} {state}")).collect();
            format!("{}  {}", clean(flow), states.join(", "))
        })
        .collect();
    Ok(Answer { items: Some(items), text: lines.join("\n"), ..Answer::default() })
}

/// `doctor`
pub fn doctor(context: &mut Context<'_>, deep: bool) -> Result<Answer> {
    let store = context.store.as_ref();
    let now = context.now();
    let health = store.queries().health(deep)?;
    let sound = health.iter().all(|(name, value)| !name.ends_with("_check") || value == "ok");
    let filter = ExecutionFilter { open: true, ..ExecutionFilter::default() };
    let rows = store.queries().executions(&filter, Page { limit: MANY, offset: 0 })?;
    let due = manage::due(store, now)?;
    let open = rows.iter().map(|row| view::summary(store, row, now)).collect::<Result<Vec<Json>>>()?;
    let mut lines: Vec<String> = health.iter().map(|(name, value)| format!("{name:<20} {value}")).collect();
    lines.push(String::new());
    lines.push(format!("{} open executions, {} due with nobody to wake them", open.len(), due.len()));
    for item in &open {
        let reason = render::reason(item);
        let why = if reason.is_empty() { "works".to_owned() } else { reason };
        lines.push(format!("{}  {}  {}  {}", render::short(item), render::field(item, "flow"), render::field(item, "status"), clean(&why)));
    }
    if !due.is_empty() {
        lines.push("wake what is due with: kitaru resume --due".to_owned());
    }
    let health: serde_json::Map<String, Json> =
        health.into_iter().map(|(name, value)| (name, Json::String(value))).collect();
    let due: Vec<Json> = due.iter().map(|row| json!(row.id)).collect();
    let item = json!({ "sound": sound, "store": health, "open": open, "due": due });
    Ok(Answer { item: Some(item), text: lines.join("\n"), status: i32::from(!sound), ..Answer::default() })
}
