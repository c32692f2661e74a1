//! The path of a call: identified, decided, served or run, ended.
//!
//! Not here: waits and sleeps, which have no body ([`super::waits`]).

use super::{Session, json};
use crate::error::{EngineError, Result};
use kitaru_core::delivery::Next;
use kitaru_core::event::{CallHead, CallKind, CallsDropped, ErrorData, Inputs, Outcome, PauseReason, Usage};
use kitaru_core::matcher::{Ask, CallId};
use kitaru_core::pass::Effective;
pub use kitaru_core::pass::{Asked, Started};
use kitaru_core::records::{Record, State};
use kitaru_core::{Body, Millis, ScopeId, Seq};

/// So often the start of a child is written again with whatever else fails to be.
const RIDES: usize = 8;

/// A call as Python describes it.
#[derive(Clone, Debug)]
pub struct Given<'a> {
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

/// What a record hands out.
#[derive(Clone, Debug)]
pub enum Served {
    /// The JSON text of a result, or of a wait's answer.
    Value(String),
    /// A result that somebody supplied: plain JSON.
    Supplied(String),
    /// The JSON text of an exception tree.
    Error(String),
    /// A wait that ended without an answer, or a sleep that is over.
    Elapsed,
}

/// What became of a body that was about to run.
#[derive(Clone, Debug)]
pub enum Begun {
    /// It must not begin: the flow is held. Nothing is noted of it.
    Held,
    /// Somebody changed its inputs to these. It has not begun: they may not be what it takes.
    Changed(Effective),
    /// It begins.
    Started(Started),
}

/// How a call ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// The call.
    pub call: CallId,
    /// Its outcome.
    pub outcome: Outcome,
    /// How many tries it took.
    pub attempts: u32,
}

/// The record that a drifted call might be.
#[derive(Clone, Debug)]
pub struct Drifted {
    /// Its key.
    pub key: String,
    /// Its sequence.
    pub seq: Seq,
    /// JSON text of its inputs, where they were encodable.
    pub inputs: Option<String>,
    /// When it was made.
    pub recorded_at: Millis,
    /// Digest of the flow's code then.
    pub flow_code: Option<String>,
    /// The call as met.
    pub head: CallHead,
}

impl Session {
    /// Gives a call its identity. To be called in the synchronous part of the call.
    pub fn identify(&self, given: &Given<'_>) -> Result<CallId> {
        self.must_be_open()?;
        let mut inner = self.lock();
        inner.must_not_stop(self.id())?;
        Ok(inner.pass.identify(&Ask {
            scope: given.scope,
            name: given.name,
            inputs: given.inputs,
            kind: given.kind,
            named: given.named,
            once: given.once,
            code: given.code,
        }))
    }

    /// Decides what becomes of an identified call. `alone`: no other task or thread of the flow is alive.
    pub fn decide(&self, call: CallId, alone: bool) -> Result<Asked> {
        self.must_be_open()?;
        Ok(self.lock().pass.decide(call, alone))
    }

    /// Puts a served call into the order of delivery.
    pub fn ask(&self, order: Seq) {
        self.lock().pass.delivery.ask(order);
    }

    /// Takes a served call out of the order of delivery: handed out, or not wanted any more.
    pub fn delivered(&self, order: Seq) {
        self.lock().pass.delivery.done(order);
    }

    /// Which outcome to hand out, now that nothing else of the flow is ready.
    pub fn next_delivery(&self) -> Next {
        let now = self.now();
        self.lock().pass.delivery.next(now)
    }

    /// What the record of a served call hands out.
    pub fn serve(&self, call: CallId) -> Result<Served> {
        let value = {
            let inner = self.lock();
            let record = inner.pass.matcher.record_of(call).ok_or_else(stale)?;
            match &record.state {
                State::Returned(value) if record.supplied => return Ok(Served::Supplied(self.text(value)?)),
                State::Returned(value) | State::Answered(value, _) => Ok(value.clone()),
                State::Raised(error) => Err(error.value.clone()),
                State::Elapsed(_) => return Ok(Served::Elapsed),
                _ => return Err(EngineError::Misuse(format!("{} has nothing to serve", record.call.key))),
            }
        };
        Ok(match value {
            Ok(value) => Served::Value(self.text(&value)?),
            Err(error) => Served::Error(self.text(&error)?),
        })
    }

