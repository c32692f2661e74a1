//! What somebody sets of a limit: `--at-once 10 --rate 50/s --burst 5`.

use super::Micros;
use crate::ids::Millis;
use serde::{Deserialize, Serialize};

/// The most turns in a period.
const MOST: u32 = 1_000_000;
/// The longest period.
const LONGEST: Millis = 7 * 24 * 3_600_000;

/// So many in a period, evenly apart, and at most `burst` together after a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate {
    /// How many.
    pub count: u32,
    /// In how many milliseconds.
    pub period: Millis,
    /// How many may begin together when none has for long enough.
    pub burst: u32,
}

/// What somebody has set. Nothing: all that come get their turn at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounds {
    /// How many calls run at once.
    pub at_once: Option<u32>,
    /// How many begin in a time.
    pub rate: Option<Rate>,
}

impl Rate {
    /// Reads `50/s`, `3000/m`, `1/10s`, `500/h` or `10000/d`.
    pub fn read(text: &str, burst: u32) -> Result<Self, String> {
        let bad = || format!("{text:?} is no rate: say 50/s, 3000/m, 500/h, 10000/d or 1/10s");
        let (count, period) = text.trim().split_once('/').ok_or_else(bad)?;
        let count: u32 = count.trim().parse().map_err(|_| bad())?;
        let period = period.trim();
        let digits = period.len() - period.trim_start_matches(|one: char| one.is_ascii_digit()).len();
        let (times, unit) = period.split_at(digits);
        let times: Millis = if times.is_empty() { 1 } else { times.parse().map_err(|_| bad())? };
        let unit: Millis = match unit.trim() {
            "ms" => 1,
            "s" | "sec" | "second" => 1_000,
            "m" | "min" | "minute" => 60_000,
            "h" | "hour" => 3_600_000,
            "d" | "day" => 86_400_000,
            _ => return Err(bad()),
        };
        let rate = Self { count, period: times.checked_mul(unit).ok_or_else(bad)?, burst };
        rate.check()?;
        Ok(rate)
    }

    /// Refuses what no schedule keeps.
    pub fn check(&self) -> Result<(), String> {
        if self.count == 0 {
            return Err("a rate of 0 lets nobody begin: close the limit instead".to_owned());
        }
        if self.count > MOST || self.period < 1 || self.period > LONGEST {
            return Err(format!("a rate is up to {MOST} in a period of 1 ms to 7 days"));
        }
        if self.period * 1000 < Micros::from(self.count) {
            return Err("turns are a microsecond apart at the least".to_owned());
        }
        if self.burst == 0 || self.burst > MOST {
            return Err(format!("a burst is 1 to {MOST}"));
        }
        Ok(())
    }

    /// How far apart turns are, rounded up: a limit is never exceeded by a fraction.
    pub fn distance(&self) -> Micros {
        let count = Micros::from(self.count.max(1));
        (self.period * 1000 + count - 1) / count
    }

    /// How far ahead of the schedule a burst may be.
    pub(super) fn slack(&self) -> Micros {
        self.distance().saturating_mul(Micros::from(self.burst.saturating_sub(1)))
    }

    /// As people write it.
    pub fn text(&self) -> String {
        let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s"), (1, "ms")];
        let (unit, name) = units.into_iter().find(|(unit, _)| self.period % unit == 0).unwrap_or((1, "ms"));
        match self.period / unit {
            1 => format!("{}/{name}", self.count),
            times => format!("{}/{times}{name}", self.count),
        }
    }
}

impl Bounds {
    /// Refuses what lets nobody begin.
    pub fn check(&self) -> Result<(), String> {
        if self.at_once == Some(0) {
            return Err("at once 0 lets nobody begin: close the limit instead".to_owned());
        }
        self.rate.map_or(Ok(()), |rate| rate.check())
    }
}
