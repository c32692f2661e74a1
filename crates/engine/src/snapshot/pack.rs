//! Reading a project: which files belong to it, and keeping them.
//!
//! What git leaves out is left out (`.gitignore`, `.git/info/exclude`), and hidden files, caches and environments are; a
//! `.kitaruignore` of the same form leaves out more, or takes something in (`!.streamlit`).

use super::{LARGEST, MANY, MOST, Result, file_name, list_name, list_text, refused};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ignore::{DirEntry, WalkBuilder};
use kitaru_core::Digest;
use kitaru_core::release::File;
use kitaru_store::{Store, os};
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// What makes a file list its own.
const OWN: &str = ".kitaruignore";
/// Folders that are made anew wherever the code runs.
const MADE: &[&str] = &["__pycache__", "node_modules"];
/// Files that pin what a project depends on, the likeliest first.
const LOCKS: &[&str] = &["uv.lock", "poetry.lock", "pdm.lock", "pylock.toml", "Pipfile.lock", "requirements.txt"];

/// A project that was read.
#[derive(Debug)]
pub struct Packed {
    /// Digest of the list of its files.
    pub snapshot: Digest,
    /// Its files, by path.
    pub files: Vec<File>,
    /// The file that pins what it depends on.
    pub lock: Option<String>,
    /// Symbolic links, which are left out.
    pub links: Vec<String>,
}

impl Packed {
    /// How many bytes its files have.
    pub fn size(&self) -> u64 {
        self.files.iter().map(|file| file.size).sum()
    }
}

/// Reads the project in `root`, but for what is at the places `without` or beside them under a longer name (a database and
/// its log), and keeps its files in the store.
pub fn pack(store: &dyn Store, root: &Path, without: &[PathBuf]) -> Result<Packed> {
    let mut found = Packed { snapshot: Digest::of(b""), files: Vec::new(), lock: None, links: Vec::new() };
    let without = without.to_vec();
    let mut walk = WalkBuilder::new(root);
    walk.require_git(false).git_global(false).add_custom_ignore_filename(OWN);
    walk.sort_by_file_name(std::ffi::OsStr::cmp);
    walk.filter_entry(move |entry| !is_made(entry) && !without.iter().any(|one| is_of(one, entry.path())));
    let (mut size, mut kept) = (0, HashSet::new());
    for entry in walk.build() {
        let entry = entry.map_err(|error| refused(error.to_string(), ""))?;
        let kind = entry.file_type();
        if kind.is_some_and(|kind| kind.is_dir()) {
            continue;
        }
        let path = below(root, entry.path())?;
        if kind.is_some_and(|kind| kind.is_symlink()) {
            found.links.push(path);
            continue;
        }
        if !kind.is_some_and(|kind| kind.is_file()) {
            continue;
        }
        let file = keep(store, &entry, path, &mut kept)?;
        size += file.size;
        found.files.push(file);
        if size > MOST || found.files.len() > MANY {
            return Err(too_much(&found.files, size));
        }
    }
    found.files.sort_by(|a, b| a.path.cmp(&b.path));
    found.lock =
        LOCKS.iter().find(|lock| found.files.iter().any(|file| file.path == **lock)).map(|&lock| lock.to_owned());
    let list = list_text(&found.files)?;
    found.snapshot = Digest::of(list.as_bytes());
    store.keep_code(&list_name(&found.snapshot), &list)?;
    Ok(found)
}

fn is_of(one: &Path, path: &Path) -> bool {
    let names = one.file_name().zip(path.file_name());
    one.parent() == path.parent()
        && names.is_some_and(|(one, name)| name.as_encoded_bytes().starts_with(one.as_encoded_bytes()))
}

fn is_made(entry: &DirEntry) -> bool {
    let name = entry.file_name().to_string_lossy();
    entry.depth() > 0 && (MADE.contains(&&*name) || name.ends_with(".pyc") || entry.path().join("pyvenv.cfg").exists())
}

fn below(root: &Path, path: &Path) -> Result<String> {
    let odd = || refused(format!("{} has a name that not every system can have", path.display()), "rename it");
    let names = path.strip_prefix(root).map_err(|_| odd())?.components();
    let names: Option<Vec<&str>> = names.map(|name| name.as_os_str().to_str()).collect();
    let path = names.ok_or_else(odd)?.join("/");
    if super::is_below(&path) { Ok(path) } else { Err(odd()) }
}

fn keep(store: &dyn Store, entry: &DirEntry, path: String, kept: &mut HashSet<Digest>) -> Result<File> {
    let unreadable = |error: std::io::Error| refused(format!("{path} cannot be read: {error}"), "");
    let about = std::fs::metadata(entry.path()).map_err(unreadable)?;
    if about.len() > LARGEST {
        let message =
            format!("{path} has {} MiB: a file of a deployment has at most {} MiB", about.len() >> 20, LARGEST >> 20);
        return Err(refused(message, &format!("leave it out: echo /{path} >> {OWN}")));
    }
    let content = std::fs::read(entry.path()).map_err(unreadable)?;
    let digest = Digest::of(&content);
    if kept.insert(digest) {
        let packed = zstd::bulk::compress(&content, 3).map_err(unreadable)?;
        store.keep_code(&file_name(&digest), &STANDARD.encode(packed))?;
    }
    Ok(File { path, digest, size: content.len() as u64, executable: os::is_executable(&about) })
}

fn too_much(files: &[File], size: u64) -> crate::manage::ManageError {
    let mut largest: Vec<&File> = files.iter().collect();
    largest.sort_by_key(|file| std::cmp::Reverse(file.size));
    let named: Vec<String> =
        largest.iter().take(3).map(|file| format!("{} ({} KiB)", file.path, file.size >> 10)).collect();
    let message = format!(
        "the project has more than {} files or {} MiB (so far {} files, {} MiB); the largest: {}",
        MANY,
        MOST >> 20,
        files.len(),
        size >> 20,
        named.join(", ")
    );
    refused(message, &format!("leave out what the flow does not need: a {OWN} has the form of .gitignore"))
}
