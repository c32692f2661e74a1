//! Sealing anew what is plain or was sealed by an older key: row after row, in small transactions.
//!
//! Whoever writes meanwhile writes by the newest key, so one walk meets all the rest. Rows are looked for on the reading
//! connection; each is read again inside the transaction that changes it. Nothing is remembered: a walk that was cut
//! begins anew and passes over what it has done. Not here: the ciphers (`crate::seal`), and parts of large values
//! (`reseal_chunks`).

use super::Sqlite;
use super::fault::{Fault, Result};
use super::seal::{self, Db};
use super::writer::Durable;
use crate::copy::Cell;
use crate::keyring::{InUse, Keyring, Reached, Resealed};
use crate::seal::{Found, Kept, KeyId, Place, SEALED, Sealed, named};
use crate::store;
use kitaru_core::Digest;
use rusqlite::types::ValueRef as Stored;
use rusqlite::{OptionalExtension, Row, ToSql, params, params_from_iter};
use std::sync::{Arc, Mutex, PoisonError};

/// Rows that are sealed anew in a transaction.
const SOME: usize = 200;

/// What this dialect alone has.
const WRITERS: Sealed = Sealed { table: "writers", order: &["n"], bound: &["id", "number"], columns: &["answers"] };

/// What comes after the tables.
const CODES: usize = SEALED.len() + 1;
const VALUES: usize = CODES + 1;
const CHUNKS: usize = VALUES + 1;

fn table(step: usize) -> Option<&'static Sealed> {
    if step == SEALED.len() { Some(&WRITERS) } else { SEALED.get(step) }
}

/// A column that is not sealed by the key whose head is `?1`.
fn stale(column: &str) -> String {
    format!("({column} IS NOT NULL AND (typeof({column}) <> 'blob' OR substr({column}, 1, 9) <> ?1))")
}

fn any_stale(one: &Sealed) -> String {
    one.columns.iter().map(|column| stale(column)).collect::<Vec<_>>().join(" OR ")
}

/// The key of a table's rows, and how a row behind one is told: the journal's own is made of both columns.
fn key(one: &Sealed) -> (String, String) {
    if one.table == "journal" {
        return ("place".to_owned(), "(?2 << 32 | ?3)".to_owned());
    }
    let marks: Vec<String> = (0..one.order.len()).map(|at| format!("?{}", at + 2)).collect();
    (one.order.join(", "), marks.join(", "))
}

fn cell(row: &Row<'_>, at: usize) -> Result<Cell> {
    Ok(match row.get_ref(at)? {
        Stored::Null => Cell::Null,
        Stored::Integer(number) => Cell::Int(number),
        Stored::Real(number) => Cell::Real(number),
        Stored::Text(_) => Cell::Text(row.get(at)?),
        Stored::Blob(bytes) => Cell::Bytes(bytes.to_vec()),
    })
}

fn cells(row: &Row<'_>, from: usize, count: usize) -> Result<Vec<Cell>> {
    (from..from + count).map(|at| cell(row, at)).collect()
}

/// Rows of a table that are not sealed by that key, behind a place.
fn rows(db: &Db, one: &Sealed, id: KeyId, after: &[Cell]) -> Result<Vec<Vec<Cell>>> {
    let (key, marks) = key(one);
    let behind = if after.is_empty() { String::new() } else { format!("AND ({key}) > ({marks})") };
    let (order, stale) = (one.order.join(", "), any_stale(one));
    let text = format!("SELECT {order} FROM {} WHERE ({stale}) {behind} ORDER BY {key} LIMIT {SOME}", one.table);
    let head = id.head().to_vec();
    let given = std::iter::once(&head as &dyn ToSql).chain(after.iter().map(|cell| cell as &dyn ToSql));
    let mut select = db.prepare_cached(&text)?;
    let mut rows = select.query(params_from_iter(given))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(cells(row, 0, one.order.len())?);
    }
    Ok(found)
}

