//! The one writing connection of a handle, shared by a leader and followers: the caller that finds it free
//! commits for all that are queued, so that a lone flow pays for no hand-off and many share one sync.
//!
//! Who queued first leads next, so nobody is overtaken twice. Among processes [`super::gate`] says whose turn it
//! is. Not here: statements.

use super::fault::Fault;
use super::feed::Numbers;
use super::gate::Gate;
use super::seal::Db;
use crate::error::StoreError;
use crate::inherited::Inherited;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

type Done = Result<u64, StoreError>;
type Work = Box<dyn FnOnce(&Db, &mut Numbers) -> Result<u64, Fault> + Send>;

/// Whether a write must be on the disk when it returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durable {
    /// It must, as far as the store's setting says.
    Now,
    /// It may get there with a later one.
    Later,
}

#[derive(Default)]
enum Told {
    #[default]
    Nothing,
    /// Somebody sleeps until there is news: a wake-up is a system call.
    Awaited,
    Lead,
    Done(Done),
}

#[derive(Default)]
struct Slot {
    told: Mutex<Told>,
    news: Condvar,
}

impl Slot {
    fn tell(&self, news: Told) {
        let before = std::mem::replace(&mut *lock(&self.told), news);
        if matches!(before, Told::Awaited) {
            self.news.notify_one();
        }
    }

    /// `None`: it is this caller's turn to lead.
    fn wait(&self) -> Option<Done> {
        let mut told = lock(&self.told);
        loop {
            match std::mem::take(&mut *told) {
                Told::Nothing | Told::Awaited => {
                    *told = Told::Awaited;
                    told = self.news.wait(told).unwrap_or_else(PoisonError::into_inner);
                }
                Told::Lead => return None,
                Told::Done(done) => return Some(done),
            }
        }
    }
}

struct Job {
    work: Option<Work>,
    durable: Durable,
    slot: Arc<Slot>,
    done: bool,
}

impl Job {
    fn tell(mut self, done: Done) {
        self.done = true;
        self.slot.tell(Told::Done(done));
    }
}

impl Drop for Job {
    /// A leader that panicked must not leave its followers waiting.
    fn drop(&mut self) {
        if !self.done {
            self.slot.tell(Told::Done(Err(StoreError::Busy("the write was given up; try again".to_owned()))));
        }
    }
}

#[derive(Default)]
struct Queue {
    jobs: Vec<Job>,
    led: bool,
}

struct Shared {
    db: Inherited<Db>,
    /// The connection is set not to sync, until the next durable write sets it back.
    relaxed: bool,
    numbers: Numbers,
}

/// See the module.
pub struct Writer {
    shared: Mutex<Shared>,
    queue: Mutex<Queue>,
    gate: Option<Arc<Gate>>,
    path: PathBuf,
    commits: AtomicU64,
    /// Whether durable writes sync: unsynced ones then need a setting of their own.
    full: bool,
}

struct Lead<'a>(&'a Writer);

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        let mut queue = lock(&self.0.queue);
        match queue.jobs.first() {
            Some(next) => next.slot.tell(Told::Lead),
            None => queue.led = false,
        }
    }
}

impl Writer {
    /// A writer on `db`. `gate`: shared with other processes.
    pub fn new(db: Db, gate: Option<Arc<Gate>>, path: PathBuf, full: bool) -> Self {
        let shared = Mutex::new(Shared { db: Inherited::new(db), relaxed: false, numbers: Numbers::default() });
        Self { shared, queue: Mutex::default(), gate, path, commits: AtomicU64::new(0), full }
    }

    /// Runs `work` in a transaction that others may share, and returns when it is durable. Its number is the
    /// result. What it wrote before it failed is undone.
    pub fn run<F>(&self, durable: Durable, work: F) -> Done
    where
        F: FnOnce(&Db, &mut Numbers) -> Result<u64, Fault> + Send + 'static,
    {
        let slot = Arc::new(Slot::default());
        let job = Job { work: Some(Box::new(work)), durable, slot: Arc::clone(&slot), done: false };
        let follows = {
            let mut queue = lock(&self.queue);
            queue.jobs.push(job);
            std::mem::replace(&mut queue.led, true)
        };
        if follows && let Some(done) = slot.wait() {
            return done;
        }
        let lead = Lead(self);
        let jobs = std::mem::take(&mut lock(&self.queue).jobs);
        self.commit(jobs);
        drop(lead);
        // The own job was among them.
        slot.wait().unwrap_or_else(|| Err(StoreError::Busy("the write was lost".to_owned())))
    }

