//! The pages that code refers to: an error page for every code and a code for every page; decisions alike in form.
//!
//! Not here: whether a page is right. Codes are what `fn code` returns and `Error::new("…", …)` is given in Rust,
//! `code = "…"` of the classes in `python/kitaru/errors.py`, and every `code="…"` that Python passes on.

use super::lexer::layers;
use super::{Finding, Source};
use std::collections::{BTreeMap, BTreeSet};

const ERRORS: &str = "docs/errors/";
const DECISIONS: &str = "docs/decisions/";
/// The parts of a decision, in their order.
const PARTS: [&str; 3] = ["## Context", "## Decision", "## Consequences"];

/// Where a code stands.
type Codes<'a> = BTreeMap<String, (&'a Source, usize)>;

/// All rules of this file.
pub fn check(sources: &[Source], found: &mut Vec<Finding>) {
    error_pages(sources, found);
    decisions(sources, found);
}

/// Every code has its page, every page its code.
fn error_pages(sources: &[Source], found: &mut Vec<Finding>) {
    let mut codes = Codes::new();
    let mut named = BTreeSet::new();
    for source in sources.iter().filter(|source| !source.is_test()) {
        if source.path.starts_with("crates/") && source.is(".rs") {
            let strings = rust_strings(source);
            rust_codes(source, &strings, &mut codes);
            named.extend(strings.into_iter().flatten());
        } else if source.path.starts_with("python/") && source.is(".py") {
            python_codes(source, &mut codes);
            named.extend(source.text.split(['"', '\'']).map(str::to_owned));
        }
    }
    let pages: BTreeMap<&str, &Source> = sources
        .iter()
        .filter_map(|source| Some((source.path.strip_prefix(ERRORS)?.strip_suffix(".md")?, source)))
        .filter(|(name, _)| *name != "README")
        .collect();
    for (code, (source, line)) in &codes {
        if !pages.contains_key(code.as_str()) {
            found.push(source.finding(*line, format!("the error code {code:?} has no page {ERRORS}{code}.md")));
        }
    }
    for (name, page) in pages {
        if !named.contains(name) {
            found.push(page.finding(1, format!("no code is called {name:?}")));
        }
    }
}

/// The strings of a Rust file, by line.
fn rust_strings(source: &Source) -> Vec<Vec<String>> {
    let layers = layers(&source.text);
    let lines = layers.strings.iter().zip(&layers.code);
    // A string's end is known by its quote, which is code.
    lines
        .map(|(strings, code)| {
            let mut found = Vec::new();
            let mut one = String::new();
            for (s, c) in strings.chars().zip(code.chars()) {
                if c == '"' && !one.trim().is_empty() {
                    found.push(one.trim().to_owned());
                    one.clear();
                } else if c == '"' {
                    one.clear();
                } else {
                    one.push(s);
                }
            }
            found.into_iter().map(|one| one.trim_start_matches('"').to_owned()).collect()
        })
        .collect()
}

/// What `fn code` returns, and the first string of an `Error::new(`.
fn rust_codes<'a>(source: &'a Source, strings: &[Vec<String>], codes: &mut Codes<'a>) {
    let layers = layers(&source.text);
    let mut depth = None;
    for (ix, line) in layers.code.iter().enumerate() {
        if depth.is_none() && line.contains("fn code(") {
            depth = Some(0_isize);
        }
        if line.contains("Error::new(") {
            let here = strings[ix].first().or_else(|| strings.get(ix + 1)?.first());
            if let Some(code) = here.filter(|code| is_code(code)) {
                codes.entry(code.clone()).or_insert((source, ix + 1));
            }
        }
        let Some(open) = &mut depth else { continue };
        *open += line.matches('{').count().cast_signed() - line.matches('}').count().cast_signed();
        for code in strings[ix].iter().filter(|code| is_code(code)) {
            codes.entry(code.clone()).or_insert((source, ix + 1));
        }
        if *open <= 0 && line.contains('}') {
            depth = None;
        }
    }
}

/// `code = "…"` of a class, `code="…"` of a call.
fn python_codes<'a>(source: &'a Source, codes: &mut Codes<'a>) {
    for (number, line) in source.lines() {
        let trimmed = line.trim();
        let mut ahead = trimmed;
        while let Some((before, after)) = ahead.split_once("code") {
            let after_word = after.trim_start();
            let starts = !before.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '.');
            if let Some(value) = after_word.strip_prefix('=').map(str::trim_start)
                && starts
                && let Some(code) = value.strip_prefix('"').and_then(|value| value.split('"').next())
                && is_code(code)
            {
                codes.entry(code.to_owned()).or_insert((source, number));
            }
            ahead = after;
        }
    }
}

