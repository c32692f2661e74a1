//! What holds for a store in PostgreSQL: what cannot be used is refused with a word, and whatever happens to the database
//! and to connections, what was acknowledged is there once.
//!
//! Not here: the promises of every store (`conformance/`).
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod apart;
mod cluster;

use apart::ended;
use cluster::Cluster;
use kitaru_core::event::{Created, EntryPoint, Taken};
use kitaru_core::lease::Owner;
use kitaru_core::{Body, ExecutionId, Millis, Value};
use kitaru_store::{Claim, Guard, Options, Store, StoreError, open};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const LEASE: Millis = 600_000;

fn opened(address: &str) -> Result<Arc<dyn Store>, StoreError> {
    open(address, std::path::Path::new("/nowhere"), &Options::default())
}

fn code(address: &str) -> &'static str {
    opened(address).err().unwrap().code()
}

/// Runs statements in the database, with the client that the store uses itself.
fn run(cluster: &Cluster, sql: &str) -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let address = format!("postgres://kitaru:secret@127.0.0.1:{}/postgres", cluster.port());
    runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(&address, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        let told = client.simple_query(sql).await.unwrap();
        let rows = told.into_iter().filter_map(|one| match one {
            tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        });
        rows.collect()
    })
}

fn now(store: &dyn Store) -> Millis {
    store.by_its_clock(apart::now())
}

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
        pool: None,
        pause_before: Vec::new(),
        deadline: None,
        tags: Vec::new(),
    }))
}

fn start(store: &dyn Store) -> ExecutionId {
    let id = ExecutionId::new(uuid::Uuid::now_v7().to_string());
    let owner = store.owner().unwrap();
    let taken = Taken { owner: owner.clone(), code: None, why: "start".to_owned(), entry: None };
    let claim = Claim { owner, lease_until: now(store) + LEASE };
    store.create(&id, now(store), vec![created(), Body::Taken(taken)], Some(claim)).unwrap();
    id
}

fn step(key: &str) -> Vec<Body> {
    vec![ended(key, Value::of(key).unwrap())]
}

/// Keys of calls that are on record, with how often each is.
fn recorded(store: &dyn Store, id: &ExecutionId) -> HashMap<String, u32> {
    let mut found = HashMap::new();
    for event in store.load(id, 0, 0).unwrap() {
        if let Some(key) = event.body.call_key() {
            *found.entry(key.to_owned()).or_default() += 1;
        }
    }
    found
}

#[test]
fn what_cannot_be_used_is_refused_with_a_code_and_without_the_password() {
    let cluster = Cluster::quick();
    let port = cluster.port();
    assert_eq!(code(&format!("postgres://kitaru:wrong@127.0.0.1:{port}/postgres")), "unauthorized");
    assert_eq!(code(&format!("postgres://kitaru:secret@127.0.0.1:{port}/nothing")), "store-io");
    assert_eq!(code("postgres://kitaru:secret@127.0.0.1:1/postgres"), "server-away");
    let told = opened(&format!("postgres://kitaru:wrong@127.0.0.1:{port}/postgres")).err().unwrap().to_string();
    assert!(!told.contains("wrong") && told.contains(&format!("127.0.0.1:{port}/postgres")), "{told}");
    run(&cluster, "CREATE SCHEMA other; CREATE TABLE other.things (x int)");
    assert_eq!(code(&cluster.address("other")), "store-damaged");
    drop(opened(&cluster.address("later")).unwrap());
    run(&cluster, "UPDATE later.kitaru_format SET version = 1000");
    assert_eq!(code(&cluster.address("later")), "store-newer");
    assert_eq!(kitaru_store::migrate(&cluster.address("later")).unwrap_err().code(), "store-newer");
    run(&cluster, "UPDATE later.kitaru_format SET version = 0");
    assert_eq!(code(&cluster.address("later")), "store-older");
    run(&cluster, "ALTER ROLE kitaru SET default_transaction_read_only = on");
    assert_eq!(code(&cluster.address("fresh")), "store-read-only");
}

