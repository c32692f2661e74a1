//! One run of a flow's function over its records: what its calls are told, and the events to write of them.
//!
//! Each event either *rides along* (it is written with the next commit) or is handed back to be written now.
//! The caller writes [`Pass::riding`] in front of what it was handed, in one commit, and then tells the pass
//! with [`Pass::wrote`].
//!
//! Not here: the store, clocks, threads and who waits for what; user code and its tries.

use crate::delivery::Delivery;
use crate::event::{
    AttemptFailed, Body, CallEnded, CallKind, CallStarted, CallsDropped, DriftDecided, DriftDecision, ErrorData,
    InputsSet, Noted, Outcome, Usage, UsageReported, WaitClosed, WaitOpened,
};
use crate::fork::same_code;
use crate::ids::{Digest, Millis, ScopeId, Seq};
use crate::matcher::{Ask, CallId, Matcher, Verdict};
use crate::path::{self, PathError};
use crate::records::{Records, State};
use crate::value::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A decided call.
#[derive(Clone, Debug)]
pub struct Asked {
    /// What is to be done.
    pub verdict: Verdict,
    /// For a served call: the place of its outcome in delivery order.
    pub order: Seq,
}

/// A call that is about to run.
#[derive(Clone, Debug)]
pub struct Started {
    /// Its printed key.
    pub key: String,
    /// The scope of its body.
    pub body: ScopeId,
    /// Tries that failed in earlier passes.
    pub failed_attempts: u32,
    /// What its body is given, where somebody changed that.
    pub effective: Option<Effective>,
}

/// The bound arguments of a call after somebody's change. What was put in is plain JSON.
#[derive(Clone, Debug)]
pub struct Effective {
    /// All of them.
    pub inputs: Value,
    /// Paths of what was changed.
    pub changed: Vec<String>,
}

/// What is asked in a wait; a sleep has a deadline alone.
#[derive(Clone, Debug, Default)]
pub struct Question {
    /// What people are asked.
    pub question: String,
    /// JSON Schema of an answer.
    pub schema: Option<serde_json::Value>,
    /// What is shown with it.
    pub data: Option<Value>,
    /// When it ends by itself.
    pub deadline: Option<Millis>,
    /// What happens then: `default`, `raise` or `escalate`.
    pub on_timeout: Option<String>,
}

/// See the module. Calls of another pass get `None`.
#[derive(Debug, Default)]
pub struct Pass {
    /// Which record a call gets.
    pub matcher: Matcher,
    /// In which order recorded outcomes are handed out.
    pub delivery: Delivery,
    riding: Vec<Body>,
    /// Calls whose body runs and of which nothing is written yet.
    starting: BTreeMap<CallId, CallStarted>,
    /// Starts that [`Pass::riding`] handed out and that are not written yet, and how often each was.
    leaving: BTreeMap<CallId, usize>,
    /// Paths of arguments that were changed while their call ran, until its outcome says so.
    mutated: BTreeMap<CallId, String>,
    /// What calls have consumed that is not on its way to the journal, by key: a body that was given up may spend
    /// after its pass.
    used: BTreeMap<String, Usage>,
    /// Names of changed checkpoints of which it was said.
    changed: BTreeSet<String>,
}

impl Pass {
    /// A first pass over `records`.
    pub fn new(records: Records) -> Self {
        let mut pass = Self { matcher: Matcher::new(records), ..Self::default() };
        pass.begin();
        pass
    }

    /// The function is about to run from its top. What rides along still does.
    pub fn begin(&mut self) {
        self.matcher.restart();
        self.starting.clear();
        self.mutated.clear();
        let all = self.matcher.records.all.iter();
        let outcomes = all.filter(|record| record.state.is_served() && record.call.kind != CallKind::Reading);
        self.delivery = Delivery::new(outcomes.map(|record| record.order));
    }

    /// Opens the scope of a task (`task`), submitted item (`item`) or child flow (`child`).
    pub fn open_scope(&mut self, parent: ScopeId, kind: &str, name: &str, inputs: Option<Digest>) -> ScopeId {
        self.matcher.open_scope(parent, kind, name, inputs)
    }

    /// A scope for a task that was met without one.
    pub fn adopt_scope(&mut self, parent: ScopeId, name: &str) -> ScopeId {
        let scope = self.matcher.open_scope(parent, "task", name, None);
        self.matcher.set_inexact(scope);
        scope
    }

