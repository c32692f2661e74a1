//! Many workers on one store, simulated from a seed: crashes, take-overs, clocks that step, pauses longer than a
//! lease, writes that fail before or after they happened.
//!
//! What is simulated is the world: processes, clocks, people, faults. What runs in it is what ships: the store's
//! backend, the fold of events, the arithmetic of leases, the passes of core. Not published. Not here: user code
//! and event loops, which the tests of the Python package drive.

#![deny(clippy::disallowed_methods)]

mod check;
#[doc(hidden)]
pub mod faults;
#[doc(hidden)]
pub mod rng;
mod worker;
mod world;

pub use faults::Cheat;
pub use world::{Report, Settings, simulate};
