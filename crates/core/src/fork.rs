//! What a replay makes of the records of its source: those that are kept are served as if they were its own, of the
//! others it knows how they were called, so that a call that runs anew has the name that it had.
//!
//! Not here: which records are kept ([`crate::plan`]) and how the source's events are found (the store's).

use crate::event::{Body, Fork, Reuse};
use crate::ids::{ExecutionId, ScopeId, Seq};
use crate::matcher::Matcher;
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
            sources: old.fork.map(|fork| fork.sources).unwrap_or_default(),
            ..Forked::default()
        };
        forked.sources.push((fork.upto, fork.source.clone()));
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
        self.decisions = old.decisions.of_kept(|seq| self.by_seq.contains_key(&seq));
        self.fork = Some(forked);
    }

    /// Takes in what is put in place, which stands between the creation of a replay and its being taken up.
    pub(crate) fn note_put(&mut self, body: &Body) {
        let Some(fork) = self.fork.as_mut().filter(|fork| !fork.begun) else { return };
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
            found.into_iter().flatten().any(|ix| self.is_claimed(*ix))
        };
        let all = records.fork.iter().flat_map(|fork| &fork.put);
        all.filter(|put| !is_taken(put)).map(|put| put.path.clone()).collect()
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
