//! Append-only files of chunk bytes. Each process appends to one of its own, so that none waits for another.
//!
//! A crash leaves bytes at a pack's end that nothing refers to; they are never read. Not here: the index.

use crate::error::{StoreError, from_io};
use crate::os;
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// Space is taken in steps as large as what is there, within these bounds, so that a sync mostly writes data
/// only and a short-lived process leaves no large file.
const STEP: std::ops::RangeInclusive<u64> = 1 << 20..=16 << 20;
/// A pack that nobody has written to for so long may go with its last chunk: whoever began it has locked it by then.
const OLD: Duration = Duration::from_secs(24 * 3600);
/// How much is copied at a time.
const COPIED: u64 = 1 << 20;
/// Packs kept open for reading: each process that wrote large values left one.
const OPEN: usize = 64;

/// Bytes in a pack: its number, and where they begin and how many they are.
pub type Range = (u64, u64, u64);

struct Own {
    number: u64,
    file: File,
    len: u64,
    taken: u64,
    pid: u32,
}

impl Drop for Own {
    /// Gives back what was taken and not used.
    fn drop(&mut self) {
        if self.pid == std::process::id() && self.taken > self.len {
            // A refusal costs space only.
            drop(self.file.set_len(self.len));
        }
    }
}

/// See the module.
pub struct Packs {
    folder: PathBuf,
    own: Mutex<Option<Own>>,
    open: Mutex<HashMap<u64, Arc<Mutex<File>>>>,
}

impl Packs {
    pub fn new(folder: PathBuf) -> Self {
        Self { folder, own: Mutex::new(None), open: Mutex::default() }
    }

