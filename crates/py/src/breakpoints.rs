//! What `KitaruClient` does with breakpoints: the functions of `kitaru_engine::manage`, with JSON texts.
//!
//! Not here: loading a file to see which flow it defines.

use crate::engine::Engine;
use crate::manage::{change, out};
use kitaru_engine::manage::{self, Before, Flow, Target, view};
use pyo3::prelude::*;
use serde_json::{Value, json};

/// Sets a breakpoint for a flow that has run, or for one of a file. Returns a JSON object: it (`item`), and what to
/// know about it (`note`).
#[pyfunction]
#[pyo3(signature = (engine, flow, file, before, every, condition, by))]
#[allow(clippy::too_many_arguments)]
pub fn manage_add_breakpoint(
    py: Python<'_>,
    engine: &Bound<'_, Engine>,
    flow: &str,
    file: Option<String>,
    before: String,
    every: bool,
    condition: Option<String>,
    by: &str,
) -> PyResult<String> {
    let given = json!({ "flow": flow, "before": before, "every": every, "when": condition });
    change(py, engine, (by, "addBreakpoint", Target::Nothing), &given, |store, now| {
        let flow = match file {
            Some(file) => Flow { name: flow.to_owned(), file: Some(file) },
            None => manage::known_flow(store, flow, now)?,
        };
        let (row, note) = manage::add_breakpoint(store, flow, Before { before, every, condition }, by, now)?;
        Ok(json!({ "item": view::breakpoint(&row), "note": note }).to_string())
    })
}

/// The breakpoints that are set, as a JSON array.
#[pyfunction]
#[pyo3(signature = (engine, flow))]
pub fn manage_breakpoints(py: Python<'_>, engine: &Bound<'_, Engine>, flow: Option<&str>) -> PyResult<String> {
    out(py, engine, |store, _| {
        let rows = manage::breakpoints(store, flow)?;
        Ok(Value::Array(rows.iter().map(view::breakpoint).collect()).to_string())
    })
}

/// Removes a breakpoint.
#[pyfunction]
pub fn manage_remove_breakpoint(py: Python<'_>, engine: &Bound<'_, Engine>, id: u64) -> PyResult<()> {
    let number = id.to_string();
    change(py, engine, ("python", "removeBreakpoint", Target::Other(&number)), &json!({}), |store, _| {
        manage::remove_breakpoint(store, id)
    })
}

/// Adds this file's functions to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(manage_add_breakpoint, module)?)?;
    module.add_function(wrap_pyfunction!(manage_breakpoints, module)?)?;
    module.add_function(wrap_pyfunction!(manage_remove_breakpoint, module)?)
}
