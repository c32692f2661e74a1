//! Large values: they come back as they were, and what is stored once is not stored again.

use super::events::{answered, artifact, created, ended, ended_as, error, head, value, wait_opened};
use super::{Fixture, T, code, fresh};
use kitaru_core::event::{CallKind, Completed, Failed, Outcome};
use kitaru_core::{Body, Digest, Value, ValueRef};
use kitaru_store::Guard;

/// Text that compresses badly: each seed another.
fn noise(seed: u64, len: usize) -> String {
    let mut state = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    (0..len)
        .map(|_| {
            // xorshift64 (Marsaglia 2003).
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            char::from(letters[(state >> 40) as usize % 64])
        })
        .collect()
}

fn text(with: &Fixture, value: &Value) -> String {
    match value {
        Value::Inline(raw) => raw.get().to_owned(),
        Value::Stored(reference) => with.store.value(reference).unwrap(),
    }
}

fn result(body: &Body) -> &Value {
    let Body::CallEnded(ended) = body else { panic!("{body:?}") };
    let Outcome::Returned { result } = &ended.outcome else { panic!("{ended:?}") };
    result
}

pub fn values_of_every_size_come_back_as_they_were(with: &Fixture) {
    let id = with.start("sizes");
    // Lengths of the JSON text, which has two quotes, around where inline ends, rows end and chunks are cut.
    let sizes = [2, 2047, 2048, 2049, 8192, 65_535, 65_536, 65_537, 200_000, 1 << 20];
    let texts: Vec<String> = sizes
        .iter()
        .flat_map(|len| [noise(*len as u64, len - 2), "é".repeat((len - 2) / 2), "[1]".repeat((len - 2) / 3)])
        .map(|text| serde_json::to_string(&text).unwrap())
        .chain([format!("[{}]", vec!["[[[]]]"; 9000].join(",")), format!("{}1{}", "[".repeat(3000), "]".repeat(3000))])
        .collect();
    for (n, text) in texts.iter().enumerate() {
        let body = ended(&format!("c{n}"), Value::json(text.clone()).unwrap());
        with.store.append(&id, T, 1, vec![body]).unwrap();
    }
    let bodies = with.bodies(&id);
    let other = with.again();
    for (text, body) in texts.iter().zip(&bodies[2..]) {
        let found = result(body);
        assert_eq!(matches!(found, Value::Inline(_)), text.len() <= 2048, "{} bytes", text.len());
        assert_eq!(found.len(), text.len() as u64);
        assert!(self::text(with, found) == *text, "{} bytes", text.len());
        if let Value::Stored(reference) = found {
            assert_eq!(reference.digest, Digest::of(text.as_bytes()));
            assert!(other.value(reference).unwrap() == *text);
        }
    }
}

pub fn a_stored_value_is_found_in_every_place_of_an_event(with: &Fixture) {
    let big = |seed| value(&noise(seed, 5000));
    let id = fresh();
    let mut first = created("places");
    *first.values_mut()[0] = big(1);
    with.store.create(&id, T, vec![first], None).unwrap();
    let claim = with.claim();
    let mut asked = wait_opened("w", CallKind::Wait);
    *asked.values_mut()[0] = big(2);
    with.store.claim(&id, T, 0, claim, vec![super::events::taken(&with.store.owner().unwrap()), asked]).unwrap();
    let mut answer = answered("w");
    *answer.values_mut()[0] = big(3);
    with.store.post(&id, T, Guard::WaitOpen("w".to_owned()), vec![answer]).unwrap();
    let raised = ended_as(head("f", CallKind::Checkpoint), Outcome::Raised { error: error(big(4)) });
    let mut saved = artifact("report", "");
    *saved.values_mut()[0] = big(5);
    let failed = Body::Failed(Box::new(Failed { error: error(big(6)), sources: vec![], reused: vec![] }));
    with.store.append(&id, T, 1, vec![raised, saved, failed]).unwrap();
    let mut found = Vec::new();
    for mut body in with.bodies(&id) {
        for value in body.values_mut() {
            assert!(matches!(value, Value::Stored(_)), "{value:?}");
            found.push(text(with, value));
        }
    }
    assert_eq!(found, (1..=6).map(|seed| serde_json::to_string(&noise(seed, 5000)).unwrap()).collect::<Vec<_>>());
    let row = with.store.queries().execution(&id).unwrap();
    assert_eq!(text(with, &row.inputs), found[0]);
    assert_eq!(text(with, &row.error.unwrap().value), found[5]);
    let wait = &with.store.queries().waits(&Default::default(), super::listing::ALL).unwrap();
    let wait = wait.iter().find(|wait| wait.execution_id == id).unwrap();
    assert_eq!(text(with, wait.data.as_ref().unwrap()), found[1]);
    assert_eq!(text(with, wait.answer.as_ref().unwrap()), found[2]);
    assert_eq!(text(with, &with.store.queries().artifacts(&id).unwrap()[0].value), found[4]);
}

