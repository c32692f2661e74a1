//! A simulated process: takes executions up, runs their flows call by call, renews leases, obeys and leaves.
//!
//! It does with core and the store what an engine's session does, one action at a time, since the engine itself
//! has threads. Not here: when it acts, dies or is paused ([`crate::world`]).

use crate::faults::Faulty;
use kitaru_core::event::{
    CallKind, Cancelled, Completed, Inputs, Interrupted, Outcome, PauseReason, Paused, Stop, Suspended, Taken, Usage,
};
use kitaru_core::lease::{self, Take};
use kitaru_core::matcher::{Ask, CallId, Verdict};
use kitaru_core::pass::{Pass, Question};
use kitaru_core::records::Records;
use kitaru_core::rows::ExecutionRow;
use kitaru_core::{Body, Digest, Epoch, ExecutionId, Millis, ScopeId, Seq, Value};
use kitaru_store::{Claim, Guard, Store, StoreError};
use std::collections::BTreeMap;

/// How long an owner is believed without asking, milliseconds.
pub const LEASE: Millis = 15_000;

/// A simulated flow: calls in a row, and in front of one of them perhaps a question.
#[derive(Clone, Debug)]
pub struct Flow {
    /// How many calls it makes.
    pub calls: u32,
    /// Before which call it asks.
    pub asks: Option<u32>,
    /// Which call kills the process that runs it.
    pub kills: Option<u32>,
}

/// An execution that the process holds.
struct Held {
    epoch: Epoch,
    pass: Pass,
    seen: Seq,
    /// Calls made in this pass.
    at: u32,
    /// The call that runs.
    running: Option<CallId>,
    asked: bool,
    /// The store failed it: it is to be given back.
    leaving: bool,
}

/// What came of an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Did {
    /// For the trace.
    Said(String),
    /// The flow's step killed the process.
    Died,
}

/// See the module.
pub struct Worker {
    pub store: Faulty,
    held: BTreeMap<ExecutionId, Held>,
}

fn said(text: impl Into<String>) -> Did {
    Did::Said(text.into())
}

impl Worker {
    pub fn new(store: Faulty) -> Self {
        Self { store, held: BTreeMap::new() }
    }

    /// One action on an execution, at `now` by this process's own clock. `resume`: somebody asked to go on with it
    /// though it is paused.
    pub fn act(&mut self, id: &ExecutionId, flow: &Flow, now: Millis, resume: bool) -> Did {
        let Some(held) = self.held.get(id) else { return self.take(id, now, resume) };
        if held.leaving {
            return self.leave(id, now);
        }
        match self.go_on(id, flow, now) {
            Ok(did) => did,
            Err(StoreError::Fenced(_)) => {
                self.held.remove(id);
                said("fenced out")
            }
            Err(error) => {
                if let Some(held) = self.held.get_mut(id) {
                    held.leaving = true;
                }
                said(format!("failed: {error}"))
            }
        }
    }

    /// Extends the leases of all that is held.
    pub fn renew(&mut self, now: Millis) -> Did {
        let leases: Vec<(ExecutionId, Epoch)> = self.held.iter().map(|(id, held)| (id.clone(), held.epoch)).collect();
        match self.store.renew(&leases, now + LEASE) {
            Ok(lost) => {
                for id in &lost {
                    self.held.remove(id);
                }
                said(format!("renewed {}, lost {}", leases.len(), lost.len()))
            }
            Err(error) => said(format!("renewal failed: {error}")),
        }
    }

    fn take(&mut self, id: &ExecutionId, now: Millis, resume: bool) -> Did {
        match self.try_take(id, now, resume) {
            Ok(did) => did,
            Err(error) => said(format!("not taken: {}", without(&error.to_string(), id))),
        }
    }

    fn try_take(&mut self, id: &ExecutionId, now: Millis, resume: bool) -> Result<Did, StoreError> {
        let row = self.store.queries().execution(id)?;
        let owner = self.store.owner()?;
        let pulse = row.owner.as_ref().map_or(lease::Pulse::Dead, |owner| self.store.pulse(owner));
        let hold = lease::hold(row.owner.is_some(), pulse, row.lease_until, now);
        // A claim whose acknowledgement was lost: the row says that it is ours.
        let epoch = if row.owner.as_ref() == Some(&owner) {
            row.epoch
        } else {
            match lease::take(row.status, hold, row.fruitless, !resume) {
                Take::Undecided => return Ok(said("undecided")),
                Take::Ended => return Ok(said(format!("ended: {}", row.status))),
                Take::Held => return Ok(said("held")),
                Take::Fruitless => return self.pause_fruitless(id, &row, now),
                Take::Free if !is_due(&self.store, &row, now, resume)? => return Ok(said("nothing to do")),
                Take::Free => {
                    let taken = Taken {
                        owner: owner.clone(),
                        code: Some("v1".to_owned()),
                        why: "resume".to_owned(),
                        entry: None,
                    };
                    let claim = Claim { owner, lease_until: now + LEASE };
                    self.store.claim(id, now, row.epoch, claim, vec![Body::Taken(taken)])?
                }
            }
        };
        let mut records = Records::default();
        for event in self.store.load(id, 0, 0)? {
            records.fold(event.seq, event.at, &event.body);
        }
        let seen = records.last_seq;
        let pass = Pass::new(records);
        self.held.insert(id.clone(), Held { epoch, pass, seen, at: 0, running: None, asked: false, leaving: false });
        Ok(said(format!("took epoch {epoch} at {seen}")))
    }

