//! Replaying an execution: what is asked is checked against what is on record, planned, and created as an execution of
//! its own that is then carried on like any other. The source is read, never written.
//!
//! Not here: the plan ([`kitaru_core::plan`]), what it looks like ([`super::planned`]), reading the code as it is now
//! (the host does, see [`Check`] and [`Inspection`]), and many at once (the command line's).

use super::original::Original;
use super::{ManageError, Result, check_answer, text};
use kitaru_core::event::{
    CallEnded, Created, Fork, InputsSet, Outcome, Override, Reuse, Usage, WaitAnswered, WaitOpened,
};
use kitaru_core::path::{self, Step, TAG};
use kitaru_core::plan::{Place, Plan, PlanError, SourceCall, Spec, plan};
use kitaru_core::selector::Selector;
use kitaru_core::{Body, ExecutionId, Millis, ScopeId, Value};
use kitaru_store::{Created as Creation, Store};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::collections::{BTreeMap, HashMap};

/// What is asked of a replay.
#[derive(Clone, Debug, Default)]
pub struct ReplayOptions {
    /// A selector of the call from which everything runs again.
    pub from: Option<String>,
    /// Which records are served; `None`: all before the frontier.
    pub reuse: Option<Reuse>,
    /// Keep all that is recorded and let inputs decide.
    pub keep_recorded: bool,
    /// What is put where: a path, and plain JSON.
    pub set: Vec<(String, Json)>,
    /// Waits to ask again, by key or name; `all`: all of them.
    pub ask_again: Vec<String>,
    /// Labels of the replay.
    pub tags: Vec<String>,
    /// The pool whose workers run it; `None`: whoever asks does.
    pub pool: Option<String>,
    /// Who asks.
    pub by: String,
}

impl ReplayOptions {
    /// As the log of changes is told of them.
    pub fn shown(&self) -> Json {
        let set: serde_json::Map<String, Json> = self.set.iter().cloned().collect();
        serde_json::json!({
            "from": self.from, "reuse": self.reuse, "keep_recorded": self.keep_recorded, "set": set,
            "ask_again": self.ask_again, "tags": self.tags,
        })
    }
}

/// A value that is put in place of a recorded one.
#[derive(Clone, Debug)]
pub struct Change {
    /// Its path, as it was given.
    pub path: String,
    /// The new value, plain JSON.
    pub value: Json,
    /// What stood there, if that is on record.
    pub was: Option<Json>,
}

/// What the host is to check of an override against the code as it is now.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Check {
    /// The override's path.
    pub path: String,
    /// What it is: `flow`, `input`, `output` or `answer`.
    pub kind: &'static str,
    /// The checkpoint or child flow; `None` for the flow's own inputs and for answers.
    pub checkpoint: Option<String>,
    /// The parameter or the wait; `None` for outputs.
    pub name: Option<String>,
    /// The value: for a parameter the whole of it, as it then is (recorded values are tagged).
    pub value: Json,
}

/// What the host finds in the code as it is now.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Inspection {
    /// Digest of the flow's code.
    #[serde(default)]
    pub flow_code: Option<String>,
    /// Digests by checkpoint and child flow; `None`: it has none that can be read.
    #[serde(default)]
    pub codes: HashMap<String, Option<String>>,
    /// What of a changed one has changed, for people, by name.
    #[serde(default)]
    pub changes: BTreeMap<String, String>,
    /// What of the flow's own function has changed, for people.
    #[serde(default)]
    pub flow_change: Option<String>,
    /// Overrides that the code does not take.
    #[serde(default)]
    pub problems: Vec<Problem>,
}

/// See [`Inspection::problems`].
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Problem {
    /// The override's path.
    pub path: String,
    /// Why not.
    pub message: String,
}