    /// Appends pieces and makes them durable. Returns where each stands: the pack, and the offset in it.
    pub fn append<'a>(&self, pieces: impl Iterator<Item = &'a [u8]> + Clone) -> Result<Vec<(u64, u64)>, StoreError> {
        let io = |error: std::io::Error| from_io(&self.folder, &error);
        let mut held = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        if held.is_none() {
            *held = Some(self.begin().map_err(io)?);
        }
        let Some(own) = held.as_mut() else {
            return Ok(Vec::new());
        };
        let start = own.len;
        let mut end = start;
        let mut places = Vec::new();
        for piece in pieces.clone() {
            places.push((own.number, end));
            end += piece.len() as u64;
        }
        if end > own.taken {
            let target = end + end.clamp(*STEP.start(), *STEP.end());
            // Without room the write below says so.
            drop(os::reserve(&own.file, own.taken, target - own.taken));
            own.taken = target;
        }
        let mut written = own.file.seek(SeekFrom::Start(start)).map(|_| ());
        for piece in pieces {
            written = written.and_then(|()| own.file.write_all(piece));
        }
        if let Err(error) = written.and_then(|()| os::sync_data(&own.file)) {
            // What a failed sync left behind is unknown: nothing more goes into this pack.
            *held = None;
            return Err(io(error));
        }
        own.len = end;
        Ok(places)
    }

    /// Reads stored bytes.
    pub fn read(&self, pack: u64, place: u64, stored: u64) -> Result<Vec<u8>, StoreError> {
        let path = self.path(pack);
        let io = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::NotFound | std::io::ErrorKind::UnexpectedEof => {
                StoreError::Damaged { path: path.display().to_string(), why: error.to_string() }
            }
            _ => from_io(&path, &error),
        };
        let file = {
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            match open.get(&pack) {
                Some(file) => Arc::clone(file),
                None => {
                    let file = Arc::new(Mutex::new(File::open(&path).map_err(io)?));
                    if open.len() >= OPEN {
                        open.clear();
                    }
                    open.insert(pack, Arc::clone(&file));
                    file
                }
            }
        };
        let mut bytes = vec![0; usize::try_from(stored).unwrap_or(0)];
        // The lock is for the file's position, which seek and read share.
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(place)).and_then(|_| file.read_exact(&mut bytes)).map_err(io)?;
        Ok(bytes)
    }

    /// What all packs take on the disk.
    pub fn bytes(&self) -> u64 {
        let entries = std::fs::read_dir(&self.folder).into_iter().flatten().flatten();
        entries.filter_map(|entry| entry.metadata().ok()).map(|file| file.len()).sum()
    }

    /// Gives the disk back what these ranges take, where the system can. The file keeps its length and its other bytes.
    pub fn free(&self, freed: Vec<Range>) {
        for (pack, from, len) in joined(freed) {
            // What cannot be given back costs space only.
            if let Ok(file) = File::options().write(true).open(self.path(pack)) {
                drop(os::punch(&file, from, len));
            }
        }
    }

    /// Removes packs that are not `live`, that nobody appends to and that are old. Returns what they took.
    pub fn remove_dead(&self, live: &HashSet<u64>) -> Result<u64, StoreError> {
        let io = |error: std::io::Error| from_io(&self.folder, &error);
        if !self.folder.is_dir() {
            return Ok(0);
        }
        let mut removed = 0;
        for entry in std::fs::read_dir(&self.folder).map_err(io)? {
            let entry = entry.map_err(io)?;
            let name = entry.file_name();
            let number = name.to_str().and_then(|name| name.strip_suffix(".pack"));
            let Some(number) = number.and_then(|digits| u64::from_str_radix(digits, 16).ok()) else { continue };
            if live.contains(&number) {
                continue;
            }
            let found = entry.metadata().map_err(io)?;
            let is_old =
                found.modified().is_ok_and(|at| SystemTime::now().duration_since(at).is_ok_and(|age| age > OLD));
            let file = File::options().read(true).open(entry.path()).map_err(io)?;
            if is_old && file.try_lock().is_ok() {
                std::fs::remove_file(entry.path()).map_err(io)?;
                removed += os::taken(&found);
            }
        }
        Ok(removed)
    }

    /// Copies ranges to packs of the same numbers in another folder, at the same places.
    pub fn copy(&self, ranges: Vec<Range>, folder: &Path) -> Result<u64, StoreError> {
        let io = |error: std::io::Error| from_io(folder, &error);
        let mut copied = 0;
        let mut target: Option<(u64, File)> = None;
        std::fs::create_dir_all(folder).map_err(io)?;
        for (pack, from, len) in joined(ranges) {
            if target.as_ref().is_none_or(|(number, _)| *number != pack) {
                if let Some((_, file)) = target.take() {
                    file.sync_all().map_err(io)?;
                }
                let path = folder.join(format!("{pack:016x}.pack"));
                target = Some((pack, File::options().write(true).create_new(true).open(path).map_err(io)?));
            }
            let Some((_, file)) = &mut target else { continue };
            file.seek(SeekFrom::Start(from)).map_err(io)?;
            let (mut at, end) = (from, from + len);
            while at < end {
                let part = (end - at).min(COPIED);
                file.write_all(&self.read(pack, at, part)?).map_err(io)?;
                at += part;
            }
            copied += len;
        }
        if let Some((_, file)) = target {
            file.sync_all().map_err(io)?;
        }
        os::sync_folder(folder).map_err(io)?;
        Ok(copied)
    }

    fn begin(&self) -> std::io::Result<Own> {
        if !self.folder.is_dir() {
            std::fs::create_dir_all(&self.folder)?;
            os::sync_folder(self.folder.parent().unwrap_or(&self.folder))?;
        }
        loop {
            // Version 7: the time in front, so that packs sort by age.
            let number = uuid::Uuid::now_v7().as_u64_pair().0 >> 1;
            match File::options().write(true).create_new(true).open(self.path(number)) {
                Ok(file) => {
                    // Held for as long as this process may append: nobody removes the pack meanwhile. Where a file cannot
                    // be locked, whoever would remove it cannot lock it either.
                    drop(file.try_lock());
                    // The file's name must be durable before anything in it is referred to.
                    os::sync_folder(&self.folder)?;
                    return Ok(Own { number, file, len: 0, taken: 0, pid: std::process::id() });
                }
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn path(&self, number: u64) -> PathBuf {
        self.folder.join(format!("{number:016x}.pack"))
    }
}

/// The same bytes in as few ranges as can be, in order.
fn joined(mut ranges: Vec<Range>) -> Vec<Range> {
    ranges.sort_unstable();
    let mut found: Vec<Range> = Vec::with_capacity(ranges.len());
    for (pack, from, len) in ranges {
        match found.last_mut() {
            Some((known, start, taken)) if *known == pack && from <= *start + *taken => {
                *taken = (*taken).max(from + len - *start);
            }
            _ => found.push((pack, from, len)),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_that_meet_are_joined() {
        let given = vec![(2, 0, 5), (1, 10, 5), (1, 0, 4), (1, 4, 2), (1, 5, 3), (1, 15, 1)];
        assert_eq!(joined(given), [(1, 0, 8), (1, 10, 6), (2, 0, 5)]);
    }

    #[test]
    fn what_is_freed_takes_nothing_of_its_neighbours_and_a_pack_that_is_appended_to_stays() {
        let home = tempfile::tempdir().unwrap();
        let packs = Packs::new(home.path().join("packs"));
        let pieces = [vec![1u8; 9_000], vec![2u8; 9_000], vec![3u8; 9_000]];
        let places = packs.append(pieces.iter().map(Vec::as_slice)).unwrap();
        let pack = places[0].0;
        packs.free(vec![(pack, places[1].1, 9_000)]);
        assert_eq!(packs.read(pack, places[0].1, 9_000).unwrap(), pieces[0]);
        assert_eq!(packs.read(pack, places[2].1, 9_000).unwrap(), pieces[2]);
        let path = packs.path(pack);
        let long_ago = SystemTime::now() - OLD * 2;
        File::options().write(true).open(&path).unwrap().set_modified(long_ago).unwrap();
        assert_eq!(packs.remove_dead(&HashSet::new()).unwrap(), 0, "it is held by whoever appends to it");
        drop(packs);
        let packs = Packs::new(home.path().join("packs"));
        File::options().write(true).open(&path).unwrap().set_modified(SystemTime::now()).unwrap();
        assert_eq!(packs.remove_dead(&HashSet::new()).unwrap(), 0, "it is young");
        File::options().write(true).open(&path).unwrap().set_modified(long_ago).unwrap();
        assert_eq!(packs.remove_dead(&HashSet::from([pack])).unwrap(), 0, "it is in use");
        assert!(path.exists());
        packs.remove_dead(&HashSet::new()).unwrap();
        assert!(!path.exists());
    }
}
