//! Large values on their way to the server: beside the events that have them, and of what it has only the names.
//!
//! What it has is known from what was sent. It may forget: then it says so, and all of it is sent. Not here: how values
//! are cut ([`crate::values`]).

use crate::values;
use crate::wire::{Attached, Piece, Write};
use kitaru_core::{Digest, Value};
use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

/// Names that are remembered, some megabytes of them.
const MOST: usize = 1 << 16;
/// Pieces shorter than this are sent: their names are as long.
const SHORT: usize = 64;

/// What the server has.
#[derive(Default)]
pub struct Known(Mutex<HashSet<Digest>>);

/// Values that go along with writes.
#[derive(Default)]
pub struct Cargo {
    /// Where their pieces are.
    pub values: Vec<Attached>,
    /// Bytes of the pieces that are new.
    pub bytes: Vec<u8>,
    /// What the server has when it has answered.
    names: Vec<Digest>,
}

impl Known {
    /// Takes the large values out of writes. `inline`: texts up to this many bytes stay.
    pub fn unload(&self, writes: &mut [Write], inline: usize) -> Cargo {
        let mut cargo = Cargo::default();
        for value in writes.iter_mut().flat_map(Write::events_mut).flat_map(kitaru_core::Body::values_mut) {
            let Some(text) = value.inline().filter(|text| text.len() > inline) else { continue };
            let reference = value.reference();
            let is_known = cargo.names.contains(&reference.digest) || self.has(&reference.digest);
            if !is_known {
                let pieces = self.cut(text.as_bytes(), &mut cargo);
                cargo.values.push(Attached { reference, pieces });
                cargo.names.push(reference.digest);
            }
            *value = Value::Stored(reference);
        }
        cargo
    }

    fn cut(&self, bytes: &[u8], cargo: &mut Cargo) -> Vec<Piece> {
        let Some(cut) = values::pieces(bytes) else {
            cargo.bytes.extend_from_slice(bytes);
            return vec![Piece::New(bytes.len())];
        };
        let mut pieces = Vec::new();
        for (piece, digest) in cut {
            if piece.len() >= SHORT && self.has(&digest) {
                pieces.push(Piece::Known(digest));
                continue;
            }
            cargo.bytes.extend_from_slice(piece);
            cargo.names.push(digest);
            match pieces.last_mut() {
                Some(Piece::New(len)) => *len += piece.len(),
                _ => pieces.push(Piece::New(piece.len())),
            }
        }
        pieces
    }

    /// The server has taken it.
    pub fn arrived(&self, cargo: Cargo) {
        if cargo.names.is_empty() {
            return;
        }
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() + cargo.names.len() > MOST {
            known.clear();
        }
        known.extend(cargo.names);
    }

    /// The server has not what it should have.
    pub fn forget(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn has(&self, digest: &Digest) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(digest)
    }
}
