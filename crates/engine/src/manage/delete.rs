//! Deleting executions that have ended, with all that they started. What replays of them read stays as long as those do.

use super::{ManageError, Result, hold};
use kitaru_core::Millis;
use kitaru_core::lease::Hold;
use kitaru_core::rows::ExecutionRow;
use kitaru_store::{ExecutionFilter, Page, Store, StoreError};

/// What a deletion takes away, and who goes on reading of it.
#[derive(Clone, Debug)]
pub struct Deletion {
    /// The execution and all that it started, in the order in which they go: children first.
    pub rows: Vec<ExecutionRow>,
    /// Replays, not among those, that read events of one of them. The events stay for them.
    pub readers: Vec<ExecutionRow>,
}

const ALL: Page = Page { limit: usize::MAX >> 1, offset: 0 };

/// What deleting an execution would take away. Refused while one of them is open, and while the execution's parent may
/// go on and would start it anew.
pub fn deletion(store: &dyn Store, row: &ExecutionRow, now: Millis) -> Result<Deletion> {
    if let Some(parent) = &row.parent {
        match store.queries().execution(&parent.id) {
            Ok(above) if !above.status.is_final() => {
                return Err(ManageError::new(
                    "still-needed",
                    format!(
                        "execution {} was started by {}, which is {} and would start it anew when it goes on",
                        row.id,
                        above.id.short(),
                        super::status(store, &above, now)
                    ),
                    Some(format!(
                        "delete that one with all that it started: kitaru executions delete {}",
                        above.id.short()
                    )),
                ));
            }
            Ok(_) | Err(StoreError::NotFound(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let mut rows = vec![row.clone()];
    let mut at = 0;
    while at < rows.len() {
        let filter = ExecutionFilter { parent: Some(rows[at].id.clone()), ..ExecutionFilter::default() };
        rows.extend(store.queries().executions(&filter, ALL)?);
        at += 1;
    }
    if let Some(open) = rows.iter().find(|one| !one.status.has_ended() || hold(store, one, now) == Hold::Held) {
        let status = super::status(store, open, now);
        let whose = if open.id == row.id { String::new() } else { format!(", which {} started,", row.id.short()) };
        return Err(ManageError::new(
            "not-ended",
            format!("execution {}{whose} is {status}: only what has ended is deleted", open.id),
            Some(format!("kitaru cancel {}", open.id.short())),
        ));
    }
    let mut readers: Vec<ExecutionRow> = Vec::new();
    for one in &rows {
        let filter = ExecutionFilter { forked_from: Some(one.id.clone()), ..ExecutionFilter::default() };
        let found = store.queries().executions(&filter, ALL)?;
        readers.extend(found.into_iter().filter(|reader| rows.iter().all(|row| row.id != reader.id)));
    }
    rows.reverse();
    Ok(Deletion { rows, readers })
}

/// Deletes them. One that has changed since ends it with a conflict; what is gone by then stays gone.
pub fn delete(store: &dyn Store, deletion: &Deletion) -> Result<()> {
    for row in &deletion.rows {
        match store.delete(&row.id, row.epoch, row.last_seq) {
            // Somebody else has deleted it meanwhile.
            Ok(()) | Err(StoreError::NotFound(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