/// A replay that can be created.
#[derive(Debug)]
pub struct Planned {
    /// What becomes of the source's calls.
    pub plan: Plan,
    /// What is changed.
    pub changes: Vec<Change>,
    /// What the host is to check.
    pub checks: Vec<Check>,
    /// The flow's arguments.
    inputs: Value,
    /// Arguments that were changed, by the call's place in the source.
    given: BTreeMap<usize, Vec<(String, Value)>>,
}

/// The reuse of that word.
pub fn parse_reuse(word: &str) -> Result<Reuse> {
    match word {
        "frontier" => Ok(Reuse::Frontier),
        "unchanged" => Ok(Reuse::Unchanged),
        other => {
            let hint = Some("it is frontier or unchanged".to_owned());
            Err(ManageError::new("usage", format!("reuse {other:?} is not known"), hint))
        }
    }
}

/// Plans a replay. Without an inspection nothing is known of the code as it is now.
pub fn plan_replay(
    store: &dyn Store,
    original: &Original,
    options: &ReplayOptions,
    inspection: Option<&Inspection>,
) -> Result<Planned> {
    let refused = |error: PlanError| as_error(original, &error);
    let from = options.from.as_deref().map(Selector::parse).transpose();
    let spec = Spec {
        from: from.map_err(|error| refused(error.into()))?,
        reuse: options.reuse,
        keep_recorded: options.keep_recorded,
        overrides: options.set.iter().map(|(path, _)| path.clone()).collect(),
        ask_again: options.ask_again.iter().filter(|wait| *wait != "all").cloned().collect(),
        ask_all: options.ask_again.iter().any(|wait| wait == "all"),
        codes: inspection.map(|found| found.codes.clone()),
    };
    let plan = plan(&original.source, &spec).map_err(refused)?;
    if let Some(problem) = inspection.and_then(|found| found.problems.first()) {
        return Err(bad(&problem.path, &problem.message));
    }
    let mut inputs = json(store, &original.row.inputs)?;
    let mut given: BTreeMap<usize, (Json, Vec<(String, Value)>)> = BTreeMap::new();
    let mut changes = Vec::new();
    let mut targets = Vec::new();
    for (place, (path, value)) in plan.places.iter().zip(&options.set) {
        if holds_tag(value) {
            return Err(bad(path, format!("a value with a field {TAG} would be taken for a recorded one")));
        }
        let call = |at: &usize| &original.source.calls[*at];
        let was = match place {
            Place::Flow { path: steps } => put(&mut inputs, steps, value, path)?,
            Place::Inputs { call: at, path: steps } => {
                let (bound, values) = match given.entry(*at) {
                    std::collections::btree_map::Entry::Occupied(known) => known.into_mut(),
                    std::collections::btree_map::Entry::Vacant(new) => {
                        new.insert((bound(store, call(at), path)?, Vec::new()))
                    }
                };
                let was = put(bound, steps, value, path)?;
                values.push((path::printed(steps), made(value, path)?));
                was
            }
            Place::Output { call: at } => call(at).output.as_ref().map(|output| json(store, output)).transpose()?,
            Place::Answer { call: at } => {
                let asked = original.questions.get(&call(at).key);
                if let Some(problem) = asked.and_then(|asked| check_answer(asked.schema.as_ref(), value)) {
                    return Err(ManageError::new(
                        "bad-override",
                        format!("{path} cannot be set: the answer does not fit: {problem}"),
                        asked.map(|asked| format!("it is asked: {}", asked.question)),
                    ));
                }
                call(at).output.as_ref().map(|answer| json(store, answer)).transpose()?
            }
        };
        targets.push((place.clone(), path.clone(), value.clone()));
        changes.push(Change { path: path.clone(), value: value.clone(), was: was.map(kitaru_core::value::plain) });
    }
    let checks = targets.iter().map(|(place, path, value)| {
        let name = |at: &usize| original.source.calls[*at].name.clone();
        let (kind, checkpoint, parameter, value) = match place {
            Place::Flow { path } => ("flow", None, first(path), whole(&inputs, path)),
            Place::Inputs { call, path } => {
                let bound = given.get(call).map_or(&Json::Null, |(bound, _)| bound);
                ("input", Some(name(call)), first(path), whole(bound, path))
            }
            Place::Output { call } => ("output", Some(name(call)), None, value.clone()),
            Place::Answer { call } => ("answer", None, Some(name(call)), value.clone()),
        };
        Check { path: path.clone(), kind, checkpoint, name: parameter, value }
    });
    let checks = checks.collect();
    let sets_flow = plan.places.iter().any(|place| matches!(place, Place::Flow { .. }));
    let inputs = if sets_flow { made(&inputs, "flow")? } else { original.row.inputs.clone() };
    let given = given.into_iter().map(|(at, (_, values))| (at, values)).collect();
    Ok(Planned { plan, changes, checks, inputs, given })
}

