//! How calls and scopes are printed: keys and labels that nothing else has.
//!
//! Not here: which call is which, for which no name is needed ([`super::body_of`]).

use super::Records;
use crate::event::ScopeOpened;
use crate::ids::ScopeId;
use std::collections::HashSet;

impl Records {
    /// Counts names anew: those that are taken.
    pub(crate) fn name_kept(&mut self) {
        self.numbers.clear();
        self.labels.clear();
        let mut around: HashSet<ScopeId> = HashSet::new();
        for ix in self.by_key.values().copied().collect::<Vec<_>>() {
            let (scope, name, key) = {
                let call = &self.all[ix].call;
                (call.scope, call.name.clone(), call.key.clone())
            };
            self.number(&scope, &name, &key, '#');
            let mut at = scope;
            while around.insert(at) {
                at = match (self.scope(&at), self.by_body.get(&at)) {
                    (Some(known), _) => known.parent,
                    (None, Some(ix)) => self.all[*ix].call.scope,
                    (None, None) => break,
                };
            }
        }
        for opened in self.scopes.clone() {
            if around.contains(&opened.scope) {
                self.take_label(&opened);
            }
        }
    }

    /// Gives a record the key that its call is printed with.
    pub fn rename(&mut self, ix: usize, key: &str) {
        if self.by_key.get(key) == Some(&ix) {
            return;
        }
        let (scope, name) = (self.all[ix].call.scope, self.all[ix].call.name.clone());
        key.clone_into(&mut self.all[ix].call.key);
        self.by_key.insert(key.to_owned(), ix);
        self.number(&scope, &name, key, '#');
    }

    pub(super) fn take_label(&mut self, opened: &ScopeOpened) {
        self.number(&opened.parent, &opened.name, &opened.label, '.');
        self.labels.insert(opened.label.clone());
    }

    /// A key (`#`) or label (`.`) that nothing else is printed with: `label/name#n`, number 1 left out. `nth`: the
    /// how-manyth of that name it is in this pass, which is its number wherever nothing else has that, so that a
    /// crash changes no key. Else numbers go on from the highest one on record.
    pub fn free_key(&self, label: &str, scope: &ScopeId, name: &str, mark: char, nth: u32) -> String {
        let is_taken =
            |key: &String| if mark == '#' { self.by_key.contains_key(key) } else { self.labels.contains(key) };
        let wished = printed(label, name, nth.max(1), mark);
        if !is_taken(&wished) {
            return wished;
        }
        let mut number = self.numbers.get(&number_key(scope, name, mark)).copied().unwrap_or(0);
        loop {
            number = number.saturating_add(1);
            let key = printed(label, name, number, mark);
            if !is_taken(&key) {
                return key;
            }
        }
    }

    pub(super) fn number(&mut self, scope: &ScopeId, name: &str, key: &str, mark: char) {
        let highest = self.numbers.entry(number_key(scope, name, mark)).or_insert(0);
        *highest = number_in(key, mark).max(*highest);
    }
}

/// The number that a key (`#`) or label (`.`) is printed with.
fn number_in(key: &str, mark: char) -> u32 {
    key.rsplit_once(mark).and_then(|(_, number)| number.parse().ok()).unwrap_or(1)
}

/// What calls (`#`) or scopes (`.`) of one name in one scope are counted under.
pub(crate) fn number_key(scope: &ScopeId, name: &str, mark: char) -> ScopeId {
    scope.child("number", name, &[mark as u8], 0)
}

/// `label/name#n`, number 1 and an empty label left out.
pub(crate) fn printed(label: &str, name: &str, number: u32, mark: char) -> String {
    let slash = if label.is_empty() { "" } else { "/" };
    if number == 1 { format!("{label}{slash}{name}") } else { format!("{label}{slash}{name}{mark}{number}") }
}
