//! Where to pause: which call that is about to run is one that somebody wants to see first.
//!
//! Not here: what a pause is (the engine's sessions hold the flow), and the selectors of replays, which name recorded
//! calls.

use crate::condition::Condition;
use crate::event::CallHead;
use crate::matcher::{CallId, Matcher};
use crate::rows::BreakpointRow;
use crate::value::{Value, plain};
use serde_json::Value as Json;

/// What a breakpoint stands before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Before {
    /// The how-manyth call of the flow.
    Step(u32),
    /// A call by its key, or any call of a checkpoint by its name.
    Call(String),
}

impl Before {
    /// Reads `step 14`, `analyze#3`, `branch.2/summarise` or `analyze`. `Err`: what is wrong with it.
    pub fn read(text: &str) -> Result<Self, String> {
        let looks = "it is a call's key (analyze#3, branch.2/summarise), a checkpoint's name, or step 14";
        let text = text.trim();
        let wrong = |what: &str| Err(format!("{text:?} {what}; {looks}"));
        if let Some(number) = text.strip_prefix("step ") {
            return match number.trim().parse() {
                Ok(0) => wrong("counts from 1"),
                Ok(step) => Ok(Self::Step(step)),
                Err(_) => wrong("is no number of a step"),
            };
        }
        let name = text.rsplit('/').next().unwrap_or_default();
        let (name, number) = name.split_once('#').map_or((name, None), |(name, number)| (name, Some(number)));
        if name.is_empty() || text.split('/').any(str::is_empty) {
            return wrong("names no call");
        }
        match number.map(str::parse::<u32>) {
            Some(Err(_) | Ok(0)) => wrong("has no number behind #"),
            // The number 1 is not printed.
            Some(Ok(1)) => Ok(Self::Call(text.strip_suffix("#1").unwrap_or(text).to_owned())),
            _ => Ok(Self::Call(text.to_owned())),
        }
    }
}

/// A breakpoint, read once.
#[derive(Debug)]
struct Breakpoint {
    id: Option<u64>,
    text: String,
    before: Before,
    /// A whole key, where the name alone would be that of other calls too.
    exact: bool,
    condition: Option<Result<Condition, String>>,
}

impl Breakpoint {
    fn new(id: Option<u64>, text: &str, condition: Option<&str>) -> Self {
        Self {
            id,
            text: text.to_owned(),
            // What is set was looked at; anything else can only be a key.
            before: Before::read(text).unwrap_or_else(|_| Before::Call(text.to_owned())),
            exact: text.trim_end().ends_with("#1"),
            condition: condition.map(Condition::read),
        }
    }

    fn is_at(&self, matcher: &Matcher, call: CallId, head: &CallHead) -> bool {
        match &self.before {
            Before::Step(step) => matcher.step(call) == Some(*step),
            Before::Call(text) if *text == head.name && !self.exact => true,
            // A key ends with the call's name, but for its number: mostly nothing has to be printed to see that.
            Before::Call(text) => text.contains(&head.name) && matcher.key(call).is_some_and(|key| key == *text),
        }
    }
}

/// A breakpoint that was met.
#[derive(Clone, Debug, PartialEq)]
pub struct Met {
    /// The call that is about to run, with its printed key.
    pub call: CallHead,
    /// The breakpoint's selector.
    pub before: String,
    /// Its number; `None`: it was set for this execution when it was started, or the execution was paused here
    /// before and nobody has let the call go on.
    pub id: Option<u64>,
    /// Why its condition cannot be told.
    pub problem: Option<String>,
}

/// The breakpoints of one execution.
#[derive(Debug, Default)]
pub struct Breakpoints {
    set: Vec<Breakpoint>,
    rows: Vec<BreakpointRow>,
    own: Vec<String>,
}

impl Breakpoints {
    /// Takes in those that are set now: `rows` of the store, for this flow, and `own`, for this execution.
    pub fn take(&mut self, rows: &[BreakpointRow], own: &[String]) {
        let same = |a: &BreakpointRow, b: &BreakpointRow| a.id == b.id;
        if own == self.own && rows.len() == self.rows.len() && rows.iter().zip(&self.rows).all(|(a, b)| same(a, b)) {
            return;
        }
        let own_ones = own.iter().map(|text| Breakpoint::new(None, text, None));
        let set = rows.iter().map(|row| Breakpoint::new(Some(row.id), &row.before, row.condition.as_deref()));
        self.set = own_ones.chain(set).collect();
        (self.rows, self.own) = (rows.to_vec(), own.to_vec());
    }

    /// Whether none is set.
    pub fn is_empty(&self) -> bool {
        self.set.is_empty()
    }

    /// Whether that one is among them.
    pub fn has(&self, id: u64) -> bool {
        self.rows.iter().any(|row| row.id == id)
    }

    /// The breakpoint before a call whose body is about to run. A call that was paused before and let go on has none;
    /// one that was not is met again.
    pub fn met(&self, matcher: &Matcher, call: CallId, inputs: Option<&Value>) -> Option<Met> {
        let records = &matcher.records;
        if self.set.is_empty() && records.held.is_empty() {
            return None;
        }
        let head = matcher.head(call)?;
        if records.released.contains(&head.body) {
            return None;
        }
        let made = |before: &str, id: Option<u64>, problem: Option<String>| {
            let key = matcher.key(call)?;
            Some(Met { call: CallHead { key, ..head.clone() }, before: before.to_owned(), id, problem })
        };
        if let Some(before) = records.held.get(&head.body) {
            return made(before, None, None);
        }
        let mut read: Option<Option<Json>> = None;
        for one in self.set.iter().filter(|one| one.is_at(matcher, call, head)) {
            let problem = match &one.condition {
                None => None,
                Some(Err(why)) => Some(why.clone()),
                Some(Ok(condition)) => {
                    let given = read.get_or_insert_with(|| shown(inputs?)).as_ref();
                    let key = matcher.key(call)?;
                    match condition.holds(given, &key, &head.name, matcher.step(call).unwrap_or_default()) {
                        Ok(false) => continue,
                        Ok(true) => None,
                        Err(why) => Some(why),
                    }
                }
            };
            return made(&one.text, one.id, problem);
        }
        None
    }
}

/// A value as plain JSON, when its text is here.
fn shown(value: &Value) -> Option<Json> {
    serde_json::from_str(value.inline()?).ok().map(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selector_is_a_step_a_key_or_a_name() {
        assert_eq!(Before::read("step 14"), Ok(Before::Step(14)));
        for key in ["analyze", "analyze#3", "branch.2/summarise", "agent/branch.2/summarise#12"] {
            assert_eq!(Before::read(key), Ok(Before::Call(key.to_owned())));
        }
        assert_eq!(Before::read("a/analyze#1"), Ok(Before::Call("a/analyze".to_owned())));
    }

    #[test]
    fn what_is_no_selector_is_refused_with_what_one_looks_like() {
        for wrong in ["", " ", "step 0", "step x", "#3", "analyze#", "analyze#x", "analyze#0", "a//b", "/a", "a/"] {
            let said = Before::read(wrong);
            assert!(said.as_ref().is_err_and(|said| said.contains("step 14")), "{wrong:?}: {said:?}");
        }
    }
}
