//! Writes as the database takes them: JSON for `once` (`migrations/writing.sql`), payloads of events apart.
//!
//! What an event changes is decided by [`kitaru_core::project`]; a sequence that the database will give is told as its
//! place. Not here: statements, and what is refused.

use super::fault::{Fault, Result};
use super::param::{SEALED, escaped, is_sealed};
use super::places::Spot;
use crate::awaited::awaited;
use crate::seal::{Kept, Place, Sealing, named};
use crate::store::{Assign, Claim, Guard, Seen, Wanted};
use crate::values::{New, encode_ids};
use crate::wire::Write;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use kitaru_core::event::{CallKind, Usage, is_unasked, moved_to};
use kitaru_core::project::{CallPatch, Change, ExecutionPatch, Fruitless, WaitEnd, project};
use kitaru_core::rows::{CallStatus, Status};
use kitaru_core::{Body, Digest, ExecutionId, Millis, Seq, Value};
use serde_json::{Map, Value as Json, json};

/// A sequence from here on is a place behind the first event of its item.
pub const PLACED: Seq = 1 << 40;

/// What one write refers to.
#[derive(Default)]
pub struct Referred {
    /// Values that are to be stored.
    pub new: Vec<New>,
    /// The chunks of each of them.
    pub chunks: Vec<Vec<i64>>,
    /// Values that events were given with.
    pub copied: Vec<Digest>,
}

/// Writes, ready to be sent.
pub struct Items {
    /// A JSON list.
    pub json: String,
    /// Payloads of all events, in order.
    pub payloads: Vec<String>,
    /// Whether any of them refers to a value.
    pub values: bool,
}

/// Seals what is put into an item, for the place that it is for.
pub struct Pen<'a> {
    pub seal: &'a Sealing<'a>,
    pub spot: Spot,
}

impl Pen<'_> {
    /// A text for its column.
    fn put(&self, place: impl FnOnce() -> Place, text: &str) -> String {
        match self.seal.text(place, text) {
            Kept::Plain(text) => text.to_owned(),
            Kept::Sealed(bytes) => format!("{SEALED}{}", STANDARD_NO_PAD.encode(bytes)),
        }
    }

    fn of_execution(&self, column: &str, text: &str) -> String {
        self.put(|| Place::of(column).n(self.spot.n), text)
    }

    fn named(&self, column: &str, key: &str, text: &str) -> String {
        self.put(|| Place::of(column).n(self.spot.n).text(key), text)
    }

    /// One for that place behind the first.
    pub fn at(&self, column: &str, behind: usize, text: &str) -> String {
        self.put(|| Place::of(column).n(self.spot.n).seq(self.spot.first + behind as u64), text)
    }
}

/// Puts writes together. `dead`: for each claim the owner that is known to be gone, if there is one. `spots`: where each
/// will stand, in a sealed store.
pub fn items(
    writes: &[Write],
    referred: &[Referred],
    dead: &[Option<String>],
    seal: &Sealing<'_>,
    spots: &[Option<Spot>],
) -> Result<Items> {
    let mut payloads = Vec::new();
    let mut all = Vec::with_capacity(writes.len());
    for (((one, referred), dead), spot) in writes.iter().zip(referred).zip(dead).zip(spots) {
        let pen = Pen { seal, spot: spot.unwrap_or(Spot { n: 0, first: 0 }) };
        let mut item = item(&pen, one, &mut payloads, dead.as_deref())?;
        if let (Some(spot), Some(_)) = (spot, seal.writes()) {
            item.insert("place".to_owned(), json!([spot.n, spot.first]));
        }
        if !referred.copied.is_empty() {
            // What comes with the same item is there when it is looked for.
            let is_new = |digest: &&Digest| referred.new.iter().any(|new| new.reference.digest == **digest);
            let needs = referred
                .copied
                .iter()
                .filter(|digest| !is_new(digest))
                .map(|digest| names(seal, *digest))
                .collect::<Vec<_>>();
            item.insert("needs".to_owned(), json!(needs));
        }
        if !referred.new.is_empty() {
            let blob = |(new, chunks): (&New, &Vec<i64>)| {
                let packed = hex(&encode_ids(chunks));
                let (digest, sealed) = (hex(&new.name.0), new.key.is_some());
                json!({ "digest": digest, "len": new.reference.len, "chunks": chunks, "packed": packed,
                    "sealed": sealed })
            };
            let blobs = referred.new.iter().zip(&referred.chunks).map(blob).collect();
            item.insert("blobs".to_owned(), Json::Array(blobs));
        }
        all.push(Json::Object(item));
    }
    let mut all = Json::Array(all);
    let mut json = serde_json::to_string(&all)?;
    if json.contains("\\u0000") || json.contains("\\u001a") {
        escape(&mut all, seal.writes().is_some());
        json = serde_json::to_string(&all)?;
    }
    let values = referred.iter().any(|one| !one.new.is_empty() || !one.copied.is_empty());
    Ok(Items { json, payloads, values })
}

