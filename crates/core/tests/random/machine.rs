//! Runs a random flow over a [`Desk`] as Python does: tasks that interleave, bodies that end in any order, waits,
//! races and cancellations, and a process that may die at any commit or between two.
//!
//! The tasks are futures on an executor that picks who goes on by the seed. Not here: what they do
//! ([`super::steps`]), what is promised of a run ([`super::model`]) and the passes of an execution
//! ([`super::life`]).

use super::model::{Mark, Model};
use super::nature::{Around, Conditions, Frame};
use super::program::Step;
use super::rng::Rng;
use super::steps::exec;
use crate::desk::Desk;
use kitaru_core::delivery::Next;
use kitaru_core::matcher::CallId;
use kitaru_core::{Body, ScopeId, Seq};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

pub type W = Rc<RefCell<World>>;
type Flow = Pin<Box<dyn Future<Output = Result<(), Break>>>>;

/// Why a run of the flow ended.
#[derive(Clone, Debug)]
pub enum Stop {
    Crashed,
    /// The call, who it truly is, and the record that it might be.
    Drift {
        call: CallId,
        mark: Mark,
        record: usize,
    },
    Raced,
    InDoubt(Seq),
    Suspended,
    /// Failures that were only read from the record: they run again in a new pass.
    Stale(Vec<Seq>),
    Failed(Vec<Seq>),
    Done(u64),
}

#[derive(Clone, Debug)]
pub enum Break {
    /// With the records it came from, and whether each was made in this pass.
    Raised(String, Vec<(Seq, bool)>),
    Cancelled,
    Stopped,
}

#[derive(Debug)]
pub enum Waits {
    Ready,
    Body,
    Turn(Seq),
    All(Vec<usize>),
    Any(Vec<usize>),
    Forever,
    Answer(CallId),
}

pub struct Task {
    pub waits: Waits,
    pub cancel: bool,
    /// When it ended, and how.
    pub ended: Option<(u64, Result<u64, Break>)>,
}

pub struct World {
    pub desk: Desk,
    pub rng: Rng,
    pub model: Model,
    pub stop: Option<Stop>,
    /// Commits until the process dies.
    pub commits: Option<u64>,
    pub pass: u64,
    pub conditions: Conditions,
    /// Failures that were made in this pass.
    pub fresh: Vec<Seq>,
    pub tasks: Vec<Task>,
    spawned: Vec<(usize, Flow)>,
    pub ended: u64,
    pub trail: Vec<String>,
}

/// Runs the flow once over the world's desk.
pub fn run(world: World, flow: &[Step]) -> World {
    let w = Rc::new(RefCell::new(world));
    let root = spawn(&w, {
        let (w, flow) = (Rc::clone(&w), flow.to_vec());
        move |task| {
            Box::pin(async move {
                let around = Around { flow: w.borrow().conditions.input, ..Around::default() };
                let mut frame = Frame::new(ScopeId::ROOT, String::new(), around);
                let result = exec(&w, task, &mut frame, flow).await;
                let mut world = w.borrow_mut();
                if world.stop.is_none() {
                    world.stop = Some(match result {
                        Ok(()) => Stop::Done(frame.acc),
                        Err(Break::Raised(_, sources)) => {
                            let stale: Vec<Seq> =
                                sources.iter().filter(|(_, fresh)| !fresh).map(|(seq, _)| *seq).collect();
                            if stale.is_empty() {
                                Stop::Failed(sources.into_iter().map(|(seq, _)| seq).collect())
                            } else {
                                Stop::Stale(stale)
                            }
                        }
                        Err(other) => panic!("the root ended with {other:?}"),
                    });
                }
                Ok(())
            })
        }
    });
    assert_eq!(root, 0);
    let mut flows: BTreeMap<usize, Flow> = BTreeMap::new();
    let mut steps = 0;
    loop {
        flows.extend(w.borrow_mut().spawned.drain(..));
        if w.borrow().stop.is_some() {
            break;
        }
        steps += 1;
        assert!(steps < 100_000, "the flow does not end");
        let Some(task) = w.borrow_mut().next_task() else { continue };
        let flow = flows.get_mut(&task).expect("a task that has not ended");
        if flow.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
            flows.remove(&task);
        }
    }
    drop(flows);
    let spawned = std::mem::take(&mut w.borrow_mut().spawned);
    drop(spawned);
    Rc::try_unwrap(w).ok().expect("all tasks are gone").into_inner()
}

impl World {
    pub fn new(desk: Desk, rng: Rng, model: Model, pass: u64) -> Self {
        Self {
            desk,
            rng,
            model,
            stop: None,
            commits: None,
            pass,
            conditions: Conditions::default(),
            fresh: Vec::new(),
            tasks: Vec::new(),
            spawned: Vec::new(),
            ended: 0,
            trail: Vec::new(),
        }
    }

