//! The same in PostgreSQL, whose files are looked through too.

use super::cluster::Cluster;
use super::fill::{SECRET, digests, fill, told};
use super::looked_through::reseal;
use super::{T, events};
use kitaru_core::ExecutionId;
use kitaru_store::{Options, Reached, Resealed, Store, StoreError, open};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn opened(address: &str, keys: Option<PathBuf>) -> Result<Arc<dyn Store>, StoreError> {
    open(address, Path::new("/nowhere"), &Options { keys, ..Options::default() })
}

fn run(cluster: &Cluster, schema: &str, sql: &str) -> Vec<String> {
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

/// Every row of every table.
fn dumped(cluster: &Cluster, schema: &str) -> String {
    let tables = run(
        cluster,
        schema,
        &format!("SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = '{schema}'::regnamespace"),
    );
    assert!(tables.len() > 15);
    tables
        .iter()
        .flat_map(|table| run(cluster, schema, &format!("SELECT t::text FROM {table} AS t")))
        .collect::<Vec<_>>()
        .join("\n")
}

fn secrets(dump: &str) -> usize {
    let hex = |digest: &kitaru_core::Digest| digest.0.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    dump.matches(SECRET).count() + digests().iter().map(|digest| dump.matches(&hex(digest)).count()).sum::<usize>()
}

/// Whether a text stands in any file below a folder.
fn stands_in(folder: &Path, text: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(stands_in(&path, text));
        } else if path.is_file()
            && std::fs::read(&path).unwrap().windows(text.len()).any(|window| window == text.as_bytes())
        {
            found.push(path);
        }
    }
    found
}

#[test]
fn what_is_promised_of_a_sealed_store_holds_in_postgres() {
    let cluster = Cluster::quick();
    let home = super::Home::made();
    nothing_secret_in_rows_and_files(&cluster, &home);
    a_plain_store_is_sealed(&cluster, &home);
    keys_that_are_missing_are_told(&cluster, &home);
    what_was_moved_is_noticed(&cluster, &home);
    writers_notice_nothing_of_a_rotation(&cluster, &home);
}

fn nothing_secret_in_rows_and_files(cluster: &Cluster, home: &super::Home) {
    let store = opened(&cluster.address("sealed"), Some(home.file())).unwrap();
    let ids = fill(store.as_ref());
    let text = told(store.as_ref(), &ids);
    assert_eq!(secrets(&dumped(cluster, "sealed")), 0);
    run(cluster, "sealed", "CHECKPOINT");
    assert_eq!(stands_in(cluster.folder(), SECRET), Vec::<PathBuf>::new());
    let plain = opened(&cluster.address("plain"), None).unwrap();
    let ids = fill(plain.as_ref());
    assert_eq!(told(plain.as_ref(), &ids), text);
    assert!(secrets(&dumped(cluster, "plain")) > 30);
    run(cluster, "plain", "CHECKPOINT");
    assert!(!stands_in(cluster.folder(), SECRET).is_empty());
    let health = store.queries().health(true).unwrap();
    assert!(health.contains(&("value_check".to_owned(), "ok".to_owned())), "{health:?}");
    let unused = store.upkeep().unwrap().collect(None).unwrap();
    assert_eq!((unused.values, unused.chunks), (0, 0));
    // Copied out, and back under other keys.
    let (other, copy) = (super::Home::made(), super::Home::made());
    let local = other.sealed();
    kitaru_store::copy(store.as_ref(), local.as_ref(), T * 2).unwrap();
    assert_eq!(told(local.as_ref(), &ids), text);
    let back = opened(&cluster.address("back"), Some(copy.file())).unwrap();
    kitaru_store::copy(local.as_ref(), back.as_ref(), T * 2).unwrap();
    assert_eq!(told(back.as_ref(), &ids), text);
    assert_eq!(secrets(&dumped(cluster, "back")), 0);
}

fn a_plain_store_is_sealed(cluster: &Cluster, home: &super::Home) {
    let address = cluster.address("turned");
    let plain = opened(&address, None).unwrap();
    let ids = fill(plain.as_ref());
    let before = told(plain.as_ref(), &ids);
    let sealed = opened(&address, Some(home.file())).unwrap();
    assert_eq!(told(sealed.as_ref(), &ids), before);
    let late = ExecutionId::new("late");
    let refused = plain.create(&late, T, vec![events::created("flow")], None).unwrap_err();
    assert_eq!(refused.code(), "store-sealed");
    sealed.create(&late, T, vec![events::created("flow")], None).unwrap();
    assert_eq!(plain.load(&late, 0, 0).unwrap_err().code(), "store-sealed");
    // Cut anywhere, it is gone on with.
    let ring = sealed.keyring().unwrap();
    for cut in 0.. {
        let again = opened(&address, Some(home.file())).unwrap();
        let mut reached = Reached::default();
        let done = (0..=cut).any(|_| again.keyring().unwrap().reseal(&mut reached).unwrap() == Resealed::All);
        assert_eq!(told(sealed.as_ref(), &ids), before);
        if done {
            break;
        }
        assert!(cut < 100);
    }
    assert!(ring.left().unwrap() == 0 && !ring.in_use().unwrap().plain);
    assert_eq!(secrets(&dumped(cluster, "turned")), 0);
    ring.scrub(true).unwrap();
    assert_eq!(told(sealed.as_ref(), &ids), before);
}

