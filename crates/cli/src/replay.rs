//! `replay` of one execution: planned, shown, asked about, created and carried on.
//!
//! Not here: several at once (`batch`), and what a plan looks like (`plan`).

use crate::asked::Replay;
use crate::output::{self, Answer};
use crate::tokens::logged;
use crate::{Context, HostError, Job, act, batch, plan, values};
use kitaru_core::ExecutionId;
use kitaru_core::rows::ExecutionRow;
use kitaru_engine::manage::{self, Inspection, ManageError, Original, Planned, ReplayOptions, Target};
use serde_json::{Value as Json, json};
use std::collections::HashMap;
use std::io::IsTerminal;
use std::sync::Arc;

type Result<T> = std::result::Result<T, ManageError>;

/// What was found in code that was looked at in this command: executions of one flow share it.
pub type Looked = HashMap<String, std::result::Result<Inspection, HostError>>;

/// A replay that can be created, and its plan as an item.
pub struct Prepared {
    /// The source.
    pub original: Original,
    /// The plan.
    pub planned: Planned,
    /// The code as it is now; `None`: it could not be read.
    pub inspection: Option<Inspection>,
    /// The plan as an item.
    pub item: Json,
}

/// `replay`
pub fn replay(context: &mut Context<'_>, asked: &Replay) -> Result<Answer> {
    let options = options(asked)?;
    if asked.is_batch() {
        return batch::replay(context, asked, &options);
    }
    let row = manage::find(context.store.as_ref(), asked.ids.first().map_or("", String::as_str))?;
    let found = prepare(context, &row, &options, asked.dry_run, &mut Looked::new())?;
    let text = plan::plan(&found.item);
    if asked.dry_run {
        return Ok(Answer { item: Some(found.item), text, ..Answer::default() });
    }
    output::say(&text);
    if !may_go_on(context, asked, "Run it?") {
        return Ok(declined());
    }
    let (id, _) = create(context, &found, &options, None)?;
    let created = context.store.queries().execution(&id)?;
    drop(found);
    let told = asked.follow.then(|| manage::follow(Arc::clone(&context.store), &created, output::say));
    let ran = act::carry_out(context, &job(&created, asked));
    drop(told);
    if let Err(error) = ran {
        let kept = format!("the replay is created; then go on with: kitaru resume {}", id.short());
        let hint = error.hint.map_or_else(|| kept.clone(), |hint| format!("{hint}\n{kept}"));
        return Err(ManageError { hint: Some(hint), ..error });
    }
    let mut answer = act::ended(context, &id, &[])?;
    act::say_notes(context, &created, &mut answer)?;
    if context.store.queries().execution(&id)?.status.has_ended() {
        answer.messages.push(format!("compare: kitaru diff {} {}", row.id.short(), id.short()));
    }
    Ok(answer)
}

/// Reads and plans a replay. Code that cannot be loaded is an error, but only said in a dry run.
pub fn prepare(
    context: &mut Context<'_>,
    row: &ExecutionRow,
    options: &ReplayOptions,
    dry_run: bool,
    looked: &mut Looked,
) -> Result<Prepared> {
    let store = Arc::clone(&context.store);
    let original = Original::read(store.as_ref(), row)?;
    // What is asked is refused before any code is loaded for it.
    let planned = manage::plan_replay(store.as_ref(), &original, options, None)?;
    let checks = planned.checks;
    let (recorded, flow_recorded) = (original.codes(), original.code().map(str::to_owned));
    let key = json!([row.entry, checks, recorded, flow_recorded]).to_string();
    let job = Job::Inspect { id: row.id.clone(), entry: row.entry.clone(), checks, recorded, flow_recorded };
    let found = looked.entry(key).or_insert_with(|| context.host.inspect(&job, &context.place)).clone();
    let (inspection, unread) = match found {
        Ok(found) => (Some(found), None),
        Err(error) if dry_run => (None, Some(error.message)),
        Err(HostError { code, message, hint }) => return Err(ManageError { code, message, hint }),
    };
    let planned = manage::plan_replay(store.as_ref(), &original, options, inspection.as_ref())?;
    let item = manage::planned(&original, &planned, options, inspection.as_ref(), unread.as_deref());
    Ok(Prepared { original, planned, inspection, item })
}

/// Creates a replay that was prepared; whether it is new.
pub fn create(
    context: &mut Context<'_>,
    found: &Prepared,
    options: &ReplayOptions,
    id: Option<ExecutionId>,
) -> Result<(ExecutionId, bool)> {
    let code = found.inspection.as_ref();
    let of = ("replayExecution", Target::Execution(found.original.row.id.as_str()));
    logged(context, of, &options.shown(), |context| {
        let store = context.store.as_ref();
        manage::create_replay(store, &found.original, &found.planned, options, code, id, context.now())
    })
}

/// What carries a replay on.
pub fn job(row: &ExecutionRow, asked: &Replay) -> Job {
    let (why, on_drift) = ("replay".to_owned(), asked.on_drift.clone());
    Job::Resume { id: row.id.clone(), entry: row.entry.clone(), why, on_drift, moves: false, epoch: Some(row.epoch) }
}

/// Asks on a terminal; elsewhere, and where that was said before, it goes on.
pub fn may_go_on(context: &mut Context<'_>, asked: &Replay, question: &str) -> bool {
    let terminal = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    asked.yes || context.json || !terminal || context.host.confirm(question)
}

/// The answer where nobody wants it to go on.
pub fn declined() -> Answer {
    Answer { messages: vec!["nothing was run".to_owned()], status: 1, ..Answer::default() }
}

fn options(asked: &Replay) -> Result<ReplayOptions> {
    let mut set = values::pairs("--set", &asked.set)?;
    set.extend(values::files("--set-file", &asked.set_file)?);
    Ok(ReplayOptions {
        from: asked.from.clone(),
        reuse: asked.reuse.as_deref().map(manage::parse_reuse).transpose()?,
        keep_recorded: asked.keep.is_some(),
        set,
        ask_again: asked.ask_again.clone(),
        tags: asked.tag.clone(),
        pool: None,
        by: "cli".to_owned(),
    })
}