#[test]
fn many_who_open_an_empty_database_at_once_fill_it_once() {
    let cluster = Cluster::quick();
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| start(opened(&cluster.address("kitaru")).unwrap().as_ref()));
        }
    });
    assert_eq!(run(&cluster, "SELECT version FROM kitaru.kitaru_format"), ["2"]);
    assert_eq!(run(&cluster, "SELECT count(*) FROM kitaru.executions"), ["6"]);
    assert_eq!(kitaru_store::migrate(&cluster.address("kitaru")).unwrap(), (Some(2), 2));
}

/// What the first version made.
const FIRST: [&str; 2] =
    [include_str!("../src/postgres/migrations/0001-tables.sql"), include_str!("formats/postgres-1-writing.sql")];

#[test]
fn a_store_of_the_first_format_is_refused_until_it_is_brought_up_to_date() {
    let cluster = Cluster::quick();
    let awaited = "00000000-0000-7000-8000-000000000001";
    let reason = format!(r#"{{"awaits": [{{"least": 1, "executions": ["{awaited}"]}}], "executions": ["{awaited}"]}}"#);
    let entry = serde_json::to_string(&EntryPoint::default()).unwrap();
    // It takes a moment to start up.
    drop(opened(&cluster.fresh()).unwrap());
    run(&cluster, "CREATE SCHEMA first");
    run(
        &cluster,
        &format!(
            "SET search_path TO first; {} {}
             CREATE TABLE kitaru_format (version bigint NOT NULL); INSERT INTO kitaru_format VALUES (1);
             INSERT INTO executions (id, reversed, flow, status, reason, awaits, entry, tags, inputs, last_seq, created_at,
                updated_at)
             VALUES ('a', 'a', 'f', 'waiting', '{reason}', true, '{entry}', '{{}}', '{{\"inline\":1}}', 0, 1, 1),
                ('b', 'b', 'f', 'interrupted', NULL, false, '{entry}', '{{}}', '{{\"inline\":1}}', 0, 1, 1)",
            FIRST[0], FIRST[1]
        ),
    );
    let address = cluster.address("first");
    assert_eq!(code(&address), "store-older");
    assert_eq!(kitaru_store::migrate(&address).unwrap(), (Some(1), 2));
    let store = opened(&address).unwrap();
    let filter = kitaru_store::ExecutionFilter {
        awaits_on: Some(ExecutionId::new(awaited)),
        ..kitaru_store::ExecutionFilter::default()
    };
    let page = kitaru_store::Page { limit: 10, offset: 0 };
    assert_eq!(store.queries().executions(&filter, page).unwrap().len(), 1);
    // What was asked for and nobody has begun is for workers now.
    let pool = |id: &str| store.queries().execution(&ExecutionId::new(id)).unwrap().pool;
    assert_eq!((pool("a"), pool("b")), (None, Some("default".to_owned())));
    let id = start(store.as_ref());
    assert_eq!(store.load(&id, 0, 0).unwrap().len(), 2);
    store.append(&id, now(store.as_ref()), 1, step("after")).unwrap();
}

#[test]
fn texts_with_every_character_come_back() {
    let cluster = Cluster::quick();
    let store = opened(&cluster.fresh()).unwrap();
    let id = start(store.as_ref());
    let odd = "nul \0, escape \u{1a}0, quote \" ' \\ $1, é 漢 🦀, \u{7f}\u{feff}";
    store.append(&id, now(store.as_ref()), 1, vec![ended(odd, Value::of(odd).unwrap())]).unwrap();
    let line = kitaru_store::LogLine { at: 1, call_key: Some(odd.into()), stream: odd.into(), text: odd.into() };
    store.log(&id, vec![line.clone()]).unwrap();
    assert_eq!(store.queries().calls(&id).unwrap()[0].key, odd);
    assert_eq!(store.load(&id, 2, 0).unwrap()[0].body.call_key(), Some(odd));
    assert_eq!(store.queries().logs(&id, 0, 0).unwrap().0, [line]);
}

/// Whatever clock somebody has: what is held by a lease of the database's clock is not taken over.
#[test]
fn a_lease_is_told_by_the_clock_of_the_database() {
    let cluster = Cluster::quick();
    let store = opened(&cluster.fresh()).unwrap();
    let id = start(store.as_ref());
    let elsewhere = Owner { host: "elsewhere".into(), nonce: "e".into(), ..store.owner().unwrap() };
    let claim = |until| Claim { owner: elsewhere.clone(), lease_until: until };
    // This process holds it, lives, and its lease is not over, but by a clock that is a day ahead.
    let ahead = now(store.as_ref()) + 86_400_000;
    let refused = store.claim(&id, ahead, 1, claim(ahead + LEASE), Vec::new()).unwrap_err();
    assert_eq!(refused.code(), "conflict");
    // Over by a moment: but the database has only just started, and who holds it may not have been heard of yet.
    store.renew(&[(id.clone(), 1)], now(store.as_ref()) - 1).unwrap();
    assert_eq!(store.claim(&id, ahead, 1, claim(ahead + LEASE), Vec::new()).unwrap_err().code(), "conflict");
    assert!(store.queries().execution(&id).unwrap().lease_until > now(store.as_ref()), "and it is shown as held");
    store.renew(&[(id.clone(), 1)], 1).unwrap();
    assert_eq!(store.claim(&id, ahead, 1, claim(now(store.as_ref()) + LEASE), Vec::new()).unwrap(), 2);
    // Held from elsewhere: nobody here can tell whether that lives.
    let own = Claim { owner: store.owner().unwrap(), lease_until: ahead };
    assert_eq!(store.claim(&id, ahead, 2, own.clone(), Vec::new()).unwrap_err().code(), "conflict");
    // An owner of this system whose process is gone is known to be.
    let gone = Owner { started: 1, nonce: "gone".into(), ..store.owner().unwrap() };
    store.renew(&[(id.clone(), 2)], 0).unwrap();
    let held = Claim { owner: gone, lease_until: ahead };
    assert_eq!(store.claim(&id, 1, 2, held, Vec::new()).unwrap(), 3);
    assert_eq!(store.claim(&id, 1, 3, own, Vec::new()).unwrap(), 4);
}

#[test]
fn a_forked_child_is_refused_and_its_parent_goes_on() {
    let cluster = Cluster::quick();
    let store = opened(&cluster.fresh()).unwrap();
    let id = start(store.as_ref());
    // SAFETY: the child uses no lock that another thread may hold: the store refuses it before any.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let refused = [
            store.append(&id, 1, 1, step("child")).unwrap_err(),
            store.load(&id, 0, 0).unwrap_err(),
            store.owner().unwrap_err(),
            store.version().unwrap_err(),
        ];
        let all = refused.iter().all(|error| error.code() == "store-forked");
        drop(store);
        // SAFETY: it ends without the parent's work being done twice.
        unsafe { libc::_exit(i32::from(!all)) };
    }
    let mut status = 0;
    // SAFETY: the child is this process's own.
    unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0, "{status}");
    store.append(&id, now(store.as_ref()), 1, step("parent")).unwrap();
    assert_eq!(recorded(store.as_ref(), &id), HashMap::from([("parent".to_owned(), 1)]));
}

