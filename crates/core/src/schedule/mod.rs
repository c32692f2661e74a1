//! Schedules: a flow that is started at the times of a cron expression, each tick once.
//!
//! [`times`] says when it ticks, [`decide`] what becomes of the ticks that are due. The execution of a tick is known by a
//! key that is made of the schedule's name and the tick's time, so that whoever creates it twice creates one. Not here:
//! rows of a store, and creating anything (the engine does).

mod decide;
mod times;

pub use decide::{FAILED, JUMP, MOST, Standing, decide, resumed};
pub use times::{Times, utc};

use crate::event::EntryPoint;
use crate::ids::{ExecutionId, Millis};
use serde::{Deserialize, Serialize};

/// What happens to a tick that comes while the execution of the one before has not ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// It is left out, which is noted.
    #[default]
    Skip,
    /// It begins when that has ended.
    Queue,
    /// That is cancelled first.
    Cancel,
}

impl Overlap {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Queue => "queue",
            Self::Cancel => "cancel",
        }
    }

    /// The policy of that word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Skip, Self::Queue, Self::Cancel].into_iter().find(|one| one.as_str() == word)
    }
}

/// What was asked for. It never changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spec {
    /// The cron expression, as it was typed.
    pub cron: String,
    /// Name of the time zone that its times are in.
    pub timezone: String,
    /// Name of the flow.
    pub flow: String,
    /// Where its code is.
    pub entry: EntryPoint,
    /// Its bound arguments, a JSON text.
    pub inputs: String,
    /// Labels of its executions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// How long each may work before it is paused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Millis>,
    /// The pool whose workers run them; `None`: the one that all have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<String>,
    /// See [`Overlap`].
    pub overlap: Overlap,
    /// Whether ticks that were missed while nobody worked are made up for.
    pub backfill: bool,
    /// Who added it.
    pub by: String,
    /// When.
    pub added_at: Millis,
}

/// How far it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Ticks up to then are decided.
    pub until: Millis,
    /// The last tick that an execution was decided for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Begun>,
    /// Ticks whose turn comes when the execution before them has ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waiting: Vec<Millis>,
    /// What is to be cancelled before anything is created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends: Option<ExecutionId>,
    /// Set while it is paused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<Paused>,
    /// What was refused when the last execution was to begin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<Refused>,
    /// How many ticks in a row could not begin.
    #[serde(default)]
    pub failures: u32,
    /// What became of the last ticks, oldest first.
    #[serde(default)]
    pub notes: Vec<Note>,
}

/// A tick that an execution was decided for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Begun {
    /// Its time.
    pub tick: Millis,
    /// Whether the execution is known to have been created.
    pub made: bool,
}

/// Who paused a schedule, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Paused {
    /// `kitaru`: the schedule itself.
    pub by: String,
    /// When.
    pub at: Millis,
    /// Why, if there is more to say than that somebody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// What a worker was told when it began an execution.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Refused {
    /// Of which tick.
    pub tick: Millis,
    /// The refusal, in one line.
    pub why: String,
}

/// What became of a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It has an execution.
    Started,
    /// It waits until the execution before it has ended.
    Queued,
    /// It was left out because of the one before.
    Skipped,
    /// Nobody worked when it came, and it is not made up for.
    Missed,
    /// Its execution could not begin, and was withdrawn.
    Failed,
}

impl Fate {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Queued => "queued",
            Self::Skipped => "skipped",
            Self::Missed => "missed",
            Self::Failed => "failed",
        }
    }
}

/// What became of a tick, or of several in a row that went the same way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Note {
    /// What.
    pub fate: Fate,
    /// The first of them.
    pub from: Millis,
    /// The last of them.
    pub tick: Millis,
    /// How many there are; [`MOST`] times ten and no more are counted.
    pub count: u64,
    /// When that was decided.
    pub at: Millis,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// A schedule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    /// What it is called: one of that name is there at a time.
    pub name: String,
    /// Grows with each change; the first is 1. What was removed and added again has another.
    pub version: u64,
    /// What was asked for.
    pub spec: Spec,
    /// How far it is.
    pub state: State,
}

impl Schedule {
    /// What the execution of a tick is known by.
    pub fn key(&self, tick: Millis) -> String {
        format!("{}@{}", self.name, utc(tick))
    }

    /// The identifier of the execution of a tick.
    pub fn execution(&self, tick: Millis) -> ExecutionId {
        ExecutionId::keyed(&self.spec.flow, &self.key(tick))
    }

    /// The label of its executions.
    pub fn tag(&self) -> String {
        format!("{TAG}{}", self.name)
    }

    /// When it is to be looked at next; `None`: not before somebody changes it.
    pub fn look_at(&self, times: &Times) -> Option<Millis> {
        let state = &self.state;
        if !state.is_settled() {
            return Some(0);
        }
        match state.paused {
            Some(_) => None,
            None if !state.waiting.is_empty() => Some(0),
            None => times.next(state.until),
        }
    }
}

impl State {
    /// Whether all that was decided is done.
    pub fn is_settled(&self) -> bool {
        self.ends.is_none() && self.last.as_ref().is_none_or(|last| last.made)
    }
}

/// What the label of a schedule's executions begins with.
pub const TAG: &str = "schedule:";

/// The schedule and the tick that an execution's labels and key name.
pub fn tick_of<'a>(tags: &'a [String], key: Option<&str>) -> Option<(&'a str, Millis)> {
    let (name, at) = key?.rsplit_once('@')?;
    let named = tags.iter().filter_map(|tag| tag.strip_prefix(TAG)).find(|tag| *tag == name)?;
    let at: jiff::Timestamp = at.parse().ok()?;
    Some((named, at.as_millisecond()))
}
