//! What it means for the records that a call's body runs, or runs again.
//!
//! Not here: whether it runs (`decide`), and the events that are written of it ([`crate::pass`]).

use super::{CallId, Matcher, Met, ScopeState};
use crate::event::{CallHead, CallKind, Inputs, InputsSet};
use crate::ids::{ScopeId, Seq};
use crate::records::{Record, State, number_key, printed};
use std::collections::HashSet;

impl Matcher {
    /// The call's head, with its printed key, for the events about it; and the records that its running
    /// overtakes: what was cancelled after it was recorded may end otherwise now, so it must not be parked.
    ///
    /// `None` when the call is not of this pass.
    pub fn run(&mut self, id: CallId) -> Option<(CallHead, Vec<Seq>)> {
        let key = self.key(id)?;
        let met = self.met(id)?;
        let mut head = CallHead { key, ..met.head.clone() };
        let mut overtaken = Vec::new();
        let ix = if let Some(ix) = self.own(met) {
            let record = &self.records.all[ix];
            head.after.clone_from(&record.call.after);
            overtaken = self.overtaken(ix);
            if !matches!(self.records.all[ix].state, State::Open { .. }) {
                self.records.drop_at(ix);
            }
            self.records.rename(ix, &head.key);
            self.records.all[ix].call = head.clone();
            ix
        } else {
            if matches!(head.inputs, Inputs::Digest(_)) {
                head.after = self.stands_after(head.scope);
            }
            self.records.add(0, head.clone(), 0, State::Dropped)
        };
        self.claim(ix);
        if let Some(met) = self.met_mut(id) {
            met.exact = Some(ix);
            met.head = head.clone();
        }
        let place = self.key_of_place(id).unwrap_or_default();
        let state = self.scopes.entry(head.body);
        state.or_insert_with(|| ScopeState { label: head.key.clone(), ..ScopeState::default() }).place = place;
        Some((head, overtaken))
    }

    /// The printed key that a call of this pass has, or gets when it runs. A call of a replay that its source had is
    /// printed as it was there, unless another has that key by now.
    pub fn key(&self, id: CallId) -> Option<String> {
        let met = self.met(id)?;
        if let Some(ix) = self.own(met) {
            let key = &self.records.all[ix].call.key;
            if self.records.by_key.get(key).is_none_or(|taken| *taken == ix) {
                return Some(key.clone());
            }
        }
        let head = &met.head;
        Some(self.records.free_key(&self.label(head.scope), &head.scope, &head.name, '#', met.nth))
    }

    /// The record of a call's own. One that another call was served stays that call's.
    fn own(&self, met: &Met) -> Option<usize> {
        match met.exact.filter(|ix| self.records.all[*ix].call.body == met.head.body) {
            Some(ix) => Some(ix),
            None => self.records.by_body.get(&met.head.body).copied().filter(|ix| !self.claimed.contains(ix)),
        }
    }

    /// What somebody changed of the inputs of a call: paths and plain JSON. In a replay a call that the source did not
    /// have is known by its key alone: that which its place gives it.
    pub fn inputs_set(&self, id: CallId) -> Option<&InputsSet> {
        let head = self.head(id)?;
        let is_new = self.records.fork.as_ref().is_some_and(|fork| !fork.had.contains(&head.body));
        let key = is_new.then(|| self.key_of_place(id)).flatten();
        let is_it = |set: &&InputsSet| set.body == head.body || key.as_ref() == Some(&set.key);
        self.records.inputs_set.iter().rev().find(is_it)
    }

    /// Whether that was set for the very call, and not for one that had its place.
    pub fn is_of(&self, id: CallId, set: &InputsSet) -> bool {
        self.head(id).is_some_and(|head| head.body == set.body)
    }

    /// The key that a call's place gives it, whoever has that already.
    pub(super) fn key_of_place(&self, id: CallId) -> Option<String> {
        let met = self.met(id)?;
        Some(printed(&self.place_label(met.head.scope), &met.head.name, met.nth, '#'))
    }

