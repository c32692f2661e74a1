//! The command line for Python's console script: words in, exit status out.

use crate::engine::Engine;
use crate::errors::raise_code;
use crate::manage::out;
use kitaru_cli::{BoundAt, FlowAt, Host, HostError, Job, Place, Ran, Released, Told as TellEach};
use kitaru_core::ExecutionId;
use kitaru_core::event::EntryPoint;
use kitaru_engine::manage::Inspection;
use kitaru_engine::snapshot;
use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::prelude::*;
use serde_json::json;
use std::sync::Arc;

struct PythonHost<'a, 'py> {
    host: &'a Bound<'py, PyAny>,
    /// The command's store as Python knows it: opened once in the process.
    engine: Option<Py<Engine>>,
}

/// (execution, whether Ctrl-C was pressed at a question, code, message, hint)
type Told = (Option<String>, bool, Option<String>, Option<String>, Option<String>);

/// (what was found as JSON, code, message, hint)
type Found = (Option<String>, Option<String>, Option<String>, Option<String>);

/// (flow, its file, code, message, hint)
type FoundFlow = (Option<String>, Option<String>, Option<String>, Option<String>, Option<String>);

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
        let py = self.host.py();
        let engine = self.engine(place)?;
        let home = place.home.display().to_string();
        self.host
            .call_method1(pyo3::intern!(py, "run"), (job, json, engine, &place.address, home, place.normal))?
            .extract()
    }

    /// What a method of the host that only looks has found.
    fn look<T: serde::de::DeserializeOwned>(&mut self, how: &str, at: &str, place: &Place) -> Result<T, HostError> {
        let found: PyResult<Found> = self.engine(place).and_then(|engine| {
            let home = place.home.display().to_string();
            self.host.call_method1(how, (at, engine, &place.address, home, place.normal))?.extract()
        });
        match found {
            Ok((Some(found), ..)) => serde_json::from_str(&found).map_err(|error| refused("misuse", error.to_string())),
            Ok((None, code, message, hint)) => Err(told_refusal(code, message, hint)),
            Err(error) => Err(self.broken(&error)),
        }
    }

    /// Runs the jobs; the host tells each as it ends. Returns whether it was interrupted.
    fn each(&mut self, jobs: &str, at_once: usize, place: &Place, told: &mut TellEach<'_>) -> PyResult<bool> {
        let engine = self.engine(place)?;
        let home = place.home.display().to_string();
        let all = (jobs, at_once, engine, &place.address, home, place.normal);
        for one in self.host.call_method1("run_all", all)?.try_iter()? {
            let (at, ran): (usize, Told) = match one.and_then(|one| one.extract()) {
                Ok(one) => one,
                Err(error) if error.is_instance_of::<PyKeyboardInterrupt>(self.host.py()) => return Ok(true),
                Err(error) => return Err(error),
            };
            told(at, outcome(ran));
        }
        Ok(false)
    }

    /// A mistake of this library: its traceback is what the report needs.
    fn broken(&self, error: &PyErr) -> HostError {
        error.display(self.host.py());
        refused("kitaru", error.to_string())
    }
}

fn refused(code: &str, message: String) -> HostError {
    HostError { code: code.to_owned(), message, hint: None }
}

/// A refusal that Python told.
fn told_refusal(code: Option<String>, message: Option<String>, hint: Option<String>) -> HostError {
    HostError { code: code.unwrap_or_else(|| "kitaru".to_owned()), message: message.unwrap_or_default(), hint }
}

fn outcome(told: Told) -> Result<Ran, HostError> {
    match told {
        (Some(id), interrupted, ..) => Ok(Ran { id: ExecutionId::new(id), interrupted }),
        (None, _, code, message, hint) => Err(told_refusal(code, message, hint)),
    }
}

impl Host for PythonHost<'_, '_> {
    fn settle(&mut self, place: &Place) -> Result<(), HostError> {
        let Some(file) = &place.token_file else { return Ok(()) };
        self.host.call_method1("token_file", (file,)).map(drop).map_err(|error| self.broken(&error))
    }

    fn run(&mut self, job: &Job, json: bool, place: &Place) -> Result<Ran, HostError> {
        let job = serde_json::to_string(job).map_err(|error| refused("misuse", error.to_string()))?;
        self.call(&job, json, place).map_or_else(|error| Err(self.broken(&error)), outcome)
    }

