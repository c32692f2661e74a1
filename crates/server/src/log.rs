//! What a server tells of itself while it works: a line on stderr for each request and each act of the worker.
//!
//! Lines have nothing that a user has written and nothing that a caller has sent: no inputs, no keys, no tokens, and of a
//! path the place in the table of routes. Not here: figures (`metrics`), and who changed what.

use kitaru_engine::manage::view;
use kitaru_engine::{Clock, SystemClock};
use serde_json::{Value, json};
use std::time::Duration;

/// How lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// There are none, apart from what went wrong.
    #[default]
    Off,
    /// For people.
    Text,
    /// A JSON object each.
    Json,
}

/// See the module.
#[derive(Clone, Copy, Debug)]
pub struct Log {
    form: Form,
    say: fn(&str),
}

impl Log {
    /// A log that tells `say`.
    pub fn new(form: Form, say: fn(&str)) -> Self {
        Self { form, say }
    }

    /// A request was answered.
    pub fn request(&self, method: &str, route: &str, status: u16, took: Duration) {
        let ms = (took.as_secs_f64() * 10_000.0).round() / 10.0;
        match self.form {
            Form::Off => {}
            Form::Text => (self.say)(&format!("{} {method} {route} {status} {ms} ms", now())),
            Form::Json => self.line("request", json!({ "method": method, "route": route, "status": status, "ms": ms })),
        }
    }

    /// The worker did something with an execution.
    pub fn act(&self, what: &str, id: &str, flow: &str, code: Option<&str>) {
        match self.form {
            Form::Off => {}
            Form::Text => {
                let code = code.map(|code| format!(" ({code})")).unwrap_or_default();
                (self.say)(&format!("{} worker {what} {flow} {id}{code}", now()));
            }
            Form::Json => self.line("worker", json!({ "act": what, "id": id, "flow": flow, "code": code })),
        }
    }

    /// Something about the server itself.
    pub fn event(&self, what: &str) {
        match self.form {
            Form::Off => {}
            Form::Text => (self.say)(&format!("{} {what}", now())),
            Form::Json => self.line("server", json!({ "event": what })),
        }
    }

    /// Something went wrong: that is told in any form.
    pub fn complain(&self, code: &str, message: &str) {
        match self.form {
            Form::Json => self.line("problem", json!({ "code": code, "message": message })),
            _ => (self.say)(message),
        }
    }

    fn line(&self, kind: &str, fields: Value) {
        let mut line = json!({ "at": now(), "kind": kind });
        if let (Value::Object(line), Value::Object(fields)) = (&mut line, fields) {
            line.extend(fields);
        }
        (self.say)(&line.to_string());
    }
}

fn now() -> String {
    view::time(SystemClock.now())
}
