//! The command line for Python's console script: words in, exit status out.

use kitaru_cli::{Host, HostError, Job};
use kitaru_core::ExecutionId;
use pyo3::prelude::*;

struct PythonHost<'a, 'py> {
    host: &'a Bound<'py, PyAny>,
}

/// (execution, code, message, exit status)
type Ran = (Option<String>, Option<String>, Option<String>, i32);

impl Host for PythonHost<'_, '_> {
    fn run(&mut self, job: &Job, json: bool) -> Result<ExecutionId, HostError> {
        let failed = |code: &str, message: String| HostError { code: code.to_owned(), message, status: 1 };
        let job = serde_json::to_string(job).map_err(|error| failed("misuse", error.to_string()))?;
        let ran = self.host.call_method1("run", (job, json)).and_then(|ran| ran.extract::<Ran>());
        match ran {
            Ok((Some(id), ..)) => Ok(ExecutionId::new(id)),
            Ok((None, code, message, status)) => {
                let code = code.unwrap_or_else(|| "kitaru".to_owned());
                Err(HostError { code, message: message.unwrap_or_default(), status })
            }
            Err(error) => {
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
    kitaru_cli::main(&argv, &mut PythonHost { host })
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
