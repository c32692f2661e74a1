//! Values that are sealed before a database sees them: once for all backends that keep rows.
//!
//! Who opens the store has the keys, in a file; the store has a record that says which of them it uses, and what it needs
//! to find large values by their content. `place` binds a value to where it stands, `cipher` is one key at work, `keys` the
//! file. Not here: statements, and where the record is kept (each backend's `seal`).

mod cipher;
pub mod keys;
pub mod named;
mod place;
pub mod rows;

use crate::error::StoreError;
use crate::keyring::InUse;
pub use cipher::KeyId;
use cipher::{Cipher, key_of};
use keys::Key;
use kitaru_core::Digest;
pub use place::{Place, SEALED, Sealed};
use std::borrow::Cow;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

/// What the store says of its keys, in plain and sealed by the newest of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// All by which anything in it may be sealed, oldest first. The last writes.
    pub keys: Vec<KeyId>,
    /// [`Inner`], sealed.
    pub state: Vec<u8>,
}

impl Record {
    /// The names of the keys, as a column.
    pub fn names(&self) -> String {
        self.keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }

    /// A record as it was kept; `None`: it is none.
    pub fn of(names: &str, state: Vec<u8>) -> Option<Self> {
        let keys: Vec<KeyId> = names.split(' ').map(KeyId::parse).collect::<Option<_>>()?;
        (!keys.is_empty()).then_some(Self { keys, state })
    }
}

/// What only the keys open.
#[derive(Clone)]
struct Inner {
    /// Names the store: what another has sealed opens in none of its places.
    store: [u8; 16],
    /// By which large values are found: it stays when keys change, so that what is kept is found.
    address: [u8; 32],
    /// Nothing in it is plain any more, and what is plain is not believed.
    all: bool,
}

const INNER: u8 = 1;

impl Inner {
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![INNER, u8::from(self.all)];
        bytes.extend_from_slice(&self.store);
        bytes.extend_from_slice(&self.address);
        bytes
    }

    fn of(bytes: &[u8]) -> Option<Self> {
        let (head, rest) = bytes.split_at_checked(2)?;
        let (store, address) = rest.split_at_checked(16)?;
        let all = match head {
            [INNER, 0] => false,
            [INNER, 1] => true,
            _ => return None,
        };
        Some(Self { store: store.try_into().ok()?, address: address.try_into().ok()?, all })
    }
}

/// The store's keys as they are at a moment.
pub struct State {
    record: Record,
    writes: KeyId,
    ciphers: HashMap<KeyId, Cipher>,
    inner: Inner,
}

/// A text as it goes into a column.
#[derive(Debug, PartialEq, Eq)]
pub enum Kept<'a> {
    /// As it is.
    Plain(&'a str),
    /// Sealed.
    Sealed(Vec<u8>),
}

/// A text as it was found in a column.
#[derive(Clone, Copy)]
pub enum Found<'a> {
    /// As it is.
    Plain(&'a str),
    /// Sealed.
    Sealed(&'a [u8]),
}

/// See the module. A store that is not sealed has one too, which changes nothing.
pub struct Seal {
    /// The store, for messages.
    path: String,
    file: Option<PathBuf>,
    state: RwLock<Option<Arc<State>>>,
}

/// The keys at one moment: what one transaction, or one value, is written with. `None`: the store is plain.
#[derive(Clone)]
pub struct Sealing<'a> {
    seal: &'a Seal,
    state: Option<Arc<State>>,
}

impl Seal {
    /// Of the store at `path`, with the keys in that file. What the store needs is told by [`Self::follow`].
    pub fn new(path: String, file: Option<PathBuf>) -> Self {
        Self { path, file, state: RwLock::new(None) }
    }

