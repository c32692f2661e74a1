//! What people and programs do to executions from outside: look, answer, resume, stop.
//!
//! One function each, shared by the command line, the Python client and whatever serves later. They take and
//! return data. Deliberately not here: printing, reading the clock, and running user code.

mod answer;
mod audit;
mod breakpoints;
mod by_hand;
mod call;
mod delete;
mod deployments;
mod diagnose;
mod diff;
mod example;
mod family;
mod fleet;
mod follow;
mod gc;
mod inbox;
mod limits;
mod links;
mod list;
pub mod next;
mod original;
pub mod pending;
mod planned;
mod replay;
mod resume;
mod schedules;
pub mod secrets;
mod shape;
mod stop;
mod ticks;
mod tokens;
mod tree;
pub mod view;

pub use answer::{After, Answered, after_answer, answer, answer_once, check_answer, check_schema, open_waits};
pub use audit::{Actor, Begun, Target, audited, begin_act, changes, done};
pub use breakpoints::{Before, Flow, add_breakpoint, breakpoints, check_before, known_flow, remove_breakpoint};
pub use call::{CallValues, call};
pub use delete::{Deletion, delete, deletion};
pub use deployments::{
    NewDeployment, Runnable, another, chosen, deploy, must_fit, releases, roll_back, runnable, tag_deployment,
};
pub use diagnose::{Diagnosis, Stuck, Who, diagnose, stuck};
pub use diff::{diff, found};
pub use family::root_of;
pub use fleet::{Standing, acted, have_come, is_left_by, must_not_circle, standings, stirred, waiters, waiting};
pub use follow::{Following, follow};
pub use gc::{Gc, GcOptions, age, gc, upkeep};
pub use inbox::inbox;
pub use limits::{
    WantedLimit, close_limit, item as limit_item, limit, limits, open_limit, remove_limit, set_limit, waiting_calls,
    waits_for,
};
pub use links::{answer_link, create_link, linked};
pub use list::{Wanted, artifact, flows, list, newest, parse_status};
pub use original::Original;
pub use planned::planned;
pub use replay::{
    Change, Check, Inspection, Planned, Problem, ReplayOptions, create_replay, is_the_same_replay, parse_reuse,
    plan_replay,
};
use resume::has_news;
pub use resume::{Drift, Prepared, ResumeOptions, due, left_by_worker, orphaned, prepare};
pub use schedules::{
    NewSchedule, add_schedule, deadline_of, pause_schedule, remove_schedule, resume_schedule, schedule, schedules,
    times_of, troubles,
};
pub use shape::shape;
pub use stop::{Stopped, stop, stop_again};
pub use ticks::{Ticked, tick, tick_refused};
pub use tokens::{Refused, Scope, create_token, is_live, note_use, recognise, revoke_token, span_of, tokens};
pub use tree::tree;

use crate::error::EngineError;
use kitaru_core::ExecutionId;
use kitaru_core::lease::{self, Hold, Pulse};
use kitaru_core::rows::{ExecutionRow, Status};
use kitaru_core::{Millis, Value};
use kitaru_store::{Store, StoreError};

/// A refusal, with its code and a way out.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct ManageError {
    /// Kebab-case word with a page in `docs/errors/`.
    pub code: String,
    /// One line.
    pub message: String,
    /// What to do, paste-ready where it can be.
    pub hint: Option<String>,
}

impl ManageError {
    /// A refusal.
    pub fn new(code: &str, message: impl Into<String>, hint: Option<String>) -> Self {
        Self { code: code.to_owned(), message: message.into(), hint }
    }
}

