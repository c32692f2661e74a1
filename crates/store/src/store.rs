//! The contract of a store: a dozen verbs for those who run executions, and queries apart from them.
//!
//! Not here: any backend, and any decision about what may be written; a store checks epochs and guards only.

use crate::access::Access;
use crate::error::StoreError;
use crate::limits::{Limited, Limiting};
use crate::wire::{Write, Wrote};
use kitaru_core::event::{CallKind, Usage};
use kitaru_core::lease::Owner;
use kitaru_core::release::Release;
use kitaru_core::rows::{BreakpointRow, CallRow, CallStatus, ExecutionRow, Status, WaitRow};
use kitaru_core::schedule::Schedule;
use kitaru_core::{Body, Digest, Epoch, Event, ExecutionId, Millis, ScopeId, Seq, Value, ValueRef};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A result of a store.
pub type Result<T> = std::result::Result<T, StoreError>;

/// What [`Store::create`] found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Created {
    /// The execution is new. Holds its epoch when it was claimed at once (1), else 0.
    New(Epoch),
    /// One with that identifier is there already; nothing was written.
    Exists,
}

/// A claim in [`Store::create`] or [`Store::claim`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Claim {
    /// Who takes the execution.
    pub owner: Owner,
    /// Until when it is believed without asking.
    pub lease_until: Millis,
}

/// What must hold for [`Store::post`] to write, tested inside the writing transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Guard {
    /// The wait of that key is open, and the execution is not final.
    WaitOpen(String),
    /// The execution is in none of the final states (completed, cancelled).
    NotFinal,
    /// Nobody has taken the execution up since that epoch, and no event came after that sequence.
    Unchanged(Epoch, Seq),
    /// The same, and others are as they were seen.
    AllUnchanged(Epoch, Seq, Vec<(ExecutionId, Seen)>),
}

/// How an execution was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Seen {
    /// Recorded in that status.
    In(Status),
    /// With that as its last event.
    At(Seq),
}

/// A line that a call printed or logged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// When.
    pub at: Millis,
    /// The call it came from; `None`: the flow's own body.
    pub call_key: Option<String>,
    /// `stdout`, `stderr`, `log` or `progress`.
    pub stream: String,
    /// The text, without its line end.
    pub text: String,
}

/// What a worker is about to begin, so that others begin something else meanwhile. It owns nothing by that: its process
/// takes each up by a claim, and what it never takes up is given to others when the time has passed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assign {
    /// Which.
    pub wanted: Wanted,
    /// At most so many.
    pub limit: usize,
    /// Now.
    pub at: Millis,
    /// How long the others leave them alone.
    pub hold: Millis,
}

/// Which executions are wanted by [`Store::assign`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Wanted {
    /// Those of these that are not final.
    These(Vec<ExecutionId>),
    /// Those of pools that nobody has, those first that are there longest.
    OfPools {
        /// The pools.
        pools: Vec<String>,
        /// Names of their flows; empty: whichever.
        flows: Vec<String>,
        /// The machine on which the code is to be; what says nothing of that is taken anywhere.
        host: String,
        /// But not these: whoever asks has them, and would keep them from the others.
        #[serde(default)]
        but: Vec<ExecutionId>,
        /// Also those whose owner has let its lease pass: all that run are looked at for it.
        #[serde(default = "yes")]
        lapsed: bool,
    },
}

fn yes() -> bool {
    true
}

/// For those who run executions. Every verb is durable when it returns, unless it says otherwise.
///
/// Events are given in order and get consecutive sequences. A store replaces large inline values by
/// references before it writes ([`Body::values_mut`]), applies [`kitaru_core::project::project`] in the same
/// transaction, and hands events out again as they were written ([`Store::value`] fetches what is referenced).
pub trait Store: Send + Sync {
    /// Creates an execution from its first events, claiming it in the same transaction if asked
    /// (`fencing epoch` 1). Finding one with that identifier is no error. A replay's events go on from the last one
    /// of its source that counts; [`StoreError::NotFound`] when the source is gone.
    fn create(&self, id: &ExecutionId, at: Millis, events: Vec<Body>, claim: Option<Claim>) -> Result<Created>;

