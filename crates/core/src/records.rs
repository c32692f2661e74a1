//! The journal folded into what a re-entering flow may be served: records by identity, scopes, decisions.
//!
//! Not here: which record a call gets ([`crate::matcher`]) and the rows that people query ([`crate::project`]).

use crate::event::{
    Body, CallHead, CallKind, DriftDecided, ErrorData, Inputs, Outcome, ScopeOpened, Usage, WaitOpened,
};
use crate::ids::{Millis, ScopeId, Seq};
use crate::value::Value;
use std::collections::HashMap;

/// What became of a call.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    /// Its body began and no outcome is known.
    Open {
        /// Whether its effect must happen at most once, so that it may have happened.
        once: bool,
    },
    /// It returned.
    Returned(Value),
    /// It returned something that was not stored.
    Volatile {
        /// What would not encode.
        path: String,
        /// Whether it may run again without asking.
        rerunnable: bool,
    },
    /// It raised.
    Raised(ErrorData),
    /// The flow cancelled it, or withdrew the wait.
    Cancelled,
    /// A question or a sleep that is open.
    Asked(Box<WaitOpened>),
    /// A wait's answer.
    Answered(Value, Box<WaitOpened>),
    /// A wait whose deadline passed, or a sleep that is over.
    Elapsed(Box<WaitOpened>),
    /// Must not be served: it runs again when it is met.
    Dropped,
}

impl State {
    /// Whether the record has something to serve.
    pub fn is_served(&self) -> bool {
        matches!(self, Self::Returned(_) | Self::Raised(_) | Self::Answered(..) | Self::Elapsed(_))
    }
}

/// One recorded call.
#[derive(Clone, Debug)]
pub struct Record {
    /// Sequence of the event that first named it; 0 while nothing of it is written.
    pub seq: Seq,
    /// Who it is.
    pub call: CallHead,
    /// What became of it.
    pub state: State,
    /// Sequence of its outcome: the order in which results are delivered.
    pub order: Seq,
    /// When it was first started and when its outcome was written.
    pub started_at: Millis,
    /// When its outcome was written; 0 while there is none.
    pub ended_at: Millis,
    /// Tries that failed so far.
    pub failed_attempts: u32,
    /// The bound arguments.
    pub inputs: Option<Value>,
    /// The flow's code when it was made, as an index into [`Records::codes`].
    pub code: usize,
    /// Its place in its scope's list.
    pub place: usize,
}

/// Everything that the matcher needs to know of a journal.
#[derive(Debug, Default)]
pub struct Records {
    /// The records, oldest first. A record's index never changes.
    pub all: Vec<Record>,
    /// Index by identity.
    pub by_body: HashMap<ScopeId, usize>,
    /// Index by scope, in the order of first mention.
    pub by_scope: HashMap<ScopeId, Vec<usize>>,
    /// Index by (name, inputs), for calls that moved.
    pub by_inputs: HashMap<(String, Inputs), Vec<usize>>,
    /// Index by record sequence.
    pub by_seq: HashMap<Seq, usize>,
    /// Scopes of tasks, items and children, in the order in which they were opened.
    pub scopes: Vec<ScopeOpened>,
    /// Index of scopes by identity.
    pub scope_ix: HashMap<ScopeId, usize>,
    /// How many records are cancelled: mostly none, and then nobody looks for them.
    pub cancelled: usize,
    /// Index of scopes by parent.
    pub scopes_below: HashMap<ScopeId, Vec<usize>>,
    /// What was decided about drifts, by the body of the call that was met.
    pub decisions: HashMap<ScopeId, DriftDecided>,
    /// Flow code digests in the order in which they were first seen.
    pub codes: Vec<Option<String>>,
    /// How many calls of each name a scope has keyed, by a hash of both.
    pub ordinals: HashMap<ScopeId, u32>,
    /// Sum over all calls and tries.
    pub usage: Usage,
    /// Sequence of the last event folded in.
    pub last_seq: Seq,
    current_code: usize,
}