/// Seals one row anew.
fn reseal(db: &Db, one: &Sealed, row: &[Cell]) -> Result<()> {
    let (key, marks) = key(one);
    let marks = marks.replace("?2", "?1").replace("?3", "?2");
    let names: Vec<&str> = one.bound.iter().chain(one.columns).copied().collect();
    let text = format!("SELECT {} FROM {} WHERE ({key}) = ({marks})", names.join(", "), one.table);
    let mut select = db.prepare_cached(&text)?;
    let mut found = select.query(params_from_iter(row))?;
    // It may have been removed since.
    let Some(found) = found.next()? else { return Ok(()) };
    let bound = cells(found, 0, one.bound.len())?;
    let seal = db.seal.now();
    let mut sealed = Vec::with_capacity(one.columns.len());
    for (at, column) in one.columns.iter().enumerate() {
        let place = || bound.iter().fold(Place::of(&format!("{}.{column}", one.table)), Place::cell);
        sealed.push(match cell(found, one.bound.len() + at)? {
            Cell::Null => Cell::Null,
            Cell::Text(text) => bytes(seal.text(place, &text))?,
            // A digest is bytes, sealed or not.
            Cell::Bytes(plain) if plain.len() == 32 => Cell::Bytes(seal.bytes(place, plain.into()).0.into_owned()),
            Cell::Bytes(whole) if one.table == "links" => {
                let plain = seal.open_bytes(place, true, whole)?;
                Cell::Bytes(seal.bytes(place, plain.into()).0.into_owned())
            }
            Cell::Bytes(whole) => bytes(seal.text(place, &seal.open(place, Found::Sealed(&whole))?))?,
            other => return Err(Fault::Odd(format!("a column of texts has {other:?}"))),
        });
    }
    let from = row.len();
    let set: Vec<String> =
        one.columns.iter().enumerate().map(|(at, name)| format!("{name} = ?{}", from + at + 1)).collect();
    let text = format!("UPDATE {} SET {} WHERE ({key}) = ({marks})", one.table, set.join(", "));
    db.prepare_cached(&text)?.execute(params_from_iter(row.iter().chain(&sealed)))?;
    Ok(())
}

fn bytes(kept: Kept<'_>) -> Result<Cell> {
    match kept {
        Kept::Sealed(bytes) => Ok(Cell::Bytes(bytes)),
        Kept::Plain(_) => Err(Fault::Odd("the store has no key to seal by".to_owned())),
    }
}

/// What code digests are made of: what was plain gets another name.
fn codes(db: &Db, id: KeyId) -> Result<Vec<Vec<Cell>>> {
    let text = format!("SELECT digest FROM codes WHERE {} LIMIT {SOME}", stale("parts"));
    let mut select = db.prepare_cached(&text)?;
    let mut rows = select.query([id.head().to_vec()])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(cells(row, 0, 1)?);
    }
    Ok(found)
}

fn reseal_code(db: &Db, row: &[Cell]) -> Result<()> {
    let Some(name) = row.first().and_then(Cell::text) else { return Ok(()) };
    let mut select = db.prepare_cached("SELECT parts FROM codes WHERE digest = ?1")?;
    let mut found = select.query([name])?;
    let Some(found) = found.next()? else { return Ok(()) };
    let was_sealed = matches!(found.get_ref(0)?, Stored::Blob(_));
    let text = db.text(found, 0, || named::code_place(name))?;
    let (digest, parts) = if was_sealed { named::code_parts(text) } else { (name.to_owned(), text) };
    let seal = db.seal.now();
    let (keyed, parts) = named::code(&seal, &digest, &parts);
    let parts = seal.text(|| named::code_place(&keyed), &parts);
    db.prepare_cached("INSERT OR REPLACE INTO codes (digest, parts) VALUES (?1, ?2)")?
        .execute(params![keyed, parts])?;
    if keyed != name {
        db.prepare_cached("DELETE FROM codes WHERE digest = ?1")?.execute([name])?;
    }
    Ok(())
}

/// Large values by their plain names.
fn values(db: &Db) -> Result<Vec<Vec<Cell>>> {
    let mut select = db.prepare_cached(&format!("SELECT digest FROM blobs WHERE NOT sealed LIMIT {SOME}"))?;
    let mut rows = select.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(cells(row, 0, 1)?);
    }
    Ok(found)
}

fn rename_value(db: &Db, row: &[Cell]) -> Result<()> {
    let [Cell::Bytes(name)] = row else { return Ok(()) };
    let digest: [u8; 32] = name.as_slice().try_into().map_err(|_| Fault::Odd("a value has no name".to_owned()))?;
    let keyed = db.seal.now().address(named::VALUE, Digest(digest));
    // Where it was written again meanwhile, that row stays.
    db.prepare_cached("UPDATE OR IGNORE blobs SET digest = ?2, sealed = 1 WHERE digest = ?1 AND NOT sealed")?
        .execute(params![name, &keyed.0[..]])?;
    db.prepare_cached("DELETE FROM blobs WHERE digest = ?1 AND NOT sealed")?.execute([name])?;
    Ok(())
}

type Work = fn(&Db, &[Cell]) -> Result<()>;

impl Sqlite {
    /// Changes some rows in one transaction, as long as that key writes.
    fn reseal_rows(
        &self,
        id: KeyId,
        rows: Vec<Vec<Cell>>,
        work: impl Fn(&Db, &[Cell]) -> Result<()> + Send + 'static,
    ) -> store::Result<u64> {
        self.write(Durable::Later, move |db, _| {
            if db.seal.now().writes() != Some(id) {
                // Somebody else has changed it meanwhile: the walk goes on with that one.
                return Ok(0);
            }
            rows.iter().try_for_each(|row| work(db, row))?;
            Ok(rows.len() as u64)
        })
    }

