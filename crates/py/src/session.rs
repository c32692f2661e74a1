//! `Session`: one execution that this process owns, for Python. Scopes are 16 bytes, calls are integers,
//! values are JSON texts.

use crate::convert::{
    AwaitTuple, ErrorTuple, UsageTuple, awaits, call_kind, digest, error_data, scope, usage, verdict,
};
use crate::errors::{raise_code, raised};
use crate::values::Written;
use kitaru_core::ExecutionId;
use kitaru_core::delivery::Next;
use kitaru_core::event::{Inputs, Outcome, PauseReason, Stop};
use kitaru_core::matcher::CallId;
use kitaru_engine::session::{Begun, Ended, Given, News, Question, Served, Session as Inner};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::sync::Arc;
use std::time::Duration;

/// (key, record, JSON text of its inputs, recorded at, digest of the flow's code then)
type DriftTuple = (String, u64, Option<String>, i64, Option<String>);
/// (key, scope of the body, tries that failed, inputs that were changed)
type StartTuple<'py> = (String, Bound<'py, PyBytes>, u32, Option<(String, Vec<String>)>);
/// Path, before, after.
type DifferenceTuple = (String, Option<String>, Option<String>);

/// See the module.
#[pyclass(frozen, module = "kitaru._native")]
pub struct Session {
    pub(crate) inner: Arc<Inner>,
}

impl Session {
    pub(crate) fn new(inner: Arc<Inner>) -> Self {
        Self { inner }
    }

    fn out<T>(py: Python<'_>, result: kitaru_engine::Result<T>) -> PyResult<T> {
        result.map_err(|error| raised(py, &error))
    }
}

#[pymethods]
impl Session {
    #[getter]
    fn id(&self) -> String {
        self.inner.id().to_string()
    }

    #[getter]
    fn epoch(&self) -> u64 {
        self.inner.epoch()
    }

    #[getter]
    fn is_open(&self) -> bool {
        self.inner.is_open()
    }

    fn now(&self) -> i64 {
        self.inner.now()
    }

    fn begin_pass(&self, py: Python<'_>) -> PyResult<()> {
        Self::out(py, self.inner.begin_pass())
    }

