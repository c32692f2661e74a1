//! One suite that every backend must pass. A backend is an entry in `backends!`: the address of a fresh store. A
//! promise is a function of a [`Fixture`] in one of the modules, and is listed in `suite`.
//!
//! Not here: what holds for one backend only (`src/sqlite/tests.rs`), processes (`tests/processes.rs`), faults.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[macro_use]
mod suite;

#[cfg(unix)]
#[path = "../bucket/mod.rs"]
mod bucket;
#[cfg(unix)]
#[path = "../cluster/mod.rs"]
mod cluster;

mod access;
mod artifacts_logs;
mod breakpoints;
mod delete;
#[cfg(unix)]
mod dialects;
mod due;
mod events;
mod feed;
mod fixture;
mod fleets;
mod fold;
mod forks;
mod limits;
mod listing;
mod once;
mod ownership;
mod pools;
#[cfg(unix)]
mod postgres;
mod releases;
mod schedules;
mod upkeep;
mod values;
mod verbs;

pub use fixture::{FRESH, Fixture, LEASE, MEMORY, T, code, fresh};
use kitaru_store::{Options, forget_memory, open};
use std::sync::PoisonError;

#[test]
fn the_store_in_memory_is_one_for_all_who_open_it_until_it_is_forgotten() {
    let home = tempfile::tempdir().unwrap();
    let _one = FRESH.lock().unwrap_or_else(PoisonError::into_inner);
    forget_memory();
    let opened = || open(MEMORY, home.path(), &Options::default()).unwrap();
    let (first, id) = (opened(), fresh());
    first.create(&id, T, vec![events::created("flow")], None).unwrap();
    assert_eq!(opened().queries().execution(&id).unwrap().id, id);
    forget_memory();
    assert_eq!(code(opened().queries().execution(&id)), "unknown-execution");
    assert_eq!(first.queries().execution(&id).unwrap().id, id);
}

backends! {
    sqlite_sealed: |home: &tempfile::TempDir| format!("sealed+{}", home.path().join("kitaru.db").display());
    sqlite_file: |home: &tempfile::TempDir| home.path().join("kitaru.db").display().to_string();
    memory: |_: &tempfile::TempDir| crate::MEMORY.to_owned();
}

keepers! {
    kept_sealed: |home: &tempfile::TempDir| format!("sealed+{}", home.path().join("kitaru.db").display());
    kept_in_a_file: |home: &tempfile::TempDir| home.path().join("kitaru.db").display().to_string();
    kept_in_memory: |_: &tempfile::TempDir| crate::MEMORY.to_owned();
}
