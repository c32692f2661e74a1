//! The server: what the engine knows, over HTTP, to people and programs.
//!
//! `access` says who may ask, by the `rules` that it was started with, `problem` how a refusal looks, `events` tells
//! what happens (`feed` reads it), a file a resource answers.
//! Every answer is a call of `kitaru_engine::manage`, as on the command line. `carry` is the local worker of
//! `kitaru up`. `mcp` is the same for AI assistants. Deliberately not here: user code, which is never imported in this
//! process, and SQL.

mod access;
mod acts;
mod asked;
mod audit;
mod bounds;
mod breakpoints;
mod carry;
mod connections;
mod dashboard;
mod deployments;
mod etag;
mod events;
mod executions;
mod feed;
mod flows;
mod form;
mod given;
mod going;
mod item;
mod keep;
mod leash;
mod limits;
mod links;
pub mod log;
mod look;
mod mcp;
mod metrics;
mod moving;
mod openapi;
mod page;
mod problem;
mod process;
mod ready;
mod registry;
mod remote;
mod replays;
mod route;
mod rules;
mod schedules;
mod scope;
mod serves;
mod signals;
mod signed;
mod start;
mod tls;
mod tokens;
mod values;
mod waits;
mod warm;
mod work;

pub use mcp::{Stdio, serve_stdio};
pub use scope::Scope;
pub use serves::Serves;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use carry::Carrier;
use feed::Feed;
use kitaru_core::Millis;
use kitaru_engine::manage::ManageError;
use kitaru_engine::{Clock, SystemClock};
use kitaru_store::Store;
use log::Log;
use metrics::Metrics;
use problem::{Answer, Problem, answer};
use route::{Route, get};
pub use rules::{RATE, Rules};
use serde_json::{Value as Json, json};
use signals::Signals;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tls::Tls;
pub use work::{Working, work};

/// The most that a request may carry, in bytes.
const MOST: usize = 8 << 20;

/// What is served, and where.
#[derive(Clone)]
pub struct Config {
    /// The address to listen at.
    pub host: IpAddr,
    /// The port; 0: any that is free.
    pub port: u16,
    /// The store.
    pub store: Arc<dyn Store>,
    /// How another process finds it: what it was opened as, the folder of the locks, and whether a commit counts as
    /// done when the system has it.
    pub place: (String, PathBuf, bool),
    /// What is told while it works, and to whom.
    pub log: Log,
    /// How many executions the local worker carries on at once; 0: there is no worker.
    pub at_once: usize,
    /// Which those are.
    pub serves: Serves,
    /// How many bytes of memory the process of each may have; `None`: as many as there are.
    pub memory: Option<u64>,
    /// The interpreter that runs what was deployed.
    pub python: String,
    /// Who may ask.
    pub rules: Rules,
}

/// What handlers share.
#[derive(Clone)]
struct Shared {
    store: Arc<dyn Store>,
    place: process::Place,
    feed: Feed,
    carrier: Option<Carrier>,
    metrics: Arc<Metrics>,
    log: Log,
    stopping: Arc<AtomicBool>,
}

impl Shared {
    fn now(&self) -> Millis {
        self.store.by_its_clock(SystemClock.now())
    }
}

/// Serves until SIGINT or SIGTERM. `say` is told the address when it listens.
///
/// Refuses an address where others could listen in (`not-loopback`), to want a token where there is none (`no-token`),
/// and an address that is taken (`port-taken`).
pub fn serve(config: Config, say: &mut dyn FnMut(SocketAddr)) -> Result<(), ManageError> {
    let rules = config.rules.at(config.host, config.store.as_ref(), SystemClock.now())?;
    let tls = rules.tls.as_ref().map(|(cert, key)| Tls::read(cert, key)).transpose()?;
    let config = Config { rules, ..config };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|error| broken(&error))?;
    let served = runtime.block_on(run(config, tls, say));
    // What still looks at the store ends with the process.
    runtime.shutdown_background();
    served
}

