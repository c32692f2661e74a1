//! How an execution leaves its process: parked, paused, interrupted, or at its end.
//!
//! Not here: what people are shown of it ([`crate::project`]).

use super::{CallHead, ErrorData};
use crate::ids::{ExecutionId, Millis, Seq};
use crate::value::Value;
use serde::{Deserialize, Serialize};

/// Records that a pass was served, as inclusive ranges of record sequences.
pub type Reused = Vec<(Seq, Seq)>;

/// Other executions that a parked flow waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Await {
    /// How many of them must have come so far.
    pub least: usize,
    /// Whether only their end counts; else it counts too that they need somebody.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ends: bool,
    /// Which: those that had not come so far when the flow was left.
    pub executions: Vec<ExecutionId>,
}

/// [`super::Body::Suspended`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Suspended {
    /// Keys of the waits it is parked on.
    pub waits: Vec<String>,
    /// When it wakes by itself: the nearest deadline or end of a sleep.
    pub wake_at: Option<Millis>,
    /// Whether all it waits for is time.
    pub sleeping: bool,
    /// Executions it waits for that its process did not run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub awaits: Vec<Await>,
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
    /// A call changed one of its arguments, and its record does not have that change.
    MutatedArgument {
        /// The call as it was met.
        call: CallHead,
        /// Its record.
        record: Seq,
        /// Key of that record.
        record_key: String,
        /// What was changed, such as `messages[3]`.
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
    /// A worker could not begin it, or ended its process.
    LeftByWorker {
        /// Why.
        why: String,
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
    /// A breakpoint stands before this call.
    Breakpoint {
        /// The call that is about to run.
        call: Box<CallHead>,
        /// What it is given, as a start records it; `None`: an argument has no codec.
        inputs: Option<Value>,
        /// The selector of the breakpoint.
        before: String,
        /// The breakpoint's number; `None`: it was set for this execution only, when it was started.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<u64>,
        /// Why it is asked about though nobody may have meant this call: the breakpoint's condition cannot be told, or
        /// what was put in by hand does not fit.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        problem: Option<String>,
    },
    /// Somebody asked.
    Requested {
        /// Who.
        by: String,
        /// The execution above it that was paused: it goes on when that one does. `None`: it was meant itself, and
        /// goes on when somebody says so of it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        with: Option<ExecutionId>,
    },
}

/// [`super::Body::Paused`].
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

/// [`super::Body::Resumed`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Resumed {
    /// Who decided so.
    pub by: String,
}

/// [`super::Body::Interrupted`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interrupted {
    /// What stopped it, such as `KeyboardInterrupt`.
    pub by: String,
    /// Which records this pass was served.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reused: Reused,
}

/// [`super::Body::Completed`].
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

/// [`super::Body::Failed`].
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

/// [`super::Body::Cancelled`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cancelled {
    /// By whom.
    pub by: String,
}
