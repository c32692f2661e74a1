//! What workers find that has lost its process, however much waits to be begun.
//!
//! Not here: who is given what (the store's conformance suite).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use kitaru_core::event::{Created, DEFAULT_POOL, EntryPoint, Taken};
use kitaru_core::lease::Owner;
use kitaru_core::{Body, ExecutionId, Value};
use kitaru_engine::manage;
use kitaru_store::{Claim, Options, open};

fn created() -> Body {
    Body::Created(Box::new(Created {
        flow: "f".to_owned(),
        inputs: Value::of(&()).unwrap(),
        entry: EntryPoint::default(),
        code: None,
        parent: None,
        fork: None,
        key: None,
        detached: false,
        pool: Some(DEFAULT_POOL.to_owned()),
        pause_before: Vec::new(),
        deadline: None,
        tags: Vec::new(),
    }))
}

#[test]
fn one_that_lost_its_process_is_found_behind_all_that_wait() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path().join("kitaru.db").to_str().unwrap(), home.path(), &Options::default()).unwrap();
    let gone = Owner { started: 1, nonce: "gone".to_owned(), slot: 4_000, ..store.owner().unwrap() };
    let lost = ExecutionId::new("lost");
    let taken = Body::Taken(Taken { owner: gone.clone(), code: None, why: "worker".to_owned(), entry: None });
    let claim = Claim { owner: gone, lease_until: 1_000_000 };
    store.create(&lost, 1, vec![created(), taken], Some(claim)).unwrap();
    for n in 0..1_200 {
        store.create(&ExecutionId::new(format!("waits-{n}")), 1, vec![created()], None).unwrap();
    }
    let found = manage::orphaned(store.as_ref(), &[DEFAULT_POOL.to_owned()], 2).unwrap();
    assert_eq!(found.into_iter().map(|row| row.id).collect::<Vec<_>>(), [lost]);
}