fn keys_that_are_missing_are_told(cluster: &Cluster, home: &super::Home) {
    let address = cluster.address("sealed");
    assert_eq!(opened(&address, None).err().unwrap().code(), "store-sealed");
    assert_eq!(opened(&address, Some(super::Home::made().file())).err().unwrap().code(), "store-sealed");
    let store = opened(&address, Some(home.file())).unwrap();
    let other = opened(&address, Some(home.file())).unwrap();
    home.key();
    assert!(store.keyring().unwrap().change().unwrap());
    let id = ExecutionId::new("by the new key");
    other.create(&id, T, vec![events::created("flow")], None).unwrap();
    assert!(reseal(store.as_ref()) > 20);
    assert_eq!(other.load(&id, 0, 0).unwrap().len(), 1);
    assert!(store.keyring().unwrap().in_use().unwrap().before.is_empty());
}

fn what_was_moved_is_noticed(cluster: &Cluster, home: &super::Home) {
    for (at, statement) in [
        "UPDATE journal AS j SET payload = o.payload FROM journal AS o WHERE o.n = j.n AND o.seq = j.seq + 1 AND j.seq = 3",
        "UPDATE executions AS e SET inputs = o.inputs FROM executions AS o WHERE o.n = e.n + 1",
        "UPDATE executions SET result = inputs WHERE result IS NOT NULL",
        "UPDATE waits SET answer = data WHERE answer IS NOT NULL",
        "UPDATE logs SET text = (SELECT max(text) FROM logs)",
        "UPDATE logs SET text = 'plain'",
        "UPDATE journal SET payload = left(payload, 40)",
        "UPDATE breakpoints SET before = 'other'",
        "UPDATE audit SET by = 'somebody else'",
        "UPDATE codes SET parts = '[]'",
        "UPDATE links SET question = decode(repeat('00', 32), 'hex')",
        "UPDATE blobs AS b SET chunks = o.chunks FROM blobs AS o WHERE o.digest <> b.digest",
        "UPDATE chunks SET data = overlay(data PLACING '\\x00'::bytea FROM 60 FOR 1)",
    ]
    .into_iter()
    .enumerate()
    {
        let schema = format!("damaged{at}");
        let store = opened(&cluster.address(&schema), Some(home.file())).unwrap();
        let ids = fill(store.as_ref());
        told(store.as_ref(), &ids);
        run(cluster, &schema, statement);
        let asked = catch_unwind(AssertUnwindSafe(|| told(store.as_ref(), &ids)));
        let why = asked.err().unwrap_or_else(|| panic!("{statement} is read"));
        let why = why.downcast_ref::<String>().cloned().unwrap_or_default();
        assert!(why.contains("Damaged"), "{statement}: {why}");
    }
}

fn writers_notice_nothing_of_a_rotation(cluster: &Cluster, home: &super::Home) {
    let address = cluster.address("busy");
    let store = opened(&address, Some(home.file())).unwrap();
    let claim = kitaru_store::Claim { owner: store.owner().unwrap(), lease_until: T + 1_000_000 };
    let id = ExecutionId::new("busy");
    store.create(&id, T, vec![events::created("flow"), events::taken(&claim.owner)], Some(claim)).unwrap();
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..3)
            .map(|writer| {
                let (address, id) = (&address, &id);
                scope.spawn(move || {
                    let store = opened(address, Some(home.file())).unwrap();
                    for at in 0..40u64 {
                        let text = super::fill::large(at * 3 + writer, 1_000 + 100 * at as usize);
                        let value = kitaru_core::Value::of(&text).unwrap();
                        store.append(id, T, 1, vec![events::ended(&format!("c{writer}-{at}"), value)]).unwrap();
                    }
                })
            })
            .collect();
        while writers.iter().any(|writer| !writer.is_finished()) {
            home.key();
            store.keyring().unwrap().change().unwrap();
            reseal(store.as_ref());
        }
        writers.into_iter().for_each(|writer| writer.join().unwrap());
    });
    let found = store.load(&id, 0, 0).unwrap();
    assert_eq!(found.len(), 122);
    for event in found {
        let mut body = event.body;
        for value in body.values_mut().into_iter().filter(|value| value.inline().is_none()) {
            store.value(&value.reference()).unwrap();
        }
    }
}
