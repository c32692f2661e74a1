//! What a worker is given, and which executions are for it.
//!
//! Not here: carrying them on (`carry`), and looking for them (`look`).

use crate::Config;
use crate::log::Log;
use crate::process::Place;
use kitaru_core::event::{DEFAULT_POOL, EntryPoint};
use kitaru_core::rows::ExecutionRow;
use kitaru_store::Store;
use std::sync::Arc;

/// What a worker is given.
pub struct Setup {
    /// The store.
    pub store: Arc<dyn Store>,
    /// How its processes find the store.
    pub place: Place,
    /// How many executions are carried on at once.
    pub at_once: usize,
    /// Which.
    pub serves: Serves,
    /// How many bytes of memory a process may have; `None`: as many as there are.
    pub memory: Option<u64>,
    /// The interpreter that runs what was deployed.
    pub python: String,
    /// Who is told what becomes of them.
    pub log: Log,
}

impl Setup {
    pub(crate) fn of(config: &Config) -> Self {
        let Config { store, place, at_once, serves, memory, python, log, .. } = config;
        let (store, place, serves, python) = (Arc::clone(store), place.clone(), serves.clone(), python.clone());
        Self { store, place, at_once: *at_once, serves, memory: *memory, python, log: *log }
    }
}

/// Which executions a worker carries on: those of pools, and what belongs to none.
#[derive(Clone, Debug)]
pub struct Serves {
    /// Names of pools.
    pub pools: Vec<String>,
    /// Names of flows; empty: whichever.
    pub flows: Vec<String>,
}

impl Default for Serves {
    fn default() -> Self {
        Self { pools: vec![DEFAULT_POOL.to_owned()], flows: Vec::new() }
    }
}

impl Serves {
    /// Whether that one is for it, and its code is on this machine.
    pub(crate) fn takes(&self, row: &ExecutionRow) -> bool {
        is_here(row)
            && row.pool.as_ref().is_none_or(|pool| self.pools.contains(pool))
            && (self.flows.is_empty() || self.flows.contains(&row.flow))
    }
}

/// Whether the code of an execution is on this machine: what another one has recorded through a server is carried on
/// there.
pub(crate) fn is_here(row: &ExecutionRow) -> bool {
    is_at_home(&row.entry)
}

pub(crate) fn is_at_home(entry: &EntryPoint) -> bool {
    entry.host.as_ref().is_none_or(|host| *host == kitaru_store::os::host_name())
}
