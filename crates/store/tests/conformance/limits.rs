//! Limits by name: who gets a turn when, and what becomes of it. Not here: how turns are reckoned (core).

use super::events::{completed, ended, taken, value};
use super::{Fixture, T, fresh};
use kitaru_core::limit::{Bounds, Closed, Holds, Micros, Rate};
use kitaru_core::{Epoch, ExecutionId, Millis, ScopeId};
use kitaru_store::Store;
use kitaru_store::limits::{Ask, LimitRow, Limited, Limiting, Ticket, Turn, WaitingCall};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

fn call(name: &str) -> ScopeId {
    ScopeId::ROOT.child("call", name, &[], 1)
}

fn ticket(id: &ExecutionId, epoch: Epoch, name: &str) -> Ticket {
    Ticket { execution: id.clone(), epoch, call: call(name) }
}

/// A limit of this test's own.
fn name() -> String {
    format!("limit:{}", fresh())
}

fn set(store: &dyn Store, name: &str, at_once: Option<u32>, rate: Option<&str>) {
    let rate = rate.map(|text| Rate::read(text, 1).unwrap());
    let bounds = Bounds { at_once, rate };
    store.limiting(Limiting::Set { name: name.to_owned(), bounds, by: "cli".to_owned(), at: T }).unwrap();
}

struct Asker<'a> {
    store: &'a dyn Store,
    limit: String,
}

impl Asker<'_> {
    fn ask_as(&self, id: &ExecutionId, one: &str, flow: &str, priority: i32, at: Millis) -> Turn {
        let ask = Ask {
            ticket: ticket(id, 1, one),
            limit: self.limit.clone(),
            flow: flow.to_owned(),
            name: one.to_owned(),
            priority,
        };
        match self.store.limiting(Limiting::Ask(Box::new(ask), at)).unwrap() {
            Limited::Turn(turn) => turn,
            other => panic!("{other:?}"),
        }
    }

    fn ask(&self, id: &ExecutionId, one: &str, at: Millis) -> Turn {
        self.ask_as(id, one, "flow", 0, at)
    }

    fn look(&self, tickets: &[Ticket], at: Millis) -> Vec<Turn> {
        match self.store.limiting(Limiting::Look(tickets.to_vec(), at)).unwrap() {
            Limited::Turns(turns) => turns,
            other => panic!("{other:?}"),
        }
    }

    fn gives_back(&self, id: &ExecutionId, one: &str) {
        self.store.limiting(Limiting::GiveBack(vec![ticket(id, 1, one)])).unwrap();
    }

    fn row(&self) -> LimitRow {
        match self.store.limiting(Limiting::List(T)).unwrap() {
            Limited::Limits(rows) => rows.into_iter().find(|row| row.name == self.limit).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    fn waiting(&self, id: &ExecutionId) -> Vec<WaitingCall> {
        match self.store.limiting(Limiting::Of(id.clone(), T)).unwrap() {
            Limited::Waiting(calls) => calls,
            other => panic!("{other:?}"),
        }
    }
}

const NOW: Turn = Turn::Given(T * 1000);

fn is_given(turn: &Turn) -> bool {
    matches!(turn, Turn::Given(_))
}

fn with_limit<'a>(with: &'a Fixture, at_once: Option<u32>, rate: Option<&str>) -> Asker<'a> {
    let asker = Asker { store: with.store.as_ref(), limit: name() };
    set(asker.store, &asker.limit, at_once, rate);
    asker
}

pub fn so_many_run_at_once_and_an_end_makes_room_in_its_own_transaction(with: &Fixture) {
    let (id, asker) = (with.start("flow"), with_limit(with, Some(2), None));
    assert_eq!([asker.ask(&id, "a", T), asker.ask(&id, "b", T)], [NOW, NOW]);
    assert_eq!(asker.ask(&id, "a", T), NOW, "asked again it is the same turn");
    let waits = |before| Turn::Waits { before, holds: Holds::Full, expects: T * 1000 };
    assert_eq!([asker.ask(&id, "c", T), asker.ask(&id, "d", T)], [waits(0), waits(1)]);
    let tickets = [ticket(&id, 1, "c"), ticket(&id, 1, "d")];
    assert_eq!(asker.look(&tickets, T), [waits(0), waits(1)]);
    assert_eq!((asker.row().running, asker.row().waiting, asker.row().given), (2, 2, 2));
    let before = asker.waiting(&id);
    assert_eq!(before.iter().map(|one| (one.name.as_str(), one.before)).collect::<Vec<_>>(), [("c", 0), ("d", 1)]);
    asker.store.append_last(&id, T, 1, vec![ended("a", value("r"))], vec![call("a")]).unwrap();
    assert_eq!(asker.look(&tickets, T), [NOW, waits(0)]);
    // What is refused gives nothing back.
    assert!(asker.store.append_last(&id, T, 7, vec![ended("b", value("r"))], vec![call("b")]).is_err());
    assert_eq!(asker.look(&tickets, T), [NOW, waits(0)]);
    asker.gives_back(&id, "b");
    asker.gives_back(&id, "b");
    assert_eq!(asker.look(&tickets, T), [NOW, NOW]);
}

