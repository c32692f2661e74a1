//! Commands that only show.

use crate::args::{Artifacts, Inbox, List};
use crate::output::{Answer, clean};
use crate::{Context, output, render, tree};
use kitaru_core::rows::Status;
use kitaru_engine::manage::{self, ManageError, Wanted, view};
use kitaru_store::{ExecutionFilter, Page};
use serde_json::{Value as Json, json};

type Result<T> = std::result::Result<T, ManageError>;

const MANY: usize = 1_000_000;

/// `executions list`
pub fn list(context: &mut Context<'_>, list: &List) -> Result<Answer> {
    let store = context.store.as_ref();
    let now = context.now();
    let status = list.status.iter().map(|word| manage::parse_status(word)).collect::<Result<_>>()?;
    let wanted = Wanted {
        status,
        flow: list.flow.clone(),
        tag: list.tag.clone(),
        key: list.key.clone(),
        text: list.search.clone(),
        limit: list.limit,
        page: list.page,
        ..Wanted::default()
    };
    let rows = manage::list(store, &wanted, now)?;
    if context.json {
        let items = rows.iter().map(|row| view::execution(store, row, now)).collect::<Result<_>>()?;
        return Ok(Answer { items: Some(items), ..Answer::default() });
    }
    let items = rows.iter().map(|row| view::brief(store, row, now)).collect::<Result<Vec<Json>>>()?;
    let text = if items.is_empty() {
        "no executions".to_owned()
    } else {
        render::table(
            &items,
            &[
                ("ID", render::short),
                ("FLOW", |item| render::cut(&render::field(item, "flow"), 24)),
                ("STATUS", |item| render::field(item, "status")),
                ("CREATED (UTC)", |item| render::when(item, "created_at")),
                ("REASON", render::reason),
            ],
        )
    };
    let full = items.len() == list.limit;
    let messages = if full { vec![format!("more: kitaru ls --page {}", list.page + 1)] } else { Vec::new() };
    Ok(Answer { text, messages, ..Answer::default() })
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
        let over =
            !follow || manage::status(store, &store.queries().execution(&row.id)?, context.now()) != Status::Running;
        let (lines, last) = store.queries().logs(&row.id, after, 0)?;
        after = last;
        for line in &lines {
            let place = line.call_key.as_deref().unwrap_or("flow");
            let at = view::time(line.at);
            let clock = at.get(11..23).unwrap_or(&at);
            let shown = clean(&format!("{clock}  {place:<12}  {:<8}  {}", line.stream, line.text));
            if !follow || context.json {
                text.push(shown);
            } else if output::print(&format!("{shown}\n")).is_err() {
                // Nobody reads any more.
                return Ok(Answer::default());
            }
            items.push(view::log_line(line));
        }
        if over {
            break;
        }
        // The store has no bell across processes; a person reads no faster than this.
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    let quiet = items.is_empty() && !follow;
    let messages = if quiet { vec!["it printed and logged nothing".to_owned()] } else { Vec::new() };
    Ok(Answer { items: Some(items), text: text.join("\n"), messages, ..Answer::default() })
}

/// `executions tree`
pub fn tree(context: &mut Context<'_>, id: &str) -> Result<Answer> {
    let store = context.store.as_ref();
    let row = manage::find(store, id)?;
    let item = manage::tree(store, &row, context.now())?;
    let (text, told) = tree::text(&item);
    Ok(Answer { text, messages: vec![told], item: Some(item), ..Answer::default() })
}

/// `waits list`
pub fn waits(context: &mut Context<'_>, list: &Inbox) -> Result<Answer> {
    let (store, now) = (context.store.as_ref(), context.now());
    let Inbox { parent, recursive, limit, cursor } = list;
    let (rows, more) = match parent {
        Some(id) => (manage::waiting(store, Some(&manage::find(store, id)?), *recursive)?, None),
        None => manage::inbox(store, cursor.as_deref(), *limit)?,
    };
    let items = rows.iter().map(|row| view::wait(store, row, now)).collect::<Result<Vec<Json>>>()?;
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
                ("WAIT", |item| render::cut(&render::field(item, "key"), 20) + render::overdue(item)),
                ("ASKED (UTC)", |item| render::when(item, "opened_at")),
                ("QUESTION", |item| render::field(item, "question")),
            ],
        )
    };
    let mut messages: Vec<String> = items.first().map(|first| render::field(first, "next")).into_iter().collect();
    messages.extend(more);
    Ok(Answer { items: Some(items), text, messages, ..Answer::default() })
}

