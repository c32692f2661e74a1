//! The local worker: executions that can go on are carried on, each in a process of its own with the interpreter that
//! it was recorded with.
//!
//! Not here: which those are (`kitaru_engine::manage::due`), and user code: the other process loads it.

use crate::log::Log;
use crate::metrics::Metrics;
use crate::process::{Place, Process, refusal};
use crate::registry::Registered;
use crate::{Config, Shared};
use kitaru_core::event::EntryPoint;
use kitaru_core::ids::takes;
use kitaru_core::rows::{ExecutionRow, Status};
use kitaru_core::schedule::Schedule;
use kitaru_core::{ExecutionId, Millis, Seq};
use kitaru_engine::manage::{self, ManageError};
use kitaru_engine::{Clock, SystemClock};
use kitaru_store::Store;
use serde_json::json;
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Between two looks at what can go on, if nobody says so.
const LOOK: Duration = Duration::from_millis(50);

/// The same while nothing is carried on.
const IDLE: Duration = Duration::from_secs(1);

/// Without a write, what is due by time alone is looked for so often.
const PASSING: Duration = Duration::from_secs(1);

/// Whoever was asked for an execution has so long to begin it before others do.
const ASKED: Millis = 250;

/// A look for what is due takes at most one part in so many of the time, however much there is to look at.
const MOST: u32 = 20;

/// A worker of this process.
#[derive(Clone)]
pub struct Carrier {
    shared: Arc<Work>,
}

struct Work {
    store: Arc<dyn Store>,
    place: Place,
    at_once: usize,
    log: Log,
    metrics: Arc<Metrics>,
    registered: Option<Registered>,
    /// Nobody looks for what is due here: a process sees to whatever waited for its execution.
    is_on_call: bool,
    /// Whether the store lies behind a server.
    is_remote: bool,
    stopped: AtomicBool,
    state: Mutex<State>,
    asked: Condvar,
}

#[derive(Default)]
struct State {
    queue: VecDeque<(ExecutionRow, Going)>,
    under_way: HashMap<ExecutionId, Carried>,
    /// What could not go on, as of that event, and why: it is not tried again until there is another.
    stuck: HashMap<ExecutionId, (Seq, String)>,
}

struct Carried {
    process: Process,
    flow: String,
    then: Option<ExecutionId>,
}

/// What an execution that goes on is told of that.
#[derive(Clone, Debug)]
pub struct Going {
    /// Why: `resume`, `answer`, `due`, `replay` or `start`.
    pub why: String,
    /// What is done with a call that has other inputs than recorded; `None`: what its flow says.
    pub on_drift: Option<&'static str>,
    /// What goes on by itself afterwards, if that left it alone.
    pub then: Option<ExecutionId>,
}

impl Going {
    /// Whether it is to begin, and not to go on.
    fn is_first(&self) -> bool {
        matches!(self.why.as_str(), "start" | "replay")
    }

    /// For that reason.
    pub fn on(why: &str) -> Self {
        Self { why: why.to_owned(), on_drift: None, then: None }
    }
}

/// Has an execution go on. Returns what becomes of it, for whoever asked.
pub fn go_on(shared: &Shared, row: &ExecutionRow, going: Going) -> Result<String, ManageError> {
    match &shared.carrier {
        Some(carrier) if is_here(row) => {
            carrier.ask(row.clone(), going);
            Ok("worker".to_owned())
        }
        _ => Ok(format!("nobody here: kitaru resume {}", row.id.short())),
    }
}

/// Whether the code of an execution is on this machine: what another one has recorded through a server is carried on
/// there.
fn is_here(row: &ExecutionRow) -> bool {
    is_at_home(&row.entry)
}

fn is_at_home(entry: &EntryPoint) -> bool {
    entry.host.as_ref().is_none_or(|host| *host == kitaru_store::os::host_name())
}

impl Carrier {
    /// Begins to work: one thread looks for what is due, another starts processes and hears how they ended. What was
    /// asked for and never begun, because who was to begin it ended, is begun first. `kind`: what it is, for others.
    pub fn begin(config: &Config, metrics: Arc<Metrics>, kind: &str) -> Self {
        let (place, log) = (&config.place, config.log);
        let registered = Registered::new(place, kind, config.at_once).inspect_err(|error| {
            log.complain("server-io", &format!("worker: it is not listed among the workers: {error}"));
        });
        let carrier =
            Self::working(&config.store, place.clone(), config.at_once, log, metrics, registered.ok().flatten(), false);
        carrier.shared.take_in_unbegun(Millis::MAX);
        let looks = Arc::clone(&carrier.shared);
        tokio::task::spawn_blocking(move || looks.look_until_stopped());
        carrier
    }

    /// The same, that looks for nothing: it carries on what it is asked to.
    pub fn on_call(store: &Arc<dyn Store>, place: Place, at_once: usize, log: Log) -> Self {
        Self::working(store, place, at_once, log, Arc::default(), None, true)
    }

