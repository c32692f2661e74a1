//! Deployments: a version of a flow's code is released, tags name versions and go back, and a name is looked up.
//!
//! Not here: reading the files ([`crate::snapshot`]), what follows from a log ([`kitaru_core::release`]), and loading the
//! flow (the host).

use super::{ManageError, Result};
use crate::snapshot::Packed;
use kitaru_core::Millis;
use kitaru_core::event::EntryPoint;
use kitaru_core::release::{Act, Deployed, Deployment, LATEST, Release, Releases, is_name};
use kitaru_core::rows::ExecutionRow;
use kitaru_store::{Store, StoreError};

/// A release is tried so often while others release.
const TRIES: usize = 20;

/// What to deploy.
#[derive(Debug)]
pub struct NewDeployment<'a> {
    /// Name of the flow.
    pub flow: String,
    /// What it is to be called; `None`: `v` and its number.
    pub version: Option<String>,
    /// Tags that are to name it.
    pub tags: Vec<String>,
    /// Where the flow is, below the project's folder.
    pub entry: EntryPoint,
    /// Digest of the flow's code.
    pub code: Option<String>,
    /// The version of Python.
    pub python: String,
    /// The project.
    pub packed: &'a Packed,
}

/// The releases of a flow.
pub fn releases(store: &dyn Store, flow: &str) -> Result<Releases> {
    Ok(Releases::of(&store.queries().releases(Some(flow))?))
}

/// Deploys a version. The same files once more are the version that they were, with the tags, unless it is to have
/// another name. Returns it, and whether it is new.
pub fn deploy(store: &dyn Store, new: &NewDeployment<'_>, by: &str, now: Millis) -> Result<(Deployment, bool)> {
    for name in new.version.iter().chain(&new.tags) {
        must_be_name(name)?;
    }
    if new.tags.iter().any(|tag| Some(tag) == new.version.as_ref()) {
        return Err(usage("a version and a tag cannot have one name"));
    }
    let (who, mut is_new) = ((new.flow.as_str(), by, now), false);
    while let Some(act) = append(store, who, |known| next(known, new))? {
        is_new |= matches!(act, Act::Deployed(..));
    }
    let known = releases(store, &new.flow)?;
    let name = match &new.version {
        Some(version) => version.as_str(),
        None => known.versions.last().map_or(LATEST, |(one, ..)| one.version.as_str()),
    };
    let deployment = known.named(name).cloned().ok_or_else(|| unknown(&known, &new.flow, name))?;
    Ok((deployment, is_new))
}

/// What is still to be said so that it is deployed.
fn next(known: &Releases, new: &NewDeployment<'_>) -> Result<Option<Act>> {
    must_be_free(known, new)?;
    let version = new.version.clone().unwrap_or_else(|| known.next());
    let deployment = deployment(new, Deployed { flow: new.flow.clone(), version, snapshot: new.packed.snapshot });
    let mut versions = known.versions.iter().map(|(one, ..)| one);
    let same = match &new.version {
        Some(version) => versions.find(|one| one.version == *version),
        None => versions.next_back().filter(|last| is_same(last, &deployment)),
    };
    let Some(same) = same else { return Ok(Some(Act::Deployed(Box::new(deployment), new.tags.clone()))) };
    if !is_same(same, &deployment) {
        let message = format!("there is a version {} of {} already, of other files", same.version, new.flow);
        let hint = "a version never changes: give another --version, or none".to_owned();
        return Err(ManageError::new("deployment-exists", message, Some(hint)));
    }
    let missing = new.tags.iter().find(|tag| !known.tags_of(&same.version).contains(&tag.as_str()));
    Ok(missing.map(|tag| Act::Tagged { tag: tag.clone(), version: same.version.clone() }))
}

