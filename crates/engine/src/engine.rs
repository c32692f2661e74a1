//! A process's handle on a store: starts and takes up executions, and keeps their leases alive.
//!
//! Not here: what happens inside an execution ([`crate::session`]); management ([`crate::manage`]).

use crate::clock::{Clock, StoreClock};
use crate::codes::Codes;
use crate::desk::Desk;
use crate::error::{EngineError, Result};
use crate::heartbeat::Heartbeat;
use crate::manage::next;
use crate::rehearsal::Rehearsal;
use crate::session::{Means, Session};

use kitaru_core::event::{CallReleased, Created, EntryPoint, Interrupted, PauseReason, Paused, Taken};
use kitaru_core::lease::{self, Hold, Owner, Take};
use kitaru_core::records::Records;
use kitaru_core::rows::ExecutionRow;
use kitaru_core::{Body, Epoch, ExecutionId, Millis, Seq, Value};
use kitaru_store::{Claim, Created as Creation, Store, StoreError};
use std::sync::Arc;

/// How long an owner is believed without asking, milliseconds.
pub const LEASE: Millis = 15_000;
/// How many events are in memory at once while a journal is read.
const PAGE: usize = 2_000;

/// See the module.
pub struct Engine {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    codes: Arc<Codes>,
    desk: Arc<Desk>,
    heartbeat: Heartbeat,
    /// Set where nothing is written: see [`Engine::rehearsing`].
    rehearsal: Option<Arc<Rehearsal>>,
}

impl Engine {
    /// An engine on `store` with the clock that counts for it.
    pub fn new(store: Arc<dyn Store>) -> Self {
        let clock = Arc::new(StoreClock(Arc::clone(&store)));
        Self::with_clock(store, clock)
    }

    /// An engine on `store` with that clock.
    pub fn with_clock(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        let codes = Arc::new(Codes::new(Arc::clone(&store)));
        let desk = Arc::new(Desk::new(Arc::clone(&store), Arc::clone(&clock)));
        let heartbeat = Heartbeat::new(Arc::clone(&store), Arc::clone(&clock), Arc::clone(&codes), Arc::clone(&desk));
        Self { store, clock, codes, desk, heartbeat, rehearsal: None }
    }

    /// An engine on the same store that reads it and writes nothing: what [`Engine::rehearse`] enters again adds to
    /// its own memory, and all else is refused.
    pub fn rehearsing(&self) -> Self {
        let rehearsal = Arc::new(Rehearsal::new(Arc::clone(&self.store)));
        let engine = Self::with_clock(Arc::clone(&rehearsal) as Arc<dyn Store>, Arc::clone(&self.clock));
        Self { rehearsal: Some(rehearsal), ..engine }
    }

    /// The store.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// The time now.
    pub fn now(&self) -> Millis {
        self.clock.now()
    }

    /// Creates an execution and takes it. `None`: one with that identifier is there already.
    pub fn start(&self, id: Option<ExecutionId>, created: Created) -> Result<Option<Arc<Session>>> {
        let id = id.unwrap_or_else(crate::manage::new_id);
        let now = self.clock.now();
        let owner = self.store.owner()?;
        let code = created.code.clone();
        let of = (created.flow.clone(), created.entry.file.clone());
        let taken = Taken { owner: owner.clone(), code, why: "start".to_owned(), entry: None };
        let events = vec![Body::Created(Box::new(created)), Body::Taken(taken)];
        let claim = Claim { owner, lease_until: now + LEASE };
        match self.store.create(&id, now, events.clone(), Some(claim))? {
            Creation::Exists => Ok(None),
            Creation::New(epoch) => {
                let mut records = Records::default();
                for (seq, body) in (1..).zip(&events) {
                    records.fold(seq, now, body);
                }
                self.session(id, epoch, of, records).map(Some)
            }
        }
    }

    /// Creates an execution that nobody has taken yet; `false`: one with that identifier is there already.
    pub fn submit(&self, id: &ExecutionId, created: Created) -> Result<bool> {
        let made = self.store.create(id, self.clock.now(), vec![Body::Created(Box::new(created))], None)?;
        Ok(matches!(made, Creation::New(_)))
    }

