//! The local worker: executions that can go on are carried on, each in a process that has no other at that time, with the
//! interpreter that it was recorded with.
//!
//! Not here: looking for those (`look`), and user code: the other process loads it.

use crate::Config;
use crate::going::Going;
use crate::log::Log;
use crate::look::Bell;
use crate::metrics::Metrics;
use crate::process::{Place, refusal};
use crate::registry::Registered;
use crate::serves::{Serves, Setup};
use crate::warm::{End, Hand, Ring, Warm};
use kitaru_core::event::EntryPoint;
use kitaru_core::ids::takes;
use kitaru_core::rows::{ExecutionRow, Status};
use kitaru_core::{ExecutionId, Seq, lease};
use kitaru_engine::manage::{self, ManageError};
use kitaru_engine::{Clock, SystemClock};
use kitaru_store::Store;
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Between two looks at what has ended, if nobody says so.
const LOOK: Duration = Duration::from_millis(50);

/// The same while nothing is carried on.
const IDLE: Duration = Duration::from_secs(1);

/// A process that is killed before it has taken its execution up is begun so often.
const TRIES: u32 = 3;

/// A worker of this process.
#[derive(Clone)]
pub struct Carrier {
    shared: Arc<Work>,
}

pub(crate) struct Work {
    pub(crate) store: Arc<dyn Store>,
    place: Place,
    at_once: usize,
    pub(crate) serves: Serves,
    memory: Option<u64>,
    python: String,
    pub(crate) log: Log,
    metrics: Arc<Metrics>,
    registered: Option<Registered>,
    /// Nobody looks for what is due here: a process sees to whatever waited for its execution.
    is_on_call: bool,
    /// Nothing more is begun.
    draining: AtomicBool,
    /// Whether the store lies behind a server.
    pub(crate) is_remote: bool,
    stopped: AtomicBool,
    state: Mutex<State>,
    asked: Condvar,
    /// Rung when there may be something to look for: a place is free, or something was asked for.
    pub(crate) look: Bell,
}

#[derive(Default)]
struct State {
    queue: VecDeque<(ExecutionRow, Going)>,
    warm: Warm,
    under_way: HashMap<ExecutionId, Carried>,
    /// What could not go on, as of that event, and why: it is not tried again until there is another.
    stuck: HashMap<ExecutionId, (Seq, String)>,
}

impl State {
    fn knows(&self, row: &ExecutionRow) -> bool {
        self.under_way.contains_key(&row.id)
            || self.queue.iter().any(|(one, _)| one.id == row.id)
            || self.stuck.get(&row.id).is_some_and(|(seq, _)| *seq == row.last_seq)
    }
}

struct Carried {
    hand: Hand,
    row: ExecutionRow,
    going: Going,
    /// Its process was ended for what it took.
    killed: Option<String>,
}

impl Carried {
    fn new(hand: Hand, row: ExecutionRow, going: Going) -> Self {
        Self { hand, row, going, killed: None }
    }
}

impl Carrier {
    /// Begins to work: one thread looks for what is due, another starts processes and hears how they ended. What was
    /// asked for and never begun, because who was to begin it ended, is begun first. `kind`: what it is, for others.
    pub fn begin(config: &Config, metrics: Arc<Metrics>, kind: &str) -> Self {
        let (place, log) = (&config.place, config.log);
        let registered = Registered::new(place, kind, config.at_once, &config.serves).inspect_err(|error| {
            log.complain("server-io", &format!("worker: it is not listed among the workers: {error}"));
        });
        let registered = registered.ok().flatten();
        let carrier = Self::working(Setup::of(config), metrics, registered, false);
        let looks = Arc::clone(&carrier.shared);
        tokio::task::spawn_blocking(move || crate::look::until_stopped(&looks));
        let hears = Arc::clone(&carrier.shared);
        tokio::task::spawn_blocking(move || crate::look::until_nobody_rings(&hears));
        carrier
    }

    /// The same, that looks for nothing: it carries on what it is asked to.
    pub fn on_call(setup: Setup) -> Self {
        Self::working(setup, Arc::default(), None, true)
    }

