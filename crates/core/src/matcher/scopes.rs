//! The places where calls are made: opened, named, and those of an earlier pass that they stand for.
//!
//! Not here: when a task's scope is made and what is digested of its arguments; that is where tasks are made.

use super::{Matcher, ScopeState};
use crate::event::{Inputs, ScopeOpened};
use crate::ids::{Digest, ScopeId};
use crate::records::{State, number_key, printed};

/// What a recorded scope must have for another to stand for it.
pub(super) enum Evidence<'a> {
    /// A call of that name with these inputs.
    Call(&'a str, Inputs),
    /// A scope of that kind, name and inputs below it.
    Scope(&'a str, &'a str, Option<Digest>),
    /// Nothing: the next one will do.
    Next,
}

impl Matcher {
    /// Opens the scope of a task, item or child below `parent`. If the journal knows its exact name it is
    /// that one; else it may come to stand for another when its first call is made.
    pub fn open_scope(&mut self, parent: ScopeId, kind: &str, name: &str, inputs: Option<Digest>) -> ScopeId {
        let parent = self.settle(parent, &Evidence::Scope(kind, name, inputs));
        let count = self.counts.entry(scope_count(&parent, kind, name, inputs.as_ref())).or_insert(0);
        *count += 1;
        let occurrence = *count;
        let bytes: &[u8] = inputs.as_ref().map_or(&[], |digest| &digest.0);
        let scope = parent.child(kind, name, bytes, occurrence);
        let nth = self.next_of_name(&parent, name, '.');
        let label = match self.records.scope(&scope) {
            Some(known) => known.label.clone(),
            None => self.records.free_key(&self.label(parent), &parent, name, '.', nth),
        };
        self.give_back(scope);
        self.claimed_scopes.insert(scope);
        let place = printed(&self.place_label(parent), name, nth, '.');
        self.scopes.insert(scope, ScopeState { label: label.clone(), place, ..ScopeState::default() });
        if self.unwritten.contains(&scope) {
            self.fresh.insert(scope);
        }
        if self.records.scope(&scope).is_some() && !self.fresh.contains(&scope) {
            self.steady.insert(function(&parent, kind, name));
        }
        if self.records.scope(&scope).is_none() {
            self.fresh.insert(scope);
            self.unwritten.insert(scope);
            let (kind, name) = (kind.to_owned(), name.to_owned());
            self.records.open_scope(ScopeOpened { scope, parent, kind, name, inputs, occurrence, label });
        }
        scope
    }

    /// The how-manyth call (`#`) or scope (`.`) of that name in a scope this one is in this pass.
    pub(super) fn next_of_name(&mut self, scope: &ScopeId, name: &str, mark: char) -> u32 {
        let count = self.counts.entry(number_key(scope, name, mark)).or_insert(0);
        *count += 1;
        *count
    }

    /// A scope whose exact name came late is taken from whoever stood for it: from here on that one is itself.
    fn give_back(&mut self, scope: ScopeId) {
        let guests: Vec<ScopeId> =
            self.stand_ins.iter().filter(|(_, chosen)| **chosen == scope).map(|(guest, _)| *guest).collect();
        for guest in guests {
            self.stand_ins.remove(&guest);
            self.scopes.entry(guest).or_default().settled = true;
        }
    }

