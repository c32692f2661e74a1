//! Sealing anew what is plain or was sealed by an older key, in small transactions, each of which holds the keys as they
//! are. Nothing is remembered: a walk that was cut begins anew and passes over what it has done.
//!
//! Not here: the ciphers (`crate::seal`).

use super::Postgres;
use super::conn::Conn;
use super::copy::{cells, column, kind_of};
use super::fault::{Fault, Result};
use super::param::{self, Columns, Param};
use crate::copy::{Cell, Kind, Row, TABLES, Table};
use crate::keyring::{InUse, Keyring, Reached, Resealed};
use crate::seal::{Found, Kept, KeyId, Place, SEALED, Sealed, Sealing, named};
use crate::store;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use kitaru_core::Digest;
use std::cell::RefCell;

/// Rows, and parts of values, that are sealed anew in a transaction.
const SOME: usize = 200;
const PARTS: usize = 32;

/// What comes after the tables.
const CODES: usize = SEALED.len();
const VALUES: usize = CODES + 1;
const CHUNKS: usize = VALUES + 1;

/// What a text begins with that is sealed by that key: nine bytes are twelve digits.
fn head(id: KeyId) -> String {
    format!("{}{}", param::SEALED, STANDARD_NO_PAD.encode(id.head()))
}

/// A column that is not sealed by the key whose head is `$1`, as a text, or `$2`, as bytes.
fn stale(name: &str, kind: Kind) -> String {
    match kind {
        Kind::Bytes => format!("(substring({name} FROM 1 FOR 9) <> $2)"),
        _ => format!("(left({name}, 14) <> $1)"),
    }
}

fn kind(table: &Table, name: &str) -> Kind {
    table.columns.iter().find(|(one, _)| *one == name).map_or(Kind::Text, |(_, kind)| *kind)
}

fn any_stale(one: &Sealed, table: &Table) -> String {
    one.columns.iter().map(|name| stale(name, kind(table, name))).collect::<Vec<_>>().join(" OR ")
}

fn heads(id: KeyId) -> Vec<Param> {
    // Its escape is meant: it is what is looked for.
    vec![Param::Text(Some(head(id))), Param::Bytes(id.head().to_vec())]
}

/// What a statement is given has to be used, whatever a table has.
const USED: &str = "($1::text IS NOT NULL AND $2::bytea IS NOT NULL)";

fn anew(seal: &Sealing<'_>, place: impl Fn() -> Place, cell: &Cell, kind: Kind) -> Result<Cell> {
    Ok(match (cell, kind) {
        (Cell::Null, _) => Cell::Null,
        (Cell::Text(text), _) => put(seal.text(&place, &seal.open(&place, Found::Plain(text))?))?,
        (Cell::Bytes(bytes), Kind::Bytes) => {
            let plain = seal.open_bytes(&place, bytes.len() != 32, bytes.clone())?;
            Cell::Bytes(seal.bytes(place, plain.into()).0.into_owned())
        }
        (Cell::Bytes(whole), _) => put(seal.text(&place, &seal.open(&place, Found::Sealed(whole))?))?,
        (other, _) => return Err(Fault::Odd(format!("a column of texts has {other:?}"))),
    })
}

fn put(kept: Kept<'_>) -> Result<Cell> {
    match kept {
        Kept::Sealed(bytes) => Ok(Cell::Bytes(bytes)),
        Kept::Plain(_) => Err(Fault::Odd("the store has no key to seal by".to_owned())),
    }
}

