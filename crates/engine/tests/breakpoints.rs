//! Breakpoints and pauses as a session meets them: no body begins, what is decided about the call holds.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use kitaru_core::delivery::Next;
use kitaru_core::event::{CallKind, Created, EntryPoint, Inputs, Outcome, PauseReason, Stop};
use kitaru_core::matcher::{CallId, Verdict};
use kitaru_core::rows::{BreakpointRow, Status};
use kitaru_core::{Digest, ExecutionId, ScopeId, Value};
use kitaru_engine::manage::{self, Before, Flow, ManageError, ResumeOptions};
use kitaru_engine::session::{Begun, Given, News, Question, Served, Session};
use kitaru_engine::{Engine, EngineError};
use kitaru_store::{Options, Store, open};
use serde_json::{Value as Json, json};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

const ROOT: ScopeId = ScopeId::ROOT;
const FILE: &str = "/srv/agent.py";

struct Desk {
    store: Arc<dyn Store>,
    engine: Engine,
    _home: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let store = at(home.path());
        Self { engine: Engine::new(Arc::clone(&store)), store, _home: home }
    }

    fn add(&self, before: &str, condition: Option<&str>, every: bool) -> BreakpointRow {
        let at = Before { before: before.to_owned(), every, condition: condition.map(str::to_owned) };
        let flow = Flow { name: "agent".to_owned(), file: None };
        manage::add_breakpoint(self.store.as_ref(), flow, at, "me", 1).unwrap().0
    }

    fn start(&self, pause_before: &[&str]) -> Arc<Session> {
        let created = Created {
            flow: "agent".to_owned(),
            inputs: Value::of(&json!({})).unwrap(),
            entry: EntryPoint { file: Some(FILE.to_owned()), ..EntryPoint::default() },
            code: None,
            parent: None,
            fork: None,
            key: None,
            detached: false,
            pool: None,
            pause_before: pause_before.iter().map(|one| (*one).to_owned()).collect(),
            deadline: None,
            tags: Vec::new(),
        };
        self.engine.start(None, created).unwrap().unwrap()
    }

    fn take(&self, id: &ExecutionId, why: &str) -> Arc<Session> {
        self.engine.take(id, None, why).unwrap()
    }

    fn resume(&self, id: &ExecutionId, set: &[(&str, Json)]) -> manage::Result<Arc<Session>> {
        let set = set.iter().map(|(path, value)| ((*path).to_owned(), value.clone())).collect();
        let options = ResumeOptions { set, by: "me".to_owned(), ..ResumeOptions::default() };
        let row = self.store.queries().execution(id).unwrap();
        manage::prepare(self.store.as_ref(), &row, &options, self.engine.now())?;
        Ok(self.take(id, "resume"))
    }

    fn status(&self, id: &ExecutionId) -> Status {
        self.store.queries().execution(id).unwrap().status
    }

    fn shown(&self, id: &ExecutionId) -> Json {
        let row = self.store.queries().execution(id).unwrap();
        manage::view::execution(self.store.as_ref(), &row, self.engine.now()).unwrap()
    }
}

fn at(home: &Path) -> Arc<dyn Store> {
    open(home.join("kitaru.db").to_str().unwrap(), home, &Options::default()).unwrap()
}

/// What became of a call.
#[derive(Debug, PartialEq)]
enum Did {
    Held,
    Ran(Option<String>),
    Served(String),
}

fn identify(session: &Session, scope: ScopeId, name: &str, inputs: &Json) -> CallId {
    let inputs = Inputs::Digest(Digest::of(inputs.to_string().as_bytes()));
    let given = Given { scope, name, inputs, kind: CallKind::Checkpoint, named: false, once: false, code: None };
    session.identify(&given).unwrap()
}

/// What the body is given where that was changed, and its scope; `None`: it is held.
fn begin(session: &Session, call: CallId, inputs: &Json) -> Option<(Option<String>, ScopeId)> {
    let start = |look| session.start(call, Some(inputs.to_string()), false, look).unwrap();
    match start(true) {
        Begun::Held => None,
        Begun::Started(started) => Some((None, started.body)),
        Begun::Changed(to) => {
            let Begun::Started(started) = start(false) else { panic!("it begins in any case") };
            assert_eq!(started.effective.map(|one| one.inputs), Some(to.inputs.clone()));
            Some((to.inputs.inline().map(str::to_owned), started.body))
        }
    }
}

