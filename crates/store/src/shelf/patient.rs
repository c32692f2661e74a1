//! A shelf with patience: whoever puts or gets many names does so some at a time, and one that is away is waited for as
//! the database is.
//!
//! Not here: what is put, and what it means that a name is not there.

use super::folder::Folder;
use super::s3::S3;
use super::{Address, Failed, Lying, MARKER, Result, Shelf, is_name};
use crate::afar::{Away, Settings, Tries};
use crate::error::StoreError;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// How many requests are under way at once for one caller.
const AT_ONCE: usize = 8;
/// The marker is no longer than this.
const MARK: u64 = 256;

type Told<T> = std::result::Result<T, StoreError>;

/// See the module.
pub struct Shelved {
    shelf: Box<dyn Shelf>,
    /// Its address.
    pub shown: String,
    /// Whose it is: what its marker says.
    id: String,
    away: Away,
    /// How long one is waited for that has not answered yet.
    first: Duration,
    /// Whether its marker has been seen by this process.
    seen: AtomicBool,
}

impl Shelved {
    /// The shelf at an address that is that store's. Nothing is asked of it yet.
    pub fn new(address: &Address, id: String) -> Told<Self> {
        let shelf: Box<dyn Shelf> = match address {
            Address::Folder(path) => Box::new(Folder::new(path.clone())),
            Address::S3 { bucket, prefix, endpoint, region } => {
                Box::new(S3::new(address, bucket, prefix, endpoint.as_deref(), region)?)
            }
        };
        let (shown, settings) = (address.shown(), Settings::from_env()?);
        let away = Away::new(&shown, &settings);
        Ok(Self { shelf, shown, id, away, first: settings.first, seen: AtomicBool::new(false) })
    }

    /// Nothing more is waited for.
    pub fn leave(&self) {
        self.away.leave();
    }

    fn unusable(&self, why: &str) -> StoreError {
        StoreError::Blobs { address: self.shown.clone(), why: why.to_owned() }
    }

    /// Does something until it is known what came of it. `most`: the patience, if it is another.
    fn patiently<T>(&self, most: Option<Duration>, work: impl Fn() -> Result<T>) -> Told<T> {
        let mut tries = Tries::default();
        loop {
            match work() {
                Ok(done) => {
                    self.away.over(&tries);
                    return Ok(done);
                }
                Err(Failed::Away(why)) => self.away.pause(&mut tries, &why, most).map_err(|error| match error {
                    // What never was there is a wrong address sooner than an outage.
                    StoreError::Away { why, .. } if most.is_some() => self.unusable(&why),
                    other => other,
                })?,
                Err(Failed::Told(error)) => return Err(error),
            }
        }
    }

    fn marker(&self) -> Result<Option<String>> {
        let found = self.shelf.get(MARKER, MARK)?;
        Ok(found.map(|bytes| String::from_utf8_lossy(&bytes).trim().to_owned()))
    }

    /// Whose the shelf is that lies there; `None`: nobody's yet.
    pub fn owner(&self) -> Told<Option<String>> {
        self.patiently(Some(self.first), || self.marker())
    }

    /// Makes it this store's, if it is nobody's.
    pub fn begin(&self) -> Told<()> {
        self.patiently(Some(self.first), || match self.marker()? {
            Some(_) => Ok(()),
            None => self.shelf.put(MARKER, self.id.as_bytes()),
        })?;
        self.must_be_ours(Some(self.first))
    }

    fn must_be_ours(&self, most: Option<Duration>) -> Told<()> {
        match self.patiently(most, || self.marker())? {
            Some(id) if id == self.id => {
                self.seen.store(true, Ordering::Relaxed);
                Ok(())
            }
            Some(_) => Err(self.unusable("it has large values of another store: each store has a place of its own")),
            None => Err(self.unusable(&format!(
                "its object {MARKER} is not there: it was removed, or this is not the place where the values are"
            ))),
        }
    }

    /// Looks once in a process whether this is the place where the values are.
    fn ready(&self) -> Told<()> {
        if self.seen.load(Ordering::Relaxed) { Ok(()) } else { self.must_be_ours(None) }
    }

    /// Does the same with many, some at a time. Whoever was away is tried again after a pause, which is made here: on the
    /// caller's thread Ctrl-C is noticed.
    fn each<T: Sync, R: Send>(&self, all: &[T], work: impl Fn(&T) -> Result<R> + Sync) -> Told<Vec<R>> {
        let mut found: Vec<Option<R>> = all.iter().map(|_| None).collect();
        let mut left: Vec<usize> = (0..all.len()).collect();
        self.patiently_on(&mut left, &mut found, all, &work)?;
        Ok(found.into_iter().flatten().collect())
    }