    /// As things are now.
    pub fn now(&self) -> Sealing<'_> {
        Sealing { seal: self, state: self.state.read().unwrap_or_else(PoisonError::into_inner).clone() }
    }

    /// Whether keys were given.
    pub fn has_keys(&self) -> bool {
        self.file.is_some()
    }

    /// The file of keys.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// The store's record is this one: refuses where a key is missing that anything in it may be sealed by.
    pub fn follow(&self, record: Option<Record>) -> Result<(), StoreError> {
        let known = self.now().state;
        let Some(record) = record else {
            return match known {
                None => Ok(()),
                Some(_) => Err(self.damaged("its record of keys is gone".to_owned())),
            };
        };
        if known.is_some_and(|known| known.record == record) {
            return Ok(());
        }
        let state = self.state_of(record)?;
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(state));
        Ok(())
    }

    fn state_of(&self, record: Record) -> Result<State, StoreError> {
        let named = record.names().replace(' ', " and ");
        let Some(file) = &self.file else {
            return Err(self.sealed(format!("with {named}, and KITARU_KEYS is not set: name the file that has it")));
        };
        let keys = keys::read(file)?;
        let missing: Vec<String> =
            record.keys.iter().filter(|id| !keys.iter().any(|key| key.id == **id)).map(ToString::to_string).collect();
        if !missing.is_empty() {
            let (missing, file) = (missing.join(" and "), file.display());
            return Err(self.sealed(format!("with {named}, and {file} has no {missing}: name the file that has it")));
        }
        let writes = *record.keys.last().ok_or_else(|| self.damaged("its record of keys has none".to_owned()))?;
        let inner = keys
            .iter()
            .find(|key| key.id == writes)
            .and_then(|key| recorder(key).open(&place(&record.keys), &record.state))
            .and_then(|bytes| Inner::of(&bytes))
            .ok_or_else(|| self.damaged("its record of keys is not what it was".to_owned()))?;
        let ciphers = keys.iter().map(|key| (key.id, Cipher::new(&key.secret, &inner.store))).collect();
        Ok(State { record, writes, ciphers, inner })
    }

    fn newest(&self) -> Result<Key, StoreError> {
        let file = self.file.as_deref().ok_or_else(|| {
            StoreError::Setting(
                "KITARU_KEYS is not set: it names the file of keys (`kitaru keys new --file FILE`)".to_owned(),
            )
        })?;
        let last = keys::read(file)?.pop();
        last.ok_or_else(|| StoreError::KeyFile { path: file.display().to_string(), why: "it has no key".to_owned() })
    }

    /// A record for a store that had none, by the newest key of the file. `all`: there is nothing in it yet.
    pub fn begin(&self, all: bool) -> Result<Record, StoreError> {
        let key = self.newest()?;
        let mut drawn = [0; 48];
        getrandom::fill(&mut drawn)
            .map_err(|error| StoreError::Io { path: self.path.clone(), why: error.to_string() })?;
        let (mut store, mut address) = ([0; 16], [0; 32]);
        store.copy_from_slice(&drawn[..16]);
        address.copy_from_slice(&drawn[16..]);
        Ok(recorded(&key, vec![key.id], &Inner { store, address, all }))
    }

    /// The record by which the newest key of the file writes from now on; `None`: it does already.
    pub fn rotated(&self) -> Result<Option<Record>, StoreError> {
        let state = self.now().state.ok_or_else(|| self.plain())?;
        let key = self.newest()?;
        if key.id == state.writes {
            return Ok(None);
        }
        let mut ids = state.record.keys.clone();
        ids.retain(|id| *id != key.id);
        ids.push(key.id);
        Ok(Some(recorded(&key, ids, &state.inner)))
    }

    /// The record that says that all is sealed by the key that writes; `None`: it says so already.
    pub fn finished(&self) -> Result<Option<Record>, StoreError> {
        let state = self.now().state.ok_or_else(|| self.plain())?;
        if state.inner.all && state.record.keys.len() == 1 {
            return Ok(None);
        }
        let file = self.file.as_deref().ok_or_else(|| self.plain())?;
        let key = keys::read(file)?.into_iter().find(|key| key.id == state.writes);
        let key =
            key.ok_or_else(|| self.sealed(format!("with {}, which {} no longer has", state.writes, file.display())))?;
        Ok(Some(recorded(&key, vec![key.id], &Inner { all: true, ..state.inner.clone() })))
    }

    fn plain(&self) -> StoreError {
        StoreError::Setting(format!("the store at {} is not sealed: open it once with KITARU_KEYS", self.path))
    }

    fn damaged(&self, why: String) -> StoreError {
        StoreError::Damaged { path: self.path.clone(), why }
    }

    fn sealed(&self, how: String) -> StoreError {
        StoreError::Sealed { path: self.path.clone(), how }
    }
}

fn recorder(key: &Key) -> Cipher {
    Cipher::new(&key.secret, b"record")
}

fn place(ids: &[KeyId]) -> Place {
    ids.iter().fold(Place::of("sealing.state"), |place, id| place.text(&id.to_string()))
}

fn recorded(key: &Key, keys: Vec<KeyId>, inner: &Inner) -> Record {
    let state = recorder(key).seal(&place(&keys), &inner.bytes());
    Record { keys, state }
}

