//! Random flows and random edits of them. Not here: running them ([`super::machine`]).

use super::rng::Rng;
use std::fmt;

#[derive(Clone, Debug)]
pub enum Step {
    Call(Call),
    Loop(u64, Vec<Step>),
    /// By the parity of the last result.
    If(Vec<Step>, Vec<Step>),
    /// Goes on with the message of a failure.
    Try(Vec<Step>),
    Gather(Vec<Branch>),
    /// The steps run for each branch, in the order in which the branches end.
    AsCompleted(Vec<Branch>, Vec<Step>),
    /// The first branch wins, the others are cancelled.
    Race(Vec<Branch>),
    Wait(u64),
    Read,
}

#[derive(Clone, Debug)]
pub struct Call {
    pub name: u64,
    pub given: Given,
    pub fails: Fails,
    pub once: bool,
    /// Whether its result is handed on and cannot be stored.
    pub volatile: bool,
    pub body: Vec<Step>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Given {
    Const(u64),
    /// The last result.
    Last,
    /// The loop's index.
    Index,
    /// What the flow is given.
    Flow,
    Nothing,
    /// An object that no codec takes; which one.
    Opaque(u64),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fails {
    Never,
    Always,
    /// The first tries fail and are tried again.
    First(u32),
    /// Until somebody mends it between two passes.
    UntilMended,
}

/// A task.
#[derive(Clone, Debug)]
pub struct Branch {
    pub func: u64,
    pub arg: u64,
    /// Whether a clock is among its arguments too.
    pub clock: bool,
    /// Whether it is a call that is awaited as it is, without a function around it.
    pub bare: bool,
    pub steps: Vec<Step>,
}

/// What may occur in a flow.
#[derive(Clone, Copy, Debug)]
pub struct Menu {
    pub tasks: bool,
    /// What depends on who comes first: races and `as_completed`.
    pub races: bool,
    pub clocks: bool,
    pub failures: bool,
    /// What replays differ by: calls that take the flow's input, and results that cannot be stored.
    pub replays: bool,
}

pub fn program(rng: &mut Rng, menu: Menu) -> Vec<Step> {
    let len = 2 + rng.below(5);
    steps(rng, menu, len, 0)
}

fn steps(rng: &mut Rng, menu: Menu, len: u64, depth: u32) -> Vec<Step> {
    (0..len).map(|_| step(rng, menu, depth)).collect()
}

fn step(rng: &mut Rng, menu: Menu, depth: u32) -> Step {
    let inner = |rng: &mut Rng| {
        let len = 1 + rng.below(3);
        steps(rng, menu, len, depth + 1)
    };
    if depth < 3 && rng.chance(35) {
        match rng.below(if menu.tasks { 7 } else { 3 }) {
            0 => return Step::Loop(1 + rng.below(3), inner(rng)),
            1 => return Step::If(inner(rng), inner(rng)),
            2 => return Step::Try(inner(rng)),
            3 if menu.races => return Step::AsCompleted(branches(rng, menu, depth), inner(rng)),
            4 if menu.races => return Step::Race(branches(rng, menu, depth)),
            _ => return Step::Gather(branches(rng, menu, depth)),
        }
    }
    match rng.below(14) {
        0 => Step::Wait(rng.below(3)),
        1 => Step::Read,
        _ => Step::Call(call(rng, menu, depth)),
    }
}

fn call(rng: &mut Rng, menu: Menu, depth: u32) -> Call {
    let given = match rng.below(12) {
        0..=4 => Given::Const(rng.below(3)),
        5..=6 => Given::Last,
        7 => Given::Index,
        8..=9 => Given::Nothing,
        10 => Given::Opaque(rng.below(2)),
        _ if menu.replays => Given::Flow,
        _ => Given::Const(9),
    };
    let fails = match rng.below(12) {
        0 if menu.failures => Fails::Always,
        1 if menu.failures => Fails::First(1 + rng.below(2) as u32),
        2 if menu.failures => Fails::UntilMended,
        _ => Fails::Never,
    };
    let body = if depth < 3 && rng.chance(25) {
        let len = 1 + rng.below(2);
        steps(rng, menu, len, depth + 1)
    } else {
        Vec::new()
    };
    let once = body.is_empty() && rng.chance(8);
    let volatile = menu.replays && !once && rng.chance(6);
    Call { name: rng.below(4), given, fails, once, volatile, body }
}

fn branches(rng: &mut Rng, menu: Menu, depth: u32) -> Vec<Branch> {
    let func = rng.below(3);
    (0..2 + rng.below(3))
        .map(|arg| {
            if rng.chance(40) {
                let mut call = call(rng, menu, depth + 1);
                call.given = Given::Const(arg);
                return Branch { func, arg, clock: false, bare: true, steps: vec![Step::Call(call)] };
            }
            let len = 1 + rng.below(3);
            let steps = steps(rng, menu, len, depth + 2);
            // Sometimes two tasks have the same function and arguments.
            let arg = if rng.chance(15) { 0 } else { arg };
            Branch { func, arg, clock: menu.clocks && func == 0, bare: false, steps }
        })
        .collect()
}

/// One edit somewhere in the flow.
pub fn edit(rng: &mut Rng, menu: Menu, flow: &mut Vec<Step>) {
    let mut list = flow;
    // Down into a nested list, sometimes.
    loop {
        let at = rng.below(list.len().max(1) as u64) as usize;
        let deeper =
            rng.chance(40) && list.get(at).is_some_and(|step| nested(step).is_some_and(|inner| !inner.is_empty()));
        if !deeper {
            break;
        }
        let Some(inner) = list.get_mut(at).and_then(nested_mut) else { return };
        list = inner;
    }
    let len = list.len();
    let at = rng.below(len.max(1) as u64) as usize;
    match rng.below(6) {
        0 => list.insert(rng.below(len as u64 + 1) as usize, step(rng, menu, 2)),
        1 if len > 1 => drop(list.remove(at)),
        2 if len > 1 => list.swap(at, (at + 1) % len),
        kind => {
            if let Some(Step::Call(call)) = list.iter_mut().skip(at).find(|step| matches!(step, Step::Call(_))) {
                match kind {
                    3 => call.name = rng.below(4),
                    4 if call.given == Given::Nothing => call.given = Given::Const(rng.below(5)),
                    4 => call.given = Given::Const(3 + rng.below(3)),
                    _ => call.body.push(step(rng, menu, 3)),
                }
            } else {
                list.insert(at, step(rng, menu, 2));
            }
        }
    }
}

fn nested(step: &Step) -> Option<&Vec<Step>> {
    match step {
        Step::Loop(_, inner) | Step::If(inner, _) | Step::Try(inner) | Step::AsCompleted(_, inner) => Some(inner),
        Step::Call(call) => Some(&call.body),
        _ => None,
    }
}

fn nested_mut(step: &mut Step) -> Option<&mut Vec<Step>> {
    match step {
        Step::Loop(_, inner) | Step::If(inner, _) | Step::Try(inner) | Step::AsCompleted(_, inner) => Some(inner),
        Step::Call(call) => Some(&mut call.body),
        _ => None,
    }
}

/// Printed as the Python that it stands for.
pub struct Printed<'a>(pub &'a [Step]);

impl fmt::Display for Printed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print(f, self.0, 1)
    }
}

