//! The path of one call as Python drives it: identified, decided, served or run in tries, recorded.
//!
//! Not here: what a call is made of ([`super::program`]).

use super::machine::{Break, Stop, W, Waits, World, hash, until};
use super::model::Mark;
use super::program::{Call, Fails, Given};
use super::steps::{Frame, exec};
use crate::desk::{self, Said};
use kitaru_core::event::{CallKind, CallsDropped, Outcome, Usage};
use kitaru_core::matcher::{CallId, Verdict};
use kitaru_core::pass::Question;
use kitaru_core::{Body, Seq};

/// A call that has its identity.
pub struct One {
    id: CallId,
    mark: Mark,
    body_path: String,
}

pub fn identify(w: &W, frame: &mut Frame, call: &Call) -> One {
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

pub async fn drive(w: &W, task: usize, one: One, call: &Call, frame: &mut Frame) -> Result<u64, Break> {
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
        Verdict::Mutated(_) => panic!("no body of these changes its arguments"),
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
        let (started, intent) =
            world.desk.pass.start(one.id, None, call.once, now).expect("a call of this pass").expect("as recorded");
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
                        let (_, intent) =
                            world.desk.pass.start(one.id, None, true, now).expect("of this pass").expect("as recorded");
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

pub async fn wait(w: &W, task: usize, frame: &mut Frame, name: u64) -> Result<u64, Break> {
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

pub fn read(w: &W, frame: &Frame) {
    let mut guard = w.borrow_mut();
    let world = &mut *guard;
    let call = world.desk.identify_as(frame.scope, "kitaru.now", desk::Given::Nothing, CallKind::Reading, false);
    if world.desk.pass.decide(call, true).verdict == Verdict::Run {
        let now = world.desk.now;
        world.desk.pass.read(call, desk::value("now"), now).expect("of this pass");
    }
}
