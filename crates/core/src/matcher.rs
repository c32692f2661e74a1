//! Which record a call gets when a flow is entered again: the heart of Kitaru, as a pure state machine.
//!
//! A pass is one run of the flow function from its top. A call is first *identified* (in the synchronous part
//! of the call, so that `gather(f(1), f(2))` is known in the order in which it was written) and then *decided*
//! (when its body would start, so that tasks created meanwhile have claimed what is theirs).
//!
//! Not here: the order in which recorded results are handed out ([`crate::delivery`]), what a drift looks
//! like to people, retries, and any I/O.

use crate::event::{Body, CallHead, CallKind, DriftDecision, Inputs, ScopeOpened};
use crate::ids::{Digest, ScopeId, Seq};
use crate::records::{Record, Records, State, body_of, identity_bytes};
use std::collections::{HashMap, HashSet};

/// What a caller says of a call.
#[derive(Clone, Debug)]
pub struct Ask<'a> {
    /// Where it is made.
    pub scope: ScopeId,
    /// Its name.
    pub name: &'a str,
    /// What it is given.
    pub inputs: Inputs,
    /// What kind of step it is.
    pub kind: CallKind,
    /// Whether `id=` named it outright.
    pub named: bool,
    /// Whether its effect must happen at most once.
    pub once: bool,
    /// Digest of its code.
    pub code: Option<&'a str>,
}

/// A call of this pass. Only good until the next [`Matcher::restart`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CallId(pub usize);

/// What is to be done with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Serve this record's outcome, as soon as delivery order allows.
    Reuse(usize),
    /// It was cancelled: park it until it is cancelled again.
    Park(usize),
    /// Run its body. The record, if any, is an unfinished one of the same identity.
    Run,
    /// A question or sleep of the same identity is open or over.
    Open(usize),
    /// This record might be it: same name here with other inputs, or (`moved`) same inputs elsewhere.
    Drift {
        /// The record.
        record: usize,
        /// Same inputs elsewhere.
        moved: bool,
    },
    /// It began once, its effect must happen at most once, and its outcome is unknown.
    InDoubt(usize),
    /// Its result was handed out but never stored.
    Volatile(usize),
    /// Its scope was served a call that neither inputs nor scope tell apart from another's, and now asks for
    /// something that the record of that scope lacks.
    RaceDiverged {
        /// The call that was served.
        served: usize,
    },
}

#[derive(Debug)]
struct Met {
    head: CallHead,
    exact: Option<usize>,
    once: bool,
}

#[derive(Debug, Default)]
struct ScopeState {
    /// The call before, for input-less calls.
    previous: Option<ScopeId>,
    /// Position in the scope's list after its last claimed record.
    after_claim: usize,
    /// An input-less record that was served while other tasks were alive.
    raced: Option<usize>,
    /// Drifting calls run from here on.
    rerun: bool,
    /// Stands for a recorded scope without being it by name: only calls with inputs match.
    inexact: bool,
    /// Beginning of the keys of its calls.
    label: String,
    /// Whether a call was made in it, so that it can no longer come to stand for another.
    opened: bool,
}

/// The state of one pass over [`Records`].
#[derive(Debug, Default)]
pub struct Matcher {
    /// What the journal says, kept up to date while the pass adds to it.
    pub records: Records,
    met: Vec<Met>,
    counts: HashMap<ScopeId, u32>,
    claimed: HashSet<usize>,
    claimed_scopes: HashSet<ScopeId>,
    scopes: HashMap<ScopeId, ScopeState>,
    stand_ins: HashMap<ScopeId, ScopeId>,
    /// Scopes of which the journal does not know yet.
    unwritten: HashSet<ScopeId>,
    served: HashSet<usize>,
}

impl Matcher {
    /// A pass over `records`.
    pub fn new(records: Records) -> Self {
        let mut matcher = Self { records, ..Self::default() };
        matcher.restart();
        matcher
    }

