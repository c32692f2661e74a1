//! `replay` of several executions: planned and created one by one, run a few at a time, each in a process of its own,
//! and told together.
//!
//! A batch has a name, and a replay in it an identifier that is a function of that name and its source. So one that was
//! killed half-way and is started again replays each execution once: what is over is told, what is not goes on.

use crate::asked::Replay;
use crate::output::{self, Answer, clean};
use crate::replay::{self, Looked};
use crate::{Context, HostError, Job, Ran, plan, render};
use kitaru_core::lease::Hold;
use kitaru_core::rows::{ExecutionRow, Status};
use kitaru_core::{Digest, ExecutionId};
use kitaru_engine::manage::{self, ManageError, ReplayOptions, ResumeOptions, view};
use kitaru_store::{ExecutionFilter, Page, StoreError};
use serde_json::{Value as Json, json};
use std::sync::Arc;

type Result<T> = std::result::Result<T, ManageError>;

/// One execution of the batch.
struct One {
    source: ExecutionRow,
    /// The replay's identifier.
    id: ExecutionId,
    /// What to do with it.
    next: Next,
    /// Its plan, where it is not created yet.
    plan: Option<Json>,
    error: Option<ManageError>,
}

#[derive(PartialEq)]
enum Next {
    /// It is to be created.
    Create,
    /// It is there and is to be carried on.
    Resume,
    /// It is over, held by another process, or refused.
    Nothing,
}

/// `replay` of several
pub fn replay(context: &mut Context<'_>, asked: &Replay, options: &ReplayOptions) -> Result<Answer> {
    let sources = sources(context, asked)?;
    let name = asked.batch.clone().unwrap_or_else(|| name(asked, options, &sources));
    let options = ReplayOptions { tags: tags(options, &name), ..options.clone() };
    let mut looked = Looked::new();
    let mut all = Vec::new();
    for source in sources {
        all.extend(one(context, asked, &options, &name, source, &mut looked)?);
    }
    if all.is_empty() {
        return Ok(Answer { items: Some(Vec::new()), text: "no such executions".to_owned(), ..Answer::default() });
    }
    let plans: Vec<&Json> = all.iter().filter_map(|one| one.plan.as_ref()).collect();
    let refused = all.iter().filter(|one| one.error.is_some()).count();
    let mut head = format!("{} to replay", count(plans.len()));
    let known = all.len() - plans.len() - refused;
    if known > 0 {
        head.push_str(&format!(", {known} replayed or begun before"));
    }
    if refused > 0 {
        head.push_str(&format!(", {refused} that cannot be"));
    }
    let mut text = vec![head];
    if !plans.is_empty() {
        text.push(plan::together(&plans));
    }
    if asked.dry_run {
        let items = all.iter().map(|one| told(context, one, true)).collect::<Result<Vec<Json>>>()?;
        text.push(table(&items));
        let status = i32::from(refused > 0);
        return Ok(Answer { items: Some(items), text: text.join("\n"), status, ..Answer::default() });
    }
    output::say(&text.join("\n"));
    if !replay::may_go_on(context, asked, "Run them?") {
        return Ok(replay::declined());
    }
    carry_on(context, asked, &options, &mut all, &mut looked)?;
    summary(context, &all, &name)
}

/// The executions that are asked for, oldest first.
fn sources(context: &Context<'_>, asked: &Replay) -> Result<Vec<ExecutionRow>> {
    let store = context.store.as_ref();
    if !asked.ids.is_empty() {
        let mut found: Vec<ExecutionRow> = Vec::new();
        for id in &asked.ids {
            let row = manage::find(store, id)?;
            if found.iter().all(|known| known.id != row.id) {
                found.push(row);
            }
        }
        return Ok(found);
    }
    let now = context.now();
    let status = asked.status.iter().map(|word| manage::parse_status(word)).collect::<Result<Vec<Status>>>()?;
    let filter = ExecutionFilter {
        flow: asked.flow.clone(),
        tag: asked.tagged.clone(),
        roots: true,
        ..ExecutionFilter::default()
    };
    let mut found = store.queries().executions(&filter, Page { limit: usize::MAX >> 1, offset: 0 })?;
    found.retain(|row| {
        (status.is_empty() || status.contains(&manage::status(store, row, now)))
            && asked.older_than.is_none_or(|age| row.created_at <= now - age)
            && asked.newer_than.is_none_or(|age| row.created_at >= now - age)
    });
    found.reverse();
    Ok(found)
}

