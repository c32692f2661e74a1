//! The rows that people query are the fold of the journal, whatever the events and however they were batched.
//!
//! The model here applies [`project`]'s changes to plain maps, in the words of the doc comments in core; the store
//! does so in SQL. Both start from the journal as it is read back.

use super::events::{ended_as, error, head, taken, value, wait_opened};
use super::{Fixture, LEASE, T};
use kitaru_core::event::{
    ArtifactSaved, AttemptFailed, CallKind, CallStarted, CallsDropped, Created, Failed, Fork, Interrupted, Noted,
    Outcome, PauseReason, Paused, Stop, StopRequested, Suspended, Usage, UsageReported, WaitAnswered, WaitClosed,
};
use kitaru_core::lease::Owner;
use kitaru_core::project::{Change, ExecutionPatch, Fruitless, project};
use kitaru_core::rows::{CallRow, CallStatus, WaitRow};
use kitaru_core::{Body, Event, ExecutionId, Millis, Seq};
use kitaru_store::store::is_listed;
use kitaru_store::{ArtifactRow, Guard, WaitFilter};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::collections::BTreeMap;

/// An event's kind, which of a few calls it is about, and a small number.
type Choice = (u8, u8, u8);
/// What is written together, one after the other.
type Batches = Vec<Vec<Choice>>;
/// A replay: how far its source counts, which of its records are kept, and what it writes itself.
type Replay = (u64, Vec<(u64, u64)>, Batches);

pub fn rows_are_the_fold_of_the_journal(with: &Fixture) {
    let batches = prop::collection::vec(prop::collection::vec((0u8..17, 0u8..5, 0u8..8), 1..6), 1..12);
    let config = Config { cases: 150, failure_persistence: None, ..Config::default() };
    TestRunner::new(config).run(&batches, |batches| check(with, &with.start("folded"), &batches)).unwrap();
}

/// And of one replay after another, each of which goes on from somewhere in what the one before had come to.
pub fn rows_of_a_replay_are_the_fold_of_what_it_reads(with: &Fixture) {
    let batches = || prop::collection::vec(prop::collection::vec((0u8..16, 0u8..5, 0u8..8), 1..6), 1..6);
    let fork = (0u64..64, prop::collection::vec((0u64..64, 0u64..16), 0..4), batches());
    let lives = (batches(), prop::collection::vec(fork, 1..4));
    let config = Config { cases: 60, failure_persistence: None, ..Config::default() };
    let check = |(first, replays): (Batches, Vec<Replay>)| {
        let mut id = with.start("folded");
        check(with, &id, &first)?;
        for (upto, ranges, batches) in replays {
            let last = with.store.queries().execution(&id).unwrap().last_seq;
            let upto = last - last * upto / 128;
            let mut kept: Vec<(Seq, Seq)> = Vec::new();
            for (from, len) in ranges {
                let from = 1 + upto * from / 64;
                if kept.iter().all(|(a, b)| from > b + 1 || from + len < *a) {
                    kept.push((from, from + len));
                }
            }
            kept.sort_unstable();
            let replay = super::fresh();
            with.store.create(&replay, T, vec![super::forks::forked(&id, upto, &kept)], Some(with.claim())).unwrap();
            check(with, &replay, &batches)?;
            id = replay;
        }
        Ok(())
    };
    TestRunner::new(config).run(&lives, check).unwrap();
}

