//! Append-only files of chunk bytes. Each process appends to one of its own, so that none waits for another.
//!
//! A crash leaves bytes at a pack's end that nothing refers to; they are never read. Not here: the index.

use super::{Chunk, Place};
use crate::error::{StoreError, from_io};
use crate::os;
use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// Space is taken in steps, so that a sync mostly writes data only.
const STEP: u64 = 16 << 20;

struct Own {
    number: u64,
    file: File,
    len: u64,
    taken: u64,
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

    /// Appends the bytes of all new chunks, makes them durable, and turns the chunks into references to them.
    pub fn append(&self, chunks: &mut [Chunk]) -> Result<(), StoreError> {
        let io = |error: std::io::Error| from_io(&self.folder, &error);
        let mut held = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        if held.is_none() {
            *held = Some(self.begin().map_err(io)?);
        }
        let Some(own) = held.as_mut() else { return Ok(()) };
        let mut bytes = Vec::new();
        let start = own.len;
        for chunk in chunks.iter_mut() {
            if let Place::Row(data) = &chunk.place {
                let place = start + bytes.len() as u64;
                bytes.extend_from_slice(data);
                chunk.place = Place::Pack(own.number, place);
            }
        }
        let end = start + bytes.len() as u64;
        if end > own.taken {
            let target = end.div_ceil(STEP) * STEP;
            // Without room the write below says so.
            drop(os::reserve(&own.file, own.taken, target - own.taken));
            own.taken = target;
        }
        own.file.seek(SeekFrom::Start(start)).and_then(|_| own.file.write_all(&bytes)).map_err(io)?;
        os::sync_data(&own.file).map_err(io)?;
        own.len = end;
        Ok(())
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

    fn begin(&self) -> std::io::Result<Own> {
        std::fs::create_dir_all(&self.folder)?;
        loop {
            // Version 7: the time in front, so that packs sort by age.
            let number = uuid::Uuid::now_v7().as_u64_pair().0 >> 1;
            match File::options().write(true).create_new(true).open(self.path(number)) {
                Ok(file) => {
                    // The file's name must be durable before anything in it is referred to.
                    File::open(&self.folder).and_then(|folder| folder.sync_all())?;
                    return Ok(Own { number, file, len: 0, taken: 0 });
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
