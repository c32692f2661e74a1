//! Rows on their way from one store to another: what is sealed in one is opened, and sealed for its place in the other.
//!
//! A backend hands what is sealed over as bytes, also out of a column of texts. Not here: the statements.

use super::place::{Place, SEALED, Sealed};
use super::{Found, Kept, Sealing, named};
use crate::copy::{Cell, Kind, Row, Table};
use crate::error::StoreError;

/// A digest of a question, where it is not sealed.
const DIGEST: usize = 32;

/// What of a table is sealed.
fn sealed_of(table: &Table) -> Option<&'static Sealed> {
    SEALED.iter().find(|one| one.table == table.name)
}

fn at(table: &Table, column: &str) -> Option<usize> {
    table.columns.iter().position(|(name, _)| *name == column)
}

/// The columns that are sealed: where each is in a row, what it has, and where it stands.
fn columns<'a>(table: &'a Table, sealed: &'a Sealed, row: &Row) -> Vec<(usize, Kind, Place)> {
    let bound: Vec<Cell> = sealed
        .bound
        .iter()
        .map(|name| at(table, name).and_then(|at| row.get(at)).cloned().unwrap_or(Cell::Null))
        .collect();
    let one = |column: &&str| {
        let index = at(table, column)?;
        let place = Place::of(&format!("{}.{column}", table.name));
        Some((index, table.columns.get(index)?.1, bound.iter().fold(place, Place::cell)))
    };
    sealed.columns.iter().filter_map(one).collect()
}

/// Opens what is sealed of a row.
pub fn open(seal: &Sealing<'_>, table: &Table, row: &mut Row) -> Result<(), StoreError> {
    if table.name == "codes" {
        return open_code(seal, row);
    }
    let Some(sealed) = sealed_of(table) else { return Ok(()) };
    for (index, kind, place) in columns(table, sealed, row) {
        let Some(cell) = row.get_mut(index) else { continue };
        let opened = match (kind, &*cell) {
            (_, Cell::Null) => continue,
            (Kind::Bytes, Cell::Bytes(bytes)) => {
                Cell::Bytes(seal.open_bytes(|| place, bytes.len() != DIGEST, bytes.clone())?)
            }
            (_, Cell::Bytes(bytes)) => Cell::Text(seal.open(|| place, Found::Sealed(bytes))?.into_owned()),
            (_, Cell::Text(text)) => Cell::Text(seal.open(|| place, Found::Plain(text))?.into_owned()),
            (_, other) => other.clone(),
        };
        *cell = opened;
    }
    Ok(())
}

fn open_code(seal: &Sealing<'_>, row: &mut Row) -> Result<(), StoreError> {
    let [Cell::Text(name), parts] = row.as_mut_slice() else { return Ok(()) };
    let place = || named::code_place(name);
    match parts {
        Cell::Bytes(bytes) => {
            let (digest, text) = named::code_parts(seal.open(place, Found::Sealed(bytes))?.into_owned());
            (*name, *parts) = (digest, Cell::Text(text));
        }
        Cell::Text(text) => drop(seal.open(place, Found::Plain(text))?),
        _ => {}
    }
    Ok(())
}

/// Seals what is to be sealed of a row.
pub fn seal(seal: &Sealing<'_>, table: &Table, row: &mut Row) {
    if table.name == "codes" {
        if let [Cell::Text(name), parts] = row.as_mut_slice() {
            let text = parts.text().unwrap_or_default().to_owned();
            let (keyed, text) = named::code(seal, name, &text);
            *parts = cell(seal.text(|| named::code_place(&keyed), &text));
            *name = keyed.into_owned();
        }
        return;
    }
    let Some(sealed) = sealed_of(table) else { return };
    for (index, _, place) in columns(table, sealed, row) {
        let Some(one) = row.get_mut(index) else { continue };
        *one = match std::mem::replace(one, Cell::Null) {
            Cell::Text(text) => cell(seal.text(|| place, &text)),
            Cell::Bytes(bytes) => Cell::Bytes(seal.bytes(|| place, bytes.into()).0.into_owned()),
            other => other,
        };
    }
}

fn cell(kept: Kept<'_>) -> Cell {
    match kept {
        Kept::Plain(text) => Cell::Text(text.to_owned()),
        Kept::Sealed(bytes) => Cell::Bytes(bytes),
    }
}
