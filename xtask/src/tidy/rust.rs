//! Rules for Rust that clippy cannot see: reasons for `unsafe`, and which room may do what.
//!
//! Not here: `unwrap`, `expect`, `panic!` themselves (clippy denies them); here is only that nobody turns that off.

use super::lexer::{Layers, layers};
use super::words::has_word;
use super::{Finding, Source};

/// The only folder that calls the operating system.
const OS: &str = "crates/store/src/os/";
/// Where a backend is a folder; SQL stands in such a folder and nowhere else.
const STORE: &str = "crates/store/src/";
/// Folders there that are no backends.
const NO_BACKENDS: [&str; 3] = ["os/", "values/", "conformance/"];

/// All rules of this file.
pub fn check(source: &Source, found: &mut Vec<Finding>) {
    if source.is(".rs") {
        let layers = layers(&source.text);
        for rule in [safety, system_calls, sql, denials] {
            rule(source, &layers, found);
        }
    } else if source.is(".py") && source.path.starts_with("python/") {
        for (number, line) in source.lines().filter(|(_, line)| is_sql(line)) {
            found.push(source.finding(number, format!("SQL outside a backend's folder: {}", line.trim())));
        }
    }
}

/// The line of `#[cfg(test)]` from which on a Rust file holds its tests.
pub fn tests_from(source: &Source) -> Option<usize> {
    if !source.is(".rs") {
        return None;
    }
    let lines: Vec<&str> = source.text.lines().collect();
    let at = lines.windows(2).position(|two| {
        two[0].trim() == "#[cfg(test)]" && two[1].trim_start().starts_with("mod ") && two[1].contains('{')
    });
    at.map(|ix| ix + 1)
}

fn is_production(source: &Source) -> bool {
    source.path.starts_with("crates/") && source.path.contains("/src/") && !source.is_test()
}

/// Lines of code before the tests, with their numbers.
fn own_lines<'a>(source: &Source, layer: &'a [String]) -> impl Iterator<Item = (usize, &'a String)> {
    let end = tests_from(source).unwrap_or(usize::MAX);
    (1..).zip(layer).take_while(move |(number, _)| *number < end)
}

/// Every `unsafe` says above it why it is sound.
fn safety(source: &Source, layers: &Layers, found: &mut Vec<Finding>) {
    for (ix, line) in layers.code.iter().enumerate() {
        // `unsafe fn` has its conditions in its doc; the blocks in it say why they hold.
        if !has_word(line, "unsafe") || line.contains("unsafe fn") && !line.contains('{') {
            continue;
        }
        let above = (0..ix).rev().take_while(|at| {
            let attribute = layers.code[*at].trim_start().starts_with("#[");
            attribute || layers.code[*at].trim().is_empty() && !layers.comments[*at].trim().is_empty()
        });
        if !above.into_iter().any(|at| layers.comments[at].contains("SAFETY:")) {
            found.push(source.finding(ix + 1, "unsafe without a `// SAFETY:` comment directly above"));
        }
    }
}

/// The operating system is called in one folder only.
fn system_calls(source: &Source, layers: &Layers, found: &mut Vec<Finding>) {
    if source.path.starts_with(OS) || !is_production(source) {
        return;
    }
    for (number, line) in own_lines(source, &layers.code) {
        for call in ["libc::", "std::os::", "windows_sys::", "windows::Win32", "nix::", "rustix::", "fcntl"] {
            let at = line.find(call);
            if at.is_some_and(|at| !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_')) {
                found.push(source.finding(number, format!("{call} belongs in {OS}")));
            }
        }
    }
}

/// SQL stands in the folder of its backend.
fn sql(source: &Source, layers: &Layers, found: &mut Vec<Finding>) {
    if !is_production(source) || is_backend(&source.path) {
        return;
    }
    for (number, line) in own_lines(source, &layers.strings).filter(|(_, line)| is_sql(line)) {
        found.push(source.finding(number, format!("SQL outside a backend's folder: {}", line.trim())));
    }
}

fn is_backend(path: &str) -> bool {
    path.strip_prefix(STORE)
        .is_some_and(|inside| inside.contains('/') && !NO_BACKENDS.iter().any(|room| inside.starts_with(room)))
}

