//! A connection together with the store's keys, and the record that says which of them the store uses.
//!
//! The record is looked at again in the transaction that writes whenever somebody else has written: nothing plain gets
//! into a store that was sealed meanwhile, and nothing is sealed by a key that was given up. Not here: the ciphers
//! (`crate::seal`), and sealing anew what is there (`reseal`).

use super::fault::{Fault, Result};
use crate::error::StoreError;
use crate::seal::{Found, Kept, Place, Record, Seal};
use rusqlite::types::{ToSqlOutput, ValueRef as Stored};
use rusqlite::{Connection, OptionalExtension, Row, ToSql, params};
use serde::de::DeserializeOwned;
use std::borrow::Cow;
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;

/// A connection, and the keys of what is read and written by it.
pub struct Db {
    connection: Connection,
    /// The store's keys.
    pub seal: Arc<Seal>,
}

impl Db {
    pub fn new(connection: Connection, seal: Arc<Seal>) -> Self {
        Self { connection, seal }
    }

    /// To a store that has no keys: one in memory.
    pub fn plain(connection: Connection, path: &Path) -> Self {
        Self::new(connection, Arc::new(Seal::new(path.display().to_string(), None)))
    }

    /// Looks at the store's record again.
    pub fn follow(&self) -> Result<()> {
        Ok(self.seal.follow(record(self)?)?)
    }

    /// A column of texts as it was read.
    pub fn text(&self, row: &Row<'_>, at: usize, place: impl FnOnce() -> Place) -> Result<String> {
        self.opt_text(row, at, place)?.ok_or_else(|| Fault::Odd("a record lacks what each has".to_owned()))
    }

    /// The same, where there need not be any.
    pub fn opt_text(&self, row: &Row<'_>, at: usize, place: impl FnOnce() -> Place) -> Result<Option<String>> {
        Ok(self.opened(row, at, place)?.map(Cow::into_owned))
    }

    /// A column of JSON texts.
    pub fn json<T: DeserializeOwned>(&self, row: &Row<'_>, at: usize, place: impl FnOnce() -> Place) -> Result<T> {
        self.opt_json(row, at, place)?.ok_or_else(|| Fault::Odd("a record lacks what each has".to_owned()))
    }

    /// The same, where there need not be any.
    pub fn opt_json<T: DeserializeOwned>(
        &self,
        row: &Row<'_>,
        at: usize,
        place: impl FnOnce() -> Place,
    ) -> Result<Option<T>> {
        Ok(self.opened(row, at, place)?.map(|text| serde_json::from_str(&text)).transpose()?)
    }

    /// A column without a copy of it, where it is plain.
    pub fn opened<'a>(
        &self,
        row: &'a Row<'_>,
        at: usize,
        place: impl FnOnce() -> Place,
    ) -> Result<Option<Cow<'a, str>>> {
        let found = match row.get_ref(at)? {
            Stored::Null => return Ok(None),
            Stored::Blob(bytes) => Found::Sealed(bytes),
            other => Found::Plain(other.as_str().map_err(rusqlite::Error::from)?),
        };
        Ok(Some(self.seal.now().open(place, found)?))
    }
}

impl Deref for Db {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

/// What is sealed is bytes in a column of texts, so that the kind of a value says what it is.
impl ToSql for Kept<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Plain(text) => Stored::Text(text.as_bytes()),
            Self::Sealed(bytes) => Stored::Blob(bytes),
        }))
    }
}

/// The record of keys that a store has. A store of an earlier format has none.
pub fn record(db: &Connection) -> Result<Option<Record>> {
    let there = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'sealing'";
    if !db.prepare_cached(there)?.exists([])? {
        return Ok(None);
    }
    let found = db
        .prepare_cached("SELECT keys, state FROM sealing")?
        .query_row([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, Vec<u8>>(1)?)))
        .optional()?;
    let Some((names, state)) = found else { return Ok(None) };
    let record = Record::of(&names, state);
    record.map(Some).ok_or_else(|| Fault::Odd("its record of keys means nothing".to_owned()))
}

/// Keeps a record, in a transaction of the caller's.
pub fn keep(db: &Connection, record: &Record) -> Result<()> {
    let text = "INSERT OR REPLACE INTO sealing (one, keys, state) VALUES (1, ?1, ?2)";
    db.prepare_cached(text)?.execute(params![record.names(), record.state])?;
    Ok(())
}

/// Refuses a store whose keys were not given, before anything else is asked of it.
pub fn must_have_keys(db: &Connection, seal: &Seal) -> Result<()> {
    Ok(seal.follow(record(db)?)?)
}

/// Seals a store from now on, where keys were given and it is plain. Nobody else is opening it.
pub fn begin(db: &Connection, seal: &Seal) -> Result<()> {
    if !seal.has_keys() || record(db)?.is_some() {
        return must_have_keys(db, seal);
    }
    db.execute_batch("BEGIN IMMEDIATE")?;
    let done = begin_within(db, seal).and_then(|made| {
        db.execute_batch("COMMIT")?;
        Ok(made)
    });
    match done {
        Ok(made) => Ok(seal.follow(Some(made))?),
        Err(fault) => {
            // The first error is the one to tell.
            drop(db.execute_batch("ROLLBACK"));
            Err(fault)
        }
    }
}

fn begin_within(db: &Connection, seal: &Seal) -> Result<Record> {
    if let Some(known) = record(db)? {
        return Ok(known);
    }
    let empty = "SELECT NOT EXISTS (SELECT 1 FROM executions) AND NOT EXISTS (SELECT 1 FROM journal)
        AND NOT EXISTS (SELECT 1 FROM blobs) AND NOT EXISTS (SELECT 1 FROM chunks) AND NOT EXISTS (SELECT 1 FROM codes)
        AND NOT EXISTS (SELECT 1 FROM breakpoints) AND NOT EXISTS (SELECT 1 FROM links)
        AND NOT EXISTS (SELECT 1 FROM audit) AND NOT EXISTS (SELECT 1 FROM writers)";
    let made = seal.begin(db.query_row(empty, [], |row| row.get(0))?)?;
    keep(db, &made)?;
    Ok(made)
}

/// Whether the caller may do better by looking at the record again: what it read is sealed by a key that it does not know.
pub fn is_stale(error: &StoreError) -> bool {
    matches!(error, StoreError::Sealed { .. })
}
