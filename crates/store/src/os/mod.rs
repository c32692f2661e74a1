//! All calls to the operating system: locks, durable sync, who lives, which file system.
//!
//! One module with a unix and a windows half of the same functions. Not here: what is decided from the answers.

#[cfg(unix)]
mod unix;
#[cfg(unix)]
pub use unix::*;
#[cfg(windows)]
mod windows;
#[cfg(windows)]
pub use windows::*;