    /// Takes an execution up: only if its epoch is still `expected` and it is neither completed nor cancelled.
    /// Adds one to the epoch, sets owner and lease, appends `events`, returns the new epoch.
    /// [`StoreError::Conflict`] when another was faster.
    fn claim(&self, id: &ExecutionId, at: Millis, expected: Epoch, claim: Claim, events: Vec<Body>) -> Result<Epoch>;

    /// Appends for the owner: only if the epoch is `epoch`, an owner is set and the lease has not expired at
    /// `at`, tested inside the statement that reserves the sequences. Returns the sequence of the first event.
    /// [`StoreError::Fenced`] otherwise. Concurrent callers share transactions (group commit).
    fn append(&self, id: &ExecutionId, at: Millis, epoch: Epoch, events: Vec<Body>) -> Result<Seq> {
        self.append_last(id, at, epoch, events, Vec::new())
    }

    /// The same, with the turns at limits that those calls give back: in one transaction.
    fn append_last(
        &self,
        id: &ExecutionId,
        at: Millis,
        epoch: Epoch,
        events: Vec<Body>,
        turns: Vec<ScopeId>,
    ) -> Result<Seq>;

    /// Appends for whoever is not the owner, under a guard. Returns the sequence of the first event. A pause before a
    /// call whose breakpoint is gone is refused as a [`StoreError::Conflict`] too: one that does not stay stops one run.
    fn post(&self, id: &ExecutionId, at: Millis, guard: Guard, events: Vec<Body>) -> Result<Seq>;

    /// Extends leases; returns those that are no longer ours.
    fn renew(&self, leases: &[(ExecutionId, Epoch)], until: Millis) -> Result<Vec<ExecutionId>>;

    /// Gives executions that nobody else is about to begin to whoever asks; returns which. Not awaited to the disk.
    fn assign(&self, wanted: Assign) -> Result<Vec<ExecutionId>>;

    /// The events after `after`, at most `limit` (0: all). Those of a replay begin with those of its source, up to
    /// where it was forked.
    fn load(&self, id: &ExecutionId, after: Seq, limit: usize) -> Result<Vec<Event>>;

    /// What stands in the journal for such a value: a reference if it is large, `None` if it stays in its event.
    /// Whoever holds on to written events need not hold on to large texts.
    fn reference(&self, value: &Value) -> Option<ValueRef>;

    /// The JSON text of a referenced value.
    fn value(&self, reference: &ValueRef) -> Result<String>;

    /// Appends log lines. Not awaited to the disk by itself: a later commit makes them durable.
    fn log(&self, id: &ExecutionId, lines: Vec<LogLine>) -> Result<()>;

    /// A number that changes when another process, or another handle, may have written. Cheap.
    fn version(&self) -> Result<u64>;

    /// Removes an execution that ended and has not changed since that epoch and sequence: its rows, its logs and,
    /// as long as no replay reads them, its events.
    fn delete(&self, id: &ExecutionId, epoch: Epoch, last_seq: Seq) -> Result<()>;

    /// Sets a breakpoint; its number and count of hits are the store's. Returns the number, which is never given again.
    fn add_breakpoint(&self, breakpoint: BreakpointRow) -> Result<u64>;

    /// Removes a breakpoint; `false`: there is none of that number.
    fn remove_breakpoint(&self, id: u64) -> Result<bool>;

    /// Keeps a schedule with its version, which is to be looked at by then. `seen`: the version that it had; `None`: it is
    /// new. [`StoreError::Conflict`] where another was faster, or one of that name is there already.
    fn keep_schedule(&self, schedule: Schedule, look_at: Option<Millis>, seen: Option<u64>) -> Result<()>;

