//! `/api/v1/executions/{id}/events`: what happens to an execution, as it happens (server-sent events).
//!
//! An event's `id` says how far its reader is, in journal and log, so that `Last-Event-ID` goes on without loss or
//! repeat. Not here: the journal as a list (`executions`).

use crate::Shared;
use crate::executions::is_over;
use crate::given::At;
use crate::problem::Problem;
use crate::route::{Route, get};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event as Sent, KeepAlive};
use axum::response::{IntoResponse, Sse};
use kitaru_core::rows::Status;
use kitaru_core::{Event, ExecutionId};
use kitaru_engine::manage::{self, ManageError, view};
use serde_json::{Value, json};
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

pub fn routes() -> Vec<Route> {
    vec![
        get("/executions/{id}/events", "followExecution", follow)
            .says("What happens to an execution, as it happens: events `journal`, `log`, `status`, `closing`.")
            .answers_events(),
    ]
}

/// How much is read and sent at a time.
const BLOCK: usize = 200;

/// How far a reader is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Place {
    seq: u64,
    line: u64,
}

impl Place {
    fn parse(text: &str) -> Option<Self> {
        let (seq, line) = text.split_once('.')?;
        Some(Self { seq: seq.parse::<u32>().ok()?.into(), line: line.parse::<u32>().ok()?.into() })
    }

    fn text(self) -> String {
        format!("{}.{}", self.seq, self.line)
    }
}

/// An event of the journal.
pub fn item(event: &Event) -> Value {
    let mut body = serde_json::to_value(&event.body).unwrap_or(Value::Null);
    let kind = event.body.kind();
    // A body is an object of one field, its kind.
    let fields = body.get_mut(kind).map(Value::take).unwrap_or(Value::Null);
    json!({
        "seq": event.seq,
        "kind": kind,
        "call": event.body.call_key(),
        "at": view::time(event.at),
        "event": fields,
    })
}

async fn follow(
    State(shared): State<Shared>,
    At(id): At<String>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Problem> {
    let from = match headers.get("last-event-id") {
        None => Place::default(),
        Some(value) => value.to_str().ok().and_then(Place::parse).ok_or_else(foreign)?,
    };
    let looked = shared.clone();
    let id = tokio::task::spawn_blocking(move || known(&looked, &id, from))
        .await
        .map_err(|error| ManageError::new("misuse", error.to_string(), None))??;
    let (told, stream) = mpsc::channel(BLOCK);
    let reading = shared.metrics.reading();
    tokio::spawn(async move {
        tell(shared, id, from, told).await;
        drop(reading);
    });
    let alive = KeepAlive::new().interval(Duration::from_secs(15));
    Ok(Sse::new(ReceiverStream::new(stream)).keep_alive(alive))
}

/// The execution, if it has come as far as that place.
fn known(shared: &Shared, id: &str, from: Place) -> Result<ExecutionId, ManageError> {
    let store = shared.store.as_ref();
    let row = manage::find(store, id)?;
    let is_past = from.line > 0 && store.queries().logs(&row.id, from.line - 1, 1)?.0.is_empty();
    if from.seq > row.last_seq || is_past { Err(foreign()) } else { Ok(row.id) }
}

fn foreign() -> ManageError {
    ManageError::new("usage", "Last-Event-ID is none of this stream's: leave it out to read from the start", None)
}

/// What came after a place, and the status now.
struct News {
    sent: Vec<Sent>,
    place: Place,
    status: Status,
    more: bool,
}

async fn tell(shared: Shared, id: ExecutionId, mut place: Place, told: mpsc::Sender<Result<Sent, Infallible>>) {
    let mut bell = shared.bell.listen();
    let mut status = None;
    loop {
        if bell.borrow_and_update().is_none() {
            let closing = Sent::default().event("closing").data("{}").retry(Duration::from_secs(1));
            drop(told.send(Ok(closing)).await);
            return;
        }
        let (looked, wanted) = (shared.clone(), id.clone());
        let news = tokio::task::spawn_blocking(move || news(&looked, &wanted, place)).await;
        // What is gone, or cannot be read, has no more news; whoever comes again is told why.
        let Ok(Ok(news)) = news else { return };
        place = news.place;
        for sent in news.sent {
            // A reader that reads nothing must not keep the server from ending.
            tokio::select! {
                done = told.send(Ok(sent)) => if done.is_err() { return },
                _ = bell.wait_for(Option::is_none) => return,
            }
        }
        if news.more {
            continue;
        }
        if status != Some(news.status) {
            status = Some(news.status);
            let data = json!({ "status": news.status.as_str(), "ended": is_over(news.status) });
            let sent = Sent::default().event("status").id(place.text()).data(data.to_string());
            if told.send(Ok(sent)).await.is_err() {
                return;
            }
        }
        tokio::select! {
            rung = bell.changed() => if rung.is_err() { return },
            () = told.closed() => return,
            // An owner's death writes nothing.
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
        }
    }
}

fn news(shared: &Shared, id: &ExecutionId, from: Place) -> Result<News, ManageError> {
    let store = shared.store.as_ref();
    let row = store.queries().execution(id)?;
    let status = manage::status(store, &row, shared.now());
    let events = store.load(id, from.seq, BLOCK)?;
    let (lines, last) = store.queries().logs(id, from.line, BLOCK)?;
    let more = events.len() == BLOCK || lines.len() == BLOCK;
    let mut place = from;
    let mut sent = Vec::with_capacity(events.len() + lines.len());
    for event in &events {
        place.seq = event.seq;
        sent.push(Sent::default().event("journal").id(place.text()).data(item(event).to_string()));
    }
    let first = last - lines.len() as u64;
    for (nth, line) in lines.iter().enumerate() {
        place.line = first + nth as u64 + 1;
        sent.push(Sent::default().event("log").id(place.text()).data(view::log_line(line).to_string()));
    }
    Ok(News { sent, place, status, more })
}