fn check(with: &Fixture, id: &ExecutionId, batches: &[Vec<Choice>]) -> Result<(), TestCaseError> {
    let (mut epoch, mut at) = (1, T);
    for batch in batches {
        at += 7;
        let last = with.store.queries().execution(id).unwrap();
        let events: Vec<Body> = (1..).zip(batch).map(|(n, choice)| body(*choice, last.last_seq + n)).collect();
        if last.owner.is_none() {
            let claim = kitaru_store::Claim { lease_until: at + LEASE, ..with.claim() };
            let mut all = vec![taken(&claim.owner)];
            all.extend(events);
            epoch = with.store.claim(id, at, epoch, claim, all).unwrap();
        } else if batch[0].1 == 0 {
            with.store.post(id, at, Guard::NotFinal, events).unwrap();
        } else {
            with.store.append(id, at, epoch, events).unwrap();
        }
    }
    let events = with.store.load(id, 0, 0).unwrap();
    let row = with.store.queries().execution(id).unwrap();
    prop_assert_eq!((row.last_seq, row.updated_at), (events.len() as Seq, at));
    // Of its own row and its questions it has what its own events say; of calls and artifacts what it keeps too.
    let own = Model::fold(&events[row.base as usize..]);
    let Created { flow, inputs, entry, code, tags, .. } = own.row.created.clone().unwrap();
    prop_assert_eq!((&row.flow, &row.inputs, &row.entry), (&flow, &inputs, &entry));
    prop_assert_eq!((&row.code, &row.tags, row.epoch), (&code, &tags, epoch));
    prop_assert_eq!(row.status, own.row.status.unwrap());
    prop_assert_eq!((row.reason, row.wake_at), (own.row.reason.flatten(), own.row.wake_at.flatten()));
    // A replay is claimed as it is created, which is no event.
    let owner = own.row.owner.unwrap_or(row.owner.clone());
    prop_assert_eq!((row.owner, row.stop), (owner, own.row.stop.flatten()));
    prop_assert_eq!((row.result, row.error), (own.row.result, own.row.error.flatten()));
    prop_assert_eq!((row.usage, row.fruitless), (own.row.usage, own.fruitless));
    let filter = WaitFilter { execution: Some(id.clone()), open: false };
    let mut waits = with.store.queries().waits(&filter, super::listing::ALL).unwrap();
    waits.sort_by(|a, b| a.key.cmp(&b.key));
    let named = |mut wait: WaitRow| {
        wait.execution_id = id.clone();
        wait
    };
    prop_assert_eq!(waits, own.waits.into_values().map(named).collect::<Vec<_>>());
    let model = Model::fold(&events);
    let mut calls: Vec<CallRow> = model.had().filter(|call| is_listed(call.kind)).cloned().collect();
    let mut found = with.store.queries().calls(id).unwrap();
    prop_assert!(found.is_sorted_by_key(|call| call.seq));
    // Rows of one record (which only this random journal has) may come in any order.
    for rows in [&mut calls, &mut found] {
        rows.sort_by(|a, b| (a.seq, &a.key).cmp(&(b.seq, &b.key)));
    }
    prop_assert_eq!(&found, &calls);
    let counts = with.store.queries().call_counts(id).unwrap();
    for (status, count) in &counts {
        prop_assert_eq!(*count, calls.iter().filter(|call| call.status == *status).count() as u64);
    }
    prop_assert_eq!(counts.iter().map(|(_, count)| count).sum::<u64>(), calls.len() as u64);
    let named = |mut artifact: ArtifactRow| {
        artifact.execution_id = id.clone();
        artifact
    };
    let artifacts: Vec<_> = model.artifacts().into_values().map(named).collect();
    prop_assert_eq!(with.store.queries().artifacts(id).unwrap(), artifacts);
    Ok(())
}