    /// Removes a schedule if it has that version; `false`: there is none of that name and version.
    fn remove_schedule(&self, name: &str, seen: u64) -> Result<bool>;

    /// Puts a release behind the others of its flow. [`StoreError::Conflict`]: there is one at its place.
    fn release(&self, release: Release) -> Result<()>;

    /// Keeps what a code digest is made of, to say later what changed: a JSON text. Not awaited to the disk.
    fn keep_code(&self, digest: &str, parts: &str) -> Result<()>;

    /// Makes writes that may come twice: what `writer` sent under that number is written once, and whoever sends it again
    /// is told what came of it the first time. Numbers of a writer grow; one that is lower than its last is refused as a
    /// [`StoreError::Conflict`]. What is refused among them leaves the others as they are. Durable when it returns,
    /// unless all of them are logs and code digests.
    fn write_once(&self, writer: &str, number: u64, writes: Vec<Write>) -> Result<Vec<Result<Wrote>>>;

    /// Which of these chunks of values ([`Digest`] of their bytes) are kept, with their bytes if asked for.
    fn chunks(&self, digests: &[Digest]) -> Result<Vec<Option<Vec<u8>>>>;

    /// Limits by name, and the turns of calls at them. What is asked may be asked again, and is not awaited to the disk,
    /// but for what somebody sets.
    fn limiting(&self, what: Limiting) -> Result<Limited>;

    /// What that time of this machine's clock is by the clock of the store, which counts where machines share one.
    fn by_its_clock(&self, here: Millis) -> Millis {
        here
    }

    /// How often it may be asked for its version.
    fn look_every(&self) -> Duration {
        Duration::from_millis(25)
    }

    /// Waits until somebody says that there may be something to begin, at most so long. Whether somebody did; `None`: nobody
    /// says so here. It is a hint: whoever begins executions looks by itself too.
    fn hear(&self, most: Duration) -> Result<Option<bool>> {
        let _ = most;
        Ok(None)
    }

    /// This process as an owner, registered so that others can tell whether it lives.
    fn owner(&self) -> Result<Owner>;

    /// Whether that owner lives, as far as can be told from here.
    fn pulse(&self, owner: &Owner) -> kitaru_core::lease::Pulse;

    /// Whether an owner that lives is believed no longer than its lease: where machines share the store, others cannot tell
    /// whether it does, and take over then.
    fn goes_by_leases(&self) -> bool {
        false
    }

    /// The queries.
    fn queries(&self) -> &dyn Queries;

    /// Tokens, links and the log of changes. `None`: whoever stands before the store keeps those.
    fn access(&self) -> Option<&dyn Access> {
        None
    }

    /// Refuses where the store cannot be used: it does not answer, or it is no longer where it was opened.
    fn ready(&self) -> Result<()> {
        self.version().map(|_| ())
    }

    /// Somebody wants to go: what is away is waited for no more until it answers again.
    fn leave(&self) {}

    /// Keeping the store in order. `None`: that is done where the store lies, and not from here.
    fn upkeep(&self) -> Option<&dyn crate::Upkeep> {
        None
    }

    /// The keys that it is sealed by. `None`: those are where the store lies, and not here.
    fn keyring(&self) -> Option<&dyn crate::Keyring> {
        None
    }

    /// Copying all of it. `None`: that is done where the store lies, and not from here.
    fn copying(&self) -> Option<&dyn crate::Copying> {
        None
    }
}

/// A page of a listing.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Page {
    /// How many rows at the most.
    pub limit: usize,
    /// How many rows to pass over.
    pub offset: usize,
}

/// A number in the order of all commits of a store: what was committed later has a higher one. 0: before all.
pub type Revision = u64;

/// What was written, with its number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// Its number, which no other change has.
    pub revision: Revision,
    /// Of which execution.
    pub execution: ExecutionId,
    /// What.
    pub what: Changed,
}

/// See [`Change`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Changed {
    /// An event of its own, none of its source's.
    Event(Event),
    /// A line of its log, with its position there.
    Line(u64, LogLine),
    /// It was deleted, with all that had been written of it.
    Deleted,
}

