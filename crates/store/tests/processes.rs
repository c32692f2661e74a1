//! What holds between real processes: death at any moment, fairness, fences and forks.
//!
//! A process of another role is this test program again, in [`role`]. Not here: what one process can show
//! (`conformance/`), and full or damaged disks (`faults.rs`).
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod apart;

use apart::{now, spawn, store};
use kitaru_core::event::{Created, EntryPoint, Outcome, Taken};
use kitaru_core::lease::{Owner, Pulse};
use kitaru_core::{Body, Digest, ExecutionId, Millis, Value};
use kitaru_store::{Claim, Guard, Options, Store, open};
use std::collections::{HashMap, HashSet};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

fn start(store: &dyn Store) -> ExecutionId {
    let id = ExecutionId::new(uuid::Uuid::now_v7().to_string());
    let owner = store.owner().unwrap();
    let created = Created {
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
    };
    let taken = Taken { owner: owner.clone(), code: None, why: "start".to_owned(), entry: None };
    let claim = Claim { owner, lease_until: now() + 60_000 };
    store.create(&id, now(), vec![Body::Created(Box::new(created)), Body::Taken(taken)], Some(claim)).unwrap();
    id
}

fn ended(key: &str, result: &str) -> Body {
    apart::ended(key, Value::of(result).unwrap())
}

/// Text that hardly compresses and that its key tells.
fn text(key: &str, len: usize) -> String {
    let mut text = String::with_capacity(len + 64);
    for n in 0u64.. {
        text.push_str(&Digest::of(format!("{key} {n}").as_bytes()).to_string());
        if text.len() >= len {
            break;
        }
    }
    text
}

