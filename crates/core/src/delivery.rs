//! In which order recorded results are handed out: the order in which they first came, so that racing tasks
//! race the same way again.
//!
//! Not here: knowing when nothing else of the flow is ready (the caller says so by calling [`Delivery::next`])
//! and waking anybody.

use crate::ids::{Millis, Seq};
use std::collections::BTreeSet;

/// How long the head of the journal may go unasked before the earliest asked record is served.
pub const PATIENCE: Millis = 100;

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Hand this outcome to whoever asked for it.
    Deliver(Seq),
    /// Ask again then, or when somebody asks for a record.
    Wait(Millis),
    /// Nobody is asking.
    Idle,
}

/// Outcomes by the sequence at which they were recorded.
#[derive(Debug, Default)]
pub struct Delivery {
    undelivered: BTreeSet<Seq>,
    asked: BTreeSet<Seq>,
    head_since: Option<(Seq, Millis)>,
}

impl Delivery {
    /// A pass in which these outcomes can be delivered.
    pub fn new(outcomes: impl IntoIterator<Item = Seq>) -> Self {
        Self { undelivered: outcomes.into_iter().collect(), ..Self::default() }
    }

    /// Somebody waits for this outcome.
    pub fn ask(&mut self, order: Seq) {
        self.asked.insert(order);
    }

    /// The outcome was handed out, or was nested in one that was, or nobody wants it any more.
    pub fn done(&mut self, order: Seq) {
        self.undelivered.remove(&order);
        self.asked.remove(&order);
    }

    /// What to hand out, now that nothing else of the flow is ready.
    pub fn next(&mut self, now: Millis) -> Next {
        let Some(first_asked) = self.asked.first().copied() else { return Next::Idle };
        let head = self.undelivered.first().copied().unwrap_or(first_asked);
        if head >= first_asked {
            self.head_since = None;
            self.done(first_asked);
            return Next::Deliver(first_asked);
        }
        let since = match self.head_since {
            Some((seq, since)) if seq == head && since <= now => since,
            _ => {
                self.head_since = Some((head, now));
                now
            }
        };
        if now - since < PATIENCE {
            return Next::Wait(since + PATIENCE);
        }
        // Nobody asked for what stands before: it does not hold up anything any more.
        self.undelivered = self.undelivered.split_off(&first_asked);
        self.head_since = None;
        self.done(first_asked);
        Next::Deliver(first_asked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_goes_first_whoever_asks_first() {
        let mut delivery = Delivery::new([3, 5, 8]);
        delivery.ask(8);
        delivery.ask(3);
        assert_eq!(delivery.next(0), Next::Deliver(3));
        assert_eq!(delivery.next(0), Next::Wait(PATIENCE));
        delivery.ask(5);
        assert_eq!(delivery.next(1), Next::Deliver(5));
        assert_eq!(delivery.next(1), Next::Deliver(8));
        assert_eq!(delivery.next(1), Next::Idle);
    }

    #[test]
    fn a_head_that_nobody_asks_for_gives_way_once() {
        let mut delivery = Delivery::new([1, 2, 3]);
        delivery.ask(2);
        assert_eq!(delivery.next(10), Next::Wait(10 + PATIENCE));
        assert_eq!(delivery.next(10 + PATIENCE), Next::Deliver(2));
        delivery.ask(3);
        assert_eq!(delivery.next(10 + PATIENCE), Next::Deliver(3));
    }

    #[test]
    fn a_clock_that_steps_back_only_starts_the_patience_again() {
        let mut delivery = Delivery::new([1, 2]);
        delivery.ask(2);
        assert_eq!(delivery.next(1_000), Next::Wait(1_000 + PATIENCE));
        assert_eq!(delivery.next(500), Next::Wait(500 + PATIENCE));
    }
}
