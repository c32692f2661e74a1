//! Who belongs to whom: parents, children, and where an execution's own line ends.
//!
//! A child belongs to its parent as long as that one can go on: it is carried on with it and stopped with it. One that
//! was detached belongs to nobody. Not here: replays ([`super::tree`]).

use kitaru_core::ExecutionId;
use kitaru_core::rows::ExecutionRow;
use kitaru_store::{ExecutionFilter, Page, Store, StoreError};
use std::collections::HashSet;

type Result<T> = std::result::Result<T, StoreError>;

/// All of a listing.
pub const ALL: Page = Page { limit: usize::MAX >> 1, offset: 0 };

/// The execution that this one belongs to.
pub fn parent_of(store: &dyn Store, row: &ExecutionRow) -> Result<Option<ExecutionRow>> {
    let Some(parent) = row.parent.as_ref().filter(|_| !row.detached) else { return Ok(None) };
    match store.queries().execution(&parent.id) {
        Ok(above) if above.status.is_final() => Ok(None),
        Ok(above) => Ok(Some(above)),
        Err(StoreError::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Those that an execution belongs to, the nearest first.
pub fn above(store: &dyn Store, row: &ExecutionRow) -> Result<Vec<ExecutionRow>> {
    let mut found: Vec<ExecutionRow> = Vec::new();
    while let Some(parent) = parent_of(store, found.last().unwrap_or(row))? {
        if parent.id == row.id || found.iter().any(|one| one.id == parent.id) {
            break;
        }
        found.push(parent);
    }
    Ok(found)
}

/// The execution that is carried on where this one is to go on: the topmost that it belongs to, or itself.
pub fn root_of(store: &dyn Store, row: &ExecutionRow) -> Result<ExecutionRow> {
    Ok(above(store, row)?.pop().unwrap_or_else(|| row.clone()))
}

/// The children that belong to an execution, the newest first. `open`: only those that have not ended.
pub fn children(store: &dyn Store, id: &ExecutionId, open: bool) -> Result<Vec<ExecutionRow>> {
    let filter = ExecutionFilter { parent: Some(id.clone()), open, ..ExecutionFilter::default() };
    let mut found = store.queries().executions(&filter, ALL)?;
    found.retain(|child| !child.detached);
    Ok(found)
}

/// All executions below one, detached ones and what is below them too.
pub fn below(store: &dyn Store, id: &ExecutionId) -> Result<Vec<ExecutionRow>> {
    let mut found: Vec<ExecutionRow> = Vec::new();
    let mut seen = HashSet::from([id.clone()]);
    let mut level = vec![id.clone()];
    while !level.is_empty() {
        let mut next = Vec::new();
        for id in level {
            let filter = ExecutionFilter { parent: Some(id), ..ExecutionFilter::default() };
            for child in store.queries().executions(&filter, ALL)?.into_iter().rev() {
                if seen.insert(child.id.clone()) {
                    next.push(child.id.clone());
                    found.push(child);
                }
            }
        }
        level = next;
    }
    Ok(found)
}
