//! What becomes of ticks: each has one fate, whoever looks and whenever.
//!
//! Not here: when a schedule ticks (`schedule_times.rs`).
#![allow(clippy::unwrap_used, missing_docs)]

use kitaru_core::Millis;
use kitaru_core::event::EntryPoint;
use kitaru_core::schedule::{
    FAILED, Fate, MOST, Overlap, Schedule, Spec, Standing, State, Times, decide, resumed, tick_of,
};
use proptest::prelude::*;

const MINUTE: Millis = 60_000;
/// A whole minute.
const T: Millis = 1_780_000_020_000;

fn schedule(overlap: Overlap, backfill: bool) -> (Schedule, Times) {
    let spec = Spec {
        cron: "* * * * *".to_owned(),
        timezone: "UTC".to_owned(),
        flow: "report".to_owned(),
        entry: EntryPoint::default(),
        inputs: "{}".to_owned(),
        tags: Vec::new(),
        deadline: None,
        pool: None,
        overlap,
        backfill,
        by: "cli".to_owned(),
        added_at: T,
    };
    let state = State { until: T, ..State::default() };
    (Schedule { name: "minutely".to_owned(), version: 1, spec, state }, Times::read("* * * * *", "UTC").unwrap())
}

fn open() -> Standing {
    Standing::Open("running".to_owned())
}

/// Decides, and does what was decided. Returns the tick that was begun.
fn step(schedule: &mut Schedule, times: &Times, standing: &Standing, now: Millis) -> Option<Millis> {
    let next = decide(schedule, times, standing, now)?;
    let begun = next.last.clone().filter(|last| !last.made).map(|last| last.tick);
    schedule.state = next;
    schedule.state.ends = None;
    if let Some(last) = &mut schedule.state.last {
        last.made = true;
    }
    assert!(decide(schedule, times, &open(), now).is_none() || !schedule.state.waiting.is_empty(), "once");
    begun
}

fn fates(schedule: &Schedule) -> Vec<(Fate, u64)> {
    schedule.state.notes.iter().map(|note| (note.fate, note.count)).collect()
}

#[test]
fn a_tick_starts_once_when_its_time_has_come() {
    let (mut one, times) = schedule(Overlap::Skip, false);
    assert_eq!(one.look_at(&times), Some(T + MINUTE));
    assert_eq!(step(&mut one, &times, &Standing::Over, T + MINUTE - 1), None);
    assert_eq!(step(&mut one, &times, &Standing::Over, T + MINUTE), Some(T + MINUTE));
    assert_eq!(step(&mut one, &times, &Standing::Over, T + MINUTE + 1), None);
    assert_eq!(one.look_at(&times), Some(T + 2 * MINUTE));
    let key = one.key(T + MINUTE);
    assert_eq!(key, "minutely@2026-05-28T20:28:00Z");
    assert_eq!(tick_of(&["x".to_owned(), one.tag()], Some(&key)), Some(("minutely", T + MINUTE)));
    for (tags, key) in
        [(vec![], Some(key.as_str())), (vec!["schedule:other".to_owned()], Some(&key)), (vec![one.tag()], None)]
    {
        assert_eq!(tick_of(&tags, key), None);
    }
}

#[test]
fn of_several_that_were_missed_the_latest_starts_and_the_others_are_told() {
    let (mut one, times) = schedule(Overlap::Skip, false);
    assert_eq!(step(&mut one, &times, &Standing::Over, T + 7 * MINUTE + 5), Some(T + 7 * MINUTE));
    assert_eq!(fates(&one), [(Fate::Missed, 6), (Fate::Started, 1)]);
    assert_eq!((one.state.notes[0].from, one.state.notes[0].tick), (T + MINUTE, T + 6 * MINUTE));
}

#[test]
fn with_backfill_all_are_made_up_for_one_after_the_other_and_no_more_than_many() {
    let (mut one, times) = schedule(Overlap::Skip, true);
    let now = T + 130 * MINUTE;
    let mut begun = Vec::new();
    begun.extend(step(&mut one, &times, &Standing::Over, now));
    assert_eq!(step(&mut one, &times, &open(), now), None, "one at a time");
    while let Some(tick) = step(&mut one, &times, &Standing::Over, now) {
        begun.push(tick);
    }
    assert_eq!(begun, (31..=130).map(|at| T + at * MINUTE).collect::<Vec<_>>());
    assert_eq!(begun.len(), MOST);
    assert!(one.state.notes.len() <= 50);
}

