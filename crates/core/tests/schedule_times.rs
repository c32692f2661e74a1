//! When schedules tick, across the changes of several zones: by hand where the rule is told, and against a search of every
//! minute.
//!
//! Not here: what becomes of ticks (`schedule_ticks.rs`).
#![allow(clippy::unwrap_used, missing_docs)]

use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Timestamp, Zoned};
use kitaru_core::Millis;
use kitaru_core::schedule::{Times, utc};
use proptest::prelude::*;

fn at(text: &str) -> Millis {
    text.parse::<Timestamp>().unwrap().as_millisecond()
}

/// All ticks in a span, by the wall clock of the zone.
fn ticks(cron: &str, zone: &str, from: &str, until: &str) -> Vec<String> {
    let times = Times::read(cron, zone).unwrap();
    times.between(at(from) - 1, at(until)).map(|tick| times.wall(tick)).collect()
}

#[test]
fn a_time_that_is_left_out_comes_at_the_change() {
    let of = |cron| ticks(cron, "America/New_York", "2026-03-08T05:00:00Z", "2026-03-08T08:00:00Z");
    assert_eq!(of("30 2 * * *"), ["2026-03-08T03:00:00-04:00"]);
    // Several that are left out, and the one at the change itself, come as one.
    let quarters = of("*/15 * * * *");
    assert_eq!(
        quarters[6..10],
        [
            "2026-03-08T01:30:00-05:00",
            "2026-03-08T01:45:00-05:00",
            "2026-03-08T03:00:00-04:00",
            "2026-03-08T03:15:00-04:00"
        ]
    );
    assert_eq!(
        of("0 * * * *"),
        [
            "2026-03-08T00:00:00-05:00",
            "2026-03-08T01:00:00-05:00",
            "2026-03-08T03:00:00-04:00",
            "2026-03-08T04:00:00-04:00"
        ]
    );
    assert_eq!(
        ticks("15 2 29 3 *", "Europe/Berlin", "2026-01-01T00:00:00Z", "2026-12-31T00:00:00Z"),
        ["2026-03-29T03:00:00+02:00"]
    );
    // Half an hour only.
    assert_eq!(
        ticks("10,40 2 * * *", "Australia/Lord_Howe", "2026-10-03T12:00:00Z", "2026-10-04T03:00:00Z"),
        ["2026-10-04T02:30:00+11:00", "2026-10-04T02:40:00+11:00"]
    );
    // Where the clock jumps at midnight.
    assert_eq!(
        ticks("0 0 * * *", "America/Havana", "2026-03-07T12:00:00Z", "2026-03-09T12:00:00Z"),
        ["2026-03-08T01:00:00-04:00", "2026-03-09T00:00:00-04:00"]
    );
}

#[test]
fn a_time_that_comes_twice_ticks_at_the_first_unless_the_hours_are_any() {
    let of = |cron| ticks(cron, "America/New_York", "2026-11-01T04:00:00Z", "2026-11-01T07:00:00Z");
    assert_eq!(of("30 1 * * *"), ["2026-11-01T01:30:00-04:00"]);
    assert_eq!(
        of("0 0-3 * * *"),
        ["2026-11-01T00:00:00-04:00", "2026-11-01T01:00:00-04:00", "2026-11-01T02:00:00-05:00"]
    );
    assert_eq!(
        of("0 * * * *"),
        [
            "2026-11-01T00:00:00-04:00",
            "2026-11-01T01:00:00-04:00",
            "2026-11-01T01:00:00-05:00",
            "2026-11-01T02:00:00-05:00"
        ]
    );
    assert_eq!(of("@hourly"), of("0 * * * *"));
    let half = |cron| ticks(cron, "Australia/Lord_Howe", "2026-04-04T14:00:00Z", "2026-04-04T15:59:00Z");
    assert_eq!(half("45 1 * * *"), ["2026-04-05T01:45:00+11:00"]);
    assert_eq!(half("45 * * * *"), ["2026-04-05T01:45:00+11:00", "2026-04-05T01:45:00+10:30"]);
}

#[test]
fn a_zone_without_changes_has_none() {
    for zone in ["UTC", "Asia/Kolkata"] {
        let times = Times::read("30 2 * * *", zone).unwrap();
        let all: Vec<Millis> = times.between(at("2026-01-01T00:00:00Z"), at("2027-01-01T00:00:00Z")).collect();
        assert_eq!(all.len(), 365);
        assert!(all.windows(2).all(|pair| pair[1] - pair[0] == 86_400_000), "{zone}");
    }
}

