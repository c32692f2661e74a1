//! What is given to a statement and what its rows hold, with the types of the core.
//!
//! A text in PostgreSQL has no NUL, and texts of users may: such a one is kept with an escape, and comes back as it was.
//! Not here: statements.

use super::fault::{Fault, Result};
use crate::seal::Kept;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::de::DeserializeOwned;
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

/// A value with its type: statements are sent with the types of what is given, and never prepared.
#[derive(Clone, Debug)]
pub enum Param {
    Text(Option<String>),
    Int(Option<i64>),
    Small(i32),
    Real(f64),
    Bool(bool),
    Bytes(Vec<u8>),
    Texts(Vec<String>),
    Ints(Vec<i64>),
    Bools(Vec<bool>),
    ManyBytes(Vec<Vec<u8>>),
    SomeTexts(Vec<Option<String>>),
    SomeInts(Vec<Option<i64>>),
    SomeReals(Vec<Option<f64>>),
    SomeBytes(Vec<Option<Vec<u8>>>),
}

impl Param {
    /// As the driver takes it.
    pub fn typed(&self) -> (&(dyn ToSql + Sync), Type) {
        match self {
            Self::Text(value) => (value, Type::TEXT),
            Self::Int(value) => (value, Type::INT8),
            Self::Small(value) => (value, Type::INT4),
            Self::Real(value) => (value, Type::FLOAT8),
            Self::Bool(value) => (value, Type::BOOL),
            Self::Bytes(value) => (value, Type::BYTEA),
            Self::Texts(value) => (value, Type::TEXT_ARRAY),
            Self::Ints(value) => (value, Type::INT8_ARRAY),
            Self::Bools(value) => (value, Type::BOOL_ARRAY),
            Self::ManyBytes(value) => (value, Type::BYTEA_ARRAY),
            Self::SomeTexts(value) => (value, Type::TEXT_ARRAY),
            Self::SomeInts(value) => (value, Type::INT8_ARRAY),
            Self::SomeReals(value) => (value, Type::FLOAT8_ARRAY),
            Self::SomeBytes(value) => (value, Type::BYTEA_ARRAY),
        }
    }
}

impl From<&str> for Param {
    fn from(text: &str) -> Self {
        Self::Text(Some(escaped(text)))
    }
}

impl From<Option<&str>> for Param {
    fn from(text: Option<&str>) -> Self {
        Self::Text(text.map(escaped))
    }
}

impl From<i64> for Param {
    fn from(number: i64) -> Self {
        Self::Int(Some(number))
    }
}

impl From<Option<i64>> for Param {
    fn from(number: Option<i64>) -> Self {
        Self::Int(number)
    }
}

impl From<f64> for Param {
    fn from(number: f64) -> Self {
        Self::Real(number)
    }
}

impl From<u64> for Param {
    fn from(number: u64) -> Self {
        Self::Int(Some(i64::try_from(number).unwrap_or(i64::MAX)))
    }
}

impl From<usize> for Param {
    fn from(number: usize) -> Self {
        Self::from(number as u64)
    }
}

const ESCAPE: char = '\u{1a}';

/// A text without NUL: it and the escape itself become two characters.
pub fn escaped(text: &str) -> String {
    if !text.contains(['\0', ESCAPE]) {
        return text.to_owned();
    }
    text.replace(ESCAPE, "\u{1a}1").replace('\0', "\u{1a}0")
}

/// Before what is sealed, in a column of texts: [`escaped`] never makes it.
pub const SEALED: &str = "\u{1a}2";

/// What is kept, as a text of a column. What is sealed is told from a user's text by the escape before it.
pub fn kept(kept: Kept<'_>) -> String {
    match kept {
        Kept::Plain(text) => escaped(text),
        Kept::Sealed(bytes) => format!("{SEALED}{}", STANDARD_NO_PAD.encode(bytes)),
    }
}

/// Whether a text is what [`kept`] makes of what is sealed.
pub fn is_sealed(text: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    text.strip_prefix(SEALED).is_some_and(|rest| rest.bytes().all(is_digit))
}

