//! What a replay makes of the records of its source: those that are kept are served as if they were its own, of the
//! others it knows how they were called, so that a call that runs anew has the name that it had.
//!
//! Not here: which records are kept ([`crate::plan`]) and how the source's events are found (the store's).

use crate::event::{DriftDecision, Fork, Reuse};
use crate::ids::{ScopeId, Seq};
use crate::records::{Records, State};
use std::collections::{HashMap, HashSet};

/// What a replay knows of its source, beside the records that it keeps.
#[derive(Clone, Debug, Default)]
pub struct Forked {
    /// Records up to here are the source's.
    pub base: Seq,
    /// Whether a record of the source is served only if the code of its call is unchanged.
    pub unchanged: bool,
    /// Whether other inputs than recorded are no accident: something was changed, or what changed is to run.
    pub free: bool,
    /// Printed keys of calls that the source had and that are not kept, by body.
    pub keys: HashMap<ScopeId, String>,
}

impl Fork {
    /// Whether the record of that sequence is kept.
    pub fn keeps(&self, seq: Seq) -> bool {
        let after = self.kept.partition_point(|(from, _)| *from <= seq);
        after.checked_sub(1).is_some_and(|at| seq <= self.kept[at].1)
    }
}

impl Records {
    /// Begins a replay: of what was folded in so far, only what is kept stays.
    pub(crate) fn cut(&mut self, fork: &Fork) {
        let old = std::mem::take(self);
        self.codes = old.codes;
        self.last_seq = old.last_seq;
        self.inputs_set = old.inputs_set;
        let mut forked = Forked {
            base: fork.upto,
            unchanged: fork.reuse == Reuse::Unchanged,
            free: fork.reuse == Reuse::Unchanged || !fork.overrides.is_empty() || !fork.asked.is_empty(),
            keys: HashMap::new(),
        };
        let mut stands_in: HashMap<ScopeId, ScopeId> = old.scopes.iter().map(|one| (one.scope, one.parent)).collect();
        stands_in.extend(old.all.iter().map(|record| (record.call.body, record.call.scope)));
        // Where the kept ones went.
        let mut moved: HashMap<usize, usize> = HashMap::new();
        let mut around: HashSet<ScopeId> = HashSet::new();
        for (ix, record) in old.all.into_iter().enumerate() {
            if !(fork.keeps(record.seq) && is_outcome(&record.state)) {
                forked.keys.insert(record.call.body, record.call.key);
                continue;
            }
            let mut scope = Some(record.call.scope);
            while let Some(at) = scope.filter(|at| around.insert(*at)) {
                scope = stands_in.get(&at).copied();
            }
            moved.insert(ix, self.adopt(record));
        }
        self.by_seq = old.by_seq.iter().filter_map(|(seq, ix)| Some((*seq, *moved.get(ix)?))).collect();
        for (scope, list) in old.by_scope {
            let list: Vec<usize> = list.iter().filter_map(|ix| moved.get(ix).copied()).collect();
            for (place, ix) in list.iter().enumerate() {
                self.all[*ix].place = place;
            }
            if !list.is_empty() {
                self.by_scope.insert(scope, list);
            }
        }
        // Others are opened anew, with the number that their place gives them.
        for opened in old.scopes {
            if around.contains(&opened.scope) {
                self.open_scope(opened);
            }
        }
        for (body, (decided, code)) in old.decisions {
            if decided.decision == DriftDecision::Rerun || self.by_seq.contains_key(&decided.record) {
                self.decisions.insert(body, (decided, code));
            }
        }
        self.fork = Some(forked);
    }
}

/// Whether there is something to go by when the call is met again.
fn is_outcome(state: &State) -> bool {
    state.is_served() || matches!(state, State::Cancelled | State::Volatile { .. })
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
