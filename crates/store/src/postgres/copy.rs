//! The statements that copy a store: rows out, and rows in. Not here: what is copied (`crate::copy`).

use super::conn::Conn;
use super::fault::{Fault, Result};
use super::param::{Columns, Param, escaped, unescaped};
use super::{Postgres, chunks};
use crate::awaited::awaited;
use crate::copy::{Cell, Copying, Fill, Kind, Row, Sink, TABLES, Table, not_empty};
use crate::error::StoreError;
use crate::seal::{self, Kept, Seal};
use crate::store;
use crate::values::{Chunk, Large, Values, encode_ids};
use kitaru_core::Digest;
use kitaru_core::value::Text;
use serde_json::Value as Json;
use std::sync::Arc;

/// A column as it is read: the same kinds as everywhere.
fn read_as(name: &str, kind: Kind) -> String {
    match kind {
        Kind::Flag => format!("\"{name}\"::integer::bigint"),
        Kind::Texts => format!("to_json(\"{name}\")::text"),
        _ => format!("\"{name}\""),
    }
}

pub fn param(cell: &Cell) -> Param {
    match cell {
        Cell::Null => Param::Text(None),
        Cell::Int(number) => Param::from(*number),
        Cell::Real(_) => Param::Int(None),
        Cell::Text(text) => Param::from(text.as_str()),
        Cell::Bytes(bytes) => Param::Bytes(bytes.clone()),
    }
}

/// The columns of a row as they are kept: what is sealed as bytes.
pub fn cells(row: &tokio_postgres::Row, columns: &[(&str, Kind)]) -> Result<Row> {
    let cell = |at: usize, kind: Kind| {
        Ok(match kind {
            Kind::Int | Kind::Flag => row.opt_int(at)?.map_or(Cell::Null, Cell::Int),
            Kind::Real => row.opt_float(at)?.map_or(Cell::Null, Cell::Real),
            Kind::Text => match super::param::get::<Option<&str>>(row, at)? {
                None => Cell::Null,
                Some(text) => match super::param::sealed(text)? {
                    Some(whole) => Cell::Bytes(whole),
                    None => Cell::Text(unescaped(text.to_owned())),
                },
            },
            Kind::Bytes => row.opt_bytes(at)?.map_or(Cell::Null, Cell::Bytes),
            // What is escaped stands inside of the list.
            Kind::Texts => {
                let all: Vec<String> = super::read::must(row, at)?;
                Cell::Text(serde_json::to_string(&all.into_iter().map(unescaped).collect::<Vec<_>>())?)
            }
        })
    };
    columns.iter().enumerate().map(|(at, (_, kind))| cell(at, *kind)).collect()
}

fn rows(db: &Conn, table: &Table, after: Option<&Row>, limit: usize) -> Result<Vec<Row>> {
    let mut limit = limit.to_string();
    if table.name == "codes" {
        // They are found by another name than they are copied with: all of them at once.
        if after.is_some() {
            return Ok(Vec::new());
        }
        limit = "ALL".to_owned();
    }
    let columns: Vec<String> = table.columns.iter().map(|(name, kind)| read_as(name, *kind)).collect();
    let key: Vec<String> = table.columns.iter().take(table.key).map(|(name, _)| format!("\"{name}\"")).collect();
    let key = key.join(", ");
    let marks: Vec<String> = (1..=table.key).map(|at| format!("${at}")).collect();
    let behind = after.map(|_| format!("WHERE ({key}) > ({})", marks.join(", "))).unwrap_or_default();
    let text = format!("SELECT {} FROM {} {behind} ORDER BY {key} LIMIT {limit}", columns.join(", "), table.name);
    let given: Vec<Param> = after.map(|row| row.iter().take(table.key).map(param).collect()).unwrap_or_default();
    let found = db.query(&text, &given)?;
    found
        .iter()
        .map(|row| {
            let mut cells = cells(row, table.columns)?;
            seal::rows::open(&db.seal.now(), table, &mut cells)?;
            Ok(cells)
        })
        .collect()
}

