//! Where a sealed value stands: its column, and the key of its row. It is bound to that, so that what was sealed for one
//! place opens in no other.
//!
//! Not here: the ciphers.

use crate::copy::Cell;

/// A column, and which columns of its row say where it stands.
#[derive(Debug)]
pub struct Sealed {
    /// The table.
    pub table: &'static str,
    /// The columns by which a row is found and gone behind.
    pub order: &'static [&'static str],
    /// The columns that its values are bound to. They never change.
    pub bound: &'static [&'static str],
    /// The columns that are sealed.
    pub columns: &'static [&'static str],
}

const fn sealed(
    table: &'static str,
    order: &'static [&'static str],
    bound: &'static [&'static str],
    columns: &'static [&'static str],
) -> Sealed {
    Sealed { table, order, bound, columns }
}

/// What is sealed in both dialects; large values and what code digests are made of are apart (their keys change with it).
/// Everything else is plain: `docs/decisions/0061` lists every column.
pub const SEALED: &[Sealed] = &[
    sealed("journal", &["n", "seq"], &["n", "seq"], &["payload"]),
    sealed("executions", &["n"], &["n"], &["reason", "code", "inputs", "result", "error"]),
    sealed("waits", &["n", "key"], &["n", "key"], &["question", "schema", "data", "answer"]),
    sealed("artifacts", &["n", "name"], &["n", "name"], &["value"]),
    sealed("logs", &["n", "line"], &["n", "line"], &["text"]),
    // The number of such a row is the database's, and not known before it is written.
    sealed("breakpoints", &["id"], &["flow", "before", "by", "at"], &["condition"]),
    sealed("audit", &["id"], &["at", "by", "act", "origin"], &["given", "before", "after"]),
    sealed("links", &["id"], &["id"], &["question"]),
    // A body is written anew with each version.
    sealed("schedules", &["name"], &["name", "version"], &["body"]),
    sealed("releases", &["flow", "n"], &["flow", "n"], &["body"]),
];

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place(Vec<u8>);

impl Place {
    /// A column: `journal.payload`.
    pub fn of(column: &str) -> Self {
        let mut bytes = Vec::with_capacity(64);
        bytes.extend_from_slice(column.as_bytes());
        bytes.push(0);
        Self(bytes)
    }

    /// A number of the row.
    pub fn n(mut self, number: i64) -> Self {
        self.0.push(b'i');
        self.0.extend_from_slice(&number.to_le_bytes());
        self
    }

    /// A sequence or a position in the row's key.
    pub fn seq(self, number: u64) -> Self {
        self.n(i64::try_from(number).unwrap_or(i64::MAX))
    }

    /// A text of the row.
    pub fn text(self, text: &str) -> Self {
        self.put(b't', text.as_bytes())
    }

    /// Bytes of the row.
    pub fn bytes(self, bytes: &[u8]) -> Self {
        self.put(b'b', bytes)
    }

    /// Any of them, as it was read.
    pub fn cell(self, cell: &Cell) -> Self {
        match cell {
            Cell::Int(number) => self.n(*number),
            Cell::Text(text) => self.text(text),
            Cell::Bytes(bytes) => self.bytes(bytes),
            Cell::Null => self.put(b'0', &[]),
            Cell::Real(number) => self.put(b'r', &number.to_le_bytes()),
        }
    }

    fn put(mut self, kind: u8, bytes: &[u8]) -> Self {
        self.0.push(kind);
        self.0.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        self.0.extend_from_slice(bytes);
        self
    }

    /// As associated data.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_places_are_the_same_bytes() {
        let places = [
            Place::of("a.b").n(1),
            Place::of("a.b").n(1).n(1),
            Place::of("a.b").text("1"),
            Place::of("a.b").text("1").text(""),
            Place::of("a.b").text("").text("1"),
            Place::of("a.b").bytes(b"1"),
            Place::of("a.bc").n(1),
            Place::of("a.b").cell(&Cell::Null),
        ];
        for (at, one) in places.iter().enumerate() {
            assert!(!places[at + 1..].contains(one), "{at}");
        }
        assert_eq!(Place::of("a.b").n(1).text("x"), Place::of("a.b").cell(&Cell::Int(1)).cell(&Cell::Text("x".into())));
    }
}
