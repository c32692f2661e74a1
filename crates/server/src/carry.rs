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
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Who acts, in journals.
pub const BY: &str = "http";

/// Between two looks at what can go on, if nobody says so.
const LOOK: Duration = Duration::from_millis(50);

/// Without a write, what is due by time alone is looked for so often.
const PASSING: Duration = Duration::from_secs(1);

/// A look for what is due takes at most one part in so many of the time, however much there is to look at.
const MOST: u32 = 20;

/// A worker of this process.
#[derive(Clone)]
pub struct Carrier {
    shared: Arc<Work>,
}

struct Work {
    store: Arc<dyn Store>,
    place: (String, PathBuf, bool),
    at_once: usize,
    complain: fn(&str),
    stopped: AtomicBool,
    state: Mutex<State>,
    asked: Condvar,
}

#[derive(Default)]
struct State {
    queue: VecDeque<(ExecutionRow, String)>,
    under_way: HashMap<ExecutionId, Carried>,
    /// What could not go on, as of that event: it is not tried again until there is another.
    stuck: HashMap<ExecutionId, Seq>,
}

struct Carried {
    process: Child,
    /// Gone with this; a process that is still there when the server ends does without.
    folder: TempDir,
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
    /// Begins to work: one thread looks for what is due, another starts processes and hears how they ended.
    pub fn begin(store: Arc<dyn Store>, place: (String, PathBuf, bool), at_once: usize, complain: fn(&str)) -> Self {
        let (stopped, state, asked) = (AtomicBool::new(false), Mutex::default(), Condvar::new());
        let work = Arc::new(Work { store, place, at_once, complain, stopped, state, asked });
        let (looks, starts) = (Arc::clone(&work), Arc::clone(&work));
        tokio::task::spawn_blocking(move || looks.look_until_stopped());
        tokio::task::spawn_blocking(move || {
            while !starts.stopped.load(Ordering::Acquire) {
                starts.round();
            }
        });
        Self { shared: work }
    }

    /// Nothing more is begun. What is under way goes on to its end by itself.
    pub fn stop(&self) {
        self.shared.stopped.store(true, Ordering::Release);
        self.shared.asked.notify_all();
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

    fn look_until_stopped(&self) {
        let (mut seen, mut last) = (None, Instant::now());
        while !self.stopped.load(Ordering::Acquire) {
            let version = self.store.version().ok();
            if version == seen && last.elapsed() < PASSING {
                std::thread::sleep(LOOK);
                continue;
            }
            last = Instant::now();
            match manage::due(self.store.as_ref(), SystemClock.now()) {
                Ok(due) => {
                    seen = version;
                    self.queue(due);
                }
                Err(error) => (self.complain)(&format!("worker: error[{}]: {error}", error.code)),
            }
            std::thread::sleep(LOOK.max((last.elapsed() * MOST).min(PASSING * 10)));
        }
    }

    fn queue(&self, due: Vec<ExecutionRow>) {
        let mut state = self.lock();
        for row in due {
            let is_known = state.under_way.contains_key(&row.id)
                || state.queue.iter().any(|(one, _)| one.id == row.id)
                || state.stuck.get(&row.id) == Some(&row.last_seq);
            if !is_known {
                state.queue.push_back((row, "due".to_owned()));
            }
        }
        self.asked.notify_all();
    }

    /// Hears who has ended, starts what can go on, and waits a little.
    fn round(&self) {
        let mut state = self.lock();
        self.reap(&mut state);
        let queued = std::mem::take(&mut state.queue);
        for (row, why) in queued {
            // One whose process is about to end may have been asked for again meanwhile.
            if state.under_way.len() >= self.at_once || state.under_way.contains_key(&row.id) {
                state.queue.push_back((row, why));
                continue;
            }
            match self.spawn(&row, &why) {
                Ok(carried) => {
                    state.under_way.insert(row.id.clone(), carried);
                }
                Err(error) => {
                    let head = format!("worker: {} {}", row.flow, row.id.short());
                    (self.complain)(&format!("{head}: {} cannot be started: {error}", row.entry.interpreter));
                    state.stuck.insert(row.id.clone(), row.last_seq);
                }
            }
        }
        drop(self.asked.wait_timeout(state, LOOK).unwrap_or_else(PoisonError::into_inner));
    }

    fn spawn(&self, row: &ExecutionRow, why: &str) -> std::io::Result<Carried> {
        let folder = tempfile::Builder::new().prefix("kitaru-").tempdir()?;
        let job = json!({ "resume": { "id": row.id, "entry": row.entry, "why": why } });
        std::fs::write(folder.path().join("job"), job.to_string())?;
        let (store, home, normal) = &self.place;
        let mut command = Command::new(&row.entry.interpreter);
        command
            .args(["-c", "import sys; from kitaru._cli import child; sys.exit(child())"])
            .arg(folder.path().join("job"))
            .arg(folder.path().join("told"))
            .arg("1")
            .env("KITARU_STORE", store)
            .env("KITARU_HOME", home)
            .env("KITARU_SYNCHRONOUS", if *normal { "normal" } else { "full" })
            // What it prints is kept with the execution.
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        kitaru_store::os::stand_apart(&mut command);
        let process = command.spawn()?;
        Ok(Carried { process, folder, flow: row.flow.clone() })
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
            let told = told(carried.folder.path());
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
            let head = format!("worker: {} {}", carried.flow, id.short());
            (self.complain)(&format!("{head}: error[{code}]: {message}"));
            if let Ok(row) = self.store.queries().execution(&id) {
                state.stuck.insert(id, row.last_seq);
            }
        }
    }
}

fn told(folder: &Path) -> Option<Value> {
    serde_json::from_str(&std::fs::read_to_string(folder.join("told")).ok()?).ok()
}
