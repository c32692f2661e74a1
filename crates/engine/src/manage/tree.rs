//! Executions as a tree: children below what started them, replays below what they replay.
//!
//! Not here: how it looks on a terminal.

use super::family::ALL;
use super::{Result, view};
use kitaru_core::rows::ExecutionRow;
use kitaru_core::{ExecutionId, Millis};
use kitaru_store::{ExecutionFilter, Store, StoreError};
use serde_json::{Value as Json, json};
use std::collections::{HashMap, HashSet};

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

    /// What was started by an execution, in the order of the calls, then its replays, in the order in which they were
    /// made.
    fn below(&mut self, id: &ExecutionId) -> Result<Vec<Json>> {
        let children = ExecutionFilter { parent: Some(id.clone()), ..ExecutionFilter::default() };
        let replays = ExecutionFilter { forked_from: Some(id.clone()), ..ExecutionFilter::default() };
        let mut found = Vec::new();
        for (filter, relation) in [(children, "child"), (replays, "replay")] {
            let mut rows = self.store.queries().executions(&filter, ALL)?;
            rows.reverse();
            in_order_of_calls(&mut rows);
            for row in rows {
                if !self.seen.contains(&row.id) {
                    found.push(self.node(&row, Some(relation))?);
                }
            }
        }
        Ok(found)
    }
}

/// Calls of one name by their number: what is started beside each other comes into being in any order. Those of
/// another name come where the first of theirs was made.
fn in_order_of_calls(rows: &mut [ExecutionRow]) {
    let mut names: Vec<String> = Vec::new();
    let mut places: HashMap<ExecutionId, (usize, u64)> = HashMap::new();
    for row in rows.iter() {
        let (name, number) = row.parent.as_ref().map_or(("", 0), |parent| numbered(&parent.key));
        let place = names.iter().position(|one| one == name).unwrap_or(names.len());
        if place == names.len() {
            names.push(name.to_owned());
        }
        places.insert(row.id.clone(), (place, number));
    }
    rows.sort_by_key(|row| places.get(&row.id).copied());
}

/// A call's key in its parts: `agent#3` is the third `agent`, `agent` the first.
fn numbered(key: &str) -> (&str, u64) {
    match key.rsplit_once('#').map(|(name, number)| (name, number.parse())) {
        Some((name, Ok(number))) => (name, number),
        _ => (key, 1),
    }
}
