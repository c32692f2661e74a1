//! A recorded value as the journal sees it: JSON text kept in the event, or a reference to stored bytes.
//!
//! Not here: what the JSON means (tags and codecs are Python's) and how large values are chunked (the store's).

use crate::ids::Digest;
use crate::path::{INSIDE, TAG};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::sync::{Arc, OnceLock};

/// A value in an event. Its bytes are always one JSON text.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// The JSON text itself. Events are handed about and a text may be large: it is shared, and never copied.
    Inline(Arc<Text>),
    /// The text is in the store's content-addressed values.
    Stored(ValueRef),
}

/// A JSON text, and its digest once somebody has asked for it: of a large one that costs more than writing it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Text {
    raw: Box<RawValue>,
    #[serde(skip)]
    digest: OnceLock<Digest>,
}

impl Text {
    fn new(raw: Box<RawValue>) -> Self {
        Self { raw, digest: OnceLock::new() }
    }

    /// The text.
    pub fn get(&self) -> &str {
        self.raw.get()
    }

    /// BLAKE3 of it, taken once.
    pub fn digest(&self) -> Digest {
        *self.digest.get_or_init(|| Digest::of(self.get().as_bytes()))
    }
}

/// Names a stored value by its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValueRef {
    /// BLAKE3 of the whole JSON text.
    pub digest: Digest,
    /// Length of the JSON text in bytes.
    pub len: u64,
}

impl Value {
    /// Takes a JSON text. Fails if it is not one.
    pub fn json(text: String) -> Result<Self, serde_json::Error> {
        RawValue::from_string(text).map(|raw| Self::Inline(Arc::new(Text::new(raw))))
    }

    /// A JSON text out of anything that serialises.
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Result<Self, serde_json::Error> {
        serde_json::value::to_raw_value(value).map(|raw| Self::Inline(Arc::new(Text::new(raw))))
    }

    /// The text, when it is here.
    pub fn inline(&self) -> Option<&str> {
        match self {
            Self::Inline(raw) => Some(raw.get()),
            Self::Stored(_) => None,
        }
    }

    /// Length of the JSON text in bytes.
    pub fn len(&self) -> u64 {
        match self {
            Self::Inline(raw) => raw.get().len() as u64,
            Self::Stored(reference) => reference.len,
        }
    }

    /// The name of the value by its content.
    pub fn reference(&self) -> ValueRef {
        match self {
            Self::Inline(text) => ValueRef { digest: text.digest(), len: self.len() },
            Self::Stored(reference) => *reference,
        }
    }

    /// Whether the text is empty (it never is: JSON has no empty text).
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Kinds whose inside means nothing without them.
const OPAQUE: [&str; 5] = ["bytes", "bytearray", "pickle", "numpy.array", "PIL.image"];

/// Recorded JSON without the tags of what JSON has no kind for, where it can be: a tuple is a list, a model an object.
pub fn plain(value: serde_json::Value) -> serde_json::Value {
    use serde_json::Value as Json;
    match value {
        Json::Array(items) => Json::Array(items.into_iter().map(plain).collect()),
        Json::Object(mut fields) => {
            let kind = fields.get(TAG).and_then(Json::as_str);
            if kind.is_some_and(|kind| !OPAQUE.contains(&kind))
                && let Some(inside) = fields.shift_remove(INSIDE)
            {
                return plain(inside);
            }
            Json::Object(fields.into_iter().map(|(name, field)| (name, plain(field))).collect())
        }
        other => other,
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Inline(a), Self::Inline(b)) => a.get() == b.get(),
            (Self::Stored(a), Self::Stored(b)) => a == b,
            _ => false,
        }
    }
}
