//! Where the engine gets the time and randomness from: passed in, so that tests can skew it.

use kitaru_core::Millis;
use kitaru_store::Store;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// A source of wall-clock time.
pub trait Clock: Send + Sync {
    /// Milliseconds since the Unix epoch.
    fn now(&self) -> Millis;
}

/// The machine's clock.
#[derive(Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Millis {
        // A clock set before 1970 reads as 0: leases then look expired, which only makes us ask again.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Millis::try_from(since.as_millis()).unwrap_or(Millis::MAX)
    }
}

/// The clock of a store: the machine's, or that of the server that has it. Leases and deadlines are told by one clock,
/// whoever looks.
pub struct StoreClock(pub Arc<dyn Store>);

impl Clock for StoreClock {
    fn now(&self) -> Millis {
        self.0.by_its_clock(SystemClock.now())
    }
}