    fn patiently_on<T: Sync, R: Send>(
        &self,
        left: &mut Vec<usize>,
        found: &mut [Option<R>],
        all: &[T],
        work: &(impl Fn(&T) -> Result<R> + Sync),
    ) -> Told<()> {
        let mut tries = Tries::default();
        while !left.is_empty() {
            let (mut again, mut why) = (Vec::new(), None);
            let had = left.len();
            for (at, told) in round(left, all, work) {
                match told {
                    Some(Ok(done)) => {
                        if let Some(place) = found.get_mut(at) {
                            *place = Some(done);
                        }
                    }
                    Some(Err(Failed::Told(error))) => return Err(error),
                    Some(Err(Failed::Away(said))) => {
                        why = Some(said);
                        again.push(at);
                    }
                    None => again.push(at),
                }
            }
            if again.len() < had {
                self.away.over(&tries);
                tries = Tries::default();
            }
            if let Some(why) = why {
                self.away.pause(&mut tries, &why, None)?;
            }
            *left = again;
        }
        Ok(())
    }

    /// Puts all of these durably.
    pub fn put(&self, all: &[(String, &[u8])]) -> Told<()> {
        if all.is_empty() {
            return Ok(());
        }
        self.ready()?;
        self.each(all, |(name, bytes)| self.shelf.put(name, bytes)).map(|_| ())
    }

    /// What is under these names, of so many bytes each; `None`: there is no such name.
    pub fn get(&self, all: &[(String, u64)]) -> Told<Vec<Option<Vec<u8>>>> {
        if all.is_empty() {
            return Ok(Vec::new());
        }
        if let Some((name, _)) = all.iter().find(|(name, _)| !is_name(name)) {
            return Err(self.unusable(&format!("a part of a value is said to be under {name:?}, which is no name")));
        }
        self.ready()?;
        self.each(all, |(name, bytes)| self.shelf.get(name, *bytes))
    }

    /// Removes these names.
    pub fn delete(&self, names: &[String]) -> Told<()> {
        let ours: Vec<&String> = names.iter().filter(|name| is_left(name)).collect();
        if ours.is_empty() {
            return Ok(());
        }
        self.ready()?;
        self.each(&ours, |name| self.shelf.delete(name)).map(|_| ())
    }

    /// A page of what lies there behind a name, anything else than what this store puts left out. `None`: nothing does.
    pub fn list(&self, after: &str) -> Told<Option<(String, Vec<Lying>)>> {
        if after.is_empty() {
            // Whoever removes what is in no row looks first whether it is this store's.
            self.must_be_ours(None)?;
        }
        let mut found = self.patiently(None, || self.shelf.list(after))?;
        let Some(last) = found.last().map(|one| one.name.clone()) else { return Ok(None) };
        found.retain(|one| is_left(&one.name));
        Ok(Some((last, found)))
    }
}

/// A name, or what a crash left of one that was being written.
fn is_left(name: &str) -> bool {
    is_name(name.strip_suffix(".part").unwrap_or(name))
}

/// Each of those once, on some threads; what was not begun because another was away has no result.
fn round<T: Sync, R: Send>(
    left: &[usize],
    all: &[T],
    work: &(impl Fn(&T) -> Result<R> + Sync),
) -> Vec<(usize, Option<Result<R>>)> {
    if let [at] = left {
        return all.get(*at).map(|one| (*at, Some(work(one)))).into_iter().collect();
    }
    let (next, stopped) = (AtomicUsize::new(0), AtomicBool::new(false));
    let done = Mutex::new(Vec::with_capacity(left.len()));
    std::thread::scope(|scope| {
        for _ in 0..left.len().min(AT_ONCE) {
            scope.spawn(|| {
                while let Some(at) = left.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let told = match all.get(*at) {
                        Some(one) if !stopped.load(Ordering::Relaxed) => Some(work(one)),
                        _ => None,
                    };
                    if matches!(told, Some(Err(_))) {
                        stopped.store(true, Ordering::Relaxed);
                    }
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((*at, told));
                }
            });
        }
    });
    done.into_inner().unwrap_or_else(PoisonError::into_inner)
}