    /// Begins a new pass: nothing is met, nothing claimed; the records stay.
    pub fn restart(&mut self) {
        self.met.clear();
        self.counts.clear();
        self.claimed.clear();
        self.claimed_scopes.clear();
        self.scopes.clear();
        self.served.clear();
        self.stand_ins.clear();
        self.scopes.insert(ScopeId::ROOT, ScopeState { opened: true, ..ScopeState::default() });
    }

    /// Opens the scope of a task, item or child below `parent`. If the journal knows its exact name it is
    /// that one; else it may come to stand for another when its first call is made.
    pub fn open_scope(&mut self, parent: ScopeId, kind: &str, name: &str, inputs: Option<Digest>) -> ScopeId {
        let parent = self.settle(parent, None);
        let bytes: &[u8] = inputs.as_ref().map_or(&[], |digest| &digest.0);
        let count = self.counts.entry(parent.child(kind, name, bytes, 0)).or_insert(0);
        *count += 1;
        let occurrence = *count;
        let scope = parent.child(kind, name, bytes, occurrence);
        let label = self.scope_label(parent, name, scope);
        self.claimed_scopes.insert(scope);
        self.scopes.insert(scope, ScopeState { label: label.clone(), ..ScopeState::default() });
        if self.records.scope(&scope).is_none() {
            self.unwritten.insert(scope);
            let (kind, name) = (kind.to_owned(), name.to_owned());
            self.records.open_scope(ScopeOpened { scope, parent, kind, name, inputs, occurrence, label });
        }
        scope
    }

    /// The scope that `scope` really is. One whose exact name the journal does not know takes the next
    /// unclaimed recorded scope of the same parent and function, one that recorded `call` first. That is
    /// settled at the first use, when its siblings have had the time to claim their own.
    fn settle(&mut self, scope: ScopeId, call: Option<(&str, Inputs)>) -> ScopeId {
        if let Some(chosen) = self.stand_ins.get(&scope) {
            return *chosen;
        }
        if !self.unwritten.contains(&scope) || self.scopes.get(&scope).is_some_and(|state| state.opened) {
            return scope;
        }
        let Some(own) = self.records.scope(&scope) else { return scope };
        let free: Vec<&ScopeOpened> = self
            .records
            .scopes_below
            .get(&own.parent)
            .into_iter()
            .flatten()
            .map(|ix| &self.records.scopes[*ix])
            .filter(|known| known.kind == own.kind && known.name == own.name)
            .filter(|known| !self.claimed_scopes.contains(&known.scope) && !self.unwritten.contains(&known.scope))
            .collect();
        let has_call = |known: &&&ScopeOpened| {
            call.is_some_and(|(name, inputs)| {
                self.records.by_scope.get(&known.scope).into_iter().flatten().any(|ix| {
                    let record = &self.records.all[*ix];
                    record.call.name == name && record.call.inputs == inputs
                })
            })
        };
        let Some(known) = free.iter().find(has_call).or(free.first()) else { return scope };
        let (chosen, label) = (known.scope, known.label.clone());
        self.claimed_scopes.insert(chosen);
        self.scopes.insert(chosen, ScopeState { label, inexact: true, ..ScopeState::default() });
        self.stand_ins.insert(scope, chosen);
        chosen
    }

    /// Scopes that the journal must be told of before an event about a call in `scope`, outermost first.
    /// They count as told from here on.
    pub fn scopes_to_write(&mut self, scope: ScopeId) -> Vec<ScopeOpened> {
        if self.unwritten.is_empty() {
            return Vec::new();
        }
        let mut found = Vec::new();
        let mut at = scope;
        loop {
            let parent = if let Some(known) = self.records.scope(&at) {
                if self.unwritten.remove(&at) {
                    found.push(known.clone());
                }
                known.parent
            } else if let Some(ix) = self.records.by_body.get(&at) {
                self.records.all[*ix].call.scope
            } else {
                break;
            };
            at = parent;
        }
        found.reverse();
        found
    }