impl From<StoreError> for ManageError {
    fn from(error: StoreError) -> Self {
        let hint = match &error {
            StoreError::NotFound(_) => Some("kitaru executions list".to_owned()),
            StoreError::Ambiguous { .. } => Some("give more of the identifier".to_owned()),
            StoreError::Away { url, .. } if kitaru_store::is_postgres(url) => {
                Some("is PostgreSQL running there? to wait longer for it: KITARU_PATIENCE=SECONDS".to_owned())
            }
            StoreError::Unauthorized { url, why }
                if kitaru_store::is_postgres(url) && why.contains("no encryption") =>
            {
                Some("it may want an encrypted connection: add ?sslmode=verify-full to KITARU_STORE".to_owned())
            }
            StoreError::Unauthorized { url, .. } if kitaru_store::is_postgres(url) => {
                Some("user and password stand in KITARU_STORE=postgres://USER:PASSWORD@HOST/DATABASE".to_owned())
            }
            StoreError::Away { url, .. } if !url.starts_with("http") => Some(
                "large values are kept there: mount or start it, or wait longer: KITARU_PATIENCE=SECONDS".to_owned(),
            ),
            StoreError::Blobs { .. } => {
                Some("KITARU_BLOBS=s3://BUCKET/PREFIX?endpoint=…&region=…, or a folder that is there".to_owned())
            }
            StoreError::OtherBlobs { .. } => {
                Some("unset KITARU_BLOBS: the store knows where its values are".to_owned())
            }
            StoreError::Older { .. } => Some("kitaru store migrate".to_owned()),
            StoreError::Away { .. } => Some("start it (kitaru up), or wait longer: KITARU_PATIENCE=SECONDS".to_owned()),
            StoreError::Unauthorized { .. } => {
                Some("give a token of that server: KITARU_TOKEN, or a file with it: --token-file FILE".to_owned())
            }
            StoreError::TokenFile { path, .. } => {
                Some(format!("a file with nothing but the token, that only you may read: chmod 600 {path}"))
            }
            StoreError::Sealed { .. } => Some("KITARU_KEYS=FILE; which keys a file has: kitaru keys list".to_owned()),
            StoreError::KeyFile { path, .. } => Some(format!("a file that only you may read: chmod 600 {path}")),
            StoreError::Readable { .. } => {
                Some("use its https:// address; where the way is private, KITARU_ALLOW_HTTP=1".to_owned())
            }
            _ => None,
        };
        Self::new(error.code(), error.to_string(), hint)
    }
}

impl From<EngineError> for ManageError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Store(error) => error.into(),
            other => Self::new(other.code(), other.to_string(), None),
        }
    }
}

/// A result of management.
pub type Result<T> = std::result::Result<T, ManageError>;

/// An identifier that no execution has.
pub fn new_id() -> ExecutionId {
    ExecutionId::new(uuid::Uuid::now_v7().to_string())
}

/// Who holds an execution now.
pub fn hold(store: &dyn Store, row: &ExecutionRow, now: Millis) -> Hold {
    let pulse = match row.owner.as_ref().map_or(Pulse::Dead, |owner| store.pulse(owner)) {
        Pulse::Alive if store.goes_by_leases() => Pulse::Unknown,
        pulse => pulse,
    };
    lease::hold(row.owner.is_some(), pulse, row.lease_until, now)
}

/// The status that people see.
pub fn status(store: &dyn Store, row: &ExecutionRow, now: Millis) -> Status {
    if row.status == Status::Running { lease::visible(row.status, hold(store, row, now)) } else { row.status }
}

/// The execution that `text` names: its identifier, or a unique beginning or end of it; `latest`: the newest
/// that was not started from another.
pub fn find(store: &dyn Store, text: &str) -> Result<ExecutionRow> {
    if text == "latest" {
        let page = kitaru_store::Page { limit: 1, offset: 0 };
        let roots = kitaru_store::ExecutionFilter { roots: true, ..kitaru_store::ExecutionFilter::default() };
        let newest = store.queries().executions(&roots, page)?;
        return newest.into_iter().next().ok_or_else(|| StoreError::NotFound(text.to_owned()).into());
    }
    if text.is_empty() {
        return Err(ManageError::new("usage", "the identifier is empty", Some("kitaru executions list".to_owned())));
    }
    let id: ExecutionId = store.queries().find(text)?;
    Ok(store.queries().execution(&id)?)
}

/// JSON as it was typed. Refuses whole numbers that would come out as others: no JSON reader here keeps more than
/// 64 bits.
pub fn exact(text: &str) -> std::result::Result<serde_json::Value, String> {
    let value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let mut quoted = false;
    let mut rest = text.chars().peekable();
    while let Some(one) = rest.next() {
        match one {
            '\\' if quoted => drop(rest.next()),
            '"' => quoted = !quoted,
            '-' | '0'..='9' if !quoted => {
                let mut number = String::from(one);
                while let Some(more) = rest.next_if(|more| more.is_ascii_digit() || ".eE+-".contains(*more)) {
                    number.push(more);
                }
                let is_whole = !number.contains(['.', 'e', 'E']);
                if is_whole && number.parse::<i64>().is_err() && number.parse::<u64>().is_err() {
                    return Err(format!("{number} has more than 64 bits; pass it as a text"));
                }
            }
            _ => {}
        }
    }
    Ok(value)
}

/// The JSON text of a value.
pub fn text(store: &dyn Store, value: &Value) -> Result<String> {
    match value {
        Value::Inline(raw) => Ok(raw.get().to_owned()),
        Value::Stored(reference) => Ok(store.value(reference)?),
    }
}
