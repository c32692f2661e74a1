//! Conditions of breakpoints: a safe expression over what a call is given, and nothing else.
//!
//! Jinja's expressions: comparisons, `and`, `or`, `not`, `in`, `is defined`, indexing, filters such as `length`. They
//! call no code of the user's, reach nothing outside of their names, and are stopped where they run too long. A name
//! that is not there is an error and never "no": a condition that is misspelt must not let a call through.
//!
//! Not here: what happens to a call whose condition cannot be told ([`crate::breakpoint`]).

use minijinja::value::Serde;
use minijinja::{Environment, ErrorKind, Expression, UndefinedBehavior};
use serde_json::{Value as Json, json};
use std::fmt;
use std::sync::LazyLock;

/// The names that a condition may use.
pub const NAMES: [&str; 4] = ["inputs", "key", "name", "step"];
/// How many steps of its evaluation a condition has, which is some thousand more than a sensible one needs.
const FUEL: u64 = 20_000;

static STRICT: LazyLock<Environment<'static>> = LazyLock::new(|| environment(UndefinedBehavior::Strict));
static LENIENT: LazyLock<Environment<'static>> = LazyLock::new(|| environment(UndefinedBehavior::Chainable));

fn environment(undefined: UndefinedBehavior) -> Environment<'static> {
    let mut made = Environment::new();
    made.set_undefined_behavior(undefined);
    made.set_fuel(Some(FUEL));
    made
}

/// A condition, compiled once.
pub struct Condition(Expression<'static, 'static>);

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Condition")
    }
}

impl Condition {
    /// Reads a condition. `Err`: what is wrong with it, as far as that can be told without a call.
    pub fn read(text: &str) -> Result<Self, String> {
        let compiled = compiled(&STRICT, text)?;
        let mut strangers: Vec<String> = compiled.undeclared_variables(false).into_iter().collect();
        strangers.retain(|name| !NAMES.contains(&name.as_str()));
        strangers.sort();
        if let Some(name) = strangers.first() {
            return Err(format!("there is no {name}; there is: {}", NAMES.join(", ")));
        }
        // A filter or test that there is not is found out by trying; a value of no kind goes through all others.
        let tried = compiled_and_tried(text);
        match tried {
            Err(error) if is_unknown(error.kind()) => Err(said(&error)),
            _ => Ok(Self(compiled)),
        }
    }

    /// Whether it holds for a call. `Err`: it cannot be told, and why.
    pub fn holds(&self, inputs: Option<&Json>, key: &str, name: &str, step: u32) -> Result<bool, String> {
        let mut given = json!({ "key": key, "name": name, "step": step });
        if let (Some(inputs), Some(fields)) = (inputs, given.as_object_mut()) {
            fields.insert("inputs".to_owned(), inputs.clone());
        }
        let told = self.0.eval(Serde(given)).map_err(|error| match error.kind() {
            ErrorKind::UndefinedError => self.missing(inputs).unwrap_or_else(|| said(&error)),
            _ => said(&error),
        })?;
        if told.is_undefined() {
            return Err(self.missing(inputs).unwrap_or_else(|| "it has no value".to_owned()));
        }
        Ok(told.is_true())
    }

    /// Which of the names in it are not there.
    fn missing(&self, inputs: Option<&Json>) -> Option<String> {
        let Some(inputs) = inputs else { return Some("the inputs of this call cannot be read".to_owned()) };
        let mut named: Vec<String> = self.0.undeclared_variables(true).into_iter().collect();
        named.sort();
        for path in named.iter().filter_map(|name| name.strip_prefix("inputs.")) {
            let steps = crate::path::parse(path).ok()?;
            if let Err(error) = crate::path::get(inputs, &steps) {
                return Some(error.to_string());
            }
        }
        None
    }
}

fn compiled(env: &'static Environment<'static>, text: &str) -> Result<Expression<'static, 'static>, String> {
    if text.trim().is_empty() {
        return Err("it is empty".to_owned());
    }
    env.compile_expression_owned(text.to_owned()).map_err(|error| said(&error))
}

fn compiled_and_tried(text: &str) -> Result<(), minijinja::Error> {
    let tried = LENIENT.compile_expression_owned(text.to_owned())?;
    tried.eval(Serde(json!({ "inputs": {}, "key": "", "name": "", "step": 0 }))).map(drop)
}

fn is_unknown(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::UnknownFilter | ErrorKind::UnknownTest | ErrorKind::UnknownFunction)
}

/// An error without where in an expression of one line it stands.
fn said(error: &minijinja::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" (in <expression>").map_or(text.clone(), |(said, _)| said.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Result<bool, String> {
        let inputs = json!({ "n": 3, "topic": "tea", "list": [1, { "x": null }] });
        Condition::read(text)?.holds(Some(&inputs), "step#2", "step", 4)
    }

    #[test]
    fn it_is_told_from_what_the_call_is_given() {
        for holds in
            ["inputs.n > 2", "inputs.topic == 'tea' and step == 4", "key == 'step#2'", "inputs.list|length == 2"]
        {
            assert_eq!(told(holds), Ok(true), "{holds}");
        }
        for fails in ["inputs.n > 3", "name == 'other'", "inputs.list[1].x is not none", "inputs.none is defined"] {
            assert_eq!(told(fails), Ok(false), "{fails}");
        }
    }

    #[test]
    fn what_is_not_there_is_no_answer() {
        assert_eq!(told("inputs.m == 1"), Err("there is no m; there is: n, topic, list".to_owned()));
        assert_eq!(told("inputs.m"), Err("there is no m; there is: n, topic, list".to_owned()));
        assert!(told("inputs.list[7] == 1").is_err());
        assert!(told("inputs.topic / 2 > 1").is_err());
        let no_inputs = Condition::read("inputs.n == 1").and_then(|one| one.holds(None, "a", "a", 1));
        assert_eq!(no_inputs, Err("the inputs of this call cannot be read".to_owned()));
    }

    #[test]
    fn what_cannot_be_right_is_refused_when_it_is_read() {
        for wrong in ["", "  ", "inputs.n ==", "input.n == 1", "inputs.n|nosuch", "inputs.n is nosuch", "open('x')"] {
            assert!(Condition::read(wrong).is_err(), "{wrong:?}");
        }
        assert_eq!(
            Condition::read("input.n == 1").err(),
            Some(format!("there is no input; there is: {}", NAMES.join(", ")))
        );
    }

    #[test]
    fn it_cannot_run_for_long_or_grow() {
        assert!(told("'a' * 1000000000 == 'b'").is_err());
        assert!(told("(inputs.topic * 10000) * 10000 == 'b'").is_err());
        assert!(Condition::read("range(100000000)|list|length > 1").is_err(), "no functions");
    }
}
