//! Random flows, schedules, crashes and edits, judged by a model that shares nothing with the matcher.
//!
//! `KITARU_SEEDS=N` widens each sweep; a broken promise prints its seed, the flow and the journal.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    missing_docs
)]

#[path = "../desk/mod.rs"]
mod desk;

mod calls;
mod life;
mod machine;
mod model;
mod nature;
mod program;
mod rng;
mod steps;

use life::{End, Plan, Tally, live};
use model::Strict;
use program::Menu;

const PLAIN: Menu = Menu { tasks: false, races: false, clocks: false, failures: true, replays: false };
const TASKS: Menu = Menu { tasks: true, races: false, clocks: false, failures: false, replays: false };
const ALL: Menu = Menu { tasks: true, races: true, clocks: true, failures: true, replays: false };

fn sweep(what: &str, seeds: u64, plan: Plan) -> Tally {
    let seeds = std::env::var("KITARU_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(seeds);
    let mut sum = Tally::default();
    for seed in 0..seeds {
        let (_, tally) = live(seed, plan).unwrap_or_else(|broken| panic!("{what}: {broken}"));
        sum.passes += tally.passes;
        sum.crashes += tally.crashes;
        sum.asked += tally.asked;
        sum.raced += tally.raced;
        sum.served += tally.served;
        sum.ran += tally.ran;
        sum.failed += tally.failed;
    }
    println!("{what}: {seeds} flows, {sum:?}");
    sum
}

/// Without edits a flow that does one thing at a time ends as if it had never crashed, runs no recorded call
/// twice and asks nothing; nor does it when it is entered once more over its complete journal.
#[test]
fn a_sequential_flow_survives_any_crash() {
    let plan = Plan { menu: PLAIN, edits: false, crashes: 6, strict: Strict::All, may_ask: false };
    let sum = sweep("sequential", 3_000, plan);
    assert!(sum.crashes > 0 && sum.served > 0 && sum.failed > 0);
    same_result(plan, 3_000);
}

/// The same for flows whose tasks interleave in any order, as long as nothing in them depends on who comes first.
#[test]
fn a_flow_of_tasks_survives_any_crash_and_schedule() {
    let plan = Plan { menu: TASKS, edits: false, crashes: 6, strict: Strict::All, may_ask: false };
    let sum = sweep("tasks", 3_000, plan);
    assert!(sum.crashes > 0 && sum.served > 0);
    same_result(plan, 3_000);
}

/// Whatever the schedule, with races, cancelled losers, failures and clocks in arguments: without edits nobody
/// is served another call's result, and no recorded call with inputs runs again.
#[test]
fn a_racing_flow_never_pays_twice_for_a_call_with_inputs() {
    let plan = Plan { menu: ALL, edits: false, crashes: 6, strict: Strict::Inputs, may_ask: true };
    let sum = sweep("racing", 4_000, plan);
    assert!(sum.crashes > 0 && sum.served > 0);
}

/// After any edits a sequential flow serves nobody another call's result, and runs no recorded call again unless
/// it was asked about.
#[test]
fn an_edited_sequential_flow_runs_nothing_again_unasked() {
    let plan = Plan { menu: PLAIN, edits: true, crashes: 5, strict: Strict::Edited, may_ask: true };
    let sum = sweep("edited", 6_000, plan);
    assert!(sum.asked > 0 && sum.served > 0);
}

/// After any edits and under any schedule nobody is served another call's result unless that was decided.
#[test]
fn an_edited_racing_flow_serves_nobody_anothers_result() {
    let plan = Plan { menu: ALL, edits: true, crashes: 5, strict: Strict::Own, may_ask: true };
    let sum = sweep("edited and racing", 6_000, plan);
    assert!(sum.asked > 0 && sum.served > 0);
}

fn same_result(plan: Plan, seeds: u64) {
    for seed in 0..seeds.min(1_000) {
        let (crashed, _) = live(seed, plan).unwrap_or_else(|broken| panic!("{broken}"));
        let (smooth, _) = live(seed, Plan { crashes: 0, ..plan }).unwrap_or_else(|broken| panic!("{broken}"));
        assert_eq!(crashed, smooth, "seed {seed}");
        assert_ne!(crashed, End::Raced, "seed {seed}");
    }
}
