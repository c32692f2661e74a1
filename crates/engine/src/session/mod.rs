//! One execution that this process owns: what its flow asks for, decided by core, written to the store.
//!
//! A session's mutex guards the pass and what waits to be written; it is never held across a write.
//! `calls` is the path of every call, `waits` that of questions and sleeps, `writing` the one door to the journal,
//! `holds` keeps bodies from beginning, `turns` has their turns at limits, `ends` is how an execution leaves the process. Not here: user code, retries and their pauses, and whether a flow is quiet: those live where
//! the tasks and threads are, in Python.

mod calls;
mod children;
mod ends;
mod holds;
mod turns;
mod waits;
mod writing;

pub use calls::{Asked, Begun, Drifted, Ended, Given, Served, Started};
pub use holds::{DEADLINE, Halted};
pub use turns::Standing;
pub use waits::{News, Question};

use crate::clock::Clock;
use crate::codes::Codes;
use crate::desk::Desk;
use crate::error::{EngineError, Result};
use kitaru_core::event::{CallKind, Stop};
use kitaru_core::matcher::CallId;
use kitaru_core::pass::Pass;
use kitaru_core::records::{Record, Records};
use kitaru_core::{Body, Digest, Epoch, ExecutionId, Millis, ScopeId, Seq, Value};
use kitaru_store::{LogLine, Store, StoreError};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// See the module.
pub struct Session {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    codes: Arc<Codes>,
    desk: Arc<Desk>,
    flow: String,
    id: ExecutionId,
    epoch: Epoch,
    inner: Mutex<Inner>,
    changed: Condvar,
    fenced: AtomicBool,
    closed: AtomicBool,
    /// Itself, from when its flow has left it to whoever writes that ([`Session::abandon`]), until that is written.
    abandoned: Mutex<Option<Arc<Session>>>,
    /// When it has worked as long as it may; `None`: it may as long as it likes, or was asked to pause already.
    deadline: Mutex<Option<Instant>>,
}

/// What all sessions of an engine work with.
#[derive(Clone)]
pub(crate) struct Means {
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub codes: Arc<Codes>,
    pub desk: Arc<Desk>,
}

struct Inner {
    pass: Pass,
    queue: writing::Queue,
    logs: Vec<LogLine>,
    /// Turns at limits that go back with the next write.
    turns: Vec<ScopeId>,
    stop: Option<Stop>,
    stop_by: String,
    holds: holds::Holds,
    /// The execution above it that is to stop too, where that is why.
    stop_with: Option<ExecutionId>,
    seen: Seq,
    open_waits: usize,
}

impl Session {
    pub(crate) fn new(
        Means { store, clock, codes, desk }: Means,
        id: ExecutionId,
        epoch: Epoch,
        (flow, file): (String, Option<String>),
        records: Records,
    ) -> Self {
        let seen = records.last_seq;
        let left = records.worked.left().and_then(|left| u64::try_from(left).ok());
        // A clock of the machine that only passes: what is set meanwhile does not count.
        let deadline = left.and_then(|left| Instant::now().checked_add(Duration::from_millis(left)));
        let inner = Inner {
            pass: Pass::new(records),
            queue: writing::Queue::default(),
            logs: Vec::new(),
            turns: Vec::new(),
            stop: None,
            stop_by: String::new(),
            holds: holds::Holds::new(flow.clone(), file),
            stop_with: None,
            seen,
            open_waits: 0,
        };
        Self {
            store,
            clock,
            codes,
            desk,
            flow,
            id,
            epoch,
            inner: Mutex::new(inner),
            changed: Condvar::new(),
            fenced: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            abandoned: Mutex::new(None),
            deadline: Mutex::new(deadline),
        }
    }

    /// The execution.
    pub fn id(&self) -> &ExecutionId {
        &self.id
    }

    /// How many times the execution had been taken up when this session began.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Whether the session may still write.
    pub fn is_open(&self) -> bool {
        !self.closed.load(Ordering::Acquire) && !self.fenced.load(Ordering::Acquire)
    }

    /// Somebody else owns the execution now: nothing may be written.
    pub fn fence(&self) {
        self.fenced.store(true, Ordering::Release);
        self.forget_abandoned();
        self.changed.notify_all();
    }

    /// Milliseconds since the Unix epoch, by the engine's clock.
    pub fn now(&self) -> Millis {
        self.clock.now()
    }

    /// Begins the flow's function again from its top.
    pub fn begin_pass(&self) -> Result<()> {
        self.must_be_open()?;
        self.lock().begin_pass();
        Ok(())
    }

    /// Opens the scope of a task (`task`), submitted item (`item`) or child flow (`child`).
    pub fn open_scope(&self, parent: ScopeId, kind: &str, name: &str, inputs: Option<Digest>) -> ScopeId {
        self.lock().pass.open_scope(parent, kind, name, inputs)
    }

