//! The records that stand in a journal, read event by event and told by their keys; and which of them a replay keeps. Shares
//! nothing with core's own fold.
//!
//! Not here: what is served of them ([`super::truth`]).

use super::model::{Mark, Name, named};
use super::truth::{Kept, Out};
use kitaru_core::event::{CallHead, CallKind, Fork, Outcome, WaitOpened};
use kitaru_core::{Body, Event, ScopeId, Seq};
use std::collections::BTreeMap;

/// Who answers where an answer is put in the place of another.
pub const BY_HAND: &str = "replay";

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Came {
    Good(String),
    Failed(String),
    Cancelled,
    Volatile,
    /// Nothing yet.
    Open,
    Dropped,
}

#[derive(Clone, Debug)]
pub struct Standing {
    pub seq: Seq,
    /// Sequence of its outcome.
    pub order: Seq,
    /// From where on the call was not there, to where it was begun: first in the beginning, and then in each replay that
    /// did not keep it.
    pub absent: Vec<(Seq, Seq)>,
    pub head: CallHead,
    pub came: Came,
    pub once: bool,
    pub code: Option<String>,
    /// Whether somebody put it in place.
    pub supplied: bool,
    pub asked: Option<Box<WaitOpened>>,
}

impl Standing {
    /// What it truly is, where its outcome tells.
    pub fn mark(&self) -> Option<Mark> {
        match &self.came {
            Came::Good(text) | Came::Failed(text) if self.head.kind != CallKind::Reading => Some(Mark::parse(text)),
            _ => None,
        }
    }

    pub fn has_outcome(&self) -> bool {
        matches!(self.came, Came::Good(_) | Came::Failed(_) | Came::Cancelled)
    }

    /// Whether that was written before the call was begun, so that it had nothing of the call.
    pub fn comes_after(&self, seq: Seq) -> bool {
        self.absent.iter().any(|(gone, begun)| (gone..begun).contains(&&seq))
    }

    fn new(seq: Seq, head: &CallHead) -> Self {
        Self {
            seq,
            order: 0,
            absent: Vec::new(),
            head: head.clone(),
            came: Came::Open,
            once: false,
            code: head.code.clone(),
            supplied: false,
            asked: None,
        }
    }
}

/// What stands at the end of a journal, by key.
pub fn standing(journal: &[Event]) -> BTreeMap<String, Standing> {
    let mut all: BTreeMap<String, Standing> = BTreeMap::new();
    let mut absent: BTreeMap<ScopeId, Vec<(Seq, Seq)>> = BTreeMap::new();
    let mut gone: BTreeMap<ScopeId, Seq> = BTreeMap::new();
    for event in journal {
        if let Some(head) = told(&event.body) {
            let spans = absent.entry(head.body).or_default();
            let since = gone.remove(&head.body).or(spans.is_empty().then_some(0));
            spans.extend(since.map(|since| (since, event.seq)));
        }
        match &event.body {
            Body::Created(created) => {
                if let Some(fork) = &created.fork {
                    all.retain(|_, one| one.has_outcome() && keeps(fork, one.seq));
                    for body in absent.keys() {
                        if !all.values().any(|one| one.head.body == *body) {
                            gone.entry(*body).or_insert(event.seq);
                        }
                    }
                }
            }
            Body::CallStarted(started) => {
                let one = begun(&mut all, event.seq, &started.call);
                (one.came, one.once) = (Came::Open, started.once);
            }
            Body::AttemptFailed(failed) => {
                begun(&mut all, event.seq, &failed.call).came = Came::Open;
            }
            Body::CallEnded(ended) => {
                let known = all.get(&ended.call.key).is_some_and(|one| Some(one.seq) == ended.record);
                if !known {
                    all.insert(ended.call.key.clone(), Standing::new(event.seq, &ended.call));
                }
                let one = all.get_mut(&ended.call.key).unwrap();
                one.order = event.seq;
                one.code.clone_from(&ended.call.code);
                one.supplied = ended.by.is_some();
                one.came = match &ended.outcome {
                    Outcome::Returned { result } => Came::Good(text(result)),
                    Outcome::Raised { error } => Came::Failed(error.message.clone()),
                    Outcome::Volatile { .. } => Came::Volatile,
                    Outcome::Cancelled => Came::Cancelled,
                };
            }
            Body::CallsDropped(dropped) => {
                for one in all.values_mut() {
                    if dropped.records.contains(&one.seq) || dropped.records.contains(&one.order) {
                        one.came = Came::Dropped;
                    }
                }
            }
            Body::WaitOpened(opened) => {
                let one = begun(&mut all, event.seq, &opened.call);
                one.came = Came::Open;
                one.asked = Some(opened.clone());
            }
            Body::WaitAnswered(answered) => {
                if let Some(one) = all.get_mut(&answered.key).filter(|one| one.came == Came::Open) {
                    (one.came, one.order) = (Came::Good(text(&answered.value)), event.seq);
                    one.supplied = answered.by == BY_HAND;
                }
            }
            Body::WaitClosed(closed) => {
                if let Some(one) = all.get_mut(&closed.key).filter(|one| one.came == Came::Open) {
                    (one.came, one.order) = (Came::Cancelled, event.seq);
                }
            }
            _ => {}
        }
    }
    for one in all.values_mut() {
        one.absent = absent.get(&one.head.body).cloned().unwrap_or_default();
    }
    all
}

