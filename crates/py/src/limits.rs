//! What `KitaruClient` does with limits: the functions of `kitaru_engine::manage`, with JSON texts.
//!
//! Not here: turns of calls (`turns`).

use crate::engine::Engine;
use crate::manage::{change, out};
use kitaru_engine::manage::{self, Target, WantedLimit, limit_item};
use pyo3::prelude::*;
use serde_json::{Value, json};

/// Sets what a limit is. Returns it as a JSON object, as all of these do.
#[pyfunction]
#[pyo3(signature = (engine, name, at_once, rate, burst, by))]
pub fn manage_set_limit(
    py: Python<'_>,
    engine: &Bound<'_, Engine>,
    name: &str,
    at_once: Option<u32>,
    rate: Option<String>,
    burst: Option<u32>,
    by: &str,
) -> PyResult<String> {
    let given = json!({ "at_once": at_once, "rate": rate, "burst": burst });
    change(py, engine, (by, "setLimit", Target::Other(name)), &given, |store, now| {
        let row = manage::set_limit(store, name, &WantedLimit { at_once, rate, burst }, by, now)?;
        Ok(limit_item(&row).to_string())
    })
}

/// All limits, as a JSON array.
#[pyfunction]
pub fn manage_limits(py: Python<'_>, engine: &Bound<'_, Engine>) -> PyResult<String> {
    out(py, engine, |store, now| {
        Ok(Value::Array(manage::limits(store, now)?.iter().map(limit_item).collect()).to_string())
    })
}

/// Lets nobody begin there for so long (`90s`, `15m`).
#[pyfunction]
#[pyo3(signature = (engine, name, lasts, why, by))]
pub fn manage_close_limit(
    py: Python<'_>,
    engine: &Bound<'_, Engine>,
    name: &str,
    lasts: &str,
    why: Option<&str>,
    by: &str,
) -> PyResult<String> {
    let given = json!({ "for": lasts, "why": why });
    change(py, engine, (by, "closeLimit", Target::Other(name)), &given, |store, now| {
        let row = manage::close_limit(store, name, manage::span_of(lasts)?, why, by, now)?;
        Ok(limit_item(&row).to_string())
    })
}

/// Lets calls begin again.
#[pyfunction]
pub fn manage_open_limit(py: Python<'_>, engine: &Bound<'_, Engine>, name: &str, by: &str) -> PyResult<String> {
    change(py, engine, (by, "openLimit", Target::Other(name)), &json!({}), |store, now| {
        Ok(limit_item(&manage::open_limit(store, name, now)?).to_string())
    })
}

/// Forgets what was set.
#[pyfunction]
pub fn manage_remove_limit(py: Python<'_>, engine: &Bound<'_, Engine>, name: &str, by: &str) -> PyResult<()> {
    change(py, engine, (by, "removeLimit", Target::Other(name)), &json!({}), |store, now| {
        manage::remove_limit(store, name, now)
    })
}

/// Adds this file's functions to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(manage_set_limit, module)?)?;
    module.add_function(wrap_pyfunction!(manage_limits, module)?)?;
    module.add_function(wrap_pyfunction!(manage_close_limit, module)?)?;
    module.add_function(wrap_pyfunction!(manage_open_limit, module)?)?;
    module.add_function(wrap_pyfunction!(manage_remove_limit, module)?)
}
