//! Parts of large values, sealed anew: their bytes are written to another place first, and then their rows say so.
//!
//! What a pack had is given back to the disk afterwards, unless a backup is being made: then a pack that nothing refers to
//! goes as a whole, later. Not here: rows (`reseal`).

use super::fault::Result;
use super::reseal::{is_taken, twin};
use super::seal::Db;
use super::writer::Durable;
use super::{Sqlite, open};
use crate::copy::Cell;
use crate::keyring::Reached;
use crate::seal::{KeyId, named};
use crate::store;
use crate::values::{Part, Range};
use kitaru_core::Digest;
use rusqlite::params;
use std::fs::TryLockError;

/// Parts, and about how many bytes of them, in a transaction.
const SOME: i64 = 64;
const BYTES: u64 = 4 << 20;
/// A file up to so large is written anew in a moment.
const SMALL: u64 = 64 << 20;

/// A part that is sealed anew.
struct Sealed {
    id: i64,
    /// How it stood.
    was: (Digest, bool, u64, Option<(u64, u64)>),
    name: Digest,
    data: Vec<u8>,
    key: KeyId,
    place: Option<(u64, u64)>,
}

fn find(db: &Db, id: KeyId, after: i64) -> Result<Vec<(i64, Part, Digest)>> {
    let text = "SELECT id, len, stored, zstd, data, pack, place, digest, sealed IS NOT NULL FROM chunks
        WHERE id > ?1 AND (sealed IS NULL OR sealed <> ?2) ORDER BY id LIMIT ?3";
    let mut select = db.prepare_cached(text)?;
    let mut rows = select.query(params![after, id.to_string(), SOME])?;
    let (mut found, mut bytes) = (Vec::new(), 0);
    while let Some(row) = rows.next()? {
        let (pack, place): (Option<u64>, Option<u64>) = (row.get(5)?, row.get(6)?);
        let part = Part {
            len: row.get(1)?,
            stored: row.get(2)?,
            zstd: row.get(3)?,
            data: row.get(4)?,
            pack: pack.zip(place),
            place: None,
            digest: Digest(row.get(7)?),
            sealed: row.get(8)?,
        };
        let id: i64 = row.get(0)?;
        // What was plain gets the name that a sealed one has.
        let keyed = if part.sealed { part.digest } else { db.seal.now().address(named::CHUNK, part.digest) };
        let name = if is_taken(db, &keyed, id)? { twin(db, id) } else { keyed };
        bytes += part.stored;
        found.push((id, part, name));
        if bytes > BYTES {
            break;
        }
    }
    Ok(found)
}

impl Sqlite {
    /// `None`: there are no more.
    pub(super) fn reseal_chunks(&self, key: KeyId, reached: &mut Reached) -> store::Result<Option<u64>> {
        let after = match reached.after.first() {
            Some(Cell::Int(after)) => *after,
            _ => 0,
        };
        let found = self.read(|db| find(db, key, after))?;
        let Some((last, ..)) = found.last() else { return Ok(None) };
        reached.after = vec![Cell::Int(*last)];
        let mut all = Vec::with_capacity(found.len());
        for (id, part, name) in found {
            let (len, zstd, was) = (part.len, part.zstd, part.standing());
            let seal = self.seal.now();
            let bytes = self.values.opened(part, &seal, &self.path)?;
            let (data, sealed) = seal.bytes(|| named::chunk(&name, len, zstd), bytes.into());
            if sealed != Some(key) {
                return Ok(Some(0));
            }
            all.push(Sealed { id, was, name, data: data.into_owned(), key, place: None });
        }
        let packed: Vec<usize> = (0..all.len()).filter(|at| all[*at].was.3.is_some()).collect();
        let places = self.values.append(packed.iter().map(|at| all[*at].data.as_slice()))?;
        for (at, place) in packed.into_iter().zip(places) {
            all[at].place = Some(place);
        }
        let freed: Vec<Range> =
            all.iter().filter_map(|one| one.was.3.map(|(pack, place)| (pack, place, one.was.2))).collect();
        let count = all.len() as u64;
        let done = self.write(Durable::Later, move |db, _| {
            if db.seal.now().writes() != Some(key) {
                return Ok(0);
            }
            let mut done = 0;
            for one in &all {
                done += update(db, one)?;
            }
            Ok(done)
        })?;
        if done == count {
            self.free(freed)?;
        }
        Ok(Some(done))
    }

    /// Gives the disk back what nothing refers to any more.
    fn free(&self, freed: Vec<Range>) -> store::Result<()> {
        if freed.is_empty() {
            return Ok(());
        }
        let lock = self.bytes_lock()?;
        match lock.try_lock() {
            Ok(()) => {
                // A power cut must not bring a row back whose bytes are gone.
                self.sync_log()?;
                self.values.free(freed);
                Ok(())
            }
            Err(TryLockError::WouldBlock) => Ok(()),
            Err(TryLockError::Error(error)) => Err(crate::error::from_io(&self.path, &error)),
        }
    }

    /// See [`crate::Keyring::scrub`]. SQLite leaves what it has moved within its pages, and writes a file anew without that.
    pub(super) fn scrub_file(&self, whole: bool) -> store::Result<Option<String>> {
        let len = self.path.metadata().map_err(|error| crate::error::from_io(&self.path, &error))?.len();
        if len > SMALL && !whole {
            let shown = self.path.display();
            return Ok(Some(format!(
                "{shown} is large: what was plain may stand in its unused parts until it is scrubbed"
            )));
        }
        let told = |db: &Db, error: rusqlite::Error| super::Fault::Sql(error).told(Some(db), &self.path);
        let busy: i64 = self.writer.alone(|db| {
            // What it writes beside is as large as the file.
            let temporary = if whole { "FILE" } else { "MEMORY" };
            db.execute_batch(&format!("PRAGMA temp_store = {temporary}; VACUUM; PRAGMA temp_store = MEMORY"))
                .map_err(|error| told(db, error))?;
            let row = db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0));
            row.map_err(|error| told(db, error))
        })??;
        // The log keeps its size, as a new one does.
        self.writer.with(|db| open::grow_wal(db, &self.path))?;
        let wal = open::beside(&self.path, "-wal");
        Ok((busy != 0).then(|| format!("{} is being read and may hold what was plain: try again", wal.display())))
    }
}

/// Writes one down, if it still stands as it did.
fn update(db: &Db, one: &Sealed) -> Result<u64> {
    if is_taken(db, &one.name, one.id)? {
        // It was written again since: the next walk gives it another name.
        return Ok(0);
    }
    let (data, (pack, place)) = match one.place {
        Some(place) => (None, (Some(place.0), Some(place.1))),
        None => (Some(&one.data), (None, None)),
    };
    let (digest, sealed, stored, at) = one.was;
    let (was_pack, was_place) = at.unzip();
    let changed = db
        .prepare_cached(
            "UPDATE chunks SET digest = ?2, data = ?3, pack = ?4, place = ?5, stored = ?6, sealed = ?7
             WHERE id = ?1 AND digest = ?8 AND (sealed IS NOT NULL) = ?9 AND stored = ?10 AND pack IS ?11 AND place IS ?12",
        )?
        .execute(params![
            one.id,
            &one.name.0[..],
            data,
            pack,
            place,
            one.data.len() as u64,
            one.key.to_string(),
            &digest.0[..],
            sealed,
            stored,
            was_pack,
            was_place
        ])?;
    Ok(changed as u64)
}
