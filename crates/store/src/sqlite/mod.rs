//! The embedded store: one SQLite file in WAL mode, and large values beside it.
//!
//! `schema` has the tables, `write` and `read` the statements, `writer` the shared transactions. This file opens
//! and configures, and implements the traits. Not here: any SQL but settings.

mod read;
mod schema;
mod write;
mod writer;

use crate::error::{StoreError, from_io};
use crate::os;
use crate::owners::Owners;
use crate::store::{
    ArtifactRow, Claim, Created, ExecutionFilter, Guard, LogLine, Page, Queries, Result, Store, WaitFilter,
};
use crate::values::{self, Values};
use crate::{Options, Synchronous};
use kitaru_core::lease::{Owner, Pulse};
use kitaru_core::rows::{CallRow, CallStatus, ExecutionRow, WaitRow};
use kitaru_core::{Body, Epoch, Event, ExecutionId, Millis, Seq, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;
pub use write::Fault;
use writer::Writer;

/// The write-ahead log is written once to this size and then overwritten in place: a commit then changes no
/// file metadata, which makes its sync 1.4 to 2 times faster (measured on ext4).
const WAL_BYTES: u64 = 4 << 20;

/// See the module.
pub struct Sqlite {
    writer: Arc<Writer>,
    /// `None`: the store is in memory, where there is one connection only.
    reader: Option<Mutex<Connection>>,
    numbers: Mutex<HashMap<ExecutionId, i64>>,
    owners: Arc<Owners>,
    values: Arc<Values>,
    path: PathBuf,
}

impl Sqlite {
    /// Opens or creates the store in the file at `path`.
    pub fn open(path: &Path, home: &Path, options: &Options) -> Result<Self> {
        for folder in [home, path.parent().unwrap_or(home)] {
            std::fs::create_dir_all(folder).map_err(|error| from_io(folder, &error))?;
            if let Some(kind) = os::network_file_system(folder) {
                return Err(StoreError::Network { path: folder.display().to_string(), kind: kind.to_owned() });
            }
        }
        let lock_path = path.with_extension("db.lock");
        let lock = File::options()
            .write(true)
            .read(true)
            .create(true)
            .truncate(false)
            .open(&lock_path)
            .map_err(|error| from_io(&lock_path, &error))?;
        let sql = |error: rusqlite::Error| translate(path, &Fault::Sql(error));
        let connection = Connection::open(path).map_err(sql)?;
        // Two processes may create the store at once: one of them at a time.
        os::lock_byte(&lock, 0, true).map_err(|error| from_io(&lock_path, &error))?;
        let set_up = configure(&connection, path, options).and_then(|()| migrate(&connection, path));
        drop(os::unlock_byte(&lock, 0));
        set_up?;
        keep_wal(&connection);
        grow_wal(path)?;
        let reader = Connection::open_with_flags(
            path,
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )
        .map_err(sql)?;
        reader.busy_timeout(BUSY).map_err(sql)?;
        reader.set_prepared_statement_cache_capacity(64);
        keep_wal(&reader);
        Ok(Self {
            writer: Arc::new(Writer::new(connection, Some(lock), path.to_owned())),
            reader: Some(Mutex::new(reader)),
            numbers: Mutex::default(),
            owners: Owners::of(home)?,
            values: Arc::new(Values::new(path.with_extension("packs"))),
            path: path.to_owned(),
        })
    }

    fn read<T>(&self, query: impl FnOnce(&Connection) -> std::result::Result<T, Fault>) -> Result<T> {
        let found = match &self.reader {
            Some(reader) => query(&reader.lock().unwrap_or_else(PoisonError::into_inner)),
            None => self.writer.with(query),
        };
        found.map_err(|fault| translate(&self.path, &fault))
    }

    fn number(&self, id: &ExecutionId) -> Result<i64> {
        if let Some(n) = self.numbers.lock().unwrap_or_else(PoisonError::into_inner).get(id) {
            return Ok(*n);
        }
        let found = self.read(|db| read::number(db, id))?;
        let n = found.ok_or_else(|| StoreError::NotFound(id.to_string()))?;
        let mut numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        if numbers.len() > 10_000 {
            numbers.clear();
        }
        numbers.insert(id.clone(), n);
        Ok(n)
    }

    /// Puts large values beside the journal before the transaction that refers to them.
    fn store_values(&self, events: &mut [Body]) -> Result<Vec<values::New>> {
        let mut new = Vec::new();
        for body in events {
            for value in body.values_mut() {
                if let Some(text) = value.inline().filter(|text| text.len() > values::INLINE) {
                    let (reference, parts) = self.values.prepare(text.as_bytes(), |digest| {
                        self.read(|db| values::sql::has_chunk(db, digest).map_err(Fault::from))
                    })?;
                    new.push(parts);
                    *value = kitaru_core::Value::Stored(reference);
                }
            }
        }
        Ok(new)
    }
}

/// The store that lives in this process's memory: one for all who open it, for tests.
pub fn in_memory(home: &Path) -> Result<Arc<Sqlite>> {
    static ONE: OnceLock<Mutex<Option<Arc<Sqlite>>>> = OnceLock::new();
    let mut one = ONE.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = &*one {
        return Ok(Arc::clone(known));
    }
    let path = PathBuf::from("memory:");
    let sql = |error: rusqlite::Error| translate(&path, &Fault::Sql(error));
    let connection = Connection::open_in_memory().map_err(sql)?;
    connection.set_prepared_statement_cache_capacity(64);
    migrate(&connection, &path)?;
    let folder = std::env::temp_dir().join(format!("kitaru-memory-{}", std::process::id()));
    std::fs::create_dir_all(home).map_err(|error| from_io(home, &error))?;
    let made = Arc::new(Sqlite {
        writer: Arc::new(Writer::new(connection, None, path.clone())),
        reader: None,
        numbers: Mutex::default(),
        owners: Owners::of(home)?,
        values: Arc::new(Values::new(folder)),
        path,
    });
    *one = Some(Arc::clone(&made));
    Ok(made)
}

const BUSY: Duration = Duration::from_secs(10);

fn configure(connection: &Connection, path: &Path, options: &Options) -> Result<()> {
    let sql = |error: rusqlite::Error| translate(path, &Fault::Sql(error));
    connection.busy_timeout(BUSY).map_err(sql)?;
    connection.set_prepared_statement_cache_capacity(64);
    let level = match options.synchronous {
        Synchronous::Full => ("FULL", "2"),
        Synchronous::Normal => ("NORMAL", "1"),
    };
    let settings = [
        ("journal_mode", "WAL", "wal"),
        ("synchronous", level.0, level.1),
        ("foreign_keys", "ON", "1"),
        ("wal_autocheckpoint", "900", "900"),
        ("journal_size_limit", "-1", "-1"),
        ("fullfsync", "ON", "1"),
        ("cache_size", "-16384", "-16384"),
    ];
    // SQLite takes a misspelt setting without a word, so each is read back.
    for (name, value, expected) in settings {
        connection.execute_batch(&format!("PRAGMA {name} = {value}")).map_err(sql)?;
        let found = pragma(connection, name).map_err(sql)?;
        if found != expected {
            let why = format!("PRAGMA {name} is {found} and not {expected}");
            return Err(StoreError::Io { path: path.display().to_string(), why });
        }
    }
    Ok(())
}

fn pragma(connection: &Connection, name: &str) -> rusqlite::Result<String> {
    connection.query_row(&format!("PRAGMA {name}"), [], |row| {
        Ok(match row.get_ref(0)? {
            rusqlite::types::ValueRef::Integer(number) => number.to_string(),
            other => other.as_str().unwrap_or_default().to_owned(),
        })
    })
}

fn migrate(connection: &Connection, path: &Path) -> Result<()> {
    let sql = |error: rusqlite::Error| translate(path, &Fault::Sql(error));
    let found: u32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(sql)?;
    if found > schema::VERSION {
        let path = path.display().to_string();
        return Err(StoreError::Newer { path, found, known: schema::VERSION });
    }
    for (step, migration) in (1u32..).zip(schema::MIGRATIONS).skip(found as usize) {
        let whole = format!("BEGIN IMMEDIATE; {migration}; PRAGMA user_version = {step}; COMMIT");
        connection.execute_batch(&whole).map_err(sql)?;
    }
    Ok(())
}

/// Keeps the write-ahead log on close, at its size.
fn keep_wal(connection: &Connection) {
    let mut on: std::ffi::c_int = 1;
    // SAFETY: the handle is open for as long as the connection is borrowed, and SQLITE_FCNTL_PERSIST_WAL reads
    // and writes one int, which is ours. A refusal costs speed only.
    unsafe {
        rusqlite::ffi::sqlite3_file_control(
            connection.handle(),
            c"main".as_ptr(),
            rusqlite::ffi::SQLITE_FCNTL_PERSIST_WAL,
            (&raw mut on).cast(),
        );
    }
}

/// Writes zeros behind the write-ahead log's end, once. SQLite ignores what is no valid frame.
fn grow_wal(path: &Path) -> Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    let wal = PathBuf::from(name);
    let Ok(file) = File::options().write(true).open(&wal) else { return Ok(()) };
    let io = |error: std::io::Error| from_io(&wal, &error);
    let len = file.metadata().map_err(io)?.len();
    if len >= WAL_BYTES {
        return Ok(());
    }
    write_zeros(&file, len, WAL_BYTES).map_err(io)?;
    os::sync_data(&file).map_err(io)
}

