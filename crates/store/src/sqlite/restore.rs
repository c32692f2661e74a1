//! A store made of a backup.
//!
//! It is made whole under another name and then takes the place, while nobody has the store open and nobody can open it.
//! What was running when the backup was made is interrupted, and no owner of that time can write to it: epochs go on from
//! where no store has been. Not here: making backups (`backup`).

use super::backup::{NAME, verified};
use super::fault::{self, Fault};
use super::gate::Gate;
use super::seal::{self, Db};
use super::{chunks, feed, open, write};
use crate::error::{StoreError, from_io};
use crate::os;
use crate::seal::{Seal, keys};
use crate::store::{Guard, Result};
use crate::upkeep::{Restored, Restoring};
use crate::values::Values;
use kitaru_core::event::Interrupted;
use kitaru_core::ids::RESTORED;
use kitaru_core::{Body, ExecutionId, Millis};
use rusqlite::{Connection, OpenFlags};
use std::path::{Path, PathBuf};

/// Makes the store at `path` of the backup in `folder`.
pub fn restore(folder: &Path, path: &Path, how: Restoring, at: Millis) -> Result<Restored> {
    let Restoring { force, keep_tokens, keys } = how;
    let keys = keys.or_else(keys::named);
    let backup = verified(folder, keys.as_deref())?;
    let path = open::place(path, &os::network_file_system)?;
    must_be_free(&path, force)?;
    let made = open::beside(&path, &format!(".made-{}", uuid::Uuid::now_v7().simple()));
    let gate = Gate::of(&open::beside(&path, ".lock"))?;
    let done = copy(folder, &made).and_then(|()| {
        let (interrupted, tokens) = fence(&made, keys.as_deref(), keep_tokens, at)?;
        // Whoever opens the store enters first, and then opens what is there by then.
        let _pass = gate.enter()?;
        let before = must_be_free(&path, force)?.then(|| put_aside(&path, at)).transpose()?;
        take_place(&made, &path)?;
        Ok(Restored { backup, interrupted, tokens, before })
    });
    if done.is_err() {
        // The first error is the one to tell; what is left is under a name that nobody asks for.
        drop(std::fs::remove_file(&made));
        drop(std::fs::remove_dir_all(packs(&made)));
    }
    done
}

/// Refuses a store that is in use, and one that is there unless it is to be put aside. Whether there is one, or what is
/// left of one.
fn must_be_free(path: &Path, force: bool) -> Result<bool> {
    if let Some(pid) = os::database_user(path).map_err(|error| from_io(path, &error))? {
        return Err(StoreError::Busy(format!("process {pid} has {} open; end it first", path.display())));
    }
    let there = ["", "-wal", ".packs"].iter().any(|end| open::beside(path, end).exists());
    if there && !force {
        let why = "a store is there already; nothing was changed".to_owned();
        return Err(StoreError::Io { path: path.display().to_string(), why });
    }
    Ok(there)
}

fn packs(path: &Path) -> PathBuf {
    open::beside(path, ".packs")
}

fn connect(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(path, flags).map_err(|error| Fault::Sql(error).told(None, path))
}

fn copy(folder: &Path, made: &Path) -> Result<()> {
    let source = folder.join(NAME);
    let io = |error: std::io::Error| from_io(made, &error);
    std::fs::copy(&source, made).map_err(io)?;
    let db = Db::plain(connect(made)?, made);
    let ranges = chunks::ranges(&db).map_err(|error| Fault::Sql(error).told(Some(&db), made))?;
    Values::in_folder(packs(&source)).copy(ranges, &packs(made))?;
    Ok(())
}

/// Interrupts what ran and takes every epoch that is not over, and the numbers of commits, beyond all that were ever given.
/// Revokes tokens and ends links unless they are kept: which of them were ended since the backup is not known here. How many
/// ran, and whom the tokens let in.
fn fence(made: &Path, keys: Option<&Path>, keep_tokens: bool, at: Millis) -> Result<(u64, Vec<String>)> {
    let seal = Seal::new(made.display().to_string(), keys.map(Path::to_owned));
    let db = Db::new(connect(made)?, std::sync::Arc::new(seal));
    let fenced = |db: &Db| -> fault::Result<(u64, Vec<String>)> {
        seal::must_have_keys(db, &db.seal)?;
        open::migrate(db)?;
        db.execute_batch("BEGIN IMMEDIATE")?;
        let mut numbers = feed::skip(db)?;
        let mut select = db.prepare("SELECT id FROM executions WHERE owner IS NOT NULL")?;
        let owned: Vec<String> = select.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
        for id in &owned {
            let gone = Interrupted { by: "a restore from a backup".to_owned(), reused: Vec::new() };
            write::post(
                db,
                &mut numbers,
                &ExecutionId::new(id.clone()),
                at,
                &Guard::NotFinal,
                &[Body::Interrupted(gone)],
            )?;
        }
        db.execute(
            "UPDATE executions SET epoch = epoch + ?1 WHERE status NOT IN ('completed', 'cancelled')",
            [RESTORED],
        )?;
        let live = "SELECT name FROM tokens WHERE revoked_at IS NULL AND coalesce(expires_at > ?1, 1) ORDER BY id";
        let mut select = db.prepare(live)?;
        let tokens: Vec<String> = select.query_map([at], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
        if !keep_tokens {
            db.execute("UPDATE tokens SET revoked_at = ?1 WHERE revoked_at IS NULL", [at])?;
            db.execute("UPDATE links SET used_at = ?1 WHERE used_at IS NULL", [at])?;
        }
        db.execute_batch("COMMIT")?;
        Ok((owned.len() as u64, tokens))
    };
    let owned = fenced(&db).map_err(|fault| fault.told(Some(&db), made))?;
    drop(db);
    std::fs::File::open(made).and_then(|file| file.sync_all()).map_err(|error| from_io(made, &error))?;
    Ok(owned)
}

/// Gives the store that is there another name beside it, at which it can be opened. The file stays at its own name too:
/// at no time is there none, which would be taken for a new one.
fn put_aside(path: &Path, at: Millis) -> Result<PathBuf> {
    let io = |error: std::io::Error| from_io(path, &error);
    let aside = open::beside(path, &format!(".before-{at}"));
    if path.exists()
        && let Ok(db) = connect(path)
    {
        // What is damaged may refuse: then its log is put aside with it.
        drop(db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())));
    }
    if path.exists() {
        std::fs::hard_link(path, &aside).map_err(io)?;
    }
    for end in ["-wal", "-shm", ".packs"] {
        let (from, to) = (open::beside(path, end), open::beside(&aside, end));
        if from.exists() {
            std::fs::rename(from, to).map_err(io)?;
        }
    }
    Ok(aside)
}

/// Values first: what refers to them comes last.
fn take_place(made: &Path, path: &Path) -> Result<()> {
    let io = |error: std::io::Error| from_io(path, &error);
    std::fs::rename(packs(made), packs(path)).map_err(io)?;
    std::fs::rename(made, path).map_err(io)?;
    os::sync_folder(path.parent().unwrap_or(path)).map_err(io)
}
