//! The steps of a random flow: sequences, branches, loops, handlers, and tasks that are gathered or raced.
//!
//! Not here: a single call ([`super::calls`]), and who goes on when ([`super::machine`]).

use super::calls::{drive, identify, read, wait};
use super::machine::{Break, W, Waits, spawn, until};
use super::nature::{Frame, hash};
use super::program::{Branch, Step};
use kitaru_core::Seq;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

pub fn exec<'a>(
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
                    let outer = frame.around.index;
                    for index in 0..times {
                        frame.around.index = index;
                        exec(w, task, frame, inner.clone()).await?;
                    }
                    frame.around.index = outer;
                }
                Step::If(yes, no) => {
                    let chosen = if frame.around.last % 2 == 1 { yes } else { no };
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
    let around = frame.around;
    if branch.bare {
        let Some(Step::Call(call)) = branch.steps.into_iter().next() else { panic!("a bare branch is one call") };
        // Its identity is taken where it is written.
        let one = identify(w, frame, &call);
        let mut own = Frame::new(frame.scope, frame.path.clone(), around);
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
            let mut own = Frame::new(scope, path, around);
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
