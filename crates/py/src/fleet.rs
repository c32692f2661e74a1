//! What flows that steer others ask of the engine: `kitaru_engine::manage` on executions that belong together, with
//! JSON texts.
//!
//! Not here: waiting, and what a client records of itself (Python's `kitaru._steer`).

use crate::engine::Engine;
use crate::manage::out;
use kitaru_core::ExecutionId;
use kitaru_engine::manage::{self, view};
use pyo3::prelude::*;
use serde_json::json;

/// The identifier of the execution of `flow` that is known by `key`.
#[pyfunction]
pub fn keyed_id(flow: &str, key: &str) -> String {
    ExecutionId::keyed(flow, key).to_string()
}

/// Recorded status and standing (`ended`, `asks`, `paused`, `interrupted`, `pending`) of executions, in their order.
#[pyfunction]
pub fn manage_standings(
    py: Python<'_>,
    engine: &Bound<'_, Engine>,
    ids: Vec<String>,
) -> PyResult<Vec<(&'static str, &'static str)>> {
    let ids: Vec<ExecutionId> = ids.into_iter().map(ExecutionId::new).collect();
    out(py, engine, |store, now| {
        let found = manage::standings(store, &ids, now)?;
        Ok(found.into_iter().map(|(status, standing)| (status.as_str(), standing.as_str())).collect())
    })
}

/// Whether an execution that was left parked can go on: it, or one parked below it, has moved since its last event, or
/// its time has come. `seen`: their identifiers and last events, itself first.
#[pyfunction]
pub fn manage_stirred(py: Python<'_>, engine: &Bound<'_, Engine>, seen: Vec<(String, u64)>) -> PyResult<bool> {
    let seen: Vec<_> = seen.into_iter().map(|(id, last)| (ExecutionId::new(id), last)).collect();
    out(py, engine, |store, now| manage::stirred(store, &seen, now))
}

/// Refuses a wait of an execution for others that wait for it.
#[pyfunction]
pub fn manage_must_not_circle(py: Python<'_>, engine: &Bound<'_, Engine>, id: String) -> PyResult<()> {
    out(py, engine, |store, _| manage::must_not_circle(store, &ExecutionId::new(id)))
}

/// Executions that can go on because `moved` has ended or needs somebody, as a JSON array of `id`, `flow` and `entry`.
#[pyfunction]
pub fn manage_waiters(py: Python<'_>, engine: &Bound<'_, Engine>, moved: String) -> PyResult<String> {
    out(py, engine, |store, now| {
        let found = manage::waiters(store, &ExecutionId::new(moved), now)?;
        let items = found.iter().map(|row| json!({ "id": row.id, "flow": row.flow, "entry": row.entry }));
        Ok(serde_json::Value::Array(items.collect()).to_string())
    })
}

/// Open questions as a JSON array: of all executions, or of those that `parent` started; `recursive`: of all below it.
#[pyfunction]
#[pyo3(signature = (engine, parent, recursive))]
pub fn manage_waiting(
    py: Python<'_>,
    engine: &Bound<'_, Engine>,
    parent: Option<&str>,
    recursive: bool,
) -> PyResult<String> {
    out(py, engine, |store, now| {
        let parent = parent.map(|id| manage::find(store, id)).transpose()?;
        let found = manage::waiting(store, parent.as_ref(), recursive)?;
        let items = found.iter().map(|wait| view::wait(store, wait, now)).collect::<manage::Result<_>>()?;
        Ok(serde_json::Value::Array(items).to_string())
    })
}

/// The tree that an execution stands in, as nested JSON objects.
#[pyfunction]
pub fn manage_tree(py: Python<'_>, engine: &Bound<'_, Engine>, id: &str) -> PyResult<String> {
    out(py, engine, |store, now| Ok(manage::tree(store, &manage::find(store, id)?, now)?.to_string()))
}

/// The execution, of that one and those below it, to which `by` has done something; `None`: it has done nothing.
#[pyfunction]
pub fn manage_acted(py: Python<'_>, engine: &Bound<'_, Engine>, id: &str, by: &str) -> PyResult<Option<String>> {
    out(py, engine, |store, _| {
        let row = manage::find(store, id)?;
        Ok(manage::acted(store, &row, by)?.map(|id| id.to_string()))
    })
}

/// Whether `by` has done something to that execution, and nobody has taken it up since.
#[pyfunction]
pub fn manage_left(py: Python<'_>, engine: &Bound<'_, Engine>, id: &str, by: &str) -> PyResult<bool> {
    out(py, engine, |store, _| manage::is_left_by(store, &ExecutionId::new(id), by))
}

/// The execution that is carried on where that one is to go on.
#[pyfunction]
pub fn manage_root(py: Python<'_>, engine: &Bound<'_, Engine>, id: &str) -> PyResult<String> {
    out(py, engine, |store, _| Ok(manage::root_of(store, &manage::find(store, id)?)?.id.to_string()))
}

/// Adds this file's functions to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(keyed_id, module)?)?;
    module.add_function(wrap_pyfunction!(manage_standings, module)?)?;
    module.add_function(wrap_pyfunction!(manage_stirred, module)?)?;
    module.add_function(wrap_pyfunction!(manage_must_not_circle, module)?)?;
    module.add_function(wrap_pyfunction!(manage_waiters, module)?)?;
    module.add_function(wrap_pyfunction!(manage_waiting, module)?)?;
    module.add_function(wrap_pyfunction!(manage_tree, module)?)?;
    module.add_function(wrap_pyfunction!(manage_acted, module)?)?;
    module.add_function(wrap_pyfunction!(manage_left, module)?)?;
    module.add_function(wrap_pyfunction!(manage_root, module)?)
}