#[test]
fn what_is_no_expression_or_never_comes_is_refused() {
    for cron in ["", "* * * *", "* * * * * *", "61 * * * *", "a b c d e", "0 0 30 2 *", "@sometimes", "* * * * * 2031"]
    {
        assert!(Times::read(cron, "UTC").is_err(), "{cron:?}");
    }
    for zone in ["", "Europe/Nowhere", "../../etc/passwd", "/etc/localtime"] {
        assert!(Times::read("* * * * *", zone).is_err(), "{zone:?}");
    }
    assert!(Times::read(&format!("{} * * * *", "1,".repeat(500)), "UTC").is_err());
    assert_eq!(
        ticks("0 12 29 2 *", "UTC", "2026-01-01T00:00:00Z", "2033-01-01T00:00:00Z"),
        ["2028-02-29T12:00:00+00:00", "2032-02-29T12:00:00+00:00"]
    );
    assert_eq!(utc(at("2026-03-08T07:30:00.123Z")), "2026-03-08T07:30:00Z");
}

const ZONES: &[&str] = &[
    "UTC",
    "America/New_York",
    "Europe/Berlin",
    "Australia/Lord_Howe",
    "America/Havana",
    "Africa/Casablanca",
    "Pacific/Chatham",
    "America/Sao_Paulo",
];

fn crons() -> impl Strategy<Value = String> {
    let minute = prop_oneof![Just("*"), Just("*/20"), Just("0"), Just("30"), Just("5,45"), Just("10-14")];
    let hour = prop_oneof![Just("*"), Just("*/2"), Just("0"), Just("1"), Just("2"), Just("0-3"), Just("1,2,23")];
    let day = prop_oneof![Just("* * *"), Just("* * sun"), Just("1 * *"), Just("L * *"), Just("* * mon-fri")];
    (minute, hour, day).prop_map(|(minute, hour, day)| format!("{minute} {hour} {day}"))
}

/// Around one of the changes of a zone.
fn spans() -> impl Strategy<Value = (&'static str, Millis)> {
    (0..ZONES.len(), 0..24usize, -40..40i64).prop_map(|(zone, which, hours)| {
        let found = TimeZoneDatabase::bundled().get(ZONES[zone]).unwrap();
        let begin = at("2015-01-01T00:00:00Z");
        let change = found.following(Timestamp::from_millisecond(begin).unwrap()).nth(which);
        let around = change.map_or(begin, |one| one.timestamp().as_millisecond());
        (ZONES[zone], around + hours * 3_600_000)
    })
}

/// What a search of every minute finds.
fn searched(cron: &str, zone: &str, after: Millis, until: Millis) -> Vec<Millis> {
    let tz: TimeZone = TimeZoneDatabase::bundled().get(zone).unwrap();
    let wanted = Times::read(cron, "UTC").unwrap();
    // In UTC nothing is left out and nothing comes twice.
    let matches = |wall: jiff::civil::DateTime| {
        let wall = wall.to_zoned(TimeZone::UTC).unwrap().timestamp().as_millisecond();
        wanted.next(wall - 1) == Some(wall)
    };
    let any_hour = cron.split(' ').nth(1).unwrap().starts_with('*');
    let mut found = Vec::new();
    let mut at = (after.div_euclid(60_000) + 1) * 60_000;
    while at <= until {
        let here = Zoned::new(Timestamp::from_millisecond(at).unwrap(), tz.clone());
        let before = Zoned::new(Timestamp::from_millisecond(at - 60_000).unwrap(), tz.clone());
        let second = tz.to_ambiguous_timestamp(here.datetime());
        let is_second = second.earlier().unwrap() != here.timestamp() && second.is_ambiguous();
        let mut ticks = matches(here.datetime()) && (any_hour || !is_second);
        let mut left_out = before.datetime() + jiff::Span::new().minutes(1);
        while left_out < here.datetime() {
            ticks |= matches(left_out);
            left_out += jiff::Span::new().minutes(1);
        }
        if ticks {
            found.push(at);
        }
        at += 60_000;
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn ticks_are_those_of_a_search_of_every_minute(cron in crons(), (zone, from) in spans()) {
        let until = from + 30 * 3_600_000;
        let times = Times::read(&cron, zone).unwrap();
        let found: Vec<Millis> = times.between(from, until).collect();
        prop_assert_eq!(&found, &searched(&cron, zone, from, until), "{} {}", cron, zone);
        prop_assert!(found.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn ticks_do_not_depend_on_when_they_are_looked_at(cron in crons(), (zone, from) in spans(), looks in prop::collection::vec(1..7_200_000i64, 1..20)) {
        let times = Times::read(&cron, zone).unwrap();
        let mut seen = Vec::new();
        let mut last = from;
        for look in looks {
            seen.extend(times.between(last, last + look));
            last += look;
        }
        let all: Vec<Millis> = times.between(from, last).collect();
        prop_assert_eq!(&seen, &all);
        for most in [1, 3, 1000] {
            let skip = all.len().saturating_sub(most);
            prop_assert_eq!(times.newest(from, last, most), all[skip..].to_vec());
        }
    }
}
