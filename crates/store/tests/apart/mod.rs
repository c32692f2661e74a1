//! What tests with several processes share: the store, a call's end, and a process of another role, which is the test
//! program again. Not here: what any role does.

use kitaru_core::event::{CallEnded, CallHead, CallKind, Inputs, Outcome, Usage};
use kitaru_core::{Body, Digest, Millis, ScopeId, Value};
use kitaru_store::{Options, Store, open};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

pub fn now() -> Millis {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as Millis
}

#[allow(dead_code)]
pub fn store(home: &Path) -> Arc<dyn Store> {
    let named = |name: &str| std::env::var(name).ok();
    match named("KITARU_TEST_ADDRESS") {
        None => open(home.join("kitaru.db").to_str().unwrap(), home, &Options::default()).unwrap(),
        Some(address) => shelved(&address, home, named("KITARU_TEST_BLOBS").as_deref()),
    }
}

/// A store in a database with its large values, and all that is no longer in its event, at a place of their own.
#[allow(dead_code)]
pub fn shelved(address: &str, home: &Path, blobs: Option<&str>) -> Arc<dyn Store> {
    let options = Options { blobs: blobs.map(str::to_owned), blobs_from: Some(0), ..Options::default() };
    open(address, home, &options).unwrap()
}

pub fn ended(key: &str, result: Value) -> Body {
    let call = CallHead {
        key: key.to_owned(),
        scope: ScopeId::ROOT,
        name: "step".to_owned(),
        inputs: Inputs::Digest(Digest::of(key.as_bytes())),
        occurrence: 1,
        kind: CallKind::Checkpoint,
        named: false,
        after: None,
        code: None,
        body: ScopeId::ROOT,
    };
    Body::CallEnded(Box::new(CallEnded {
        effective: None,
        by: None,
        call,
        record: None,
        inputs: None,
        outcome: Outcome::Returned { result },
        mutated: None,
        attempts: 1,
        started_at: now(),
        usage: Usage::default(),
    }))
}

/// This program again, in another role.
#[allow(dead_code)]
pub fn spawn(role: &str, home: &Path, settings: &[(&str, String)]) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "role", "--ignored", "--nocapture", "--test-threads", "1"]);
    command.env("KITARU_TEST_ROLE", role).env("KITARU_TEST_HOME", home);
    for (name, value) in settings {
        command.env(name, value);
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap()
}
