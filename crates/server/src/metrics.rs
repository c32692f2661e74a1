//! `GET /metrics`: figures for Prometheus (text format 0.0.4).
//!
//! Labels have few values each: paths are those of the table of routes, and of flows only the commonest have their own
//! name. What is read from the store is read at most once in a while. Not here: what a person looks at (`flows`).

use crate::Shared;
use crate::problem::Problem;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use kitaru_core::Millis;
use kitaru_core::rows::Status;
use kitaru_engine::manage::{self, ManageError};
use kitaru_store::{ExecutionFilter, Page};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Upper bounds of the buckets of a request's duration, in seconds.
const BOUNDS: [f64; 10] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5, 10.0];
/// Flows with a name of their own; the others are counted together.
const FLOWS: usize = 50;
/// How long what the store said is believed.
const FRESH: Duration = Duration::from_secs(5);
/// Running executions whose owners are asked for; the others are believed to run.
const ASKED: usize = 5000;

/// Figures of this process.
#[derive(Default)]
pub struct Metrics {
    requests: Mutex<BTreeMap<(String, String, u16), Histogram>>,
    streams: AtomicU64,
    begun: AtomicU64,
    refused: AtomicU64,
    store: Mutex<Option<(Instant, Arc<str>)>>,
}

#[derive(Default)]
struct Histogram {
    buckets: [u64; BOUNDS.len()],
    count: u64,
    seconds: f64,
}

/// Somebody reads a stream of events until this is dropped.
pub struct Reading(Arc<Metrics>);

