//! How a replay begins: what it keeps, and its first events. Not here: what must come of it ([`super::truth`]).

use super::model::{Mark, Name, named};
use super::plans::planned;
use super::rng::Rng;
use super::standing::{BY_HAND, Standing, kept, ranges, standing};
use super::truth::Kept;
use crate::desk::{created, value};
use kitaru_core::event::{
    CallEnded, CallKind, Fork, Inputs, InputsSet, Outcome, Override, Reuse, Usage, WaitAnswered, WaitOpened,
};
use kitaru_core::plan::{Plan, PlanError};
use kitaru_core::{Body, Event, ExecutionId, Seq, Value};
use std::collections::{BTreeMap, HashMap};

/// How an execution is replayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// From a call on, with nothing changed but, perhaps, the code of checkpoints.
    From,
    /// From a call on that is given something else.
    Inputs,
    /// With something else in the place of what a call returned.
    Output,
    /// With another answer.
    Answer,
    /// The flow is given something else.
    Flow,
    /// The same, and all that is recorded is kept.
    Recorded,
    /// What is unchanged is reused, after checkpoints were changed and, where it is one thing after the other, the flow.
    Unchanged,
    /// The same, and a call is given something else.
    UnchangedInputs,
    /// The same, and a call returns something else.
    UnchangedOutput,
    /// The same, and a question has another answer.
    UnchangedAnswer,
}

impl How {
    /// Whether what is kept is used only if it is unchanged.
    pub fn is_strict(self) -> bool {
        matches!(self, Self::Unchanged | Self::UnchangedInputs | Self::UnchangedOutput | Self::UnchangedAnswer)
    }
}

/// A replay as it begins.
pub struct Begun {
    /// The source's journal, and its own first events.
    pub journal: Vec<Event>,
    pub kept: BTreeMap<Name, Kept>,
    /// Of those, what somebody put in its place.
    pub by_hand: BTreeMap<Name, Kept>,
    /// Whether what is kept was made with what somebody put in place inside it, and that is not kept.
    pub holds: bool,
    /// A call whose body is given something else.
    pub given: Option<(Name, String)>,
    /// A question that has another answer, whoever is asked.
    pub answered: Option<(Name, String)>,
    /// Whether something that somebody put in the place of an outcome is not kept, so that its call is made after all.
    pub undoes: bool,
    /// What was planned, if it was.
    pub plan: Option<Plan>,
    pub what: String,
}

/// What a replay is planned by: the records that the source failed by, and the code as it is.
pub type By<'a> = (&'a [Seq], &'a HashMap<String, Option<String>>);

