//! `Engine`: a process's handle on a store, for Python.

use crate::errors::{raise_code, raised};
use crate::session::Session;
use kitaru_core::ExecutionId;
use kitaru_core::Value;
use kitaru_core::event::{Created, EntryPoint, Parent};
use kitaru_store::Options;
use pyo3::prelude::*;
use std::path::Path;

/// Lets whoever opens the store in memory next begin with an empty one.
#[pyfunction]
pub fn forget_memory(py: Python<'_>) {
    py.detach(kitaru_store::forget_memory);
}

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
            ..Options::default()
        };
        let opened = py.detach(|| kitaru_store::open(store, Path::new(home), &options));
        match opened {
            Ok(store) => Ok(Self { engine: kitaru_engine::Engine::new(store) }),
            Err(error) => Err(raised(py, &error.into())),
        }
    }

    /// Creates an execution and takes it; `None` when one with that identifier exists.
    #[pyo3(signature = (id, flow, inputs, entry, code, parent, tags, key, detached, pause_before, deadline))]
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
        key: Option<String>,
        detached: bool,
        pause_before: Vec<String>,
        deadline: Option<i64>,
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
            key,
            detached,
            pool: None,
            pause_before,
            deadline,
            tags,
        };
        let started = py.detach(|| self.engine.start(id.map(ExecutionId::new), created));
        match started {
            Ok(session) => Ok(session.map(Session::new)),
            Err(error) => Err(raised(py, &error)),
        }
    }

    /// Leaves an execution to the workers of a pool. Returns its identifier, and whether it is new.
    #[allow(clippy::too_many_arguments)]
    fn submit(
        &self,
        py: Python<'_>,
        id: Option<String>,
        flow: String,
        inputs: String,
        entry: &str,
        code: Option<String>,
        parent: Option<(String, String)>,
        tags: Vec<String>,
        key: Option<String>,
        pause_before: Vec<String>,
        pool: String,
        deadline: Option<i64>,
    ) -> PyResult<(String, bool)> {
        let misuse = |error: serde_json::Error| raise_code(py, "misuse", &error.to_string());
        let created = Created {
            flow,
            inputs: Value::json(inputs).map_err(misuse)?,
            entry: serde_json::from_str(entry).map_err(misuse)?,
            code,
            // What workers run is not stopped with whoever left it to them.
            detached: parent.is_some(),
            parent: parent.map(|(id, key)| Parent { id: ExecutionId::new(id), key }),
            fork: None,
            key,
            pool: Some(pool),
            pause_before,
            deadline,
            tags,
        };
        let id = id.map_or_else(kitaru_engine::manage::new_id, ExecutionId::new);
        let made = py.detach(|| self.engine.submit(&id, created)).map_err(|error| raised(py, &error))?;
        Ok((id.to_string(), made))
    }

    /// Takes up an execution that nobody holds. `entry`: where its code is from now on, a JSON object. `seen`: the epoch
    /// in which it was seen.
    #[pyo3(signature = (id, code, why, entry = None, seen = None))]
    fn take(
        &self,
        py: Python<'_>,
        id: String,
        code: Option<String>,
        why: &str,
        entry: Option<&str>,
        seen: Option<u64>,
    ) -> PyResult<Session> {
        let misuse = |error: serde_json::Error| raise_code(py, "misuse", &error.to_string());
        let entry: Option<EntryPoint> = entry.map(serde_json::from_str).transpose().map_err(misuse)?;
        let taken = py.detach(|| self.engine.take_to(&ExecutionId::new(id), code, why, (entry, seen)));
        taken.map(Session::new).map_err(|error| raised(py, &error))
    }

    /// The process is to end: its executions are handed over to others, each when what runs of it has ended.
    fn hand_over(&self, by: &str) {
        self.engine.hand_over(by);
    }

    /// An engine on the same store that writes nothing to it.
    fn rehearsing(&self) -> Self {
        Self { engine: self.engine.rehearsing() }
    }

    /// Enters an execution again without taking it up; only where nothing is written.
    fn rehearse(&self, py: Python<'_>, id: String, code: Option<String>) -> PyResult<Session> {
        let begun = py.detach(|| self.engine.rehearse(&ExecutionId::new(id), code));
        begun.map(Session::new).map_err(|error| raised(py, &error))
    }

    /// Whether this process has kept nothing of that code digest.
    fn is_new_code(&self, digest: &str) -> bool {
        self.engine.codes().is_new(digest)
    }

    /// Keeps what a code digest is made of (JSON); written when nobody waits for it.
    fn keep_code(&self, digest: &str, parts: String) {
        self.engine.codes().keep(digest, parts);
    }

    /// What a code digest is made of (JSON), if that was kept.
    fn code(&self, py: Python<'_>, digest: &str) -> PyResult<Option<String>> {
        py.detach(|| self.engine.code(digest)).map_err(|error| raised(py, &error))
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

    /// Flow, status, inputs, paths of what is plain JSON in them, entry point (JSON), owner and parent of an execution.
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
                "code": row.code,
                "status": kitaru_core::lease::visible(row.status, hold), "reason": row.reason,
                "held": hold == kitaru_core::lease::Hold::Held, "last_seq": row.last_seq, "result": result, "error": error,
                "updated_at": row.updated_at, "detached": row.detached, "pool": row.pool, "epoch": row.epoch,
            })
            .to_string())
        });
        described.map_err(|error| raised(py, &error))
    }
}

/// Paths into the arguments of a replay where somebody put a value in place.
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
