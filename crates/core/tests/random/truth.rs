//! What a replay must come to, by the rules alone: the flow is worked out from its top, one call after the other; what is
//! kept has the outcome that it had, all else is made. Shares nothing with the matcher.
//!
//! Not here: schedules and crashes, which change nothing of it; flows in which something depends on who comes first.

use super::model::{Mark, Name, named};
use super::nature::{Conditions, Frame, Made, ask, code, hash, make, returned};
use super::program::{Branch, Call, Fails, Given, Step};
use kitaru_core::ScopeId;
use std::collections::{BTreeMap, BTreeSet};

/// What became of a call, as it is handed on: a mark's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Out {
    Good(String),
    Failed(String),
}

/// A record that is kept.
#[derive(Clone, Debug)]
pub struct Kept {
    pub out: Out,
    /// Whether it is used only if its inputs tell it apart and it was made by this code.
    pub made_by: Option<String>,
    /// Whether no body that begins again makes it anew: its effect must happen once, or somebody put it in its place.
    pub stays: bool,
}

/// What is replayed, and what comes of it.
pub struct Truth<'a> {
    pub conditions: &'a Conditions,
    pub kept: BTreeMap<Name, Kept>,
    /// What the bodies of these calls are given instead.
    pub instead: BTreeMap<Name, String>,
    /// What these calls are served though it was put in place of what others returned.
    pub adopted: BTreeMap<Name, String>,
    /// What people answer, where they were said to answer something else.
    pub answers: BTreeMap<Name, String>,
    /// The calls that are made.
    pub made: BTreeSet<Name>,
    /// Their outcomes, for a body that begins again.
    done: BTreeMap<Name, (Out, bool)>,
}

/// A failure on its way up: what it says, and the calls that it came from; whether each was made here or only kept.
struct Raised {
    message: String,
    sources: Vec<(Name, bool)>,
}

impl Raised {
    fn kept(&self) -> Vec<Name> {
        self.sources.iter().filter(|(_, made)| !made).map(|(name, _)| name.clone()).collect()
    }
}

impl<'a> Truth<'a> {
    pub fn new(conditions: &'a Conditions, kept: BTreeMap<Name, Kept>) -> Self {
        Self {
            conditions,
            kept,
            instead: BTreeMap::new(),
            adopted: BTreeMap::new(),
            answers: BTreeMap::new(),
            made: BTreeSet::new(),
            done: BTreeMap::new(),
        }
    }

    /// What the flow returns; `None`: it fails.
    pub fn work_out(&mut self, flow: &[Step]) -> Option<u64> {
        loop {
            let around = super::nature::Around { flow: self.conditions.input, ..Default::default() };
            let mut frame = Frame::new(ScopeId::ROOT, String::new(), around);
            match self.steps(&mut frame, flow) {
                Ok(()) => return Some(frame.acc),
                Err(raised) => {
                    // Nothing ends by a failure that was only kept: it is made again.
                    let kept = raised.kept();
                    if kept.is_empty() {
                        return None;
                    }
                    self.forget(&kept);
                }
            }
        }
    }

    fn forget(&mut self, names: &[Name]) {
        for name in names {
            self.kept.remove(name);
            self.done.remove(name);
        }
    }

    fn steps(&mut self, frame: &mut Frame, steps: &[Step]) -> Result<(), Raised> {
        for step in steps {
            match step {
                Step::Call(call) => {
                    let made = make(frame, call);
                    let value = self.call(frame, call, &made)?;
                    frame.took(value);
                }
                Step::Loop(times, inner) => {
                    let outer = frame.around.index;
                    for index in 0..*times {
                        frame.around.index = index;
                        self.steps(frame, inner)?;
                    }
                    frame.around.index = outer;
                }
                Step::If(yes, no) => {
                    let chosen = if frame.around.last % 2 == 1 { yes } else { no };
                    self.steps(frame, chosen)?;
                }
                Step::Try(inner) => {
                    if let Err(raised) = self.steps(frame, inner) {
                        frame.took(hash(&raised.message));
                    }
                }
                Step::Gather(branches) => {
                    for value in self.gather(frame, branches)? {
                        frame.took(value);
                    }
                }
                Step::Wait(name) => {
                    let (_, mark) = ask(frame, *name);
                    let name = named(&mark);
                    let answer = match self.kept.get(&name) {
                        Some(Kept { out: Out::Good(text), .. }) => text.clone(),
                        _ => self.answers.get(&name).cloned().unwrap_or_else(|| mark.text()),
                    };
                    frame.took(hash(&answer));
                }
                Step::Read => {}
                Step::Race(_) | Step::AsCompleted(..) => panic!("what comes of a race is not worked out"),
            }
        }
        Ok(())
    }

