//! The events of an execution's journal: the only truth, everything else is folded from them.
//!
//! Not here: how an event changes rows ([`crate::project`]) or what a re-entering flow makes of it
//! ([`crate::records`]). An event is never changed once written, so a variant only ever gains optional fields.

use crate::ids::{Digest, ExecutionId, Millis, ScopeId, Seq};
use crate::lease::Owner;
use crate::value::Value;
use serde::{Deserialize, Serialize};

/// One row of the journal.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Position in the execution's journal.
    pub seq: Seq,
    /// When it was written, by the writer's clock.
    pub at: Millis,
    /// What happened.
    pub body: Body,
}

/// What happened. Written as `{"<kind>": {…}}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// The execution was created. Always the first event.
    Created(Box<Created>),
    /// A process took the execution up.
    Taken(Taken),
    /// A scope below another one is used for the first time. Rides along with its first record.
    ScopeOpened(ScopeOpened),
    /// A call's body is about to run. Omitted when the call ended before anything else was written.
    CallStarted(Box<CallStarted>),
    /// A try of a call failed and another is due.
    AttemptFailed(Box<AttemptFailed>),
    /// A call has its outcome.
    CallEnded(Box<CallEnded>),
    /// Records that must not be served again; their calls run anew when they are met.
    CallsDropped(CallsDropped),
    /// What to do with a call that drifted.
    DriftDecided(DriftDecided),
    /// A durable question was asked, or a long sleep begun.
    WaitOpened(Box<WaitOpened>),
    /// A wait has its answer.
    WaitAnswered(WaitAnswered),
    /// A wait ended without an answer.
    WaitClosed(WaitClosed),
    /// A named value was stored.
    ArtifactSaved(ArtifactSaved),
    /// Something that a reader of the journal should know: said, never acted upon.
    Noted(Noted),
    /// Somebody asked for the execution to stop; its owner obeys at its next step.
    StopRequested(StopRequested),
    /// The execution is parked on open waits; no process holds it.
    Suspended(Suspended),
    /// The execution is parked until somebody decides.
    Paused(Box<Paused>),
    /// The process stopped in an orderly way before the end.
    Interrupted(Interrupted),
    /// The flow returned.
    Completed(Completed),
    /// The flow raised.
    Failed(Box<Failed>),
    /// The execution was cancelled.
    Cancelled(Cancelled),
}

impl Body {
    /// The kind as written in the journal's `kind` column.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Created(_) => "created",
            Self::Taken(_) => "taken",
            Self::ScopeOpened(_) => "scope_opened",
            Self::CallStarted(_) => "call_started",
            Self::AttemptFailed(_) => "attempt_failed",
            Self::CallEnded(_) => "call_ended",
            Self::CallsDropped(_) => "calls_dropped",
            Self::DriftDecided(_) => "drift_decided",
            Self::WaitOpened(_) => "wait_opened",
            Self::WaitAnswered(_) => "wait_answered",
            Self::WaitClosed(_) => "wait_closed",
            Self::ArtifactSaved(_) => "artifact_saved",
            Self::Noted(_) => "noted",
            Self::StopRequested(_) => "stop_requested",
            Self::Suspended(_) => "suspended",
            Self::Paused(_) => "paused",
            Self::Interrupted(_) => "interrupted",
            Self::Completed(_) => "completed",
            Self::Failed(_) => "failed",
            Self::Cancelled(_) => "cancelled",
        }
    }

    /// The call that the event is about, for the journal's `call_key` column.
    pub fn call_key(&self) -> Option<&str> {
        match self {
            Self::CallStarted(body) => Some(&body.call.key),
            Self::AttemptFailed(body) => Some(&body.call.key),
            Self::CallEnded(body) => Some(&body.call.key),
            Self::WaitOpened(body) => Some(&body.call.key),
            Self::WaitAnswered(body) => Some(&body.key),
            Self::WaitClosed(body) => Some(&body.key),
            _ => None,
        }
    }

    /// The values inside, for a store that keeps large ones elsewhere.
    pub fn values_mut(&mut self) -> Vec<&mut Value> {
        match self {
            Self::Created(body) => vec![&mut body.inputs],
            Self::CallStarted(body) => body.inputs.iter_mut().collect(),
            Self::AttemptFailed(body) => vec![&mut body.error.value],
            Self::CallEnded(body) => {
                let mut values: Vec<&mut Value> = body.inputs.iter_mut().collect();
                match &mut body.outcome {
                    Outcome::Returned { result } => values.push(result),
                    Outcome::Raised { error } => values.push(&mut error.value),
                    Outcome::Volatile { .. } | Outcome::Cancelled => {}
                }
                values
            }
            Self::WaitOpened(body) => body.data.iter_mut().collect(),
            Self::WaitAnswered(body) => vec![&mut body.value],
            Self::ArtifactSaved(body) => vec![&mut body.value],
            Self::Completed(body) => vec![&mut body.result],
            Self::Failed(body) => vec![&mut body.error.value],
            _ => Vec::new(),
        }
    }
}