/// What came after a number.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Changes {
    /// In order.
    pub items: Vec<Change>,
    /// Whether there is more.
    pub more: bool,
}

/// Which executions to list. Empty: all.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ExecutionFilter {
    /// Recorded status is one of these. `Running` is both what runs and what is orphaned: the caller asks
    /// [`Store::pulse`] and shows [`kitaru_core::lease::visible`].
    pub status: Vec<Status>,
    /// Name of the flow.
    pub flow: Option<String>,
    /// Has this tag.
    pub tag: Option<String>,
    /// Is known by this key.
    pub key: Option<String>,
    /// Only those that are parked on other executions.
    pub awaits: bool,
    /// Only those that are parked on this execution.
    pub awaits_on: Option<ExecutionId>,
    /// Only those of this pool.
    pub pool: Option<String>,
    /// Was started by this execution.
    pub parent: Option<ExecutionId>,
    /// Replays this execution.
    pub forked_from: Option<ExecutionId>,
    /// Only those that no other execution started.
    pub roots: bool,
    /// Only what has not ended.
    pub open: bool,
    /// Only what should have woken by then.
    pub due_by: Option<Millis>,
    /// Only those with a lower number: what comes after that one in a list.
    pub before: Option<u64>,
    /// Only those created then or later.
    pub since: Option<Millis>,
    /// Only those that consumed as much themselves, in US dollars, or more.
    pub min_cost: Option<f64>,
    /// Only those whose last event was written by then.
    pub still_since: Option<Millis>,
    /// This stands in its identifier, the name of its flow, its key or one of its tags, in whatever case (ASCII).
    pub text: Option<String>,
}

/// Which waits to list. Empty: all.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct WaitFilter {
    /// Of this execution.
    pub execution: Option<ExecutionId>,
    /// Only open ones, of executions that can still take an answer.
    pub open: bool,
}

/// A place in the inbox: that of a wait.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InboxPlace {
    /// When it was opened.
    pub opened_at: Millis,
    /// The number of its execution.
    pub number: u64,
    /// Its key.
    pub key: String,
}

/// A stored artifact, without its value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ArtifactRow {
    /// Its execution.
    pub execution_id: ExecutionId,
    /// Its name.
    pub name: String,
    /// The value, or a reference to it.
    pub value: Value,
    /// The call that saved it.
    pub call_key: Option<String>,
    /// When.
    pub at: Millis,
}

/// What the executions of one flow, day and status came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StatisticsRow {
    /// Name of the flow.
    pub flow: String,
    /// The day of their creation in UTC, in milliseconds at its beginning.
    pub day: Millis,
    /// Recorded status: [`Status::Running`] is both what runs and what is orphaned.
    pub status: Status,
    /// How many there are.
    pub executions: u64,
    /// Time from creation to the last event: the sum, in milliseconds.
    pub total_ms: u64,
    /// The same, of the longest.
    pub longest_ms: u64,
    /// What they consumed. A child's is its own, so that nothing counts twice.
    pub usage: Usage,
}

/// For those who look. Never on the path of a running call.
pub trait Queries: Send + Sync {
    /// One execution, by its whole identifier.
    fn execution(&self, id: &ExecutionId) -> Result<ExecutionRow>;

    /// The execution whose identifier is, begins with, or ends with `text` (exact first).
    /// [`StoreError::Ambiguous`] when several do.
    fn find(&self, text: &str) -> Result<ExecutionId>;

    /// Executions, newest first.
    fn executions(&self, filter: &ExecutionFilter, page: Page) -> Result<Vec<ExecutionRow>>;

    /// Calls of an execution in the order of their records, without readings (`now()` and the like).
    fn calls(&self, id: &ExecutionId) -> Result<Vec<CallRow>>;

    /// How many calls an execution has in each state, without readings.
    fn call_counts(&self, id: &ExecutionId) -> Result<Vec<(CallStatus, u64)>>;