#[test]
fn it_may_be_asked_from_within_any_runtime() {
    let cluster = Cluster::quick();
    let address = cluster.fresh();
    let ask = || async {
        let store = opened(&address).unwrap();
        let id = start(store.as_ref());
        assert_eq!(store.load(&id, 0, 0).unwrap().len(), 2);
    };
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(ask());
    let many = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    many.block_on(ask());
    let address = address.clone();
    many.block_on(async {
        tokio::spawn(async move { start(opened(&address).unwrap().as_ref()) }).await.unwrap();
    });
}

/// Threads that write without end, each on its own execution, and what they were told.
fn write(store: &Arc<dyn Store>, ids: &[ExecutionId], over: &AtomicBool, told: &[Mutex<Vec<String>>], all: &AtomicU64) {
    std::thread::scope(|scope| {
        for (at, (id, told)) in ids.iter().zip(told).enumerate() {
            scope.spawn(move || {
                let mut number = 0;
                while !over.load(Ordering::Relaxed) {
                    let key = format!("{at}-{number}");
                    let body = if number % 17 == 3 {
                        // A large value: its parts go first.
                        vec![ended(&key, Value::of(&key.repeat(3000)).unwrap())]
                    } else {
                        step(&key)
                    };
                    let seq = store.append(id, now(store.as_ref()), 1, body).unwrap();
                    assert_eq!(seq, 3 + number);
                    if number % 11 == 0 {
                        store.renew(&[(id.clone(), 1)], now(store.as_ref()) + LEASE).unwrap();
                    }
                    told.lock().unwrap().push(key);
                    all.fetch_add(1, Ordering::Relaxed);
                    number += 1;
                }
            });
        }
    });
}