/// A kebab-case word.
fn is_code(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

/// Decisions are alike in form, and no two have the same number.
fn decisions(sources: &[Source], found: &mut Vec<Finding>) {
    let mut numbers = BTreeMap::new();
    for source in sources {
        let Some(name) = source.path.strip_prefix(DECISIONS).filter(|name| name.ends_with(".md")) else { continue };
        if name == "README.md" {
            continue;
        }
        let number = name.split('-').next().unwrap_or_default();
        if number.len() != 4 || !number.chars().all(|c| c.is_ascii_digit()) {
            found.push(source.finding(1, "a decision's file is called NNNN-some-words.md"));
        } else if let Some(other) = numbers.insert(number, &source.path) {
            found.push(source.finding(1, format!("has the number of {other}")));
        }
        let first = source.text.lines().next().unwrap_or_default();
        if !first.strip_prefix("# ").is_some_and(|title| title.starts_with(&format!("{number}: "))) {
            found.push(source.finding(1, format!("opens with `# {number}: ` and what was decided")));
        }
        let parts: Vec<(usize, &str)> = source.lines().filter(|(_, line)| line.starts_with("## ")).collect();
        if parts.iter().map(|(_, part)| *part).ne(PARTS) {
            let line = parts.first().map_or(1, |(line, _)| *line);
            found.push(source.finding(line, format!("its parts are {}", PARTS.join(", "))));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::source;
    use super::*;

    fn lint(files: &[(&str, &str)]) -> Vec<String> {
        let sources: Vec<Source> = files.iter().map(|(path, text)| source(path, text)).collect();
        let mut found = Vec::new();
        check(&sources, &mut found);
        found.iter().map(ToString::to_string).collect()
    }

    const RUST: &str = "fn code(&self) -> &'static str {\n    match self {\n        A => \"store-full\",\n        \
                        B => { \"held\" }\n    }\n}\nfn other() -> &'static str { \"none\" }\n";

    #[test]
    fn a_code_without_a_page_is_told_where_it_stands() {
        assert_eq!(
            lint(&[("crates/a/src/b.rs", RUST), ("docs/errors/held.md", "# held\n")]),
            ["crates/a/src/b.rs:3: the error code \"store-full\" has no page docs/errors/store-full.md"]
        );
        let made = "    ManageError::new(\n        \"several-waits\",\n        format!(\"b\"),\n    )\n";
        assert_eq!(lint(&[("crates/a/src/b.rs", made)]).len(), 1);
        assert_eq!(lint(&[("crates/a/src/b.rs", "ManageError::new(code, \"It is so.\", None)\n")]).len(), 0);
        let python = "class A:\n    code = \"timeout\"\nraise B(\"c\", code=\"late\")\nself.code = \"x\"\n";
        let found = lint(&[("python/kitaru/errors.py", python), ("docs/errors/late.md", "# late\n")]);
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("python/kitaru/errors.py:2: "));
    }

    #[test]
    fn a_page_without_a_code_is_told() {
        let page = ("docs/errors/gone.md", "# gone\n");
        assert_eq!(lint(&[page]), ["docs/errors/gone.md:1: no code is called \"gone\""]);
        assert!(lint(&[page, ("crates/a/src/b.rs", "let a = new(\"gone\", \"b\");\n")]).is_empty());
        assert!(lint(&[page, ("python/kitaru/a.py", "return None, \"gone\", 1\n")]).is_empty());
        assert_eq!(lint(&[page, ("crates/a/src/b.rs", "// \"gone\"\n")]).len(), 1);
    }

    #[test]
    fn decisions_are_alike() {
        let good = "# 0001: We do\n\n## Context\n\na\n\n## Decision\n\nb\n\n## Consequences\n\nc\n";
        assert!(lint(&[("docs/decisions/0001-we-do.md", good)]).is_empty());
        assert_eq!(lint(&[("docs/decisions/we-do.md", good)]).len(), 2);
        assert_eq!(lint(&[("docs/decisions/0002-we-do.md", good)]).len(), 1);
        assert_eq!(lint(&[("docs/decisions/0001-a.md", good), ("docs/decisions/0001-b.md", good)]).len(), 1);
        assert_eq!(lint(&[("docs/decisions/0001-a.md", &good.replace("## Context", "## Why"))]).len(), 1);
    }
}
