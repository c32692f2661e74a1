//! Connections: taken in, bounded in number and in time, and ended in order.
//!
//! A client that is slow, or does nothing, holds up neither others nor the end. Not here: what is answered.

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::future::Future;
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

/// Serves until `stop`, and then until all connections have ended, the grace is over, or `again`.
pub async fn serve(listener: TcpListener, app: Router, stop: impl Future, again: impl Future) {
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(MOST));
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
        let Ok((stream, _)) = accepted else {
            // Too many open files, most likely: some of them will be closed.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let mut builder = Builder::new(TokioExecutor::new());
        builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD);
        let service = TowerToHyperService::new(app.clone());
        let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            // What goes wrong with a connection is its client's to notice.
            drop(connection.await);
            drop(place);
        });
    }
    drop(listener);
    tokio::select! {
        () = graceful.shutdown() => {}
        () = tokio::time::sleep(GRACE) => {}
        _ = again => {}
    }
}
