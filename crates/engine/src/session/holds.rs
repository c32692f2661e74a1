//! Holding a flow: from some moment on no body begins, what runs ends and is recorded, and when nothing is left the
//! execution is paused. A breakpoint holds it, or somebody who asked for a pause, or a call that nobody can decide.
//!
//! Not here: what a breakpoint stands before (core's `breakpoint`), and knowing that nothing is left (Python).

use super::calls::stale;
use super::{Inner, Session, json};
use crate::error::{EngineError, Result};
use crate::manage::{ManageError, next, pending, stop};
use kitaru_core::breakpoint::{Breakpoints, Met};
use kitaru_core::event::{Interrupted, PauseReason, Paused, Stop, StopRequested};
use kitaru_core::matcher::CallId;
use kitaru_core::rows::BreakpointRow;
use kitaru_core::{Body, ExecutionId, Seq, Value};
use kitaru_store::{Guard, StoreError};
use std::sync::PoisonError;
use std::time::Instant;

/// Who asks for a pause when an execution has worked as long as it may.
pub const DEADLINE: &str = "its deadline (";

/// What holds a session.
#[derive(Default)]
pub(super) struct Holds {
    /// Name of the flow, and the file that defines it.
    flow: String,
    file: Option<String>,
    points: Breakpoints,
    held: Option<Held>,
}

impl Holds {
    pub fn new(flow: String, file: Option<String>) -> Self {
        Self { flow, file, ..Self::default() }
    }
}

/// Why no body begins.
#[derive(Clone)]
struct Held {
    reason: PauseReason,
    text: String,
    /// Its process ends, and another takes it up: it is left interrupted, and not paused.
    hands_over: bool,
}

/// An execution that was paused.
#[derive(Clone, Debug)]
pub struct Halted {
    /// Sequence of that event.
    pub seq: Seq,
    /// Why.
    pub reason: PauseReason,
    /// What people are told: why, and how to go on.
    pub text: String,
}

impl Session {
    /// Takes in the breakpoints that are set now, of all flows or of this one.
    pub fn take_breakpoints(&self, rows: &[BreakpointRow]) {
        let mut inner = self.lock();
        let Inner { pass, holds, .. } = &mut *inner;
        let concerns = |row: &&BreakpointRow| {
            row.flow == holds.flow && (row.file.is_none() || row.file.as_deref() == holds.file.as_deref())
        };
        let mine: Vec<BreakpointRow> = rows.iter().filter(concerns).cloned().collect();
        holds.points.take(&mine, &pass.matcher.records.pause_before);
    }

    /// Asks for a pause, of it and of what it has started, when it has worked as long as it may. Its own process does, by the
    /// way on which anybody else does.
    pub fn mind_deadline(&self) {
        let mut deadline = self.deadline.lock().unwrap_or_else(PoisonError::into_inner);
        if deadline.is_none_or(|at| Instant::now() < at) || !self.is_open() {
            return;
        }
        let allowed = self.lock().pass.matcher.records.worked.deadline.unwrap_or_default();
        let by = format!("{DEADLINE}{} of work)", next::span(allowed));
        let asked = self
            .store
            .queries()
            .execution(&self.id)
            .map_err(ManageError::from)
            .and_then(|row| stop(self.store.as_ref(), &row, Stop::Pause, &by, self.now()));
        match asked {
            Ok(_) => *deadline = None,
            Err(error) if matches!(error.code.as_str(), "already-ended" | "paused") => *deadline = None,
            // The store is away: it is asked again with the next beat.
            Err(_) => {}
        }
    }

    /// Whether no body begins any more.
    pub fn is_held(&self) -> bool {
        self.lock().holds.held.is_some()
    }

    /// Holds the flow for that reason, unless it is held already.
    pub fn hold(&self, reason: PauseReason, text: String) {
        self.lock().hold(Held { reason, text, hands_over: false });
        self.changed.notify_all();
    }

    /// The same, because its process is to end: it is left for another to take up.
    pub fn hand_over(&self, by: &str) {
        let reason = PauseReason::Requested { by: by.to_owned(), with: None };
        let text = format!("{by}: another process takes it up");
        self.lock().hold(Held { reason, text, hands_over: true });
        self.changed.notify_all();
    }

    /// Holds the flow before a call that cannot be given what somebody put in, or that cannot be served it.
    pub fn hold_before(&self, call: CallId, inputs: Option<String>, problem: String) -> Result<()> {
        let inputs = inputs.map(json).transpose()?;
        let mut inner = self.lock();
        let head = inner.pass.matcher.head(call).cloned().ok_or_else(stale)?;
        let key = inner.pass.matcher.key(call).ok_or_else(stale)?;
        let call = kitaru_core::event::CallHead { key, ..head };
        let met = Met { before: call.key.clone(), call, id: None, problem: Some(problem) };
        inner.hold_at(met, inputs);
        Ok(())
    }

