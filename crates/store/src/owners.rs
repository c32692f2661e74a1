//! Who holds executions from this machine: every process keeps one byte of `owners.lock` locked while it lives.
//!
//! The file is opened once in a process and never closed: closing any descriptor of it would drop the lock.
//! Not here: leases, which decide across machines ([`kitaru_core::lease`]).

use crate::error::StoreError;
use crate::os;
use kitaru_core::lease::{Owner, Pulse};
use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// More processes than will ever share a home.
const SLOTS: u64 = 1 << 20;

/// One process's registration in one home.
pub struct Owners {
    file: File,
    path: PathBuf,
    registered: Mutex<Option<Owner>>,
    pid: u32,
}

static OPEN: OnceLock<Mutex<HashMap<(PathBuf, u32), Arc<Owners>>>> = OnceLock::new();

impl Owners {
    /// The registration of this process in `home`, opened once.
    pub fn of(home: &Path) -> Result<Arc<Self>, StoreError> {
        let path = home.join("owners.lock");
        let pid = std::process::id();
        let mut open = OPEN.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = open.get(&(path.clone(), pid)) {
            return Ok(Arc::clone(known));
        }
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|error| crate::error::from_io(&path, &error))?;
        let made = Arc::new(Self { file, path: path.clone(), registered: Mutex::new(None), pid });
        open.insert((path, pid), Arc::clone(&made));
        Ok(made)
    }

    /// This process as an owner.
    pub fn owner(&self) -> Result<Owner, StoreError> {
        let pid = std::process::id();
        if pid != self.pid {
            return Err(StoreError::Io {
                path: self.path.display().to_string(),
                why: "a forked child cannot own executions: open the store anew".to_owned(),
            });
        }
        let mut registered = self.registered.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(owner) = &*registered {
            return Ok(owner.clone());
        }
        for slot in 0..SLOTS {
            if !os::lock_byte(&self.file, slot, false).map_err(|error| crate::error::from_io(&self.path, &error))? {
                continue;
            }
            let owner = Owner {
                host: os::host_name(),
                boot: os::boot_id(),
                pid,
                started: os::started(pid).unwrap_or(0),
                slot,
                nonce: uuid::Uuid::now_v7().simple().to_string(),
            };
            *registered = Some(owner.clone());
            return Ok(owner);
        }
        Err(StoreError::Io { path: self.path.display().to_string(), why: "no free slot for an owner".to_owned() })
    }

    /// Whether `owner` lives, as far as can be told from here.
    pub fn pulse(&self, owner: &Owner) -> Pulse {
        let own = self.registered.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if own.is_some_and(|own| own.nonce == owner.nonce) {
            return if std::process::id() == owner.pid { Pulse::Alive } else { Pulse::Unknown };
        }
        if owner.host != os::host_name() || owner.boot.is_empty() {
            return Pulse::Unknown;
        }
        if owner.boot != os::boot_id() {
            return Pulse::Dead;
        }
        match os::byte_holder(&self.file, owner.slot) {
            // A holder of another pid namespace is seen as pid 0: somebody has the lock, and it may be the owner.
            Ok(Some(0)) => Pulse::Alive,
            Ok(Some(pid)) if pid == owner.pid => match os::started(pid) {
                Some(started) if started != owner.started => Pulse::Dead,
                _ => Pulse::Alive,
            },
            // The slot is free or somebody else's: the owner is gone, for it would hold it.
            Ok(_) => Pulse::Dead,
            Err(_) => Pulse::Unknown,
        }
    }
}

impl std::fmt::Debug for Owners {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Owners").field("path", &self.path).finish_non_exhaustive()
    }
}
