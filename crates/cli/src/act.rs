//! Commands that change something, and how an execution's end becomes an exit status.

use crate::args::{Input, Resume};
use crate::output::Answer;
use crate::{Context, HostError, Job, render};
use kitaru_core::ExecutionId;
use kitaru_core::event::Stop;
use kitaru_core::rows::{ExecutionRow, Status};
use kitaru_engine::manage::{self, Drift, ManageError, ResumeOptions, Stopped, view};
use serde_json::{Map, Value as Json, json};
use std::time::{Duration, Instant};

type Result<T> = std::result::Result<T, ManageError>;

/// How long an answering command waits for the living owner to take the answer up before it looks again.
const PICK_UP: Duration = Duration::from_secs(10);

/// `run`
pub fn run(
    context: &mut Context<'_>,
    target: &str,
    pairs: &[String],
    whole: Option<&str>,
    tags: Vec<String>,
) -> Result<Answer> {
    let mut inputs = Map::new();
    if let Some(text) = whole {
        match serde_json::from_str(text) {
            Ok(Json::Object(fields)) => inputs = fields,
            Ok(_) => return Err(ManageError::new("bad-json", "--inputs is not a JSON object", None)),
            Err(error) => return Err(ManageError::new("bad-json", format!("--inputs is not JSON: {error}"), None)),
        }
    }
    for pair in pairs {
        let Some((name, value)) = pair.split_once('=') else {
            return Err(ManageError::new("usage", format!("--input {pair:?} is not NAME=VALUE"), None));
        };
        let value = serde_json::from_str(value).unwrap_or_else(|_| Json::String(value.to_owned()));
        inputs.insert(name.to_owned(), value);
    }
    let id = carry_out(context, &Job::Run { target: target.to_owned(), inputs, tags })?;
    ended(context, &id, &[])
}

/// `resume`, `retry`
pub fn resume(context: &mut Context<'_>, resume: &Resume) -> Result<Answer> {
    if resume.due {
        return resume_due(context);
    }
    let options = ResumeOptions {
        on_drift: match resume.on_drift.as_deref() {
            Some("reuse") => Some(Drift::Reuse),
            Some(_) => Some(Drift::Rerun),
            None => None,
        },
        rerun: resume.rerun.clone(),
    };
    let row = manage::find(context.store.as_ref(), resume.id.as_deref().unwrap_or_default())?;
    let prepared = manage::prepare(context.store.as_ref(), &row, &options, context.now())?;
    go_on(context, &prepared.row, "resume")?;
    ended(context, &row.id, &prepared.failed)
}

fn resume_due(context: &mut Context<'_>) -> Result<Answer> {
    let due = manage::due(context.store.as_ref(), context.now())?;
    let mut items = Vec::new();
    let mut lines = Vec::new();
    let mut status = 0;
    for row in due {
        let gone = go_on(context, &row, "due");
        let now = context.now();
        let row = manage::find(context.store.as_ref(), row.id.as_str())?;
        let item = view::summary(context.store.as_ref(), &row, now)?;
        match gone {
            Ok(()) => lines.push(format!("{}  {}", row.id.short(), render::field(&item, "status"))),
            Err(error) => {
                status = 1;
                lines.push(format!("{}  error[{}]: {}", row.id.short(), error.code, error.message));
            }
        }
        items.push(item);
    }
    if lines.is_empty() {
        lines.push("nothing is due".to_owned());
    }
    Ok(Answer { items: Some(items), text: lines.join("\n"), status, ..Answer::default() })
}

/// `input`
pub fn input(context: &mut Context<'_>, input: &Input) -> Result<Answer> {
    let value: Json = serde_json::from_str(&input.value).map_err(|error| {
        let hint = format!("a text needs quotes: --value '\"{}\"'", input.value.replace('\'', ""));
        ManageError::new("bad-json", format!("--value is not JSON: {error}"), Some(hint))
    })?;
    let now = context.now();
    let row = manage::find(context.store.as_ref(), &input.id)?;
    let answered = manage::answer(context.store.as_ref(), &row, input.wait.as_deref(), &value, "cli", now)?;
    let asked = answered.wait.execution_id.clone();
    if input.no_resume {
        let item = item(context, &asked)?;
        let message = format!("answered {}; go on with: kitaru resume {}", answered.wait.key, answered.root.id.short());
        return Ok(Answer { item: Some(item), messages: vec![message], ..Answer::default() });
    }
    if answered.root.entry.module.is_none() {
        let item = item(context, &asked)?;
        let message = format!(
            "answered {}. {} was defined in a notebook or at a prompt: it goes on there, with {}.resume({:?})",
            answered.wait.key, answered.root.flow, answered.root.flow, answered.root.id.as_str()
        );
        return Ok(Answer { item: Some(item), messages: vec![message], ..Answer::default() });
    }
    if answered.held && picked_up(context, &answered.root.id)? {
        let mut answer = ended(context, &asked, &[])?;
        answer.messages.push(format!("answered {}; its process goes on", answered.wait.key));
        answer.status = 0;
        return Ok(answer);
    }
    let root = manage::find(context.store.as_ref(), answered.root.id.as_str())?;
    if !root.status.has_ended() {
        go_on(context, &root, "answer")?;
    }
    ended(context, &root.id, &[])
}

