//! The command line for Python's console script: words in, exit status out.

use crate::engine::Engine;
use kitaru_cli::{FlowAt, Host, HostError, Job, Place, Ran};
use kitaru_core::ExecutionId;
use pyo3::prelude::*;
use std::sync::Arc;

struct PythonHost<'a, 'py> {
    host: &'a Bound<'py, PyAny>,
    /// The command's store as Python knows it: opened once in the process.
    engine: Option<Py<Engine>>,
}

/// (execution, whether Ctrl-C was pressed at a question, code, message, hint)
type Told = (Option<String>, bool, Option<String>, Option<String>, Option<String>);

/// (flow, its file, code, message, hint)
type Found = (Option<String>, Option<String>, Option<String>, Option<String>, Option<String>);

impl PythonHost<'_, '_> {
    fn call(&mut self, job: &str, json: bool, place: &Place) -> PyResult<Told> {
        let py = self.host.py();
        let engine = self.engine(place)?;
        let home = place.home.display().to_string();
        self.host
            .call_method1(pyo3::intern!(py, "run"), (job, json, engine, &place.address, home, place.normal))?
            .extract()
    }

    fn engine(&mut self, place: &Place) -> PyResult<Py<Engine>> {
        let py = self.host.py();
        if let Some(known) = &self.engine {
            return Ok(known.clone_ref(py));
        }
        let made = Py::new(py, Engine { engine: kitaru_engine::Engine::new(Arc::clone(&place.store)) })?;
        self.engine = Some(made.clone_ref(py));
        Ok(made)
    }

    /// What went wrong, where that is a mistake of this library: its traceback is what the report needs.
    fn mistake(&self, error: PyErr) -> HostError {
        let message = error.to_string();
        error.display(self.host.py());
        HostError { code: "kitaru".to_owned(), message, hint: None }
    }
}

fn refused((code, message, hint): (Option<String>, Option<String>, Option<String>)) -> HostError {
    HostError { code: code.unwrap_or_else(|| "kitaru".to_owned()), message: message.unwrap_or_default(), hint }
}

impl Host for PythonHost<'_, '_> {
    fn run(&mut self, job: &Job, json: bool, place: &Place) -> Result<Ran, HostError> {
        let failed = |code: &str, message: String| HostError { code: code.to_owned(), message, hint: None };
        let job = serde_json::to_string(job).map_err(|error| failed("misuse", error.to_string()))?;
        match self.call(&job, json, place) {
            Ok((Some(id), interrupted, ..)) => Ok(Ran { id: ExecutionId::new(id), interrupted }),
            Ok((None, _, code, message, hint)) => Err(refused((code, message, hint))),
            Err(error) => Err(self.mistake(error)),
        }
    }

    fn flow(&mut self, target: &str, json: bool, place: &Place) -> Result<FlowAt, HostError> {
        let found: PyResult<Found> = self.engine(place).and_then(|engine| {
            let home = place.home.display().to_string();
            self.host.call_method1("flow", (target, json, engine, &place.address, home, place.normal))?.extract()
        });
        match found {
            Ok((Some(name), file, ..)) => Ok(FlowAt { name, file }),
            Ok((None, _, code, message, hint)) => Err(refused((code, message, hint))),
            Err(error) => Err(self.mistake(error)),
        }
    }
}

/// Runs a command line.
#[pyfunction]
pub fn cli(argv: Vec<String>, host: &Bound<'_, PyAny>) -> i32 {
    kitaru_cli::main(&argv, &mut PythonHost { host, engine: None })
}

/// What is wrong with an answer; `None`: it satisfies the schema.
#[pyfunction]
#[pyo3(signature = (schema, value))]
pub fn check_schema(schema: Option<&str>, value: &str) -> Option<String> {
    let schema: serde_json::Value = serde_json::from_str(schema?).ok()?;
    match serde_json::from_str(value) {
        Ok(value) => kitaru_engine::manage::check_answer(Some(&schema), &value),
        Err(error) => Some(format!("not JSON: {error}")),
    }
}