pub fn a_rate_is_one_schedule_for_all_who_ask(with: &Fixture) {
    let asker = with_limit(with, None, Some("50/s"));
    let ids: Vec<ExecutionId> = (0..20).map(|_| with.start("flow")).collect();
    let turns: Mutex<BTreeMap<String, Micros>> = Mutex::default();
    let stores: Vec<_> = ids.iter().map(|_| with.again()).collect();
    let longest = AtomicU64::new(0);
    // 20 at once ask for 10 turns each, one after the other, each when the one before has come.
    std::thread::scope(|scope| {
        for (place, (id, store)) in ids.iter().zip(&stores).enumerate() {
            let (turns, longest, limit) = (&turns, &longest, asker.limit.clone());
            let timed = move |ask: &dyn Fn() -> Turn| {
                let begun = Instant::now();
                let turn = ask();
                longest.fetch_max(begun.elapsed().as_millis() as u64, Ordering::Relaxed);
                turn
            };
            scope.spawn(move || {
                let asker = Asker { store: store.as_ref(), limit };
                let mut now = T;
                for step in 0..10 {
                    let one = format!("{place}.{step}");
                    let mut turn = timed(&|| asker.ask(id, &one, now));
                    while let Turn::Waits { expects, .. } = turn {
                        // It looks when its turn is about to be given, and the time has come for it.
                        now = now.max(expects / 1000 - 400);
                        turn = timed(&|| asker.look(&[ticket(id, 1, &one)], now).remove(0));
                    }
                    let Turn::Given(at) = turn else { panic!("{turn:?}") };
                    now = now.max(at / 1000);
                    turns.lock().unwrap().insert(one.clone(), at);
                    asker.gives_back(id, &one);
                }
            });
        }
    });
    let mut all: Vec<Micros> = turns.into_inner().unwrap().into_values().collect();
    all.sort_unstable();
    assert_eq!(all.len(), 200);
    assert!(all.windows(2).all(|two| two[1] - two[0] >= 20_000), "{all:?}");
    // Who has waited for a busy store is later by that, if it was long: then turns are lost, and none comes early.
    let was_prompt = longest.into_inner() < 1_000;
    assert!(!was_prompt || all.iter().zip(0..).all(|(at, place)| *at == T * 1000 + place * 20_000), "{all:?}");
}

pub fn executions_and_flows_take_turns_and_priority_goes_first(with: &Fixture) {
    let asker = with_limit(with, Some(1), None);
    let (holder, large, small) = (with.start("flow"), with.start("flow"), with.start("flow"));
    assert_eq!(asker.ask(&holder, "x", T), NOW);
    for one in ["l1", "l2", "l3", "l4"] {
        asker.ask(&large, one, T);
    }
    for one in ["s1", "s2"] {
        asker.ask(&small, one, T);
    }
    // Many executions of one flow, and then one of another.
    let many: Vec<ExecutionId> = (0..3).map(|_| with.start("batch")).collect();
    for id in &many {
        asker.ask_as(id, "m", "batch", 0, T);
    }
    let chat = with.start("chat");
    asker.ask_as(&chat, "c", "chat", 0, T);
    let urgent = with.start("urgent");
    asker.ask_as(&urgent, "u", "urgent", 5, T);
    asker.ask_as(&urgent, "v", "urgent", -5, T);
    let all = [
        (&large, vec!["l1", "l2", "l3", "l4"]),
        (&small, vec!["s1", "s2"]),
        (&many[0], vec!["m"]),
        (&many[1], vec!["m"]),
        (&many[2], vec!["m"]),
        (&chat, vec!["c"]),
        (&urgent, vec!["u", "v"]),
    ];
    let mut waiting: Vec<(&ExecutionId, &str)> =
        all.iter().flat_map(|(id, ones)| ones.iter().map(|one| (*id, *one))).collect();
    let mut order = Vec::new();
    asker.gives_back(&holder, "x");
    while !waiting.is_empty() {
        let tickets: Vec<Ticket> = waiting.iter().map(|(id, one)| ticket(id, 1, one)).collect();
        let given: Vec<bool> = asker.look(&tickets, T).iter().map(is_given).collect();
        assert_eq!(given.iter().filter(|given| **given).count(), 1, "one at once");
        let (id, one) = waiting.remove(given.iter().position(|given| *given).unwrap());
        order.push(one);
        asker.gives_back(id, one);
    }
    assert_eq!(order.remove(0), "u");
    assert_eq!(order.pop(), Some("v"));
    let at = |one: &str| order.iter().position(|known| *known == one).unwrap();
    assert!(at("s1") < at("l2") && at("s2") < at("l3"), "each execution in turn: {order:?}");
    assert!(at("c") < order.iter().rposition(|known| *known == "m").unwrap(), "each flow in turn: {order:?}");
    assert!(at("l1") < at("l2") && at("l2") < at("l3") && at("l3") < at("l4"), "by arrival: {order:?}");
}

