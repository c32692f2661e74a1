//! The fold of journal events into rows: one function, used by every store inside the transaction that
//! writes the event.
//!
//! Not here: SQL. A store knows how to apply a [`Change`]; which changes an event makes is decided only here.

use crate::event::{Body, CallHead, CallKind, ErrorData, Outcome, PauseReason, Reused, Stop, Suspended, Usage};
use crate::ids::{ExecutionId, Millis, Seq};
use crate::lease::Owner;
use crate::rows::{CallStatus, Status};
use crate::value::Value;

/// A change to the rows of one execution.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// The execution's own row. Creation inserts it; see [`ExecutionPatch::created`].
    Execution(Box<ExecutionPatch>),
    /// Inserts the call's row, or updates it when `key` exists.
    Call(Box<CallPatch>),
    /// Adds to the usage of the call with that key, if it has a row.
    CallUsage(String, Usage),
    /// Marks these records' rows as dropped.
    DropCalls(Vec<Seq>),
    /// Sets `reused` on rows whose record lies in a range, and clears it on the others.
    Reused(Reused),
    /// Inserts a wait.
    WaitOpened(Box<crate::event::WaitOpened>),
    /// Ends a wait.
    WaitClosed(WaitEnd),
    /// Inserts or replaces a named value.
    Artifact(crate::event::ArtifactSaved),
    /// A breakpoint was hit: one that does not stay is gone.
    BreakpointHit(u64),
}

/// New values for an execution's row. `None` leaves a column as it is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExecutionPatch {
    /// Set for the first event only: the row is inserted from it.
    pub created: Option<crate::event::Created>,
    /// New status.
    pub status: Option<Status>,
    /// New reason; `Some(None)` clears it.
    pub reason: Option<Option<serde_json::Value>>,
    /// New wake time; `Some(None)` clears it.
    pub wake_at: Option<Option<Millis>>,
    /// New owner; `Some(None)` releases the execution.
    pub owner: Option<Option<Owner>>,
    /// New result.
    pub result: Option<Value>,
    /// New error; `Some(None)` clears it.
    pub error: Option<Option<ErrorData>>,
    /// New stop request; `Some(None)` clears it.
    pub stop: Option<Option<Stop>>,
    /// Added to the execution's usage.
    pub usage: Usage,
    /// What happens to the count of takes without a new record.
    pub fruitless: Fruitless,
}

/// See [`crate::lease::MAX_FRUITLESS_TAKES`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fruitless {
    /// Unchanged.
    #[default]
    Keep,
    /// One more take.
    Increment,
    /// A record was made, or somebody decided something.
    Reset,
}

/// New values for a call's row.
#[derive(Clone, Debug, PartialEq)]
pub struct CallPatch {
    /// The call. Its key finds the row.
    pub call: CallHead,
    /// Sequence that identifies the record.
    pub record: Seq,
    /// Its state.
    pub status: CallStatus,
    /// How many tries it took so far; `None` leaves it.
    pub attempts: Option<u32>,
    /// When the first try began; kept if the row exists with the same record.
    pub started_at: Millis,
    /// When it ended, and the event that ended it.
    pub ended: Option<(Millis, Seq)>,
    /// Added to the call's usage.
    pub usage: Usage,
}

/// The end of a wait.
#[derive(Clone, Debug, PartialEq)]
pub struct WaitEnd {
    /// Its key.
    pub key: String,
    /// `answered`, `withdrawn`, `timed_out` or `elapsed`.
    pub status: String,
    /// The answer and who gave it.
    pub answer: Option<(Value, String)>,
}

