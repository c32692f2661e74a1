//! Who may write an execution now: owners, leases and when another process may take over, as arithmetic.
//!
//! Not here: asking the operating system whether a process lives (the store's `os` module does).

use crate::ids::Millis;
use crate::rows::Status;
use serde::{Deserialize, Serialize};

/// A process that holds executions. Names the process well enough that a recycled pid is not mistaken for it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Owner {
    /// Host name.
    pub host: String,
    /// The kernel's boot identifier: pids and locks mean nothing across it.
    pub boot: String,
    /// Process identifier.
    pub pid: u32,
    /// Start time of the process, in the kernel's own unit.
    pub started: u64,
    /// The byte that the process keeps locked in the home's lock file; [`NO_SLOT`]: none, it works through a server.
    pub slot: u64,
    /// Drawn at random when the process first owned something.
    pub nonce: String,
}

/// The slot of an owner that has no lock file in common with others. More processes than this never share one.
pub const NO_SLOT: u64 = 1 << 20;

impl Owner {
    /// Whether it works through a server, and is known by its lease.
    pub fn is_remote(&self) -> bool {
        self.slot >= NO_SLOT
    }
}

/// What the operating system says of an owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Pulse {
    /// It lives.
    Alive,
    /// It is gone.
    Dead,
    /// It is on another machine, or nothing can be said: only its lease counts.
    Unknown,
}

/// Whether an execution is really being worked on, and if not why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// Nobody holds it.
    Free,
    /// A living owner holds it.
    Held,
    /// Its owner is gone without a word.
    Orphaned,
}

/// Who holds an execution, given its owner's pulse.
pub fn hold(has_owner: bool, pulse: Pulse, lease_until: Millis, now: Millis) -> Hold {
    match (has_owner, pulse) {
        (false, _) => Hold::Free,
        (true, Pulse::Dead) => Hold::Orphaned,
        (true, Pulse::Alive) => Hold::Held,
        (true, Pulse::Unknown) if lease_until <= now => Hold::Orphaned,
        (true, Pulse::Unknown) => Hold::Held,
    }
}

/// The status that people should see: a running execution whose owner is gone is interrupted.
pub fn visible(status: Status, hold: Hold) -> Status {
    match (status, hold) {
        (Status::Running, Hold::Free | Hold::Orphaned) => Status::Interrupted,
        (status, _) => status,
    }
}

/// How many times an execution may be taken up without one new record before it is paused.
pub const MAX_FRUITLESS_TAKES: u32 = 3;

/// Whether an execution may be taken up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Take {
    /// It may.
    Free,
    /// It is completed or cancelled.
    Ended,
    /// A living owner holds it.
    Held,
    /// It was taken up [`MAX_FRUITLESS_TAKES`] times without one new record: it is to be paused.
    Fruitless,
    /// It is paused or has failed by now, and nobody has decided that it goes on.
    Undecided,
}

/// Whether whoever takes an execution up for that reason does so unasked: because what it waited for has come, or its
/// process is gone. Everybody else was asked to by somebody, or by the flow that it is part of.
pub fn is_unasked(why: &str) -> bool {
    matches!(why, "answer" | "awaited" | "due" | "worker")
}

/// Whether it is for somebody to decide that an execution of that recorded status goes on.
fn is_undecided(status: Status) -> bool {
    matches!(status, Status::Paused | Status::Failed)
}

/// Whether an execution of that recorded status may be taken up. `fruitless`: takes since its last new record. `unasked`:
/// see [`is_unasked`].
pub fn take(status: Status, hold: Hold, fruitless: u32, unasked: bool) -> Take {
    if status.is_final() {
        Take::Ended
    } else if hold == Hold::Held {
        Take::Held
    } else if unasked && is_undecided(status) {
        Take::Undecided
    } else if fruitless >= MAX_FRUITLESS_TAKES && status == Status::Running {
        Take::Fruitless
    } else {
        Take::Free
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_owner_is_noticed_before_its_lease_ends() {
        assert_eq!(hold(true, Pulse::Dead, 1_000, 10), Hold::Orphaned);
        assert_eq!(visible(Status::Running, Hold::Orphaned), Status::Interrupted);
    }

    #[test]
    fn an_owner_elsewhere_is_believed_until_its_lease_ends() {
        assert_eq!(hold(true, Pulse::Unknown, 1_000, 999), Hold::Held);
        assert_eq!(hold(true, Pulse::Unknown, 1_000, 1_000), Hold::Orphaned);
    }

    #[test]
    fn what_kills_every_process_that_takes_it_up_is_paused() {
        let dead = Hold::Orphaned;
        let take = |status, hold, fruitless| take(status, hold, fruitless, false);
        assert_eq!(take(Status::Running, dead, MAX_FRUITLESS_TAKES - 1), Take::Free);
        assert_eq!(take(Status::Running, dead, MAX_FRUITLESS_TAKES), Take::Fruitless);
        assert_eq!(take(Status::Running, Hold::Held, MAX_FRUITLESS_TAKES), Take::Held);
        assert_eq!(take(Status::Paused, Hold::Free, MAX_FRUITLESS_TAKES), Take::Free, "somebody resumed it");
    }

    #[test]
    fn nobody_takes_up_unasked_what_waits_for_a_decision() {
        for status in [Status::Paused, Status::Failed] {
            assert_eq!(take(status, Hold::Free, 0, is_unasked("due")), Take::Undecided);
            assert_eq!(take(status, Hold::Free, 0, is_unasked("resume")), Take::Free);
        }
        for status in [Status::Waiting, Status::Sleeping, Status::Interrupted] {
            assert_eq!(take(status, Hold::Free, 0, is_unasked("answer")), Take::Free);
        }
    }

    #[test]
    fn a_living_owner_holds_even_past_its_lease() {
        assert_eq!(hold(true, Pulse::Alive, 0, 10), Hold::Held);
    }
}