    fn commit(&self, mut jobs: Vec<Job>) {
        let mut shared = lock(&self.shared);
        let results = self.transaction(&mut shared, &mut jobs);
        drop(shared);
        for (job, result) in jobs.into_iter().zip(results) {
            job.tell(result);
        }
    }

    fn transaction(&self, shared: &mut Shared, jobs: &mut [Job]) -> Vec<Done> {
        let pass = match self.gate.as_ref().map(|gate| gate.enter()).transpose() {
            Ok(pass) => pass,
            Err(error) => return jobs.iter().map(|_| Err(error.clone())).collect(),
        };
        // A leader that panicked left its transaction open.
        undo(shared);
        let results = self.inside(shared, jobs);
        undo(shared);
        drop(pass);
        results
    }

    fn inside(&self, shared: &mut Shared, jobs: &mut [Job]) -> Vec<Done> {
        let Shared { db, relaxed, numbers } = shared;
        let db: &Db = db;
        let told = |fault: &Fault| fault.told(Some(db), &self.path);
        let relax = self.full && jobs.iter().all(|job| job.durable == Durable::Later);
        let mut begun = Ok(());
        if relax != *relaxed {
            let level = if relax { "NORMAL" } else { "FULL" };
            begun = db.execute_batch(&format!("PRAGMA synchronous = {level}"));
            *relaxed = relax;
        }
        let begun =
            begun.and_then(|()| db.prepare_cached("BEGIN IMMEDIATE")?.execute([])).and_then(|_| numbers.begin(db));
        // Somebody else may have sealed the store, or changed its key.
        let begun = begun.map_err(Fault::from).and_then(|is_new| if is_new { db.follow() } else { Ok(()) });
        if let Err(fault) = begun {
            numbers.forget_all();
            let error = told(&fault);
            return jobs.iter().map(|_| Err(error.clone())).collect();
        }
        let alone = jobs.len() == 1;
        let mut broken: Option<StoreError> = None;
        let mut results: Vec<Done> = Vec::with_capacity(jobs.len());
        for job in jobs.iter_mut() {
            let (Some(work), None) = (job.work.take(), &broken) else {
                results.push(Err(broken.clone().unwrap_or_else(|| StoreError::Busy("nothing to write".to_owned()))));
                continue;
            };
            match if alone { work(db, numbers) } else { apart(db, numbers, work) } {
                Ok(number) => results.push(Ok(number)),
                Err(fault) => {
                    numbers.forget();
                    let error = told(&fault);
                    if fault.concerns_all() || db.is_autocommit() {
                        broken = Some(error.clone());
                    }
                    results.push(Err(error));
                }
            }
        }
        if broken.is_none() && results.iter().any(Result::is_ok) {
            broken = db
                .prepare_cached("COMMIT")
                .and_then(|mut commit| commit.execute([]))
                .err()
                .map(|error| told(&error.into()));
            self.commits.fetch_add(u64::from(broken.is_none()), Ordering::Relaxed);
        }
        if let Some(error) = broken {
            for result in results.iter_mut().filter(|result| result.is_ok()) {
                *result = Err(error.clone());
            }
        }
        results
    }

    /// How many transactions this handle has committed.
    pub fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Uses the writing connection outside a transaction, while no other process writes.
    pub fn alone<T>(&self, work: impl FnOnce(&Db) -> T) -> Result<T, StoreError> {
        let shared = lock(&self.shared);
        let _pass = self.gate.as_ref().map(|gate| gate.enter()).transpose()?;
        Ok(work(&shared.db))
    }

    /// Uses the writing connection outside a transaction, for settings and health.
    pub fn with<T>(&self, work: impl FnOnce(&Db) -> T) -> T {
        work(&lock(&self.shared).db)
    }
}

/// Undoes an open transaction as a whole. A rollback that fails leaves it to SQLite's own recovery.
fn undo(shared: &mut Shared) {
    if !shared.db.is_autocommit() {
        shared.numbers.forget();
        drop(shared.db.execute_batch("ROLLBACK"));
    }
}

