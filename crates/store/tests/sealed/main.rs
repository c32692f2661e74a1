//! Sealed stores: nothing of what is kept can be read from their files, and what is changed in them is noticed.
//!
//! Not here: that a sealed store does all that another does (`conformance`).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[cfg(unix)]
#[path = "../cluster/mod.rs"]
mod cluster;
mod damage;
#[path = "../conformance/events.rs"]
#[allow(dead_code)]
mod events;
mod fill;
mod keys;
mod looked_through;
#[cfg(unix)]
mod postgres;

use kitaru_store::{Options, Store, StoreError, keys as files, open};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub const T: i64 = 1_700_000_000_000;

/// A home with a file of keys.
pub struct Home {
    pub folder: tempfile::TempDir,
}

impl Home {
    pub fn made() -> Self {
        let home = Self { folder: tempfile::tempdir().unwrap() };
        home.key();
        home
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn file(&self) -> PathBuf {
        self.path().join("keys").join("file")
    }

    /// Makes a key.
    pub fn key(&self) -> String {
        files::make(&self.file(), "2026-11-30").unwrap().id.to_string()
    }

    pub fn address(&self) -> String {
        self.path().join("store").join("kitaru.db").display().to_string()
    }

    pub fn open_with(&self, keys: Option<PathBuf>) -> Result<Arc<dyn Store>, StoreError> {
        open(&self.address(), self.path(), &Options { keys, ..Options::default() })
    }

    /// The store with its keys.
    pub fn sealed(&self) -> Arc<dyn Store> {
        self.open_with(Some(self.file())).unwrap()
    }

    /// The store without.
    pub fn plain(&self) -> Arc<dyn Store> {
        self.open_with(None).unwrap()
    }
}
