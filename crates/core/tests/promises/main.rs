//! What users are told of matching, promise by promise: a journal in, a verdict out.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "../desk/mod.rs"]
mod desk;

mod cancelled;
mod children;
mod compare;
mod drift;
mod effects;
mod failures;
mod identity;
mod input_less;
mod journal;
mod nested;
mod plan;
mod supplied;
mod tasks;
mod usage;
mod waits;
