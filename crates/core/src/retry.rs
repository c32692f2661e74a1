//! When a failed try is tried again: count, exponential backoff and jitter, as arithmetic.
//!
//! Not here: which exceptions are worth a retry (Python decides on the live exception) and sleeping.

use crate::ids::Millis;
use serde::{Deserialize, Serialize};

/// A retry policy.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    /// How many times a failed call is tried again; 0: never.
    pub retries: u32,
    /// Milliseconds before the first retry.
    pub backoff: Millis,
    /// Factor from one pause to the next.
    pub factor: f64,
    /// Longest pause in milliseconds.
    pub max: Millis,
    /// Part of a pause that is random, 0 to 1.
    pub jitter: f64,
}

/// Milliseconds to pause after the failed `attempt` (from 1), or `None` when tries have run out.
///
/// `draw` is a random number in 0..1. `at_least` is what the provider asked for (`Retry-After`); it wins over
/// a shorter pause and over [`Policy::max`], since asking earlier would only be refused again.
pub fn pause(policy: &Policy, attempt: u32, draw: f64, at_least: Option<Millis>) -> Option<Millis> {
    if attempt > policy.retries {
        return None;
    }
    let power = i32::try_from(attempt.saturating_sub(1)).unwrap_or(i32::MAX);
    #[allow(clippy::cast_precision_loss)]
    let full = (policy.backoff as f64 * policy.factor.powi(power)).min(policy.max as f64).max(0.0);
    let fixed = full * (1.0 - policy.jitter);
    #[allow(clippy::cast_possible_truncation)]
    let pause = draw.clamp(0.0, 1.0).mul_add(full * policy.jitter, fixed) as Millis;
    Some(pause.max(at_least.unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: Policy = Policy { retries: 3, backoff: 1_000, factor: 2.0, max: 3_000, jitter: 0.5 };

    #[test]
    fn pauses_grow_to_their_limit_and_end() {
        let pauses: Vec<_> = (1..=4).map(|attempt| pause(&POLICY, attempt, 1.0, None)).collect();
        assert_eq!(pauses, [Some(1_000), Some(2_000), Some(3_000), None]);
    }

    #[test]
    fn jitter_only_shortens() {
        assert_eq!(pause(&POLICY, 1, 0.0, None), Some(500));
    }

    #[test]
    fn a_provider_that_asks_for_longer_is_obeyed() {
        assert_eq!(pause(&POLICY, 1, 0.0, Some(60_000)), Some(60_000));
    }
}
