//! Which calls of two executions belong together, and what is said of each.

use kitaru_core::compare::{Call, Verdict, align, compare};
use kitaru_core::event::{CallKind, Inputs, Usage};
use kitaru_core::rows::CallStatus;
use kitaru_core::{Digest, ExecutionId, Value};
use serde_json::{Value as Json, json};

fn call(run: &str, seq: u64, key: &str, inputs: &str, output: &Json) -> Call {
    Call {
        key: key.into(),
        name: key.split('#').next().unwrap_or_default().into(),
        kind: CallKind::Checkpoint,
        status: CallStatus::Completed,
        record: (ExecutionId::new(run), seq),
        asked: Inputs::Digest(Digest::of(inputs.as_bytes())),
        inputs: Some(Value::of(&json!({ "x": inputs })).unwrap()),
        changed: false,
        output: Some(Value::of(output).unwrap()),
        supplied: false,
        error: None,
        code: None,
        attempts: 1,
        took: Some(1),
        usage: Usage::default(),
    }
}

fn read(value: &Value) -> Result<Json, serde_json::Error> {
    serde_json::from_str(value.inline().unwrap_or("null"))
}

fn told(a: &[Call], b: &[Call]) -> Vec<(Option<String>, Option<String>, Verdict)> {
    let pairs = compare(a, b, &mut read).unwrap();
    let key = |calls: &[Call], at: Option<usize>| at.map(|at| calls[at].key.clone());
    pairs.iter().map(|pair| (key(a, pair.a), key(b, pair.b), pair.verdict)).collect()
}

fn both(key: &str, verdict: Verdict) -> (Option<String>, Option<String>, Verdict) {
    (Some(key.into()), Some(key.into()), verdict)
}

#[test]
fn one_record_is_reused_and_an_equal_one_is_the_same() {
    let a = [call("a", 3, "search", "tea", &json!(1)), call("a", 4, "read", "x", &json!("text"))];
    let b = [call("a", 3, "search", "tea", &json!(1)), call("b", 9, "read", "x", &json!("text"))];
    assert_eq!(told(&a, &b), [both("search", Verdict::Reused), both("read", Verdict::Same)]);
}

#[test]
fn other_inputs_or_another_outcome_under_one_key_have_changed_with_paths() {
    let a = [call("a", 3, "read", "x", &json!({ "title": "one" })), call("a", 4, "judge", "y", &json!(true))];
    let b = [call("b", 3, "read", "x", &json!({ "title": "two" })), call("b", 4, "judge", "z", &json!(true))];
    let pairs = compare(&a, &b, &mut read).unwrap();
    assert_eq!(told(&a, &b), [both("read", Verdict::Changed), both("judge", Verdict::Changed)]);
    assert_eq!((pairs[0].inputs.len(), pairs[0].output[0].path.as_str()), (0, "title"));
    assert_eq!((pairs[1].inputs[0].path.as_str(), pairs[1].output.len()), ("x", 0));
}

#[test]
fn a_call_that_was_put_in_front_moves_the_others_and_changes_none() {
    let a: Vec<Call> = ["one", "two"].iter().zip(1..).map(|(x, n)| call("a", n, &key(n), x, &json!(x))).collect();
    let b: Vec<Call> =
        ["new", "one", "two"].iter().zip(1..).map(|(x, n)| call("b", n, &key(n), x, &json!(x))).collect();
    let said = told(&a, &b);
    assert_eq!(said[0], (None, Some("read".into()), Verdict::Added));
    assert_eq!(said[1], (Some("read".into()), Some("read#2".into()), Verdict::Same));
    assert_eq!(said[2], (Some("read#2".into()), Some("read#3".into()), Verdict::Same));
}

fn key(n: u64) -> String {
    if n == 1 { "read".into() } else { format!("read#{n}") }
}

#[test]
fn what_only_the_first_has_stands_where_it_stood() {
    let a = [
        call("a", 1, "one", "x", &json!(1)),
        call("a", 2, "gone", "y", &json!(1)),
        call("a", 3, "two", "z", &json!(1)),
    ];
    let b = [call("b", 1, "one", "x", &json!(1)), call("b", 2, "two", "z", &json!(1))];
    let verdicts: Vec<Verdict> = told(&a, &b).into_iter().map(|(.., verdict)| verdict).collect();
    assert_eq!(verdicts, [Verdict::Same, Verdict::Removed, Verdict::Same]);
}

#[test]
fn what_was_given_by_hand_counts_although_the_call_stays_who_it_is() {
    let a = [call("a", 1, "ask", "x", &json!(1))];
    let mut b = [call("b", 1, "ask", "x", &json!(1))];
    b[0].inputs = Some(Value::of(&json!({ "x": "by hand" })).unwrap());
    b[0].changed = true;
    let pairs = compare(&a, &b, &mut read).unwrap();
    assert_eq!((pairs[0].verdict, pairs[0].inputs[0].after.as_deref()), (Verdict::Changed, Some("\"by hand\"")));
}

#[test]
fn an_outcome_put_in_place_is_compared_as_plain_json() {
    let tagged = json!({ "$kitaru": "tuple", "v": [1, 2] });
    let a = [call("a", 1, "ask", "x", &tagged)];
    let mut b = [call("b", 1, "ask", "x", &json!([1, 2]))];
    assert_eq!(told(&a, &b)[0].2, Verdict::Changed);
    b[0].supplied = true;
    assert_eq!(told(&a, &b)[0].2, Verdict::Same);
}

#[test]
fn calls_without_inputs_are_never_moved() {
    let mut a = [call("a", 1, "now", "", &json!(1)), call("a", 2, "now#2", "", &json!(2))];
    let mut b = [call("b", 1, "now#2", "", &json!(2))];
    for one in a.iter_mut().chain(&mut b) {
        one.asked = Inputs::None;
    }
    let together = align(&a.iter().collect::<Vec<_>>(), &b.iter().collect::<Vec<_>>());
    assert_eq!(together, [(Some(0), None, false), (Some(1), Some(0), false)]);
}
