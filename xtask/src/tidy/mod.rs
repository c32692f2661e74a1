//! The house rules as a test: each rule a function from files to findings, with its own tests.
//!
//! `text` has the rules for every file, `rust` those for Rust, `manifests` who may depend on whom, `pages` the
//! error and decision pages, `words` the vocabulary of the docs; `lexer` tells code from strings and comments.
//! Not here: anything that rustfmt, clippy, ruff or mypy can see.

mod lexer;
mod manifests;
mod pages;
mod rust;
mod text;
mod words;

use std::fmt;
use std::path::Path;
use std::process::Command;

/// A tracked text file.
pub struct Source {
    /// Path from the root of the tree, with `/`.
    pub path: String,
    /// What it holds.
    pub text: String,
}

/// A broken rule.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    path: String,
    line: usize,
    message: String,
}

/// What a run came to.
pub struct Checked {
    /// How many files were read.
    pub files: usize,
    /// What is wrong, by file and line.
    pub findings: Vec<Finding>,
}

impl Source {
    /// A rule broken in this file; lines count from 1.
    fn finding(&self, line: usize, message: impl Into<String>) -> Finding {
        Finding { path: self.path.clone(), line, message: message.into() }
    }

    /// Whether the path ends so.
    fn is(&self, end: &str) -> bool {
        self.path.ends_with(end)
    }

    /// The lines with their numbers, from 1.
    fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(self.text.lines())
    }

    /// Whether the file holds tests only.
    fn is_test(&self) -> bool {
        self.path.split('/').any(|part| part == "tests" || part == "conformance")
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.message)
    }
}

/// Checks the tree at `root`: every file that git tracks.
pub fn check_tree(root: Option<&Path>) -> Result<Checked, String> {
    let sources = tracked(root.ok_or("the tree has no root")?)?;
    Ok(Checked { files: sources.len(), findings: check(&sources) })
}

/// Every rule over every file.
fn check(sources: &[Source]) -> Vec<Finding> {
    let mut found = Vec::new();
    for source in sources {
        text::check(source, &mut found);
        rust::check(source, &mut found);
        words::check(source, &mut found);
    }
    manifests::check(sources, &mut found);
    pages::check(sources, &mut found);
    found.sort();
    found.dedup();
    found
}

/// The text files that git tracks. A tracked file that is gone from the disk, or is no text, is left out.
fn tracked(root: &Path) -> Result<Vec<Source>, String> {
    let listed = Command::new("git")
        .args(["ls-files", "-z"])
        .current_dir(root)
        .output()
        .map_err(|error| format!("cannot run git: {error}; install it"))?;
    if !listed.status.success() {
        return Err("git ls-files failed: run this in a git checkout".to_owned());
    }
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let mut sources = Vec::new();
    for path in listed.split('\0').filter(|path| !path.is_empty()) {
        let Ok(bytes) = std::fs::read(root.join(path)) else { continue };
        if let Ok(text) = String::from_utf8(bytes)
            && !text.contains('\0')
        {
            sources.push(Source { path: path.to_owned(), text });
        }
    }
    if sources.is_empty() { Err("git tracks no file here".to_owned()) } else { Ok(sources) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file for the tests of the rules.
    pub fn source(path: &str, text: &str) -> Source {
        Source { path: path.to_owned(), text: text.to_owned() }
    }

    /// What a rule says, as `line: message`.
    pub fn said(rule: impl Fn(&Source, &mut Vec<Finding>), path: &str, text: &str) -> Vec<String> {
        let mut found = Vec::new();
        rule(&source(path, text), &mut found);
        found.into_iter().map(|one| format!("{}: {}", one.line, one.message)).collect()
    }

    #[test]
    fn a_finding_names_file_and_line() {
        let finding = source("a/b.rs", "").finding(7, "too long");
        assert_eq!(finding.to_string(), "a/b.rs:7: too long");
    }

    #[test]
    fn this_tree_is_listed_by_git() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let sources = tracked(root).unwrap();
        assert!(sources.iter().any(|source| source.path == "xtask/Cargo.toml"));
        assert!(sources.iter().all(|source| !source.path.starts_with("target/")));
    }
}
