//! The suite in PostgreSQL, which is started once for all of it: each promise has a schema of its own.
//!
//! Not here: what holds for PostgreSQL only (`tests/postgres.rs`).

use super::Fixture;
use crate::bucket::Bucket;
use crate::cluster::Cluster;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicUsize, Ordering};

type Promise = (&'static str, fn(&Fixture));

/// Runs promises beside each other, some at a time, and tells all that were broken.
fn hold(cluster: &Cluster, before: &(dyn Fn() -> String + Sync), promises: &[Promise]) {
    let only = std::env::var("KITARU_ONLY").unwrap_or_default();
    let next = AtomicUsize::new(0);
    let broken: Vec<&str> = std::thread::scope(|scope| {
        let work = || {
            let mut broken = Vec::new();
            while let Some((name, promise)) = promises.get(next.fetch_add(1, Ordering::Relaxed)) {
                if !name.contains(&only) {
                    continue;
                }
                let address = || format!("{}{}", before(), cluster.fresh());
                let held = std::panic::catch_unwind(AssertUnwindSafe(|| promise(&Fixture::new(|_| address()))));
                println!("{name}: {}", if held.is_ok() { "ok" } else { "BROKEN" });
                broken.extend(held.is_err().then_some(*name));
            }
            broken
        };
        let all: Vec<_> = (0..3).map(|_| scope.spawn(work)).collect();
        all.into_iter().flat_map(|one| one.join().unwrap()).collect()
    });
    assert!(broken.is_empty(), "{} of {} are broken: {broken:?}\n{}", broken.len(), promises.len(), cluster.log());
}

#[test]
fn all_promises_hold_in_postgres_and_it_answers_as_sqlite_does() {
    let cluster = Cluster::quick();
    let mut promises: Vec<Promise> = suite!(@all list);
    promises.extend(keepers!(@all list));
    hold(&cluster, &|| super::fixture::SEALED.to_owned(), &promises);
    hold(&cluster, &String::new, &promises);
    let seeds = std::env::var("KITARU_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(12);
    super::dialects::answer_alike(&cluster, 0..seeds);
}

#[test]
fn all_promises_hold_with_large_values_in_a_folder_and_in_a_bucket() {
    let (cluster, bucket) = (Cluster::quick(), Bucket::started());
    let mut promises: Vec<Promise> = suite!(@all list);
    promises.extend(keepers!(@all list));
    let (sealed, blobs) = (super::fixture::SEALED, super::fixture::BLOBS);
    hold(&cluster, &|| format!("{blobs} "), &promises);
    hold(&cluster, &|| format!("{sealed}{blobs}{} ", bucket.fresh()), &promises);
}
