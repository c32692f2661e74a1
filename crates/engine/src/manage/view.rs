//! Rows as the JSON items that every surface shows.

use super::pending::{self, pending};
use super::secrets::Secret;
use super::{
    Diagnosis, ManageError, Refused, Result, by_hand, diagnose, hold, is_live, next, open_waits, status, text,
};
use kitaru_core::event::{CallKind, DEFAULT_POOL, ErrorData, Override, Usage};
use kitaru_core::ids::takes;
use kitaru_core::lease::Hold;
use kitaru_core::release::{Release, Releases};
use kitaru_core::rows::{BreakpointRow, CallRow, ExecutionRow, Status, WaitRow};
use kitaru_core::schedule::{Fate, Schedule};
use kitaru_core::value::plain;
use kitaru_core::{Body, Millis, Value};
use kitaru_store::StoreError;
use kitaru_store::{ArtifactRow, ExecutionFilter, LinkRow, LogLine, Page, StatisticsRow, Store, TokenRow, WaitFilter};
use serde_json::{Value as Json, json};

/// Milliseconds since the epoch as ISO 8601 in UTC.
pub fn time(at: Millis) -> String {
    let days = at.div_euclid(86_400_000);
    let rest = at.rem_euclid(86_400_000);
    // Days since 1970-01-01 as a civil date (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let (day, month) = (doy - (153 * mp + 2) / 5 + 1, if mp < 10 { mp + 3 } else { mp - 9 });
    let year = yoe + era * 400 + i64::from(month <= 2);
    let (h, m, s, ms) = (rest / 3_600_000, rest / 60_000 % 60, rest / 1_000 % 60, rest % 1_000);
    format!("{year:04}-{month:02}-{day:02}T{h:02}:{m:02}:{s:02}.{ms:03}Z")
}

/// A value as the plain JSON that it is where it can be: a tuple is a list, a model is an object.
pub fn value(store: &dyn Store, value: &Value) -> Result<Json> {
    let text = text(store, value)?;
    // Numbers that JSON here cannot hold exactly are shown as their text.
    Ok(super::exact(&text).map_or(Json::String(text), plain))
}

/// What an execution and all that it started consumed.
pub(super) fn usage_of_all(store: &dyn Store, row: &ExecutionRow) -> Result<Usage> {
    let mut sum = row.usage;
    let children = ExecutionFilter { parent: Some(row.id.clone()), ..ExecutionFilter::default() };
    for child in store.queries().executions(&children, Page { limit: usize::MAX >> 1, offset: 0 })? {
        sum.add(&usage_of_all(store, &child)?);
    }
    Ok(sum)
}

pub(super) fn usage(usage: &Usage) -> Json {
    json!({
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cost_usd": (usage.cost_usd * 1e9).round() / 1e9,
    })
}

/// What a version, a tag or `latest` names.
pub fn deployment(store: &dyn Store, flow: &str, name: &str) -> Result<Json> {
    let found = super::chosen(store, &format!("{flow}@{name}"))?.map(|(_, one)| one.version);
    let items = deployments(store, Some(flow))?;
    let item = items.into_iter().find(|item| item["version"].as_str() == found.as_deref());
    item.ok_or_else(|| ManageError::new("unknown-deployment", format!("{flow} has no version or tag {name:?}"), None))
}

/// The versions of a flow's code, or of all flows, the newest first, with the tags that name them.
pub fn deployments(store: &dyn Store, flow: Option<&str>) -> Result<Vec<Json>> {
    let log = store.queries().releases(flow)?;
    let mut found = Vec::new();
    for of in log.chunk_by(|one, next| one.flow == next.flow) {
        let Some(Release { flow, .. }) = of.first() else { continue };
        let known = Releases::of(of);
        for (one, by, at) in known.versions.iter().rev() {
            found.push(json!({
                "flow": flow,
                "version": one.version,
                "tags": known.tags_of(&one.version),
                "at": time(*at),
                "by": by,
                "snapshot": one.entry.deployment.as_ref().map(|one| one.snapshot),
                "file": one.entry.file,
                "module": one.entry.module,
                "qualname": one.entry.qualname,
                "code": one.code,
                "files": one.files,
                "size": one.size,
                "python": one.python,
                "lock": one.lock,
            }));
        }
    }
    Ok(found)
}

