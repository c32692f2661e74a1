//! Identifiers: executions, scopes, digests, and the plain numbers that order them.
//!
//! Not here: how an identifier is drawn at random (the engine does) or looked up by prefix (queries do).

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// Position of an event in its execution's journal, from 1. Zero means "before everything".
pub type Seq = u64;
/// How many times an execution has been taken up; the fence that keeps an old owner out.
pub type Epoch = u64;
/// What is added to an epoch when its store is restored from a backup: the store of before may have given out epochs
/// that the backup does not know, and none of their owners may write here.
pub const RESTORED: Epoch = 1 << 32;

/// How many times an execution of that epoch has been taken up.
pub fn takes(epoch: Epoch) -> u64 {
    epoch % RESTORED
}

/// Milliseconds since the Unix epoch, UTC.
pub type Millis = i64;

/// An execution's identifier: a UUID in text form.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ExecutionId(String);

impl ExecutionId {
    /// Wraps a text. The text is not checked: stores look it up, and an unknown one is simply not found.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The identifier of the child that `parent` starts at `scope`: a function of both, so that a crash
    /// between the child's creation and the parent's record cannot create two.
    pub fn child_of(parent: &Self, scope: &ScopeId) -> Self {
        Self::derived(&[b"kitaru child\0", parent.0.as_bytes(), &scope.0])
    }

    /// The identifier of the replay of `source` in a batch of that name: a function of both, so that a batch that is
    /// started again replays each once.
    pub fn replay_of(batch: &str, source: &Self) -> Self {
        Self::derived(&[b"kitaru replay\0", source.0.as_bytes(), b"\0", batch.as_bytes()])
    }

    /// The identifier of the execution of `flow` that is known by `key`: a function of both, so that a key starts once,
    /// whoever comes first.
    pub fn keyed(flow: &str, key: &str) -> Self {
        // The flow's length keeps ("ab", "c") and ("a", "bc") apart.
        Self::derived(&[b"kitaru key\0", &(flow.len() as u64).to_le_bytes(), flow.as_bytes(), key.as_bytes()])
    }

    fn derived(parts: &[&[u8]]) -> Self {
        let mut hash = blake3::Hasher::new();
        for part in parts {
            hash.update(part);
        }
        let bytes = hash.finalize();
        let mut raw = [0u8; 16];
        raw.copy_from_slice(&bytes.as_bytes()[..16]);
        // RFC 9562, version 8: "vendor specific", the rest of the bits are ours.
        raw[6] = (raw[6] & 0x0f) | 0x80;
        raw[8] = (raw[8] & 0x3f) | 0x80;
        let hex = hex(&raw);
        Self(format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last eight characters, which are enough for people.
    pub fn short(&self) -> &str {
        let start = self.0.char_indices().rev().nth(7).map_or(0, |(at, _)| at);
        &self.0[start..]
    }
}

impl fmt::Display for ExecutionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ExecutionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A BLAKE3 digest, written as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }

    /// Reads 64 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        unhex::<32>(text).map(Self)
    }
}

/// Where calls are made: the flow's body, a nested checkpoint, a submitted item, a child flow or a task.
/// A hash chain over (parent, kind, name, inputs, occurrence), written as 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ScopeId(pub [u8; 16]);

impl ScopeId {
    /// The flow's own body.
    pub const ROOT: Self = Self([0; 16]);

    /// The scope that `name`'s `occurrence`-th use with `inputs` opens below this one.
    pub fn child(&self, kind: &str, name: &str, inputs: &[u8], occurrence: u32) -> Self {
        let mut hash = blake3::Hasher::new();
        hash.update(&self.0);
        for part in [kind.as_bytes(), name.as_bytes(), inputs] {
            hash.update(&(part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        hash.update(&occurrence.to_le_bytes());
        let mut raw = [0u8; 16];
        raw.copy_from_slice(&hash.finalize().as_bytes()[..16]);
        Self(raw)
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let raw = text.as_bytes();
    if raw.len() != N * 2 {
        return None;
    }
    let mut out = [0u8; N];
    for (at, pair) in raw.chunks_exact(2).enumerate() {
        let high = char::from(pair[0]).to_digit(16)?;
        let low = char::from(pair[1]).to_digit(16)?;
        out[at] = u8::try_from(high * 16 + low).ok()?;
    }
    Some(out)
}

macro_rules! hex_text {
    ($type:ident, $len:literal) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex(&self.0))
            }
        }
        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex(&self.0[..6]))
            }
        }
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&hex(&self.0))
            }
        }
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                unhex::<$len>(&text)
                    .map(Self)
                    .ok_or_else(|| serde::de::Error::custom(concat!(stringify!($type), ": bad hexadecimal")))
            }
        }
    };
}

hex_text!(Digest, 32);
hex_text!(ScopeId, 16);
