//! Large values: cut into chunks by content, each chunk stored once, compressed where that helps.
//!
//! A conversation that grows by a message costs what is new in it. Few new bytes go into rows of the transaction
//! that refers to them (one sync); many go to an append-only pack file first (`pack`). `sql` has the index.
//! Not here: which values are large ([`INLINE`] says) and what they mean.

mod ids;
mod pack;

use crate::error::StoreError;
use crate::seal::{KeyId, Sealing, named};
pub use ids::{decode_ids, encode_ids};
use kitaru_core::value::Text;
use kitaru_core::{Digest, ValueRef};
use pack::Packs;
pub use pack::Range;
use std::borrow::Cow;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// JSON texts up to this many bytes stay in their event.
pub const INLINE: usize = 2048;
/// New bytes up to this many go into rows.
const IN_ROWS: usize = 64 << 10;
const MIN: u32 = 2 << 10;
const AVERAGE: u32 = 8 << 10;
const MAX: u32 = 64 << 10;
/// A value of this many bytes that hardly compresses, and of which nothing is stored, is no conversation.
const LARGE: usize = 512 << 10;
/// So much of its beginning says whether anything of it is stored: a conversation keeps its own.
const PROBE: usize = 64 << 10;
/// So many times larger are its chunks: each costs a row and its place in an index.
const BULK: u32 = 8;
/// By so much a part grows when it is sealed, at the most.
const SEALING: usize = 64;
/// So much of a value's beginning says whether it compresses.
const SAMPLE: usize = 16 << 10;

/// Where a new chunk's bytes are.
#[derive(Debug)]
pub enum Place {
    /// Stored before.
    Known,
    /// To be put into its row.
    Row(Vec<u8>),
    /// In a pack, at an offset.
    Pack(u64, u64),
}

/// One chunk of a new value.
#[derive(Debug)]
pub struct Chunk {
    /// Its name: the digest of its bytes, which a sealed store keys.
    pub digest: Digest,
    /// How many bytes it has.
    pub len: u64,
    /// How many of them are stored.
    pub stored: u64,
    /// Whether they are compressed.
    pub zstd: bool,
    /// By which key they are sealed.
    pub sealed: Option<KeyId>,
    /// Where they are.
    pub place: Place,
}

/// A value that is about to be referred to.
#[derive(Debug)]
pub struct New {
    /// What stands for it in its event.
    pub reference: ValueRef,
    /// Its name: the digest in the reference, which a sealed store keys.
    pub name: Digest,
    /// The key that was the store's when it was cut up.
    pub key: Option<KeyId>,
    /// Its chunks in order.
    pub chunks: Vec<Chunk>,
    /// The value itself, should a chunk go that was there.
    pub text: Arc<Text>,
}

/// One stored chunk of a value.
#[derive(Debug)]
pub struct Part {
    /// Its name.
    pub digest: Digest,
    /// Whether its bytes are sealed.
    pub sealed: bool,
    /// How many bytes it has.
    pub len: u64,
    /// How many of them are stored.
    pub stored: u64,
    /// Whether they are compressed.
    pub zstd: bool,
    /// The stored bytes, if they stand in the row.
    pub data: Option<Vec<u8>>,
    /// Else the pack, and where in it.
    pub pack: Option<(u64, u64)>,
    /// Or its name on a shelf, from where its bytes are fetched before it is read.
    pub place: Option<String>,
}

impl Part {
    /// Where it stands, and under which name.
    pub fn standing(&self) -> (Digest, bool, u64, Option<(u64, u64)>) {
        (self.digest, self.sealed, self.stored, self.pack)
    }
}

/// A stored value as its own row tells of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Large {
    /// Its name.
    pub name: Digest,
    /// Its length.
    pub len: u64,
    /// Whether the name is a keyed one.
    pub keyed: bool,
}

/// See the module.
pub struct Values {
    /// `None`: all goes into rows.
    packs: Option<Packs>,
    /// Whether parts of what is large cost a request each, so that few of them are better.
    few: AtomicBool,
}

impl Values {
    /// Values whose packs lie in `folder`, which is made when it is needed.
    pub fn in_folder(folder: PathBuf) -> Self {
        Self { packs: Some(Packs::new(folder)), few: AtomicBool::new(false) }
    }

    /// Values without packs, for a store in memory.
    pub fn in_rows() -> Self {
        Self { packs: None, few: AtomicBool::new(false) }
    }

    /// From now on what is large, and no conversation that is known, is cut into few parts, also where it compresses.
    pub fn cut_into_few(&self) {
        self.few.store(true, Ordering::Relaxed);
    }

    /// What the packs take on the disk.
    pub fn bytes(&self) -> u64 {
        self.packs.as_ref().map_or(0, Packs::bytes)
    }

    /// Gives the disk back what freed chunks took.
    pub fn free(&self, freed: Vec<Range>) {
        if let Some(packs) = &self.packs {
            packs.free(freed);
        }
    }

