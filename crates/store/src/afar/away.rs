//! A server that is away is waited for: tried again after pauses that grow, as long as may be, and said once.
//!
//! Not here: what is tried.

use super::settings::Settings;
use crate::error::StoreError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The first pause. The very first try again comes without one: a kept connection may just have been closed.
const FIRST: Duration = Duration::from_millis(20);
/// The longest pause.
const LONGEST: Duration = Duration::from_secs(2);
/// An outage that lasts so long is said.
const SAY: Duration = Duration::from_millis(700);
/// Between two looks whether somebody pressed Ctrl-C.
pub(super) const SLICE: Duration = Duration::from_millis(50);

static INTERRUPTED: OnceLock<fn() -> bool> = OnceLock::new();

/// Has waiting end when `interrupted` says so, which is asked on the waiting thread.
pub fn interrupt_by(interrupted: fn() -> bool) {
    INTERRUPTED.get_or_init(|| interrupted);
}

/// See the module.
pub struct Away {
    url: String,
    patience: Duration,
    /// Whether an outage has been said that is not over.
    said: Mutex<bool>,
    /// Whether somebody has ended the waiting: nothing more is waited for until the server answers again.
    left: AtomicBool,
}

/// One caller's tries.
#[derive(Default)]
pub struct Tries {
    since: Option<Instant>,
    pause: Option<Duration>,
}

impl Away {
    /// Of the server at `url`.
    pub fn new(url: &str, settings: &Settings) -> Self {
        Self { url: url.to_owned(), patience: settings.patience, said: Mutex::new(false), left: AtomicBool::new(false) }
    }

    /// Waits before the next try, or says that it was enough. `most`: the patience, if it is another.
    pub fn pause(&self, tries: &mut Tries, why: &str, most: Option<Duration>) -> Result<(), StoreError> {
        let since = *tries.since.get_or_insert_with(Instant::now);
        let patience = most.unwrap_or(self.patience);
        let waited = since.elapsed();
        let left = self.left.load(Ordering::Relaxed);
        if (waited >= patience || left) && tries.pause.is_some() {
            let why = if left { format!("{why}; somebody ended the waiting") } else { why.to_owned() };
            return Err(StoreError::Away { url: self.url.clone(), why, waited: waited.as_secs() });
        }
        let Some(pause) = tries.pause else {
            tries.pause = Some(FIRST);
            return Ok(());
        };
        if waited > SAY && most.is_none() {
            self.say(why, patience);
        }
        tries.pause = Some((pause * 2).min(LONGEST));
        self.sleep(spread(pause).min(patience.saturating_sub(waited).max(FIRST)))
    }

    /// Nothing more is waited for until the server answers again.
    pub fn leave(&self) {
        self.left.store(true, Ordering::Relaxed);
    }

    /// Whether somebody pressed Ctrl-C, by this thread's knowledge; that ends the waiting of all.
    pub(super) fn interrupted(&self) -> bool {
        let interrupted = INTERRUPTED.get().is_some_and(|interrupted| interrupted());
        if interrupted {
            self.leave();
        }
        interrupted
    }

    fn sleep(&self, pause: Duration) -> Result<(), StoreError> {
        let begun = Instant::now();
        loop {
            let left = pause.saturating_sub(begun.elapsed());
            if self.interrupted() {
                return Err(StoreError::Interrupted);
            }
            if left.is_zero() || self.left.load(Ordering::Relaxed) {
                return Ok(());
            }
            std::thread::sleep(left.min(SLICE));
        }
    }

    /// It answers.
    pub fn over(&self, tries: &Tries) {
        if self.left.load(Ordering::Relaxed) {
            self.left.store(false, Ordering::Relaxed);
        }
        if tries.since.is_none() {
            return;
        }
        let was_said = std::mem::replace(&mut *self.said.lock().unwrap_or_else(PoisonError::into_inner), false);
        if was_said {
            eprintln!("kitaru: the server at {} answers again", self.url);
        }
    }

    fn say(&self, why: &str, patience: Duration) {
        let was_said = std::mem::replace(&mut *self.said.lock().unwrap_or_else(PoisonError::into_inner), true);
        if !was_said {
            eprintln!(
                "kitaru: the server at {} does not answer ({why}); waiting for it for up to {} s, results are kept until then",
                self.url,
                patience.as_secs()
            );
        }
    }
}

/// Between half of it and all, so that not all who wait come at once.
fn spread(pause: Duration) -> Duration {
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.subsec_nanos());
    pause / 2 + pause / 2 * (nanos / 1000 % 256) / 256
}
