//! Limits by name and the turns that calls have at them: what a store is asked, and what it says.
//!
//! A turn is no part of an execution's journal: it says who may begin now, and is gone when its call has ended. It belongs
//! to an execution at an epoch, so that whoever loses the execution loses its turns. All that is asked here may be asked
//! again, whatever became of it the first time. `rules` decides, once for all backends. Not here: waiting.

pub(crate) mod rules;

use kitaru_core::lease::Owner;
use kitaru_core::limit::{Bounds, Closed, Holds, Micros};
use kitaru_core::{Epoch, ExecutionId, Millis, ScopeId};
use serde::{Deserialize, Serialize};

/// A call that has a turn, or waits for one. It is the same after a crash, so that the call keeps its place.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Ticket {
    /// Its execution.
    pub execution: ExecutionId,
    /// As it was taken up.
    pub epoch: Epoch,
    /// What the call is known by in its execution.
    pub call: ScopeId,
}

/// A call that asks for its turn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// The call.
    pub ticket: Ticket,
    /// At which limit. One that nobody has set holds nothing back.
    pub limit: String,
    /// Name of its flow.
    pub flow: String,
    /// Name of the checkpoint, for people.
    pub name: String,
    /// Higher goes first.
    pub priority: i32,
}

/// How a call stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Turn {
    /// It begins at that time.
    Given(Micros),
    /// It waits.
    Waits {
        /// How many are before it.
        before: u64,
        /// For what.
        holds: Holds,
        /// When its turn comes, as far as the rate and a closing say.
        expects: Micros,
    },
    /// It has no place, or stands aside: it asks again.
    Unknown,
}

/// Who has turns at a limit, or waits for one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The execution.
    pub execution: ExecutionId,
    /// As it was taken up.
    pub epoch: Epoch,
    /// Who has it.
    pub owner: Owner,
    /// Until when it is believed without asking.
    pub lease_until: Millis,
}

/// A limit, for those who look.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitRow {
    /// Its name.
    pub name: String,
    /// What was set.
    pub bounds: Bounds,
    /// Who set that, and when; `None`: nobody has, calls name it.
    pub set: Option<(String, Millis)>,
    /// Set while it is closed.
    pub closed: Option<Closed>,
    /// How many calls have their turn.
    pub running: u64,
    /// How many wait for it, those that stand aside too.
    pub waiting: u64,
    /// How many turns it has given.
    pub given: u64,
}

/// A call that waits for its turn, for those who look.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitingCall {
    /// At which limit.
    pub limit: String,
    /// Name of its checkpoint.
    pub name: String,
    /// How many are before it.
    pub before: u64,
    /// For what it waits.
    pub holds: Holds,
    /// When its turn comes, as far as the rate and a closing say.
    pub expects: Micros,
    /// Since when.
    pub asked_at: Millis,
    /// Whether its process has left meanwhile.
    pub aside: bool,
}

/// What a store is asked about limits.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Limiting {
    /// A call asks for its turn.
    Ask(Box<Ask>, Millis),
    /// How calls stand. Whatever turns are due are given.
    Look(Vec<Ticket>, Millis),
    /// Calls that have ended, or want no turn any more.
    GiveBack(Vec<Ticket>),
    /// Calls that keep their place and get no turn before they ask again.
    StandAside(Vec<Ticket>),
    /// Who has turns there and waits for them, to be looked at whether they live; empty if somebody just looks.
    Holders(String, Millis),
    /// These are gone: what they had is free, and what waits stands aside.
    Gone(Vec<(ExecutionId, Epoch)>),
    /// Sets what a limit is.
    Set {
        /// Its name.
        name: String,
        /// What it is.
        bounds: Bounds,
        /// Who says so.
        by: String,
        /// When.
        at: Millis,
    },
    /// Forgets what was set.
    Remove(String, Millis),
    /// Closes a limit; turns whose time has not come are taken back.
    Close {
        /// Its name.
        name: String,
        /// Until when, and why.
        closed: Closed,
        /// Whether a person asked for it, and no provider.
        asked: bool,
    },
    /// Opens it again.
    Open(String, Millis),
    /// All limits.
    List(Millis),
    /// Calls of an execution that wait for a turn.
    Of(ExecutionId, Millis),
}

impl Limiting {
    /// Whether it only looks.
    pub fn only_looks(&self) -> bool {
        matches!(self, Self::List(_) | Self::Of(..))
    }
}

/// What a store says of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Limited {
    /// Of [`Limiting::Ask`].
    Turn(Turn),
    /// Of [`Limiting::Look`], in the same order.
    Turns(Vec<Turn>),
    /// Of [`Limiting::Holders`].
    Holders(Vec<Holder>),
    /// Whether that changed anything.
    Changed(bool),
    /// Of [`Limiting::List`], by name.
    Limits(Vec<LimitRow>),
    /// Of [`Limiting::Of`], oldest first.
    Waiting(Vec<WaitingCall>),
}
