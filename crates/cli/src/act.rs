//! Commands that change something, and how an execution's end becomes an exit status.

use crate::args::{Input, Resume, Run};
use crate::breakpoints::refused;
use crate::output::Answer;
use crate::tokens::logged;
use crate::{Context, HostError, Job, render, values, who};
use kitaru_core::event::{DEFAULT_POOL, EntryPoint, PauseReason, Stop};
use kitaru_core::rows::{ExecutionRow, Status};
use kitaru_core::{Body, ExecutionId, lease};
use kitaru_engine::SystemClock;
use kitaru_engine::manage::{self, After, Drift, ManageError, ResumeOptions, Runnable, Stopped, Target, view};
use kitaru_store::{ExecutionFilter, Page};
use serde_json::{Map, Value as Json, json};
use std::collections::HashSet;
use std::io::IsTerminal;

type Result<T> = std::result::Result<T, ManageError>;

/// `run`
pub fn run(context: &mut Context<'_>, run: Run) -> Result<Answer> {
    let Run { target, input, inputs: whole, tag: tags, pause_before, key, deadline, pool } = run;
    let deadline = deadline.as_deref().map(manage::span_of).transpose()?;
    let inputs = inputs(&input, whole.as_deref())?;
    for before in &pause_before {
        manage::check_before(before)?;
    }
    if let Some(Runnable { flow, entry }) = deployed(context, &target)? {
        let id = key.as_ref().map_or_else(manage::new_id, |key| ExecutionId::keyed(&flow, key));
        let pool = pool.unwrap_or_else(|| DEFAULT_POOL.to_owned());
        let (request, pool_of) = (None, pool.clone());
        let job = Job::Start { id, entry, inputs, tags, pause_before, key, request, pool: pool_of, deadline };
        let id = carry_out(context, &job)?;
        return left_to(context, &id, &pool);
    }
    let job = Job::Run { target, inputs, tags, pause_before: pause_before.clone(), key, pool: pool.clone(), deadline };
    let id = carry_out(context, &job)?;
    if let Some(pool) = pool {
        return left_to(context, &id, &pool);
    }
    let mut answer = ended(context, &id, &[])?;
    if matches!(answer.item.as_ref().map(|item| render::field(item, "status")).as_deref(), Some("completed" | "failed"))
    {
        // Somebody wanted to look before that, and it ran through.
        let unmet =
            pause_before.iter().map(|before| format!("note: --pause-before {before}: no such call was about to run"));
        answer.messages.extend(unmet.map(|note| crate::output::clean(&note)));
    }
    wake(context, &id, &mut answer)?;
    Ok(answer)
}

/// What was deployed as that; `None`: it names a file or a module.
fn deployed(context: &Context<'_>, target: &str) -> Result<Option<Runnable>> {
    if !target.contains('@') || target.contains(':') || target.ends_with(".py") {
        return Ok(None);
    }
    let found = manage::chosen(context.store.as_ref(), target)?;
    Ok(found.map(|(flow, deployment)| Runnable { flow, entry: deployment.entry }))
}

fn left_to(context: &Context<'_>, id: &ExecutionId, pool: &str) -> Result<Answer> {
    let left = format!("left to the workers of the pool {pool}; see: kitaru show {}", id.short());
    let text = crate::output::clean(id.as_str());
    Ok(Answer {
        item: Some(item(context, id)?),
        text,
        messages: vec![crate::output::clean(&left)],
        ..Answer::default()
    })
}

