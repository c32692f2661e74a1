//! The file of keys: one a line, the newest last, for its owner's eyes only.
//!
//! A key is on the disk before anybody uses it, and the file is only ever replaced as a whole: a key that is lost takes
//! with it all that it sealed. Not here: which of them a store uses.

use super::cipher::KeyId;
use crate::error::StoreError;
use crate::os;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// The most bytes that such a file has: thousands of keys.
const MOST: u64 = 1 << 20;
const WORD: &str = "kitaru-key";
const HEAD: &str = "# Keys of a Kitaru store, the newest last. Whoever has them can read what they sealed, and without them nobody can:
# keep a copy apart from the store and from its backups.
";

/// A key.
#[derive(Clone)]
pub struct Key {
    /// Its name.
    pub id: KeyId,
    /// When it was made, as it is written in the file.
    pub made: String,
    /// The key itself.
    pub secret: [u8; 32],
}

impl std::fmt::Debug for Key {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(to, "Key({})", self.id)
    }
}

/// The file that the environment names.
pub fn named() -> Option<PathBuf> {
    let path = std::env::var_os("KITARU_KEYS").filter(|path| !path.is_empty()).map(PathBuf::from)?;
    // It is read again later, and by processes that work elsewhere.
    Some(std::path::absolute(&path).unwrap_or(path))
}

fn refused(path: &Path, why: impl Into<String>) -> StoreError {
    StoreError::KeyFile { path: path.display().to_string(), why: why.into() }
}

/// The keys in a file, oldest first: there is one at least.
pub fn read(path: &Path) -> Result<Vec<Key>, StoreError> {
    let told = |error: std::io::Error| {
        let way = if error.kind() == std::io::ErrorKind::NotFound { "; `kitaru keys new` makes one" } else { "" };
        refused(path, format!("{error}{way}"))
    };
    // To open a pipe would wait for whoever writes to it.
    if !fs::metadata(path).map_err(told)?.is_file() {
        return Err(refused(path, "it is no file"));
    }
    let file = File::open(path).map_err(told)?;
    // What was opened is what is looked at, whatever has that name by now.
    if os::others_may_read(&file).map_err(told)? {
        return Err(refused(path, "others may read it, so it is not used: chmod 600"));
    }
    let mut bytes = Vec::new();
    file.take(MOST + 1).read_to_end(&mut bytes).map_err(told)?;
    let text = std::str::from_utf8(&bytes).ok().filter(|_| bytes.len() as u64 <= MOST);
    let text = text.ok_or_else(|| refused(path, "it is no file of keys"))?;
    let mut keys: Vec<Key> = Vec::new();
    for (number, line) in text.lines().enumerate().map(|(at, line)| (at + 1, line.trim_ascii())) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        // Nothing of a line is ever told: it may be a key.
        let key = parse(line).ok_or_else(|| refused(path, format!("line {number} is no key, or not whole")))?;
        if keys.iter().any(|one| one.id == key.id) {
            return Err(refused(path, format!("line {number} has a key that stands there already")));
        }
        keys.push(key);
    }
    if keys.is_empty() { Err(refused(path, "it has no key; `kitaru keys new` makes one")) } else { Ok(keys) }
}

fn parse(line: &str) -> Option<Key> {
    let mut words = line.split_ascii_whitespace();
    let (word, id, made, secret) = (words.next()?, words.next()?, words.next()?, words.next()?);
    if word != WORD || words.next().is_some() || secret.len() != 64 {
        return None;
    }
    let mut bytes = [0; 32];
    for (at, byte) in bytes.iter_mut().enumerate() {
        let digits = secret.get(2 * at..2 * at + 2)?;
        *byte = u8::from_str_radix(digits, 16).ok().filter(|_| !digits.starts_with('+'))?;
    }
    let id = KeyId::parse(id)?;
    // A key that was mistyped has another name.
    (KeyId::of(&bytes) == id).then(|| Key { id, made: made.to_owned(), secret: bytes })
}

fn line(key: &Key) -> String {
    let digits: String = key.secret.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{WORD} {} {} {digits}\n", key.id, key.made)
}

/// Makes a key and puts it into the file, which is made if it is not there. `made`: the day, as it is to be shown.
pub fn make(path: &Path, made: &str) -> Result<Key, StoreError> {
    let told = |error: std::io::Error| refused(path, error.to_string());
    let whole = std::path::absolute(path).map_err(told)?;
    // A link stays one.
    let whole = if whole.exists() { whole.canonicalize().map_err(told)? } else { whole };
    let folder = whole.parent().unwrap_or(&whole).to_owned();
    fs::create_dir_all(&folder).map_err(told)?;
    // Two that make a key at once would each leave the other's out.
    let mut lock = whole.as_os_str().to_owned();
    lock.push(".lock");
    let lock = os::private_file(Path::new(&lock)).map_err(told)?;
    lock.lock().map_err(told)?;
    let mut keys = if whole.exists() { read(&whole)? } else { Vec::new() };
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(|error| refused(path, error.to_string()))?;
    let key = Key { id: KeyId::of(&secret), made: made.to_owned(), secret };
    keys.push(key.clone());
    let text: String = std::iter::once(HEAD.to_owned()).chain(keys.iter().map(line)).collect();
    let mut beside = whole.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    let mut file = os::private_file(&beside).map_err(told)?;
    file.set_len(0).map_err(told)?;
    file.write_all(text.as_bytes()).map_err(told)?;
    file.sync_all().map_err(told)?;
    fs::rename(&beside, &whole).map_err(told)?;
    os::sync_folder(&folder).map_err(told)?;
    // What is read back is what others will find.
    match read(&whole)?.last() {
        Some(last) if last.id == key.id => Ok(key),
        _ => Err(refused(path, "it was changed while a key was put into it; nothing uses the new key")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn keys_are_read_as_they_were_made_the_newest_last() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("keys");
        let first = make(&path, "2026-11-30").unwrap();
        let second = make(&path, "2026-12-01").unwrap();
        let found = read(&path).unwrap();
        assert_eq!(found.iter().map(|key| key.id).collect::<Vec<_>>(), [first.id, second.id]);
        assert_eq!(found[1].secret, second.secret);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn keys_that_are_made_at_once_are_all_there() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("keys");
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| make(&path, "2026-11-30").unwrap());
            }
        });
        assert_eq!(read(&path).unwrap().len(), 8);
    }

    #[test]
    fn what_cannot_be_used_is_refused_and_nothing_of_it_is_told() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("keys");
        assert!(read(&path).unwrap_err().to_string().contains("keys new"));
        let good = line(&make(&path, "2026-11-30").unwrap());
        let secret = good.split(' ').nth(3).unwrap().trim();
        let digits = if secret.starts_with('0') { "1" } else { "0" };
        let wrong = good.replace(secret, &format!("{digits}{}", &secret[1..]));
        for text in ["", "# nothing\n", &wrong, &good[..60], &format!("{good}{good}"), &format!("{secret}\n"), "\u{0}"]
        {
            fs::write(&path, text).unwrap();
            let error = read(&path).unwrap_err();
            assert_eq!(error.code(), "key-file", "{text:?}");
            assert!(!error.to_string().contains(&secret[1..9]), "{error}");
        }
        fs::write(&path, &good).unwrap();
        read(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("others may read it"));
        assert_eq!(read(home.path()).unwrap_err().code(), "key-file");
    }
}
