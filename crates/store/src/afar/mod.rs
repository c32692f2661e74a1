//! What stores have in common that lie elsewhere: waiting for one that is away, and numbering what is written, so that what is
//! sent again is known.
//!
//! Not here: what is sent, and to whom (`http/`, `postgres/`).

mod away;
mod clock;
mod lane;
mod settings;

pub use away::{Away, Tries, interrupt_by};
pub use clock::{Ahead, now};
pub use lane::Lane;
pub use settings::Settings;