/// A flow's arguments, as they were typed.
pub fn inputs(pairs: &[String], whole: Option<&str>) -> Result<Map<String, Json>> {
    let mut inputs = Map::new();
    if let Some(text) = whole {
        match manage::exact(text) {
            Ok(Json::Object(fields)) => inputs = fields,
            Ok(_) => return Err(ManageError::new("bad-json", "--inputs is not a JSON object", None)),
            Err(error) => return Err(ManageError::new("bad-json", format!("--inputs is not JSON: {error}"), None)),
        }
    }
    inputs.extend(values::pairs("--input", pairs)?);
    Ok(inputs)
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
        set: [values::pairs("--set", &resume.set)?, values::files("--set-file", &resume.set_file)?].concat(),
        asker: None,
        by: who(),
    };
    let row = manage::find(context.store.as_ref(), resume.id.as_deref().unwrap_or_default())?;
    let moved = match &resume.version {
        Some(version) => Some(moved(context, &row, version, resume.on_drift.is_some())?),
        None => None,
    };
    let set: Map<String, Json> = options.set.iter().cloned().collect();
    let given = json!({ "on_drift": resume.on_drift, "rerun": resume.rerun, "set": set, "version": resume.version });
    let prepared = logged(context, ("resumeExecution", Target::Execution(row.id.as_str())), &given, |context| {
        manage::prepare(context.store.as_ref(), &row, &options, context.now())
    })?;
    if prepared.in_place {
        let pid = prepared.row.owner.as_ref().map_or(0, |owner| owner.pid);
        let message = format!("{} {}: process {pid} goes on with it", row.flow, row.id.short());
        return Ok(Answer { item: Some(item(context, &row.id)?), messages: vec![message], ..Answer::default() });
    }
    if let Some(entry) = moved {
        let (id, why, on_drift) = (row.id.clone(), "resume".to_owned(), None);
        carry_out(context, &Job::Resume { id, entry, why, on_drift, moves: true, epoch: Some(row.epoch) })?;
        let mut answer = ended(context, &row.id, &prepared.failed)?;
        say_notes(context, &row, &mut answer)?;
        wake(context, &row.id, &mut answer)?;
        return Ok(answer);
    }
    // What its parent is paused at is another question.
    go_on(context, &prepared.row, if prepared.row.id == row.id { "resume" } else { "child" })?;
    let left = context.store.queries().execution(&row.id)?;
    if row.id != prepared.row.id && manage::status(context.store.as_ref(), &left, context.now()) == Status::Interrupted
    {
        // What it belongs to had done with it, and does not wait for it any more.
        go_on(context, &left, "resume")?;
    }
    let mut answer = ended(context, &row.id, &prepared.failed)?;
    say_notes(context, &prepared.row, &mut answer)?;
    wake(context, &prepared.row.id, &mut answer)?;
    Ok(answer)
}

/// Where the code of another version is, if what is on record fits it.
fn moved(context: &mut Context<'_>, row: &ExecutionRow, version: &str, is_decided: bool) -> Result<EntryPoint> {
    let deployment = manage::another(context.store.as_ref(), row, version)?;
    if !is_decided {
        let found = context.host.rehearse(&row.id, &deployment.entry, &context.place).map_err(refused)?;
        manage::must_fit(row, &deployment, &found)?;
    }
    Ok(deployment.entry)
}

/// Carries on what was parked on an execution that has ended, or needs somebody now.
fn wake(context: &mut Context<'_>, moved: &ExecutionId, answer: &mut Answer) -> Result<()> {
    let mut seen = HashSet::new();
    let mut ahead = vec![moved.clone()];
    while let Some(id) = ahead.pop() {
        for row in manage::waiters(context.store.as_ref(), &id, context.now())? {
            if !seen.insert(row.id.clone()) {
                continue;
            }
            let head = format!("{} {}", crate::output::clean(&row.flow), row.id.short());
            match go_on(context, &row, "awaited") {
                Ok(()) => {
                    let now = context.store.queries().execution(&row.id)?.status;
                    answer.messages.push(format!("{head} waited for it, and is {now} now"));
                    ahead.push(row.id);
                }
                Err(error) if matches!(error.code.as_str(), "held" | "conflict" | "fenced" | "already-ended") => {}
                Err(error) => answer.messages.push(crate::output::clean(&format!(
                    "{head} waited for it and cannot go on: {}; then: kitaru resume {}",
                    error.message,
                    row.id.short()
                ))),
            }
        }
    }
    Ok(())
}

fn resume_due(context: &mut Context<'_>) -> Result<Answer> {
    let due = manage::due(context.store.as_ref(), context.now())?;
    let mut items = Vec::new();
    let mut lines = Vec::new();
    let mut messages = Vec::new();
    let mut status = 0;
    for row in due {
        let gone = go_on(context, &row, "due");
        let now = context.now();
        let row = context.store.queries().execution(&row.id)?;
        let item = view::execution(context.store.as_ref(), &row, now)?;
        let head = format!("{}  {}", row.id.short(), crate::output::clean(&row.flow));
        match gone {
            Ok(()) => lines.push(format!("{head}  {}", render::field(&item, "status"))),
            Err(error) => {
                status = 1;
                let line = crate::output::clean(&format!("error[{}]: {}", error.code, error.message));
                lines.push(format!("{head}  {line}"));
                messages.push(line);
            }
        }
        items.push(item);
    }
    if lines.is_empty() {
        lines.push("nothing is due".to_owned());
    }
    Ok(Answer { items: Some(items), text: lines.join("\n"), messages, status, ..Answer::default() })
}