/// Has threads write while `trouble` is made some times, and holds what is there against what they were told.
fn nothing_is_lost_or_doubled(cluster: &mut Cluster, rounds: u32, mut trouble: impl FnMut(&mut Cluster, u32)) {
    let address = cluster.fresh();
    let stores: Vec<Arc<dyn Store>> = (0..2).map(|_| opened(&address).unwrap()).collect();
    let ids: Vec<Vec<ExecutionId>> =
        stores.iter().map(|store| (0..4).map(|_| start(store.as_ref())).collect()).collect();
    let told: Vec<Vec<Mutex<Vec<String>>>> = (0..2).map(|_| (0..4).map(|_| Mutex::default()).collect()).collect();
    let (over, all) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for ((store, ids), told) in stores.iter().zip(&ids).zip(&told) {
            let (over, all) = (&over, &all);
            scope.spawn(move || write(store, ids, over, told, all));
        }
        for round in 0..rounds {
            // Somewhere in the middle of what they do: each round some were written since the last.
            let (seen, until) = (all.load(Ordering::Relaxed), Instant::now() + Duration::from_secs(60));
            while all.load(Ordering::Relaxed) < seen + 20 + u64::from(round * 13 % 37) {
                assert!(Instant::now() < until, "nobody writes\n{}", cluster.log());
                std::thread::yield_now();
            }
            trouble(cluster, round);
        }
        over.store(true, Ordering::Relaxed);
    });
    assert!(all.load(Ordering::Relaxed) >= 20 * u64::from(rounds), "they wrote in between");
    let reader = opened(&address).unwrap();
    for (id, told) in ids.iter().flatten().zip(told.iter().flatten()) {
        let told = told.lock().unwrap();
        let found = recorded(reader.as_ref(), id);
        for key in told.iter() {
            assert_eq!(found.get(key), Some(&1), "{key} was acknowledged");
        }
        assert_eq!(found.len(), told.len(), "and nothing else is there");
        let seqs: Vec<u64> = reader.load(id, 0, 0).unwrap().iter().map(|event| event.seq).collect();
        assert_eq!(seqs, (1..=told.len() as u64 + 2).collect::<Vec<_>>());
        assert_eq!(reader.queries().calls(id).unwrap().len(), told.len());
    }
    let health = reader.queries().health(true).unwrap();
    assert!(health.contains(&("value_check".to_owned(), "ok".to_owned())), "{health:?}");
}

#[test]
fn a_database_killed_at_any_moment_loses_and_doubles_nothing_that_was_acknowledged() {
    let mut cluster = Cluster::new(&[]);
    let rounds = std::env::var("KITARU_CRASHES").ok().and_then(|text| text.parse().ok()).unwrap_or(6).min(300);
    nothing_is_lost_or_doubled(&mut cluster, rounds, |cluster, _| {
        cluster.end(libc::SIGKILL);
        cluster.start();
    });
}

#[test]
fn connections_that_are_cut_at_any_moment_lose_and_double_nothing() {
    let mut cluster = Cluster::quick();
    nothing_is_lost_or_doubled(&mut cluster, 60, |cluster, _| {
        run(
            cluster,
            "SELECT pg_terminate_backend(pid)::text FROM pg_stat_activity
             WHERE application_name = 'kitaru' AND pid <> pg_backend_pid()",
        );
    });
}