pub fn a_closed_limit_quiets_all_also_those_whose_turn_was_about_to_come(with: &Fixture) {
    let asker = with_limit(with, None, Some("10/s"));
    let (one, other) = (with.start("flow"), with.start("flow"));
    assert_eq!(asker.ask(&one, "a", T), NOW);
    assert_eq!(asker.ask(&other, "b", T), Turn::Given((T + 100) * 1000), "given a little ahead");
    let closed = Closed { from: T + 50, until: T + 5_050, by: "a".to_owned(), why: "429".to_owned() };
    let close = Limiting::Close { name: asker.limit.clone(), closed, asked: false };
    assert_eq!(asker.store.limiting(close.clone()).unwrap(), Limited::Changed(true));
    assert_eq!(asker.store.limiting(close).unwrap(), Limited::Changed(false));
    let expects = (T + 5_050) * 1000;
    let waits = Turn::Waits { before: 0, holds: Holds::Closed, expects };
    assert_eq!(asker.look(&[ticket(&other, 1, "b")], T + 100), [waits]);
    assert_eq!(asker.look(&[ticket(&one, 1, "a")], T + 100), [NOW], "what has begun goes on");
    assert_eq!(asker.look(&[ticket(&other, 1, "b")], T + 4_600), [Turn::Given(expects)]);
    // A name that nobody has set can be closed too.
    let unset = Asker { store: asker.store, limit: name() };
    assert_eq!(unset.ask(&one, "u", T), NOW);
    let closed = Closed { from: T, until: T + 60_000, by: "u".to_owned(), why: "429".to_owned() };
    asker.store.limiting(Limiting::Close { name: unset.limit.clone(), closed, asked: false }).unwrap();
    assert!(!is_given(&unset.ask(&other, "u", T)));
    asker.store.limiting(Limiting::Open(unset.limit.clone(), T)).unwrap();
    assert_eq!(unset.ask(&other, "u", T), NOW);
    assert_eq!(unset.row().set, None);
}

