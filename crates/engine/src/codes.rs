//! What code digests are made of, kept once per store: taken at once, written when nobody waits for it.
//!
//! The heartbeat writes it, and an execution's end. Not here: what the texts say (Python's).

use kitaru_store::Store;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// See the module.
pub struct Codes {
    store: Arc<dyn Store>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    known: HashSet<String>,
    pending: Vec<(String, String)>,
}

impl Codes {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self { store, inner: Mutex::default() }
    }

    /// Whether nothing was kept of that digest by this process.
    pub fn is_new(&self, digest: &str) -> bool {
        !self.lock().known.contains(digest)
    }

    /// Takes what a digest is made of, once.
    pub fn keep(&self, digest: &str, parts: String) {
        let mut inner = self.lock();
        if inner.known.insert(digest.to_owned()) {
            inner.pending.push((digest.to_owned(), parts));
        }
    }

    /// Writes what was taken. What cannot be written is lost: then it is only said that something changed.
    pub(crate) fn flush(&self) {
        let pending = std::mem::take(&mut self.lock().pending);
        for (digest, parts) in pending {
            drop(self.store.keep_code(&digest, &parts));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Each of its statements leaves it whole.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
