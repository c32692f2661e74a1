//! What an engine elsewhere asks for by its writes is on record before it is done, as what comes over other routes is.
//!
//! What a run writes of itself is none of it: its calls, its children, its end. Not here: under whose name it stands in
//! journals (`signed`), and what the log keeps (`kitaru_engine::manage`).

use crate::Shared;
use crate::scope::Caller;
use kitaru_core::event::{Created, PauseReason, Stop};
use kitaru_core::release::Act;
use kitaru_core::rows::Status;
use kitaru_core::{Body, ExecutionId};
use kitaru_engine::manage::{self, Begun, ManageError, Target};
use kitaru_store::wire::Write;
use kitaru_store::{Limiting, Store, StoreError};
use serde_json::{Value, json};

/// What is asked for by one write.
struct Asked {
    act: &'static str,
    /// What it is done to: an execution, unless `act` says otherwise.
    target: Option<String>,
    given: Value,
    /// The execution that it makes.
    made: Option<String>,
}

/// What stands on record of a write.
pub struct Noted {
    /// Its place among the others.
    at: usize,
    begun: Begun,
    made: Option<String>,
}

fn asked(store: &dyn Store, write: &Write) -> Result<Option<Asked>, StoreError> {
    let of = |act, target: String, given| Some(Asked { act, target: Some(target), given, made: None });
    Ok(match write {
        Write::Create(id, _, events, _) => match events.first() {
            Some(Body::Created(created)) if !is_of_a_run(store, created.parent.as_ref().map(|one| &one.id))? => {
                Some(made(id, created))
            }
            _ => None,
        },
        // What nobody has begun yet was asked for when it was made.
        Write::Claim(_, _, 0, ..) => None,
        Write::Claim(id, _, _, _, events) => {
            let parent = match store.queries().execution(id) {
                Err(StoreError::NotFound(_)) => None,
                row => row?.parent.map(|parent| parent.id),
            };
            if is_of_a_run(store, parent.as_ref())? {
                return Ok(None);
            }
            let why = events.iter().find_map(|event| match event {
                Body::Taken(taken) => Some(taken.why.as_str()),
                _ => None,
            });
            of("resumeExecution", id.to_string(), json!({ "why": why }))
        }
        Write::Append(id, _, _, events, _) => {
            let answered = events.iter().find_map(|event| answer(event));
            answered.and_then(|(act, given)| of(act, id.to_string(), given))
        }
        Write::Post(id, _, _, events) => {
            let first = events.iter().find_map(|event| answer(event).or_else(|| steering(event)));
            first.and_then(|(act, given)| of(act, id.to_string(), given))
        }
        Write::Delete(id, ..) => of("deleteExecution", id.to_string(), json!({})),
        Write::AddBreakpoint(row) => {
            let given = json!({ "flow": row.flow, "before": row.before, "every": row.every });
            Some(Asked { act: "addBreakpoint", target: None, given, made: None })
        }
        Write::RemoveBreakpoint(id) => of("removeBreakpoint", id.to_string(), json!({})),
        Write::KeepSchedule(one, _, None) => {
            let given = json!({ "flow": one.spec.flow, "name": one.name, "tags": one.spec.tags });
            Some(Asked { act: "addSchedule", target: None, given, made: None })
        }
        Write::KeepSchedule(one, _, Some(_)) => {
            let known = store.queries().schedules(None)?.into_iter().find(|known| known.name == one.name);
            match known.map(|known| (known.state.paused.is_some(), one.state.paused.as_ref())) {
                Some((true, None)) => of("resumeSchedule", one.name.clone(), json!({})),
                // What it does itself is no change that somebody asked for.
                Some((false, Some(paused))) if paused.by != "kitaru" => {
                    of("pauseSchedule", one.name.clone(), json!({}))
                }
                _ => None,
            }
        }
        Write::Release(one) => {
            let (act, given) = match &one.act {
                Act::Deployed(deployment, tags) => {
                    ("deployFlow", json!({ "flow": one.flow, "version": deployment.version, "tags": tags }))
                }
                Act::Tagged { tag, version } => {
                    ("tagDeployment", json!({ "flow": one.flow, "version": version, "tag": tag }))
                }
                Act::RolledBack { tag } => ("rollBackDeployment", json!({ "flow": one.flow, "tag": tag })),
            };
            Some(Asked { act, target: None, given, made: None })
        }
        Write::RemoveSchedule(name, _) => of("removeSchedule", name.clone(), json!({})),
        Write::Renew(..) | Write::Assign(..) | Write::Log(..) | Write::KeepCode(..) => None,
    })
}

