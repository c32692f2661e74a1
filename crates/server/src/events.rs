//! `/api/v1/events` and `/api/v1/executions/{id}/events`: what happens, as it happens (server-sent events).
//!
//! An event's `id` says how far its reader is, in the order of the store's commits or in the journal and log of one
//! execution, so that `Last-Event-ID` goes on without loss or repeat, at another server of the same store too. Both are
//! fed by the one reader of `feed`. Not here: the journal as a list (`executions`).

use crate::Shared;
use crate::feed::{Cursor, Follower};
use crate::given::{Asked, At};
use crate::item::{Item, What, status_after, status_text};
use crate::problem::Problem;
use crate::route::{Route, get};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event as Sent, KeepAlive};
use axum::response::{IntoResponse, Sse};
use kitaru_core::ExecutionId;
use kitaru_core::rows::Status;
use kitaru_engine::manage::{self, ManageError};
use kitaru_store::Revision;
use schemars::JsonSchema;
use serde::Deserialize;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

pub fn routes() -> Vec<Route> {
    vec![
        get("/events", "followAll", follow_all)
            .says(
                "What happens to all executions, as it happens: events `journal`, `log`, `status`, `deleted`, \
                 `closing`, each with its execution; and `reset`, where what comes behind the place that was given is \
                 no longer kept.",
            )
            .query::<Beginning>()
            .answers_events(),
        get("/executions/{id}/events", "followExecution", follow_one)
            .says(
                "What happens to an execution, as it happens: events `journal`, `log`, `status`, `deleted`, `closing`.",
            )
            .answers_events(),
    ]
}

/// How much is read and sent at a time.
const BLOCK: usize = 100;

/// How many events wait for a client to read them. It holds up nobody else, so few do.
const AHEAD: usize = 8;

type Told = mpsc::Sender<Result<Sent, Infallible>>;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Beginning {
    /// Where to begin: behind the event with that `id`; 0: at the beginning of all that is kept. Without it, with what
    /// happens from now on. `Last-Event-ID` says it too, and counts before this.
    #[schemars(with = "Option<String>", regex(pattern = r"^[0-9]{1,15}(\.0)?$"))]
    after: Option<String>,
    /// Only that something happened and where, without values and texts: for who asks for what is shown anyway.
    #[serde(default)]
    brief: bool,
}

/// How far a reader of all executions is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Reached {
    revision: Revision,
    /// Only the status that goes with that is still to come.
    half: bool,
}

impl Reached {
    fn parse(text: &str) -> Option<Self> {
        let (digits, half) = text.strip_suffix(".0").map_or((text, false), |digits| (digits, true));
        let is_number = (1..=15).contains(&digits.len()) && digits.bytes().all(|one| one.is_ascii_digit());
        let revision = is_number.then(|| digits.parse().ok()).flatten()?;
        Some(Self { revision, half })
    }

    fn text(self) -> String {
        if self.half { format!("{}.0", self.revision) } else { self.revision.to_string() }
    }
}

/// How far a reader of one execution is.
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

fn foreign() -> ManageError {
    ManageError::new("usage", "Last-Event-ID is none of this stream's: leave it out to read from the start", None)
}

fn last_id(headers: &HeaderMap) -> Result<Option<&str>, ManageError> {
    headers.get("last-event-id").map(|value| value.to_str().map_err(|_| foreign())).transpose()
}

/// Runs what blocks.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ManageError> + Send + 'static,
) -> Result<T, ManageError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| ManageError::new("misuse", error.to_string(), None))?
}

fn stream(told: mpsc::Receiver<Result<Sent, Infallible>>) -> impl IntoResponse {
    let alive = KeepAlive::new().interval(Duration::from_secs(15));
    Sse::new(ReceiverStream::new(told)).keep_alive(alive)
}

