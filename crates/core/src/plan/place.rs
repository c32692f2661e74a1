//! What an override's path names: an input of the flow, an input or the output of a call, an answer.
//!
//! Not here: whether the value fits there.

use super::{Had, PlanError, Source};
use crate::event::CallKind;
use crate::path::{self, Step};
use crate::selector::{Found, Selector, SelectorError};

/// Where a value is put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// `flow.NAME[.path]`
    Flow {
        /// Into the flow's arguments.
        path: Vec<Step>,
    },
    /// `SELECTOR.inputs.NAME[.path]`
    Inputs {
        /// The call, by its place in the source.
        call: usize,
        /// Into its arguments.
        path: Vec<Step>,
    },
    /// `SELECTOR.output`
    Output {
        /// The call, by its place in the source.
        call: usize,
    },
    /// `waits.NAME_OR_KEY`
    Answer {
        /// The wait, by its place in the source.
        call: usize,
    },
}

impl Place {
    /// The call that it is about.
    pub fn call(&self) -> Option<usize> {
        match self {
            Self::Flow { .. } => None,
            Self::Inputs { call, .. } | Self::Output { call } | Self::Answer { call } => Some(*call),
        }
    }
}

const FORMS: &str = "a path is flow.NAME, CALL.inputs.NAME, CALL.output or waits.NAME";

/// Finds what `text` names. A note is added where it names one of several calls.
pub fn find(source: &Source, text: &str, notes: &mut Vec<String>) -> Result<Place, PlanError> {
    if let Some(rest) = text.strip_prefix("flow.") {
        return Ok(Place::Flow { path: path::parse(rest).map_err(|error| PlanError::bad_path(text, &error))? });
    }
    if let Some(name) = text.strip_prefix("waits.") {
        return wait(source, name).map(|call| Place::Answer { call });
    }
    if let Some(selector) = text.strip_suffix(".output") {
        let call = one(source, selector, text, notes)?;
        return match source.calls[call].kind {
            CallKind::Checkpoint | CallKind::Child => Ok(Place::Output { call }),
            CallKind::Wait => {
                Err(PlanError::refused(text, format!("it is a wait: waits.{} sets its answer", source.calls[call].key)))
            }
            _ => Err(PlanError::refused(text, "only checkpoints and child flows have an output")),
        };
    }
    // A key may hold a point, and so may the path: the first place at which both mean something.
    let mut failure = None;
    for (at, _) in text.match_indices(".inputs.") {
        let (selector, rest) = (&text[..at], &text[at + ".inputs.".len()..]);
        match one(source, selector, text, notes) {
            Ok(call) => {
                if !matches!(source.calls[call].kind, CallKind::Checkpoint | CallKind::Child) {
                    return Err(PlanError::refused(text, "only checkpoints and child flows have inputs"));
                }
                let path = path::parse(rest).map_err(|error| PlanError::bad_path(text, &error))?;
                return Ok(Place::Inputs { call, path });
            }
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    Err(failure.unwrap_or_else(|| {
        let inside = text.rsplit_once(".output.").map(|_| "an output is set as a whole");
        PlanError::refused(text, inside.unwrap_or(FORMS))
    }))
}

fn one(source: &Source, selector: &str, text: &str, notes: &mut Vec<String>) -> Result<usize, PlanError> {
    match call(source, &Selector::parse(selector)?, notes)? {
        Found::Call(call) => Ok(call),
        Found::Start => Err(PlanError::refused(text, "start is no call; flow.NAME sets an input of the flow")),
    }
}

/// Finds a call, and says so where its selector is the name of several.
pub fn call(source: &Source, selector: &Selector, notes: &mut Vec<String>) -> Result<Found, SelectorError> {
    let found = selector.find(&source.listed(), source.failure())?;
    if let (Found::Call(at), Selector::Named(text)) = (found, selector)
        && source.calls[at].key == *text
    {
        let same = source.calls.iter().filter(|call| call.name == *text).count();
        let note = format!("{text} names the first of {same} calls");
        if same > 1 && !notes.contains(&note) {
            notes.push(note);
        }
    }
    Ok(found)
}

/// The wait of that key, else the one wait of that name.
pub fn wait(source: &Source, name: &str) -> Result<usize, PlanError> {
    let is_wait = |at: &usize| source.calls[*at].kind == CallKind::Wait && source.calls[*at].had != Had::Dropped;
    let waits: Vec<usize> = (0..source.calls.len()).filter(is_wait).collect();
    let key = name.strip_suffix("#1").unwrap_or(name);
    if let Some(at) = waits.iter().find(|at| source.calls[**at].key == key) {
        return Ok(*at);
    }
    let keys = |of: &[usize]| of.iter().map(|at| source.calls[*at].key.clone()).collect();
    let same: Vec<usize> = waits.iter().copied().filter(|at| source.calls[*at].name == name).collect();
    match same.as_slice() {
        [one] => Ok(*one),
        [] => Err(PlanError::NoWait { name: name.to_owned(), known: keys(&waits) }),
        several => Err(PlanError::SeveralWaits { name: name.to_owned(), keys: keys(several) }),
    }
}
