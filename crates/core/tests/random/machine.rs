//! Runs a random flow over a [`Desk`] as Python does: tasks that interleave, bodies that end in any order, waits,
//! races and cancellations, and a process that may die at any commit or between two.
//!
//! The tasks are futures on an executor that picks who goes on by the seed. Not here: what is promised of a run
//! ([`super::model`]) and the passes of an execution ([`super::life`]).

use super::model::{Mark, Model};
use super::program::{Branch, Call, Fails, Given, Step};
use super::rng::Rng;
use crate::desk::{self, Desk, Said};
use kitaru_core::delivery::Next;
use kitaru_core::event::{CallKind, CallsDropped, Outcome, Usage};
use kitaru_core::matcher::{CallId, Verdict};
use kitaru_core::pass::Question;
use kitaru_core::{Body, Digest, ScopeId, Seq};
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
    Drift {
        call: CallId,
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
enum Waits {
    Ready,
    Body,
    Turn(Seq),
    All(Vec<usize>),
    Any(Vec<usize>),
    Forever,
    Answer(CallId),
}

struct Task {
    waits: Waits,
    cancel: bool,
    /// When it ended, and how.
    ended: Option<(u64, Result<u64, Break>)>,
}

pub struct World {
    pub desk: Desk,
    pub rng: Rng,
    pub model: Model,
    pub stop: Option<Stop>,
    /// Commits until the process dies.
    pub commits: Option<u64>,
    pub pass: u64,
    pub mended: bool,
    /// Failures that were made in this pass.
    fresh: Vec<Seq>,
    tasks: Vec<Task>,
    spawned: Vec<(usize, Flow)>,
    ended: u64,
    pub trail: Vec<String>,
}

/// Where steps run: the scope as the matcher knows it, and the path that it truly is.
#[derive(Clone)]
struct Frame {
    scope: ScopeId,
    path: String,
    last: u64,
    index: u64,
    chain: u64,
    acc: u64,
    counts: BTreeMap<String, u32>,
}

impl Frame {
    fn new(scope: ScopeId, path: String, last: u64, index: u64) -> Self {
        Self { scope, path, last, index, chain: 0, acc: 0, counts: BTreeMap::new() }
    }

    fn number(&mut self, what: &str) -> u32 {
        let number = self.counts.entry(what.to_owned()).or_insert(0);
        *number += 1;
        *number
    }

    fn took(&mut self, value: u64) {
        self.last = value;
        self.acc = hash(&format!("{} {value}", self.acc));
    }
}

/// A call that has its identity.
struct One {
    id: CallId,
    mark: Mark,
    body_path: String,
}

pub fn hash(text: &str) -> u64 {
    u64::from_le_bytes(Digest::of(text.as_bytes()).0[..8].try_into().unwrap())
}

/// Runs the flow once over the world's desk.
pub fn run(world: World, flow: &[Step]) -> World {
    let w = Rc::new(RefCell::new(world));
    let root = spawn(&w, {
        let (w, flow) = (Rc::clone(&w), flow.to_vec());
        move |task| {
            Box::pin(async move {
                let mut frame = Frame::new(ScopeId::ROOT, String::new(), 0, 0);
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
            mended: false,
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

    fn alone(&self) -> bool {
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
        let mark = self.model.questions.get(key).cloned().expect("an open wait has a question");
        self.desk.answer(key, &mark.text());
    }

    fn write(&mut self, bodies: Vec<Body>) -> Result<(), Break> {
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

fn spawn(w: &W, make: impl FnOnce(usize) -> Flow) -> usize {
    let task = w.borrow().tasks.len();
    w.borrow_mut().tasks.push(Task { waits: Waits::Ready, cancel: false, ended: None });
    let flow = make(task);
    w.borrow_mut().spawned.push((task, flow));
    task
}

struct Until {
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

fn until(w: &W, task: usize, waits: Waits) -> Until {
    Until { w: Rc::clone(w), task, waits: Some(waits) }
}

fn exec<'a>(
    w: &'a W,
    task: usize,
    frame: &'a mut Frame,
    steps: Vec<Step>,
) -> Pin<Box<dyn Future<Output = Result<(), Break>> + 'a>> {
    Box::pin(async move {
        for step in steps {
            match step {
                Step::Call(call) => {
                    let one = identify(w, frame, &call);
                    let value = drive(w, task, one, &call, frame).await?;
                    frame.took(value);
                }
                Step::Loop(times, inner) => {
                    let outer = frame.index;
                    for index in 0..times {
                        frame.index = index;
                        exec(w, task, frame, inner.clone()).await?;
                    }
                    frame.index = outer;
                }
                Step::If(yes, no) => {
                    let chosen = if frame.last % 2 == 1 { yes } else { no };
                    exec(w, task, frame, chosen).await?;
                }
                Step::Try(inner) => match exec(w, task, frame, inner).await {
                    Err(Break::Raised(message, _)) => frame.took(hash(&message)),
                    other => other?,
                },
                Step::Wait(name) => {
                    let value = wait(w, task, frame, name).await?;
                    frame.took(value);
                }
                Step::Read => read(w, frame),
                Step::Gather(branches) => {
                    let children = spawn_all(w, frame, branches);
                    for result in join(w, task, &children).await? {
                        frame.took(result);
                    }
                }
                Step::Race(branches) => {
                    let children = spawn_all(w, frame, branches);
                    let first = until(w, task, Waits::Any(children.clone())).await;
                    cancel(w, &children);
                    let all = settle(w, task, &children, first.is_err()).await?;
                    first?;
                    let winner = all.into_iter().min_by_key(|(ended, _)| *ended).expect("a race has runners");
                    frame.took(winner.1?);
                }
                Step::AsCompleted(branches, then) => {
                    let children = spawn_all(w, frame, branches);
                    let mut left = children.clone();
                    let mut outcome = Ok(());
                    while !left.is_empty() && outcome.is_ok() {
                        outcome = until(w, task, Waits::Any(left.clone())).await;
                        if outcome.is_err() {
                            break;
                        }
                        let ended = |task: &usize| w.borrow().tasks[*task].ended.clone();
                        let next = left.iter().copied().filter_map(|task| Some((ended(&task)?, task)));
                        let Some(((_, result), first)) = next.min_by_key(|((at, _), _)| *at) else { continue };
                        left.retain(|task| *task != first);
                        outcome = match result {
                            Ok(value) => {
                                frame.took(value);
                                exec(w, task, frame, then.clone()).await
                            }
                            Err(error) => Err(error),
                        };
                    }
                    if outcome.is_err() {
                        cancel(w, &children);
                        settle(w, task, &children, true).await?;
                    }
                    outcome?;
                }
            }
        }
        Ok(())
    })
}

fn spawn_all(w: &W, frame: &mut Frame, branches: Vec<Branch>) -> Vec<usize> {
    branches.into_iter().map(|branch| spawn_one(w, frame, branch)).collect()
}

fn spawn_one(w: &W, frame: &mut Frame, branch: Branch) -> usize {
    let (last, index) = (frame.last, frame.index);
    if branch.bare {
        let Some(Step::Call(call)) = branch.steps.into_iter().next() else { panic!("a bare branch is one call") };
        // Its identity is taken where it is written.
        let one = identify(w, frame, &call);
        let mut own = Frame::new(frame.scope, frame.path.clone(), last, index);
        let w2 = Rc::clone(w);
        return spawn(w, |task| {
            Box::pin(async move {
                let result = drive(&w2, task, one, &call, &mut own).await;
                ended(&w2, task, result);
                Ok(())
            })
        });
    }
    let (func, args, what) = {
        let world = w.borrow();
        let args = if branch.clock { format!("{} {}", world.pass, branch.arg) } else { branch.arg.to_string() };
        let what =
            if branch.clock { format!("t{}(clock)", branch.func) } else { format!("t{}({})", branch.func, branch.arg) };
        (format!("t{}", branch.func), args, what)
    };
    // Tasks with a clock among their arguments cannot be told apart by more than their calls' inputs.
    let path = if branch.clock {
        format!("{}/{what}", frame.path)
    } else {
        let number = frame.number(&what);
        format!("{}/{what}~{number}", frame.path)
    };
    let scope = w.borrow_mut().desk.task(frame.scope, &func, &args);
    let w2 = Rc::clone(w);
    spawn(w, |task| {
        Box::pin(async move {
            let mut own = Frame::new(scope, path, last, index);
            let result = exec(&w2, task, &mut own, branch.steps).await.map(|()| own.acc);
            ended(&w2, task, result);
            Ok(())
        })
    })
}

fn ended(w: &W, task: usize, result: Result<u64, Break>) {
    let mut world = w.borrow_mut();
    world.ended += 1;
    let at = world.ended;
    world.tasks[task].ended = Some((at, result));
}

fn cancel(w: &W, tasks: &[usize]) {
    let mut world = w.borrow_mut();
    for task in tasks {
        let one = &mut world.tasks[*task];
        one.cancel = one.ended.is_none();
    }
}

/// Waits for all, as a task group does: the first failure cancels the others.
async fn join(w: &W, task: usize, children: &[usize]) -> Result<Vec<u64>, Break> {
    let mut cancelled = false;
    loop {
        let left: Vec<usize> = children.iter().copied().filter(|one| w.borrow().tasks[*one].ended.is_none()).collect();
        let failed =
            children.iter().any(|one| matches!(w.borrow().tasks[*one].ended, Some((_, Err(Break::Raised(..))))));
        if left.is_empty() || failed {
            break;
        }
        match until(w, task, Waits::Any(left)).await {
            Err(Break::Cancelled) => {
                cancelled = true;
                break;
            }
            other => other?,
        }
    }
    cancel(w, children);
    let all = settle(w, task, children, cancelled).await?;
    if cancelled {
        return Err(Break::Cancelled);
    }
    let mut failures: Vec<(Seq, bool)> = Vec::new();
    let mut messages = Vec::new();
    let mut values = Vec::new();
    for (_, result) in all {
        match result {
            Ok(value) => values.push(value),
            Err(Break::Raised(message, sources)) => {
                messages.push(message);
                failures.extend(sources);
            }
            Err(_) => {}
        }
    }
    if messages.is_empty() { Ok(values) } else { Err(Break::Raised(messages.join("+"), failures)) }
}

/// Waits until all have ended, whoever cancels meanwhile.
async fn settle(
    w: &W,
    task: usize,
    children: &[usize],
    mut cancelled: bool,
) -> Result<Vec<(u64, Result<u64, Break>)>, Break> {
    let was = cancelled;
    loop {
        if children.iter().all(|one| w.borrow().tasks[*one].ended.is_some()) {
            break;
        }
        match until(w, task, Waits::All(children.to_vec())).await {
            Err(Break::Cancelled) => cancelled = true,
            other => other?,
        }
    }
    if cancelled && !was {
        return Err(Break::Cancelled);
    }
    let world = w.borrow();
    Ok(children.iter().map(|one| world.tasks[*one].ended.clone().expect("it has ended")).collect())
}

fn identify(w: &W, frame: &mut Frame, call: &Call) -> One {
    let name = format!("f{}", call.name);
    let input = match call.given {
        Given::Const(value) => Some(value.to_string()),
        Given::Last => Some(frame.last.to_string()),
        Given::Index => Some(format!("i{}", frame.index)),
        Given::Nothing | Given::Opaque(_) => None,
    };
    let given = match (&input, call.given) {
        (Some(input), _) => desk::Given::With(input),
        (None, Given::Opaque(_)) => desk::Given::Opaque,
        _ => desk::Given::Nothing,
    };
    // What the matcher can know of it, and what it truly is.
    let (known, truly) = match (&input, call.given) {
        (Some(input), _) => (format!("{name}({input})"), format!("{name}({input})")),
        (None, Given::Opaque(object)) => {
            (format!("{name}(?)@{:x}", frame.chain), format!("{name}(object {object})@{:x}", frame.chain))
        }
        _ => (format!("{name}()@{:x}", frame.chain), format!("{name}()@{:x}", frame.chain)),
    };
    let number = frame.number(&known);
    let chain = hash(&format!("{}/{known}~{number}", frame.path));
    let loose = match (&input, call.given) {
        (Some(_), _) => format!("{truly}~{number}"),
        (None, Given::Opaque(object)) => format!("{name}(object {object})"),
        _ => format!("{name}()"),
    };
    frame.chain = chain;
    let id = w.borrow_mut().desk.identify_as(frame.scope, &name, given, CallKind::Checkpoint, call.once);
    let what = format!("{truly}~{number}");
    let mark = Mark { path: frame.path.clone(), what: what.clone(), loose, chain, acc: 0 };
    One { id, mark, body_path: format!("{}/{what}", frame.path) }
}

async fn drive(w: &W, task: usize, one: One, call: &Call, frame: &mut Frame) -> Result<u64, Break> {
    // The task that makes the call has its turn before it is decided.
    until(w, task, Waits::Ready).await?;
    let alone = w.borrow().alone();
    let asked = w.borrow_mut().desk.pass.decide(one.id, alone);
    match asked.verdict {
        Verdict::Reuse(_) => {
            if !alone {
                w.borrow_mut().desk.pass.delivery.ask(asked.order);
                let turn = until(w, task, Waits::Turn(asked.order)).await;
                w.borrow_mut().desk.pass.delivery.done(asked.order);
                turn?;
            }
            w.borrow_mut().desk.pass.delivery.done(asked.order);
            return serve(w, &one, frame);
        }
        Verdict::Run => {}
        Verdict::Park(_) => until(w, task, Waits::Forever).await?,
        Verdict::Drift { record, .. } => return Err(stop(w, Stop::Drift { call: one.id, record })),
        Verdict::RaceDiverged { .. } => return Err(stop(w, Stop::Raced)),
        Verdict::InDoubt(record) | Verdict::Volatile(record) => {
            let seq = w.borrow().desk.pass.matcher.records.all[record].seq;
            return Err(stop(w, Stop::InDoubt(seq)));
        }
        Verdict::Open(_) => panic!("a checkpoint is no wait"),
    }
    attempts(w, task, &one, call, frame).await
}

fn stop(w: &W, why: Stop) -> Break {
    w.borrow_mut().stop = Some(why);
    Break::Stopped
}

fn serve(w: &W, one: &One, frame: &mut Frame) -> Result<u64, Break> {
    let mut guard = w.borrow_mut();
    let world = &mut *guard;
    let seq = world.desk.pass.matcher.record_of(one.id).map_or(0, |record| record.seq);
    let (text, good) = match world.desk.served(one.id) {
        Said::Served(text) => (text, true),
        Said::Failed(text) => (text, false),
        other => panic!("served {other:?}"),
    };
    let served = Mark::parse(&text);
    let decided = is_decided(world, one.id);
    world.model.served(&one.mark, &served, decided);
    if decided {
        // What comes after counts from the call that was served.
        frame.chain = served.chain;
    }
    if good { Ok(hash(&text)) } else { Err(Break::Raised(text, vec![(seq, world.fresh.contains(&seq))])) }
}

/// Whether a person decided that the call is served what it is.
fn is_decided(world: &World, call: CallId) -> bool {
    let matcher = &world.desk.pass.matcher;
    let head = matcher.head(call).expect("of this pass");
    let own = matcher.record_of(call).is_some_and(|record| record.call.body == head.body);
    !own || matcher.records.decisions.contains_key(&head.body)
}

async fn attempts(w: &W, task: usize, one: &One, call: &Call, frame: &Frame) -> Result<u64, Break> {
    let (scope, mut attempt) = {
        let mut guard = w.borrow_mut();
        let world = &mut *guard;
        world.model.runs(&one.mark);
        let now = world.desk.now;
        let (started, intent) = world.desk.pass.start(one.id, None, call.once, now).expect("a call of this pass");
        world.trail.push(format!("pass {} runs {} {}", world.pass, one.mark.path, one.mark.what));
        if call.once {
            world.write(intent)?;
        }
        (started.body, started.failed_attempts + 1)
    };
    loop {
        let mut inner = Frame::new(scope, one.body_path.clone(), frame.last, frame.index);
        let mut result = exec(w, task, &mut inner, call.body.clone()).await;
        if result.is_ok() {
            result = until(w, task, Waits::Body).await;
        }
        let mut guard = w.borrow_mut();
        let world = &mut *guard;
        if result.is_ok() {
            let fails = match call.fails {
                Fails::Never => false,
                Fails::Always => true,
                Fails::First(tries) => attempt <= tries,
                Fails::UntilMended => !world.mended,
            };
            if fails {
                result = Err(Break::Raised("boom".to_owned(), Vec::new()));
            }
        }
        match result {
            Ok(()) => {
                let mark = Mark { acc: inner.acc, ..one.mark.clone() };
                let outcome = Outcome::Returned { result: desk::value(&mark.text()) };
                let batch = world.desk.pass.end(one.id, outcome, attempt, Usage::default()).expect("of this pass");
                world.write(batch)?;
                return Ok(hash(&mark.text()));
            }
            Err(Break::Cancelled) => {
                let batch = world.desk.pass.end(one.id, Outcome::Cancelled, attempt, Usage::default());
                world.write(batch.expect("of this pass"))?;
                return Err(Break::Cancelled);
            }
            Err(Break::Stopped) => return Err(Break::Stopped),
            Err(Break::Raised(_, sources)) => {
                let message = one.mark.text();
                let stale: Vec<Seq> = sources.iter().filter(|(_, fresh)| !fresh).map(|(seq, _)| *seq).collect();
                if !stale.is_empty() {
                    world.write(vec![dropped(stale, "failed")])?;
                    world.desk.pass.restart_body(one.id, true);
                    continue;
                }
                let data = desk::error(&message, true);
                if matches!(call.fails, Fails::First(tries) if attempt <= tries) {
                    let keep = !sources.is_empty();
                    if keep {
                        world.write(vec![dropped(sources.iter().map(|(seq, _)| *seq).collect(), "retry")])?;
                    } else {
                        world.model.forget_below(&one.body_path);
                    }
                    world.desk.pass.restart_body(one.id, keep);
                    let batch = world.desk.pass.attempt_failed(one.id, attempt, data, 0, Usage::default());
                    world.write(batch.expect("of this pass"))?;
                    attempt += 1;
                    if call.once {
                        let now = world.desk.now;
                        let (_, intent) = world.desk.pass.start(one.id, None, true, now).expect("of this pass");
                        world.write(intent)?;
                    }
                    continue;
                }
                let outcome = Outcome::Raised { error: data };
                let batch = world.desk.pass.end(one.id, outcome, attempt, Usage::default()).expect("of this pass");
                world.write(batch)?;
                let seq = world.desk.pass.matcher.record_of(one.id).map_or(0, |record| record.seq);
                world.fresh.push(seq);
                let mut sources = sources;
                sources.push((seq, true));
                return Err(Break::Raised(message, sources));
            }
        }
    }
}

pub fn dropped(records: Vec<Seq>, why: &str) -> Body {
    Body::CallsDropped(CallsDropped { records, why: why.to_owned() })
}

async fn wait(w: &W, task: usize, frame: &mut Frame, name: u64) -> Result<u64, Break> {
    let name = format!("w{name}");
    let number = frame.number(&name);
    let what = format!("{name}~{number}");
    frame.chain = hash(&format!("{}/{what}", frame.path));
    let mark = Mark { path: frame.path.clone(), what: what.clone(), loose: what, chain: frame.chain, acc: 0 };
    let call = w.borrow_mut().desk.identify_as(frame.scope, &name, desk::Given::With(&name), CallKind::Wait, false);
    until(w, task, Waits::Ready).await?;
    let alone = w.borrow().alone();
    let verdict = w.borrow_mut().desk.pass.decide(call, alone).verdict;
    match verdict {
        Verdict::Reuse(_) => {}
        Verdict::Drift { record, .. } => return Err(stop(w, Stop::Drift { call, record })),
        other => {
            if !matches!(other, Verdict::Open(_)) {
                let mut world = w.borrow_mut();
                let question = Question { question: name, ..Question::default() };
                let (key, batch) = world.desk.pass.open_wait(call, question).expect("of this pass");
                world.write(batch)?;
                world.model.questions.insert(key, mark.clone());
            }
            if let Err(why) = until(w, task, Waits::Answer(call)).await {
                let mut world = w.borrow_mut();
                if matches!(why, Break::Cancelled) && world.desk.pass.is_asked(call) {
                    let key = world.desk.key(call);
                    world.desk.close(&key, "withdrawn");
                }
                return Err(why);
            }
        }
    }
    let mut world = w.borrow_mut();
    let order = world.desk.pass.matcher.record_of(call).map_or(0, |record| record.order);
    world.desk.pass.delivery.done(order);
    let Said::Served(text) = world.desk.served(call) else { panic!("a wait is served an answer") };
    let decided = is_decided(&world, call);
    world.model.served(&mark, &Mark::parse(&text), decided);
    Ok(hash(&text))
}

fn read(w: &W, frame: &Frame) {
    let mut guard = w.borrow_mut();
    let world = &mut *guard;
    let call = world.desk.identify_as(frame.scope, "kitaru.now", desk::Given::Nothing, CallKind::Reading, false);
    if world.desk.pass.decide(call, true).verdict == Verdict::Run {
        let now = world.desk.now;
        world.desk.pass.read(call, desk::value("now"), now).expect("of this pass");
    }
}