/// Seals some rows of a table behind a place. Returns the key of the last, and how many.
fn rows(db: &Conn, one: &Sealed, table: &Table, id: KeyId, after: &[Cell]) -> Result<Option<(Row, u64)>> {
    let names: Vec<&str> = one.order.iter().chain(one.bound).chain(one.columns).copied().collect();
    let wanted: Vec<(&str, Kind)> = names.iter().map(|name| (*name, kind(table, name))).collect();
    let shown: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
    let order: Vec<String> = one.order.iter().map(|name| format!("\"{name}\"")).collect();
    let order = order.join(", ");
    let mut params = heads(id);
    let mut behind = String::new();
    if !after.is_empty() {
        let marks: Vec<String> = (0..after.len()).map(|at| format!("${}", at + 3)).collect();
        behind = format!("AND ({order}) > ({})", marks.join(", "));
        params.extend(after.iter().map(super::copy::param));
    }
    let text = format!(
        "SELECT {} FROM {} WHERE {USED} AND ({}) {behind} ORDER BY {order} LIMIT {SOME} FOR NO KEY UPDATE",
        shown.join(", "),
        table.name,
        any_stale(one, table)
    );
    let found: Vec<Row> = db.query(&text, &params)?.iter().map(|row| cells(row, &wanted)).collect::<Result<_>>()?;
    let Some(last) = found.last().map(|row| row[..one.order.len()].to_vec()) else { return Ok(None) };
    let count = found.len() as u64;
    let seal = db.seal.now();
    let (keys, rest) = (one.order.len(), one.order.len() + one.bound.len());
    let mut sealed: Vec<Row> = Vec::with_capacity(found.len());
    for row in &found {
        let mut made = row[..keys].to_vec();
        for (at, name) in one.columns.iter().enumerate() {
            let place = || row[keys..rest].iter().fold(Place::of(&format!("{}.{name}", one.table)), Place::cell);
            made.push(anew(&seal, place, &row[rest + at], kind(table, name))?);
        }
        sealed.push(made);
    }
    let given: Vec<&str> = one.order.iter().chain(one.columns).copied().collect();
    let params: Vec<Param> =
        given.iter().enumerate().map(|(at, name)| column(&sealed, at, kind(table, name))).collect::<Result<_>>()?;
    let marks: Vec<String> =
        given.iter().enumerate().map(|(at, name)| format!("${}::{}", at + 1, kind_of(kind(table, name)))).collect();
    let set: Vec<String> = one.columns.iter().map(|name| format!("\"{name}\" = r.\"{name}\"")).collect();
    let same: Vec<String> = one.order.iter().map(|name| format!("t.\"{name}\" = r.\"{name}\"")).collect();
    let called: Vec<String> = given.iter().map(|name| format!("\"{name}\"")).collect();
    let text = format!(
        "UPDATE {} AS t SET {} FROM unnest({}) AS r({}) WHERE {}",
        table.name,
        set.join(", "),
        marks.join(", "),
        called.join(", "),
        same.join(" AND ")
    );
    db.execute(&text, &params)?;
    Ok(Some((last, count)))
}

/// What code digests are made of: what was plain gets another name.
fn codes(db: &Conn, id: KeyId) -> Result<u64> {
    let text = format!(
        "SELECT digest, parts FROM codes WHERE {USED} AND {} LIMIT {SOME} FOR UPDATE",
        stale("parts", Kind::Text)
    );
    let found = db.query(&text, &heads(id))?;
    let seal = db.seal.now();
    for row in &found {
        let name = row.text(0)?;
        let was_sealed = param::sealed(param::get(row, 1)?)?.is_some();
        let text = db.text(row, 1, || named::code_place(&name))?;
        let (digest, parts) = if was_sealed { named::code_parts(text) } else { (name.clone(), text) };
        let (keyed, parts) = named::code(&seal, &digest, &parts);
        let parts = db.kept(|| named::code_place(&keyed), &parts);
        let write = "INSERT INTO codes (digest, parts) VALUES ($1, $2)
            ON CONFLICT (digest) DO UPDATE SET parts = excluded.parts";
        db.execute(write, &[keyed.as_ref().into(), parts])?;
        if keyed != name {
            db.execute("DELETE FROM codes WHERE digest = $1", &[name.as_str().into()])?;
        }
    }
    Ok(found.len() as u64)
}

/// Large values by their plain names.
fn values(db: &Conn) -> Result<u64> {
    let found = db.query(&format!("SELECT digest FROM blobs WHERE NOT sealed LIMIT {SOME} FOR UPDATE"), &[])?;
    for row in &found {
        let digest = Digest(row.digest(0)?);
        let keyed = Param::Bytes(db.seal.now().address(named::VALUE, digest).0.to_vec());
        let plain = Param::Bytes(digest.0.to_vec());
        // Where it was written again meanwhile, that row stays.
        let write = "INSERT INTO blobs (digest, len, chunks, sealed) SELECT $2, len, chunks, true FROM blobs
            WHERE digest = $1 ON CONFLICT (digest) DO NOTHING";
        db.execute(write, &[plain.clone(), keyed])?;
        db.execute("DELETE FROM blobs WHERE digest = $1", &[plain])?;
    }
    Ok(found.len() as u64)
}

