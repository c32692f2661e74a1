//! The events of an execution's journal: the only truth, everything else is folded from them.
//!
//! Not here: how an event changes rows ([`crate::project`]) or what a re-entering flow makes of it
//! ([`crate::records`]). `begin`, `call`, `wait` and `end` hold the bodies. An event is never changed once written, so a variant only ever gains optional fields.

mod begin;
mod call;
mod end;
mod wait;

pub use begin::{
    Created, DEFAULT_POOL, EntryPoint, Fork, Override, Parent, Reuse, ScopeOpened, Taken, is_unasked, moved_to,
};
pub use call::{
    AttemptFailed, CallEnded, CallHead, CallKind, CallReleased, CallStarted, CallsDropped, DriftDecided, DriftDecision,
    ErrorData, Inputs, InputsSet, Outcome, Usage, UsageReported,
};
pub use end::{Await, Cancelled, Completed, Failed, Interrupted, PauseReason, Paused, Resumed, Reused, Suspended};
pub use wait::{ArtifactSaved, Noted, Stop, StopRequested, WaitAnswered, WaitClosed, WaitOpened};

use crate::ids::{Millis, Seq};
use crate::value::Value;
use serde::{Deserialize, Serialize};

/// One row of the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
    /// A body that runs has consumed something: on record before its end, which may never come.
    UsageReported(UsageReported),
    /// Records that must not be served again; their calls run anew when they are met.
    CallsDropped(CallsDropped),
    /// What to do with a call that drifted.
    DriftDecided(DriftDecided),
    /// Somebody changed what the body of a call is given. The call stays who it is.
    InputsSet(InputsSet),
    /// A call that was paused before may run.
    CallReleased(CallReleased),
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
    /// Somebody decided that it goes on; whoever holds what is above it takes it up.
    Resumed(Resumed),
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
            Self::UsageReported(_) => "usage_reported",
            Self::CallsDropped(_) => "calls_dropped",
            Self::DriftDecided(_) => "drift_decided",
            Self::InputsSet(_) => "inputs_set",
            Self::CallReleased(_) => "call_released",
            Self::WaitOpened(_) => "wait_opened",
            Self::WaitAnswered(_) => "wait_answered",
            Self::WaitClosed(_) => "wait_closed",
            Self::ArtifactSaved(_) => "artifact_saved",
            Self::Noted(_) => "noted",
            Self::StopRequested(_) => "stop_requested",
            Self::Suspended(_) => "suspended",
            Self::Paused(_) => "paused",
            Self::Resumed(_) => "resumed",
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
            Self::InputsSet(body) => Some(&body.key),
            Self::CallReleased(body) => Some(&body.key),
            Self::UsageReported(body) => Some(&body.key),
            Self::WaitOpened(body) => Some(&body.call.key),
            Self::WaitAnswered(body) => Some(&body.key),
            Self::WaitClosed(body) => Some(&body.key),
            _ => None,
        }
    }

    /// Who asked for what happened, where somebody did from outside.
    pub fn by_mut(&mut self) -> Option<&mut String> {
        match self {
            Self::Created(body) => body.fork.as_mut().map(|fork| &mut fork.by),
            Self::CallEnded(body) => body.by.as_mut(),
            Self::InputsSet(body) => Some(&mut body.by),
            Self::CallReleased(body) => Some(&mut body.by),
            Self::WaitAnswered(body) => Some(&mut body.by),
            Self::StopRequested(body) => Some(&mut body.by),
            Self::Paused(body) => match &mut body.reason {
                PauseReason::Requested { by, .. } => Some(by),
                _ => None,
            },
            Self::Resumed(body) => Some(&mut body.by),
            Self::Cancelled(body) => Some(&mut body.by),
            _ => None,
        }
    }

    /// The values inside, for a store that keeps large ones elsewhere.
    pub fn values_mut(&mut self) -> Vec<&mut Value> {
        match self {
            Self::Created(body) => {
                let overrides = body.fork.iter_mut().flat_map(|fork| &mut fork.overrides);
                std::iter::once(&mut body.inputs).chain(overrides.map(|one| &mut one.value)).collect()
            }
            Self::CallStarted(body) => body.inputs.iter_mut().chain(&mut body.effective).collect(),
            Self::InputsSet(body) => body.values.iter_mut().map(|(_, value)| value).collect(),
            Self::AttemptFailed(body) => vec![&mut body.error.value],
            Self::CallEnded(body) => {
                let mut values: Vec<&mut Value> = body.inputs.iter_mut().chain(&mut body.effective).collect();
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
            Self::Paused(body) => match &mut body.reason {
                PauseReason::Breakpoint { inputs, .. } => inputs.iter_mut().collect(),
                _ => Vec::new(),
            },
            Self::Completed(body) => vec![&mut body.result],
            Self::Failed(body) => vec![&mut body.error.value],
            _ => Vec::new(),
        }
    }
}