    /// Takes up an execution that nobody holds.
    ///
    /// Refuses what has ended for good, what a living process holds, what is paused or has failed if nobody asked for it
    /// ([`lease::is_unasked`]), and (by pausing it) what was taken up [`lease::MAX_FRUITLESS_TAKES`] times without one
    /// new record.
    pub fn take(&self, id: &ExecutionId, code: Option<String>, why: &str) -> Result<Arc<Session>> {
        self.take_to(id, code, why, (None, None))
    }

    /// The same, with its code from now on where `entry` says. `seen`: the epoch in which whoever takes it up saw it; if
    /// another process has had it since, what was seen is past, and it is refused.
    pub fn take_to(
        &self,
        id: &ExecutionId,
        code: Option<String>,
        why: &str,
        (entry, seen): (Option<EntryPoint>, Option<Epoch>),
    ) -> Result<Arc<Session>> {
        let row = self.store.queries().execution(id)?;
        let conflict = |why: &str| Err(StoreError::Conflict(format!("execution {id} {why}")).into());
        match lease::take(row.status, self.hold(&row), row.fruitless, lease::is_unasked(why)) {
            Take::Ended => return Err(EngineError::Ended { id: id.clone(), status: row.status }),
            Take::Fruitless => return self.pause_fruitless(&row),
            Take::Held => self.must_be_free(&row)?,
            Take::Undecided => {
                return conflict(&format!("is {} by now: somebody has to say that it goes on", row.status));
            }
            Take::Free => {}
        }
        if seen.is_some_and(|seen| seen != row.epoch) {
            return conflict("was taken up by another process meanwhile");
        }
        // Most is read before the claim: a journal that cannot be read is then held by nobody, and the lease does
        // not run while a long one is read.
        let mut records = Records::default();
        let seen = self.read(id, 0, &mut records)?;
        let now = self.clock.now();
        let owner = self.store.owner()?;
        let file = entry.as_ref().map_or(row.entry.file.clone(), |entry| entry.file.clone());
        let taken = Taken { owner: owner.clone(), code, why: why.to_owned(), entry: entry.map(Box::new) };
        let claim = Claim { owner, lease_until: now + LEASE };
        let mut events = vec![Body::Taken(taken)];
        if why == "resume" {
            events.extend(let_go(&row, &records));
        }
        let epoch = self.store.claim(id, now, row.epoch, claim, events)?;
        let read = self.read(id, seen, &mut records).and_then(|_| self.fetch_changes(&mut records));
        if let Err(error) = read {
            self.release(id, epoch);
            return Err(error);
        }
        self.session(id.clone(), epoch, (row.flow, file), records)
    }

    /// Enters an execution again without taking it up, whoever holds it: for an engine that is
    /// [`Engine::rehearsing`].
    pub fn rehearse(&self, id: &ExecutionId, code: Option<String>) -> Result<Arc<Session>> {
        let Some(rehearsal) = &self.rehearsal else {
            return Err(EngineError::Misuse("this engine writes: it rehearses nothing".to_owned()));
        };
        let row = self.store.queries().execution(id)?;
        if row.status.is_final() {
            return Err(EngineError::Ended { id: id.clone(), status: row.status });
        }
        let mut records = Records::default();
        let last = self.read(id, 0, &mut records)?;
        self.fetch_changes(&mut records)?;
        rehearsal.begin(id, last);
        let now = self.clock.now();
        let owner = Owner {
            host: String::new(),
            boot: String::new(),
            pid: std::process::id(),
            started: 0,
            slot: 0,
            nonce: String::new(),
        };
        let taken = Body::Taken(Taken { owner, code, why: "rehearsal".to_owned(), entry: None });
        let seq = self.store.append(id, now, row.epoch, vec![taken.clone()])?;
        records.fold(seq, now, &taken);
        let of = (row.flow, row.entry.file);
        Ok(Arc::new(Session::new(self.means(), id.clone(), row.epoch, of, records)))
    }

    /// The process is to end: its executions are handed over to others, each when what runs of it has ended.
    pub fn hand_over(&self, by: &str) {
        self.heartbeat.hand_over(by);
    }

    /// What this process keeps of code digests.
    pub fn codes(&self) -> &Codes {
        &self.codes
    }

