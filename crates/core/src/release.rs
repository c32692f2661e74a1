//! Deployments: versions of a flow's code, and the tags that name them, as they follow from a flow's log of releases.
//!
//! A release never changes, so a version is the same code for ever and it is known what a tag named at any time. Not here:
//! the code itself (a snapshot, kept by its digest), and keeping the log.

use crate::event::EntryPoint;
use crate::{Digest, Millis};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What stands for the newest version.
pub const LATEST: &str = "latest";

/// The code that an execution goes by, wherever it runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployed {
    /// The flow that was deployed: for another flow of the same project it is not that one's own.
    pub flow: String,
    /// The version.
    pub version: String,
    /// Digest of the list of its files.
    pub snapshot: Digest,
}

/// A file of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// Where it is below the project's folder, with `/` between the names.
    pub path: String,
    /// Of its bytes.
    pub digest: Digest,
    /// How many bytes.
    pub size: u64,
    /// Whether it can be executed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub executable: bool,
}

/// A version of a flow's code.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Deployment {
    /// What it is called.
    pub version: String,
    /// Where the flow is: paths are below the project's folder, and the interpreter is the worker's.
    pub entry: EntryPoint,
    /// Digest of the flow's code.
    pub code: Option<String>,
    /// How many files.
    pub files: u64,
    /// Their bytes.
    pub size: u64,
    /// The Python that it was deployed with: `3.12`.
    pub python: String,
    /// The file that pins what it depends on, if it has one.
    pub lock: Option<String>,
}

/// What a release did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// There is another version, and these tags name it.
    Deployed(Box<Deployment>, Vec<String>),
    /// A tag names a version.
    Tagged {
        /// The tag.
        tag: String,
        /// The version.
        version: String,
    },
    /// A tag names again what it named before.
    RolledBack {
        /// The tag.
        tag: String,
    },
}

/// An entry of the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Release {
    /// The flow.
    pub flow: String,
    /// Its place among those of the flow, from 1.
    pub n: u64,
    /// When.
    pub at: Millis,
    /// Who.
    pub by: String,
    /// What.
    pub act: Act,
}

/// What follows from a flow's log.
#[derive(Clone, Debug, Default)]
pub struct Releases {
    /// The versions, the newest last, with who deployed them and when.
    pub versions: Vec<(Deployment, String, Millis)>,
    /// What each tag has named, and now names last.
    pub tags: BTreeMap<String, Vec<String>>,
    /// The place of the last entry.
    pub last: u64,
}

impl Releases {
    /// Reads a log in order.
    pub fn of<'a>(log: impl IntoIterator<Item = &'a Release>) -> Self {
        let mut found = Self::default();
        for one in log {
            found.last = one.n;
            match &one.act {
                Act::Deployed(deployment, tags) => {
                    for tag in tags {
                        found.tags.entry(tag.clone()).or_default().push(deployment.version.clone());
                    }
                    found.versions.push((deployment.as_ref().clone(), one.by.clone(), one.at));
                }
                Act::Tagged { tag, version } => {
                    let named = found.tags.entry(tag.clone()).or_default();
                    if named.last() != Some(version) {
                        named.push(version.clone());
                    }
                }
                Act::RolledBack { tag } => {
                    if let Some(named) = found.tags.get_mut(tag).filter(|named| named.len() > 1) {
                        named.pop();
                    }
                }
            }
        }
        found
    }

    /// What a version, a tag or [`LATEST`] names.
    pub fn named(&self, name: &str) -> Option<&Deployment> {
        let tagged = self.tags.get(name).and_then(|versions| versions.last());
        let version = tagged.map_or(name, String::as_str);
        let found = self.versions.iter().map(|(one, ..)| one).find(|one| one.version == version);
        found.or_else(|| (name == LATEST).then(|| self.versions.last().map(|(one, ..)| one)).flatten())
    }

    /// A name for the next version that is not taken: `v3`.
    pub fn next(&self) -> String {
        let is_taken = |name: &String| self.named(name).is_some();
        let mut number = self.versions.len() + 1;
        loop {
            let name = format!("v{number}");
            if !is_taken(&name) {
                return name;
            }
            number += 1;
        }
    }

    /// The tags that name a version.
    pub fn tags_of(&self, version: &str) -> Vec<&str> {
        let names = |named: &Vec<String>| named.last().is_some_and(|last| last == version);
        self.tags.iter().filter(|(_, named)| names(named)).map(|(tag, _)| tag.as_str()).collect()
    }
}

/// Whether something may name a version or a tag: it stands in file names, addresses and command lines.
pub fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 64
        && !name.starts_with(['.', '-'])
        && name.bytes().all(|one| one.is_ascii_alphanumeric() || b"._-".contains(&one))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deployed(n: u64, version: &str, tags: &[&str]) -> Release {
        let deployment = Deployment {
            version: version.to_owned(),
            entry: EntryPoint::default(),
            code: None,
            files: 1,
            size: 1,
            python: "3.12".to_owned(),
            lock: None,
        };
        act(n, Act::Deployed(Box::new(deployment), tags.iter().map(|&tag| tag.to_owned()).collect()))
    }

    fn tagged(n: u64, tag: &str, version: &str) -> Release {
        act(n, Act::Tagged { tag: tag.to_owned(), version: version.to_owned() })
    }

    fn back(n: u64, tag: &str) -> Release {
        act(n, Act::RolledBack { tag: tag.to_owned() })
    }

    fn act(n: u64, act: Act) -> Release {
        Release { flow: "agent".to_owned(), n, at: 0, by: "me".to_owned(), act }
    }

    fn named<'a>(of: &'a Releases, name: &str) -> Option<&'a str> {
        of.named(name).map(|one| one.version.as_str())
    }

    #[test]
    fn a_tag_names_what_it_was_last_set_to_and_goes_back_step_by_step() {
        let mut log = vec![deployed(1, "v1", &["prod"]), deployed(2, "v2", &["prod"]), deployed(3, "v3", &[])];
        log.push(tagged(4, "prod", "v3"));
        log.push(tagged(5, "prod", "v3"));
        let found = Releases::of(&log);
        assert_eq!((named(&found, "prod"), named(&found, "latest"), found.last), (Some("v3"), Some("v3"), 5));
        assert_eq!(found.tags_of("v3"), ["prod"]);
        log.push(back(6, "prod"));
        assert_eq!(named(&Releases::of(&log), "prod"), Some("v2"));
        log.push(back(7, "prod"));
        log.push(back(8, "prod"));
        let found = Releases::of(&log);
        assert_eq!((named(&found, "prod"), named(&found, "v2"), named(&found, "v9")), (Some("v1"), Some("v2"), None));
    }

    #[test]
    fn the_next_name_is_one_that_nothing_has() {
        assert_eq!(Releases::of(&[]).next(), "v1");
        let log = [deployed(1, "v2", &["v3"])];
        assert_eq!(Releases::of(&log).next(), "v4");
    }

    #[test]
    fn names_are_plain() {
        assert!(["v1", "2026.11.30-a_b", "x"].iter().all(|name| is_name(name)));
        assert!(["", ".", "..", "-x", "a/b", "a@b", "ä", "a b", &"x".repeat(65)].iter().all(|name| !is_name(name)));
    }
}
