//! The statements that copy a store: rows out, and rows in. Not here: what is copied (`crate::copy`).

use super::fault::{Fault, Result};
use super::seal::Db;
use super::{Sqlite, chunks, due};
use crate::copy::{Cell, Copying, Fill, Row, Sink, Table, not_empty};
use crate::seal;
use crate::store;
use crate::values::{Large, Values};
use kitaru_core::value::Text;
use rusqlite::types::{ToSqlOutput, Value, ValueRef as Stored};
use rusqlite::{ToSql, params_from_iter};
use serde_json::Value as Json;
use std::path::Path;
use std::sync::Arc;

impl ToSql for Cell {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Null => ToSqlOutput::Owned(Value::Null),
            Self::Int(number) => ToSqlOutput::Owned(Value::Integer(*number)),
            Self::Real(number) => ToSqlOutput::Owned(Value::Real(*number)),
            Self::Text(text) => ToSqlOutput::Borrowed(Stored::Text(text.as_bytes())),
            Self::Bytes(bytes) => ToSqlOutput::Borrowed(Stored::Blob(bytes)),
        })
    }
}

fn names(table: &Table) -> Vec<String> {
    table.columns.iter().map(|(name, _)| format!("\"{name}\"")).collect()
}

fn rows(db: &Db, table: &Table, after: Option<&Row>, limit: usize) -> Result<Vec<Row>> {
    let mut limit = i64::try_from(limit).unwrap_or(i64::MAX);
    if table.name == "codes" {
        // They are found by another name than they are copied with: all of them at once.
        if after.is_some() {
            return Ok(Vec::new());
        }
        limit = -1;
    }
    let names = names(table);
    let key = &names[..table.key];
    // The journal's own key is made of both of its columns.
    let (key, marks) = if table.name == "journal" {
        ("place".to_owned(), "?1 << 32 | ?2".to_owned())
    } else {
        let marks: Vec<String> = (1..=table.key).map(|at| format!("?{at}")).collect();
        (key.join(", "), marks.join(", "))
    };
    let behind = after.map(|_| format!("WHERE ({key}) > ({marks})")).unwrap_or_default();
    let text = format!("SELECT {} FROM {} {behind} ORDER BY {key} LIMIT {limit}", names.join(", "), table.name);
    let mut select = db.prepare_cached(&text)?;
    let given = after.map(|row| &row[..table.key]).unwrap_or_default();
    let mut found = Vec::new();
    let mut rows = select.query(params_from_iter(given))?;
    while let Some(row) = rows.next()? {
        let cells = (0..names.len()).map(|at| {
            Ok(match row.get_ref(at)? {
                Stored::Null => Cell::Null,
                Stored::Integer(number) => Cell::Int(number),
                Stored::Real(number) => Cell::Real(number),
                Stored::Text(_) => Cell::Text(row.get(at)?),
                Stored::Blob(bytes) => Cell::Bytes(bytes.to_vec()),
            })
        });
        let mut cells = cells.collect::<Result<Row>>()?;
        seal::rows::open(&db.seal.now(), table, &mut cells)?;
        found.push(cells);
    }
    Ok(found)
}

/// The connection that a copy is written by, inside its transaction.
struct Taking<'a> {
    db: &'a Db,
    values: &'a Values,
    path: &'a Path,
}

