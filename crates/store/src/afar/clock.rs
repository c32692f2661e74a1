//! How far another machine's clock is ahead of the one here, as far as that can be told from questions and answers.
//!
//! Not here: asking.

use kitaru_core::Millis;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// See the module.
#[derive(Default)]
pub struct Ahead(AtomicI64);

impl Ahead {
    /// What that time of the clock here is by the other.
    pub fn by_its_clock(&self, here: Millis) -> Millis {
        here.saturating_add(self.0.load(Ordering::Relaxed))
    }

    /// The other clock was somewhere between what it was sent and what came back: as far as what was known before
    /// fits to that, it stays.
    pub fn hear(&self, sent: Millis, took: Millis, theirs: Millis) {
        let (most, least) = (theirs.saturating_sub(sent) + 1, theirs.saturating_sub(sent.saturating_add(took)) - 1);
        let known = self.0.load(Ordering::Relaxed);
        let fits = known.clamp(least.min(most), most);
        if fits != known {
            self.0.store(fits, Ordering::Relaxed);
        }
    }
}

/// The clock here.
pub fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis::try_from(since.as_millis()).unwrap_or(Millis::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_believed_no_further_than_it_can_be_told() {
        let ahead = Ahead::default();
        ahead.hear(1_000, 10, 1_005);
        assert_eq!(ahead.by_its_clock(0), 0, "it may be the same clock");
        ahead.hear(1_000, 10, 61_000);
        assert_eq!(ahead.by_its_clock(0), 59_989, "a minute ahead, give or take the way");
        ahead.hear(1_000, 2, 61_001);
        assert_eq!(ahead.by_its_clock(0), 59_998);
        ahead.hear(1_000, 500, 61_200);
        assert_eq!(ahead.by_its_clock(0), 59_998, "what is known better stays");
        ahead.hear(3_600_000, 2, 61_000);
        assert!(ahead.by_its_clock(0) < -3_500_000, "the clock here was set");
    }
}
