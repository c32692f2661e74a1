//! Which record a call gets when a flow is entered again: the heart of Kitaru, as a pure state machine.
//!
//! A pass is one run of the flow function from its top. A call is first *identified* (in the synchronous part
//! of the call, so that `gather(f(1), f(2))` is known in the order in which it was written) and then *decided*
//! (when its body would start, so that tasks created meanwhile have claimed what is theirs).
//!
//! `scopes` names the places where calls are made, `identify` the calls, `decide` finds what becomes of them,
//! `run` says what running one means for the records, `below` walks what is nested. Not here: the order in which
//! recorded results are handed out ([`crate::delivery`]), what is written ([`crate::pass`]), what a drift looks
//! like to people, retries, and any I/O.

mod below;
mod decide;
mod identify;
mod run;
mod scopes;

use crate::event::{Body, CallHead, CallKind, Inputs};
use crate::ids::{Millis, ScopeId, Seq};
use crate::records::{Record, Records};
use std::collections::{HashMap, HashSet};

/// What a caller says of a call.
#[derive(Clone, Debug)]
pub struct Ask<'a> {
    /// Where it is made.
    pub scope: ScopeId,
    /// Its name.
    pub name: &'a str,
    /// What it is given.
    pub inputs: Inputs,
    /// What kind of step it is.
    pub kind: CallKind,
    /// Whether `id=` named it outright.
    pub named: bool,
    /// Whether its effect must happen at most once.
    pub once: bool,
    /// Digest of its code.
    pub code: Option<&'a str>,
}

/// A call of one pass, by a number that no other pass gives: what is left of an earlier pass is known as such.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallId(pub usize);

/// What is to be done with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Serve this record's outcome, as soon as delivery order allows.
    Reuse(usize),
    /// It was cancelled: park it until it is cancelled again.
    Park(usize),
    /// Run its body. The record, if any, is an unfinished one of the same identity.
    Run,
    /// A question or sleep of the same identity is open or over.
    Open(usize),
    /// This record might be it: same name here with other inputs, or (`moved`) same inputs elsewhere.
    Drift {
        /// The record.
        record: usize,
        /// Same inputs elsewhere.
        moved: bool,
    },
    /// It began once, its effect must happen at most once, and its outcome is unknown.
    InDoubt(usize),
    /// An effect of its name that must happen at most once is on record, and no call of this pass is that one: it
    /// began with other inputs and nobody knows whether it happened, or it had the same inputs elsewhere. Or a child of
    /// its name that began with other inputs and has not ended.
    Began(usize),
    /// Its result was handed out but never stored.
    Volatile(usize),
    /// An argument was changed while it ran, which its record does not have.
    Mutated(usize),
    /// Its scope was served a call that neither inputs nor scope tell apart from another's, and now asks for
    /// something that the record of that scope lacks.
    RaceDiverged {
        /// The call that was served.
        served: usize,
    },
}

#[derive(Debug)]
struct Met {
    head: CallHead,
    /// Its record: of the same identity, or another's by decision.
    exact: Option<usize>,
    once: bool,
    /// The scope that makes it; differs from the head's where that scope stands for a recorded one.
    asker: ScopeId,
    /// Under which it was counted.
    count: ScopeId,
    /// The how-manyth of its name in its scope.
    nth: u32,
    /// The how-manyth call of the pass it is, readings left out; 0 for one.
    step: u32,
    /// The record that it is not, as somebody decided.
    anew: Option<Seq>,
    /// By decision it is a child that began with other inputs.
    adopted: bool,
}

#[derive(Debug, Default)]
struct ScopeState {
    /// The call before, for input-less calls.
    previous: Option<ScopeId>,
    /// The claimed record that stands last in the scope's list.
    last_claimed: Option<usize>,
    /// An input-less record that was served while other tasks were alive, until a call with inputs matched.
    raced: Option<usize>,
    /// Calls that drift from records of before that run from here on.
    rerun: Option<Seq>,
    /// Not known by name: only calls with inputs match.
    inexact: bool,
    /// Beginning of the keys of its calls.
    label: String,
    /// The same as its place alone would have it, whoever has that already.
    place: String,
    /// Whether it can no longer come to stand for another.
    settled: bool,
}