/// Parts of values. Returns the last, how many, and the places where the bytes of some of them were.
///
/// Those that lie elsewhere are put anew under a name of their own before their rows say so: whoever reads one by its old
/// row finds the old bytes there, or looks at the row again.
fn chunks(store: &Postgres, db: &Conn, id: KeyId, after: i64) -> Result<Option<(i64, u64, Vec<String>)>> {
    let text = format!(
        "SELECT id, digest, len, zstd, data, sealed IS NOT NULL, place, stored FROM chunks
         WHERE id > $1 AND (sealed IS NULL OR sealed <> $2) ORDER BY id LIMIT {PARTS} FOR UPDATE"
    );
    let found = db.query(&text, &[after.into(), id.to_string().as_str().into()])?;
    let Some(last) = found.last() else { return Ok(None) };
    let seal = db.seal.now();
    let mut were = Vec::new();
    for row in &found {
        if let Some(name) = row.opt_text(6)? {
            were.push((name, row.num(7)?));
        }
    }
    let mut fetched = store.bytes_of_parts(&were)?.into_iter();
    let (mut writes, mut put) = (Vec::new(), Vec::new());
    for row in &found {
        let (number, digest, len, zstd) = (row.int(0)?, Digest(row.digest(1)?), row.num(2)?, row.flag(3)?);
        let was_sealed = row.flag(5)?;
        let stored = match row.opt_bytes(4)? {
            Some(data) => data,
            None => fetched.next().ok_or_else(|| Fault::Odd("a chunk has no bytes".to_owned()))?,
        };
        let bytes = seal.open_bytes(|| named::chunk(&digest, len, zstd), was_sealed, stored)?;
        let keyed = if was_sealed { digest } else { seal.address(named::CHUNK, digest) };
        let other = "SELECT 1 FROM chunks WHERE digest = $1 AND id <> $2";
        let taken = db.find(other, &[Param::Bytes(keyed.0.to_vec()), number.into()])?.is_some();
        // What was written again meanwhile has its name: nobody looks for this one by its content.
        let name = if taken { seal.address("twin", Digest::of(&number.to_le_bytes())) } else { keyed };
        let (data, key) = seal.bytes(|| named::chunk(&name, len, zstd), bytes.into());
        let (stored, mut data, mut place) = (data.len() as u64, Some(data.into_owned()), None);
        if row.opt_text(6)?.is_some() {
            let named = crate::shelf::name(&name)?;
            put.extend(data.take().map(|data| (named.clone(), data)));
            place = Some(named);
        }
        writes.push([
            number.into(),
            Param::Bytes(name.0.to_vec()),
            stored.into(),
            Param::SomeBytes(vec![data]),
            named::key_name(key).as_deref().into(),
            place.as_deref().into(),
        ]);
    }
    store.place_parts(&put)?;
    for params in &writes {
        let write = "UPDATE chunks SET digest = $2, stored = $3, data = ($4::bytea[])[1], sealed = $5, place = $6
            WHERE id = $1";
        db.execute(write, params)?;
    }
    let were = were.into_iter().map(|(name, _)| name).collect();
    Ok(Some((last.int(0)?, found.len() as u64, were)))
}

impl Postgres {
    fn writing_key(&self) -> store::Result<KeyId> {
        self.follow()?;
        self.seal.now().writes().ok_or_else(|| {
            let why = format!("the store at {} is not sealed: open it once with KITARU_KEYS", self.path);
            crate::StoreError::Setting(why)
        })
    }

    /// Runs `work` in a transaction in which that key writes; `None`: another does by now.
    fn by_key<T>(&self, id: KeyId, work: impl Fn(&Conn) -> Result<T>) -> store::Result<Option<T>> {
        self.again(|db| {
            db.transaction("BEGIN", |db| {
                self.must_have_keys(db)?;
                super::shelved::must_stay_done(db)?;
                if db.seal.now().writes() != Some(id) { Ok(None) } else { work(db).map(Some) }
            })
        })
    }