/// One column of many rows.
pub fn column(rows: &[Row], at: usize, kind: Kind) -> Result<Param> {
    let cells = rows.iter().map(|row| row.get(at).unwrap_or(&Cell::Null));
    let odd = |cell: &Cell| Fault::Odd(format!("a column has {cell:?}"));
    Ok(match kind {
        Kind::Int | Kind::Flag => Param::SomeInts(
            cells
                .map(|cell| match cell {
                    Cell::Int(number) => Ok(Some(*number)),
                    Cell::Null => Ok(None),
                    other => Err(odd(other)),
                })
                .collect::<Result<_>>()?,
        ),
        Kind::Real => Param::SomeReals(
            cells
                .map(|cell| match cell {
                    Cell::Real(number) => Ok(Some(*number)),
                    #[allow(clippy::cast_precision_loss)]
                    Cell::Int(number) => Ok(Some(*number as f64)),
                    Cell::Null => Ok(None),
                    other => Err(odd(other)),
                })
                .collect::<Result<_>>()?,
        ),
        Kind::Text => Param::SomeTexts(
            cells
                .map(|cell| match cell {
                    Cell::Text(text) => Some(escaped(text)),
                    Cell::Bytes(bytes) => Some(super::param::kept(Kept::Sealed(bytes.clone()))),
                    _ => None,
                })
                .collect(),
        ),
        Kind::Texts => Param::SomeTexts(
            cells
                .map(|cell| {
                    let all: Vec<String> = serde_json::from_str(cell.text().unwrap_or("[]"))?;
                    let all: Vec<String> = all.iter().map(|one| escaped(one)).collect();
                    Ok(Some(serde_json::to_string(&all)?))
                })
                .collect::<Result<_>>()?,
        ),
        Kind::Bytes => Param::SomeBytes(
            cells
                .map(|cell| match cell {
                    Cell::Bytes(bytes) => Ok(Some(bytes.clone())),
                    Cell::Null => Ok(None),
                    other => Err(odd(other)),
                })
                .collect::<Result<_>>()?,
        ),
    })
}

/// A column as it is written.
fn write_as(name: &str, kind: Kind) -> String {
    match kind {
        Kind::Flag => format!("r.\"{name}\" <> 0"),
        Kind::Texts => format!("ARRAY(SELECT jsonb_array_elements_text(r.\"{name}\"::jsonb))"),
        _ => format!("r.\"{name}\""),
    }
}

pub fn kind_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Int | Kind::Flag => "bigint[]",
        Kind::Real => "double precision[]",
        Kind::Text | Kind::Texts => "text[]",
        Kind::Bytes => "bytea[]",
    }
}