/// How to find the flow's function again, and in what surroundings.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct EntryPoint {
    /// Import name of the module that defines the flow, derived from its file; `None` in a notebook cell.
    pub module: Option<String>,
    /// Absolute path of that module's file.
    pub file: Option<String>,
    /// Qualified name of the flow in its module.
    pub qualname: String,
    /// Absolute path of the Python interpreter.
    pub interpreter: String,
    /// Working directory.
    pub cwd: String,
    /// Import path entries in front of the interpreter's own.
    pub path: Vec<String>,
    /// Whether the module was run with `python -m`.
    pub as_module: bool,
}

/// [`Body::Created`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Created {
    /// Name of the flow.
    pub flow: String,
    /// The bound arguments, a JSON object by parameter.
    pub inputs: Value,
    /// Where the flow's code is.
    pub entry: EntryPoint,
    /// Digest of the flow's code at creation, with its kind in front.
    pub code: Option<String>,
    /// The execution whose flow called this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Parent>,
    /// The execution that this one was forked from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forked_from: Option<ExecutionId>,
    /// Free labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
}

/// A child's link to the call that started it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Parent {
    /// The calling execution.
    pub id: ExecutionId,
    /// The call in it.
    pub key: String,
}

/// [`Body::Taken`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Taken {
    /// Who took it.
    pub owner: Owner,
    /// The flow's code digest now. `None` when it can't be told.
    pub code: Option<String>,
    /// Why: `start`, `resume`, `answer`, `retry`.
    pub why: String,
}

/// [`Body::ScopeOpened`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScopeOpened {
    /// The new scope.
    pub scope: ScopeId,
    /// The scope it stands in.
    pub parent: ScopeId,
    /// What opened it: `call`, `item`, `child` or `task`.
    pub kind: String,
    /// Name of the checkpoint, function or coroutine.
    pub name: String,
    /// Digest of the encodable arguments, where there are some.
    pub inputs: Option<Digest>,
    /// The how-manyth with the same parent, kind, name and inputs, from 1.
    pub occurrence: u32,
    /// The part of call keys that names this scope, such as `branch.2`.
    pub label: String,
}

/// What kind of step a call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallKind {
    /// A checkpoint, or `kitaru.call`.
    Checkpoint,
    /// A child flow.
    Child,
    /// A durable question.
    Wait,
    /// A durable sleep.
    Sleep,
    /// A recorded `now()`, `random()` or `uuid()`.
    Reading,
}

/// What a call was given, as far as identity goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Inputs {
    /// Digest over the encoded, bound arguments, or over what `identity=` or `id=` gave.
    Digest(Digest),
    /// The call takes no arguments: nothing in its inputs could differ.
    None,
    /// An argument that no codec takes: nothing can be said about sameness.
    Opaque,
}

/// Who a call is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CallHead {
    /// Printed key, `scope/name#n`, unique in its execution.
    pub key: String,
    /// Where it was made.
    pub scope: ScopeId,
    /// Name of the checkpoint.
    pub name: String,
    /// What it was given.
    pub inputs: Inputs,
    /// The how-manyth with the same scope, name and inputs, from 1.
    pub occurrence: u32,
    /// What kind of step it is.
    pub kind: CallKind,
    /// Set when `id=` named the call outright.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub named: bool,
    /// The call before it in its scope, by its `body`: part of the identity of an input-less call. One with
    /// inputs has it where its record does not stand last in its scope's order; [`ScopeId::ROOT`]: it stands first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<ScopeId>,
    /// Digest of the checkpoint's code, with its kind in front.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The scope that the call's own body opens: a hash of all of its identity, so it also names the call.
    pub body: ScopeId,
}