/// Has a tag name a version.
pub fn tag_deployment(
    store: &dyn Store,
    flow: &str,
    (version, tag): (&str, &str),
    by: &str,
    now: Millis,
) -> Result<Releases> {
    must_be_name(tag)?;
    append(store, (flow, by, now), |known| {
        if known.versions.iter().any(|(one, ..)| one.version == tag) {
            return Err(usage(&format!("{tag} is a version of {flow}: a tag needs another name")));
        }
        let version = known.named(version).ok_or_else(|| unknown(known, flow, version))?.version.clone();
        let is_so = known.tags_of(&version).contains(&tag);
        Ok((!is_so).then(|| Act::Tagged { tag: tag.to_owned(), version }))
    })?;
    releases(store, flow)
}

/// Has a tag name again what it named before.
pub fn roll_back(store: &dyn Store, flow: &str, tag: &str, by: &str, now: Millis) -> Result<Releases> {
    append(store, (flow, by, now), |known| {
        let Some(named) = known.tags.get(tag) else {
            let tags: Vec<&str> = known.tags.keys().map(String::as_str).collect();
            let message = format!("{flow} has no tag {tag:?}; it has: {}", listed(&tags));
            let hint = format!("kitaru deployments list {flow}");
            return Err(ManageError::new("unknown-deployment", message, Some(hint)));
        };
        if named.len() < 2 {
            let message = format!("{flow}@{tag} has named nothing but {} so far", named.join(""));
            let hint = format!("kitaru deployments tag {flow} VERSION {tag}");
            return Err(ManageError::new("unknown-deployment", message, Some(hint)));
        }
        Ok(Some(Act::RolledBack { tag: tag.to_owned() }))
    })?;
    releases(store, flow)
}

/// The flow and the deployment that `FLOW@NAME` means: a tag, a version or `latest`. Of a flow's name alone it is the
/// newest; `None`: there is none of it.
pub fn chosen(store: &dyn Store, target: &str) -> Result<Option<(String, Deployment)>> {
    let (flow, name) = match target.rsplit_once('@') {
        Some((flow, name)) if is_name(name) => (flow, Some(name)),
        _ => (target, None),
    };
    let known = releases(store, flow)?;
    match known.named(name.unwrap_or(LATEST)) {
        Some(found) => Ok(Some((flow.to_owned(), found.clone()))),
        None if name.is_none() => Ok(None),
        None => Err(unknown(&known, flow, name.unwrap_or(LATEST))),
    }
}

/// The deployment that an execution is to go on with from now on: a version or tag of its flow.
pub fn another(store: &dyn Store, row: &ExecutionRow, version: &str) -> Result<Deployment> {
    if let Some(parent) = &row.parent {
        let message = format!("execution {} is part of {}, and goes with it", row.id, parent.id);
        let hint = format!("kitaru resume {} --version {version}", parent.id.short());
        return Err(ManageError::new("usage", message, Some(hint)));
    }
    match chosen(store, &format!("{}@{version}", row.flow))? {
        Some((_, deployment)) => Ok(deployment),
        None => Err(ManageError::new("usage", format!("{version:?} is no version"), None)),
    }
}

/// Refuses to go on with another deployment by what its rehearsal `found`: an object with `clean` and `text`.
pub fn must_fit(row: &ExecutionRow, deployment: &Deployment, found: &serde_json::Value) -> Result<()> {
    if found["clean"] == true {
        return Ok(());
    }
    let (short, version) = (row.id.short(), &deployment.version);
    let why = found["text"].as_str().unwrap_or_default();
    let message = format!("on {version} it would not go on as it stands: {why}");
    let hint = format!("kitaru resume {short} --version {version} --on-drift reuse, or rerun");
    Err(ManageError::new("does-not-fit", message, Some(hint)))
}

/// A flow that can be started.
#[derive(Clone, Debug)]
pub struct Runnable {
    /// Its name.
    pub flow: String,
    /// Where its code is.
    pub entry: EntryPoint,
}

