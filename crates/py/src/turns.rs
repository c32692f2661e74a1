//! Turns of calls at limits, for Python: a word, when it begins, and how many are before it.

use crate::errors::raised;
use crate::session::Session;
use kitaru_core::matcher::CallId;
use kitaru_engine::session::Standing;
use pyo3::prelude::*;

/// (word, when it begins, how many are before it)
type StandingTuple = (&'static str, i64, u64);

fn told(py: Python<'_>, standing: kitaru_engine::Result<Standing>) -> PyResult<StandingTuple> {
    let Standing { word, at, before } = standing.map_err(|error| raised(py, &error))?;
    Ok((word, at, before))
}

/// A call asks for its turn at a limit.
#[pyfunction]
fn ask_turn(py: Python<'_>, session: &Session, call: usize, limit: &str, priority: i32) -> PyResult<StandingTuple> {
    let standing = py.detach(|| session.inner.ask_turn(CallId(call), limit, priority));
    told(py, standing)
}

/// How it stands, as far as this process knows.
#[pyfunction]
fn turn(py: Python<'_>, session: &Session, call: usize) -> PyResult<StandingTuple> {
    told(py, session.inner.turn(CallId(call)))
}

/// How it stands, asked anew: before it begins.
#[pyfunction]
fn confirm_turn(py: Python<'_>, session: &Session, call: usize) -> PyResult<StandingTuple> {
    let standing = py.detach(|| session.inner.confirm_turn(CallId(call)));
    told(py, standing)
}

/// The call wants no turn any more.
#[pyfunction]
fn leave_turn(py: Python<'_>, session: &Session, call: usize) -> PyResult<()> {
    py.detach(|| session.inner.leave_turn(CallId(call))).map_err(|error| raised(py, &error))
}

/// The call keeps its place, and gets no turn before it asks again.
#[pyfunction]
fn stand_aside(py: Python<'_>, session: &Session, call: usize) -> PyResult<()> {
    py.detach(|| session.inner.stand_aside(CallId(call))).map_err(|error| raised(py, &error))
}

/// The call's body has ended: its turn goes back with the next write.
#[pyfunction]
fn end_turn(session: &Session, call: usize) {
    session.inner.end_turn(CallId(call));
}

/// Closes a limit for all who share it, for so many milliseconds.
#[pyfunction]
fn close_limit(py: Python<'_>, session: &Session, limit: &str, pause: i64, by: &str, why: &str) -> PyResult<()> {
    py.detach(|| session.inner.close_limit(limit, pause, by, why)).map_err(|error| raised(py, &error))
}

/// What is wrong with the name of a limit, if anything is.
#[pyfunction]
fn limit_problem(name: &str) -> Option<String> {
    kitaru_core::limit::check_name(name).err()
}

/// Adds this file's functions to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(ask_turn, module)?)?;
    module.add_function(wrap_pyfunction!(turn, module)?)?;
    module.add_function(wrap_pyfunction!(confirm_turn, module)?)?;
    module.add_function(wrap_pyfunction!(leave_turn, module)?)?;
    module.add_function(wrap_pyfunction!(stand_aside, module)?)?;
    module.add_function(wrap_pyfunction!(end_turn, module)?)?;
    module.add_function(wrap_pyfunction!(close_limit, module)?)?;
    module.add_function(wrap_pyfunction!(limit_problem, module)?)
}
