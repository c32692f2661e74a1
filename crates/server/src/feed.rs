//! What happens in the store, read once and handed to all who follow.
//!
//! One thread looks at the store's version, reads what was written since, and keeps the last of it in a ring of bounded
//! size. Who follows takes from the ring at its own pace; who falls behind it reads the store by its own place, and
//! holds up nobody. While nobody follows nothing is read. Not here: how it is sent (`events`).

use crate::item::{Item, What};
use crate::log::Log;
use kitaru_core::ExecutionId;
use kitaru_core::rows::Status;
use kitaru_engine::manage;
use kitaru_engine::{Clock, SystemClock};
use kitaru_store::{ExecutionFilter, Page, Revision, Store, StoreError};
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Between two looks. An event reaches whoever follows within twice that.
const LOOK: Duration = Duration::from_millis(15);

/// An owner's death writes nothing: it is looked for so often.
const PULSE: Duration = Duration::from_secs(1);

/// How many executions are asked for a pulse.
const ASKED: usize = 1000;

/// How much is read at a time.
const BLOCK: usize = 500;

/// The ring holds no more than that, in bytes and in items.
const BYTES: usize = 4 << 20;
const ITEMS: usize = 4096;

/// See the module.
#[derive(Clone)]
pub struct Feed {
    inner: Arc<Inner>,
}

struct Inner {
    store: Arc<dyn Store>,
    log: Log,
    ring: Mutex<Ring>,
    rung: watch::Sender<u64>,
    closing: watch::Sender<bool>,
    followed: Mutex<HashMap<ExecutionId, watch::Sender<u64>>>,
}

#[derive(Default)]
struct Ring {
    followers: usize,
    items: VecDeque<Arc<Item>>,
    bytes: usize,
    /// How many items have left it.
    left: u64,
    /// All that came after `from` and not after `upto` is there. `None`: nobody follows.
    from: Revision,
    upto: Option<Revision>,
    /// Executions whose owner has died.
    dead: BTreeSet<ExecutionId>,
}

impl Ring {
    fn push(&mut self, item: Item) {
        self.bytes += item.size();
        self.items.push_back(Arc::new(item));
        while self.bytes > BYTES || self.items.len() > ITEMS {
            let Some(gone) = self.items.pop_front() else { return };
            self.bytes -= gone.size();
            self.left += 1;
            self.from = self.from.max(gone.revision);
        }
    }
}

/// Where a follower is in the ring.
#[derive(Debug, Default)]
pub struct Cursor {
    next: Option<u64>,
}

/// Somebody who follows.
pub struct Follower {
    feed: Feed,
    /// The one execution that is followed.
    only: Option<ExecutionId>,
    woken: watch::Receiver<u64>,
    closing: watch::Receiver<bool>,
}

impl Feed {
    /// A feed of a store. Is read until it is closed or nobody has it.
    pub fn new(store: Arc<dyn Store>, log: Log) -> Self {
        let feed = Self::unread(store, log);
        let read = Arc::downgrade(&feed.inner);
        tokio::task::spawn_blocking(move || read_until_closed(&read));
        feed
    }

    /// One that tells nothing but that it is over.
    pub fn unread(store: Arc<dyn Store>, log: Log) -> Self {
        let inner = Arc::new(Inner {
            store,
            log,
            ring: Mutex::default(),
            rung: watch::Sender::new(0),
            closing: watch::Sender::new(false),
            followed: Mutex::default(),
        });
        Self { inner }
    }

    /// Becomes true when nothing more is told.
    pub fn closing(&self) -> watch::Receiver<bool> {
        self.inner.closing.subscribe()
    }

    /// Nothing more is told.
    pub fn close(&self) {
        self.inner.closing.send_replace(true);
    }

    /// Begins to follow: all executions, or one. Blocks.
    pub fn follow(&self, only: Option<ExecutionId>) -> Result<Follower, StoreError> {
        let closing = self.inner.closing.subscribe();
        let woken = match &only {
            None => self.inner.rung.subscribe(),
            Some(id) => lock(&self.inner.followed).entry(id.clone()).or_default().subscribe(),
        };
        // Made first, so that it is taken back whatever happens below.
        lock(&self.inner.ring).followers += 1;
        let follower = Follower { feed: self.clone(), only, woken, closing };
        let newest = self.inner.store.queries().newest()?;
        let mut ring = lock(&self.inner.ring);
        if ring.upto.is_none() {
            (ring.from, ring.upto) = (newest, Some(newest));
        }
        drop(ring);
        Ok(follower)
    }
}

impl Follower {
    /// A number up to which the ring has been filled. What the store shows from now on is at least that new.
    pub fn filled(&self) -> Revision {
        lock(&self.feed.inner.ring).upto.unwrap_or_default()
    }

    /// What came after `place` and was not taken yet, at most `most`. `None`: the ring no longer has it, and the store is
    /// to be asked.
    pub fn take(&self, cursor: &mut Cursor, place: Revision, most: usize) -> Option<Vec<Arc<Item>>> {
        let ring = lock(&self.feed.inner.ring);
        let next = match cursor.next.filter(|next| *next >= ring.left) {
            Some(next) => next - ring.left,
            None if place < ring.from => {
                cursor.next = None;
                return None;
            }
            None => ring.items.partition_point(|item| item.revision <= place) as u64,
        };
        let start = usize::try_from(next).unwrap_or(usize::MAX).min(ring.items.len());
        let (mut found, mut at) = (Vec::new(), start);
        while let Some(item) = ring.items.get(at).filter(|_| found.len() < most) {
            at += 1;
            // Who comes from the store may be ahead of the ring.
            if item.revision > place || item.what == What::Died {
                found.push(Arc::clone(item));
            }
        }
        cursor.next = Some(ring.left + at as u64);
        Some(found)
    }