impl Records {
    /// Adds the event at `seq`.
    pub fn fold(&mut self, seq: Seq, at: Millis, body: &Body) {
        self.last_seq = self.last_seq.max(seq);
        match body {
            Body::Created(created) => self.current_code = self.code(created.code.as_ref()),
            Body::Taken(taken) => self.current_code = self.code(taken.code.as_ref()),
            Body::ScopeOpened(opened) => self.open_scope(opened.clone()),
            Body::CallStarted(started) => {
                let at = self.entry(seq, &started.call, started.at);
                let record = &mut self.all[at];
                record.inputs.clone_from(&started.inputs);
                record.state = State::Open { once: started.once };
            }
            Body::AttemptFailed(failed) => {
                self.usage.add(&failed.usage);
                let ix = self.entry(seq, &failed.call, at);
                let record = &mut self.all[ix];
                record.failed_attempts = failed.attempt;
                if !matches!(record.state, State::Open { .. }) {
                    record.state = State::Open { once: false };
                }
            }
            Body::CallEnded(ended) => {
                self.usage.add(&ended.usage);
                let ix = self.entry(ended.record.unwrap_or(seq), &ended.call, ended.started_at);
                self.by_seq.insert(seq, ix);
                let record = &mut self.all[ix];
                if ended.inputs.is_some() {
                    record.inputs.clone_from(&ended.inputs);
                }
                record.order = seq;
                record.ended_at = at;
                record.state = match &ended.outcome {
                    Outcome::Returned { result } => State::Returned(result.clone()),
                    Outcome::Volatile { path, rerunnable } => {
                        State::Volatile { path: path.clone(), rerunnable: *rerunnable }
                    }
                    Outcome::Raised { error } => State::Raised(error.clone()),
                    Outcome::Cancelled => State::Cancelled,
                };
                self.cancelled += usize::from(ended.outcome == Outcome::Cancelled);
            }
            Body::CallsDropped(dropped) => {
                for seq in &dropped.records {
                    if let Some(ix) = self.by_seq.get(seq) {
                        self.drop_at(*ix);
                    }
                }
            }
            Body::DriftDecided(decided) => {
                let body = body_of(&decided.scope, &decided.name, &decided.inputs, None, decided.occurrence);
                self.decisions.insert(body, decided.clone());
            }
            Body::WaitOpened(opened) => {
                let ix = self.entry(seq, &opened.call, at);
                self.all[ix].state = State::Asked(opened.clone());
            }
            Body::WaitAnswered(answered) => self.end_wait(seq, at, &answered.key, |opened| {
                State::Answered(answered.value.clone(), opened)
            }),
            Body::WaitClosed(closed) => {
                let withdrawn = closed.why == "withdrawn";
                self.end_wait(seq, at, &closed.key, |opened| {
                    if withdrawn { State::Cancelled } else { State::Elapsed(opened) }
                });
            }
            _ => {}
        }
    }

    /// Forgets what became of a record; when it is met its call runs.
    pub fn drop_at(&mut self, ix: usize) {
        let record = &mut self.all[ix];
        record.state = State::Dropped;
        record.failed_attempts = 0;
    }

    /// The record of that identity, made if there is none. A dropped or open record is taken over by `seq`
    /// where the new event is its first.
    pub fn entry(&mut self, seq: Seq, call: &CallHead, started_at: Millis) -> usize {
        if let Some(ix) = self.by_body.get(&call.body).copied() {
            let record = &mut self.all[ix];
            if record.seq == 0 || matches!(record.state, State::Dropped | State::Cancelled) {
                self.by_seq.remove(&record.seq);
                record.seq = seq;
                record.started_at = started_at;
                record.code = self.current_code;
                record.call.key.clone_from(&call.key);
                self.by_seq.insert(seq, ix);
            }
            return ix;
        }
        let ix = self.all.len();
        self.by_body.insert(call.body, ix);
        let list = self.by_scope.entry(call.scope).or_default();
        let place = list.len();
        list.push(ix);
        if matches!(call.inputs, Inputs::Digest(_)) && call.kind != CallKind::Reading {
            self.by_inputs.entry((call.name.clone(), call.inputs)).or_default().push(ix);
        }
        if seq != 0 {
            self.by_seq.insert(seq, ix);
        }
        let used = self.ordinals.entry(ordinal_key(&call.scope, &call.name)).or_insert(0);
        *used += 1;
        self.all.push(Record {
            seq,
            call: call.clone(),
            state: State::Open { once: false },
            order: 0,
            started_at,
            ended_at: 0,
            failed_attempts: 0,
            inputs: None,
            code: self.current_code,
            place,
        });
        ix
    }