/// Whether the living owner of an execution has taken an answer up. `false`: it let go of the execution without,
/// and whoever answered must carry it on.
fn picked_up(context: &Context<'_>, id: &ExecutionId) -> Result<bool> {
    let store = context.store.as_ref();
    let until = Instant::now() + PICK_UP;
    loop {
        let row = store.queries().execution(id)?;
        let held = manage::hold(store, &row, context.now()) == kitaru_core::lease::Hold::Held;
        if !held {
            let parked = matches!(row.status, Status::Waiting | Status::Sleeping | Status::Running);
            return Ok(!parked || !manage::due(store, context.now())?.iter().any(|due| due.id == *id));
        }
        // A held execution parked in place takes the answer within its poll; then its own calls follow.
        let news = row.owner.is_some() && row.status == Status::Running && Instant::now() + PICK_UP > until + PICK_UP / 2;
        if news || Instant::now() >= until {
            return Ok(true);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// `cancel`, `pause`
pub fn stop(context: &mut Context<'_>, id: &str, how: Stop) -> Result<Answer> {
    let row = manage::find(context.store.as_ref(), id)?;
    let stopped = manage::stop(context.store.as_ref(), &row, how, "cli", context.now())?;
    let item = item(context, &row.id)?;
    let word = if how == Stop::Cancel { "cancelled" } else { "paused" };
    let text = match stopped {
        Stopped::Now => format!("{} {word}", row.id.short()),
        Stopped::Asked => format!("{} is asked to stop; it is {word} at its next step", row.id.short()),
    };
    Ok(Answer { item: Some(item), text, ..Answer::default() })
}

fn go_on(context: &mut Context<'_>, row: &ExecutionRow, why: &str) -> Result<()> {
    let job = Job::Resume { id: row.id.clone(), entry: row.entry.clone(), why: why.to_owned() };
    carry_out(context, &job).map(|_| ())
}

fn carry_out(context: &mut Context<'_>, job: &Job) -> Result<ExecutionId> {
    context.host.run(job, context.json).map_err(|HostError { code, message, status }| {
        let code = if status == 2 { "bad-inputs".to_owned() } else { code };
        ManageError::new(&code, message, None)
    })
}

fn item(context: &Context<'_>, id: &ExecutionId) -> Result<Json> {
    let row = context.store.queries().execution(id)?;
    view::execution(context.store.as_ref(), &row, context.now())
}

/// What a flow's end looks like. `failed`: calls that failed before, to be named if the flow fails by itself.
fn ended(context: &Context<'_>, id: &ExecutionId, failed: &[String]) -> Result<Answer> {
    let item = item(context, id)?;
    let short = id.short();
    let text = |name: &str| render::field(&item, name);
    let mut answer = Answer::default();
    match text("status").as_str() {
        "completed" => {
            answer.text = match item.get("result") {
                Some(Json::String(result)) => crate::output::clean(result),
                Some(Json::Null) | None => String::new(),
                Some(other) => crate::output::clean(&format!("{other:#}")),
            };
            answer.messages.push(format!("{} {short} completed", text("flow")));
        }
        "failed" => {
            answer.status = 1;
            let error = item.get("error").cloned().unwrap_or_else(|| json!({}));
            let trace = render::field(&error, "traceback");
            answer.messages.push(crate::output::clean(trace.trim_end()));
            answer.messages.push(format!("{} {short} failed. After a fix: kitaru retry {short}", text("flow")));
            let none = item.get("reason").and_then(|reason| reason.get("sources")).and_then(Json::as_array);
            if none.is_some_and(Vec::is_empty) && !failed.is_empty() {
                answer.messages.push(format!(
                    "the flow raised this by itself; calls that failed before: {}. To run them again: \
                     kitaru resume {short} --rerun failed",
                    failed.join(", ")
                ));
            }
        }
        "interrupted" => {
            answer.status = 130;
            answer.messages.push(format!("{} {short} was interrupted. Go on with: kitaru resume {short}", text("flow")));
        }
        "cancelled" => {
            answer.status = 1;
            answer.messages.push(format!("{} {short} was cancelled", text("flow")));
        }
        "running" => answer.messages.push(format!("{} {short} is running", text("flow"))),
        status => {
            answer.status = 75;
            let reason = item.get("reason").and_then(|reason| reason.get("text")).and_then(Json::as_str);
            answer.messages.push(format!("{} {short} is {status}: {}", text("flow"), crate::output::clean(reason.unwrap_or(""))));
            for wait in item.get("waits").and_then(Json::as_array).into_iter().flatten() {
                answer.messages.push(crate::output::clean(&format!("  {}", render::field(wait, "question"))));
                let wait = render::field(wait, "key");
                answer.messages.push(format!("  kitaru input {short} --wait {wait} --value …"));
            }
        }
    }
    answer.item = Some(item);
    Ok(answer)
}
