//! What a replay makes of the records of its source: those that are kept are served as if they were its own, the others
//! are dropped, so that their calls run, in the places and with the names that they had.
//!
//! Not here: which records are kept ([`crate::plan`]) and how the source's events are found (the store's).

use crate::event::{DriftDecision, Fork, Reuse};
use crate::ids::{ScopeId, Seq};
use crate::records::{Records, State};
use std::collections::HashSet;

/// What a replay knows of its source, beside the records.
#[derive(Clone, Debug, Default)]
pub struct Forked {
    /// Records up to here are the source's.
    pub base: Seq,
    /// Records up to here are served only if the code of their call is unchanged: those of a source that were kept so,
    /// here or in what is replayed.
    pub strictly: Seq,
    /// Whether other inputs than recorded are no accident: something was changed, or what changed is to run, here or in
    /// what is replayed.
    pub free: bool,
    /// Calls that the source had, by body.
    pub had: HashSet<ScopeId>,
}

impl Fork {
    /// Whether the record of that sequence is kept.
    pub fn keeps(&self, seq: Seq) -> bool {
        let after = self.kept.partition_point(|(from, _)| *from <= seq);
        after.checked_sub(1).is_some_and(|at| seq <= self.kept[at].1)
    }
}

impl Records {
    /// Begins a replay of what was folded in so far.
    pub(crate) fn cut(&mut self, fork: &Fork) {
        let strict = fork.reuse == Reuse::Unchanged;
        let before = self.fork.take().unwrap_or_default();
        self.fork = Some(Forked {
            base: fork.upto,
            strictly: if strict { fork.upto } else { before.strictly.min(fork.upto) },
            free: strict || !fork.overrides.is_empty() || !fork.asked.is_empty() || before.free,
            had: self.all.iter().map(|record| record.call.body).collect(),
        });
        for ix in 0..self.all.len() {
            if !(fork.keeps(self.all[ix].seq) && is_outcome(&self.all[ix].state)) {
                self.let_go(ix);
            }
        }
        self.name_kept();
        let kept: HashSet<Seq> =
            self.by_seq.iter().filter(|(_, ix)| self.all[**ix].state != State::Dropped).map(|(seq, _)| *seq).collect();
        self.decisions.retain(|_, (one, _)| one.decision == DriftDecision::Rerun || kept.contains(&one.record));
        self.held.clear();
        self.released.clear();
        self.usage = Default::default();
    }
}

/// Whether there is something to serve when the call is met again, without asking anybody.
fn is_outcome(state: &State) -> bool {
    match state {
        State::Raised(error) => error.rebuilds,
        state => state.is_served() || *state == State::Cancelled,
    }
}

/// Whether two digests are of the same code; `None`: it cannot be told. Digests of different kinds (source, bytecode,
/// Python version) cannot be compared.
pub fn same_code(a: Option<&str>, b: Option<&str>) -> Option<bool> {
    let kind = |digest: &str| digest.rsplit_once(':').map(|(kind, _)| kind.to_owned());
    match (a, b) {
        (Some(a), Some(b)) if kind(a) == kind(b) => Some(a == b),
        _ => None,
    }
}
