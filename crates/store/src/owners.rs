//! Who holds executions from this machine: every process keeps one byte of `owners.lock` locked while it lives.
//!
//! The file is opened once in a process and never closed: closing any descriptor of it would drop the lock.
//! Not here: leases, which decide across machines ([`kitaru_core::lease`]).

use crate::error::StoreError;
use crate::os;
use kitaru_core::lease::{NO_SLOT, Owner, Pulse};
use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// One process's registration in one home.
pub struct Owners {
    file: File,
    path: PathBuf,
    registered: Mutex<Option<Owner>>,
    pid: u32,
}

type Known = HashMap<(PathBuf, u32), Arc<Owners>>;
static OPEN: OnceLock<Mutex<Known>> = OnceLock::new();

impl Owners {
    /// The registration of this process in `home` (by its one true path), opened once.
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
            return Err(StoreError::Forked { path: self.path.display().to_string() });
        }
        let mut registered = self.registered.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(owner) = &*registered {
            return Ok(owner.clone());
        }
        for slot in 0..NO_SLOT {
            if !os::lock_byte(&self.file, slot).map_err(|error| crate::error::from_io(&self.path, &error))? {
                continue;
            }
            let owner = named(slot);
            *registered = Some(owner.clone());
            return Ok(owner);
        }
        Err(StoreError::Io { path: self.path.display().to_string(), why: "no free slot for an owner".to_owned() })
    }

    /// Whether `owner` lives, as far as can be told from here.
    pub fn pulse(&self, owner: &Owner) -> Pulse {
        if owner.is_remote() {
            return by_process(owner);
        }
        if owner.host != os::host_name() || owner.boot.is_empty() {
            return Pulse::Unknown;
        }
        let (here, pid) = (boot(), std::process::id());
        if owner.boot.split('/').next() != here.split('/').next() {
            return Pulse::Dead;
        }
        let same_space = owner.boot == here;
        // A process does not see its own locks. Another program run by `exec` in the same process has other names.
        if same_space && owner.pid == pid && os::started(pid) == Some(owner.started) {
            let own = NAMES.lock().unwrap_or_else(PoisonError::into_inner).contains(&(pid, owner.nonce.clone()));
            return if own { Pulse::Alive } else { Pulse::Dead };
        }
        let holder = match os::byte_holder(&self.file, owner.slot) {
            Ok(holder) => holder,
            Err(_) => return Pulse::Unknown,
        };
        match holder {
            // Pids of another container cannot be compared: somebody has the slot, and it may be the owner.
            Some(_) if !same_space => Pulse::Unknown,
            Some(pid) if pid == owner.pid => match os::started(pid) {
                Some(started) if started != owner.started => Pulse::Dead,
                _ => Pulse::Alive,
            },
            // The slot is free or somebody else's, and the owner would hold it. But code in the owner's process
            // that opened and closed the lock file has dropped the lock: then the process is still there.
            _ if same_space && os::started(owner.pid) == Some(owner.started) => Pulse::Unknown,
            _ => Pulse::Dead,
        }
    }
}

/// This process under a name of its own.
fn named(slot: u64) -> Owner {
    let pid = std::process::id();
    let owner = Owner {
        host: os::host_name(),
        boot: boot(),
        pid,
        started: os::started(pid).unwrap_or(0),
        slot,
        nonce: uuid::Uuid::now_v7().simple().to_string(),
    };
    NAMES.lock().unwrap_or_else(PoisonError::into_inner).push((pid, owner.nonce.clone()));
    owner
}

/// This process as an owner that works through a server. A forked child is another one.
pub fn remote() -> Owner {
    static KNOWN: Mutex<Option<Owner>> = Mutex::new(None);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    match &*known {
        Some(owner) if owner.pid == std::process::id() => owner.clone(),
        _ => known.insert(named(NO_SLOT)).clone(),
    }
}

/// Whether an owner that works through a server lives: by what is known of its process, where that is a process of
/// this very system. Of any other only its lease counts: a lock that it has cannot be seen from here.
pub fn by_process(owner: &Owner) -> Pulse {
    if owner.boot.is_empty() || owner.host != os::host_name() || owner.boot != boot() {
        return Pulse::Unknown;
    }
    match os::is_running(owner.pid, owner.started) {
        Some(false) => Pulse::Dead,
        None => Pulse::Unknown,
        // Another program run by `exec` in the same process has other names.
        Some(true) if owner.pid == std::process::id() => {
            let names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
            if names.contains(&(owner.pid, owner.nonce.clone())) { Pulse::Alive } else { Pulse::Dead }
        }
        Some(true) => Pulse::Alive,
    }
}

/// Every name under which this process owns something, with its pid: a forked child inherits the list, not the names.
static NAMES: Mutex<Vec<(u32, String)>> = Mutex::new(Vec::new());

/// The kernel's boot and the space in which pids count.
fn boot() -> String {
    let boot = os::boot_id();
    if boot.is_empty() { boot } else { format!("{boot}/{}", os::pid_space()) }
}

impl std::fmt::Debug for Owners {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Owners").field("path", &self.path).finish_non_exhaustive()
    }
}
