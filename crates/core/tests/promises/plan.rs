//! What a plan of a replay promises: what is reused, what runs and why, what may.

use crate::desk::{Desk, ROOT, error, owner};
use kitaru_core::event::{CallKind, Completed, Inputs, Outcome, Reuse, Taken, Usage};
use kitaru_core::pass::Question;
use kitaru_core::plan::{Fate, Place, Plan, PlanError, Source, Spec, Why, plan};
use kitaru_core::records::Records;
use kitaru_core::selector::Selector;
use kitaru_core::table::Table;
use kitaru_core::{Body, Digest, ScopeId, Value};
use serde_json::{Value as Json, json};
use std::collections::HashMap;

/// An execution that is recorded to be replayed.
struct Recorded {
    desk: Desk,
}

impl Recorded {
    fn new() -> Self {
        Self { desk: Desk::new("v1") }
    }

    fn begin(
        &mut self,
        scope: ScopeId,
        name: &str,
        inputs: &Json,
        once: bool,
    ) -> (kitaru_core::matcher::CallId, ScopeId) {
        let code = format!("source:3.11:{name}");
        let digest = Inputs::Digest(Digest::of(inputs.to_string().as_bytes()));
        let inputs = Some(Value::of(inputs).unwrap());
        self.begin_as(scope, name, digest, inputs, &code, once)
    }

    fn begin_as(
        &mut self,
        scope: ScopeId,
        name: &str,
        inputs: Inputs,
        values: Option<Value>,
        code: &str,
        once: bool,
    ) -> (kitaru_core::matcher::CallId, ScopeId) {
        let kind = CallKind::Checkpoint;
        let ask = kitaru_core::matcher::Ask { scope, name, inputs, kind, named: false, once, code: Some(code) };
        let call = self.desk.pass.identify(&ask);
        self.desk.decide(call, true);
        let now = self.desk.now;
        let (started, intent) = self.desk.pass.start(call, values, once, now).unwrap().unwrap();
        self.desk.now += 100;
        if once {
            self.desk.write(intent);
        }
        (call, started.body)
    }

    fn end(&mut self, call: kitaru_core::matcher::CallId, output: &Json) {
        let usage = Usage { input_tokens: 10, output_tokens: 1, cost_usd: 0.5 };
        let result = Value::of(output).unwrap();
        let key = self.desk.pass.matcher.key(call).unwrap();
        self.desk.pass.used(&key, &usage);
        let batch = self.desk.pass.end(call, Outcome::Returned { result }, 1).unwrap();
        self.desk.write(batch);
    }

    fn step(&mut self, name: &str, inputs: &Json, output: &Json) {
        let (call, _) = self.begin(ROOT, name, inputs, false);
        self.end(call, output);
    }

    /// Starts are written, as they are of what runs for long.
    fn starts(&mut self) {
        self.desk.write(Vec::new());
    }

    fn wait(&mut self, name: &str, answer: Option<&str>) {
        let ask = kitaru_core::matcher::Ask {
            scope: ROOT,
            name,
            inputs: Inputs::Digest(Digest::of(name.as_bytes())),
            kind: CallKind::Wait,
            named: false,
            once: false,
            code: None,
        };
        let call = self.desk.pass.identify(&ask);
        self.desk.decide(call, true);
        let (key, batch) = self.desk.pass.open_wait(call, Question::default()).unwrap();
        self.desk.write(batch);
        if let Some(answer) = answer {
            self.desk.answer(&key, answer);
        }
    }

    fn source(&self) -> Source {
        let (mut records, mut table) = (Records::default(), Table::default());
        for event in &self.desk.journal {
            records.fold(event.seq, event.at, &event.body);
            table.fold(event.seq, event.at, &event.body);
        }
        Source::of(&records, &table)
    }

    fn plan(&self, spec: &Spec) -> Plan {
        plan(&self.source(), spec).expect("a plan")
    }
}

fn from(selector: &str) -> Spec {
    Spec { from: Some(Selector::parse(selector).unwrap()), ..Spec::default() }
}

fn set(paths: &[&str]) -> Spec {
    Spec { overrides: paths.iter().map(|path| (*path).to_owned()).collect(), ..Spec::default() }
}

/// The code as it is now, where these checkpoints were changed.
fn codes(names: &[&str], changed: &[&str]) -> Option<HashMap<String, Option<String>>> {
    let now = |name: &&str| {
        let mark = if changed.contains(name) { " changed" } else { "" };
        ((*name).to_owned(), Some(format!("source:3.11:{name}{mark}")))
    };
    Some(names.iter().map(now).collect())
}

fn fates(plan: &Plan) -> Vec<(&str, Fate)> {
    plan.lines.iter().map(|line| (line.key.as_str(), line.fate.clone())).collect()
}

