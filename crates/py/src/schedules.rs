//! What `KitaruClient` does with schedules: the functions of `kitaru_engine::manage`, with JSON texts.
//!
//! Not here: loading a flow and binding its inputs.

use crate::engine::Engine;
use crate::errors::raise_code;
use crate::manage::{change, out};
use kitaru_core::event::EntryPoint;
use kitaru_core::schedule::Overlap;
use kitaru_engine::manage::{self, ManageError, NewSchedule, Target, view};
use pyo3::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};

/// What Python gives.
#[derive(Deserialize)]
struct Asked {
    name: Option<String>,
    cron: String,
    timezone: String,
    flow: String,
    entry: EntryPoint,
    inputs: String,
    tags: Vec<String>,
    deadline: Option<i64>,
    pool: Option<String>,
    overlap: String,
    backfill: bool,
}

/// Adds a schedule. `asked`: a JSON object. Returns the schedule as a JSON object.
#[pyfunction]
pub fn manage_add_schedule(py: Python<'_>, engine: &Bound<'_, Engine>, asked: &str, by: &str) -> PyResult<String> {
    let asked: Asked = serde_json::from_str(asked).map_err(|error| raise_code(py, "misuse", &error.to_string()))?;
    let given = json!({ "flow": asked.flow, "name": asked.name, "tags": asked.tags });
    change(py, engine, (by, "addSchedule", Target::Nothing), &given, |store, now| {
        let overlap = Overlap::parse(&asked.overlap).ok_or_else(|| {
            let hint = Some("it is one of skip, queue, cancel".to_owned());
            ManageError::new("usage", format!("there is no overlap {:?}", asked.overlap), hint)
        })?;
        let new = NewSchedule {
            name: asked.name,
            cron: asked.cron,
            timezone: asked.timezone,
            flow: asked.flow,
            entry: asked.entry,
            inputs: asked.inputs,
            tags: asked.tags,
            deadline: asked.deadline,
            pool: asked.pool,
            overlap,
            backfill: asked.backfill,
        };
        let one = manage::add_schedule(store, new, by, now)?;
        Ok(view::schedule(store, &one, now)?.to_string())
    })
}

/// All schedules, by name, as a JSON array.
#[pyfunction]
pub fn manage_schedules(py: Python<'_>, engine: &Bound<'_, Engine>) -> PyResult<String> {
    out(py, engine, |store, now| {
        let all = manage::schedules(store)?;
        let items = all.iter().map(|one| view::schedule(store, one, now));
        Ok(Value::Array(items.collect::<Result<_, ManageError>>()?).to_string())
    })
}

/// One schedule as a JSON object.
#[pyfunction]
pub fn manage_schedule(py: Python<'_>, engine: &Bound<'_, Engine>, name: &str) -> PyResult<String> {
    out(py, engine, |store, now| Ok(view::schedule(store, &manage::schedule(store, name)?, now)?.to_string()))
}

/// Pauses a schedule, or has it tick again. Returns it as a JSON object.
#[pyfunction]
pub fn manage_steer_schedule(
    py: Python<'_>,
    engine: &Bound<'_, Engine>,
    name: &str,
    pause: bool,
    by: &str,
) -> PyResult<String> {
    let act = if pause { "pauseSchedule" } else { "resumeSchedule" };
    change(py, engine, (by, act, Target::Other(name)), &json!({}), |store, now| {
        let one = if pause {
            manage::pause_schedule(store, name, by, now)?
        } else {
            manage::resume_schedule(store, name, now)?
        };
        Ok(view::schedule(store, &one, now)?.to_string())
    })
}

/// Removes a schedule.
#[pyfunction]
pub fn manage_remove_schedule(py: Python<'_>, engine: &Bound<'_, Engine>, name: &str, by: &str) -> PyResult<()> {
    change(py, engine, (by, "removeSchedule", Target::Other(name)), &json!({}), |store, _| {
        manage::remove_schedule(store, name)
    })
}

/// Adds this file's functions to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(manage_add_schedule, module)?)?;
    module.add_function(wrap_pyfunction!(manage_schedules, module)?)?;
    module.add_function(wrap_pyfunction!(manage_schedule, module)?)?;
    module.add_function(wrap_pyfunction!(manage_steer_schedule, module)?)?;
    module.add_function(wrap_pyfunction!(manage_remove_schedule, module)?)
}
