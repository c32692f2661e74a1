//! Engine and store errors as Python exceptions: `kitaru.errors.from_engine` makes the instance, so that the
//! classes stand where users read them.

use kitaru_engine::EngineError;
use pyo3::prelude::*;

/// The Python exception for an engine's error.
pub fn raised(py: Python<'_>, error: &EngineError) -> PyErr {
    raise_code(py, error.code(), &error.to_string())
}

/// The Python exception for a code and a message.
pub fn raise_code(py: Python<'_>, code: &str, message: &str) -> PyErr {
    raise_hinted(py, code, message, None)
}

/// The same with a way out.
pub fn raise_hinted(py: Python<'_>, code: &str, message: &str, hint: Option<&str>) -> PyErr {
    let made = py
        .import("kitaru.errors")
        .and_then(|module| module.getattr("from_engine"))
        .and_then(|make| make.call1((code, message, hint)));
    match made {
        Ok(exception) => PyErr::from_value(exception),
        Err(error) => error,
    }
}
