//! Looking whether every value is there that is referred to, and is what it was.
//!
//! Not here: the database's own check of its pages.

use super::chunks;
use super::collect::references;
use super::fault::{Fault, Result};
use super::seal::Db;
use crate::error::StoreError;
use crate::values::Values;
use kitaru_core::ValueRef;
use rusqlite::params;
use std::collections::HashSet;
use std::path::Path;

/// How many rows are read at a time.
const PAGE: i64 = 1000;

/// What is wrong with the values; `Ok`: each that is referred to is there and reads back. Their number.
pub fn check(db: &Db, values: &Values, path: &Path) -> Result<std::result::Result<u64, String>> {
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
        let page = chunks::stored(db, &after, PAGE)?;
        let Some(last) = page.last() else { return Ok(Ok(count)) };
        after = last.name.0.to_vec();
        for large in page {
            match values.read_large(&large, chunks::parts_of(db, &large)?, &db.seal.now(), path) {
                Ok(_) => count += 1,
                // Removed while this went on.
                Err(_) if chunks::parts_of(db, &large)?.is_empty() => {}
                Err(StoreError::Damaged { path, why }) => return Ok(Err(format!("{path}: {why}"))),
                Err(error) => return Err(Fault::Refused(error)),
            }
        }
    }
}

/// What a page of events refers to, and the place of its last event.
fn referred(db: &Db, after: i64) -> Result<(Vec<ValueRef>, Option<i64>)> {
    let mut select =
        db.prepare_cached("SELECT place, payload FROM journal WHERE place > ?1 ORDER BY place LIMIT ?2")?;
    let mut rows = select.query(params![after, PAGE])?;
    let (mut found, mut last) = (Vec::new(), None);
    while let Some(row) = rows.next()? {
        let place: i64 = row.get(0)?;
        last = Some(place);
        references(db, row, 1, place, &mut found)?;
    }
    Ok((found, last))
}
