//! What becomes of an identified call: served, run, parked, or asked about.
//!
//! Not here: what running one means for the records (`run`), and how a person is asked.

use super::scopes::Evidence;
use super::{CallId, Matcher, Met, Verdict};
use crate::event::{CallKind, DriftDecision, Inputs, ScopeOpened};
use crate::fork::same_code;
use crate::ids::{ScopeId, Seq};
use crate::records::{Record, State, body_of};

impl Matcher {
    /// Decides what is to be done. `alone`: no other task or thread of the flow is alive.
    pub fn decide(&mut self, id: CallId, alone: bool) -> Verdict {
        let Some(met) = self.met(id) else { return Verdict::Run };
        match met.exact {
            Some(ix) if self.records.all[ix].mutated.is_some() => Verdict::Mutated(ix),
            Some(ix) => self.decide_known(id, ix, alone),
            None if met.head.kind == CallKind::Reading => Verdict::Run,
            None => {
                if let Some((record, is_sure)) = self.supplied_for(id) {
                    if is_sure {
                        self.serve(id, record);
                        return Verdict::Reuse(record);
                    }
                    if alone && met.anew != Some(self.records.all[record].seq) {
                        return Verdict::Drift { record, moved: false };
                    }
                }
                if alone {
                    self.stand_for_next(id);
                }
                match self.decide_unknown(id, alone) {
                    // No policy about drift is a decision about what is missing besides.
                    Verdict::Drift { record, .. } if self.records.all[record].mutated.is_some() => {
                        Verdict::Mutated(record)
                    }
                    Verdict::Began(record) => self.decide_began(id, record, alone),
                    verdict => verdict,
                }
            }
        }
    }

    fn decide_known(&mut self, id: CallId, ix: usize, alone: bool) -> Verdict {
        if self.has_changed(id, ix) {
            return Verdict::Run;
        }
        let verdict = match &self.records.all[ix].state {
            State::Returned(_) | State::Answered(..) | State::Elapsed(_) => Verdict::Reuse(ix),
            State::Raised(error) if error.rebuilds => Verdict::Reuse(ix),
            // A handler that took it cannot be given it again: whoever pays decides.
            State::Raised(_) => Verdict::Volatile(ix),
            State::Dropped => Verdict::Run,
            State::Volatile { rerunnable: true, .. } => Verdict::Run,
            State::Volatile { .. } => Verdict::Volatile(ix),
            // Whether it happened before it was cancelled, nobody knows.
            State::Cancelled if self.records.all[ix].once => Verdict::InDoubt(ix),
            State::Cancelled => Verdict::Park(ix),
            State::Asked(_) => Verdict::Open(ix),
            State::Open { once: true } => Verdict::InDoubt(ix),
            State::Open { once: false } => Verdict::Run,
        };
        let place = self.place(id);
        if let (Verdict::Reuse(ix), Some(met)) = (verdict, place.and_then(|place| self.met.get(place))) {
            let state = self.scopes.entry(met.asker).or_default();
            if matches!(met.head.inputs, Inputs::Digest(_)) {
                // Its inputs tell whose it is: what was served before it was this scope's own.
                state.raced = None;
            } else if !alone && met.head.kind == CallKind::Checkpoint && !self.records.all[ix].supplied {
                state.raced = Some(ix);
            }
            self.served.insert(ix);
            self.claim_below(ix);
        }
        verdict
    }

    /// Whether a replay that reuses what is unchanged cannot use that record of its source.
    fn has_changed(&self, id: CallId, ix: usize) -> bool {
        let (Some(fork), Some(met)) = (&self.records.fork, self.met(id)) else { return false };
        let record = &self.records.all[ix];
        let has_code = matches!(record.call.kind, CallKind::Checkpoint | CallKind::Child);
        let told_apart = matches!(met.head.inputs, Inputs::Digest(_));
        let same = || same_code(met.head.code.as_deref(), record.call.code.as_deref()) == Some(true);
        // No code made what somebody put in place.
        record.seq <= fork.strictly && has_code && !record.supplied && !(told_apart && same())
    }

