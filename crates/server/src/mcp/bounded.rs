//! How large a result may be, whatever stands in the store: long texts and lists are cut, and say so.
//!
//! A cut value says how much there is and how to read on. Not here: which tool reads on (each says it).

use super::told::Told;
use serde_json::{Value, json};

/// How many characters of JSON a result has at the most, nearly.
pub const MOST: usize = 24_000;

/// How many characters of a value are shown where it is one of several.
pub const SOME: usize = 2_000;

/// How many characters are read at a time where a value is read alone.
pub const PART: usize = 16_000;

/// A value if it is small, else its beginning and how to read on.
pub fn begin(value: Value, most: usize, read_on: &str) -> Value {
    let text = value.to_string();
    if text.len() <= most {
        return value;
    }
    let whole = match value {
        Value::String(text) => text,
        _ => text,
    };
    json!({
        "cut": true,
        "characters": whole.chars().count(),
        "begins": whole.chars().take(most).collect::<String>(),
        "read_on": read_on,
    })
}

/// A part of a text from a character on, of at most so many bytes of JSON.
pub fn part(text: &str, offset: usize, most: usize) -> Value {
    let (mut shown, mut size, mut upto) = (String::new(), 0, offset);
    let mut rest = text.chars().skip(offset);
    for one in rest.by_ref() {
        size += match one {
            '"' | '\\' => 2,
            one if one.is_ascii_control() => 6,
            one => one.len_utf8(),
        };
        if size > most && !shown.is_empty() {
            // This one is the first of the next part.
            let left = 1 + rest.count();
            return json!({ "offset": offset, "characters": upto + left, "text": shown, "next_offset": upto });
        }
        shown.push(one);
        upto += 1;
    }
    let all = if shown.is_empty() { text.chars().count() } else { upto };
    json!({ "offset": offset, "characters": all, "text": shown, "next_offset": null })
}

/// A page of a list that ends where it would be too large.
#[derive(Default)]
pub struct Pile {
    /// What it holds.
    pub items: Vec<Value>,
    size: usize,
}

impl Pile {
    /// Takes one more; `false`: there is no room for it. The first always has room.
    pub fn take(&mut self, item: Value) -> bool {
        let size = item.to_string().len();
        if !self.items.is_empty() && self.size + size > MOST * 3 / 4 {
            return false;
        }
        self.size += size;
        self.items.push(item);
        true
    }
}

/// Cuts whatever a tool left too large, the longest first.
pub fn bounded(mut told: Told) -> Told {
    for (texts, items) in [(PART + 4_000, 1_000), (4_000, 200), (1_000, 100), (250, 50), (60, 20)] {
        if told.data.to_string().len() <= MOST {
            return told;
        }
        cut(&mut told.data, texts, items);
    }
    let text = told.data.to_string();
    if text.len() > MOST {
        let begins: String = text.chars().take(MOST / 2).collect();
        told.data = json!({ "cut": true, "characters": text.chars().count(), "begins": begins });
    }
    told
}

fn cut(value: &mut Value, texts: usize, items: usize) {
    match value {
        Value::String(text) if text.len() > texts => {
            let all = text.chars().count();
            if all > texts {
                let begins: String = text.chars().take(texts).collect();
                *text = format!("{begins}… [cut: {all} characters in all]");
            }
        }
        Value::Array(list) => {
            let all = list.len();
            if all > items {
                list.truncate(items);
                list.push(json!({ "cut": true, "items": all }));
            }
            list.iter_mut().for_each(|one| cut(one, texts, items));
        }
        Value::Object(fields) => fields.values_mut().for_each(|one| cut(one, texts, items)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_it_is_it_ends_up_small_and_says_so() {
        let wide: serde_json::Map<String, Value> = (0..9_000).map(|n| (format!("field {n}"), n.into())).collect();
        let deep = (0..100).fold(json!("x".repeat(100_000)), |inner, _| json!([inner, "y".repeat(3_000)]));
        for data in [json!("z".repeat(5_000_000)), json!(vec![0; 100_000]), json!(wide), deep] {
            let told = bounded(Told::new("", data));
            let text = told.data.to_string();
            assert!(text.len() <= MOST * 2, "{}", text.len());
            assert!(text.contains("cut"), "{text:.200}");
        }
        let small = json!({ "a": [1, "b"] });
        assert_eq!(bounded(Told::new("", small.clone())).data, small);
    }

    #[test]
    fn parts_are_by_character_and_join_to_the_whole() {
        let text = "äöü€𝄞".repeat(1_000);
        let (mut joined, mut offset) = (String::new(), 0);
        loop {
            let one = part(&text, offset, 333);
            joined.push_str(one["text"].as_str().unwrap_or_default());
            match one["next_offset"].as_u64() {
                Some(next) => offset = usize::try_from(next).unwrap_or(usize::MAX),
                None => break,
            }
        }
        assert_eq!(joined, text);
        assert_eq!(part(&text, usize::MAX, 5)["text"], "");
    }
}
