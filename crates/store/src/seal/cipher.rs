//! One key of a store at work: sealing bytes for a place, and opening them there.
//!
//! What is sealed says by which key, so that keys can be changed one value after the other. Its nonce is a keyed hash of
//! what is sealed and where: the same text at the same place is the same bytes, which AES-GCM-SIV allows for. Not here:
//! which key is used (`super`), and files of keys (`super::keys`).

use super::place::Place;
use aes_gcm_siv::aead::{Aead, KeyInit, Payload};
use aes_gcm_siv::{Aes256GcmSiv, Nonce};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The first byte of whatever is sealed.
const FORM: u8 = 1;
const ID: usize = 8;
const NONCE: usize = 12;
const TAG: usize = 16;
/// Bytes before what is sealed: the form, the key's name.
pub const HEAD: usize = 1 + ID;

/// The name of a key: made of the key itself, so that a wrong key never has the name of the right one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct KeyId([u8; ID]);

impl KeyId {
    /// The name of that key.
    pub fn of(secret: &[u8; 32]) -> Self {
        let whole = blake3::derive_key("kitaru 2026-11 name of a key", secret);
        let mut id = [0; ID];
        id.copy_from_slice(&whole[..ID]);
        Self(id)
    }

    /// A name as it is shown.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 2 * ID || !text.bytes().all(|one| matches!(one, b'0'..=b'9' | b'a'..=b'f')) {
            return None;
        }
        u64::from_str_radix(text, 16).ok().map(|number| Self(number.to_be_bytes()))
    }

    /// What is sealed by it begins with these bytes.
    pub fn head(self) -> [u8; HEAD] {
        let mut head = [FORM; HEAD];
        head[1..].copy_from_slice(&self.0);
        head
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{:016x}", u64::from_be_bytes(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, to)
    }
}

/// See the module.
pub struct Cipher {
    id: KeyId,
    aes: Aes256GcmSiv,
    nonces: [u8; 32],
}

impl Cipher {
    /// What is made of a key for a use of it, such as one store.
    pub fn new(secret: &[u8; 32], of: &[u8]) -> Self {
        let made = |what: &str| {
            let mut hash = blake3::Hasher::new_derive_key(what);
            hash.update(secret).update(of);
            *hash.finalize().as_bytes()
        };
        let key = made("kitaru 2026-11 sealing of values");
        Self { id: KeyId::of(secret), aes: Aes256GcmSiv::new(&key.into()), nonces: made("kitaru 2026-11 nonces") }
    }

    /// Seals bytes for a place.
    pub fn seal(&self, place: &Place, bytes: &[u8]) -> Vec<u8> {
        let mut hash = blake3::Hasher::new_keyed(&self.nonces);
        hash.update(&(place.as_bytes().len() as u64).to_le_bytes()).update(place.as_bytes()).update(bytes);
        let mut nonce = [0; NONCE];
        nonce.copy_from_slice(&hash.finalize().as_bytes()[..NONCE]);
        let payload = Payload { msg: bytes, aad: place.as_bytes() };
        // It refuses what is longer than 64 GiB, which no value is.
        let sealed = self.aes.encrypt(&Nonce::from(nonce), payload).unwrap_or_default();
        let mut whole = Vec::with_capacity(HEAD + NONCE + sealed.len());
        whole.extend_from_slice(&self.id.head());
        whole.extend_from_slice(&nonce);
        whole.extend_from_slice(&sealed);
        whole
    }

    /// Opens what was sealed for a place; `None`: it was not, or is damaged.
    pub fn open(&self, place: &Place, whole: &[u8]) -> Option<Vec<u8>> {
        let rest = whole.strip_prefix(&self.id.head()[..])?;
        let (nonce, sealed) = rest.split_at_checked(NONCE)?;
        let nonce: [u8; NONCE] = nonce.try_into().ok()?;
        self.aes.decrypt(&Nonce::from(nonce), Payload { msg: sealed, aad: place.as_bytes() }).ok()
    }
}

/// The name of the key by which bytes are sealed; `None`: they are not.
pub fn key_of(whole: &[u8]) -> Option<KeyId> {
    let (form, rest) = whole.split_first()?;
    if *form != FORM || whole.len() < HEAD + NONCE + TAG {
        return None;
    }
    Some(KeyId(rest.get(..ID)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cipher(first: u8) -> Cipher {
        Cipher::new(&[first; 32], b"store")
    }

    proptest! {
        #[test]
        fn what_is_sealed_opens_at_its_place_and_nowhere_else(bytes in proptest::collection::vec(any::<u8>(), 0..300), n in any::<i64>()) {
            let place = Place::of("a.b").n(n);
            let whole = cipher(1).seal(&place, &bytes);
            prop_assert_eq!(key_of(&whole), Some(KeyId::of(&[1; 32])));
            prop_assert_eq!(cipher(1).open(&place, &whole), Some(bytes));
            prop_assert_eq!(cipher(1).open(&Place::of("a.b").n(n.wrapping_add(1)), &whole), None);
            prop_assert_eq!(cipher(1).open(&Place::of("a.c").n(n), &whole), None);
            prop_assert_eq!(cipher(2).open(&place, &whole), None);
            prop_assert_eq!(Cipher::new(&[1; 32], b"another").open(&place, &whole), None);
        }

        #[test]
        fn a_changed_bit_and_a_missing_end_are_noticed(at in 0usize..80, bit in 0u8..8) {
            let place = Place::of("a.b").n(7);
            let whole = cipher(1).seal(&place, &[5; 60]);
            let mut changed = whole.clone();
            let at = at % whole.len();
            changed[at] ^= 1 << bit;
            prop_assert_eq!(cipher(1).open(&place, &changed), None);
            prop_assert_eq!(cipher(1).open(&place, &whole[..at]), None);
        }
    }

    #[test]
    fn a_name_reads_back() {
        let id = KeyId::of(&[9; 32]);
        assert_eq!(KeyId::parse(&id.to_string()), Some(id));
        assert_eq!(KeyId::parse("12"), None);
        assert_eq!(KeyId::parse("+123456789abcdef"), None);
    }
}
