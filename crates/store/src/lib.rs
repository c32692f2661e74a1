//! Where journals are kept: the [`Store`] trait and its backends.
//!
//! A backend is a folder: `memory/` for tests, `sqlite/` for one machine. All of them apply the changes that
//! [`kitaru_core::project`] names, and all pass `conformance`. Calls to the operating system stand in `os/`,
//! large values in `values/`.
//!
//! Deliberately not here: what an execution does next (core decides, the engine acts) and any clock: times
//! come in as arguments.

pub mod error;
pub mod os;
pub mod store;

pub use error::StoreError;
pub use store::{Claim, Created, ExecutionFilter, Guard, LogLine, Page, Queries, Store, WaitFilter};
