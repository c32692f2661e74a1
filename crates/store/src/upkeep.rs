//! Keeping a store in order, where it lies: removing what is old, giving room back, backups.
//!
//! Apart from [`crate::Store`], whose verbs anybody may use from anywhere. Not here: what is old enough (the engine says).

use crate::store::Result;
use kitaru_core::{Epoch, ExecutionId, Millis, Seq};
use std::path::{Path, PathBuf};

/// What became of an execution that was to be removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Removal {
    /// It is gone, with that many events of that many bytes.
    Removed {
        /// How many events.
        events: u64,
        /// How many bytes they and its log had.
        bytes: u64,
    },
    /// Something needs it, or it has changed: in a few words. Nothing of it was removed.
    Kept(String),
    /// Somebody else has removed it.
    Gone,
}

/// What [`Upkeep::collect`] found that nothing refers to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// Whole values.
    pub values: u64,
    /// Parts of values.
    pub chunks: u64,
    /// What the parts took.
    pub bytes: u64,
    /// Why nothing was looked at: a backup is being made, or somebody else collects.
    pub put_off: Option<String>,
}

/// A backup that was made and read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    /// Where it is.
    pub folder: PathBuf,
    /// How many executions it has.
    pub executions: u64,
    /// How many events.
    pub events: u64,
    /// How many large values, each of which was read back.
    pub values: u64,
    /// What it takes.
    pub bytes: u64,
}

/// How a store is restored.
#[derive(Clone, Debug, Default)]
pub struct Restoring {
    /// A store that is there is put aside.
    pub force: bool,
    /// Tokens and links are as they were when the backup was made, those that were ended since too.
    pub keep_tokens: bool,
    /// The file with the keys of the backup, in place of what `KITARU_KEYS` says.
    pub keys: Option<PathBuf>,
}

/// A store that was restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// The backup that it was made of.
    pub backup: Backup,
    /// Executions that ran when the backup was made: they are interrupted now.
    pub interrupted: u64,
    /// Names of tokens that the backup lets in: they are revoked now, unless they were to be kept.
    pub tokens: Vec<String>,
    /// Where the store is now that was there before.
    pub before: Option<PathBuf>,
}

/// See the module.
pub trait Upkeep: Send + Sync {
    /// How many events an execution has written itself, and how many bytes they and its log are.
    fn weigh(&self, id: &ExecutionId) -> Result<(u64, u64)>;

    /// Removes executions that ended and have not changed since that epoch and sequence, one after the other and all in
    /// one transaction. One that a replay reads is kept, and one whose parent is on record: from there it may be used.
    fn remove(&self, rows: &[(ExecutionId, Epoch, Seq)]) -> Result<Vec<Removal>>;

    /// Removes stored values that no event refers to, in small transactions. `without`: nothing is removed, and what is
    /// found is what nobody would refer to if those executions were gone.
    fn collect(&self, without: Option<&[ExecutionId]>) -> Result<Collected>;

    /// Forgets which changes there were before that time, for whoever follows them ([`crate::Queries::forgotten`]). What
    /// they changed stays.
    fn forget_changes(&self, before: Millis) -> Result<()>;

    /// Gives room back that the store no longer uses, in small transactions, where that is much. How many bytes.
    fn give_back(&self) -> Result<u64>;

    /// Makes a consistent copy of the store in a folder that is not there yet, and reads all of it back. Others go on
    /// writing.
    fn backup(&self, folder: &Path) -> Result<Backup>;
}
