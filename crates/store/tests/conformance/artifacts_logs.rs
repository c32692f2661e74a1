//! What calls leave behind for people: artifacts, log lines, and the store's own health.

use super::events::artifact;
use super::{Fixture, T};
use kitaru_store::LogLine;

pub fn an_artifact_is_replaced_by_name(with: &Fixture) {
    let id = with.start("saves");
    with.store.append(&id, T, 1, vec![artifact("b", "1"), artifact("a", "2")]).unwrap();
    with.store.append(&id, T + 1, 1, vec![artifact("b", "3")]).unwrap();
    let found = with.store.queries().artifacts(&id).unwrap();
    let found: Vec<_> = found
        .iter()
        .map(|row| (row.name.as_str(), row.value.inline().unwrap(), row.at, row.call_key.as_deref()))
        .collect();
    assert_eq!(found, [("a", "\"2\"", T, Some("c")), ("b", "\"3\"", T + 1, Some("c"))]);
}

pub fn log_lines_come_back_in_order_and_in_pages(with: &Fixture) {
    let (id, other) = (with.start("logs"), with.start("logs"));
    let line = |n: i64| LogLine {
        at: T + n,
        call_key: (n % 2 == 0).then(|| "step".to_owned()),
        stream: ["stdout", "stderr"][usize::from(n % 3 == 0)].to_owned(),
        text: format!("line {n} \u{0} é"),
    };
    with.store.log(&id, (0..5).map(line).collect()).unwrap();
    with.store.log(&other, vec![line(99)]).unwrap();
    with.store.log(&id, Vec::new()).unwrap();
    with.store.log(&id, (5..8).map(line).collect()).unwrap();
    let logs = |after, limit| with.again().queries().logs(&id, after, limit).unwrap();
    assert_eq!(logs(0, 0), ((0..8).map(line).collect(), 8));
    assert_eq!(logs(0, 3), ((0..3).map(line).collect(), 3));
    assert_eq!(logs(3, 100), ((3..8).map(line).collect(), 8));
    assert_eq!(logs(8, 0), (Vec::new(), 8));
}

pub fn health_reads_settings_back(with: &Fixture) {
    let shallow = with.store.queries().health(false).unwrap();
    let deep = with.store.queries().health(true).unwrap();
    let get = |name: &str| deep.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str());
    assert_eq!((get("integrity_check"), get("value_check")), (Some("ok"), Some("ok")));
    assert!(shallow.iter().all(|(name, _)| !name.ends_with("_check")), "a short look does not walk the store");
    if get("path").is_some_and(|path| path.starts_with("postgres://")) {
        assert_eq!((get("format"), get("synchronous_commit")), (Some("2"), Some("on")));
        return;
    }
    assert_eq!(get("format"), Some("7"));
    if get("path") != Some("memory:") {
        let settings = [("journal_mode", "wal"), ("synchronous", "2"), ("fullfsync", "1"), ("wal_bytes", "4194304")];
        for (name, value) in settings {
            assert_eq!(get(name), Some(value), "{name}");
        }
    }
}
