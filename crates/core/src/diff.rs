//! The structural difference of two JSON values, by path: what a person is shown when a call drifted.
//!
//! Not here: how values came to be JSON, or how a difference is coloured.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// One place where two values differ.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// Where, such as `messages[3].text`.
    pub path: String,
    /// What stood there, shortened; `None` when nothing did.
    pub before: Option<String>,
    /// What stands there now, shortened; `None` when nothing does.
    pub after: Option<String>,
}

/// At most this many places are listed.
pub const MOST: usize = 20;
const LONGEST: usize = 120;

/// Where `before` and `after` differ, at most [`MOST`] places, in document order.
pub fn diff(before: &Json, after: &Json) -> Vec<Difference> {
    let mut found = Vec::new();
    walk("", Some(before), Some(after), &mut found);
    found
}

fn walk(path: &str, before: Option<&Json>, after: Option<&Json>, found: &mut Vec<Difference>) {
    if found.len() >= MOST || before == after {
        return;
    }
    match (before, after) {
        (Some(Json::Object(a)), Some(Json::Object(b))) => {
            for (key, value) in a {
                walk(&join(path, key), Some(value), b.get(key), found);
            }
            for (key, value) in b.iter().filter(|(key, _)| !a.contains_key(*key)) {
                walk(&join(path, key), None, Some(value), found);
            }
        }
        (Some(Json::Array(a)), Some(Json::Array(b))) => {
            for at in 0..a.len().max(b.len()) {
                walk(&format!("{path}[{at}]"), a.get(at), b.get(at), found);
            }
        }
        _ => found.push(Difference {
            path: if path.is_empty() { "value".to_owned() } else { path.to_owned() },
            before: before.map(|value| show(value, after)),
            after: after.map(|value| show(value, before)),
        }),
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// Shortens a value; of two long texts the part around the first difference is kept.
fn show(value: &Json, other: Option<&Json>) -> String {
    let text = value.to_string();
    let chars: Vec<char> = text.chars().collect();
    if chars.len() <= LONGEST {
        return text;
    }
    let same =
        other.map_or(0, |other| chars.iter().zip(other.to_string().chars()).take_while(|(a, b)| **a == *b).count());
    let start = same.saturating_sub(LONGEST / 3).min(chars.len() - LONGEST);
    let middle: String = chars[start..start + LONGEST].iter().collect();
    let front = if start > 0 { "…" } else { "" };
    let back = if start + LONGEST < chars.len() { "…" } else { "" };
    format!("{front}{middle}{back}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_difference_names_its_path() {
        let found = diff(&json!({"a": [1, {"b": 2}], "c": 3}), &json!({"a": [1, {"b": 4}], "d": 5}));
        let paths: Vec<&str> = found.iter().map(|one| one.path.as_str()).collect();
        assert_eq!(paths, ["a[1].b", "c", "d"]);
        assert_eq!(found[0].before.as_deref(), Some("2"));
        assert_eq!(found[1].after, None);
    }

    #[test]
    fn a_long_text_is_cut_around_the_first_difference() {
        let before = format!("{}X{}", "a".repeat(500), "b".repeat(500));
        let after = format!("{}Y{}", "a".repeat(500), "b".repeat(500));
        let found = diff(&json!(before), &json!(after));
        assert!(found[0].before.as_deref().is_some_and(|text| text.contains('X') && text.chars().count() <= 122));
        assert!(found[0].after.as_deref().is_some_and(|text| text.contains('Y')));
    }

    #[test]
    fn equal_values_have_no_difference() {
        assert!(diff(&json!({"a": 1}), &json!({"a": 1})).is_empty());
    }
}
