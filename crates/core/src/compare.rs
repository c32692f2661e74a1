//! Two executions call by call: which calls belong together, and what of each is the same.
//!
//! Not here: totals, what is shown of it, and reading values that stand elsewhere (the caller hands that in).

use crate::diff::{Difference, diff};
use crate::event::{CallKind, Inputs, Usage};
use crate::fork::same_code;
use crate::ids::{ExecutionId, Millis, Seq};
use crate::records::{Records, State};
use crate::rows::{CallRow, CallStatus};
use crate::value::{Value, plain};
use serde_json::Value as Json;
use std::collections::{HashMap, VecDeque};

/// A call of an execution that is compared.
#[derive(Clone, Debug)]
pub struct Call {
    /// Its key.
    pub key: String,
    /// Name of its checkpoint.
    pub name: String,
    /// What kind of step it is.
    pub kind: CallKind,
    /// Its state.
    pub status: CallStatus,
    /// Whose record it is: the execution that made it, and its sequence there.
    pub record: (ExecutionId, Seq),
    /// What it was given, as far as identity goes.
    pub asked: Inputs,
    /// What its body was given.
    pub inputs: Option<Value>,
    /// Whether somebody changed that by hand.
    pub changed: bool,
    /// What it returned or was answered.
    pub output: Option<Value>,
    /// Whether somebody put that in place by hand: then it is plain JSON.
    pub supplied: bool,
    /// What it raised.
    pub error: Option<String>,
    /// Digest of its code.
    pub code: Option<String>,
    /// How many tries it took.
    pub attempts: u32,
    /// How long it took, milliseconds.
    pub took: Option<Millis>,
    /// What its tries consumed.
    pub usage: Usage,
}

/// How two calls compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// One and the same record.
    Reused,
    /// Made anew, with the same inputs and the same outcome.
    Same,
    /// Inputs or outcome differ.
    Changed,
    /// Only the second has it.
    Added,
    /// Only the first has it.
    Removed,
}

impl Verdict {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reused => "reused",
            Self::Same => "same",
            Self::Changed => "changed",
            Self::Added => "added",
            Self::Removed => "removed",
        }
    }

    /// Whether the executions part here.
    pub fn diverges(self) -> bool {
        !matches!(self, Self::Reused | Self::Same)
    }
}

/// Two calls that belong together, by their places in their lists; or one that has no counterpart.
#[derive(Clone, Debug)]
pub struct Pair {
    /// In the first.
    pub a: Option<usize>,
    /// In the second.
    pub b: Option<usize>,
    /// How they compare.
    pub verdict: Verdict,
    /// Whether it stands elsewhere in the second: its key is another.
    pub moved: bool,
    /// Where what they were given differs.
    pub inputs: Vec<Difference>,
    /// Where what they returned differs.
    pub output: Vec<Difference>,
    /// Whether their code differs; `None`: it can't be told.
    pub code_changed: Option<bool>,
}

/// Who belongs to whom: in the first, in the second, and whether it moved.
pub type Together = (Option<usize>, Option<usize>, bool);

/// The listed calls of one journal. `origin`: which execution made a record. `given`: what bodies were given where
/// somebody changed that, by key.
pub fn calls(
    records: &Records,
    rows: &[CallRow],
    origin: &dyn Fn(Seq) -> ExecutionId,
    given: &HashMap<String, Value>,
) -> Vec<Call> {
    let call = |row: &CallRow| {
        let record = &records.all[*records.by_key.get(&row.key)?];
        let by_hand = given.get(&row.key);
        Some(Call {
            key: row.key.clone(),
            name: row.name.clone(),
            kind: row.kind,
            status: row.status,
            record: (origin(record.seq), record.seq),
            asked: record.call.inputs,
            inputs: by_hand.or(record.inputs.as_ref()).cloned(),
            changed: by_hand.is_some(),
            output: match &record.state {
                State::Returned(value) | State::Answered(value, _) => Some(value.clone()),
                _ => None,
            },
            supplied: record.supplied || matches!(record.state, State::Answered(..)),
            error: match &record.state {
                State::Raised(error) => Some(format!("{}: {}", error.kind, error.message)),
                _ => None,
            },
            code: record.call.code.clone(),
            attempts: row.attempts,
            took: row.ended_at.map(|ended| (ended - row.started_at).max(0)),
            usage: row.usage,
        })
    };
    rows.iter().filter_map(call).collect()
}

