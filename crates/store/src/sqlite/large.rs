//! Large values read back. Their parts may be moved while they are read, when they are sealed anew, and be sealed by a key
//! that this handle has not met.
//!
//! Not here: writing them (`keep`), and their index (`chunks`).

use super::seal::{self, Db};
use super::{Sqlite, chunks};
use crate::seal::named;
use crate::store::Result;
use crate::values::Part;
use kitaru_core::{Digest, ValueRef};

impl Sqlite {
    /// The text of a value that something refers to.
    pub(super) fn large_text(&self, reference: &ValueRef) -> Result<String> {
        self.value_of(
            |db| chunks::parts(db, reference),
            |parts| self.values.read(reference, parts, &self.seal.now(), &self.path),
        )
    }

    /// The text of a value: where its parts stand, and what they are together. They may be moved in between, when they are
    /// sealed anew.
    pub(super) fn value_of(
        &self,
        mut parts: impl FnMut(&Db) -> rusqlite::Result<Vec<Part>>,
        read: impl Fn(Vec<Part>) -> Result<String>,
    ) -> Result<String> {
        let mut look = || self.read(|db| Ok(parts(db)?));
        let found = look()?;
        let places = |parts: &[Part]| parts.iter().map(Part::standing).collect::<Vec<_>>();
        let before = places(&found);
        match read(found) {
            Ok(text) => Ok(text),
            Err(error) => {
                if seal::is_stale(&error) {
                    self.follow()?;
                }
                let again = look()?;
                if places(&again) == before && !seal::is_stale(&error) { Err(error) } else { read(again) }
            }
        }
    }

    /// The bytes of a part of a value.
    pub(super) fn piece(&self, digest: Digest) -> Result<Option<Vec<u8>>> {
        for _ in 0..2 {
            let names = named::names(&self.seal.now(), named::CHUNK, digest);
            let found = self.read(|db| Ok(chunks::pieces(db, &names)?))?;
            let Some(part) = found.into_iter().flatten().next() else { return Ok(None) };
            match self.values.bytes_of(part, &self.seal.now(), &self.path) {
                Err(error) if seal::is_stale(&error) => self.follow()?,
                other => return other.map(Some),
            }
        }
        Ok(None)
    }
}
