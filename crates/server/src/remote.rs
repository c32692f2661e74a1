//! `/api/v1/store/…`: the store of this server, for engines elsewhere (`kitaru_store::wire`).
//!
//! An internal protocol between one version and itself: it is in no OpenAPI document, and a client of another one is
//! refused when it connects. Whoever takes part runs executions, so writing wants the scope operate. Not here: values'
//! meaning, and user code; what is written is checked as it is for anybody: by epoch, guard and digest.

use crate::Shared;
use crate::asked;
use crate::problem::Problem;
use crate::route::{Route, post};
use crate::scope::{Caller, Scope};
use crate::signed;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use kitaru_core::lease::Pulse;
use kitaru_core::{Body, Digest, Epoch, ExecutionId, Millis, Value};
use kitaru_engine::engine::LEASE;
use kitaru_engine::manage;
use kitaru_store::store::Result;
use kitaru_store::wire::{self, Attached, Connect, Found, Hello, Piece, Read, Write, Writes};
use kitaru_store::{ExecutionFilter, Limiting, Page, Store, StoreError};
use std::collections::HashMap;
use std::time::Duration;

/// What messages are sent as.
pub const KIND: &str = "application/vnd.kitaru.store";
/// The most bytes that a message may have, and unpack to.
const MOST: usize = 1 << 30;
/// The same, of one that only looks: whoever may look must not fill the memory.
const SMALL: usize = 8 << 20;
/// How long a message may take to come.
const COMING: Duration = Duration::from_secs(300);
/// A claim with this epoch is refused.
const NEVER: Epoch = i64::MAX as Epoch;
/// Leases are extended in parts of so many when the server begins.
const PART: usize = 500;

pub fn routes() -> Vec<Route> {
    vec![
        post("/store/connect", Scope::Read, "storeConnect", connect),
        post("/store/read", Scope::Read, "storeRead", read),
        post("/store/limits", Scope::Operate, "storeLimits", limits).unlogged(),
        post("/store/write", Scope::Operate, "storeWrite", write).unlogged(),
    ]
}

/// What was sent.
struct Message(Bytes);

impl<S: Send + Sync> FromRequest<S> for Message {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> std::result::Result<Self, Problem> {
        let kind = request.headers().get(header::CONTENT_TYPE);
        if kind.is_none_or(|kind| kind.as_bytes() != KIND.as_bytes()) {
            let detail = format!("what a store is asked is sent as Content-Type: {KIND}");
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "usage", detail));
        }
        let most = if request.uri().path().ends_with("/write") { MOST } else { SMALL };
        match tokio::time::timeout(COMING, axum::body::to_bytes(request.into_body(), most)).await {
            Ok(Ok(bytes)) => Ok(Self(bytes)),
            Ok(Err(error)) => Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "usage", error.to_string())),
            Err(_) => Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "usage", "the rest of the request did not come")),
        }
    }
}

/// Answers by what blocks, on a thread that may, with the time by this server's clock.
async fn answer<F>(shared: Shared, work: F) -> Response
where
    F: FnOnce(&Shared) -> Result<Vec<u8>> + Send + 'static,
{
    let told = tokio::task::spawn_blocking(move || {
        let told = work(&shared);
        (told, shared.now())
    });
    match told.await {
        Ok((Ok(bytes), now)) => {
            let kind = HeaderValue::from_static(KIND);
            let mut response = ([(header::CONTENT_TYPE, kind)], bytes).into_response();
            response.headers_mut().insert("x-kitaru-now", HeaderValue::from(now));
            response
        }
        Ok((Err(error), _)) => Problem::new(StatusCode::BAD_REQUEST, error.code(), error.to_string()).into_response(),
        Err(error) => Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "misuse", error.to_string()).into_response(),
    }
}

async fn connect(State(shared): State<Shared>, Message(bytes): Message) -> Response {
    answer(shared, move |shared| {
        // Whoever it is, it is told what this is.
        drop(wire::unpack(&bytes, SMALL)?.head::<Connect>()?);
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let hello = Hello { protocol: wire::VERSION, version, inline: kitaru_store::INLINE, now: shared.now() };
        wire::pack(&hello, &[], false)
    })
    .await
}

async fn read(State(shared): State<Shared>, Message(bytes): Message) -> Response {
    answer(shared, move |shared| {
        let (read, small): (Read, bool) = wire::unpack(&bytes, SMALL)?.head()?;
        let mut tail = Vec::new();
        let found = find(shared.store.as_ref(), read, &mut tail);
        wire::pack(&found, &tail, small)
    })
    .await
}

