//! Engine and store errors as Python exceptions: `kitaru.errors.from_engine` makes the instance, so that the
//! classes stand where users read them.

use kitaru_engine::EngineError;
use pyo3::prelude::*;
use std::cell::RefCell;

thread_local! {
    /// What a signal raised while this thread waited for a server.
    static RAISED: RefCell<Option<PyErr>> = const { RefCell::new(None) };
}

/// Whether a signal's handler has raised; what it raised takes the place of the error that follows.
pub fn interrupted() -> bool {
    // At the interpreter's end nobody can be told.
    let raised = Python::try_attach(|py| py.check_signals().err()).flatten();
    let found = raised.is_some();
    if found {
        RAISED.set(raised);
    }
    found
}

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
    if code == "interrupted"
        && let Some(raised) = RAISED.take()
    {
        return raised;
    }
    let made = py
        .import("kitaru.errors")
        .and_then(|module| module.getattr("from_engine"))
        .and_then(|make| make.call1((code, message, hint)));
    match made {
        Ok(exception) => PyErr::from_value(exception),
        Err(error) => error,
    }
}
