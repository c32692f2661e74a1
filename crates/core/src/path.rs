//! Paths into recorded values, as people write them: `messages[3].text`. Read, followed, and a value put at their end.
//!
//! A recorded value carries tags for what JSON has no kind for; a path goes through them as if they were not there.
//! Not here: what a path's first word names ([`crate::selector`]) and what a value means (Python's codecs).

use serde_json::Value as Json;
use std::fmt;

/// The mark of a tagged value, and where its inside stands. The codecs of the Python package write the same.
pub const TAG: &str = "$kitaru";
/// See [`TAG`].
pub const INSIDE: &str = "v";

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Into an object.
    Field(String),
    /// Into a list.
    Index(usize),
}

/// Why a path leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathError {
    /// It is no path.
    Malformed(String),
    /// Nothing stands there. Holds how far it led, and what could be named instead.
    Nothing {
        /// The part that leads nowhere.
        at: String,
        /// Fields that are there, or what is.
        there: String,
    },
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(path) => write!(f, "{path:?} is no path: it looks like topic, messages[3].text"),
            Self::Nothing { at, there } => write!(f, "there is no {at}; there is: {there}"),
        }
    }
}

impl std::error::Error for PathError {}

/// Reads `a.b[3].c`.
pub fn parse(text: &str) -> Result<Vec<Step>, PathError> {
    let malformed = || PathError::Malformed(text.to_owned());
    let mut steps = Vec::new();
    for part in text.split('.') {
        let (name, mut rest) = part.find('[').map_or((part, ""), |at| part.split_at(at));
        match name {
            "" if rest.is_empty() || !steps.is_empty() => return Err(malformed()),
            "" => {}
            name => steps.push(Step::Field(name.to_owned())),
        }
        while !rest.is_empty() {
            let inside = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')).ok_or_else(malformed)?;
            steps.push(Step::Index(inside.0.parse().map_err(|_| malformed())?));
            rest = inside.1;
        }
    }
    Ok(steps)
}

/// What stands at the end of a path.
pub fn get<'a>(root: &'a Json, path: &[Step]) -> Result<&'a Json, PathError> {
    let mut at = root;
    for (depth, step) in path.iter().enumerate() {
        let inside = untagged(at);
        let found = match step {
            Step::Field(name) => inside.get(name),
            Step::Index(place) => inside.get(place),
        };
        at = found.ok_or_else(|| nothing(path, depth, inside))?;
    }
    Ok(at)
}

/// Puts `value` at the end of a path. All but a new field of a plain object below the first step must be there.
pub fn set(root: &mut Json, path: &[Step], value: Json) -> Result<(), PathError> {
    let mut at = root;
    for (depth, step) in path.iter().enumerate() {
        let is_last = depth + 1 == path.len();
        let tagged = at.get(TAG).is_some();
        let inside = untagged_mut(at);
        let error = nothing(path, depth, inside);
        if let (Step::Field(name), true, false, true, Json::Object(fields)) =
            (step, is_last, tagged, depth > 0, &mut *inside)
        {
            fields.insert(name.clone(), value);
            return Ok(());
        }
        at = match step {
            Step::Field(name) => inside.get_mut(name),
            Step::Index(place) => inside.get_mut(place),
        }
        .ok_or(error)?;
    }
    *at = value;
    Ok(())
}

fn is_tagged(value: &Json) -> bool {
    value.get(TAG).is_some() && value.get(INSIDE).is_some()
}

fn untagged(mut value: &Json) -> &Json {
    while is_tagged(value) {
        value = &value[INSIDE];
    }
    value
}

fn untagged_mut(mut value: &mut Json) -> &mut Json {
    while is_tagged(value) {
        value = &mut value[INSIDE];
    }
    value
}

fn nothing(path: &[Step], depth: usize, there: &Json) -> PathError {
    let there = match there {
        Json::Object(fields) if fields.is_empty() => "nothing".to_owned(),
        Json::Object(fields) => fields.keys().take(20).map(String::as_str).collect::<Vec<_>>().join(", "),
        Json::Array(items) => format!("a list of {}", items.len()),
        Json::String(_) => "a text".to_owned(),
        other => other.to_string(),
    };
    PathError::Nothing { at: printed(&path[..=depth]), there }
}

/// A path as it is written.
pub fn printed(path: &[Step]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Field(name) if text.is_empty() => text.push_str(name),
            Step::Field(name) => text.push_str(&format!(".{name}")),
            Step::Index(place) => text.push_str(&format!("[{place}]")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn put(root: &Json, path: &str, value: Json) -> Result<Json, String> {
        let mut root = root.clone();
        let path = parse(path).map_err(|error| error.to_string())?;
        set(&mut root, &path, value).map_err(|error| error.to_string())?;
        Ok(root)
    }

    #[test]
    fn a_path_is_read_and_printed_alike() {
        for text in ["topic", "messages[3].text", "a.b.c", "grid[1][2]"] {
            assert_eq!(parse(text).map(|path| printed(&path)), Ok(text.to_owned()));
        }
        for text in ["", ".", "a..b", "a[", "a[x]", "a[1]b", "a."] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_value_is_put_through_tags() {
        let root = json!({ "config": { "$kitaru": "dataclass", "type": "app.Config", "v": { "model": "a" } }, "n": 1 });
        assert_eq!(
            put(&root, "config.model", json!("b")).map(|root| root["config"]["v"]["model"].clone()),
            Ok(json!("b"))
        );
        assert!(put(&root, "config.other", json!(1)).is_err(), "a class has the fields it has");
    }

    #[test]
    fn what_is_not_there_is_named_with_what_is() {
        let root = json!({ "messages": [1, 2], "extra": {} });
        assert_eq!(put(&root, "topic", json!(1)), Err("there is no topic; there is: messages, extra".to_owned()));
        assert_eq!(
            put(&root, "messages[2]", json!(1)),
            Err("there is no messages[2]; there is: a list of 2".to_owned())
        );
        assert_eq!(put(&root, "extra.new", json!(1)).map(|root| root["extra"].clone()), Ok(json!({ "new": 1 })));
    }
}