    /// The branches are known by where they are written, so they may as well run one after the other.
    fn gather(&mut self, frame: &mut Frame, branches: &[Branch]) -> Result<Vec<u64>, Raised> {
        let around = frame.around;
        let begun: Vec<(Frame, Option<Made>)> = branches
            .iter()
            .map(|branch| match branch.steps.first() {
                Some(Step::Call(call)) if branch.bare => {
                    let made = make(frame, call);
                    (Frame::new(frame.scope, frame.path.clone(), around), Some(made))
                }
                _ => {
                    assert!(!branch.clock, "a task with a clock is not known by its arguments");
                    let what = format!("t{}({})", branch.func, branch.arg);
                    let number = frame.number(&what);
                    (Frame::new(frame.scope, format!("{}/{what}~{number}", frame.path), around), None)
                }
            })
            .collect();
        let mut values = Vec::new();
        for (branch, (mut own, made)) in branches.iter().zip(begun) {
            match (made, branch.steps.first()) {
                (Some(made), Some(Step::Call(call))) => values.push(self.call(&mut own, call, &made)?),
                _ => {
                    self.steps(&mut own, &branch.steps)?;
                    values.push(own.acc);
                }
            }
        }
        Ok(values)
    }

    fn kept(&self, name: &Name, call: &Call) -> Option<Out> {
        let kept = self.kept.get(name)?;
        let told_apart = !matches!(call.given, Given::Nothing | Given::Opaque(_));
        let is_same = |made_by: &String| told_apart && *made_by == code(call, self.conditions);
        kept.made_by.as_ref().is_none_or(is_same).then(|| kept.out.clone())
    }

    fn call(&mut self, frame: &mut Frame, call: &Call, made: &Made) -> Result<u64, Raised> {
        let name = named(&made.mark);
        if let Some(text) = self.adopted.get(&name) {
            frame.chain = Mark::parse(text).chain;
            return Ok(hash(text));
        }
        let known = self.kept(&name, call).map(|out| (out, false));
        let out = match known.or_else(|| self.done.get(&name).map(|(out, _)| (out.clone(), true))) {
            Some((Out::Failed(message), made)) => {
                return Err(Raised { message, sources: vec![(name, made)] });
            }
            Some((Out::Good(text), _)) => text,
            None => {
                self.made.insert(name.clone());
                let (out, mut sources) = self.body(frame, call, made);
                self.done.insert(name.clone(), (out.clone(), call.once));
                match out {
                    Out::Good(text) => text,
                    Out::Failed(message) => {
                        sources.push((name, true));
                        return Err(Raised { message, sources });
                    }
                }
            }
        };
        Ok(hash(&out))
    }

    fn body(&mut self, frame: &Frame, call: &Call, made: &Made) -> (Out, Vec<(Name, bool)>) {
        let instead = self.instead.get(&named(&made.mark)).cloned();
        let input = instead.as_deref().or(made.input.as_deref()).unwrap_or_default();
        let around = made.inside(frame.around, input, self.conditions);
        let mut attempt = 1;
        loop {
            let mut inner = Frame::new(frame.scope, made.body_path.clone(), around);
            let nested = self.steps(&mut inner, &call.body);
            let fails = match call.fails {
                Fails::Never => false,
                Fails::Always => true,
                Fails::First(tries) => attempt <= tries,
                Fails::UntilMended => !self.conditions.mended,
            };
            let sources = match nested {
                Err(raised) => {
                    let kept = raised.kept();
                    if !kept.is_empty() {
                        self.forget(&kept);
                        continue;
                    }
                    raised.sources
                }
                Ok(()) if fails => Vec::new(),
                Ok(()) => {
                    let version = self.conditions.versions.get(&call.name).copied().unwrap_or(0);
                    let mark = returned(&made.mark, inner.acc, version, instead.as_deref());
                    return (Out::Good(mark.text()), Vec::new());
                }
            };
            if !matches!(call.fails, Fails::First(tries) if attempt <= tries) {
                return (Out::Failed(made.mark.text()), sources);
            }
            attempt += 1;
            // A body that failed by itself makes anew what it made; one in which a call failed makes that.
            if sources.is_empty() {
                let below =
                    |name: &Name| name.0 == made.body_path || name.0.starts_with(&format!("{}/", made.body_path));
                self.kept.retain(|name, kept| kept.stays || !below(name));
                self.done.retain(|name, (_, once)| *once || !below(name));
            } else {
                let names: Vec<Name> = sources.into_iter().map(|(name, _)| name).collect();
                self.forget(&names);
            }
        }
    }
}
