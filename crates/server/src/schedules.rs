//! `/api/v1/schedules`: flows that start by the clock.
//!
//! Over HTTP only flows that the store knows are scheduled, with the code of their newest execution: another process loads
//! it and binds the inputs, so that those which do not fit are refused. Not here: what becomes of ticks
//! (`kitaru_engine::manage`).

use crate::Shared;
use crate::executions::items;
use crate::given::{At, Given, Nothing};
use crate::problem::{Answer, Made, answer, made};
use crate::process::{Process, refusal};
use crate::route::{Route, delete, get, post};
use crate::scope::{Caller, Scope};
use crate::start::{PATIENCE, no_worker};
use axum::extract::State;
use kitaru_core::Millis;
use kitaru_core::schedule::Overlap;
use kitaru_engine::manage::{self, ManageError, NewSchedule, view};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

type Result<T> = std::result::Result<T, ManageError>;

pub fn routes() -> Vec<Route> {
    vec![
        get("/schedules", "listSchedules", list).says("All schedules, by name.").answers("Schedules"),
        post("/schedules", Scope::Operate, "addSchedule", add)
            .says("Start a flow that has run on this store before at the times of a cron expression.")
            .body::<Add>()
            .creates()
            .answers("Schedule"),
        get("/schedules/{name}", "getSchedule", one)
            .says("One schedule: its next ticks, and what became of the last.")
            .answers("Schedule"),
        delete("/schedules/{name}", Scope::Operate, "removeSchedule", remove)
            .says("Remove a schedule. Its executions stay.")
            .answers("RemovedSchedule"),
        post("/schedules/{name}/pause", Scope::Operate, "pauseSchedule", pause)
            .says("Let a schedule tick no more until it is resumed. What it has begun goes on.")
            .answers("Schedule"),
        post("/schedules/{name}/resume", Scope::Operate, "resumeSchedule", resume)
            .says("Let a schedule tick again, from its next time on.")
            .answers("Schedule"),
    ]
}

async fn list(State(shared): State<Shared>) -> Answer {
    answer(&shared, |shared| {
        let (store, now) = (shared.store.as_ref(), shared.now());
        items(manage::schedules(store)?.iter().map(|one| view::schedule(store, one, now)))
    })
    .await
}

/// A schedule to be added. The flow is one that has run here.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Add {
    /// Name of the flow.
    pub flow: String,
    /// When: minute, hour, day of the month, month, day of the week; or `@hourly`, `@daily`, `@weekly`, `@monthly`.
    pub cron: String,
    /// The time zone of these times, such as `Europe/Berlin`; without it UTC.
    pub timezone: Option<String>,
    /// What it is called; without it as the flow.
    #[schemars(regex(pattern = r"^[A-Za-z0-9._-]{1,64}$"))]
    pub name: Option<String>,
    /// The flow's arguments by name.
    #[serde(default)]
    pub inputs: Map<String, Value>,
    /// Labels of its executions.
    #[serde(default)]
    pub tags: Vec<String>,
    /// How many seconds each may work before it is paused, not counting what waits for people; without it as the flow
    /// says.
    #[serde(default)]
    #[schemars(range(min = 0.001, max = 1e9))]
    pub deadline_s: Option<f64>,
    /// The pool whose workers run them; without one: `default`.
    pub pool: Option<String>,
    /// What a tick does while the execution of the one before has not ended.
    #[serde(default)]
    pub overlap: OverlapWord,
    /// Whether ticks that were missed while nobody worked are made up for: the latest 100 at the most, one after the
    /// other. Without it only the latest is.
    #[serde(default)]
    pub backfill: bool,
}

/// See [`Overlap`].
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OverlapWord {
    /// It is left out, which is noted.
    #[default]
    Skip,
    /// It begins when that has ended.
    Queue,
    /// That is cancelled first.
    Cancel,
}

impl From<OverlapWord> for Overlap {
    fn from(word: OverlapWord) -> Self {
        match word {
            OverlapWord::Skip => Self::Skip,
            OverlapWord::Queue => Self::Queue,
            OverlapWord::Cancel => Self::Cancel,
        }
    }
}

async fn add(State(shared): State<Shared>, caller: Caller, Given(asked): Given<Add>) -> Made {
    made(answer(&shared, move |shared| set(shared, asked, &caller.by)).await)
}

/// What the other process has bound.
#[derive(Deserialize)]
struct Bound {
    inputs: String,
    deadline: Option<Millis>,
}

/// Adds a schedule.
pub fn set(shared: &Shared, asked: Add, by: &str) -> Result<Value> {
    let (Some(carrier), store) = (&shared.carrier, shared.store.as_ref()) else { return Err(no_worker()) };
    let timezone = asked.timezone.unwrap_or_else(|| "UTC".to_owned());
    // Refused before any code is loaded.
    manage::times_of(&asked.cron, &timezone)?;
    let deadline = asked.deadline_s.map(manage::deadline_of).transpose()?;
    let known = manage::runnable(store, &asked.flow)?;
    let job = json!({ "bind": { "entry": known.entry, "inputs": asked.inputs } });
    let interpreter = carrier.at(&known.entry)?.interpreter;
    let process = Process::begin(&interpreter, &job, carrier.place()).map_err(|error| {
        let message = format!("{interpreter} cannot be started: {error}");
        ManageError::new("flow-import", message, None)
    })?;
    let told = process.finish(PATIENCE)?;
    if let Some(refused) = refusal(&told, 1) {
        return Err(refused);
    }
    let text = told.get(0).and_then(Value::as_str).unwrap_or_default();
    let bound: Bound =
        serde_json::from_str(text).map_err(|error| ManageError::new("misuse", error.to_string(), None))?;
    let new = NewSchedule {
        name: asked.name,
        cron: asked.cron,
        timezone,
        flow: known.flow,
        entry: known.entry,
        inputs: bound.inputs,
        tags: asked.tags,
        deadline: deadline.or(bound.deadline),
        pool: asked.pool,
        overlap: asked.overlap.into(),
        backfill: asked.backfill,
    };
    let one = manage::add_schedule(store, new, by, shared.now())?;
    view::schedule(store, &one, shared.now())
}

async fn one(State(shared): State<Shared>, At(name): At<String>) -> Answer {
    answer(&shared, move |shared| {
        let store = shared.store.as_ref();
        view::schedule(store, &manage::schedule(store, &name)?, shared.now())
    })
    .await
}

async fn remove(State(shared): State<Shared>, At(name): At<String>) -> Answer {
    answer(&shared, move |shared| {
        manage::remove_schedule(shared.store.as_ref(), &name)?;
        Ok::<_, ManageError>(json!({ "removed": name }))
    })
    .await
}

async fn pause(
    State(shared): State<Shared>,
    caller: Caller,
    At(name): At<String>,
    Given(Nothing {}): Given<Nothing>,
) -> Answer {
    answer(&shared, move |shared| steer(shared, &name, Some(&caller.by))).await
}

async fn resume(State(shared): State<Shared>, At(name): At<String>, Given(Nothing {}): Given<Nothing>) -> Answer {
    answer(&shared, move |shared| steer(shared, &name, None)).await
}

/// Pauses a schedule in that name, or has it tick again.
pub fn steer(shared: &Shared, name: &str, pause_by: Option<&str>) -> Result<Value> {
    let (store, now) = (shared.store.as_ref(), shared.now());
    let one = match pause_by {
        Some(by) => manage::pause_schedule(store, name, by, now)?,
        None => manage::resume_schedule(store, name, now)?,
    };
    view::schedule(store, &one, now)
}
