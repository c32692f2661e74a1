//! A store that promises are held against. Not here: any promise.

use kitaru_core::lease::Owner;
use kitaru_core::{Body, ExecutionId, Millis};
use kitaru_store::{Claim, Created, Options, Store, forget_memory, open};
use std::sync::{Arc, Mutex, PoisonError};

use super::events;
use tempfile::TempDir;

/// The time at which tests begin.
pub const T: Millis = 1_700_000_000_000;
/// How long leases last here.
pub const LEASE: Millis = 15_000;

/// The address of a store in memory.
pub const MEMORY: &str = "memory:";
pub static FRESH: Mutex<()> = Mutex::new(());

/// A store of one backend, with what it stands on.
pub struct Fixture {
    pub store: Arc<dyn Store>,
    pub home: TempDir,
    address: String,
    options: Options,
}

/// Before the address of a store that is sealed with keys of its own.
pub const SEALED: &str = "sealed+";

/// Before the place where large values lie, and a space; no place: a folder of its own.
pub const BLOBS: &str = "blobs:";

impl Fixture {
    pub fn new(address: impl Fn(&TempDir) -> String) -> Self {
        let home = tempfile::tempdir().unwrap();
        let address = address(&home);
        let mut options = Options::default();
        let address = match address.strip_prefix(SEALED) {
            None => address,
            Some(plain) => {
                let file = home.path().join("keys");
                kitaru_store::keys::make(&file, "2026-11-30").unwrap();
                options.keys = Some(file);
                plain.to_owned()
            }
        };
        let address = match address.strip_prefix(BLOBS).and_then(|rest| rest.split_once(' ')) {
            None => address,
            Some((shelf, database)) => {
                let folder = home.path().join("blobs");
                std::fs::create_dir(&folder).unwrap();
                options.blobs = Some(if shelf.is_empty() { folder.display().to_string() } else { shelf.to_owned() });
                // All that is no longer in its event.
                options.blobs_from = Some(0);
                database.to_owned()
            }
        };
        let store = if address == MEMORY {
            // Promises run beside each other in one process, which has one store in memory at a time: each takes one of
            // its own.
            let _one = FRESH.lock().unwrap_or_else(PoisonError::into_inner);
            forget_memory();
            open(&address, home.path(), &options).unwrap()
        } else {
            open(&address, home.path(), &options).unwrap()
        };
        Self { store, home, address, options }
    }

    /// Whether it goes by a clock of its own, and not by the times that it is given.
    pub fn has_own_clock(&self) -> bool {
        self.address.starts_with("postgres://")
    }

    /// Whether it says itself on which machine an execution's code is.
    pub fn names_hosts(&self) -> bool {
        self.address.starts_with("http://")
    }

    /// The time by its clock.
    pub fn now(&self) -> Millis {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        self.store.by_its_clock(Millis::try_from(since.as_millis()).unwrap())
    }

    /// The same store by another handle.
    pub fn again(&self) -> Arc<dyn Store> {
        if self.address == MEMORY {
            return Arc::clone(&self.store);
        }
        open(&self.address, self.home.path(), &self.options).unwrap()
    }

    pub fn claim(&self) -> Claim {
        Claim { owner: self.store.owner().unwrap(), lease_until: T + LEASE }
    }

    /// Creates an execution of `flow` that this process holds with epoch 1.
    pub fn start(&self, flow: &str) -> ExecutionId {
        let id = fresh();
        let claim = self.claim();
        let events = vec![events::created(flow), events::taken(&claim.owner)];
        assert_eq!(self.store.create(&id, T, events, Some(claim)).unwrap(), Created::New(1));
        id
    }

    /// Another process's claim.
    pub fn stranger(&self) -> Claim {
        let owner = Owner { host: "elsewhere".to_owned(), nonce: "stranger".to_owned(), ..self.store.owner().unwrap() };
        Claim { owner, lease_until: T + LEASE }
    }

    pub fn bodies(&self, id: &ExecutionId) -> Vec<Body> {
        self.store.load(id, 0, 0).unwrap().into_iter().map(|event| event.body).collect()
    }
}

pub fn fresh() -> ExecutionId {
    ExecutionId::new(uuid::Uuid::now_v7().to_string())
}

/// The code of an error.
pub fn code<T: std::fmt::Debug>(result: Result<T, kitaru_store::StoreError>) -> &'static str {
    result.unwrap_err().code()
}
