//! Laying a snapshot out on this machine, once, and checking that it is what was deployed before anything of it runs.

use super::{Result, file_name, is_below, list_name, list_text, refused};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kitaru_core::Digest;
use kitaru_core::event::EntryPoint;
use kitaru_core::release::{Deployed, File};
use kitaru_store::{Store, os};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The list of what was laid out, beside it.
const LIST: &str = ".kitaru-snapshot";
/// How often somebody else may lay it out at the same time, or take it away.
const TRIES: usize = 5;

/// What this process has found to be as it was deployed.
static CHECKED: Mutex<Option<HashSet<PathBuf>>> = Mutex::new(None);

/// The entry point as it is on this machine: a deployment is unpacked below `home`, and runs with its own environment if
/// one was made beside it, else with `python`. What belongs to no deployment is as it is.
pub fn at(store: &dyn Store, home: &Path, entry: &EntryPoint, python: &str) -> Result<EntryPoint> {
    let Some(deployed) = entry.deployment.as_ref().filter(|_| entry.interpreter.is_empty()) else {
        return Ok(entry.clone());
    };
    let root = unpacked(store, home, deployed)?;
    let below = |path: &str| if path.is_empty() { root.clone() } else { root.join(path) }.display().to_string();
    let own = root.join(".venv/bin/python");
    Ok(EntryPoint {
        file: entry.file.as_deref().map(below),
        cwd: below(&entry.cwd),
        path: entry.path.iter().map(|path| below(path)).collect(),
        interpreter: if own.exists() { own.display().to_string() } else { python.to_owned() },
        ..entry.clone()
    })
}

/// The folder in which a deployment's code lies on this machine.
pub fn unpacked(store: &dyn Store, home: &Path, deployed: &Deployed) -> Result<PathBuf> {
    let all = std::path::absolute(home).map_err(disk)?.join("deployed");
    let root = all.join(deployed.snapshot.to_string());
    let mut checked = CHECKED.lock().unwrap_or_else(PoisonError::into_inner);
    let checked = checked.get_or_insert_default();
    if checked.contains(&root) && root.join(LIST).exists() {
        return Ok(root);
    }
    for _ in 0..TRIES {
        if root.exists() {
            if is_whole(&root, deployed) {
                checked.insert(root.clone());
                return Ok(root);
            }
            // Somebody has changed it: what was deployed is what runs.
            let aside = tempfile::Builder::new().prefix("changed-").tempdir_in(&all).map_err(disk)?;
            match std::fs::rename(&root, aside.path().join("was")) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(disk(error)),
                _ => {}
            }
        }
        lay_out(store, &all, &root, deployed)?;
    }
    Err(refused(format!("{} changes while it is unpacked", root.display()), "who else writes there?"))
}

fn lay_out(store: &dyn Store, all: &Path, root: &Path, deployed: &Deployed) -> Result<()> {
    if let Some(home) = all.parent() {
        std::fs::create_dir_all(home).map_err(disk)?;
    }
    match os::private_folder(all) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(disk(error)),
        _ => {}
    }
    let list = kept(store, &list_name(&deployed.snapshot), deployed)?;
    let files = read_list(&list, deployed)?;
    let made = tempfile::Builder::new().prefix("unpacks-").tempdir_in(all).map_err(disk)?;
    for file in &files {
        let packed =
            STANDARD.decode(kept(store, &file_name(&file.digest), deployed)?).map_err(|_| damaged(deployed))?;
        let size = usize::try_from(file.size).map_err(|_| damaged(deployed))?;
        let content = zstd::bulk::decompress(&packed, size).map_err(|_| damaged(deployed))?;
        if Digest::of(&content) != file.digest {
            return Err(damaged(deployed));
        }
        let path = made.path().join(&file.path);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(disk)?;
        }
        std::fs::write(&path, content).map_err(disk)?;
        // Nobody is to write to it by mistake.
        os::read_only(&path, file.executable).map_err(disk)?;
    }
    std::fs::write(made.path().join(LIST), list).map_err(disk)?;
    match std::fs::rename(made.path(), root) {
        // It has another name now, and stays.
        Ok(()) => drop(made.keep()),
        // Another was faster, and is looked at.
        Err(_) if root.exists() => {}
        Err(error) => return Err(disk(error)),
    }
    Ok(())
}

/// A text that is kept by its digest.
fn kept(store: &dyn Store, name: &str, deployed: &Deployed) -> Result<String> {
    store.queries().code(name)?.ok_or_else(|| damaged(deployed))
}

fn read_list(list: &str, deployed: &Deployed) -> Result<Vec<File>> {
    if Digest::of(list.as_bytes()) != deployed.snapshot {
        return Err(damaged(deployed));
    }
    let files: Vec<File> = serde_json::from_str(list).map_err(|_| damaged(deployed))?;
    if files.iter().any(|file| !is_below(&file.path) || file.size > super::LARGEST) || list_text(&files)? != list {
        return Err(damaged(deployed));
    }
    Ok(files)
}

/// Whether all of it lies there as it was deployed.
fn is_whole(root: &Path, deployed: &Deployed) -> bool {
    let Ok(list) = std::fs::read_to_string(root.join(LIST)) else { return false };
    let Ok(files) = read_list(&list, deployed) else { return false };
    let is_there =
        |file: &File| std::fs::read(root.join(&file.path)).is_ok_and(|content| Digest::of(&content) == file.digest);
    files.iter().all(is_there)
}

fn damaged(deployed: &Deployed) -> crate::manage::ManageError {
    let Deployed { flow, version, .. } = deployed;
    let message = format!("the code of {flow}@{version} is not in this store as it was deployed: it is not run");
    refused(message, "kitaru doctor; or deploy it again from the same files")
}

fn disk(error: std::io::Error) -> crate::manage::ManageError {
    refused(format!("a deployment cannot be unpacked on this machine: {error}"), "")
}