    fn pause_fruitless(&self, id: &ExecutionId, row: &ExecutionRow, now: Millis) -> Result<Did, StoreError> {
        let reason = PauseReason::NoProgress { taken: row.fruitless };
        let paused = Paused { reason, text: "no progress".to_owned(), reused: Vec::new() };
        let guard = Guard::Unchanged(row.epoch, row.last_seq);
        self.store.post(id, now, guard, vec![Body::Paused(Box::new(paused))])?;
        Ok(said(format!("paused after {} takes", row.fruitless)))
    }

    fn go_on(&mut self, id: &ExecutionId, flow: &Flow, now: Millis) -> Result<Did, StoreError> {
        if self.look(id)? == Some(Stop::Cancel) {
            self.write(id, vec![Body::Cancelled(Cancelled { by: "request".to_owned() })], now)?;
            self.held.remove(id);
            return Ok(said("cancelled"));
        }
        let Some(held) = self.held.get_mut(id) else { return Ok(said("gone")) };
        if let Some(call) = held.running.take() {
            if flow.kills == Some(held.at) {
                return Ok(Did::Died);
            }
            let result = Value::of(&held.at).map_err(|error| StoreError::Busy(error.to_string()))?;
            let outcome = Outcome::Returned { result };
            let batch = held.pass.end(call, outcome, 1);
            let key = held.pass.matcher.record_of(call).map(|record| record.call.key.clone()).unwrap_or_default();
            held.at += 1;
            self.write(id, batch.unwrap_or_default(), now)?;
            return Ok(said(format!("recorded {key}")));
        }
        if flow.asks == Some(held.at) && !held.asked {
            return self.ask(id, now);
        }
        if held.at == flow.calls {
            let result = Value::of("done").map_err(|error| StoreError::Busy(error.to_string()))?;
            let completed = Completed { result, volatile: None, reused: held.pass.matcher.reused() };
            self.write(id, vec![Body::Completed(completed)], now)?;
            self.held.remove(id);
            return Ok(said("completed"));
        }
        let input = Digest::of(&held.at.to_le_bytes());
        let call = identify(&mut held.pass, "step", CallKind::Checkpoint, input);
        match held.pass.decide(call, true).verdict {
            Verdict::Reuse(_) => {
                held.at += 1;
                Ok(said("served"))
            }
            Verdict::Run => {
                let started = held.pass.start(call, None, false, now);
                let key = started.and_then(|started| Some(started.ok()?.0.key)).unwrap_or_default();
                held.running = Some(call);
                held.pass.used(&key, &Usage { input_tokens: 1, ..Usage::default() });
                // Some starts, and what is consumed, are flushed by the heartbeat before the body has ended.
                if held.at % 2 == 1 {
                    self.write(id, Vec::new(), now)?;
                }
                Ok(said(format!("started {key}")))
            }
            other => Ok(said(format!("unexpected: {other:?}"))),
        }
    }

    fn ask(&mut self, id: &ExecutionId, now: Millis) -> Result<Did, StoreError> {
        let Some(held) = self.held.get_mut(id) else { return Ok(said("gone")) };
        let call = identify(&mut held.pass, "approve", CallKind::Wait, Digest::of(b"go on?"));
        let key = match held.pass.decide(call, true).verdict {
            Verdict::Reuse(_) => {
                held.asked = true;
                return Ok(said("answered"));
            }
            Verdict::Open(_) => held.pass.matcher.record_of(call).map(|record| record.call.key.clone()),
            _ => {
                let question = Question { question: "go on?".to_owned(), ..Question::default() };
                let Some((key, batch)) = held.pass.open_wait(call, question) else { return Ok(said("gone")) };
                self.write(id, batch, now)?;
                Some(key)
            }
        };
        let Some(held) = self.held.get_mut(id) else { return Ok(said("gone")) };
        let waits: Vec<String> = key.into_iter().collect();
        let reused = held.pass.matcher.reused();
        let body = Body::Suspended(Suspended { waits, wake_at: None, sleeping: false, awaits: Vec::new(), reused });
        let (guard, epoch) = (Guard::Unchanged(held.epoch, held.seen), held.epoch);
        // It is taken up again, whatever comes of this.
        self.held.remove(id);
        match self.store.post(id, now, guard, vec![body]) {
            Ok(_) => Ok(said("suspended")),
            Err(error) => {
                // An answer came first, or it is not known what came: look again, and go on if it is still ours.
                Ok(said(format!("not suspended with epoch {epoch}: {}", without(&error.to_string(), id))))
            }
        }
    }