/// The state of one pass over [`Records`].
#[derive(Debug, Default)]
pub struct Matcher {
    /// What the journal says, kept up to date while the pass adds to it.
    pub records: Records,
    met: Vec<Met>,
    /// How many calls earlier passes met.
    met_before: usize,
    /// How many calls this pass met, readings left out.
    steps: u32,
    counts: HashMap<ScopeId, u32>,
    claimed: HashSet<usize>,
    claimed_scopes: HashSet<ScopeId>,
    scopes: HashMap<ScopeId, ScopeState>,
    /// Recorded scopes by the scope that stands for them in this pass.
    stand_ins: HashMap<ScopeId, ScopeId>,
    /// Scopes whose exact name the journal did not know when they were opened in this pass.
    fresh: HashSet<ScopeId>,
    /// Functions (by parent, kind and name) that were found under the same arguments as before in this pass: no
    /// clock is among those, so a scope of theirs that is not on record is a new one.
    steady: HashSet<ScopeId>,
    /// Scopes of which the journal does not know yet.
    unwritten: HashSet<ScopeId>,
    served: HashSet<usize>,
}

impl Matcher {
    /// A pass over `records`.
    pub fn new(records: Records) -> Self {
        let mut matcher = Self { records, ..Self::default() };
        matcher.restart();
        matcher
    }

    /// Begins a new pass: nothing is met, nothing claimed; the records stay.
    pub fn restart(&mut self) {
        self.met_before += self.met.len();
        self.met.clear();
        self.steps = 0;
        self.counts.clear();
        self.claimed.clear();
        self.claimed_scopes.clear();
        self.scopes.clear();
        self.served.clear();
        self.stand_ins.clear();
        self.fresh.clear();
        self.steady.clear();
    }

    /// Takes what was written into the records.
    pub fn wrote(&mut self, seq: Seq, at: Millis, body: &Body) {
        self.records.fold(seq, at, body);
        if let Body::ScopeOpened(opened) = body {
            self.unwritten.remove(&opened.scope);
        }
    }

    /// The record of a met call, if it has one.
    pub fn record_of(&self, id: CallId) -> Option<&Record> {
        self.met(id)?.exact.map(|ix| &self.records.all[ix])
    }

    /// What a call that starts a child names it by: its identity, and how often its result was asked for anew.
    pub fn child_scope(&self, id: CallId) -> Option<ScopeId> {
        let met = self.met(id)?;
        let renewed = self.record_of(id).map_or(0, |record| record.renewed);
        Some(met.head.body.child("child", "", &[], renewed))
    }

    /// The record of a child that began with other inputs, and which the call is by decision.
    pub fn adopted(&self, id: CallId) -> Option<&Record> {
        self.met(id).filter(|met| met.adopted).and_then(|met| met.exact).map(|ix| &self.records.all[ix])
    }

    /// The call as met.
    pub fn head(&self, id: CallId) -> Option<&CallHead> {
        self.met(id).map(|met| &met.head)
    }

    /// The how-manyth call of the pass it is, from 1, readings left out.
    pub fn step(&self, id: CallId) -> Option<u32> {
        self.met(id).map(|met| met.step)
    }

    /// Whether a call of this pass has that record or was served it, or one above it has.
    pub(crate) fn is_taken(&self, ix: usize) -> bool {
        self.claimed.contains(&ix) || self.served.contains(&ix)
    }

    fn met(&self, id: CallId) -> Option<&Met> {
        self.met.get(self.place(id)?)
    }

    /// Where a call of this pass stands among those that were met.
    fn place(&self, id: CallId) -> Option<usize> {
        id.0.checked_sub(self.met_before)
    }

    fn met_mut(&mut self, id: CallId) -> Option<&mut Met> {
        let place = self.place(id)?;
        self.met.get_mut(place)
    }

    /// Claims a record for a call of this pass: nobody else is served it.
    fn claim(&mut self, ix: usize) {
        self.claimed.insert(ix);
        let record = &self.records.all[ix];
        let state = self.scopes.entry(record.call.scope).or_default();
        if state.last_claimed.is_none_or(|last| self.records.all[last].place < record.place) {
            state.last_claimed = Some(ix);
        }
    }
}
