//! Whose value a call was given: recorded outputs, or parts of them, found again in recorded inputs.
//!
//! It explains, and decides nothing: two calls may return the same text.

use crate::path::{self, Step};
use crate::value::Value;
use serde_json::Value as Json;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Longer texts are not looked into.
const LONGEST: u64 = 1 << 20;

/// See the module. Values are added in the order in which they came.
#[derive(Debug, Default)]
pub struct Feeds {
    by: HashMap<u64, (usize, String)>,
    added: usize,
}

impl Feeds {
    /// Adds what `from` returned.
    pub fn add(&mut self, value: &Value, from: &str) {
        self.add_part(value, &[], from);
    }

    /// Adds what stands at a path of a value.
    pub fn add_part(&mut self, value: &Value, path: &[Step], from: &str) {
        self.added += 1;
        let Some(json) = read(value) else { return };
        let Ok(part) = path::get(&json, path) else { return };
        visit(part, &mut |hash| {
            self.by.insert(hash, (self.added, from.to_owned()));
        });
    }

    /// Whose value stands in these inputs; of several, the latest added.
    pub fn find(&self, inputs: &Value) -> Option<String> {
        if self.by.is_empty() {
            return None;
        }
        let mut found: Option<&(usize, String)> = None;
        visit(&read(inputs)?, &mut |hash| {
            let one = self.by.get(&hash);
            if one.map(|(at, _)| at) > found.map(|(at, _)| at) {
                found = one;
            }
        });
        found.map(|(_, from)| from.clone())
    }
}

fn read(value: &Value) -> Option<Json> {
    if value.len() > LONGEST {
        return None;
    }
    serde_json::from_str(value.inline()?).ok()
}

/// Calls `each` for every part that can hardly be there by chance, and returns the hash of the whole.
fn visit(json: &Json, each: &mut impl FnMut(u64)) -> u64 {
    let mut hash = DefaultHasher::new();
    let mut tells = false;
    match json {
        Json::Null => 0_u8.hash(&mut hash),
        Json::Bool(value) => (1_u8, value).hash(&mut hash),
        Json::Number(number) => {
            (2_u8, number).hash(&mut hash);
            tells = number.as_i64().is_none_or(|number| number.abs() > 99);
        }
        Json::String(text) => {
            (3_u8, text).hash(&mut hash);
            tells = text.len() > 2;
        }
        Json::Array(items) => {
            4_u8.hash(&mut hash);
            tells = !items.is_empty();
            for item in items {
                visit(item, each).hash(&mut hash);
            }
        }
        Json::Object(fields) => {
            5_u8.hash(&mut hash);
            tells = !fields.is_empty();
            for (name, field) in fields {
                name.hash(&mut hash);
                visit(field, each).hash(&mut hash);
            }
        }
    }
    let hash = hash.finish();
    if tells {
        each(hash);
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn value(json: &Json) -> Value {
        Value::of(json).expect("JSON")
    }

    #[test]
    fn a_part_of_an_output_is_found_in_inputs() {
        let mut feeds = Feeds::default();
        feeds.add(&value(&json!([{ "title": "First" }, { "title": "Second" }])), "search");
        feeds.add(&value(&json!("a summary")), "summarise");
        assert_eq!(feeds.find(&value(&json!({ "source": { "title": "Second" } }))).as_deref(), Some("search"));
        let both = json!({ "title": "First", "text": "a summary" });
        assert_eq!(feeds.find(&value(&both)).as_deref(), Some("summarise"));
        assert_eq!(feeds.find(&value(&json!({ "n": 1, "deep": true, "x": "" }))), None);
    }
}