/// Whether a text holds a statement: its verb and what always goes with it, in capitals.
fn is_sql(text: &str) -> bool {
    let pairs = [
        ("SELECT ", " FROM "),
        ("INSERT ", "INTO "),
        ("UPDATE ", " SET "),
        ("DELETE ", "FROM "),
        ("CREATE ", "TABLE "),
        ("CREATE ", "INDEX "),
        ("DROP ", "TABLE "),
        ("ALTER ", "TABLE "),
        ("BEGIN ", "IMMEDIATE"),
        ("PRAGMA ", ""),
    ];
    pairs.iter().any(|(verb, partner)| text.find(verb).is_some_and(|at| text[at + verb.len() - 1..].contains(partner)))
}

/// Nobody turns the denied lints off outside tests.
fn denials(source: &Source, layers: &Layers, found: &mut Vec<Finding>) {
    if source.is_test() {
        return;
    }
    let lints = ["unwrap_used", "expect_used", "clippy::panic", "clippy::todo", "clippy::unimplemented", "dbg_macro"];
    for (number, line) in own_lines(source, &layers.code) {
        if (line.contains("allow(") || line.contains("expect(clippy")) && lints.iter().any(|lint| line.contains(lint)) {
            found.push(source.finding(number, "turns off a lint that the house denies"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::said;
    use super::*;

    fn lint(path: &str, text: &str) -> Vec<String> {
        said(check, path, text)
    }

    #[test]
    fn unsafe_needs_its_reason_directly_above() {
        assert_eq!(lint("a.rs", "let a = unsafe { b() };\n").len(), 1);
        assert!(lint("a.rs", "// SAFETY: b reads\n// nothing.\nlet a = unsafe { b() };\n").is_empty());
        assert_eq!(lint("a.rs", "// SAFETY: b\n\nlet a = unsafe { b() };\n").len(), 1);
        assert!(lint("a.rs", "// unsafe\nlet a = \"unsafe\"; let unsafe_b = 1;\n").is_empty());
    }

    #[test]
    fn system_calls_stand_in_one_room() {
        assert_eq!(
            lint("crates/store/src/a.rs", "let a = libc::getpid();\n"),
            ["1: libc:: belongs in crates/store/src/os/"]
        );
        assert_eq!(lint("crates/engine/src/a.rs", "use std::os::fd::AsRawFd;\n").len(), 1);
        assert!(lint("crates/store/src/os/unix.rs", "let a = libc::getpid();\n").is_empty());
        assert!(lint("crates/store/src/a.rs", "// libc::\nlet a = \"libc::\";\n").is_empty());
    }

    #[test]
    fn sql_stands_with_its_backend() {
        let text = "db.prepare(\"SELECT a FROM b\")?;\n";
        assert_eq!(lint("crates/engine/src/a.rs", text).len(), 1);
        assert_eq!(lint("crates/store/src/values/sql.rs", text).len(), 1);
        assert_eq!(lint("crates/store/src/store.rs", text).len(), 1);
        assert!(lint("crates/store/src/sqlite/read.rs", text).is_empty());
        assert!(lint("crates/store/src/postgres/read.rs", text).is_empty());
        assert_eq!(lint("python/kitaru/a.py", "db.execute(\"DELETE FROM b\")\n").len(), 1);
        assert!(lint("crates/cli/src/a.rs", "let a = \"SELECT one of these\";\n").is_empty());
    }

    #[test]
    fn tests_may_look_into_the_database() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n    const A: &str = \"PRAGMA integrity_check\";\n}\n";
        assert!(lint("crates/engine/src/a.rs", text).is_empty());
        assert!(lint("crates/engine/tests/a.rs", "const A: &str = \"PRAGMA integrity_check\";\n").is_empty());
    }

    #[test]
    fn denied_lints_stay_denied() {
        assert_eq!(lint("crates/a/src/b.rs", "#[allow(clippy::unwrap_used)]\nfn a() {}\n").len(), 1);
        assert!(lint("crates/a/tests/b.rs", "#![allow(clippy::unwrap_used)]\n").is_empty());
        assert!(lint("crates/a/src/b.rs", "#[allow(clippy::too_many_arguments)]\nfn a() {}\n").is_empty());
    }
}
