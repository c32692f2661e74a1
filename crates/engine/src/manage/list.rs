//! Listing executions as people see them: by the status that is visible, newest first, by pages.
//!
//! Not here: how a row looks ([`super::view`]).

use super::{ManageError, Result, status};
use kitaru_core::Millis;
use kitaru_core::rows::{ExecutionRow, Status};
use kitaru_store::{ArtifactRow, ExecutionFilter, Page, Store};
use std::collections::BTreeMap;

/// Which executions to list. Empty fields: all.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Visible status is one of these.
    pub status: Vec<Status>,
    /// Name of the flow.
    pub flow: Option<String>,
    /// Has this label.
    pub tag: Option<String>,
    /// Is known by this key.
    pub key: Option<String>,
    /// This stands in its identifier, the name of its flow, its key or one of its tags.
    pub text: Option<String>,
    /// Only those created then or later.
    pub since: Option<Millis>,
    /// Only those that consumed as much themselves, in US dollars, or more.
    pub min_cost: Option<f64>,
    /// Only those with a lower number.
    pub before: Option<u64>,
    /// How many on a page, from 1.
    pub limit: usize,
    /// Which page, from 1.
    pub page: usize,
}

/// How many rows are looked through at a time where the visible status must be asked for each.
const BLOCK: usize = 500;

/// The status of a word that somebody typed.
pub fn parse_status(word: &str) -> Result<Status> {
    Status::parse(word).ok_or_else(|| {
        let known = Status::ALL.map(Status::as_str).join(", ");
        ManageError::new("usage", format!("there is no status {word:?}"), Some(format!("it is one of {known}")))
    })
}

/// A page of executions, newest first.
pub fn list(store: &dyn Store, wanted: &Wanted, now: Millis) -> Result<Vec<ExecutionRow>> {
    if wanted.limit == 0 || wanted.page == 0 {
        return Err(ManageError::new("usage", "limit and page count from 1", None));
    }
    let skip = wanted.page.saturating_sub(1).saturating_mul(wanted.limit);
    let mut filter = ExecutionFilter {
        status: wanted.status.clone(),
        flow: wanted.flow.clone(),
        tag: wanted.tag.clone(),
        key: wanted.key.clone(),
        text: wanted.text.clone(),
        since: wanted.since,
        min_cost: wanted.min_cost,
        before: wanted.before,
        ..ExecutionFilter::default()
    };
    if !wanted.status.iter().any(|one| matches!(one, Status::Running | Status::Interrupted)) {
        return Ok(store.queries().executions(&filter, Page { limit: wanted.limit, offset: skip })?);
    }
    // What runs and what lost its process are both recorded as running.
    if !filter.status.contains(&Status::Running) {
        filter.status.push(Status::Running);
    }
    let mut found = Vec::new();
    let mut passed = 0;
    let mut offset = 0;
    loop {
        let rows = store.queries().executions(&filter, Page { limit: BLOCK, offset })?;
        let last = rows.len() < BLOCK;
        offset += rows.len();
        for row in rows {
            if !wanted.status.contains(&status(store, &row, now)) {
                continue;
            }
            if passed < skip {
                passed += 1;
                continue;
            }
            found.push(row);
            if found.len() == wanted.limit {
                return Ok(found);
            }
        }
        if last {
            return Ok(found);
        }
    }
}

/// The newest execution of a flow. Refuses a flow that has none, with those that have.
pub fn newest(store: &dyn Store, flow: &str) -> Result<ExecutionRow> {
    let filter = ExecutionFilter { flow: Some(flow.to_owned()), ..ExecutionFilter::default() };
    let found = store.queries().executions(&filter, Page { limit: 1, offset: 0 })?;
    if let Some(row) = found.into_iter().next() {
        return Ok(row);
    }
    let mut known: Vec<String> = store.queries().statistics(Millis::MIN)?.into_iter().map(|row| row.flow).collect();
    known.dedup();
    known.truncate(20);
    let known = if known.is_empty() { "none has".to_owned() } else { format!("these have: {}", known.join(", ")) };
    let message = format!("no flow {flow:?} has run on this store; {known}");
    Err(ManageError::new("unknown-flow", message, Some("kitaru flows list".to_owned())))
}

/// The flows that have executions, by name, with how many are in which visible status.
pub fn flows(store: &dyn Store, now: Millis) -> Result<BTreeMap<String, BTreeMap<&'static str, u64>>> {
    let mut counts: BTreeMap<String, BTreeMap<&'static str, u64>> = BTreeMap::new();
    for (flow, status, count) in store.queries().counts()? {
        counts.entry(flow).or_default().insert(status.as_str(), count);
    }
    // What runs and what lost its process are both recorded as running, and only that has to be looked at.
    let mut filter = ExecutionFilter { status: vec![Status::Running], ..ExecutionFilter::default() };
    loop {
        let rows = store.queries().executions(&filter, Page { limit: BLOCK, offset: 0 })?;
        for row in &rows {
            let seen = status(store, row, now);
            let Some(of) = counts.get_mut(&row.flow).filter(|_| seen != Status::Running) else { continue };
            // It may have begun since the others were counted.
            let Some(left) = of.get(Status::Running.as_str()).and_then(|count| count.checked_sub(1)) else { continue };
            if left == 0 {
                of.remove(Status::Running.as_str());
            } else {
                of.insert(Status::Running.as_str(), left);
            }
            *of.entry(seen.as_str()).or_default() += 1;
        }
        match rows.last() {
            Some(last) if rows.len() == BLOCK => filter.before = Some(last.number),
            _ => return Ok(counts),
        }
    }
}

/// A named value of an execution.
pub fn artifact(store: &dyn Store, row: &ExecutionRow, name: &str) -> Result<ArtifactRow> {
    let found = store.queries().artifacts(&row.id)?;
    if let Some(one) = found.iter().find(|one| one.name == name) {
        return Ok(one.clone());
    }
    let known: Vec<&str> = found.iter().map(|one| one.name.as_str()).collect();
    let known = if known.is_empty() { "it has none".to_owned() } else { format!("it has: {}", known.join(", ")) };
    Err(ManageError::new(
        "unknown-artifact",
        format!("execution {} has no artifact {name:?}; {known}", row.id),
        Some(format!("kitaru artifacts list {}", row.id.short())),
    ))
}
