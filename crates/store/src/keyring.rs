//! The keys that a store is sealed by: which they are, changing them, and sealing anew what older ones sealed.
//!
//! Not here: how values are sealed (`seal`), and the statements (each backend's `reseal`).

use crate::copy::Cell;
use crate::store::Result;

/// The keys that a store uses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InUse {
    /// The one that writes; `None`: the store is plain.
    pub writes: Option<String>,
    /// Those before it by which something may be sealed still, oldest first.
    pub before: Vec<String>,
    /// Whether something may be plain still.
    pub plain: bool,
}

impl InUse {
    /// Whether something is to be sealed anew.
    pub fn is_under_way(&self) -> bool {
        self.plain || !self.before.is_empty()
    }
}

/// How far sealing anew has come. It need not be kept: what is sealed already is passed over by whoever begins again.
#[derive(Debug, Default)]
pub struct Reached {
    pub(crate) step: usize,
    pub(crate) after: Vec<Cell>,
}

/// What was sealed anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resealed {
    /// So many rows; there may be more.
    Some(u64),
    /// All is sealed by the key that writes, and the store says so.
    All,
}

/// A store that can be sealed from here.
pub trait Keyring: Send + Sync {
    /// The keys that it uses.
    fn in_use(&self) -> Result<InUse>;

    /// Lets the newest key of the file write from now on, whoever else has the store open. `false`: it does already.
    fn change(&self) -> Result<bool>;

    /// How many rows are not sealed by the key that writes.
    fn left(&self) -> Result<u64>;

    /// Seals some of them anew, in a small transaction, while others use the store.
    fn reseal(&self, reached: &mut Reached) -> Result<Resealed>;

    /// Removes what plain rows and older keys have left in unused parts of files. A large file is written anew only if the
    /// `whole` of it is asked for: others wait for that. What is left, in a few words.
    fn scrub(&self, whole: bool) -> Result<Option<String>>;
}