    /// Removes packs that nobody writes to and none of whose chunks is in use. `live`: those in use.
    pub fn remove_dead(&self, live: &HashSet<u64>) -> Result<u64, StoreError> {
        self.packs.as_ref().map_or(Ok(0), |packs| packs.remove_dead(live))
    }

    /// Appends bytes to a pack, to the disk.
    pub fn append<'a>(&self, pieces: impl Iterator<Item = &'a [u8]> + Clone) -> Result<Vec<(u64, u64)>, StoreError> {
        match &self.packs {
            Some(packs) if pieces.clone().next().is_some() => packs.append(pieces),
            _ => Ok(Vec::new()),
        }
    }

    /// Copies what these ranges hold to packs in another folder, at the same places, to the disk.
    pub fn copy(&self, ranges: Vec<Range>, folder: &Path) -> Result<u64, StoreError> {
        self.packs.as_ref().map_or(Ok(0), |packs| packs.copy(ranges, folder))
    }

    /// Cuts a value up and makes the bytes durable that will not stand in rows. `known` says of each digest whether
    /// its chunk is stored.
    pub fn prepare(
        &self,
        text: &Arc<Text>,
        seal: &Sealing<'_>,
        known: impl Fn(&[Digest]) -> Result<Vec<bool>, StoreError>,
    ) -> Result<New, StoreError> {
        let bytes = text.get().as_bytes();
        let reference = ValueRef { digest: text.digest(), len: bytes.len() as u64 };
        let (mut packer, is_bulk) = Packer::new(bytes);
        let mut factor = 1;
        let may_be_few = is_bulk || self.few.load(Ordering::Relaxed);
        if bytes.len() >= LARGE && may_be_few && !known(&digests(seal, &cut(&bytes[..PROBE], 1)))?.contains(&true) {
            factor = BULK;
            if is_bulk {
                packer.0 = None;
            }
        }
        let pieces = cut(bytes, factor);
        let digests = digests(seal, &pieces);
        let known = known(&digests)?;
        let mut chunks = Vec::with_capacity(pieces.len());
        let mut fresh = HashSet::new();
        let mut new = Vec::new();
        for ((piece, digest), known) in pieces.into_iter().zip(digests).zip(known) {
            let len = piece.len() as u64;
            let mut chunk = Chunk { digest, len, stored: 0, zstd: false, sealed: None, place: Place::Known };
            if !known && fresh.insert(digest) {
                let packed = packer.pack(piece);
                chunk.zstd = packed.is_some();
                let data = packed.map_or(Cow::Borrowed(piece), Cow::Owned);
                let (data, key) = seal.bytes(|| named::chunk(&digest, len, chunk.zstd), data);
                chunk.sealed = key;
                chunk.stored = data.len() as u64;
                new.push((chunks.len(), data));
            }
            chunks.push(chunk);
        }
        let packs = self.packs.as_ref().filter(|_| new.iter().map(|(_, data)| data.len()).sum::<usize>() > IN_ROWS);
        let places = match packs {
            Some(packs) => packs.append(new.iter().map(|(_, data)| &**data))?,
            None => Vec::new(),
        };
        let mut places = places.into_iter();
        for (at, data) in new {
            chunks[at].place = match places.next() {
                Some((pack, place)) => Place::Pack(pack, place),
                None => Place::Row(data.into_owned()),
            };
        }
        let name = seal.address(named::VALUE, reference.digest);
        Ok(New { reference, name, key: seal.writes(), chunks, text: Arc::clone(text) })
    }

    /// Puts a value together again and checks it against its digest.
    pub fn read(
        &self,
        reference: &ValueRef,
        parts: Vec<Part>,
        seal: &Sealing<'_>,
        path: &Path,
    ) -> Result<String, StoreError> {
        self.put_together(reference, parts, seal, path, |bytes| Digest::of(bytes) == reference.digest)
    }

    /// The same for one that only its own row tells of.
    pub fn read_large(
        &self,
        large: &Large,
        parts: Vec<Part>,
        seal: &Sealing<'_>,
        path: &Path,
    ) -> Result<String, StoreError> {
        let reference = ValueRef { digest: large.name, len: large.len };
        self.put_together(&reference, parts, seal, path, |bytes| {
            let digest = Digest::of(bytes);
            large.name == if large.keyed { seal.address(named::VALUE, digest) } else { digest }
        })
    }

    fn put_together(
        &self,
        reference: &ValueRef,
        parts: Vec<Part>,
        seal: &Sealing<'_>,
        path: &Path,
        is_it: impl Fn(&[u8]) -> bool,
    ) -> Result<String, StoreError> {
        let damaged = |why: &str| StoreError::Damaged {
            path: path.display().to_string(),
            why: format!("value {}: {why}", reference.digest),
        };
        if parts.is_empty() {
            return Err(damaged("it is not there"));
        }
        // Lengths are not believed before the digest is checked: a damaged one must not take all memory.
        let expected = usize::try_from(reference.len).unwrap_or(usize::MAX);
        let mut bytes = Vec::with_capacity(expected.min(1 << 26));
        for part in parts {
            let plain = self.plain(part, seal).map_err(|wrong| match wrong {
                Wrong::Damaged(why) => damaged(&why),
                Wrong::Store(error) => error,
            })?;
            bytes.extend_from_slice(&plain);
        }
        if !is_it(&bytes) {
            return Err(damaged("its bytes do not have its digest"));
        }
        String::from_utf8(bytes).map_err(|_| damaged("it is not UTF-8"))
    }
}