/// The name of a batch that was given none: made of what is asked, so that asking the same again is the same batch.
fn name(asked: &Replay, options: &ReplayOptions, sources: &[ExecutionRow]) -> String {
    // Which executions a filter finds changes while the batch runs; which were named does not.
    let ids: Vec<&ExecutionId> = sources.iter().map(|row| &row.id).filter(|_| !asked.ids.is_empty()).collect();
    let what = json!([
        ids,
        asked.flow,
        asked.status,
        asked.tagged,
        asked.older_than,
        asked.newer_than,
        options.from,
        asked.reuse,
        options.keep_recorded,
        options.set,
        options.ask_again,
        asked.on_drift,
        options.tags
    ]);
    Digest::of(what.to_string().as_bytes()).to_string().chars().take(12).collect()
}

fn tags(options: &ReplayOptions, name: &str) -> Vec<String> {
    options.tags.iter().cloned().chain([format!("batch:{name}")]).collect()
}

/// What is to be done with one source; `None`: it is a replay of this very batch.
fn one(
    context: &mut Context<'_>,
    asked: &Replay,
    options: &ReplayOptions,
    name: &str,
    source: ExecutionRow,
    looked: &mut Looked,
) -> Result<Option<One>> {
    if let Some(of) = &source.forked_from
        && ExecutionId::replay_of(name, of) == source.id
        && asked.ids.is_empty()
    {
        return Ok(None);
    }
    let id = ExecutionId::replay_of(name, &source.id);
    let mut one = One { source, id, next: Next::Nothing, plan: None, error: None };
    match context.store.queries().execution(&one.id) {
        Ok(row) => {
            let held = manage::hold(context.store.as_ref(), &row, context.now()) == Hold::Held;
            if !row.status.has_ended() && !held {
                one.next = Next::Resume;
            }
        }
        Err(StoreError::NotFound(_)) => match replay::prepare(context, &one.source, options, asked.dry_run, looked) {
            Ok(found) => {
                one.plan = Some(found.item);
                one.next = Next::Create;
            }
            Err(error) => one.error = Some(error),
        },
        Err(error) => return Err(error.into()),
    }
    Ok(Some(one))
}

/// Creates what is to be created, then runs all that is to run.
fn carry_on(
    context: &mut Context<'_>,
    asked: &Replay,
    options: &ReplayOptions,
    all: &mut [One],
    looked: &mut Looked,
) -> Result<()> {
    let mut jobs: Vec<Job> = Vec::new();
    let mut whose: Vec<usize> = Vec::new();
    for (at, one) in all.iter_mut().enumerate() {
        if one.next == Next::Create {
            // Read again: journals of many executions at once may be more than fits.
            let created = replay::prepare(context, &one.source, options, false, looked)
                .and_then(|found| replay::create(context, &found, options, Some(one.id.clone())));
            match created {
                Ok(_) => one.next = Next::Resume,
                Err(error) => (one.next, one.error) = (Next::Nothing, Some(error)),
            }
        }
        if one.next == Next::Resume {
            let row = context.store.queries().execution(&one.id)?;
            match manage::prepare(context.store.as_ref(), &row, &ResumeOptions::default(), context.now()) {
                Ok(_) => {
                    jobs.push(replay::job(&row, asked));
                    whose.push(at);
                }
                // It waits, or is paused: that is how it is told.
                Err(error) if matches!(error.code.as_str(), "waiting" | "paused" | "held") => {}
                Err(error) => one.error = Some(error),
            }
        }
    }
    let (store, json, total) = (Arc::clone(&context.store), context.json, jobs.len());
    let mut ended = 0;
    let mut interrupted = false;
    let mut told = |at: usize, ran: std::result::Result<Ran, HostError>| {
        let Some(one) = whose.get(at).and_then(|at| all.get_mut(*at)) else { return };
        ended += 1;
        if let Err(HostError { code, message, hint }) = ran {
            interrupted |= code == "interrupted";
            one.error = Some(ManageError { code, message, hint });
        }
        if !json {
            let word = match (&one.error, store.queries().execution(&one.id)) {
                (Some(error), _) => format!("error[{}]", error.code),
                (None, Ok(row)) => row.status.to_string(),
                (None, Err(error)) => error.to_string(),
            };
            output::say(&format!("[{ended}/{total}] {} -> {}  {word}", one.source.id.short(), one.id.short()));
        }
    };
    let stopped = context.host.run_all(&jobs, asked.limit_running, &context.place, &mut told);
    context.interrupted |= stopped || interrupted;
    Ok(())
}