/// A replay of the execution of that journal. `None`: there is nothing in it to replay it so from. `by`: it is planned
/// as the management plans it; else what it keeps is worked out here.
pub fn begin(
    how: How,
    rng: &mut Rng,
    journal: Vec<Event>,
    names: &BTreeMap<String, Mark>,
    strictly: Seq,
    by: Option<By<'_>>,
) -> Option<Result<Begun, String>> {
    let all: Vec<Standing> =
        standing(&journal).into_values().filter(|one| one.head.kind != CallKind::Reading).collect();
    let is_wait = |one: &&Standing| one.head.kind == CallKind::Wait;
    let known = |one: &&Standing| name(one, names).is_some();
    let candidates: Vec<&Standing> = match how {
        How::From => all.iter().collect(),
        How::Inputs | How::UnchangedInputs => {
            let takes_some = |one: &&Standing| matches!(one.head.inputs, Inputs::Digest(_));
            all.iter().filter(|one| !is_wait(one)).filter(known).filter(takes_some).collect()
        }
        How::Output | How::UnchangedOutput => all.iter().filter(|one| !is_wait(one)).filter(known).collect(),
        How::Answer | How::UnchangedAnswer => all.iter().filter(is_wait).filter(known).collect(),
        How::Flow | How::Recorded | How::Unchanged => Vec::new(),
    };
    let chosen = match how {
        How::Flow | How::Recorded | How::Unchanged => None,
        _ if candidates.is_empty() => return None,
        _ => Some(candidates[rng.below(candidates.len() as u64) as usize]),
    };
    let is_kept = |one: &&Standing| {
        one.has_outcome()
            && match (how, chosen) {
                (How::Flow, _) => false,
                // Nothing tells whether it is of what was changed: only what inputs tell apart may be used.
                (How::Recorded, _) => matches!(one.head.inputs, Inputs::Digest(_)),
                (How::Unchanged, _) => true,
                (_, Some(chosen)) if how.is_strict() => one.seq != chosen.seq && !is_around(one, chosen, names),
                (_, Some(chosen)) => chosen.comes_after(one.order),
                _ => false,
            }
    };
    let plan = match by {
        None => None,
        Some((failed, codes)) => match planned(how, &journal, chosen, failed, codes) {
            // What is not listed any more is a name of another call, perhaps.
            Ok(plan) if chosen.is_some_and(|one| !names_it(&plan, how, &one.head.key)) => return None,
            Ok(plan) => Some(plan),
            // Somebody may have named what is not listed any more.
            Err(PlanError::Selector(_) | PlanError::NoWait { .. } | PlanError::SeveralWaits { .. }) => return None,
            Err(error) => return Some(Err(format!("{how:?} is not planned: {error}"))),
        },
    };
    let planned = |one: &&Standing| match &plan {
        Some(plan) => plan.kept.iter().any(|(from, to)| (*from..=*to).contains(&one.seq)) && one.has_outcome(),
        None => is_kept(one),
    };
    let keep: Vec<&Standing> = all.iter().filter(planned).collect();
    if let Some(more) = keep.iter().find(|one| plan.is_some() && !is_kept(one)) {
        return Some(Err(format!("{how:?} is planned to keep {}, {}", more.head.key, more.seq)));
    }
    let is_inside = |one: &Standing| keep.iter().any(|outer| outer.seq != one.seq && is_around(outer, one, names));
    let of = journal.len() as Seq;
    let overridden = match how {
        How::From | How::Unchanged => None,
        How::Flow | How::Recorded => Some("flow.x".to_owned()),
        _ => chosen.map(|chosen| format!("{}.changed", chosen.head.key)),
    };
    let kept_ranges = plan.as_ref().map_or_else(|| ranges(keep.iter().copied()), |plan| plan.kept.clone());
    let fork = Fork {
        source: ExecutionId::new("source"),
        upto: of,
        kept: kept_ranges,
        reuse: if how.is_strict() { Reuse::Unchanged } else { Reuse::Frontier },
        from: chosen.map(|chosen| chosen.head.key.clone()),
        overrides: overridden.map(|path| Override { path, value: value("other") }).into_iter().collect(),
        asked: Vec::new(),
        plain: Vec::new(),
        by: "test".to_owned(),
    };
    let mut first = created(None);
    first.inputs = Value::of(&serde_json::json!({ "x": 0 })).unwrap();
    first.fork = Some(Box::new(fork));
    let mut begun = Begun {
        journal,
        kept: kept(keep.iter().copied(), strictly),
        by_hand: kept(keep.iter().copied().filter(|one| one.supplied), strictly),
        holds: all.iter().filter(|one| one.supplied && !planned(one)).any(is_inside),
        given: None,
        answered: None,
        undoes: all.iter().any(|one| one.supplied && !is_wait(&one) && !planned(&one)),
        plan,
        what: format!("{how:?} at {:?}, of {of} events", chosen.map(|chosen| (&chosen.head.key, chosen.seq))),
    };
    let at = begun.journal.last().map_or(0, |event| event.at) + 1;
    let mut put = |body: Body| {
        let seq = begun.journal.len() as Seq + 1;
        begun.journal.push(Event { seq, at, body });
    };
    put(Body::Created(Box::new(first)));
    let Some(chosen) = chosen else { return Some(Ok(begun)) };
    let Some((named, mark)) = name(chosen, names) else { return Some(Ok(begun)) };
    let other = Mark { acc: mark.acc ^ 0xfeed ^ rng.below(1 << 20), ..mark };
    match how {
        How::Inputs | How::UnchangedInputs => {
            let input = format!("other {}", rng.below(1 << 20));
            put(Body::InputsSet(InputsSet {
                key: chosen.head.key.clone(),
                body: chosen.head.body,
                values: vec![("x".to_owned(), value(&input))],
                by: "test".to_owned(),
            }));
            begun.given = Some((named.clone(), input));
        }
        How::Output | How::UnchangedOutput => {
            put(Body::CallEnded(Box::new(CallEnded {
                call: chosen.head.clone(),
                record: None,
                inputs: None,
                effective: None,
                mutated: None,
                outcome: Outcome::Returned { result: value(&other.text()) },
                by: Some("test".to_owned()),
                attempts: 0,
                started_at: at,
                usage: Usage::default(),
            })));
        }
        How::Answer | How::UnchangedAnswer => {
            put(Body::WaitOpened(chosen.asked.clone().unwrap_or_else(|| {
                Box::new(WaitOpened {
                    call: chosen.head.clone(),
                    question: "?".to_owned(),
                    schema: None,
                    data: None,
                    deadline: None,
                    on_timeout: None,
                })
            })));
            let (key, answer) = (chosen.head.key.clone(), value(&other.text()));
            put(Body::WaitAnswered(WaitAnswered { key, value: answer, by: BY_HAND.to_owned(), request: None }));
        }
        _ => {}
    }
    if matches!(how, How::Output | How::UnchangedOutput | How::Answer | How::UnchangedAnswer) {
        let is_output = chosen.head.kind != CallKind::Wait;
        let put = Kept { out: super::truth::Out::Good(other.text()), made_by: None, stays: is_output };
        begun.answered = (!is_output).then(|| (named.clone(), other.text()));
        begun.kept.insert(named.clone(), put.clone());
        begun.by_hand.insert(named, put);
    }
    Some(Ok(begun))
}

/// Whether what that plan changes, or begins with, is the call of that key.
fn names_it(plan: &Plan, how: How, key: &str) -> bool {
    match how {
        How::From => plan.from.as_deref() == Some(key),
        _ => plan.lines.iter().any(|line| line.overridden && line.key == key),
    }
}

/// What a record truly is.
pub fn name(one: &Standing, names: &BTreeMap<String, Mark>) -> Option<(Name, Mark)> {
    let mark = one.mark().or_else(|| names.get(&one.head.key).cloned())?;
    Some((named(&mark), mark))
}

/// Whether the body of `one` made that call, or what made it.
fn is_around(one: &Standing, chosen: &Standing, names: &BTreeMap<String, Mark>) -> bool {
    let (Some((outer, _)), Some((inner, _))) = (name(one, names), name(chosen, names)) else { return true };
    let body = format!("{}/{}", outer.0, outer.1);
    inner.0 == body || inner.0.starts_with(&format!("{body}/"))
}