impl Taking<'_> {
    fn insert(&self, table: &Table, rows: Vec<Row>) -> Result<()> {
        let mut names = names(table);
        let mut marks: Vec<String> = (1..=names.len()).map(|at| format!("?{at}")).collect();
        let is_execution = table.name == "executions";
        if is_execution {
            names.extend(["reversed".to_owned(), "parked_on".to_owned()]);
            marks.extend([format!("?{}", names.len() - 1), format!("?{}", names.len())]);
        } else if table.name == "journal" {
            // One integer is the key, and the two columns are made of it.
            names.splice(..2, ["place".to_owned()]);
            marks.splice(..2, ["?1 << 32 | ?2".to_owned()]);
        }
        let text = format!("INSERT INTO {} ({}) VALUES ({})", table.name, names.join(", "), marks.join(", "));
        let mut insert = self.db.prepare_cached(&text)?;
        for mut row in rows {
            if is_execution {
                let id = row.get(1).and_then(Cell::text).unwrap_or_default();
                row.push(Cell::Text(id.chars().rev().collect()));
                let reason = row.get(4).and_then(Cell::text).map(serde_json::from_str::<Json>).transpose()?;
                row.push(Cell::Text(due::parked_on(reason.as_ref())));
                if let Some(Cell::Int(n)) = row.first() {
                    due::await_others(self.db, *n, reason.as_ref())?;
                }
            }
            seal::rows::seal(&self.db.seal.now(), table, &mut row);
            insert.execute(params_from_iter(&row))?;
        }
        Ok(())
    }

    fn keep(&self, text: &Arc<Text>) -> Result<()> {
        let new = self.values.prepare(text, &self.db.seal.now(), |digests| {
            // Inside of its transaction: no look of its own.
            let found = chunks::pieces(self.db, digests);
            let found = found.map_err(|error| Fault::Sql(error).told(Some(self.db), self.path))?;
            Ok(found.iter().map(Option::is_some).collect())
        })?;
        chunks::insert(self.db, &[new])
    }

    fn told<T>(&self, done: Result<T>) -> store::Result<T> {
        done.map_err(|fault| fault.told(Some(self.db), self.path))
    }
}

impl Sink for Taking<'_> {
    fn rows(&mut self, table: &Table, rows: Vec<Row>) -> store::Result<()> {
        self.told(self.insert(table, rows))
    }

    fn value(&mut self, text: &Arc<Text>) -> store::Result<()> {
        self.told(self.keep(text))
    }
}

/// Numbers go on behind all that are in use: events of deleted executions may be read by replays.
const NUMBERS: &str = "
    INSERT INTO sqlite_sequence (name, seq) SELECT 'executions', 0
        WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'executions');
    UPDATE sqlite_sequence SET seq = max(seq, (SELECT coalesce(max(place) >> 32, 0) FROM journal),
        (SELECT coalesce(max(source), 0) FROM segments)) WHERE name = 'executions';";

fn is_empty(db: &Db) -> Result<bool> {
    let text = "SELECT NOT EXISTS (SELECT 1 FROM executions) AND NOT EXISTS (SELECT 1 FROM journal)
        AND NOT EXISTS (SELECT 1 FROM tokens) AND NOT EXISTS (SELECT 1 FROM audit)
        AND NOT EXISTS (SELECT 1 FROM breakpoints) AND NOT EXISTS (SELECT 1 FROM limits)
        AND NOT EXISTS (SELECT 1 FROM schedules) AND NOT EXISTS (SELECT 1 FROM releases)";
    Ok(db.query_row(text, [], |row| row.get(0))?)
}

impl Copying for Sqlite {
    fn rows(&self, table: &Table, after: Option<&Row>, limit: usize) -> store::Result<Vec<Row>> {
        self.read(|db| rows(db, table, after, limit))
    }

    fn stored(&self) -> store::Result<Vec<Large>> {
        self.read(|db| Ok(chunks::stored(db, &[], i64::MAX)?))
    }

    fn large(&self, large: &Large) -> store::Result<String> {
        self.value_of(
            |db| chunks::parts_of(db, large),
            |parts| self.values.read_large(large, parts, &self.seal.now(), &self.path),
        )
    }

    fn take_in(&self, fill: Fill<'_>) -> store::Result<()> {
        self.here()?;
        self.writer.with(|db| {
            let told = |error: rusqlite::Error| Fault::Sql(error).told(Some(db), &self.path);
            db.execute_batch("BEGIN IMMEDIATE").map_err(told)?;
            let mut taking = Taking { db, values: &self.values, path: &self.path };
            let done = taking
                .told(is_empty(db))
                .and_then(|empty| if empty { Ok(()) } else { Err(not_empty()) })
                .and_then(|()| fill(&mut taking))
                .and_then(|()| db.execute_batch(NUMBERS).map_err(told))
                .and_then(|()| db.execute_batch("COMMIT").map_err(told));
            if done.is_err() && !db.is_autocommit() {
                // The first error is the one to tell.
                drop(db.execute_batch("ROLLBACK"));
            }
            done
        })?;
        self.posted();
        Ok(())
    }
}
