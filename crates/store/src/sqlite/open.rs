//! Opening the file: where it may lie, whose it is, how it is set, and its write-ahead log.
//!
//! Not here: statements on the tables ([`super::read`], [`super::write`]).

use super::fault::Fault;
use super::gate::{self, Gate};
use super::schema;
use super::seal::{self, Db};
use crate::error::{StoreError, from_io};
use crate::os;
use crate::seal::Seal;
use crate::store::Result;
use crate::{Options, Synchronous};
use rusqlite::{Connection, OpenFlags};
use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// The write-ahead log is written once to this size and then overwritten in place: a commit then changes no
/// file metadata, which makes its sync 1.4 to 2 times faster (measured on ext4).
pub const WAL_BYTES: u64 = 4 << 20;
/// Pages after which a commit moves the log into the file and starts over; below [`WAL_BYTES`] at 4 KiB a page.
const CHECKPOINT: &str = "900";
/// Marks the file as ours (`PRAGMA application_id`): "Ktru".
pub const APPLICATION: i64 = 0x4b74_7275;
/// Prepared statements kept by a connection: more than there are.
const STATEMENTS: usize = 128;

/// What opening gives.
pub struct Opened {
    pub writer: Db,
    pub reader: Db,
    /// The keys of both.
    pub seal: Arc<Seal>,
    pub gate: Arc<Gate>,
    /// Without links and relative parts.
    pub path: PathBuf,
}

/// Opens or creates the store in the file at `path`. `network` names the network file system of a folder.
pub fn open(
    path: &Path,
    options: &Options,
    keys: Option<PathBuf>,
    network: impl Fn(&Path) -> Option<&'static str>,
) -> Result<Opened> {
    let path = place(path, &network)?;
    not_inherited(&path)?;
    let gate = Gate::of(&beside(&path, ".lock"))?;
    let connect = |flags| {
        let db = Connection::open_with_flags(&path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX);
        db.map_err(|error| Fault::Sql(error).told(None, &path))
    };
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE;
    // Two processes may create the store at once: one of them at a time. And whoever puts another in its place keeps
    // others from opening the one that goes.
    let pass = gate.enter()?;
    let writer = connect(flags | OpenFlags::SQLITE_OPEN_CREATE)?;
    // Also where it is refused: to empty the log is to write.
    keep_wal(&writer);
    let seal = Arc::new(Seal::new(path.display().to_string(), keys));
    {
        let told = |fault: Fault| fault.told(Some(&writer), &path);
        writer.busy_timeout(gate::PATIENCE).map_err(|error| told(error.into()))?;
        writer.set_prepared_statement_cache_capacity(STATEMENTS);
        is_ours(&writer, &path)?;
        // Who lacks the keys changes nothing.
        seal::must_have_keys(&writer, &seal).map_err(told)?;
        shrinks(&writer).map_err(told)?;
        configure(&writer, options).map_err(told)?;
        migrate(&writer).map_err(told)?;
        let begun = if options.stays_plain { seal::must_have_keys } else { seal::begin };
        begun(&writer, &seal).map_err(told)?;
        grow_wal(&writer, &path)?;
    }
    let reader = connect(flags)?;
    drop(pass);
    let told = |fault: Fault| fault.told(Some(&reader), &path);
    reader.busy_timeout(gate::PATIENCE).map_err(|error| told(error.into()))?;
    reader.set_prepared_statement_cache_capacity(STATEMENTS);
    reader.execute_batch("PRAGMA temp_store = MEMORY").map_err(|error| told(error.into()))?;
    keep_wal(&reader);
    let (writer, reader) = (Db::new(writer, Arc::clone(&seal)), Db::new(reader, Arc::clone(&seal)));
    Ok(Opened { writer, reader, seal, gate, path })
}

/// A store in memory, which no other connection sees.
pub fn in_memory(path: &Path) -> Result<Connection> {
    let told = |fault: Fault| fault.told(None, path);
    let db = Connection::open_in_memory().map_err(|error| told(error.into()))?;
    db.set_prepared_statement_cache_capacity(STATEMENTS);
    migrate(&db).map_err(told)?;
    Ok(db)
}

/// A file beside the store's.
pub fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

