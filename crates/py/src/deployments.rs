//! What `KitaruClient` does with deployments: the functions of `kitaru_engine::manage`, with JSON texts.
//!
//! Not here: loading a flow and binding its inputs.

use crate::engine::Engine;
use crate::manage::{change, out};
use kitaru_core::ExecutionId;
use kitaru_engine::manage::{self, ManageError, Target, view};
use pyo3::prelude::*;
use serde_json::{Value, json};

/// Versions of a flow's code, or of all flows, the newest first, as a JSON array.
#[pyfunction]
#[pyo3(signature = (engine, flow))]
pub fn manage_deployments(py: Python<'_>, engine: &Bound<'_, Engine>, flow: Option<&str>) -> PyResult<String> {
    out(py, engine, |store, _| Ok(Value::Array(view::deployments(store, flow)?).to_string()))
}

/// What `FLOW@NAME` names, as a JSON object.
#[pyfunction]
pub fn manage_deployment(py: Python<'_>, engine: &Bound<'_, Engine>, target: &str) -> PyResult<String> {
    out(py, engine, |store, _| {
        let (flow, name) = target.rsplit_once('@').unwrap_or((target, "latest"));
        Ok(view::deployment(store, flow, name)?.to_string())
    })
}

/// Has a tag name a version. Returns it as a JSON object.
#[pyfunction]
pub fn manage_tag_deployment(
    py: Python<'_>,
    engine: &Bound<'_, Engine>,
    flow: &str,
    version: &str,
    tag: &str,
    by: &str,
) -> PyResult<String> {
    let given = json!({ "flow": flow, "version": version, "tag": tag });
    change(py, engine, (by, "tagDeployment", Target::Nothing), &given, |store, now| {
        manage::tag_deployment(store, flow, (version, tag), by, now)?;
        Ok(view::deployment(store, flow, tag)?.to_string())
    })
}

/// Has a tag name again what it named before. Returns that as a JSON object.
#[pyfunction]
pub fn manage_roll_back(
    py: Python<'_>,
    engine: &Bound<'_, Engine>,
    flow: &str,
    tag: &str,
    by: &str,
) -> PyResult<String> {
    let given = json!({ "flow": flow, "tag": tag });
    change(py, engine, (by, "rollBackDeployment", Target::Nothing), &given, |store, now| {
        manage::roll_back(store, flow, tag, by, now)?;
        Ok(view::deployment(store, flow, tag)?.to_string())
    })
}

/// The version or tag that an execution is to go on with: the whole `id` and the `entry`, as a JSON object.
#[pyfunction]
pub fn manage_another(py: Python<'_>, engine: &Bound<'_, Engine>, id: &str, version: &str) -> PyResult<String> {
    out(py, engine, |store, _| {
        let row = manage::find(store, id)?;
        let deployment = manage::another(store, &row, version)?;
        Ok(json!({ "id": row.id, "entry": deployment.entry }).to_string())
    })
}

/// Refuses to go on with it by what its rehearsal `found`, a JSON object.
#[pyfunction]
pub fn manage_must_fit(
    py: Python<'_>,
    engine: &Bound<'_, Engine>,
    id: &str,
    version: &str,
    found: &str,
) -> PyResult<()> {
    out(py, engine, |store, _| {
        let row = manage::find(store, id)?;
        let misuse = |error: serde_json::Error| ManageError::new("misuse", error.to_string(), None);
        let found: Value = serde_json::from_str(found).map_err(misuse)?;
        manage::must_fit(&row, &manage::another(store, &row, version)?, &found)
    })
}

/// What a target starts that names no file: its `flow`, its `entry`, and the `id` that an execution of it is to have.
#[pyfunction]
#[pyo3(signature = (engine, target, key, request))]
pub fn manage_runnable(
    py: Python<'_>,
    engine: &Bound<'_, Engine>,
    target: &str,
    key: Option<&str>,
    request: Option<&str>,
) -> PyResult<String> {
    out(py, engine, |store, _| {
        let found = manage::runnable(store, target)?;
        let id = match (key, request) {
            (Some(key), _) => ExecutionId::keyed(&found.flow, key),
            (None, Some(request)) => ExecutionId::keyed(&format!("start {}", found.flow), request),
            (None, None) => manage::new_id(),
        };
        Ok(json!({ "id": id, "flow": found.flow, "entry": found.entry }).to_string())
    })
}