    /// The record that a drifted call might be.
    pub fn drifted(&self, call: CallId, ix: usize) -> Result<Drifted> {
        let (record, flow_code, head) = {
            let inner = self.lock();
            let records = &inner.pass.matcher.records;
            let record = records.all.get(ix).ok_or_else(stale)?.clone();
            let flow_code = records.codes.get(record.code).cloned().flatten();
            (record, flow_code, inner.pass.matcher.head(call).ok_or_else(stale)?.clone())
        };
        Ok(Drifted {
            key: record.call.key.clone(),
            seq: record.seq,
            inputs: self.inputs_of(&record)?,
            recorded_at: record.started_at,
            flow_code,
            head,
        })
    }

    /// Serves a drifted call the record after all. With `decided` the decision is kept for later passes.
    pub fn reuse(&self, call: CallId, ix: usize, decided: bool) -> Result<Seq> {
        self.lock().pass.reuse(call, ix, decided).ok_or_else(stale)
    }

    /// Lets a drifted call run, and all that drift after it in its scope.
    pub fn rerun(&self, call: CallId) {
        self.lock().pass.rerun(call);
    }

    /// The call's body is about to run. With `once`, and of a child, the intent is durable when this returns; else it rides
    /// along, or is left out when the call ends first. Readings that the body may use are durable. Without `look` it
    /// begins in any case.
    pub fn start(&self, call: CallId, inputs: Option<String>, once: bool, look: bool) -> Result<Begun> {
        self.must_be_open()?;
        let mut inputs = inputs.map(json).transpose()?;
        let now = self.now();
        self.lock().must_not_stop(self.id())?;
        if let Some(record) = self.lock().pass.matcher.adopted(call) {
            // It goes on with those that it has.
            inputs.clone_from(&record.inputs);
        }
        if look && self.holds_back(call, inputs.as_ref())? {
            return Ok(Begun::Held);
        }
        let (started, intent, owes, is_child) = {
            let mut inner = self.lock();
            inner.must_not_stop(self.id())?;
            let head = inner.pass.matcher.head(call).ok_or_else(stale)?;
            let (key, is_child) = (head.name.clone(), head.kind == CallKind::Child);
            let bad = |why| EngineError::BadOverride { key: key.clone(), why };
            if look && let Some(changed) = inner.pass.effective(call, inputs.as_ref()).map_err(bad)? {
                return Ok(Begun::Changed(changed));
            }
            // A child is an execution of its own, which may go on when nothing else is left of this call.
            let owes = inner.owes_readings() || is_child;
            let started = inner.pass.start(call, inputs, once, now).ok_or_else(stale)?;
            let (started, intent) = started.map_err(bad)?;
            (started, intent, owes, is_child)
        };
        if once || owes {
            self.write(intent)?;
        }
        // Another thread may have taken the start along in a commit that failed: then it rides again.
        for _ in 0..RIDES {
            if !is_child || self.record_of(call).is_none_or(|(_, seq)| seq > 0) {
                return Ok(Begun::Started(started));
            }
            self.write(Vec::new())?;
        }
        Err(EngineError::Misuse("the start of a child was not written".to_owned()))
    }

    /// The call with that key has consumed something. Durable with its end, or with the next beat of the heart.
    pub fn used(&self, key: &str, usage: &Usage) {
        self.lock().pass.used(key, usage);
    }

    /// A try failed and another is due at `retry_at`. Durable when this returns.
    pub fn attempt_failed(&self, call: CallId, attempt: u32, error: ErrorData, retry_at: Millis) -> Result<()> {
        let batch = self.lock().pass.attempt_failed(call, attempt, error, retry_at).ok_or_else(stale)?;
        self.write(batch).map(|_| ())
    }

    /// The call has its outcome. Durable when this returns. Returns the sequence of its record.
    pub fn end(&self, call: CallId, outcome: Outcome, attempts: u32) -> Result<Seq> {
        let seqs = self.end_all(vec![Ended { call, outcome, attempts }])?;
        let seq = seqs.last().copied().unwrap_or_default();
        Ok(self.lock().pass.matcher.record_of(call).map_or(seq, |record| record.seq))
    }

    /// Calls that ended together have their outcomes, in that order, by one commit. Returns the sequences of what
    /// was written.
    pub fn end_all(&self, ended: Vec<Ended>) -> Result<Vec<Seq>> {
        let mut batch = Vec::with_capacity(ended.len());
        let mut inner = self.lock();
        for Ended { call, outcome, attempts } in ended {
            // Its start may just be on its way with another call's commit: the record is known after that.
            while inner.pass.is_on_its_way(call) {
                inner = self.changed.wait(inner).unwrap_or_else(std::sync::PoisonError::into_inner);
            }
            batch.append(&mut inner.pass.end(call, outcome, attempts).ok_or_else(stale)?);
        }
        drop(inner);
        self.write(batch)
    }