/// What a call or an execution consumed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens read by models.
    #[serde(default)]
    pub input_tokens: u64,
    /// Tokens written by models.
    #[serde(default)]
    pub output_tokens: u64,
    /// US dollars.
    #[serde(default)]
    pub cost_usd: f64,
}

impl Usage {
    /// Adds `other` to this.
    pub fn add(&mut self, other: &Self) {
        self.input_tokens = self.input_tokens.saturating_add(other.input_tokens);
        self.output_tokens = self.output_tokens.saturating_add(other.output_tokens);
        self.cost_usd += other.cost_usd;
    }

    /// Whether nothing was consumed.
    pub fn is_zero(&self) -> bool {
        *self == Self::default()
    }
}

/// An exception as data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ErrorData {
    /// Import path of its class.
    #[serde(rename = "type")]
    pub kind: String,
    /// `str()` of it.
    pub message: String,
    /// The formatted traceback, the user's frames.
    pub traceback: String,
    /// The whole exception tree, for rebuilding it.
    pub value: Value,
    /// Whether rebuilding gave an equal exception when it was recorded. One that did not runs again.
    pub rebuilds: bool,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It returned.
    Returned {
        /// The result.
        result: Value,
    },
    /// It returned something that no codec takes; the flow has it, the journal does not.
    Volatile {
        /// Where in the result the value stands that would not encode.
        path: String,
        /// Whether re-entry may run it again without asking.
        rerunnable: bool,
    },
    /// It raised.
    Raised {
        /// The exception.
        error: ErrorData,
    },
    /// The flow cancelled it.
    Cancelled,
}

/// [`Body::CallStarted`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CallStarted {
    /// The call.
    pub call: CallHead,
    /// The bound arguments, where a codec takes them.
    pub inputs: Option<Value>,
    /// Whether the body's effect must happen at most once.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub once: bool,
    /// When the body began.
    pub at: Millis,
}

/// [`Body::AttemptFailed`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AttemptFailed {
    /// The call.
    pub call: CallHead,
    /// Which try it was, from 1.
    pub attempt: u32,
    /// Why it failed.
    pub error: ErrorData,
    /// When the next try is due.
    pub retry_at: Millis,
    /// What this try consumed.
    #[serde(default, skip_serializing_if = "Usage::is_zero")]
    pub usage: Usage,
}

/// [`Body::CallEnded`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CallEnded {
    /// The call.
    pub call: CallHead,
    /// Sequence of its [`Body::CallStarted`], which is then the record's identity; else this event's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<Seq>,
    /// The bound arguments, unless the start has them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inputs: Option<Value>,
    /// How it ended.
    pub outcome: Outcome,
    /// How many tries it took.
    pub attempts: u32,
    /// When the first try began.
    pub started_at: Millis,
    /// What the last try consumed.
    #[serde(default, skip_serializing_if = "Usage::is_zero")]
    pub usage: Usage,
}

/// [`Body::CallsDropped`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CallsDropped {
    /// The records, by sequence.
    pub records: Vec<Seq>,
    /// Why, in a word: `failed`, `retry`, `asked`, `overtaken`.
    pub why: String,
}

/// What a person or a policy said about a drift.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DriftDecision {
    /// Serve the record to this call.
    Reuse,
    /// Run this call, and any that drifts after it in its scope.
    Rerun,
}

/// [`Body::DriftDecided`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DriftDecided {
    /// The call that was met, as it was met.
    pub scope: ScopeId,
    /// Its name.
    pub name: String,
    /// Its inputs now.
    pub inputs: Inputs,
    /// Its occurrence now.
    pub occurrence: u32,
    /// The call before it, for an input-less one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<ScopeId>,
    /// The record that it might be.
    pub record: Seq,
    /// What to do.
    pub decision: DriftDecision,
}

/// [`Body::WaitOpened`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WaitOpened {
    /// The wait as a call; `inputs` is the digest of question, data and schema.
    pub call: CallHead,
    /// The question, for people.
    pub question: String,
    /// JSON Schema that an answer must satisfy. `None`: anything.
    pub schema: Option<serde_json::Value>,
    /// What was shown with the question (`metadata=`).
    pub data: Option<Value>,
    /// When the wait ends by itself.
    pub deadline: Option<Millis>,
    /// What happens then: `default`, `raise` or `escalate`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_timeout: Option<String>,
}

