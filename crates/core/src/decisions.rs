//! What was decided about drifts, and for how long it holds.
//!
//! To use a record holds for its call. To run a call anew holds for that call, and for the rest of its scope as far
//! as the decision could mean it: what was recorded when it was made, until it is used again or the flow is edited.
//! Not here: what a call is served then ([`crate::matcher`]).

use crate::event::{DriftDecided, DriftDecision, Inputs, Reused};
use crate::ids::{ScopeId, Seq};
use crate::records::body_of;
use std::collections::HashMap;

/// A decision about one call.
#[derive(Clone, Debug)]
pub struct Decision {
    /// What was decided.
    pub decided: DriftDecided,
    /// The flow's code when it was asked, as an index into the records' codes.
    pub code: usize,
    /// Its place in the journal: what is recorded later, it is not about.
    pub at: Seq,
    /// How often the execution had been taken up; the next time is the one that the decision was made for.
    takes: u32,
    /// The flow's code in the pass that it was made for, once there was one. `None`: that cannot be told.
    made_for: Option<Option<usize>>,
}

/// All decisions of an execution.
#[derive(Debug, Default)]
pub struct Decisions {
    /// By the body of the call that was met.
    by_body: HashMap<ScopeId, Decision>,
    /// By the record that the call is not: the body of that call.
    refused: HashMap<Seq, ScopeId>,
    takes: u32,
    /// What passes after the first decision were served, with the sequence of their end.
    used: Vec<(Seq, Reused)>,
}

impl Decisions {
    /// Somebody decided.
    pub fn decide(&mut self, seq: Seq, decided: &DriftDecided, code: usize) {
        let after = decided.after.as_ref();
        let body = body_of(&decided.scope, &decided.name, &decided.inputs, after, decided.occurrence);
        if decided.decision == DriftDecision::Rerun {
            self.refused.insert(decided.record, body);
        }
        let (decided, takes) = (decided.clone(), self.takes);
        self.by_body.insert(body, Decision { decided, code, at: seq, takes, made_for: None });
    }

    /// The execution is taken up with that code of the flow; `None`: it cannot be told from others.
    pub fn taken(&mut self, code: Option<usize>) {
        self.takes += 1;
        for decision in self.by_body.values_mut() {
            decision.made_for.get_or_insert(code);
        }
    }

    /// A pass ended that was served these records.
    pub fn ended(&mut self, seq: Seq, reused: &Reused) {
        if !self.by_body.is_empty() && !reused.is_empty() {
            self.used.push((seq, reused.clone()));
        }
    }

    /// What of them a replay goes on with: a decision to use a record that it does not keep means nothing there.
    pub fn of_kept(mut self, is_kept: impl Fn(Seq) -> bool) -> Self {
        self.by_body.retain(|_, one| one.decided.decision == DriftDecision::Rerun || is_kept(one.decided.record));
        self
    }

    /// What was decided about the call with that body.
    pub fn of(&self, body: &ScopeId) -> Option<&Decision> {
        self.by_body.get(body)
    }

    /// What was last decided about a record for calls of that name with these inputs, wherever they are made: a task's
    /// arguments may be others each time. Nothing where the record was used since.
    pub fn about(&self, record: Seq, name: &str, inputs: &Inputs) -> Option<DriftDecision> {
        let is_it = |one: &&Decision| {
            let decided = &one.decided;
            decided.record == record && decided.name == name && decided.inputs == *inputs
        };
        let last = self.by_body.values().filter(is_it).max_by_key(|one| one.at)?;
        let holds = last.decided.decision == DriftDecision::Reuse || !self.used_since(record, last.at);
        holds.then_some(last.decided.decision)
    }

    /// The body of the call that took a record's place, as somebody decided, unless the record was used since.
    pub fn successor(&self, record: Seq) -> Option<&ScopeId> {
        let body = self.refused.get(&record)?;
        let decision = self.by_body.get(body)?;
        (!self.used_since(record, decision.at)).then_some(body)
    }

    /// Until where in the journal a decision means the records of the rest of its scope, with that code of the flow
    /// now; `None`: it means its own call alone.
    pub fn rest_of_scope(&self, decision: &Decision, code: Option<usize>) -> Option<Seq> {
        if decision.decided.decision != DriftDecision::Rerun {
            return None;
        }
        let holds = match decision.made_for {
            None => true,
            Some(made_for) => self.takes == decision.takes + 1 || (made_for.is_some() && made_for == code),
        };
        holds.then_some(decision.at)
    }

    /// Whether a pass that ended after `at` was served that record.
    pub fn used_since(&self, record: Seq, at: Seq) -> bool {
        let has = |reused: &Reused| reused.iter().any(|(from, to)| (*from..=*to).contains(&record));
        self.used.iter().any(|(end, reused)| *end > at && has(reused))
    }
}