async fn follow_all(
    State(shared): State<Shared>,
    Asked(from): Asked<Beginning>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Problem> {
    let given = last_id(&headers)?.or(from.after.as_deref());
    let given = given.map(|id| Reached::parse(id).ok_or_else(foreign)).transpose()?;
    let looked = shared.clone();
    let begun = blocking(move || {
        let follower = looked.feed.follow(None)?;
        let newest = looked.store.queries().newest()?;
        match given {
            Some(reached) if reached.revision > newest => Err(foreign()),
            Some(reached) => Ok((follower, reached)),
            None => Ok((follower, Reached { revision: newest, half: false })),
        }
    });
    let (follower, reached) = begun.await?;
    let (told, sent) = mpsc::channel(AHEAD);
    tokio::spawn(tell_all(shared, follower, reached, from.brief, told));
    Ok(stream(sent))
}

/// Sends. `false`: nobody reads, or the server ends: a reader that reads nothing must not keep it from ending.
async fn send(told: &Told, follower: &mut Follower, sent: Sent) -> bool {
    tokio::select! {
        done = told.send(Ok(sent)) => done.is_ok(),
        () = follower.closed() => false,
    }
}

/// Waits for news. `false`: nobody reads, or the server ends, which is said.
async fn await_news(told: &Told, follower: &mut Follower) -> bool {
    let goes_on = tokio::select! {
        news = follower.news() => news,
        () = told.closed() => false,
    };
    if !goes_on && follower.is_closed() {
        let closing = Sent::default().event("closing").data("{}").retry(Duration::from_secs(1));
        // Whoever does not read it now is told by the end of the connection.
        drop(told.try_send(Ok(closing)));
    }
    goes_on
}

async fn tell_all(shared: Shared, mut follower: Follower, mut reached: Reached, brief: bool, told: Told) {
    let mut cursor = Cursor::default();
    // Whoever is cut off before the first event knows from where to go on.
    let first = Sent::default().id(reached.text()).retry(Duration::from_secs(1));
    if !send(&told, &mut follower, first).await {
        return;
    }
    let mut joins = true;
    loop {
        let place = reached.revision - u64::from(reached.half);
        let items = match follower.take(&mut cursor, place, BLOCK) {
            Some(items) => items,
            None => {
                joins = true;
                let (store, filled) = (Arc::clone(&shared.store), follower.filled());
                // Read first: what is forgotten by then is not taken for what never was.
                let read = blocking(move || {
                    let read = store.queries().changes(place, BLOCK)?;
                    Ok((read, store.queries().forgotten()?))
                });
                // What cannot be read has no more news; whoever comes again is told why.
                let Ok((read, forgotten)) = read.await else { return };
                // Who begins at 0 begins with what is kept.
                if (1..forgotten).contains(&place) {
                    reached = Reached { revision: forgotten, half: false };
                    let reset = Sent::default().event("reset").id(reached.text()).data("{}");
                    if !send(&told, &mut follower, reset).await {
                        return;
                    }
                    continue;
                }
                if read.items.is_empty() {
                    // All of it is gone since.
                    reached = Reached { revision: filled.max(place), half: false };
                    continue;
                }
                read.items.iter().map(|change| Arc::new(Item::of(change))).collect()
            }
        };
        for item in &items {
            if !tell(&told, &mut follower, &mut reached, item, brief).await {
                return;
            }
        }
        if !items.is_empty() {
            continue;
        }
        // It may be half of what is gone since.
        reached.half = false;
        if std::mem::take(&mut joins) && !tell_deaths(&told, &mut follower).await {
            return;
        }
        if !await_news(&told, &mut follower).await {
            return;
        }
    }
}

/// An item of all executions.
async fn tell(told: &Told, follower: &mut Follower, reached: &mut Reached, item: &Item, brief: bool) -> bool {
    if item.what == What::Died {
        let text = status_text(&item.execution, Status::Interrupted);
        return send(told, follower, Sent::default().event("status").data(text)).await;
    }
    let is_rest = reached.half && reached.revision == item.revision;
    *reached = Reached { revision: item.revision, half: item.status.is_some() };
    if !is_rest {
        let data = if brief { &item.brief } else { &item.data };
        let sent = Sent::default().event(item.what.as_str()).id(reached.text()).data(data);
        if !send(told, follower, sent).await {
            return false;
        }
    }
    let Some(status) = item.status else { return true };
    reached.half = false;
    let text = status_text(&item.execution, status);
    send(told, follower, Sent::default().event("status").id(reached.text()).data(text)).await
}

/// A death is not on record: who comes is told of those that are known, and again if it comes again.
async fn tell_deaths(told: &Told, follower: &mut Follower) -> bool {
    for id in follower.dead() {
        let text = status_text(&id, Status::Interrupted);
        if !send(told, follower, Sent::default().event("status").data(text)).await {
            return false;
        }
    }
    true
}

async fn follow_one(
    State(shared): State<Shared>,
    At(id): At<String>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Problem> {
    let place = match last_id(&headers)? {
        None => Place::default(),
        Some(text) => Place::parse(text).ok_or_else(foreign)?,
    };
    let looked = shared.clone();
    let begun = blocking(move || {
        let id = known(&looked, &id, place)?;
        Ok((looked.feed.follow(Some(id.clone()))?, id))
    });
    let (follower, id) = begun.await?;
    let (told, sent) = mpsc::channel(AHEAD);
    let reading = shared.metrics.reading();
    let one = One { shared, follower, id, place, status: None, told };
    tokio::spawn(async move {
        one.tell().await;
        drop(reading);
    });
    Ok(stream(sent))
}

/// The execution, if it has come as far as that place.
fn known(shared: &Shared, id: &str, from: Place) -> Result<ExecutionId, ManageError> {
    let store = shared.store.as_ref();
    let row = manage::find(store, id)?;
    let is_past = from.line > 0 && store.queries().logs(&row.id, from.line - 1, 1)?.0.is_empty();
    if from.seq > row.last_seq || is_past { Err(foreign()) } else { Ok(row.id) }
}

/// What is on record after a place, and the status from then on.
struct News {
    items: Vec<Item>,
    status: Status,
    more: bool,
}

/// Who follows one execution.
struct One {
    shared: Shared,
    follower: Follower,
    id: ExecutionId,
    place: Place,
    /// The last that was told.
    status: Option<Status>,
    told: Told,
}

impl One {
    async fn tell(mut self) {
        let (mut cursor, mut filled) = (Cursor::default(), self.follower.filled());
        if !self.catch_up().await {
            return;
        }
        loop {
            let Some(items) = self.follower.take(&mut cursor, filled, BLOCK) else {
                filled = self.follower.filled();
                if !self.catch_up().await {
                    return;
                }
                continue;
            };
            for item in &items {
                if item.execution == self.id && !self.item(item).await {
                    return;
                }
            }
            if items.is_empty() && !await_news(&self.told, &mut self.follower).await {
                return;
            }
        }
    }

    /// Reads the store on from the place.
    async fn catch_up(&mut self) -> bool {
        loop {
            let (looked, wanted, place) = (self.shared.clone(), self.id.clone(), self.place);
            // What is gone, or cannot be read, has no more news; whoever comes again is told why.
            let Ok(news) = blocking(move || news(&looked, &wanted, place)).await else { return false };
            for item in &news.items {
                if !self.send(item).await {
                    return false;
                }
            }
            if !news.more {
                return self.now(news.status).await;
            }
        }
    }

    /// What the ring has, if it is not known from the store.
    async fn item(&mut self, item: &Item) -> bool {
        let is_known = match item.what {
            What::Journal(seq) => seq <= self.place.seq,
            What::Log(number) => number <= self.place.line,
            What::Deleted | What::Died => false,
        };
        if is_known {
            return true;
        }
        let goes_on = item.what == What::Died || self.send(item).await;
        match item.status {
            Some(status) if goes_on => self.now(status).await,
            _ => goes_on && item.what != What::Deleted,
        }
    }

    async fn send(&mut self, item: &Item) -> bool {
        match item.what {
            What::Journal(seq) => self.place.seq = seq,
            What::Log(number) => self.place.line = number,
            What::Deleted | What::Died => {}
        }
        let sent = Sent::default().event(item.what.as_str()).id(self.place.text()).data(&item.data);
        send(&self.told, &mut self.follower, sent).await
    }

    /// Tells a status that was not told last.
    async fn now(&mut self, status: Status) -> bool {
        if self.status.replace(status) == Some(status) {
            return true;
        }
        let text = status_text(&self.id, status);
        let sent = Sent::default().event("status").id(self.place.text()).data(text);
        send(&self.told, &mut self.follower, sent).await
    }
}

fn news(shared: &Shared, id: &ExecutionId, from: Place) -> Result<News, ManageError> {
    let store = shared.store.as_ref();
    let row = store.queries().execution(id)?;
    let mut status = manage::status(store, &row, shared.now());
    let events = store.load(id, from.seq, BLOCK)?;
    let (lines, last) = store.queries().logs(id, from.line, BLOCK)?;
    // What came between the two looks.
    let later = events.iter().filter(|event| event.seq > row.last_seq);
    status = later.filter_map(status_after).next_back().unwrap_or(status);
    let mut items: Vec<Item> = events.iter().map(|event| Item::event(id, 0, event)).collect();
    let first = last - lines.len() as u64 + 1;
    items.extend((first..).zip(&lines).map(|(number, line)| Item::line(id, 0, number, line)));
    Ok(News { items, status, more: events.len() == BLOCK || lines.len() == BLOCK })
}