/// A schedule: what was asked for, when it ticks next, and what became of its last ticks, newest first.
pub fn schedule(store: &dyn Store, one: &Schedule, now: Millis) -> Result<Json> {
    let (spec, state) = (&one.spec, &one.state);
    let times = super::times_of(&spec.cron, &spec.timezone)?;
    let mut from = state.until;
    let next = std::iter::from_fn(|| {
        let tick = times.next(from)?;
        from = tick;
        Some(json!({ "at": time(tick), "local": times.wall(tick) }))
    });
    let next: Vec<Json> = if state.paused.is_some() { Vec::new() } else { next.take(NEXT).collect() };
    let last = state.last.as_ref().map(|last| -> Result<Json> {
        let id = one.execution(last.tick);
        let seen = match store.queries().execution(&id) {
            Ok(row) => Some(status(store, &row, now).as_str()),
            Err(StoreError::NotFound(_)) => None,
            Err(error) => return Err(error.into()),
        };
        Ok(json!({ "tick": time(last.tick), "execution": id, "status": seen }))
    });
    let ticks: Vec<Json> = state
        .notes
        .iter()
        .rev()
        .map(|note| {
            let execution = (note.fate == Fate::Started).then(|| one.execution(note.tick));
            json!({
                "fate": note.fate.as_str(), "from": time(note.from), "tick": time(note.tick), "count": note.count,
                "at": time(note.at), "why": note.why, "execution": execution,
            })
        })
        .collect();
    Ok(json!({
        "name": one.name,
        "flow": spec.flow,
        "cron": spec.cron,
        "timezone": spec.timezone,
        "deadline_s": spec.deadline.map(|deadline| deadline as f64 / 1000.0),
        "pool": spec.pool.as_deref().unwrap_or(DEFAULT_POOL),
        "overlap": spec.overlap.as_str(),
        "backfill": spec.backfill,
        "inputs": super::exact(&spec.inputs).map_or(Json::String(spec.inputs.clone()), plain),
        "tags": spec.tags,
        "by": spec.by,
        "added_at": time(spec.added_at),
        "paused": state.paused.as_ref().map(|one| json!({ "by": one.by, "at": time(one.at), "why": one.why })),
        "problem": state.refused.as_ref().map(|refused| refused.why.clone()),
        "next": next,
        "last": last.transpose()?,
        "waiting": state.waiting.iter().map(|tick| time(*tick)).collect::<Vec<_>>(),
        "ticks": ticks,
    }))
}

/// How many ticks of a schedule are told before they come.
const NEXT: usize = 5;

/// An execution without its values and calls: what a table needs, and no more is read for it.
pub fn brief(store: &dyn Store, row: &ExecutionRow, now: Millis) -> Result<Json> {
    let seen = status(store, row, now);
    Ok(json!({
        "id": row.id,
        "flow": row.flow,
        "status": seen.as_str(),
        "reason": reason(store, row, seen, now)?,
        "parent": row.parent.as_ref().map(|parent| json!({ "id": parent.id, "key": parent.key })),
        "forked_from": row.forked_from,
        "tags": row.tags,
        "key": row.key,
        "detached": row.detached,
        "pool": row.pool,
        "deployment": row.entry.deployment.as_ref().map(|one| format!("{}@{}", one.flow, one.version)),
        "usage": usage(&row.usage),
        "wake_at": row.wake_at.map(time),
        "owner": owner(store, row, now),
        "epoch": row.epoch,
        "created_at": time(row.created_at),
        "updated_at": time(row.updated_at),
    }))
}

/// An execution with its values, calls and open waits.
pub fn execution(store: &dyn Store, row: &ExecutionRow, now: Millis) -> Result<Json> {
    let mut item = brief(store, row, now)?;
    let inputs = value(store, &row.inputs)?;
    let result = row.result.as_ref().map(|result| value(store, result)).transpose()?;
    let error = row.error.as_ref().map(raised);
    let made = store.queries().calls(&row.id)?;
    let mut by_hand = by_hand::items(store, &row.id, &made)?;
    let mut calls: Vec<Json> = made.iter().map(call).collect();
    for (at, one) in calls.iter_mut().enumerate() {
        one["step"] = (at + 1).into();
        let changed = one["key"].as_str().and_then(|key| by_hand.remove(key)).unwrap_or_default();
        one["by_hand"] = Json::Array(changed);
    }
    let mut waits_for = pending(store, row)?.map(|one| pending::item(store, row, &one)).transpose()?;
    if let Some(one) = &mut waits_for {
        // It has no row as long as it has not begun.
        let changed = one["key"].as_str().and_then(|key| by_hand.remove(key)).unwrap_or_default();
        one["by_hand"] = Json::Array(changed);
    }
    let filter = WaitFilter { execution: Some(row.id.clone()), open: true };
    let open = store.queries().waits(&filter, Page { limit: 1000, offset: 0 })?;
    let waits = open.iter().map(|one| wait(store, one, now)).collect::<Result<Vec<_>>>()?;
    if let Some(fields) = item.as_object_mut() {
        fields.insert("usage".to_owned(), usage(&usage_of_all(store, row)?));
        fields.insert("replay".to_owned(), replay(store, row)?);
        fields.insert("diagnosis".to_owned(), diagnosis(store, row, now)?);
        fields.insert("code".to_owned(), json!(row.code));
        fields.insert("inputs".to_owned(), inputs);
        fields.insert("result".to_owned(), result.unwrap_or(Json::Null));
        fields.insert("error".to_owned(), error.unwrap_or(Json::Null));
        fields.insert("calls".to_owned(), Json::Array(calls));
        fields.insert("waits".to_owned(), Json::Array(waits));
        fields.insert("pending".to_owned(), waits_for.unwrap_or(Json::Null));
    }
    Ok(item)
}