    #[pyo3(signature = (parent, kind, name, inputs))]
    fn open_scope<'py>(
        &self,
        py: Python<'py>,
        parent: &[u8],
        kind: &str,
        name: &str,
        inputs: Option<&[u8]>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let inputs = inputs.map(|bytes| digest(py, bytes)).transpose()?;
        let opened = self.inner.open_scope(scope(py, parent)?, kind, name, inputs);
        Ok(PyBytes::new(py, &opened.0))
    }

    fn adopt_scope<'py>(&self, py: Python<'py>, parent: &[u8], name: &str) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, &self.inner.adopt_scope(scope(py, parent)?, name).0))
    }

    fn label(&self, py: Python<'_>, at: &[u8]) -> PyResult<String> {
        Ok(self.inner.label(scope(py, at)?))
    }

    /// `inputs`: 32 bytes, with `opaque` of those arguments that can be told; `None` with `opaque`: cannot be told; `None` without: takes no arguments.
    #[pyo3(signature = (at, name, kind, inputs, opaque, named, once, code))]
    #[allow(clippy::too_many_arguments)]
    fn identify(
        &self,
        py: Python<'_>,
        at: &[u8],
        name: &str,
        kind: &str,
        inputs: Option<&[u8]>,
        opaque: bool,
        named: bool,
        once: bool,
        code: Option<&str>,
    ) -> PyResult<usize> {
        let inputs = match inputs {
            Some(bytes) if opaque => Inputs::Partial(digest(py, bytes)?),
            Some(bytes) => Inputs::Digest(digest(py, bytes)?),
            None if opaque => Inputs::Opaque,
            None => Inputs::None,
        };
        let given = Given { scope: scope(py, at)?, name, inputs, kind: call_kind(py, kind)?, named, once, code };
        Self::out(py, self.inner.identify(&given)).map(|call| call.0)
    }

    /// The verdict's name, a record's index (or 0), and its place in delivery order (or 0).
    fn decide(&self, py: Python<'_>, call: usize, alone: bool) -> PyResult<(&'static str, usize, u64)> {
        let asked = Self::out(py, self.inner.decide(CallId(call), alone))?;
        let (word, record) = verdict(asked.verdict);
        Ok((word, record, asked.order))
    }

    fn ask(&self, order: u64) {
        self.inner.ask(order);
    }

    fn delivered(&self, order: u64) {
        self.inner.delivered(order);
    }

    /// `(order, None)`: hand it out; `(None, ms)`: look again after that; `(None, None)`: nobody asks.
    fn next_delivery(&self) -> (Option<u64>, Option<i64>) {
        match self.inner.next_delivery() {
            Next::Deliver(order) => (Some(order), None),
            Next::Wait(until) => (None, Some((until - self.inner.now()).max(1))),
            Next::Idle => (None, None),
        }
    }

    /// `("value", json)`, `("error", json)` or `("elapsed", None)`.
    fn serve(&self, py: Python<'_>, call: usize) -> PyResult<(&'static str, Option<String>)> {
        let served = py.detach(|| self.inner.serve(CallId(call)));
        Ok(match Self::out(py, served)? {
            Served::Value(text) => ("value", Some(text)),
            Served::Supplied(text) => ("supplied", Some(text)),
            Served::Error(text) => ("error", Some(text)),
            Served::Elapsed => ("elapsed", None),
        })
    }

    fn drifted(&self, py: Python<'_>, call: usize, record: usize) -> PyResult<DriftTuple> {
        let drifted = Self::out(py, self.inner.drifted(CallId(call), record))?;
        Ok((drifted.key, drifted.seq, drifted.inputs, drifted.recorded_at, drifted.flow_code))
    }

    fn reuse(&self, py: Python<'_>, call: usize, record: usize, decided: bool) -> PyResult<u64> {
        Self::out(py, self.inner.reuse(CallId(call), record, decided))
    }

    fn rerun(&self, call: usize) {
        self.inner.rerun(CallId(call));
    }

    /// Key, scope of the body, tries that failed before. With `look`, `None`: the body must not begin; a last member:
    /// somebody changed its inputs, which are then all of them (JSON, what was put in is plain) with the paths of what
    /// was changed, and it has not begun.
    #[pyo3(signature = (call, inputs, once, look))]
    fn start<'py>(
        &self,
        py: Python<'py>,
        call: usize,
        inputs: Option<String>,
        once: bool,
        look: bool,
    ) -> PyResult<Option<StartTuple<'py>>> {
        let started = py.detach(|| self.inner.start(CallId(call), inputs, once, look));
        Ok(match Self::out(py, started)? {
            Begun::Held => None,
            Begun::Changed(to) => {
                let text = to.inputs.inline().unwrap_or_default().to_owned();
                Some((String::new(), PyBytes::new(py, &[]), 0, Some((text, to.changed))))
            }
            Begun::Started(one) => Some((one.key, PyBytes::new(py, &one.body.0), one.failed_attempts, None)),
        })
    }

    #[getter]
    fn is_held(&self) -> bool {
        self.inner.is_held()
    }

    /// `reason`: JSON of a `PauseReason`.
    fn hold(&self, py: Python<'_>, reason: &str, text: String) -> PyResult<()> {
        let reason: PauseReason =
            serde_json::from_str(reason).map_err(|error| raise_code(py, "misuse", &error.to_string()))?;
        self.inner.hold(reason, text);
        Ok(())
    }

    #[pyo3(signature = (call, inputs, problem))]
    fn hold_before(&self, py: Python<'_>, call: usize, inputs: Option<String>, problem: String) -> PyResult<()> {
        Self::out(py, self.inner.hold_before(CallId(call), inputs, problem))
    }

    /// Sequence of the pause, JSON of its reason and what people are told; `None`: something came first.
    fn halt(&self, py: Python<'_>, cut: Vec<String>) -> PyResult<Option<(u64, String, String)>> {
        let halted = py.detach(|| self.inner.halt(&cut));
        let Some(halted) = Self::out(py, halted)? else { return Ok(None) };
        let reason =
            serde_json::to_string(&halted.reason).map_err(|error| raise_code(py, "misuse", &error.to_string()))?;
        Ok(Some((halted.seq, reason, halted.text)))
    }

    fn used(&self, key: &str, used: UsageTuple) {
        self.inner.used(key, &usage(used));
    }

    fn attempt_failed(
        &self,
        py: Python<'_>,
        call: usize,
        attempt: u32,
        error: ErrorTuple,
        retry_at: i64,
    ) -> PyResult<()> {
        let error = error_data(py, error)?;
        let done = py.detach(|| self.inner.attempt_failed(CallId(call), attempt, error, retry_at));
        Self::out(py, done)
    }

    fn end_returned(&self, py: Python<'_>, call: usize, result: Written, attempts: u32) -> PyResult<u64> {
        let done = py.detach(|| {
            let result = result.value()?;
            self.inner.end(CallId(call), Outcome::Returned { result }, attempts)
        });
        Self::out(py, done)
    }

    /// Results of calls that returned together, as (call, result, attempts): one commit for all.
    fn end_returned_together(&self, py: Python<'_>, ended: Vec<(usize, Written, u32)>) -> PyResult<()> {
        let done = py.detach(|| {
            let ended: kitaru_engine::Result<Vec<Ended>> = ended
                .into_iter()
                .map(|(call, result, attempts)| {
                    let outcome = Outcome::Returned { result: result.value()? };
                    Ok(Ended { call: CallId(call), outcome, attempts })
                })
                .collect();
            self.inner.end_all(ended?).map(|_| ())
        });
        Self::out(py, done)
    }

    fn end_volatile(
        &self,
        py: Python<'_>,
        call: usize,
        path: String,
        rerunnable: bool,
        attempts: u32,
    ) -> PyResult<u64> {
        let outcome = Outcome::Volatile { path, rerunnable };
        let done = py.detach(|| self.inner.end(CallId(call), outcome, attempts));
        Self::out(py, done)
    }

    fn end_raised(&self, py: Python<'_>, call: usize, error: ErrorTuple, attempts: u32) -> PyResult<u64> {
        let outcome = Outcome::Raised { error: error_data(py, error)? };
        let done = py.detach(|| self.inner.end(CallId(call), outcome, attempts));
        Self::out(py, done)
    }

    fn end_cancelled(&self, py: Python<'_>, call: usize, attempts: u32) -> PyResult<u64> {
        let done = py.detach(|| self.inner.end(CallId(call), Outcome::Cancelled, attempts));
        Self::out(py, done)
    }

    fn mutates(&self, call: usize, path: String) {
        self.inner.mutates(CallId(call), path);
    }

    /// Key of the record, path of the argument, and the reason to pause as JSON.
    #[pyo3(signature = (call, record = None))]
    fn mutated(&self, py: Python<'_>, call: usize, record: Option<usize>) -> PyResult<(String, String, String)> {
        let (key, path, reason) = Self::out(py, self.inner.mutated(CallId(call), record))?;
        let reason = serde_json::to_string(&reason).map_err(|error| raise_code(py, "misuse", &error.to_string()))?;
        Ok((key, path, reason))
    }

    fn read(&self, py: Python<'_>, call: usize, value: String) -> PyResult<()> {
        Self::out(py, self.inner.read(CallId(call), value))
    }

    fn restart_body(&self, call: usize, keep: bool) {
        self.inner.restart_body(CallId(call), keep);
    }

    fn drop_records(&self, py: Python<'_>, records: Vec<u64>, why: &str) -> PyResult<()> {
        Self::out(py, py.detach(|| self.inner.drop_records(records, why)))
    }

    fn failed_calls(&self) -> Vec<(u64, String, String)> {
        self.inner.failed_calls()
    }

    /// When the next try of a call is due whose earlier ones failed; 0: at once.
    fn retry_at(&self, call: usize) -> i64 {
        self.inner.retry_at(CallId(call))
    }

    #[pyo3(signature = (call, keyed=None))]
    fn child_id(&self, py: Python<'_>, call: usize, keyed: Option<String>) -> PyResult<String> {
        Self::out(py, self.inner.child_id(CallId(call), keyed.map(ExecutionId::new))).map(|id| id.to_string())
    }

    fn child_left(&self, py: Python<'_>, call: usize, alone: bool) -> PyResult<Option<(usize, String, &'static str)>> {
        let found = Self::out(py, self.inner.child_left(CallId(call), alone))?;
        Ok(found.map(|(record, id, status)| (record, id.to_string(), status.as_str())))
    }

    /// What is on record of a call whose body is to run (`none`, `open`, `dropped`, `ended`), and since when.
    fn standing(&self, call: usize) -> (&'static str, i64) {
        self.inner.standing(CallId(call))
    }

    fn record_of(&self, call: usize) -> Option<(String, u64)> {
        self.inner.record_of(CallId(call))
    }

    fn record_at(&self, record: usize) -> Option<(String, u64, Option<String>)> {
        self.inner.record_at(record)
    }

    #[pyo3(signature = (call, question, schema, data, deadline, on_timeout))]
    #[allow(clippy::too_many_arguments)]
    fn open_wait(
        &self,
        py: Python<'_>,
        call: usize,
        question: String,
        schema: Option<String>,
        data: Option<String>,
        deadline: Option<i64>,
        on_timeout: Option<String>,
    ) -> PyResult<String> {
        let schema = schema
            .map(|text| serde_json::from_str(&text))
            .transpose()
            .map_err(|error| raise_code(py, "misuse", &error.to_string()))?;
        let question = Question { question, schema, data, deadline, on_timeout };
        let done = py.detach(|| self.inner.open_wait(CallId(call), question));
        Self::out(py, done)
    }

    fn reopen_wait(&self, py: Python<'_>, call: usize) -> PyResult<String> {
        Self::out(py, self.inner.reopen_wait(CallId(call)))
    }

    /// `("open", deadline)`, `("over", None)`, `("due", None)` or `("cancel", None)`.
    fn wait_news(&self, py: Python<'_>, call: usize) -> PyResult<(&'static str, Option<i64>)> {
        Ok(match Self::out(py, self.inner.wait_news(CallId(call)))? {
            News::Open { deadline } => ("open", deadline),
            News::Over => ("over", None),
            News::Due => ("due", None),
            News::Cancelled => ("cancel", None),
        })
    }

    /// Blocks, without the interpreter, until something came from outside; at most `seconds`.
    fn await_news(&self, py: Python<'_>, seconds: f64) {
        py.detach(|| self.inner.await_news(Duration::from_secs_f64(seconds.clamp(0.0, 3600.0))));
    }

    fn close_wait(&self, py: Python<'_>, call: usize, why: &str) -> PyResult<()> {
        Self::out(py, py.detach(|| self.inner.close_wait(CallId(call), why)))
    }

    fn answer_wait(&self, py: Python<'_>, call: usize, value: String, by: &str) -> PyResult<()> {
        Self::out(py, py.detach(|| self.inner.answer_wait(CallId(call), value, by)))
    }

    fn wait_done(&self) {
        self.inner.wait_done();
    }

    fn look(&self, py: Python<'_>) {
        py.detach(|| self.inner.look());
    }

    /// Sequence of the suspension; `None`: something came first and the flow goes on.
    #[pyo3(signature = (own, children, others, below, wake_at, sleeping))]
    #[allow(clippy::too_many_arguments)]
    fn suspend(
        &self,
        py: Python<'_>,
        own: Vec<String>,
        children: Vec<String>,
        others: Vec<AwaitTuple>,
        below: Vec<(String, u64)>,
        wake_at: Option<i64>,
        sleeping: bool,
    ) -> PyResult<Option<u64>> {
        let below = below.into_iter().map(|(id, seq)| (ExecutionId::new(id), seq)).collect();
        let done = py.detach(|| self.inner.suspend(own, children, awaits(others), below, wake_at, sleeping));
        Self::out(py, done)
    }

    /// Writes what rides along.
    fn flush(&self, py: Python<'_>) -> PyResult<()> {
        Self::out(py, py.detach(|| self.inner.flush_all()))
    }

    /// The reason to pause on a drift, and the differences as (path, before, after).
    #[pyo3(signature = (call, record, moved, now))]
    fn drift_differences(
        &self,
        py: Python<'_>,
        call: usize,
        record: usize,
        moved: bool,
        now: Option<String>,
    ) -> PyResult<(String, Vec<DifferenceTuple>)> {
        let drifted = Self::out(py, self.inner.drifted(CallId(call), record))?;
        let read = |text: &Option<String>| {
            text.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or(serde_json::Value::Null)
        };
        let differences = kitaru_core::diff::diff(&read(&drifted.inputs), &read(&now));
        let listed = differences.iter().map(|one| (one.path.clone(), one.before.clone(), one.after.clone())).collect();
        let mut head = drifted.head;
        if head.key.is_empty() {
            head.key.clone_from(&head.name);
        }
        let reason =
            PauseReason::Drift { call: head, record: drifted.seq, record_key: drifted.key, moved, differences };
        let reason = serde_json::to_string(&reason).map_err(|error| raise_code(py, "misuse", &error.to_string()))?;
        Ok((reason, listed))
    }

    /// The flow has ended, and the store did not take that: the execution is let go of when it does.
    fn abandon(&self) {
        self.inner.abandon();
    }

    /// `in_haste`: a store that is away is not waited for.
    #[pyo3(signature = (by, in_haste = false))]
    fn interrupt(&self, py: Python<'_>, by: &str, in_haste: bool) -> PyResult<()> {
        let done = py.detach(|| {
            if in_haste {
                self.inner.leave();
            }
            self.inner.interrupt(by)
        });
        Self::out(py, done)
    }

    #[pyo3(signature = (result, volatile))]
    fn complete(&self, py: Python<'_>, result: String, volatile: Option<String>) -> PyResult<Vec<String>> {
        Self::out(py, py.detach(|| self.inner.complete(result, volatile)))
    }

    fn fail(&self, py: Python<'_>, error: ErrorTuple, sources: Vec<u64>) -> PyResult<Vec<String>> {
        let error = error_data(py, error)?;
        Self::out(py, py.detach(|| self.inner.fail(error, sources)))
    }

    fn cancel(&self, py: Python<'_>, by: &str) -> PyResult<()> {
        Self::out(py, py.detach(|| self.inner.cancel(by)))
    }

    fn stop_requested(&self) -> Option<&'static str> {
        self.inner.stop_requested().map(|stop| match stop {
            Stop::Cancel => "cancel",
            Stop::Pause => "pause",
        })
    }

    #[pyo3(signature = (key, code, text))]
    fn note(&self, key: Option<String>, code: &str, text: String) {
        self.inner.note(key, code, text);
    }

    #[pyo3(signature = (key, stream, text))]
    fn log(&self, key: Option<String>, stream: &str, text: String) {
        self.inner.log(key, stream, text);
    }

    #[pyo3(signature = (call, name, value, key))]
    fn save(&self, py: Python<'_>, call: usize, name: &str, value: String, key: Option<String>) -> PyResult<()> {
        let done = py.detach(|| self.inner.save(CallId(call), name, value, key));
        Self::out(py, done)
    }

    fn served_count(&self) -> usize {
        self.inner.served_count()
    }

    fn usage(&self) -> UsageTuple {
        let usage = self.inner.usage();
        (usage.input_tokens, usage.output_tokens, usage.cost_usd)
    }
}