    /// Takes in what others wrote. Returns how the execution is asked to stop.
    fn look(&mut self, id: &ExecutionId) -> Result<Option<Stop>, StoreError> {
        let Some(held) = self.held.get_mut(id) else { return Ok(None) };
        let mut stop = None;
        for event in self.store.load(id, held.seen, 0)? {
            held.seen = event.seq;
            match &event.body {
                Body::StopRequested(request) => stop = Some(request.stop),
                Body::WaitAnswered(_) | Body::WaitClosed(_) => held.pass.wrote(event.seq, event.at, &event.body),
                _ => {}
            }
        }
        Ok(stop)
    }

    /// One commit, as a session makes it: a lease that is only late is renewed.
    fn write(&mut self, id: &ExecutionId, bodies: Vec<Body>, now: Millis) -> Result<(), StoreError> {
        let Some(held) = self.held.get_mut(id) else { return Ok(()) };
        let (mut batch, starts) = held.pass.riding();
        held.pass.landed(&starts);
        batch.extend(bodies);
        if batch.is_empty() {
            return Ok(());
        }
        let epoch = held.epoch;
        let first = match self.store.append(id, now, epoch, batch.clone()) {
            Err(StoreError::Fenced(_)) if self.store.renew(&[(id.clone(), epoch)], now + LEASE)?.is_empty() => {
                self.store.append(id, now, epoch, batch.clone())
            }
            other => other,
        }?;
        if let Some(held) = self.held.get_mut(id) {
            if first == held.seen + 1 {
                held.seen += batch.len() as Seq;
            }
            for (seq, body) in (first..).zip(&batch) {
                held.pass.wrote(seq, now, body);
            }
        }
        Ok(())
    }

    /// Gives an execution back in an orderly way, as often as it takes.
    fn leave(&mut self, id: &ExecutionId, now: Millis) -> Did {
        let Some(held) = self.held.get(id) else { return said("gone") };
        let body = Body::Interrupted(Interrupted { by: "store".to_owned(), reused: Vec::new() });
        let epoch = held.epoch;
        let done = match self.store.append(id, now, epoch, vec![body.clone()]) {
            Err(StoreError::Fenced(_)) => match self.store.renew(&[(id.clone(), epoch)], now + LEASE) {
                Ok(lost) if lost.is_empty() => self.store.append(id, now, epoch, vec![body]),
                Ok(_) => Err(StoreError::Fenced(id.clone())),
                Err(error) => Err(error),
            },
            other => other,
        };
        match done {
            Ok(_) | Err(StoreError::Fenced(_)) => {
                self.held.remove(id);
                said(if done.is_ok() { "left" } else { "left already" })
            }
            Err(error) => said(format!("cannot leave: {error}")),
        }
    }
}

fn identify(pass: &mut Pass, name: &str, kind: CallKind, input: Digest) -> CallId {
    let inputs = Inputs::Digest(input);
    pass.identify(&Ask { scope: ScopeId::ROOT, name, inputs, kind, named: false, once: false, code: None })
}

/// Whether there is something to go on with: a parked execution needs an answer.
fn is_due(store: &Faulty, row: &ExecutionRow, now: Millis, resume: bool) -> Result<bool, StoreError> {
    use kitaru_core::rows::Status;
    Ok(match row.status {
        Status::Paused => resume,
        Status::Sleeping => row.wake_at.is_some_and(|at| at <= now),
        Status::Waiting => {
            let filter = kitaru_store::WaitFilter { execution: Some(row.id.clone()), open: true };
            store.queries().waits(&filter, kitaru_store::Page { limit: 1, offset: 0 })?.is_empty()
        }
        _ => true,
    })
}

/// A message without the execution's identifier, which differs from run to run.
fn without(text: &str, id: &ExecutionId) -> String {
    text.replace(id.as_str(), "it")
}