    /// Gives a call its identity.
    pub fn identify(&mut self, ask: &Ask<'_>) -> CallId {
        self.matcher.identify(ask)
    }

    /// Decides what becomes of an identified call. `alone`: no other task or thread of the flow is alive.
    pub fn decide(&mut self, call: CallId, alone: bool) -> Asked {
        let verdict = self.matcher.decide(call, alone);
        let mut order = 0;
        if let Verdict::Reuse(ix) = verdict {
            order = self.matcher.records.all[ix].order;
            self.served(call, ix);
        } else if let Some(record) = self.matcher.record_of(call) {
            // Nobody else asks for an outcome that is not used.
            self.delivery.done(record.order);
        }
        Asked { verdict, order }
    }

    /// Serves a drifted call the record after all. With `decided` the decision is kept for later passes.
    /// Returns the place of the outcome in delivery order.
    pub fn reuse(&mut self, call: CallId, ix: usize, decided: bool) -> Option<Seq> {
        let head = self.matcher.head(call)?.clone();
        let record = self.matcher.records.all.get(ix)?;
        let (order, seq) = (record.order, record.seq);
        self.matcher.reuse(call, ix);
        if decided {
            self.riding.push(Body::DriftDecided(DriftDecided {
                scope: head.scope,
                name: head.name,
                inputs: head.inputs,
                occurrence: head.occurrence,
                after: head.after,
                record: seq,
                decision: DriftDecision::Reuse,
            }));
        }
        self.served(call, ix);
        Some(order)
    }

    /// Lets a drifted call run, and all that drift after it in its scope.
    pub fn rerun(&mut self, call: CallId) {
        self.matcher.rerun(call);
    }

    /// The call's body is about to run. With `once`, the events are to be written before it does; else its start
    /// rides along, or is left out when the call ends first. `Err`: somebody's change of its inputs cannot be made.
    pub fn start(
        &mut self,
        call: CallId,
        inputs: Option<Value>,
        once: bool,
        now: Millis,
    ) -> Option<Result<(Started, Vec<Body>), PathError>> {
        let effective = match self.effective(call, inputs.as_ref()) {
            Ok(effective) => effective,
            Err(error) => return Some(Err(error)),
        };
        let by_key = self.matcher.inputs_set(call).filter(|set| !self.matcher.is_of(call, set)).cloned();
        let (head, overtaken) = self.matcher.run(call)?;
        if let Some(set) = by_key {
            // What was set for the call of that key is set for this one from here on, whatever its key comes to be.
            self.riding.push(Body::InputsSet(InputsSet { body: head.body, ..set }));
        }
        // What had ended begins with no failed try; what is open goes on.
        let failed_attempts = self.matcher.record_of(call).map_or(0, |record| record.failed_attempts);
        self.drop_riding(overtaken, "overtaken");
        let really = effective.as_ref().map(|effective| effective.inputs.clone());
        let started = Started { key: head.key.clone(), body: head.body, failed_attempts, effective };
        let mut intent = Vec::new();
        let begun = CallStarted { call: head, inputs, effective: really, once, at: now };
        if once {
            self.announce(begun.call.scope, &mut intent);
            intent.push(Body::CallStarted(Box::new(begun)));
        } else {
            self.starting.insert(call, begun);
        }
        Some(Ok((started, intent)))
    }

    /// What the body of a call is given, where somebody changed that.
    pub fn effective(&self, call: CallId, inputs: Option<&Value>) -> Result<Option<Effective>, PathError> {
        if self.matcher.records.inputs_set.is_empty() {
            return Ok(None);
        }
        let Some(set) = self.matcher.inputs_set(call) else { return Ok(None) };
        let mut bound = json_of(inputs);
        let mut changed = Vec::new();
        for (path, value) in &set.values {
            path::set(&mut bound, &path::parse(path)?, json_of(Some(value)))?;
            changed.push(path.clone());
        }
        let inputs = Value::of(&bound).map_err(|_| PathError::Malformed(set.key.clone()))?;
        Ok(Some(Effective { inputs, changed }))
    }

    /// The call with that key has consumed something. It is written with the call's end, or rides along before.
    pub fn used(&mut self, key: &str, usage: &Usage) {
        if !usage.is_zero() {
            self.used.entry(key.to_owned()).or_default().add(usage);
        }
    }

