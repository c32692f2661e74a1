//! A store with something secret in every place that holds what users wrote, and all of it read back.

use super::T;
use super::events::{self, answered, created, ended_as, error, head, taken};
use kitaru_core::event::{
    AttemptFailed, Await, CallKind, CallStarted, Completed, Failed, Noted, Outcome, Suspended, Usage,
};
use kitaru_core::rows::BreakpointRow;
use kitaru_core::{Body, Digest, ExecutionId, Value};
use kitaru_store::wire::Write;
use kitaru_store::{ActFilter, ActRow, Claim, ExecutionFilter, Guard, LinkRow, LogLine, Page, Store, WaitFilter};

/// Stands in all that is secret, and nowhere else.
pub const SECRET: &str = "xSECRETx";

pub fn secret(of: &str) -> String {
    format!("{SECRET} {of}")
}

fn value(of: &str) -> Value {
    events::value(&secret(of))
}

/// A value of that many bytes that does not compress, so that what is kept of it shows.
pub fn large(seed: u64, len: usize) -> String {
    let mut state = seed;
    let mut text = String::with_capacity(len);
    while text.len() < len {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        text.push_str(&format!("{SECRET}{state:016x}"));
    }
    text
}

/// What is sealed though it is a digest: whoever guesses what it is of could tell.
pub fn digests() -> Vec<Digest> {
    let mut found = vec![Digest::of(secret("question").as_bytes()), Digest::of(b"in a call"), Digest::of(b"code")];
    for (seed, len) in LARGE {
        found.push(Value::of(&large(seed, len)).unwrap().reference().digest);
    }
    found
}

/// In rows, and in a pack.
const LARGE: [(u64, usize); 2] = [(1, 5_000), (2, 300_000)];

fn claim(store: &dyn Store) -> Claim {
    Claim { owner: store.owner().unwrap(), lease_until: T + 15_000 }
}

fn failed(of: &str) -> kitaru_core::event::ErrorData {
    let mut error = error(value(of));
    error.message = secret("message");
    error.traceback = secret("traceback");
    error
}

/// Fills a store. Returns executions to look at.
pub fn fill(store: &dyn Store) -> Vec<ExecutionId> {
    let ids: Vec<ExecutionId> =
        (0..4).map(|at| ExecutionId::new(format!("00000000-0000-7000-8000-00000000000{at}"))).collect();
    for id in &ids {
        let mut first = created("flow");
        if let Body::Created(one) = &mut first {
            one.inputs = value("inputs");
            one.code = Some(format!("src:{}", Digest::of(b"code")));
        }
        let claim = claim(store);
        store.create(id, T, vec![first, taken(&claim.owner)], Some(claim)).unwrap();
    }
    let append = |id: &ExecutionId, events: Vec<Body>| store.append(id, T, 1, events).map(|_| ()).unwrap();
    let mut call = head("call", CallKind::Checkpoint);
    call.inputs = kitaru_core::event::Inputs::Digest(Digest::of(b"in a call"));
    append(
        &ids[0],
        vec![
            Body::CallStarted(Box::new(CallStarted {
                call: call.clone(),
                inputs: Some(value("given")),
                effective: Some(value("effective")),
                once: false,
                at: T,
            })),
            Body::AttemptFailed(Box::new(AttemptFailed {
                call: call.clone(),
                attempt: 1,
                error: failed("attempt"),
                retry_at: T,
                usage: Usage::default(),
            })),
            ended_as(call, Outcome::Raised { error: failed("raised") }),
            Body::Noted(Noted { key: None, code: "note".to_owned(), text: secret("note") }),
        ],
    );
    for (at, (seed, len)) in LARGE.into_iter().enumerate() {
        let result = Value::of(&large(seed, len)).unwrap();
        append(&ids[0], vec![events::ended(&format!("large{at}"), result)]);
    }
    append(&ids[0], vec![events::artifact("kept", &secret("artifact"))]);
    append(&ids[0], vec![Body::Completed(Completed { result: value("result"), volatile: None, reused: vec![] })]);
    append(&ids[1], vec![Body::Failed(Box::new(Failed { error: failed("failed"), sources: vec![], reused: vec![] }))]);
    let mut asked = events::wait_opened("w", CallKind::Wait);
    if let Body::WaitOpened(one) = &mut asked {
        one.question = secret("question");
        one.schema = Some(serde_json::json!({"title": secret("schema")}));
        one.data = Some(value("data"));
    }
    let mut open = asked.clone();
    if let Body::WaitOpened(one) = &mut open {
        one.call.key = "open".to_owned();
    }
    append(&ids[2], vec![asked, open]);
    store.post(&ids[2], T, Guard::WaitOpen("w".to_owned()), vec![answer()]).unwrap();
    let parked = |waits: Vec<String>| {
        Body::Suspended(Suspended { waits, wake_at: None, sleeping: false, awaits: vec![], reused: vec![] })
    };
    append(&ids[2], vec![parked(vec!["open".to_owned()])]);
    let awaits = vec![Await { least: 1, executions: vec![ids[2].clone()], ends: true }];
    append(
        &ids[3],
        vec![Body::Suspended(Suspended { waits: vec![], wake_at: None, sleeping: false, awaits, reused: vec![] })],
    );
    let line = |text: String| LogLine { at: T, call_key: None, stream: "stdout".to_owned(), text };
    store.log(&ids[2], vec![line(secret("line")), line(secret("another"))]).unwrap();
    store.keep_code(&format!("src:{}", Digest::of(b"code")), &serde_json::json!([secret("code")]).to_string()).unwrap();
    store.add_breakpoint(breakpoint()).unwrap();
    // What came of it is kept with the number of whoever asked.
    let odd = Write::Append(ExecutionId::new("nobody"), T, 1, vec![], vec![]);
    store.write_once("writer", 1, vec![odd]).unwrap();
    guard(store, &ids[2]);
    ids
}

