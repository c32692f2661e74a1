//! Copying a whole store into an empty one of another kind: every row of it as it is, and every value.
//!
//! Nothing is told anew: sequences, epochs and times stay, so open waits are answered and finish in the copy. Followers of
//! the stream of changes begin anew: what is copied has no numbers there. Not here: the statements (each backend's `copy`).

use crate::error::StoreError;
use crate::store::{ExecutionFilter, Page, Result, Store};
pub use crate::values::Large;
use kitaru_core::lease::{Hold, hold};
use kitaru_core::rows::Status;
use kitaru_core::value::Text;
use kitaru_core::{Millis, Value};
use std::sync::Arc;

/// What a column has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A number.
    Int,
    /// Yes or no.
    Flag,
    /// A number with a fraction.
    Real,
    /// A text.
    Text,
    /// A list of texts, as JSON.
    Texts,
    /// Bytes.
    Bytes,
}

/// A value of a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// Nothing.
    Null,
    /// A number; a flag is 0 or 1.
    Int(i64),
    /// A number with a fraction.
    Real(f64),
    /// A text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

impl Cell {
    /// The text that it holds.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// A row, with the columns of its table in order.
pub type Row = Vec<Cell>;

/// A table as it is copied: what a backend keeps beside is its own affair.
#[derive(Debug)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// So many of its first columns are its key.
    pub key: usize,
    /// Its columns.
    pub columns: &'static [(&'static str, Kind)],
}

use Kind::{Bytes, Flag, Int, Real, Text as Words, Texts};

/// All of them. Each row's number (`n`) stays, so that what refers to it does too.
pub const TABLES: &[Table] = &[
    Table {
        name: "executions",
        key: 1,
        columns: &[
            ("n", Int),
            ("id", Words),
            ("flow", Words),
            ("status", Words),
            ("reason", Words),
            ("wake_at", Int),
            ("owner", Words),
            ("epoch", Int),
            ("lease_until", Int),
            ("parent", Words),
            ("parent_key", Words),
            ("detached", Flag),
            ("key", Words),
            ("forked_from", Words),
            ("base", Int),
            ("entry", Words),
            ("code", Words),
            ("tags", Texts),
            ("inputs", Words),
            ("result", Words),
            ("error", Words),
            ("input_tokens", Int),
            ("output_tokens", Int),
            ("cost_usd", Real),
            ("stop", Words),
            ("fruitless", Int),
            ("last_seq", Int),
            ("created_at", Int),
            ("updated_at", Int),
            ("stirred", Flag),
            ("pool", Words),
        ],
    },
    Table {
        name: "journal",
        key: 2,
        columns: &[
            ("n", Int),
            ("seq", Int),
            ("kind", Words),
            ("call_key", Words),
            ("payload", Words),
            ("epoch", Int),
            ("at", Int),
        ],
    },
    Table {
        name: "calls",
        key: 2,
        columns: &[
            ("n", Int),
            ("key", Words),
            ("seq", Int),
            ("name", Words),
            ("kind", Words),
            ("status", Words),
            ("attempts", Int),
            ("started_at", Int),
            ("ended_at", Int),
            ("ended_seq", Int),
            ("reused", Flag),
            ("input_tokens", Int),
            ("output_tokens", Int),
            ("cost_usd", Real),
        ],
    },
    Table {
        name: "waits",
        key: 2,
        columns: &[
            ("n", Int),
            ("key", Words),
            ("name", Words),
            ("sleep", Flag),
            ("question", Words),
            ("schema", Words),
            ("data", Words),
            ("status", Words),
            ("answer", Words),
            ("answered_by", Words),
            ("deadline", Int),
            ("on_timeout", Words),
            ("opened_at", Int),
            ("closed_at", Int),
            ("over", Flag),
        ],
    },
    Table {
        name: "artifacts",
        key: 2,
        columns: &[("n", Int), ("name", Words), ("value", Words), ("call_key", Words), ("at", Int)],
    },
    Table {
        name: "logs",
        key: 2,
        columns: &[("n", Int), ("line", Int), ("at", Int), ("call_key", Words), ("stream", Words), ("text", Words)],
    },
    Table { name: "segments", key: 2, columns: &[("n", Int), ("upto", Int), ("source", Int)] },
    Table {
        name: "breakpoints",
        key: 1,
        columns: &[
            ("id", Int),
            ("flow", Words),
            ("file", Words),
            ("before", Words),
            ("every", Flag),
            ("condition", Words),
            ("by", Words),
            ("at", Int),
            ("hits", Int),
        ],
    },
    // Turns belong to processes that are not there any more.
    Table {
        name: "limits",
        key: 1,
        columns: &[
            ("name", Words),
            ("at_once", Int),
            ("rate", Int),
            ("period", Int),
            ("burst", Int),
            ("set_by", Words),
            ("set_at", Int),
        ],
    },
    Table {
        name: "schedules",
        key: 1,
        columns: &[("name", Words), ("version", Int), ("look_at", Int), ("decided", Int), ("body", Words)],
    },
    Table { name: "releases", key: 2, columns: &[("flow", Words), ("n", Int), ("body", Words)] },
    Table { name: "codes", key: 1, columns: &[("digest", Words), ("parts", Words)] },
    Table {
        name: "tokens",
        key: 1,
        columns: &[
            ("id", Words),
            ("name", Words),
            ("scope", Words),
            ("digest", Bytes),
            ("by", Words),
            ("created_at", Int),
            ("expires_at", Int),
            ("revoked_at", Int),
            ("used_at", Int),
        ],
    },
    Table {
        name: "links",
        key: 1,
        columns: &[
            ("id", Words),
            ("digest", Bytes),
            ("execution_id", Words),
            ("key", Words),
            ("question", Bytes),
            ("by", Words),
            ("created_at", Int),
            ("expires_at", Int),
            ("used_at", Int),
        ],
    },
    Table {
        name: "audit",
        key: 1,
        columns: &[
            ("id", Int),
            ("at", Int),
            ("by", Words),
            ("token", Words),
            ("origin", Words),
            ("act", Words),
            ("target", Words),
            ("given", Words),
            ("before", Words),
            ("after", Words),
            ("outcome", Words),
            ("ended_at", Int),
        ],
    },
];

