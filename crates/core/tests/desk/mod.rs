//! A journal in memory and passes over it, for tests: what a session does with a store, without the store.
//!
//! Nothing of core is imitated: calls go through [`Pass`], every commit is appended to the journal and folded in,
//! and [`Desk::again`] folds the journal from its beginning, as a process that takes an execution up does.

#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use kitaru_core::event::{
    CallKind, CallsDropped, Created, DriftDecided, DriftDecision, EntryPoint, ErrorData, Inputs, Outcome, Taken,
    WaitAnswered, WaitClosed,
};
use kitaru_core::lease::Owner;
use kitaru_core::matcher::{Ask, CallId, Verdict};
use kitaru_core::pass::{Pass, Question};
use kitaru_core::records::{Records, State};
use kitaru_core::{Body, Digest, Event, Millis, ScopeId, Seq, Value};

pub const ROOT: ScopeId = ScopeId::ROOT;

/// What a call is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Given<'a> {
    With(&'a str),
    Nothing,
    Opaque,
}

impl Given<'_> {
    pub fn inputs(self) -> Inputs {
        match self {
            Self::With(text) => Inputs::Digest(Digest::of(text.as_bytes())),
            Self::Nothing => Inputs::None,
            Self::Opaque => Inputs::Opaque,
        }
    }
}

/// What became of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// It was served this result.
    Served(String),
    /// It was served this failure.
    Failed(String),
    /// Its body is to run.
    Run,
    Parked,
    Open,
    /// The key of the record that is offered.
    Drift(String),
    Moved(String),
    InDoubt,
    Began(String),
    Volatile,
    Mutated(String),
    /// The key of the call that was served.
    Raced(String),
}

pub struct Desk {
    pub journal: Vec<Event>,
    pub pass: Pass,
    pub now: Millis,
    code: Option<String>,
}

pub fn owner() -> Owner {
    Owner { host: "h".into(), boot: "b".into(), pid: 1, started: 1, slot: 0, nonce: "n".into() }
}

pub fn value(text: &str) -> Value {
    Value::of(text).unwrap()
}

pub fn error(text: &str, rebuilds: bool) -> ErrorData {
    ErrorData { kind: "E".into(), message: text.into(), traceback: String::new(), value: value(text), rebuilds }
}

pub fn created(code: Option<&str>) -> Created {
    Created {
        flow: "flow".into(),
        inputs: Value::of(&serde_json::json!({})).unwrap(),
        entry: EntryPoint::default(),
        code: code.map(str::to_owned),
        parent: None,
        fork: None,
        key: None,
        detached: false,
        pool: None,
        pause_before: Vec::new(),
        deadline: None,
        tags: Vec::new(),
    }
}

impl Desk {
    /// A new execution of a flow with that code digest.
    pub fn new(code: &str) -> Self {
        Self::over(Vec::new(), Some(code))
    }

    pub fn over(journal: Vec<Event>, code: Option<&str>) -> Self {
        let mut records = Records::default();
        for event in &journal {
            records.fold(event.seq, event.at, &event.body);
        }
        let now = journal.last().map_or(1_000, |event| event.at + 1_000);
        let first = journal.is_empty();
        let mut desk = Self { journal, pass: Pass::new(records), now, code: code.map(str::to_owned) };
        if first {
            desk.put(Body::Created(Box::new(created(code))));
        }
        desk.put(Body::Taken(Taken { owner: owner(), code: code.map(str::to_owned), why: "test".into(), entry: None }));
        desk.pass.begin();
        desk
    }

    /// The process dies here and another takes the execution up.
    pub fn again(&self) -> Self {
        Self::over(self.journal.clone(), self.code.as_deref())
    }

    /// The same, after the flow was edited.
    pub fn edited(&self, code: &str) -> Self {
        Self::over(self.journal.clone(), Some(code))
    }