pub fn a_turn_goes_with_its_execution(with: &Fixture) {
    let asker = with_limit(with, Some(1), None);
    let (lost, waits) = (with.start("flow"), with.start("flow"));
    assert_eq!(asker.ask(&lost, "a", T), NOW);
    assert!(!is_given(&asker.ask(&lost, "later", T)));
    assert!(!is_given(&asker.ask(&waits, "b", T)));
    // Where an answer is lost the question comes again, and was just answered: whoever looks then looks later.
    let holders = |at| match asker.store.limiting(Limiting::Holders(asker.limit.clone(), at)).unwrap() {
        Limited::Holders(found) => found.into_iter().map(|one| one.execution).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    let looks = (0..20).map(|look| (T + look * 60_000, holders(T + look * 60_000)));
    let (at, held) = looks.into_iter().find(|(_, held)| !held.is_empty()).unwrap();
    assert!(held.contains(&lost) && held.contains(&waits));
    assert_eq!(
        asker.store.limiting(Limiting::Holders(asker.limit.clone(), at + 10)).unwrap(),
        Limited::Holders(Vec::new()),
        "somebody has just looked"
    );
    // Its process is found dead: what it had is free, and what waited stands aside.
    asker.store.limiting(Limiting::Gone(vec![(lost.clone(), 1)])).unwrap();
    assert_eq!(asker.look(&[ticket(&waits, 1, "b"), ticket(&lost, 1, "later")], T), [NOW, Turn::Unknown]);
    // It was only stopped for long: it asks again, and has the place that it had.
    assert!(!is_given(&asker.ask(&lost, "later", T)));
    // Another process takes it up: what the first one gives back by then is not what the other has.
    let stranger = with.stranger();
    asker.store.claim(&lost, T, 1, stranger.clone(), vec![taken(&stranger.owner)]).unwrap();
    assert_eq!(
        asker.look(&[ticket(&lost, 2, "later")], T),
        [Turn::Unknown],
        "the call of the process that has it now has not asked"
    );
    asker.gives_back(&waits, "b");
    let again = Ask {
        ticket: ticket(&lost, 2, "later"),
        limit: asker.limit.clone(),
        flow: "flow".to_owned(),
        name: "later".to_owned(),
        priority: 0,
    };
    assert_eq!(
        asker.store.limiting(Limiting::Ask(Box::new(again.clone()), T)).unwrap(),
        Limited::Turn(NOW),
        "it kept its place"
    );
    asker.gives_back(&lost, "later");
    assert_eq!(asker.look(&[ticket(&lost, 2, "later")], T), [NOW], "a zombie gives nothing back that is another's");
    let late = Ask { ticket: ticket(&lost, 1, "later"), ..again };
    assert_eq!(super::code(asker.store.limiting(Limiting::Ask(Box::new(late), T))), "fenced");
    // It ends with its turn: that is free.
    assert!(!is_given(&asker.ask(&waits, "c", T)));
    asker.store.append(&lost, T, 2, vec![completed()]).unwrap();
    assert_eq!(asker.look(&[ticket(&waits, 1, "c")], T), [NOW]);
}

pub fn whoever_stands_aside_keeps_its_place_and_holds_nobody_up(with: &Fixture) {
    let asker = with_limit(with, Some(1), None);
    let id = with.start("flow");
    assert_eq!(asker.ask(&id, "x", T), NOW);
    asker.ask(&id, "first", T);
    asker.ask(&id, "second", T);
    asker.store.limiting(Limiting::StandAside(vec![ticket(&id, 1, "first")])).unwrap();
    assert!(asker.waiting(&id).iter().any(|one| one.name == "first" && one.aside));
    asker.gives_back(&id, "x");
    assert_eq!(asker.look(&[ticket(&id, 1, "first"), ticket(&id, 1, "second")], T), [Turn::Unknown, NOW]);
    asker.ask(&id, "third", T);
    assert!(!is_given(&asker.ask(&id, "first", T)));
    asker.gives_back(&id, "second");
    assert_eq!(asker.look(&[ticket(&id, 1, "first")], T), [NOW]);
}

pub fn a_limit_is_set_anew_while_calls_run_and_removed(with: &Fixture) {
    let asker = with_limit(with, Some(3), None);
    let id = with.start("flow");
    for one in ["a", "b", "c"] {
        assert_eq!(asker.ask(&id, one, T), NOW);
    }
    set(asker.store, &asker.limit, Some(1), None);
    assert!(!is_given(&asker.ask(&id, "d", T)));
    asker.gives_back(&id, "a");
    asker.gives_back(&id, "b");
    assert!(!is_given(&asker.look(&[ticket(&id, 1, "d")], T)[0]), "one still runs");
    set(asker.store, &asker.limit, Some(2), None);
    assert_eq!(asker.look(&[ticket(&id, 1, "d")], T), [NOW], "it is given when there is more room");
    assert_eq!(asker.row().set, Some(("cli".to_owned(), T)));
    assert_eq!(asker.row().bounds, Bounds { at_once: Some(2), rate: None });
    assert_eq!(asker.store.limiting(Limiting::Remove(asker.limit.clone(), T)).unwrap(), Limited::Changed(true));
    assert_eq!((asker.row().set, asker.row().running), (None, 2), "those that run are still seen");
    assert_eq!(asker.ask(&id, "e", T), NOW);
    for one in ["c", "d", "e"] {
        asker.gives_back(&id, one);
    }
    assert_eq!(asker.store.limiting(Limiting::Remove(asker.limit.clone(), T)).unwrap(), Limited::Changed(true));
    assert_eq!(asker.store.limiting(Limiting::Remove(asker.limit.clone(), T)).unwrap(), Limited::Changed(false));
    // The same by another handle.
    set(asker.store, &asker.limit, None, Some("7/m"));
    let again = Asker { store: with.again().as_ref(), limit: asker.limit.clone() }.row();
    assert_eq!(again.bounds.rate.map(|rate| rate.text()).as_deref(), Some("7/m"));
}

pub fn a_deleted_execution_leaves_no_turn(with: &Fixture) {
    let asker = with_limit(with, Some(1), None);
    let (gone, waits) = (with.start("flow"), with.start("flow"));
    assert_eq!(asker.ask(&gone, "a", T), NOW);
    assert!(!is_given(&asker.ask(&gone, "b", T)));
    let last = asker.store.append(&gone, T, 1, vec![completed()]).unwrap();
    asker.store.delete(&gone, 1, last).unwrap();
    assert_eq!(asker.ask(&waits, "c", T), NOW);
    asker.store.limiting(Limiting::Holders(asker.limit.clone(), T + 5_000)).unwrap();
    assert_eq!((asker.row().running, asker.row().waiting), (1, 0));
}
