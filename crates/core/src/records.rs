//! The journal folded into what a re-entering flow may be served: records by identity, scopes, decisions.
//!
//! Not here: which record a call gets ([`crate::matcher`]) and the rows that people query ([`crate::project`]).

mod names;

pub(crate) use names::{number_key, printed};

use crate::begun::Begun;
use crate::decisions::Decisions;
use crate::event::{
    Body, CallHead, CallKind, DriftDecision, ErrorData, Inputs, InputsSet, Outcome, PauseReason, ScopeOpened, Usage,
    WaitOpened,
};
use crate::fork::Forked;
use crate::ids::{Millis, ScopeId, Seq};
use crate::value::Value;
use crate::worked::Worked;
use std::collections::{HashMap, HashSet};

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
    /// When the call was begun, here and in what is replayed.
    pub begun: Begun,
    /// When it was first started and when its outcome was written.
    pub started_at: Millis,
    /// When its outcome was written; 0 while there is none.
    pub ended_at: Millis,
    /// Tries that failed so far.
    pub failed_attempts: u32,
    /// When the next try after those is due.
    pub retry_at: Millis,
    /// How many results of it were dropped to be made anew: a child of each is an execution of its own.
    pub renewed: u32,
    /// Whether its effect must happen at most once.
    pub once: bool,
    /// The bound arguments.
    pub inputs: Option<Value>,
    /// Whether somebody supplied its outcome: then that is plain JSON.
    pub supplied: bool,
    /// Path of an argument that was changed while it ran, unless somebody decided to serve the outcome all the same.
    pub mutated: Option<String>,
    /// The flow's code when it was made, as an index into [`Records::codes`].
    pub code: usize,
    /// Its place in its scope's list.
    pub place: usize,
}

impl Record {
    /// Whether it is a child execution that began and has no outcome here: it may have done much, and may go on.
    pub fn is_child_left(&self) -> bool {
        self.call.kind == CallKind::Child && matches!(self.state, State::Open { .. })
    }

    /// What names the execution that it is, of a call of a child.
    pub fn child_scope(&self) -> ScopeId {
        self.call.body.child("child", "", &[], self.renewed)
    }
}

/// Everything that the matcher needs to know of a journal.
#[derive(Debug, Default)]
pub struct Records {
    /// The records, oldest first. A record's index never changes.
    pub all: Vec<Record>,
    /// Index by identity. Of several with one identity (a record that was served to another call, and the one
    /// that its own call made then) the newest.
    pub by_body: HashMap<ScopeId, usize>,
    /// Index by scope, in the order in which the flow makes the calls, as far as that is known.
    pub by_scope: HashMap<ScopeId, Vec<usize>>,
    /// Index by (name, inputs), for calls that moved.
    pub by_inputs: HashMap<(String, Inputs), Vec<usize>>,
    /// Index by record sequence.
    pub by_seq: HashMap<Seq, usize>,
    /// Index by printed key.
    pub by_key: HashMap<String, usize>,
    /// Scopes of tasks, items and children, in the order in which they were opened.
    pub scopes: Vec<ScopeOpened>,
    /// Index of scopes by identity.
    pub scope_ix: HashMap<ScopeId, usize>,
    /// How many records are cancelled: mostly none, and then nobody looks for them.
    pub cancelled: usize,
    /// Index of scopes by parent.
    pub scopes_below: HashMap<ScopeId, Vec<usize>>,
    /// What was decided about drifts.
    pub decisions: Decisions,
    /// Flow code digests in the order in which they were first seen.
    pub codes: Vec<Option<String>>,
    /// Sum over all calls and tries.
    pub usage: Usage,
    /// Sequence of the last event folded in.
    pub last_seq: Seq,
    /// What it goes on from, where it is a replay.
    pub fork: Option<Forked>,
    /// What somebody changed of the inputs of calls, latest last.
    pub inputs_set: Vec<InputsSet>,
    /// Selectors of calls to pause before in this execution, but for those that were met.
    pub pause_before: Vec<String>,
    /// How long it has worked.
    pub worked: Worked,
    /// Bodies of calls that were paused before and that nobody has let go on, with the selector of the breakpoint.
    pub held: HashMap<ScopeId, String>,
    /// Bodies of calls that were paused before and may run.
    pub released: HashSet<ScopeId>,
    /// The highest number printed for each name in a scope.
    numbers: HashMap<ScopeId, u32>,
    labels: HashSet<String>,
    current_code: usize,
}