fn print(f: &mut fmt::Formatter<'_>, steps: &[Step], depth: usize) -> fmt::Result {
    let pad = "    ".repeat(depth);
    for step in steps {
        match step {
            Step::Call(call) => {
                let once = if call.once { " once" } else { "" };
                let volatile = if call.volatile { " volatile" } else { "" };
                writeln!(f, "{pad}f{}({:?})  # {:?}{once}{volatile}", call.name, call.given, call.fails)?;
                print(f, &call.body, depth + 1)?;
            }
            Step::Loop(times, inner) => {
                writeln!(f, "{pad}for i in range({times}):")?;
                print(f, inner, depth + 1)?;
            }
            Step::If(yes, no) => {
                writeln!(f, "{pad}if last % 2:")?;
                print(f, yes, depth + 1)?;
                writeln!(f, "{pad}else:")?;
                print(f, no, depth + 1)?;
            }
            Step::Try(inner) => {
                writeln!(f, "{pad}try:")?;
                print(f, inner, depth + 1)?;
            }
            Step::Gather(all) => branches_printed(f, "gather", all, depth)?,
            Step::AsCompleted(all, then) => {
                branches_printed(f, "as_completed", all, depth)?;
                writeln!(f, "{pad}each:")?;
                print(f, then, depth + 1)?;
            }
            Step::Race(all) => branches_printed(f, "race", all, depth)?,
            Step::Wait(name) => writeln!(f, "{pad}wait(w{name})")?,
            Step::Read => writeln!(f, "{pad}now()")?,
        }
    }
    Ok(())
}

fn branches_printed(f: &mut fmt::Formatter<'_>, how: &str, all: &[Branch], depth: usize) -> fmt::Result {
    let pad = "    ".repeat(depth);
    for branch in all {
        let clock = if branch.clock { ", clock" } else { "" };
        let name = if branch.bare { "bare".to_owned() } else { format!("t{}({}{clock})", branch.func, branch.arg) };
        writeln!(f, "{pad}{how} {name}:")?;
        print(f, &branch.steps, depth + 1)?;
    }
    Ok(())
}
