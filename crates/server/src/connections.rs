//! Connections: taken in, bounded in number and in time, and ended in order.
//!
//! A client that is slow, or does nothing, holds up neither others nor the end. Not here: what is answered, and who may
//! ask.

use crate::access::Peer;
use crate::limits::{self, Places};
use crate::tls::Tls;
use axum::{Extension, Router};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

/// How long a request's head may take to come.
const HEAD: Duration = Duration::from_secs(10);

/// How long open connections have to end when the server stops.
const GRACE: Duration = Duration::from_secs(3);

/// How many there are at once; more wait.
const MOST: usize = 1024;

/// How many of them may come from one address elsewhere; more are closed.
const EACH: usize = 256;

/// The most that a request's head may weigh, in bytes.
const WEIGHT: usize = 64 << 10;

/// Serves until `stop`, and then until all connections have ended, the grace is over, or `again`.
pub async fn serve(listener: TcpListener, app: Router, tls: Option<Tls>, stop: impl Future, again: impl Future) {
    let graceful = GracefulShutdown::new();
    let (places, each) = (Arc::new(Semaphore::new(MOST)), Places::new(EACH));
    let mut stop = std::pin::pin!(stop);
    loop {
        let place = tokio::select! {
            place = Arc::clone(&places).acquire_owned() => place,
            _ = &mut stop => break,
        };
        let Ok(place) = place else { break };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = &mut stop => break,
        };
        let Ok((stream, peer)) = accepted else {
            // Too many open files, most likely: some of them will be closed.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let own = place_of(&each, peer);
        if own.is_none() && !peer.ip().is_loopback() {
            continue;
        }
        // Around the whole, so that what all connections share is not made anew for each.
        let app = Router::new().fallback_service(app.clone()).layer(Extension(Peer(peer.ip())));
        let service = TowerToHyperService::new(app);
        let (tls, watcher) = (tls.clone(), graceful.watcher());
        tokio::spawn(async move {
            let mut builder = Builder::new(TokioExecutor::new());
            builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(WEIGHT);
            // What goes wrong with a connection is its client's to notice.
            match tls {
                None => drop(watcher.watch(builder.serve_connection(TokioIo::new(stream), service)).await),
                Some(tls) => {
                    if let Ok(Ok(stream)) = tokio::time::timeout(HEAD, tls.accept(stream)).await {
                        drop(watcher.watch(builder.serve_connection(TokioIo::new(stream), service)).await);
                    }
                }
            }
            drop((own, place));
        });
    }
    drop(listener);
    tokio::select! {
        () = graceful.shutdown() => {}
        () = tokio::time::sleep(GRACE) => {}
        _ = again => {}
    }
}

/// A place among the connections of one address. This machine's are all its own.
fn place_of(each: &Places, peer: SocketAddr) -> Option<limits::Place> {
    if peer.ip().is_loopback() { None } else { each.take(&limits::address(peer.ip())) }
}