impl Sealing<'_> {
    /// The key that writes; `None`: the store is plain.
    pub fn writes(&self) -> Option<KeyId> {
        self.state.as_ref().map(|state| state.writes)
    }

    /// The keys by which anything may be sealed.
    pub fn in_use(&self) -> InUse {
        let Some(state) = &self.state else { return InUse::default() };
        let mut before: Vec<String> = state.record.keys.iter().map(ToString::to_string).collect();
        InUse { writes: before.pop(), before, plain: !state.inner.all }
    }

    /// The names of the keys, as the record has them; empty: the store is plain.
    pub fn names(&self) -> String {
        self.state.as_ref().map(|state| state.record.names()).unwrap_or_default()
    }

    /// In a few words.
    pub fn told(&self) -> String {
        let Some(state) = self.state.as_deref() else { return "no".to_owned() };
        let others = state.record.keys.len() - 1;
        match (state.inner.all, others) {
            (true, 0) => format!("by {}", state.writes),
            (true, _) => format!("by {}, and some by {others} before it", state.writes),
            (false, _) => format!("by {}, and some is plain", state.writes),
        }
    }

    /// Whether something may be plain that should be sealed.
    pub fn has_plain(&self) -> bool {
        self.state.as_ref().is_some_and(|state| !state.inner.all)
    }

    /// What stands for a digest of a `kind` of thing, where the database sees it: the digest of a short text tells it.
    pub fn address(&self, kind: &str, digest: Digest) -> Digest {
        let Some(state) = &self.state else { return digest };
        let mut hash = blake3::Hasher::new_keyed(&state.inner.address);
        hash.update(kind.as_bytes()).update(&[0]).update(&digest.0);
        Digest(*hash.finalize().as_bytes())
    }

    /// A text for its column.
    pub fn text<'a>(&self, place: impl FnOnce() -> Place, text: &'a str) -> Kept<'a> {
        match self.state.as_deref() {
            None => Kept::Plain(text),
            Some(state) => Kept::Sealed(state.sealed(&place(), text.as_bytes())),
        }
    }

    /// Bytes for their column, and the key that sealed them.
    pub fn bytes<'a>(&self, place: impl FnOnce() -> Place, bytes: Cow<'a, [u8]>) -> (Cow<'a, [u8]>, Option<KeyId>) {
        match self.state.as_deref() {
            None => (bytes, None),
            Some(state) => (Cow::Owned(state.sealed(&place(), &bytes)), Some(state.writes)),
        }
    }

    /// A text of a column.
    pub fn open<'a>(&self, place: impl FnOnce() -> Place, found: Found<'a>) -> Result<Cow<'a, str>, StoreError> {
        match found {
            Found::Plain(text) => self.plain(text.into(), place),
            Found::Sealed(whole) => {
                let bytes = self.opened(&place(), whole)?;
                let text = String::from_utf8(bytes);
                text.map(Cow::Owned).map_err(|_| self.seal.damaged("a sealed value is no text".to_owned()))
            }
        }
    }

    /// Bytes of a column. `sealed`: the row says that they are.
    pub fn open_bytes(
        &self,
        place: impl FnOnce() -> Place,
        sealed: bool,
        bytes: Vec<u8>,
    ) -> Result<Vec<u8>, StoreError> {
        if sealed {
            return self.opened(&place(), &bytes);
        }
        self.plain(Cow::<[u8]>::Owned(bytes), place).map(Cow::into_owned)
    }

    fn plain<T>(&self, found: T, place: impl FnOnce() -> Place) -> Result<T, StoreError> {
        match self.state.as_deref() {
            Some(state) if state.inner.all => {
                let place = place();
                let column = place.as_bytes().split(|byte| *byte == 0).next().unwrap_or_default();
                let column = String::from_utf8_lossy(column);
                Err(self.seal.damaged(format!("a value in {column} is not sealed, and all are in this store")))
            }
            _ => Ok(found),
        }
    }

    fn opened(&self, place: &Place, whole: &[u8]) -> Result<Vec<u8>, StoreError> {
        let damaged = || {
            let column = place.as_bytes().split(|byte| *byte == 0).next().unwrap_or_default();
            let column = String::from_utf8_lossy(column);
            self.seal.damaged(format!("a sealed value in {column} is not what was sealed for its place"))
        };
        let id = key_of(whole).ok_or_else(damaged)?;
        // Another key than those that were known: the caller looks at the record again.
        let cipher = self.state.as_deref().and_then(|state| state.ciphers.get(&id));
        let cipher = cipher.ok_or_else(|| self.seal.sealed(format!("with {id}, which is not known here")))?;
        cipher.open(place, whole).ok_or_else(damaged)
    }
}

impl State {
    fn sealed(&self, place: &Place, bytes: &[u8]) -> Vec<u8> {
        // The key that writes is one of the file's: it was looked for when the record was read.
        self.ciphers.get(&self.writes).map(|cipher| cipher.seal(place, bytes)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