impl Records {
    /// Adds the event at `seq`.
    pub fn fold(&mut self, seq: Seq, at: Millis, body: &Body) {
        self.last_seq = self.last_seq.max(seq);
        self.worked.fold(at, body);
        if self.fork.is_some() {
            self.note_put(seq, body);
        }
        match body {
            Body::Created(created) => {
                if let Some(fork) = &created.fork {
                    self.cut(fork);
                }
                self.pause_before.clone_from(&created.pause_before);
                self.current_code = self.code(created.code.as_ref());
            }
            Body::Taken(taken) => {
                self.current_code = self.code(taken.code.as_ref());
                self.decisions.taken(self.known_code());
            }
            Body::ScopeOpened(opened) => self.open_scope(opened.clone()),
            Body::CallStarted(started) => {
                let ix = self.begin(seq, &started.call, started.at);
                let record = &mut self.all[ix];
                record.inputs.clone_from(&started.inputs);
                record.call.code.clone_from(&started.call.code);
                record.once = started.once;
                self.set(ix, State::Open { once: started.once });
            }
            Body::AttemptFailed(failed) => {
                self.usage.add(&failed.usage);
                let ix = self.begin(seq, &failed.call, at);
                self.all[ix].failed_attempts = failed.attempt;
                self.all[ix].retry_at = failed.retry_at;
                // This try is known to have failed: no doubt until the next one begins.
                self.set(ix, State::Open { once: false });
            }
            Body::CallEnded(ended) => {
                self.usage.add(&ended.usage);
                let known = ended.record.and_then(|first| self.by_seq.get(&first).copied());
                let was = self.by_body.get(&ended.call.body).map(|ix| self.all[*ix].code);
                let ix = known.unwrap_or_else(|| self.begin(seq, &ended.call, ended.started_at));
                self.by_seq.insert(seq, ix);
                let record = &mut self.all[ix];
                record.call.code.clone_from(&ended.call.code);
                if ended.inputs.is_some() {
                    record.inputs.clone_from(&ended.inputs);
                }
                record.mutated.clone_from(&ended.mutated);
                record.order = seq;
                record.ended_at = at;
                record.supplied = ended.by.is_some();
                record.code = match (&ended.by, was) {
                    // What is put in place of an outcome is as good as that was.
                    (Some(_), Some(code)) => code,
                    // A body that a crash cut off ran again from its top.
                    _ => self.current_code,
                };
                let state = match &ended.outcome {
                    Outcome::Returned { result } => State::Returned(result.clone()),
                    Outcome::Volatile { path, rerunnable } => {
                        State::Volatile { path: path.clone(), rerunnable: *rerunnable }
                    }
                    Outcome::Raised { error } => State::Raised(error.clone()),
                    Outcome::Cancelled => State::Cancelled,
                };
                self.set(ix, state);
            }
            Body::UsageReported(reported) => self.usage.add(&reported.usage),
            Body::CallsDropped(dropped) => {
                for seq in &dropped.records {
                    if let Some(ix) = self.by_seq.get(seq) {
                        self.drop_at(*ix);
                    }
                }
            }
            Body::DriftDecided(decided) => {
                if let (DriftDecision::Reuse, Some(ix)) = (decided.decision, self.by_seq.get(&decided.record)) {
                    self.all[*ix].mutated = None;
                }
                self.decisions.decide(seq, decided, self.current_code);
            }
            Body::InputsSet(set) => self.inputs_set.push(set.clone()),
            Body::CallReleased(released) => {
                self.held.remove(&released.body);
                self.released.insert(released.body);
            }
            Body::Paused(end) => {
                self.decisions.ended(seq, &end.reused);
                if let PauseReason::Breakpoint { call, before, id, .. } = &end.reason {
                    self.held.insert(call.body, before.clone());
                    if id.is_none() {
                        self.pause_before.retain(|one| one != before);
                    }
                }
            }
            Body::Suspended(end) => self.decisions.ended(seq, &end.reused),
            Body::Interrupted(end) => self.decisions.ended(seq, &end.reused),
            Body::Failed(end) => self.decisions.ended(seq, &end.reused),
            Body::WaitOpened(opened) => {
                let ix = self.begin(seq, &opened.call, at);
                self.set(ix, State::Asked(opened.clone()));
            }
            Body::WaitAnswered(answered) => {
                self.end_wait(seq, at, &answered.key, |opened| State::Answered(answered.value.clone(), opened))
            }
            Body::WaitClosed(closed) => {
                let withdrawn = closed.why == "withdrawn";
                self.end_wait(
                    seq,
                    at,
                    &closed.key,
                    |opened| {
                        if withdrawn { State::Cancelled } else { State::Elapsed(opened) }
                    },
                );
            }
            _ => {}
        }
    }