fn insert(db: &Conn, table: &Table, given_rows: &[Row]) -> Result<()> {
    let mut all = given_rows.to_vec();
    all.iter_mut().for_each(|row| seal::rows::seal(&db.seal.now(), table, row));
    let mut names: Vec<String> = table.columns.iter().map(|(name, _)| format!("\"{name}\"")).collect();
    let mut values: Vec<String> = table.columns.iter().map(|(name, kind)| write_as(name, *kind)).collect();
    let mut given: Vec<(String, &'static str)> =
        table.columns.iter().map(|(name, kind)| (format!("\"{name}\""), kind_of(*kind))).collect();
    let mut params =
        table.columns.iter().enumerate().map(|(at, (_, kind))| column(&all, at, *kind)).collect::<Result<Vec<_>>>()?;
    let mut awaiting = Vec::new();
    let mut beside = |name: &str, value: &str| {
        names.push(name.to_owned());
        values.push(value.to_owned());
    };
    match table.name {
        "executions" => {
            beside("reversed", "reverse(r.id)");
            beside("awaits", "r.awaits <> 0");
            beside("parked_on", "ARRAY(SELECT jsonb_array_elements_text(r.parked_on::jsonb))");
            let reasons = given_rows.iter().map(|row| {
                let text = row.get(4).and_then(Cell::text);
                Ok(text.map(serde_json::from_str::<Json>).transpose()?.unwrap_or_default())
            });
            let reasons = reasons.collect::<Result<Vec<Json>>>()?;
            let awaits = reasons.iter().map(|reason| Some(i64::from(!reason["executions"].is_null()))).collect();
            let parked = reasons.iter().map(|reason| {
                let waits = reason["waits"].as_array().into_iter().flatten().filter_map(Json::as_str);
                Ok(Some(serde_json::to_string(&waits.map(escaped).collect::<Vec<_>>())?))
            });
            awaiting.extend(awaited_by(given_rows, &reasons));
            params.push(Param::SomeInts(awaits));
            params.push(Param::SomeTexts(parked.collect::<Result<_>>()?));
            given.push(("awaits".to_owned(), "bigint[]"));
            given.push(("parked_on".to_owned(), "text[]"));
        }
        "journal" | "logs" => beside("revision", "0"),
        "audit" => beside("mark", "'copied ' || r.id"),
        _ => {}
    }
    let marks: Vec<String> = given.iter().enumerate().map(|(at, (_, kind))| format!("${}::{kind}", at + 1)).collect();
    let called: Vec<&str> = given.iter().map(|(name, _)| name.as_str()).collect();
    let text = format!(
        "INSERT INTO {} ({}) SELECT {} FROM unnest({}) AS r({})",
        table.name,
        names.join(", "),
        values.join(", "),
        marks.join(", "),
        called.join(", ")
    );
    db.execute(&text, &params)?;
    insert_awaits(db, &awaiting)
}

/// Who awaits whom: their numbers, identifiers, and whether nothing but an end counts.
fn awaited_by(rows: &[Row], reasons: &[Json]) -> Vec<(i64, String, bool)> {
    let number = |row: &Row| match row.first() {
        Some(Cell::Int(n)) => *n,
        _ => 0,
    };
    let all = rows.iter().zip(reasons);
    let found =
        all.flat_map(|(row, reason)| awaited(Some(reason)).into_iter().map(|(id, ends)| (number(row), id, ends)));
    found.map(|(n, id, ends)| (n, id.to_owned(), ends)).collect()
}

fn insert_awaits(db: &Conn, all: &[(i64, String, bool)]) -> Result<()> {
    if all.is_empty() {
        return Ok(());
    }
    let params = [
        Param::Ints(all.iter().map(|(n, ..)| *n).collect()),
        Param::Texts(all.iter().map(|(_, id, _)| id.clone()).collect()),
        Param::Bools(all.iter().map(|(.., ends)| *ends).collect()),
    ];
    let text = "INSERT INTO awaits (n, awaited, ends) SELECT * FROM unnest($1, $2, $3)";
    db.execute(text, &params).map(|_| ())
}

/// A connection that a copy is written by, inside its transaction.
struct Taking<'a> {
    db: &'a Conn,
    values: &'a Values,
    seal: &'a Seal,
    path: &'a str,
    space: i32,
    store: &'a Postgres,
}

impl Sink for Taking<'_> {
    fn rows(&mut self, table: &Table, rows: Vec<Row>) -> store::Result<()> {
        insert(self.db, table, &rows).map_err(|fault| fault.told(self.path))
    }

    fn value(&mut self, text: &Arc<Text>) -> store::Result<()> {
        let told = |fault: Fault| fault.told(self.path);
        let new = self.values.prepare(text, &self.seal.now(), |digests| chunks::has(self.db, digests).map_err(told))?;
        let parts: Vec<&Chunk> = new.chunks.iter().collect();
        // What it does not need in the end, or all of it if nothing is taken in, is removed with what crashes leave.
        let placed = self.store.place(&parts)?;
        let keys = self.seal.now().names();
        if chunks::insert(self.db, &parts, &placed.names, self.space, &keys).map_err(told)?.is_none() {
            return Err(StoreError::Busy("somebody changes its keys; try again".to_owned()));
        }
        let ids = chunks::ids(self.db, &new.chunks).map_err(told)?;
        let text = "INSERT INTO blobs (digest, len, chunks, sealed) VALUES ($1, $2, $3, $4)
            ON CONFLICT (digest) DO NOTHING";
        let (digest, sealed) = (Param::Bytes(new.name.0.to_vec()), Param::Bool(new.key.is_some()));
        let params = [digest, new.reference.len.into(), Param::Bytes(encode_ids(&ids)), sealed];
        self.db.execute(text, &params).map(|_| ()).map_err(told)
    }
}