/// [`Body::WaitAnswered`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WaitAnswered {
    /// The wait's key.
    pub key: String,
    /// The answer: plain JSON.
    pub value: Value,
    /// Who answered, in their words: `cli`, `inline`, `python`, `timeout`.
    pub by: String,
}

/// [`Body::WaitClosed`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WaitClosed {
    /// The wait's key.
    pub key: String,
    /// `withdrawn`, `timed_out` or `elapsed` (a sleep).
    pub why: String,
}

/// [`Body::ArtifactSaved`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ArtifactSaved {
    /// Its name.
    pub name: String,
    /// The value.
    pub value: Value,
    /// The call that saved it.
    pub call: Option<String>,
}

/// [`Body::Noted`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Noted {
    /// The call it is about.
    pub key: Option<String>,
    /// A kebab-case word for programs.
    pub code: String,
    /// A sentence for people.
    pub text: String,
}

/// How an execution is asked to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// For good.
    Cancel,
    /// Until somebody resumes it.
    Pause,
}

/// [`Body::StopRequested`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StopRequested {
    /// How.
    pub stop: Stop,
    /// By whom.
    pub by: String,
}

/// Records that a pass was served, as inclusive ranges of record sequences.
pub type Reused = Vec<(Seq, Seq)>;

/// [`Body::Suspended`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Suspended {
    /// Keys of the waits it is parked on.
    pub waits: Vec<String>,
    /// When it wakes by itself: the nearest deadline or end of a sleep.
    pub wake_at: Option<Millis>,
    /// Whether all it waits for is time.
    pub sleeping: bool,
    /// Which records this pass was served.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reused: Reused,
}

/// Why a paused execution is paused, and so what can be done about it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PauseReason {
    /// A recorded call was met again with other inputs, or elsewhere.
    Drift {
        /// The call as it was met.
        call: CallHead,
        /// The record it might be.
        record: Seq,
        /// Key of that record.
        record_key: String,
        /// Whether the same inputs stand elsewhere (else: the same place has other inputs).
        moved: bool,
        /// What differs, by path.
        differences: Vec<crate::diff::Difference>,
    },
    /// A call with a declared effect began and its outcome is unknown: this may have happened.
    InDoubt {
        /// The call's key.
        key: String,
        /// Its record.
        record: Seq,
    },
    /// A recorded call's result was never stored.
    Volatile {
        /// The call's key.
        key: String,
        /// Its record.
        record: Seq,
        /// What would not encode.
        path: String,
    },
    /// A wait is met again with another question, data or schema.
    WaitChanged {
        /// The wait's key.
        key: String,
        /// Its record.
        record: Seq,
        /// What differs, by path.
        differences: Vec<crate::diff::Difference>,
    },
    /// A scope that was served a racing call asks for something that its record lacks.
    RaceDiverged {
        /// The call that its record lacks.
        key: String,
        /// The call it was served before.
        served: String,
    },
    /// It was taken up several times without one new record.
    NoProgress {
        /// How many times.
        taken: u32,
    },
    /// Retries of a call ran out, and its flow asked to pause then.
    RetriesExhausted {
        /// The call's key.
        key: String,
        /// Its record.
        record: Seq,
        /// The last error.
        message: String,
    },
    /// Somebody asked.
    Requested {
        /// Who.
        by: String,
    },
}

/// [`Body::Paused`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Paused {
    /// Why.
    pub reason: PauseReason,
    /// The same for people, with what to do.
    pub text: String,
    /// Which records this pass was served.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reused: Reused,
}

/// [`Body::Interrupted`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interrupted {
    /// What stopped it, such as `KeyboardInterrupt`.
    pub by: String,
    /// Which records this pass was served.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reused: Reused,
}

/// [`Body::Completed`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Completed {
    /// What the flow returned; `null` with `volatile` set when no codec takes it.
    pub result: Value,
    /// Where the result would not encode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volatile: Option<String>,
    /// Which records this pass was served.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reused: Reused,
}

/// [`Body::Failed`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failed {
    /// The exception that left the flow.
    pub error: ErrorData,
    /// The failed calls it came from, by record. Empty: the flow raised by itself.
    pub sources: Vec<Seq>,
    /// Which records this pass was served.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reused: Reused,
}

/// [`Body::Cancelled`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cancelled {
    /// By whom.
    pub by: String,
}