    fn working(setup: Setup, metrics: Arc<Metrics>, registered: Option<Registered>, is_on_call: bool) -> Self {
        let Setup { store, place, at_once, serves, memory, python, log } = setup;
        let work = Arc::new(Work {
            is_remote: kitaru_store::is_remote(&place.0),
            store,
            place,
            at_once,
            serves,
            memory,
            python,
            log,
            metrics,
            registered,
            is_on_call,
            draining: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
            state: Mutex::default(),
            asked: Condvar::new(),
            look: Bell::default(),
        });
        let starts = Arc::clone(&work);
        tokio::task::spawn_blocking(move || {
            while !starts.is_stopped() {
                starts.round();
            }
        });
        Self { shared: work }
    }

    /// Nothing more is begun, and what pools have under way is handed over when what runs of it has ended. Returns how
    /// much of that there is still.
    pub fn drain(&self) -> usize {
        let is_first = !self.shared.draining.swap(true, Ordering::AcqRel);
        let mut state = self.shared.lock();
        let of_pools = state.under_way.values_mut().filter(|carried| carried.row.pool.is_some());
        let mut count = 0;
        for carried in of_pools {
            count += 1;
            if is_first {
                carried.hand.hand_over();
            }
        }
        count
    }

    /// Nothing more is begun. What is under way goes on to its end by itself.
    pub fn stop(&self) {
        self.shared.stopped.store(true, Ordering::Release);
        self.shared.asked.notify_all();
        self.shared.look.ring();
        if let Some(registered) = &self.shared.registered {
            registered.withdraw();
        }
    }

    /// The same, but what was asked for and has not begun begins now, however much that is.
    pub fn leave(&self) {
        self.stop();
        let mut state = self.shared.lock();
        for (row, going) in std::mem::take(&mut state.queue) {
            self.shared.start(&mut state, row, going);
        }
    }

    /// Why an execution could not go on here, if it has not moved since.
    pub fn refused(&self, row: &ExecutionRow) -> Option<String> {
        let state = self.shared.lock();
        state.stuck.get(&row.id).filter(|(seq, _)| *seq == row.last_seq).map(|(_, why)| why.clone())
    }

    pub(crate) fn ask(&self, row: ExecutionRow, going: Going) {
        if !self.shared.is_on_call && row.pool.is_some() && takes(row.epoch) == 0 {
            // Others may begin it too: it is for who says so first.
            if self.shared.free() == 0 || !self.shared.serves.takes(&row) || !crate::look::is_given(&self.shared, &row)
            {
                return self.shared.look.ring();
            }
        }
        let mut state = self.shared.lock();
        state.stuck.remove(&row.id);
        state.queue.push_back((row, going));
        self.shared.asked.notify_all();
    }

    /// An entry point as it is on this machine.
    pub fn at(&self, entry: &EntryPoint) -> Result<EntryPoint, ManageError> {
        self.shared.at(entry)
    }

    /// How its processes find the store.
    pub fn place(&self) -> &Place {
        &self.shared.place
    }