fn end(session: &Session, call: CallId, result: &Json) {
    let result = Value::of(result).unwrap();
    session.end(call, Outcome::Returned { result }, 1).unwrap();
}

/// A whole call, that returns `"done"`.
fn call(session: &Session, name: &str, inputs: Json) -> Did {
    let call = identify(session, ROOT, name, &inputs);
    match session.decide(call, true).unwrap().verdict {
        Verdict::Reuse(_) => match session.serve(call).unwrap() {
            Served::Value(text) | Served::Supplied(text) => Did::Served(text),
            other => panic!("{other:?}"),
        },
        Verdict::Run => match begin(session, call, &inputs) {
            None => Did::Held,
            Some((changed, _)) => {
                end(session, call, &json!("done"));
                Did::Ran(changed)
            }
        },
        other => panic!("{other:?}"),
    }
}

fn ran() -> Did {
    Did::Ran(None)
}

fn refused(result: manage::Result<Arc<Session>>) -> ManageError {
    result.err().unwrap()
}

fn key_of(halted: &kitaru_engine::session::Halted) -> String {
    match &halted.reason {
        PauseReason::Breakpoint { call, .. } => call.key.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_call_by_its_key_its_name_or_its_step() {
    for (before, ran_before) in [("step", 0), ("step#1", 0), ("step#3", 2), ("step 2", 1), ("step 3", 2)] {
        let desk = Desk::new();
        desk.add(before, None, false);
        let session = desk.start(&[]);
        for n in 0..ran_before {
            assert_eq!(call(&session, "step", json!({ "n": n })), ran(), "{before}");
        }
        assert_eq!(call(&session, "step", json!({ "n": 9 })), Did::Held, "{before}");
        assert_eq!(call(&session, "other", json!({ "n": 9 })), Did::Held, "from then on nothing begins");
        let halted = session.halt(&[]).unwrap().unwrap();
        assert_eq!(desk.status(session.id()), Status::Paused);
        assert_eq!(desk.shown(session.id())["pending"]["inputs"], json!({ "n": 9 }));
        assert!(
            halted.text.starts_with(&format!("agent ({}) is paused before step", session.id().short())),
            "{halted:?}"
        );
        assert!(desk.store.queries().breakpoints(None).unwrap().is_empty(), "it stops one run");
    }
}

#[test]
fn a_call_in_another_scope_has_its_own_key() {
    let desk = Desk::new();
    desk.add("outer/step", None, false);
    let session = desk.start(&[]);
    assert_eq!(call(&session, "step", json!({ "n": 1 })), ran());
    let outer = identify(&session, ROOT, "outer", &json!({}));
    session.decide(outer, true).unwrap();
    let (_, body) = begin(&session, outer, &json!({})).unwrap();
    let inner = identify(&session, body, "step", &json!({ "n": 1 }));
    session.decide(inner, true).unwrap();
    assert!(begin(&session, inner, &json!({ "n": 1 })).is_none());
    assert_eq!(key_of(&session.halt(&[]).unwrap().unwrap()), "outer/step");
    let calls = desk.store.queries().calls(session.id()).unwrap();
    assert_eq!(calls.iter().map(|one| one.key.as_str()).collect::<Vec<_>>(), ["step", "outer"], "nothing of it began");
}

#[test]
fn a_call_that_is_only_reused_does_not_stop() {
    let desk = Desk::new();
    let session = desk.start(&[]);
    assert_eq!(call(&session, "step", json!({ "n": 1 })), ran());
    session.interrupt("test").unwrap();
    desk.add("step", None, false);
    let session = desk.take(session.id(), "resume");
    assert_eq!(call(&session, "step", json!({ "n": 1 })), Did::Served("\"done\"".to_owned()));
    assert_eq!(call(&session, "step", json!({ "n": 2 })), Did::Held);
}

#[test]
fn only_its_flow_and_its_file_count() {
    let desk = Desk::new();
    for (name, file, holds) in
        [("other", None, false), ("agent", Some("/elsewhere/agent.py"), false), ("agent", Some(FILE), true)]
    {
        let flow = Flow { name: name.to_owned(), file: file.map(str::to_owned) };
        let at = Before { before: "step".to_owned(), ..Before::default() };
        manage::add_breakpoint(desk.store.as_ref(), flow, at, "me", 1).unwrap();
        let session = desk.start(&[]);
        assert_eq!(call(&session, "step", json!({})) == Did::Held, holds);
    }
}

#[test]
fn a_condition_is_told_from_the_inputs_and_stops_where_it_cannot_be() {
    let desk = Desk::new();
    desk.add("step", Some("inputs.n > 1"), false);
    let session = desk.start(&[]);
    assert_eq!(call(&session, "step", json!({ "n": 1 })), ran());
    assert_eq!(call(&session, "step", json!({ "n": 2 })), Did::Held);
    assert!(!session.halt(&[]).unwrap().unwrap().text.contains("cannot be told"));
    desk.add("step", Some("inputs.m > 1"), false);
    let session = desk.start(&[]);
    assert_eq!(call(&session, "step", json!({ "n": 1 })), Did::Held);
    let said = session.halt(&[]).unwrap().unwrap().text;
    assert!(said.contains("its condition cannot be told: there is no m; there is: n"), "{said}");
    // Tags of what JSON has no kind for are not in the way.
    desk.add("step", Some("inputs.config.model == 'm-1'"), false);
    let session = desk.start(&[]);
    let config = json!({ "config": { "$kitaru": "dataclass", "type": "app.Config", "v": { "model": "m-1" } } });
    assert_eq!(call(&session, "step", config), Did::Held);
}

#[test]
fn one_that_stays_stops_each_run_once_a_call() {
    let desk = Desk::new();
    let row = desk.add("step", None, true);
    let session = desk.start(&[]);
    assert_eq!(call(&session, "step", json!({ "n": 1 })), Did::Held);
    session.halt(&[]).unwrap().unwrap();
    let session = desk.resume(session.id(), &[]).unwrap();
    assert_eq!(call(&session, "step", json!({ "n": 1 })), ran(), "it was let go on");
    assert_eq!(call(&session, "step", json!({ "n": 2 })), Did::Held, "the next call of it stops again");
    session.halt(&[]).unwrap().unwrap();
    let left = desk.store.queries().breakpoints(None).unwrap();
    assert_eq!(left.iter().map(|one| (one.id, one.hits)).collect::<Vec<_>>(), [(row.id, 2)]);
}

#[test]
fn of_two_runs_at_once_the_first_that_is_quiet_stops_and_the_other_goes_on() {
    let desk = Desk::new();
    desk.add("step", None, false);
    let (one, other) = (desk.start(&[]), desk.start(&[]));
    assert_eq!(call(&one, "step", json!({ "n": 1 })), Did::Held);
    assert_eq!(call(&other, "step", json!({ "n": 1 })), Did::Held);
    assert!(one.halt(&[]).unwrap().is_some());
    assert!(other.halt(&[]).unwrap().is_none());
    assert!(!other.is_held());
    assert_eq!(call(&other, "step", json!({ "n": 2 })), ran());
    assert_eq!(desk.status(other.id()), Status::Running);
}

#[test]
fn one_that_is_removed_lets_go() {
    let desk = Desk::new();
    let row = desk.add("step", None, true);
    let session = desk.start(&[]);
    assert_eq!(call(&session, "step", json!({ "n": 1 })), Did::Held);
    manage::remove_breakpoint(desk.store.as_ref(), row.id).unwrap();
    assert!(session.halt(&[]).unwrap().is_none());
    assert_eq!(call(&session, "step", json!({ "n": 2 })), ran());
    let gone = manage::remove_breakpoint(desk.store.as_ref(), row.id).unwrap_err();
    assert_eq!(gone.code, "unknown-breakpoint");
}

#[test]
fn one_that_is_set_while_it_runs_counts() {
    let desk = Desk::new();
    let session = desk.start(&[]);
    assert_eq!(call(&session, "step", json!({ "n": 0 })), ran());
    let elsewhere = open(desk._home.path().join("kitaru.db").to_str().unwrap(), desk._home.path(), &Options::default());
    let flow = Flow { name: "agent".to_owned(), file: None };
    let at = Before { before: "step".to_owned(), ..Before::default() };
    manage::add_breakpoint(elsewhere.unwrap().as_ref(), flow, at, "me", 1).unwrap();
    let began = Instant::now();
    for n in 1.. {
        if call(&session, "step", json!({ "n": n })) == Did::Held {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(10), "nobody told the session");
    }
}

#[test]
fn one_for_an_execution_is_met_once_and_again_until_somebody_decides() {
    let desk = Desk::new();
    let session = desk.start(&["step#2"]);
    assert_eq!(call(&session, "step", json!({ "n": 1 })), ran());
    assert_eq!(call(&session, "step", json!({ "n": 2 })), Did::Held);
    session.halt(&[]).unwrap().unwrap();
    // Its parent takes it up, say: nobody has let the call go on.
    let session = desk.take(session.id(), "parent");
    assert!(matches!(call(&session, "step", json!({ "n": 1 })), Did::Served(_)));
    assert_eq!(call(&session, "step", json!({ "n": 2 })), Did::Held);
    session.halt(&[]).unwrap().unwrap();
    let session = desk.take(session.id(), "resume");
    assert!(matches!(call(&session, "step", json!({ "n": 1 })), Did::Served(_)));
    assert_eq!(call(&session, "step", json!({ "n": 2 })), ran());
    assert_eq!(call(&session, "step", json!({ "n": 3 })), ran());
}

#[test]
fn inputs_that_are_changed_reach_the_body_and_are_marked() {
    let desk = Desk::new();
    let session = desk.start(&["step"]);
    let given = json!({ "topic": "tea", "more": { "n": 1 } });
    assert_eq!(call(&session, "step", given.clone()), Did::Held);
    session.halt(&[]).unwrap().unwrap();
    let id = session.id();
    for (path, code) in [("topc", "there is no topc"), ("more.n.x", "there is no more.n.x"), ("a[", "no path")] {
        let error = refused(desk.resume(id, &[(path, json!(1))]));
        assert_eq!(error.code, "bad-override");
        assert!(error.message.contains(code), "{}", error.message);
    }
    assert_eq!(desk.status(id), Status::Paused);
    let row = desk.store.queries().execution(id).unwrap();
    // Written, and then the command died: what it put in stays when somebody puts in more.
    let options = ResumeOptions {
        set: vec![("inputs.topic".to_owned(), json!("coffee"))],
        by: "me".to_owned(),
        ..ResumeOptions::default()
    };
    manage::prepare(desk.store.as_ref(), &row, &options, 1).unwrap();
    assert_eq!(desk.shown(id)["pending"]["by_hand"][0]["what"], "inputs.topic");
    let session = desk.resume(id, &[("more.n", json!(2))]).unwrap();
    let effective = json!({ "topic": "coffee", "more": { "n": 2 } }).to_string();
    assert_eq!(call(&session, "step", given.clone()), Did::Ran(Some(effective)));
    let shown = desk.shown(id);
    let marked: Vec<(&str, &Json, &str)> = shown["calls"][0]["by_hand"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["what"].as_str().unwrap(), &one["value"], one["by"].as_str().unwrap()))
        .collect();
    assert_eq!(marked, [("inputs.topic", &json!("coffee"), "me"), ("inputs.more.n", &json!(2), "me")]);
    session.interrupt("test").unwrap();
    let session = desk.take(id, "resume");
    assert_eq!(call(&session, "step", given), Did::Served("\"done\"".to_owned()), "it is the same call");
}

#[test]
fn an_output_that_is_supplied_is_served_and_marked() {
    let desk = Desk::new();
    let session = desk.start(&["step#2"]);
    assert_eq!(call(&session, "step", json!({ "n": 1 })), ran());
    assert_eq!(call(&session, "step", json!({ "n": 2 })), Did::Held);
    session.halt(&[]).unwrap().unwrap();
    let id = session.id();
    let both = [("output", json!("made up")), ("n", json!(3))];
    assert_eq!(refused(desk.resume(id, &both)).code, "bad-override");
    let session = desk.resume(id, &both[..1]).unwrap();
    assert!(matches!(call(&session, "step", json!({ "n": 1 })), Did::Served(_)));
    assert_eq!(call(&session, "step", json!({ "n": 2 })), Did::Served("\"made up\"".to_owned()));
    let shown = desk.shown(id);
    let (first, second) = (&shown["calls"][0], &shown["calls"][1]);
    assert_eq!(first["by_hand"], json!([]));
    assert_eq!((second["by_hand"][0]["what"].as_str(), second["attempts"].as_u64()), (Some("output"), Some(0)));
    assert_eq!(second["by_hand"][0]["value"], "made up");
}

#[test]
fn an_input_that_is_called_output_is_told_from_the_output() {
    let desk = Desk::new();
    for (path, ok) in [("output", false), ("inputs.output", true), ("step.output", true), ("step.inputs.output", true)]
    {
        let session = desk.start(&["step"]);
        assert_eq!(call(&session, "step", json!({ "output": "file" })), Did::Held);
        session.halt(&[]).unwrap().unwrap();
        match desk.resume(session.id(), &[(path, json!("x"))]) {
            Err(error) => assert!(!ok && error.message.contains("could be either"), "{path}: {error}"),
            Ok(session) => {
                let did = call(&session, "step", json!({ "output": "file" }));
                assert!(ok && (did == Did::Served("\"x\"".to_owned())) == (path == "step.output"), "{path}: {did:?}");
            }
        }
    }
}

#[test]
fn a_pause_that_is_asked_for_lets_what_runs_end() {
    let desk = Desk::new();
    let session = desk.start(&[]);
    let running = identify(&session, ROOT, "step", &json!({ "n": 1 }));
    session.decide(running, true).unwrap();
    begin(&session, running, &json!({ "n": 1 })).unwrap();
    let row = desk.store.queries().execution(session.id()).unwrap();
    manage::stop(desk.store.as_ref(), &row, Stop::Pause, "me", 1).unwrap();
    session.look();
    assert!(session.is_held());
    assert_eq!(call(&session, "step", json!({ "n": 2 })), Did::Held);
    end(&session, running, &json!("paid for"));
    let halted = session.halt(&[]).unwrap().unwrap();
    assert_eq!(halted.reason, PauseReason::Requested { by: "me".to_owned(), with: None });
    let session = desk.take(session.id(), "resume");
    assert_eq!(call(&session, "step", json!({ "n": 1 })), Did::Served("\"paid for\"".to_owned()));
    assert_eq!(call(&session, "step", json!({ "n": 2 })), ran());
}

#[test]
fn a_held_flow_may_ask_and_be_answered_and_is_cancelled_at_once() {
    let desk = Desk::new();
    desk.add("step", None, true);
    let session = desk.start(&[]);
    assert_eq!(call(&session, "step", json!({ "n": 1 })), Did::Held);
    let inputs = Inputs::Digest(Digest::of(b"sure?"));
    let given = Given { scope: ROOT, name: "ask", inputs, kind: CallKind::Wait, named: false, once: false, code: None };
    let wait = session.identify(&given).unwrap();
    session.decide(wait, false).unwrap();
    let question = Question { question: "sure?".to_owned(), ..Question::default() };
    let key = session.open_wait(wait, question).unwrap();
    assert_eq!(
        session.suspend(vec![key], Vec::new(), Vec::new(), Vec::new(), None, false).unwrap(),
        None,
        "it is paused, not suspended"
    );
    let row = desk.store.queries().execution(session.id()).unwrap();
    manage::answer(desk.store.as_ref(), &row, None, &json!(true), "me", 1).unwrap();
    session.look();
    assert_eq!(session.wait_news(wait).unwrap(), News::Over);
    assert_eq!(call(&session, "step", json!({ "n": 2 })), Did::Held, "an answer begins no body");
    assert_eq!(session.next_delivery(), Next::Idle);
    let row = desk.store.queries().execution(session.id()).unwrap();
    manage::stop(desk.store.as_ref(), &row, Stop::Cancel, "me", 1).unwrap();
    session.look();
    assert!(session.halt(&[]).unwrap().is_none());
    let call = session.identify(&Given { scope: ROOT, name: "x", ..given });
    assert!(matches!(call, Err(EngineError::Stopping { stop: Stop::Cancel, .. })));
}

#[test]
fn bad_input_is_refused_and_names_what_there_is() {
    let desk = Desk::new();
    let store = desk.store.as_ref();
    let error = manage::known_flow(store, "agnt", 1).unwrap_err();
    assert_eq!(error.code, "unknown-flow");
    assert!(error.message.contains("none has run yet"), "{error}");
    let session = desk.start(&[]);
    assert_eq!(call(&session, "fetch", json!({})), ran());
    let error = manage::known_flow(store, "agnt", 1).unwrap_err();
    assert!(error.message.contains("there is: agent"), "{error}");
    let flow = manage::known_flow(store, "agent", 1).unwrap();
    let add = |before: &str, condition: Option<&str>| {
        let at = Before { before: before.to_owned(), every: false, condition: condition.map(str::to_owned) };
        manage::add_breakpoint(store, flow.clone(), at, "me", 1)
    };
    assert_eq!(add("step 0", None).unwrap_err().code, "bad-selector");
    assert_eq!(add("fetch", Some("inputs.n ==")).unwrap_err().code, "bad-expression");
    assert!(store.queries().breakpoints(None).unwrap().is_empty());
    assert_eq!(add("fetch", None).unwrap().1, None);
    let note = add("ftech", None).unwrap().1.unwrap();
    assert_eq!(note, "agent made no call ftech so far; it made: fetch");
}
