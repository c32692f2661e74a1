//! Executions that belong together: their tree, who is stopped with whom, who is told of an end.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use kitaru_core::event::{
    Await, Completed, Created, EntryPoint, Fork, Parent, PauseReason, Paused, Reuse, Stop, Suspended,
};
use kitaru_core::rows::Status;
use kitaru_core::{Body, ExecutionId, Value};
use kitaru_engine::manage::{self, ResumeOptions};
use kitaru_store::{Guard, Options, Store, open};
use serde_json::Value as Json;
use std::path::Path;
use std::sync::Arc;

const NOW: i64 = 1_000;

fn store(home: &Path) -> Arc<dyn Store> {
    open(home.join("kitaru.db").to_str().unwrap(), home, &Options::default()).unwrap()
}

fn id(name: &str) -> ExecutionId {
    ExecutionId::new(name)
}

struct Desk {
    store: Arc<dyn Store>,
    _home: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        Self { store: store(home.path()), _home: home }
    }

    fn create(&self, name: &str, change: impl FnOnce(&mut Created)) {
        let mut created = Created {
            flow: name.trim_end_matches(char::is_numeric).to_owned(),
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
        change(&mut created);
        self.store.create(&id(name), NOW, vec![Body::Created(Box::new(created))], None).unwrap();
    }

    fn child(&self, name: &str, parent: &str) {
        self.create(name, |created| created.parent = Some(Parent { id: id(parent), key: format!("{name}#2") }));
    }

    fn replay(&self, name: &str, source: &str) {
        self.create(name, |created| {
            let (source, by) = (id(source), "test".to_owned());
            let fork = Fork {
                source,
                upto: 1,
                kept: vec![],
                reuse: Reuse::Frontier,
                from: None,
                overrides: vec![],
                asked: vec![],
                plain: vec![],
                by,
            };
            created.fork = Some(Box::new(fork));
        });
    }

    fn post(&self, name: &str, body: Body) {
        self.store.post(&id(name), NOW, Guard::NotFinal, vec![body]).unwrap();
    }

    fn complete(&self, name: &str) {
        let result = Value::of(&1).unwrap();
        self.post(name, Body::Completed(Completed { result, volatile: None, reused: vec![] }));
    }

    fn park(&self, name: &str, awaits: Vec<Await>) {
        self.post(
            name,
            Body::Suspended(Suspended { waits: vec![], wake_at: None, sleeping: false, awaits, reused: vec![] }),
        );
    }

    fn row(&self, name: &str) -> kitaru_core::rows::ExecutionRow {
        self.store.queries().execution(&id(name)).unwrap()
    }

    fn status(&self, name: &str) -> Status {
        self.row(name).status
    }

    fn tree(&self, of: &str) -> String {
        shown(&manage::tree(self.store.as_ref(), &self.row(of), NOW).unwrap())
    }

    fn waiters(&self, moved: &str) -> Vec<String> {
        let found = manage::waiters(self.store.as_ref(), &id(moved), NOW).unwrap();
        found.into_iter().map(|row| row.id.to_string()).collect()
    }
}

/// `name[relation]*(below …)`, the star for the one that was asked for, `!` for one that was deleted.
fn shown(node: &Json) -> String {
    let mut text = node["id"].as_str().unwrap().to_owned();
    if node.get("deleted").is_some() {
        text.push('!');
    }
    if let Some(relation) = node["relation"].as_str() {
        text.push_str(&format!("[{relation}]"));
    }
    if node["marked"] == true {
        text.push('*');
    }
    let below: Vec<String> = node["below"].as_array().unwrap().iter().map(shown).collect();
    if below.is_empty() { text } else { format!("{text}({})", below.join(" ")) }
}

fn wait(least: usize, ends: bool, names: &[&str]) -> Await {
    Await { least, ends, executions: names.iter().map(|name| id(name)).collect() }
}

#[test]
fn a_tree_has_children_and_replays_from_wherever_it_is_asked_for() {
    let desk = Desk::new();
    desk.create("m", |_| {});
    desk.child("c1", "m");
    desk.child("c2", "m");
    desk.child("d", "c1");
    desk.replay("r", "m");
    desk.child("rc", "r");
    desk.replay("rr", "r");
    desk.create("other", |_| {});
    let whole = "m(c1[child](d[child]) c2[child] r[replay](rc[child] rr[replay]))";
    for name in ["m", "c1", "c2", "d", "r", "rc", "rr"] {
        let tree = desk.tree(name);
        assert_eq!(tree.replace('*', ""), whole);
        assert!(tree.contains(&format!("{name}*")) || tree.contains(&format!("{name}[child]*")) || tree.contains("]*"));
    }
    assert_eq!(desk.tree("other"), "other*");
}

