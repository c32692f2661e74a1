//! Events to write. Not here: anything about stores.

use kitaru_core::event::{
    ArtifactSaved, CallEnded, CallHead, CallKind, CallStarted, Completed, Created, EntryPoint, ErrorData, Inputs,
    Outcome, Taken, Usage, WaitAnswered, WaitOpened,
};
use kitaru_core::lease::Owner;
use kitaru_core::{Body, Digest, ScopeId, Value};

pub fn value(text: &str) -> Value {
    Value::of(text).unwrap()
}

pub fn created(flow: &str) -> Body {
    Body::Created(Box::new(Created {
        flow: flow.to_owned(),
        inputs: Value::json("{\"a\":1}".to_owned()).unwrap(),
        entry: EntryPoint { qualname: flow.to_owned(), ..EntryPoint::default() },
        code: Some("src:1".to_owned()),
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

pub fn taken(owner: &Owner) -> Body {
    Body::Taken(Taken { owner: owner.clone(), code: None, why: "start".to_owned(), entry: None })
}

pub fn head(key: &str, kind: CallKind) -> CallHead {
    CallHead {
        key: key.to_owned(),
        scope: ScopeId::ROOT,
        name: key.to_owned(),
        inputs: Inputs::Digest(Digest::of(key.as_bytes())),
        occurrence: 1,
        kind,
        named: false,
        after: None,
        code: None,
        body: ScopeId::ROOT.child("call", key, &[], 1),
    }
}

pub fn started(key: &str) -> Body {
    let call = head(key, CallKind::Checkpoint);
    Body::CallStarted(Box::new(CallStarted {
        call,
        inputs: Some(value("in")),
        effective: None,
        once: false,
        at: super::T,
    }))
}

pub fn ended(key: &str, result: Value) -> Body {
    ended_as(head(key, CallKind::Checkpoint), Outcome::Returned { result })
}

pub fn ended_as(call: CallHead, outcome: Outcome) -> Body {
    Body::CallEnded(Box::new(CallEnded {
        effective: None,
        by: None,
        call,
        record: None,
        inputs: None,
        outcome,
        mutated: None,
        attempts: 1,
        started_at: super::T,
        usage: Usage::default(),
    }))
}

pub fn error(value: Value) -> ErrorData {
    ErrorData {
        kind: "builtins.ValueError".to_owned(),
        message: "no".to_owned(),
        traceback: "at line 1".to_owned(),
        value,
        rebuilds: true,
    }
}

pub fn wait_opened(key: &str, kind: CallKind) -> Body {
    Body::WaitOpened(Box::new(WaitOpened {
        call: head(key, kind),
        question: format!("{key}?"),
        schema: Some(serde_json::json!({"type": "boolean"})),
        data: Some(value("shown")),
        deadline: Some(super::T + 5),
        on_timeout: Some("default".to_owned()),
    }))
}

pub fn answered(key: &str) -> Body {
    Body::WaitAnswered(WaitAnswered { key: key.to_owned(), value: value("yes"), by: "cli".to_owned(), request: None })
}

pub fn artifact(name: &str, text: &str) -> Body {
    Body::ArtifactSaved(ArtifactSaved { name: name.to_owned(), value: value(text), call: Some("c".to_owned()) })
}

pub fn completed() -> Body {
    Body::Completed(Completed { result: value("done"), volatile: None, reused: Vec::new() })
}
