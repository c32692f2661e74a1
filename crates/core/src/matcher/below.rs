//! What is nested below a call: claimed, counted as delivered and reported with it.
//!
//! Not here: dropping it, which is what a new try does (`run`).

use super::Matcher;
use crate::ids::{ScopeId, Seq};
use crate::records::Record;
use std::collections::HashSet;

/// Deeper than any flow nests its calls; a damaged journal must not hang the walk.
const DEEPEST: usize = 10_000;

impl Matcher {
    /// What a served call recorded below it is nobody else's. Only what was there when it ended: the same scope
    /// may hold what the call of that identity did when it ran later, because this record went to another.
    pub(super) fn claim_below(&mut self, ix: usize) {
        let body = self.records.all[ix].call.body;
        if !self.has_below(body) {
            return;
        }
        let order = self.records.all[ix].order;
        for scope in self.scopes_under(body) {
            self.claimed_scopes.insert(scope);
            for ix in self.records.by_scope.get(&scope).into_iter().flatten() {
                if self.records.all[*ix].seq < order {
                    self.claimed.insert(*ix);
                }
            }
        }
    }

    /// Orders of the outcomes below a served call: they count as delivered with it.
    pub fn orders_below(&self, ix: usize) -> Vec<Seq> {
        let body = self.records.all[ix].call.body;
        let mut orders = Vec::new();
        if self.has_below(body) {
            for scope in self.scopes_under(body) {
                for ix in self.records.by_scope.get(&scope).into_iter().flatten() {
                    orders.push(self.records.all[*ix].order);
                }
            }
        }
        orders
    }

    /// Sequences of the records that the pass was served, as inclusive ranges.
    pub fn reused(&self) -> Vec<(Seq, Seq)> {
        let nested = self.claimed.iter().filter(|ix| self.under_served(&self.records.all[**ix]));
        let mut seqs: Vec<Seq> =
            self.served.iter().chain(nested).map(|ix| self.records.all[*ix].seq).filter(|seq| *seq != 0).collect();
        seqs.sort_unstable();
        seqs.dedup();
        let mut ranges: Vec<(Seq, Seq)> = Vec::new();
        for seq in seqs {
            match ranges.last_mut() {
                Some((_, last)) if *last + 1 == seq => *last = seq,
                _ => ranges.push((seq, seq)),
            }
        }
        ranges
    }

    /// How many records the pass was served.
    pub fn served_count(&self) -> usize {
        self.served.len()
    }

    fn has_below(&self, body: ScopeId) -> bool {
        self.records.by_scope.contains_key(&body) || self.records.scopes_below.contains_key(&body)
    }

    /// The scope of a call's body and all scopes below it.
    pub(super) fn scopes_under(&self, body: ScopeId) -> Vec<ScopeId> {
        let mut found = vec![body];
        let mut seen = HashSet::from([body]);
        let mut at = 0;
        while at < found.len() {
            let scope = found[at];
            at += 1;
            let calls = self.records.by_scope.get(&scope).into_iter().flatten();
            let calls = calls.map(|ix| self.records.all[*ix].call.body);
            let scopes = self.records.scopes_below.get(&scope).into_iter().flatten();
            let scopes = scopes.map(|ix| self.records.scopes[*ix].scope);
            found.extend(calls.chain(scopes).filter(|below| seen.insert(*below)));
        }
        found
    }

    fn under_served(&self, record: &Record) -> bool {
        let mut scope = record.call.scope;
        for _ in 0..DEEPEST {
            if let Some(ix) = self.records.by_body.get(&scope) {
                if self.served.contains(ix) {
                    return true;
                }
                scope = self.records.all[*ix].call.scope;
            } else if let Some(known) = self.records.scope(&scope) {
                scope = known.parent;
            } else {
                return false;
            }
        }
        false
    }
}
