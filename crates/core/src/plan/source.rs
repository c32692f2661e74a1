//! What a plan knows of the execution that is replayed: its calls in the order of their records.

use crate::begun::Begun;
use crate::event::{CallKind, Inputs, Usage};
use crate::ids::{ExecutionId, Millis, ScopeId, Seq};
use crate::records::{Record, Records, State};
use crate::selector::Listed;
use crate::table::Table;
use crate::value::Value;
use std::collections::{HashMap, HashSet};

/// Deeper than any flow nests its calls; a damaged journal must not hang the walk.
const DEEPEST: usize = 10_000;

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Had {
    /// It returned, was answered, or its time passed.
    Outcome,
    /// It raised.
    Raised {
        /// Whether its exception can be raised again from its record.
        rebuilds: bool,
    },
    /// It returned what was not stored.
    Volatile,
    /// The flow cancelled it.
    Cancelled,
    /// A question or a sleep that is open.
    Asked,
    /// Its body began and no outcome is known.
    Open,
    /// Its record was dropped.
    Dropped,
}

/// An execution that a call started.
#[derive(Clone, Debug, PartialEq)]
pub struct Child {
    /// Its identifier.
    pub id: ExecutionId,
    /// What it and all that it started consumed.
    pub usage: Usage,
}

/// One call of the source.
#[derive(Clone, Debug)]
pub struct SourceCall {
    /// Its key.
    pub key: String,
    /// Name of its checkpoint.
    pub name: String,
    /// What kind of step it is.
    pub kind: CallKind,
    /// Sequence of its record: of its start, or of its end where no start was written.
    pub seq: Seq,
    /// When the call was begun, in whatever execution of a chain of replays.
    pub begun: Begun,
    /// Sequence of its outcome; 0: it has none.
    pub order: Seq,
    /// What became of it.
    pub had: Had,
    /// Whether its effect must happen at most once.
    pub once: bool,
    /// Whether somebody put its outcome in place.
    pub supplied: bool,
    /// Whether the source, or what that is a replay of, uses it only if its code is unchanged.
    pub strict: bool,
    /// Whether its inputs tell whether it is the same call.
    pub told_apart: bool,
    /// Digest of its code, with its kind in front.
    pub code: Option<String>,
    /// When it began.
    pub started_at: Millis,
    /// When it ended.
    pub ended_at: Option<Millis>,
    /// What its tries consumed.
    pub usage: Usage,
    /// The call in whose body it was made, by its place in the list.
    pub within: Option<usize>,
    /// Whether the last pass of the source did not ask for it.
    pub unasked: bool,
    /// Its bound arguments, where they are recorded.
    pub inputs: Option<Value>,
    /// What it returned or was answered.
    pub output: Option<Value>,
    /// The execution that it started.
    pub child: Option<Child>,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Source {
    /// The calls that are listed, in the order of their records.
    pub calls: Vec<SourceCall>,
    /// Sequences of the records of readings (`now()` and the like), and of their outcomes.
    pub readings: Vec<(Seq, Seq)>,
    /// Sequences of the other records: those that the last pass of a replay did not ask for.
    pub unlisted: Vec<Seq>,
    /// The last event that counts.
    pub upto: Seq,
    /// The flow's arguments.
    pub inputs: Option<Value>,
    /// The records that a failure came from.
    pub failed_by: HashSet<Seq>,
}

impl SourceCall {
    /// Before which event it can have had no outcome: what began before had nothing of it.
    pub(super) fn ended(&self) -> Seq {
        if self.begun.first() == self.seq { self.order } else { self.begun.first() }
    }
}

impl Source {
    /// Of the records and the rows of one journal. Children, and what it failed by, are for the caller to add.
    pub fn of(records: &Records, table: &Table) -> Self {
        let rows = table.calls();
        let places: HashMap<&str, usize> = rows.iter().enumerate().map(|(at, row)| (row.key.as_str(), at)).collect();
        let calls = rows.iter().filter_map(|row| {
            let record = &records.all[*records.by_key.get(&row.key)?];
            Some(SourceCall {
                key: row.key.clone(),
                name: row.name.clone(),
                kind: row.kind,
                seq: record.seq,
                begun: record.begun.clone(),
                order: record.order,
                had: had(&record.state),
                once: record.once,
                supplied: record.supplied,
                strict: records.fork.as_ref().is_some_and(|fork| record.seq <= fork.strictly),
                told_apart: matches!(record.call.inputs, Inputs::Digest(_)),
                code: record.call.code.clone(),
                started_at: row.started_at,
                ended_at: row.ended_at,
                usage: row.usage,
                within: enclosing(records, record.call.scope)
                    .and_then(|around| places.get(around.call.key.as_str()).copied()),
                unasked: record.state != State::Cancelled && table.is_unasked(row),
                inputs: record.inputs.clone(),
                output: match &record.state {
                    State::Returned(value) | State::Answered(value, _) => Some(value.clone()),
                    _ => None,
                },
                child: None,
            })
        });
        let is_reading = |record: &&Record| record.call.kind == CallKind::Reading;
        let readings = records.all.iter().filter(is_reading);
        let others = records.all.iter().filter(|one| !is_reading(one) && !places.contains_key(one.call.key.as_str()));
        Self {
            calls: calls.collect(),
            readings: readings.map(|record| (record.seq, record.order)).collect(),
            unlisted: others.map(|record| record.seq).collect(),
            upto: records.last_seq,
            inputs: None,
            failed_by: HashSet::new(),
        }
    }

    /// What selectors select from.
    pub fn listed(&self) -> Vec<Listed<'_>> {
        self.calls.iter().map(|call| Listed { key: &call.key, name: &call.name }).collect()
    }

    /// The call that the failure came from: the earliest of those that the execution failed by, else the last that
    /// failed.
    pub fn failure(&self) -> Option<usize> {
        let mut calls = (0..self.calls.len()).filter(|at| self.failed_by.contains(&self.calls[*at].seq));
        calls.next().or_else(|| {
            let failed = (0..self.calls.len()).filter(|at| matches!(self.calls[*at].had, Had::Raised { .. }));
            failed.max_by_key(|at| self.calls[*at].order)
        })
    }
}

/// The call in whose body a scope stands; of those that have a name.
fn enclosing(records: &Records, mut scope: ScopeId) -> Option<&Record> {
    for _ in 0..DEEPEST {
        scope = match records.by_body.get(&scope).map(|ix| (ix, &records.all[*ix])) {
            Some((ix, record)) if records.by_key.get(&record.call.key) == Some(ix) => return Some(record),
            Some((_, let_go)) => let_go.call.scope,
            None => records.scope(&scope)?.parent,
        };
    }
    None
}

fn had(state: &State) -> Had {
    match state {
        State::Returned(_) | State::Answered(..) | State::Elapsed(_) => Had::Outcome,
        State::Raised(error) => Had::Raised { rebuilds: error.rebuilds },
        State::Volatile { .. } => Had::Volatile,
        State::Cancelled => Had::Cancelled,
        State::Asked(_) => Had::Asked,
        State::Open { .. } => Had::Open,
        State::Dropped => Had::Dropped,
    }
}
