//! What is promised of a run, kept apart from core: every result carries the true identity of the call that it
//! was made by, and what is paid for is read from the journal by the keys in it.

use super::standing::{Came, Standing, standing};
use kitaru_core::event::DriftDecision;
use kitaru_core::{Event, ScopeId, Seq};
use std::collections::{BTreeMap, BTreeSet};

/// The true identity of a call, as its result carries it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// Where it is made.
    pub path: String,
    /// Name, inputs and number; without inputs the call before it, and the object it is called on.
    pub what: String,
    /// The same without what an edit elsewhere in its scope may change.
    pub loose: String,
    /// What an input-less call after it is told apart by.
    pub chain: u64,
    /// All that its body saw.
    pub acc: u64,
}

impl Mark {
    pub fn text(&self) -> String {
        format!("{}|{}|{}|{}|{}", self.path, self.what, self.loose, self.chain, self.acc)
    }

    pub fn parse(text: &str) -> Self {
        let parts: Vec<&str> = text.split('|').collect();
        Self {
            path: parts[0].into(),
            what: parts[1].into(),
            loose: parts[2].into(),
            chain: parts[3].parse().unwrap(),
            acc: parts[4].parse().unwrap(),
        }
    }
}

/// The name of a call: where it is made and what it is. One that is given an object is known by its place, for nothing
/// tells which object it was.
pub type Name = (String, String);

pub fn named(mark: &Mark) -> Name {
    (mark.path.clone(), known(&mark.what))
}

/// A call as far as anything tells.
fn known(what: &str) -> String {
    match what.split_once("(object ").and_then(|(name, rest)| Some((name, rest.split_once(')')?.1))) {
        Some((name, rest)) => format!("{name}(?){rest}"),
        None => what.to_owned(),
    }
}

/// How much is promised of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strict {
    /// Nobody is served another call's result.
    Own,
    /// And no recorded call with inputs runs again, whatever the schedule (the flow is not edited).
    Inputs,
    /// And none without inputs either: nothing in the flow depends on who comes first.
    All,
    /// And that after any edit, unless it was asked about: the flow does one thing at a time.
    Edited,
}

/// A decision to run a call and what drifts after it: for what was recorded then, until it is used or the flow edited.
#[derive(Clone, Debug)]
struct Rerun {
    path: String,
    recorded: Vec<Mark>,
    /// The version of the flow that it was made for, once that has run.
    version: Option<u64>,
}

#[derive(Clone, Debug)]
pub struct Model {
    strict: Strict,
    /// Recorded results of earlier passes that this one has not asked for yet.
    paid: BTreeMap<Name, usize>,
    /// Calls that ran before and have no result: to run again is what is due to them.
    due: BTreeSet<Name>,
    begun: BTreeSet<Name>,
    /// Scopes in which a record went to another call by decision: what its own call does from there on is due to that.
    decided: BTreeSet<String>,
    /// Calls that somebody decided to run, by path and identity.
    anew: BTreeSet<Name>,
    /// What else those decisions allow to run.
    reruns: Vec<Rerun>,
    version: u64,
    /// Recorded results that this pass was served.
    used: BTreeSet<Name>,
    /// Records up to here may run again: they are used only if they are unchanged.
    pub free_upto: Seq,
    /// What each call that began truly is, and each question, by key.
    pub names: BTreeMap<String, Mark>,
    /// Calls whose bodies were given something else: the body, the call's place among those of its name, and what.
    pub given: BTreeMap<Name, (ScopeId, String, String)>,
    /// Calls that were served what was put in place under their key, though not of a call with their inputs.
    pub adopted: BTreeMap<Name, (String, String)>,
    /// What people answer, where they were said to answer something else.
    pub answers: BTreeMap<Name, String>,
    /// Every call that was served something.
    pub took: BTreeSet<Name>,
    /// Every call whose body began.
    pub made: BTreeSet<Name>,
    pub broken: Option<String>,
    pub served: u64,
    pub ran: u64,
}

impl Model {
    pub fn new(strict: Strict) -> Self {
        Self {
            strict,
            paid: BTreeMap::new(),
            due: BTreeSet::new(),
            begun: BTreeSet::new(),
            decided: BTreeSet::new(),
            anew: BTreeSet::new(),
            reruns: Vec::new(),
            version: 0,
            used: BTreeSet::new(),
            free_upto: 0,
            names: BTreeMap::new(),
            given: BTreeMap::new(),
            adopted: BTreeMap::new(),
            answers: BTreeMap::new(),
            took: BTreeSet::new(),
            made: BTreeSet::new(),
            broken: None,
            served: 0,
            ran: 0,
        }
    }