/// An exception, without the tree that it is rebuilt from.
pub fn raised(error: &ErrorData) -> Json {
    json!({ "type": error.kind, "message": error.message, "traceback": error.traceback })
}

/// What a replay replays: from where, and with what changed. `null` for what is none.
fn replay(store: &dyn Store, row: &ExecutionRow) -> Result<Json> {
    if row.forked_from.is_none() {
        return Ok(Json::Null);
    }
    let first = store.load(&row.id, row.base, 1)?.into_iter().next();
    let Some(Body::Created(created)) = first.map(|event| event.body) else { return Ok(Json::Null) };
    let Some(fork) = created.fork else { return Ok(Json::Null) };
    let set = |one: &Override| Ok(json!({ "path": one.path, "value": value(store, &one.value)? }));
    Ok(json!({
        "source": fork.source,
        "upto": fork.upto,
        "from": fork.from,
        "reuse": fork.reuse,
        "overrides": fork.overrides.iter().map(set).collect::<Result<Vec<Json>>>()?,
        "ask_again": fork.asked,
        "by": fork.by,
    }))
}

/// Why it is not progressing, who must act and the command for it; `null` for what is completed or cancelled.
fn diagnosis(store: &dyn Store, row: &ExecutionRow, now: Millis) -> Result<Json> {
    if matches!(row.status, Status::Completed | Status::Cancelled) {
        return Ok(Json::Null);
    }
    let found = diagnose::now(store, row, now)?;
    Ok(json!({
        "why": found.why,
        "who": found.who.as_str(),
        "wake_at": found.wake_at.map(time),
        "next": found.next,
    }))
}

/// An open execution with why it is not progressing.
pub fn diagnosed(store: &dyn Store, row: &ExecutionRow, found: &Diagnosis, now: Millis) -> Json {
    json!({
        "id": row.id,
        "flow": row.flow,
        "status": status(store, row, now).as_str(),
        "why": found.why,
        "who": found.who.as_str(),
        "wake_at": found.wake_at.map(time),
        "next": found.next,
        "owner": owner(store, row, now),
        "updated_at": time(row.updated_at),
    })
}

/// An artifact without its value.
pub fn artifact(row: &ArtifactRow) -> Json {
    json!({
        "execution_id": row.execution_id,
        "name": row.name,
        "call": row.call_key,
        "bytes": row.value.len(),
        "at": time(row.at),
    })
}

/// A line of a log.
pub fn log_line(line: &LogLine) -> Json {
    json!({ "at": time(line.at), "call": line.call_key, "stream": line.stream, "text": line.text })
}

/// A call.
pub fn call(row: &CallRow) -> Json {
    json!({
        "key": row.key,
        "name": row.name,
        "kind": row.kind,
        "status": row.status.as_str(),
        "attempts": if matches!(row.kind, CallKind::Checkpoint | CallKind::Client) && row.ended_seq.is_none() { row.attempts.max(1) } else { row.attempts },
        "started_at": time(row.started_at),
        "ended_at": row.ended_at.map(time),
        "reused": row.reused,
        "usage": usage(&row.usage),
        "record": row.seq,
    })
}

/// A wait.
pub fn wait(store: &dyn Store, row: &WaitRow, now: Millis) -> Result<Json> {
    Ok(json!({
        "execution_id": row.execution_id,
        "key": row.key,
        "name": row.name,
        "question": row.question,
        "schema": row.schema,
        "metadata": row.data.as_ref().map(|data| value(store, data)).transpose()?,
        "status": row.status,
        "answer": row.answer.as_ref().map(|answer| value(store, answer)).transpose()?,
        "answered_by": row.answered_by,
        "deadline": row.deadline.map(time),
        "on_timeout": row.on_timeout,
        "overdue": row.is_overdue(now),
        "opened_at": time(row.opened_at),
        "closed_at": row.closed_at.map(time),
        "next": (row.status == "open").then(|| next::wait(row, now)),
    }))
}

/// A token, without its secret.
pub fn token(row: &TokenRow, now: Millis) -> Json {
    let state = match is_live(row, now) {
        Ok(()) => "live",
        Err(Refused::Revoked) => "revoked",
        Err(_) => "expired",
    };
    json!({
        "id": row.id,
        "name": row.name,
        "scope": row.scope,
        "state": state,
        "by": row.by,
        "created_at": time(row.created_at),
        "expires_at": row.expires_at.map(time),
        "revoked_at": row.revoked_at.map(time),
        "used_at": row.used_at.map(time),
    })
}