    /// A scope that was met without having been set when its task was made: input-less calls never match there.
    pub fn set_inexact(&mut self, scope: ScopeId) {
        self.scopes.entry(scope).or_default().inexact = true;
    }

    /// Gives the call its identity and claims the record that has the same one.
    pub fn identify(&mut self, ask: &Ask<'_>) -> CallId {
        let scope = self.settle(ask.scope, Some((ask.name, ask.inputs)));
        let ask = &Ask { scope, ..ask.clone() };
        let state = self.scopes.entry(scope).or_default();
        state.opened = true;
        let input_less = !matches!(ask.inputs, Inputs::Digest(_));
        let after = if input_less { state.previous } else { None };
        let inexact = state.inexact;
        let prefix = identity_bytes(&ask.inputs, after.as_ref());
        let count = self.counts.entry(ask.scope.child("count", ask.name, &prefix, 0)).or_insert(0);
        *count += 1;
        let occurrence = *count;
        let body = body_of(&ask.scope, ask.name, &ask.inputs, after.as_ref(), occurrence);
        let mut exact = self.records.by_body.get(&body).copied();
        if let Some(ix) = exact {
            let record = &self.records.all[ix];
            let edited = self.records.codes.get(record.code) != self.records.codes.get(self.records.current_code());
            let refused = record.call.kind != ask.kind
                || (input_less && inexact)
                || (ask.inputs == Inputs::Opaque && edited)
                || self.claimed.contains(&ix);
            if refused {
                exact = None;
            }
        }
        if exact.is_none() {
            if let Some(decided) = self.records.decisions.get(&body) {
                if decided.decision == DriftDecision::Reuse {
                    let found = self.records.by_seq.get(&decided.record).copied();
                    exact = found.filter(|ix| !self.claimed.contains(ix) && self.is_live(*ix));
                } else {
                    self.scopes.entry(ask.scope).or_default().rerun = true;
                }
            }
        }
        let head = CallHead {
            key: String::new(),
            scope: ask.scope,
            name: ask.name.to_owned(),
            inputs: ask.inputs,
            occurrence,
            kind: ask.kind,
            named: ask.named,
            after,
            code: ask.code.map(str::to_owned),
            body,
        };
        if let Some(ix) = exact {
            self.claim(ix);
        }
        if ask.kind != CallKind::Reading {
            // A drifted call that is served a record counts as that record, for what comes after it.
            let counted = exact.map_or(body, |ix| self.records.all[ix].call.body);
            self.scopes.entry(ask.scope).or_default().previous = Some(counted);
        }
        self.met.push(Met { head, exact, once: ask.once });
        CallId(self.met.len() - 1)
    }