/// What a target starts that names no file: what was deployed as `FLOW@NAME`, of a flow's name alone its newest
/// deployment, and where it has none, the code of its newest execution.
pub fn runnable(store: &dyn Store, target: &str) -> Result<Runnable> {
    if let Some((flow, deployment)) = chosen(store, target)? {
        return Ok(Runnable { flow, entry: deployment.entry });
    }
    let row = super::newest(store, target)?;
    Ok(Runnable { flow: row.flow, entry: row.entry })
}

/// Puts an entry behind a log, if there is one to be put, and returns it. What was decided on what is no longer the end of
/// the log is decided again.
fn append(
    store: &dyn Store,
    (flow, by, at): (&str, &str, Millis),
    next: impl Fn(&Releases) -> Result<Option<Act>>,
) -> Result<Option<Act>> {
    let mut tries = 0;
    loop {
        let known = releases(store, flow)?;
        let Some(act) = next(&known)? else { return Ok(None) };
        let one = Release { flow: flow.to_owned(), n: known.last + 1, at, by: by.to_owned(), act: act.clone() };
        match store.release(one) {
            Ok(()) => return Ok(Some(act)),
            Err(StoreError::Conflict(_)) if tries < TRIES => tries += 1,
            Err(error) => return Err(error.into()),
        }
    }
}

fn deployment(new: &NewDeployment<'_>, deployed: Deployed) -> Deployment {
    Deployment {
        version: deployed.version.clone(),
        entry: EntryPoint { deployment: Some(deployed), ..new.entry.clone() },
        code: new.code.clone(),
        files: new.packed.files.len() as u64,
        size: new.packed.size(),
        python: new.python.clone(),
        lock: new.packed.lock.clone(),
    }
}

/// Whether they run the same, whatever they are called.
fn is_same(one: &Deployment, other: &Deployment) -> bool {
    let renamed = Deployment { version: one.version.clone(), entry: one.entry.clone(), ..other.clone() };
    let of = |entry: &EntryPoint| EntryPoint { deployment: None, ..entry.clone() };
    let snapshot = |one: &Deployment| one.entry.deployment.as_ref().map(|one| one.snapshot);
    renamed == *one && snapshot(one) == snapshot(other) && of(&one.entry) == of(&other.entry)
}

fn must_be_free(known: &Releases, new: &NewDeployment<'_>) -> Result<()> {
    if let Some(version) = new.version.as_ref().filter(|version| known.tags.contains_key(*version)) {
        return Err(usage(&format!("{version} is a tag of {}: a version needs another name", new.flow)));
    }
    let is_version = |tag: &&String| known.versions.iter().any(|(one, ..)| one.version == **tag);
    match new.tags.iter().find(is_version) {
        Some(tag) => Err(usage(&format!("{tag} is a version of {}: a tag needs another name", new.flow))),
        None => Ok(()),
    }
}

fn must_be_name(name: &str) -> Result<()> {
    if is_name(name) && name != LATEST {
        return Ok(());
    }
    let shown: String = name.chars().take(64).collect();
    Err(usage(&format!(
        "{shown:?} is no name of a version or a tag: letters, digits and . _ - in it, 64 at the most, and not {LATEST}"
    )))
}

fn usage(message: &str) -> ManageError {
    ManageError::new("usage", message, None)
}

fn unknown(known: &Releases, flow: &str, name: &str) -> ManageError {
    let (flow, name): (String, String) = (flow.chars().take(200).collect(), name.chars().take(64).collect());
    if known.versions.is_empty() {
        let message = format!("no version of {flow} was deployed");
        return ManageError::new("unknown-deployment", message, Some(format!("kitaru deploy FILE.py:{flow}")));
    }
    let versions: Vec<&str> = known.versions.iter().rev().map(|(one, ..)| one.version.as_str()).collect();
    let names: Vec<&str> = known.tags.keys().map(String::as_str).chain(versions).take(20).collect();
    let message = format!("{flow} has no version or tag {name:?}; it has: {}", listed(&names));
    ManageError::new("unknown-deployment", message, Some(format!("kitaru deployments list {flow}")))
}

fn listed(names: &[&str]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
