//! Secrets that are handed out: a word that says what it is, a public part to be found by, and 256 random bits.
//!
//! Only a digest is kept. Of that many random bits a fast digest is enough: there is nothing to guess, as there is of a
//! password. Not here: what a secret allows.

use super::{ManageError, Result};
use kitaru_store::Digest;
use std::fmt;
use subtle::ConstantTimeEq;

/// Bytes of the public part.
const ID: usize = 6;
/// Bytes of the secret part.
const SECRET: usize = 32;

/// A secret as it is shown, once. It does not show itself in what is printed of its neighbours.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Itself, to be handed to whoever it was made for.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Makes a secret of that kind: `ktr_0f1e2d3c4b5a_…`. Returns its public part too.
pub fn make(kind: &str) -> Result<(String, Secret)> {
    let mut bytes = [0u8; ID + SECRET];
    getrandom::fill(&mut bytes)
        .map_err(|error| ManageError::new("misuse", format!("the system gives no random bytes: {error}"), None))?;
    let (id, secret) = bytes.split_at(ID);
    let id = hex(id);
    let text = format!("{kind}_{id}_{}", hex(secret));
    Ok((id, Secret(text)))
}

/// The public part of a text that looks like a secret of that kind.
pub fn public<'a>(kind: &str, text: &'a str) -> Option<&'a str> {
    let (id, secret) = text.strip_prefix(kind)?.strip_prefix('_')?.split_once('_')?;
    let is_hex = |part: &str, bytes: usize| {
        part.len() == bytes * 2 && part.bytes().all(|one| matches!(one, b'0'..=b'9' | b'a'..=b'f'))
    };
    (is_hex(id, ID) && is_hex(secret, SECRET)).then_some(id)
}

/// A text in which whatever looks like a secret shows its public part only.
pub fn masked(text: &str) -> String {
    let whole = ID * 2 + SECRET * 2 + "ktr__".len();
    let mut safe = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("kt") {
        let (before, from) = rest.split_at(at);
        safe.push_str(before);
        let found = from.get(..whole).and_then(|word| {
            let kind = word.get(..3)?;
            public(kind, word).map(|id| format!("{kind}_{id}_…"))
        });
        match found {
            Some(shown) => {
                safe.push_str(&shown);
                rest = from.get(whole..).unwrap_or_default();
            }
            None => {
                safe.push_str("kt");
                rest = from.get(2..).unwrap_or_default();
            }
        }
    }
    safe.push_str(rest);
    safe
}

/// What is kept of a secret.
pub fn digest(text: &str) -> Digest {
    blake3::derive_key("kitaru 2026-11 secrets that are handed out", text.as_bytes())
}

/// Whether a text is the secret of that digest. Takes as long whatever they have in common.
pub fn is_of(text: &str, known: &Digest) -> bool {
    digest(text).ct_eq(known).into()
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    let digit = |half: u8| DIGITS.get(usize::from(half)).copied().unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_by_its_public_part_and_known_by_all_of_it() {
        let (id, secret) = make("ktr").expect("random bytes");
        let text = secret.reveal();
        assert_eq!(text.len(), 4 + 12 + 1 + 64);
        assert_eq!(public("ktr", text), Some(id.as_str()));
        let known = digest(text);
        assert!(is_of(text, &known));
        for at in [0, 5, 17, text.len() - 1] {
            let mut other = text.to_owned().into_bytes();
            other[at] = if other[at] == b'0' { b'1' } else { b'0' };
            let other = String::from_utf8(other).expect("ASCII");
            assert!(!is_of(&other, &known), "at {at}");
        }
        let (other, _) = make("ktr").expect("random bytes");
        assert_ne!(other, id);
    }

    #[test]
    fn what_does_not_look_like_one_is_none() {
        let (_, secret) = make("ktr").expect("random bytes");
        let text = secret.reveal();
        let upper = text.to_uppercase();
        let long = format!("{text}0");
        for other in ["", "ktr", "ktr_", "ktr__", "kta_0_1", &text[..80], &upper, &long, &text.replace("ktr_", "kta_")]
        {
            assert_eq!(public("ktr", other), None, "{other}");
        }
    }

    #[test]
    fn a_secret_in_a_text_shows_its_public_part_only() {
        let (id, secret) = make("ktr").expect("random bytes");
        let (other, link) = make("kta").expect("random bytes");
        let text = format!("no kt ktr_ execution {} or /a/{}/x é", secret.reveal(), link.reveal());
        assert_eq!(masked(&text), format!("no kt ktr_ execution ktr_{id}_… or /a/kta_{other}_…/x é"));
        for plain in ["", "kt", "kté", "ktr_é", "nothing of it"] {
            assert_eq!(masked(plain), plain);
        }
    }

    #[test]
    fn a_secret_does_not_show_itself() {
        let (id, secret) = make("ktr").expect("random bytes");
        let shown = format!("{secret:?}");
        assert!(!shown.contains(&id) && !shown.contains(&secret.reveal()[20..]));
    }
}
