//! The path of one call as Python drives it: identified, decided, served or run in tries, recorded.
//!
//! Not here: what a call is made of ([`super::program`]).

use super::machine::{Break, Stop, W, Waits, World, until};
use super::model::{Mark, named};
use super::nature::{Frame, Made, ask, code, hash, make, returned};
use super::program::{Call, Fails, Given};
use super::steps::exec;
use crate::desk::{self, Said};
use kitaru_core::event::{CallKind, CallsDropped, Outcome, Usage};
use kitaru_core::matcher::{CallId, Verdict};
use kitaru_core::pass::{Question, Started};
use kitaru_core::records::State;
use kitaru_core::{Body, Seq, Value};

/// A call that has its identity.
pub struct One {
    id: CallId,
    made: Made,
}

pub fn identify(w: &W, frame: &mut Frame, call: &Call) -> One {
    let made = make(frame, call);
    let given = match (&made.input, call.given) {
        (Some(input), _) => desk::Given::With(input),
        (None, Given::Opaque(_)) => desk::Given::Opaque,
        _ => desk::Given::Nothing,
    };
    let mut world = w.borrow_mut();
    let code = code(call, &world.conditions);
    let id = world.desk.identify_coded(frame.scope, &made.name, given, CallKind::Checkpoint, call.once, Some(&code));
    One { id, made }
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
        Verdict::Began(record) if matches!(state_of(w, record), State::Open { .. } | State::Cancelled) => {
            let seq = w.borrow().desk.pass.matcher.records.all[record].seq;
            return Err(stop(w, Stop::InDoubt(seq)));
        }
        Verdict::Drift { record, .. } | Verdict::Began(record) => {
            return Err(stop(w, Stop::Drift { call: one.id, mark: one.made.mark.clone(), record }));
        }
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

fn state_of(w: &W, record: usize) -> State {
    w.borrow().desk.pass.matcher.records.all[record].state.clone()
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
    if let Some(key) = adopted(world, one.id) {
        world.model.adopted.insert(named(&one.made.mark), (key, text.clone()));
    }
    // What somebody put in place is for the call in that place, whatever it is given there.
    let put = world.desk.pass.matcher.record_of(one.id).is_some_and(|record| record.supplied);
    world.model.served(&one.made.mark, &served, decided || put && named(&served) == named(&one.made.mark));
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
    !own || matcher.records.decisions.of(&head.body).is_some()
}

/// The key under which a call is served what somebody put in place of what another one returned.
fn adopted(world: &World, call: CallId) -> Option<String> {
    let matcher = &world.desk.pass.matcher;
    let (head, record) = (matcher.head(call)?, matcher.record_of(call)?);
    let moved = record.supplied && record.call.body != head.body && matcher.records.decisions.of(&head.body).is_none();
    moved.then(|| record.call.key.clone())
}

async fn attempts(w: &W, task: usize, one: &One, call: &Call, frame: &Frame) -> Result<u64, Break> {
    let (scope, mut attempt, instead) = {
        let mut guard = w.borrow_mut();
        let world = &mut *guard;
        world.model.runs(&one.made.mark);
        let (started, intent) = start(world, one, call.once);
        world.desk.pass.used(&started.key, &Usage { input_tokens: 1, ..Usage::default() });
        world.model.names.insert(started.key.clone(), one.made.mark.clone());
        world.trail.push(format!("pass {} runs {} {}", world.pass, one.made.mark.path, one.made.mark.what));
        if call.once {
            world.write(intent)?;
        }
        let instead = started.effective.map(|effective| {
            assert_eq!(effective.changed, ["x"]);
            let given: serde_json::Value = serde_json::from_str(effective.inputs.inline().unwrap()).unwrap();
            given["x"].as_str().unwrap().to_owned()
        });
        if let Some(instead) = &instead {
            let place = match one.made.nth {
                1 => one.made.name.clone(),
                nth => format!("{}#{nth}", one.made.name),
            };
            world.model.given.insert(named(&one.made.mark), (started.body, place, instead.clone()));
        }
        (started.body, started.failed_attempts + 1, instead)
    };
    loop {
        let inside = {
            let input = instead.as_deref().or(one.made.input.as_deref()).unwrap_or_default();
            one.made.inside(frame.around, input, &w.borrow().conditions)
        };
        let mut inner = Frame::new(scope, one.made.body_path.clone(), inside);
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
                Fails::UntilMended => !world.conditions.mended,
            };
            if fails {
                result = Err(Break::Raised("boom".to_owned(), Vec::new()));
            }
        }
        match result {
            Ok(()) => {
                let version = world.conditions.versions.get(&call.name).copied().unwrap_or(0);
                let mark = returned(&one.made.mark, inner.acc, version, instead.as_deref());
                let outcome = if call.volatile {
                    Outcome::Volatile { path: "checkpoint.return".to_owned(), rerunnable: false }
                } else {
                    Outcome::Returned { result: desk::value(&mark.text()) }
                };
                let batch = world.desk.pass.end(one.id, outcome, attempt).expect("of this pass");
                world.write(batch)?;
                return Ok(hash(&mark.text()));
            }
            Err(Break::Cancelled) => {
                let batch = world.desk.pass.end(one.id, Outcome::Cancelled, attempt);
                world.write(batch.expect("of this pass"))?;
                return Err(Break::Cancelled);
            }
            Err(Break::Stopped) => return Err(Break::Stopped),
            Err(Break::Raised(_, sources)) => {
                let message = one.made.mark.text();
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
                        world.model.forget_below(&one.made.body_path);
                    }
                    world.desk.pass.restart_body(one.id, keep);
                    let batch = world.desk.pass.attempt_failed(one.id, attempt, data, 0);
                    world.write(batch.expect("of this pass"))?;
                    attempt += 1;
                    if call.once {
                        let (_, intent) = start(world, one, true);
                        world.write(intent)?;
                    }
                    continue;
                }
                let outcome = Outcome::Raised { error: data };
                let batch = world.desk.pass.end(one.id, outcome, attempt).expect("of this pass");
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

fn start(world: &mut World, one: &One, once: bool) -> (Started, Vec<Body>) {
    let inputs = Some(Value::of(&serde_json::json!({ "x": one.made.input.as_deref().unwrap_or("nothing") })).unwrap());
    let now = world.desk.now;
    world.desk.pass.start(one.id, inputs, once, now).expect("a call of this pass").expect("its inputs can be changed")
}

pub fn dropped(records: Vec<Seq>, why: &str) -> Body {
    Body::CallsDropped(CallsDropped { records, why: why.to_owned() })
}

pub async fn wait(w: &W, task: usize, frame: &mut Frame, name: u64) -> Result<u64, Break> {
    let (name, mark) = ask(frame, name);
    let call = w.borrow_mut().desk.identify_as(frame.scope, &name, desk::Given::With(&name), CallKind::Wait, false);
    until(w, task, Waits::Ready).await?;
    let alone = w.borrow().alone();
    let verdict = w.borrow_mut().desk.pass.decide(call, alone).verdict;
    match verdict {
        Verdict::Reuse(_) => {}
        Verdict::Drift { record, .. } => return Err(stop(w, Stop::Drift { call, mark, record })),
        other => {
            if !matches!(other, Verdict::Open(_)) {
                let mut world = w.borrow_mut();
                let question = Question { question: name, ..Question::default() };
                let (key, batch) = world.desk.pass.open_wait(call, question).expect("of this pass");
                world.write(batch)?;
                world.model.names.insert(key, mark.clone());
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
