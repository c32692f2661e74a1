//! Removing executions that ended long ago, with all that they started, and the values that nobody refers to any more.
//!
//! What may still be needed stays: whatever a replay reads, what an open execution started or waits for, and a child as
//! long as its parent is on record. So trees go as a whole, when all of them are old enough. Not here: deleting one that
//! somebody names (`delete`), and how a store removes anything.

use super::family::{ALL, below};
use super::fleet::awaits;
use super::{ManageError, Result};
use kitaru_core::rows::{ExecutionRow, Status};
use kitaru_core::{ExecutionId, Millis};
use kitaru_store::{Collected, ExecutionFilter, Page, Removal, Store, StoreError, Upkeep};
use serde_json::{Value as Json, json};
use std::collections::HashSet;

/// How many executions are looked at a time.
const LOOKED: usize = 200;
/// How many are removed in a transaction, and with how many events at about the most.
const REMOVED: usize = 64;
const EVENTS: u64 = 2000;

/// Whoever follows what happens may come back after so long and misses nothing, whatever is removed.
const FOLLOWED: Millis = 7 * 24 * 60 * 60 * 1000;

/// What to remove.
#[derive(Clone, Debug)]
pub struct GcOptions {
    /// The time now.
    pub now: Millis,
    /// Only what ended by then.
    pub before: Millis,
    /// Only of this flow, with all that they started.
    pub flow: Option<String>,
    /// Only in these states; empty: completed and cancelled ones.
    pub status: Vec<Status>,
    /// Only say what would be removed.
    pub dry_run: bool,
}

/// What was removed, or would be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gc {
    /// How many executions.
    pub executions: u64,
    /// How many events of theirs.
    pub events: u64,
    /// How many bytes their events and logs had.
    pub bytes: u64,
    /// How many executions are old enough and stay because something needs them.
    pub kept: u64,
    /// Stored values that nobody refers to.
    pub collected: Collected,
    /// How many bytes of the database the disk has back.
    pub given_back: u64,
}

impl Gc {
    /// For programs.
    pub fn item(&self, dry_run: bool) -> Json {
        json!({
            "dry_run": dry_run,
            "executions": self.executions,
            "events": self.events,
            "event_bytes": self.bytes,
            "kept": self.kept,
            "values": self.collected.values,
            "value_bytes": self.collected.bytes,
            "values_put_off": self.collected.put_off,
            "bytes_given_back": self.given_back,
        })
    }
}

/// An age: a number with `s`, `m`, `h`, `d` or `w`. In milliseconds.
pub fn age(text: &str) -> Result<Millis> {
    let wrong = || {
        let message = format!("{text:?} is no age");
        ManageError::new("usage", message, Some("a whole number and s, m, h, d or w, as in 30d".to_owned()))
    };
    let at = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let number: Millis = text[..at].parse().map_err(|_| wrong())?;
    let unit: Millis = match &text[at..] {
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        "w" => 604_800_000,
        _ => return Err(wrong()),
    };
    number.checked_mul(unit).ok_or_else(wrong)
}

/// The part of a store that keeps it in order, where it can be reached from here.
pub fn upkeep(store: &dyn Store) -> Result<&dyn Upkeep> {
    store.upkeep().ok_or_else(|| {
        let hint = "on the machine where the store lies, or over HTTP".to_owned();
        ManageError::new("usage", "this store is kept in order where it lies, and not from here", Some(hint))
    })
}

/// Removes what is old, in small transactions.
pub fn gc(store: &dyn Store, options: &GcOptions) -> Result<Gc> {
    let upkeep = upkeep(store)?;
    let status = if options.status.is_empty() {
        vec![Status::Completed, Status::Cancelled]
    } else if let Some(open) = options.status.iter().find(|status| !status.has_ended()) {
        let message = format!("what is {open} is never removed");
        return Err(ManageError::new("usage", message, Some("completed, cancelled or failed".to_owned())));
    } else {
        options.status.clone()
    };
    let mut run = Run { store, upkeep, options, status, found: Gc::default(), gone: HashSet::new(), batch: Vec::new() };
    run.remove()?;
    let gone: Vec<ExecutionId> = run.gone.into_iter().collect();
    let mut found = run.found;
    found.collected = upkeep.collect(options.dry_run.then_some(gone.as_slice()))?;
    if !options.dry_run {
        upkeep.forget_changes(options.before.min(options.now.saturating_sub(FOLLOWED)))?;
        found.given_back = upkeep.give_back()?;
    }
    Ok(found)
}