#[test]
fn what_comes_while_the_one_before_works_follows_the_policy() {
    let (mut one, times) = schedule(Overlap::Skip, false);
    step(&mut one, &times, &Standing::Over, T + MINUTE);
    for at in 2..5 {
        assert_eq!(step(&mut one, &times, &open(), T + at * MINUTE), None);
    }
    assert_eq!(fates(&one), [(Fate::Started, 1), (Fate::Skipped, 3)]);
    assert!(one.state.notes[1].why.as_ref().unwrap().starts_with("the one before is running: "));
    assert_eq!(step(&mut one, &times, &Standing::Over, T + 5 * MINUTE), Some(T + 5 * MINUTE));

    let (mut one, times) = schedule(Overlap::Queue, false);
    step(&mut one, &times, &Standing::Over, T + MINUTE);
    for at in 2..(MOST as i64 + 5) {
        assert_eq!(step(&mut one, &times, &open(), T + at * MINUTE), None);
    }
    assert_eq!(one.look_at(&times), Some(0), "somebody must look when it has ended");
    assert_eq!(fates(&one), [(Fate::Started, 1), (Fate::Queued, 1), (Fate::Queued, 99), (Fate::Skipped, 3)]);
    let now = T + (MOST as i64 + 4) * MINUTE;
    assert_eq!(step(&mut one, &times, &Standing::Over, now), Some(T + 2 * MINUTE));
    assert_eq!(step(&mut one, &times, &Standing::Over, now), Some(T + 3 * MINUTE));

    let (mut one, times) = schedule(Overlap::Cancel, false);
    step(&mut one, &times, &Standing::Over, T + MINUTE);
    let next = decide(&one, &times, &open(), T + 2 * MINUTE).unwrap();
    assert_eq!(next.ends, Some(one.execution(T + MINUTE)));
    assert_eq!(next.last.as_ref().map(|last| (last.tick, last.made)), Some((T + 2 * MINUTE, false)));
    one.state = next;
    assert_eq!(decide(&one, &times, &open(), T + 9 * MINUTE), None, "first it is done");
    assert_eq!(one.look_at(&times), Some(0));
}

#[test]
fn what_cannot_begin_is_withdrawn_and_pauses_the_schedule() {
    let (mut one, times) = schedule(Overlap::Skip, false);
    let refused = Standing::Refused("error[flow-import]: it is gone".to_owned());
    step(&mut one, &times, &Standing::Over, T + MINUTE);
    for at in 2..=i64::from(FAILED) {
        let next = decide(&one, &times, &refused, T + at * MINUTE).unwrap();
        assert_eq!(next.ends, Some(one.execution(T + (at - 1) * MINUTE)));
        assert_eq!(step(&mut one, &times, &refused, T + at * MINUTE), Some(T + at * MINUTE));
    }
    let at = i64::from(FAILED) + 1;
    assert_eq!(step(&mut one, &times, &refused, T + at * MINUTE), None);
    let paused = one.state.paused.clone().unwrap();
    assert_eq!((paused.by.as_str(), paused.at), ("kitaru", T + at * MINUTE));
    assert!(paused.why.unwrap().contains("it is gone"));
    assert_eq!(one.look_at(&times), None);
    assert_eq!(step(&mut one, &times, &Standing::Over, T + 90 * MINUTE), None);

    one.state = resumed(&one.state, &times, T + 90 * MINUTE + 1);
    assert_eq!(one.state.notes.last().map(|note| (note.fate, note.count)), Some((Fate::Missed, 87)));
    assert_eq!(step(&mut one, &times, &Standing::Over, T + 90 * MINUTE + 1), None, "what came meanwhile stays away");
    assert_eq!(step(&mut one, &times, &Standing::Over, T + 91 * MINUTE), Some(T + 91 * MINUTE));
}

#[test]
fn a_clock_that_was_ahead_stops_nothing() {
    let (mut one, times) = schedule(Overlap::Skip, false);
    let year = 365 * 86_400_000;
    assert_eq!(step(&mut one, &times, &Standing::Over, T + year), Some(T + year));
    assert_eq!(step(&mut one, &times, &Standing::Over, T + year - 1_000), None, "corrected by a second");
    step(&mut one, &times, &Standing::Over, T + 3 * MINUTE + 1);
    assert_eq!(step(&mut one, &times, &Standing::Over, T + 4 * MINUTE), Some(T + 4 * MINUTE));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn each_tick_has_one_fate_and_none_overlap(
        overlap in prop_oneof![Just(Overlap::Skip), Just(Overlap::Queue), Just(Overlap::Cancel)],
        backfill in any::<bool>(),
        looks in prop::collection::vec((1..200_000i64, 0..180_000i64), 1..60),
    ) {
        let (mut one, times) = schedule(overlap, backfill);
        let (mut now, mut begun, mut over): (Millis, Vec<Millis>, Millis) = (T, Vec::new(), T);
        for (passes, lasts) in &looks {
            now += passes;
            let standing = if now < over { open() } else { Standing::Over };
            let was_open = now < over;
            let Some(next) = decide(&one, &times, &standing, now) else { continue };
            // Whoever looks at the same moment decides the same.
            prop_assert_eq!(Some(next.clone()), decide(&one, &times, &standing, now));
            let new = next.last.clone().filter(|last| !last.made);
            if let Some(last) = &new {
                prop_assert!(last.tick <= now);
                prop_assert!(!begun.contains(&last.tick), "twice");
                prop_assert!(!was_open || next.ends.is_some(), "beside another");
                begun.push(last.tick);
                over = now + lasts;
            }
            one.state = next;
            one.state.ends = None;
            if let Some(last) = &mut one.state.last {
                last.made = true;
            }
        }
        prop_assert!(begun.windows(2).all(|pair| pair[0] < pair[1]), "in order");
        let all: Vec<Millis> = times.between(T, one.state.until).collect();
        prop_assert!(begun.iter().all(|tick| all.contains(tick)));
        // With nothing left out, all have begun or wait.
        if overlap == Overlap::Queue && backfill {
            let mut known = begun.clone();
            known.extend(&one.state.waiting);
            prop_assert_eq!(known, all);
        }
    }
}