    /// A try failed and another is due at `retry_at`: what is to be written now.
    pub fn attempt_failed(
        &mut self,
        call: CallId,
        attempt: u32,
        error: ErrorData,
        retry_at: Millis,
    ) -> Option<Vec<Body>> {
        let head = self.matcher.head(call)?.clone();
        let usage = self.used.remove(&head.key).unwrap_or_default();
        let mut batch = Vec::new();
        if let Some(started) = self.starting.remove(&call) {
            self.announce(head.scope, &mut batch);
            batch.push(Body::CallStarted(Box::new(started)));
        }
        batch.push(Body::AttemptFailed(Box::new(AttemptFailed { call: head, attempt, error, retry_at, usage })));
        Some(batch)
    }

    /// Whether the start of that call was handed out by [`Pass::riding`] and is not yet written.
    pub fn is_on_its_way(&self, call: CallId) -> bool {
        self.leaving.contains_key(&call)
    }

    /// An argument of a call, at that path, was changed while it ran: its outcome is to say so.
    pub fn mutates(&mut self, call: CallId, path: String) {
        self.mutated.insert(call, path);
    }

    /// The call has its outcome: what is to be written now. Not while its start [`Pass::is_on_its_way`].
    pub fn end(&mut self, call: CallId, outcome: Outcome, attempts: u32) -> Option<Vec<Body>> {
        let head = self.matcher.head(call)?.clone();
        let record = self.matcher.record_of(call)?;
        // A call that had returned and was cancelled before its caller had the result ends twice.
        let goes_on = matches!(record.state, State::Open { .. } | State::Returned(_));
        let known = goes_on && record.seq != 0;
        let (record, started_at) = (known.then_some(record.seq), record.started_at);
        let (inputs, effective, started_at) = match self.starting.remove(&call) {
            Some(started) => (started.inputs, started.effective, started.at),
            None => (None, None, started_at),
        };
        let usage = self.used.remove(&head.key).unwrap_or_default();
        let mut batch = Vec::new();
        self.announce(head.scope, &mut batch);
        let mutated = self.mutated.remove(&call);
        let by = None;
        batch.push(Body::CallEnded(Box::new(CallEnded {
            call: head,
            record,
            inputs,
            effective,
            outcome,
            by,
            mutated,
            attempts,
            started_at,
            usage,
        })));
        Some(batch)
    }

    /// A recorded reading of a clock or of randomness: known from here on, rides along.
    pub fn read(&mut self, call: CallId, value: Value, now: Millis) -> Option<()> {
        let mut batch = self.reading(call, value, now)?;
        self.riding.append(&mut batch);
        Some(())
    }

    /// The same where it is to be written now, with what was done at that.
    pub fn reading(&mut self, call: CallId, value: Value, now: Millis) -> Option<Vec<Body>> {
        let (head, _) = self.matcher.run(call)?;
        let mut batch = Vec::new();
        self.announce(head.scope, &mut batch);
        batch.push(Body::CallEnded(Box::new(CallEnded {
            call: head,
            record: None,
            inputs: None,
            effective: None,
            outcome: Outcome::Returned { result: value },
            by: None,
            mutated: None,
            attempts: 1,
            started_at: now,
            usage: Usage::default(),
        })));
        Some(batch)
    }

    /// A question is asked, or a sleep begins: its key and what is to be written now. A question of the same name
    /// that this pass did not ask again and that nobody answered is withdrawn.
    pub fn open_wait(&mut self, call: CallId, question: Question) -> Option<(String, Vec<Body>)> {
        let mut batch = Vec::new();
        if let Some(old) = self.matcher.superseded_wait(call) {
            batch.push(Body::WaitClosed(WaitClosed { key: old.call.key.clone(), why: "withdrawn".to_owned() }));
        }
        let (head, overtaken) = self.matcher.run(call)?;
        self.drop_riding(overtaken, "overtaken");
        self.announce(head.scope, &mut batch);
        let key = head.key.clone();
        batch.push(Body::WaitOpened(Box::new(WaitOpened {
            call: head,
            question: question.question,
            schema: question.schema,
            data: question.data,
            deadline: question.deadline,
            on_timeout: question.on_timeout,
        })));
        Some((key, batch))
    }

