//! Random replays of random executions: whatever had become of the source, whatever is changed and wherever it begins,
//! exactly the calls run that must, and the result is what the rules give.
//!
//! A replay is made as `kitaru replay` makes one: its first events say what it keeps and what was changed. Which records
//! that is, is worked out here by [`super::standing`]; what must come of it by [`super::truth`]. Not here: selectors and
//! plans.

use super::begin::{Begun, How, begin, name};
use super::calls::dropped;
use super::life::settle;
use super::machine::{Stop, World, run};
use super::model::{Mark, Model, Name, Strict, named};
use super::nature::Conditions;
use super::plans::{codes, comes_true, name_by_code};
use super::program::{Menu, Printed, Step, edit, program};
use super::rng::Rng;
use super::standing::standing;
use super::truth::{Kept, Truth};
use crate::desk::{Desk, error, value};
use kitaru_core::event::{Completed, Failed, Interrupted};
use kitaru_core::records::State;
use kitaru_core::{Body, Event, Seq};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub menu: Menu,
    pub how: &'static [How],
    pub crashes: u64,
    /// Whether what must come of it can be worked out: nothing in the flow depends on who comes first.
    pub exact: bool,
    /// Whether bodies see nothing but their own inputs.
    pub closed: bool,
    pub strict: Strict,
    /// Whether replays are planned as the management plans them, and what is planned must come true.
    pub planned: bool,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub replays: u64,
    /// Of executions that had not ended.
    pub of_open: u64,
    /// Of replays.
    pub of_replays: u64,
    /// Of which the result was compared with that of a fresh run.
    pub compared: u64,
    pub crashes: u64,
    /// Lines of plans that say for certain what becomes of a call, and those that do not.
    pub certain: u64,
    pub may_run: u64,
    pub kept: u64,
    pub ran: u64,
    pub served: u64,
    pub failed: u64,
    pub raced: u64,
}

/// How a life ended.
#[derive(Clone, Debug, PartialEq, Eq)]
enum End {
    Returned(u64),
    Failed,
    Raced,
    /// It was left as it was: crashed, or waiting.
    Left,
}

/// Lives an execution and replays of it. `Err`: the broken promise, with the flow and the journal.
pub fn live(seed: u64, plan: Plan) -> Result<Tally, String> {
    let mut rng = Rng::new(seed ^ 0x5eed_0000);
    let mut flow = program(&mut rng, plan.menu);
    let checkpoints = if plan.planned { name_by_code(&mut flow) } else { 4 };
    let lives = &mut Lives {
        plan,
        rng,
        tally: Tally::default(),
        told: format!("{}", Printed(&flow)),
        flow,
        conditions: Conditions { closed: plan.closed, ..Conditions::default() },
        code: 0,
        checkpoints,
        failed: Vec::new(),
        other_world: false,
        trail: Vec::new(),
        journal: Vec::new(),
    };
    match lives.all() {
        Ok(()) => Ok(lives.tally),
        Err(broken) => {
            let mut told = format!("seed {seed}: {broken}\nthe flow:\n{}", lives.told);
            for event in &lives.journal {
                told += &format!("{:4} {}\n", event.seq, serde_json::to_string(&event.body).unwrap_or_default());
            }
            Err(told + &lives.trail.join("\n"))
        }
    }
}

struct Lives {
    plan: Plan,
    rng: Rng,
    tally: Tally,
    flow: Vec<Step>,
    conditions: Conditions,
    /// The version of the flow's own code.
    code: u64,
    /// How many checkpoints there are.
    checkpoints: u64,
    /// The records that the last execution failed by.
    failed: Vec<Seq>,
    /// Whether what is on record, and used, was made in another world.
    other_world: bool,
    told: String,
    trail: Vec<String>,
    journal: Vec<Event>,
}

