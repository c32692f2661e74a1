//! Streams that end with what let their reader in: a token that is revoked, or expires, ends those that it began.
//!
//! Not here: what is streamed.

use crate::limits::Place;
use axum::body::{Body, BodyDataStream, Bytes};
use kitaru_engine::manage::is_live;
use kitaru_engine::{Clock, SystemClock};
use kitaru_store::Store;
use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio_stream::Stream;

/// Between two looks at whether the tokens of open streams still let in.
const LOOK: Duration = Duration::from_millis(200);

/// The streams of a server that were begun with a token.
#[derive(Clone)]
pub struct Leashes {
    shared: Arc<Shared>,
}

struct Shared {
    store: Arc<dyn Store>,
    /// By the public part of a token: what tells its streams to end.
    held: Mutex<HashMap<String, Weak<watch::Sender<bool>>>>,
    more: Notify,
}

/// A stream that is over when it is told to be. Who drops it gives its place back.
struct Held {
    inner: BodyDataStream,
    over: Pin<Box<dyn Future<Output = ()> + Send>>,
    _leash: Option<Arc<watch::Sender<bool>>>,
    _place: Place,
}

impl Leashes {
    /// None yet. They are looked after until this is dropped.
    pub fn new(store: Arc<dyn Store>) -> Self {
        let shared = Arc::new(Shared { store, held: Mutex::default(), more: Notify::new() });
        tokio::spawn(look_after(Arc::downgrade(&shared)));
        Self { shared }
    }

    /// Ends a stream with its caller's token; without one it ends by itself.
    pub fn hold(&self, body: Body, token: Option<&str>, place: Place) -> Body {
        let leash = token.map(|token| self.shared.leash(token));
        let over = leash.as_ref().map(|leash| leash.subscribe());
        let over = async move {
            match over {
                Some(mut over) => drop(over.wait_for(|over| *over).await),
                None => std::future::pending().await,
            }
        };
        let inner = body.into_data_stream();
        Body::from_stream(Held { inner, over: Box::pin(over), _leash: leash, _place: place })
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Weak<watch::Sender<bool>>>> {
        // Each use leaves it whole.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn leash(&self, token: &str) -> Arc<watch::Sender<bool>> {
        let mut held = self.lock();
        if let Some(known) = held.get(token).and_then(Weak::upgrade) {
            return known;
        }
        let leash = Arc::new(watch::channel(false).0);
        held.insert(token.to_owned(), Arc::downgrade(&leash));
        self.more.notify_one();
        leash
    }

    /// Ends the streams of tokens that let nobody in any more. Returns whether any is left.
    fn look(&self) -> bool {
        let held: Vec<_> = {
            let mut all = self.lock();
            all.retain(|_, leash| leash.strong_count() > 0);
            all.iter().filter_map(|(token, leash)| Some((token.clone(), leash.upgrade()?))).collect()
        };
        let now = SystemClock.now();
        for (token, leash) in &held {
            let row = self.store.access().map(|access| access.token(token));
            // Where nobody can say whether it still lets in, it does not: its reader comes again.
            let lets_in = matches!(row, Some(Ok(Some(row))) if is_live(&row, now).is_ok());
            if !lets_in {
                leash.send_replace(true);
                // A new stream of that token needs another.
                self.lock().remove(token);
            }
        }
        !held.is_empty()
    }
}

async fn look_after(weak: Weak<Shared>) {
    while let Some(shared) = weak.upgrade() {
        let looked = tokio::task::spawn_blocking({
            let shared = Arc::clone(&shared);
            move || shared.look()
        });
        if looked.await.unwrap_or(true) {
            drop(shared);
            tokio::time::sleep(LOOK).await;
        } else {
            shared.more.notified().await;
        }
    }
}

impl Stream for Held {
    type Item = Result<Bytes, axum::Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.over.as_mut().poll(context).is_ready() {
            return Poll::Ready(None);
        }
        Pin::new(&mut self.inner).poll_next(context)
    }
}