    /// Waits, oldest first. Sleeps are not among them.
    fn waits(&self, filter: &WaitFilter, page: Page) -> Result<Vec<WaitRow>>;

    /// Open waits of all executions that can still take an answer, behind that place, oldest first: the inbox. It costs
    /// what is on the page.
    fn inbox(&self, after: Option<&InboxPlace>, limit: usize) -> Result<Vec<(InboxPlace, WaitRow)>>;

    /// Executions that may have something to go on with that nobody does, newest first: all that do are among them or
    /// above one of them. Few others are: it costs what is found, and not what waits.
    fn stirred(&self, now: Millis) -> Result<Vec<ExecutionRow>>;

    /// Artifacts of an execution by name.
    fn artifacts(&self, id: &ExecutionId) -> Result<Vec<ArtifactRow>>;

    /// Log lines of an execution from the `after`-th on, at most `limit` (0: all), with the position of the last.
    fn logs(&self, id: &ExecutionId, after: u64, limit: usize) -> Result<(Vec<LogLine>, u64)>;

    /// What was written after that number, of all executions, in the order of commits: at most `limit`, and about a
    /// megabyte. What a store held before it kept numbers is not among it.
    fn changes(&self, after: Revision, limit: usize) -> Result<Changes>;

    /// What is no longer kept of what was written: all up to that number, 0: nothing. Whoever has not read as far has
    /// missed something.
    fn forgotten(&self) -> Result<Revision> {
        Ok(0)
    }

    /// A number that all that has been written so far is not after, and all that is written from now on is.
    fn newest(&self) -> Result<Revision>;

    /// What the executions that were created since then (all: [`Millis::MIN`]) came to, by flow, day and recorded
    /// status, in that order.
    fn statistics(&self, since: Millis) -> Result<Vec<StatisticsRow>>;

    /// How many executions there are, by flow and recorded status.
    fn counts(&self) -> Result<Vec<(String, Status, u64)>> {
        let rows = self.statistics(Millis::MIN)?;
        Ok(rows.into_iter().map(|row| (row.flow, row.status, row.executions)).collect())
    }

    /// How many questions are open, of executions that can still take an answer, and when the oldest was asked.
    fn open_waits(&self) -> Result<(u64, Option<Millis>)> {
        let all = Page { limit: usize::MAX >> 1, offset: 0 };
        let open = self.waits(&WaitFilter { execution: None, open: true }, all)?;
        Ok((open.len() as u64, open.first().map(|wait| wait.opened_at)))
    }

    /// The tags that executions have, with how many have each, by tag.
    fn tags(&self) -> Result<Vec<(String, u64)>>;

    /// Breakpoints, of one flow or of all, in the order in which they were set.
    fn breakpoints(&self, flow: Option<&str>) -> Result<Vec<BreakpointRow>>;

    /// Schedules by name. `by`: only those that are to be looked at by then, and those that were decided later than that.
    fn schedules(&self, by: Option<Millis>) -> Result<Vec<Schedule>>;

    /// The releases of a flow, or of all, by flow and in order.
    fn releases(&self, flow: Option<&str>) -> Result<Vec<Release>>;

    /// The events of these kinds ([`Body::kind`]) that an execution wrote itself, oldest first: of a replay, none of its
    /// source's.
    fn events(&self, id: &ExecutionId, kinds: &[&str]) -> Result<Vec<Event>>;

    /// What a code digest is made of, if that was kept: a JSON text.
    fn code(&self, digest: &str) -> Result<Option<String>>;

    /// What the store says of its own health: settings as read back from the engine, sizes, integrity.
    /// Name and value, in a fixed order; `integrity` walks the whole store when `deep`.
    fn health(&self, deep: bool) -> Result<Vec<(String, String)>>;
}

/// Whether a listing shows a call of that kind.
pub fn is_listed(kind: CallKind) -> bool {
    kind != CallKind::Reading
}