    /// The key that writes, as the store has it now.
    pub(super) fn writing_key(&self) -> store::Result<KeyId> {
        self.follow()?;
        self.seal.now().writes().ok_or_else(|| {
            let path = self.path.display();
            crate::StoreError::Setting(format!("the store at {path} is not sealed: open it once with KITARU_KEYS"))
        })
    }

    fn count_left(&self, id: KeyId) -> store::Result<u64> {
        self.read(|db| {
            let mut left = 0;
            let head = id.head().to_vec();
            for step in 0..CODES {
                let Some(one) = table(step) else { continue };
                let text = format!("SELECT count(*) FROM {} WHERE {}", one.table, any_stale(one));
                left += db.query_row(&text, [&head], |row| row.get::<_, u64>(0))?;
            }
            let text = format!("SELECT count(*) FROM codes WHERE {}", stale("parts"));
            left += db.query_row(&text, [&head], |row| row.get::<_, u64>(0))?;
            left += db.query_row("SELECT count(*) FROM blobs WHERE NOT sealed", [], |row| row.get::<_, u64>(0))?;
            let chunks = "SELECT count(*) FROM chunks WHERE sealed IS NULL OR sealed <> ?1";
            Ok(left + db.query_row(chunks, [id.to_string()], |row| row.get::<_, u64>(0))?)
        })
    }

    /// Says that all is sealed by that key, if it still writes.
    fn finish(&self, id: KeyId) -> store::Result<bool> {
        let done = self.write(Durable::Now, move |db, _| {
            if db.seal.now().writes() != Some(id) {
                return Ok(0);
            }
            if let Some(record) = db.seal.finished()? {
                seal::keep(db, &record)?;
            }
            Ok(1)
        })?;
        self.follow()?;
        self.posted();
        Ok(done > 0)
    }
}

impl Keyring for Sqlite {
    fn in_use(&self) -> store::Result<InUse> {
        self.follow()?;
        Ok(self.seal.now().in_use())
    }

    fn change(&self) -> store::Result<bool> {
        self.follow()?;
        let made = Arc::new(Mutex::new(None));
        let told = Arc::clone(&made);
        self.write(Durable::Now, move |db, _| {
            let Some(record) = db.seal.rotated()? else { return Ok(0) };
            seal::keep(db, &record)?;
            *told.lock().unwrap_or_else(PoisonError::into_inner) = Some(());
            Ok(1)
        })?;
        self.follow()?;
        self.posted();
        let changed = made.lock().unwrap_or_else(PoisonError::into_inner).is_some();
        Ok(changed)
    }

    fn left(&self) -> store::Result<u64> {
        self.count_left(self.writing_key()?)
    }

    fn reseal(&self, reached: &mut Reached) -> store::Result<Resealed> {
        let id = self.writing_key()?;
        if reached.step == 0 && reached.after.is_empty() && !self.in_use()?.is_under_way() {
            return Ok(Resealed::All);
        }
        while reached.step < CHUNKS {
            let step = reached.step;
            let after = std::mem::take(&mut reached.after);
            let (rows, work): (_, Option<Work>) = match step {
                CODES => (self.read(|db| codes(db, id))?, Some(reseal_code)),
                VALUES => (self.read(values)?, Some(rename_value)),
                _ => match table(step) {
                    Some(one) => (self.read(|db| rows(db, one, id, &after))?, None),
                    None => (Vec::new(), None),
                },
            };
            let Some(last) = rows.last() else {
                reached.step += 1;
                continue;
            };
            reached.after = last.clone();
            return Ok(Resealed::Some(match (work, table(step)) {
                (Some(work), _) => self.reseal_rows(id, rows, work)?,
                (None, Some(one)) => self.reseal_rows(id, rows, move |db, row| reseal(db, one, row))?,
                (None, None) => 0,
            }));
        }
        if let Some(done) = self.reseal_chunks(id, reached)? {
            return Ok(Resealed::Some(done));
        }
        *reached = Reached::default();
        // Whoever wrote by an older key had read the record before: nobody has since, so none is left, or it is met again.
        if self.count_left(id)? == 0 && self.finish(id)? { Ok(Resealed::All) } else { Ok(Resealed::Some(0)) }
    }

    fn scrub(&self, whole: bool) -> store::Result<Option<String>> {
        self.here()?;
        self.scrub_file(whole)
    }
}

/// The name of a part of a value whose content stands under its own name already: nobody looks for it.
pub(super) fn twin(db: &Db, id: i64) -> Digest {
    db.seal.now().address("twin", Digest::of(&id.to_le_bytes()))
}

/// Whether something stands under that name.
pub(super) fn is_taken(db: &Db, name: &Digest, id: i64) -> Result<bool> {
    let other = db
        .prepare_cached("SELECT id FROM chunks WHERE digest = ?1")?
        .query_row([&name.0[..]], |row| row.get::<_, i64>(0))
        .optional()?;
    Ok(other.is_some_and(|other| other != id))
}