    /// A scope for a task that was met without one.
    pub fn adopt_scope(&self, parent: ScopeId, name: &str) -> ScopeId {
        self.lock().pass.adopt_scope(parent, name)
    }

    /// Beginning of the keys of the calls made in a scope.
    pub fn label(&self, scope: ScopeId) -> String {
        self.lock().pass.matcher.label(scope)
    }

    /// Says something that readers of the journal should know; rides along.
    pub fn note(&self, key: Option<String>, code: &str, text: String) {
        let noted = kitaru_core::event::Noted { key, code: code.to_owned(), text };
        self.lock().pass.ride(Body::Noted(noted));
    }

    /// Keeps a line of output.
    pub fn log(&self, call_key: Option<String>, stream: &str, text: String) {
        let line = LogLine { at: self.clock.now(), call_key, stream: stream.to_owned(), text };
        self.lock().logs.push(line);
    }

    /// Stores a named value for the body of the call with that key, and records by `call`, a reading, that it was
    /// stored. Durable when this returns.
    pub fn save(&self, call: CallId, name: &str, value: String, key: Option<String>) -> Result<()> {
        let saved = kitaru_core::event::ArtifactSaved { name: name.to_owned(), value: json(value)?, call: key };
        let now = self.now();
        let mut batch = self.lock().pass.reading(call, json("null".to_owned())?, now).ok_or_else(calls::stale)?;
        batch.push(Body::ArtifactSaved(saved));
        self.write(batch).map(|_| ())
    }

    /// Digest of each checkpoint's and child flow's code as it is on record, by name; of several the last.
    pub fn recorded_codes(&self) -> Vec<(String, Option<String>)> {
        let inner = self.lock();
        let coded = |record: &&Record| {
            matches!(record.call.kind, CallKind::Checkpoint | CallKind::Child) && record.state.is_served()
        };
        let found: BTreeMap<&str, Option<&String>> = inner
            .pass
            .matcher
            .records
            .all
            .iter()
            .filter(coded)
            .map(|record| (record.call.name.as_str(), record.call.code.as_ref()))
            .collect();
        found.into_iter().map(|(name, code)| (name.to_owned(), code.cloned())).collect()
    }

    /// The text of a value.
    pub fn text(&self, value: &Value) -> Result<String> {
        match value {
            Value::Inline(raw) => Ok(raw.get().to_owned()),
            Value::Stored(reference) => Ok(self.store.value(reference)?),
        }
    }

    /// Writes what has been riding along since before `before`, so that a long step is seen while it runs.
    pub fn flush(&self, before: Millis) {
        let due = {
            let inner = self.lock();
            !inner.logs.is_empty() || !inner.turns.is_empty() || inner.pass.is_due(before)
        };
        if due && self.is_open() {
            // A failure here is met again, and told, by the next call that writes.
            drop(self.write(Vec::new()));
        }
    }

    /// Takes in what other processes wrote for this execution.
    pub fn look(&self) {
        let seen = self.lock().seen;
        let Ok(events) = self.store.load(&self.id, seen, 0) else { return };
        let mut inner = self.lock();
        let mut news = false;
        for event in events {
            if event.seq <= inner.seen {
                continue;
            }
            inner.seen = event.seq;
            match &event.body {
                Body::StopRequested(request) => inner.asked_to_stop(request, self.id.short()),
                // Only these come from outside; what this session writes is folded in where it is written.
                Body::WaitAnswered(_) | Body::WaitClosed(_) | Body::DriftDecided(_) => {
                    inner.pass.wrote(event.seq, event.at, &event.body);
                }
                _ => continue,
            }
            news = true;
        }
        drop(inner);
        if news {
            self.changed.notify_all();
        }
    }

    /// Whether a wait of this pass is open, so that answers must be looked for at once.
    pub fn has_open_waits(&self) -> bool {
        self.lock().open_waits > 0
    }

    /// How many records the pass was served so far.
    pub fn served_count(&self) -> usize {
        self.lock().pass.matcher.served_count()
    }

    /// Sum over all calls and tries.
    pub fn usage(&self) -> kitaru_core::event::Usage {
        self.lock().pass.matcher.records.usage
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic elsewhere cannot leave the matcher half changed in a way that the fence does not catch.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn must_be_open(&self) -> Result<()> {
        if self.fenced.load(Ordering::Acquire) {
            return Err(StoreError::Fenced(self.id.clone()).into());
        }
        if self.closed.load(Ordering::Acquire) {
            return Err(EngineError::Closed(self.id.clone()));
        }
        Ok(())
    }
}

impl Inner {
    fn begin_pass(&mut self) {
        self.pass.begin();
        self.open_waits = 0;
    }
}

/// A value from a JSON text that the binding encoded.
fn json(text: String) -> Result<Value> {
    Value::json(text).map_err(|error| EngineError::Misuse(format!("not a JSON text: {error}")))
}
