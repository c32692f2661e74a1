//! What comes from outside or goes there: questions and answers, kept values, notes, requests to stop.
//!
//! Not here: being parked on a question ([`super::end`]).

use super::CallHead;
use crate::ids::{ExecutionId, Millis};
use crate::value::Value;
use serde::{Deserialize, Serialize};

/// [`super::Body::WaitOpened`].
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

/// [`super::Body::WaitAnswered`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WaitAnswered {
    /// The wait's key.
    pub key: String,
    /// The answer: plain JSON.
    pub value: Value,
    /// Who answered, in their words: `cli`, `inline`, `python`, `timeout`.
    pub by: String,
    /// The key of the request that brought it, if it had one: sent again, it answers nothing else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
}

/// [`super::Body::WaitClosed`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WaitClosed {
    /// The wait's key.
    pub key: String,
    /// `withdrawn`, `timed_out` or `elapsed` (a sleep).
    pub why: String,
}

/// [`super::Body::ArtifactSaved`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ArtifactSaved {
    /// Its name.
    pub name: String,
    /// The value.
    pub value: Value,
    /// The call that saved it.
    pub call: Option<String>,
}

/// [`super::Body::Noted`].
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

/// [`super::Body::StopRequested`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StopRequested {
    /// How.
    pub stop: Stop,
    /// By whom.
    pub by: String,
    /// The execution above it that was asked, where it is asked with that one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub with: Option<ExecutionId>,
}