/// A folder by its one true name, made if need be: locks are known by path. Refuses network file systems.
pub fn folder(path: &Path, network: &impl Fn(&Path) -> Option<&'static str>) -> Result<PathBuf> {
    let io = |error: std::io::Error| from_io(path, &error);
    let whole = std::path::absolute(path).map_err(io)?;
    // Nothing is made on a file system that is then refused.
    let found = whole.ancestors().find(|above| above.exists()).unwrap_or(&whole);
    if let Some(kind) = network(found) {
        return Err(StoreError::Network { path: path.display().to_string(), kind: kind.to_owned() });
    }
    if found != whole {
        std::fs::create_dir_all(&whole).map_err(io)?;
        for made in whole.ancestors().take_while(|made| *made != found) {
            // A power cut must not take the new folder with all that is in it.
            os::sync_folder(made.parent().unwrap_or(made)).map_err(io)?;
        }
    }
    if !whole.is_dir() {
        return Err(io(std::io::ErrorKind::NotADirectory.into()));
    }
    whole.canonicalize().map_err(io)
}

pub fn place(path: &Path, network: &impl Fn(&Path) -> Option<&'static str>) -> Result<PathBuf> {
    let io = |error: std::io::Error| from_io(path, &error);
    let whole = std::path::absolute(path).map_err(io)?;
    // A link is followed, so that all who open the file agree on what lies beside it.
    let whole = if whole.exists() { whole.canonicalize().map_err(io)? } else { whole };
    if whole.is_dir() {
        return Err(io(std::io::ErrorKind::IsADirectory.into()));
    }
    let (Some(above), Some(name)) = (whole.parent(), whole.file_name()) else {
        return Err(StoreError::Address(path.display().to_string()));
    };
    Ok(folder(above, network)?.join(name))
}

/// A forked child shares SQLite's table of open files with its parent, but none of the locks that the table
/// says it has: a connection opened there would write without them.
fn not_inherited(path: &Path) -> Result<()> {
    static OPENED: OnceLock<Mutex<HashMap<PathBuf, u32>>> = OnceLock::new();
    let mut opened = OPENED.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    let pid = std::process::id();
    if *opened.entry(path.to_owned()).or_insert(pid) != pid {
        return Err(StoreError::Forked { path: path.display().to_string() });
    }
    Ok(())
}

/// Looks before anything is changed: another program's file, or a later version's, stays as it is.
pub fn is_ours(db: &Connection, path: &Path) -> Result<()> {
    let told = |error: rusqlite::Error| Fault::Sql(error).told(Some(db), path);
    let number = |name: &str| db.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0)).map_err(told);
    let (version, application) = (number("user_version")?, number("application_id")?);
    let tables: i64 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(told)?;
    let shown = path.display().to_string();
    if application != APPLICATION && (tables > 0 || version != 0) {
        return Err(StoreError::Damaged { path: shown, why: "it is another program's database".to_owned() });
    }
    match u32::try_from(version) {
        Ok(found) if found > schema::VERSION => Err(StoreError::Newer { path: shown, found, known: schema::VERSION }),
        Ok(_) => Ok(()),
        Err(_) => Err(StoreError::Damaged { path: shown, why: format!("its format is {version}") }),
    }
}

/// Lets a store that is about to be made give pages back one by one: a new one, or a copy. One that has tables keeps what
/// it began with: to change that it would be written anew, while nobody could write.
pub fn shrinks(db: &Connection) -> super::fault::Result<()> {
    if pragma(db, "auto_vacuum")? != "2" {
        db.execute_batch("PRAGMA auto_vacuum = INCREMENTAL")?;
    }
    Ok(())
}

