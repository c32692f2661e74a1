//! How an execution begins, and where: its creation, who takes it up, the scopes that it opens.
//!
//! Not here: the calls that are made in a scope ([`super::call`]).

use crate::ids::{Digest, ExecutionId, Millis, ScopeId, Seq};
use crate::lease::Owner;
use crate::release::Deployed;
use crate::value::Value;
use serde::{Deserialize, Serialize};

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
    /// Name of the machine that these paths are on, if it is not known to be the store's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The deployment that has its code: paths are then below the folder that it is unpacked in, on whatever machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment: Option<Deployed>,
}

/// The pool of what is left to workers without naming another.
pub const DEFAULT_POOL: &str = "default";

/// [`super::Body::Created`].
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
    /// What it goes on from, where it is a replay of another execution.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fork: Option<Box<Fork>>,
    /// Free labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// What it is known by to whoever started it: of one flow, a key starts once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Whether cancelling and pausing its parent leaves it alone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub detached: bool,
    /// The pool whose workers run it; `None`: whoever started it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<String>,
    /// Selectors of calls to pause before, in this execution only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pause_before: Vec<String>,
    /// How long it may work before it is paused: see [`crate::worked`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Millis>,
}

/// Which of the matching records of a source a replay is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reuse {
    /// All that are kept: those that ended before the frontier.
    Frontier,
    /// Those of the kept whose code is the same too, wherever they stand.
    Unchanged,
}

/// What a replay keeps of its source. Its own events go on from `upto`, so that one number means one event in both,
/// and the kept records are read where they stand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fork {
    /// The execution that is replayed.
    pub source: ExecutionId,
    /// The last event of the source that counts.
    pub upto: Seq,
    /// The records that are kept, as inclusive ranges of record sequences.
    pub kept: Vec<(Seq, Seq)>,
    /// Which of them are served.
    pub reuse: Reuse,
    /// Key of the call from which everything runs again, or with [`Reuse::Unchanged`] of the call that runs whatever its
    /// code; `None`: there is no such call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// What was changed by hand. Where something was, other inputs are no accident: the call runs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overrides: Vec<Override>,
    /// Keys of waits that were asked to be asked again: another answer is no accident either.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asked: Vec<String>,
    /// Paths into the flow's arguments where somebody put a value in place, here or in what is replayed: plain JSON.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub plain: Vec<String>,
    /// Who asked for the replay.
    pub by: String,
}

/// A value put in place of a recorded one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Override {
    /// What it replaces, as it was named: `flow.topic`, `analyze.inputs.provider`, `analyze#3.output`, `waits.approve`.
    pub path: String,
    /// The new value, plain JSON.
    pub value: Value,
}

/// A child's link to the call that started it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Parent {
    /// The calling execution.
    pub id: ExecutionId,
    /// The call in it.
    pub key: String,
}

/// [`super::Body::Taken`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Taken {
    /// Who took it.
    pub owner: Owner,
    /// The flow's code digest now. `None` when it can't be told.
    pub code: Option<String>,
    /// Why: `start`, `resume`, `replay`, `child`, `parent` or `key`; or unasked ([`crate::lease::is_unasked`]): `answer`,
    /// `awaited`, `due` or `worker`.
    pub why: String,
    /// Where its code is from now on, if it was moved to another version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<Box<EntryPoint>>,
}

/// Whether an execution is taken up with these events though nobody asked for it ([`crate::lease::is_unasked`]).
pub fn is_unasked(events: &[super::Body]) -> bool {
    events.iter().any(|event| matches!(event, super::Body::Taken(taken) if crate::lease::is_unasked(&taken.why)))
}

/// Where the code of an execution is from these events on, if one of them moves it.
pub fn moved_to(events: &[super::Body]) -> Option<&EntryPoint> {
    events.iter().find_map(|event| match event {
        super::Body::Taken(taken) => taken.entry.as_deref(),
        _ => None,
    })
}

/// [`super::Body::ScopeOpened`].
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
