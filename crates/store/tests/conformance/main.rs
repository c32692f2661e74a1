//! One suite that every backend must pass. A backend is an entry in `backends!`: the address of a fresh store. A
//! promise is a function of a [`Fixture`] in one of the modules, and is listed in `suite`.
//!
//! Not here: what holds for one backend only (`src/sqlite/tests.rs`), processes (`tests/processes.rs`), faults.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[macro_use]
mod suite;

mod access;
mod artifacts_logs;
mod breakpoints;
mod delete;
mod due;
mod events;
mod feed;
mod fixture;
mod fleets;
mod fold;
mod forks;
mod listing;
mod once;
mod ownership;
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

/// What only a backend promises that keeps the store itself.
macro_rules! keepers {
    ($($backend:ident: $address:expr;)*) => { $( mod $backend {
        suite! { $address;
            access:
                a_token_is_found_until_it_is_revoked_and_listed_afterwards
                a_link_is_kept_until_long_after_its_end
                a_change_is_on_record_before_it_is_made;
            upkeep:
                what_is_read_or_belongs_to_others_is_not_removed
                a_value_goes_with_the_last_that_refers_to_it
                what_would_be_collected_is_told_and_stays
                a_value_that_went_is_stored_anew
                a_reference_to_what_has_gone_is_refused;
        }
    } )* };
}

backends! {
    sqlite_file: |home: &tempfile::TempDir| home.path().join("kitaru.db").display().to_string();
    memory: |_: &tempfile::TempDir| crate::MEMORY.to_owned();
}

keepers! {
    sqlite_file_kept: |home: &tempfile::TempDir| home.path().join("kitaru.db").display().to_string();
    memory_kept: |_: &tempfile::TempDir| crate::MEMORY.to_owned();
}
