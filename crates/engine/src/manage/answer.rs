//! Answering a wait: found, validated, recorded once, and who must go on then.

use super::family::{children, root_of};
use super::{ManageError, Result, hold, next};
use crate::clock::Clock;
use kitaru_core::event::WaitAnswered;
use kitaru_core::lease::Hold;
use kitaru_core::rows::{ExecutionRow, Status, WaitRow};
use kitaru_core::{Body, Millis, Seq, Value};
use kitaru_store::{Guard, Page, Store, StoreError, WaitFilter};
use serde_json::Value as Json;

/// An answer that was recorded.
#[derive(Debug)]
pub struct Answered {
    /// The wait, as it was open.
    pub wait: WaitRow,
    /// The answer's place in the journal of the execution that asked.
    pub seq: Seq,
    /// The execution to go on with: the topmost ancestor of the one that asked.
    pub root: ExecutionRow,
}

/// Who goes on after an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum After {
    /// Nobody does: whoever answered carries [`Answered::root`] on.
    Carry,
    /// A living process has it and takes the answer.
    Taken {
        /// Its process identifier.
        pid: u32,
    },
    /// A living process has it, but gives no sign of life: it takes the answer when it does.
    Silent {
        /// Its process identifier.
        pid: u32,
    },
    /// It can't go on by itself: it has ended, waits for a decision, or lives in a notebook. Says why and how.
    Stays {
        /// One line.
        why: String,
    },
}

/// How long to look whether the process that holds an execution has taken an answer in. It looks for answers every
/// 25 ms, for those of its children every 200 ms at the latest.
const PATIENCE: Millis = 2_000;
/// Between two looks.
const LOOK: std::time::Duration = std::time::Duration::from_millis(20);

const MANY: Page = Page { limit: 1000, offset: 0 };

/// Records `answer` for an open wait of `row` or of one of its descendants. `wait` is a name or key; it may be left
/// out when one wait is open only. A bad answer is refused and the wait stays open.
pub fn answer(
    store: &dyn Store,
    row: &ExecutionRow,
    wait: Option<&str>,
    answer: &Json,
    by: &str,
    now: Millis,
) -> Result<Answered> {
    record(store, row, wait, answer, (by, None), now)
}

/// The same for a request that has a key: sent again, it answers nothing else and returns what it did the first time.
pub fn answer_once(
    store: &dyn Store,
    row: &ExecutionRow,
    wait: Option<&str>,
    answer: &Json,
    (by, request): (&str, &str),
    now: Millis,
) -> Result<Answered> {
    match record(store, row, wait, answer, (by, Some(request)), now) {
        Err(error) => answered_before(store, row, answer, request)?.ok_or(error),
        answered => answered,
    }
}

/// What a request has answered, if it has. Refuses one that had another answer.
fn answered_before(store: &dyn Store, row: &ExecutionRow, answer: &Json, request: &str) -> Result<Option<Answered>> {
    let mut ahead = vec![row.clone()];
    while let Some(row) = ahead.pop() {
        for event in store.queries().events(&row.id, &["wait_answered"])? {
            let Body::WaitAnswered(known) = event.body else { continue };
            if known.request.as_deref() != Some(request) {
                continue;
            }
            if super::exact(&super::text(store, &known.value)?).ok().as_ref() != Some(answer) {
                let message = format!("that Idempotency-Key has answered {} before, with another value", known.key);
                return Err(ManageError::new("key-conflict", message, Some("give it another key".to_owned())));
            }
            let all = WaitFilter { execution: Some(row.id.clone()), open: false };
            let waits = store.queries().waits(&all, Page { limit: usize::MAX >> 1, offset: 0 })?;
            let Some(wait) = waits.into_iter().find(|wait| wait.key == known.key) else { continue };
            let root = root_of(store, &row)?;
            return Ok(Some(Answered { wait, seq: event.seq, root }));
        }
        ahead.extend(children(store, &row.id, false)?);
    }
    Ok(None)
}

