//! The command line for Python's console script: words in, exit status out.

use crate::engine::Engine;
use kitaru_cli::{Host, HostError, Job, Place, Ran};
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

/// (JSON text of what was found, code, message, hint)
type Found = (Option<String>, Option<String>, Option<String>, Option<String>);

impl PythonHost<'_, '_> {
    fn engine(&mut self, place: &Place) -> PyResult<Py<Engine>> {
        let py = self.host.py();
        if let Some(known) = &self.engine {
            return Ok(known.clone_ref(py));
        }
        let made = Py::new(py, Engine { engine: kitaru_engine::Engine::new(Arc::clone(&place.store)) })?;
        self.engine = Some(made.clone_ref(py));
        Ok(made)
    }

    fn call(&mut self, job: &str, json: bool, place: &Place) -> PyResult<Told> {
        let engine = self.engine(place)?;
        let home = place.home.display().to_string();
        self.host.call_method1("run", (job, json, engine, &place.address, home, place.normal))?.extract()
    }

    /// What a method of the host that only looks has found.
    fn look(&mut self, method: &str, job: &serde_json::Value, place: &Place) -> Result<serde_json::Value, HostError> {
        let called = self.engine(place).and_then(|engine| {
            let home = place.home.display().to_string();
            let arguments = (job.to_string(), engine, &place.address, home, place.normal);
            self.host.call_method1(method, arguments)?.extract::<Found>()
        });
        match called {
            Ok((Some(text), ..)) => serde_json::from_str(&text).map_err(|error| failed("kitaru", error.to_string())),
            Ok((None, code, message, hint)) => {
                let code = code.unwrap_or_else(|| "kitaru".to_owned());
                Err(HostError { code, message: message.unwrap_or_default(), hint })
            }
            Err(error) => Err(self.mistake(&error)),
        }
    }

    /// A mistake of this library: its traceback is what the report needs.
    fn mistake(&self, error: &PyErr) -> HostError {
        error.display(self.host.py());
        failed("kitaru", error.to_string())
    }
}

fn failed(code: &str, message: String) -> HostError {
    HostError { code: code.to_owned(), message, hint: None }
}

impl Host for PythonHost<'_, '_> {
    fn run(&mut self, job: &Job, json: bool, place: &Place) -> Result<Ran, HostError> {
        let job = serde_json::to_string(job).map_err(|error| failed("misuse", error.to_string()))?;
        match self.call(&job, json, place) {
            Ok((Some(id), interrupted, ..)) => Ok(Ran { id: ExecutionId::new(id), interrupted }),
            Ok((None, _, code, message, hint)) => {
                let code = code.unwrap_or_else(|| "kitaru".to_owned());
                Err(HostError { code, message: message.unwrap_or_default(), hint })
            }
            Err(error) => Err(self.mistake(&error)),
        }
    }

    fn check(&mut self, target: &str, place: &Place) -> Result<serde_json::Value, HostError> {
        self.look("check", &serde_json::json!({ "check": { "target": target } }), place)
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
