//! What is sealed in columns, and the record that says by which keys.
//!
//! Each write says which keys it was sealed by, and is refused where the store has others by then (`once` in the
//! migrations). Not here: the ciphers (`crate::seal`), and sealing anew what is there (`reseal`).

use super::conn::Conn;
use super::fault::{Fault, Result};
use super::param::{self, Columns, Param};
use super::{Postgres, open};
use crate::error::StoreError;
use crate::seal::{Found, Place, Record};
use crate::store;
use serde::de::DeserializeOwned;
use tokio_postgres::Row;

impl Conn {
    /// A column of texts as it was read.
    pub fn text(&self, row: &Row, at: usize, place: impl FnOnce() -> Place) -> Result<String> {
        self.opt_text(row, at, place)?.ok_or_else(lacks)
    }

    /// The same, where there need not be any.
    pub fn opt_text(&self, row: &Row, at: usize, place: impl FnOnce() -> Place) -> Result<Option<String>> {
        let Some(text) = param::get::<Option<&str>>(row, at)? else { return Ok(None) };
        Ok(Some(match param::sealed(text)? {
            Some(whole) => self.seal.now().open(place, Found::Sealed(&whole))?.into_owned(),
            None => param::unescaped(self.seal.now().open(place, Found::Plain(text))?.into_owned()),
        }))
    }

    /// A column of JSON texts.
    pub fn json<T: DeserializeOwned>(&self, row: &Row, at: usize, place: impl FnOnce() -> Place) -> Result<T> {
        self.opt_json(row, at, place)?.ok_or_else(lacks)
    }

    /// The same, where there need not be any.
    pub fn opt_json<T: DeserializeOwned>(
        &self,
        row: &Row,
        at: usize,
        place: impl FnOnce() -> Place,
    ) -> Result<Option<T>> {
        let Some(text) = param::get::<Option<&str>>(row, at)? else { return Ok(None) };
        // What it has of NUL is escaped by JSON itself.
        Ok(Some(match param::sealed(text)? {
            Some(whole) => serde_json::from_str(&self.seal.now().open(place, Found::Sealed(&whole))?)?,
            None => serde_json::from_str(&self.seal.now().open(place, Found::Plain(text))?)?,
        }))
    }

    /// A text for its column.
    pub fn kept(&self, place: impl FnOnce() -> Place, text: &str) -> Param {
        Param::Text(Some(param::kept(self.seal.now().text(place, text))))
    }

    /// The same, where there need not be any.
    pub fn opt_kept(&self, place: impl FnOnce() -> Place, text: Option<&str>) -> Param {
        text.map_or(Param::Text(None), |text| self.kept(place, text))
    }
}

fn lacks() -> Fault {
    Fault::Odd("a record lacks what each has".to_owned())
}

/// The record of keys that a store has. A store of an earlier format has none.
pub fn record(db: &Conn) -> Result<Option<Record>> {
    let Some(row) = db.find("SELECT keys, state FROM sealing", &[])? else { return Ok(None) };
    let record = Record::of(&row.text(0)?, row.bytes(1)?);
    record.map(Some).ok_or_else(|| Fault::Odd("its record of keys means nothing".to_owned()))
}

fn keep(db: &Conn, record: &Record) -> Result<()> {
    let text = "INSERT INTO sealing (one, keys, state) VALUES (1, $1, $2)
        ON CONFLICT (one) DO UPDATE SET keys = excluded.keys, state = excluded.state";
    let params = [record.names().as_str().into(), Param::Bytes(record.state.clone())];
    db.execute(text, &params).map(|_| ())
}

const EMPTY: &str = "SELECT NOT EXISTS (SELECT 1 FROM executions) AND NOT EXISTS (SELECT 1 FROM journal)
    AND NOT EXISTS (SELECT 1 FROM blobs) AND NOT EXISTS (SELECT 1 FROM chunks) AND NOT EXISTS (SELECT 1 FROM codes)
    AND NOT EXISTS (SELECT 1 FROM breakpoints) AND NOT EXISTS (SELECT 1 FROM links)
    AND NOT EXISTS (SELECT 1 FROM audit)";

impl Postgres {
    /// Looks at the store's record again.
    pub(super) fn follow(&self) -> store::Result<()> {
        let found = self.read_once(record)?;
        self.seal.follow(found)
    }

    /// Changes the record, while nobody writes. `made`: the new one, of the present; `None`: it stays.
    pub(super) fn change_record(&self, made: impl Fn(&Conn) -> store::Result<Option<Record>>) -> store::Result<bool> {
        let changed = self.again(|db| {
            db.transaction("BEGIN", |db| {
                let key = (i64::from(self.space) << 8) | 3;
                db.query("SELECT pg_advisory_xact_lock($1)", &[key.into()])?;
                self.seal.follow(record(db)?)?;
                let Some(made) = made(db)? else { return Ok(false) };
                keep(db, &made)?;
                db.query("SELECT announce($1)", &[Param::Small(self.space)])?;
                db.query("SELECT nextval('revision')", &[])?;
                Ok(true)
            })
        })?;
        self.follow()?;
        Ok(changed)
    }

    /// Refuses where keys are missing, and seals a plain store from now on where there are any.
    pub(super) fn begin_sealing(&self, stays_plain: bool) -> store::Result<()> {
        self.follow()?;
        if stays_plain || !self.seal.has_keys() || self.seal.now().writes().is_some() {
            return Ok(());
        }
        self.change_record(|db| {
            if self.seal.now().writes().is_some() {
                return Ok(None);
            }
            let empty = db.one(EMPTY, &[]).and_then(|row| row.flag(0)).map_err(|fault| fault.told(&self.path))?;
            self.seal.begin(empty).map(Some)
        })?;
        Ok(())
    }

    /// Refuses to write by keys that are no longer the store's, inside of a transaction.
    pub(super) fn must_have_keys(&self, db: &Conn) -> Result<()> {
        let key = (i64::from(self.space) << 8) | 3;
        db.query("SELECT pg_advisory_xact_lock_shared($1)", &[key.into()])?;
        Ok(self.seal.follow(record(db)?)?)
    }

    /// Looks at the record before anything else is asked of the store.
    pub(super) fn look_for_keys(&self) -> store::Result<()> {
        // Who lacks the keys changes nothing.
        let found = self.first(|db| {
            let schema = &self.pool.address().schema;
            match open::look(db, schema, &self.path)?.version {
                Some(version) if version >= open::SEALS => record(db),
                _ => Ok(None),
            }
        })?;
        self.seal.follow(found)
    }
}

/// Whether the caller may do better by looking at the record again.
pub fn is_stale(error: &StoreError) -> bool {
    matches!(error, StoreError::Sealed { .. })
}
