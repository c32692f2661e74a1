//! What a replay would do, before it does it: which recorded calls it is served, which run again and why, which may
//! run because something that they depend on does, and what that saves and costs.
//!
//! `source` is what is known of the execution that is replayed, `place` what an override names, `decide` the plan,
//! `feeds` whose value a call was given. Every *reused* and every *runs* comes true as long as the flow's own code and
//! the world are the same; what can't be told is *may run*. What is reused is served to the first try of the body around
//! it: one that fails by itself makes anew in its next try what is in it, as everywhere.
//!
//! Not here: reading a journal or the code as it is now, checking values, and creating the replay (the engine's
//! `manage`).

mod decide;
mod error;
mod feeds;
mod place;
mod source;

pub use decide::plan;
pub use error::PlanError;
pub use place::Place;
pub use source::{Child, Had, Source, SourceCall};

use crate::event::{CallKind, Reuse, Usage};
use crate::ids::{ExecutionId, Millis, Seq};
use crate::selector::Selector;
use std::collections::HashMap;

/// What is asked of a replay.
#[derive(Clone, Debug, Default)]
pub struct Spec {
    /// The call from which everything runs again.
    pub from: Option<Selector>,
    /// Which records are served; `None`: [`Reuse::Frontier`].
    pub reuse: Option<Reuse>,
    /// Keep all that is recorded and let inputs decide, however early something was changed.
    pub keep_recorded: bool,
    /// What is changed, by path.
    pub overrides: Vec<String>,
    /// Waits to ask again, by key or name.
    pub ask_again: Vec<String>,
    /// Whether to ask all waits again.
    pub ask_all: bool,
    /// Digests of the code as it is now, by checkpoint and child flow, `None` where one has none; `None`: unread.
    pub codes: Option<HashMap<String, Option<String>>>,
}

/// Why a call is certain to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// Its inputs are changed.
    Overridden,
    /// It is what everything runs again from.
    Frontier,
    /// It had not ended when the frontier's call began.
    AfterFrontier,
    /// Something inside it is changed or runs again: that call.
    Around(String),
    /// Its code is another than recorded.
    CodeChanged,
    /// Its code can't be compared with what is recorded.
    CodeUnknown,
    /// Nothing in its inputs says that it is the same call, so it is never unchanged.
    NotTold,
    /// Its result was not stored.
    Volatile,
    /// The source failed by it.
    Failed,
    /// It has no outcome: it was in flight, or its record was dropped.
    InFlight,
}

/// What a replay does with a call of its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is served its record, or stands in a call that is.
    Reused,
    /// It is served what somebody put in place of its outcome.
    Supplied,
    /// It is not made: it stood in a call whose outcome somebody put in place.
    Skipped,
    /// The last run of the source did not ask for it: the flow was changed since it was recorded.
    Unasked,
    /// It runs.
    Runs(Why),
    /// It may run, be reused or not be made at all. Holds what that depends on; `None`: on code that was not read.
    MayRun(Option<String>),
    /// The question is asked again.
    AskedAgain,
}

/// A call of the source in a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Its key.
    pub key: String,
    /// Name of its checkpoint.
    pub name: String,
    /// What kind of step it is.
    pub kind: CallKind,
    /// What becomes of it.
    pub fate: Fate,
    /// Whether somebody's change is put into it, also where it is not certain to run.
    pub overridden: bool,
    /// Whether its effect must happen at most once, may have happened, and happens again if it runs.
    pub again: bool,
    /// Whether its code is another than recorded; `None`: it can't be told.
    pub changed: Option<bool>,
    /// How long it took, milliseconds.
    pub took: Option<Millis>,
    /// What it consumed, with all that it started.
    pub usage: Usage,
    /// The execution that it started.
    pub child: Option<ExecutionId>,
}

/// Some of a plan's calls together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sum {
    /// How many.
    pub calls: usize,
    /// How long at least one of them was under way, milliseconds. Waits and sleeps are left out.
    pub millis: Millis,
    /// What they consumed.
    pub usage: Usage,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The last event of the source that counts.
    pub upto: Seq,
    /// The records that are kept, as inclusive ranges of record sequences.
    pub kept: Vec<(Seq, Seq)>,
    /// Which of them are served.
    pub reuse: Reuse,
    /// Key of the call from which everything runs again.
    pub from: Option<String>,
    /// What each override names, in the order in which they were given.
    pub places: Vec<Place>,
    /// Keys of the waits that were asked to be asked again.
    pub asked: Vec<String>,
    /// The source's calls in the order of their records.
    pub lines: Vec<Line>,
    /// What is reused.
    pub saved: Sum,
    /// What is certain to run, as it was recorded.
    pub runs: Sum,
    /// What may run, as it was recorded.
    pub may_run: Sum,
    /// What a reader should know.
    pub notes: Vec<String>,
}

impl Plan {
    /// How many lines satisfy a condition.
    pub fn count(&self, is: impl Fn(&Line) -> bool) -> usize {
        self.lines.iter().filter(|line| is(line)).count()
    }
}