    /// Forgets what became of a record; when it is met its call runs.
    pub fn drop_at(&mut self, ix: usize) {
        // A child that failed goes on as itself; one that returned is made anew.
        self.all[ix].renewed += u32::from(matches!(self.all[ix].state, State::Returned(_) | State::Volatile { .. }));
        self.set(ix, State::Dropped);
        self.all[ix].mutated = None;
        self.all[ix].failed_attempts = 0;
        self.all[ix].retry_at = 0;
    }

    /// The record that an event at `seq` begins or goes on with: that of the same key and identity. What has
    /// ended begins anew under the new sequence; what is open goes on, for a crash is no new try.
    fn begin(&mut self, seq: Seq, call: &CallHead, started_at: Millis) -> usize {
        let named = self.by_key.get(&call.key).copied().filter(|ix| self.all[*ix].call.body == call.body);
        let Some(ix) = named.or_else(|| self.let_go_of(call)) else {
            return self.add(seq, call.clone(), started_at, State::Open { once: false });
        };
        self.rename(ix, &call.key);
        let record = &mut self.all[ix];
        if record.seq == 0 || !matches!(record.state, State::Open { .. }) {
            self.by_seq.remove(&record.seq);
            record.seq = seq;
            record.begun.begin(seq);
            record.started_at = started_at;
            record.order = 0;
            record.ended_at = 0;
            record.mutated = None;
            record.failed_attempts = 0;
            record.retry_at = 0;
            record.code = self.current_code;
            record.call.code.clone_from(&call.code);
            self.by_seq.insert(seq, ix);
        }
        ix
    }

    /// Adds a record for a call that has none yet, or whose own was served to another call.
    pub fn add(&mut self, seq: Seq, call: CallHead, started_at: Millis, state: State) -> usize {
        let ix = self.all.len();
        let place = self.place_of(&call);
        let list = self.by_scope.entry(call.scope).or_default();
        for later in &list[place..] {
            self.all[*later].place += 1;
        }
        list.insert(place, ix);
        self.by_body.insert(call.body, ix);
        if matches!(call.inputs, Inputs::Digest(_)) && call.kind != CallKind::Reading {
            self.by_inputs.entry((call.name.clone(), call.inputs)).or_default().push(ix);
        }
        if seq != 0 {
            self.by_seq.insert(seq, ix);
        }
        self.by_key.insert(call.key.clone(), ix);
        self.number(&call.scope, &call.name, &call.key, '#');
        self.all.push(Record {
            seq,
            call,
            state,
            order: 0,
            begun: Begun::at(seq),
            started_at,
            ended_at: 0,
            failed_attempts: 0,
            retry_at: 0,
            renewed: 0,
            once: false,
            inputs: None,
            supplied: false,
            mutated: None,
            code: self.current_code,
            place,
        });
        ix
    }