fn find(store: &dyn Store, read: Read, tail: &mut Vec<u8>) -> Result<Found> {
    let queries = store.queries();
    Ok(match read {
        Read::Load(id, after, limit) => Found::Events(store.load(&id, after, limit)?),
        Read::Value(reference) => {
            *tail = store.value(&reference)?.into_bytes();
            Found::Text
        }
        Read::Version => Found::Number(store.version()?),
        Read::Pulse(owner) => Found::Pulse(store.pulse(&owner)),
        Read::Chunks(digests) => {
            let found = store.chunks(&digests)?;
            tail.extend(found.iter().flatten().flatten());
            Found::Chunks(found.iter().map(|one| one.as_ref().map(Vec::len)).collect())
        }
        Read::Execution(id) => Found::Execution(Box::new(queries.execution(&id)?)),
        Read::Find(text) => Found::Id(queries.find(&text)?),
        Read::Executions(filter, page) => Found::Executions(queries.executions(&filter, page)?),
        Read::Calls(id) => Found::Calls(queries.calls(&id)?),
        Read::CallCounts(id) => Found::CallCounts(queries.call_counts(&id)?),
        Read::Waits(filter, page) => Found::Waits(queries.waits(&filter, page)?),
        Read::Inbox(after, limit) => Found::Inbox(queries.inbox(after.as_ref(), limit)?),
        Read::Stirred(now) => Found::Executions(queries.stirred(now)?),
        Read::Artifacts(id) => Found::Artifacts(queries.artifacts(&id)?),
        Read::Logs(id, after, limit) => {
            let (lines, last) = queries.logs(&id, after, limit)?;
            Found::Logs(lines, last)
        }
        Read::Changes(after, limit) => Found::Changes(queries.changes(after, limit)?),
        Read::Newest => Found::Number(queries.newest()?),
        Read::Forgotten => Found::Number(queries.forgotten()?),
        Read::Counts => Found::Counts(queries.counts()?),
        Read::Statistics(since) => Found::Statistics(queries.statistics(since)?),
        Read::Tags => Found::Tags(queries.tags()?),
        Read::Releases(flow) => Found::Releases(queries.releases(flow.as_deref())?),
        Read::Schedules(by) => Found::Schedules(queries.schedules(by)?),
        Read::Breakpoints(flow) => Found::Breakpoints(queries.breakpoints(flow.as_deref())?),
        Read::Events(id, kinds) => {
            let kinds: Vec<&str> = kinds.iter().map(String::as_str).collect();
            Found::Events(queries.events(&id, &kinds)?)
        }
        Read::Code(digest) => Found::Code(queries.code(&digest)?),
        Read::Health(deep) => Found::Health(queries.health(deep)?),
        Read::Limits(what) if what.only_looks() => Found::Limits(store.limiting(what)?),
        Read::Limits(_) => return Err(wire::odd()),
    })
}

async fn write(State(shared): State<Shared>, caller: Caller, Message(bytes): Message) -> Response {
    let deletes = caller.scope >= Scope::Admin;
    answer(shared, move |shared| {
        let message = wire::unpack(&bytes, MOST)?;
        let Writes { writer, number, mut writes, values } = message.head()?;
        if !deletes && writes.iter().any(|one| matches!(one, Write::Delete(..))) {
            let refused = StoreError::Forbidden { url: String::new(), why: "this wants the scope admin".to_owned() };
            return wire::pack(&Err::<(), _>(refused), &[], false);
        }
        let store = shared.store.as_ref();
        if let Err(error) = signed::sign(store, &caller, &mut writes) {
            return wire::pack(&Err::<(), _>(error), &[], false);
        }
        let begun = match asked::begin_writes(shared, &caller, &writes) {
            Ok(begun) => begun,
            // What cannot be put on record is not done: it may be asked for again.
            Err(error) => return wire::pack(&Err::<(), _>(StoreError::Busy(error.message)), &[], false),
        };
        let told = load(store, values, message.tail(), &mut writes).and_then(|()| {
            hold_on(store, &mut writes, shared.now())?;
            store.write_once(&writer, number, writes)
        });
        if let Err(error) = asked::end_writes(shared, &begun, &told) {
            let message = format!("the log of changes could not say what came of one: {}", error.message);
            shared.log.complain(&error.code, &message);
        }
        wire::pack(&told, &[], false)
    })
    .await
}