fn may(on: &str) -> Fate {
    Fate::MayRun(Some(on.to_owned()))
}

/// search -> analyze, analyze -> report
fn research() -> Recorded {
    let mut run = Recorded::new();
    run.step("search", &json!({ "topic": "tides" }), &json!(["first source", "second source"]));
    run.step("analyze", &json!({ "source": "first source" }), &json!("first analysis"));
    run.step("analyze", &json!({ "source": "second source" }), &json!("second analysis"));
    run.step("report", &json!({ "parts": ["first analysis", "second analysis"] }), &json!("report"));
    run
}

#[test]
fn everything_that_ended_before_the_frontier_began_is_reused_and_nothing_may_run() {
    let run = research();
    let plan = run.plan(&from("analyze#2"));
    let after = Fate::Runs(Why::AfterFrontier);
    let frontier = Fate::Runs(Why::Frontier);
    let expected = [("search", Fate::Reused), ("analyze", Fate::Reused), ("analyze#2", frontier), ("report", after)];
    assert_eq!(fates(&plan), expected);
    assert_eq!(plan.kept, [(run.desk.seq("search"), run.desk.seq("analyze"))]);
    assert_eq!((plan.saved.calls, plan.saved.millis, plan.saved.usage.cost_usd), (2, 200, 1.0));
    assert_eq!((plan.runs.calls, plan.runs.usage.cost_usd), (2, 1.0));
    assert_eq!(plan.may_run.calls, 0);
    assert_eq!(plan.from.as_deref(), Some("analyze#2"));
}

#[test]
fn a_name_of_several_calls_is_the_first_of_them_and_that_is_said() {
    let plan = research().plan(&from("analyze"));
    assert_eq!(plan.from.as_deref(), Some("analyze"));
    assert_eq!(plan.notes, ["analyze names the first of 2 calls"]);
}

#[test]
fn what_was_under_way_when_the_frontier_began_is_not_kept() {
    let mut run = Recorded::new();
    let (slow, _) = run.begin(ROOT, "slow", &json!({ "n": 1 }), false);
    run.starts();
    run.step("quick", &json!({ "n": 2 }), &json!("quick"));
    let (next, _) = run.begin(ROOT, "next", &json!({ "n": 3 }), false);
    run.starts();
    run.end(slow, &json!("slow"));
    run.end(next, &json!("next"));
    let plan = run.plan(&from("next"));
    let expected =
        [("slow", Fate::Runs(Why::AfterFrontier)), ("quick", Fate::Reused), ("next", Fate::Runs(Why::Frontier))];
    assert_eq!(fates(&plan), expected);
}

#[test]
fn from_inside_a_call_what_is_before_in_it_is_reused_and_the_call_itself_runs() {
    let mut run = Recorded::new();
    let (outer, body) = run.begin(ROOT, "outer", &json!({ "n": 1 }), false);
    for n in 1..=3 {
        let (inner, _) = run.begin(body, "inner", &json!({ "n": n }), false);
        run.end(inner, &json!(n));
    }
    run.end(outer, &json!("outer"));
    let plan = run.plan(&from("outer/inner#2"));
    let after = Fate::Runs(Why::AfterFrontier);
    assert_eq!(
        fates(&plan),
        [
            ("outer", after.clone()),
            ("outer/inner", Fate::Reused),
            ("outer/inner#2", Fate::Runs(Why::Frontier)),
            ("outer/inner#3", after.clone()),
        ]
    );
    let whole = run.plan(&from("outer"));
    assert!(whole.kept.is_empty(), "what a call did inside runs with it");
}

#[test]
fn a_volatile_result_and_what_the_source_failed_by_run_wherever_they_stand() {
    let mut run = Recorded::new();
    let (call, _) = run.begin(ROOT, "handle", &json!({ "n": 1 }), false);
    let volatile = Outcome::Volatile { path: "return".into(), rerunnable: false };
    let batch = run.desk.pass.end(call, volatile, 1).unwrap();
    run.desk.write(batch);
    let (call, _) = run.begin(ROOT, "fetch", &json!({ "n": 2 }), false);
    let raised = Outcome::Raised { error: error("gone", true) };
    let batch = run.desk.pass.end(call, raised, 1).unwrap();
    run.desk.write(batch);
    run.step("beside", &json!({ "n": 3 }), &json!(3));
    let mut source = run.source();
    source.failed_by = [run.desk.seq("fetch")].into();
    let planned = plan(&source, &from("beside")).unwrap();
    let expected = [
        ("handle", Fate::Runs(Why::Volatile)),
        ("fetch", Fate::Runs(Why::Failed)),
        ("beside", Fate::Runs(Why::Frontier)),
    ];
    assert_eq!(fates(&planned), expected);
    assert_eq!(plan(&source, &from("failure")).unwrap().from.as_deref(), Some("fetch"));
}