    /// Which executions are for it.
    pub fn serves(&self) -> &Serves {
        &self.shared.serves
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

    pub(crate) fn now(&self) -> kitaru_core::Millis {
        self.store.by_its_clock(SystemClock.now())
    }

    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    /// Whether nothing more is to be begun.
    pub(crate) fn is_leaving(&self) -> bool {
        self.is_stopped() || self.draining.load(Ordering::Acquire)
    }

    /// For how many more there is a place.
    pub(crate) fn free(&self) -> usize {
        let state = self.lock();
        self.at_once.saturating_sub(state.under_way.len() + state.queue.len())
    }

    /// What is under way, or about to be.
    pub(crate) fn has(&self) -> Vec<ExecutionId> {
        let state = self.lock();
        state.under_way.keys().chain(state.queue.iter().map(|(row, _)| &row.id)).cloned().collect()
    }

    /// Whether nothing is to be begun of it: it is under way, about to be, or could not go on as it stands.
    pub(crate) fn knows(&self, row: &ExecutionRow) -> bool {
        self.lock().knows(row)
    }

    /// Has these go on when there is a place.
    pub(crate) fn take_in(&self, rows: Vec<ExecutionRow>, why: &str) {
        // Unpacked now, while nobody waits for the lock. What is wrong with it is said when it is to begin.
        let here = |row: ExecutionRow| match self.at(&row.entry) {
            Ok(entry) => ExecutionRow { entry, ..row },
            Err(_) => row,
        };
        let rows: Vec<_> = rows.into_iter().map(|row| (here(row), Going::on(why))).collect();
        let mut state = self.lock();
        for (row, going) in rows {
            // Somebody may have asked for it since it was looked at.
            if !state.knows(&row) {
                state.queue.push_back((row, going));
            }
        }
        self.asked.notify_all();
    }

    /// Hears who has ended, starts what can go on, and waits a little.
    fn round(self: &Arc<Self>) {
        let mut state = self.lock();
        state.warm.tidy();
        self.watch_memory(&mut state);
        self.reap(&mut state);
        let queued = if self.is_leaving() { VecDeque::new() } else { std::mem::take(&mut state.queue) };
        for (row, going) in queued {
            // One whose process is about to end may have been asked for again meanwhile.
            if state.under_way.len() >= self.at_once || state.under_way.contains_key(&row.id) {
                state.queue.push_back((row, going));
                continue;
            }
            self.start(&mut state, row, going);
        }
        if let Some(registered) = &self.registered {
            registered.tell(state.under_way.len(), state.queue.len());
        }
        if !self.is_stopped() {
            // Whoever asks for something rings, and whoever ends does, but one that is killed.
            let nap = if state.under_way.is_empty() { IDLE } else { LOOK };
            drop(self.asked.wait_timeout(state, nap).unwrap_or_else(PoisonError::into_inner));
        }
    }

    /// Ends processes that have more memory than they may.
    fn watch_memory(&self, state: &mut State) {
        let Some(most) = self.memory else { return };
        for carried in state.under_way.values_mut().filter(|carried| carried.killed.is_none()) {
            let Some(has) = carried.hand.memory().filter(|has| *has > most) else { continue };
            let mib = |bytes: u64| bytes >> 20;
            carried.killed = Some(format!("its process was ended: it had {} MiB of {} MiB", mib(has), mib(most)));
            carried.hand.kill();
        }
    }

    /// An entry point as it is on this machine: a deployment is unpacked.
    pub(crate) fn at(&self, entry: &EntryPoint) -> Result<EntryPoint, ManageError> {
        kitaru_engine::snapshot::at(self.store.as_ref(), &self.place.1, entry, &self.python)
    }

    fn start(self: &Arc<Self>, state: &mut State, row: ExecutionRow, going: Going) {
        let row = match self.at(going.moves.as_ref().unwrap_or(&row.entry)) {
            Ok(entry) => ExecutionRow { entry, ..row },
            // That says nothing of it: whoever reaches the store begins it.
            Err(error) if is_of_the_store(&error.code) => return self.log.complain(&error.code, &error.message),
            Err(error) => return self.cannot_begin(state, &row, &error.code, &error.message),
        };
        let (job, ring) = (going.job(&row, self.is_on_call), self.ring());
        match state.warm.give(&row.entry, &job, &self.place, &ring) {
            Ok(hand) => {
                self.metrics.has_begun();
                self.log.act("begins", row.id.as_str(), &row.flow, None);
                state.under_way.insert(row.id.clone(), Carried::new(hand, row, going));
            }
            Err(error) => self.cannot_start(state, &row, &error),
        }
    }

    /// Puts on record that an execution could not begin, where a schedule has started it.
    fn note_refusal(&self, row: &ExecutionRow, why: &str) {
        if let Err(error) = manage::tick_refused(self.store.as_ref(), row, why) {
            let message = format!("worker: {}: error[{}]: {error}", row.id.short(), error.code);
            self.log.complain(&error.code, &message);
        }
    }

    fn cannot_start(&self, state: &mut State, row: &ExecutionRow, error: &std::io::Error) {
        let why = format!("{} cannot be started: {error}", row.entry.interpreter);
        self.cannot_begin(state, row, "flow-import", &why);
    }

    fn cannot_begin(&self, state: &mut State, row: &ExecutionRow, code: &str, why: &str) {
        self.log.complain(code, &format!("worker: {} {}: {why}", row.flow, row.id.short()));
        self.metrics.was_refused();
        self.leave(state, &row.id, code, why);
    }

    /// Has the next round begin at once.
    fn ring(self: &Arc<Self>) -> Ring {
        let work = Arc::downgrade(self);
        Arc::new(move || {
            if let Some(work) = work.upgrade() {
                // Taken, so that whoever is about to wait hears it.
                drop(work.lock());
                work.asked.notify_all();
            }
        })
    }

    /// Leaves one alone that did not go on, until there is something new on record of it. One of a pool that its process
    /// has not even taken up is paused: else it would go from worker to worker.
    fn leave(&self, state: &mut State, id: &ExecutionId, code: &str, message: &str) {
        let is_over = code == "memory-limit";
        let begins = if is_over { "" } else { "no worker could begin it: " };
        let why = format!("{begins}error[{code}]: {message}");
        let complain = |code: &str, error: &str| {
            self.log.complain(code, &format!("worker: {}: error[{code}]: {error}", id.short()));
        };
        let row = match self.store.queries().execution(id) {
            Ok(row) => row,
            Err(error) => return complain(error.code(), &error.to_string()),
        };
        if !is_over {
            self.note_refusal(&row, &why);
        }
        let seen = manage::status(self.store.as_ref(), &row, self.now());
        if (row.pool.is_some() || is_over) && seen == Status::Interrupted {
            // Whatever took so much memory would again: what it costs to find out is for somebody to decide.
            if row.status == Status::Running && !is_over {
                // It was taken up, and its process is gone: another takes it up, which is counted.
                self.look.ring();
                return;
            }
            match manage::left_by_worker(self.store.as_ref(), &row, &why, self.now()) {
                Ok(()) => return,
                // Somebody has done something about it meanwhile.
                Err(error) if error.code == "conflict" => return,
                Err(error) => complain(&error.code, &error.to_string()),
            }
        }
        state.stuck.insert(id.clone(), (row.last_seq, why));
    }

    /// Whether nobody has taken an execution up since.
    fn is_as_it_was(&self, row: &ExecutionRow) -> bool {
        let now = self.store.queries().execution(&row.id);
        now.is_ok_and(|now| now.epoch == row.epoch && now.last_seq == row.last_seq)
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

    fn reap(self: &Arc<Self>, state: &mut State) {
        let ended: Vec<_> = state
            .under_way
            .iter_mut()
            .filter_map(|(id, carried)| carried.hand.ended().map(|(end, again)| (id.clone(), end, again)))
            .collect();
        for (id, end, again) in ended {
            let Some(carried) = state.under_way.remove(&id) else { continue };
            let Carried { hand, row, going, killed } = carried;
            if again && !self.is_leaving() {
                state.warm.keep(hand, self.at_once);
            } else {
                state.warm.leave(hand);
            }
            self.look.ring();
            let refused = match end {
                End::Told(told) => refusal(&told, 2),
                End::Stale => {
                    self.start_anew(state, row, going);
                    continue;
                }
                End::Gone(_) if killed.is_none() && going.lost + 1 < TRIES && self.is_as_it_was(&row) => {
                    // Nothing of it has run, so nothing is paid twice.
                    state.queue.push_back((row, Going { lost: going.lost + 1, ..going }));
                    continue;
                }
                End::Gone(status) => Some(match killed {
                    Some(why) => ManageError::new("memory-limit", why, None),
                    None => {
                        let message = format!("its process ended with {status} and told nothing");
                        ManageError::new("kitaru", message, None)
                    }
                }),
            };
            if let Some(left) = &going.then {
                self.take_up_if_left(state, left);
            }
            let Some(ManageError { code, message, .. }) = refused else {
                self.log.act("has ended with", id.as_str(), &row.flow, None);
                continue;
            };
            self.log.act("was refused", id.as_str(), &row.flow, Some(&code));
            if matches!(code.as_str(), "held" | "conflict" | "fenced" | "already-ended") {
                // Somebody else was faster.
                continue;
            }
            let goes_on_by_itself = lease::is_unasked(&going.why) || row.pool.is_some() && !row.status.has_ended();
            if goes_on_by_itself && is_of_the_store(&code) {
                // That says nothing of it: whoever reaches the store begins it, and looks for it by then.
                continue;
            }
            self.metrics.was_refused();
            self.log.complain(&code, &format!("worker: {} {}: error[{code}]: {message}", row.flow, id.short()));
            self.leave(state, &id, &code, &message);
        }
    }

    /// Its process had code that is no longer that on the disk: a new one begins it.
    fn start_anew(self: &Arc<Self>, state: &mut State, row: ExecutionRow, going: Going) {
        let (job, ring) = (going.job(&row, self.is_on_call), self.ring());
        match state.warm.give_new(&row.entry, &job, &self.place, &ring) {
            Ok(hand) => drop(state.under_way.insert(row.id.clone(), Carried::new(hand, row, going))),
            Err(error) => self.cannot_start(state, &row, &error),
        }
    }
}

/// Whether a refusal is the store's, which was away or busy, and may not be told again.
fn is_of_the_store(code: &str) -> bool {
    matches!(code, "server-away" | "store-busy")
}