impl Lives {
    fn all(&mut self) -> Result<(), String> {
        self.conditions.mended = self.rng.chance(50);
        let (mut model, mut end) = self.run(Vec::new(), Model::new(Strict::Own))?;
        // What was put in by hand so far.
        let mut instead: BTreeMap<Name, (Seq, String)> = BTreeMap::new();
        let mut strictly = 0;
        for depth in 0..1 + self.rng.below(3) {
            self.tally.of_open += u64::from(end == End::Left);
            self.tally.of_replays += u64::from(depth > 0);
            let how = self.plan.how[self.rng.below(self.plan.how.len() as u64) as usize];
            self.other_world |= self.change(how);
            if self.rng.chance(20) {
                // It still runs, and has come so far.
                let is_begun = |event: &Event| matches!(event.body, Body::Created(_));
                let begun = self.journal.iter().rposition(is_begun).expect("it was created") as u64;
                let own = self.journal.len() as u64 - begun;
                self.journal.truncate((begun + 1 + self.rng.below(own)) as usize);
            }
            instead.retain(|_, (seq, _)| *seq <= self.journal.len() as Seq);
            let upto = self.journal.len() as Seq;
            if how.is_strict() {
                strictly = upto;
            }
            let names = &model.names;
            let had: BTreeSet<Name> =
                standing(&self.journal).values().filter_map(|one| name(one, names)).map(|(name, _)| name).collect();
            let known: BTreeMap<String, (Name, Seq)> = standing(&self.journal)
                .into_values()
                .filter_map(|one| Some((one.head.key.clone(), (name(&one, names)?.0, one.seq))))
                .collect();
            let codes = codes(&self.flow, &self.conditions);
            let by = self.plan.planned.then_some((self.failed.as_slice(), &codes));
            let begun = begin(how, &mut self.rng, self.journal.clone(), names, strictly.min(upto), by);
            let Some(begun) = begun else { return Ok(()) };
            let Begun { journal, kept, by_hand, holds, given, answered, undoes, plan, what } = begun?;
            self.other_world |= holds;
            instead.extend(given.map(|(name, input)| (name, (journal.len() as Seq, input))));
            self.told += &format!("replay {depth} {what}\n{}", Printed(&self.flow));
            self.trail.push(format!("replay {depth} {what}"));
            (self.tally.replays, self.tally.kept) = (self.tally.replays + 1, self.tally.kept + kept.len() as u64);
            let mut next = Model::new(self.plan.strict);
            next.free_upto = strictly.min(upto);
            next.names.clone_from(&model.names);
            next.answers = std::mem::take(&mut model.answers);
            next.answers.extend(answered);
            (model, end) = self.run(journal, next)?;
            if let Some(plan) = plan {
                let (source, own) = self.journal.split_at(upto as usize);
                let left = end == End::Left;
                let (certain, may) = comes_true(&plan.lines, &known, &model, (source, own), left)
                    .map_err(|broken| format!("{broken} ({how:?})"))?;
                if how == How::From && !undoes && strictly == 0 && may > 0 {
                    return Err("something may run though nothing was changed".to_owned());
                }
                self.tally.certain += certain;
                self.tally.may_run += may;
            }
            if !self.plan.exact {
                continue;
            }
            let by_key = self.by_key(&model, &had, &mut instead)?;
            // What is made with what was put in place of another call's does not tell of it when it is served.
            let other_world = self.other_world;
            self.other_world |= !by_key.is_empty();
            let (expected, must) = self.work_out(kept, &instead, &by_key, &model);
            if let Some(more) = model.made.difference(&must).next() {
                let less: Vec<&Name> = must.difference(&model.made).collect();
                return Err(format!("{more:?} runs and need not ({how:?}); what must: {less:?}, given {instead:?}"));
            }
            if end == End::Left {
                continue;
            }
            if expected != end {
                return Err(format!(
                    "it ends {end:?} and not {expected:?} ({how:?}), given {instead:?}, put {by_key:?}"
                ));
            }
            if let Some(less) = must.difference(&model.made).next() {
                return Err(format!("{less:?} must run and does not ({how:?})"));
            }
            if !other_world {
                self.tally.compared += 1;
                let (fresh, _) = self.work_out(by_hand, &instead, &by_key, &model);
                if fresh != end {
                    return Err(format!("it ends {end:?}, a fresh run ends {fresh:?} ({how:?})"));
                }
            }
        }
        Ok(())
    }