/// The names under which a value may stand, the one first by which it is asked for.
pub fn names(seal: &Sealing<'_>, digest: Digest) -> Vec<String> {
    named::names(seal, named::VALUE, digest).iter().map(|name| hex(&name.0)).collect()
}

/// Bytes as the database reads them.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
        text
    })
}

/// What is sealed stays as it is: nobody's text is where that may stand, unless it is sealed too.
fn escape(value: &mut Json, sealed: bool) {
    match value {
        Json::String(text) if sealed && is_sealed(text) => {}
        Json::String(text) => *text = escaped(text),
        Json::Array(items) => items.iter_mut().for_each(|one| escape(one, sealed)),
        Json::Object(fields) => fields.values_mut().for_each(|one| escape(one, sealed)),
        _ => {}
    }
}

type Item = Map<String, Json>;

fn item(pen: &Pen<'_>, one: &Write, payloads: &mut Vec<String>, dead: Option<&str>) -> Result<Item> {
    Ok(match one {
        Write::Append(id, at, epoch, events, _) => {
            let mut item = head("append", id, *at);
            item.insert("epoch".to_owned(), json!(epoch));
            record(pen, &mut item, *at, events, payloads, true)?;
            item
        }
        Write::Create(id, at, events, claim) => create(pen, id, *at, events, claim.as_ref(), payloads)?,
        Write::Claim(id, at, epoch, claim, events) => {
            let mut item = head("claim", id, *at);
            item.insert("epoch".to_owned(), json!(epoch));
            item.insert("owner".to_owned(), json!(serde_json::to_string(&claim.owner)?));
            item.insert("lease".to_owned(), json!(claim.lease_until));
            item.insert("dead".to_owned(), json!(dead));
            item.insert("unasked".to_owned(), json!(is_unasked(events)));
            if let Some(entry) = moved_to(events) {
                item.insert("entry".to_owned(), json!(serde_json::to_string(entry)?));
            }
            record(pen, &mut item, *at, events, payloads, false)?;
            item
        }
        Write::Post(id, at, guard, events) => {
            let mut item = head("post", id, *at);
            item.insert("guard".to_owned(), guarded(guard));
            record(pen, &mut item, *at, events, payloads, false)?;
            item
        }
        Write::Renew(leases, until) => {
            let leases: Vec<Json> = leases.iter().map(|(id, epoch)| json!([id.as_str(), epoch])).collect();
            fields(json!({ "verb": "renew", "leases": leases, "until": until }))
        }
        Write::Assign(assign) => fields(assigned(assign)),
        Write::Log(id, lines) => {
            let line = |(at, line): (usize, &crate::LogLine)| {
                json!([line.at, line.call_key, line.stream, pen.at("logs.text", at, &line.text)])
            };
            let lines: Vec<Json> = lines.iter().enumerate().map(line).collect();
            fields(json!({ "verb": "log", "id": id.as_str(), "lines": lines }))
        }
        Write::Delete(id, epoch, last) => {
            fields(json!({ "verb": "delete", "id": id.as_str(), "epoch": epoch, "last": last }))
        }
        Write::AddBreakpoint(row) => fields(json!({
            "verb": "add_breakpoint", "flow": row.flow, "file": row.file, "before": row.before, "every": row.every,
            "condition": row.condition.as_deref().map(|text| pen.put(|| named::condition_place(&row.flow, &row.before, &row.by, row.at), text)), "by": row.by, "at": row.at,
        })),
        Write::RemoveBreakpoint(id) => fields(json!({ "verb": "remove_breakpoint", "id": id })),
        Write::KeepSchedule(one, look_at, seen) => fields(json!({
            "verb": "keep_schedule", "name": one.name, "version": one.version, "look_at": look_at,
            "decided": one.state.until, "seen": seen,
            "body": pen.put(|| named::schedule_place(&one.name, one.version), &serde_json::to_string(one)?),
        })),
        Write::Release(one) => fields(json!({
            "verb": "release", "flow": one.flow, "n": one.n,
            "body": pen.put(|| named::release_place(&one.flow, one.n), &serde_json::to_string(one)?),
        })),
        Write::RemoveSchedule(name, seen) => fields(json!({ "verb": "remove_schedule", "name": name, "seen": seen })),
        Write::KeepCode(digest, parts) => {
            let (name, parts) = named::code(pen.seal, digest, parts);
            let parts = pen.put(|| named::code_place(&name), &parts);
            fields(json!({ "verb": "keep_code", "digest": name, "parts": parts }))
        }
    })
}

