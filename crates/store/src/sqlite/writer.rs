//! The one writing connection of a process, shared by leader and followers: the caller that finds it free
//! commits for all that are queued, so that a lone flow pays for no hand-off and many share one sync.
//!
//! Across processes a byte of a sidecar file is locked around each transaction: waiters of a record lock are
//! served in the order in which they came, which SQLite's own busy handler does not promise. Not here: statements.

use super::translate;
use super::write::Fault;
use crate::error::StoreError;
use crate::os;
use rusqlite::Connection;
use std::fs::File;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

type Done = Result<u64, StoreError>;
type Work = Box<dyn FnOnce(&Connection) -> Result<u64, Fault> + Send>;

struct Job {
    work: Work,
    slot: Arc<Mutex<Option<Done>>>,
}

/// See the module.
pub struct Writer {
    connection: Mutex<Connection>,
    queue: Mutex<Vec<Job>>,
    lock: Option<File>,
    path: PathBuf,
    pid: u32,
    /// Transactions committed by this process.
    pub commits: AtomicU64,
}

impl Writer {
    pub fn new(connection: Connection, lock: Option<File>, path: PathBuf) -> Self {
        Self {
            connection: Mutex::new(connection),
            queue: Mutex::default(),
            lock,
            path,
            pid: std::process::id(),
            commits: AtomicU64::new(0),
        }
    }

    /// Runs `work` in a transaction that others may share, and returns when it is durable. Its number is the
    /// result. What it refuses must have written nothing.
    pub fn run(&self, work: impl FnOnce(&Connection) -> Result<u64, Fault> + Send + 'static) -> Done {
        if std::process::id() != self.pid {
            return Err(StoreError::Io {
                path: self.path.display().to_string(),
                why: "a forked child cannot write through its parent's connection".to_owned(),
            });
        }
        let slot = Arc::new(Mutex::new(None));
        let job = Job { work: Box::new(work), slot: Arc::clone(&slot) };
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).push(job);
        // Whoever has the connection commits for all that queued before it looked.
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(done) = slot.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return done;
        }
        let jobs = std::mem::take(&mut *self.queue.lock().unwrap_or_else(PoisonError::into_inner));
        let mut results = Vec::with_capacity(jobs.len());
        let committed = self.transaction(&connection, jobs, &mut results);
        let mut own = None;
        for (result, theirs) in results {
            let done = match (&committed, result) {
                (Err(fault), Ok(_)) => Err(translate(&self.path, fault)),
                (_, result) => result,
            };
            if Arc::ptr_eq(&theirs, &slot) {
                own = Some(done);
            } else {
                *theirs.lock().unwrap_or_else(PoisonError::into_inner) = Some(done);
            }
        }
        own.unwrap_or_else(|| Err(StoreError::Busy("the write was lost".to_owned())))
    }

    #[allow(clippy::type_complexity)]
    fn transaction(
        &self,
        connection: &Connection,
        jobs: Vec<Job>,
        results: &mut Vec<(Done, Arc<Mutex<Option<Done>>>)>,
    ) -> Result<(), Fault> {
        let held = match &self.lock {
            Some(file) => os::lock_byte(file, 0, true),
            None => Ok(true),
        };
        let begun = held
            .map_err(|error| Fault::Refused(crate::error::from_io(&self.path, &error)))
            .and_then(|_| Ok(connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?));
        let mut fault = begun.err();
        for job in jobs {
            let done = match &fault {
                Some(fault) => Err(translate(&self.path, fault)),
                None => match (job.work)(connection) {
                    Ok(number) => Ok(number),
                    Err(Fault::Refused(error)) => Err(error),
                    Err(other) => {
                        let told = Err(translate(&self.path, &other));
                        fault = Some(other);
                        told
                    }
                },
            };
            results.push((done, job.slot));
        }
        let ended = match fault {
            None => connection
                .prepare_cached("COMMIT")
                .and_then(|mut commit| commit.execute([]))
                .map(|_| ())
                .map_err(Fault::from),
            Some(fault) => Err(fault),
        };
        if ended.is_ok() {
            self.commits.fetch_add(1, Ordering::Relaxed);
        } else if !connection.is_autocommit() {
            // The transaction is undone as a whole; a failing rollback leaves it to SQLite's own recovery.
            drop(connection.execute_batch("ROLLBACK"));
        }
        if let Some(file) = &self.lock {
            drop(os::unlock_byte(file, 0));
        }
        ended
    }

    /// Uses the writing connection outside a transaction, for settings and health.
    pub fn with<T>(&self, work: impl FnOnce(&Connection) -> T) -> T {
        work(&self.connection.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