/// An event of that choice, which is to be written at that sequence.
pub fn body((kind, which, number): Choice, seq: Seq) -> Body {
    let key = format!("k{which}");
    let call = head(&key, if which == 4 { CallKind::Reading } else { CallKind::Checkpoint });
    // Eighths add up exactly, in whatever order.
    let usage = Usage { input_tokens: number.into(), output_tokens: 1, cost_usd: f64::from(number) / 8.0 };
    let some = u64::from(number) + 1;
    let reused = vec![(1, seq / 2), (seq.saturating_sub(some), seq)];
    let result = value(&"x".repeat(usize::from(number) * 700));
    match kind {
        0 | 1 => Body::CallStarted(Box::new(CallStarted {
            call,
            inputs: Some(result),
            effective: None,
            once: false,
            at: T + seq as Millis,
        })),
        2 => Body::AttemptFailed(Box::new(AttemptFailed {
            call,
            attempt: number.into(),
            error: error(result),
            retry_at: T,
            usage,
        })),
        3..=6 => {
            let outcome = match number % 4 {
                0 => Outcome::Raised { error: error(result) },
                1 => Outcome::Cancelled,
                2 => Outcome::Volatile { path: "return".to_owned(), rerunnable: false },
                _ => Outcome::Returned { result },
            };
            let mut body = ended_as(call, outcome);
            if let Body::CallEnded(ended) = &mut body {
                (ended.usage, ended.attempts) = (usage, number.into());
                ended.record = (kind > 4).then(|| seq.saturating_sub(some).max(1));
            }
            body
        }
        7 => Body::CallsDropped(CallsDropped {
            records: (seq.saturating_sub(some)..seq).collect(),
            why: "failed".into(),
        }),
        8 => wait_opened(&key, CallKind::Wait),
        9 => Body::WaitAnswered(WaitAnswered { key, value: result, by: "cli".to_owned(), request: None }),
        10 => {
            let why = ["withdrawn", "timed_out"][usize::from(number % 2)].to_owned();
            Body::WaitClosed(WaitClosed { key, why })
        }
        // By the body of a call, or by the flow's own.
        11 => Body::ArtifactSaved(ArtifactSaved {
            name: key,
            value: value(&number.to_string()),
            call: (number > 3).then(|| format!("k{}", number - 4)),
        }),
        12 if number % 2 == 0 => {
            taken(&Owner { host: "h".to_owned(), boot: "b".to_owned(), pid: 1, started: 1, slot: 0, nonce: key })
        }
        12 => Body::Noted(Noted { key: None, code: "x".to_owned(), text: "y".to_owned() }),
        13 => Body::StopRequested(StopRequested { stop: Stop::Pause, by: "cli".to_owned(), with: None }),
        14 => match number % 3 {
            0 => Body::Suspended(Suspended {
                waits: vec![key],
                wake_at: Some(T),
                sleeping: which == 1,
                awaits: Vec::new(),
                reused,
            }),
            1 => Body::Interrupted(Interrupted { by: "SIGTERM".to_owned(), reused }),
            _ => Body::Paused(Box::new(Paused {
                reason: PauseReason::NoProgress { taken: 3 },
                text: "why".to_owned(),
                reused,
            })),
        },
        15 => Body::UsageReported(UsageReported { key, usage }),
        _ => Body::Failed(Box::new(Failed { error: error(result), sources: vec![seq], reused })),
    }
}

#[derive(Default)]
struct Model {
    row: ExecutionPatch,
    fruitless: u32,
    calls: BTreeMap<String, CallRow>,
    waits: BTreeMap<String, WaitRow>,
    /// Every one that was saved, in order, by which event, and the reading right before it.
    saved: Vec<(ArtifactRow, Seq, Option<String>)>,
    reading: Option<String>,
    /// Where a replay's own events begin, and whether it has said since what its pass was served.
    base: Seq,
    told: bool,
}

impl Model {
    fn fold(events: &[Event]) -> Self {
        let mut model = Self::default();
        for event in events {
            if let Body::Created(created) = &event.body
                && let Some(fork) = &created.fork
            {
                model.cut(fork);
            }
            for change in project(event.seq, event.at, &event.body) {
                model.apply(event, change);
            }
        }
        model
    }

    /// A replay has the calls that ended and are kept, and what those saved.
    fn cut(&mut self, fork: &Fork) {
        let is_kept = |call: &CallRow| {
            let ended = call.ended_seq.is_some() && call.status != CallStatus::Dropped;
            ended && fork.kept.iter().any(|(from, to)| (*from..=*to).contains(&call.seq))
        };
        self.calls.retain(|_, call| is_kept(call));
        self.calls.values_mut().for_each(|call| call.reused = true);
        let saved = std::mem::take(&mut self.saved);
        self.saved = saved.into_iter().filter(|saved| self.saver(saved).is_some()).collect();
        (self.base, self.told) = (fork.upto, false);
    }

    /// Of the source's calls, those that the last pass was served; all that are kept, as long as none has ended.
    fn had(&self) -> impl Iterator<Item = &CallRow> {
        self.calls.values().filter(|call| call.seq > self.base || call.reused || !self.told)
    }

    /// The call in whose body something was saved; else the reading before it, if that is still the one.
    fn saver(&self, (row, seq, reading): &(ArtifactRow, Seq, Option<String>)) -> Option<&CallRow> {
        let around = row.call_key.as_ref().and_then(|key| self.calls.get(key));
        let before = || reading.as_ref().and_then(|key| self.calls.get(key)).filter(|call| call.seq + 1 == *seq);
        around.or_else(before)
    }

