//! How many executions a second are given out and taken up: `claims ADDRESS EXECUTIONS WORKERS THREADS`.
//!
//! Each worker is a handle of its own, as another process would have it. It is given executions some at a time, as workers
//! are, and each of its threads takes one up: a write of its own, on the disk when it returns. For `bench/claims.py`, which
//! tells what a raw client does beside it. Not here: running anything.

use kitaru_core::event::{Created, EntryPoint, Taken};
use kitaru_core::{Body, ExecutionId, Millis, Value};
use kitaru_store::{Assign, Claim, Options, Store, StoreError, Wanted};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// How long others leave alone what is given.
const HOLD: Millis = 30_000;

fn main() -> Result<()> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let [address, executions, workers, threads] = &given[..] else {
        return Err("claims ADDRESS EXECUTIONS WORKERS THREADS".into());
    };
    let (total, workers, threads): (usize, usize, usize) = (executions.parse()?, workers.parse()?, threads.parse()?);
    let home = std::env::temp_dir();
    let stores: Vec<Arc<dyn Store>> = (0..workers)
        .map(|_| kitaru_store::open(address, &home, &Options::default()))
        .collect::<std::result::Result<_, _>>()?;
    let pool = format!("claims-{}", std::process::id());
    let first = stores.first().ok_or("no worker")?;
    fill(first.as_ref(), &pool, total)?;
    let taken = AtomicUsize::new(0);
    let begins = Barrier::new(workers * threads + 1);
    let took = std::thread::scope(|scope| -> Result<f64> {
        let mut all = Vec::new();
        for store in &stores {
            for _ in 0..threads {
                let (taken, begins, pool) = (&taken, &begins, pool.as_str());
                all.push(scope.spawn(move || {
                    begins.wait();
                    work(store.as_ref(), pool, taken)
                }));
            }
        }
        begins.wait();
        let begun = Instant::now();
        for one in all {
            one.join().map_err(|_| "a thread has panicked")??;
        }
        Ok(begun.elapsed().as_secs_f64())
    })?;
    if taken.load(Ordering::Relaxed) != total {
        return Err(format!("{} of {total} were taken up", taken.load(Ordering::Relaxed)).into());
    }
    println!("{}", total as u64 as f64 / took);
    Ok(())
}

fn now(store: &dyn Store) -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    store.by_its_clock(Millis::try_from(since.as_millis()).unwrap_or(Millis::MAX))
}

/// Executions that nobody has begun.
fn fill(store: &dyn Store, pool: &str, total: usize) -> Result<()> {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let lane = || -> Result<()> {
            while next.fetch_add(1, Ordering::Relaxed) < total {
                let created = Created {
                    flow: "claimed".to_owned(),
                    inputs: Value::json("{\"a\":1}".to_owned())?,
                    entry: EntryPoint::default(),
                    code: None,
                    parent: None,
                    fork: None,
                    key: None,
                    detached: false,
                    pool: Some(pool.to_owned()),
                    pause_before: Vec::new(),
                    deadline: None,
                    tags: Vec::new(),
                };
                let id = ExecutionId::new(uuid::Uuid::now_v7().to_string());
                store.create(&id, now(store), vec![Body::Created(Box::new(created))], None)?;
            }
            Ok(())
        };
        let all: Vec<_> = (0..64).map(|_| scope.spawn(lane)).collect();
        all.into_iter().try_for_each(|one| one.join().map_err(|_| "a thread has panicked")?)
    })
}

fn work(store: &dyn Store, pool: &str, taken: &AtomicUsize) -> Result<()> {
    let wanted = Wanted::OfPools {
        pools: vec![pool.to_owned()],
        flows: Vec::new(),
        host: kitaru_store::os::host_name(),
        but: Vec::new(),
        lapsed: false,
    };
    let owner = store.owner()?;
    loop {
        let ids = store.assign(Assign { wanted: wanted.clone(), limit: 16, at: now(store), hold: HOLD })?;
        if ids.is_empty() {
            return Ok(());
        }
        for id in ids {
            let at = now(store);
            let claim = Claim { owner: owner.clone(), lease_until: at + HOLD };
            let events =
                vec![Body::Taken(Taken { owner: owner.clone(), code: None, why: "worker".to_owned(), entry: None })];
            match store.claim(&id, at, 0, claim, events) {
                Ok(_) => _ = taken.fetch_add(1, Ordering::Relaxed),
                // Somebody else was faster.
                Err(StoreError::Conflict(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}
