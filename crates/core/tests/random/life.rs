//! The life of an execution: passes that crash, are edited between, asked about, suspended and mended, to the end.

use super::calls::dropped;
use super::machine::{Stop, World, run};
use super::model::{Mark, Model, Strict};
use super::program::{Menu, Printed, Step, edit, program};
use super::rng::Rng;
use crate::desk::Desk;
use kitaru_core::event::{Body, DriftDecision, Interrupted};
use kitaru_core::matcher::CallId;
use kitaru_core::records::State;

#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub menu: Menu,
    pub edits: bool,
    pub crashes: u64,
    pub strict: Strict,
    /// Whether a question about a drift breaks the promise.
    pub may_ask: bool,
}

/// What an execution came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    Returned(u64),
    Failed,
    /// A race came out otherwise, and it says so.
    Raced,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub passes: u64,
    pub crashes: u64,
    pub asked: u64,
    pub raced: u64,
    pub served: u64,
    pub ran: u64,
    pub failed: u64,
}

/// Lives one life. `Err`: the broken promise, with the flow and the journal.
pub fn live(seed: u64, plan: Plan) -> Result<(End, Tally), String> {
    let mut rng = Rng::new(seed);
    let mut flow = program(&mut rng, plan.menu);
    let first = flow.clone();
    let mut life = Life { plan, rng, tally: Tally::default(), journal: Vec::new(), trail: Vec::new() };
    match life.live(&mut flow) {
        Ok(end) => Ok((end, life.tally)),
        Err(broken) => {
            let mut told = format!("seed {seed}: {broken}\nthe flow:\n{}", Printed(&first));
            if plan.edits {
                told += &format!("edited to:\n{}", Printed(&flow));
            }
            for event in &life.journal {
                told += &format!("{:4} {}\n", event.seq, serde_json::to_string(&event.body).unwrap_or_default());
            }
            Err(told + &life.trail.join("\n"))
        }
    }
}

struct Life {
    plan: Plan,
    rng: Rng,
    tally: Tally,
    journal: Vec<kitaru_core::Event>,
    trail: Vec<String>,
}

impl Life {
    fn live(&mut self, flow: &mut Vec<Step>) -> Result<End, String> {
        let mut desk = Desk::new("v0");
        let mut model = Model::new(self.plan.strict);
        let (mut version, mut mended, mut crashes, mut raced, mut complete) = (0, false, self.plan.crashes, 0, false);
        for pass in 0..400 {
            self.tally.passes += 1;
            model.begin(&desk.journal, version);
            let ran_before = model.ran;
            let mut world = World::new(desk, Rng::new(self.rng.draw()), model, pass);
            world.conditions.mended = mended;
            world.commits = (crashes > 0).then(|| self.rng.below(14));
            let mut world = run(world, flow);
            let stop = world.stop.take().expect("a run ends");
            self.trail.push(format!("pass {pass} ends: {stop:?}"));
            self.trail.append(&mut world.trail);
            if !matches!(stop, Stop::Crashed) {
                world.desk.write(Vec::new());
                if let Some(difference) = world.desk.difference() {
                    self.journal.clone_from(&world.desk.journal);
                    return Err(format!("the journal read back differs: {difference}"));
                }
            }
            self.journal.clone_from(&world.desk.journal);
            desk = world.desk;
            model = world.model;
            if let Some(broken) = model.broken.take() {
                return Err(broken);
            }
            if !matches!(stop, Stop::Crashed) {
                let reused = desk.pass.matcher.reused();
                desk.put(Body::Interrupted(Interrupted { by: "test".to_owned(), reused }));
                model.ended();
            }
            match stop {
                Stop::Crashed => {
                    crashes -= 1;
                    self.tally.crashes += 1;
                }
                Stop::Drift { call, mark, record } => {
                    self.tally.asked += 1;
                    // Whether a declared effect in a task with a clock is one that happened, nobody can tell.
                    let once = desk.pass.matcher.records.all[record].once;
                    if !(self.plan.may_ask || once && self.plan.menu.races) {
                        return Err("it asks though nothing was edited".to_owned());
                    }
                    let reuse = !once && self.rng.chance(50);
                    settle(&mut desk, &mut model, (call, &mark), record, reuse);
                }
                Stop::Raced => {
                    self.tally.raced += 1;
                    raced += 1;
                    if !self.plan.menu.races && !self.plan.edits {
                        return Err("a race is said to have come out otherwise where there is none".to_owned());
                    }
                    if raced > 3 {
                        return Ok(End::Raced);
                    }
                }
                Stop::InDoubt(seq) => {
                    desk.put(dropped(vec![seq], "asked"));
                }
                Stop::Suspended => {
                    let open: Vec<String> = desk
                        .pass
                        .matcher
                        .records
                        .all
                        .iter()
                        .filter(|record| matches!(record.state, State::Asked(_)))
                        .map(|record| record.call.key.clone())
                        .collect();
                    for key in open {
                        let mark = model.names[&key].clone();
                        desk.answer(&key, &mark.text());
                    }
                }
                Stop::Stale(records) => {
                    desk.put(dropped(records, "failed"));
                }
                Stop::Failed(records) => {
                    self.tally.failed += 1;
                    if mended {
                        return Ok(End::Failed);
                    }
                    mended = true;
                    desk.put(dropped(records, "asked"));
                }
                Stop::Done(result) => {
                    self.tally.served = model.served;
                    self.tally.ran = model.ran;
                    if complete && model.ran != ran_before && self.plan.strict != Strict::Own && !self.plan.menu.races {
                        return Err("a pass over a complete journal ran something".to_owned());
                    }
                    if complete || self.plan.edits {
                        return Ok(End::Returned(result));
                    }
                    // Once more, as if the process had died just before the end was written.
                    complete = true;
                    crashes = 0;
                }
            }
            if self.plan.edits && self.rng.chance(60) && version < 6 {
                version += 1;
                edit(&mut self.rng, self.plan.menu, flow);
            }
            desk = desk.edited(&format!("v{version}"));
        }
        Err("it does not end".to_owned())
    }
}

/// Somebody decides about the call that a pass stopped at.
pub fn settle(desk: &mut Desk, model: &mut Model, (call, asker): (CallId, &Mark), record: usize, reuse: bool) {
    let record = &desk.pass.matcher.records.all[record];
    let key = record.call.key.clone();
    let mark = match &record.state {
        State::Returned(found) | State::Answered(found, _) => {
            let text: String = serde_json::from_str(found.inline().expect("inline")).expect("a text");
            Some(Mark::parse(&text))
        }
        _ => None,
    };
    let decision = if reuse { DriftDecision::Reuse } else { DriftDecision::Rerun };
    model.decide(asker, mark.as_ref(), decision, &desk.journal);
    desk.settle(call, &key, decision);
}