    /// The outcome that somebody put in place of that of the call of this key, where a replay calls it with other
    /// inputs than its source did: it was named by its key, and is meant for that; a call with the inputs of the source
    /// has it all the same. Not for sure where the flow was edited since, which may have given the key to another call.
    fn supplied_for(&self, id: CallId) -> Option<(usize, bool)> {
        let (fork, met) = (self.records.fork.as_ref()?, self.met(id)?);
        let own = self.records.by_body.get(&met.head.body).copied();
        let had = fork.had.contains(&met.head.body);
        let ix = match own {
            None if !had => *self.records.by_key.get(&self.key_of_place(id)?)?,
            own => own?,
        };
        let record = &self.records.all[ix];
        let is_it = record.supplied && record.call.kind == met.head.kind && !self.claimed.contains(&ix);
        let edited = self.records.was_edited(record);
        (is_it && record.state.is_served()).then_some((ix, !edited))
    }

    /// A task that nothing on record was found for, in a flow that does one thing at a time, stands where the
    /// next recorded task of its function stood: what it asks for with other inputs is then asked about.
    fn stand_for_next(&mut self, id: CallId) {
        let Some(met) = self.met(id) else { return };
        let (asker, inputs) = (met.asker, met.head.inputs);
        if met.head.scope != asker || !matches!(inputs, Inputs::Digest(_)) {
            return;
        }
        let chosen = self.settle(asker, &Evidence::Next);
        if let Some(met) = self.met_mut(id)
            && chosen != asker
        {
            met.head.scope = chosen;
            met.head.body = body_of(&chosen, &met.head.name, &inputs, None, met.head.occurrence);
            let body = met.head.body;
            self.scopes.entry(asker).or_default().previous = Some(body);
        }
    }

    fn decide_unknown(&self, id: CallId, alone: bool) -> Verdict {
        let Some(met) = self.met(id) else { return Verdict::Run };
        let scope = met.head.scope;
        let state = self.scopes.get(&met.asker);
        let verdict = self.judge_unknown(met, alone);
        let instead = match verdict {
            Verdict::Drift { record, .. } => Some(record),
            Verdict::RaceDiverged { served } => self.next_unclaimed(scope, Some(served)),
            _ => None,
        };
        // Whether somebody decided already that it is not that record.
        let decided = |ix: usize| {
            let Record { seq, order, .. } = self.records.all[ix];
            let until = state.and_then(|state| state.rerun);
            // What has no outcome counts from when it began.
            met.anew == Some(seq)
                || until.is_some_and(|until| order.max(seq) < until && !self.records.decisions.used_since(seq, until))
        };
        if verdict != Verdict::Run && !instead.is_some_and(decided) {
            return verdict;
        }
        let began = match met.head.kind {
            // What was said of one of them was said of that one alone.
            CallKind::Child => self.children_left_by(met, alone).first().copied(),
            _ => met.once.then(|| self.began_beside(met, alone)).flatten().filter(|ix| !decided(*ix)),
        };
        began.map_or(Verdict::Run, Verdict::Began)
    }

    /// The children that a call may be which is one of [`Verdict::Began`]: the store knows which of them are there.
    pub fn children_left(&self, id: CallId, alone: bool) -> Vec<usize> {
        self.met(id).map(|met| self.children_left_by(met, alone)).unwrap_or_default()
    }

    /// Children of that name that began, have not ended, and are no other call's of this pass: what they have done so far
    /// was paid for, and they may go on beside a new one. Those in this scope, in one that it stands for, or in one that a
    /// sibling stood for which is gone; where nothing else is alive, those in any scope that this pass has not entered.
    fn children_left_by(&self, met: &Met, alone: bool) -> Vec<usize> {
        let own = self.records.fork.as_ref().map_or(0, |fork| fork.own);
        let head = &met.head;
        let here = self.records.scope(&head.scope);
        let may_be = |ix: &usize| {
            let record = &self.records.all[*ix];
            let about = || self.records.decisions.about(record.seq, &head.name, &head.inputs);
            record.is_child_left()
                && record.seq > own
                && record.call.name == head.name
                && !self.is_taken(*ix)
                && !self.is_replaced(*ix)
                && about() != Some(DriftDecision::Rerun)
        };
        let is_near = |scope: &ScopeId| {
            let beside = |there: &ScopeOpened| {
                here.is_some_and(|here| {
                    (there.parent, &there.kind, &there.name) == (here.parent, &here.kind, &here.name)
                        && !self.claimed_scopes.contains(scope)
                })
            };
            *scope == head.scope
                || self.stand_ins.get(&met.asker) == Some(scope)
                || self.records.scope(scope).is_some_and(beside)
                || (alone && !self.is_entered(*scope))
        };
        let all = 0..self.records.all.len();
        let mut found: Vec<usize> =
            all.filter(may_be).filter(|ix| is_near(&self.records.all[*ix].call.scope)).collect();
        // Those of its own place first.
        found.sort_by_key(|ix| self.records.all[*ix].call.scope != head.scope);
        found
    }

