//! A shelf that is a folder which several machines see. A file is written beside its name, synced, renamed, and the folder
//! synced: under its name it is whole, or not there.
//!
//! A folder whose marker is not there is not the shelf, but a place where nothing is mounted. Not here: how long that is
//! waited for.

use super::{Failed, Lying, MARKER, Result, Shelf};
use crate::error::StoreError;
use crate::os;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// What is being written is called so, behind its name.
const PART: &str = ".part";

/// See the module.
pub struct Folder {
    root: PathBuf,
}

impl Folder {
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// By the first two digits, so that none of the folders has too many.
    fn path(&self, name: &str) -> PathBuf {
        match name.get(..2) {
            Some(begin) if name != MARKER => self.root.join(begin).join(name),
            _ => self.root.join(name),
        }
    }

    fn failed(&self, error: &std::io::Error) -> Failed {
        let address = self.root.display().to_string();
        match error.kind() {
            ErrorKind::PermissionDenied => Failed::Told(StoreError::Blobs { address, why: error.to_string() }),
            ErrorKind::ReadOnlyFilesystem => {
                Failed::Told(StoreError::ReadOnly { path: address, why: error.to_string() })
            }
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
                Failed::Told(StoreError::Full { path: address })
            }
            // A server of files that comes back makes all of these go away.
            _ => Failed::Away(error.to_string()),
        }
    }

    fn must_be_there(&self) -> Result<()> {
        match std::fs::metadata(self.root.join(MARKER)) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Err(Failed::Away(format!("it has no file {MARKER}: is it mounted?")))
            }
            Err(error) => Err(self.failed(&error)),
        }
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
        let folder = path.parent().unwrap_or(&self.root);
        if folder != self.root && !folder.is_dir() {
            match std::fs::create_dir(folder) {
                Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
                _ => os::sync_folder(&self.root)?,
            }
        }
        let mut beside = path.to_owned().into_os_string();
        beside.push(PART);
        let beside = PathBuf::from(beside);
        let written = File::create(&beside)
            .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
            .and_then(|()| std::fs::rename(&beside, path));
        if written.is_err() {
            // What stays is removed with what else crashes leave.
            drop(std::fs::remove_file(&beside));
        }
        written.and_then(|()| os::sync_folder(folder))
    }

    /// The time by the clock that dates its files.
    fn now(&self) -> Result<SystemTime> {
        let path = self.root.join(format!("{MARKER}.clock"));
        let told = |error: std::io::Error| self.failed(&error);
        let written = File::create(&path).and_then(|mut file| file.write_all(b"now").and_then(|()| file.metadata()));
        written.and_then(|file| file.modified()).map_err(told)
    }

    fn lying(&self, folder: &Path, now: SystemTime) -> std::io::Result<Vec<Lying>> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let about = match entry.metadata() {
                Ok(about) => about,
                // Somebody has just removed it.
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            let Ok(name) = entry.file_name().into_string() else { continue };
            let age = now.duration_since(about.modified()?).unwrap_or(Duration::ZERO);
            found.push(Lying { name, bytes: about.len(), age });
        }
        Ok(found)
    }
}

impl Shelf for Folder {
    fn put(&self, name: &str, bytes: &[u8]) -> Result<()> {
        if name == MARKER {
            // The one that is made before the shelf is one; its folder is not.
            return match self.root.is_dir() {
                true => self.write(&self.path(name), bytes).map_err(|error| self.failed(&error)),
                false => Err(Failed::Away("there is no such folder: make it first".to_owned())),
            };
        }
        self.must_be_there()?;
        self.write(&self.path(name), bytes).map_err(|error| self.failed(&error))?;
        // It may have gone while that was written.
        self.must_be_there()
    }

    fn get(&self, name: &str, most: u64) -> Result<Option<Vec<u8>>> {
        let read = File::open(self.path(name)).and_then(|file| {
            let mut bytes = Vec::new();
            file.take(most.saturating_add(1)).read_to_end(&mut bytes).map(|_| bytes)
        });
        match read {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound && name == MARKER => match self.root.is_dir() {
                true => Ok(None),
                false => Err(Failed::Away("there is no such folder: is it mounted?".to_owned())),
            },
            Err(error) if error.kind() == ErrorKind::NotFound => self.must_be_there().map(|()| None),
            Err(error) => Err(self.failed(&error)),
        }
    }

    fn delete(&self, name: &str) -> Result<()> {
        match std::fs::remove_file(self.path(name)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(self.failed(&error)),
            _ => Ok(()),
        }
    }

    /// A page is one of its folders, whose names sort as those in it do.
    fn list(&self, after: &str) -> Result<Vec<Lying>> {
        self.must_be_there()?;
        let now = self.now()?;
        let told = |error: std::io::Error| self.failed(&error);
        let mut folders = Vec::new();
        for entry in std::fs::read_dir(&self.root).map_err(told)? {
            let name = entry.map_err(told)?.file_name().into_string().unwrap_or_default();
            if name.len() == 2 && after.get(..2).is_none_or(|last| *name > *last) {
                folders.push(name);
            }
        }
        folders.sort();
        for name in folders {
            let mut found = self.lying(&self.root.join(name), now).map_err(told)?;
            if !found.is_empty() {
                found.sort_by(|one, other| one.name.cmp(&other.name));
                return Ok(found);
            }
        }
        Ok(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::super::name;
    use super::*;
    use kitaru_core::Digest;

    #[test]
    fn what_was_put_is_there_and_what_was_not_is_not() {
        let home = tempfile::tempdir().unwrap();
        let shelf = Folder::new(home.path().to_owned());
        assert_eq!(shelf.get(MARKER, 99).unwrap(), None);
        shelf.put(MARKER, b"mine").unwrap();
        let mut names: Vec<String> = (0..40u8).map(|at| name(&Digest::of(&[at])).unwrap()).collect();
        names.sort();
        for one in &names {
            shelf.put(one, one.as_bytes()).unwrap();
            assert_eq!(shelf.get(one, 200).unwrap().unwrap(), one.as_bytes());
            // More than there may be is seen to be more, and is not read.
            assert_eq!(shelf.get(one, 10).unwrap().unwrap().len(), 11);
        }
        let (mut all, mut last) = (Vec::new(), String::new());
        while let Some(end) = {
            let page = shelf.list(&last).unwrap();
            all.extend(page.iter().map(|one| one.name.clone()));
            page.last().map(|one| one.name.clone())
        } {
            last = end;
        }
        assert_eq!(all, names);
        shelf.delete(&names[0]).unwrap();
        shelf.delete(&names[0]).unwrap();
        assert_eq!(shelf.get(&names[0], 200).unwrap(), None);
    }

    #[test]
    fn a_folder_without_its_marker_is_away_and_never_empty() {
        let home = tempfile::tempdir().unwrap();
        let shelf = Folder::new(home.path().to_owned());
        let one = name(&Digest::of(b"1")).unwrap();
        assert!(matches!(shelf.put(&one, b"1"), Err(Failed::Away(_))));
        assert!(matches!(shelf.get(&one, 9), Err(Failed::Away(_))));
        assert!(matches!(shelf.list(""), Err(Failed::Away(_))));
        let missing = Folder::new(home.path().join("not there"));
        assert!(matches!(missing.get(MARKER, 9), Err(Failed::Away(_))));
        assert!(matches!(missing.put(MARKER, b"x"), Err(Failed::Away(_))));
    }
}
