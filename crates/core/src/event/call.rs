//! What is said of a call: who it is, that it began, how it ended, what was decided about it.
//!
//! Not here: questions and sleeps ([`super::wait`]).

use crate::ids::{Digest, Millis, ScopeId, Seq};
use crate::value::Value;
use serde::{Deserialize, Serialize};

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
    /// An argument that no codec takes, and no other: nothing can be said about sameness.
    Opaque,
    /// An argument that no codec takes, and the digest of the others: other ones are not the same call.
    Partial(Digest),
}

impl Inputs {
    /// Whether an argument cannot be told from others of its kind.
    pub fn is_opaque(&self) -> bool {
        matches!(self, Self::Opaque | Self::Partial(_))
    }
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

/// [`super::Body::CallStarted`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CallStarted {
    /// The call.
    pub call: CallHead,
    /// The bound arguments, where a codec takes them.
    pub inputs: Option<Value>,
    /// The arguments that the body was given, where somebody changed them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective: Option<Value>,
    /// Whether the body's effect must happen at most once.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub once: bool,
    /// When the body began.
    pub at: Millis,
}

/// [`super::Body::AttemptFailed`].
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

/// [`super::Body::CallEnded`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CallEnded {
    /// The call.
    pub call: CallHead,
    /// Sequence of its [`CallStarted`], which is then the record's identity; else this event's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<Seq>,
    /// The bound arguments, unless the start has them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inputs: Option<Value>,
    /// The arguments that the body was given, where somebody changed them and the start does not say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective: Option<Value>,
    /// How it ended.
    pub outcome: Outcome,
    /// Who supplied the outcome, where no body ran for it: then it is plain JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Path of an argument that was changed in place while it ran: a re-entry that is served the outcome lacks that
    /// change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mutated: Option<String>,
    /// How many tries it took.
    pub attempts: u32,
    /// When the first try began.
    pub started_at: Millis,
    /// What the last try consumed.
    #[serde(default, skip_serializing_if = "Usage::is_zero")]
    pub usage: Usage,
}

/// [`super::Body::CallsDropped`].
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

/// [`super::Body::DriftDecided`].
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

/// [`super::Body::InputsSet`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InputsSet {
    /// The call, by key.
    pub key: String,
    /// The call, by identity: the scope of its body.
    pub body: ScopeId,
    /// What to put where: a path into its bound arguments, and plain JSON.
    pub values: Vec<(String, Value)>,
    /// By whom.
    pub by: String,
}

/// [`super::Body::CallReleased`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CallReleased {
    /// The call, by key.
    pub key: String,
    /// The call, by identity: the scope of its body.
    pub body: ScopeId,
    /// By whom.
    pub by: String,
}
