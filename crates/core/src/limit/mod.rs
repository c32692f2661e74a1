//! Limits by name: how many calls at once, and how many in a time, as arithmetic on a passed-in time.
//!
//! [`Gate`] is all that a limit has between two calls, [`rate`] what `50/s` means. A turn may be given a little before its
//! time ([`AHEAD`]): whoever has it waits by itself until then, so that the distance of turns is that of the schedule, and
//! not that of those who look. Not here: who waits, and in which order (stores), and waiting.

mod rate;

pub use rate::{Bounds, Rate};

use crate::ids::Millis;
use serde::{Deserialize, Serialize};

/// Microseconds since the Unix epoch, UTC: turns of a fast limit are less than a millisecond apart.
pub type Micros = i64;

/// How long before its time a turn is given, at most.
pub const AHEAD: Micros = 500_000;
/// A time that is so long before one that was known is of a clock that was set back; a nearer one is of somebody whose
/// clock is late, or who had to wait for the store.
const APART: Millis = 10_000;
/// The longest that a provider's word closes a limit: after that somebody tries again, and is told again.
pub const MOST_CLOSED: Millis = 3_600_000;
/// The longest name of a limit, in bytes.
pub const LONGEST_NAME: usize = 200;

/// Until when nobody gets a turn, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    /// When it was closed.
    pub from: Millis,
    /// Until when.
    pub until: Millis,
    /// Who closed it: a person, or the key of a call.
    pub by: String,
    /// In words.
    pub why: String,
}

/// Why nobody gets a turn now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Holds {
    /// As many as may run do.
    Full,
    /// The next one's time has not come.
    Rate,
    /// It is closed.
    Closed,
}

/// What a limit is, and how far it has got.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gate {
    /// What somebody has set.
    pub bounds: Bounds,
    /// When the turn after the last one is due, were there no burst.
    pub due: Micros,
    /// Set while it is closed.
    pub closed: Option<Closed>,
    /// The latest time at which a turn was given.
    pub clock: Millis,
}

impl Gate {
    /// What time counts as now, of what somebody's clock says. A clock that was set back makes nobody wait for a time that
    /// has been before.
    pub fn mend(&mut self, now: Millis) -> Millis {
        let mut now = now;
        if now + APART < self.clock {
            if let Some(closed) = &mut self.closed {
                closed.until = now + (closed.until - closed.from);
                closed.from = now;
            }
            self.due = self.due.min(now * 1000);
            self.clock = now;
        } else {
            now = now.max(self.clock);
        }
        if self.closed.as_ref().is_some_and(|closed| closed.until <= now) {
            self.closed = None;
        }
        now
    }

    /// Sets what it is. What has been given by a slower rate counts no longer than by the new one.
    pub fn set(&mut self, bounds: Bounds, now: Millis) {
        self.bounds = bounds;
        let distance = bounds.rate.map_or(0, |rate| rate.distance());
        self.due = self.due.min(now * 1000 + distance);
    }

    /// When the next turn is, were there a place. It is given from [`AHEAD`] before on.
    pub fn next_at(&self, now: Millis) -> Micros {
        let opens = self.closed.as_ref().map_or(now, |closed| closed.until.max(now)) * 1000;
        match &self.bounds.rate {
            Some(rate) => opens.max(self.due - rate.slack()),
            None => opens,
        }
    }

    /// Gives the next turn, while `running` have one. Returns its time, or why there is none.
    pub fn give(&mut self, now: Millis, running: u64) -> Result<Micros, Holds> {
        let at = self.next_at(now);
        if at > now * 1000 + AHEAD {
            return Err(if self.closed.is_some() { Holds::Closed } else { Holds::Rate });
        }
        if self.bounds.at_once.is_some_and(|most| running >= u64::from(most)) {
            return Err(Holds::Full);
        }
        if let Some(rate) = &self.bounds.rate {
            self.due = self.due.max(at) + rate.distance();
        }
        self.clock = self.clock.max(now);
        Ok(at)
    }

    /// When the turn comes of whoever has so many before it, as far as the rate and the closing say.
    pub fn expects(&self, now: Millis, before: u64) -> Micros {
        let at = self.next_at(now);
        let Some(rate) = &self.bounds.rate else { return at };
        let before = Micros::try_from(before).unwrap_or(Micros::MAX);
        // With a burst, the first of them come together.
        let due = self.due.max(at).saturating_add(before.saturating_mul(rate.distance())) - rate.slack();
        at.max(due)
    }

    /// Closes it until then, unless it is closed for longer. Returns whether that changed anything.
    pub fn close(&mut self, closed: Closed) -> bool {
        if self.closed.as_ref().is_some_and(|known| known.until >= closed.until) {
            return false;
        }
        self.closed = Some(closed);
        true
    }
}

/// Refuses what is no name of a limit.
pub fn check_name(name: &str) -> Result<(), String> {
    if name.is_empty() || name.len() > LONGEST_NAME {
        return Err(format!("the name of a limit has 1 to {LONGEST_NAME} bytes"));
    }
    if name.chars().any(|one| one.is_control() || one.is_whitespace()) || name.starts_with('-') {
        return Err(format!("{name:?}: the name of a limit has no spaces, and does not begin with a dash"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