fn answer() -> Body {
    match answered("w") {
        Body::WaitAnswered(one) => {
            Body::WaitAnswered(kitaru_core::event::WaitAnswered { value: value("answer"), ..one })
        }
        other => other,
    }
}

fn breakpoint() -> BreakpointRow {
    BreakpointRow {
        id: 0,
        flow: "flow".to_owned(),
        file: None,
        before: "call".to_owned(),
        every: true,
        condition: Some(secret("condition")),
        by: "me".to_owned(),
        at: T,
        hits: 0,
    }
}

fn guard(store: &dyn Store, id: &ExecutionId) {
    let access = store.access().unwrap();
    let act = ActRow {
        at: T,
        by: "me".to_owned(),
        from: "cli".to_owned(),
        act: "answerWait".to_owned(),
        given: serde_json::json!(secret("given")).to_string(),
        before: Some(serde_json::json!(secret("before")).to_string()),
        ..ActRow::default()
    };
    let number = access.begin_act(&act).unwrap();
    access.end_act(number, T, Some(&serde_json::json!(secret("after")).to_string()), "done").unwrap();
    let link = LinkRow {
        id: "link".to_owned(),
        digest: [3; 32],
        execution_id: id.clone(),
        key: "w".to_owned(),
        question: Digest::of(secret("question").as_bytes()).0,
        by: "me".to_owned(),
        created_at: T,
        expires_at: T + 1,
        used_at: None,
    };
    access.add_link(&link).unwrap();
}

/// All that can be read of it, as text.
pub fn told(store: &dyn Store, ids: &[ExecutionId]) -> String {
    let (queries, access) = (store.queries(), store.access().unwrap());
    let page = Page { limit: 100, offset: 0 };
    let mut told = String::new();
    let mut tell = |what: String| {
        told.push_str(&what);
        told.push('\n');
    };
    for id in ids {
        let mut row = queries.execution(id).unwrap();
        // A claim's owner is this process's.
        row.owner = None;
        tell(format!("{row:?}"));
        for event in store.load(id, 0, 0).unwrap() {
            let mut body = event.body;
            for value in body.values_mut() {
                if value.inline().is_none() {
                    *value = Value::json(store.value(&value.reference()).unwrap()).unwrap();
                }
            }
            if !matches!(body, Body::Taken(_)) {
                tell(format!("{} {body:?}", event.seq));
            }
        }
        tell(format!("{:?} {:?}", queries.calls(id).unwrap(), queries.artifacts(id).unwrap()));
        tell(format!("{:?}", queries.logs(id, 0, 0).unwrap()));
    }
    tell(format!("{:?}", queries.waits(&WaitFilter::default(), page).unwrap()));
    tell(format!("{:?}", queries.inbox(None, 10).unwrap()));
    tell(format!("{:?}", queries.breakpoints(None).unwrap()));
    tell(format!("{:?}", queries.code(&format!("src:{}", Digest::of(b"code"))).unwrap()));
    let filter = ActFilter { limit: 100, ..ActFilter::default() };
    let acts = access.acts(&filter).unwrap().into_iter().filter(|act| act.act == "answerWait").collect::<Vec<_>>();
    tell(format!("{acts:?} {:?}", access.link("link").unwrap()));
    let awaiting = ExecutionFilter { awaits_on: Some(ids[2].clone()), ..ExecutionFilter::default() };
    tell(format!("{:?}", queries.executions(&awaiting, page).unwrap().iter().map(|row| &row.id).collect::<Vec<_>>()));
    told
}
