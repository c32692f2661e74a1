//! Rules for every text file: size, an opening that says what the file is for, no machine's paths, no leftovers.
//!
//! Not here: what only Rust has (`rust`) and the vocabulary (`words`).

use super::{Finding, Source};

/// Lines of a file that holds code.
const CODE_LINES: usize = 500;
/// Lines of a file that holds tests, or of code with its tests below it.
const TEST_LINES: usize = 800;

/// All rules of this file.
pub fn check(source: &Source, found: &mut Vec<Finding>) {
    for rule in [size, opening, machine_paths, blanks, leftovers] {
        rule(source, found);
    }
}

/// A file that does not fit in a head is two files.
fn size(source: &Source, found: &mut Vec<Finding>) {
    if !source.is(".rs") && !source.is(".py") {
        return;
    }
    let all = source.text.lines().count();
    let own = super::rust::tests_from(source).map_or(all, |line| line - 1);
    if own > CODE_LINES && !source.is_test() {
        found.push(source.finding(CODE_LINES + 1, format!("{own} lines of code; split it: at most {CODE_LINES}")));
    } else if all > TEST_LINES {
        found.push(source.finding(TEST_LINES + 1, format!("{all} lines with tests; split it: at most {TEST_LINES}")));
    }
}

/// A file says first what it is for: `//!` in Rust, a docstring in Python.
fn opening(source: &Source, found: &mut Vec<Finding>) {
    let said = if source.is(".rs") {
        rust_opening(&source.text)
    } else if source.is(".py") || source.is(".pyi") {
        python_opening(&source.text)
    } else {
        return;
    };
    if !source.text.trim().is_empty() && !is_sentence(&said) {
        found.push(source.finding(1, "opens without a sentence that says what it is for and what is not in it"));
    }
}

fn rust_opening(text: &str) -> String {
    let lines = text.lines().map(str::trim).skip_while(|line| line.is_empty() || line.starts_with('#'));
    let lines = lines.map_while(|line| line.strip_prefix("//!"));
    lines.map(str::trim).collect::<Vec<_>>().join(" ")
}

fn python_opening(text: &str) -> String {
    let mut rest = text;
    while let Some(line) = rest.lines().next() {
        if !line.trim().is_empty() && !line.starts_with('#') {
            break;
        }
        rest = rest.get(line.len() + 1..).unwrap_or_default();
    }
    let rest = rest.strip_prefix('r').unwrap_or(rest);
    for quote in ["\"\"\"", "'''"] {
        if let Some(inside) = rest.strip_prefix(quote) {
            return inside.split(quote).next().unwrap_or_default().to_owned();
        }
    }
    String::new()
}

/// A full stop, and something before it.
fn is_sentence(text: &str) -> bool {
    text.split_whitespace().count() >= 3 && text.contains(['.', '?', ':'])
}

/// A path of one machine helps nobody on another.
fn machine_paths(source: &Source, found: &mut Vec<Finding>) {
    for (number, line) in source.lines() {
        for folder in [concat!("/ho", "me/"), concat!("/ro", "ot/"), concat!("/wo", "rk/"), concat!("/Us", "ers/")] {
            if starts_path(line, folder) {
                found.push(source.finding(number, format!("{folder}… is a path of one machine")));
            }
        }
    }
}

/// Whether `folder` stands in the line as the beginning of a path, not in its middle.
fn starts_path(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || "_-.*}{/$~".contains(c))
    })
}

/// White space that nobody sees.
fn blanks(source: &Source, found: &mut Vec<Finding>) {
    // What is built is as its builder wrote it.
    if source.path.starts_with("dashboard/dist/") {
        return;
    }
    let tabs_belong = source.is("Makefile") || source.is(".mk");
    for (number, line) in source.lines() {
        if line.ends_with([' ', '\t']) {
            found.push(source.finding(number, "ends with white space"));
        }
        if line.contains('\t') && !tabs_belong {
            found.push(source.finding(number, "has a tab; use spaces"));
        }
    }
}

/// What is to be done stands in an issue, or is done.
fn leftovers(source: &Source, found: &mut Vec<Finding>) {
    for (number, line) in source.lines() {
        for word in [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("X", "XX")] {
            if super::words::has_word(line, word) {
                found.push(source.finding(number, format!("{word}: do it, or open an issue")));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::said;
    use super::*;

    #[test]
    fn long_files_are_named_with_their_length() {
        let long = "x = 1\n".repeat(501);
        assert_eq!(said(size, "python/a.py", &long), ["501: 501 lines of code; split it: at most 500"]);
        assert!(said(size, "python/a.py", &"x = 1\n".repeat(500)).is_empty());
    }

    #[test]
    fn tests_have_more_room_but_not_endless() {
        assert!(said(size, "tests/values/test_a.py", &"x\n".repeat(800)).is_empty());
        assert_eq!(said(size, "tests/values/test_a.py", &"x\n".repeat(801)).len(), 1);
        let both = format!("{}#[cfg(test)]\nmod tests {{\n{}}}\n", "a();\n".repeat(490), "b();\n".repeat(200));
        assert!(said(size, "crates/a.rs", &both).is_empty());
    }

    #[test]
    fn only_code_has_a_limit() {
        assert!(said(size, "Cargo.lock", &"x\n".repeat(5000)).is_empty());
    }

    #[test]
    fn a_file_without_an_opening_is_told() {
        assert_eq!(said(opening, "a.rs", "use b;\n").len(), 1);
        assert_eq!(said(opening, "a.rs", "//! Words\n").len(), 1);
        assert_eq!(said(opening, "a.py", "import os\n").len(), 1);
        assert_eq!(said(opening, "a.py", "\"\"\"\"\"\"\nimport os\n").len(), 1);
    }

    #[test]
    fn an_opening_may_follow_what_must_come_first() {
        assert!(said(opening, "a.rs", "#![allow(b)]\n//! What this is for.\n").is_empty());
        assert!(said(opening, "a.py", "#!/usr/bin/env python3\n\n\"\"\"What this is for.\n\nMore.\"\"\"\n").is_empty());
        assert!(said(opening, "tests/__init__.py", "").is_empty());
    }

    #[test]
    fn paths_of_one_machine_are_told() {
        let home = concat!("/ho", "me/ann/a.db");
        assert_eq!(said(machine_paths, "a.md", &format!("see {home}\n")).len(), 1);
        assert!(said(machine_paths, "a.md", &format!("https://example.org{home} and .{home}\n")).is_empty());
    }

    #[test]
    fn unseen_white_space_is_told() {
        assert_eq!(said(blanks, "a.md", "a \nb\tc\n").len(), 2);
        assert!(said(blanks, "Makefile", "a:\n\tb\n").is_empty());
    }

    #[test]
    fn leftovers_are_told_and_longer_words_are_not() {
        assert_eq!(said(leftovers, "a.rs", concat!("// TO", "DO: later\n")).len(), 1);
        assert!(said(leftovers, "a.rs", concat!("let A_TO", "DO_LIST = 1;\n")).is_empty());
    }
}