async fn run(config: Config, tls: Option<Tls>, say: &mut dyn FnMut(SocketAddr)) -> Result<(), ManageError> {
    let asked = SocketAddr::new(config.host, config.port);
    let listener = tokio::net::TcpListener::bind(asked).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            let hint = "another --port, or 0 for any that is free".to_owned();
            ManageError::new("port-taken", format!("something listens at {asked} already"), Some(hint))
        }
        _ => broken(&error),
    })?;
    let address = listener.local_addr().map_err(|error| broken(&error))?;
    // Before anybody is told that it serves: who is told may stop it at once.
    let (mut signals, mut again) = (Signals::new().map_err(|error| broken(&error))?, Signals::new().ok());
    let store = Arc::clone(&config.store);
    // Where owners reach the store without a server, nobody was kept from it while there was none.
    let needs = !kitaru_store::is_postgres(&config.place.0);
    let given =
        tokio::task::spawn_blocking(
            move || {
                if needs { remote::grace(store.as_ref(), SystemClock.now()) } else { Ok(()) }
            },
        )
        .await;
    given.map_err(|error| ManageError::new("misuse", error.to_string(), None))??;
    let feed = Feed::new(Arc::clone(&config.store), config.log);
    let metrics = Arc::<Metrics>::default();
    let carrier = (config.at_once > 0).then(|| Carrier::begin(&config, Arc::clone(&metrics), "up"));
    let stopping = Arc::<AtomicBool>::default();
    let shared = Shared {
        store: Arc::clone(&config.store),
        place: config.place.clone(),
        feed: feed.clone(),
        carrier: carrier.clone(),
        metrics,
        log: config.log,
        stopping: Arc::clone(&stopping),
    };
    let app = app(shared, access::Door::new(address, &config.rules, Arc::clone(&config.store)));
    if let Some(tls) = &tls {
        signals::at_hangup(tls.clone(), config.log);
    }
    say(address);
    config.log.event("serves");
    let stop = async {
        signals.next().await;
        config.log.event("stops");
        stopping.store(true, Ordering::Release);
        // Nothing more is begun; streams end by the feed, and with them their connections.
        if let Some(carrier) = carrier {
            carrier.stop();
        }
        feed.close();
    };
    let twice = async {
        if let Some(again) = &mut again {
            again.next().await;
            again.next().await;
        }
    };
    connections::serve(listener, app, tls, stop, twice).await;
    Ok(())
}

/// All that is served under `/api/v1`.
fn routes() -> Vec<Route> {
    let mut routes = vec![
        get("/version", "getVersion", version).says("The version of this server.").answers("Version"),
        get("/health", "getHealth", health).says("What the store says of itself.").answers("Health"),
        get("/openapi.json", "getOpenapi", openapi).says("This document.").answers("Anything"),
    ];
    routes.extend(flows::routes());
    routes.extend(executions::routes());
    routes.extend(start::routes());
    routes.extend(acts::routes());
    routes.extend(replays::routes());
    routes.extend(events::routes());
    routes.extend(values::routes());
    routes.extend(waits::routes());
    routes.extend(breakpoints::routes());
    routes.extend(bounds::routes());
    routes.extend(schedules::routes());
    routes.extend(deployments::routes());
    routes.extend(links::routes());
    routes.extend(tokens::routes());
    routes.extend(audit::routes());
    routes.extend(keep::routes());
    routes
}

/// What the API is: an OpenAPI document.
pub fn document() -> Result<Json, ManageError> {
    openapi::document(&routes()).map_err(|error| ManageError::new("misuse", error.to_string(), None))
}

fn app(shared: Shared, door: access::Door) -> Router {
    let api =
        routes().into_iter().chain(remote::routes()).fold(Router::new(), |router, route| route.add_to(router, &shared));
    Router::new()
        .merge(dashboard::routes())
        .route("/style.css", axum::routing::get(page::style))
        .route("/health/live", axum::routing::get(|| async { "ok" }))
        .route("/health/ready", axum::routing::get(ready::ready))
        .route("/metrics", axum::routing::get(metrics::metrics).route_layer(axum::middleware::from_fn(may_read)))
        .route("/a/{secret}", axum::routing::get(links::page).post(links::answer))
        .route("/mcp", mcp::route(&shared))
        .nest("/api/v1", api)
        .fallback(problem::no_such_route)
        .method_not_allowed_fallback(problem::no_such_method)
        .layer(axum::middleware::from_fn(etag::tag))
        .layer(axum::middleware::from_fn_with_state(door, access::check))
        .layer(DefaultBodyLimit::max(MOST))
        .layer(tower_http::compression::CompressionLayer::new())
        .layer(axum::middleware::from_fn_with_state(shared.clone(), metrics::measure))
        .with_state(shared)
}

async fn openapi() -> Result<axum::Json<Json>, Problem> {
    Ok(axum::Json(document()?))
}

async fn version() -> axum::Json<Json> {
    axum::Json(json!({ "version": env!("CARGO_PKG_VERSION") }))
}

/// What the store says of itself.
async fn health(State(shared): State<Shared>) -> Answer {
    answer(&shared, |shared| {
        let health = shared.store.queries().health(false)?;
        let fields = health.into_iter().map(|(name, value)| (name, Json::String(value)));
        Ok(Json::Object(fields.collect()))
    })
    .await
}

async fn may_read(request: axum::extract::Request, next: axum::middleware::Next) -> axum::response::Response {
    scope::require(scope::Scope::Read, request, next).await
}

pub(crate) fn broken(error: &std::io::Error) -> ManageError {
    ManageError::new("server-io", format!("the server cannot run: {error}"), None)
}
