//! `kitaru mcp`: one client, over standard input and output, until it closes them.
//!
//! Standard output is the protocol's alone. What a client has decided is carried on in processes of their own, which go
//! on to their end whatever becomes of this one. Not here: a server, and looking for what is due.

use super::handler::Handler;
use crate::carry::Carrier;
use crate::feed::Feed;
use crate::log::Log;
use crate::process::Place;
use crate::scope::{Caller, Scope};
use crate::serves::{Serves, Setup};
use crate::signals::Signals;
use crate::{Shared, broken};
use kitaru_engine::manage::ManageError;
use kitaru_store::Store;
use rmcp::ServiceExt;
use rmcp::transport::stdio_pipes;
use std::sync::Arc;
use std::time::Duration;

/// How long calls that are under way have to end when the client has gone.
const GRACE: Duration = Duration::from_secs(10);

/// What is served, and to whom.
pub struct Stdio {
    /// The store.
    pub store: Arc<dyn Store>,
    /// How another process finds it.
    pub place: Place,
    /// Tells people what could not be carried on.
    pub log: Log,
    /// How many executions are carried on at once.
    pub at_once: usize,
    /// The interpreter that runs what was deployed.
    pub python: String,
    /// What the client may do.
    pub allow: Scope,
    /// Who the client acts for, as it stands in journals.
    pub by: String,
}

/// Serves until the client closes its side, or SIGINT or SIGTERM.
pub fn serve(config: Stdio) -> Result<(), ManageError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.map_err(|error| broken(&error))?;
    let served = runtime.block_on(run(config));
    // A read of standard input that nothing ends must not keep the process.
    runtime.shutdown_background();
    served
}

async fn run(config: Stdio) -> Result<(), ManageError> {
    let Stdio { store, place, log, at_once, python, allow, by } = config;
    let mut signals = Signals::new().map_err(|error| broken(&error))?;
    let feed = Feed::unread(Arc::clone(&store), log);
    let carrier = Carrier::on_call(Setup {
        store: Arc::clone(&store),
        place: place.clone(),
        at_once,
        serves: Serves::default(),
        memory: None,
        python,
        log,
    });
    let shared = Shared {
        store,
        place,
        feed: feed.clone(),
        carrier: Some(carrier.clone()),
        metrics: Arc::default(),
        log,
        stopping: Arc::default(),
    };
    let handler = Handler::new(shared, Some(Caller { by, scope: allow, token: None, from: None }));
    let session = async {
        match handler.clone().serve(stdio_pipes()).await {
            // However it ends, it has.
            Ok(running) => drop(running.waiting().await),
            Err(error) => log.complain("usage", &format!("mcp: {error}")),
        }
    };
    tokio::select! {
        () = session => {}
        () = signals.next() => {}
    }
    feed.close();
    handler.finish(GRACE).await;
    carrier.leave();
    Ok(())
}