/// One execution of the batch as an item.
fn told(context: &Context<'_>, one: &One, planned: bool) -> Result<Json> {
    let row = match context.store.queries().execution(&one.id) {
        Ok(row) => Some(row),
        Err(StoreError::NotFound(_)) => None,
        Err(error) => return Err(error.into()),
    };
    let item = row.as_ref().map(|row| view::brief(context.store.as_ref(), row, context.now()));
    let status = match (&item, &one.error) {
        (None, Some(_)) => "refused".to_owned(),
        (None, None) => if planned { "planned" } else { "not begun" }.to_owned(),
        (Some(item), _) => render::field(item, "status"),
    };
    let error =
        one.error.as_ref().map(|error| json!({ "code": error.code, "message": error.message, "hint": error.hint }));
    let reason = item.as_ref().map(render::reason).unwrap_or_default();
    Ok(json!({
        "source": one.source.id,
        "id": row.map(|row| row.id),
        "status": status,
        "reason": reason,
        "error": error,
        "plan": one.plan.as_ref().filter(|_| planned),
    }))
}

fn table(items: &[Json]) -> String {
    render::table(
        items,
        &[
            ("SOURCE", |item| tail(&render::field(item, "source"))),
            ("REPLAY", |item| tail(&render::field(item, "id"))),
            ("STATUS", |item| render::field(item, "status")),
            ("REASON", |item| match item.get("error").filter(|error| !error.is_null()) {
                Some(error) => format!("error[{}]: {}", render::field(error, "code"), render::field(error, "message")),
                None => render::field(item, "reason"),
            }),
        ],
    )
}

fn tail(id: &str) -> String {
    id.get(id.len().saturating_sub(8)..).unwrap_or_default().to_owned()
}

fn summary(context: &Context<'_>, all: &[One], name: &str) -> Result<Answer> {
    let items = all.iter().map(|one| told(context, one, false)).collect::<Result<Vec<Json>>>()?;
    let mut counts: Vec<(String, usize)> = Vec::new();
    for item in &items {
        let status = render::field(item, "status");
        match counts.iter_mut().find(|(word, _)| *word == status) {
            Some((_, count)) => *count += 1,
            None => counts.push((status, 1)),
        }
    }
    let of = |words: &[&str]| counts.iter().any(|(word, _)| words.contains(&word.as_str()));
    let errors = all.iter().any(|one| one.error.is_some());
    let status = if context.interrupted {
        130
    } else if errors || of(&["failed", "cancelled", "refused"]) {
        1
    } else if of(&["waiting", "sleeping", "paused", "running", "interrupted", "not begun"]) {
        75
    } else {
        0
    };
    let told: Vec<String> = counts.iter().map(|(word, count)| format!("{count} {word}")).collect();
    let messages = vec![
        format!("{}: {}", count(items.len()), told.join(", ")),
        format!(
            "the same command goes on with what is not over; to replay them once more: --batch {}",
            clean(&another(name))
        ),
    ];
    Ok(Answer { text: table(&items), items: Some(items), messages, status, ..Answer::default() })
}

fn another(name: &str) -> String {
    format!("{name}-2")
}

fn count(executions: usize) -> String {
    if executions == 1 { "1 execution".to_owned() } else { format!("{executions} executions") }
}