/// Creates the replay, in one write: nobody has taken it up yet. `id`: `None` draws one at random. Returns the
/// identifier, and whether it is new; an execution that is there already is left as it is.
pub fn create_replay(
    store: &dyn Store,
    original: &Original,
    planned: &Planned,
    options: &ReplayOptions,
    inspection: Option<&Inspection>,
    id: Option<ExecutionId>,
    now: Millis,
) -> Result<(ExecutionId, bool)> {
    let id = id.unwrap_or_else(super::new_id);
    let row = &original.row;
    let override_of =
        |change: &Change| Ok(Override { path: change.path.clone(), value: made(&change.value, &change.path)? });
    let mut plain = original.plain.clone();
    plain.extend(planned.plan.places.iter().filter_map(|place| match place {
        Place::Flow { path } => Some(path::printed(path)),
        _ => None,
    }));
    plain.sort_unstable();
    plain.dedup();
    let fork = Fork {
        source: row.id.clone(),
        upto: planned.plan.upto,
        kept: planned.plan.kept.clone(),
        reuse: planned.plan.reuse,
        from: planned.plan.from.clone(),
        overrides: planned.changes.iter().map(override_of).collect::<Result<_>>()?,
        asked: planned.plan.asked.clone(),
        plain,
        by: options.by.clone(),
    };
    let mut events = vec![Body::Created(Box::new(Created {
        flow: row.flow.clone(),
        inputs: planned.inputs.clone(),
        entry: row.entry.clone(),
        code: inspection.and_then(|found| found.flow_code.clone()),
        parent: None,
        fork: Some(Box::new(fork)),
        tags: options.tags.clone(),
        key: None,
        detached: false,
        pool: options.pool.clone(),
        pause_before: Vec::new(),
        deadline: None,
    }))];
    for (at, values) in &planned.given {
        let call = &original.source.calls[*at];
        let Some(body) = body_of(original, &call.key) else { continue };
        let (key, values, by) = (call.key.clone(), values.clone(), options.by.clone());
        events.push(Body::InputsSet(InputsSet { key, body, values, by }));
    }
    for (place, change) in planned.plan.places.iter().zip(&planned.changes) {
        let value = made(&change.value, &change.path)?;
        match place {
            Place::Output { call } => {
                let call = &original.source.calls[*call];
                let Some(ix) = original.records.by_key.get(&call.key) else { continue };
                let record = &original.records.all[*ix];
                events.push(Body::CallEnded(Box::new(CallEnded {
                    call: record.call.clone(),
                    record: None,
                    inputs: record.inputs.clone(),
                    effective: None,
                    outcome: Outcome::Returned { result: value },
                    by: Some(options.by.clone()),
                    mutated: None,
                    attempts: 0,
                    started_at: now,
                    usage: Usage::default(),
                })));
            }
            Place::Answer { call } => {
                let key = original.source.calls[*call].key.clone();
                let Some(asked) = original.questions.get(&key) else { continue };
                let asked = WaitOpened { deadline: None, on_timeout: None, ..(**asked).clone() };
                events.push(Body::WaitOpened(Box::new(asked)));
                events.push(Body::WaitAnswered(WaitAnswered { key, value, by: options.by.clone(), request: None }));
            }
            Place::Flow { .. } | Place::Inputs { .. } => {}
        }
    }
    let created = store.create(&id, now, events, None)?;
    Ok((id, matches!(created, Creation::New(_))))
}

