//! Schedules: kept with a version, found when they are to be looked at, changed by one of several at a time.

use super::{Fixture, T, code, fresh};
use kitaru_core::Millis;
use kitaru_core::event::EntryPoint;
use kitaru_core::schedule::{Overlap, Schedule, Spec, State};
use std::sync::atomic::{AtomicU64, Ordering};

pub fn schedule(name: &str, version: u64, until: Millis) -> Schedule {
    let spec = Spec {
        cron: "30 2 * * *".to_owned(),
        timezone: "Europe/Berlin".to_owned(),
        flow: "two\0".to_owned(),
        // A store behind a server says itself where that is.
        entry: EntryPoint { host: Some(kitaru_store::os::host_name()), ..EntryPoint::default() },
        inputs: "{\"text\":\"a\\u0000\\u001ab\"}".to_owned(),
        tags: vec!["nightly".to_owned()],
        deadline: Some(7),
        pool: Some("nights".to_owned()),
        overlap: Overlap::Queue,
        backfill: true,
        by: "me (cli)".to_owned(),
        added_at: T,
    };
    Schedule { name: name.to_owned(), version, spec, state: State { until, ..State::default() } }
}

pub fn a_schedule_is_kept_changed_and_removed_by_its_version(with: &Fixture) {
    let (store, name) = (with.store.as_ref(), format!("s-{}", fresh()));
    let before = store.version().unwrap();
    let one = schedule(&name, 7, T);
    store.keep_schedule(one.clone(), Some(T), None).unwrap();
    assert_ne!(store.version().unwrap(), before, "who works must notice");
    assert_eq!(code(store.keep_schedule(schedule(&name, 1, T), Some(T), None)), "conflict");
    let mine = |by| {
        let all = with.again().queries().schedules(by).unwrap();
        all.into_iter().filter(|one| one.name == name).collect::<Vec<_>>()
    };
    assert_eq!(mine(None), [one]);
    let next = schedule(&name, 8, T + 5);
    assert_eq!(code(store.keep_schedule(next.clone(), None, Some(6))), "conflict");
    store.keep_schedule(next.clone(), None, Some(7)).unwrap();
    assert_eq!(code(store.keep_schedule(next.clone(), None, Some(7))), "conflict");
    assert_eq!(mine(None), [next]);
    assert!(!store.remove_schedule(&name, 7).unwrap());
    assert!(store.remove_schedule(&name, 8).unwrap());
    assert!(!store.remove_schedule(&name, 8).unwrap());
    assert_eq!(code(store.keep_schedule(schedule(&name, 9, T), None, Some(8))), "conflict");
    assert!(mine(None).is_empty());
}

pub fn schedules_are_found_when_they_are_to_be_looked_at(with: &Fixture) {
    let (store, of) = (with.store.as_ref(), fresh());
    let name = |what: &str| format!("{what}-{of}");
    for (what, look_at, until) in [
        ("a-due", Some(T - 1), T),
        ("b-now", Some(T), T),
        ("c-later", Some(T + 1), T),
        ("d-paused", None, T),
        ("e-ahead", None, T + 1),
    ] {
        store.keep_schedule(schedule(&name(what), 1, until), look_at, None).unwrap();
    }
    let found = |by| -> Vec<String> {
        let all = store.queries().schedules(by).unwrap();
        all.into_iter().map(|one| one.name).filter(|name| name.ends_with(of.as_str())).collect()
    };
    assert_eq!(found(Some(T)), [name("a-due"), name("b-now"), name("e-ahead")]);
    assert_eq!(found(Some(T + 1)), [name("a-due"), name("b-now"), name("c-later")]);
    assert_eq!(found(None).len(), 5);
}

pub fn of_several_that_change_a_schedule_one_does(with: &Fixture) {
    let name = format!("s-{}", fresh());
    with.store.keep_schedule(schedule(&name, 1, T), Some(T), None).unwrap();
    let (won, rounds) = (AtomicU64::new(0), 20);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let store = with.again();
                for round in 1..=rounds {
                    let next = schedule(&name, round + 1, T + Millis::try_from(round).unwrap());
                    match store.keep_schedule(next, Some(T), Some(round)) {
                        Ok(()) => drop(won.fetch_add(1, Ordering::SeqCst)),
                        Err(error) => assert_eq!(error.code(), "conflict"),
                    }
                    // The next round begins when this one is over.
                    while store
                        .queries()
                        .schedules(None)
                        .unwrap()
                        .iter()
                        .any(|one| one.name == name && one.version <= round)
                    {
                        std::thread::yield_now();
                    }
                }
            });
        }
    });
    assert_eq!(won.load(Ordering::SeqCst), rounds);
}