    fn count_left(&self, id: KeyId) -> store::Result<u64> {
        self.read(|db| {
            let mut left = 0;
            for one in SEALED {
                let Some(table) = TABLES.iter().find(|table| table.name == one.table) else { continue };
                let stale = any_stale(one, table);
                let text = format!("SELECT count(*) FROM {} WHERE {USED} AND ({stale})", one.table);
                left += db.one(&text, &heads(id))?.num(0)?;
            }
            let text = format!("SELECT count(*) FROM codes WHERE {USED} AND {}", stale("parts", Kind::Text));
            left += db.one(&text, &heads(id))?.num(0)?;
            left += db.one("SELECT count(*) FROM blobs WHERE NOT sealed", &[])?.num(0)?;
            let text = "SELECT count(*) FROM chunks WHERE sealed IS NULL OR sealed <> $1";
            Ok(left + db.one(text, &[id.to_string().as_str().into()])?.num(0)?)
        })
    }
}

impl Keyring for Postgres {
    fn in_use(&self) -> store::Result<InUse> {
        self.follow()?;
        Ok(self.seal.now().in_use())
    }

    fn change(&self) -> store::Result<bool> {
        self.change_record(|_| self.seal.rotated())
    }

    fn left(&self) -> store::Result<u64> {
        self.count_left(self.writing_key()?)
    }

    fn reseal(&self, reached: &mut Reached) -> store::Result<Resealed> {
        let id = self.writing_key()?;
        if reached.step == 0 && reached.after.is_empty() && !self.in_use()?.is_under_way() {
            return Ok(Resealed::All);
        }
        while reached.step <= CHUNKS {
            let after = std::mem::take(&mut reached.after);
            let step = reached.step;
            let table = SEALED.get(step).and_then(|one| Some((one, TABLES.iter().find(|t| t.name == one.table)?)));
            let left = RefCell::new(Vec::new());
            let done = self.by_key(id, |db| match (step, table) {
                (_, Some((one, table))) => rows(db, one, table, id, &after),
                (CODES, _) => Ok(Some(codes(db, id)?).filter(|count| *count > 0).map(|count| (Vec::new(), count))),
                (VALUES, _) => Ok(Some(values(db)?).filter(|count| *count > 0).map(|count| (Vec::new(), count))),
                _ => {
                    let from = match after.first() {
                        Some(Cell::Int(from)) => *from,
                        _ => 0,
                    };
                    let done = chunks(self, db, id, from)?;
                    Ok(done.map(|(last, count, were)| {
                        *left.borrow_mut() = were;
                        (vec![Cell::Int(last)], count)
                    }))
                }
            })?;
            match done {
                // Another key writes by now: the walk begins anew with that one.
                None => {
                    *reached = Reached::default();
                    return Ok(Resealed::Some(0));
                }
                Some(None) => reached.step += 1,
                Some(Some((last, count))) => {
                    // No row names them any more.
                    self.unshelve(&left.borrow())?;
                    reached.after = last;
                    return Ok(Resealed::Some(count));
                }
            }
        }
        *reached = Reached::default();
        if self.count_left(id)? > 0 {
            return Ok(Resealed::Some(0));
        }
        self.change_record(|_| match self.seal.now().writes() {
            Some(now) if now == id => self.seal.finished(),
            _ => Ok(None),
        })?;
        Ok(if self.in_use()?.is_under_way() { Resealed::Some(0) } else { Resealed::All })
    }

    /// The database keeps what was written over until it needs the room, and its log for as long as it is set to.
    fn scrub(&self, whole: bool) -> store::Result<Option<String>> {
        if !whole {
            let why = "what was plain stands in the tables' unused parts until the database uses them again";
            return Ok(Some(format!("{}: {why}", self.path)));
        }
        for name in SEALED.iter().map(|one| one.table).chain(["codes", "blobs", "chunks"]) {
            self.again(|db| {
                // It may take longer than others may.
                db.batch("SET statement_timeout = 0")?;
                let done = db.batch(&format!("VACUUM FULL {name}"));
                db.batch("SET statement_timeout = '50s'")?;
                done
            })?;
        }
        Ok(None)
    }
}
