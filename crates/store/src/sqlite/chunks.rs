//! The index of chunks and large values. Not here: cutting values up, and the packs (`values/`).

use super::Fault;
use super::seal::Db;
use crate::error::StoreError;
use crate::seal::named;
use crate::values::{Large, New, Part, Place, Range, decode_ids, encode_ids};
use kitaru_core::{Digest, ValueRef};
use rusqlite::{OptionalExtension, Row, params};
use std::collections::HashSet;

/// Which chunks are stored, in one look at the database.
pub fn has_chunks(db: &Db, digests: &[Digest]) -> rusqlite::Result<Vec<bool>> {
    let look = db.unchecked_transaction()?;
    let mut select = db.prepare_cached("SELECT 1 FROM chunks WHERE digest = ?1")?;
    let found = digests.iter().map(|digest| select.exists([&digest.0[..]])).collect();
    look.finish()?;
    found
}

/// Writes what `prepare` found to be new.
pub fn insert(db: &Db, values: &[New]) -> Result<(), Fault> {
    let key = db.seal.now().writes();
    for value in values {
        if value.key != key {
            // The store has another key by now: it is cut up and sealed anew.
            return Err(Fault::Refused(StoreError::Collected));
        }
        let mut ids = Vec::with_capacity(value.chunks.len());
        for chunk in &value.chunks {
            let found: Option<i64> = db
                .prepare_cached("SELECT id FROM chunks WHERE digest = ?1")?
                .query_row([&chunk.digest.0[..]], |row| row.get(0))
                .optional()?;
            if let Some(id) = found {
                ids.push(id);
                continue;
            }
            let (data, pack) = match &chunk.place {
                Place::Row(data) => (Some(data), None),
                Place::Pack(pack, place) => (None, Some((*pack, *place))),
                Place::Known => return Err(Fault::Refused(StoreError::Collected)),
            };
            let (pack, place) = pack.unzip();
            db.prepare_cached(
                "INSERT INTO chunks (digest, len, zstd, data, pack, place, stored, sealed)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?
            .execute(params![
                &chunk.digest.0[..],
                chunk.len,
                chunk.zstd,
                data,
                pack,
                place,
                chunk.stored,
                named::key_name(chunk.sealed)
            ])?;
            ids.push(db.last_insert_rowid());
        }
        db.prepare_cached("INSERT OR IGNORE INTO blobs (digest, len, chunks, sealed) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![&value.name.0[..], value.reference.len, encode_ids(&ids), value.key.is_some()])?;
    }
    Ok(())
}

/// Those of these chunks that are stored.
pub fn pieces(db: &Db, digests: &[Digest]) -> rusqlite::Result<Vec<Option<Part>>> {
    let mut select = db.prepare_cached(
        "SELECT len, stored, zstd, data, pack, place, digest, sealed IS NOT NULL FROM chunks WHERE digest = ?1",
    )?;
    digests.iter().map(|digest| select.query_row([&digest.0[..]], part).optional()).collect()
}

fn part(row: &Row<'_>) -> rusqlite::Result<Part> {
    let pack: Option<u64> = row.get(4)?;
    let place: Option<u64> = row.get(5)?;
    Ok(Part {
        len: row.get(0)?,
        stored: row.get(1)?,
        zstd: row.get(2)?,
        data: row.get(3)?,
        pack: pack.zip(place),
        place: None,
        digest: Digest(row.get(6)?),
        sealed: row.get(7)?,
    })
}

/// Refuses references to values that are not there: whatever they were read from has gone meanwhile.
pub fn must_exist(db: &Db, digests: &[Digest]) -> Result<(), Fault> {
    if digests.is_empty() {
        return Ok(());
    }
    let mut select = db.prepare_cached("SELECT 1 FROM blobs WHERE digest = ?1")?;
    let seal = db.seal.now();
    for digest in digests {
        let names = named::names(&seal, named::VALUE, *digest);
        let found = names.iter().map(|name| select.exists([&name.0[..]])).collect::<rusqlite::Result<Vec<bool>>>()?;
        if !found.contains(&true) {
            let why = format!("value {digest} has been removed, with all that referred to it");
            return Err(Fault::Refused(StoreError::Conflict(why)));
        }
    }
    Ok(())
}

/// The identifiers of a value's chunks. None: there is no such value.
pub fn ids(db: &Db, digest: &Digest) -> rusqlite::Result<Vec<i64>> {
    for name in named::names(&db.seal.now(), named::VALUE, *digest) {
        let found = ids_of(db, &name)?;
        if !found.is_empty() {
            return Ok(found);
        }
    }
    Ok(Vec::new())
}

fn ids_of(db: &Db, digest: &Digest) -> rusqlite::Result<Vec<i64>> {
    let found: Option<Vec<u8>> = db
        .prepare_cached("SELECT chunks FROM blobs WHERE digest = ?1")?
        .query_row([&digest.0[..]], |row| row.get(0))
        .optional()?;
    Ok(decode_ids(&found.unwrap_or_default()))
}

/// The chunks of a value, in order. None: there is no such value.
pub fn parts(db: &Db, reference: &ValueRef) -> rusqlite::Result<Vec<Part>> {
    ids(db, &reference.digest)?.into_iter().map(|id| one(db, id)).collect()
}

/// The same for one that its own row tells of.
pub fn parts_of(db: &Db, large: &Large) -> rusqlite::Result<Vec<Part>> {
    ids_of(db, &large.name)?.into_iter().map(|id| one(db, id)).collect()
}

fn one(db: &Db, id: i64) -> rusqlite::Result<Part> {
    let text = "SELECT len, stored, zstd, data, pack, place, digest, sealed IS NOT NULL FROM chunks WHERE id = ?1";
    db.prepare_cached(text)?.query_row([id], part)
}

/// Stored values behind that name, at most `limit`.
pub fn stored(db: &Db, after: &[u8], limit: i64) -> rusqlite::Result<Vec<Large>> {
    let mut select =
        db.prepare_cached("SELECT digest, len, sealed FROM blobs WHERE digest > ?1 ORDER BY digest LIMIT ?2")?;
    let found = select.query_map(params![after, limit], |row| {
        Ok(Large { name: Digest(row.get(0)?), len: row.get(1)?, keyed: row.get(2)? })
    })?;
    found.collect()
}

/// Where chunks stand in packs.
pub fn ranges(db: &Db) -> rusqlite::Result<Vec<Range>> {
    let mut select = db.prepare_cached("SELECT pack, place, stored FROM chunks WHERE pack IS NOT NULL")?;
    select.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?.collect()
}

/// The packs that chunks stand in.
pub fn packs(db: &Db) -> rusqlite::Result<HashSet<u64>> {
    let mut select = db.prepare_cached("SELECT DISTINCT pack FROM chunks WHERE pack IS NOT NULL")?;
    select.query_map([], |row| row.get(0))?.collect()
}
