//! Large values that lie in a folder or in a bucket, beside a store in PostgreSQL: what is promised of them beyond what any
//! store promises. Not here: those promises (`conformance/`), and many processes at once (`collect.rs`).
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "../apart/mod.rs"]
mod apart;
#[path = "../bucket/mod.rs"]
mod bucket;
#[path = "../cluster/mod.rs"]
mod cluster;

mod kept;
mod lost;
mod sealed;

use apart::{ended, now};
use cluster::Cluster;
use kitaru_core::event::{Created, EntryPoint, Taken};
use kitaru_core::{Body, Digest, ExecutionId, Value, ValueRef};
use kitaru_store::{Claim, Options, Store, StoreError, open};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

/// Stands in each value.
pub const SECRET: &str = "what nobody else may read";

/// A store in a schema of its own.
pub fn opened(address: &str, blobs: Option<&str>, keys: Option<PathBuf>) -> Result<Arc<dyn Store>, StoreError> {
    let options = Options { blobs: blobs.map(str::to_owned), keys, ..Options::default() };
    open(address, Path::new("/nowhere"), &options)
}

/// A value that hardly compresses, so that it stands where it is stored as it is: all that can be printed, at random.
pub fn text(which: u64, len: usize) -> Value {
    let mut text = SECRET.to_owned();
    for n in 0u64.. {
        let drawn = Digest::of(format!("{which} {n}").as_bytes()).0;
        text.extend(drawn.map(|byte| char::from(b'#' + byte % 57)));
        if text.len() >= len {
            break;
        }
    }
    Value::of(&text).unwrap()
}

/// One that compresses.
pub fn prose(which: u64, len: usize) -> Value {
    let mut text = String::new();
    for n in 0u64.. {
        text.push_str(&Digest::of(format!("{which} {n}").as_bytes()).to_string());
        text.push_str(" and so on and on; ");
        if text.len() >= len {
            break;
        }
    }
    Value::of(&text).unwrap()
}

fn started(store: &dyn Store) -> ExecutionId {
    let id = ExecutionId::new(uuid::Uuid::now_v7().to_string());
    let owner = store.owner().unwrap();
    let created = Body::Created(Box::new(Created {
        flow: "f".to_owned(),
        inputs: Value::of(&()).unwrap(),
        entry: EntryPoint::default(),
        code: None,
        parent: None,
        fork: None,
        key: None,
        detached: false,
        pool: None,
        pause_before: Vec::new(),
        deadline: None,
        tags: Vec::new(),
    }));
    let taken = Body::Taken(Taken { owner: owner.clone(), code: None, why: "start".to_owned(), entry: None });
    let claim = Claim { owner, lease_until: now() + 600_000 };
    store.create(&id, now(), vec![created, taken], Some(claim)).unwrap();
    id
}

/// Writes values of an execution. Returns what stands for them.
pub fn write(store: &dyn Store, all: &[Value]) -> Vec<ValueRef> {
    let id = started(store);
    for (at, value) in all.iter().enumerate() {
        store.append(&id, now(), 1, vec![ended(&at.to_string(), value.clone())]).unwrap();
    }
    all.iter().map(Value::reference).collect()
}

/// All must read back as they were written.
pub fn must_read(store: &dyn Store, all: &[Value]) {
    for value in all {
        assert!(store.value(&value.reference()).unwrap() == value.inline().unwrap(), "another value");
    }
}

/// A folder for large values, which is there.
pub fn folder() -> (TempDir, String) {
    let home = tempfile::tempdir().unwrap();
    let shown = home.path().display().to_string();
    (home, shown)
}

/// The files of a shelf that are parts of values.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let below = |path: &Path| -> Vec<PathBuf> { path.read_dir().unwrap().map(|one| one.unwrap().path()).collect() };
    let mut found: Vec<PathBuf> = below(folder).iter().filter(|one| one.is_dir()).flat_map(|one| below(one)).collect();
    found.sort();
    found
}

/// What a statement says, by a connection of its own.
pub fn run(cluster: &Cluster, schema: &str, sql: &str) -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let address = format!("postgres://kitaru:secret@127.0.0.1:{}/postgres", cluster.port());
    runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(&address, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        client.batch_execute(&format!("SET search_path TO {schema}")).await.unwrap();
        let told = client.simple_query(sql).await.unwrap();
        let rows = told.into_iter().filter_map(|one| match one {
            tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        });
        rows.collect()
    })
}