fn record(
    store: &dyn Store,
    row: &ExecutionRow,
    wait: Option<&str>,
    answer: &Json,
    (by, request): (&str, Option<&str>),
    now: Millis,
) -> Result<Answered> {
    let open = open_waits(store, row)?;
    // Looked for after the open ones: a request that is there twice at once does not answer the next question.
    if let Some(request) = request
        && let Some(before) = answered_before(store, row, answer, request)?
    {
        return Ok(before);
    }
    let chosen = choose(store, row, wait, &open, now)?;
    if let Some(problem) = check_answer(chosen.schema.as_ref(), answer) {
        return Err(ManageError::new(
            "bad-answer",
            format!("the answer does not fit {}: {problem}", chosen.key),
            Some(format!("the wait is still open: {}", next::answer(&chosen))),
        ));
    }
    let value = Value::of(answer).map_err(|error| ManageError::new("bad-answer", error.to_string(), None))?;
    let body = Body::WaitAnswered(WaitAnswered {
        key: chosen.key.clone(),
        value,
        by: by.to_owned(),
        request: request.map(str::to_owned),
    });
    let seq = match store.post(&chosen.execution_id, now, Guard::WaitOpen(chosen.key.clone()), vec![body]) {
        Ok(seq) => seq,
        Err(StoreError::Conflict(_)) => return Err(none_open(store, row, Some(&chosen.key), &[])?),
        Err(error) => return Err(error.into()),
    };
    let root = root_of(store, &store.queries().execution(&chosen.execution_id)?)?;
    Ok(Answered { wait: chosen, seq, root })
}

/// The open wait of `row`, or of one of its descendants, that is meant: by its name or key, or as the only one.
pub fn open_wait(store: &dyn Store, row: &ExecutionRow, wait: Option<&str>, now: Millis) -> Result<WaitRow> {
    choose(store, row, wait, &open_waits(store, row)?, now)
}

fn choose(store: &dyn Store, row: &ExecutionRow, wait: Option<&str>, open: &[WaitRow], now: Millis) -> Result<WaitRow> {
    // A key names one question for good: once answered, it is not the name of the next one.
    let all = WaitFilter { execution: Some(row.id.clone()), open: false };
    let known = store.queries().waits(&all, Page { limit: usize::MAX >> 1, offset: 0 })?;
    let is_key = wait.is_some_and(|wanted| known.iter().chain(open).any(|one| one.key == wanted));
    let fits = |one: &&WaitRow| wait.is_none_or(|wanted| one.key == wanted || (!is_key && one.name == wanted));
    let fitting: Vec<&WaitRow> = open.iter().filter(fits).collect();
    let (late, in_time): (Vec<&WaitRow>, Vec<&WaitRow>) = fitting.iter().partition(|one| one.is_too_late(now));
    if let ([], [first, ..]) = (in_time.as_slice(), late.as_slice()) {
        return Err(too_late(first));
    }
    match in_time.as_slice() {
        [one] => Ok((*one).clone()),
        [] => Err(none_open(store, row, wait, open)?),
        several => {
            let keys: Vec<String> = several.iter().map(|one| format!("{} ({})", one.key, one.question)).collect();
            Err(ManageError::new(
                "several-waits",
                format!("{} waits are open: {}", several.len(), keys.join("; ")),
                Some(next::answer(several[0])),
            ))
        }
    }
}

fn too_late(wait: &WaitRow) -> ManageError {
    let until = wait.deadline.map(super::view::time).unwrap_or_default();
    ManageError::new(
        "already-timed-out",
        format!("{} could be answered until {until}; its flow goes on without an answer", wait.key),
        Some(format!("kitaru resume {}", wait.execution_id.short())),
    )
}

/// Who goes on after an answer, decided by the owner's pulse and by what its heartbeat took in. Returns within
/// about two seconds.
///
/// An execution that asked by itself and that a living process holds takes its answer in any case: a suspension is
/// written only if the owner has seen every event. A parent may let go without having seen what happened to its
/// child; so there the journals are looked at until either has moved on.
pub fn after_answer(store: &dyn Store, answered: &Answered, clock: &dyn Clock) -> Result<After> {
    let began = store.by_its_clock(clock.now());
    loop {
        let now = store.by_its_clock(clock.now());
        let root = store.queries().execution(&answered.root.id)?;
        let asker = store.queries().execution(&answered.wait.execution_id)?;
        let short = root.id.short();
        if root.status.has_ended() || asker.status.has_ended() {
            let why = match root.status {
                Status::Failed => format!("{} failed; go on with: kitaru resume {short}", root.flow),
                _ if asker.status.has_ended() => format!("{} is {} by now", asker.flow, asker.status),
                status => format!("{} is {status} by now", root.flow),
            };
            // It may have ended because of the answer: then that is how it was taken.
            return Ok(match &answered.root.owner {
                Some(owner) if asker.last_seq > answered.seq => After::Taken { pid: owner.pid },
                _ => After::Stays { why },
            });
        }
        if hold(store, &root, now) != Hold::Held {
            if asker.last_seq > answered.seq && asker.status != Status::Running && !super::has_news(store, &root, now)?
            {
                // It was taken, and is parked again on something else.
                let pid = answered.root.owner.as_ref().map_or(0, |owner| owner.pid);
                return Ok(After::Taken { pid });
            }
            return Ok(match root.status {
                Status::Paused => {
                    After::Stays { why: format!("{} is paused; go on with: {}", root.flow, next::after_pause(&root)) }
                }
                _ if root.entry.module.is_none() => After::Stays {
                    why: format!(
                        "{} was defined in a notebook or at a prompt and goes on there, with \
                         kitaru.KitaruClient().executions.resume({:?})",
                        root.flow,
                        root.id.as_str()
                    ),
                },
                _ => After::Carry,
            });
        }
        let pid = root.owner.as_ref().map_or(0, |owner| owner.pid);
        let beats = root.lease_until > now;
        let own = root.id == asker.id;
        if beats && (own || asker.last_seq > answered.seq) {
            return Ok(After::Taken { pid });
        }
        // A clock that steps back must not keep anybody waiting.
        if now - began >= PATIENCE || now < began {
            return Ok(if beats { After::Taken { pid } } else { After::Silent { pid } });
        }
        std::thread::sleep(LOOK);
    }
}