/// Numbers go on behind all that are in use: events of deleted executions may be read by replays.
const NUMBERS: &str = "
    SET LOCAL synchronous_commit TO on;
    SELECT setval(pg_get_serial_sequence('executions', 'n'), greatest(1, (SELECT max(n) FROM executions),
        (SELECT max(n) FROM journal), (SELECT max(source) FROM segments)));
    SELECT setval(pg_get_serial_sequence('breakpoints', 'id'), greatest(1, (SELECT max(id) FROM breakpoints)));
    SELECT setval(pg_get_serial_sequence('audit', 'id'), greatest(1, (SELECT max(id) FROM audit)));
    SELECT nextval('revision')";

impl Copying for Postgres {
    fn rows(&self, table: &Table, after: Option<&Row>, limit: usize) -> store::Result<Vec<Row>> {
        self.read(|db| rows(db, table, after, limit))
    }

    fn stored(&self) -> store::Result<Vec<Large>> {
        self.read(|db| {
            let one = |row: &tokio_postgres::Row| {
                Ok(Large { name: Digest(row.digest(0)?), len: row.num(1)?, keyed: row.flag(2)? })
            };
            db.query("SELECT digest, len, sealed FROM blobs ORDER BY digest", &[])?.iter().map(one).collect()
        })
    }

    fn large(&self, large: &Large) -> store::Result<String> {
        let look = |db: &Conn| Ok(chunks::parts_of(db, &large.name)?.into_iter().map(Some).collect());
        let parts = self.whole(look)?.into_iter().flatten().collect();
        self.values.read_large(large, parts, &self.seal.now(), std::path::Path::new(&self.path))
    }

    fn take_in(&self, fill: Fill<'_>) -> store::Result<()> {
        self.here()?;
        // Once: whether a copy whose commit was not answered is there, can be seen.
        let done = self.pool.with(|db| {
            db.transaction("BEGIN", |db| {
                let names: Vec<&str> = TABLES.iter().map(|table| table.name).collect();
                db.batch(&format!("LOCK TABLE {} IN EXCLUSIVE MODE", names.join(", ")))?;
                for name in
                    ["executions", "journal", "tokens", "audit", "breakpoints", "limits", "schedules", "releases"]
                {
                    if db.find(&format!("SELECT 1 FROM {name} LIMIT 1"), &[])?.is_some() {
                        return Err(Fault::Refused(not_empty()));
                    }
                }
                self.must_have_keys(db)?;
                db.query("SELECT announce($1)", &[Param::Small(self.space)])?;
                // While bytes are put elsewhere nothing is said to the database.
                db.batch("SET LOCAL idle_in_transaction_session_timeout = 0")?;
                let (path, space) = (self.path.as_str(), self.space);
                let mut taking = Taking { db, values: &self.values, seal: &self.seal, path, space, store: self };
                fill(&mut taking)?;
                db.batch(NUMBERS)
            })
        });
        done.map_err(|fault| match fault {
            Fault::Lost(why) => {
                let why = format!("{why}; whether the copy is there, `kitaru store status` says");
                StoreError::Io { path: self.path.clone(), why }
            }
            other => other.told(&self.path),
        })
    }
}