    /// The call behind which a new one stands in its scope's order, if that is not the last: the last claimed.
    fn stands_after(&self, scope: ScopeId) -> Option<ScopeId> {
        let last = self.records.by_scope.get(&scope)?.last().copied()?;
        match self.scopes.get(&scope).and_then(|state| state.last_claimed) {
            Some(claimed) if claimed == last => None,
            Some(claimed) => Some(self.records.all[claimed].call.body),
            None => Some(ScopeId::ROOT),
        }
    }

    /// Cancelled records that came after this one's outcome: only an outcome can have led to a cancellation.
    fn overtaken(&mut self, by: usize) -> Vec<Seq> {
        let had = self.records.all[by].order;
        if self.records.cancelled == 0 || had == 0 {
            return Vec::new();
        }
        let after = |(ix, record): (usize, &Record)| {
            (ix != by && record.state == State::Cancelled && record.order > had).then_some((ix, record.seq))
        };
        let found: Vec<(usize, Seq)> = self.records.all.iter().enumerate().filter_map(after).collect();
        for (ix, _) in &found {
            self.records.drop_at(*ix);
        }
        found.into_iter().map(|(_, seq)| seq).collect()
    }

    /// An unanswered wait of that name that the scope has not asked for in this pass: a new question takes
    /// its place.
    pub fn superseded_wait(&self, id: CallId) -> Option<&Record> {
        let head = &self.met(id)?.head;
        self.records.by_scope.get(&head.scope)?.iter().map(|ix| (ix, &self.records.all[*ix])).find_map(
            |(ix, record)| {
                let open = matches!(record.state, State::Asked(_)) && record.call.kind == CallKind::Wait;
                (open && record.call.name == head.name && record.call.body != head.body && !self.claimed.contains(ix))
                    .then_some(record)
            },
        )
    }

    /// Begins the body of a call anew: its nested calls are counted from the start again. With `keep`, what
    /// they recorded is served again; without, it is dropped, and the sequences of the dropped records returned.
    /// What must happen at most once, and what somebody put in place, is never dropped here.
    pub fn restart_body(&mut self, id: CallId, keep: bool) -> Vec<Seq> {
        let Some(met) = self.met(id) else { return Vec::new() };
        let scopes = self.scopes_under(met.head.body);
        let under: HashSet<ScopeId> = scopes.iter().copied().collect();
        let mut dropped = Vec::new();
        for scope in &scopes {
            for ix in self.records.by_scope.get(scope).cloned().unwrap_or_default() {
                self.claimed.remove(&ix);
                let record = &self.records.all[ix];
                if !keep && !record.once && !record.supplied && record.seq != 0 && record.state != State::Dropped {
                    dropped.push(record.seq);
                    self.records.drop_at(ix);
                }
            }
            self.claimed_scopes.remove(scope);
            if let Some(state) = self.scopes.get_mut(scope) {
                let (label, place) = (std::mem::take(&mut state.label), std::mem::take(&mut state.place));
                *state = ScopeState { label, place, inexact: state.inexact, ..ScopeState::default() };
            }
        }
        self.fresh.retain(|scope| !under.contains(scope));
        self.stand_ins.retain(|guest, chosen| !under.contains(guest) && !under.contains(chosen));
        for met in &self.met {
            if under.contains(&met.asker) {
                self.counts.remove(&met.count);
                self.counts.remove(&number_key(&met.head.scope, &met.head.name, '#'));
            }
        }
        for opened in self.records.scopes.iter().filter(|opened| under.contains(&opened.parent)) {
            self.counts.remove(&super::scopes::scope_count(
                &opened.parent,
                &opened.kind,
                &opened.name,
                opened.inputs.as_ref(),
            ));
            self.counts.remove(&number_key(&opened.parent, &opened.name, '.'));
        }
        dropped
    }
}