fn made(id: &ExecutionId, created: &Created) -> Asked {
    let made = Some(id.to_string());
    match &created.fork {
        Some(fork) => {
            let given = json!({ "from": fork.from, "key": created.key, "tags": created.tags });
            Asked { act: "replayExecution", target: Some(fork.source.to_string()), given, made }
        }
        None => {
            let given = json!({ "flow": created.flow, "key": created.key, "tags": created.tags });
            Asked { act: "startExecution", target: None, given, made }
        }
    }
}

fn answer(event: &Body) -> Option<(&'static str, Value)> {
    match event {
        Body::WaitAnswered(answered) => Some(("answerWait", json!({ "wait": answered.key }))),
        _ => None,
    }
}

fn steering(event: &Body) -> Option<(&'static str, Value)> {
    match event {
        Body::StopRequested(stop) if stop.stop == Stop::Pause => Some(("pauseExecution", json!({}))),
        Body::StopRequested(_) | Body::Cancelled(_) => Some(("cancelExecution", json!({}))),
        Body::Paused(paused) if matches!(paused.reason, PauseReason::Requested { .. }) => {
            Some(("pauseExecution", json!({})))
        }
        Body::DriftDecided(_)
        | Body::InputsSet(_)
        | Body::CallsDropped(_)
        | Body::CallReleased(_)
        | Body::Resumed(_) => Some(("resumeExecution", json!({}))),
        _ => None,
    }
}

/// Whether that is an execution that runs: what is made below it is its own.
fn is_of_a_run(store: &dyn Store, parent: Option<&ExecutionId>) -> Result<bool, StoreError> {
    let Some(parent) = parent else { return Ok(false) };
    match store.queries().execution(parent) {
        Ok(row) => Ok(row.status == Status::Running),
        Err(StoreError::NotFound(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Puts on record what is asked for by writes of a store elsewhere.
pub fn begin_writes(shared: &Shared, caller: &Caller, writes: &[Write]) -> Result<Vec<Noted>, ManageError> {
    let (store, actor) = (shared.store.as_ref(), caller.actor());
    let mut noted = Vec::new();
    for (at, write) in writes.iter().enumerate() {
        let Some(Asked { act, target, given, made }) = asked(store, write)? else { continue };
        let target = match (write, target.as_deref()) {
            (_, None) => Target::Nothing,
            (Write::RemoveBreakpoint(_) | Write::KeepSchedule(..) | Write::RemoveSchedule(..), Some(named)) => {
                Target::Other(named)
            }
            (_, Some(named)) => Target::Execution(named),
        };
        let begun = manage::begin_act(store, &actor, act, target, &given, shared.now())?;
        noted.push(Noted { at, begun, made });
    }
    Ok(noted)
}

/// Puts on record what a person asks for of a limit. What calls do there is none of it.
pub fn begin_limiting(shared: &Shared, caller: &Caller, what: &Limiting) -> Result<Option<Begun>, ManageError> {
    let (act, name, given) = match what {
        Limiting::Set { name, bounds, .. } => {
            let rate = bounds.rate.map(|rate| rate.text());
            let burst = bounds.rate.map(|rate| rate.burst);
            ("setLimit", name, json!({ "at_once": bounds.at_once, "rate": rate, "burst": burst }))
        }
        Limiting::Close { name, closed, asked: true } => (
            "closeLimit",
            name,
            json!({ "for": format!("{}s", (closed.until - closed.from) / 1000), "why": closed.why }),
        ),
        Limiting::Open(name, _) => ("openLimit", name, json!({})),
        Limiting::Remove(name, _) => ("removeLimit", name, json!({})),
        _ => return Ok(None),
    };
    let (store, actor) = (shared.store.as_ref(), caller.actor());
    manage::begin_act(store, &actor, act, Target::Other(name), &given, shared.now()).map(Some)
}

/// Says what came of them.
pub fn end_writes<T>(
    shared: &Shared,
    noted: &[Noted],
    told: &Result<Vec<Result<T, StoreError>>, StoreError>,
) -> Result<(), ManageError> {
    for Noted { at, begun, made } in noted {
        let code = match told {
            Err(error) => error.code(),
            Ok(each) => each.get(*at).map_or("done", |one| one.as_ref().map_or_else(StoreError::code, |_| "done")),
        };
        let answer = made.as_ref().filter(|_| code == "done").map(|id| json!({ "id": id }));
        manage::done(shared.store.as_ref(), begun, code, answer.as_ref(), shared.now())?;
    }
    Ok(())
}