/// Whether an execution replays that source with what was planned.
pub fn is_the_same_replay(store: &dyn Store, id: &ExecutionId, original: &Original, planned: &Planned) -> Result<bool> {
    let row = store.queries().execution(id)?;
    let created = store.load(id, row.base, 1)?.into_iter().next();
    let Some(Body::Created(created)) = created.map(|event| event.body) else { return Ok(false) };
    let Some(fork) = created.fork else { return Ok(false) };
    let plan = &planned.plan;
    let mut overrides = Vec::with_capacity(fork.overrides.len());
    for one in &fork.overrides {
        overrides.push((one.path.as_str(), json(store, &one.value)?));
    }
    let wanted = planned.changes.iter().map(|change| (change.path.as_str(), change.value.clone()));
    Ok(fork.source == original.row.id
        && (&fork.from, fork.reuse, &fork.asked) == (&plan.from, plan.reuse, &plan.asked)
        && overrides.into_iter().eq(wanted))
}

fn body_of(original: &Original, key: &str) -> Option<ScopeId> {
    original.records.by_key.get(key).map(|ix| original.records.all[*ix].call.body)
}

fn json(store: &dyn Store, value: &Value) -> Result<Json> {
    serde_json::from_str(&text(store, value)?)
        .map_err(|error| ManageError::new("store-damaged", error.to_string(), None))
}

fn made(value: &Json, path: &str) -> Result<Value> {
    Value::of(value).map_err(|error| bad(path, error))
}

/// The recorded arguments of a call.
fn bound(store: &dyn Store, call: &SourceCall, path: &str) -> Result<Json> {
    match &call.inputs {
        Some(inputs) => json(store, inputs),
        None => Err(bad(path, format!("the inputs of {} are not on record; its output can be set instead", call.key))),
    }
}

/// Puts a value at the end of a path, and returns what stood there.
fn put(root: &mut Json, steps: &[Step], value: &Json, path: &str) -> Result<Option<Json>> {
    if !matches!(steps.first(), Some(Step::Field(_))) {
        return Err(bad(path, "an input is named first"));
    }
    let was = path::get(root, steps).ok().cloned();
    path::set(root, steps, value.clone()).map_err(|error| bad(path, error))?;
    Ok(was)
}

fn first(steps: &[Step]) -> Option<String> {
    match steps.first() {
        Some(Step::Field(name)) => Some(name.clone()),
        _ => None,
    }
}

/// The parameter that a path leads into.
fn whole(root: &Json, steps: &[Step]) -> Json {
    path::get(root, &steps[..steps.len().min(1)]).cloned().unwrap_or_default()
}

fn holds_tag(value: &Json) -> bool {
    match value {
        Json::Array(items) => items.iter().any(holds_tag),
        Json::Object(fields) => fields.contains_key(TAG) || fields.values().any(holds_tag),
        _ => false,
    }
}

fn bad(path: &str, why: impl std::fmt::Display) -> ManageError {
    ManageError::new("bad-override", format!("{path} cannot be set: {why}"), None)
}

fn as_error(original: &Original, error: &PlanError) -> ManageError {
    let short = original.row.id.short();
    let hint = match error {
        PlanError::Nothing { failed } => {
            let failure = if *failed { "--from failure, " } else { "" };
            format!(
                "say what is to differ: {failure}--from 'step N', --from start, --set PATH=VALUE, --reuse unchanged"
            )
        }
        PlanError::TooLate { .. } => "leave --from out, or keep what inputs do not change: --keep recorded".to_owned(),
        _ => format!("kitaru show {short}"),
    };
    ManageError::new(error.code(), error.to_string(), Some(hint))
}