/// What is wrong with a chunk.
enum Wrong {
    Damaged(String),
    Store(StoreError),
}

impl Values {
    fn plain(&self, part: Part, seal: &Sealing<'_>) -> Result<Vec<u8>, Wrong> {
        let (len, zstd) = (part.len, part.zstd);
        let stored = self.unsealed(part, seal)?;
        if !zstd {
            return Ok(stored);
        }
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        zstd::bulk::decompress(&stored, len).map_err(|error| Wrong::Damaged(error.to_string()))
    }

    fn unsealed(&self, part: Part, seal: &Sealing<'_>) -> Result<Vec<u8>, Wrong> {
        let len = usize::try_from(part.len.max(part.stored)).unwrap_or(usize::MAX);
        if len > (MAX * BULK) as usize + SEALING {
            return Err(Wrong::Damaged("a chunk has a length that none has".to_owned()));
        }
        let place = || named::chunk(&part.digest, part.len, part.zstd);
        let stored = match (part.data, part.pack, &self.packs) {
            (Some(data), _, _) => data,
            (None, Some((pack, place)), Some(packs)) => packs.read(pack, place, part.stored).map_err(Wrong::Store)?,
            _ => return Err(Wrong::Damaged("a chunk has no bytes".to_owned())),
        };
        seal.open_bytes(place, part.sealed, stored).map_err(Wrong::Store)
    }

    fn told(wrong: Wrong, path: &Path) -> StoreError {
        match wrong {
            Wrong::Damaged(why) => StoreError::Damaged { path: path.display().to_string(), why },
            Wrong::Store(error) => error,
        }
    }

    /// The bytes of one chunk as they were before they were sealed, still compressed if they are.
    pub fn opened(&self, part: Part, seal: &Sealing<'_>, path: &Path) -> Result<Vec<u8>, StoreError> {
        self.unsealed(part, seal).map_err(|wrong| Self::told(wrong, path))
    }

    /// The bytes of one chunk, which nothing has been checked of.
    pub fn bytes_of(&self, part: Part, seal: &Sealing<'_>, path: &Path) -> Result<Vec<u8>, StoreError> {
        self.plain(part, seal).map_err(|wrong| Self::told(wrong, path))
    }
}

/// Whether a value is such that pieces of it may be known: its pieces by content, with their digests. `None`: it is
/// bulk, and is one piece.
pub fn pieces(bytes: &[u8]) -> Option<Vec<(&[u8], Digest)>> {
    if bytes.len() >= LARGE && Packer::new(bytes).1 {
        return None;
    }
    Some(cut(bytes, 1).into_iter().map(|piece| (piece, Digest::of(piece))).collect())
}

fn digests(seal: &Sealing<'_>, pieces: &[&[u8]]) -> Vec<Digest> {
    pieces.iter().map(|piece| seal.address(named::CHUNK, Digest::of(piece))).collect()
}

/// Pieces of `bytes`, cut where the content says, `factor` times as large as usual. What closes a JSON text is a
/// piece of its own, so that the same list ends alike as a result and inside an object of arguments.
fn cut(bytes: &[u8], factor: u32) -> Vec<&[u8]> {
    let closing = bytes.iter().rev().take(16).take_while(|byte| matches!(byte, b']' | b'}')).count();
    let (body, end) = bytes.split_at(bytes.len() - closing);
    let mut pieces: Vec<&[u8]> = Vec::new();
    for chunk in fastcdc::v2020::FastCDC::new(body, MIN * factor, AVERAGE * factor, MAX * factor) {
        pieces.push(&body[chunk.offset..chunk.offset + chunk.length]);
    }
    if !end.is_empty() {
        pieces.push(end);
    }
    pieces
}

/// Compresses the pieces of one value, if its beginning says that this is of use.
struct Packer(Option<zstd::bulk::Compressor<'static>>);

impl Packer {
    /// Also says whether the value is bulk: what is worth neither much time nor small chunks, such as base64.
    fn new(bytes: &[u8]) -> (Self, bool) {
        let sample = &bytes[..bytes.len().min(SAMPLE)];
        let mut packer = Self(zstd::bulk::Compressor::new(1).ok());
        let packed = packer.pack(sample).map_or(sample.len(), |packed| packed.len());
        if packed == sample.len() {
            packer.0 = None;
        }
        (packer, packed > sample.len() * 2 / 3)
    }

    /// `None`: it would not get a tenth smaller.
    fn pack(&mut self, piece: &[u8]) -> Option<Vec<u8>> {
        let packed = self.0.as_mut()?.compress(piece).ok()?;
        (packed.len() < piece.len() * 9 / 10).then_some(packed)
    }
}