    fn working(
        store: &Arc<dyn Store>,
        place: Place,
        at_once: usize,
        log: Log,
        metrics: Arc<Metrics>,
        registered: Option<Registered>,
        is_on_call: bool,
    ) -> Self {
        let (stopped, state, asked) = (AtomicBool::new(false), Mutex::default(), Condvar::new());
        let store = Arc::clone(store);
        let is_remote = kitaru_store::is_remote(&place.0);
        let work = Arc::new(Work {
            is_remote,
            store,
            place,
            at_once,
            log,
            metrics,
            registered,
            is_on_call,
            stopped,
            state,
            asked,
        });
        let starts = Arc::clone(&work);
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
        if let Some(registered) = &self.shared.registered {
            registered.withdraw();
        }
    }

    /// The same, but what was asked for and has not begun begins now, however much that is.
    pub fn leave(&self) {
        self.stop();
        let mut state = self.shared.lock();
        for (row, going) in std::mem::take(&mut state.queue) {
            self.shared.start(&mut state, row, &going);
        }
    }

    /// Why an execution could not go on here, if it has not moved since.
    pub fn refused(&self, row: &ExecutionRow) -> Option<String> {
        let state = self.shared.lock();
        state.stuck.get(&row.id).filter(|(seq, _)| *seq == row.last_seq).map(|(_, why)| why.clone())
    }

    fn ask(&self, row: ExecutionRow, going: Going) {
        let mut state = self.shared.lock();
        state.stuck.remove(&row.id);
        state.queue.push_back((row, going));
        self.shared.asked.notify_all();
    }

    /// How its processes find the store.
    pub fn place(&self) -> &Place {
        &self.shared.place
    }

    /// How many executions it carries on now, how many wait for their turn, and how many it carries on at most.
    pub fn load(&self) -> (usize, usize, usize) {
        let state = self.shared.lock();
        (state.under_way.len(), state.queue.len(), self.shared.at_once)
    }
}

