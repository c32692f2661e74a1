//! Where journals are kept: the [`Store`] trait and its backends.
//!
//! A backend is a folder: `sqlite/` for one machine, in a file or in memory. All of them apply the changes that
//! [`kitaru_core::project`] names, and all pass the suite in `tests/conformance/`. Calls to the operating system stand in `os/`,
//! large values in `values/`.
//!
//! Deliberately not here: what an execution does next (core decides, the engine acts) and the time of day, which
//! comes in as an argument.

pub mod error;
pub mod os;
mod owners;
mod sqlite;
pub mod store;
mod values;

pub use error::StoreError;
pub use sqlite::forget_memory;
pub use store::{
    ArtifactRow, Change, Changed, Changes, Claim, Created, ExecutionFilter, Guard, InboxPlace, LogLine, Page, Queries,
    Revision, Seen, StatisticsRow, Store, WaitFilter,
};

use std::path::{Path, PathBuf};
use std::sync::Arc;

/// When a commit counts as done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Synchronous {
    /// When it is on the disk: it survives a power cut.
    #[default]
    Full,
    /// When the system has it: it survives a crash of the process.
    Normal,
}

/// How to open a store.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// When a commit counts as done.
    pub synchronous: Synchronous,
}

/// Opens the store at `address`: a path to a file, or `memory:` for one that lives as long as the process.
///
/// `home` is the folder of the locks by which processes know each other.
pub fn open(address: &str, home: &Path, options: &Options) -> Result<Arc<dyn Store>, StoreError> {
    if address == "memory:" {
        return Ok(sqlite::in_memory(home)?);
    }
    if address.contains("://") || address.is_empty() {
        return Err(StoreError::Address(address.to_owned()));
    }
    Ok(Arc::new(sqlite::Sqlite::open(&PathBuf::from(address), home, options)?))
}