    fn artifacts(&self) -> BTreeMap<String, ArtifactRow> {
        let is_had = |saved: &&(ArtifactRow, Seq, Option<String>)| {
            saved.1 > self.base || !self.told || self.saver(saved).is_some_and(|call| call.reused)
        };
        self.saved.iter().filter(is_had).map(|(row, ..)| (row.name.clone(), row.clone())).collect()
    }

    fn apply(&mut self, event: &Event, change: Change) {
        match change {
            Change::BreakpointHit(_) => {}
            Change::Execution(patch) => {
                self.fruitless = match patch.fruitless {
                    Fruitless::Keep => self.fruitless,
                    Fruitless::Increment => self.fruitless + 1,
                    Fruitless::Reset => 0,
                };
                self.row.merge(*patch);
            }
            Change::Call(patch) => {
                if patch.call.kind == CallKind::Reading {
                    self.reading = Some(patch.call.key.clone());
                }
                let (ended_at, ended_seq) = patch.ended.unzip();
                let fresh = CallRow {
                    key: patch.call.key.clone(),
                    seq: patch.record,
                    name: patch.call.name.clone(),
                    kind: patch.call.kind,
                    status: patch.status,
                    attempts: 0,
                    started_at: patch.started_at,
                    ended_at,
                    ended_seq,
                    reused: false,
                    usage: Usage::default(),
                };
                let row = self.calls.entry(patch.call.key.clone()).or_insert_with(|| fresh.clone());
                // Another record takes the row over; a failed try has no record of its own.
                let foreign = row.seq <= self.base;
                if foreign || row.seq != patch.record && patch.status != CallStatus::Retrying {
                    (row.seq, row.started_at, row.attempts) = (patch.record, patch.started_at, 0);
                }
                if foreign {
                    // What the source paid is the source's.
                    row.usage = Usage::default();
                }
                row.attempts = patch.attempts.unwrap_or(row.attempts);
                (row.status, row.ended_at, row.ended_seq, row.reused) = (patch.status, ended_at, ended_seq, false);
                row.usage.add(&patch.usage);
            }
            Change::CallUsage(key, usage) => {
                if let Some(row) = self.calls.get_mut(&key) {
                    row.usage.add(&usage);
                }
            }
            Change::DropCalls(records) => {
                for row in self.calls.values_mut().filter(|row| records.contains(&row.seq)) {
                    (row.status, row.reused) = (CallStatus::Dropped, false);
                }
            }
            Change::Reused(ranges) => {
                self.told = true;
                for row in self.calls.values_mut() {
                    row.reused = ranges.iter().any(|(from, to)| *from <= row.seq && row.seq <= *to);
                }
            }
            Change::WaitOpened(opened) => {
                let row = WaitRow {
                    execution_id: ExecutionId::new(""),
                    key: opened.call.key.clone(),
                    name: opened.call.name.clone(),
                    question: opened.question.clone(),
                    schema: opened.schema.clone(),
                    data: opened.data.clone(),
                    status: "open".to_owned(),
                    answer: None,
                    answered_by: None,
                    deadline: opened.deadline,
                    on_timeout: opened.on_timeout.clone(),
                    opened_at: event.at,
                    closed_at: None,
                };
                self.waits.insert(opened.call.key.clone(), row);
            }
            Change::WaitClosed(end) => {
                if let Some(wait) = self.waits.get_mut(&end.key) {
                    let (answer, by) = end.answer.clone().unzip();
                    (wait.answer, wait.answered_by, wait.closed_at) = (answer, by, Some(event.at));
                    wait.status.clone_from(&end.status);
                }
                if let Some(call) = self.calls.get_mut(&end.key) {
                    let withdrawn = end.status == "withdrawn";
                    call.status = if withdrawn { CallStatus::Cancelled } else { CallStatus::Completed };
                    (call.ended_at, call.ended_seq) = (Some(event.at), Some(event.seq));
                }
            }
            Change::Artifact(saved) => {
                let row = ArtifactRow {
                    execution_id: ExecutionId::new(""),
                    name: saved.name.clone(),
                    value: saved.value.clone(),
                    call_key: saved.call.clone(),
                    at: event.at,
                };
                let reading = self.reading.take();
                self.saved.push((row, event.seq, reading));
            }
        }
    }
}