    fn is_ready(&self, task: usize) -> bool {
        let one = &self.tasks[task];
        let ended = |task: &usize| self.tasks[*task].ended.is_some();
        one.ended.is_none()
            && (one.cancel
                || match &one.waits {
                    Waits::Ready => true,
                    Waits::Body | Waits::Turn(_) | Waits::Forever => false,
                    Waits::All(others) => others.iter().all(ended),
                    Waits::Any(others) => others.iter().any(ended),
                    Waits::Answer(call) => !self.desk.pass.is_asked(*call),
                })
    }

    pub fn alone(&self) -> bool {
        self.tasks.iter().filter(|task| task.ended.is_none()).count() <= 1
    }

    /// Who goes on. `None`: time has passed, ask again.
    fn next_task(&mut self) -> Option<usize> {
        if self.commits.is_some() && self.rng.chance(2) {
            self.stop = Some(Stop::Crashed);
            return None;
        }
        if self.rng.chance(5) {
            // The heartbeat writes what rides along.
            self.write(Vec::new()).ok()?;
        }
        let all = 0..self.tasks.len();
        let bodies: Vec<usize> = all.clone().filter(|task| self.in_body(*task)).collect();
        let ready: Vec<usize> = all.clone().filter(|task| self.is_ready(*task)).collect();
        if !bodies.is_empty() && self.rng.chance(20) {
            return self.pick(&bodies);
        }
        if !ready.is_empty() {
            return self.pick(&ready);
        }
        match self.desk.pass.delivery.next(self.desk.now) {
            Next::Deliver(order) => {
                return all.clone().find(|task| matches!(self.tasks[*task].waits, Waits::Turn(mine) if mine == order));
            }
            Next::Wait(until) if bodies.is_empty() || self.rng.chance(50) => {
                self.desk.now = until;
                return None;
            }
            _ => {}
        }
        if !bodies.is_empty() {
            return self.pick(&bodies);
        }
        let parked =
            |task: &usize| matches!(self.tasks[*task].waits, Waits::Forever) && self.tasks[*task].ended.is_none();
        let asking =
            |task: &usize| matches!(self.tasks[*task].waits, Waits::Answer(_)) && self.tasks[*task].ended.is_none();
        let waiting: Vec<usize> = all.clone().filter(asking).collect();
        if !waiting.is_empty() {
            // An answer comes while the flow is parked in the process, or it is suspended.
            let task = self.pick(&waiting)?;
            let Waits::Answer(call) = self.tasks[task].waits else { return None };
            if self.rng.chance(50) {
                let key = self.desk.key(call);
                self.answer(&key);
            } else {
                self.stop = Some(Stop::Suspended);
            }
            return None;
        }
        let parked: Vec<usize> = all.filter(parked).collect();
        assert!(
            !parked.is_empty(),
            "nobody can go on: {:?}",
            self.tasks.iter().map(|task| &task.waits).collect::<Vec<_>>()
        );
        self.pick(&parked)
    }

    fn in_body(&self, task: usize) -> bool {
        matches!(self.tasks[task].waits, Waits::Body) && self.tasks[task].ended.is_none()
    }

    fn pick(&mut self, from: &[usize]) -> Option<usize> {
        Some(from[self.rng.below(from.len() as u64) as usize])
    }

    pub fn answer(&mut self, key: &str) {
        let answer = self.model.answer(key);
        self.desk.answer(key, &answer);
    }

    pub fn write(&mut self, bodies: Vec<Body>) -> Result<(), Break> {
        if let Some(left) = &mut self.commits {
            if *left == 0 {
                self.stop = Some(Stop::Crashed);
                return Err(Break::Stopped);
            }
            *left -= 1;
        }
        self.desk.write(bodies);
        Ok(())
    }
}

pub fn spawn(w: &W, make: impl FnOnce(usize) -> Flow) -> usize {
    let task = w.borrow().tasks.len();
    w.borrow_mut().tasks.push(Task { waits: Waits::Ready, cancel: false, ended: None });
    let flow = make(task);
    w.borrow_mut().spawned.push((task, flow));
    task
}

pub struct Until {
    w: W,
    task: usize,
    waits: Option<Waits>,
}

impl Future for Until {
    type Output = Result<(), Break>;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        let waits = self.waits.take();
        let task = self.task;
        let mut world = self.w.borrow_mut();
        if let Some(waits) = waits {
            world.tasks[task].waits = waits;
            return Poll::Pending;
        }
        if world.stop.is_some() {
            return Poll::Ready(Err(Break::Stopped));
        }
        let one = &mut world.tasks[task];
        one.waits = Waits::Ready;
        if std::mem::take(&mut one.cancel) {
            return Poll::Ready(Err(Break::Cancelled));
        }
        Poll::Ready(Ok(()))
    }
}

pub fn until(w: &W, task: usize, waits: Waits) -> Until {
    Until { w: Rc::clone(w), task, waits: Some(waits) }
}