/// A link, with its secret: below what its server is called.
pub fn link(row: &LinkRow, secret: &Secret, server: &str) -> Json {
    json!({
        "id": row.id,
        "url": format!("{}/a/{}", server.trim_end_matches('/'), secret.reveal()),
        "execution_id": row.execution_id,
        "wait": row.key,
        "expires_at": time(row.expires_at),
    })
}

/// What executions of one flow, day and status came to.
pub fn statistics(row: &StatisticsRow) -> Json {
    json!({
        "flow": row.flow,
        "day": time(row.day).get(..10),
        "status": row.status.as_str(),
        "executions": row.executions,
        "total_ms": row.total_ms,
        "longest_ms": row.longest_ms,
        "usage": usage(&row.usage),
    })
}

/// A breakpoint.
pub fn breakpoint(row: &BreakpointRow) -> Json {
    json!({
        "id": row.id,
        "flow": row.flow,
        "file": row.file,
        "before": row.before,
        "every": row.every,
        "when": row.condition,
        "hits": row.hits,
        "by": row.by,
        "at": time(row.at),
    })
}

fn owner(store: &dyn Store, row: &ExecutionRow, now: Millis) -> Json {
    match (&row.owner, hold(store, row, now)) {
        (Some(owner), Hold::Held) => json!({ "pid": owner.pid, "host": owner.host }),
        _ => Json::Null,
    }
}

/// Why an execution is not progressing, and who must act; `null` when it is done or working.
pub fn reason(store: &dyn Store, row: &ExecutionRow, seen: Status, now: Millis) -> Result<Json> {
    if let Some(reason) = &row.reason {
        let mut reason = reason.clone();
        if let Some(call) = reason.pointer_mut("/pause/breakpoint").and_then(Json::as_object_mut) {
            // They are in `pending`, as plain JSON.
            call.shift_remove("inputs");
        }
        if seen == Status::Waiting {
            mark_overdue(&mut reason, &open_waits(store, row)?, now);
        }
        return Ok(reason);
    }
    Ok(match seen {
        Status::Interrupted if row.pool.is_some() => {
            let (why, worker) = super::diagnose::for_workers(row);
            let text = format!("{why}; where none is at work: {worker}");
            json!({ "code": if takes(row.epoch) == 0 { "not-started" } else { "owner-gone" }, "text": text })
        }
        Status::Interrupted if takes(row.epoch) == 0 => {
            json!({ "code": "not-started", "text": format!("nobody has taken it up; go on with: kitaru resume {}", row.id.short()) })
        }
        Status::Interrupted => {
            json!({ "code": "owner-gone", "text": format!("its process ended without a word; go on with: kitaru resume {}", row.id.short()) })
        }
        _ => Json::Null,
    })
}

/// Says of a reason to wait which of its waits are overdue.
fn mark_overdue(reason: &mut Json, open: &[WaitRow], now: Millis) {
    let late: Vec<&WaitRow> = open.iter().filter(|wait| wait.is_overdue(now)).collect();
    let Some(fields) = reason.as_object_mut().filter(|_| !late.is_empty()) else { return };
    let waits = fields.get("waits").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str);
    let said: Vec<String> = waits
        .map(|wait| {
            // A child's wait stands behind the key of the child.
            let is_late = late.iter().any(|one| wait == one.key || wait.ends_with(&format!(": {}", one.key)));
            format!("{wait}{}", if is_late { " (overdue)" } else { "" })
        })
        .collect();
    fields.insert("text".to_owned(), json!(format!("waiting for {}", said.join(", "))));
    fields.insert("overdue".to_owned(), json!(true));
}

#[cfg(test)]
mod tests {
    use super::plain;
    use serde_json::json;

    #[test]
    fn tagged_values_are_shown_as_plain_json() {
        let pair = json!({ "$kitaru": "tuple", "v": [1, { "$kitaru": "set", "v": ["a"] }] });
        assert_eq!(plain(json!({ "pair": pair })), json!({ "pair": [1, ["a"]] }));
        let bytes = json!({ "$kitaru": "bytes", "v": "00ff" });
        assert_eq!(plain(bytes.clone()), bytes);
    }

    #[test]
    fn times_are_iso_8601() {
        assert_eq!(super::time(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(super::time(951_782_400_123), "2000-02-29T00:00:00.123Z");
        assert_eq!(super::time(1_795_426_336_438), "2026-11-23T09:32:16.438Z");
        assert_eq!(super::time(-1), "1969-12-31T23:59:59.999Z");
    }
}
