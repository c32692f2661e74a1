//! Executions as a tree: children below what started them, replays below what they replay.
//!
//! Not here: how it looks on a terminal.

use super::family::ALL;
use super::{Result, view};
use kitaru_core::rows::ExecutionRow;
use kitaru_core::{ExecutionId, Millis};
use kitaru_store::{ExecutionFilter, Store, StoreError};
use serde_json::{Value as Json, json};
use std::collections::HashSet;

/// The whole tree that an execution stands in, from its top, as nested items. Each has `relation` (`child`, `replay`,
/// or `null` at the top), `marked` (it is the one that was asked for) and `below`. One that others come from and that
/// was deleted has its identifier and `deleted` only.
pub fn tree(store: &dyn Store, row: &ExecutionRow, now: Millis) -> Result<Json> {
    let mut above = HashSet::from([row.id.clone()]);
    let mut top = row.clone();
    let gone = loop {
        let Some(origin) = top.parent.as_ref().map(|parent| &parent.id).or(top.forked_from.as_ref()) else {
            break None;
        };
        match store.queries().execution(origin) {
            Ok(next) if above.insert(next.id.clone()) => top = next,
            Ok(_) => break None,
            Err(StoreError::NotFound(_)) => break Some(origin.clone()),
            Err(error) => return Err(error.into()),
        }
    };
    let mut seen = HashSet::new();
    let mut walk = Walk { store, asked: &row.id, seen: &mut seen, now };
    match gone {
        Some(id) => {
            let below = walk.below(&id)?;
            Ok(json!({ "id": id, "deleted": true, "relation": null, "marked": false, "below": below }))
        }
        None => walk.node(&top, None),
    }
}

struct Walk<'a> {
    store: &'a dyn Store,
    asked: &'a ExecutionId,
    seen: &'a mut HashSet<ExecutionId>,
    now: Millis,
}

impl Walk<'_> {
    fn node(&mut self, row: &ExecutionRow, relation: Option<&str>) -> Result<Json> {
        self.seen.insert(row.id.clone());
        let mut item = view::brief(self.store, row, self.now)?;
        let below = self.below(&row.id)?;
        if let Some(fields) = item.as_object_mut() {
            fields.insert("relation".to_owned(), json!(relation));
            fields.insert("marked".to_owned(), json!(row.id == *self.asked));
            fields.insert("below".to_owned(), Json::Array(below));
        }
        Ok(item)
    }

    /// What was started by an execution, then its replays, each in the order in which they were made.
    fn below(&mut self, id: &ExecutionId) -> Result<Vec<Json>> {
        let children = ExecutionFilter { parent: Some(id.clone()), ..ExecutionFilter::default() };
        let replays = ExecutionFilter { forked_from: Some(id.clone()), ..ExecutionFilter::default() };
        let mut found = Vec::new();
        for (filter, relation) in [(children, "child"), (replays, "replay")] {
            for row in self.store.queries().executions(&filter, ALL)?.into_iter().rev() {
                if !self.seen.contains(&row.id) {
                    found.push(self.node(&row, Some(relation))?);
                }
            }
        }
        Ok(found)
    }
}
