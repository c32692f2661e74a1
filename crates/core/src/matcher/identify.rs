//! Who a call is: its place, name, inputs and number, and the record that has the same.
//!
//! Not here: what becomes of it (`decide`).

use super::scopes::Evidence;
use super::{Ask, CallId, Matcher, Met};
use crate::event::{CallHead, CallKind, DriftDecision, Inputs};
use crate::ids::ScopeId;
use crate::records::{State, body_of, identity_bytes};

impl Matcher {
    /// Gives the call its identity and claims the record that has the same one.
    pub fn identify(&mut self, ask: &Ask<'_>) -> CallId {
        let input_less = !matches!(ask.inputs, Inputs::Digest(_));
        let settled = self.settle(ask.scope, &Evidence::Call(ask.name, ask.inputs));
        let stands_in = settled != ask.scope;
        let state = self.scopes.entry(ask.scope).or_default();
        let inexact = stands_in || state.inexact;
        let after = if input_less { state.previous } else { None };
        let prefix = identity_bytes(&ask.inputs, after.as_ref());
        // Counted by who asks, so that one who stands in does not count for the scope's own task.
        let count = call_count(&ask.scope, ask.name, &prefix);
        let number = self.counts.entry(count).or_insert(0);
        *number += 1;
        let occurrence = *number;
        // Without inputs, or with an effect that must happen once, a call is never found where its scope only
        // stands for another: it is made in its own.
        let there = body_of(&settled, ask.name, &ask.inputs, after.as_ref(), occurrence);
        let had_effect = self.records.by_body.get(&there).is_some_and(|ix| self.records.all[*ix].once);
        let (scope, body) = if stands_in && (input_less || ask.once || had_effect) {
            (ask.scope, body_of(&ask.scope, ask.name, &ask.inputs, after.as_ref(), occurrence))
        } else {
            (settled, there)
        };
        let mut exact = self.records.by_body.get(&body).copied();
        if let Some(ix) = exact {
            let record = &self.records.all[ix];
            let refused = record.call.kind != ask.kind
                || (input_less && inexact)
                || (ask.inputs.is_opaque() && self.records.was_edited(record))
                || self.claimed.contains(&ix);
            if refused {
                exact = None;
            }
        }
        // An opaque call is known by its place alone, which an edit since may have given to another.
        let holds = |code: usize| !ask.inputs.is_opaque() || code == self.records.current_code();
        let mut anew = None;
        if let Some(decision) = self.records.decisions.of(&body).filter(|decision| holds(decision.code)) {
            if decision.decided.decision == DriftDecision::Rerun {
                anew = Some(decision.decided.record);
                let rest = self.records.decisions.rest_of_scope(decision, self.records.known_code());
                // To ask a question again says nothing about calls that cost.
                let rest = rest.filter(|_| ask.kind != CallKind::Wait);
                let state = self.scopes.entry(ask.scope).or_default();
                state.rerun = state.rerun.max(rest);
            } else if exact.is_none() {
                exact = self.records.by_seq.get(&decision.decided.record).copied().filter(|ix| {
                    let record = &self.records.all[*ix];
                    record.call.kind == ask.kind && record.state != State::Dropped && !self.claimed.contains(ix)
                });
            }
        }
        let mut head = CallHead {
            key: String::new(),
            scope,
            name: ask.name.to_owned(),
            inputs: ask.inputs,
            occurrence,
            kind: ask.kind,
            named: ask.named,
            after,
            code: ask.code.map(str::to_owned),
            body,
        };
        // By decision it is a child that began with other inputs, and goes on with those: by its identity it is found.
        let mut adopted = false;
        if let Some(record) = exact.map(|ix| &self.records.all[ix])
            && record.call.body != body
            && record.is_child_left()
        {
            adopted = true;
            head = CallHead { key: String::new(), code: head.code, ..record.call.clone() };
        }
        if let Some(ix) = exact {
            self.claim(ix);
        }
        if ask.kind != CallKind::Reading {
            // A drifted call that is served a record counts as that record, for what comes after it.
            let counted = exact.map_or(body, |ix| self.records.all[ix].call.body);
            self.scopes.entry(ask.scope).or_default().previous = Some(counted);
        }
        let nth = self.next_of_name(&head.scope, &head.name, '#');
        let is_step = ask.kind != CallKind::Reading;
        self.steps += u32::from(is_step);
        let step = if is_step { self.steps } else { 0 };
        self.met.push(Met { head, exact, once: ask.once, asker: ask.scope, count, nth, step, anew, adopted });
        CallId(self.met_before + self.met.len() - 1)
    }
}

/// Under which calls are counted that only their number tells apart.
fn call_count(asker: &ScopeId, name: &str, prefix: &[u8]) -> ScopeId {
    asker.child("count", name, prefix, 0)
}