    /// Whether the body of a call must not begin: the flow is held, or is from here on because of that call.
    pub(super) fn holds_back(&self, call: CallId, inputs: Option<&Value>) -> Result<bool> {
        loop {
            let met = {
                let inner = self.lock();
                if inner.holds.held.is_some() {
                    return Ok(true);
                }
                inner.holds.points.met(&inner.pass.matcher, call, inputs)
            };
            let Some(met) = met else { return Ok(false) };
            // Another run may have been stopped by it since it was looked for.
            if met.id.is_some_and(|id| self.is_gone(id).unwrap_or(false)) {
                continue;
            }
            self.lock().hold_at(met, inputs.cloned());
            return Ok(true);
        }
    }

    /// Pauses a held execution, now that nothing runs. `cut`: what was cut off all the same, one line each. `None`: an
    /// answer or a request came first, or the breakpoint is gone; nothing was written.
    pub fn halt(&self, cut: &[String]) -> Result<Option<Halted>> {
        self.must_be_open()?;
        self.flush_all()?;
        self.look();
        let (last, held, reused) = {
            let inner = self.lock();
            let cancelled = inner.stop == Some(Stop::Cancel);
            let Some(held) = inner.holds.held.clone().filter(|_| !cancelled) else { return Ok(None) };
            (inner.seen, held, inner.pass.matcher.reused())
        };
        let Held { reason, text, hands_over } = held;
        let ended = if hands_over {
            Body::Interrupted(Interrupted { by: text.clone(), reused })
        } else {
            Body::Paused(Box::new(Paused { reason: reason.clone(), text: text.clone(), reused }))
        };
        match self.store.post(&self.id, self.now(), Guard::Unchanged(self.epoch, last), vec![ended]) {
            Ok(seq) => {
                self.close();
                let flow = self.lock().holds.flow.clone();
                let mut lines = vec![pending::message(self.store.as_ref(), &self.id, &flow, &reason, &text)];
                lines.extend(cut.iter().map(|one| format!("  cut off: {one}")));
                Ok(Some(Halted { seq, reason, text: lines.join("\n") }))
            }
            Err(StoreError::Conflict(_)) => {
                self.must_own()?;
                self.look();
                self.let_go_if_gone(&reason)?;
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// A breakpoint that stopped another run, or that was removed, holds nobody.
    fn let_go_if_gone(&self, reason: &PauseReason) -> Result<()> {
        let PauseReason::Breakpoint { id: Some(id), .. } = reason else { return Ok(()) };
        if self.is_gone(*id)? {
            self.lock().let_go(self.id.short());
            self.changed.notify_all();
        }
        Ok(())
    }

    fn is_gone(&self, id: u64) -> Result<bool> {
        let flow = self.lock().holds.flow.clone();
        let rows = self.store.queries().breakpoints(Some(&flow)).map_err(EngineError::from)?;
        self.take_breakpoints(&rows);
        Ok(!self.lock().holds.points.has(id))
    }
}

impl Inner {
    /// Refuses to go on once somebody has cancelled the execution. A pause lets what runs go on.
    pub(super) fn must_not_stop(&self, id: &ExecutionId) -> Result<()> {
        match self.stop {
            Some(stop @ Stop::Cancel) => Err(EngineError::Stopping { id: id.clone(), stop }),
            _ => Ok(()),
        }
    }

    /// Whether something keeps bodies from beginning.
    pub(super) fn is_held(&self) -> bool {
        self.holds.held.is_some()
    }

    /// Somebody asked from outside. What was asked for good stays asked.
    pub(super) fn asked_to_stop(&mut self, request: &StopRequested, short: &str) {
        if self.stop == Some(Stop::Cancel) {
            return;
        }
        self.stop = Some(request.stop);
        self.stop_by.clone_from(&request.by);
        self.stop_with.clone_from(&request.with);
        if request.stop == Stop::Pause {
            self.hold_as_asked(short);
        }
    }

    fn hold_as_asked(&mut self, short: &str) {
        let by = self.stop_by.clone();
        let text = format!("paused by {by}; go on with: kitaru resume {short}");
        let reason = PauseReason::Requested { by, with: self.stop_with.clone() };
        self.hold(Held { reason, text, hands_over: false });
    }

    fn hold(&mut self, held: Held) {
        self.holds.held.get_or_insert(held);
    }

    fn hold_at(&mut self, met: Met, inputs: Option<Value>) {
        if self.is_held() {
            return;
        }
        // Whoever decides about the call names it by its scope, so the journal has to know that.
        self.pass.tell_scopes(met.call.scope);
        let text = pending::said(&met);
        let Met { call, before, id, problem } = met;
        let reason = PauseReason::Breakpoint { call: Box::new(call), inputs, before, id, problem };
        self.hold(Held { reason, text, hands_over: false });
    }

    fn let_go(&mut self, short: &str) {
        self.holds.held = None;
        if self.stop == Some(Stop::Pause) {
            self.hold_as_asked(short);
        }
    }
}
