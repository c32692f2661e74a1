//! Answering a wait: found, validated, recorded once, and who must go on then.

use super::{ManageError, Result, hold};
use kitaru_core::event::WaitAnswered;
use kitaru_core::lease::Hold;
use kitaru_core::rows::{ExecutionRow, WaitRow};
use kitaru_core::{Body, Millis, Value};
use kitaru_store::{ExecutionFilter, Guard, Page, Store, StoreError, WaitFilter};
use serde_json::Value as Json;

/// An answer that was recorded.
#[derive(Debug)]
pub struct Answered {
    /// The wait, as it was open.
    pub wait: WaitRow,
    /// The execution to go on with: the topmost ancestor of the one that asked.
    pub root: ExecutionRow,
    /// Whether a living process holds that one, and so goes on by itself.
    pub held: bool,
}

const MANY: Page = Page { limit: 1000, offset: 0 };

/// Records `answer` for an open wait of `row` or of one of its descendants. `wait` is a name or key; it may be left
/// out when one wait is open only. A bad answer is refused and the wait stays open.
pub fn answer(
    store: &dyn Store,
    row: &ExecutionRow,
    wait: Option<&str>,
    answer: &Json,
    by: &str,
    now: Millis,
) -> Result<Answered> {
    let open = open_waits(store, row)?;
    let fits = |one: &&WaitRow| wait.is_none_or(|wanted| one.key == wanted || one.name == wanted);
    let fitting: Vec<&WaitRow> = open.iter().filter(fits).collect();
    let chosen = match fitting.as_slice() {
        [one] => (*one).clone(),
        [] => return Err(none_open(store, row, wait, &open)?),
        several => {
            let keys: Vec<String> = several.iter().map(|one| format!("{} ({})", one.key, one.question)).collect();
            return Err(ManageError::new(
                "several-waits",
                format!("{} waits are open: {}", several.len(), keys.join("; ")),
                Some(format!("kitaru input {} --wait {} --value …", row.id.short(), several[0].key)),
            ));
        }
    };
    if let Some(problem) = check_answer(chosen.schema.as_ref(), answer) {
        return Err(ManageError::new(
            "bad-answer",
            format!("the answer does not fit {}: {problem}", chosen.key),
            Some("the wait is still open".to_owned()),
        ));
    }
    let value = Value::of(answer).map_err(|error| ManageError::new("bad-answer", error.to_string(), None))?;
    let body = Body::WaitAnswered(WaitAnswered { key: chosen.key.clone(), value, by: by.to_owned() });
    match store.post(&chosen.execution_id, now, Guard::WaitOpen(chosen.key.clone()), vec![body]) {
        Ok(_) => {}
        Err(StoreError::Conflict(_)) => return Err(none_open(store, row, Some(&chosen.key), &[])?),
        Err(error) => return Err(error.into()),
    }
    let mut root = store.queries().execution(&chosen.execution_id)?;
    while let Some(parent) = root.parent.clone() {
        root = store.queries().execution(&parent.id)?;
    }
    let held = hold(store, &root, now) == Hold::Held;
    Ok(Answered { wait: chosen, root, held })
}

/// What is wrong with an answer; `None`: it satisfies the schema.
pub fn check_answer(schema: Option<&Json>, answer: &Json) -> Option<String> {
    let schema = schema?;
    match jsonschema::validator_for(schema) {
        Ok(validator) => {
            let problems: Vec<String> = validator
                .iter_errors(answer)
                .take(3)
                .map(|error| {
                    let path = error.instance_path().to_string();
                    if path.is_empty() { error.to_string() } else { format!("{path}: {error}") }
                })
                .collect();
            (!problems.is_empty()).then(|| problems.join("; "))
        }
        Err(error) => Some(format!("its schema is not a JSON Schema: {error}")),
    }
}

/// Open waits of an execution, or if it has none of its descendants.
fn open_waits(store: &dyn Store, row: &ExecutionRow) -> Result<Vec<WaitRow>> {
    let mut level = vec![row.id.clone()];
    while !level.is_empty() {
        let mut found = Vec::new();
        let mut below = Vec::new();
        for id in level {
            found.extend(
                store.queries().waits(&WaitFilter { execution: Some(id.clone()), open: true }, MANY)?,
            );
            let filter = ExecutionFilter { parent: Some(id), open: true, ..ExecutionFilter::default() };
            below.extend(store.queries().executions(&filter, MANY)?.into_iter().map(|child| child.id));
        }
        if !found.is_empty() {
            return Ok(found);
        }
        level = below;
    }
    Ok(Vec::new())
}

fn none_open(
    store: &dyn Store,
    row: &ExecutionRow,
    wanted: Option<&str>,
    open: &[WaitRow],
) -> Result<ManageError> {
    let all = store.queries().waits(&WaitFilter { execution: Some(row.id.clone()), open: false }, MANY)?;
    let known = all.iter().rev().find(|one| wanted.is_none_or(|wanted| one.key == wanted || one.name == wanted));
    if let Some(one) = known {
        let message = match (&one.answer, &one.answered_by) {
            (Some(Value::Inline(value)), Some(by)) => {
                format!("{} was answered already, by {by}: {}", one.key, value.get())
            }
            (Some(_), Some(by)) => format!("{} was answered already, by {by}", one.key),
            _ => format!("{} is no longer open ({})", one.key, one.status),
        };
        return Ok(ManageError::new("already-answered", message, Some(format!("kitaru show {}", row.id.short()))));
    }
    let names: Vec<&str> = open.iter().map(|one| one.key.as_str()).collect();
    let message = match wanted {
        Some(wanted) if names.is_empty() => format!("execution {} has no wait {wanted}", row.id),
        Some(wanted) => format!("execution {} has no open wait {wanted}; open: {}", row.id, names.join(", ")),
        None => format!("execution {} ({}) asks nothing", row.id, row.status),
    };
    Ok(ManageError::new("unknown-wait", message, Some(format!("kitaru show {}", row.id.short()))))
}