    /// What a code digest is made of, if that was kept.
    pub fn code(&self, digest: &str) -> Result<Option<String>> {
        Ok(self.store.queries().code(digest)?)
    }

    /// Folds the events after `after`, a page at a time; returns the last one's sequence.
    fn read(&self, id: &ExecutionId, mut after: Seq, records: &mut Records) -> Result<Seq> {
        loop {
            let page = self.store.load(id, after, PAGE)?;
            for event in &page {
                records.fold(event.seq, event.at, &event.body);
                after = event.seq;
            }
            if page.len() < PAGE {
                return Ok(after);
            }
        }
    }

    /// What somebody put into a call's inputs is needed when the call starts: large values too.
    fn fetch_changes(&self, records: &mut Records) -> Result<()> {
        for (_, value) in records.inputs_set.iter_mut().flat_map(|set| &mut set.values) {
            if let Value::Stored(reference) = value {
                let text = self.store.value(reference)?;
                *value = Value::json(text).map_err(|error| EngineError::Misuse(error.to_string()))?;
            }
        }
        Ok(())
    }

    /// Gives back what was taken and cannot be worked on. This process lives: nobody else would take it up.
    fn release(&self, id: &ExecutionId, epoch: Epoch) {
        let gone = Interrupted { by: "a journal that could not be read".to_owned(), reused: Vec::new() };
        // Where this fails as well the store is away, and the failure that is told says so.
        drop(self.store.append(id, self.clock.now(), epoch, vec![Body::Interrupted(gone)]));
    }

    /// Who holds an execution.
    pub fn hold(&self, row: &ExecutionRow) -> Hold {
        crate::manage::hold(self.store.as_ref(), row, self.clock.now())
    }

    fn must_be_free(&self, row: &ExecutionRow) -> Result<()> {
        match (self.hold(row), &row.owner) {
            (Hold::Held, Some(owner)) => Err(EngineError::Held { id: row.id.clone(), owner: Box::new(owner.clone()) }),
            _ => Ok(()),
        }
    }

    fn means(&self) -> Means {
        let (store, clock) = (Arc::clone(&self.store), Arc::clone(&self.clock));
        Means { store, clock, codes: Arc::clone(&self.codes), desk: Arc::clone(&self.desk) }
    }

    fn pause_fruitless<T>(&self, row: &ExecutionRow) -> Result<T> {
        let taken = row.fruitless;
        let text = format!(
            "taken up {taken} times without one new record: its next step may be killing the process \
             (see `kitaru logs`); resume it when the cause is mended"
        );
        let paused = Paused { reason: PauseReason::NoProgress { taken }, text, reused: Vec::new() };
        let guard = kitaru_store::Guard::Unchanged(row.epoch, row.last_seq);
        match self.store.post(&row.id, self.clock.now(), guard, vec![Body::Paused(Box::new(paused))]) {
            Ok(_) => Err(EngineError::NoProgress { id: row.id.clone(), taken }),
            Err(StoreError::Conflict(_)) => self
                .must_be_free(&self.store.queries().execution(&row.id)?)
                .and(Err(EngineError::NoProgress { id: row.id.clone(), taken })),
            Err(error) => Err(error.into()),
        }
    }

    fn session(
        &self,
        id: ExecutionId,
        epoch: Epoch,
        of: (String, Option<String>),
        records: Records,
    ) -> Result<Arc<Session>> {
        let flow = of.0.clone();
        let session = Arc::new(Session::new(self.means(), id, epoch, of, records));
        self.heartbeat.watch(&session);
        // Looked for last: the heartbeat tells of those that are set from here on.
        match self.store.queries().breakpoints(Some(&flow)) {
            Ok(rows) => session.take_breakpoints(&rows),
            Err(error) => {
                self.release(session.id(), epoch);
                return Err(error.into());
            }
        }
        Ok(session)
    }
}

/// Whoever resumes an execution lets the call go on that it is paused before.
fn let_go(row: &ExecutionRow, records: &Records) -> Option<Body> {
    match next::pause(row) {
        Some(PauseReason::Breakpoint { call, .. }) if records.held.contains_key(&call.body) => {
            Some(Body::CallReleased(CallReleased { key: call.key, body: call.body, by: "python".to_owned() }))
        }
        _ => None,
    }
}
