//! Which recorded call people mean: a key, a checkpoint's name, a step's number, the failure, the start.
//!
//! Not here: what is done at the call ([`crate::plan`]), and paths into its values ([`crate::path`]).

use std::collections::BTreeSet;
use std::fmt;

/// What can be selected from, in the order in which calls are listed (that of their records).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed<'a> {
    /// Its key.
    pub key: &'a str,
    /// Name of its checkpoint.
    pub name: &'a str,
}

/// A selector as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    /// Before everything.
    Start,
    /// The failed call that a failure came from.
    Failure,
    /// The how-manyth call, from 1.
    Step(usize),
    /// A call's key, or a checkpoint's name.
    Named(String),
}

/// What a selector names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Before everything.
    Start,
    /// The call of that index.
    Call(usize),
}

/// Why a selector names nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SelectorError {
    /// It is no selector.
    Malformed(String),
    /// There is no such call.
    Unknown {
        /// As written.
        text: String,
        /// What there is.
        candidates: Vec<String>,
        /// How many candidates are left out.
        more: usize,
    },
    /// Several calls have that name, and none that key.
    Ambiguous {
        /// As written.
        text: String,
        /// Their keys.
        candidates: Vec<String>,
        /// How many candidates are left out.
        more: usize,
    },
    /// No call has failed.
    NoFailure,
}

/// At most this many candidates are named.
pub const MOST: usize = 12;

impl Selector {
    /// Reads one. What is no word of the language is a key or a name.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        let text = text.trim();
        let malformed = || SelectorError::Malformed(text.to_owned());
        let mut words = text.split_whitespace();
        match (words.next(), words.next(), words.next()) {
            (None, ..) => Err(malformed()),
            (Some("start"), None, _) => Ok(Self::Start),
            (Some("failure"), None, _) => Ok(Self::Failure),
            (Some("step"), Some(number), None) => match number.parse() {
                Ok(number) if number > 0 => Ok(Self::Step(number)),
                _ => Err(malformed()),
            },
            _ => Ok(Self::Named(text.to_owned())),
        }
    }

    /// Finds the call. `failed`: the one that a failure came from.
    pub fn find(&self, calls: &[Listed<'_>], failed: Option<usize>) -> Result<Found, SelectorError> {
        match self {
            Self::Start => Ok(Found::Start),
            Self::Failure => failed.map(Found::Call).ok_or(SelectorError::NoFailure),
            Self::Step(number) => match number.checked_sub(1).filter(|at| *at < calls.len()) {
                Some(at) => Ok(Found::Call(at)),
                None => Err(SelectorError::Unknown {
                    text: self.to_string(),
                    candidates: match calls.len() {
                        0 => vec!["no steps".to_owned()],
                        1 => vec!["step 1".to_owned()],
                        last => vec![format!("step 1 to step {last}")],
                    },
                    more: 0,
                }),
            },
            Self::Named(text) => named(text, calls).map(Found::Call),
        }
    }

    /// Whether it names a call of that key and name that is the `step`-th; of several with one name, each.
    pub fn names(&self, key: &str, name: &str, step: usize) -> bool {
        match self {
            Self::Start | Self::Failure => false,
            Self::Step(number) => *number == step,
            Self::Named(text) => is_key(text, key) || text == name,
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start => f.write_str("start"),
            Self::Failure => f.write_str("failure"),
            Self::Step(number) => write!(f, "step {number}"),
            Self::Named(text) => f.write_str(text),
        }
    }
}

