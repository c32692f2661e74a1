//! Shelves: where the bytes of large values lie that a database only has the names of. A shared folder, or a bucket.
//!
//! A shelf knows names and bytes. What it has is never written over: each put has a name of its own ([`name`]), so that
//! whoever removes one name removes what nobody else has put. Not here: which values are large, what is sealed (both are
//! done before), and which names are in use (the database says).

mod address;
mod folder;
mod patient;
mod s3;

use crate::error::StoreError;
pub use address::Address;
use kitaru_core::Digest;
pub use patient::Shelved;
use std::time::Duration;

/// The object by which a shelf is known: whose it is. Without it there is no shelf, and never an empty one.
pub const MARKER: &str = "kitaru-shelf";

/// Why a shelf did not do what it was asked for.
#[derive(Debug)]
pub enum Failed {
    /// It is not there, or is about to go or to come: the same may succeed later.
    Away(String),
    /// It refused, or is not what it should be.
    Told(StoreError),
}

/// A result of a shelf.
pub type Result<T> = std::result::Result<T, Failed>;

/// What lies on a shelf.
#[derive(Debug, PartialEq, Eq)]
pub struct Lying {
    /// Its name.
    pub name: String,
    /// How many bytes it has.
    pub bytes: u64,
    /// For how long it has lain there, by the shelf's own clock.
    pub age: Duration,
}

/// See the module.
pub trait Shelf: Send + Sync {
    /// Puts bytes under a name, durably: what returns has survived a power cut.
    fn put(&self, name: &str, bytes: &[u8]) -> Result<()>;

    /// The bytes under a name, of which there are not to be more than `most`; `None`: there is no such name.
    fn get(&self, name: &str, most: u64) -> Result<Option<Vec<u8>>>;

    /// Removes a name, if it is there.
    fn delete(&self, name: &str) -> Result<()>;

    /// What comes behind a name, a page of it; empty: nothing does.
    fn list(&self, after: &str) -> Result<Vec<Lying>>;
}

/// A new name for a chunk's bytes.
pub fn name(digest: &Digest) -> std::result::Result<String, StoreError> {
    Ok(format!("{digest}-{}", random()?))
}

/// Sixteen digits that nobody else has.
pub fn random() -> std::result::Result<String, StoreError> {
    let mut drawn = [0; 8];
    getrandom::fill(&mut drawn)
        .map_err(|error| StoreError::Io { path: "random numbers of the system".to_owned(), why: error.to_string() })?;
    Ok(format!("{:016x}", u64::from_le_bytes(drawn)))
}

/// Whether a name is one that [`name`] makes: nothing else is read, and nothing else is removed.
pub fn is_name(name: &str) -> bool {
    let is_hex = |text: &str| text.bytes().all(|one| one.is_ascii_digit() || (b'a'..=b'f').contains(&one));
    name.split_once('-')
        .is_some_and(|(digest, rest)| digest.len() == 64 && rest.len() == 16 && is_hex(digest) && is_hex(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_made_once_and_nothing_else_is_one() {
        let digest = Digest::of(b"some");
        let (one, other) = (name(&digest).unwrap(), name(&digest).unwrap());
        assert!(is_name(&one) && is_name(&other) && one != other);
        for bad in ["", MARKER, "../../etc/passwd", "-", &one[1..], &format!("{one}.part"), &one.to_uppercase()] {
            assert!(!is_name(bad), "{bad}");
        }
    }
}
