//! A bell that rings when the store may have changed, whoever wrote.
//!
//! A file has no bell across processes, so one thread looks at the store's version, and all who follow something wait
//! for that. Not here: what has changed.

use kitaru_store::Store;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Between two looks. An event reaches whoever follows within twice that.
const LOOK: Duration = Duration::from_millis(15);

/// What rings. `None`: it is over.
#[derive(Clone, Debug)]
pub struct Bell {
    ring: Arc<watch::Sender<Option<u64>>>,
}

impl Bell {
    /// A bell for a store. Rings until it is closed or nobody has it.
    pub fn new(store: Arc<dyn Store>) -> Self {
        let (ring, _) = watch::channel(Some(0));
        let bell = Self { ring: Arc::new(ring) };
        let weak = Arc::downgrade(&bell.ring);
        tokio::task::spawn_blocking(move || {
            while let Some(ring) = weak.upgrade() {
                if ring.borrow().is_none() {
                    return;
                }
                // A store that does not answer is complained of by whoever asks it for more.
                if let Ok(version) = store.version() {
                    ring.send_if_modified(|seen| match seen {
                        Some(last) if *last != version => {
                            *last = version;
                            true
                        }
                        _ => false,
                    });
                }
                drop(ring);
                std::thread::sleep(LOOK);
            }
        });
        bell
    }

    /// One that rings only when it is closed.
    pub fn silent() -> Self {
        let (ring, _) = watch::channel(Some(0));
        Self { ring: Arc::new(ring) }
    }

    /// To wait for it with.
    pub fn listen(&self) -> watch::Receiver<Option<u64>> {
        self.ring.subscribe()
    }

    /// Nothing more is told.
    pub fn close(&self) {
        self.ring.send_replace(None);
    }
}