    /// Changes the world before a replay. Whether what is on record, and used, is of another world then.
    fn change(&mut self, how: How) -> bool {
        let mut other = false;
        // A plan is of the world as it is, but for code that it is told of.
        if how.is_strict() || !self.plan.planned && self.rng.chance(25) {
            for _ in 0..1 + self.rng.below(2) {
                *self.conditions.versions.entry(self.rng.below(self.checkpoints)).or_insert(0) += 1;
            }
            // What is used only if it is unchanged is of this world.
            other |= !how.is_strict();
        }
        if how.is_strict() && !self.plan.menu.tasks && !self.plan.planned && self.rng.chance(60) {
            self.code += 1;
            for _ in 0..1 + self.rng.below(2) {
                edit(&mut self.rng, self.plan.menu, &mut self.flow);
            }
        }
        if self.plan.menu.failures && !self.plan.planned && self.rng.chance(20) {
            self.conditions.mended = !self.conditions.mended;
            other = true;
        }
        if matches!(how, How::Flow | How::Recorded) {
            self.conditions.input += 1;
            // What an object is of is seen by no one.
            other |= how == How::Recorded;
        }
        other
    }

    /// What must come of it by the rules: how it ends, and what runs.
    fn work_out(
        &self,
        kept: BTreeMap<Name, Kept>,
        instead: &BTreeMap<Name, (Seq, String)>,
        by_key: &BTreeMap<Name, String>,
        model: &Model,
    ) -> (End, BTreeSet<Name>) {
        let mut truth = Truth::new(&self.conditions, kept);
        truth.adopted.clone_from(by_key);
        truth.answers.clone_from(&model.answers);
        truth.instead = instead.iter().map(|(name, (_, input))| (name.clone(), input.clone())).collect();
        let result = truth.work_out(&self.flow);
        (result.map_or(End::Failed, End::Returned), truth.made)
    }

    /// What was changed of a call that the source did not have, with the inputs that it has now, is what was changed of
    /// the call of its key. Returns the outcomes that were put in place so.
    fn by_key(
        &self,
        model: &Model,
        had: &BTreeSet<Name>,
        instead: &mut BTreeMap<Name, (Seq, String)>,
    ) -> Result<BTreeMap<Name, String>, String> {
        for (call, (body, place, input)) in &model.given {
            if instead.get(call).is_some_and(|(_, set)| set == input) {
                continue;
            }
            let is_it = |event: &Event| match &event.body {
                Body::InputsSet(set) => set.key.rsplit('/').next() == Some(place) && set.values[0].1 == value(input),
                _ => false,
            };
            if had.contains(call) || !self.journal.iter().any(is_it) {
                return Err(format!("{call:?} is given {input}, which was set for another call"));
            }
            // Where that was lost in a crash, no later replay knows of it.
            let told = |event: &Event| matches!(&event.body, Body::InputsSet(set) if set.body == *body);
            let at = self.journal.iter().find(|event| told(event)).map_or(Seq::MAX, |event| event.seq);
            instead.insert(call.clone(), (at, input.clone()));
        }
        let mut by_key = BTreeMap::new();
        for (call, (key, text)) in &model.adopted {
            let of = Mark::parse(text);
            if had.contains(call) || function(&of.what) != function(&call.1) {
                return Err(format!("{call:?} is served what was put in place of {} {}, {key}", of.path, of.what));
            }
            by_key.insert(call.clone(), text.clone());
        }
        Ok(by_key)
    }