    /// A recorded reading of a clock or of randomness: known from here on, written with the next commit.
    pub fn read(&self, call: CallId, value: String) -> Result<()> {
        let value = json(value)?;
        let now = self.now();
        self.lock().pass.read(call, value, now).ok_or_else(stale)
    }

    /// Begins a call's body again. With `keep`, what it recorded below is served again; else it is dropped.
    pub fn restart_body(&self, call: CallId, keep: bool) {
        self.lock().pass.restart_body(call, keep);
    }

    /// Marks records to run again, durably.
    pub fn drop_records(&self, records: Vec<Seq>, why: &str) -> Result<()> {
        if records.is_empty() {
            return Ok(());
        }
        self.write(vec![Body::CallsDropped(CallsDropped { records, why: why.to_owned() })]).map(|_| ())
    }

    /// Failed calls on record: sequence, key and message.
    pub fn failed_calls(&self) -> Vec<(Seq, String, String)> {
        let inner = self.lock();
        let failed = inner.pass.matcher.records.all.iter().filter_map(|record| match &record.state {
            State::Raised(error) => {
                Some((record.seq, record.call.key.clone(), format!("{}: {}", error.kind, error.message)))
            }
            _ => None,
        });
        failed.collect()
    }

    /// Key and sequence of the record that a call has.
    pub fn record_of(&self, call: CallId) -> Option<(String, Seq)> {
        self.lock().pass.matcher.record_of(call).map(|record| (record.call.key.clone(), record.seq))
    }

    /// When the next try of a call is due whose earlier ones failed; 0: at once.
    pub fn retry_at(&self, call: CallId) -> Millis {
        self.lock().pass.matcher.record_of(call).map_or(0, |record| record.retry_at)
    }

    /// What is on record of a call whose body is to run: a word, and when its body began last. `none`: nothing; `open`:
    /// it began and has no outcome; `dropped`: it is to run anew; `ended`.
    pub fn standing(&self, call: CallId) -> (&'static str, Millis) {
        let inner = self.lock();
        let Some(record) = inner.pass.matcher.record_of(call) else { return ("none", 0) };
        let word = match record.state {
            State::Open { .. } => "open",
            State::Dropped => "dropped",
            _ => "ended",
        };
        (word, record.started_at)
    }

    /// Key of the record at that index, and the path of a volatile result.
    pub fn record_at(&self, ix: usize) -> Option<(String, Seq, Option<String>)> {
        let inner = self.lock();
        let record = inner.pass.matcher.records.all.get(ix)?;
        let path = match &record.state {
            State::Volatile { path, .. } => Some(path.clone()),
            _ => None,
        };
        Some((record.call.key.clone(), record.seq, path))
    }

    /// An argument of a call, at that path, was changed while it ran: its outcome is to say so.
    pub fn mutates(&self, call: CallId, path: String) {
        self.lock().pass.mutates(call, path);
    }

    /// Why a call pauses whose record (at that index; default: its own) lacks a change that was made to an argument:
    /// key of the record, path of the argument, and the reason.
    pub fn mutated(&self, call: CallId, ix: Option<usize>) -> Result<(String, String, PauseReason)> {
        let inner = self.lock();
        let matcher = &inner.pass.matcher;
        let record = ix.map_or_else(|| matcher.record_of(call), |ix| matcher.records.all.get(ix)).ok_or_else(stale)?;
        let path = record.mutated.clone().unwrap_or_default();
        let reason = PauseReason::MutatedArgument {
            call: matcher.head(call).ok_or_else(stale)?.clone(),
            record: record.seq,
            record_key: record.call.key.clone(),
            path: path.clone(),
        };
        Ok((record.call.key.clone(), path, reason))
    }

    /// JSON text of the inputs that a record was made with.
    pub fn inputs_at(&self, ix: usize) -> Result<Option<String>> {
        let record = self.lock().pass.matcher.records.all.get(ix).ok_or_else(stale)?.clone();
        self.inputs_of(&record)
    }

    fn inputs_of(&self, record: &Record) -> Result<Option<String>> {
        match (&record.inputs, &record.state) {
            (Some(value), _) => self.text(value).map(Some),
            (None, State::Answered(_, opened) | State::Elapsed(opened)) => {
                let data = opened.data.as_ref().map(|data| self.text(data)).transpose()?;
                Ok(Some(super::waits::question_text(&opened.question, data.as_deref(), opened.schema.as_ref())))
            }
            _ => Ok(None),
        }
    }
}

pub(super) fn stale() -> EngineError {
    EngineError::EarlierPass
}
