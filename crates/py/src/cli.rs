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

impl PythonHost<'_, '_> {
    fn call(&mut self, job: &str, json: bool, place: &Place) -> PyResult<Told> {
        let py = self.host.py();
        let engine = match &self.engine {
            Some(known) => known.clone_ref(py),
            None => {
                let engine = kitaru_engine::Engine::new(Arc::clone(&place.store));
                let made = Py::new(py, Engine { engine })?;
                self.engine = Some(made.clone_ref(py));
                made
            }
        };
        let home = place.home.display().to_string();
        self.host.call_method1("run", (job, json, engine, &place.address, home, place.normal))?.extract()
    }
}

impl Host for PythonHost<'_, '_> {
    fn run(&mut self, job: &Job, json: bool, place: &Place) -> Result<Ran, HostError> {
        let failed = |code: &str, message: String| HostError { code: code.to_owned(), message, hint: None };
        let job = serde_json::to_string(job).map_err(|error| failed("misuse", error.to_string()))?;
        match self.call(&job, json, place) {
            Ok((Some(id), interrupted, ..)) => Ok(Ran { id: ExecutionId::new(id), interrupted }),
            Ok((None, _, code, message, hint)) => {
                let code = code.unwrap_or_else(|| "kitaru".to_owned());
                Err(HostError { code, message: message.unwrap_or_default(), hint })
            }
            Err(error) => {
                // A mistake of this library: its traceback is what the report needs.
                let text = error.to_string();
                error.display(self.host.py());
                Err(failed("kitaru", text))
            }
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