#[test]
fn an_effect_that_would_happen_again_is_marked() {
    let mut run = Recorded::new();
    run.step("search", &json!({ "n": 1 }), &json!("found"));
    let (call, _) = run.begin(ROOT, "charge", &json!({ "n": 2 }), true);
    run.end(call, &json!("receipt"));
    let again = |spec: &Spec| run.plan(spec).lines.iter().filter(|line| line.again).count();
    assert_eq!(again(&from("search")), 1);
    run.desk.now += 1;
    assert_eq!(run.plan(&set(&["charge.output"])).lines.iter().filter(|line| line.again).count(), 0);
}

#[test]
fn after_a_changed_call_everything_may_run_and_says_what_feeds_it() {
    let run = research();
    let plan = run.plan(&set(&["analyze#2.inputs.source"]));
    let runs = Fate::Runs(Why::Overridden);
    let expected =
        [("search", Fate::Reused), ("analyze", Fate::Reused), ("analyze#2", runs), ("report", may("analyze#2"))];
    assert_eq!(fates(&plan), expected);
    let plan = run.plan(&set(&["search.output"]));
    let expected = [
        ("search", Fate::Supplied),
        ("analyze", may("search")),
        ("analyze#2", may("search")),
        ("report", may("analyze#2")),
    ];
    assert_eq!(fates(&plan), expected);
    assert!(plan.kept.is_empty());
    let plan = run.plan(&set(&["flow.topic"]));
    assert!(plan.kept.is_empty() && plan.lines.iter().all(|line| matches!(line.fate, Fate::MayRun(_))));
}

#[test]
fn what_is_recorded_is_kept_where_that_is_asked() {
    let run = research();
    let spec = Spec { keep_recorded: true, ..set(&["flow.topic"]) };
    let plan = run.plan(&spec);
    assert_eq!(plan.kept, [(run.desk.seq("search"), run.desk.seq("report"))]);
    let spec = Spec { keep_recorded: true, ..set(&["analyze.inputs.source"]) };
    assert_eq!(run.plan(&spec).kept.len(), 2);
}

#[test]
fn a_frontier_after_a_change_is_refused_unless_what_is_recorded_is_kept() {
    let run = research();
    let spec = Spec { from: from("report").from, ..set(&["search.output"]) };
    let refused = plan(&run.source(), &spec).unwrap_err();
    assert_eq!(refused, PlanError::TooLate { from: "report".into(), path: "search.output".into() });
    assert_eq!(run.plan(&Spec { keep_recorded: true, ..spec }).kept.len(), 1);
}

#[test]
fn of_unchanged_calls_only_what_a_changed_one_may_feed_may_run() {
    let run = research();
    let names = ["search", "analyze", "report"];
    let unchanged =
        |changed: &[&str]| Spec { reuse: Some(Reuse::Unchanged), codes: codes(&names, changed), ..Spec::default() };
    assert_eq!(run.plan(&unchanged(&[])).count(|line| line.fate == Fate::Reused), 4);
    let plan = run.plan(&unchanged(&["report"]));
    assert_eq!(plan.lines[3].fate, Fate::Runs(Why::CodeChanged));
    assert_eq!(plan.count(|line| line.fate == Fate::Reused), 3);
    let plan = run.plan(&unchanged(&["analyze"]));
    let expected = [
        ("search", Fate::Reused),
        ("analyze", Fate::Runs(Why::CodeChanged)),
        ("analyze#2", may("analyze")),
        ("report", may("analyze#2")),
    ];
    assert_eq!(fates(&plan), expected);
    assert_eq!(plan.kept.len(), 1, "whether the code is the same is certain only when a call is met");
    let unread = run.plan(&Spec { reuse: Some(Reuse::Unchanged), ..Spec::default() });
    assert_eq!(unread.lines[0].fate, Fate::MayRun(None));
    assert_eq!(unread.count(|line| matches!(line.fate, Fate::MayRun(_))), 4);
}

#[test]
fn a_call_that_its_inputs_do_not_tell_apart_is_never_unchanged() {
    let mut run = Recorded::new();
    let (call, _) = run.begin_as(ROOT, "draft", Inputs::None, None, "source:3.11:draft", false);
    run.end(call, &json!("draft"));
    let spec = Spec { reuse: Some(Reuse::Unchanged), codes: codes(&["draft"], &[]), ..Spec::default() };
    assert_eq!(run.plan(&spec).lines[0].fate, Fate::Runs(Why::NotTold));
}

