//! Three servers that see to one schedule across a change of the clocks: each tick has one execution, whatever number
//! looks at once and on whichever line one dies, in a file and in PostgreSQL.
//!
//! Each server's writes fail now and then, before they happen or after, and what it was about to do is then left to
//! others, as where its process is killed there. Time is an argument. Not here: what becomes of ticks
//! (`kitaru_core`), and processes that are really killed (`tests/promises/test_schedules.py`).
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "../../store/tests/cluster/mod.rs"]
mod cluster;

use kitaru_core::event::{Completed, EntryPoint, Taken};
use kitaru_core::rows::Status;
use kitaru_core::schedule::{Overlap, Schedule, Times};
use kitaru_core::{Body, Millis, Value};
use kitaru_engine::manage::{NewSchedule, Ticked, add_schedule, schedule, tick};
use kitaru_sim::faults::{Cheat, Faulty, Shared};
use kitaru_sim::rng::Rng;
use kitaru_store::{Claim, ExecutionFilter, Options, Page, Store, open};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

const ALL: Page = Page { limit: 100_000, offset: 0 };
const MINUTE: Millis = 60_000;

/// 2026-10-31T18:00Z, before the clocks of New York go back (06:00Z on the 1st of November).
const AUTUMN: Millis = 1_793_469_600_000;
/// 2026-03-28T18:00Z, before those of Berlin go forward (01:00Z on the 29th).
const SPRING: Millis = 1_774_720_800_000;

struct World {
    home: tempfile::TempDir,
    /// As each server sees it.
    servers: Vec<Arc<dyn Store>>,
    /// Without faults.
    store: Arc<dyn Store>,
    shared: Arc<Mutex<Shared>>,
    rng: Rng,
}

impl World {
    fn new(address: impl Fn(&tempfile::TempDir) -> String, seed: u64, rate: u64) -> Self {
        let home = tempfile::tempdir().unwrap();
        let address = address(&home);
        let opened = || open(&address, home.path(), &Options::default()).unwrap();
        let store = opened();
        let shared = Arc::new(Mutex::new(Shared::new(Rng::new(seed), rate, Cheat::None)));
        let owner = store.owner().unwrap();
        let server = |_| Arc::new(Faulty::new(opened(), Arc::clone(&shared), owner.clone())) as Arc<dyn Store>;
        let servers = (0..3).map(server).collect();
        Self { servers, store, shared, rng: Rng::new(seed + 1), home }
    }

    fn add(&self, cron: &str, timezone: &str, overlap: Overlap, now: Millis) -> Times {
        let entry = EntryPoint { module: Some("report".to_owned()), ..EntryPoint::default() };
        let new = NewSchedule {
            name: Some("report".to_owned()),
            cron: cron.to_owned(),
            timezone: timezone.to_owned(),
            flow: "report".to_owned(),
            entry,
            inputs: "{\"topic\":\"tea\"}".to_owned(),
            overlap,
            backfill: true,
            ..NewSchedule::default()
        };
        add_schedule(self.store.as_ref(), new, "test", now).unwrap();
        Times::read(cron, timezone).unwrap()
    }

    /// All servers look at once. What fails is left to others.
    fn look(&self, now: Millis) -> usize {
        let told: Vec<_> = std::thread::scope(|scope| {
            let all: Vec<_> =
                self.servers.iter().map(|one| scope.spawn(|| tick(one.as_ref(), now, |_| true))).collect();
            all.into_iter().map(|one| one.join().unwrap()).collect()
        });
        for failed in told.iter().flatten().flat_map(|told: &Ticked| &told.failed) {
            assert_eq!(failed.1.code, "store-busy", "{failed:?}");
        }
        told.iter().flatten().map(|told| told.failed.len()).sum()
    }

    /// Runs all that nobody has begun to its end.
    fn work(&self, now: Millis) {
        let unbegun = vec![Status::Interrupted];
        let filter =
            ExecutionFilter { pool: Some("default".to_owned()), status: unbegun, ..ExecutionFilter::default() };
        for row in self.store.queries().executions(&filter, ALL).unwrap() {
            let owner = self.store.owner().unwrap();
            let claim = Claim { owner: owner.clone(), lease_until: now + 15_000 };
            let taken = Body::Taken(Taken { owner, code: None, why: "start".to_owned(), entry: None });
            let epoch = self.store.claim(&row.id, now, row.epoch, claim, vec![taken]).unwrap();
            let result = Value::of(&row.key).unwrap();
            let completed = Body::Completed(Completed { result, volatile: None, reused: Vec::new() });
            self.store.append(&row.id, now, epoch, vec![completed]).unwrap();
        }
    }

