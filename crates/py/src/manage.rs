//! What `KitaruClient` does to executions from outside: the functions of `kitaru_engine::manage`, with JSON texts.
//!
//! Not here: replays and comparisons (`replay`), typed results (Python's `kitaru.client`) and running user code.

use crate::engine::Engine;
use crate::errors::raise_hinted;
use kitaru_core::ExecutionId;
use kitaru_core::event::Stop;
use kitaru_engine::manage::{self, Actor, After, Drift, ManageError, ResumeOptions, Stopped, Target, Wanted, view};
use kitaru_engine::{Clock, SystemClock};
use kitaru_store::Store;
use pyo3::prelude::*;
use serde_json::{Map, Value as Json, json};

/// Runs `work` without the interpreter's lock.
pub(crate) fn out<T: Send>(
    py: Python<'_>,
    engine: &Bound<'_, Engine>,
    work: impl FnOnce(&dyn Store, i64) -> manage::Result<T> + Send,
) -> PyResult<T> {
    let engine = &engine.get().engine;
    let now = engine.now();
    py.detach(|| work(engine.store().as_ref(), now))
        .map_err(|error| raise_hinted(py, &error.code, &error.message, error.hint.as_deref()))
}

/// The same for what changes something: it is in the log of changes before it is made.
pub(crate) fn change<T: Send>(
    py: Python<'_>,
    engine: &Bound<'_, Engine>,
    (by, act, target): (&str, &str, Target<'_>),
    given: &Json,
    work: impl FnOnce(&dyn Store, i64) -> manage::Result<T> + Send,
) -> PyResult<T> {
    let actor = Actor { by: by.to_owned(), token: None, from: "python".to_owned() };
    out(py, engine, |store, now| {
        manage::audited(store, &actor, (act, target), given, &|| SystemClock.now(), || work(store, now))
    })
}

/// One execution as a JSON object.
#[pyfunction]
pub fn manage_get(py: Python<'_>, engine: &Bound<'_, Engine>, id: &str) -> PyResult<String> {
    out(py, engine, |store, now| {
        let row = manage::find(store, id)?;
        Ok(with_error(store, &row, view::execution(store, &row, now)?)?.to_string())
    })
}

/// A page of executions, newest first, as a JSON array.
#[pyfunction]
#[pyo3(signature = (engine, status, flow, tag, key, limit, page))]
#[allow(clippy::too_many_arguments)]
pub fn manage_list(
    py: Python<'_>,
    engine: &Bound<'_, Engine>,
    status: Vec<String>,
    flow: Option<String>,
    tag: Option<String>,
    key: Option<String>,
    limit: usize,
    page: usize,
) -> PyResult<String> {
    out(py, engine, |store, now| {
        let status = status.iter().map(|word| manage::parse_status(word)).collect::<manage::Result<_>>()?;
        let rows = manage::list(store, &Wanted { status, flow, tag, key, limit, page, ..Wanted::default() }, now)?;
        let items = rows.iter().map(|row| with_error(store, row, view::execution(store, row, now)?));
        Ok(serde_json::Value::Array(items.collect::<manage::Result<_>>()?).to_string())
    })
}

/// An execution's item with the JSON text that its exception is rebuilt from.
fn with_error(
    store: &dyn Store,
    row: &kitaru_core::rows::ExecutionRow,
    mut item: serde_json::Value,
) -> manage::Result<serde_json::Value> {
    if let Some(error) = &row.error {
        item["error"]["value"] = manage::text(store, &error.value)?.into();
    }
    Ok(item)
}

/// JSON text of an execution's `inputs` or `result`; `None`: there is no result.
#[pyfunction]
pub fn manage_value(py: Python<'_>, engine: &Bound<'_, Engine>, id: &str, which: &str) -> PyResult<Option<String>> {
    out(py, engine, |store, _| {
        let row = manage::find(store, id)?;
        match which {
            "inputs" => manage::text(store, &row.inputs).map(Some),
            _ => row.result.as_ref().map(|result| manage::text(store, result)).transpose(),
        }
    })
}

/// Log lines after the `after`-th, at most `limit` (0: all), as a JSON array.
#[pyfunction]
pub fn manage_logs(py: Python<'_>, engine: &Bound<'_, Engine>, id: &str, after: u64, limit: usize) -> PyResult<String> {
    out(py, engine, |store, _| {
        let row = manage::find(store, id)?;
        let (lines, _) = store.queries().logs(&row.id, after, limit)?;
        Ok(serde_json::Value::Array(lines.iter().map(view::log_line).collect()).to_string())
    })
}

/// Records an answer. Returns a JSON object: who asked (`asked`), and with `look` who goes on (`after`: `carry`,
/// `taken`, `silent` or `stays`, with `root` and its `entry`).
#[pyfunction]
#[pyo3(signature = (engine, id, wait, value, by, look))]
pub fn manage_answer(
    py: Python<'_>,
    engine: &Bound<'_, Engine>,
    id: &str,
    wait: Option<&str>,
    value: &str,
    by: &str,
    look: bool,
) -> PyResult<String> {
    let value = manage::exact(value)
        .map_err(|error| ManageError::new("bad-json", format!("the answer is not JSON: {error}"), None));
    let given = json!({ "wait": wait, "value": value.as_ref().ok() });
    change(py, engine, (by, "answerWait", Target::Execution(id)), &given, |store, now| {
        let value = value?;
        let row = manage::find(store, id)?;
        let answered = manage::answer(store, &row, wait, &value, by, now)?;
        let after = if look { Some(manage::after_answer(store, &answered, &SystemClock)?) } else { None };
        let (word, why) = match after {
            None => (None, None),
            Some(After::Carry) => (Some("carry"), None),
            Some(After::Taken { .. }) => (Some("taken"), None),
            Some(After::Silent { .. }) => (Some("silent"), None),
            Some(After::Stays { why }) => (Some("stays"), Some(why)),
        };
        Ok(json!({
            "asked": answered.wait.execution_id,
            "key": answered.wait.key,
            "after": word,
            "why": why,
            "root": answered.root.id,
            "flow": answered.root.flow,
            "entry": answered.root.entry,
        })
        .to_string())
    })
}

/// Writes what a resume needs; `set`: paths and JSON texts. Returns a JSON object: the execution to take up (`root`)
/// with its `entry`, and whether it goes on `in_place`, where a living process holds it. `asker`: the flow that asks,
/// where one does.
#[pyfunction]
#[pyo3(signature = (engine, id, on_drift, rerun, set, asker, by))]
#[allow(clippy::too_many_arguments)]
pub fn manage_prepare(
    py: Python<'_>,
    engine: &Bound<'_, Engine>,
    id: &str,
    on_drift: Option<&str>,
    rerun: Vec<String>,
    set: Vec<(String, String)>,
    asker: Option<String>,
    by: String,
) -> PyResult<String> {
    let texts = set.iter().map(|(path, text)| (path.clone(), Json::from(text.as_str())));
    let given = json!({ "on_drift": on_drift, "rerun": rerun, "set": texts.collect::<Map<String, Json>>() });
    let who = by.clone();
    change(py, engine, (&who, "resumeExecution", Target::Execution(id)), &given, |store, now| {
        let on_drift = match on_drift {
            None => None,
            Some("reuse") => Some(Drift::Reuse),
            Some("rerun") => Some(Drift::Rerun),
            Some(other) => {
                let hint = Some("it is \"reuse\" or \"rerun\"".to_owned());
                return Err(ManageError::new("usage", format!("on_drift={other:?}"), hint));
            }
        };
        let read = |(path, value): (String, String)| match manage::exact(&value) {
            Ok(value) => Ok((path, value)),
            Err(why) => Err(ManageError::new("bad-override", format!("{path}: {why}"), None)),
        };
        let set = set.into_iter().map(read).collect::<manage::Result<_>>()?;
        let row = manage::find(store, id)?;
        let options = ResumeOptions { on_drift, rerun, set, asker: asker.map(ExecutionId::new), by };
        let prepared = manage::prepare(store, &row, &options, now)?;
        let (asked, root) = (&row.id, &prepared.row);
        let told = json!({
            "asked": asked, "root": root.id, "flow": root.flow, "entry": root.entry, "in_place": prepared.in_place,
            "epoch": root.epoch, "status": row.status,
        });
        Ok(told.to_string())
    })
}

/// Cancels (`cancel`) or pauses (`pause`). `true`: it has stopped; `false`: its process was asked to. `again`: whoever
/// asks may have begun with it before.
#[pyfunction]
pub fn manage_stop(
    py: Python<'_>,
    engine: &Bound<'_, Engine>,
    id: &str,
    how: &str,
    by: &str,
    again: bool,
) -> PyResult<bool> {
    let (how, act) = match how {
        "cancel" => (Stop::Cancel, "cancelExecution"),
        _ => (Stop::Pause, "pauseExecution"),
    };
    change(py, engine, (by, act, Target::Execution(id)), &json!({}), |store, now| {
        let row = manage::find(store, id)?;
        if again {
            return manage::stop_again(store, &row, how, by, now).map(|()| true);
        }
        Ok(manage::stop(store, &row, how, by, now)? == Stopped::Now)
    })
}

/// An execution's artifacts, without their values, as a JSON array.
#[pyfunction]
pub fn manage_artifacts(py: Python<'_>, engine: &Bound<'_, Engine>, id: &str) -> PyResult<String> {
    out(py, engine, |store, _| {
        let row = manage::find(store, id)?;
        let found = store.queries().artifacts(&row.id)?;
        Ok(serde_json::Value::Array(found.iter().map(view::artifact).collect()).to_string())
    })
}

/// JSON text of a named value.
#[pyfunction]
pub fn manage_artifact(py: Python<'_>, engine: &Bound<'_, Engine>, id: &str, name: &str) -> PyResult<(String, String)> {
    out(py, engine, |store, _| {
        let row = manage::find(store, id)?;
        let found = manage::artifact(store, &row, name)?;
        Ok((view::artifact(&found).to_string(), manage::text(store, &found.value)?))
    })
}

/// Adds this file's functions to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(manage_get, module)?)?;
    module.add_function(wrap_pyfunction!(manage_list, module)?)?;
    module.add_function(wrap_pyfunction!(manage_value, module)?)?;
    module.add_function(wrap_pyfunction!(manage_logs, module)?)?;
    module.add_function(wrap_pyfunction!(manage_answer, module)?)?;
    module.add_function(wrap_pyfunction!(manage_prepare, module)?)?;
    module.add_function(wrap_pyfunction!(manage_stop, module)?)?;
    module.add_function(wrap_pyfunction!(manage_artifacts, module)?)?;
    module.add_function(wrap_pyfunction!(manage_artifact, module)?)
}
