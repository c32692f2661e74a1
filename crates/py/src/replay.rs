//! Replaying, comparing and deleting executions from Python: the functions of `kitaru_engine::manage`, with JSON texts.
//!
//! Not here: looking at the user's code and carrying a replay on (Python's).

use crate::engine::Engine;
use crate::manage::{change, out};
use crate::session::Session;
use kitaru_core::rows::ExecutionRow;
use kitaru_core::{Body, ExecutionId};
use kitaru_engine::manage::{self, Inspection, ManageError, Original, ReplayOptions, Target, view};
use kitaru_store::Store;
use pyo3::prelude::*;
use serde::Deserialize;
use serde_json::{Value as Json, json};

/// What is asked of a replay, as Python says it.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Asked {
    from: Option<String>,
    reuse: Option<String>,
    keep: Option<String>,
    set: Vec<(String, Json)>,
    ask_again: Vec<String>,
    tags: Vec<String>,
}

/// Reads what is asked. `text` and `inspection` are JSON objects.
fn read(text: &str, inspection: Option<&str>) -> manage::Result<(ReplayOptions, Option<Inspection>)> {
    let misuse = |error: String| ManageError::new("misuse", error, None);
    let asked: Asked =
        serde_json::from_value(manage::exact(text).map_err(misuse)?).map_err(|error| misuse(error.to_string()))?;
    let keep_recorded = match asked.keep.as_deref() {
        None => false,
        Some("recorded") => true,
        Some(other) => {
            let hint = Some("it is \"recorded\", or left out".to_owned());
            return Err(ManageError::new("usage", format!("keep={other:?}"), hint));
        }
    };
    let options = ReplayOptions {
        from: asked.from,
        reuse: asked.reuse.as_deref().map(manage::parse_reuse).transpose()?,
        keep_recorded,
        set: asked.set,
        ask_again: asked.ask_again,
        tags: asked.tags,
        pool: None,
        by: "python".to_owned(),
    };
    let inspection = inspection.map(serde_json::from_str).transpose().map_err(|error| misuse(error.to_string()))?;
    Ok((options, inspection))
}

/// Plans a replay. Returns a JSON object: the `plan` as an item, once it is told what the code is (`inspection`) or why
/// that could not be found out (`unread`); for an inspection the `checks`, and the digests that are on record,
/// `recorded` and `flow_recorded`; and the source's `id`, `flow` and `entry`.
#[pyfunction]
#[pyo3(signature = (engine, id, asked, inspection=None, unread=None))]
pub fn manage_plan(
    py: Python<'_>,
    engine: &Bound<'_, Engine>,
    id: &str,
    asked: &str,
    inspection: Option<&str>,
    unread: Option<&str>,
) -> PyResult<String> {
    out(py, engine, |store, _| {
        let (options, inspection) = read(asked, inspection)?;
        let original = Original::read(store, &manage::find(store, id)?)?;
        let found = inspection.as_ref();
        let planned = manage::plan_replay(store, &original, &options, found)?;
        // To look at the code nobody needs it, and it is long.
        let looked = found.is_some() || unread.is_some();
        let item = looked.then(|| manage::planned(&original, &planned, &options, found, unread));
        let (row, checks) = (&original.row, &planned.checks);
        let (recorded, flow_recorded) = (original.codes(), original.code());
        let (id, flow, entry) = (&row.id, &row.flow, &row.entry);
        Ok(json!({
            "plan": item, "checks": checks, "recorded": recorded, "flow_recorded": flow_recorded,
            "id": id, "flow": flow, "entry": entry,
        })
        .to_string())
    })
}

/// Creates a replay, which nobody has taken up then. Returns a JSON object: its identifier (`id`), whether it is `new`,
/// its `flow` and `entry`. `batch`: the identifier is derived from that name and the source.
#[pyfunction]
#[pyo3(signature = (engine, id, asked, inspection=None, batch=None))]
pub fn manage_replay(
    py: Python<'_>,
    engine: &Bound<'_, Engine>,
    id: &str,
    asked: &str,
    inspection: Option<&str>,
    batch: Option<&str>,
) -> PyResult<String> {
    let asked = read(asked, inspection);
    let (by, given) = asked
        .as_ref()
        .map_or_else(|_| ("python".to_owned(), json!({})), |(options, _)| (options.by.clone(), options.shown()));
    change(py, engine, (&by, "replayExecution", Target::Execution(id)), &given, |store, now| {
        let (options, inspection) = asked?;
        let original = Original::read(store, &manage::find(store, id)?)?;
        let found = inspection.as_ref();
        let planned = manage::plan_replay(store, &original, &options, found)?;
        let wanted = batch.map(|name| ExecutionId::replay_of(name, &original.row.id));
        let (id, new) = manage::create_replay(store, &original, &planned, &options, found, wanted, now)?;
        let row = &original.row;
        Ok(json!({ "id": id, "new": new, "flow": row.flow, "entry": row.entry }).to_string())
    })
}

