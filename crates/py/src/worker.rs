//! `Worker`: a worker inside of an application, for Python.

use crate::engine::Engine;
use crate::errors::raise_hinted;
use kitaru_server::log::{Form, Log};
use kitaru_server::{Config, Rules, Serves, Working};
use pyo3::prelude::*;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};

/// Carries executions on until it is stopped.
#[pyclass(frozen, module = "kitaru._native")]
pub struct Worker {
    working: Mutex<Option<Working>>,
}

#[pymethods]
impl Worker {
    #[new]
    fn new(
        py: Python<'_>,
        engine: &Engine,
        store: &str,
        home: &str,
        normal: bool,
        at_once: usize,
        serves: (Vec<String>, Vec<String>),
    ) -> PyResult<Self> {
        let (pools, flows) = serves;
        let config = Config {
            host: Ipv4Addr::LOCALHOST.into(),
            port: 0,
            store: Arc::clone(engine.engine.store()),
            place: (store.to_owned(), home.into(), normal),
            log: Log::new(Form::Off, warn),
            at_once,
            serves: Serves { pools, flows },
            memory: None,
            python: crate::cli::interpreter(py),
            rules: Rules::default(),
        };
        match py.detach(|| Working::begin(&config, "embedded")) {
            Ok(working) => Ok(Self { working: Mutex::new(Some(working)) }),
            Err(error) => Err(raise_hinted(py, &error.code, &error.message, error.hint.as_deref())),
        }
    }

    /// Nothing more is begun; what is under way goes on to its end by itself.
    fn stop(&self, py: Python<'_>) {
        let working = self.working.lock().unwrap_or_else(PoisonError::into_inner).take();
        py.detach(|| drop(working));
    }
}

/// Tells Python's logging. Nothing is printed, and nothing is told when the interpreter ends.
fn warn(text: &str) {
    Python::try_attach(|py| {
        let told = py
            .import("logging")
            .and_then(|logging| logging.call_method1("getLogger", ("kitaru.worker",)))
            .and_then(|logger| logger.call_method1("warning", ("%s", text)));
        if let Err(error) = told {
            error.write_unraisable(py, None);
        }
    });
}
