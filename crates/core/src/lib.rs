//! The pure core of Kitaru: what an execution's journal means.
//!
//! Data goes one way: [`event`] bodies are what the journal holds, [`project`] folds them into the rows
//! that people query, [`records`] folds them into what a re-entering flow may be served, [`matcher`] decides
//! call by call, [`delivery`] decides in which order recorded results are handed out, and [`pass`] is one run
//! of a flow over all of them: what it asks, what is to be written. A replay begins with [`plan`] and
//! [`selector`]: what is reused and what runs; [`fork`] is what it then keeps of its source. [`breakpoint`] finds the
//! calls to pause before; [`schedule`] says which ticks of a schedule are due and what becomes of them.
//!
//! Deliberately not here: clocks, randomness, threads, I/O, SQL. Times come in as [`Millis`] arguments.

#![deny(clippy::disallowed_methods, clippy::disallowed_macros)]

pub mod begun;
pub mod breakpoint;
pub mod compare;
pub mod condition;
pub mod cycle;
pub mod decisions;
pub mod delivery;
pub mod diff;
pub mod escape;
pub mod event;
pub mod fork;
pub mod ids;
pub mod lease;
pub mod limit;
pub mod matcher;
pub mod pass;
pub mod path;
pub mod plan;
pub mod project;
pub mod records;
pub mod release;
pub mod rows;
pub mod schedule;
pub mod selector;
pub mod table;
pub mod value;
pub mod worked;

pub use event::{Body, Event};
pub use ids::{Digest, Epoch, ExecutionId, Millis, ScopeId, Seq};
pub use value::{Value, ValueRef};