/// `artifacts …`
pub fn artifacts(context: &mut Context<'_>, one: &Artifacts) -> Result<Answer> {
    let store = context.store.as_ref();
    match one {
        Artifacts::List { id } => {
            let row = manage::find(store, id)?;
            let found = store.queries().artifacts(&row.id)?;
            let items: Vec<Json> = found.iter().map(view::artifact).collect();
            if items.is_empty() {
                let text = "it saved nothing".to_owned();
                return Ok(Answer { items: Some(items), text, ..Answer::default() });
            }
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
            let artifact = manage::artifact(store, &row, name)?;
            let item = view::value(store, &artifact.value)?;
            let text = match &item {
                Json::String(text) => clean(text),
                other => clean(&format!("{other:#}")),
            };
            Ok(Answer { item: Some(item), text, ..Answer::default() })
        }
    }
}

/// `flows list`
pub fn flows(context: &mut Context<'_>) -> Result<Answer> {
    let counts = manage::flows(context.store.as_ref(), context.now())?;
    let items: Vec<Json> = counts.iter().map(|(flow, states)| json!({ "flow": flow, "executions": states })).collect();
    let text = if items.is_empty() {
        "no flow has run yet".to_owned()
    } else {
        render::table(
            &items,
            &[
                ("FLOW", |item| render::field(item, "flow")),
                ("EXECUTIONS", |item| {
                    let states = item.get("executions").and_then(Json::as_object);
                    let states = states.into_iter().flatten().map(|(state, count)| format!("{count} {state}"));
                    states.collect::<Vec<_>>().join(", ")
                }),
            ],
        )
    };
    Ok(Answer { items: Some(items), text, ..Answer::default() })
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
    let mut lines: Vec<String> = health.iter().map(|(name, value)| format!("{name:<20} {}", clean(value))).collect();
    lines.push(String::new());
    if rows.is_empty() {
        lines.push("no open executions".to_owned());
    }
    let mut open = Vec::new();
    for row in &rows {
        let is_due = due.iter().any(|one| one.id == row.id);
        let found = manage::diagnose(store, row, is_due, now)?;
        let item = view::diagnosed(store, row, &found, now);
        lines.push(clean(&format!("{}  {}  {}", row.id.short(), row.flow, render::field(&item, "status"))));
        lines.push(clean(&format!("    {}", found.why.replace('\n', " "))));
        if let Some(at) = found.wake_at.filter(|_| !is_due) {
            let left = manage::next::span(at - now);
            lines.push(format!(
                "    wakes {} UTC, in {left}, if somebody runs: kitaru resume --due",
                render::when(&item, "wake_at")
            ));
        }
        lines.extend(found.next.iter().map(|next| clean(&format!("    {next}"))));
        open.push(item);
    }
    if !due.is_empty() {
        lines.push(String::new());
        lines.push(format!("{} due with nobody to wake them: kitaru resume --due", due.len()));
    }
    let troubles = manage::troubles(store)?;
    for (why, next) in &troubles {
        lines.push(String::new());
        lines.extend([clean(why), format!("    {next}")]);
    }
    let health: serde_json::Map<String, Json> =
        health.into_iter().map(|(name, value)| (name, Json::String(value))).collect();
    let due: Vec<Json> = due.iter().map(|row| json!(row.id)).collect();
    let schedules: Vec<Json> = troubles.iter().map(|(why, next)| json!({ "why": why, "next": next })).collect();
    // Without `--deep` nothing was walked: then nothing is said of it.
    let checked = if deep || !sound { Json::Bool(sound) } else { Json::Null };
    let item = json!({ "sound": checked, "store": health, "open": open, "due": due, "schedules": schedules });
    let mut messages = Vec::new();
    if !sound {
        messages.push("error[store-damaged]: the store's own check found damage, see above".to_owned());
        messages.push("hint: kitaru explain store-damaged".to_owned());
    }
    Ok(Answer { item: Some(item), text: lines.join("\n"), messages, status: i32::from(!sound), ..Answer::default() })
}