    /// Runs an execution from a journal on, as long as it goes or until it is left.
    fn run(&mut self, journal: Vec<Event>, mut model: Model) -> Result<(Model, End), String> {
        self.failed.clear();
        let code = format!("v{}", self.code);
        let mut desk = if journal.is_empty() { Desk::new(&code) } else { Desk::over(journal, Some(&code)) };
        let mut left = self.rng.chance(40).then(|| self.rng.below(5));
        let (mut crashes, mut raced) = (self.plan.crashes, 0);
        for pass in 0..200 {
            model.begin(&desk.journal, self.code);
            let mut world = World::new(desk, Rng::new(self.rng.draw()), model, pass);
            world.conditions.clone_from(&self.conditions);
            world.commits = (crashes > 0).then(|| self.rng.below(14));
            let mut world = run(world, &self.flow);
            let stop = world.stop.take().expect("a run ends");
            self.trail.append(&mut world.trail);
            self.trail.push(format!("pass {pass} ends: {stop:?}"));
            if !matches!(stop, Stop::Crashed) {
                world.desk.write(Vec::new());
            }
            self.journal.clone_from(&world.desk.journal);
            if !matches!(stop, Stop::Crashed)
                && let Some(difference) = world.desk.difference()
            {
                return Err(format!("the journal read back differs: {difference}"));
            }
            (desk, model) = (world.desk, world.model);
            if let Some(broken) = model.broken.take() {
                return Err(broken);
            }
            if !matches!(stop, Stop::Crashed) {
                let reused = desk.pass.matcher.reused();
                desk.put(match &stop {
                    Stop::Done(result) => {
                        Body::Completed(Completed { result: value(&result.to_string()), volatile: None, reused })
                    }
                    Stop::Failed(sources) => {
                        Body::Failed(Box::new(Failed { error: error("boom", true), sources: sources.clone(), reused }))
                    }
                    _ => Body::Interrupted(Interrupted { by: "test".to_owned(), reused }),
                });
                self.journal.clone_from(&desk.journal);
                model.ended();
            }
            let mut end = None;
            match stop {
                Stop::Crashed => {
                    crashes -= 1;
                    self.tally.crashes += 1;
                }
                Stop::Drift { call, mark, record } => {
                    let offered = &desk.pass.matcher.records.all[record];
                    // Whether what was put in place is meant for a call that an edit may have moved, nobody knows. Nor
                    // whether another call than recorded is one, where what could not be stored was made anew by other
                    // code.
                    let unknown = if offered.supplied { self.code > 0 } else { self.other_world };
                    if !self.plan.menu.races && !unknown {
                        return Err("it asks though nothing is an accident".to_owned());
                    }
                    let of = match &offered.state {
                        State::Returned(found) => {
                            Mark::parse(&serde_json::from_str::<String>(found.inline().unwrap()).unwrap())
                        }
                        _ => Mark::parse("|||0|0"),
                    };
                    let reuse = match (offered.supplied, self.plan.exact) {
                        (true, _) => named(&of) == named(&mark),
                        (false, exact) => !exact && self.rng.chance(50),
                    };
                    settle(&mut desk, &mut model, (call, &mark), record, reuse);
                }
                Stop::Raced => {
                    self.tally.raced += 1;
                    raced += 1;
                    if !self.plan.menu.races {
                        return Err("a race is said to have come out otherwise where there is none".to_owned());
                    }
                    end = (raced > 3).then_some(End::Raced);
                }
                Stop::InDoubt(seq) => {
                    // All at once: each would be asked about in every pass again.
                    let all = desk.pass.matcher.records.all.iter();
                    let volatile = all.filter(|one| matches!(one.state, State::Volatile { .. })).map(|one| one.seq);
                    let mut records: Vec<Seq> = volatile.chain([seq]).collect();
                    records.dedup();
                    desk.put(dropped(records, "asked"));
                }
                Stop::Suspended if left == Some(0) => end = Some(End::Left),
                Stop::Suspended => {
                    let asked = |key: &&String| {
                        let records = &desk.pass.matcher.records;
                        matches!(records.all[records.by_key[*key]].state, State::Asked(_))
                    };
                    let open: Vec<String> = desk.pass.matcher.records.by_key.keys().filter(asked).cloned().collect();
                    for key in open {
                        desk.answer(&key, &model.answer(&key));
                    }
                }
                Stop::Stale(records) => {
                    desk.put(dropped(records, "failed"));
                }
                Stop::Failed(records) => {
                    self.tally.failed += 1;
                    self.failed = records;
                    end = Some(End::Failed);
                }
                Stop::Done(result) => end = Some(End::Returned(result)),
            }
            if left == Some(0) {
                end = end.or(Some(End::Left));
            }
            left = left.map(|left| left - 1);
            if let Some(end) = end {
                self.tally.served += model.served;
                self.tally.ran += model.ran;
                self.journal.clone_from(&desk.journal);
                return Ok((model, end));
            }
            desk = desk.again();
        }
        Err("it does not end".to_owned())
    }
}

/// The name of the checkpoint of a call.
fn function(what: &str) -> &str {
    what.split('(').next().unwrap_or(what)
}
