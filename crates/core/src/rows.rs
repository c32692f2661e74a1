//! The rows that people query: what the journal folds into. The names are those of the SQL columns and the API.
//!
//! Not here: the fold itself ([`crate::project`]).

use crate::event::{CallKind, EntryPoint, ErrorData, Parent, Usage};
use crate::ids::{Epoch, ExecutionId, Millis, Seq};
use crate::lease::Owner;
use crate::value::Value;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The state of an execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// A process works on it.
    Running,
    /// Parked on a question.
    Waiting,
    /// Parked on time.
    Sleeping,
    /// Parked until somebody decides.
    Paused,
    /// Its process stopped before the end.
    Interrupted,
    /// The flow returned.
    Completed,
    /// The flow raised.
    Failed,
    /// It was cancelled.
    Cancelled,
}

impl Status {
    /// All of them, in the order in which they are documented.
    pub const ALL: [Self; 8] = [
        Self::Running,
        Self::Waiting,
        Self::Sleeping,
        Self::Paused,
        Self::Interrupted,
        Self::Completed,
        Self::Failed,
        Self::Cancelled,
    ];

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Sleeping => "sleeping",
            Self::Paused => "paused",
            Self::Interrupted => "interrupted",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The status of that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }

    /// Whether nothing will ever be recorded again. A failed execution can be resumed, so it is not final.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Cancelled)
    }

    /// Whether the execution has ended, well or not.
    pub fn has_ended(self) -> bool {
        matches!(self, Self::Completed | Self::Cancelled | Self::Failed)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An execution.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExecutionRow {
    /// Its identifier.
    pub id: ExecutionId,
    /// Its place among the executions of its store, in the order in which they were created; never given again.
    pub number: u64,
    /// Name of its flow.
    pub flow: String,
    /// Recorded status. People see [`crate::lease::visible`] of it.
    pub status: Status,
    /// Why it is in that status, a JSON object with at least `text`.
    pub reason: Option<serde_json::Value>,
    /// When it wakes by itself.
    pub wake_at: Option<Millis>,
    /// Who works on it.
    pub owner: Option<Owner>,
    /// How many times it was taken up.
    pub epoch: Epoch,
    /// Until when its owner is believed without asking.
    pub lease_until: Millis,
    /// The call that started it.
    pub parent: Option<Parent>,
    /// The execution that it replays.
    pub forked_from: Option<ExecutionId>,
    /// Events up to here are those of what it replays; 0: it is no replay.
    pub base: Seq,
    /// What it is known by to whoever started it.
    pub key: Option<String>,
    /// Whether cancelling and pausing its parent leaves it alone.
    pub detached: bool,
    /// The pool whose workers run it; `None`: whoever started it does.
    #[serde(default)]
    pub pool: Option<String>,
    /// Where its code is.
    pub entry: EntryPoint,
    /// Digest of the flow's code at creation.
    pub code: Option<String>,
    /// Free labels.
    pub tags: Vec<String>,
    /// The flow's arguments.
    pub inputs: Value,
    /// What the flow returned.
    pub result: Option<Value>,
    /// What the flow raised.
    pub error: Option<ErrorData>,
    /// Sum over its calls and their tries.
    pub usage: Usage,
    /// How its owner is asked to stop.
    pub stop: Option<crate::event::Stop>,
    /// How often it was taken up since its last new record.
    pub fruitless: u32,
    /// Sequence of its last event.
    pub last_seq: Seq,
    /// When it was created.
    pub created_at: Millis,
    /// When its last event was written.
    pub updated_at: Millis,
}

/// The state of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallStatus {
    /// Its body runs, or ran when its process died.
    Running,
    /// A try failed and another is due.
    Retrying,
    /// A wait or sleep that is open.
    Waiting,
    /// It returned, or was answered.
    Completed,
    /// It returned, but its result had no codec and is not stored.
    Volatile,
    /// It raised.
    Failed,
    /// The flow cancelled it, or withdrew the wait.
    Cancelled,
    /// Its record was dropped and it has not run since.
    Dropped,
}

impl CallStatus {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Retrying => "retrying",
            Self::Waiting => "waiting",
            Self::Completed => "completed",
            Self::Volatile => "volatile",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Dropped => "dropped",
        }
    }

    /// The status of that word.
    pub fn parse(word: &str) -> Option<Self> {
        [
            Self::Running,
            Self::Retrying,
            Self::Waiting,
            Self::Completed,
            Self::Volatile,
            Self::Failed,
            Self::Cancelled,
            Self::Dropped,
        ]
        .into_iter()
        .find(|status| status.as_str() == word)
    }
}

/// A call, by key. Its values are in the journal at `started_seq` and `ended_seq`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CallRow {
    /// Printed key, unique in its execution.
    pub key: String,
    /// Sequence that identifies the record.
    pub seq: Seq,
    /// Name of the checkpoint.
    pub name: String,
    /// What kind of step it is.
    pub kind: CallKind,
    /// Its state.
    pub status: CallStatus,
    /// How many tries it took so far.
    pub attempts: u32,
    /// When its first try began.
    pub started_at: Millis,
    /// When it ended.
    pub ended_at: Option<Millis>,
    /// Sequence of the event that ended it.
    pub ended_seq: Option<Seq>,
    /// Whether the last pass was served its record.
    pub reused: bool,
    /// What its tries consumed.
    pub usage: Usage,
}

/// A wait, by key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WaitRow {
    /// The execution that asks.
    pub execution_id: ExecutionId,
    /// The call's key.
    pub key: String,
    /// Name to answer it by.
    pub name: String,
    /// The question.
    pub question: String,
    /// JSON Schema of an answer.
    pub schema: Option<serde_json::Value>,
    /// What is shown with it.
    pub data: Option<Value>,
    /// `open`, `answered`, `withdrawn`, `timed_out` or `elapsed`.
    pub status: String,
    /// The answer.
    pub answer: Option<Value>,
    /// Who answered.
    pub answered_by: Option<String>,
    /// When its time has passed.
    pub deadline: Option<Millis>,
    /// What happens then: `default`, `raise` or `escalate`.
    pub on_timeout: Option<String>,
    /// When it was asked.
    pub opened_at: Millis,
    /// When it ended.
    pub closed_at: Option<Millis>,
}

/// A place to pause before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BreakpointRow {
    /// Its number.
    pub id: u64,
    /// Name of the flow.
    pub flow: String,
    /// Absolute path of the file that defines the flow; `None`: any flow of that name.
    pub file: Option<String>,
    /// Before which call: a key, a checkpoint's name, or `step N`.
    pub before: String,
    /// Whether it stays after it was hit.
    pub every: bool,
    /// A condition on the call's inputs.
    pub condition: Option<String>,
    /// Who set it.
    pub by: String,
    /// When.
    pub at: Millis,
    /// How often it was hit.
    pub hits: u64,
}

impl WaitRow {
    /// Whether its time has passed and it is still open.
    pub fn is_overdue(&self, now: Millis) -> bool {
        self.status == "open" && self.deadline.is_some_and(|deadline| deadline <= now)
    }

    /// Whether its flow goes on without an answer as soon as a process has it: one that comes now is too late.
    pub fn is_too_late(&self, now: Millis) -> bool {
        self.is_overdue(now) && self.on_timeout.as_deref() != Some("escalate")
    }
}
