//! Texts that people and programs give: selectors, breakpoints, conditions, paths, times of schedules, identifiers.

use kitaru_core::breakpoint::Before;
use kitaru_core::condition::Condition;
use kitaru_core::schedule::Times;
use kitaru_core::selector::Selector;
use kitaru_core::{ExecutionId, path};
use serde_json::{Value, json};

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

fn all(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

pub fn selectors() -> Vec<Vec<u8>> {
    all(&["start", "failure", "step 14", "analyze#3", "branch.2/summarise", " step  1 ", "é#1"])
}

pub fn selector(bytes: &[u8]) {
    let Some(Ok(read)) = text(bytes).map(Selector::parse) else { return };
    assert_eq!(Selector::parse(&read.to_string()).as_ref(), Ok(&read), "what is written is read as the same");
    read.names("analyze#3", "analyze", 14);
}

pub fn breakpoints() -> Vec<Vec<u8>> {
    all(&["step 14", "analyze", "analyze#3", "branch.2/summarise#1", "a/b/c"])
}

pub fn breakpoint(bytes: &[u8]) {
    let Some(Ok(read)) = text(bytes).map(Before::read) else { return };
    if let Before::Call(key) = &read {
        assert!(!key.is_empty() && matches!(Before::read(key), Ok(Before::Call(_))), "{key:?} is read as a call");
    }
}

pub fn conditions() -> Vec<Vec<u8>> {
    all(&[
        "inputs.amount > 100",
        "inputs.user.name == 'x' and step < 3",
        "inputs.items | length > 2",
        "key is defined",
        "not inputs.a[0]",
        "range(1000000) | list | length",
        "'a' * 1000 in name",
    ])
}

pub fn condition(bytes: &[u8]) {
    let Some(Ok(read)) = text(bytes).map(Condition::read) else { return };
    let inputs = json!({ "amount": 120, "user": { "name": "x" }, "items": [1, 2, 3], "a": [null, "é", -1.5e300] });
    // Whether it holds, or that it cannot be told: in bounded time, whatever it asks for.
    for inputs in [None, Some(&inputs)] {
        drop(read.holds(inputs, "analyze#3", "analyze", 14));
    }
}

pub fn paths() -> Vec<Vec<u8>> {
    all(&["topic", "messages[3].text", "a.b[0][1].c", "[2].x"])
}

pub fn path(bytes: &[u8]) {
    let Some(Ok(steps)) = text(bytes).map(path::parse) else { return };
    let mut root = json!({ "topic": 1, "messages": [{}, {}, {}, { "text": "x" }], "a": { "b": [[0, { "c": 1 }]] } });
    let before = root.clone();
    let found = path::get(&root, &steps).cloned();
    if path::set(&mut root, &steps, Value::from("put")).is_ok() {
        assert_eq!(path::get(&root, &steps), Ok(&Value::from("put")), "what is put there is found there");
    } else {
        assert!(found.is_err(), "{found:?} is there, and cannot be replaced");
        assert_eq!(root, before, "what is refused changes nothing");
    }
}

pub fn schedules() -> Vec<Vec<u8>> {
    all(&[
        "30 6 * * mon-fri\nEurope/Berlin",
        "*/15 0-3,23 L feb-mar sun#2\nAustralia/Lord_Howe",
        "@hourly\nAmerica/Havana",
        "0 0 15W * *\nUTC",
    ])
}

pub fn schedule(bytes: &[u8]) {
    let Some((cron, zone)) = text(bytes).and_then(|text| text.split_once('\n')) else { return };
    let Ok(times) = Times::read(cron, zone) else { return };
    // Across both changes of a year.
    for from in [1_774_720_800_000, 1_793_469_600_000] {
        let found: Vec<i64> = times.between(from, from + 86_400_000).take(2_000).collect();
        assert!(found.windows(2).all(|pair| pair[0] < pair[1]), "{cron:?} in {zone:?} goes back");
        if let Some(last) = found.last() {
            assert_eq!(times.newest(from, *last, 1), [*last], "{cron:?} in {zone:?}");
        }
    }
}

pub fn identifiers() -> Vec<Vec<u8>> {
    all(&["01a22af0-5aca-75d4-9989-41aaeee40c05", "eee40c05", "latest"])
}

pub fn identifier(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    let id = ExecutionId::new(text);
    assert!(id.short().len() <= id.as_str().len());
    assert!(serde_json::from_value(json!(id)).is_ok_and(|again: ExecutionId| again == id), "{id} is read otherwise");
}