fn write_zeros(file: &File, from: u64, to: u64) -> std::io::Result<()> {
    use std::io::{Seek, SeekFrom, Write};
    let zeros = vec![0u8; 1 << 16];
    let mut file = file;
    file.seek(SeekFrom::Start(from))?;
    let mut left = to.saturating_sub(from);
    while left > 0 {
        let part = usize::try_from(left.min(zeros.len() as u64)).unwrap_or(zeros.len());
        file.write_all(&zeros[..part])?;
        left -= part as u64;
    }
    Ok(())
}

/// SQLite's words as what the caller can do.
fn translate(path: &Path, fault: &Fault) -> StoreError {
    let shown = path.display().to_string();
    let error = match fault {
        Fault::Refused(StoreError::Fenced(id)) => return StoreError::Fenced(id.clone()),
        Fault::Refused(StoreError::NotFound(id)) => return StoreError::NotFound(id.clone()),
        Fault::Refused(StoreError::Conflict(why)) => return StoreError::Conflict(why.clone()),
        Fault::Refused(StoreError::Full { path }) => return StoreError::Full { path: path.clone() },
        Fault::Refused(StoreError::Damaged { path, why }) => {
            return StoreError::Damaged { path: path.clone(), why: why.clone() };
        }
        Fault::Refused(StoreError::Ambiguous { text, found }) => {
            return StoreError::Ambiguous { text: text.clone(), found: found.clone() };
        }
        Fault::Refused(StoreError::ReadOnly { path, why }) => {
            return StoreError::ReadOnly { path: path.clone(), why: why.clone() };
        }
        Fault::Refused(other) => return StoreError::Io { path: shown, why: other.to_string() },
        Fault::Json(error) => return StoreError::Damaged { path: shown, why: error.to_string() },
        Fault::Sql(error) => error,
    };
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy(error.to_string()),
        Some(ErrorCode::DiskFull) => StoreError::Full { path: shown },
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => StoreError::ReadOnly {
            path: shown,
            why: format!("{error}; set KITARU_HOME to a folder that can be written"),
        },
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreError::Damaged {
            path: shown,
            why: format!("{error}; restore a copy, or move the file away to begin anew"),
        },
        _ => StoreError::Io { path: shown, why: error.to_string() },
    }
}

