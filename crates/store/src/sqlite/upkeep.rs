//! Removing, collecting and backing up, as others see it.
//!
//! A backup needs the bytes of packs that its copy of the database refers to, and whoever collects frees some: a lock
//! beside the database keeps the two apart. Not here: how either is done (`collect`, `backup`).

use super::seal::Db;
use super::writer::Durable;
use super::{Sqlite, collect, feed, open, read};
use crate::error::{StoreError, from_io};
use crate::os;
use crate::store::Result;
use crate::upkeep::{Backup, Collected, Removal, Upkeep};
use kitaru_core::{Epoch, ExecutionId, Millis, Seq};
use std::fs::{File, TryLockError};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a backup waits for whoever collects.
const PATIENCE: Duration = Duration::from_secs(600);
const LOOK: Duration = Duration::from_millis(50);
/// Unused pages up to this many are kept: they are used again soon.
const LITTLE: u64 = 1024;
/// How many are given back in a transaction: others write in between.
const GIVEN: u64 = 256;

impl Sqlite {
    /// Refuses where the file has been moved away, or another is in its place: what is written to it now is nobody's.
    pub(super) fn must_be_where_it_was(&self) -> Result<()> {
        let path = self.path.display().to_string();
        match (self.file, os::file_id(&self.path)) {
            (None, _) => Ok(()),
            (Some(opened), Ok(found)) if found == opened => Ok(()),
            (_, Ok(_)) => Err(StoreError::Moved { path, how: "another file is in its place".to_owned() }),
            (_, Err(error)) if error.kind() == std::io::ErrorKind::NotFound => {
                Err(StoreError::Moved { path, how: "it is no longer there".to_owned() })
            }
            (_, Err(error)) => Err(from_io(&self.path, &error)),
        }
    }

    /// Forces to the disk what has been committed, whatever the store's setting.
    pub(super) fn sync_log(&self) -> Result<()> {
        let log = open::beside(&self.path, "-wal");
        match File::open(&log).and_then(|file| os::sync_data(&file)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(from_io(&log, &error)),
            _ => Ok(()),
        }
    }

    pub(super) fn bytes_lock(&self) -> Result<File> {
        let path = open::beside(&self.path, ".bytes-lock");
        let file = File::options().read(true).write(true).create(true).truncate(false).open(&path);
        file.map_err(|error| from_io(&path, &error))
    }

    /// Nobody frees bytes until it is dropped.
    fn keep_bytes(&self) -> Result<File> {
        let (file, since) = (self.bytes_lock()?, Instant::now());
        loop {
            match file.try_lock_shared() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) if since.elapsed() < PATIENCE => std::thread::sleep(LOOK),
                Err(TryLockError::WouldBlock) => {
                    return Err(StoreError::Busy("another process removes unused values; try again".to_owned()));
                }
                Err(TryLockError::Error(error)) => return Err(from_io(&self.path, &error)),
            }
        }
    }
}

impl Upkeep for Sqlite {
    fn weigh(&self, id: &ExecutionId) -> Result<(u64, u64)> {
        self.read(|db| collect::weigh(db, read::must_exist(db, id)?))
    }

    fn remove(&self, rows: &[(ExecutionId, Epoch, Seq)]) -> Result<Vec<Removal>> {
        let told = Arc::new(Mutex::new(Vec::new()));
        let (wanted, found) = (rows.to_vec(), Arc::clone(&told));
        self.write(Durable::Now, move |db, numbers| {
            let done =
                wanted.iter().map(|row| collect::remove(db, numbers, row)).collect::<super::fault::Result<_>>()?;
            *found.lock().unwrap_or_else(PoisonError::into_inner) = done;
            Ok(0)
        })?;
        for (id, ..) in rows {
            self.forget_number(id);
        }
        self.posted();
        let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(std::mem::take(&mut *told))
    }

    fn collect(&self, without: Option<&[ExecutionId]>) -> Result<Collected> {
        self.here()?;
        if self.reader.is_none() || without.is_some() {
            // In memory there are no packs; and whoever only looks frees nothing.
            return self.collect_values(without);
        }
        let lock = self.bytes_lock()?;
        match lock.try_lock() {
            Ok(()) => self.collect_values(without),
            Err(TryLockError::WouldBlock) => {
                let why = "a backup is being made, or another process does the same";
                Ok(Collected { put_off: Some(why.to_owned()), ..Collected::default() })
            }
            Err(TryLockError::Error(error)) => Err(from_io(&self.path, &error)),
        }
    }

    fn forget_changes(&self, before: Millis) -> Result<()> {
        loop {
            let more = self.write(Durable::Later, move |db, _| Ok(u64::from(feed::trim(db, before)?)))?;
            if more == 0 {
                return Ok(());
            }
        }
    }

    fn give_back(&self) -> Result<u64> {
        let count = |db: &Db, name: &str| -> super::fault::Result<u64> {
            Ok(db.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0))?)
        };
        let (free, pages, size) =
            self.read(|db| Ok((count(db, "freelist_count")?, count(db, "page_count")?, count(db, "page_size")?)))?;
        if free < LITTLE || free < pages / 4 {
            return Ok(0);
        }
        let mut left = free;
        while left > 0 {
            let step = format!("PRAGMA incremental_vacuum({GIVEN})");
            let now = self.write(Durable::Later, move |db, _| {
                let mut step = db.prepare(&step)?;
                let mut rows = step.query([])?;
                // A page is given back with each.
                while rows.next()?.is_some() {}
                drop(rows);
                count(db, "freelist_count")
            })?;
            if now >= left {
                // A store of an earlier version keeps its pages, and others may free more than are given back.
                break;
            }
            left = now;
        }
        Ok((free - left) * size)
    }

    fn backup(&self, folder: &Path) -> Result<Backup> {
        self.here()?;
        if self.reader.is_none() {
            return Err(StoreError::Address("memory:".to_owned()));
        }
        let kept = self.keep_bytes()?;
        let made = self.back_up(folder);
        drop(kept);
        made
    }
}