    /// Lets go of what a replay of what was written up to `upto` does not keep. Its name is free for others until its call is made again.
    pub(crate) fn let_go(&mut self, ix: usize, upto: Seq) {
        self.drop_at(ix);
        self.all[ix].begun.let_go(upto);
        self.all[ix].renewed = 0;
        self.all[ix].supplied = false;
        let key = &self.all[ix].call.key;
        if self.by_key.get(key) == Some(&ix) {
            self.by_key.remove(key);
        }
    }

    /// The record of that call that a replay has let go of.
    fn let_go_of(&self, call: &CallHead) -> Option<usize> {
        let ix = *self.by_body.get(&call.body)?;
        let named = self.by_key.get(&self.all[ix].call.key) == Some(&ix);
        (!named).then_some(ix)
    }

    /// Where in its scope's list a new record stands: behind the call it names, else last.
    fn place_of(&self, call: &CallHead) -> usize {
        let Some(list) = self.by_scope.get(&call.scope) else { return 0 };
        match &call.after {
            Some(first) if *first == ScopeId::ROOT => 0,
            Some(before) => match self.by_body.get(before).map(|ix| &self.all[*ix]) {
                Some(before) if before.call.scope == call.scope => before.place + 1,
                _ => list.len(),
            },
            None => list.len(),
        }
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
        self.take_label(&opened);
        self.scopes.push(opened);
    }

    /// Index of the flow's code digest, which is added if it is new.
    pub fn code(&mut self, code: Option<&String>) -> usize {
        if let Some(ix) = self.codes.iter().position(|known| known.as_ref() == code) {
            return ix;
        }
        self.codes.push(code.cloned());
        self.codes.len() - 1
    }

    /// Whether the flow's code is another than when the record was made, or that cannot be told.
    pub fn was_edited(&self, record: &Record) -> bool {
        record.code != self.current_code || self.codes.get(record.code).is_none_or(Option::is_none)
    }

    /// Whether the wait of that key is open.
    pub fn is_asked(&self, key: &str) -> bool {
        self.by_key.get(key).is_some_and(|ix| matches!(self.all[*ix].state, State::Asked(_)))
    }

    /// Index of the flow's code digest now.
    pub fn current_code(&self) -> usize {
        self.current_code
    }

    /// The same; `None`: it cannot be told from others.
    pub fn known_code(&self) -> Option<usize> {
        self.codes.get(self.current_code).is_some_and(Option::is_some).then_some(self.current_code)
    }

    fn set(&mut self, ix: usize, state: State) {
        let record = &mut self.all[ix];
        self.cancelled -= usize::from(record.state == State::Cancelled);
        record.state = state;
        self.cancelled += usize::from(record.state == State::Cancelled);
    }

    /// Only an open wait ends: an answer that comes after its end was not given to what the flow went on with.
    fn end_wait(&mut self, seq: Seq, at: Millis, key: &str, state: impl FnOnce(Box<WaitOpened>) -> State) {
        let Some(ix) = self.by_key.get(key).copied() else { return };
        let record = &mut self.all[ix];
        if let State::Asked(opened) = &record.state {
            let state = state(opened.clone());
            record.order = seq;
            record.ended_at = at;
            self.set(ix, state);
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
        Inputs::None | Inputs::Opaque | Inputs::Partial(_) => {
            bytes.push(if *inputs == Inputs::None { 2 } else { 3 });
            if let Inputs::Partial(digest) = inputs {
                bytes.extend_from_slice(&digest.0);
            }
            if let Some(after) = after {
                bytes.extend_from_slice(&after.0);
            }
        }
    }
    bytes
}
