//! Worlds of workers that crash, stand still and disagree about the time, on stores that fail.
//!
//! In each: one owner writes at a time; nothing is written after the end; no call is recorded twice; rows are what
//! the journal says; what kills its process is paused after three takes; everything else ends when faults stop.
//! `KITARU_SIM_SEEDS=N` widens the sweep.

#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_macros)]

use kitaru_sim::{Cheat, Report, Settings, simulate};
use kitaru_store::{Options, Store, Synchronous, open};
use std::sync::Arc;

fn seeds(few: u64) -> u64 {
    std::env::var("KITARU_SIM_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(few)
}

fn world(store: &Arc<dyn Store>, name: &str, seed: u64) -> Report {
    let settings = Settings { seed, actions: 400, cheat: Cheat::None };
    simulate(store, name, settings).unwrap_or_else(|broken| panic!("{broken}"))
}

fn sweep(store: &Arc<dyn Store>, what: &str, seeds: std::ops::Range<u64>) -> Report {
    let mut sum = Report::default();
    for seed in seeds {
        let report = world(store, &format!("{what}-{seed}"), seed);
        sum.deaths += report.deaths;
        sum.takes += report.takes;
        sum.fenced += report.fenced;
        sum.faults.0 += report.faults.0;
        sum.faults.1 += report.faults.1;
        sum.paused += report.paused;
        sum.completed += report.completed;
        sum.cancelled += report.cancelled;
    }
    println!("{what}: {sum:?}");
    sum
}

#[test]
fn every_promise_holds_in_every_world_in_memory() {
    let home = tempfile::tempdir().unwrap();
    let store = open("memory:", home.path(), &Options::default()).unwrap();
    let sum = sweep(&store, "memory", 0..seeds(250));
    let seen =
        [sum.deaths, sum.takes, sum.fenced, sum.faults.0, sum.faults.1, sum.paused, sum.completed, sum.cancelled];
    assert!(seen.iter().all(|count| *count > 0), "something never happened: {sum:?}");
}

#[test]
fn every_promise_holds_in_every_world_on_a_file() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("kitaru.db");
    let options = Options { synchronous: Synchronous::Normal, ..Options::default() };
    let store = open(path.to_str().unwrap(), home.path(), &options).unwrap();
    let sum = sweep(&store, "file", 10_000..10_000 + seeds(50));
    assert!(sum.fenced > 0 && sum.completed > 0, "something never happened: {sum:?}");
}

#[test]
fn the_same_seed_has_the_same_trace() {
    let home = tempfile::tempdir().unwrap();
    let store = open("memory:", home.path(), &Options::default()).unwrap();
    for seed in 0..20 {
        let one = world(&store, &format!("one-{seed}"), seed);
        let two = world(&store, &format!("two-{seed}"), seed);
        assert_eq!(one, two, "seed {seed}");
        let other = world(&store, &format!("other-{seed}"), seed + 1_000_000);
        assert_ne!(one.trace, other.trace);
    }
}

#[test]
fn a_store_that_does_not_fence_is_caught() {
    let home = tempfile::tempdir().unwrap();
    let store = open("memory:", home.path(), &Options::default()).unwrap();
    let caught = (0..50).any(|seed| {
        let settings = Settings { seed, actions: 400, cheat: Cheat::NoFence };
        simulate(&store, &format!("cheat-{seed}"), settings).is_err_and(|broken| broken.contains("wrote with epoch"))
    });
    assert!(caught);
}
