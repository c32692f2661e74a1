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

mod begin;
mod calls;
mod life;
mod machine;
mod model;
mod nature;
mod plans;
mod program;
mod replays;
mod standing;
mod steps;
mod truth;

// The simulator's: what it asks for beside this is unused here.
#[allow(dead_code)]
#[path = "../../../sim/src/rng.rs"]
mod rng;

use begin::How;
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
    let sum = sweep("sequential", 1_500, plan);
    assert!(sum.crashes > 0 && sum.served > 0 && sum.failed > 0);
    same_result(plan, 600);
}

/// The same for flows whose tasks interleave in any order, as long as nothing in them depends on who comes first.
#[test]
fn a_flow_of_tasks_survives_any_crash_and_schedule() {
    let plan = Plan { menu: TASKS, edits: false, crashes: 6, strict: Strict::All, may_ask: false };
    let sum = sweep("tasks", 1_200, plan);
    assert!(sum.crashes > 0 && sum.served > 0);
    same_result(plan, 600);
}

/// Whatever the schedule, with races, cancelled losers, failures and clocks in arguments: without edits nobody
/// is served another call's result, and no recorded call with inputs runs again.
#[test]
fn a_racing_flow_never_pays_twice_for_a_call_with_inputs() {
    let plan = Plan { menu: ALL, edits: false, crashes: 6, strict: Strict::Inputs, may_ask: true };
    let sum = sweep("racing", 1_500, plan);
    assert!(sum.crashes > 0 && sum.served > 0);
}

/// After any edits a sequential flow serves nobody another call's result, and runs no recorded call again unless
/// it was asked about.
#[test]
fn an_edited_sequential_flow_runs_nothing_again_unasked() {
    let plan = Plan { menu: PLAIN, edits: true, crashes: 5, strict: Strict::Edited, may_ask: true };
    let sum = sweep("edited", 3_000, plan);
    assert!(sum.asked > 0 && sum.served > 0);
}

/// After any edits and under any schedule nobody is served another call's result unless that was decided.
#[test]
fn an_edited_racing_flow_serves_nobody_anothers_result() {
    let plan = Plan { menu: ALL, edits: true, crashes: 5, strict: Strict::Own, may_ask: true };
    let sum = sweep("edited and racing", 3_000, plan);
    assert!(sum.asked > 0 && sum.served > 0);
}

const FORKS: Menu = Menu { replays: true, ..PLAIN };
const FORKS_OF_TASKS: Menu = Menu { replays: true, ..TASKS };
const ANY_FORKS: Menu = Menu { replays: true, ..ALL };
/// Replays that begin somewhere, and keep what was there before.
const FRONTIER: &[How] = &[How::From, How::Inputs, How::Output, How::Answer, How::Flow];
/// Replays that keep all that may be used, wherever it stands.
const REUSING: &[How] =
    &[How::Recorded, How::Unchanged, How::UnchangedInputs, How::UnchangedOutput, How::UnchangedAnswer];
const ANY: &[How] = &[
    How::From,
    How::Inputs,
    How::Output,
    How::Answer,
    How::Flow,
    How::Recorded,
    How::Unchanged,
    How::UnchangedInputs,
    How::UnchangedOutput,
    How::UnchangedAnswer,
];

