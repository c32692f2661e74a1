//! Values on the command line: `NAME=VALUE`, where VALUE is JSON where it parses and else a text, or stands in a file.
//!
//! Not here: what they are for.

use kitaru_engine::manage::{self, ManageError};
use serde_json::Value as Json;

type Result<T> = std::result::Result<T, ManageError>;

/// The pairs of an option that may be given several times, such as `--input`.
pub fn pairs(option: &str, given: &[String]) -> Result<Vec<(String, Json)>> {
    let read = |pair: &String| {
        let (name, text) = split(option, "VALUE", pair)?;
        Ok((name.to_owned(), value(&format!("{option} {name}"), text)?))
    };
    given.iter().map(read).collect()
}

/// The same for an option that names files.
pub fn files(option: &str, given: &[String]) -> Result<Vec<(String, Json)>> {
    let read = |pair: &String| {
        let (name, path) = split(option, "FILE", pair)?;
        let text = std::fs::read_to_string(path).map_err(|error| {
            ManageError::new("usage", format!("{option} {name}: {path} cannot be read: {error}"), None)
        })?;
        Ok((name.to_owned(), value(&format!("{option} {name}"), text.trim_end_matches('\n'))?))
    };
    given.iter().map(read).collect()
}

fn split<'a>(option: &str, what: &str, pair: &'a str) -> Result<(&'a str, &'a str)> {
    let found = pair.split_once('=').filter(|(name, _)| !name.is_empty());
    let name = if option == "--input" { "NAME" } else { "PATH" };
    found.ok_or_else(|| ManageError::new("usage", format!("{option} {pair:?} is not {name}={what}"), None))
}

/// What parses as JSON is JSON, everything else is a text.
fn value(place: &str, text: &str) -> Result<Json> {
    if serde_json::from_str::<Json>(text).is_err() {
        return Ok(Json::String(text.to_owned()));
    }
    manage::exact(text).map_err(|why| ManageError::new("bad-json", format!("{place}: {why}"), None))
}
