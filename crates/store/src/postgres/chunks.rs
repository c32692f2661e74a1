//! Large values in tables: their parts by content, and which parts each has. Not here: cutting values up (`values/`).

use super::conn::Conn;
use super::fault::{Fault, Result};
use super::param::{self, Columns, Param};
use crate::seal::{Sealing, named};
use crate::values::{Chunk, Part, Place, decode_ids};
use kitaru_core::{Digest, ValueRef};
use std::collections::{HashMap, HashSet};
use tokio_postgres::Row;

fn all_of(digests: &[Digest]) -> Param {
    Param::ManyBytes(digests.iter().map(|digest| digest.0.to_vec()).collect())
}

/// Which chunks are stored.
pub fn has(db: &Conn, digests: &[Digest]) -> Result<Vec<bool>> {
    let rows = db.query("SELECT digest FROM chunks WHERE digest = ANY ($1)", &[all_of(digests)])?;
    let found: HashSet<[u8; 32]> = rows.iter().map(|row| row.digest(0)).collect::<Result<_>>()?;
    Ok(digests.iter().map(|digest| found.contains(&digest.0)).collect())
}

/// Stores new chunks, some of which lie at a place already (`placed`, in the order of the chunks). It is not awaited to the
/// disk: the commit that refers to them comes after it, and takes it along. Returns the places that were not needed; `None`:
/// the store has other keys by now.
pub fn insert(
    db: &Conn,
    chunks: &[&Chunk],
    placed: &[Option<String>],
    space: i32,
    keys: &str,
) -> Result<Option<Vec<String>>> {
    let mut sealed = None;
    let (mut digests, mut lens, mut packed, mut data) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut stored, mut places) = (Vec::new(), Vec::new());
    for (at, chunk) in chunks.iter().enumerate() {
        if let Place::Row(bytes) = &chunk.place {
            let place = placed.get(at).cloned().flatten();
            digests.push(chunk.digest.0.to_vec());
            lens.push(i64::try_from(chunk.len).unwrap_or(i64::MAX));
            packed.push(chunk.zstd);
            data.push(place.is_none().then(|| bytes.clone()));
            stored.push(i64::try_from(bytes.len()).unwrap_or(i64::MAX));
            places.push(place);
            sealed = named::key_name(chunk.sealed);
        }
    }
    let text = "SELECT put_chunks($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    let params = [
        Param::Small(space),
        keys.into(),
        sealed.as_deref().into(),
        Param::ManyBytes(digests),
        Param::Ints(lens),
        Param::Bools(packed),
        Param::SomeBytes(data),
        Param::Ints(stored),
        Param::SomeTexts(places),
    ];
    param::get(&db.one(text, &params)?, 0)
}

fn part(row: &Row, at: usize) -> Result<Part> {
    Ok(Part {
        digest: Digest(row.digest(at + 4)?),
        sealed: row.flag(at + 5)?,
        len: row.num(at)?,
        stored: row.num(at + 1)?,
        zstd: row.flag(at + 2)?,
        data: row.opt_bytes(at + 3)?,
        pack: None,
        place: row.opt_text(at + 6)?,
    })
}

/// Those of these chunks that are stored.
pub fn pieces(db: &Conn, digests: &[Digest]) -> Result<Vec<Option<Part>>> {
    let text = "SELECT digest, len, stored, zstd, data, digest, sealed IS NOT NULL, place FROM chunks
        WHERE digest = ANY ($1)";
    let mut found: HashMap<[u8; 32], Row> = HashMap::new();
    for row in db.query(text, &[all_of(digests)])? {
        found.insert(row.digest(0)?, row);
    }
    digests.iter().map(|digest| found.get(&digest.0).map(|row| part(row, 1)).transpose()).collect()
}

/// What these chunks are called, in order. One that has just been removed is called 0, which none is.
pub fn ids(db: &Conn, chunks: &[Chunk]) -> Result<Vec<i64>> {
    let digests: Vec<Digest> = chunks.iter().map(|chunk| chunk.digest).collect();
    let mut found: HashMap<[u8; 32], i64> = HashMap::new();
    for row in db.query("SELECT digest, id FROM chunks WHERE digest = ANY ($1)", &[all_of(&digests)])? {
        found.insert(row.digest(0)?, row.int(1)?);
    }
    Ok(digests.iter().map(|digest| found.get(&digest.0).copied().unwrap_or_default()).collect())
}

/// The chunks of a value, in order. None: there is no such value. Its names are looked for at once: between two looks a row
/// may be given the other name.
pub fn parts(db: &Conn, seal: &Sealing<'_>, reference: &ValueRef) -> Result<Vec<Part>> {
    parts_of_any(db, &named::names(seal, named::VALUE, reference.digest))
}

/// The same by the name of its row.
pub fn parts_of(db: &Conn, name: &Digest) -> Result<Vec<Part>> {
    parts_of_any(db, &[*name])
}

fn parts_of_any(db: &Conn, names: &[Digest]) -> Result<Vec<Part>> {
    let text = "SELECT chunks, digest FROM blobs WHERE digest = ANY ($1) LIMIT 1";
    let Some(row) = db.find(text, &[all_of(names)])? else { return Ok(Vec::new()) };
    let (ids, name) = (decode_ids(&row.bytes(0)?), Digest(row.digest(1)?));
    let text = "SELECT id, len, stored, zstd, data, digest, sealed IS NOT NULL, place FROM chunks WHERE id = ANY ($1)";
    let mut found: HashMap<i64, Row> = HashMap::new();
    for row in db.query(text, &[Param::Ints(ids.clone())])? {
        found.insert(row.int(0)?, row);
    }
    let missing = || Fault::Odd(format!("value {name}: a part of it is not there"));
    ids.iter().map(|id| part(found.get(id).ok_or_else(missing)?, 1)).collect()
}

/// Whether there is such a value.
pub fn is_there(db: &Conn, seal: &Sealing<'_>, digest: &Digest) -> Result<bool> {
    let names = all_of(&named::names(seal, named::VALUE, *digest));
    Ok(db.find("SELECT 1 FROM blobs WHERE digest = ANY ($1)", &[names])?.is_some())
}
