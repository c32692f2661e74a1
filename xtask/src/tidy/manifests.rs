//! Who may depend on whom, read from the `Cargo.toml` files: the rooms of the house stand one upon another.
//!
//! Not here: whole TOML; tables and keys at the start of a line are all that a manifest of ours has.

use super::{Finding, Source};

/// The crates from the ground up. One may depend only on those before it.
const ORDER: [&str; 6] = ["kitaru-core", "kitaru-store", "kitaru-engine", "kitaru-server", "kitaru-cli", "kitaru-py"];
/// What the pure core must not even be able to reach.
const IMPURE: [&str; 13] = [
    "tokio",
    "rusqlite",
    "rand",
    "chrono",
    "time",
    "libc",
    "reqwest",
    "object_store",
    "tokio-postgres",
    "tempfile",
    "getrandom",
    "fastrand",
    "async-std",
];

/// A dependency as a manifest names it.
struct Dependency<'a> {
    name: &'a str,
    line: usize,
    for_tests: bool,
}

/// All rules of this file.
pub fn check(sources: &[Source], found: &mut Vec<Finding>) {
    for source in sources.iter().filter(|source| source.is("/Cargo.toml")) {
        let Some(name) = package(&source.text) else { continue };
        for dependency in dependencies(&source.text) {
            one_way(source, name, &dependency, found);
            pure(source, name, &dependency, found);
        }
    }
}

/// Dependencies go one way.
fn one_way(source: &Source, name: &str, dependency: &Dependency<'_>, found: &mut Vec<Finding>) {
    let floor = |name: &str| ORDER.iter().position(|known| *known == name);
    let wrong = match (floor(name), floor(dependency.name)) {
        (Some(own), Some(other)) => other >= own,
        // A helper that is not published stands beside the house; the house does not lean on it.
        (Some(_), None) => dependency.name.starts_with("kitaru-"),
        _ => false,
    };
    if wrong && !(dependency.for_tests && floor(dependency.name).is_none()) {
        let message = format!("{name} must not depend on {}: the order is {}", dependency.name, ORDER.join(" <- "));
        found.push(source.finding(dependency.line, message));
    }
}

/// The core reaches no clock, no randomness, no I/O.
fn pure(source: &Source, name: &str, dependency: &Dependency<'_>, found: &mut Vec<Finding>) {
    if name == ORDER[0] && !dependency.for_tests && IMPURE.contains(&dependency.name) {
        let message = format!("{name} is pure: {} has no place in it", dependency.name);
        found.push(source.finding(dependency.line, message));
    }
}

fn package(text: &str) -> Option<&str> {
    let inside = text.split_once("[package]")?.1;
    let line = inside.lines().find(|line| line.trim_start().starts_with("name"))?;
    line.split('"').nth(1)
}

/// Names under every `[…dependencies]` table, and of tables `[…dependencies.name]`.
fn dependencies(text: &str) -> Vec<Dependency<'_>> {
    let mut found = Vec::new();
    let mut table = None;
    for (line, text) in (1..).zip(text.lines()) {
        let text = text.trim();
        if let Some(head) = text.strip_prefix('[') {
            let head = head.trim_end_matches(']');
            let (before, name) = head.split_once("dependencies").unwrap_or((head, "none"));
            table = (name.is_empty() || name.starts_with('.')).then(|| before.ends_with("dev-"));
            if let (Some(for_tests), Some(name)) = (table, name.strip_prefix('.')) {
                found.push(Dependency { name, line, for_tests });
                table = None;
            }
        } else if let (Some(for_tests), Some((key, _))) = (table, text.split_once('='))
            && !text.starts_with('#')
        {
            let name = key.trim().split('.').next().unwrap_or_default();
            found.push(Dependency { name, line, for_tests });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::tests::source;
    use super::*;

    fn lint(text: &str) -> Vec<String> {
        let mut found = Vec::new();
        check(&[source("crates/a/Cargo.toml", text)], &mut found);
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_core_stays_pure() {
        let text = "[package]\nname = \"kitaru-core\"\n[dependencies]\nserde.workspace = true\nchrono = \"0.4\"\n";
        assert_eq!(lint(text), ["crates/a/Cargo.toml:5: kitaru-core is pure: chrono has no place in it"]);
        assert_eq!(lint(&text.replace("[dependencies]", "[target.'cfg(unix)'.dependencies]")).len(), 1);
        assert!(lint(&text.replace("[dependencies]", "[dev-dependencies]")).is_empty());
        assert_eq!(lint("[package]\nname = \"kitaru-core\"\n[dependencies.tokio]\nversion = \"1\"\n").len(), 1);
    }

    #[test]
    fn dependencies_go_one_way() {
        let on = |name: &str, other: &str| {
            lint(&format!("[package]\nname = \"{name}\"\n[dependencies]\n{other}.workspace = true\n")).len()
        };
        assert_eq!(on("kitaru-store", "kitaru-engine"), 1);
        assert_eq!(on("kitaru-core", "kitaru-store"), 1);
        assert_eq!(on("kitaru-engine", "kitaru-sim"), 1);
        assert_eq!(on("kitaru-engine", "kitaru-core"), 0);
        assert_eq!(on("kitaru-py", "kitaru-cli"), 0);
        assert_eq!(on("kitaru-sim", "kitaru-engine"), 0);
    }
}