    fn run_all(&mut self, jobs: &[Job], at_once: usize, place: &Place, told: &mut TellEach<'_>) -> bool {
        let jobs = match serde_json::to_string(jobs) {
            Ok(jobs) => jobs,
            Err(error) => {
                told(0, Err(refused("misuse", error.to_string())));
                return true;
            }
        };
        self.each(&jobs, at_once, place, told).unwrap_or_else(|error| {
            self.broken(&error);
            true
        })
    }

    fn inspect(&mut self, job: &Job, place: &Place) -> Result<Inspection, HostError> {
        let job = serde_json::to_string(job).map_err(|error| refused("misuse", error.to_string()))?;
        self.look("inspect", &job, place)
    }

    fn bind(&mut self, job: &serde_json::Value, place: &Place) -> Result<BoundAt, HostError> {
        self.look("bind", &job.to_string(), place)
    }

    fn released(&mut self, entry: &EntryPoint, place: &Place) -> Result<Released, HostError> {
        let entry = serde_json::to_string(entry).map_err(|error| refused("misuse", error.to_string()))?;
        self.look("released", &entry, place)
    }

    fn rehearse(
        &mut self,
        id: &ExecutionId,
        entry: &EntryPoint,
        place: &Place,
    ) -> Result<serde_json::Value, HostError> {
        self.look("rehearse", &json!({ "id": id, "entry": entry }).to_string(), place)
    }

    fn interpreter(&self) -> String {
        interpreter(self.host.py())
    }

    fn check(&mut self, target: &str, place: &Place) -> Result<serde_json::Value, HostError> {
        self.look("check", target, place)
    }

    fn flow(&mut self, target: &str, json: bool, place: &Place) -> Result<FlowAt, HostError> {
        let found: PyResult<FoundFlow> = self.engine(place).and_then(|engine| {
            let home = place.home.display().to_string();
            self.host.call_method1("flow", (target, json, engine, &place.address, home, place.normal))?.extract()
        });
        match found {
            Ok((Some(name), file, ..)) => Ok(FlowAt { name, file }),
            Ok((None, _, code, message, hint)) => Err(told_refusal(code, message, hint)),
            Err(error) => Err(self.broken(&error)),
        }
    }

    fn confirm(&mut self, question: &str) -> bool {
        // A terminal that cannot be asked has said nothing, which is no yes.
        self.host.call_method1("confirm", (question,)).and_then(|said| said.extract()).unwrap_or(false)
    }
}

/// The interpreter that runs this; empty where it does not say so.
pub fn interpreter(py: Python<'_>) -> String {
    let found = py.import("sys").and_then(|sys| sys.getattr("executable")?.extract());
    found.unwrap_or_default()
}

/// A recorded entry point as it is on this machine. Both JSON objects.
#[pyfunction]
pub fn deployment_at(
    py: Python<'_>,
    engine: &Bound<'_, Engine>,
    home: std::path::PathBuf,
    entry: &str,
    python: &str,
) -> PyResult<String> {
    let entry: EntryPoint =
        serde_json::from_str(entry).map_err(|error| raise_code(py, "misuse", &error.to_string()))?;
    out(py, engine, |store, _| Ok(json!(snapshot::at(store, &home, &entry, python)?).to_string()))
}

/// Runs a command line.
#[pyfunction]
pub fn cli(argv: Vec<String>, host: &Bound<'_, PyAny>) -> i32 {
    let status = kitaru_cli::main(&argv, &mut PythonHost { host, engine: None });
    // A Ctrl-C that the command has answered (a server stops by it) is not to be raised once more.
    drop(host.py().check_signals());
    status
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

/// What is wrong with a schema itself; `None`: it is a JSON Schema.
#[pyfunction]
pub fn schema_problem(schema: &str) -> Option<String> {
    match serde_json::from_str(schema) {
        Ok(schema) => kitaru_engine::manage::check_schema(&schema),
        Err(error) => Some(format!("not JSON: {error}")),
    }
}

/// The command that answers a question, to paste.
#[pyfunction]
#[pyo3(signature = (short, schema, key))]
pub fn answer_command(short: &str, schema: Option<&str>, key: &str) -> String {
    let schema = schema.and_then(|schema| serde_json::from_str(schema).ok());
    kitaru_engine::manage::next::answer_to(short, schema.as_ref(), key)
}
