//! Append-only files of chunk bytes. Each process appends to one of its own, so that none waits for another.
//!
//! A crash leaves bytes at a pack's end that nothing refers to; they are never read. Not here: the index.

use crate::error::{StoreError, from_io};
use crate::os;
use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// Space is taken in steps as large as what is there, within these bounds, so that a sync mostly writes data
/// only and a short-lived process leaves no large file.
const STEP: std::ops::RangeInclusive<u64> = 1 << 20..=16 << 20;
/// Packs kept open for reading: each process that wrote large values left one.
const OPEN: usize = 64;

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

    /// Length of one pack; 0: it is not there.
    pub fn len(&self, pack: u64) -> u64 {
        self.path(pack).metadata().map_or(0, |file| file.len())
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
