//! Where journals are kept: the [`Store`] trait and its backends.
//!
//! A backend is a folder: `sqlite/` for one machine, in a file or in memory; `http/` for the
//! store of a server. All of them apply the changes that
//! [`kitaru_core::project`] names, and all pass the suite in `tests/conformance/`. Calls to the operating system stand in `os/`,
//! large values in `values/`.
//!
//! Deliberately not here: what an execution does next (core decides, the engine acts) and the time of day, which
//! comes in as an argument.

mod access;
mod afar;
mod awaited;
mod copy;
pub mod error;
mod http;
mod inherited;
mod keyring;
pub mod limits;
pub mod os;
mod owners;
mod postgres;
mod seal;
mod shelf;
mod sqlite;
pub mod store;
mod upkeep;
mod values;
pub mod wire;

pub use access::{Access, ActFilter, ActRow, Digest, LinkRow, TokenRow};
pub use afar::interrupt_by;
pub use copy::{Copied, Copying, Large, copy};
pub use error::StoreError;
pub use http::is_remote;
pub use keyring::{InUse, Keyring, Reached, Resealed};
pub use limits::{Limited, Limiting};
pub use postgres::{hidden, is_postgres, migrate, version};
pub use seal::KeyId;
pub use seal::keys;
pub use sqlite::forget_memory;
pub use store::{
    ArtifactRow, Assign, Change, Changed, Changes, Claim, Created, ExecutionFilter, Guard, InboxPlace, LogLine, Page,
    Queries, Revision, Seen, StatisticsRow, Store, WaitFilter, Wanted,
};

pub use upkeep::{Backup, Collected, Removal, Restored, Restoring, Upkeep};

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
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// When a commit counts as done.
    pub synchronous: Synchronous,
    /// The file with the token that a server is shown, in place of what the environment says.
    pub token_file: Option<PathBuf>,
    /// The file with the keys by which the store is sealed, in place of what `KITARU_KEYS` says.
    pub keys: Option<PathBuf>,
    /// A store that is plain stays so, whatever keys there are: for those who only look.
    pub stays_plain: bool,
    /// Where large values are kept, in place of what `KITARU_BLOBS` says. Empty: wherever the store has them.
    pub blobs: Option<String>,
    /// From how many bytes on a part of a value lies there, if that is not what is usual.
    pub blobs_from: Option<usize>,
}

impl Options {
    /// Where large values are to be kept; `None`: nothing is said of it.
    fn shelf(&self) -> Result<Option<shelf::Address>, StoreError> {
        match self.blobs.as_deref() {
            None => shelf::Address::from_env(),
            Some("") => Ok(None),
            Some(text) => shelf::Address::parse(text).map(Some),
        }
    }

    /// Refuses a place for large values where a store has none.
    fn must_have_no_shelf(&self) -> Result<(), StoreError> {
        let Some(address) = self.shelf()? else { return Ok(()) };
        let why =
            "a store in SQLite keeps its large values beside its file: unset it, or name a database in KITARU_STORE";
        Err(StoreError::Setting(format!("KITARU_BLOBS={}: {why}", address.shown())))
    }
}

/// JSON texts up to this many bytes stay in their event.
pub const INLINE: usize = values::INLINE;

/// Opens the store at `address`: a path to a file, `memory:` for one that lives as long as the process, or the address
/// of a server, which is shown the token in `KITARU_TOKEN`, or in the file that is named.
///
/// `home` is the folder of the locks by which processes know each other.
pub fn open(address: &str, home: &Path, options: &Options) -> Result<Arc<dyn Store>, StoreError> {
    if address == "memory:" {
        options.must_have_no_shelf()?;
        return Ok(sqlite::in_memory(home)?);
    }
    if address.starts_with("http://") || address.starts_with("https://") {
        return http::connect(address, options.token_file.as_deref());
    }
    if postgres::is_postgres(address) {
        return postgres::connect(address, options);
    }
    if address.contains("://") || address.is_empty() {
        return Err(StoreError::Address(address.to_owned()));
    }
    options.must_have_no_shelf()?;
    Ok(Arc::new(sqlite::Sqlite::open(&PathBuf::from(address), home, options)?))
}

/// Makes the store at `address` of the backup in `folder`, at the time `at`.
///
/// Refuses a store that any process has open. Not for a process that has opened it itself.
pub fn restore(folder: &Path, address: &str, how: Restoring, at: kitaru_core::Millis) -> Result<Restored, StoreError> {
    if address == "memory:" || address.contains("://") || address.is_empty() {
        return Err(StoreError::Address(address.to_owned()));
    }
    sqlite::restore(folder, Path::new(address), how, at)
}