impl Store for Sqlite {
    fn create(&self, id: &ExecutionId, at: Millis, mut events: Vec<Body>, claim: Option<Claim>) -> Result<Created> {
        let new = self.store_values(&mut events)?;
        let id = id.clone();
        let found = self.writer.run(move |db| {
            values::sql::insert(db, &new)?;
            Ok(match write::create(db, &id, at, &events, claim.as_ref())? {
                Created::New(epoch) => epoch + 1,
                Created::Exists => 0,
            })
        })?;
        Ok(if found == 0 { Created::Exists } else { Created::New(found - 1) })
    }

    fn claim(&self, id: &ExecutionId, at: Millis, expected: Epoch, claim: Claim, events: Vec<Body>) -> Result<Epoch> {
        let id = id.clone();
        self.writer.run(move |db| write::claim(db, &id, at, expected, &claim, &events))
    }

    fn append(&self, id: &ExecutionId, at: Millis, epoch: Epoch, mut events: Vec<Body>) -> Result<Seq> {
        let n = self.number(id)?;
        let new = self.store_values(&mut events)?;
        let id = id.clone();
        self.writer.run(move |db| {
            let first = write::append(db, &id, n, at, epoch, &events)?;
            values::sql::insert(db, &new)?;
            Ok(first)
        })
    }