/// What is wrong with an answer; `None`: it satisfies the schema.
pub fn check_answer(schema: Option<&Json>, answer: &Json) -> Option<String> {
    let schema = schema?;
    match jsonschema::options().should_validate_formats(true).build(schema) {
        Ok(validator) => {
            let problems: Vec<String> = validator
                .iter_errors(answer)
                .take(3)
                .map(|error| {
                    let path = error.instance_path().to_string();
                    if path.is_empty() { error.to_string() } else { format!("{path}: {error}") }
                })
                .collect();
            (!problems.is_empty()).then(|| problems.join("; "))
        }
        Err(error) => Some(format!("its schema is not a JSON Schema: {error}")),
    }
}

/// What is wrong with a schema itself, so that no answer could satisfy it; `None`: it is a JSON Schema.
pub fn check_schema(schema: &Json) -> Option<String> {
    jsonschema::options().should_validate_formats(true).build(schema).err().map(|error| error.to_string())
}

/// Open waits of an execution, or if it has none of its descendants.
pub fn open_waits(store: &dyn Store, row: &ExecutionRow) -> Result<Vec<WaitRow>> {
    let mut level = vec![row.id.clone()];
    while !level.is_empty() {
        let mut found = Vec::new();
        let mut below = Vec::new();
        for id in level {
            found.extend(store.queries().waits(&WaitFilter { execution: Some(id.clone()), open: true }, MANY)?);
            below.extend(children(store, &id, true)?.into_iter().map(|child| child.id));
        }
        if !found.is_empty() {
            return Ok(found);
        }
        level = below;
    }
    Ok(Vec::new())
}

fn none_open(store: &dyn Store, row: &ExecutionRow, wanted: Option<&str>, open: &[WaitRow]) -> Result<ManageError> {
    let all = store.queries().waits(&WaitFilter { execution: Some(row.id.clone()), open: false }, MANY)?;
    let known = all.iter().rev().find(|one| wanted.is_none_or(|wanted| one.key == wanted || one.name == wanted));
    if let Some(one) = known {
        if one.status == "open" && row.status.is_final() {
            return Ok(ended(row));
        }
        let message = match (&one.answer, &one.answered_by) {
            (Some(Value::Inline(value)), Some(by)) => {
                format!("{} was answered already, by {by}: {}", one.key, value.get())
            }
            (Some(_), Some(by)) => format!("{} was answered already, by {by}", one.key),
            _ => format!("{} is no longer open ({})", one.key, one.status),
        };
        return Ok(ManageError::new("already-answered", message, Some(format!("kitaru show {}", row.id.short()))));
    }
    if row.status.is_final() && wanted.is_none() {
        return Ok(ended(row));
    }
    let names: Vec<&str> = open.iter().map(|one| one.key.as_str()).collect();
    let message = match wanted {
        Some(wanted) if names.is_empty() => format!("execution {} has no wait {wanted}", row.id),
        Some(wanted) => format!("execution {} has no open wait {wanted}; open: {}", row.id, names.join(", ")),
        None => format!("execution {} ({}) asks nothing", row.id, row.status),
    };
    Ok(ManageError::new("unknown-wait", message, Some(format!("kitaru show {}", row.id.short()))))
}

fn ended(row: &ExecutionRow) -> ManageError {
    let message = format!("execution {} is {}: it takes no answer any more", row.id, row.status);
    ManageError::new("already-ended", message, Some(format!("kitaru show {}", row.id.short())))
}
