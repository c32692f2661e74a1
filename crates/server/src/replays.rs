//! Replays: planned to be looked at, and created to be carried on.
//!
//! Not here: the plan (`kitaru_engine::manage`). The code as it is now is looked at in another process.

use crate::acts::OnDrift;
use crate::executions::{about, said};
use crate::given::{At, Given, IdempotencyKey};
use crate::going::{self, Going};
use crate::problem::{Answer, Made, made};
use crate::process::{Process, refusal};
use crate::route::{Route, post};
use crate::scope::{Caller, Scope};
use crate::{Shared, start};
use axum::extract::State;
use kitaru_core::ExecutionId;
use kitaru_core::event::{DEFAULT_POOL, Reuse};
use kitaru_core::rows::ExecutionRow;
use kitaru_engine::manage::{self, Inspection, ManageError, Original, Planned, ReplayOptions};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// How long the flow's code may take to load.
const PATIENCE: Duration = Duration::from_secs(60);

type Result<T> = std::result::Result<T, ManageError>;

pub fn routes() -> Vec<Route> {
    vec![
        post("/executions/{id}/plan", Scope::Read, "planReplay", plan)
            .says(
                "What a replay would reuse, run and ask again. Nothing is changed. With a token below `operate` the code \
                 as it is now is not looked at, since that loads it.",
            )
            .body::<Replay>()
            .answers("Plan"),
        post("/executions/{id}/replay", Scope::Operate, "replayExecution", replay)
            .says("Run an execution again from a call on, or with something changed, as an execution of its own.")
            .body::<Replay>()
            .keyed()
            .creates()
            .answers("Replayed"),
    ]
}

/// What is to be different in a replay.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Replay {
    /// Run again from this call on: a call's key, a checkpoint's name, `step N`, `failure` or `start`.
    pub from: Option<String>,
    /// What to reuse: all that ended before that call (`frontier`), or what is unchanged, wherever it stands.
    pub reuse: Option<ReuseWord>,
    /// Keep all that is recorded, however early something is changed: inputs decide.
    pub keep_recorded: bool,
    /// Values by path: `flow.NAME`, `CALL.inputs.NAME`, `CALL.output`, `waits.NAME`.
    pub set: Map<String, Value>,
    /// Waits to ask again, by name or key; `all`: all of them.
    pub ask_again: Vec<String>,
    /// For a call that has other inputs than recorded: reuse its result, or run it again. Else it is asked about.
    pub on_drift: Option<OnDrift>,
    /// Labels of the replay.
    pub tags: Vec<String>,
}

/// What a replay reuses.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReuseWord {
    /// All that ended before its frontier.
    Frontier,
    /// What is unchanged.
    Unchanged,
}

impl Replay {
    fn options(&self, by: &str) -> ReplayOptions {
        ReplayOptions {
            from: self.from.clone(),
            reuse: self.reuse.map(|word| match word {
                ReuseWord::Frontier => Reuse::Frontier,
                ReuseWord::Unchanged => Reuse::Unchanged,
            }),
            keep_recorded: self.keep_recorded,
            set: self.set.clone().into_iter().collect(),
            ask_again: self.ask_again.clone(),
            tags: self.tags.clone(),
            pool: Some(DEFAULT_POOL.to_owned()),
            by: by.to_owned(),
        }
    }
}

/// A replay that can be created.
pub struct Prepared {
    original: Original,
    planned: Planned,
    options: ReplayOptions,
    inspection: Option<Inspection>,
    /// The plan, for people and programs.
    pub item: Value,
}

/// Whether the code as it is now is looked at, which loads it, and so runs what its module does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// It must be.
    Must,
    /// Where it cannot be, the plan says so.
    May,
    /// Whoever asks may not have anything run: the plan is made of what is on record, and says so.
    Untouched,
}

impl Code {
    /// What somebody may have done for a plan.
    pub fn of(scope: Scope) -> Self {
        if scope >= Scope::Operate { Self::May } else { Self::Untouched }
    }
}