/// Finds who belongs to whom: the same key with the same inputs; then the same inputs elsewhere, which have moved; then
/// the same key with other inputs. In the order of the second, with what only the first has where it stood.
pub fn align(a: &[&Call], b: &[&Call]) -> Vec<Together> {
    let mut of_b: Vec<Option<(usize, bool)>> = vec![None; b.len()];
    let mut taken = vec![false; a.len()];
    let by_key: HashMap<&str, usize> = a.iter().enumerate().map(|(at, call)| (call.key.as_str(), at)).collect();
    let alike = |one: &Call, other: &Call| one.name == other.name && one.kind == other.kind;
    for (at, call) in b.iter().enumerate() {
        let same = by_key.get(call.key.as_str()).copied();
        if let Some(same) = same.filter(|same| alike(a[*same], call) && a[*same].asked == call.asked) {
            of_b[at] = Some((same, false));
            taken[same] = true;
        }
    }
    let mut elsewhere: HashMap<(&str, Inputs), VecDeque<usize>> = HashMap::new();
    for (at, call) in a.iter().enumerate().filter(|(at, _)| !taken[*at]) {
        elsewhere.entry((&call.name, call.asked)).or_default().push_back(at);
    }
    for (at, call) in b.iter().enumerate() {
        if of_b[at].is_none() && matches!(call.asked, Inputs::Digest(_)) {
            let found = elsewhere.get_mut(&(call.name.as_str(), call.asked)).and_then(VecDeque::pop_front);
            if let Some(found) = found.filter(|found| a[*found].kind == call.kind) {
                of_b[at] = Some((found, true));
                taken[found] = true;
            }
        }
    }
    for (at, call) in b.iter().enumerate().filter(|(at, _)| of_b[*at].is_none()).collect::<Vec<_>>() {
        let same = by_key.get(call.key.as_str()).copied();
        if let Some(same) = same.filter(|same| !taken[*same] && alike(a[*same], call)) {
            of_b[at] = Some((same, false));
            taken[same] = true;
        }
    }
    let mut together = Vec::with_capacity(a.len().max(b.len()));
    let mut next = 0;
    for (at, found) in of_b.into_iter().enumerate() {
        if let Some((of_a, moved)) = found {
            // A call that moved says nothing about where the others stand.
            while !moved && next < of_a {
                together.extend((!taken[next]).then_some((Some(next), None, false)));
                next += 1;
            }
            together.push((Some(of_a), Some(at), moved));
        } else {
            together.push((None, Some(at), false));
        }
    }
    together.extend((next..a.len()).filter(|at| !taken[*at]).map(|at| (Some(at), None, false)));
    together
}

/// Compares two executions call by call. `read` gives the JSON of a value.
pub fn compare<E>(a: &[Call], b: &[Call], read: &mut dyn FnMut(&Value) -> Result<Json, E>) -> Result<Vec<Pair>, E> {
    let together = align(&a.iter().collect::<Vec<_>>(), &b.iter().collect::<Vec<_>>());
    let mut pairs = Vec::with_capacity(together.len());
    for (at, bt, moved) in together {
        let mut pair = Pair {
            a: at,
            b: bt,
            verdict: if at.is_none() { Verdict::Added } else { Verdict::Removed },
            moved,
            inputs: Vec::new(),
            output: Vec::new(),
            code_changed: None,
        };
        if let (Some(one), Some(other)) = (at.map(|at| &a[at]), bt.map(|at| &b[at])) {
            pair.verdict = verdict(one, other, read)?;
            pair.code_changed = same_code(one.code.as_deref(), other.code.as_deref()).map(|same| !same);
            if pair.verdict == Verdict::Changed {
                pair.inputs = differences(one.inputs.as_ref(), other.inputs.as_ref(), false, read)?;
                pair.output =
                    differences(one.output.as_ref(), other.output.as_ref(), one.supplied || other.supplied, read)?;
            }
        }
        pairs.push(pair);
    }
    Ok(pairs)
}

/// How two calls that belong together compare.
pub fn verdict<E>(a: &Call, b: &Call, read: &mut dyn FnMut(&Value) -> Result<Json, E>) -> Result<Verdict, E> {
    if a.record == b.record {
        return Ok(Verdict::Reused);
    }
    let by_hand = a.changed || b.changed;
    let told = matches!((a.asked, b.asked), (Inputs::Digest(_), Inputs::Digest(_)));
    let given = match (told && !by_hand, &a.inputs, &b.inputs) {
        (true, ..) => a.asked == b.asked,
        (false, Some(one), Some(other)) => is_same(one, other, by_hand, read)?,
        // What cannot be shown cannot be said to differ.
        _ => a.asked == b.asked,
    };
    let ended = a.status == b.status && a.error == b.error;
    let returned = match (&a.output, &b.output) {
        (Some(one), Some(other)) => is_same(one, other, a.supplied || b.supplied, read)?,
        (one, other) => one.is_none() && other.is_none(),
    };
    Ok(if given && ended && returned { Verdict::Same } else { Verdict::Changed })
}

/// Whether two values are the same. `loose`: one may be plain JSON where the other has tags.
pub fn is_same<E>(
    a: &Value,
    b: &Value,
    loose: bool,
    read: &mut dyn FnMut(&Value) -> Result<Json, E>,
) -> Result<bool, E> {
    Ok(a == b || (loose && plain(read(a)?) == plain(read(b)?)))
}

/// Where two values differ, as people are shown values: without tags, unless it is those that differ.
pub fn differences<E>(
    a: Option<&Value>,
    b: Option<&Value>,
    loose: bool,
    read: &mut dyn FnMut(&Value) -> Result<Json, E>,
) -> Result<Vec<Difference>, E> {
    if a == b {
        return Ok(Vec::new());
    }
    let (Some(a), Some(b)) = (a, b) else {
        let mut shown = |value: Option<&Value>| value.map(&mut *read).transpose().map(|json| json.map(plain));
        let (a, b) = (shown(a)?, shown(b)?);
        let one = |json: Option<Json>| json.map(|json| diff(&Json::Null, &json)).and_then(|mut found| found.pop());
        let (before, after) = (one(a).and_then(|one| one.after), one(b).and_then(|one| one.after));
        return Ok(vec![Difference { path: "value".to_owned(), before, after }]);
    };
    let (a, b) = (read(a)?, read(b)?);
    let found = diff(&plain(a.clone()), &plain(b.clone()));
    Ok(if found.is_empty() && !loose { diff(&a, &b) } else { found })
}