    /// Every journal that a crash could have left.
    pub fn crashes(&self) -> impl Iterator<Item = Self> + '_ {
        (2..=self.journal.len()).map(|len| Self::over(self.journal[..len].to_vec(), self.code.as_deref()))
    }

    /// Appends one event, as another process would.
    pub fn put(&mut self, body: Body) -> Seq {
        let seq = self.journal.len() as Seq + 1;
        self.pass.wrote(seq, self.now, &body);
        self.journal.push(Event { seq, at: self.now, body });
        seq
    }

    /// One commit: what rides along, then `bodies`.
    pub fn write(&mut self, bodies: Vec<Body>) {
        let (riding, starts) = self.pass.riding();
        for body in riding.into_iter().chain(bodies) {
            self.put(body);
        }
        self.pass.landed(&starts);
        self.now += 1;
    }

    pub fn task(&mut self, parent: ScopeId, name: &str, args: &str) -> ScopeId {
        self.pass.open_scope(parent, "task", name, Some(Digest::of(args.as_bytes())))
    }

    pub fn identify(&mut self, scope: ScopeId, name: &str, given: Given<'_>) -> CallId {
        self.identify_as(scope, name, given, CallKind::Checkpoint, false)
    }

    pub fn identify_as(&mut self, scope: ScopeId, name: &str, given: Given<'_>, kind: CallKind, once: bool) -> CallId {
        self.identify_coded(scope, name, given, kind, once, None)
    }

    /// A call of a checkpoint with that digest of its code.
    pub fn identify_coded(
        &mut self,
        scope: ScopeId,
        name: &str,
        given: Given<'_>,
        kind: CallKind,
        once: bool,
        code: Option<&str>,
    ) -> CallId {
        let inputs = given.inputs();
        self.pass.identify(&Ask { scope, name, inputs, kind, named: false, once, code })
    }

    pub fn decide(&mut self, call: CallId, alone: bool) -> Said {
        let asked = self.pass.decide(call, alone);
        self.said(call, asked.verdict)
    }

    fn said(&self, call: CallId, verdict: Verdict) -> Said {
        let key = |ix: usize| self.pass.matcher.records.all[ix].call.key.clone();
        match verdict {
            Verdict::Reuse(_) => self.served(call),
            Verdict::Park(_) => Said::Parked,
            Verdict::Run => Said::Run,
            Verdict::Open(_) => Said::Open,
            Verdict::Drift { record, moved: false } => Said::Drift(key(record)),
            Verdict::Drift { record, moved: true } => Said::Moved(key(record)),
            Verdict::InDoubt(_) => Said::InDoubt,
            Verdict::Began(ix) => Said::Began(key(ix)),
            Verdict::Volatile(_) => Said::Volatile,
            Verdict::Mutated(record) => Said::Mutated(key(record)),
            Verdict::RaceDiverged { served } => Said::Raced(key(served)),
        }
    }

    /// What the record of a served call hands out.
    pub fn served(&self, call: CallId) -> Said {
        let text = |value: &Value| serde_json::from_str::<String>(value.inline().unwrap()).unwrap();
        match &self.pass.matcher.record_of(call).expect("a served call has a record").state {
            State::Returned(found) | State::Answered(found, _) => Said::Served(text(found)),
            State::Raised(error) => Said::Failed(error.message.clone()),
            State::Elapsed(_) => Said::Served("elapsed".into()),
            other => panic!("nothing to serve in {other:?}"),
        }
    }

    /// A call of a sequential flow, up to its verdict.
    pub fn ask(&mut self, scope: ScopeId, name: &str, given: Given<'_>) -> (CallId, Said) {
        let call = self.identify(scope, name, given);
        (call, self.decide(call, true))
    }

    /// A call of a sequential flow: served, or run with that result. Anything else is a failure of the test.
    pub fn call(&mut self, scope: ScopeId, name: &str, given: Given<'_>, result: &str) -> Said {
        let (call, said) = self.ask(scope, name, given);
        match said {
            Said::Run => {
                self.run(call, result);
                Said::Run
            }
            other => other,
        }
    }

    pub fn start(&mut self, call: CallId, once: bool) -> ScopeId {
        let (started, intent) =
            self.pass.start(call, None, once, self.now).expect("a call of this pass").expect("nothing was changed");
        if once {
            self.write(intent);
        }
        started.body
    }

    pub fn end(&mut self, call: CallId, outcome: Outcome) {
        self.end_mutated(call, outcome, None);
    }

    /// Ends a call that changed the argument at that path.
    pub fn end_mutated(&mut self, call: CallId, outcome: Outcome, mutated: Option<&str>) {
        if let Some(path) = mutated {
            self.pass.mutates(call, path.to_owned());
        }
        let batch = self.pass.end(call, outcome, 1).expect("a call of this pass");
        self.write(batch);
    }

    pub fn returns(&mut self, call: CallId, result: &str) {
        self.end(call, Outcome::Returned { result: value(result) });
    }

    pub fn raises(&mut self, call: CallId, message: &str) {
        self.end(call, Outcome::Raised { error: error(message, true) });
    }

    pub fn run(&mut self, call: CallId, result: &str) {
        self.start(call, false);
        self.returns(call, result);
    }

    pub fn wait(&mut self, call: CallId) -> String {
        let question = Question { question: "?".into(), ..Question::default() };
        let (key, batch) = self.pass.open_wait(call, question).expect("a call of this pass");
        self.write(batch);
        key
    }

    pub fn answer(&mut self, key: &str, answer: &str) {
        self.put(Body::WaitAnswered(WaitAnswered {
            key: key.into(),
            value: value(answer),
            by: "test".into(),
            request: None,
        }));
    }

    pub fn close(&mut self, key: &str, why: &str) {
        self.put(Body::WaitClosed(WaitClosed { key: key.into(), why: why.into() }));
    }

    /// What a person decides about the call that a pass stopped at.
    pub fn settle(&mut self, call: CallId, record: &str, decision: DriftDecision) {
        let head = self.pass.matcher.head(call).unwrap().clone();
        let record = self.seq(record);
        self.put(Body::DriftDecided(DriftDecided {
            scope: head.scope,
            name: head.name,
            inputs: head.inputs,
            occurrence: head.occurrence,
            after: head.after,
            record,
            decision,
        }));
    }

    pub fn drop_records(&mut self, keys: &[&str]) {
        let records = keys.iter().map(|key| self.seq(key)).collect();
        self.write(vec![Body::CallsDropped(CallsDropped { records, why: "asked".into() })]);
    }

    /// The sequence of the record with that key.
    pub fn seq(&self, key: &str) -> Seq {
        let records = &self.pass.matcher.records;
        records.all[*records.by_key.get(key).unwrap_or_else(|| panic!("no record {key}"))].seq
    }

    pub fn key(&self, call: CallId) -> String {
        self.pass.matcher.record_of(call).expect("it has a record").call.key.clone()
    }

    /// How the live records differ from the journal read back, if they do.
    pub fn difference(&self) -> Option<String> {
        let mut read = Records::default();
        for event in &self.journal {
            read.fold(event.seq, event.at, &event.body);
        }
        let live = &self.pass.matcher.records;
        // A try that is known to begin again may be in memory before anything of it is written.
        let pending = |state: &State| !matches!(state, State::Returned(_) | State::Answered(..) | State::Asked(_));
        // What a replay let go of has no name until its call is made.
        let is_named = |of: &Records, ix: usize| of.by_key.get(&of.all[ix].call.key) == Some(&ix);
        for record in read.all.iter().enumerate().filter(|(ix, _)| is_named(&read, *ix)).map(|(_, record)| record) {
            let Some(known) = live.by_key.get(&record.call.key).map(|ix| &live.all[*ix]) else {
                return Some(format!("{} is on record only", record.call.key));
            };
            let same = known.seq == record.seq
                && known.order == record.order
                && known.call.body == record.call.body
                && known.call.scope == record.call.scope
                && known.once == record.once
                && (known.state == record.state || pending(&record.state) && pending(&known.state));
            if !same {
                return Some(format!("live {known:?}\nread {record:?}"));
            }
        }
        let named = || live.all.iter().enumerate().filter(|(ix, _)| is_named(live, *ix)).map(|(_, record)| record);
        for record in named().filter(|record| record.seq != 0) {
            if !read.by_key.contains_key(&record.call.key) {
                return Some(format!("{} is known only live", record.call.key));
            }
        }
        if live.usage != read.usage {
            return Some(format!("live {:?}, read {:?}", live.usage, read.usage));
        }
        let mut keys: Vec<&str> = named().map(|record| record.call.key.as_str()).collect();
        keys.sort_unstable();
        keys.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| format!("two records are called {}", pair[0]))
    }
}