/// `input`
pub fn input(context: &mut Context<'_>, input: &Input) -> Result<Answer> {
    let value: Json = manage::exact(&input.value).map_err(|error| {
        let hint = format!("a text needs quotes: --value '\"{}\"'", input.value.replace('\'', ""));
        ManageError::new("bad-json", format!("--value is not JSON: {error}"), Some(hint))
    })?;
    let now = context.now();
    let row = manage::find(context.store.as_ref(), &input.id)?;
    let (of, wait) = (("answerWait", Target::Execution(row.id.as_str())), input.wait.as_deref());
    let answered = logged(context, of, &json!({ "wait": wait, "value": value }), |context| {
        manage::answer(context.store.as_ref(), &row, wait, &value, &who(), now)
    })?;
    let asked = answered.wait.execution_id.clone();
    let root = answered.root.id.clone();
    let key = answered.wait.key.clone();
    if input.no_resume {
        let item = item(context, &asked)?;
        let message = format!("answered {key}; go on with: kitaru resume {}", root.short());
        return Ok(Answer { item: Some(item), messages: vec![message], ..Answer::default() });
    }
    let after = manage::after_answer(context.store.as_ref(), &answered, &SystemClock)?;
    if after == After::Carry {
        match go_on(context, &answered.root, "answer") {
            Ok(()) => {
                let mut answer = ended(context, &root, &[])?;
                say_notes(context, &answered.root, &mut answer)?;
                wake(context, &root, &mut answer)?;
                return Ok(answer);
            }
            // Whoever answered another of its waits at the same time was faster.
            Err(error) if matches!(error.code.as_str(), "held" | "conflict" | "fenced" | "already-ended") => {}
            Err(error) => {
                let kept = format!("the answer is recorded; then go on with: kitaru resume {}", root.short());
                let hint = error.hint.map_or_else(|| kept.clone(), |hint| format!("{hint}\n{kept}"));
                return Err(ManageError { hint: Some(hint), ..error });
            }
        }
    }
    let message = match after {
        After::Carry => format!("answered {key}; another process goes on with it"),
        After::Taken { pid } => format!("answered {key}; process {pid} goes on with it"),
        After::Silent { pid } => {
            format!("answered {key}; process {pid} has it but gives no sign of life: it goes on when that one does")
        }
        After::Stays { why } => format!("answered {key}; {why}"),
    };
    let item = item(context, &asked)?;
    Ok(Answer { item: Some(item), messages: vec![message], ..Answer::default() })
}

/// `cancel`, `pause`
pub fn stop(context: &mut Context<'_>, id: &str, how: Stop) -> Result<Answer> {
    let row = manage::find(context.store.as_ref(), id)?;
    let act = if how == Stop::Cancel { "cancelExecution" } else { "pauseExecution" };
    let stopped = logged(context, (act, Target::Execution(row.id.as_str())), &json!({}), |context| {
        manage::stop(context.store.as_ref(), &row, how, &who(), context.now())
    })?;
    let item = item(context, &row.id)?;
    let short = row.id.short();
    let text = match (stopped, how) {
        (Stopped::Now, Stop::Cancel) => format!("{short} cancelled"),
        (Stopped::Now, Stop::Pause) => format!("{short} paused"),
        (Stopped::Asked, Stop::Cancel) => format!("{short} is asked to stop; it is cancelled at its next step"),
        (Stopped::Asked, Stop::Pause) => {
            format!("{short} is asked to pause; nothing new begins, and it pauses when what runs has ended")
        }
    };
    let mut answer = Answer { item: Some(item), text, ..Answer::default() };
    wake(context, &row.id, &mut answer)?;
    Ok(answer)
}

/// `executions delete`
pub fn delete(context: &mut Context<'_>, id: &str, yes: bool) -> Result<Answer> {
    let row = manage::find(context.store.as_ref(), id)?;
    let deletion = manage::deletion(context.store.as_ref(), &row, context.now())?;
    let short = row.id.short();
    let children = deletion.rows.len() - 1;
    let mut what = format!("{} {short}", row.flow);
    if children > 0 {
        what.push_str(&format!(" and {children} that it started"));
    }
    let terminal = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    if !yes && !context.json && terminal && !context.host.confirm(&format!("Delete {what}?")) {
        return Ok(Answer { messages: vec!["nothing was deleted".to_owned()], status: 1, ..Answer::default() });
    }
    logged(context, ("deleteExecution", Target::Execution(row.id.as_str())), &json!({}), |context| {
        manage::delete(context.store.as_ref(), &deletion)
    })?;
    let mut messages = Vec::new();
    if !deletion.readers.is_empty() {
        let readers: Vec<&str> = deletion.readers.iter().map(|reader| reader.id.short()).collect();
        let who = if readers.len() == 1 { "the replay" } else { "the replays" };
        messages.push(format!("what {who} {} read of it stays as long as they do", readers.join(", ")));
    }
    let ids: Vec<&ExecutionId> = deletion.rows.iter().map(|row| &row.id).collect();
    let readers: Vec<&ExecutionId> = deletion.readers.iter().map(|row| &row.id).collect();
    let item = json!({ "deleted": ids, "read_by": readers });
    Ok(Answer {
        item: Some(item),
        text: crate::output::clean(&format!("{what} deleted")),
        messages,
        ..Answer::default()
    })
}