/// Looking for what may be begun.
pub fn assigned(assign: &Assign) -> Json {
    let Assign { wanted, limit, at: _, hold } = assign;
    match wanted {
        Wanted::These(ids) => json!({ "verb": "assign", "ids": ids, "limit": limit, "hold": hold }),
        Wanted::OfPools { pools, flows, host, but, lapsed } => json!({
            "verb": "assign", "pools": pools, "flows": flows, "host": host, "but": but, "lapsed": lapsed,
            "limit": limit, "hold": hold,
        }),
    }
}

fn fields(value: Json) -> Item {
    match value {
        Json::Object(fields) => fields,
        _ => Item::new(),
    }
}

fn head(verb: &str, id: &ExecutionId, at: Millis) -> Item {
    fields(json!({ "verb": verb, "id": id.as_str(), "at": at }))
}

fn create(
    pen: &Pen<'_>,
    id: &ExecutionId,
    at: Millis,
    events: &[Body],
    claim: Option<&Claim>,
    payloads: &mut Vec<String>,
) -> Result<Item> {
    let Some(Body::Created(created)) = events.first() else {
        return Ok(fields(json!({ "refused": "the first event of an execution is `created`" })));
    };
    let mut item = head("create", id, at);
    let more = json!({
        "epoch": u64::from(claim.is_some()),
        "lease": claim.map_or(0, |claim| claim.lease_until),
        "owner": claim.map(|claim| serde_json::to_string(&claim.owner)).transpose()?,
        "flow": created.flow,
        "parent": created.parent.as_ref().map(|parent| parent.id.as_str()),
        "parent_key": created.parent.as_ref().map(|parent| &parent.key),
        "source": created.fork.as_ref().map(|fork| fork.source.as_str()),
        "upto": created.fork.as_ref().map(|fork| fork.upto),
        "entry": serde_json::to_string(&created.entry)?,
        "code": created.code.as_deref().map(|code| pen.of_execution("executions.code", code)),
        "tags": created.tags,
        "inputs": pen.of_execution("executions.inputs", &serde_json::to_string(&created.inputs)?),
        "key": created.key,
        "detached": created.detached,
        "pool": created.pool,
    });
    item.extend(fields(more));
    record(pen, &mut item, at, events, payloads, false)?;
    Ok(item)
}

fn guarded(guard: &Guard) -> Json {
    let seen = |(id, seen): &(ExecutionId, Seen)| match seen {
        Seen::In(status) => json!({ "id": id.as_str(), "status": status.as_str() }),
        Seen::At(seq) => json!({ "id": id.as_str(), "seq": seq }),
    };
    match guard {
        Guard::NotFinal => json!({}),
        Guard::WaitOpen(key) => json!({ "open": key }),
        Guard::Unchanged(epoch, seq) => json!({ "epoch": epoch, "seq": seq, "others": [] }),
        Guard::AllUnchanged(epoch, seq, others) => {
            json!({ "epoch": epoch, "seq": seq, "others": others.iter().map(seen).collect::<Vec<_>>() })
        }
    }
}