    fn post(&self, id: &ExecutionId, at: Millis, guard: Guard, mut events: Vec<Body>) -> Result<Seq> {
        let new = self.store_values(&mut events)?;
        let id = id.clone();
        self.writer.run(move |db| {
            let first = write::post(db, &id, at, &guard, &events)?;
            values::sql::insert(db, &new)?;
            Ok(first)
        })
    }

    fn renew(&self, leases: &[(ExecutionId, Epoch)], until: Millis) -> Result<Vec<ExecutionId>> {
        let leases = leases.to_vec();
        let lost = Arc::new(Mutex::new(Vec::new()));
        let found = Arc::clone(&lost);
        self.writer.run(move |db| {
            *found.lock().unwrap_or_else(PoisonError::into_inner) = write::renew(db, &leases, until)?;
            Ok(0)
        })?;
        let mut lost = lost.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(std::mem::take(&mut *lost))
    }

    fn load(&self, id: &ExecutionId, after: Seq, limit: usize) -> Result<Vec<Event>> {
        self.read(|db| read::load(db, id, after, limit))
    }

    fn value(&self, reference: &ValueRef) -> Result<String> {
        let parts = self.read(|db| Ok(values::sql::parts(db, reference)?))?;
        self.values.read(reference, parts, &self.path)
    }

    fn log(&self, id: &ExecutionId, lines: Vec<LogLine>) -> Result<()> {
        let n = self.number(id)?;
        self.writer.run(move |db| write::log(db, n, &lines).map(|()| 0)).map(|_| ())
    }

    fn version(&self) -> Result<u64> {
        // On the writing connection it counts the commits of others only.
        let others: u64 = self
            .writer
            .with(|db| db.prepare_cached("PRAGMA data_version").and_then(|mut all| all.query_row([], |row| row.get(0))))
            .map_err(|error| translate(&self.path, &Fault::Sql(error)))?;
        Ok(others.wrapping_add(self.writer.commits.load(std::sync::atomic::Ordering::Relaxed)))
    }

    fn owner(&self) -> Result<Owner> {
        self.owners.owner()
    }

    fn pulse(&self, owner: &Owner) -> Pulse {
        self.owners.pulse(owner)
    }

    fn queries(&self) -> &dyn Queries {
        self
    }
}

impl Queries for Sqlite {
    fn execution(&self, id: &ExecutionId) -> Result<ExecutionRow> {
        self.read(|db| read::execution(db, id))
    }

    fn find(&self, text: &str) -> Result<ExecutionId> {
        self.read(|db| read::find(db, text))
    }

    fn executions(&self, filter: &ExecutionFilter, page: Page) -> Result<Vec<ExecutionRow>> {
        self.read(|db| read::executions(db, filter, page))
    }

    fn calls(&self, id: &ExecutionId) -> Result<Vec<CallRow>> {
        self.read(|db| read::calls(db, id))
    }

    fn call_counts(&self, id: &ExecutionId) -> Result<Vec<(CallStatus, u64)>> {
        self.read(|db| read::call_counts(db, id))
    }

    fn waits(&self, filter: &WaitFilter, page: Page) -> Result<Vec<WaitRow>> {
        self.read(|db| read::waits(db, filter, page))
    }

    fn artifacts(&self, id: &ExecutionId) -> Result<Vec<ArtifactRow>> {
        self.read(|db| read::artifacts(db, id))
    }

    fn logs(&self, id: &ExecutionId, after: u64, limit: usize) -> Result<(Vec<LogLine>, u64)> {
        self.read(|db| read::logs(db, id, after, limit))
    }

    fn health(&self, deep: bool) -> Result<Vec<(String, String)>> {
        let sql = |error: rusqlite::Error| translate(&self.path, &Fault::Sql(error));
        let mut found = vec![("path".to_owned(), self.path.display().to_string())];
        found.push(("format".to_owned(), schema::VERSION.to_string()));
        for name in ["journal_mode", "synchronous", "fullfsync", "wal_autocheckpoint", "page_size", "page_count"] {
            found.push((name.to_owned(), self.writer.with(|db| pragma(db, name)).map_err(sql)?));
        }
        let check = if deep { "integrity_check" } else { "quick_check" };
        found.push((check.to_owned(), self.writer.with(|db| pragma(db, check)).map_err(sql)?));
        Ok(found)
    }
}
