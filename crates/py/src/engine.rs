//! `Engine`: a process's handle on a store, for Python.

use crate::errors::{raise_code, raised};
use crate::session::Session;
use kitaru_core::ExecutionId;
use kitaru_core::Value;
use kitaru_core::event::{Created, EntryPoint, Parent};
use kitaru_store::Options;
use pyo3::prelude::*;
use std::path::Path;

/// An open store.
#[pyclass(frozen, module = "kitaru._native")]
pub struct Engine {
    pub(crate) engine: kitaru_engine::Engine,
}

#[pymethods]
impl Engine {
    #[new]
    fn new(py: Python<'_>, store: &str, home: &str, normal: bool) -> PyResult<Self> {
        let options = Options {
            synchronous: if normal { kitaru_store::Synchronous::Normal } else { kitaru_store::Synchronous::Full },
        };
        let opened = py.detach(|| kitaru_store::open(store, Path::new(home), &options));
        match opened {
            Ok(store) => Ok(Self { engine: kitaru_engine::Engine::new(store) }),
            Err(error) => Err(raised(py, &error.into())),
        }
    }

    /// Creates an execution and takes it; `None` when one with that identifier exists.
    #[pyo3(signature = (id, flow, inputs, entry, code, parent, tags, pause_before))]
    #[allow(clippy::too_many_arguments)]
    fn start(
        &self,
        py: Python<'_>,
        id: Option<String>,
        flow: String,
        inputs: String,
        entry: &str,
        code: Option<String>,
        parent: Option<(String, String)>,
        tags: Vec<String>,
        pause_before: Vec<String>,
    ) -> PyResult<Option<Session>> {
        let misuse = |error: serde_json::Error| raise_code(py, "misuse", &error.to_string());
        let entry: EntryPoint = serde_json::from_str(entry).map_err(misuse)?;
        let created = Created {
            flow,
            inputs: Value::json(inputs).map_err(misuse)?,
            entry,
            code,
            parent: parent.map(|(id, key)| Parent { id: ExecutionId::new(id), key }),
            fork: None,
            key: None,
            detached: false,
            pause_before,
            tags,
        };
        let started = py.detach(|| self.engine.start(id.map(ExecutionId::new), created));
        match started {
            Ok(session) => Ok(session.map(Session::new)),
            Err(error) => Err(raised(py, &error)),
        }
    }

    /// Takes up an execution that nobody holds.
    fn take(&self, py: Python<'_>, id: String, code: Option<String>, why: &str) -> PyResult<Session> {
        let taken = py.detach(|| self.engine.take(&ExecutionId::new(id), code, why));
        taken.map(Session::new).map_err(|error| raised(py, &error))
    }

    /// JSON text of a named value of an execution; `None`: it has none of that name.
    fn artifact(&self, py: Python<'_>, id: String, name: &str) -> PyResult<Option<String>> {
        let found = py.detach(|| -> kitaru_engine::Result<Option<String>> {
            let store = self.engine.store();
            let all = store.queries().artifacts(&ExecutionId::new(id))?;
            let found = all.iter().find(|artifact| artifact.name == name);
            found.map(|artifact| text(store.as_ref(), &artifact.value)).transpose()
        });
        found.map_err(|error| raised(py, &error))
    }

    /// Milliseconds since the Unix epoch.
    fn now(&self) -> i64 {
        self.engine.now()
    }

    /// Flow, status, inputs, the names of those that are plain JSON, entry point (JSON), owner and parent of an
    /// execution.
    fn describe(&self, py: Python<'_>, id: String) -> PyResult<String> {
        let described = py.detach(|| -> kitaru_engine::Result<String> {
            let store = self.engine.store();
            let row = store.queries().execution(&ExecutionId::new(id))?;
            let inputs = text(store.as_ref(), &row.inputs)?;
            let result = row.result.as_ref().map(|value| text(store.as_ref(), value)).transpose()?;
            let error = row.error.as_ref().map(|error| text(store.as_ref(), &error.value)).transpose()?;
            let plain = if row.base > 0 { plain(store.as_ref(), &row)? } else { Vec::new() };
            let hold = self.engine.hold(&row);
            Ok(serde_json::json!({
                "id": row.id, "flow": row.flow, "inputs": inputs, "plain": plain, "entry": row.entry, "parent": row.parent,
                "status": kitaru_core::lease::visible(row.status, hold), "reason": row.reason,
                "held": hold == kitaru_core::lease::Hold::Held, "last_seq": row.last_seq, "result": result, "error": error,
            })
            .to_string())
        });
        described.map_err(|error| raised(py, &error))
    }
}

/// Parameters of a replay whose values somebody put in place.
fn plain(store: &dyn kitaru_store::Store, row: &kitaru_core::rows::ExecutionRow) -> kitaru_engine::Result<Vec<String>> {
    let first = store.load(&row.id, row.base, 1)?.into_iter().next();
    Ok(match first.map(|event| event.body) {
        Some(kitaru_core::Body::Created(created)) => created.fork.map(|fork| fork.plain).unwrap_or_default(),
        _ => Vec::new(),
    })
}

fn text(store: &dyn kitaru_store::Store, value: &Value) -> kitaru_engine::Result<String> {
    match value {
        Value::Inline(raw) => Ok(raw.get().to_owned()),
        Value::Stored(reference) => Ok(store.value(reference)?),
    }
}