/// Reads and plans a replay.
pub fn prepare(shared: &Shared, row: &ExecutionRow, asked: &Replay, by: &str, code: Code) -> Result<Prepared> {
    let store = shared.store.as_ref();
    let options = asked.options(by);
    let original = Original::read(store, row)?;
    // What is asked is refused before any code is loaded for it.
    let planned = manage::plan_replay(store, &original, &options, None)?;
    let (inspection, unread) = if code == Code::Untouched {
        (None, Some("to load it wants the scope operate".to_owned()))
    } else {
        match inspect(shared, row, &original, &planned) {
            Ok(found) => (Some(found), None),
            Err(error) if code == Code::Must => return Err(error),
            Err(error) => (None, Some(error.message)),
        }
    };
    let planned = manage::plan_replay(store, &original, &options, inspection.as_ref())?;
    let item = manage::planned(&original, &planned, &options, inspection.as_ref(), unread.as_deref());
    Ok(Prepared { original, planned, options, inspection, item })
}

fn inspect(shared: &Shared, row: &ExecutionRow, original: &Original, planned: &Planned) -> Result<Inspection> {
    let Some(carrier) = &shared.carrier else { return Err(start::no_worker()) };
    let job = json!({ "inspect": {
        "id": row.id, "entry": row.entry, "checks": planned.checks, "recorded": original.codes(),
        "flow_recorded": original.code(),
    } });
    let cannot = |why: String| ManageError::new("flow-import", why, None);
    let interpreter = &carrier.at(&row.entry)?.interpreter;
    let process = Process::begin(interpreter, &job, carrier.place())
        .map_err(|error| cannot(format!("{interpreter} cannot be started: {error}")))?;
    let told = process.finish(PATIENCE)?;
    if let Some(refused) = refusal(&told, 1) {
        return Err(refused);
    }
    let text = told.get(0).and_then(Value::as_str).unwrap_or_default();
    serde_json::from_str(text).map_err(|error| cannot(format!("its code was not understood: {error}")))
}

/// Creates a replay that was prepared and has it carried on. `id`: what it is to be called; one that is there already,
/// and is the same, is left as it is.
pub fn create(
    shared: &Shared,
    found: &Prepared,
    asked: &Replay,
    id: Option<ExecutionId>,
) -> Result<(ExecutionRow, String)> {
    let store = shared.store.as_ref();
    let code = found.inspection.as_ref();
    let (id, is_new) =
        manage::create_replay(store, &found.original, &found.planned, &found.options, code, id, shared.now())?;
    if !is_new && !manage::is_the_same_replay(store, &id, &found.original, &found.planned)? {
        let message = format!("that Idempotency-Key has started another replay: {id}");
        return Err(ManageError::new("key-conflict", message, Some("give another request another key".to_owned())));
    }
    let row = store.queries().execution(&id)?;
    if !is_new {
        return Ok((row, "worker".to_owned()));
    }
    let going = Going { on_drift: asked.on_drift.map(OnDrift::as_str), ..Going::on("replay") };
    let goes_on = going::go_on(shared, &row, going)?;
    Ok((row, goes_on))
}

async fn plan(State(shared): State<Shared>, At(id): At<String>, caller: Caller, Given(asked): Given<Replay>) -> Answer {
    about(&shared, id, move |shared, row| Ok(prepare(shared, &row, &asked, &caller.by, Code::of(caller.scope))?.item))
        .await
}

async fn replay(
    State(shared): State<Shared>,
    At(id): At<String>,
    caller: Caller,
    key: IdempotencyKey,
    Given(asked): Given<Replay>,
) -> Made {
    let answered = about(&shared, id, move |shared, row| {
        let found = prepare(shared, &row, &asked, &caller.by, Code::Must)?;
        let id = key.0.map(|key| ExecutionId::keyed(&format!("replay {}", row.id), &key));
        let (made, goes_on) = create(shared, &found, &asked, id)?;
        said(shared, &made, json!({ "goes_on": goes_on, "plan": found.item }))
    });
    made(answered.await)
}