/// Who is fenced out while the database was away records nothing when it is back.
#[test]
fn whoever_was_taken_over_meanwhile_records_nothing() {
    let mut cluster = Cluster::quick();
    let address = cluster.fresh();
    let (store, other) = (opened(&address).unwrap(), opened(&address).unwrap());
    let id = start(store.as_ref());
    store.renew(&[(id.clone(), 1)], now(store.as_ref()) + 500).unwrap();
    cluster.end(libc::SIGQUIT);
    let late = std::thread::scope(|scope| {
        let late = scope.spawn(|| store.append(&id, now(store.as_ref()), 1, step("late")));
        cluster.start();
        late.join().unwrap()
    });
    // Either it was in time, or it is fenced: never is it written after somebody else has taken over.
    let until = Instant::now() + Duration::from_secs(40);
    let claimed = loop {
        let claim = Claim { owner: other.owner().unwrap(), lease_until: now(other.as_ref()) + LEASE };
        match other.claim(&id, now(other.as_ref()), 1, claim, Vec::new()) {
            Ok(epoch) => break epoch,
            Err(error) => assert!(error.code() == "conflict" && Instant::now() < until, "{error}"),
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    assert_eq!(claimed, 2);
    assert_eq!(store.append(&id, now(store.as_ref()), 1, step("zombie")).unwrap_err().code(), "fenced");
    assert_eq!(
        store.post(&id, now(store.as_ref()), Guard::Unchanged(1, 2), step("zombie")).unwrap_err().code(),
        "conflict"
    );
    assert_eq!(recorded(other.as_ref(), &id).len(), usize::from(late.is_ok()));
}

/// A store is copied into PostgreSQL and back, and is what it was.
#[test]
fn a_store_is_copied_there_and_back_as_it_is() {
    let cluster = Cluster::quick();
    let home = tempfile::tempdir().unwrap();
    let file = |name: &str| {
        let path = home.path().join(name).display().to_string();
        open(&path, home.path(), &Options::default()).unwrap()
    };
    let first = file("first.db");
    let (id, gone) = (start(first.as_ref()), start(first.as_ref()));
    let at = apart::now();
    let large = Value::of(&"large ".repeat(50_000)).unwrap();
    first.append(&id, at, 1, vec![ended("a", large.clone()), ended("b\0", Value::of("b").unwrap())]).unwrap();
    let line = kitaru_store::LogLine { at, call_key: None, stream: "stdout".into(), text: "said\0".into() };
    first.log(&id, vec![line]).unwrap();
    let refused = kitaru_store::copy(first.as_ref(), opened(&cluster.fresh()).unwrap().as_ref(), at).unwrap_err();
    assert!(refused.code() == "conflict" && refused.to_string().contains(id.as_str()), "it runs: {refused}");
    for one in [&id, &gone] {
        let stop = kitaru_core::event::Interrupted { by: "test".into(), reused: Vec::new() };
        first.append(one, at, 1, vec![Body::Interrupted(stop)]).unwrap();
    }
    let target = opened(&cluster.fresh()).unwrap();
    let copied = kitaru_store::copy(first.as_ref(), target.as_ref(), at).unwrap();
    assert_eq!((copied.executions, copied.events, copied.values), (2, 8, 1));
    let again = kitaru_store::copy(first.as_ref(), target.as_ref(), at).unwrap_err();
    assert!(again.to_string().contains("not empty"), "{again}");
    let back = file("back.db");
    assert_eq!(kitaru_store::copy(target.as_ref(), back.as_ref(), at).unwrap(), copied);
    for copy in [&target, &back] {
        for one in [&id, &gone] {
            assert_eq!(copy.load(one, 0, 0).unwrap(), first.load(one, 0, 0).unwrap());
            assert_eq!(copy.queries().execution(one).unwrap(), first.queries().execution(one).unwrap());
            assert_eq!(copy.queries().calls(one).unwrap(), first.queries().calls(one).unwrap());
            assert_eq!(copy.queries().logs(one, 0, 0).unwrap(), first.queries().logs(one, 0, 0).unwrap());
        }
        assert_eq!(Some(copy.value(&large.reference()).unwrap().as_str()), large.inline());
        // And it goes on: what is new has a number of its own.
        let new = start(copy.as_ref());
        assert!(copy.queries().execution(&new).unwrap().number > copy.queries().execution(&gone).unwrap().number);
        let claim = Claim { owner: copy.owner().unwrap(), lease_until: now(copy.as_ref()) + LEASE };
        assert_eq!(copy.claim(&id, now(copy.as_ref()), 1, claim, Vec::new()).unwrap(), 2);
        copy.append(&id, now(copy.as_ref()), 2, step("c")).unwrap();
    }
}