impl Drop for Reading {
    fn drop(&mut self) {
        self.0.streams.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Metrics {
    /// A stream of events has begun.
    pub fn reading(self: &Arc<Self>) -> Reading {
        self.streams.fetch_add(1, Ordering::Relaxed);
        Reading(Arc::clone(self))
    }

    /// The worker has started a process.
    pub fn has_begun(&self) {
        self.begun.fetch_add(1, Ordering::Relaxed);
    }

    /// What the worker started did not go on, or could not be started.
    pub fn was_refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    fn answered(&self, route: &str, method: &str, status: u16, took: Duration) {
        let mut requests = lock(&self.requests);
        let one = requests.entry((route.to_owned(), method.to_owned(), status)).or_default();
        let seconds = took.as_secs_f64();
        for (bucket, bound) in one.buckets.iter_mut().zip(BOUNDS) {
            *bucket += u64::from(seconds <= bound);
        }
        one.count += 1;
        one.seconds += seconds;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each statement leaves it whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Counts and logs a request. Its path is told as it stands in the table of routes: what was asked for may be anybody's
/// secret.
pub async fn measure(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let method = match request.method().as_str() {
        known @ ("GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS") => known.to_owned(),
        _ => "other".to_owned(),
    };
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str).to_owned();
    let response = next.run(request).await;
    let (status, took) = (response.status().as_u16(), begun.elapsed());
    shared.metrics.answered(&route, &method, status, took);
    shared.log.request(&method, &route, status, took);
    response
}

/// `GET /metrics`
pub async fn metrics(State(shared): State<Shared>) -> Response {
    let made = tokio::task::spawn_blocking(move || text(&shared)).await;
    match made {
        Ok(Ok(text)) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response(),
        Ok(Err(error)) => Problem::from(error).into_response(),
        Err(error) => Problem::from(ManageError::new("misuse", error.to_string(), None)).into_response(),
    }
}

/// A text of figures.
#[derive(Default)]
struct Figures(String);

impl Figures {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a string cannot fail.
        _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn one(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        let labels: Vec<String> = labels.iter().map(|(name, text)| format!("{name}=\"{}\"", escaped(text))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        _ = writeln!(self.0, "{name}{labels} {value}");
    }

    fn only(&mut self, name: &str, kind: &str, help: &str, value: impl std::fmt::Display) {
        self.head(name, kind, help);
        self.one(name, &[], value);
    }
}

/// A label's value. Flows have the names that their users gave them.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn text(shared: &Shared) -> Result<String, ManageError> {
    let mut page = Figures::default();
    page.head("kitaru_build_info", "gauge", "This server.");
    page.one("kitaru_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
    requests(&shared.metrics, &mut page);
    let streams = shared.metrics.streams.load(Ordering::Relaxed);
    page.only("kitaru_event_streams", "gauge", "Streams of events that are being read.", streams);
    if let Some(carrier) = &shared.carrier {
        let (running, queued, at_once) = carrier.load();
        page.only("kitaru_worker_running", "gauge", "Executions that this server's worker carries on.", running);
        page.only("kitaru_worker_queued", "gauge", "Executions that wait for a place of it.", queued);
        page.only("kitaru_worker_places", "gauge", "How many it carries on at once.", at_once);
        let (begun, refused) = (&shared.metrics.begun, &shared.metrics.refused);
        let begun = begun.load(Ordering::Relaxed);
        page.only("kitaru_worker_begun_total", "counter", "Processes that it started.", begun);
        let refused = refused.load(Ordering::Relaxed);
        page.only("kitaru_worker_refused_total", "counter", "Of those, how many could not go on.", refused);
    }
    let mut known = lock(&shared.metrics.store);
    let stored = match &*known {
        Some((at, text)) if at.elapsed() < FRESH => Arc::clone(text),
        _ => {
            let text: Arc<str> = store(shared)?.into();
            *known = Some((Instant::now(), Arc::clone(&text)));
            text
        }
    };
    page.0.push_str(&stored);
    Ok(page.0)
}

fn requests(metrics: &Metrics, page: &mut Figures) {
    let requests = lock(&metrics.requests);
    page.head("kitaru_http_requests_total", "counter", "Requests that were answered.");
    for ((route, method, status), one) in &*requests {
        let labels = [("route", route.as_str()), ("method", method), ("status", &status.to_string())];
        page.one("kitaru_http_requests_total", &labels, one.count);
    }
    let mut routes: BTreeMap<&str, Histogram> = BTreeMap::new();
    for ((route, ..), one) in &*requests {
        let sum = routes.entry(route).or_default();
        sum.buckets.iter_mut().zip(one.buckets).for_each(|(bucket, more)| *bucket += more);
        sum.count += one.count;
        sum.seconds += one.seconds;
    }
    let name = "kitaru_http_request_seconds";
    page.head(name, "histogram", "Time until a request's answer began.");
    for (route, one) in routes {
        for (bound, count) in BOUNDS.iter().zip(one.buckets) {
            page.one(&format!("{name}_bucket"), &[("route", route), ("le", &bound.to_string())], count);
        }
        page.one(&format!("{name}_bucket"), &[("route", route), ("le", "+Inf")], one.count);
        page.one(&format!("{name}_sum"), &[("route", route)], one.seconds);
        page.one(&format!("{name}_count"), &[("route", route)], one.count);
    }
}

/// What the store says.
fn store(shared: &Shared) -> Result<String, ManageError> {
    let (queries, now) = (shared.store.queries(), shared.now());
    let mut page = Figures::default();
    page.head("kitaru_executions", "gauge", "Executions on record, by flow and visible status.");
    for ((flow, status), count) in executions(shared, now)? {
        page.one("kitaru_executions", &[("flow", &flow), ("status", status)], count);
    }
    let (open, oldest) = queries.open_waits()?;
    page.only("kitaru_open_waits", "gauge", "Questions that wait for an answer.", open);
    #[allow(clippy::cast_precision_loss)]
    let age = oldest.map_or(0.0, |at| now.saturating_sub(at).max(0) as f64 / 1000.0);
    page.only("kitaru_oldest_open_wait_seconds", "gauge", "How long the oldest of them has waited; 0: none.", age);
    let health = queries.health(false)?;
    let field = |name: &str| health.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    page.head("kitaru_store_bytes", "gauge", "What the store takes, by part.");
    for (part, name) in [("database", "file_bytes"), ("log", "wal_bytes"), ("packs", "pack_bytes")] {
        if let Some(bytes) = field(name) {
            page.one("kitaru_store_bytes", &[("part", part)], bytes);
        }
    }
    if let Some(commits) = field("commits") {
        page.only("kitaru_store_commits_total", "counter", "Transactions of this process.", commits);
    }
    Ok(page.0)
}

/// How many executions there are, by flow and word of status.
type Counts = BTreeMap<(String, &'static str), u64>;

fn executions(shared: &Shared, now: Millis) -> Result<Counts, ManageError> {
    let mut counts = Counts::new();
    let mut flows: BTreeMap<String, u64> = BTreeMap::new();
    for (flow, status, count) in shared.store.queries().counts()? {
        *flows.entry(flow.clone()).or_default() += count;
        *counts.entry((flow, status.as_str())).or_default() += count;
    }
    // What runs and what lost its process are both recorded as running.
    let running = ExecutionFilter { status: vec![Status::Running], ..ExecutionFilter::default() };
    for row in shared.store.queries().executions(&running, Page { limit: ASKED, offset: 0 })? {
        let seen = manage::status(shared.store.as_ref(), &row, now);
        let Some(recorded) = counts.get_mut(&(row.flow.clone(), Status::Running.as_str())) else { continue };
        if seen != Status::Running && *recorded > 0 {
            *recorded -= 1;
            *counts.entry((row.flow, seen.as_str())).or_default() += 1;
        }
    }
    let mut common: Vec<(u64, String)> = flows.into_iter().map(|(flow, count)| (count, flow)).collect();
    common.sort_unstable_by(|one, other| other.cmp(one));
    let rare: Vec<String> = common.into_iter().skip(FLOWS).map(|(_, flow)| flow).collect();
    let mut told = Counts::new();
    for ((flow, status), count) in counts {
        let flow = if rare.contains(&flow) { "(others)".to_owned() } else { flow };
        *told.entry((flow, status)).or_default() += count;
    }
    Ok(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_in_every_bucket_that_it_fits() {
        let metrics = Metrics::default();
        metrics.answered("/a", "GET", 200, Duration::from_millis(3));
        metrics.answered("/a", "GET", 404, Duration::from_secs(60));
        let mut page = Figures::default();
        requests(&metrics, &mut page);
        for line in [
            "kitaru_http_requests_total{route=\"/a\",method=\"GET\",status=\"404\"} 1",
            "kitaru_http_request_seconds_bucket{route=\"/a\",le=\"0.0025\"} 0",
            "kitaru_http_request_seconds_bucket{route=\"/a\",le=\"0.005\"} 1",
            "kitaru_http_request_seconds_bucket{route=\"/a\",le=\"10\"} 1",
            "kitaru_http_request_seconds_bucket{route=\"/a\",le=\"+Inf\"} 2",
            "kitaru_http_request_seconds_count{route=\"/a\"} 2",
        ] {
            assert!(page.0.lines().any(|one| one == line), "{line}\n{}", page.0);
        }
    }

    #[test]
    fn a_label_cannot_end_its_line() {
        let mut page = Figures::default();
        page.one("x", &[("flow", "a\"}\n\\b")], 1);
        assert_eq!(page.0, "x{flow=\"a\\\"}\\n\\\\b\"} 1\n");
    }
}