/// What the event at `seq`, written at `at`, changes.
pub fn project(seq: Seq, at: Millis, body: &Body) -> Vec<Change> {
    match body {
        Body::Created(created) => vec![patch(ExecutionPatch {
            created: Some((**created).clone()),
            status: Some(Status::Interrupted),
            ..ExecutionPatch::default()
        })],
        Body::Taken(taken) => vec![patch(ExecutionPatch {
            status: Some(Status::Running),
            reason: Some(None),
            wake_at: Some(None),
            owner: Some(Some(taken.owner.clone())),
            error: Some(None),
            stop: Some(None),
            fruitless: Fruitless::Increment,
            ..ExecutionPatch::default()
        })],
        Body::ScopeOpened(_) | Body::DriftDecided(_) | Body::InputsSet(_) | Body::CallReleased(_) | Body::Noted(_) => {
            Vec::new()
        }
        Body::CallStarted(started) => {
            let mut changes = vec![Change::Call(Box::new(CallPatch {
                call: started.call.clone(),
                record: seq,
                status: CallStatus::Running,
                attempts: None,
                started_at: started.at,
                ended: None,
                usage: Usage::default(),
            }))];
            // An act on another execution, which is announced once however often it is begun.
            if started.call.kind == CallKind::Client && started.once {
                changes.extend(progress(Usage::default()));
            }
            changes
        }
        Body::AttemptFailed(failed) => {
            let mut changes = vec![Change::Call(Box::new(CallPatch {
                call: failed.call.clone(),
                record: seq,
                status: CallStatus::Retrying,
                attempts: Some(failed.attempt),
                started_at: at,
                ended: None,
                usage: failed.usage,
            }))];
            changes.extend(progress(failed.usage));
            changes
        }
        Body::CallEnded(ended) => {
            let status = match ended.outcome {
                Outcome::Returned { .. } => CallStatus::Completed,
                Outcome::Volatile { .. } => CallStatus::Volatile,
                Outcome::Raised { .. } => CallStatus::Failed,
                Outcome::Cancelled => CallStatus::Cancelled,
            };
            let mut changes = vec![Change::Call(Box::new(CallPatch {
                call: ended.call.clone(),
                record: ended.record.unwrap_or(seq),
                status,
                attempts: Some(ended.attempts),
                started_at: ended.started_at,
                ended: Some((at, seq)),
                usage: ended.usage,
            }))];
            // To look costs nothing and brings nothing on: a step that looks and kills its process is given up too.
            if !matches!(ended.call.kind, CallKind::Reading | CallKind::Client) {
                changes.extend(progress(ended.usage));
            }
            changes
        }
        // No progress: a step that consumes and kills its process must not go on for ever.
        Body::UsageReported(reported) => vec![
            Change::CallUsage(reported.key.clone(), reported.usage),
            patch(ExecutionPatch { usage: reported.usage, ..ExecutionPatch::default() }),
        ],
        Body::CallsDropped(dropped) => vec![Change::DropCalls(dropped.records.clone())],
        Body::WaitOpened(opened) => vec![
            Change::Call(Box::new(CallPatch {
                call: opened.call.clone(),
                record: seq,
                status: CallStatus::Waiting,
                attempts: None,
                started_at: at,
                ended: None,
                usage: Usage::default(),
            })),
            Change::WaitOpened(opened.clone()),
            patch(ExecutionPatch { fruitless: Fruitless::Reset, ..ExecutionPatch::default() }),
        ],
        Body::WaitAnswered(answered) => vec![
            Change::WaitClosed(WaitEnd {
                key: answered.key.clone(),
                status: "answered".to_owned(),
                answer: Some((answered.value.clone(), answered.by.clone())),
            }),
            patch(ExecutionPatch { fruitless: Fruitless::Reset, ..ExecutionPatch::default() }),
        ],
        Body::WaitClosed(closed) => {
            vec![Change::WaitClosed(WaitEnd { key: closed.key.clone(), status: closed.why.clone(), answer: None })]
        }
        Body::ArtifactSaved(saved) => vec![Change::Artifact(saved.clone())],
        Body::StopRequested(stop) => {
            vec![patch(ExecutionPatch { stop: Some(Some(stop.stop)), ..ExecutionPatch::default() })]
        }
        Body::Suspended(suspended) => parked(
            if suspended.sleeping { Status::Sleeping } else { Status::Waiting },
            parked_reason(suspended),
            suspended.wake_at,
            &suspended.reused,
        ),
        Body::Paused(paused) => {
            let mut changes = parked(
                Status::Paused,
                serde_json::json!({ "code": "paused", "text": paused.text, "pause": paused.reason }),
                None,
                &paused.reused,
            );
            if let PauseReason::Breakpoint { id: Some(id), .. } = &paused.reason {
                changes.push(Change::BreakpointHit(*id));
            }
            changes
        }
        Body::Resumed(resumed) => vec![patch(ExecutionPatch {
            status: Some(Status::Interrupted),
            reason: Some(Some(serde_json::json!({
                "code": "resumed",
                "text": format!("resumed by {}; it goes on with what started it", resumed.by),
            }))),
            wake_at: Some(None),
            fruitless: Fruitless::Reset,
            ..ExecutionPatch::default()
        })],
        Body::Interrupted(interrupted) => parked(
            Status::Interrupted,
            serde_json::json!({ "code": "interrupted", "text": format!("stopped by {}", interrupted.by) }),
            None,
            &interrupted.reused,
        ),
        Body::Completed(completed) => ended(
            ExecutionPatch {
                status: Some(Status::Completed),
                result: Some(completed.result.clone()),
                reason: completed.volatile.as_ref().map(|path| {
                    Some(serde_json::json!({
                        "code": "volatile-result",
                        "text": format!("its result could not be stored ({path} has no codec)"),
                    }))
                }),
                ..ExecutionPatch::default()
            },
            &completed.reused,
        ),
        Body::Failed(failed) => ended(
            ExecutionPatch {
                status: Some(Status::Failed),
                reason: Some(Some(serde_json::json!({
                    "code": "failed",
                    "text": format!("{}: {}", failed.error.kind.trim_start_matches("builtins."), failed.error.message),
                    "sources": failed.sources,
                }))),
                error: Some(Some(failed.error.clone())),
                ..ExecutionPatch::default()
            },
            &failed.reused,
        ),
        Body::Cancelled(cancelled) => ended(
            ExecutionPatch {
                status: Some(Status::Cancelled),
                reason: Some(Some(serde_json::json!({
                    "code": "cancelled",
                    "text": format!("cancelled by {}", cancelled.by),
                }))),
                ..ExecutionPatch::default()
            },
            &Vec::new(),
        ),
    }
}

