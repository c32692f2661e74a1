//! What a database finds by its content: large values, their parts, what code digests are made of. In a sealed store it
//! stands under a keyed name.
//!
//! Where a store was plain before, something may stand under its plain name still. Not here: the columns.

use super::{KeyId, Place, Sealing};
use kitaru_core::{Digest, Millis};
use std::borrow::Cow;

/// A large value.
pub const VALUE: &str = "value";
/// A part of one.
pub const CHUNK: &str = "chunk";
const CODE: &str = "code";

/// The names under which something of a `kind` may stand, the likely one first.
pub fn names(seal: &Sealing<'_>, kind: &str, digest: Digest) -> Vec<Digest> {
    let mut names = vec![seal.address(kind, digest)];
    if seal.has_plain() {
        names.push(digest);
    }
    names
}

/// Where the bytes of a part of a value stand, whatever file they are in.
pub fn chunk(digest: &Digest, len: u64, zstd: bool) -> Place {
    Place::of("chunks.data").bytes(&digest.0).seq(len).n(i64::from(zstd))
}

/// The name of a code digest, and what is kept under it. The digest itself is sealed with its parts, so that a copy has it.
pub fn code<'a>(seal: &Sealing<'_>, digest: &'a str, parts: &'a str) -> (Cow<'a, str>, Cow<'a, str>) {
    match seal.writes() {
        None => (digest.into(), parts.into()),
        Some(_) => (keyed(seal, digest).into(), format!("{digest}\n{parts}").into()),
    }
}

fn keyed(seal: &Sealing<'_>, digest: &str) -> String {
    seal.address(CODE, Digest::of(digest.as_bytes())).to_string()
}

/// The names under which a code digest may stand.
pub fn code_names(seal: &Sealing<'_>, digest: &str) -> Vec<String> {
    let mut names = Vec::new();
    if seal.writes().is_some() {
        names.push(keyed(seal, digest));
    }
    if seal.writes().is_none() || seal.has_plain() {
        names.push(digest.to_owned());
    }
    names
}

/// What [`code`] has put together.
pub fn code_parts(text: String) -> (String, String) {
    match text.split_once('\n') {
        Some((digest, parts)) => (digest.to_owned(), parts.to_owned()),
        None => (String::new(), text),
    }
}

/// Where the condition of a breakpoint stands: the number of such a row is not known before it is written.
pub fn condition_place(flow: &str, before: &str, by: &str, at: Millis) -> Place {
    Place::of("breakpoints.condition").text(flow).text(before).text(by).n(at)
}

/// Where a schedule's body stands: it has its inputs.
pub fn schedule_place(name: &str, version: u64) -> Place {
    Place::of("schedules.body").text(name).seq(version)
}

/// Where a release's body stands.
pub fn release_place(flow: &str, n: u64) -> Place {
    Place::of("releases.body").text(flow).seq(n)
}

/// Where what a code digest is made of stands.
pub fn code_place(name: &str) -> Place {
    Place::of("codes.parts").text(name)
}

/// The name of a key, as a column of parts of values has it.
pub fn key_name(key: Option<KeyId>) -> Option<String> {
    key.map(|key| key.to_string())
}
