//! Rows of calls and artifacts folded in memory: of a replay, which is served records that stand in other journals and
//! so has no rows of its own for them.
//!
//! Which changes an event makes is decided in [`crate::project`]; a store applies the same changes in SQL. Not here:
//! rows of executions and waits, which a replay has as everybody else.

use crate::event::{ArtifactSaved, Body, CallKind};
use crate::ids::{Millis, Seq};
use crate::project::{CallPatch, Change, project};
use crate::rows::{CallRow, CallStatus};
use std::collections::HashMap;

/// See the module. Events are folded in order.
#[derive(Debug, Default)]
pub struct Table {
    rows: Vec<CallRow>,
    by_key: HashMap<String, usize>,
    /// Every one that was saved: what a later one of its name took the place of counts where that is not kept.
    saved: Vec<Saved>,
    /// Where the events of the source end, and whether a pass has said since what it was served.
    base: Seq,
    told: bool,
    /// When it was last taken up, and when a pass last came to the flow's end.
    taken: Seq,
    done: Seq,
    /// The key of the reading that was folded last.
    reading: Option<String>,
}

/// An artifact, when it was saved, by which event, and the key of the reading that stands right before that and says
/// that it was.
#[derive(Debug)]
struct Saved {
    artifact: ArtifactSaved,
    at: Millis,
    seq: Seq,
    reading: Option<String>,
}

impl Table {
    /// Takes an event in.
    pub fn fold(&mut self, seq: Seq, at: Millis, body: &Body) {
        if let Body::Created(created) = body {
            let rows = std::mem::take(&mut self.rows);
            self.by_key.clear();
            if let Some(fork) = &created.fork {
                self.base = fork.upto;
                self.told = false;
                let has_outcome = |row: &CallRow| row.ended_seq.is_some() && row.status != CallStatus::Dropped;
                for mut row in rows.into_iter().filter(|row| fork.keeps(row.seq) && has_outcome(row)) {
                    row.reused = true;
                    self.by_key.insert(row.key.clone(), self.rows.len());
                    self.rows.push(row);
                }
                let saved = std::mem::take(&mut self.saved);
                self.saved = saved.into_iter().filter(|one| self.saver(one).is_some()).collect();
            }
        }
        if matches!(body, Body::Taken(_)) {
            self.taken = seq;
        }
        for change in project(seq, at, body) {
            match change {
                Change::Call(patch) => self.call(&patch),
                Change::CallUsage(key, usage) => {
                    // Of a record of the source it was consumed there.
                    if let Some(row) = self.by_key.get(&key).and_then(|ix| self.rows.get_mut(*ix)) {
                        row.usage.add(&usage);
                    }
                }
                Change::DropCalls(records) => {
                    for row in self.rows.iter_mut().filter(|row| records.contains(&row.seq)) {
                        row.status = CallStatus::Dropped;
                        row.reused = false;
                    }
                }
                Change::Reused(ranges) => {
                    self.told = true;
                    if matches!(body, Body::Completed(_) | Body::Failed(_)) {
                        self.done = seq;
                    }
                    for row in &mut self.rows {
                        row.reused = ranges.iter().any(|(from, to)| (*from..=*to).contains(&row.seq));
                    }
                }
                Change::WaitClosed(end) => {
                    if let Some(row) = self.by_key.get(&end.key).and_then(|ix| self.rows.get_mut(*ix)) {
                        let withdrawn = end.status == "withdrawn";
                        row.status = if withdrawn { CallStatus::Cancelled } else { CallStatus::Completed };
                        (row.ended_at, row.ended_seq) = (Some(at), Some(seq));
                    }
                }
                Change::Artifact(saved) => {
                    let reading = self.reading.take();
                    self.saved.push(Saved { artifact: saved, at, seq, reading });
                }
                Change::Execution(_) | Change::WaitOpened(_) | Change::BreakpointHit(_) => {}
            }
        }
    }

    /// The calls in the order of their records, without readings. Of the source's records a replay has those that its
    /// last pass was served; before the end of its first pass, all that it keeps.
    pub fn calls(&self) -> Vec<CallRow> {
        let is_had = |row: &&CallRow| row.seq > self.base || row.reused || !self.told;
        let mut rows: Vec<CallRow> =
            self.rows.iter().filter(|row| row.kind != CallKind::Reading).filter(is_had).cloned().collect();
        rows.sort_by_key(|row| row.seq);
        rows
    }

    /// Whether the last pass, which came to the flow's end, neither was served that call nor made it.
    pub fn is_unasked(&self, row: &CallRow) -> bool {
        // What began in an earlier pass and ended in the last one was made in that.
        self.done > self.taken && !row.reused && row.ended_seq.is_some_and(|ended| ended < self.taken)
    }

    /// The artifacts by name, and when each was saved. Of the source's a replay has those whose calls it has.
    pub fn artifacts(&self) -> Vec<(&ArtifactSaved, Millis)> {
        let is_had = |one: &&Saved| one.seq > self.base || !self.told || self.saver(one).is_some_and(|row| row.reused);
        let mut found: Vec<_> = self.saved.iter().rev().filter(is_had).map(|one| (&one.artifact, one.at)).collect();
        found.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
        found.dedup_by(|(a, _), (b, _)| a.name == b.name);
        found
    }

    /// The call that keeps others from saving an artifact again: the one in whose body it was saved, or the reading.
    fn saver(&self, saved: &Saved) -> Option<&CallRow> {
        let row = |key: &String| self.by_key.get(key).and_then(|ix| self.rows.get(*ix));
        let around = saved.artifact.call.as_ref().and_then(row);
        around.or_else(|| saved.reading.as_ref().and_then(row).filter(|row| row.seq + 1 == saved.seq))
    }

    fn call(&mut self, patch: &CallPatch) {
        if patch.call.kind == CallKind::Reading {
            self.reading = Some(patch.call.key.clone());
        }
        let (ended_at, ended_seq) = patch.ended.unzip();
        let Some(row) = self.by_key.get(&patch.call.key).and_then(|ix| self.rows.get_mut(*ix)) else {
            self.by_key.insert(patch.call.key.clone(), self.rows.len());
            self.rows.push(CallRow {
                key: patch.call.key.clone(),
                seq: patch.record,
                name: patch.call.name.clone(),
                kind: patch.call.kind,
                status: patch.status,
                attempts: patch.attempts.unwrap_or(0),
                started_at: patch.started_at,
                ended_at,
                ended_seq,
                reused: false,
                usage: patch.usage,
            });
            return;
        };
        let is_foreign = row.seq <= self.base;
        let goes_on = (row.seq == patch.record || patch.status == CallStatus::Retrying) && !is_foreign;
        row.attempts = patch.attempts.unwrap_or(if goes_on { row.attempts } else { 0 });
        if !goes_on {
            row.started_at = patch.started_at;
            row.seq = patch.record;
        }
        if is_foreign {
            row.usage = crate::event::Usage::default();
        }
        row.status = patch.status;
        (row.ended_at, row.ended_seq) = (ended_at, ended_seq);
        row.reused = false;
        row.usage.add(&patch.usage);
    }
}
