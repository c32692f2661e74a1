//! Snapshots: the files of a project as they were when it was deployed, each kept once by its digest beside what code
//! digests are made of.
//!
//! `pack` reads a project, `unpack` lays one out on a worker's machine. Not here: which snapshot is which version
//! (`kitaru_core::release`), and loading user code.

mod pack;
mod unpack;

pub use pack::{Packed, pack};
pub use unpack::{at, unpacked};

use crate::manage::ManageError;
use kitaru_core::Digest;
use kitaru_core::release::File;

/// The largest file that is taken.
const LARGEST: u64 = 16 << 20;
/// How many bytes all together may have.
const MOST: u64 = 256 << 20;
/// How many files there may be.
const MANY: usize = 20_000;

type Result<T> = std::result::Result<T, ManageError>;

fn refused(message: impl Into<String>, hint: &str) -> ManageError {
    let hint = (!hint.is_empty()).then(|| hint.to_owned());
    ManageError::new("snapshot", message, hint)
}

/// What a file's content is kept under.
fn file_name(digest: &Digest) -> String {
    format!("file:{digest}")
}

/// What the list of a snapshot's files is kept under.
fn list_name(digest: &Digest) -> String {
    format!("snapshot:{digest}")
}

/// The list of files as it is kept; its digest is the snapshot's.
fn list_text(files: &[File]) -> Result<String> {
    serde_json::to_string(files).map_err(|error| ManageError::new("kitaru", error.to_string(), None))
}

/// Whether a path stays below the folder that it is put in, on any system.
fn is_below(path: &str) -> bool {
    let is_plain = |name: &str| {
        !matches!(name, "" | "." | "..") && !name.contains(['\\', ':', '\0']) && !name.ends_with(['.', ' '])
    };
    path.split('/').all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::is_below;

    #[test]
    fn a_path_stays_below_its_folder() {
        assert!(["agent.py", "src/a b/agent.py", ".python-version"].iter().all(|path| is_below(path)));
        let bad = ["", "/etc/passwd", "../x", "a/../../x", "a//b", "a/", "./a", "a\\..\\b", "C:x", "a/b.", "x\0"];
        assert!(bad.iter().all(|path| !is_below(path)));
    }
}
