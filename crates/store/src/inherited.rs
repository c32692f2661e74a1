//! What a forked child has of its parent and must not touch: neither use, nor close.
//!
//! Not here: refusing its use; each store asks for the process that it is in.

use std::mem::ManuallyDrop;
use std::ops::Deref;

/// A value that is dropped by the process that made it only: a forked child must leave its parent's connections be.
pub struct Inherited<T> {
    value: ManuallyDrop<T>,
    pid: u32,
}

impl<T> Inherited<T> {
    /// A value of this process.
    pub fn new(value: T) -> Self {
        Self { value: ManuallyDrop::new(value), pid: std::process::id() }
    }
}

impl<T> Deref for Inherited<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> Drop for Inherited<T> {
    fn drop(&mut self) {
        if self.pid == std::process::id() {
            // SAFETY: this is the value's one drop, and it is not used afterwards.
            unsafe { ManuallyDrop::drop(&mut self.value) };
        }
    }
}