/// Where a copy goes.
pub trait Sink {
    /// Writes rows.
    fn rows(&mut self, table: &Table, rows: Vec<Row>) -> Result<()>;
    /// Keeps a large value.
    fn value(&mut self, text: &Arc<Text>) -> Result<()>;
}

/// What fills a copy.
pub type Fill<'a> = &'a mut dyn FnMut(&mut dyn Sink) -> Result<()>;

/// A store that lies where it can be copied.
pub trait Copying: Send + Sync {
    /// Rows of a table behind that one, in the order of their keys. What is sealed is opened.
    fn rows(&self, table: &Table, after: Option<&Row>, limit: usize) -> Result<Vec<Row>>;
    /// All large values that are kept.
    fn stored(&self) -> Result<Vec<Large>>;
    /// The text of one of them.
    fn large(&self, large: &Large) -> Result<String>;
    /// Takes a copy in, whole or not at all. Refuses where anything is already.
    fn take_in(&self, fill: Fill<'_>) -> Result<()>;
}

/// What was copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Copied {
    /// How many executions.
    pub executions: u64,
    /// How many events.
    pub events: u64,
    /// How many large values.
    pub values: u64,
}

/// Rows at a time.
const PAGE: usize = 500;
/// How many are named that stand in the way.
const NAMED: usize = 5;

/// What is said of a target that has something.
pub fn not_empty() -> StoreError {
    StoreError::Conflict(
        "the store that is copied to is not empty: name another, so that nothing is mixed up".to_owned(),
    )
}

/// Copies all of a store into an empty one.
pub fn copy(from: &dyn Store, to: &dyn Store, now: Millis) -> Result<Copied> {
    let elsewhere = || {
        StoreError::Setting("a store behind a server is copied where it lies, and not through the server".to_owned())
    };
    let (source, target) = (from.copying().ok_or_else(elsewhere)?, to.copying().ok_or_else(elsewhere)?);
    still(from, now)?;
    let seen = (from.version()?, from.queries().newest()?);
    let mut copied = Copied::default();
    target.take_in(&mut |sink| {
        copied = Copied::default();
        for large in source.stored()? {
            let text = source.large(&large)?;
            let value = Value::json(text).map_err(|error| StoreError::Protocol(error.to_string()))?;
            if let Value::Inline(text) = &value {
                sink.value(text)?;
            }
            copied.values += 1;
        }
        for table in TABLES {
            let mut last: Option<Row> = None;
            loop {
                let rows = source.rows(table, last.as_ref(), PAGE)?;
                let Some(row) = rows.last() else { break };
                last = Some(row.clone());
                match table.name {
                    "executions" => copied.executions += rows.len() as u64,
                    "journal" => copied.events += rows.len() as u64,
                    _ => {}
                }
                sink.rows(table, rows)?;
            }
        }
        if (from.version()?, from.queries().newest()?) == seen {
            return Ok(());
        }
        Err(StoreError::Conflict(
            "the store was written to while it was copied: stop what uses it, and copy again; nothing was copied"
                .to_owned(),
        ))
    })?;
    Ok(copied)
}

/// Refuses where anything runs: it would go on in both, and pay twice.
fn still(from: &dyn Store, now: Millis) -> Result<()> {
    let running = ExecutionFilter { status: vec![Status::Running], ..ExecutionFilter::default() };
    let rows = from.queries().executions(&running, Page { limit: usize::MAX >> 1, offset: 0 })?;
    let held = rows.iter().filter(|row| {
        let pulse = row.owner.as_ref().map(|owner| from.pulse(owner));
        pulse.is_some_and(|pulse| hold(true, pulse, row.lease_until, now) == Hold::Held)
    });
    let names: Vec<&str> = held.map(|row| row.id.as_str()).collect();
    if names.is_empty() {
        return Ok(());
    }
    let shown = names.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    let more = if names.len() > NAMED { ", …" } else { "" };
    let why = format!("{} of its executions run: stop them first (kitaru pause ID): {shown}{more}", names.len());
    Err(StoreError::Conflict(why))
}
