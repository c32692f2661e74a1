//! An outcome that somebody put in place of a call's is served to that call, also where it is given other inputs now.

use crate::desk::{Desk, Given::With, ROOT, Said, created, value};
use kitaru_core::event::{CallEnded, Created, Fork, Outcome, Override, Reuse, Usage};
use kitaru_core::{Body, ExecutionId, Seq};

/// A replay that keeps nothing, with the output of the call of that key put in place.
fn replay(source: &Desk, key: &str, output: &str) -> Desk {
    let record = source.pass.matcher.records.all.iter().find(|one| one.call.key == key).unwrap();
    let upto = source.journal.len() as Seq;
    let fork = Fork {
        source: ExecutionId::new("source"),
        upto,
        kept: Vec::new(),
        reuse: Reuse::Frontier,
        from: None,
        overrides: vec![Override { path: format!("{key}.output"), value: value(output) }],
        asked: Vec::new(),
        plain: Vec::new(),
        by: "test".into(),
    };
    let mut journal = source.journal.clone();
    let ended = CallEnded {
        mutated: None,
        call: record.call.clone(),
        record: None,
        inputs: None,
        effective: None,
        outcome: Outcome::Returned { result: value(output) },
        by: Some("test".into()),
        attempts: 0,
        started_at: source.now,
        usage: Usage::default(),
    };
    let begins = Created { fork: Some(Box::new(fork)), ..created(Some("v1")) };
    for (body, seq) in [Body::Created(Box::new(begins)), Body::CallEnded(Box::new(ended))].into_iter().zip(upto + 1..) {
        journal.push(kitaru_core::Event { seq, at: source.now, body });
    }
    Desk::over(journal, Some("v1"))
}

fn source() -> Desk {
    let mut desk = Desk::new("v1");
    for (name, inputs) in [("search", "a"), ("analyze", "b"), ("analyze", "c")] {
        desk.call(ROOT, name, With(inputs), "recorded");
    }
    desk
}

#[test]
fn the_call_of_that_key_is_served_it_whatever_its_inputs_are_now() {
    let mut desk = replay(&source(), "analyze#2", "by hand");
    assert_eq!(desk.call(ROOT, "search", With("a"), "new"), Said::Run);
    assert_eq!(desk.call(ROOT, "analyze", With("x"), "new"), Said::Run);
    assert_eq!(desk.call(ROOT, "analyze", With("y"), "new"), Said::Served("by hand".into()));
    assert_eq!(desk.call(ROOT, "analyze", With("z"), "new"), Said::Run);
}

#[test]
fn another_call_of_the_source_never_gets_it() {
    let mut desk = replay(&source(), "analyze#2", "by hand");
    assert_eq!(desk.call(ROOT, "analyze", With("x"), "new"), Said::Run);
    assert_eq!(desk.call(ROOT, "analyze", With("b"), "new"), Said::Run);
    assert_eq!(desk.call(ROOT, "analyze", With("c"), "new"), Said::Served("by hand".into()));
}
