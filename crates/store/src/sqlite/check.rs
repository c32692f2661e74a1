//! Looking whether every value is there that is referred to, and is what it was.
//!
//! Not here: the database's own check of its pages.

use super::chunks;
use super::collect::references;
use super::fault::{Fault, Result};
use crate::error::StoreError;
use crate::values::Values;
use kitaru_core::{Digest, ValueRef};
use rusqlite::{Connection, params};
use std::collections::HashSet;
use std::path::Path;

/// How many rows are read at a time.
const PAGE: i64 = 1000;

/// What is wrong with the values; `Ok`: each that is referred to is there and reads back. Their number.
pub fn check(db: &Connection, values: &Values, path: &Path) -> Result<std::result::Result<u64, String>> {
    let (mut after, mut known) = (0, HashSet::new());
    loop {
        let (found, last) = referred(db, after)?;
        for reference in found {
            if !known.insert(reference.digest) || !chunks::ids(db, &reference.digest)?.is_empty() {
                continue;
            }
            // What was referred to may have been removed since, with the execution that did.
            if referred(db, after)?.0.contains(&reference) {
                return Ok(Err(format!("value {} is referred to and is not there", reference.digest)));
            }
        }
        match last {
            Some(last) => after = last,
            None => break,
        }
    }
    let (mut after, mut count) = (Vec::new(), 0);
    loop {
        let page = stored(db, &after)?;
        let Some(last) = page.last() else { return Ok(Ok(count)) };
        after = last.digest.0.to_vec();
        for reference in page {
            match values.read(&reference, chunks::parts(db, &reference)?, path) {
                Ok(_) => count += 1,
                // Removed while this went on.
                Err(_) if chunks::ids(db, &reference.digest)?.is_empty() => {}
                Err(StoreError::Damaged { path, why }) => return Ok(Err(format!("{path}: {why}"))),
                Err(error) => return Err(Fault::Refused(error)),
            }
        }
    }
}

/// What a page of events refers to, and the place of its last event.
fn referred(db: &Connection, after: i64) -> Result<(Vec<ValueRef>, Option<i64>)> {
    let mut select =
        db.prepare_cached("SELECT place, payload FROM journal WHERE place > ?1 ORDER BY place LIMIT ?2")?;
    let mut rows = select.query(params![after, PAGE])?;
    let (mut found, mut last) = (Vec::new(), None);
    while let Some(row) = rows.next()? {
        last = Some(row.get(0)?);
        references(row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?, &mut found)?;
    }
    Ok((found, last))
}

fn stored(db: &Connection, after: &[u8]) -> Result<Vec<ValueRef>> {
    let mut select = db.prepare_cached("SELECT digest, len FROM blobs WHERE digest > ?1 ORDER BY digest LIMIT ?2")?;
    let mut rows = select.query(params![after, PAGE])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let digest: [u8; 32] = row.get(0)?;
        found.push(ValueRef { digest: Digest(digest), len: row.get(1)? });
    }
    Ok(found)
}