/// What a parked execution waits for.
fn parked_reason(suspended: &Suspended) -> serde_json::Value {
    let mut executions: Vec<&ExecutionId> = suspended.awaits.iter().flat_map(|one| &one.executions).collect();
    executions.sort_unstable();
    executions.dedup();
    let mut parts = suspended.waits.clone();
    if !executions.is_empty() {
        let shown: Vec<&str> = executions.iter().take(3).map(|id| id.short()).collect();
        let more = if executions.len() > shown.len() { ", …" } else { "" };
        let word = if executions.len() == 1 { "execution" } else { "executions" };
        parts.push(format!("{} {word} ({}{more})", executions.len(), shown.join(", ")));
    }
    let text = if suspended.sleeping { "sleeping".to_owned() } else { format!("waiting for {}", parts.join(", ")) };
    let code = if suspended.sleeping { "sleeping" } else { "waiting" };
    let mut reason = serde_json::json!({ "code": code, "text": text, "waits": suspended.waits });
    if !executions.is_empty() {
        // One flat list beside the groups: whoever ends looks for those who wait for it.
        reason["executions"] = serde_json::json!(executions);
        reason["awaits"] = serde_json::json!(suspended.awaits);
    }
    reason
}

fn patch(patch: ExecutionPatch) -> Change {
    Change::Execution(Box::new(patch))
}

fn progress(usage: Usage) -> Option<Change> {
    Some(patch(ExecutionPatch { usage, fruitless: Fruitless::Reset, ..ExecutionPatch::default() }))
}

fn parked(status: Status, reason: serde_json::Value, wake_at: Option<Millis>, reused: &Reused) -> Vec<Change> {
    vec![
        patch(ExecutionPatch {
            status: Some(status),
            reason: Some(Some(reason)),
            wake_at: Some(wake_at),
            owner: Some(None),
            stop: Some(None),
            ..ExecutionPatch::default()
        }),
        Change::Reused(reused.clone()),
    ]
}

fn ended(mut row: ExecutionPatch, reused: &Reused) -> Vec<Change> {
    row.owner = Some(None);
    row.wake_at = Some(None);
    row.stop = Some(None);
    if row.reason.is_none() {
        row.reason = Some(None);
    }
    vec![patch(row), Change::Reused(reused.clone())]
}

impl ExecutionPatch {
    /// Adds a later patch to this one, so that a batch of events updates the row once.
    pub fn merge(&mut self, later: Self) {
        macro_rules! take {
            ($($field:ident),*) => { $( if later.$field.is_some() { self.$field = later.$field; } )* };
        }
        take!(created, status, reason, wake_at, owner, result, error, stop);
        self.usage.add(&later.usage);
        if later.fruitless != Fruitless::Keep {
            self.fruitless = later.fruitless;
        }
    }
}