    /// The scope of that identity, if it is a task's, an item's or a child's.
    pub fn scope(&self, scope: &ScopeId) -> Option<&ScopeOpened> {
        self.scope_ix.get(scope).map(|ix| &self.scopes[*ix])
    }

    /// Adds a scope of a task, an item or a child; once.
    pub fn open_scope(&mut self, opened: ScopeOpened) {
        if self.scope_ix.contains_key(&opened.scope) {
            return;
        }
        let ix = self.scopes.len();
        self.scope_ix.insert(opened.scope, ix);
        self.scopes_below.entry(opened.parent).or_default().push(ix);
        *self.ordinals.entry(ordinal_key(&opened.parent, &format!("{}.", opened.name))).or_insert(0) += 1;
        self.scopes.push(opened);
    }

    /// The next free number for a name in a scope; 1 is left out of printed keys.
    pub fn next_ordinal(&self, scope: &ScopeId, name: &str) -> u32 {
        self.ordinals.get(&ordinal_key(scope, name)).copied().unwrap_or(0) + 1
    }

    /// Index of the flow's code digest, which is added if it is new.
    pub fn code(&mut self, code: Option<&String>) -> usize {
        if let Some(ix) = self.codes.iter().position(|known| known.as_ref() == code) {
            return ix;
        }
        self.codes.push(code.cloned());
        self.codes.len() - 1
    }

    /// Whether the wait of that key is open.
    pub fn is_asked(&self, key: &str) -> bool {
        self.all.iter().rev().any(|record| record.call.key == key && matches!(record.state, State::Asked(_)))
    }

    /// Index of the flow's code digest now.
    pub fn current_code(&self) -> usize {
        self.current_code
    }

    fn end_wait(&mut self, seq: Seq, at: Millis, key: &str, state: impl FnOnce(Box<WaitOpened>) -> State) {
        let found = self.all.iter().rposition(|record| {
            record.call.key == key && matches!(record.state, State::Asked(_) | State::Elapsed(_))
        });
        let Some(ix) = found else { return };
        let record = &mut self.all[ix];
        if let State::Asked(opened) | State::Elapsed(opened) = &record.state {
            record.state = state(opened.clone());
            record.order = seq;
            record.ended_at = at;
            self.cancelled += usize::from(record.state == State::Cancelled);
        }
    }
}

/// The hash that names a call: all of its identity. An input-less call's predecessor is part of it.
pub fn body_of(scope: &ScopeId, name: &str, inputs: &Inputs, after: Option<&ScopeId>, occurrence: u32) -> ScopeId {
    scope.child("call", name, &identity_bytes(inputs, after), occurrence)
}

/// What of a call's inputs (and, for lack of them, of its predecessor) counts.
pub fn identity_bytes(inputs: &Inputs, after: Option<&ScopeId>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(33);
    match inputs {
        Inputs::Digest(digest) => {
            bytes.push(1);
            bytes.extend_from_slice(&digest.0);
        }
        Inputs::None | Inputs::Opaque => {
            bytes.push(if *inputs == Inputs::None { 2 } else { 3 });
            if let Some(after) = after {
                bytes.extend_from_slice(&after.0);
            }
        }
    }
    bytes
}

fn ordinal_key(scope: &ScopeId, name: &str) -> ScopeId {
    scope.child("ordinal", name, &[], 0)
}