/// Events, and what they change. `resets`: the verb itself can say that there was progress, which most events do.
fn record(
    pen: &Pen<'_>,
    item: &mut Item,
    at: Millis,
    events: &[Body],
    payloads: &mut Vec<String>,
    resets: bool,
) -> Result<()> {
    let from = payloads.len();
    let mut heads = Vec::with_capacity(events.len());
    let mut changes = Vec::new();
    let mut hits = Vec::new();
    let mut merged: Option<ExecutionPatch> = None;
    let mut asks = false;
    for (index, (place, body)) in (PLACED..).zip(events).enumerate() {
        payloads.push(pen.at("journal.payload", index, &serde_json::to_string(body)?));
        heads.push(json!([body.kind(), body.call_key()]));
        for change in project(place, at, body) {
            match change {
                Change::Execution(patch) => match &mut merged {
                    // A count that goes on from another change cannot be merged with it.
                    Some(known) if patch.fruitless == Fruitless::Increment && known.fruitless != Fruitless::Keep => {
                        changes.extend(execution(pen, known)?);
                        *known = *patch;
                    }
                    Some(known) => known.merge(*patch),
                    None => merged = Some(*patch),
                },
                Change::BreakpointHit(id) => {
                    hits.push(id);
                    changes.push(json!({ "c": "hit", "id": id }));
                }
                Change::WaitOpened(opened) => {
                    asks = true;
                    let put = |column, text: &str| pen.named(column, &opened.call.key, text);
                    let schema = opened.schema.as_ref().map(Json::to_string);
                    changes.push(json!({
                        "c": "wait_opened",
                        "key": opened.call.key,
                        "name": opened.call.name,
                        "sleep": opened.call.kind == CallKind::Sleep,
                        "question": put("waits.question", &opened.question),
                        "schema": schema.map(|text| put("waits.schema", &text)),
                        "data": text(opened.data.as_ref())?.map(|text| put("waits.data", &text)),
                        "deadline": opened.deadline,
                        "on_timeout": opened.on_timeout,
                    }));
                }
                Change::Call(patch) => beside(&mut changes, call(&patch)?),
                other => changes.push(row(pen, place, &other)?),
            }
        }
    }
    let anew = merged.as_ref().is_some_and(|patch| patch.status.is_some());
    if let Some(patch) = &merged {
        match execution(pen, patch)? {
            Some(change)
                if resets && change["c"] == "fruitless" && changes.iter().all(|one| one["c"] != "execution") =>
            {
                item.insert("reset".to_owned(), json!(true));
            }
            change => changes.extend(change),
        }
    }
    item.insert("count".to_owned(), json!(events.len()));
    item.insert("from".to_owned(), json!(from));
    item.insert("events".to_owned(), Json::Array(heads));
    item.insert("changes".to_owned(), Json::Array(changes));
    if !hits.is_empty() {
        item.insert("hits".to_owned(), json!(hits));
    }
    if anew || asks {
        item.insert("stir".to_owned(), json!(anew));
    }
    Ok(())
}

fn text(value: Option<&Value>) -> Result<Option<String>> {
    Ok(value.map(serde_json::to_string).transpose()?)
}

/// A unit enum as the word that serde gives it.
pub fn word<T: serde::Serialize>(value: &T) -> Result<String> {
    match serde_json::to_value(value)? {
        Json::String(word) => Ok(word),
        other => Ok(other.to_string()),
    }
}

fn usage(change: &mut Json, usage: &Usage) {
    if !usage.is_zero() {
        change["input_tokens"] = json!(usage.input_tokens);
        change["output_tokens"] = json!(usage.output_tokens);
        change["cost_usd"] = json!(usage.cost_usd);
    }
}

fn row(pen: &Pen<'_>, place: Seq, change: &Change) -> Result<Json> {
    Ok(match change {
        Change::CallUsage(key, used) => {
            let mut change = json!({ "c": "usage", "key": key });
            usage(&mut change, used);
            change
        }
        Change::DropCalls(records) => json!({ "c": "drop", "records": records }),
        Change::Reused(ranges) => json!({ "c": "reused", "ranges": ranges }),
        Change::WaitClosed(end) => closed(pen, place, end)?,
        Change::Artifact(saved) => json!({
            "c": "artifact", "name": saved.name, "call": saved.call,
            "value": pen.named("artifacts.value", &saved.name, &serde_json::to_string(&saved.value)?),
        }),
        Change::Call(_) | Change::Execution(_) | Change::BreakpointHit(_) | Change::WaitOpened(_) => {
            return Err(Fault::Odd("a change is written twice".to_owned()));
        }
    })
}