    /// A declared effect that this call may be, though not by its identity, and that somebody may have decided about.
    fn decide_began(&mut self, id: CallId, ix: usize, alone: bool) -> Verdict {
        let Some(met) = self.met(id) else { return Verdict::Run };
        let about = self.records.decisions.about(self.records.all[ix].seq, &met.head.name, &met.head.inputs);
        if about != Some(DriftDecision::Reuse) {
            return Verdict::Began(ix);
        }
        self.claim(ix);
        if let Some(met) = self.met_mut(id) {
            met.exact = Some(ix);
        }
        self.decide_known(id, ix, alone)
    }

    /// A declared effect of that name on record that no call of this pass has: one without an outcome, here or where a
    /// sibling of this scope stood; or one with the same inputs, wherever it stood. What stands in a scope that this
    /// pass has entered asks by itself, unless nothing else is alive that could.
    fn began_beside(&self, met: &Met, alone: bool) -> Option<usize> {
        let own = self.records.fork.as_ref().map_or(0, |fork| fork.own);
        let head = &met.head;
        let may_be = |ix: &usize| {
            let record = &self.records.all[*ix];
            let about = || self.records.decisions.about(record.seq, &head.name, &head.inputs);
            record.once
                && record.seq > own
                && record.call.name == head.name
                && record.call.kind == head.kind
                && record.state != State::Dropped
                && !self.is_taken(*ix)
                && !self.is_replaced(*ix)
                && about() != Some(DriftDecision::Rerun)
        };
        let is_open = |ix: &usize| matches!(self.records.all[*ix].state, State::Open { .. } | State::Cancelled);
        let is_same = |ix: &usize| self.records.all[*ix].call.inputs == head.inputs;
        let within = |scope: &ScopeId| self.records.by_scope.get(scope).into_iter().flatten().copied().filter(may_be);
        if let Some(found) = within(&head.scope).find(is_open) {
            return Some(found);
        }
        let stood_for = self.stand_ins.get(&met.asker).filter(|scope| **scope != head.scope);
        if let Some(found) = stood_for.and_then(|scope| within(scope).find(|ix| is_open(ix) || is_same(ix))) {
            return Some(found);
        }
        let beside = self.records.scope(&head.scope).and_then(|here| {
            let siblings = self.records.scopes_below.get(&here.parent)?.iter().map(|ix| &self.records.scopes[*ix]);
            let gone = |known: &&ScopeOpened| {
                known.kind == here.kind && known.name == here.name && !self.claimed_scopes.contains(&known.scope)
            };
            siblings.filter(gone).find_map(|known| within(&known.scope).find(is_open))
        });
        let same = || {
            let all = self.records.by_inputs.get(&(head.name.clone(), head.inputs)).into_iter().flatten().copied();
            all.filter(may_be).find(|ix| {
                let scope = self.records.all[*ix].call.scope;
                scope != head.scope && (alone || !self.is_entered(scope))
            })
        };
        beside.or_else(same)
    }

    /// Whether this pass has entered that scope, whose calls are then met by themselves.
    fn is_entered(&self, scope: ScopeId) -> bool {
        let is_root = self.records.scope(&scope).is_none() && !self.records.by_body.contains_key(&scope);
        let body = self.records.by_body.get(&scope);
        is_root || self.claimed_scopes.contains(&scope) || body.is_some_and(|ix| self.is_taken(*ix))
    }

