//! Copies of a store that others write to, and stores made of them.
//!
//! The database is copied by SQLite itself, as it stood at one instant (`VACUUM INTO`), and then the bytes in packs that
//! this copy refers to: they were on the disk before the transaction that refers to them, and nobody frees any meanwhile
//! (see `upkeep`). Both are made under another name and read back before they get theirs. Not here: what is asked of
//! people before a store is replaced.

use super::fault::Fault;
use super::seal::{self, Db};
use super::{Sqlite, chunks, open};
use crate::error::{StoreError, from_io};
use crate::os;
use crate::seal::Seal;
use crate::store::Result;
use crate::upkeep::Backup;
use crate::values::Values;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;

/// The database in a backup's folder: as in a home.
pub const NAME: &str = "kitaru.db";

impl Sqlite {
    /// See [`crate::Upkeep::backup`]. Nobody may free bytes of packs meanwhile.
    pub(super) fn back_up(&self, folder: &Path) -> Result<Backup> {
        let whole = std::path::absolute(folder).map_err(|error| from_io(folder, &error))?;
        if whole.exists() {
            let why = "it is there already: name a folder that is not".to_owned();
            return Err(StoreError::Io { path: whole.display().to_string(), why });
        }
        let (Some(above), Some(name)) = (whole.parent(), whole.file_name()) else {
            return Err(StoreError::Address(folder.display().to_string()));
        };
        let io = |error: std::io::Error| from_io(&whole, &error);
        std::fs::create_dir_all(above).map_err(io)?;
        let made = above.join(format!(".{}.{}", name.to_string_lossy(), uuid::Uuid::now_v7().simple()));
        os::private_folder(&made).map_err(io)?;
        let done = self.copy_to(&made).and_then(|()| {
            let found = verified(&made, self.seal.file())?;
            os::sync_folder(&made).map_err(io)?;
            std::fs::rename(&made, &whole).map_err(io)?;
            os::sync_folder(above).map_err(io)?;
            Ok(Backup { folder: whole.clone(), ..found })
        });
        if done.is_err() {
            // What is half a backup has no name that anybody asks for; the first error is the one to tell.
            drop(std::fs::remove_dir_all(&made));
        }
        done
    }

    fn copy_to(&self, folder: &Path) -> Result<()> {
        let target = folder.join(NAME);
        let shown = target.display().to_string();
        // A connection of its own: it reads for long, and nobody is to wait for it.
        let source = Db::new(connect(&self.path)?, std::sync::Arc::clone(&self.seal));
        open::shrinks(&source)
            .and_then(|()| Ok(source.execute("VACUUM INTO ?1", [&shown])?))
            .map_err(|fault| fault.told(Some(&source), &self.path))?;
        drop(source);
        sync(&target)?;
        let copy = Db::new(connect(&target)?, std::sync::Arc::clone(&self.seal));
        let ranges = chunks::ranges(&copy).map_err(|error| Fault::Sql(error).told(Some(&copy), &target))?;
        drop(copy);
        self.values.copy(ranges, &open::beside(&target, ".packs"))?;
        Ok(())
    }
}

fn connect(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(path, flags).map_err(|error| Fault::Sql(error).told(None, path))
}

fn sync(path: &Path) -> Result<()> {
    std::fs::File::open(path).and_then(|file| file.sync_all()).map_err(|error| from_io(path, &error))
}

/// Reads all of a backup: its pages, and every value that is referred to. Refuses one that is not whole, and one whose keys
/// are not in the file.
pub fn verified(folder: &Path, keys: Option<&Path>) -> Result<Backup> {
    let path = folder.join(NAME);
    if !path.is_file() {
        let why = format!("there is no backup: it has no {NAME}");
        return Err(StoreError::Io { path: folder.display().to_string(), why });
    }
    let seal = Seal::new(path.display().to_string(), keys.map(Path::to_owned));
    let db = Db::new(connect(&path)?, std::sync::Arc::new(seal));
    let told = |fault: Fault| fault.told(Some(&db), &path);
    let damaged = |why: String| StoreError::Damaged { path: path.display().to_string(), why };
    open::is_ours(&db, &path)?;
    seal::must_have_keys(&db, &db.seal).map_err(told)?;
    let pages = open::pragma(&db, "integrity_check").map_err(|error| told(error.into()))?;
    if pages != "ok" {
        return Err(damaged(pages));
    }
    let count = |table: &str| -> Result<u64> {
        db.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).map_err(|error| told(error.into()))
    };
    let packs = open::beside(&path, ".packs");
    let values = Values::in_folder(packs);
    let read = super::check::check(&db, &values, &path).map_err(told)?.map_err(damaged)?;
    let len = path.metadata().map_err(|error| from_io(&path, &error))?.len();
    Ok(Backup {
        folder: folder.to_owned(),
        executions: count("executions")?,
        events: count("journal")?,
        values: read,
        bytes: len + values.bytes(),
    })
}