fn configure(db: &Connection, options: &Options) -> super::fault::Result<()> {
    let level = match options.synchronous {
        Synchronous::Full => ("FULL", "2"),
        Synchronous::Normal => ("NORMAL", "1"),
    };
    let limit = WAL_BYTES.to_string();
    let settings = [
        ("journal_mode", "WAL", "wal"),
        ("synchronous", level.0, level.1),
        ("foreign_keys", "ON", "1"),
        ("wal_autocheckpoint", CHECKPOINT, CHECKPOINT),
        // A log that a long reader made grow is cut back to its size when it starts over, and not below.
        ("journal_size_limit", limit.as_str(), limit.as_str()),
        ("fullfsync", "ON", "1"),
        ("cache_size", "-16384", "-16384"),
        // No files in a temporary folder, which may be full or read-only.
        ("temp_store", "MEMORY", "2"),
    ];
    // SQLite takes a misspelt setting without a word, so each is read back.
    for (name, value, expected) in settings {
        db.execute_batch(&format!("PRAGMA {name} = {value}"))?;
        let found = pragma(db, name)?;
        if found != expected {
            return Err(Fault::Odd(format!("PRAGMA {name} is {found} and not {expected}")));
        }
    }
    Ok(())
}

/// A setting as read back.
pub fn pragma(db: &Connection, name: &str) -> rusqlite::Result<String> {
    db.query_row(&format!("PRAGMA {name}"), [], |row| {
        Ok(match row.get_ref(0)? {
            rusqlite::types::ValueRef::Integer(number) => number.to_string(),
            other => other.as_str().unwrap_or_default().to_owned(),
        })
    })
}

/// Brings the tables to the present version, in one commit from whatever version they have.
pub fn migrate(db: &Connection) -> super::fault::Result<()> {
    let found: usize = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let steps = schema::MIGRATIONS.get(found..).unwrap_or_default();
    if steps.is_empty() {
        return Ok(());
    }
    let (steps, version) = (steps.concat(), schema::VERSION);
    let whole = format!(
        "BEGIN IMMEDIATE; {steps} PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {version}; COMMIT"
    );
    if let Err(error) = db.execute_batch(&whole) {
        if !db.is_autocommit() {
            // The first error is the one to tell.
            drop(db.execute_batch("ROLLBACK"));
        }
        return Err(error.into());
    }
    Ok(())
}

/// Keeps the write-ahead log on close.
fn keep_wal(db: &Connection) {
    let mut on: std::ffi::c_int = 1;
    // SAFETY: the handle is open for as long as the connection is borrowed, and SQLITE_FCNTL_PERSIST_WAL reads
    // and writes one int, which is ours. A refusal costs speed only.
    unsafe {
        rusqlite::ffi::sqlite3_file_control(
            db.handle(),
            c"main".as_ptr(),
            rusqlite::ffi::SQLITE_FCNTL_PERSIST_WAL,
            (&raw mut on).cast(),
        );
    }
}

/// Lets the log keep its size when the last connection closes, where a size limit would empty it.
pub fn before_close(db: &Connection) {
    // A refusal costs speed only.
    drop(pragma(db, "journal_size_limit = -1"));
}

/// Writes zeros behind the write-ahead log's end, once. SQLite ignores what is no valid frame.
///
/// Inside a writing transaction: whoever else appends to the log would be overwritten.
pub fn grow_wal(db: &Connection, path: &Path) -> Result<()> {
    let wal = beside(path, "-wal");
    let len = |wal: &Path| wal.metadata().map_or(0, |wal| wal.len());
    if len(&wal) >= WAL_BYTES {
        return Ok(());
    }
    let told = |error: rusqlite::Error| Fault::Sql(error).told(Some(db), path);
    db.execute_batch("BEGIN IMMEDIATE").map_err(told)?;
    let before = len(&wal);
    let file = File::options().write(true).create(true).truncate(false).open(&wal);
    let grown = file.and_then(|file| {
        write_zeros(&file, before, WAL_BYTES).and_then(|()| os::sync_data(&file)).or_else(|_| file.set_len(before))
    });
    db.execute_batch("ROLLBACK").map_err(told)?;
    // A disk that has no room for the log may still be read: the next write says that it is full.
    grown.map_err(|error| from_io(&wal, &error))
}

fn write_zeros(mut file: &File, from: u64, to: u64) -> std::io::Result<()> {
    use std::io::{Seek, SeekFrom, Write};
    let zeros = vec![0u8; 1 << 16];
    file.seek(SeekFrom::Start(from))?;
    let mut left = to.saturating_sub(from);
    while left > 0 {
        let part = usize::try_from(left.min(zeros.len() as u64)).unwrap_or(zeros.len());
        file.write_all(&zeros[..part])?;
        left -= part as u64;
    }
    Ok(())
}
