//! The engine: the pure core meets a real store, a clock and a background thread.
//!
//! [`Engine`] starts and takes up executions, [`Session`] is one that this process owns, [`manage`] is what
//! people and programs do to executions from outside, [`snapshot`] the files of a deployment. Threads of ours live in `heartbeat` only.
//!
//! Deliberately not here: user code, event loops, retry timing (Python has the tasks and threads), and HTTP.

pub mod clock;
pub mod codes;
mod desk;
pub mod engine;
pub mod error;
mod heartbeat;
pub mod manage;
mod rehearsal;
pub mod session;
pub mod snapshot;

pub use clock::{Clock, SystemClock};
pub use engine::Engine;
pub use error::{EngineError, Result};
pub use session::{DEADLINE, Session};
