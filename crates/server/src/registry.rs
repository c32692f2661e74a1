//! Which workers a store has: a small file for each, beside the store, that it keeps locked while it lives.
//!
//! Whoever is gone, however it went, has left its lock. Not here: which executions processes have (the store knows).

use crate::process::Place;
use crate::serves::Serves;
use serde_json::{Value, json};
use std::fs::{File, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// A file's length, whatever stands in it: a reader never finds the end of what was there before.
const LEN: usize = 512;

/// This process's entry.
pub struct Registered {
    path: PathBuf,
    entry: Mutex<Entry>,
}

struct Entry {
    file: File,
    said: Value,
}

fn folder(place: &Place) -> PathBuf {
    PathBuf::from(format!("{}.workers", place.0))
}

impl Registered {
    /// Enters a worker; `None`: the store lies elsewhere, and so would its entry.
    pub fn new(place: &Place, kind: &str, at_once: usize, serves: &Serves) -> std::io::Result<Option<Self>> {
        if place.0.contains("://") {
            return Ok(None);
        }
        let folder = folder(place);
        std::fs::create_dir_all(&folder)?;
        let host = kitaru_store::os::host_name();
        let pid = std::process::id();
        let path = folder.join(format!("{host}-{pid}-{}", uuid_like()?));
        let file = File::options().read(true).write(true).create_new(true).open(&path)?;
        file.try_lock().map_err(|error| std::io::Error::other(error.to_string()))?;
        let said = json!({
            "host": host, "pid": pid, "kind": kind, "at_once": at_once, "running": 0, "queued": 0,
            "pools": serves.pools, "flows": serves.flows,
        });
        let mut entry = Entry { file, said };
        entry.write()?;
        Ok(Some(Self { path, entry: Mutex::new(entry) }))
    }

    /// Tells how much it has to do.
    pub fn tell(&self, running: usize, queued: usize) {
        let mut entry = self.entry.lock().unwrap_or_else(PoisonError::into_inner);
        if entry.said["running"] != running || entry.said["queued"] != queued {
            entry.said["running"] = running.into();
            entry.said["queued"] = queued.into();
            // Figures for people: the next change tells them again.
            drop(entry.write());
        }
    }

    /// Takes the entry out.
    pub fn withdraw(&self) {
        // Whoever finds it without a lock takes it for gone.
        drop(std::fs::remove_file(&self.path));
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.withdraw();
    }
}

impl Entry {
    fn write(&mut self) -> std::io::Result<()> {
        let mut text = self.said.to_string().into_bytes();
        text.resize(LEN.max(text.len()), b' ');
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(&text)
    }
}

fn uuid_like() -> std::io::Result<String> {
    let mut bytes = [0u8; 8];
    getrandom::fill(&mut bytes).map_err(|error| std::io::Error::other(error.to_string()))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The workers that live, by host and process. Entries of dead ones are taken out.
pub fn workers(place: &Place) -> std::io::Result<Vec<Value>> {
    let entries = match std::fs::read_dir(folder(place)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    for entry in entries {
        // One that has just gone is none.
        if let Some(said) = alive(&entry?.path()) {
            found.push(said);
        }
    }
    found.sort_by_key(|one| (one["host"].to_string(), one["pid"].as_u64()));
    Ok(found)
}

fn alive(path: &Path) -> Option<Value> {
    let mut file = File::open(path).ok()?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => {}
        // Its process is gone, or has not locked it yet and says so in a moment.
        Ok(()) => {
            let age = file.metadata().ok()?.modified().ok()?.elapsed().unwrap_or_default();
            if age.as_secs() > 5 {
                drop(std::fs::remove_file(path));
            }
            return None;
        }
        Err(TryLockError::Error(_)) => return None,
    }
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_is_listed_while_it_lives() {
        let home = tempfile::tempdir().unwrap();
        let place = (home.path().join("s.db").display().to_string(), home.path().to_owned(), false);
        assert!(workers(&place).unwrap().is_empty());
        let serves = Serves { pools: vec!["gpu".to_owned()], flows: vec!["agent".to_owned()] };
        let new = |kind, at_once| Registered::new(&place, kind, at_once, &serves).unwrap().unwrap();
        let (one, two) = (new("worker", 4), new("up", 8));
        one.tell(3, 12);
        let found = workers(&place).unwrap();
        assert_eq!(found.len(), 2);
        let one_of = found.iter().find(|found| found["kind"] == "worker").unwrap();
        assert_eq!((&one_of["running"], &one_of["queued"], &one_of["at_once"]), (&json!(3), &json!(12), &json!(4)));
        assert_eq!((&one_of["pools"], &one_of["flows"]), (&json!(["gpu"]), &json!(["agent"])));
        drop(two);
        assert_eq!(workers(&place).unwrap().len(), 1);
        // A process that is killed leaves its file, and no lock.
        let left = folder(&place).join("left");
        std::fs::write(&left, "{}").unwrap();
        let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(60);
        File::options().write(true).open(&left).unwrap().set_modified(long_ago).unwrap();
        assert_eq!(workers(&place).unwrap().len(), 1);
        assert!(!left.exists());
    }
}