    /// Decides what is to be done. `alone`: no other task or thread of the flow is alive.
    pub fn decide(&mut self, id: CallId, alone: bool) -> Verdict {
        let Some(met) = self.met.get(id.0) else { return Verdict::Run };
        let (scope, kind, once) = (met.head.scope, met.head.kind, met.once);
        if let Some(ix) = met.exact {
            let record = &self.records.all[ix];
            let verdict = match &record.state {
                State::Returned(_) | State::Answered(..) | State::Elapsed(_) => Verdict::Reuse(ix),
                State::Raised(error) if error.rebuilds => Verdict::Reuse(ix),
                State::Raised(_) | State::Dropped => Verdict::Run,
                State::Volatile { rerunnable: true, .. } => Verdict::Run,
                State::Volatile { .. } => Verdict::Volatile(ix),
                State::Cancelled => Verdict::Park(ix),
                State::Asked(_) => Verdict::Open(ix),
                State::Open { once: true } => Verdict::InDoubt(ix),
                State::Open { once: false } => Verdict::Run,
            };
            if let Verdict::Reuse(ix) = verdict {
                let input_less = !matches!(met.head.inputs, Inputs::Digest(_));
                if input_less && !alone && kind == CallKind::Checkpoint {
                    self.scopes.entry(scope).or_default().raced = Some(ix);
                }
                self.served.insert(ix);
                self.claim_below(self.records.all[ix].call.body);
            }
            return verdict;
        }
        if kind == CallKind::Reading {
            return Verdict::Run;
        }
        let state = self.scopes.entry(scope).or_default();
        let (rerun, raced) = (state.rerun, state.raced);
        if rerun {
            return Verdict::Run;
        }
        let next = self.next_unclaimed(scope);
        if !alone {
            return match (raced, next) {
                (Some(served), Some(_)) => Verdict::RaceDiverged { served },
                _ => Verdict::Run,
            };
        }
        let met = &self.met[id.0];
        if let Some(ix) = next {
            let record = &self.records.all[ix];
            if record.call.name == met.head.name && record.call.kind == kind && !record.call.named && !met.head.named {
                return Verdict::Drift { record: ix, moved: false };
            }
        }
        if once || kind != CallKind::Checkpoint || !matches!(met.head.inputs, Inputs::Digest(_)) {
            return Verdict::Run;
        }
        let moved = self.records.by_inputs.get(&(met.head.name.clone(), met.head.inputs));
        let moved = moved.and_then(|found| {
            found.iter().copied().find(|ix| {
                let record = &self.records.all[*ix];
                record.call.scope != scope
                    && record.call.kind == kind
                    && record.state.is_served()
                    && !self.claimed.contains(ix)
            })
        });
        moved.map_or(Verdict::Run, |record| Verdict::Drift { record, moved: true })
    }

    /// Serves a drifted call the record after all: `reuse` was decided, or the difference means nothing.
    pub fn reuse(&mut self, id: CallId, ix: usize) {
        self.claim(ix);
        self.claim_below(self.records.all[ix].call.body);
        self.served.insert(ix);
        if let Some(met) = self.met.get_mut(id.0) {
            met.exact = Some(ix);
            let scope = met.head.scope;
            let state = self.scopes.entry(scope).or_default();
            if state.previous == Some(met.head.body) {
                state.previous = Some(self.records.all[ix].call.body);
            }
        }
    }

    /// Runs a drifted call, and every call that drifts after it in its scope.
    pub fn rerun(&mut self, id: CallId) {
        if let Some(met) = self.met.get(id.0) {
            self.scopes.entry(met.head.scope).or_default().rerun = true;
        }
    }

    /// The call's head, with its printed key, for the events about it; and the records that its running
    /// overtakes: what was cancelled after it was recorded may end otherwise now, so it must not be parked.
    ///
    /// `None` when the call is not of this pass.
    pub fn run(&mut self, id: CallId) -> Option<(CallHead, Vec<Seq>)> {
        let met = self.met.get(id.0)?;
        let body = met.head.body;
        let known = self.records.by_body.get(&body).copied();
        let mut overtaken = Vec::new();
        let mut head = met.head.clone();
        if let Some(ix) = known {
            let before = self.records.all[ix].seq;
            head.key.clone_from(&self.records.all[ix].call.key);
            let all = if self.records.cancelled == 0 { 0 } else { self.records.all.len() };
            for ix in 0..all {
                let record = &self.records.all[ix];
                if matches!(record.state, State::Cancelled)
                    && record.order > before
                    && record.call.body != body
                    && !self.served.contains(&ix)
                {
                    overtaken.push(record.seq);
                    self.records.drop_at(ix);
                }
            }
            if !matches!(self.records.all[ix].state, State::Open { .. }) {
                self.records.drop_at(ix);
            }
            self.records.all[ix].call = head.clone();
            self.met[id.0].exact = Some(ix);
            self.claim(ix);
        } else {
            let number = self.records.next_ordinal(&head.scope, &head.name);
            let label = self.label(head.scope);
            head.key = printed(&label, &head.name, number, '#');
            let ix = self.records.entry(0, &head, 0);
            self.records.all[ix].state = State::Dropped;
            self.met[id.0].exact = Some(ix);
            self.claim(ix);
        }
        self.met[id.0].head = head.clone();
        self.scopes
            .entry(head.body)
            .or_insert_with(|| ScopeState { label: head.key.clone(), opened: true, ..ScopeState::default() });
        Some((head, overtaken))
    }