/// Runs one of several, so that what it refuses leaves the others as they are.
fn apart(db: &Db, numbers: &mut Numbers, work: Work) -> Result<u64, Fault> {
    db.prepare_cached("SAVEPOINT one")?.execute([])?;
    let done = work(db, numbers);
    if done.is_err() && !db.is_autocommit() {
        db.prepare_cached("ROLLBACK TO one")?.execute([])?;
    }
    if !db.is_autocommit() {
        db.prepare_cached("RELEASE one")?.execute([])?;
    }
    done
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writer() -> Writer {
        let db = rusqlite::Connection::open_in_memory().unwrap();
        db.execute_batch("CREATE TABLE t (x INTEGER PRIMARY KEY)").unwrap();
        let db = Db::plain(db, std::path::Path::new("test"));
        Writer::new(db, None, PathBuf::from("test"), false)
    }

    fn insert(x: i64) -> impl FnOnce(&Db, &mut Numbers) -> Result<u64, Fault> + Send + 'static {
        move |db, _| Ok(db.execute("INSERT INTO t VALUES (?1)", [x])? as u64)
    }

    fn rows(writer: &Writer) -> Vec<i64> {
        writer.with(|db| {
            let mut all = db.prepare("SELECT x FROM t ORDER BY x").unwrap();
            all.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
        })
    }

    fn refuse(db: &Db, x: i64) -> Result<u64, Fault> {
        db.execute("INSERT INTO t VALUES (?1)", [x])?;
        Err(Fault::Refused(StoreError::Conflict("no".to_owned())))
    }

    #[test]
    fn what_a_refused_write_wrote_is_undone_alone_and_among_others() {
        let writer = writer();
        assert_eq!(writer.run(Durable::Now, |db, _| refuse(db, 1)).unwrap_err().code(), "conflict");
        assert_eq!(rows(&writer), [0i64; 0]);
        let slots: Vec<Arc<Slot>> = (0..4).map(|_| Arc::default()).collect();
        let works: Vec<Work> = vec![
            Box::new(insert(1)),
            Box::new(|db, _| refuse(db, 2)),
            // The same key again fails in its statement.
            Box::new(insert(1)),
            Box::new(insert(3)),
        ];
        let jobs = works.into_iter().zip(&slots).map(|(work, slot)| Job {
            work: Some(work),
            durable: Durable::Now,
            slot: Arc::clone(slot),
            done: false,
        });
        writer.commit(jobs.collect());
        let done: Vec<bool> = slots.iter().map(|slot| slot.wait().unwrap().is_ok()).collect();
        assert_eq!(done, [true, false, false, true]);
        assert_eq!(rows(&writer), [1, 3]);
    }

    #[test]
    fn all_that_queue_while_one_commits_share_the_next_transaction() {
        let writer = Arc::new(writer());
        let leaders = Arc::new(Mutex::new(std::collections::HashSet::new()));
        std::thread::scope(|scope| {
            let first = Arc::clone(&writer);
            let slow = scope.spawn(move || {
                let queued = Arc::clone(&first);
                first.run(Durable::Now, move |_, _| {
                    while lock(&queued.queue).jobs.len() < 15 {
                        std::thread::yield_now();
                    }
                    Ok(0)
                })
            });
            for x in 0..15 {
                let (writer, leaders) = (Arc::clone(&writer), Arc::clone(&leaders));
                while !lock(&writer.queue).led {
                    std::thread::yield_now();
                }
                scope.spawn(move || {
                    let work = move |db: &Db, numbers: &mut Numbers| {
                        lock(&leaders).insert(std::thread::current().id());
                        insert(x)(db, numbers)
                    };
                    writer.run(Durable::Now, work).unwrap();
                });
            }
            slow.join().unwrap().unwrap();
        });
        assert_eq!(rows(&writer).len(), 15);
        assert_eq!(lock(&leaders).len(), 1, "one of them committed for all");
        assert!(!lock(&writer.queue).led);
    }

    #[test]
    fn threads_that_write_at_once_are_all_served() {
        let writer = writer();
        std::thread::scope(|scope| {
            for thread in 0..16 {
                let writer = &writer;
                scope.spawn(move || {
                    for step in 0..50 {
                        writer.run(Durable::Now, insert(thread * 1000 + step)).unwrap();
                    }
                });
            }
        });
        assert_eq!(rows(&writer).len(), 800);
    }

    #[test]
    fn a_leader_that_panics_leaves_nobody_waiting() {
        let writer = writer();
        std::thread::scope(|scope| {
            let writer = &writer;
            let leader = scope.spawn(move || {
                writer.run(Durable::Now, move |db, _| {
                    let written = db.execute("INSERT INTO t VALUES (7)", []);
                    assert!(written.is_err(), "a mistake in a statement's code");
                    Ok(0)
                })
            });
            let follower = scope.spawn(move || writer.run(Durable::Now, insert(8)));
            assert!(leader.join().is_err());
            // It is either given up with the leader or served after it, and never left waiting.
            drop(follower.join().unwrap());
        });
        writer.run(Durable::Now, insert(9)).unwrap();
        assert!(!rows(&writer).contains(&7));
        assert!(rows(&writer).contains(&9));
    }
}