    /// Begins a call's body again. With `keep`, what it recorded below is served again; else it is dropped.
    pub fn restart_body(&mut self, call: CallId, keep: bool) {
        let dropped = self.matcher.restart_body(call, keep);
        self.drop_riding(dropped, "retry");
    }

    /// Lets an event ride along.
    pub fn ride(&mut self, body: Body) {
        self.riding.push(body);
    }

    /// Whether something rides along, or a call that began by `before` has nothing written of it.
    pub fn is_due(&self, before: Millis) -> bool {
        !self.riding.is_empty() || !self.used.is_empty() || self.starting.values().any(|started| started.at <= before)
    }

    /// Everything that rides along, to be written in front of what else is written now, and the calls that are said
    /// to have started in it: [`Pass::landed`] is to be told when that is written, or put back.
    pub fn riding(&mut self) -> (Vec<Body>, Vec<CallId>) {
        let mut batch = std::mem::take(&mut self.riding);
        let mut starts = Vec::new();
        for (call, started) in std::mem::take(&mut self.starting) {
            self.announce(started.call.scope, &mut batch);
            batch.push(Body::CallStarted(Box::new(started)));
            *self.leaving.entry(call).or_insert(0) += 1;
            starts.push(call);
        }
        // After the starts: a call has its row before something is added to it.
        let used = std::mem::take(&mut self.used);
        batch.extend(used.into_iter().map(|(key, usage)| Body::UsageReported(UsageReported { key, usage })));
        (batch, starts)
    }

    /// Whether a reading was handed out that is not on its way to the journal. What a body does with it must not
    /// outlive it.
    pub fn owes_readings(&self) -> bool {
        self.riding.iter().any(|body| matches!(body, Body::CallEnded(ended) if ended.call.kind == CallKind::Reading))
    }

    /// The starts of these calls are no longer on their way.
    pub fn landed(&mut self, starts: &[CallId]) {
        for call in starts {
            if let Some(count) = self.leaving.get_mut(call) {
                *count -= 1;
                if *count == 0 {
                    self.leaving.remove(call);
                }
            }
        }
    }

    /// What [`Pass::riding`] gave could not be written: it rides along again, first.
    pub fn put_back(&mut self, mut batch: Vec<Body>) {
        batch.append(&mut self.riding);
        self.riding = batch;
    }

    /// Lets the journal know of `scope` though no call of it is on record.
    pub fn tell_scopes(&mut self, scope: ScopeId) {
        let mut batch = Vec::new();
        self.announce(scope, &mut batch);
        self.riding.append(&mut batch);
    }

    /// Takes what was written, by this pass or for it, into the records.
    pub fn wrote(&mut self, seq: Seq, at: Millis, body: &Body) {
        self.matcher.wrote(seq, at, body);
    }

    /// Whether a met wait is open.
    pub fn is_asked(&self, call: CallId) -> bool {
        self.matcher.record_of(call).is_some_and(|record| matches!(record.state, State::Asked(_)))
    }

    /// Puts the events that open `scope` and those around it in front of an event about a call in it.
    fn announce(&mut self, scope: ScopeId, batch: &mut Vec<Body>) {
        batch.extend(self.matcher.scopes_to_write(scope).into_iter().map(Body::ScopeOpened));
    }

    fn drop_riding(&mut self, records: Vec<Seq>, why: &str) {
        if !records.is_empty() {
            self.riding.push(Body::CallsDropped(CallsDropped { records, why: why.to_owned() }));
        }
    }

    fn served(&mut self, call: CallId, ix: usize) {
        for order in self.matcher.orders_below(ix) {
            self.delivery.done(order);
        }
        let record = &self.matcher.records.all[ix];
        let now = self.matcher.head(call).and_then(|head| head.code.as_deref());
        let changed = same_code(now, record.call.code.as_deref()) == Some(false);
        // Once a checkpoint, and not again for each of its calls: a loop may have made thousands.
        if changed && !self.changed.contains(&record.call.name) {
            let (key, name) = (record.call.key.clone(), record.call.name.clone());
            let text = format!("{name} was changed since it was recorded; its recorded results are used");
            self.changed.insert(name);
            self.ride(Body::Noted(Noted { key: Some(key), code: "code-changed".to_owned(), text }));
        }
    }
}

/// The JSON of a value that is here; `null` for one that is not.
fn json_of(value: Option<&Value>) -> serde_json::Value {
    value.and_then(Value::inline).and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}