impl Work {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> kitaru_core::Millis {
        self.store.by_its_clock(SystemClock.now())
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
            self.tick();
            match manage::due(self.store.as_ref(), self.now()) {
                Ok(due) => {
                    seen = version;
                    self.queue(due);
                    if self.take_in_unbegun(self.now().saturating_sub(ASKED)) {
                        // Some are too young yet.
                        seen = None;
                    }
                }
                Err(error) => self.log.complain(&error.code, &format!("worker: error[{}]: {error}", error.code)),
            }
            std::thread::sleep(LOOK.max((last.elapsed() * MOST).min(PASSING * 10)));
        }
    }

    /// Sees to schedules: what it creates is taken in as anything that nobody has begun.
    fn tick(&self) {
        let complain = |code: &str, why: &str| self.log.complain(code, &format!("worker: {why}"));
        // What was added on another machine is started there, unless all share one store.
        let is_mine = |one: &Schedule| !self.is_remote || one.spec.entry.host.is_some() && is_at_home(&one.spec.entry);
        match manage::tick(self.store.as_ref(), self.now(), is_mine) {
            Ok(told) => {
                for (schedule, id) in told.created {
                    self.log.act("starts a tick with", id.as_str(), &schedule.spec.flow, None);
                }
                for (name, error) in told.failed {
                    complain(&error.code, &format!("schedule {name}: error[{}]: {error}", error.code));
                }
            }
            Err(error) => complain(&error.code, &format!("schedules: error[{}]: {error}", error.code)),
        }
    }

    /// Puts on record that an execution could not begin, where a schedule has started it.
    fn note_refusal(&self, row: &ExecutionRow, why: &str) {
        if let Err(error) = manage::tick_refused(self.store.as_ref(), row, why) {
            let message = format!("worker: {}: error[{}]: {error}", row.id.short(), error.code);
            self.log.complain(&error.code, &message);
        }
    }

    /// Has what was asked for by that time begin, wherever it was asked for. Whether there is more that is younger.
    fn take_in_unbegun(&self, by: Millis) -> bool {
        let rows = match manage::unbegun(self.store.as_ref()) {
            Ok(rows) => rows,
            Err(error) => {
                self.log.complain(&error.code, &format!("worker: error[{}]: {error}", error.code));
                return false;
            }
        };
        let (old, young): (Vec<_>, Vec<_>) = rows.into_iter().filter(is_here).partition(|row| row.created_at <= by);
        let going = |row: &ExecutionRow| Going::on(if row.base > 0 { "replay" } else { "start" });
        self.take_in(old, going);
        !young.is_empty()
    }

    fn queue(&self, due: Vec<ExecutionRow>) {
        self.take_in(due.into_iter().filter(is_here).collect(), |_| Going::on("due"));
    }

    fn take_in(&self, rows: Vec<ExecutionRow>, going: impl Fn(&ExecutionRow) -> Going) {
        let mut state = self.lock();
        for row in rows {
            let is_known = state.under_way.contains_key(&row.id)
                || state.queue.iter().any(|(one, _)| one.id == row.id)
                || state.stuck.get(&row.id).is_some_and(|(seq, _)| *seq == row.last_seq);
            if !is_known {
                let going = going(&row);
                state.queue.push_back((row, going));
            }
        }
        self.asked.notify_all();
    }

    /// Hears who has ended, starts what can go on, and waits a little.
    fn round(&self) {
        let mut state = self.lock();
        self.reap(&mut state);
        let queued = std::mem::take(&mut state.queue);
        for (row, going) in queued {
            if going.is_first() && self.has_begun(&state, &row) {
                continue;
            }
            // One whose process is about to end may have been asked for again meanwhile.
            if state.under_way.len() >= self.at_once || state.under_way.contains_key(&row.id) {
                state.queue.push_back((row, going));
                continue;
            }
            self.start(&mut state, row, &going);
        }
        if let Some(registered) = &self.registered {
            registered.tell(state.under_way.len(), state.queue.len());
        }
        if !self.stopped.load(Ordering::Acquire) {
            // Whoever asks for something rings; whoever ends does not.
            let nap = if state.under_way.is_empty() { IDLE } else { LOOK };
            drop(self.asked.wait_timeout(state, nap).unwrap_or_else(PoisonError::into_inner));
        }
    }

    fn start(&self, state: &mut State, row: ExecutionRow, going: &Going) {
        match self.begin(&row, going) {
            Ok(carried) => {
                self.metrics.has_begun();
                self.log.act("begins", row.id.as_str(), &row.flow, None);
                state.under_way.insert(row.id, carried);
            }
            Err(error) => {
                let why = format!("{} cannot be started: {error}", row.entry.interpreter);
                self.log.complain("flow-import", &format!("worker: {} {}: {why}", row.flow, row.id.short()));
                self.metrics.was_refused();
                self.note_refusal(&row, &why);
                state.stuck.insert(row.id, (row.last_seq, why));
            }
        }
    }

    /// Whether somebody has taken an execution up that was to begin: it is not to be begun again.
    fn has_begun(&self, state: &State, row: &ExecutionRow) -> bool {
        state.under_way.contains_key(&row.id)
            || self.store.queries().execution(&row.id).is_ok_and(|row| takes(row.epoch) > 0)
    }

    fn begin(&self, row: &ExecutionRow, going: &Going) -> std::io::Result<Carried> {
        let mut resume = json!({ "id": row.id, "entry": row.entry, "why": going.why });
        if let Some(on_drift) = &going.on_drift {
            resume["on_drift"] = (*on_drift).into();
        }
        let job = json!({ "resume": resume, "sees_to_waiters": self.is_on_call, "asked_by": std::process::id() });
        let process = Process::begin(&row.entry.interpreter, &job, &self.place)?;
        Ok(Carried { process, flow: row.flow.clone(), then: going.then.clone() })
    }

    fn take_up_if_left(&self, state: &mut State, id: &ExecutionId) {
        match self.store.queries().execution(id) {
            Ok(row) if manage::status(self.store.as_ref(), &row, self.now()) == Status::Interrupted => {
                state.queue.push_back((row, Going::on("resume")));
            }
            Ok(_) => {}
            Err(error) => {
                let message = format!("worker: {}: error[{}]: {error}", id.short(), error.code());
                self.log.complain(error.code(), &message);
            }
        }
    }

    fn reap(&self, state: &mut State) {
        let mut ended = Vec::new();
        for (id, carried) in &mut state.under_way {
            if let Some(status) = carried.process.ended() {
                ended.push((id.clone(), status));
            }
        }
        for (id, status) in ended {
            let Some(carried) = state.under_way.remove(&id) else { continue };
            if let Some(left) = &carried.then {
                self.take_up_if_left(state, left);
            }
            let refused = match carried.process.told() {
                Some(told) => refusal(&told, 2),
                None => {
                    Some(ManageError::new("kitaru", format!("its process ended with {status} and told nothing"), None))
                }
            };
            let Some(ManageError { code, message, .. }) = refused else {
                self.log.act("has ended with", id.as_str(), &carried.flow, None);
                continue;
            };
            self.log.act("was refused", id.as_str(), &carried.flow, Some(&code));
            if matches!(code.as_str(), "held" | "conflict" | "fenced" | "already-ended") {
                // Somebody else was faster.
                continue;
            }
            let why = format!("error[{code}]: {message}");
            self.metrics.was_refused();
            self.log.complain(&code, &format!("worker: {} {}: {why}", carried.flow, id.short()));
            if let Ok(row) = self.store.queries().execution(&id) {
                self.note_refusal(&row, &why);
                state.stuck.insert(id, (row.last_seq, why));
            }
        }
    }
}
