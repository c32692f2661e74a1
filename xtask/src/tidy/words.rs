//! The house's words: what one thing is called everywhere in the docs.
//!
//! Not here: names in code; readers of those have a compiler.

use super::{Finding, Source};

/// Words of other houses, and ours.
const WORDS: [(&str, &str); 8] = [
    ("workflow", "flow"),
    ("workflows", "flows"),
    ("activity", "checkpoint"),
    ("activities", "checkpoints"),
    ("step function", "checkpoint"),
    ("step functions", "checkpoints"),
    ("event log", "journal"),
    ("nondeterminism", "drift"),
];
/// Who and what may be called as they call themselves.
const OTHERS: [&str; 10] = [
    "github",
    "release workflow",
    "actions",
    "temporal",
    "dbos",
    "restate",
    "langgraph",
    "airflow",
    "absurd",
    "sayiir",
];

/// All rules of this file.
pub fn check(source: &Source, found: &mut Vec<Finding>) {
    if source.is(".md") {
        words(source, found);
    }
}

/// One word for one thing.
fn words(source: &Source, found: &mut Vec<Finding>) {
    for (number, line) in source.lines() {
        let line = line.to_lowercase();
        if OTHERS.iter().any(|other| line.contains(other)) {
            continue;
        }
        for (theirs, ours) in WORDS {
            if has_word(&line, theirs) {
                found.push(source.finding(number, format!("{theirs:?} is called {ours:?} here")));
            }
        }
    }
}

/// Whether a word stands in the line by itself.
pub fn has_word(line: &str, word: &str) -> bool {
    let inside = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    line.match_indices(word)
        .any(|(at, _)| !inside(line[..at].chars().next_back()) && !inside(line[at + word.len()..].chars().next()))
}

#[cfg(test)]
mod tests {
    use super::super::tests::said;
    use super::*;

    #[test]
    fn other_houses_words_are_told() {
        assert_eq!(said(check, "docs/a.md", "A Workflow runs.\n"), ["1: \"workflow\" is called \"flow\" here"]);
        assert_eq!(said(check, "docs/a.md", "Each step function is kept.\n").len(), 1);
        assert!(said(check, "docs/a.md", "A flow runs; `my_workflow` is a name.\n").is_empty());
    }

    #[test]
    fn others_are_called_as_they_call_themselves() {
        assert!(said(check, "docs/a.md", "A Temporal workflow, a GitHub workflow.\n").is_empty());
        assert!(said(check, "a.py", "workflow = 1\n").is_empty());
    }
}
