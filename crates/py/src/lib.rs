//! `kitaru._native`: the engine, the value encoder and the command line as Python sees them. Conversions only,
//! a room a file.
//!
//! Deliberately not here: any decision. What a call does is decided in `kitaru-core`, acted out in `kitaru-engine`.

use pyo3::prelude::*;

mod breakpoints;
mod cli;
mod convert;
mod deployments;
mod engine;
mod errors;
mod fleet;
mod limits;
mod manage;
mod replay;
mod schedules;
mod session;
mod turns;
mod values;
mod worker;

#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    kitaru_store::interrupt_by(errors::interrupted);
    module.add_class::<engine::Engine>()?;
    module.add_class::<session::Session>()?;
    module.add_class::<worker::Worker>()?;
    module.add_function(wrap_pyfunction!(cli::cli, module)?)?;
    module.add_function(wrap_pyfunction!(cli::deployment_at, module)?)?;
    module.add_function(wrap_pyfunction!(deployments::manage_deployments, module)?)?;
    module.add_function(wrap_pyfunction!(deployments::manage_deployment, module)?)?;
    module.add_function(wrap_pyfunction!(deployments::manage_tag_deployment, module)?)?;
    module.add_function(wrap_pyfunction!(deployments::manage_roll_back, module)?)?;
    module.add_function(wrap_pyfunction!(deployments::manage_another, module)?)?;
    module.add_function(wrap_pyfunction!(deployments::manage_must_fit, module)?)?;
    module.add_function(wrap_pyfunction!(deployments::manage_runnable, module)?)?;
    module.add_function(wrap_pyfunction!(cli::check_schema, module)?)?;
    module.add_function(wrap_pyfunction!(cli::schema_problem, module)?)?;
    module.add_function(wrap_pyfunction!(cli::answer_command, module)?)?;
    module.add_function(wrap_pyfunction!(engine::forget_memory, module)?)?;
    manage::register(module)?;
    breakpoints::register(module)?;
    limits::register(module)?;
    fleet::register(module)?;
    replay::register(module)?;
    schedules::register(module)?;
    turns::register(module)?;
    values::register(module)
}
