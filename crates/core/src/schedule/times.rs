//! When a schedule ticks: a cron expression in a time zone, as moments.
//!
//! The cron expression names wall-clock times. A zone's offset is constant between two of its changes, so that each
//! stretch between changes is searched by itself. A time that a change leaves out ticks at the moment of that change. A
//! time that comes twice ticks the first time only, unless the hours are `*` or `*/n`: such a schedule goes by the time
//! that passes, and ticks both times.
//!
//! Zones are those of the database that was built in: the same on each machine. Not here: what becomes of a tick
//! ([`super::decide`]).

use crate::ids::Millis;
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone, TimeZoneDatabase};

/// No expression is longer.
const LONG: usize = 200;
/// So many stretches are searched for the next tick at the most: some thousand years.
const STRETCHES: usize = 8_000;
/// What is longer away than this is not looked for: 50 years.
const FAR: i64 = 50 * 366 * 86_400;

/// See the module.
#[derive(Clone, Debug)]
pub struct Times {
    cron: Cron,
    zone: TimeZone,
    /// Whether a time that comes twice ticks twice.
    both: bool,
}

/// The time between two changes of a zone, in seconds since the epoch.
struct Stretch {
    start: i64,
    end: i64,
    offset: i64,
    /// The offset that was before.
    before: i64,
}

impl Times {
    /// Reads a cron expression of five fields (or `@daily` and the like) and the name of a zone. Refuses what never ticks.
    pub fn read(cron: &str, zone: &str) -> Result<Self, String> {
        let fields = named(cron.trim());
        if fields.len() > LONG {
            return Err(format!("a cron expression has at most {LONG} characters"));
        }
        if fields.split_whitespace().count() != 5 {
            let form = "minute, hour, day of the month, month, day of the week: '0 6 * * mon-fri'";
            return Err(format!("{cron:?} has not the five fields of a cron expression ({form})"));
        }
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let parsed = parser.parse(fields).map_err(|error| format!("{cron:?} is no cron expression: {error}"))?;
        let found = TimeZoneDatabase::bundled().get(zone);
        let zone =
            found.map_err(|_| format!("there is no time zone {zone:?}: they are called as Europe/Berlin, UTC"))?;
        let both = fields.split_whitespace().nth(1).is_some_and(|hours| hours.starts_with('*'));
        let times = Self { cron: parsed, zone, both };
        // From the beginning of 2024, a leap year: a leap day is four years away at the most, but for 2100.
        if times.next(1_704_067_200_000).is_none() {
            return Err(format!("{cron:?} never comes"));
        }
        Ok(times)
    }

    /// The first tick after that time.
    pub fn next(&self, after: Millis) -> Option<Millis> {
        let from = after.div_euclid(1000).checked_add(1)?;
        let mut stretch = self.stretch(from)?;
        let mut from = from;
        for _ in 0..STRETCHES {
            if let Some(found) = self.within(&stretch, from)? {
                return found.checked_mul(1000);
            }
            if stretch.end - after.div_euclid(1000) > FAR {
                return None;
            }
            from = stretch.end;
            stretch = self.stretch(from)?;
        }
        None
    }

    /// The first tick in a stretch that is not before `from`; `None`: there is none in any.
    fn within(&self, stretch: &Stretch, from: i64) -> Option<Option<i64>> {
        let Stretch { start, end, offset, before } = *stretch;
        // What the change has left out comes with it.
        if start >= from
            && offset > before
            && let Some(left_out) = self.matching(start + before)
            && left_out < start + offset
        {
            return Some(Some(start));
        }
        let mut wall = from.max(start) + offset;
        if offset < before && !self.both {
            // These have been there before the change.
            wall = wall.max(start + before);
        }
        let found = self.matching(wall)? - offset;
        Some((found < end).then_some(found))
    }

    /// The first wall-clock time from `wall` on that the expression names, both as if the zone were UTC.
    fn matching(&self, wall: i64) -> Option<i64> {
        let at: DateTime = Offset::UTC.to_datetime(Timestamp::from_second(wall).ok()?);
        let found = self.cron.find_next_occurrence(&at, true).ok()?;
        Some(Offset::UTC.to_timestamp(found).ok()?.as_second())
    }

    /// The stretch that a time is in.
    fn stretch(&self, at: i64) -> Option<Stretch> {
        let at = Timestamp::from_second(at).ok()?;
        let last = Timestamp::from_nanosecond(at.as_nanosecond() + 1).ok()?;
        let offset = i64::from(self.zone.to_offset(at).seconds());
        let start = self.zone.preceding(last).next().map(|one| one.timestamp().as_second());
        let before = start
            .and_then(|start| Timestamp::from_second(start - 1).ok())
            .map_or(offset, |before| i64::from(self.zone.to_offset(before).seconds()));
        let end = self.zone.following(at).next().map_or(i64::MAX / 4, |one| one.timestamp().as_second());
        Some(Stretch { start: start.unwrap_or(i64::MIN / 4), end, offset, before })
    }

    /// The newest ticks after `after` and not after `until`, at most `most` of them, in order.
    pub fn newest(&self, after: Millis, until: Millis, most: usize) -> Vec<Millis> {
        let mut look = 60_000;
        loop {
            let from = until.saturating_sub(look).max(after);
            let found: Vec<Millis> = self.between(from, until).collect();
            if found.len() >= most || from <= after {
                let skip = found.len().saturating_sub(most);
                return found.into_iter().skip(skip).collect();
            }
            look = look.saturating_mul(2);
        }
    }

    /// The ticks after `after` and not after `until`, in order.
    pub fn between(&self, after: Millis, until: Millis) -> impl Iterator<Item = Millis> + '_ {
        let mut last = after;
        std::iter::from_fn(move || {
            let next = self.next(last).filter(|next| *next <= until)?;
            last = next;
            Some(next)
        })
    }

    /// A moment by the wall clock of the zone: `2026-03-08T02:30:00-05:00`.
    pub fn wall(&self, at: Millis) -> String {
        let Ok(at) = Timestamp::from_millisecond(at) else { return String::new() };
        let offset = self.zone.to_offset(at);
        at.display_with_offset(offset).to_string()
    }
}

/// What a nickname stands for.
fn named(cron: &str) -> &str {
    match cron.to_ascii_lowercase().as_str() {
        "@hourly" => "0 * * * *",
        "@daily" | "@midnight" => "0 0 * * *",
        "@weekly" => "0 0 * * 0",
        "@monthly" => "0 0 1 * *",
        "@yearly" | "@annually" => "0 0 1 1 *",
        _ => cron,
    }
}

/// A moment in UTC to the second, as it stands in keys: `2026-03-08T07:30:00Z`.
pub fn utc(at: Millis) -> String {
    Timestamp::from_second(at.div_euclid(1000)).map(|at| at.to_string()).unwrap_or_default()
}
