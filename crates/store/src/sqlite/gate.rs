//! Whose turn it is to write, among processes: a fair lock beside the database file.
//!
//! SQLite's own busy handler lets the quickest win, and a busy process can keep all others out for seconds. Here
//! two bytes of a sidecar file make a turnstile: whoever wants to write takes TURN, waits for LOCK with TURN in
//! hand, and gives TURN back. A process that just wrote finds TURN taken and cannot overtake the one that waits.
//!
//! Waiting is by looking again, not by `F_SETLKW`: that has no time limit, and a process that was stopped
//! (Ctrl-Z) with the lock in hand would hang every other one for good. It happens between busy processes only.
//!
//! Record locks belong to the process and go when it closes any descriptor of the file, so the file is opened
//! once and never closed. Not here: the integrity of the file, which stays with SQLite's own locks.

use crate::error::{StoreError, from_io};
use crate::os;
use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const LOCK: u64 = 0;
const TURN: u64 = 1;
/// How long a writer waits before it says that the store is busy.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// Between two looks at LOCK: a commit takes a few hundred microseconds.
const NEXT: Duration = Duration::from_micros(50);
/// Between two looks at TURN, at the least; up to twice that.
const QUEUED: Duration = Duration::from_micros(400);

/// See the module.
#[derive(Debug)]
pub struct Gate {
    file: File,
    path: PathBuf,
    /// Handles of one process do not see each other's record locks.
    own: Mutex<()>,
    patience: Duration,
}

/// The right to write, given back on drop.
#[derive(Debug)]
pub struct Pass<'a> {
    gate: &'a Gate,
    _own: MutexGuard<'a, ()>,
}

type Known = HashMap<(PathBuf, u32), Arc<Gate>>;
static OPEN: OnceLock<Mutex<Known>> = OnceLock::new();

impl Gate {
    /// The gate in the file at `path`, one in a process.
    pub fn of(path: &Path) -> Result<Arc<Self>, StoreError> {
        let key = (path.to_owned(), std::process::id());
        let mut open = OPEN.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = open.get(&key) {
            return Ok(Arc::clone(known));
        }
        let made = Arc::new(Self::new(path, PATIENCE)?);
        open.insert(key, Arc::clone(&made));
        Ok(made)
    }

    fn new(path: &Path, patience: Duration) -> Result<Self, StoreError> {
        let file = File::options().read(true).write(true).create(true).truncate(false).open(path);
        let file = file.map_err(|error| from_io(path, &error))?;
        Ok(Self { file, path: path.to_owned(), own: Mutex::new(()), patience })
    }

    /// Waits for the right to write.
    pub fn enter(&self) -> Result<Pass<'_>, StoreError> {
        let own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        let mut since = None;
        self.take(TURN, QUEUED, &mut since)?;
        let entered = self.take(LOCK, NEXT, &mut since);
        // A byte that cannot be given back goes with the process.
        drop(os::unlock_byte(&self.file, TURN));
        entered.map(|()| Pass { gate: self, _own: own })
    }

    fn take(&self, byte: u64, pause: Duration, since: &mut Option<Instant>) -> Result<(), StoreError> {
        loop {
            if os::lock_byte(&self.file, byte).map_err(|error| from_io(&self.path, &error))? {
                return Ok(());
            }
            if since.get_or_insert_with(Instant::now).elapsed() > self.patience {
                return Err(StoreError::Busy(self.held_by(byte)));
            }
            // Spread, so that no two processes keep step with each other.
            let spread = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.subsec_nanos());
            std::thread::sleep(pause + pause * (spread % 256) / 256);
        }
    }

    fn held_by(&self, byte: u64) -> String {
        let seconds = self.patience.as_secs_f32();
        match os::byte_holder(&self.file, byte) {
            Ok(Some(pid)) if pid != 0 => {
                format!(
                    "process {pid} has kept the right to write for {seconds} s; continue it if it is stopped, or end it"
                )
            }
            _ => format!("others kept the right to write for {seconds} s; try again"),
        }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        // A byte that cannot be given back goes with the process.
        drop(os::unlock_byte(&self.gate.file, LOCK));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_handles_of_one_process_exclude_each_other() {
        let home = tempfile::tempdir().unwrap();
        let gate = Gate::of(&home.path().join("gate")).unwrap();
        let other = Gate::of(&home.path().join("gate")).unwrap();
        assert!(Arc::ptr_eq(&gate, &other));
        let pass = gate.enter().unwrap();
        assert!(other.own.try_lock().is_err());
        drop(pass);
        drop(other.enter().unwrap());
    }

    #[cfg(unix)]
    #[test]
    fn a_stopped_holder_is_named_and_hangs_nobody() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("gate");
        let gate = Gate::new(&path, Duration::from_millis(200)).unwrap();
        let mut pipe = [0; 2];
        // SAFETY: the array holds the two descriptors that the call writes.
        assert_eq!(unsafe { libc::pipe(pipe.as_mut_ptr()) }, 0);
        // SAFETY: the child makes system calls only, and never returns into the test harness.
        let child = unsafe { libc::fork() };
        if child == 0 {
            let locked = os::lock_byte(&gate.file, LOCK).is_ok_and(|taken| taken);
            // SAFETY: the descriptor is open and the byte is on the stack.
            unsafe {
                libc::write(pipe[1], [u8::from(locked)].as_ptr().cast(), 1);
                libc::raise(libc::SIGSTOP);
                libc::_exit(0);
            }
        }
        let mut locked = [0u8];
        // SAFETY: the buffer has room for the byte.
        assert_eq!(unsafe { libc::read(pipe[0], locked.as_mut_ptr().cast(), 1) }, 1);
        assert_eq!(locked, [1]);
        let refused = gate.enter().unwrap_err();
        assert_eq!(refused.code(), "store-busy");
        assert!(refused.to_string().contains(&format!("process {child} ")), "{refused}");
        // SAFETY: the child is ours; the status is not asked for.
        unsafe {
            libc::kill(child, libc::SIGKILL);
            libc::waitpid(child, std::ptr::null_mut(), 0);
        }
        drop(gate.enter().unwrap());
    }
}