#[test]
fn what_came_into_being_in_any_order_is_shown_in_that_of_the_calls() {
    let desk = Desk::new();
    desk.create("m", |_| {});
    for (name, key) in [("b", "agent#2"), ("x", "other"), ("c", "agent#10"), ("a", "agent"), ("y", "other#x")] {
        desk.create(name, |created| created.parent = Some(Parent { id: id("m"), key: key.to_owned() }));
    }
    assert_eq!(desk.tree("m"), "m*(a[child] b[child] c[child] x[child] y[child])");
}

#[test]
fn of_a_deleted_source_the_tree_says_so_and_has_what_came_of_it() {
    let desk = Desk::new();
    desk.create("s", |_| {});
    desk.replay("r1", "s");
    desk.replay("r2", "s");
    desk.child("c", "r1");
    desk.complete("s");
    let row = desk.row("s");
    desk.store.delete(&id("s"), row.epoch, row.last_seq).unwrap();
    assert_eq!(desk.tree("c"), "s!(r1[replay](c[child]*) r2[replay])");
}

#[test]
fn a_stop_reaches_what_belongs_to_it_and_says_with_whom() {
    let desk = Desk::new();
    desk.create("m", |_| {});
    desk.child("c", "m");
    desk.child("d", "c");
    desk.create("alone", |created| {
        created.parent = Some(Parent { id: id("m"), key: "alone".to_owned() });
        created.detached = true;
    });
    desk.child("below", "alone");
    manage::stop(desk.store.as_ref(), &desk.row("m"), Stop::Pause, "test", NOW).unwrap();
    assert_eq!(["m", "c", "d"].map(|name| desk.status(name)), [Status::Paused; 3]);
    assert_eq!(["alone", "below"].map(|name| desk.status(name)), [Status::Interrupted; 2]);
    let with = |name: &str| match manage::next::pause(&desk.row(name)) {
        Some(PauseReason::Requested { with, .. }) => with,
        other => panic!("{other:?}"),
    };
    assert_eq!(["m", "c", "d"].map(with), [None, Some(id("m")), Some(id("m"))]);
    // Whoever began with it and does not know how far it came goes on with the rest.
    desk.child("late", "c");
    manage::stop_again(desk.store.as_ref(), &desk.row("m"), Stop::Pause, "test", NOW).unwrap();
    assert_eq!(desk.status("late"), Status::Paused);
    assert_eq!(desk.row("m").last_seq, 2, "what was done is not done again");
}

#[test]
fn a_resumed_child_is_told_from_one_that_is_left_alone() {
    let desk = Desk::new();
    desk.create("m", |_| {});
    desk.child("c", "m");
    let reason = PauseReason::Requested { by: "test".to_owned(), with: None };
    desk.post("c", Body::Paused(Box::new(Paused { reason, text: "paused".to_owned(), reused: vec![] })));
    desk.park("m", vec![]);
    let options = ResumeOptions { by: "test".to_owned(), ..ResumeOptions::default() };
    let prepared = manage::prepare(desk.store.as_ref(), &desk.row("c"), &options, NOW).unwrap();
    assert_eq!((prepared.row.id, prepared.in_place), (id("m"), false));
    assert_eq!(desk.status("c"), Status::Interrupted);
    assert_eq!(manage::acted(desk.store.as_ref(), &desk.row("m"), "test").unwrap(), Some(id("c")));
    assert_eq!(manage::acted(desk.store.as_ref(), &desk.row("m"), "somebody").unwrap(), None);
}

#[test]
fn whoever_has_all_it_waits_for_is_told() {
    let desk = Desk::new();
    for name in ["a", "b", "m", "n", "p"] {
        desk.create(name, |_| {});
    }
    desk.child("below", "a");
    desk.child("child", "n");
    desk.park("m", vec![wait(2, true, &["a", "b"])]);
    desk.park("child", vec![wait(1, true, &["b", "below"])]);
    desk.park("n", vec![]);
    desk.park("p", vec![wait(1, false, &["a"])]);
    // An execution that nobody works on needs somebody.
    assert_eq!(desk.waiters("a"), ["p"]);
    desk.complete("b");
    assert_eq!(desk.waiters("b"), ["n"], "the top of what waits is carried on");
    assert_eq!(desk.waiters("a"), ["n", "p"], "what is below it counts as its own");
    desk.complete("a");
    let mut told = desk.waiters("a");
    told.sort();
    assert_eq!(told, ["m", "n", "p"]);
    let due: Vec<String> =
        manage::due(desk.store.as_ref(), NOW).unwrap().into_iter().map(|row| row.id.to_string()).collect();
    assert_eq!(due.len(), 3, "{due:?}");
    let reason = PauseReason::Requested { by: "test".to_owned(), with: None };
    desk.post("m", Body::Paused(Box::new(Paused { reason, text: "paused".to_owned(), reused: vec![] })));
    assert!(!desk.waiters("a").contains(&"m".to_owned()), "somebody has to decide about it first");
}
