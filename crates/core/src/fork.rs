//! What a replay makes of the records of its source: those that are kept are served as if they were its own, the others
//! are dropped, so that their calls run, in the places and with the names that they had.
//!
//! Not here: which records are kept ([`crate::plan`]) and how the source's events are found (the store's).

use crate::event::{Body, Fork, Reuse};
use crate::ids::{ExecutionId, ScopeId, Seq};
use crate::matcher::Matcher;
use crate::records::{Records, State};
use std::collections::HashSet;

/// What a replay knows of its source, beside the records.
#[derive(Clone, Debug, Default)]
pub struct Forked {
    /// Records up to here are the source's.
    pub base: Seq,
    /// Records after here are what it made itself: those between are what was put in place.
    pub own: Seq,
    /// Records up to here are served only if the code of their call is unchanged: those of a source that were kept so,
    /// here or in what is replayed.
    pub strictly: Seq,
    /// Whether other inputs than recorded are no accident: something was changed, or what changed is to run, here or in
    /// what is replayed.
    pub free: bool,
    /// Calls that the source had, by body.
    pub had: HashSet<ScopeId>,
    /// Whose records those of the source are: of each execution, those up to a sequence that come after the one before.
    pub sources: Vec<(Seq, ExecutionId)>,
    /// What was put in place of what the source had, before anybody took the replay up.
    put: Vec<Put>,
    /// Whether somebody has taken it up.
    begun: bool,
}

/// A value that was put in place.
#[derive(Clone, Debug)]
struct Put {
    /// What it replaces, as a path.
    path: String,
    /// The call, by key.
    key: String,
    /// The call, by identity, where it is not known by its key alone.
    body: Option<ScopeId>,
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
        let mut sources = before.sources;
        sources.push((fork.upto, fork.source.clone()));
        self.fork = Some(Forked {
            base: fork.upto,
            own: fork.upto,
            strictly: if strict { fork.upto } else { before.strictly.min(fork.upto) },
            free: strict || !fork.overrides.is_empty() || !fork.asked.is_empty() || before.free,
            had: self.all.iter().map(|record| record.call.body).collect(),
            sources,
            put: Vec::new(),
            begun: false,
        });
        for ix in 0..self.all.len() {
            if !(fork.keeps(self.all[ix].seq) && is_outcome(&self.all[ix].state)) {
                self.let_go(ix, fork.upto);
            }
        }
        self.name_kept();
        let kept: HashSet<Seq> =
            self.by_seq.iter().filter(|(_, ix)| self.all[**ix].state != State::Dropped).map(|(seq, _)| *seq).collect();
        self.decisions = std::mem::take(&mut self.decisions).of_kept(|seq| kept.contains(&seq));
        self.held.clear();
        self.released.clear();
        self.usage = Default::default();
    }

    /// Takes in what is put in place, which stands between the creation of a replay and its being taken up.
    pub(crate) fn note_put(&mut self, seq: Seq, body: &Body) {
        let Some(fork) = self.fork.as_mut().filter(|fork| !fork.begun) else { return };
        fork.own = seq;
        let mut put = |path: String, key: &str, body: Option<ScopeId>| {
            fork.put.push(Put { path, key: key.to_owned(), body });
        };
        match body {
            Body::Taken(_) => fork.begun = true,
            Body::InputsSet(set) => {
                for (path, _) in &set.values {
                    put(format!("{}.inputs.{path}", set.key), &set.key, Some(set.body));
                }
            }
            Body::CallEnded(ended) if ended.by.is_some() => {
                put(format!("{}.output", ended.call.key), &ended.call.key, Some(ended.call.body));
            }
            Body::WaitAnswered(answered) => put(format!("waits.{}", answered.key), &answered.key, None),
            _ => {}
        }
    }
}

impl Matcher {
    /// What was put in place in a replay and no call of this pass took, nor one that it reuses: as paths.
    pub fn not_taken(&self) -> Vec<String> {
        let records = &self.records;
        let is_taken = |put: &&Put| {
            let by_body = put.body.and_then(|body| records.by_body.get(&body));
            let found = [by_body, records.by_key.get(&put.key)];
            found.into_iter().flatten().any(|ix| self.is_taken(*ix))
        };
        let all = records.fork.iter().flat_map(|fork| &fork.put);
        all.filter(|put| !is_taken(put)).map(|put| put.path.clone()).collect()
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