    fn schedule(&self) -> Schedule {
        schedule(self.store.as_ref(), "report").unwrap()
    }

    /// How many executions there are by key.
    fn executions(&self) -> BTreeMap<String, u32> {
        let mut found = BTreeMap::new();
        let filter = ExecutionFilter { tag: Some("schedule:report".to_owned()), ..ExecutionFilter::default() };
        for row in self.store.queries().executions(&filter, ALL).unwrap() {
            *found.entry(row.key.unwrap()).or_default() += 1;
        }
        found
    }
}

/// A day across a change: all ticks, and each once.
fn a_day(mut world: World, cron: &str, zone: &str, from: Millis, expected: usize) {
    let times = world.add(cron, zone, Overlap::Queue, from);
    let (mut now, until) = (from, from + 24 * 60 * MINUTE);
    let mut failed = 0;
    while now < until {
        now += world.rng.between(1_000, 25 * MINUTE);
        failed += world.look(now);
        if world.rng.chance(70) {
            world.work(now);
        }
    }
    world.shared.lock().unwrap().rate = 0;
    for _ in 0..200 {
        world.look(now);
        world.work(now);
    }
    let one = world.schedule();
    let ticks: Vec<Millis> = times.between(from, now).collect();
    let ticks_of_the_day = times.between(from, until).count();
    assert_eq!(ticks_of_the_day, expected, "{cron} in {zone}");
    let wanted: BTreeMap<String, u32> = ticks.iter().map(|tick| (one.key(*tick), 1)).collect();
    assert_eq!(world.executions(), wanted);
    assert!(one.state.is_settled() && one.state.waiting.is_empty());
    println!("{} ticks, {failed} looks cut off, in {}", ticks.len(), world.home.path().display());
}

fn changes(address: impl Fn(&tempfile::TempDir) -> String, seeds: std::ops::Range<u64>) {
    for seed in seeds {
        let world = |rate| World::new(&address, seed, rate);
        // 25 hours of half hours from one wall-clock day, of which 18:00 to 18:00 UTC are 48 half hours.
        a_day(world(12), "*/30 * * * *", "America/New_York", AUTUMN, 48);
        a_day(world(12), "15 1 * * *", "America/New_York", AUTUMN, 1);
        a_day(world(12), "*/20 2 * * *", "Europe/Berlin", SPRING, 1);
        a_day(world(0), "0 * * * *", "Europe/Berlin", SPRING, 24);
    }
}

fn seeds(few: u64) -> std::ops::Range<u64> {
    let count = std::env::var("KITARU_SIM_SEEDS").ok().and_then(|text| text.parse::<u64>().ok());
    1..1 + count.map_or(few, |count| few.max(count / 200))
}

#[test]
fn in_a_file_each_tick_is_started_once_by_three_servers() {
    changes(|home| home.path().join("kitaru.db").display().to_string(), seeds(2));
}

#[test]
fn in_postgres_each_tick_is_started_once_by_three_servers() {
    let cluster = cluster::Cluster::quick();
    changes(|_| cluster.fresh(), seeds(1));
}

#[test]
fn what_is_cancelled_by_the_next_tick_is_cancelled_first_whoever_dies() {
    for seed in seeds(6) {
        let world = World::new(|home| home.path().join("kitaru.db").display().to_string(), seed, 20);
        world.add("* * * * *", "UTC", Overlap::Cancel, AUTUMN);
        for minute in 1..=12 {
            for _ in 0..6 {
                world.look(AUTUMN + minute * MINUTE);
                let filter = ExecutionFilter { open: true, ..ExecutionFilter::default() };
                assert!(world.store.queries().executions(&filter, ALL).unwrap().len() <= 1, "one at a time");
            }
        }
        world.shared.lock().unwrap().rate = 0;
        world.look(AUTUMN + 12 * MINUTE + 1);
        let found = world.executions();
        assert!(found.len() >= 6 && found.values().all(|count| *count == 1), "{found:?}");
    }
}