    /// An unanswered wait of that name that the scope has not asked for in this pass: a new question takes
    /// its place.
    pub fn superseded_wait(&self, id: CallId) -> Option<&Record> {
        let head = &self.met.get(id.0)?.head;
        self.records.by_scope.get(&head.scope)?.iter().map(|ix| (ix, &self.records.all[*ix])).find_map(|(ix, record)| {
            let open = matches!(record.state, State::Asked(_)) && record.call.kind == CallKind::Wait;
            (open && record.call.name == head.name && record.call.body != head.body && !self.claimed.contains(ix))
                .then_some(record)
        })
    }

    /// Begins the body of a call anew: its nested calls are counted from the start again. With `keep`, what
    /// they recorded is served again; without, it is dropped, and the sequences of the dropped records returned.
    pub fn restart_body(&mut self, id: CallId, keep: bool) -> Vec<Seq> {
        let Some(met) = self.met.get(id.0) else { return Vec::new() };
        let body = met.head.body;
        let scopes = self.scopes_under(body);
        let mut dropped = Vec::new();
        for scope in &scopes {
            for ix in self.records.by_scope.get(scope).cloned().unwrap_or_default() {
                self.claimed.remove(&ix);
                let record = &self.records.all[ix];
                if !keep && record.seq != 0 && record.state != State::Dropped {
                    dropped.push(record.seq);
                    self.records.drop_at(ix);
                }
            }
            self.claimed_scopes.remove(scope);
            if let Some(state) = self.scopes.get_mut(scope) {
                let label = std::mem::take(&mut state.label);
                *state = ScopeState { label, inexact: state.inexact, opened: state.opened, ..ScopeState::default() };
            }
        }
        let under: HashSet<ScopeId> = scopes.into_iter().collect();
        let counted: Vec<ScopeId> = self
            .met
            .iter()
            .filter(|met| under.contains(&met.head.scope))
            .map(|met| {
                let prefix = identity_bytes(&met.head.inputs, met.head.after.as_ref());
                met.head.scope.child("count", &met.head.name, &prefix, 0)
            })
            .collect();
        for key in counted {
            self.counts.remove(&key);
        }
        for opened in self.records.scopes.iter().filter(|opened| under.contains(&opened.parent)) {
            let bytes: &[u8] = opened.inputs.as_ref().map_or(&[], |digest| &digest.0);
            self.counts.remove(&opened.parent.child(&opened.kind, &opened.name, bytes, 0));
        }
        dropped
    }

    /// Takes what the pass wrote into the records.
    pub fn wrote(&mut self, seq: Seq, at: crate::ids::Millis, body: &Body) {
        self.records.fold(seq, at, body);
    }

    /// Sequences of the records that the pass was served, as inclusive ranges.
    pub fn reused(&self) -> Vec<(Seq, Seq)> {
        let mut seqs: Vec<Seq> = Vec::new();
        for ix in &self.served {
            seqs.push(self.records.all[*ix].seq);
        }
        for ix in &self.claimed {
            let record = &self.records.all[*ix];
            if self.under_served(record) {
                seqs.push(record.seq);
            }
        }
        seqs.sort_unstable();
        seqs.dedup();
        let mut ranges: Vec<(Seq, Seq)> = Vec::new();
        for seq in seqs {
            match ranges.last_mut() {
                Some((_, last)) if *last + 1 == seq => *last = seq,
                _ => ranges.push((seq, seq)),
            }
        }
        ranges
    }

    /// How many records the pass was served.
    pub fn served_count(&self) -> usize {
        self.served.len()
    }

    /// The record of a met call, if it has one.
    pub fn record_of(&self, id: CallId) -> Option<&Record> {
        self.met.get(id.0)?.exact.map(|ix| &self.records.all[ix])
    }