fn setting(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

/// A line, in one write, so that those of other threads do not come in between.
fn tell(file: &mut File, line: &str) {
    file.write_all(format!("{line}\n").as_bytes()).unwrap();
}

fn report(home: &Path, name: &str) -> File {
    OpenOptions::new().append(true).create(true).open(home.join(name)).unwrap()
}

fn read(path: &Path) -> Vec<String> {
    std::fs::read_to_string(path).unwrap_or_default().lines().map(str::to_owned).collect()
}

/// A kill cuts a write off between two pages of a file: what stands behind the last whole line was not told.
fn drop_torn_line(path: &Path) {
    let text = std::fs::read_to_string(path).unwrap();
    let whole = text.rfind('\n').map_or(0, |at| at + 1);
    std::fs::OpenOptions::new().write(true).open(path).unwrap().set_len(whole as u64).unwrap();
}

/// Waits until a process has told so many lines.
fn told(path: &Path, lines: usize) -> Vec<String> {
    let begun = Instant::now();
    loop {
        let found = read(path);
        if found.len() >= lines {
            return found;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "{} of {lines} lines in {path:?}", found.len());
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Not a test: what this program does when it was started by one.
#[test]
#[ignore = "a role of other tests"]
fn role() {
    let home = PathBuf::from(setting("KITARU_TEST_HOME"));
    match setting("KITARU_TEST_ROLE").as_str() {
        "writer" => writer(&home),
        "busy" => busy(&home),
        "fenced" => fenced(&home),
        "forks" => forks(&home),
        "steps" => steps(&home),
        _ => {}
    }
}

/// Appends until it is killed, and tells each append after it returned.
fn writer(home: &Path) {
    let store = store(home);
    std::thread::scope(|scope| {
        for thread in 0..2 {
            let store = &store;
            scope.spawn(move || {
                let id = start(store.as_ref());
                let mut acks = report(home, "acks");
                for n in 0.. {
                    let key = format!("{id}/{thread}/{n}");
                    let len = [20, 300, 5_000, 120_000][n % 4];
                    let seq = store.append(&id, now(), 1, vec![ended(&key, &text(&key, len))]).unwrap();
                    tell(&mut acks, &format!("{id} {seq} {key}"));
                }
            });
        }
    });
}

fn is_sound(store: &dyn Store) {
    for (name, value) in store.queries().health(true).unwrap() {
        assert!(!name.ends_with("_check") || value == "ok", "{name}: {value}");
    }
}

#[test]
fn a_writer_killed_at_any_moment_loses_and_doubles_nothing_that_it_was_told() {
    let home = tempfile::tempdir().unwrap();
    let acks = home.path().join("acks");
    let mut checked: HashMap<ExecutionId, usize> = HashMap::new();
    for round in 0..60u64 {
        let before = read(&acks).len();
        let mut child = spawn("writer", home.path(), &[]);
        told(&acks, before + 1);
        // Spread over some commits; where exactly it hits is left to chance.
        std::thread::sleep(Duration::from_micros(700 * (round * 37 % 41)));
        child.kill().unwrap();
        child.wait().unwrap();
        drop_torn_line(&acks);
        let store = store(home.path());
        is_sound(store.as_ref());
        let mut journals: HashMap<ExecutionId, Vec<(u64, String)>> = HashMap::new();
        for line in &read(&acks)[before..] {
            let [id, seq, key] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
            journals.entry(ExecutionId::new(id)).or_default().push((seq.parse().unwrap(), key.to_owned()));
        }
        for (id, acked) in journals {
            let events = store.load(&id, 0, 0).unwrap();
            let keys: HashMap<u64, &str> =
                events.iter().filter_map(|event| Some((event.seq, event.body.call_key()?))).collect();
            let different: HashSet<&&str> = keys.values().collect();
            assert_eq!(different.len(), keys.len(), "none is there twice");
            for (seq, key) in &acked {
                assert_eq!(keys.get(seq), Some(&key.as_str()), "what was told is there");
            }
            // One append may have been written and not told; what it holds is whole as well.
            assert!(keys.len() <= acked.len() + 1);
            for event in &events {
                let Body::CallEnded(ended) = &event.body else { continue };
                let Outcome::Returned { result } = &ended.outcome else { panic!("{ended:?}") };
                let json = match result {
                    Value::Inline(raw) => raw.get().to_owned(),
                    Value::Stored(reference) => store.value(reference).unwrap(),
                };
                let n: usize = ended.call.key.rsplit('/').next().unwrap().parse().unwrap();
                let expected = text(&ended.call.key, [20, 300, 5_000, 120_000][n % 4]);
                assert!(serde_json::from_str::<String>(&json).unwrap() == expected, "{}", ended.call.key);
            }
            let row = store.queries().execution(&id).unwrap();
            assert_eq!(row.last_seq, events.len() as u64);
            assert_eq!(store.pulse(&row.owner.unwrap()), Pulse::Dead);
            checked.insert(id, acked.len());
        }
    }
    assert!(checked.len() >= 60, "{checked:?}");
    assert!(checked.values().sum::<usize>() > 300, "{checked:?}");
}

#[test]
fn a_torn_tail_of_a_pack_is_harmless_and_a_missing_part_is_told() {
    let home = tempfile::tempdir().unwrap();
    let (id, key) = {
        let store = store(home.path());
        let id = start(store.as_ref());
        store.append(&id, now(), 1, vec![ended("k", &text("k", 300_000))]).unwrap();
        (id, "k")
    };
    let packs: Vec<_> = std::fs::read_dir(home.path().join("kitaru.db.packs")).unwrap().flatten().collect();
    let [pack] = &packs[..] else { panic!("{packs:?}") };
    let value = |store: &dyn Store| {
        let events = store.load(&id, 2, 0).unwrap();
        let Body::CallEnded(ended) = &events[0].body else { panic!("{events:?}") };
        let Outcome::Returned { result: Value::Stored(reference) } = &ended.outcome else { panic!("{ended:?}") };
        store.value(reference)
    };
    let whole = pack.metadata().unwrap().len();
    assert!((100_000..400_000).contains(&whole), "what was taken and not used is given back: {whole}");
    // A process that died between its append and its commit leaves bytes that nothing refers to.
    OpenOptions::new().append(true).open(pack.path()).unwrap().write_all(&[0xA5; 70_000]).unwrap();
    let other = store(home.path());
    assert!(value(other.as_ref()).unwrap() == serde_json::to_string(&text(key, 300_000)).unwrap());
    other.append(&id, now(), 1, vec![ended("l", &text("l", 300_000))]).unwrap();
    is_sound(other.as_ref());
    OpenOptions::new().write(true).open(pack.path()).unwrap().set_len(whole - 10).unwrap();
    assert_eq!(value(other.as_ref()).unwrap_err().code(), "store-damaged");
    let health = other.queries().health(true).unwrap();
    let check = &health.iter().find(|(name, _)| name == "value_check").unwrap().1;
    assert!(check.contains(".pack: "), "{check}");
}

/// Appends as fast as it can for some seconds; tells how often, and the longest that it waited for one.
fn busy(home: &Path) {
    let store = store(home);
    let id = start(store.as_ref());
    let begin: Millis = setting("KITARU_TEST_BEGIN").parse().unwrap();
    std::thread::sleep(Duration::from_millis((begin - now()).max(0) as u64));
    let begun = Instant::now();
    let (mut count, mut longest, mut last) = (0u64, Duration::ZERO, begun);
    while begun.elapsed() < Duration::from_secs(4) {
        store.append(&id, now(), 1, vec![ended(&format!("k{count}"), "result")]).unwrap();
        count += 1;
        longest = longest.max(last.elapsed());
        last = Instant::now();
    }
    tell(&mut report(home, "busy"), &format!("{count} {}", longest.as_millis()));
}

#[test]
fn eight_processes_write_at_once_and_none_waits_more_than_a_second() {
    let home = tempfile::tempdir().unwrap();
    drop(store(home.path()));
    let begin = [("KITARU_TEST_BEGIN", (now() + 1500).to_string())];
    let children: Vec<Child> = (0..8).map(|_| spawn("busy", home.path(), &begin)).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let lines = read(&home.path().join("busy"));
    println!("appends and longest wait in ms: {lines:?}");
    assert_eq!(lines.len(), 8);
    let told: Vec<(u64, u64)> = lines
        .iter()
        .map(|line| line.split_once(' ').map(|(a, b)| (a.parse().unwrap(), b.parse().unwrap())).unwrap())
        .collect();
    let all: u64 = told.iter().map(|(count, _)| count).sum();
    for (count, longest) in told {
        assert!(longest < 1000, "one waited {longest} ms: {lines:?}");
        assert!(count * 8 * 4 > all, "one got less than a quarter of its share: {lines:?}");
    }
    is_sound(store(home.path()).as_ref());
}

/// Holds an execution until another has taken it, then tries to write in every way.
fn fenced(home: &Path) {
    let store = store(home);
    let id = start(store.as_ref());
    let mut out = report(home, "fenced");
    tell(&mut out, id.as_str());
    told(&home.join("go"), 1);
    let late = || vec![ended("late", "never")];
    let codes = [
        store.append(&id, now(), 1, late()).unwrap_err().code(),
        store.post(&id, now(), Guard::Unchanged(1, 2), late()).unwrap_err().code(),
        store.claim(&id, now(), 1, Claim { owner: store.owner().unwrap(), lease_until: 0 }, late()).unwrap_err().code(),
    ];
    let lost = store.renew(&[(id.clone(), 1)], now() + 60_000).unwrap();
    tell(&mut out, &format!("{codes:?} {}", lost == [id]));
}

#[test]
fn a_process_fenced_out_by_a_new_owner_records_nothing() {
    let home = tempfile::tempdir().unwrap();
    let out = home.path().join("fenced");
    let mut child = spawn("fenced", home.path(), &[]);
    let id = ExecutionId::new(told(&out, 1).remove(0));
    let store = store(home.path());
    let owner = store.owner().unwrap();
    assert_eq!(store.pulse(&store.queries().execution(&id).unwrap().owner.unwrap()), Pulse::Alive);
    let claim = Claim { owner: owner.clone(), lease_until: now() + 60_000 };
    let taken = Body::Taken(Taken { owner, code: None, why: "resume".to_owned(), entry: None });
    assert_eq!(store.claim(&id, now(), 1, claim, vec![taken]).unwrap(), 2);
    let before = store.queries().execution(&id).unwrap();
    tell(&mut report(home.path(), "go"), "go");
    assert!(child.wait().unwrap().success());
    assert_eq!(told(&out, 2)[1], r#"["fenced", "conflict", "conflict"] true"#);
    assert_eq!(store.queries().execution(&id).unwrap(), before);
    assert_eq!(store.load(&id, 0, 0).unwrap().len(), 3);
    assert_eq!(store.append(&id, now(), 2, vec![ended("a", "mine")]).unwrap(), 4);
}

/// Owns an execution and forks; the child tries to use what it inherited, then lives on.
fn forks(home: &Path) {
    let store = store(home);
    let id = start(store.as_ref());
    let owner = store.owner().unwrap();
    let mut out = report(home, "forks");
    // SAFETY: the child uses no lock that another thread may hold: it makes these calls and waits to be killed.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let again = open(home.join("kitaru.db").to_str().unwrap(), home, &Options::default());
        let codes = [
            store.append(&id, now(), 1, vec![ended("child", "never")]).unwrap_err().code(),
            store.post(&id, now(), Guard::NotFinal, vec![ended("child", "never")]).unwrap_err().code(),
            store.owner().unwrap_err().code(),
            store.load(&id, 0, 0).unwrap_err().code(),
            store.version().unwrap_err().code(),
            again.err().unwrap().code(),
        ];
        let pulse = store.pulse(&owner);
        drop(store);
        tell(&mut out, &format!("{codes:?} {pulse:?} {}", std::process::id()));
    } else {
        tell(&mut out, &format!("{id} {}", serde_json::to_string(&owner).unwrap()));
        // What the child did to its copies must not have touched this process's connection.
        told(&home.join("forks"), 2);
        store.append(&id, now(), 1, vec![ended("parent", "goes on")]).unwrap();
        tell(&mut out, "goes on");
    }
    loop {
        std::thread::park();
    }
}

#[test]
fn a_forked_child_neither_owns_nor_writes_and_its_parents_death_is_seen_at_once() {
    let home = tempfile::tempdir().unwrap();
    let out = home.path().join("forks");
    let mut parent = spawn("forks", home.path(), &[]);
    let lines = told(&out, 3);
    let child = lines.iter().find(|line| line.starts_with('[')).unwrap();
    let (codes, rest) = child.split_once("] ").unwrap();
    assert_eq!(codes.matches("store-forked").count(), 6, "{child}");
    let (pulse, pid) = rest.split_once(' ').unwrap();
    assert_eq!(pulse, "Alive", "the child sees its parent like anybody");
    let pid: libc::pid_t = pid.parse().unwrap();
    let (id, owner) = lines.iter().find_map(|line| line.split_once(" {")).unwrap();
    let owner: Owner = serde_json::from_str(&format!("{{{owner}")).unwrap();
    let store = store(home.path());
    assert_eq!(store.pulse(&owner), Pulse::Alive);
    parent.kill().unwrap();
    // It is dead and not yet waited for: only its parent, this process, could tell by its pid.
    // SAFETY: WNOWAIT leaves the dead child as it is; the structure is ours.
    unsafe {
        let mut told: libc::siginfo_t = std::mem::zeroed();
        libc::waitid(libc::P_PID, parent.id(), &raw mut told, libc::WEXITED | libc::WNOWAIT);
    }
    assert_eq!(store.pulse(&owner), Pulse::Dead);
    // SAFETY: signal 0 asks only whether the process is there.
    assert_eq!(unsafe { libc::kill(pid, 0) }, 0, "the child lives");
    parent.wait().unwrap();
    assert_eq!(store.pulse(&owner), Pulse::Dead);
    // SAFETY: the child was forked by the process that this test started.
    unsafe { libc::kill(pid, libc::SIGKILL) };
    let events = store.load(&ExecutionId::new(id), 0, 0).unwrap();
    assert_eq!(events.len(), 3);
    is_sound(store.as_ref());
}

#[test]
fn an_owner_whose_slot_was_given_to_another_process_is_dead() {
    let home = tempfile::tempdir().unwrap();
    let out = home.path().join("fenced");
    let mut first = spawn("fenced", home.path(), &[]);
    let id = ExecutionId::new(told(&out, 1).remove(0));
    let store = store(home.path());
    let owner = store.queries().execution(&id).unwrap().owner.unwrap();
    first.kill().unwrap();
    first.wait().unwrap();
    let mut second = spawn("fenced", home.path(), &[]);
    let id = ExecutionId::new(told(&out, 2).remove(1));
    let next = store.queries().execution(&id).unwrap().owner.unwrap();
    assert_eq!(next.slot, owner.slot);
    assert_eq!(store.pulse(&owner), Pulse::Dead);
    assert_eq!(store.pulse(&next), Pulse::Alive);
    // The pid is the same one day, the start is not.
    let recycled = Owner { started: next.started - 1, nonce: "old".to_owned(), ..next.clone() };
    assert_eq!(store.pulse(&recycled), Pulse::Dead);
    // In another container pids cannot be compared: the lease decides.
    let far = Owner { boot: format!("{}/pid:[1]", next.boot.split('/').next().unwrap()), ..next };
    assert_eq!(store.pulse(&far), Pulse::Unknown);
    second.kill().unwrap();
    second.wait().unwrap();
    assert_eq!(store.pulse(&far), Pulse::Dead);
}

/// Appends between two marks that a trace shows.
fn steps(home: &Path) {
    let store = store(home);
    let id = start(store.as_ref());
    let len: usize = setting("KITARU_TEST_LEN").parse().unwrap();
    let append =
        |n: usize| store.append(&id, now(), 1, vec![ended(&format!("k{n}"), &text(&n.to_string(), len))]).unwrap();
    // The first ones prepare statements and begin a pack.
    for n in 0..3 {
        append(n);
    }
    let mark = || drop(std::fs::metadata("/kitaru-mark"));
    mark();
    for n in 3..13 {
        append(n);
        if len == 20 {
            // Lines ride along: they cost no sync of their own.
            let line = kitaru_store::LogLine { at: 1, call_key: None, stream: "stdout".into(), text: "x".into() };
            store.log(&id, vec![line]).unwrap();
        }
    }
    mark();
}

/// The system calls between the marks, by name; `None`: this machine has no strace, or does not let it look.
fn traced(len: usize) -> Option<HashMap<String, usize>> {
    let home = tempfile::tempdir().unwrap();
    let trace = home.path().join("trace");
    let done = Command::new("strace")
        .args(["-f", "-qq", "-o"])
        .arg(&trace)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "role", "--ignored", "--nocapture", "--test-threads", "1"])
        .env("KITARU_TEST_ROLE", "steps")
        .env("KITARU_TEST_HOME", home.path())
        .env("KITARU_TEST_LEN", len.to_string())
        .stdout(Stdio::null())
        .status();
    if !done.is_ok_and(|done| done.success()) {
        println!("SKIPPED: strace is not there or may not look");
        return None;
    }
    let lines = read(&trace);
    let marks: Vec<usize> =
        lines.iter().enumerate().filter(|(_, line)| line.contains("/kitaru-mark")).map(|(at, _)| at).collect();
    let mut counts = HashMap::new();
    for line in &lines[marks[0] + 1..marks[1]] {
        let call = line.split_once(' ').unwrap().1.trim_start().split('(').next().unwrap();
        *counts.entry(call.to_owned()).or_default() += 1;
    }
    println!("{len}: {counts:?}");
    Some(counts)
}

#[test]
fn a_step_costs_one_sync_and_a_large_result_one_more() {
    let Some(small) = traced(20) else { return };
    let of = |counts: &HashMap<String, usize>, call: &str| counts.get(call).copied().unwrap_or(0);
    assert_eq!((of(&small, "fdatasync"), of(&small, "fsync")), (10, 0), "{small:?}");
    for needless in ["openat", "close", "stat", "newfstatat", "statx", "clone3", "futex", "mmap"] {
        assert!(of(&small, needless) == 0, "{needless}: {small:?}");
    }
    // Ten steps and ten lines: a transaction takes a snapshot, the right to write, and gives both back.
    assert!(small.values().sum::<usize>() < 20 * 45, "{small:?}");
    let Some(large) = traced(1 << 20) else { return };
    assert_eq!((of(&large, "fdatasync"), of(&large, "fsync")), (20, 0), "{large:?}");
}