    /// The scope that `scope` really is. One whose exact name the journal does not know (a clock is among its
    /// arguments) takes an unclaimed recorded scope of the same parent and function, from the first call (or task)
    /// on that is on record there: to take one without such a sign would take it from a sibling that has not come
    /// yet. Where a sibling was found by its exact name the arguments are steady, and the scope is a new one.
    pub(super) fn settle(&mut self, scope: ScopeId, evidence: &Evidence<'_>) -> ScopeId {
        if let Some(chosen) = self.stand_ins.get(&scope) {
            return *chosen;
        }
        if !self.fresh.contains(&scope) || self.scopes.get(&scope).is_some_and(|state| state.settled) {
            return scope;
        }
        let Some(own) = self.records.scope(&scope) else { return scope };
        if self.steady.contains(&function(&own.parent, &own.kind, &own.name)) {
            return scope;
        }
        let siblings = self.records.scopes_below.get(&own.parent).into_iter().flatten();
        let found = siblings.map(|ix| &self.records.scopes[*ix]).find(|known| {
            known.kind == own.kind
                && known.name == own.name
                && !self.claimed_scopes.contains(&known.scope)
                && !self.fresh.contains(&known.scope)
                && !self.unwritten.contains(&known.scope)
                && (own.inputs.is_none() || known.inputs != own.inputs)
                && self.shows(known.scope, evidence)
        });
        let Some(known) = found else { return scope };
        let (chosen, label) = (known.scope, known.label.clone());
        let place = self.place_label(scope);
        self.claimed_scopes.insert(chosen);
        self.scopes.insert(chosen, ScopeState { label, place, ..ScopeState::default() });
        self.stand_ins.insert(scope, chosen);
        chosen
    }

    fn shows(&self, known: ScopeId, evidence: &Evidence<'_>) -> bool {
        match evidence {
            Evidence::Next => true,
            Evidence::Call(name, inputs) => {
                matches!(inputs, Inputs::Digest(_))
                    && self.records.by_scope.get(&known).into_iter().flatten().any(|ix| {
                        let record = &self.records.all[*ix];
                        record.call.name == *name && record.call.inputs == *inputs && record.state != State::Dropped
                    })
            }
            Evidence::Scope(kind, name, inputs) => {
                self.records.scopes_below.get(&known).into_iter().flatten().any(|ix| {
                    let below = &self.records.scopes[*ix];
                    below.kind == *kind && below.name == *name && below.inputs == *inputs
                })
            }
        }
    }

    /// Scopes that the journal must be told of before an event about a call in `scope`, outermost first.
    /// They count as told from here on.
    pub fn scopes_to_write(&mut self, scope: ScopeId) -> Vec<ScopeOpened> {
        if self.unwritten.is_empty() {
            return Vec::new();
        }
        let mut found = Vec::new();
        let mut at = scope;
        loop {
            let parent = if let Some(known) = self.records.scope(&at) {
                if self.unwritten.remove(&at) {
                    found.push(known.clone());
                }
                known.parent
            } else if let Some(ix) = self.records.by_body.get(&at) {
                self.records.all[*ix].call.scope
            } else {
                break;
            };
            at = parent;
        }
        found.reverse();
        found
    }

    /// A scope that was met without having been set when its task was made: input-less calls never match there.
    pub fn set_inexact(&mut self, scope: ScopeId) {
        self.scopes.entry(scope).or_default().inexact = true;
    }

    /// Beginning of the keys that their places give to calls made in that scope.
    pub(super) fn place_label(&self, scope: ScopeId) -> String {
        match self.scopes.get(&scope) {
            Some(state) if !state.place.is_empty() => state.place.clone(),
            _ => self.label(scope),
        }
    }

    /// Beginning of the keys of calls made in that scope.
    pub fn label(&self, scope: ScopeId) -> String {
        if let Some(state) = self.scopes.get(&scope)
            && (!state.label.is_empty() || scope == ScopeId::ROOT)
        {
            return state.label.clone();
        }
        if let Some(ix) = self.records.by_body.get(&scope) {
            return self.records.all[*ix].call.key.clone();
        }
        self.records.scope(&scope).map(|known| known.label.clone()).unwrap_or_default()
    }
}

fn function(parent: &ScopeId, kind: &str, name: &str) -> ScopeId {
    parent.child("function", kind, name.as_bytes(), 0)
}

/// Under which scopes are counted that only their number tells apart.
pub(super) fn scope_count(parent: &ScopeId, kind: &str, name: &str, inputs: Option<&Digest>) -> ScopeId {
    let bytes: &[u8] = inputs.map_or(&[], |digest| &digest.0);
    parent.child(kind, name, bytes, 0)
}