pub fn a_growing_conversation_costs_what_is_new(with: &Fixture) {
    let id = with.start("grows");
    let before = bytes(with);
    let (mut messages, mut unique) = (Vec::new(), 0);
    for step in 0..300 {
        let taken = serde_json::to_string(&serde_json::json!({ "messages": messages })).unwrap();
        let content = noise(step, 4000);
        unique += content.len();
        messages.push(serde_json::json!({"role": "user", "content": content}));
        let returned = serde_json::to_string(&messages).unwrap();
        let mut body = ended(&format!("chat{step}"), Value::json(returned).unwrap());
        if let Body::CallEnded(ended) = &mut body {
            ended.inputs = Some(Value::json(taken).unwrap());
        }
        with.store.append(&id, T, 1, vec![body]).unwrap();
    }
    let grown = bytes(with) - before;
    assert!(grown < 3 * unique as u64, "{grown} bytes for {unique} of content");
    assert_eq!(text(with, result(with.bodies(&id).last().unwrap())), serde_json::to_string(&messages).unwrap());
}

/// What the store takes, without the log that is written once to its size.
fn bytes(with: &Fixture) -> u64 {
    let health = with.store.queries().health(false).unwrap();
    let number = |name: &str| health.iter().find(|(found, _)| found == name).map_or(0, |(_, n)| n.parse().unwrap());
    number("page_count") * number("page_size") + number("pack_bytes") + number("bytes")
}

pub fn an_unknown_value_is_damage_and_never_a_wrong_text(with: &Fixture) {
    let reference = ValueRef { digest: Digest::of(b"never stored"), len: 12 };
    assert_eq!(code(with.store.value(&reference)), "store-damaged");
    let id = with.start("short");
    with.store.append(&id, T, 1, vec![ended("a", value(&noise(1, 3000)))]).unwrap();
    let Value::Stored(stored) = *result(&with.bodies(&id)[2]) else { panic!("it is inline") };
    let absurd = ValueRef { len: u64::MAX, ..stored };
    assert_eq!(with.store.value(&absurd).unwrap(), with.store.value(&stored).unwrap());
}

pub fn a_refused_write_leaves_its_values_out_of_the_journal(with: &Fixture) {
    let id = with.start("refused");
    let big = value(&noise(77, 200_000));
    let done = Body::Completed(Completed { result: big, volatile: None, reused: vec![] });
    assert_eq!(code(with.store.append(&id, T, 5, vec![done.clone()])), "fenced");
    assert_eq!(with.bodies(&id).len(), 2);
    let text = serde_json::to_string(&noise(77, 200_000)).unwrap();
    let reference = ValueRef { digest: Digest::of(text.as_bytes()), len: text.len() as u64 };
    assert_eq!(code(with.store.value(&reference)), "store-damaged");
    with.store.append(&id, T, 1, vec![done]).unwrap();
    assert!(with.store.value(&reference).unwrap() == text);
}