struct Run<'a> {
    store: &'a dyn Store,
    upkeep: &'a dyn Upkeep,
    options: &'a GcOptions,
    status: Vec<Status>,
    found: Gc,
    /// In a dry run: what would be gone.
    gone: HashSet<ExecutionId>,
    batch: Vec<ExecutionRow>,
}

impl Run<'_> {
    /// The newest go first, so that a replay goes before what it replays.
    fn remove(&mut self) -> Result<()> {
        let awaited = awaited(self.store)?;
        let mut filter = ExecutionFilter {
            status: self.status.clone(),
            flow: self.options.flow.clone(),
            still_since: Some(self.options.before),
            ..ExecutionFilter::default()
        };
        loop {
            let page = self.store.queries().executions(&filter, Page { limit: LOOKED, offset: 0 })?;
            for row in &page {
                let Some(tree) = self.tree(row)? else { continue };
                if self.is_needed(&tree, &awaited)? {
                    self.found.kept += tree.len() as u64;
                    continue;
                }
                // From above, so that nobody can replay what has lost a child.
                for one in tree {
                    self.take(one)?;
                }
            }
            // A source is looked at after its replays are gone.
            self.flush()?;
            match page.last() {
                Some(last) if page.len() == LOOKED => filter.before = Some(last.number),
                _ => return Ok(()),
            }
        }
    }

    /// An execution with all that is below it; `None`: it goes with what started it, when that goes.
    fn tree(&self, row: &ExecutionRow) -> Result<Option<Vec<ExecutionRow>>> {
        if let Some(parent) = &row.parent {
            match self.store.queries().execution(&parent.id) {
                Ok(_) => return Ok(None),
                Err(StoreError::NotFound(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let mut tree = vec![row.clone()];
        tree.extend(below(self.store, &row.id)?);
        Ok(Some(tree))
    }

    fn is_needed(&self, tree: &[ExecutionRow], awaited: &HashSet<ExecutionId>) -> Result<bool> {
        for (at, row) in tree.iter().enumerate() {
            // A failed one below one that is over is part of it, unless it was let go on by itself.
            let is_past = row.status.is_final()
                || self.status.contains(&row.status)
                || (row.status == Status::Failed && at > 0 && !row.detached);
            if !is_past || row.owner.is_some() || row.updated_at > self.options.before || awaited.contains(&row.id) {
                return Ok(true);
            }
            let filter = ExecutionFilter { forked_from: Some(row.id.clone()), ..ExecutionFilter::default() };
            let replays = self.store.queries().executions(&filter, ALL)?;
            let among = |replay: &ExecutionRow| {
                self.gone.contains(&replay.id) || tree.iter().chain(&self.batch).any(|one| one.id == replay.id)
            };
            if !replays.iter().all(among) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn take(&mut self, row: ExecutionRow) -> Result<()> {
        if self.options.dry_run {
            let (events, bytes) = self.upkeep.weigh(&row.id)?;
            self.found.executions += 1;
            self.found.events += events;
            self.found.bytes += bytes;
            self.gone.insert(row.id);
            return Ok(());
        }
        self.batch.push(row);
        let events: u64 = self.batch.iter().map(|row| row.last_seq - row.base).sum();
        if self.batch.len() >= REMOVED || events >= EVENTS { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        let rows: Vec<_> = self.batch.drain(..).map(|row| (row.id, row.epoch, row.last_seq)).collect();
        if rows.is_empty() {
            return Ok(());
        }
        for removal in self.upkeep.remove(&rows)? {
            match removal {
                Removal::Removed { events, bytes } => {
                    self.found.executions += 1;
                    self.found.events += events;
                    self.found.bytes += bytes;
                }
                Removal::Kept(_) => self.found.kept += 1,
                Removal::Gone => {}
            }
        }
        Ok(())
    }
}

/// What is waited for by executions that are parked on it.
fn awaited(store: &dyn Store) -> Result<HashSet<ExecutionId>> {
    let filter = ExecutionFilter { awaits: true, ..ExecutionFilter::default() };
    let parked = store.queries().executions(&filter, ALL)?;
    Ok(parked.iter().filter(|row| !row.status.is_final()).flat_map(awaits).flat_map(|one| one.executions).collect())
}

#[cfg(test)]
mod tests {
    use super::age;

    #[test]
    fn an_age_is_a_number_with_a_unit() {
        assert_eq!(age("30d").unwrap(), 30 * 86_400_000);
        assert_eq!((age("0s").unwrap(), age("2w").unwrap()), (0, 14 * 86_400_000));
        for wrong in ["", "30", "d", "-1d", "1.5h", "30 d", "3y", "99999999999999999999d", "9999999999999999w"] {
            assert!(age(wrong).is_err(), "{wrong}");
        }
    }
}