fn sweep_replays(what: &str, seeds: u64, plan: replays::Plan) -> replays::Tally {
    let seeds = std::env::var("KITARU_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(seeds);
    let mut sum = replays::Tally::default();
    let (mut broken, mut many): (Option<String>, u64) = (None, 0);
    // To look at one alone.
    let one = std::env::var("KITARU_SEED").ok().and_then(|text| text.parse().ok());
    let seeds = one.map_or(0..seeds, |one: u64| one..one + 1);
    for seed in seeds.clone() {
        let tally = match replays::live(seed, plan) {
            Ok(tally) => tally,
            Err(told) => {
                many += 1;
                println!("{}", told.lines().next().unwrap_or_default());
                // The smallest of them is the easiest to read.
                if broken.as_ref().is_none_or(|known| told.len() < known.len()) {
                    broken = Some(told);
                }
                continue;
            }
        };
        sum.replays += tally.replays;
        sum.of_open += tally.of_open;
        sum.of_replays += tally.of_replays;
        sum.compared += tally.compared;
        sum.crashes += tally.crashes;
        sum.certain += tally.certain;
        sum.may_run += tally.may_run;
        sum.kept += tally.kept;
        sum.ran += tally.ran;
        sum.served += tally.served;
        sum.failed += tally.failed;
        sum.raced += tally.raced;
    }
    println!("{what}: {} flows, {sum:?}", seeds.end - seeds.start);
    if let Some(broken) = broken {
        panic!("{what}: {many} are broken; {broken}");
    }
    if one.is_some() {
        return sum;
    }
    assert!(sum.of_open > 0 && sum.of_replays > 0 && sum.served > 0 && sum.ran > 0 && sum.kept > 0);
    assert!(!plan.exact || sum.compared > 0);
    // Most replays change something; a plan that says of everything that it may run is none.
    assert!(!plan.planned || 3 * sum.certain > sum.may_run);
    sum
}

/// A replay of a flow that does one thing at a time runs what begins with its frontier, and nothing of what was before.
#[test]
fn a_replay_from_a_call_runs_it_and_what_comes_after() {
    let strict = Strict::All;
    let plan =
        replays::Plan { menu: FORKS, how: FRONTIER, crashes: 3, exact: true, closed: false, strict, planned: false };
    sweep_replays("from a call", 1_500, plan);
}

/// So does one of a flow whose tasks interleave, as long as nothing in it depends on who comes first.
#[test]
fn a_replay_of_tasks_from_a_call_runs_it_and_what_comes_after() {
    let strict = Strict::All;
    let plan = replays::Plan {
        menu: FORKS_OF_TASKS,
        how: FRONTIER,
        crashes: 3,
        exact: true,
        closed: false,
        strict,
        planned: false,
    };
    sweep_replays("from a call among tasks", 800, plan);
}

/// What is unchanged is reused wherever it stands, and what is not is made: the result is that of a fresh run.
#[test]
fn a_replay_reuses_what_is_unchanged_and_nothing_else() {
    let strict = Strict::All;
    let plan =
        replays::Plan { menu: FORKS, how: REUSING, crashes: 3, exact: true, closed: true, strict, planned: false };
    sweep_replays("unchanged", 1_500, plan);
}

#[test]
fn a_replay_of_tasks_reuses_what_is_unchanged_and_nothing_else() {
    let strict = Strict::All;
    let plan = replays::Plan {
        menu: FORKS_OF_TASKS,
        how: REUSING,
        crashes: 3,
        exact: true,
        closed: true,
        strict,
        planned: false,
    };
    sweep_replays("unchanged among tasks", 800, plan);
}

/// Replays of replays of either kind.
#[test]
fn replays_of_replays_of_any_kind_hold_together() {
    let strict = Strict::All;
    for (what, menu) in [("any", FORKS), ("any among tasks", FORKS_OF_TASKS)] {
        let plan = replays::Plan { menu, how: ANY, crashes: 3, exact: true, closed: true, strict, planned: false };
        sweep_replays(what, 700, plan);
    }
}

/// What a plan says of a call comes true; where nothing was changed there is nothing that it does not say.
#[test]
fn what_is_planned_comes_true() {
    let strict = Strict::All;
    for (what, menu, how, closed) in [
        ("planned", FORKS, FRONTIER, false),
        ("planned among tasks", FORKS_OF_TASKS, FRONTIER, false),
        ("planned of any kind", FORKS, ANY, true),
        ("planned of any kind among tasks", FORKS_OF_TASKS, ANY, true),
    ] {
        let plan = replays::Plan { menu, how, crashes: 3, exact: true, closed, strict, planned: true };
        sweep_replays(what, 700, plan);
    }
}

/// Whatever the schedule, with races, cancelled losers, failures and clocks in arguments: nobody is served another
/// call's result, and a replay comes to an end.
#[test]
fn a_replay_of_a_racing_flow_serves_nobody_anothers_result() {
    let strict = Strict::Own;
    let plan =
        replays::Plan { menu: ANY_FORKS, how: ANY, crashes: 3, exact: false, closed: false, strict, planned: false };
    sweep_replays("any and racing", 800, plan);
    let strict = Strict::Inputs;
    let plan = replays::Plan {
        menu: ANY_FORKS,
        how: FRONTIER,
        crashes: 3,
        exact: false,
        closed: false,
        strict,
        planned: false,
    };
    sweep_replays("from a call and racing", 800, plan);
}

fn same_result(plan: Plan, seeds: u64) {
    for seed in 0..seeds.min(1_000) {
        let (crashed, _) = live(seed, plan).unwrap_or_else(|broken| panic!("{broken}"));
        let (smooth, _) = live(seed, Plan { crashes: 0, ..plan }).unwrap_or_else(|broken| panic!("{broken}"));
        assert_eq!(crashed, smooth, "seed {seed}");
        assert_ne!(crashed, End::Raced, "seed {seed}");
    }
}