    fn judge_unknown(&self, met: &Met, alone: bool) -> Verdict {
        let scope = met.head.scope;
        let raced = self.scopes.get(&met.asker).and_then(|state| state.raced);
        let next = self.next_unclaimed(scope, None);
        // What a replay made itself tells nothing of what its source made, and the other way round.
        let diverged = raced.filter(|served| self.next_unclaimed(scope, Some(*served)).is_some());
        if let (false, served) = (alone, diverged) {
            return served.map_or(Verdict::Run, |served| Verdict::RaceDiverged { served });
        }
        let alike = |record: &Record| {
            record.call.name == met.head.name
                && record.call.kind == met.head.kind
                && !record.call.named
                && !met.head.named
        };
        // In such a replay other inputs are what was asked for.
        if self.records.fork.as_ref().is_some_and(|fork| fork.free) {
            let unedited = |served: &usize| !self.records.was_edited(&self.records.all[*served]);
            let served = diverged.filter(unedited);
            return served.map_or(Verdict::Run, |served| Verdict::RaceDiverged { served });
        }
        // Another look, or another act, is no accident.
        let is_client = met.head.kind == CallKind::Client;
        if let Some(record) = next.filter(|ix| !is_client && alike(&self.records.all[*ix])) {
            return Verdict::Drift { record, moved: false };
        }
        let input_less = !matches!(met.head.inputs, Inputs::Digest(_));
        if input_less && met.head.kind == CallKind::Checkpoint {
            // Only its place tells it apart, so wherever it stood before, it may be the same.
            let same = |ix: &usize| {
                let record = &self.records.all[*ix];
                alike(record) && record.call.inputs == met.head.inputs && self.is_unclaimed(*ix)
            };
            if let Some(record) = self.records.by_scope.get(&scope).into_iter().flatten().copied().find(same) {
                return Verdict::Drift { record, moved: false };
            }
        }
        // Without an edit a flow that is alone again asks for what it asked for before, unless a race came out
        // otherwise.
        if let Some(served) = diverged
            && !self.records.was_edited(&self.records.all[served])
        {
            return Verdict::RaceDiverged { served };
        }
        if met.once || input_less || met.head.kind != CallKind::Checkpoint {
            return Verdict::Run;
        }
        let moved = self.records.by_inputs.get(&(met.head.name.clone(), met.head.inputs));
        let moved = moved.into_iter().flatten().copied().find(|ix| {
            let record = &self.records.all[*ix];
            record.call.scope != scope
                && record.call.kind == met.head.kind
                && !record.once
                && record.state.is_served()
                && !self.claimed.contains(ix)
        });
        moved.map_or(Verdict::Run, |record| Verdict::Drift { record, moved: true })
    }

    /// Serves a drifted call the record after all: `reuse` was decided, or the difference means nothing.
    pub fn reuse(&mut self, id: CallId, ix: usize) {
        self.claim(ix);
        self.claim_below(ix);
        self.serve(id, ix);
    }

    /// Serves a call a record that another call may have too.
    fn serve(&mut self, id: CallId, ix: usize) {
        self.served.insert(ix);
        let place = self.place(id);
        if let Some(met) = place.and_then(|place| self.met.get_mut(place)) {
            met.exact = Some(ix);
            let state = self.scopes.entry(met.asker).or_default();
            if state.previous == Some(met.head.body) {
                state.previous = Some(self.records.all[ix].call.body);
            }
        }
    }

    /// Runs a drifted call, and every call that drifts after it in its scope, in this pass.
    pub fn rerun(&mut self, id: CallId) {
        if let Some(met) = self.met(id) {
            self.scopes.entry(met.asker).or_default().rerun = Some(Seq::MAX);
        }
    }

    /// The first unclaimed record after the last claimed one of a scope; with `like`, of those that the flow of the same
    /// execution made as that one.
    fn next_unclaimed(&self, scope: ScopeId, like: Option<usize>) -> Option<usize> {
        let fork = self.records.fork.as_ref();
        let (base, own) = fork.map_or((0, 0), |fork| (fork.base, fork.own));
        // Which execution of a chain of replays made it.
        let maker = |ix: usize| {
            let seq = self.records.all[ix].seq;
            fork.map_or(0, |fork| fork.sources.partition_point(|(upto, _)| *upto < seq))
        };
        // The flow of no execution made what was put in place.
        let is_put = |record: &Record| record.supplied || base < record.seq && record.seq <= own;
        let list = self.records.by_scope.get(&scope)?;
        let last = self.scopes.get(&scope).and_then(|state| state.last_claimed);
        let start = last.map_or(0, |ix| self.records.all[ix].place + 1);
        let is_like = |ix: &usize| like.is_none_or(|like| maker(like) == maker(*ix) && !is_put(&self.records.all[*ix]));
        list.iter().skip(start).copied().filter(is_like).find(|ix| self.is_unclaimed(*ix) && !self.is_replaced(*ix))
    }

    /// Whether another call, which this pass has met, was decided to take the record's place.
    fn is_replaced(&self, ix: usize) -> bool {
        let successor = self.records.decisions.successor(self.records.all[ix].seq);
        successor.and_then(|body| self.records.by_body.get(body)).is_some_and(|ix| self.claimed.contains(ix))
    }

    /// Whether there is a result that no call of this pass has.
    fn is_unclaimed(&self, ix: usize) -> bool {
        let record = &self.records.all[ix];
        !self.claimed.contains(&ix)
            && record.call.kind != CallKind::Reading
            && (record.state.is_served() || matches!(record.state, State::Volatile { .. }))
    }
}