    /// Executions whose owner is known to have died.
    pub fn dead(&self) -> Vec<ExecutionId> {
        lock(&self.feed.inner.ring).dead.iter().cloned().collect()
    }

    /// Waits until there is something new of what is followed. `false`: it is over.
    pub async fn news(&mut self) -> bool {
        tokio::select! {
            woken = self.woken.changed() => woken.is_ok(),
            _ = self.closing.wait_for(|closed| *closed) => false,
        }
    }

    /// Returns when the server ends.
    pub async fn closed(&mut self) {
        drop(self.closing.wait_for(|closed| *closed).await);
    }

    /// Whether the server ends.
    pub fn is_closed(&self) -> bool {
        *self.closing.borrow()
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        if let Some(id) = &self.only {
            let mut followed = lock(&self.feed.inner.followed);
            // This one still counts.
            if followed.get(id).is_some_and(|sender| sender.receiver_count() <= 1) {
                followed.remove(id);
            }
        }
        let mut ring = lock(&self.feed.inner.ring);
        ring.followers -= 1;
        if ring.followers == 0 {
            *ring = Ring { left: ring.left + ring.items.len() as u64, ..Ring::default() };
        }
    }
}

fn read_until_closed(inner: &Weak<Inner>) {
    let (mut seen, mut pulse, mut broken) = (None, Instant::now(), false);
    while let Some(inner) = inner.upgrade() {
        if *inner.closing.borrow() {
            return;
        }
        match inner.look(&mut seen, &mut pulse) {
            Ok(()) => broken = false,
            Err(error) => {
                // Once, and it is tried again.
                if !std::mem::replace(&mut broken, true) {
                    inner.log.complain(error.code(), &format!("events: error[{}]: {error}", error.code()));
                }
                seen = None;
            }
        }
        drop(inner);
        std::thread::sleep(LOOK);
    }
}

impl Inner {
    fn look(&self, seen: &mut Option<u64>, pulse: &mut Instant) -> Result<(), StoreError> {
        if lock(&self.ring).upto.is_none() {
            *seen = None;
            return Ok(());
        }
        let version = self.store.version()?;
        if *seen != Some(version) {
            while self.read()? {}
            *seen = Some(version);
        }
        if pulse.elapsed() >= PULSE {
            *pulse = Instant::now();
            self.pulses()?;
        }
        Ok(())
    }

    /// Reads on. Whether there is more.
    fn read(&self) -> Result<bool, StoreError> {
        let Some(upto) = lock(&self.ring).upto else { return Ok(false) };
        let changes = self.store.queries().changes(upto, BLOCK)?;
        let Some(last) = changes.items.last().map(|change| change.revision) else { return Ok(false) };
        let items: Vec<Item> = changes.items.iter().map(Item::of).collect();
        let told: BTreeSet<ExecutionId> = items.iter().map(|item| item.execution.clone()).collect();
        {
            let mut ring = lock(&self.ring);
            // All have left meanwhile, and others come from another place.
            if ring.upto != Some(upto) {
                return Ok(true);
            }
            ring.upto = Some(last);
            items.into_iter().for_each(|item| ring.push(item));
        }
        self.wake(&told);
        Ok(changes.more)
    }

    fn wake(&self, told: &BTreeSet<ExecutionId>) {
        self.rung.send_modify(|count| *count += 1);
        let followed = lock(&self.followed);
        if followed.len() < told.len() {
            followed.iter().filter(|(id, _)| told.contains(id)).for_each(|(_, sender)| rouse(sender));
        } else {
            told.iter().filter_map(|id| followed.get(id)).for_each(rouse);
        }
    }

    /// Who has lost its owner is told once.
    fn pulses(&self) -> Result<(), StoreError> {
        let filter = ExecutionFilter { status: vec![Status::Running], ..ExecutionFilter::default() };
        let rows = self.store.queries().executions(&filter, Page { limit: ASKED, offset: 0 })?;
        let (store, now) = (self.store.as_ref(), SystemClock.now());
        let is_dead = |row: &&kitaru_core::rows::ExecutionRow| manage::status(store, row, now) != Status::Running;
        let dead: BTreeSet<ExecutionId> = rows.iter().filter(is_dead).map(|row| row.id.clone()).collect();
        let new: BTreeSet<ExecutionId> = {
            let mut ring = lock(&self.ring);
            let Some(upto) = ring.upto else { return Ok(()) };
            let new: BTreeSet<ExecutionId> = dead.difference(&ring.dead).cloned().collect();
            new.iter().for_each(|id| ring.push(Item::died(id, upto)));
            ring.dead = dead;
            new
        };
        if !new.is_empty() {
            self.wake(&new);
        }
        Ok(())
    }
}

fn rouse(sender: &watch::Sender<u64>) {
    sender.send_modify(|count| *count += 1);
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