/// What is sealed in a text of a column; `None`: it is not.
pub fn sealed(text: &str) -> Result<Option<Vec<u8>>> {
    let Some(rest) = text.strip_prefix(SEALED) else { return Ok(None) };
    STANDARD_NO_PAD.decode(rest).map(Some).map_err(|_| Fault::Odd("a sealed value is not whole".to_owned()))
}

/// What [`escaped`] was given.
pub fn unescaped(text: String) -> String {
    if !text.contains(ESCAPE) {
        return text;
    }
    text.replace("\u{1a}0", "\0").replace("\u{1a}1", "\u{1a}")
}

/// The columns of a row, by their place.
pub trait Columns {
    fn text(&self, at: usize) -> Result<String>;
    fn opt_text(&self, at: usize) -> Result<Option<String>>;
    fn texts(&self, at: usize) -> Result<Vec<String>>;
    fn int(&self, at: usize) -> Result<i64>;
    fn opt_int(&self, at: usize) -> Result<Option<i64>>;
    fn num(&self, at: usize) -> Result<u64>;
    fn float(&self, at: usize) -> Result<f64>;
    fn flag(&self, at: usize) -> Result<bool>;
    fn bytes(&self, at: usize) -> Result<Vec<u8>>;
    fn opt_float(&self, at: usize) -> Result<Option<f64>>;
    fn opt_bytes(&self, at: usize) -> Result<Option<Vec<u8>>>;
    fn digest(&self, at: usize) -> Result<[u8; 32]>;
    /// A JSON text, as what it is of.
    fn json<T: DeserializeOwned>(&self, at: usize) -> Result<Option<T>>;
}

pub fn get<'a, T: tokio_postgres::types::FromSql<'a>>(row: &'a Row, at: usize) -> Result<T> {
    row.try_get(at).map_err(|error| Fault::Odd(format!("a record cannot be read ({error})")))
}

impl Columns for Row {
    fn text(&self, at: usize) -> Result<String> {
        get(self, at).map(unescaped)
    }

    fn opt_text(&self, at: usize) -> Result<Option<String>> {
        Ok(get::<Option<String>>(self, at)?.map(unescaped))
    }

    fn texts(&self, at: usize) -> Result<Vec<String>> {
        Ok(get::<Vec<String>>(self, at)?.into_iter().map(unescaped).collect())
    }

    fn int(&self, at: usize) -> Result<i64> {
        get(self, at)
    }

    fn opt_int(&self, at: usize) -> Result<Option<i64>> {
        get(self, at)
    }

    fn num(&self, at: usize) -> Result<u64> {
        u64::try_from(self.int(at)?).map_err(|_| Fault::Odd("a record has a negative number".to_owned()))
    }

    fn float(&self, at: usize) -> Result<f64> {
        get(self, at)
    }

    fn flag(&self, at: usize) -> Result<bool> {
        get(self, at)
    }

    fn bytes(&self, at: usize) -> Result<Vec<u8>> {
        get(self, at)
    }

    fn opt_float(&self, at: usize) -> Result<Option<f64>> {
        get(self, at)
    }

    fn opt_bytes(&self, at: usize) -> Result<Option<Vec<u8>>> {
        get(self, at)
    }

    fn digest(&self, at: usize) -> Result<[u8; 32]> {
        self.bytes(at)?.try_into().map_err(|_| Fault::Odd("a digest is not 32 bytes long".to_owned()))
    }

    fn json<T: DeserializeOwned>(&self, at: usize) -> Result<Option<T>> {
        // What it has of NUL is escaped by JSON itself.
        Ok(get::<Option<&str>>(self, at)?.map(serde_json::from_str).transpose()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_with_nul_and_with_the_escape_come_back() {
        for text in ["", "plain", "\0", "a\0b", "\u{1a}", "\u{1a}0", "\u{1a}1\0\u{1a}0\0", "é\0"] {
            let kept = escaped(text);
            assert!(!kept.contains('\0'));
            assert_eq!(unescaped(kept), text, "{text:?}");
        }
    }
}