/// Compares executions with the first of them, as a JSON object.
#[pyfunction]
pub fn manage_diff(py: Python<'_>, engine: &Bound<'_, Engine>, ids: Vec<String>) -> PyResult<String> {
    out(py, engine, |store, now| Ok(manage::diff(store, &manage::found(store, &ids)?, now)?.to_string()))
}

/// Deletes an execution that has ended, and all that it started. Returns a JSON object: `deleted`, and who goes on
/// reading of it (`read_by`).
#[pyfunction]
pub fn manage_delete(py: Python<'_>, engine: &Bound<'_, Engine>, id: &str) -> PyResult<String> {
    change(py, engine, ("python", "deleteExecution", Target::Execution(id)), &json!({}), |store, now| {
        let deletion = manage::deletion(store, &manage::find(store, id)?, now)?;
        manage::delete(store, &deletion)?;
        let ids = |rows: &[ExecutionRow]| rows.iter().map(|row| row.id.clone()).collect::<Vec<_>>();
        Ok(json!({ "deleted": ids(&deletion.rows), "read_by": ids(&deletion.readers) }).to_string())
    })
}

/// One call of an execution, by key, checkpoint's name or `step N`, as a JSON object: the call as an item, with the
/// recorded JSON texts of its `inputs`, of what its body was `given` instead, and of its `output`; `by`: who supplied
/// that by hand, which is then plain JSON; and its `error`, with the text that it is rebuilt from (`value`).
#[pyfunction]
pub fn manage_call(py: Python<'_>, engine: &Bound<'_, Engine>, id: &str, key: &str) -> PyResult<String> {
    out(py, engine, |store, _| {
        let values = manage::call(store, &manage::find(store, id)?, key)?;
        let mut item = view::call(&values.row);
        item["step"] = values.step.into();
        item["inputs"] = text(store, values.inputs.as_ref())?;
        item["given"] = text(store, values.given.as_ref())?;
        item["output"] = text(store, values.output.as_ref())?;
        item["by"] = values.by.into();
        item["error"] = match &values.error {
            Some(error) => {
                let value = manage::text(store, &error.value)?;
                json!({ "type": error.kind, "message": error.message, "value": value })
            }
            None => Json::Null,
        };
        Ok(item.to_string())
    })
}

fn text(store: &dyn Store, value: Option<&kitaru_core::Value>) -> manage::Result<Json> {
    Ok(value.map(|value| manage::text(store, value)).transpose()?.into())
}

/// What was noted under `code` since an execution was created, of a replay in its own events, once each.
#[pyfunction]
pub fn manage_notes(py: Python<'_>, engine: &Bound<'_, Engine>, id: &str, code: &str) -> PyResult<Vec<String>> {
    out(py, engine, |store, _| {
        let row = manage::find(store, id)?;
        let mut texts: Vec<String> = Vec::new();
        for event in store.load(&row.id, row.base, 0)? {
            match event.body {
                Body::Noted(noted) if noted.code == code && !texts.contains(&noted.text) => texts.push(noted.text),
                _ => {}
            }
        }
        Ok(texts)
    })
}

/// Digests of code that are on record in an execution, by name of checkpoint or child flow.
#[pyfunction]
pub fn recorded_codes(session: &Bound<'_, Session>) -> Vec<(String, Option<String>)> {
    session.get().inner.recorded_codes()
}

/// Adds this file's functions to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(manage_plan, module)?)?;
    module.add_function(wrap_pyfunction!(recorded_codes, module)?)?;
    module.add_function(wrap_pyfunction!(manage_notes, module)?)?;
    module.add_function(wrap_pyfunction!(manage_replay, module)?)?;
    module.add_function(wrap_pyfunction!(manage_diff, module)?)?;
    module.add_function(wrap_pyfunction!(manage_delete, module)?)?;
    module.add_function(wrap_pyfunction!(manage_call, module)?)
}