/// The exact key first; then a checkpoint's name, if one call has it.
fn named(text: &str, calls: &[Listed<'_>]) -> Result<usize, SelectorError> {
    if let Some(at) = calls.iter().position(|call| is_key(text, call.key)) {
        return Ok(at);
    }
    let same: Vec<usize> = (0..calls.len()).filter(|at| calls[*at].name == text).collect();
    match same.as_slice() {
        [one] => Ok(*one),
        [] => Err(unknown(text, calls)),
        several => {
            let mut candidates: Vec<String> = several.iter().map(|at| calls[*at].key.to_owned()).collect();
            let more = candidates.len().saturating_sub(MOST);
            candidates.truncate(MOST);
            Err(SelectorError::Ambiguous { text: text.to_owned(), candidates, more })
        }
    }
}

/// `analyze#1` is printed `analyze`, and meant by both.
fn is_key(text: &str, key: &str) -> bool {
    text == key || text.strip_suffix("#1") == Some(key)
}

/// Near ones first: a call whose key or name holds what was written, or is held in it; else the names there are.
fn unknown(text: &str, calls: &[Listed<'_>]) -> SelectorError {
    let base = text.rsplit_once('#').map_or(text, |(before, _)| before);
    let base = base.rsplit_once('/').map_or(base, |(_, last)| last).to_lowercase();
    let is_near = |call: &&Listed<'_>| {
        let name = call.name.to_lowercase();
        !base.is_empty() && (name.contains(&base) || base.contains(&name))
    };
    let mut candidates: Vec<String> = calls.iter().filter(is_near).map(|call| call.key.to_owned()).collect();
    if candidates.is_empty() {
        let mut known = BTreeSet::new();
        candidates = calls.iter().filter(|call| known.insert(call.name)).map(|call| call.key.to_owned()).collect();
    }
    let more = candidates.len().saturating_sub(MOST);
    candidates.truncate(MOST);
    SelectorError::Unknown { text: text.to_owned(), candidates, more }
}

impl fmt::Display for SelectorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |candidates: &[String], more: &usize| {
            let left = if *more > 0 { format!(" and {more} more") } else { String::new() };
            format!("{}{left}", candidates.join(", "))
        };
        match self {
            Self::Malformed(text) => {
                write!(f, "{text:?} selects nothing: it is a call's key, a checkpoint's name, step N, failure or start")
            }
            Self::Unknown { text, candidates, .. } if candidates.is_empty() => {
                write!(f, "there is no call {text}; there are no calls")
            }
            Self::Unknown { text, candidates, more } => {
                write!(f, "there is no call {text}; there is: {}", list(candidates, more))
            }
            Self::Ambiguous { text, candidates, more } => {
                write!(f, "{text} names several calls: {}", list(candidates, more))
            }
            Self::NoFailure => f.write_str("no call has failed"),
        }
    }
}

impl std::error::Error for SelectorError {}

#[cfg(test)]
mod tests {
    use super::*;

    const CALLS: [Listed<'static>; 6] = [
        Listed { key: "search", name: "search" },
        Listed { key: "analyze", name: "analyze" },
        Listed { key: "analyze#2", name: "analyze" },
        Listed { key: "branch.1/summarise", name: "summarise" },
        Listed { key: "branch.2/summarise", name: "summarise" },
        Listed { key: "outer/draft", name: "draft" },
    ];

    fn find(text: &str) -> Result<Found, String> {
        let selector = Selector::parse(text).map_err(|error| error.to_string())?;
        selector.find(&CALLS, Some(2)).map_err(|error| error.to_string())
    }

    #[test]
    fn a_key_comes_before_a_name() {
        assert_eq!(find("analyze"), Ok(Found::Call(1)));
        assert_eq!(find("analyze#1"), Ok(Found::Call(1)));
        assert_eq!(find("analyze#2"), Ok(Found::Call(2)));
        assert_eq!(find("branch.2/summarise"), Ok(Found::Call(4)));
    }

    #[test]
    fn a_name_that_one_call_has_names_it() {
        assert_eq!(find("draft"), Ok(Found::Call(5)));
    }

    #[test]
    fn steps_failure_and_start_are_words() {
        assert_eq!(find("step 1"), Ok(Found::Call(0)));
        assert_eq!(find(" step  6 "), Ok(Found::Call(5)));
        assert_eq!(find("failure"), Ok(Found::Call(2)));
        assert_eq!(find("start"), Ok(Found::Start));
        assert_eq!(Selector::Failure.find(&CALLS, None), Err(SelectorError::NoFailure));
    }

    #[test]
    fn what_names_nothing_or_several_lists_the_candidates() {
        assert_eq!(
            find("summarise"),
            Err("summarise names several calls: branch.1/summarise, branch.2/summarise".to_owned())
        );
        assert_eq!(
            find("analyse"),
            Err("there is no call analyse; there is: search, analyze, branch.1/summarise, outer/draft".to_owned())
        );
        assert_eq!(find("analyze#7"), Err("there is no call analyze#7; there is: analyze, analyze#2".to_owned()));
        assert_eq!(find("step 7"), Err("there is no call step 7; there is: step 1 to step 6".to_owned()));
        assert!(find("step 0").is_err() && find("step x").is_err() && find("  ").is_err());
    }

    #[test]
    fn long_lists_of_candidates_are_cut() {
        let keys: Vec<String> = (0..40).map(|n| format!("t.{n}/llm")).collect();
        let calls: Vec<Listed<'_>> = keys.iter().map(|key| Listed { key, name: "llm" }).collect();
        let said = Selector::Named("llm".into()).find(&calls, None).map_err(|error| error.to_string());
        assert!(said.is_err_and(|text| text.ends_with("t.11/llm and 28 more")));
    }

    #[test]
    fn a_call_that_is_about_to_run_is_named_by_key_name_or_step() {
        let named = |text: &str| Selector::parse(text).is_ok_and(|one| one.names("t.1/llm#2", "llm", 20));
        assert!(named("llm") && named("t.1/llm#2") && named("step 20"));
        assert!(!named("llm#2") && !named("step 2") && !named("failure"));
    }
}