    /// The call as met.
    pub fn head(&self, id: CallId) -> Option<&CallHead> {
        self.met.get(id.0).map(|met| &met.head)
    }

    /// Beginning of the keys of calls made in that scope.
    pub fn label(&self, scope: ScopeId) -> String {
        if let Some(state) = self.scopes.get(&scope)
            && (!state.label.is_empty() || scope == ScopeId::ROOT)
        {
            return state.label.clone();
        }
        if let Some(ix) = self.records.by_body.get(&scope) {
            return self.records.all[*ix].call.key.clone();
        }
        String::new()
    }

    /// Orders of the outcomes below a served call: they count as delivered with it.
    pub fn orders_below(&self, ix: usize) -> Vec<Seq> {
        let body = self.records.all[ix].call.body;
        let mut orders = Vec::new();
        if self.records.by_scope.contains_key(&body) || self.records.scopes_below.contains_key(&body) {
            for scope in self.scopes_under(body) {
                for ix in self.records.by_scope.get(&scope).into_iter().flatten() {
                    orders.push(self.records.all[*ix].order);
                }
            }
        }
        orders
    }

    fn scope_label(&self, parent: ScopeId, name: &str, scope: ScopeId) -> String {
        if let Some(known) = self.records.scope(&scope) {
            return known.label.clone();
        }
        let number = self.records.next_ordinal(&parent, &format!("{name}."));
        printed(&self.label(parent), name, number, '.')
    }

    fn claim(&mut self, ix: usize) {
        self.claimed.insert(ix);
        let record = &self.records.all[ix];
        let state = self.scopes.entry(record.call.scope).or_default();
        state.after_claim = state.after_claim.max(record.place + 1);
    }

    fn claim_below(&mut self, body: ScopeId) {
        if !self.records.by_scope.contains_key(&body) && !self.records.scopes_below.contains_key(&body) {
            return;
        }
        for scope in self.scopes_under(body) {
            self.claimed_scopes.insert(scope);
            for ix in self.records.by_scope.get(&scope).cloned().unwrap_or_default() {
                self.claimed.insert(ix);
            }
        }
    }

    fn scopes_under(&self, body: ScopeId) -> Vec<ScopeId> {
        let mut found = vec![body];
        let mut at = 0;
        while at < found.len() {
            let scope = found[at];
            at += 1;
            for ix in self.records.by_scope.get(&scope).into_iter().flatten() {
                found.push(self.records.all[*ix].call.body);
            }
            for ix in self.records.scopes_below.get(&scope).into_iter().flatten() {
                found.push(self.records.scopes[*ix].scope);
            }
        }
        found
    }

    fn next_unclaimed(&self, scope: ScopeId) -> Option<usize> {
        let list = self.records.by_scope.get(&scope)?;
        let start = self.scopes.get(&scope).map_or(0, |state| state.after_claim);
        list.iter().skip(start).copied().find(|ix| {
            let record = &self.records.all[*ix];
            !self.claimed.contains(ix)
                && record.call.kind != CallKind::Reading
                && (record.state.is_served() || matches!(record.state, State::Volatile { .. }))
        })
    }

    fn is_live(&self, ix: usize) -> bool {
        self.records.all[ix].state != State::Dropped
    }

    fn under_served(&self, record: &Record) -> bool {
        let mut scope = record.call.scope;
        for _ in 0..64 {
            if let Some(ix) = self.records.by_body.get(&scope) {
                if self.served.contains(ix) {
                    return true;
                }
                scope = self.records.all[*ix].call.scope;
            } else if let Some(known) = self.records.scope(&scope) {
                scope = known.parent;
            } else {
                return false;
            }
        }
        false
    }
}

/// `label/name#n`, number 1 and an empty label left out.
fn printed(label: &str, name: &str, number: u32, mark: char) -> String {
    let slash = if label.is_empty() { "" } else { "/" };
    if number == 1 { format!("{label}{slash}{name}") } else { format!("{label}{slash}{name}{mark}{number}") }
}
