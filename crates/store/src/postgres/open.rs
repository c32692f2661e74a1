//! Opening: whether the database can be used, and its tables, as numbered migrations.
//!
//! An empty schema is filled on first use. What an earlier version has made is brought up to date only when somebody says
//! so (`kitaru store migrate`): others may be using it. Forward only, one at a time, refused where it is newer.
//! Not here: connections.

use super::conn::Conn;
use super::fault::{Fault, Result};
use super::param::{Columns, Param};
use crate::error::StoreError;

/// Migrations of the tables from version n to n + 1, in order.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001-tables.sql"),
    concat!(
        include_str!("migrations/0002-pools.sql"),
        include_str!("migrations/0002-limits.sql"),
        include_str!("migrations/0002-schedules.sql"),
        include_str!("migrations/0002-releases.sql"),
        include_str!("migrations/0002-seal.sql"),
        include_str!("migrations/0002-awaits.sql"),
        include_str!("migrations/0002-blobs.sql"),
    ),
];

/// The writing statements, as they are in the present version: made anew with each migration.
const WRITING: &str = concat!(include_str!("migrations/writing.sql"), include_str!("migrations/limits.sql"));

/// The version that this code writes.
pub const VERSION: u32 = MIGRATIONS.len() as u32;

/// From this version on a store may be sealed.
pub const SEALS: u32 = 2;

/// The first version of PostgreSQL that has all that is needed.
const NEEDED: u32 = 13;

/// What was found in a database.
pub struct Found {
    /// The version of its tables; `None`: there are none.
    pub version: Option<u32>,
    /// Names the schema in locks.
    pub space: i32,
}

/// Refuses a database that cannot be used, and looks what is in it.
pub fn look(db: &Conn, schema: &str, path: &str) -> Result<Found> {
    let row = db.one(
        "SELECT current_setting('server_version_num')::bigint, current_setting('server_version'),
            pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean,
            coalesce((SELECT oid::bigint FROM pg_namespace WHERE nspname = $1), 0),
            EXISTS (SELECT 1 FROM pg_class WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1)
                AND relname = 'kitaru_format'),
            EXISTS (SELECT 1 FROM pg_class WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1))",
        &[schema.into()],
    )?;
    if row.int(0)? < i64::from(NEEDED) * 10_000 {
        return Err(StoreError::TooOld { path: path.to_owned(), found: row.text(1)?, needed: NEEDED }.into());
    }
    if row.flag(2)? {
        let why = "it is a standby, or set to be read only: name the database that is written to".to_owned();
        return Err(StoreError::ReadOnly { path: path.to_owned(), why }.into());
    }
    // As a number it only tells schemas of one database apart.
    let space = (row.int(3)? & 0x7fff_ffff) as i32;
    if !row.flag(4)? {
        if row.flag(5)? {
            let why = format!("the schema {schema} has other tables: name another with ?schema=");
            return Err(StoreError::Damaged { path: path.to_owned(), why }.into());
        }
        return Ok(Found { version: None, space });
    }
    let version = db.one("SELECT version FROM kitaru_format", &[])?.int(0)?;
    let found = u32::try_from(version).map_err(|_| Fault::Odd(format!("its format is {version}")))?;
    if found > VERSION {
        return Err(StoreError::Newer { path: path.to_owned(), found, known: VERSION }.into());
    }
    Ok(Found { version: Some(found), space })
}

/// Brings the tables to the present version, whoever else tries the same. Returns from which version.
pub fn migrate(db: &Conn, schema: &str, path: &str) -> Result<Option<u32>> {
    db.transaction("BEGIN", |db| {
        // By the schema's name: it may not be there yet.
        db.query("SELECT pg_advisory_xact_lock(hashtextextended('kitaru.migrate.' || $1, 0))", &[schema.into()])?;
        let found = look(db, schema, path)?.version;
        let from = found.unwrap_or(0);
        if from == VERSION {
            return Ok(found);
        }
        if found.is_none() {
            db.batch(&format!("CREATE SCHEMA IF NOT EXISTS \"{schema}\""))?;
            db.batch("CREATE TABLE kitaru_format (version bigint NOT NULL); INSERT INTO kitaru_format VALUES (0)")?;
        }
        for step in MIGRATIONS.get(from as usize..).unwrap_or_default() {
            db.batch(step)?;
        }
        db.batch(WRITING)?;
        db.execute("UPDATE kitaru_format SET version = $1", &[Param::from(u64::from(VERSION))])?;
        Ok(found)
    })
}

/// Opens what is there, or fills what is empty. Returns the name of the schema in locks.
pub fn open(db: &Conn, schema: &str, path: &str) -> Result<i32> {
    let mut found = look(db, schema, path)?;
    if found.version.is_none() {
        migrate(db, schema, path)?;
        found = look(db, schema, path)?;
    }
    match found.version {
        Some(version) if version < VERSION => {
            Err(StoreError::Older { path: path.to_owned(), found: version, known: VERSION }.into())
        }
        _ => Ok(found.space),
    }
}