/// The call that an event is about.
fn told(body: &Body) -> Option<&CallHead> {
    match body {
        Body::CallStarted(started) => Some(&started.call),
        Body::AttemptFailed(failed) => Some(&failed.call),
        Body::CallEnded(ended) => Some(&ended.call),
        Body::WaitOpened(opened) => Some(&opened.call),
        _ => None,
    }
}

/// What is open goes on, whatever ended begins anew.
fn begun<'a>(all: &'a mut BTreeMap<String, Standing>, seq: Seq, head: &CallHead) -> &'a mut Standing {
    if all.get(&head.key).is_none_or(|one| one.came != Came::Open || one.head.body != head.body) {
        all.insert(head.key.clone(), Standing::new(seq, head));
    }
    let one = all.get_mut(&head.key).unwrap();
    one.code.clone_from(&head.code);
    one
}

fn text(value: &kitaru_core::Value) -> String {
    serde_json::from_str(value.inline().unwrap()).unwrap()
}

fn keeps(fork: &Fork, seq: Seq) -> bool {
    fork.kept.iter().any(|(from, to)| (*from..=*to).contains(&seq))
}

/// The ranges of some records.
pub fn ranges<'a>(records: impl Iterator<Item = &'a Standing>) -> Vec<(Seq, Seq)> {
    let mut seqs: Vec<Seq> = records.map(|one| one.seq).collect();
    seqs.sort_unstable();
    seqs.dedup();
    seqs.into_iter().map(|seq| (seq, seq)).collect()
}

/// What is kept, by what it truly is. Of records up to `strictly` only what is unchanged is used. What was cancelled is no
/// outcome that is worked out.
pub fn kept<'a>(records: impl Iterator<Item = &'a Standing>, strictly: Seq) -> BTreeMap<Name, Kept> {
    let one = |one: &Standing| {
        let mark = one.mark()?;
        let out = match &one.came {
            Came::Good(text) => Out::Good(text.clone()),
            Came::Failed(text) => Out::Failed(text.clone()),
            _ => return None,
        };
        // Nobody's code makes an answer, nor what somebody put in place.
        let made = one.seq <= strictly && one.head.kind == CallKind::Checkpoint && !one.supplied;
        let made_by = if made { Some(one.code.clone().unwrap_or_default()) } else { None };
        let stays = one.once || one.supplied && one.head.kind == CallKind::Checkpoint;
        Some((named(&mark), Kept { out, made_by, stays }))
    };
    records.filter_map(one).collect()
}