fn go_on(context: &mut Context<'_>, row: &ExecutionRow, why: &str) -> Result<()> {
    let (entry, epoch) = (row.entry.clone(), (!lease::is_unasked(why)).then_some(row.epoch));
    let job = Job::Resume { id: row.id.clone(), entry, why: why.to_owned(), on_drift: None, moves: false, epoch };
    carry_out(context, &job).map(|_| ())
}

/// Runs a job to the flow's end or suspension.
pub fn carry_out(context: &mut Context<'_>, job: &Job) -> Result<ExecutionId> {
    match context.host.run(job, context.json, &context.place) {
        Ok(ran) => {
            context.interrupted |= ran.interrupted;
            Ok(ran.id)
        }
        Err(HostError { code, message, hint }) => Err(ManageError { code, message, hint }),
    }
}

/// An execution as an item.
pub fn item(context: &Context<'_>, id: &ExecutionId) -> Result<Json> {
    let row = context.store.queries().execution(id)?;
    view::execution(context.store.as_ref(), &row, context.now())
}

/// What a flow's end looks like. `failed`: calls that failed before, to be named if the flow fails by itself.
pub fn ended(context: &Context<'_>, id: &ExecutionId, failed: &[String]) -> Result<Answer> {
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
            answer
                .messages
                .push(format!("{} {short} was interrupted. Go on with: kitaru resume {short}", text("flow")));
        }
        "cancelled" => {
            answer.status = 1;
            answer.messages.push(format!("{} {short} was cancelled", text("flow")));
        }
        "running" => answer.messages.push(format!("{} {short} is running", text("flow"))),
        status => {
            answer.status = if context.interrupted { 130 } else { 75 };
            let reason = item.get("reason").and_then(|reason| reason.get("text")).and_then(Json::as_str);
            let reason = crate::output::clean(reason.unwrap_or_default());
            answer.messages.push(format!("{} {short} is {status}: {reason}", text("flow")));
            answer.messages.extend(before_call(context, id)?);
            if let Some(at) = item.get("wake_at").and_then(Json::as_str) {
                let at = at.get(..19).unwrap_or(at).replace('T', " ");
                answer.messages.push(format!("  wakes {at} UTC, if somebody then runs: kitaru resume --due"));
            }
            for wait in asked(context, id)? {
                answer.messages.push(crate::output::clean(&format!("  {}", render::field(&wait, "question"))));
                answer.messages.push(crate::output::clean(&format!("  {}", render::field(&wait, "next"))));
            }
        }
    }
    answer.item = Some(item);
    Ok(answer)
}

/// The call that an execution is paused before, with its inputs and the commands to go on. A child that is, too.
fn before_call(context: &Context<'_>, id: &ExecutionId) -> Result<Vec<String>> {
    let store = context.store.as_ref();
    let row = store.queries().execution(id)?;
    if row.status == Status::Waiting {
        let filter =
            ExecutionFilter { parent: Some(row.id), status: vec![Status::Paused], ..ExecutionFilter::default() };
        let mut lines = Vec::new();
        for child in store.queries().executions(&filter, Page { limit: 5, offset: 0 })? {
            let reason = render::reason(&view::brief(store, &child, context.now())?);
            lines.push(crate::output::clean(&format!("{} {} is paused: {reason}", child.flow, child.id.short())));
            lines.extend(before_call(context, &child.id)?);
        }
        return Ok(lines);
    }
    if !matches!(manage::next::pause(&row), Some(PauseReason::Breakpoint { .. })) {
        return Ok(Vec::new());
    }
    let pending = manage::pending::pending(store, &row)?;
    let shown = pending.map(|pending| manage::pending::shown(store, id, &pending)).unwrap_or_default();
    Ok(shown.iter().map(|line| crate::output::clean(line)).collect())
}

/// What was noted while an execution went on from where `before` shows it: a record that was used although its code
/// or its inputs changed, a result that could not be stored.
pub fn say_notes(context: &Context<'_>, before: &ExecutionRow, answer: &mut Answer) -> Result<()> {
    let mut said = HashSet::new();
    let mut notes = Vec::new();
    for event in context.store.load(&before.id, before.last_seq, 0)? {
        if let Body::Noted(noted) = event.body
            && said.insert(noted.text.clone())
        {
            notes.push(format!("note: {}", crate::output::clean(&noted.text)));
        }
    }
    answer.messages.splice(0..0, notes);
    Ok(())
}

/// Open waits of an execution and of the children that it waits for.
fn asked(context: &Context<'_>, id: &ExecutionId) -> Result<Vec<Json>> {
    let store = context.store.as_ref();
    let row = store.queries().execution(id)?;
    let open = manage::open_waits(store, &row)?;
    open.iter().map(|wait| view::wait(store, wait, context.now())).collect()
}
