//! The local worker: executions that can go on are carried on, each in a process of its own with the interpreter that
//! it was recorded with.
//!
//! Not here: which those are (`kitaru_engine::manage::due`), and user code: the other process loads it.

use crate::Shared;
use kitaru_core::rows::ExecutionRow;
use kitaru_core::{ExecutionId, Seq};
use kitaru_engine::manage::{self, ManageError};
use kitaru_engine::{Clock, SystemClock};
use kitaru_store::Store;
use serde_json::{Value, json};
use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Who acts, in journals.
pub const BY: &str = "http";

/// Between two looks at what can go on, if nobody says so.
const LOOK: Duration = Duration::from_millis(50);

/// Every so many rounds what is due by time alone is looked for.
const ROUNDS: u64 = 20;

/// A worker of this process.
#[derive(Clone)]
pub struct Carrier {
    shared: Arc<Work>,
}

struct Work {
    store: Arc<dyn Store>,
    place: (String, PathBuf, bool),
    at_once: usize,
    state: Mutex<State>,
    asked: Condvar,
}

#[derive(Default)]
struct State {
    queue: VecDeque<(ExecutionRow, String)>,
    under_way: HashMap<ExecutionId, Carried>,
    /// What could not go on, as of that event: it is not tried again until there is another.
    stuck: HashMap<ExecutionId, Seq>,
    number: u64,
    rounds: u64,
}

struct Carried {
    process: Child,
    folder: PathBuf,
    flow: String,
}

/// Has an execution go on. Returns what becomes of it, for whoever asked.
pub fn go_on(shared: &Shared, row: &ExecutionRow, why: &str) -> Result<String, ManageError> {
    match &shared.carrier {
        Some(carrier) => {
            carrier.ask(row.clone(), why);
            Ok("worker".to_owned())
        }
        None => Ok(format!("nobody here: kitaru resume {}", row.id.short())),
    }
}

impl Carrier {
    /// Begins to work.
    pub fn begin(store: Arc<dyn Store>, place: (String, PathBuf, bool), at_once: usize) -> Self {
        let work = Work { store, place, at_once, state: Mutex::default(), asked: Condvar::new() };
        let carrier = Self { shared: Arc::new(work) };
        let weak = Arc::downgrade(&carrier.shared);
        tokio::task::spawn_blocking(move || {
            let mut seen = None;
            while let Some(work) = weak.upgrade() {
                work.look(&mut seen);
            }
        });
        carrier
    }

    fn ask(&self, row: ExecutionRow, why: &str) {
        let mut state = self.shared.lock();
        state.stuck.remove(&row.id);
        state.queue.push_back((row, why.to_owned()));
        self.shared.asked.notify_all();
    }
}

impl Work {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One round: who has ended, who can go on, and a pause.
    fn look(&self, seen: &mut Option<u64>) {
        let mut state = self.lock();
        self.reap(&mut state);
        drop(state);
        // Time passes without a write, too: then there is another look in a while.
        let version = self.store.version().ok();
        if version != *seen || self.lock().rounds.is_multiple_of(ROUNDS) {
            match manage::due(self.store.as_ref(), SystemClock.now()) {
                Ok(due) => {
                    *seen = version;
                    let mut state = self.lock();
                    for row in due {
                        let is_known = state.under_way.contains_key(&row.id)
                            || state.queue.iter().any(|(one, _)| one.id == row.id)
                            || state.stuck.get(&row.id) == Some(&row.last_seq);
                        if !is_known {
                            state.queue.push_back((row, "due".to_owned()));
                        }
                    }
                }
                Err(error) => eprintln!("worker: error[{}]: {error}", error.code),
            }
        }
        let mut state = self.lock();
        state.rounds += 1;
        let queued = std::mem::take(&mut state.queue);
        for (row, why) in queued {
            // One whose process is about to end may have been asked for again meanwhile.
            if state.under_way.len() >= self.at_once || state.under_way.contains_key(&row.id) {
                state.queue.push_back((row, why));
                continue;
            }
            state.number += 1;
            match self.spawn(&row, &why, state.number) {
                Ok(carried) => {
                    state.under_way.insert(row.id.clone(), carried);
                }
                Err(error) => {
                    eprintln!("worker: {} {}: {}: {error}", row.flow, row.id.short(), row.entry.interpreter);
                    state.stuck.insert(row.id.clone(), row.last_seq);
                }
            }
        }
        drop(self.asked.wait_timeout(state, LOOK).unwrap_or_else(PoisonError::into_inner));
    }

    fn spawn(&self, row: &ExecutionRow, why: &str, number: u64) -> std::io::Result<Carried> {
        let folder = std::env::temp_dir().join(format!("kitaru-{}-{number}", std::process::id()));
        std::fs::create_dir(&folder)?;
        let job = json!({ "resume": { "id": row.id, "entry": row.entry, "why": why } });
        std::fs::write(folder.join("job"), job.to_string())?;
        let (store, home, normal) = &self.place;
        let mut command = Command::new(&row.entry.interpreter);
        command
            .args(["-c", "import sys; from kitaru._cli import child; sys.exit(child())"])
            .arg(folder.join("job"))
            .arg(folder.join("told"))
            .arg("1")
            .env("KITARU_STORE", store)
            .env("KITARU_HOME", home)
            .env("KITARU_SYNCHRONOUS", if *normal { "normal" } else { "full" })
            // What it prints is kept with the execution.
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        kitaru_store::os::stand_apart(&mut command);
        match command.spawn() {
            Ok(process) => Ok(Carried { process, folder, flow: row.flow.clone() }),
            Err(error) => {
                drop(std::fs::remove_dir_all(&folder));
                Err(error)
            }
        }
    }

    fn reap(&self, state: &mut State) {
        let mut ended = Vec::new();
        for (id, carried) in &mut state.under_way {
            if let Ok(Some(status)) = carried.process.try_wait() {
                ended.push((id.clone(), status));
            }
        }
        for (id, status) in ended {
            let Some(carried) = state.under_way.remove(&id) else { continue };
            let told = told(&carried.folder);
            drop(std::fs::remove_dir_all(&carried.folder));
            let refusal = match &told {
                Some(told) => told.get(2).and_then(Value::as_str).map(|code| {
                    let message = told.get(3).and_then(Value::as_str).unwrap_or_default();
                    (code.to_owned(), message.to_owned())
                }),
                None => Some(("kitaru".to_owned(), format!("its process ended with {status} and told nothing"))),
            };
            let Some((code, message)) = refusal else { continue };
            if matches!(code.as_str(), "held" | "conflict" | "fenced" | "already-ended") {
                // Somebody else was faster.
                continue;
            }
            eprintln!("worker: {} {}: error[{code}]: {message}", carried.flow, id.short());
            if let Ok(row) = self.store.queries().execution(&id) {
                state.stuck.insert(id, row.last_seq);
            }
        }
    }
}

fn told(folder: &Path) -> Option<Value> {
    serde_json::from_str(&std::fs::read_to_string(folder.join("told")).ok()?).ok()
}