/// Limits, and turns at them. What is asked may be asked again.
async fn limits(State(shared): State<Shared>, caller: Caller, Message(bytes): Message) -> Response {
    answer(shared, move |shared| {
        let (mut what, small): (Limiting, bool) = wire::unpack(&bytes, SMALL)?.head()?;
        signed::sign_limit(&caller, &mut what);
        let begun = match asked::begin_limiting(shared, &caller, &what) {
            Ok(begun) => begun,
            Err(error) => return wire::pack(&Err::<(), _>(StoreError::Busy(error.message)), &[], small),
        };
        let told = shared.store.limiting(what);
        if let Some(begun) = begun {
            let code = told.as_ref().map_or_else(StoreError::code, |_| "done");
            if let Err(error) = manage::done(shared.store.as_ref(), &begun, code, None, shared.now()) {
                let message = format!("the log of changes could not say what came of one: {}", error.message);
                shared.log.complain(&error.code, &message);
            }
        }
        wire::pack(&told, &[], small)
    })
    .await
}

/// Puts large values back into the events that refer to them. Each is checked against its name.
fn load(store: &dyn Store, values: Vec<Attached>, mut bytes: &[u8], writes: &mut [Write]) -> Result<()> {
    if values.is_empty() {
        return Ok(());
    }
    let torn = || StoreError::Protocol("a value came with too few bytes".to_owned());
    let pieces = values.iter().flat_map(|value| &value.pieces);
    let named: Vec<Digest> = pieces
        .filter_map(|piece| match piece {
            Piece::Known(digest) => Some(*digest),
            Piece::New(_) => None,
        })
        .collect();
    let kept = store.chunks(&named)?;
    let missing: Vec<Digest> =
        named.iter().zip(&kept).filter(|(_, kept)| kept.is_none()).map(|(digest, _)| *digest).collect();
    if !missing.is_empty() {
        return Err(StoreError::Missing(missing));
    }
    let mut kept = kept.into_iter().flatten();
    let mut whole: HashMap<Digest, Value> = HashMap::new();
    for Attached { reference, pieces } in values {
        let mut text = Vec::new();
        for piece in pieces {
            match piece {
                Piece::Known(_) => text.extend(kept.next().ok_or_else(torn)?),
                Piece::New(len) => {
                    let (piece, rest) = bytes.split_at_checked(len).ok_or_else(torn)?;
                    text.extend_from_slice(piece);
                    bytes = rest;
                }
            }
        }
        let wrong = |why: &str| StoreError::Protocol(format!("value {}: {why}", reference.digest));
        let text = String::from_utf8(text).map_err(|_| wrong("it is not UTF-8"))?;
        let value = Value::json(text).map_err(|error| wrong(&error.to_string()))?;
        if value.reference() != reference {
            return Err(wrong("its bytes do not have its digest"));
        }
        whole.insert(reference.digest, value);
    }
    for value in writes.iter_mut().flat_map(Write::events_mut).flat_map(Body::values_mut) {
        if let Value::Stored(reference) = value
            && let Some(known) = whole.get(&reference.digest)
        {
            *value = known.clone();
        }
    }
    Ok(())
}

/// Nobody takes up what somebody else holds, whatever the clock of whoever asks says: by the clock of this server the
/// lease must have run out, or its process must be known to be gone.
fn hold_on(store: &dyn Store, writes: &mut [Write], now: Millis) -> Result<()> {
    for one in writes {
        let Write::Claim(id, _, expected, ..) = one else { continue };
        match store.queries().execution(id) {
            Ok(row) if row.epoch == *expected && row.lease_until > now => {
                if row.owner.as_ref().is_some_and(|owner| store.pulse(owner) != Pulse::Dead) {
                    *expected = NEVER;
                }
            }
            Ok(_) | Err(StoreError::NotFound(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// While this server was away no lease could be extended: whoever holds one that works through it has as long again
/// as a lease lasts to be heard of.
pub fn grace(store: &dyn Store, now: Millis) -> Result<()> {
    let filter = ExecutionFilter { status: vec![kitaru_core::rows::Status::Running], ..ExecutionFilter::default() };
    let mut before = None;
    loop {
        let filter = ExecutionFilter { before, ..filter.clone() };
        let rows = store.queries().executions(&filter, Page { limit: PART, offset: 0 })?;
        let Some(last) = rows.last() else { return Ok(()) };
        before = Some(last.number);
        let held: Vec<(ExecutionId, Epoch)> = rows
            .iter()
            .filter(|row| row.lease_until < now + LEASE)
            .filter(|row| {
                row.owner.as_ref().is_some_and(|owner| owner.is_remote() && store.pulse(owner) != Pulse::Dead)
            })
            .map(|row| (row.id.clone(), row.epoch))
            .collect();
        if !held.is_empty() {
            // Somebody who has taken one up meanwhile has a lease of its own.
            drop(store.renew(&held, now + LEASE)?);
        }
    }
}
