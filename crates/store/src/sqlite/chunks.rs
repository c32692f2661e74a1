//! The index of chunks and large values. Not here: cutting values up, and the packs (`values/`).

use super::Fault;
use crate::error::StoreError;
use crate::values::{New, Part, Place, Range, decode_ids, encode_ids};
use kitaru_core::{Digest, ValueRef};
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::collections::HashSet;

/// Which chunks are stored, in one look at the database.
pub fn has_chunks(db: &Connection, digests: &[Digest]) -> rusqlite::Result<Vec<bool>> {
    let look = db.unchecked_transaction()?;
    let mut select = db.prepare_cached("SELECT 1 FROM chunks WHERE digest = ?1")?;
    let found = digests.iter().map(|digest| select.exists([&digest.0[..]])).collect();
    look.finish()?;
    found
}

/// Writes what `prepare` found to be new.
pub fn insert(db: &Connection, values: &[New]) -> Result<(), Fault> {
    for value in values {
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
                "INSERT INTO chunks (digest, len, zstd, data, pack, place, stored) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute(params![
                &chunk.digest.0[..],
                chunk.len,
                chunk.zstd,
                data,
                pack,
                place,
                chunk.stored
            ])?;
            ids.push(db.last_insert_rowid());
        }
        db.prepare_cached("INSERT OR IGNORE INTO blobs (digest, len, chunks) VALUES (?1, ?2, ?3)")?
            .execute(params![&value.reference.digest.0[..], value.reference.len, encode_ids(&ids)])?;
    }
    Ok(())
}

/// Those of these chunks that are stored.
pub fn pieces(db: &Connection, digests: &[Digest]) -> rusqlite::Result<Vec<Option<Part>>> {
    let mut select = db.prepare_cached("SELECT len, stored, zstd, data, pack, place FROM chunks WHERE digest = ?1")?;
    digests.iter().map(|digest| select.query_row([&digest.0[..]], part).optional()).collect()
}

fn part(row: &Row<'_>) -> rusqlite::Result<Part> {
    let pack: Option<u64> = row.get(4)?;
    let place: Option<u64> = row.get(5)?;
    Ok(Part { len: row.get(0)?, stored: row.get(1)?, zstd: row.get(2)?, data: row.get(3)?, pack: pack.zip(place) })
}

/// Refuses references to values that are not there: whatever they were read from has gone meanwhile.
pub fn must_exist(db: &Connection, digests: &[Digest]) -> Result<(), Fault> {
    if digests.is_empty() {
        return Ok(());
    }
    let mut select = db.prepare_cached("SELECT 1 FROM blobs WHERE digest = ?1")?;
    for digest in digests {
        if !select.exists([&digest.0[..]])? {
            let why = format!("value {digest} has been removed, with all that referred to it");
            return Err(Fault::Refused(StoreError::Conflict(why)));
        }
    }
    Ok(())
}

/// The identifiers of a value's chunks. None: there is no such value.
pub fn ids(db: &Connection, digest: &Digest) -> rusqlite::Result<Vec<i64>> {
    let found: Option<Vec<u8>> = db
        .prepare_cached("SELECT chunks FROM blobs WHERE digest = ?1")?
        .query_row([&digest.0[..]], |row| row.get(0))
        .optional()?;
    Ok(decode_ids(&found.unwrap_or_default()))
}

/// The chunks of a value, in order. None: there is no such value.
pub fn parts(db: &Connection, reference: &ValueRef) -> rusqlite::Result<Vec<Part>> {
    let mut select = db.prepare_cached("SELECT len, stored, zstd, data, pack, place FROM chunks WHERE id = ?1")?;
    ids(db, &reference.digest)?.into_iter().map(|id| select.query_row([id], part)).collect()
}

/// Where chunks stand in packs.
pub fn ranges(db: &Connection) -> rusqlite::Result<Vec<Range>> {
    let mut select = db.prepare_cached("SELECT pack, place, stored FROM chunks WHERE pack IS NOT NULL")?;
    select.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?.collect()
}

/// The packs that chunks stand in.
pub fn packs(db: &Connection) -> rusqlite::Result<HashSet<u64>> {
    let mut select = db.prepare_cached("SELECT DISTINCT pack FROM chunks WHERE pack IS NOT NULL")?;
    select.query_map([], |row| row.get(0))?.collect()
}