/// Rows of calls that follow each other are written together, as long as each is another call's.
fn beside(changes: &mut Vec<Json>, row: Json) {
    if let Some(rows) = changes.last_mut().and_then(|last| last.get_mut("rows")).and_then(Json::as_array_mut)
        && rows.iter().all(|one| one["key"] != row["key"])
    {
        rows.push(row);
        return;
    }
    changes.push(json!({ "c": "calls", "rows": [row] }));
}

fn call(patch: &CallPatch) -> Result<Json> {
    let mut change = json!({
        "key": patch.call.key,
        "record": patch.record,
        "name": patch.call.name,
        "kind": word(&patch.call.kind)?,
        "status": patch.status.as_str(),
        "attempts": patch.attempts,
        "started_at": patch.started_at,
    });
    if let Some((at, seq)) = patch.ended {
        change["ended_at"] = json!(at);
        change["ended_seq"] = json!(seq);
    }
    usage(&mut change, &patch.usage);
    Ok(change)
}

fn closed(pen: &Pen<'_>, place: Seq, end: &WaitEnd) -> Result<Json> {
    let status = if end.status == "withdrawn" { CallStatus::Cancelled } else { CallStatus::Completed };
    Ok(json!({
        "c": "wait_closed",
        "key": end.key,
        "status": end.status,
        "answer": text(end.answer.as_ref().map(|(value, _)| value))?
            .map(|text| pen.named("waits.answer", &end.key, &text)),
        "by": end.answer.as_ref().map(|(_, by)| by),
        "call": status.as_str(),
        "seq": place,
    }))
}

fn execution(pen: &Pen<'_>, patch: &ExecutionPatch) -> Result<Option<Json>> {
    let only_usage = ExecutionPatch { usage: patch.usage, fruitless: patch.fruitless, ..ExecutionPatch::default() };
    if *patch == only_usage && patch.usage.is_zero() {
        // The most common patch by far: a finished call that consumed nothing.
        return Ok(match patch.fruitless {
            Fruitless::Reset => Some(json!({ "c": "fruitless" })),
            Fruitless::Keep => None,
            Fruitless::Increment => Some(json!({ "c": "execution", "fruitless": "add" })),
        });
    }
    let mut change = json!({ "c": "execution", "status": patch.status.map(Status::as_str) });
    if let Some(reason) = &patch.reason {
        let part = |name: &str| reason.as_ref().and_then(|reason| reason.get(name));
        change["awaits"] = json!(part("executions").is_some_and(|found| !found.is_null()));
        change["parked_on"] = part("waits").cloned().unwrap_or_else(|| json!([]));
        change["awaited"] = json!(awaited(reason.as_ref()).into_iter().collect::<Vec<_>>());
        let text = reason.as_ref().map(Json::to_string);
        change["reason"] = json!(text.map(|text| pen.of_execution("executions.reason", &text)));
    }
    if let Some(at) = patch.wake_at {
        change["wake_at"] = json!(at);
    }
    if let Some(owner) = &patch.owner {
        change["owner"] = json!(owner.as_ref().map(serde_json::to_string).transpose()?);
    }
    if let Some(result) = &patch.result {
        change["result"] = json!(pen.of_execution("executions.result", &serde_json::to_string(result)?));
    }
    if let Some(error) = &patch.error {
        let text = error.as_ref().map(serde_json::to_string).transpose()?;
        change["error"] = json!(text.map(|text| pen.of_execution("executions.error", &text)));
    }
    if let Some(stop) = &patch.stop {
        change["stop"] = json!(stop.as_ref().map(word).transpose()?);
    }
    usage(&mut change, &patch.usage);
    match patch.fruitless {
        Fruitless::Keep => {}
        Fruitless::Increment => change["fruitless"] = json!("add"),
        Fruitless::Reset => change["fruitless"] = json!("reset"),
    }
    Ok(Some(change))
}
