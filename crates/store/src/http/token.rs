//! The token that a server is shown: from the environment, or from a file that nobody else may read.
//!
//! No error here holds anything of a token. Not here: to whom it is sent (`link`).

use crate::error::StoreError;
use crate::os;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

/// The most bytes that a file with a token has.
const MOST: u64 = 4096;

/// The token of that file, else of `KITARU_TOKEN` or of the file in `KITARU_TOKEN_FILE`; `None`: there is none.
pub fn token(file: Option<&Path>) -> Result<Option<String>, StoreError> {
    if let Some(file) = file {
        return of_file(file).map(Some);
    }
    // A path need not be text.
    let named = std::env::var_os("KITARU_TOKEN_FILE").filter(|path| !path.is_empty());
    match (std::env::var("KITARU_TOKEN").ok().filter(|text| !text.is_empty()), named) {
        (Some(_), Some(_)) => Err(StoreError::Setting(
            "KITARU_TOKEN and KITARU_TOKEN_FILE are both set, and only one can be meant: unset the other".to_owned(),
        )),
        (Some(token), None) if is_word(&token) => Ok(Some(token)),
        (Some(_), None) => Err(StoreError::Setting(format!("KITARU_TOKEN: {WORD}"))),
        (None, Some(file)) => of_file(Path::new(&file)).map(Some),
        (None, None) => Ok(None),
    }
}

const WORD: &str = "a token is one word of visible ASCII characters";

fn is_word(token: &str) -> bool {
    !token.is_empty() && token.bytes().all(|one| one.is_ascii_graphic())
}

fn of_file(path: &Path) -> Result<String, StoreError> {
    let refused = |why: String| StoreError::TokenFile { path: path.display().to_string(), why };
    let told = |error: std::io::Error| refused(error.to_string());
    // To open a pipe would wait for whoever writes to it.
    if !fs::metadata(path).map_err(told)?.is_file() {
        return Err(refused("it is no file".to_owned()));
    }
    let file = File::open(path).map_err(told)?;
    // What was opened is what is looked at, whatever has that name by now.
    if os::others_may_read(&file).map_err(told)? {
        return Err(refused("others may read it, so it is not used".to_owned()));
    }
    let mut bytes = Vec::new();
    file.take(MOST + 1).read_to_end(&mut bytes).map_err(told)?;
    let text = std::str::from_utf8(&bytes).ok().filter(|_| bytes.len() as u64 <= MOST).map(str::trim_ascii);
    match text {
        Some("") => Err(refused("it is empty".to_owned())),
        Some(token) if is_word(token) => Ok(token.to_owned()),
        _ => Err(refused(format!("{WORD}, and it holds something else"))),
    }
}