    /// What people answer to the question of that key.
    pub fn answer(&self, key: &str) -> String {
        let mark = self.names.get(key).expect("an open wait has a question");
        self.answers.get(&named(mark)).cloned().unwrap_or_else(|| mark.text())
    }

    /// A new pass of that version of the flow over that journal.
    pub fn begin(&mut self, journal: &[Event], version: u64) {
        self.version = version;
        for rerun in &mut self.reruns {
            rerun.version.get_or_insert(version);
        }
        self.used.clear();
        let results = results(journal, self.free_upto);
        self.paid.clear();
        self.due.clone_from(&self.begun);
        for mark in &results {
            self.due.remove(&named(mark));
            *self.paid.entry(self.name(mark)).or_insert(0) += 1;
        }
    }

    /// The pass ended by itself, and that is written with what it was served.
    pub fn ended(&mut self) {
        for rerun in &mut self.reruns {
            rerun.recorded.retain(|mark| !self.used.contains(&named(mark)));
        }
    }

    fn name(&self, mark: &Mark) -> Name {
        let what = if self.strict == Strict::Edited { &mark.loose } else { &mark.what };
        (mark.path.clone(), known(what))
    }

    /// Somebody decided about a drift of that call; the record that it was about stood in another scope, perhaps.
    pub fn decide(&mut self, asker: &Mark, record: Option<&Mark>, decision: DriftDecision, journal: &[Event]) {
        if decision == DriftDecision::Rerun {
            self.anew.insert(named(asker));
            // A question that is asked again says nothing about what costs.
            if !asker.what.starts_with('w') {
                let (path, recorded) = (asker.path.clone(), results(journal, 0));
                self.reruns.push(Rerun { path, recorded, version: None });
            }
            return;
        }
        self.decided.insert(asker.path.clone());
        if let Some(record) = record {
            self.decided.insert(record.path.clone());
            self.decided.insert(format!("{}/{}", record.path, record.what));
        }
    }

    /// A new try begins: what its body recorded is not kept.
    pub fn forget_below(&mut self, path: &str) {
        self.paid.retain(|(at, _), _| !at.starts_with(path));
    }

    /// `decided`: whether a person decided that it is served that.
    pub fn served(&mut self, asker: &Mark, record: &Mark, decided: bool) {
        self.served += 1;
        self.took.insert(named(asker));
        // After an edit a task may stand for a recorded one of its function that is gone.
        let stands_in = self.strict == Strict::Own
            && !asker.what.contains('@')
            && functions(&asker.path) == functions(&record.path);
        let own = asker.what == record.what && (asker.path == record.path || stands_in);
        if !own && !decided {
            self.broken
                .get_or_insert(format!("{} {} was served {} {}", asker.path, asker.what, record.path, record.what));
        }
        let name = self.name(record);
        self.used.insert(named(record));
        if let Some(left) = self.paid.get_mut(&name) {
            *left = left.saturating_sub(1);
        }
    }

    pub fn runs(&mut self, call: &Mark) {
        self.ran += 1;
        let clock = call.path.contains("(clock)");
        let with_inputs = !call.what.contains('@');
        let checked = match self.strict {
            Strict::Own => false,
            Strict::Inputs => with_inputs && !clock,
            Strict::All => !clock,
            Strict::Edited => !self.decided.iter().any(|path| under(&call.path, path)),
        };
        let name = self.name(call);
        let exact = named(call);
        self.made.insert(exact.clone());
        let asked = self.anew.contains(&exact)
            || self.reruns.iter().any(|one| {
                let meant = one.version == Some(self.version) && under(&call.path, &one.path);
                meant && one.recorded.iter().any(|mark| self.name(mark) == name)
            });
        let due = self.due.contains(&exact);
        self.begun.insert(exact);
        if checked && !asked && !due && self.paid.get(&name).copied().unwrap_or(0) > 0 {
            self.broken.get_or_insert(format!("{} {} is recorded and ran again", call.path, call.what));
        }
    }
}

/// The results that a journal holds, of records after that.
fn results(journal: &[Event], after: Seq) -> Vec<Mark> {
    let all = standing(journal);
    let good = |one: &&Standing| matches!(one.came, Came::Good(_)) && one.seq > after;
    all.values().filter(good).filter_map(Standing::mark).collect()
}

/// A path without the arguments of its tasks.
fn functions(path: &str) -> String {
    let parts =
        path.split('/').map(|part| if part.starts_with('t') { part.split('(').next().unwrap_or(part) } else { part });
    parts.collect::<Vec<_>>().join("/")
}

/// Whether `path` is `above` or lies below it.
fn under(path: &str, above: &str) -> bool {
    path == above || path.strip_prefix(above).is_some_and(|rest| rest.starts_with('/'))
}