#[test]
fn a_call_around_a_changed_one_runs_so_that_the_change_counts() {
    let mut run = Recorded::new();
    let (outer, body) = run.begin(ROOT, "outer", &json!({ "n": 1 }), false);
    for n in 1..=2 {
        let (inner, _) = run.begin(body, "inner", &json!({ "n": n }), false);
        run.end(inner, &json!(n));
    }
    run.end(outer, &json!("outer"));
    let spec = Spec { keep_recorded: true, ..set(&["outer/inner#2.output"]) };
    let plan = run.plan(&spec);
    let expected = [
        ("outer", Fate::Runs(Why::Around("outer/inner#2".into()))),
        ("outer/inner", Fate::Reused),
        ("outer/inner#2", Fate::Supplied),
    ];
    assert_eq!(fates(&plan), expected);
    let set_whole = run.plan(&set(&["outer.output"]));
    let expected = [("outer", Fate::Supplied), ("outer/inner", Fate::Skipped), ("outer/inner#2", Fate::Skipped)];
    assert_eq!(fates(&set_whole), expected);
}

#[test]
fn waits_are_reused_asked_again_or_answered_by_hand() {
    let mut run = Recorded::new();
    run.step("draft", &json!({ "n": 1 }), &json!("draft"));
    run.wait("approve", Some("yes"));
    run.step("publish", &json!({ "n": 2 }), &json!("done"));
    assert_eq!(run.plan(&from("publish")).lines[1].fate, Fate::Reused);
    assert_eq!(run.plan(&from("draft")).lines[1].fate, Fate::AskedAgain);
    assert_eq!(run.plan(&from("approve")).lines[1].fate, Fate::AskedAgain);
    let again = Spec { ask_again: vec!["approve".into()], ..Spec::default() };
    let expected = [("draft", Fate::Reused), ("approve", Fate::AskedAgain), ("publish", may("approve"))];
    assert_eq!(fates(&run.plan(&again)), expected);
    let plan = run.plan(&set(&["waits.approve"]));
    assert_eq!(plan.lines[1].fate, Fate::Supplied);
    assert_eq!(plan.places, [Place::Answer { call: 1 }]);
}

#[test]
fn a_running_execution_is_planned_up_to_where_it_is() {
    let mut run = research();
    run.begin(ROOT, "publish", &json!({ "n": 1 }), false);
    run.starts();
    let plan = run.plan(&from("report"));
    assert_eq!(plan.lines[4].fate, Fate::Runs(Why::InFlight));
    assert_eq!(plan.upto, run.desk.journal.len() as u64);
}

#[test]
fn what_the_last_pass_did_not_ask_for_is_left_out() {
    let mut run = research();
    let served = vec![(run.desk.seq("search"), run.desk.seq("search"))];
    let taken = Taken { owner: owner(), code: None, why: "test".into(), entry: None };
    run.desk.put(Body::Taken(taken));
    let completed = Completed { result: Value::of(&1).unwrap(), volatile: None, reused: served };
    run.desk.put(Body::Completed(completed));
    let plan = run.plan(&Spec { keep_recorded: true, ..Spec::default() });
    assert_eq!(plan.lines[0].fate, Fate::Reused);
    assert_eq!(plan.count(|line| line.fate == Fate::Unasked), 3);
    assert_eq!(plan.saved.calls, 1);
}

#[test]
fn what_asks_for_nothing_or_names_nothing_is_refused() {
    let run = research();
    let refused = |spec: &Spec| plan(&run.source(), spec).unwrap_err();
    assert_eq!(refused(&Spec::default()).code(), "usage");
    let code = |paths: &[&str]| refused(&set(paths)).code();
    assert_eq!(code(&["analyse.output"]), "unknown-call");
    assert_eq!(code(&["search"]), "bad-override");
    assert_eq!(code(&["search.output.title"]), "bad-override");
    assert_eq!(code(&["search.inputs.a..b"]), "bad-override");
    assert_eq!(code(&["flow."]), "bad-override");
    assert_eq!(code(&["waits.approve"]), "unknown-wait");
    assert_eq!(code(&["search.output", "search.output"]), "bad-override");
    assert_eq!(code(&["search.output", "search.inputs.topic"]), "bad-override");
    assert_eq!(code(&["step 9.output"]), "unknown-call");
    assert_eq!(refused(&Spec { ask_all: true, ..Spec::default() }).code(), "unknown-wait");
    assert_eq!(
        refused(&set(&["search"])).to_string(),
        "search cannot be set: a path is flow.NAME, CALL.inputs.NAME, CALL.output or waits.NAME"
    );
}

#[test]
fn ten_thousand_calls_are_planned_in_one_range() {
    let mut run = Recorded::new();
    for n in 0..10_000 {
        run.step("llm", &json!({ "prompt": format!("prompt {n}") }), &json!(format!("answer {n}")));
    }
    let planned = run.plan(&from("step 10000"));
    assert_eq!((planned.kept.len(), planned.saved.calls), (1, 9_999));
    let planned = run.plan(&set(&["step 1.output"]));
    assert_eq!(planned.may_run.calls, 9_999);
}
