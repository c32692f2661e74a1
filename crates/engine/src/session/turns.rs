//! Turns of this execution's calls at limits. Not here: who else waits ([`crate::desk`]), and waiting.

use super::Session;
use super::calls::stale;
use crate::desk::begins;
use crate::error::Result;
use kitaru_core::limit::{Closed, Holds, MOST_CLOSED};
use kitaru_core::matcher::CallId;
use kitaru_core::{Millis, ScopeId};
use kitaru_store::limits::{Ask, Limiting, Ticket, Turn};
use std::sync::Arc;

/// How a call stands at its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// `begins`, `given` (it begins later), `full`, `rate`, `closed`, or `unknown`: it asks again.
    pub word: &'static str,
    /// When it begins, as far as is known.
    pub at: Millis,
    /// How many are before it.
    pub before: u64,
}

impl Standing {
    fn of(turn: &Turn, now: Millis) -> Self {
        // A time that is not reached must not be read as one that is.
        let up = |at: i64| (at + 999).div_euclid(1000);
        match turn {
            Turn::Given(at) => {
                let word = if begins(turn, now) { "begins" } else { "given" };
                Self { word, at: up(*at), before: 0 }
            }
            Turn::Waits { before, holds, expects } => {
                let word = match holds {
                    Holds::Full => "full",
                    Holds::Rate => "rate",
                    Holds::Closed => "closed",
                };
                Self { word, at: up(*expects), before: *before }
            }
            Turn::Unknown => Self { word: "unknown", at: now, before: 0 },
        }
    }
}

impl Session {
    /// A call asks for its turn at that limit.
    pub fn ask_turn(self: &Arc<Self>, call: CallId, limit: &str, priority: i32) -> Result<Standing> {
        self.must_be_open()?;
        let ticket = self.ticket(call)?;
        let name = {
            let inner = self.lock();
            inner.must_not_stop(self.id())?;
            inner.pass.matcher.head(call).map(|head| head.name.clone()).unwrap_or_default()
        };
        let ask = Ask { ticket, limit: limit.to_owned(), flow: self.flow.clone(), name, priority };
        let turn = self.desk.ask(self, ask)?;
        Ok(Standing::of(&turn, self.now()))
    }

    /// How a call that waits for its turn stands, as far as this process knows.
    pub fn turn(&self, call: CallId) -> Result<Standing> {
        let turn = self.desk.turn(&self.ticket(call)?);
        Ok(Standing::of(&turn, self.now()))
    }

    /// The same, asked anew; of one that begins it is the last word.
    pub fn confirm_turn(&self, call: CallId) -> Result<Standing> {
        self.must_be_open()?;
        let ticket = self.ticket(call)?;
        let standing = Standing::of(&self.desk.confirm(&ticket)?, self.now());
        if standing.word == "begins" {
            self.desk.leaves(&ticket);
        }
        Ok(standing)
    }

    /// A call wants no turn any more. Of a store that is away it is not: the turn is free when this process has gone, or
    /// lost the execution.
    pub fn leave_turn(&self, call: CallId) -> Result<()> {
        let ticket = self.ticket(call)?;
        self.desk.leaves(&ticket);
        self.desk.give_back(vec![ticket])
    }

    /// A call keeps its place and waits elsewhere: it gets no turn before it asks again.
    pub fn stand_aside(&self, call: CallId) -> Result<()> {
        let ticket = self.ticket(call)?;
        self.desk.leaves(&ticket);
        self.store.limiting(Limiting::StandAside(vec![ticket]))?;
        Ok(())
    }

    /// The body of a call has ended: its turn goes back with the next write, which is that of its record.
    pub fn end_turn(&self, call: CallId) {
        let mut inner = self.lock();
        let Some(scope) = inner.pass.matcher.child_scope(call) else { return };
        inner.turns.push(scope);
    }

    /// A provider has asked to be left alone for so long: so do all who share the limit.
    pub fn close_limit(&self, limit: &str, pause: Millis, by: &str, why: &str) -> Result<()> {
        let from = self.now();
        let until = from.saturating_add(pause.clamp(0, MOST_CLOSED));
        let closed = Closed { from, until, by: by.to_owned(), why: why.to_owned() };
        self.store.limiting(Limiting::Close { name: limit.to_owned(), closed, asked: false })?;
        Ok(())
    }

    fn ticket(&self, call: CallId) -> Result<Ticket> {
        let scope: ScopeId = self.lock().pass.matcher.child_scope(call).ok_or_else(stale)?;
        Ok(Ticket { execution: self.id.clone(), epoch: self.epoch, call: scope })
    }

    /// There may be something new for those who wait in this session.
    pub(crate) fn tell(&self) {
        self.changed.notify_all();
    }
}
