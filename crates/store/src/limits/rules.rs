//! What becomes of what is asked, over the few statements that a backend has ([`Rows`]).
//!
//! Whose turn is next: the highest priority first; of those, each execution in turn; of those, each flow in turn; then
//! whoever came first. A call that comes gets the next round of its execution, and no earlier one than the first that
//! waits. Not here: when a turn is due ([`kitaru_core::limit::Gate`]), and statements.

use super::{Ask, Holder, LimitRow, Limited, Limiting, Ticket, Turn, WaitingCall};
use crate::error::StoreError;
use kitaru_core::limit::{Closed, Gate, Holds, Micros};
use kitaru_core::{Epoch, ExecutionId, Millis, ScopeId};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, Instant};

/// How many places are counted before a call: further behind, that is all that is said.
pub const COUNTED: u64 = 10_000;
/// A wait for the store that is shorter is within what clocks may differ by.
const LATE: Duration = Duration::from_secs(1);
/// How often holders are looked at, whoever asks.
const LOOK_AFTER: Millis = 1_000;
/// The places of more calls than these are read together.
pub const MANY: usize = 32;
/// A limit that nobody has set is forgotten when no call has named it for so long.
const FORGET: Millis = 24 * 3_600_000;

/// Whether a call waits, has its turn, or keeps a place that is passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Waits = 0,
    Given = 1,
    Aside = 2,
}

impl State {
    pub fn of(number: i64) -> Self {
        match number {
            1 => Self::Given,
            2 => Self::Aside,
            _ => Self::Waits,
        }
    }
}

/// A limit as it is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limit {
    pub gate: Gate,
    pub set: Option<(String, Millis)>,
    pub given: u64,
    /// When somebody last looked whether its holders live.
    pub looked_at: Millis,
}

/// A turn as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TurnRow {
    /// Its number, in the order of arrival. 0: it has none yet.
    pub id: i64,
    pub limit: String,
    /// The number of its execution.
    pub n: i64,
    pub call: ScopeId,
    pub epoch: Epoch,
    pub flow: String,
    pub name: String,
    /// The priority, lowest first.
    pub rank: i64,
    pub round: i64,
    pub share: i64,
    pub state: State,
    pub asked_at: Millis,
    /// When it begins, of one that is given.
    pub at: Micros,
}

/// See [`Rows::late`].
pub fn late(begun: Instant) -> Millis {
    let waited = begun.elapsed();
    if waited < LATE { 0 } else { Millis::try_from(waited.as_millis()).unwrap_or(Millis::MAX) }
}

type Done<T, R> = Result<T, <R as Rows>::Fault>;

/// A backend's statements. What changes anything runs in one transaction; there, whoever has read a limit with
/// [`Rows::hold`] is alone with it until the end.
pub trait Rows {
    type Fault: From<StoreError>;
    /// For how long this has waited for the store, where that is long: so much later it is than whoever asked has said.
    fn late(&self) -> Millis;
    /// The number of an execution that is held at that epoch.
    fn held(&self, id: &ExecutionId, epoch: Epoch) -> Done<Option<i64>, Self>;
    /// The number of an execution.
    fn number(&self, id: &ExecutionId) -> Done<Option<i64>, Self>;
    fn limit(&self, name: &str) -> Done<Option<Limit>, Self>;
    /// Makes it if it is not there.
    fn hold(&self, name: &str) -> Done<Limit, Self>;
    fn save(&self, name: &str, limit: &Limit) -> Done<(), Self>;
    fn forget(&self, name: &str) -> Done<(), Self>;
    fn limits(&self) -> Done<Vec<(String, Limit)>, Self>;
    /// How many turns there are by limit and state; those that nobody holds any more are not given.
    fn counts(&self) -> Done<Vec<(String, State, u64)>, Self>;
    fn turn(&self, n: i64, call: ScopeId) -> Done<Option<TurnRow>, Self>;
    /// Turns of an execution that are not given, oldest first.
    fn waiting_of(&self, n: i64) -> Done<Vec<TurnRow>, Self>;
    /// Round and share of the first that waits.
    fn head(&self, limit: &str, rank: i64) -> Done<Option<(i64, i64)>, Self>;
    /// The last round that an execution has.
    fn round_of(&self, n: i64, limit: &str, rank: i64) -> Done<Option<i64>, Self>;
    /// The last share that a flow has in a round.
    fn share_of(&self, limit: &str, rank: i64, flow: &str, round: i64) -> Done<Option<i64>, Self>;
    fn insert(&self, turn: &TurnRow) -> Done<i64, Self>;
    /// Writes epoch, state and time.
    fn update(&self, turn: &TurnRow) -> Done<(), Self>;
    fn remove(&self, id: i64) -> Done<(), Self>;
    /// The first that waits and whose execution is held as it was then.
    fn next(&self, limit: &str) -> Done<Option<TurnRow>, Self>;
    /// How many have their turn and are held as they were then.
    fn running(&self, limit: &str) -> Done<u64, Self>;
    /// How many wait before that one, at most [`COUNTED`].
    fn before(&self, turn: &TurnRow) -> Done<u64, Self>;
    /// All that wait, at most [`COUNTED`], in the order of their turns.
    fn order(&self, limit: &str) -> Done<Vec<i64>, Self>;
    /// Takes turns back that begin later. Returns how many.
    fn take_back(&self, limit: &str, after: Micros) -> Done<u64, Self>;
    /// Removes turns that nobody holds any more, and places of what has ended.
    fn prune(&self, limit: &str) -> Done<(), Self>;
    fn holders(&self, limit: &str) -> Done<Vec<Holder>, Self>;
    /// Executions that sleep because a call of theirs stands aside there wake now.
    fn wake(&self, limit: &str, now: Millis) -> Done<(), Self>;
    /// Frees the turns of an execution at that epoch, and puts aside what waits.
    fn gone(&self, id: &ExecutionId, epoch: Epoch) -> Done<(), Self>;
}

/// Answers what only looks; `None`: that it changes something.
pub fn look<R: Rows>(rows: &R, what: &Limiting) -> Done<Option<Limited>, R> {
    Ok(Some(match what {
        Limiting::List(now) => Limited::Limits(list(rows, *now)?),
        Limiting::Of(id, now) => Limited::Waiting(waiting_of(rows, id, *now)?),
        Limiting::Look(tickets, now) => {
            let mut turns = Vec::with_capacity(tickets.len());
            let mut gates = Gates::new(*now, tickets.len());
            for ticket in tickets {
                turns.push(standing(rows, ticket, &mut gates)?);
            }
            if gates.known.values().any(|known| known.is_due()) {
                return Ok(None);
            }
            Limited::Turns(turns)
        }
        Limiting::Holders(name, now) => match rows.limit(name)? {
            // Somebody has just looked.
            Some(limit) if (now - limit.looked_at).abs() < LOOK_AFTER => Limited::Holders(Vec::new()),
            _ => return Ok(None),
        },
        _ => return Ok(None),
    }))
}

/// Does what changes something.
pub fn change<R: Rows>(rows: &R, what: &Limiting) -> Done<Limited, R> {
    Ok(match what {
        Limiting::Ask(one, now) => Limited::Turn(ask(rows, one, *now)?),
        Limiting::Look(tickets, now) => {
            for name in limits_of(rows, tickets)? {
                let stored = rows.hold(&name)?;
                pump(rows, &name, stored.clone(), &stored, *now)?;
            }
            let mut gates = Gates::new(*now, tickets.len());
            let turns = tickets.iter().map(|ticket| standing(rows, ticket, &mut gates));
            Limited::Turns(turns.collect::<Result<_, _>>()?)
        }
        Limiting::GiveBack(tickets) => {
            for ticket in tickets {
                give_back(rows, ticket)?;
            }
            Limited::Changed(true)
        }
        Limiting::StandAside(tickets) => {
            for ticket in tickets {
                if let Some(mut turn) = own(rows, ticket)? {
                    turn.state = State::Aside;
                    rows.update(&turn)?;
                }
            }
            Limited::Changed(true)
        }
        Limiting::Holders(name, now) => Limited::Holders(holders(rows, name, *now)?),
        Limiting::Gone(gone) => {
            for (id, epoch) in gone {
                rows.gone(id, *epoch)?;
            }
            Limited::Changed(true)
        }
        Limiting::Set { name, bounds, by, at } => {
            let stored = rows.hold(name)?;
            let mut limit = Limit { set: Some((by.clone(), *at)), ..stored.clone() };
            let now = limit.gate.mend(*at + rows.late());
            limit.gate.set(*bounds, now);
            pump(rows, name, limit, &stored, *at)?;
            rows.wake(name, *at)?;
            Limited::Changed(true)
        }
        Limiting::Remove(name, now) => {
            rows.wake(name, *now)?;
            Limited::Changed(remove(rows, name)?)
        }
        Limiting::Close { name, closed, .. } => Limited::Changed(close(rows, name, closed)?),
        Limiting::Open(name, now) => {
            if rows.limit(name)?.is_none() {
                return Ok(Limited::Changed(false));
            }
            let stored = rows.hold(name)?;
            let mut limit = stored.clone();
            limit.gate.closed = None;
            pump(rows, name, limit, &stored, *now)?;
            rows.wake(name, *now)?;
            Limited::Changed(stored.gate.closed.is_some())
        }
        Limiting::List(_) | Limiting::Of(..) => return Err(crate::wire::odd().into()),
    })
}

/// A call asks for its turn: it gets the place that it had, or one behind those that came before.
fn ask<R: Rows>(rows: &R, one: &Ask, now: Millis) -> Done<Turn, R> {
    let ticket = &one.ticket;
    let Some(n) = rows.held(&ticket.execution, ticket.epoch)? else {
        return Err(StoreError::Fenced(ticket.execution.clone()).into());
    };
    let stored = rows.hold(&one.limit)?;
    let known = match rows.turn(n, ticket.call)? {
        // The decorator names another limit now.
        Some(known) if known.limit != one.limit => {
            rows.remove(known.id)?;
            None
        }
        known => known,
    };
    match known {
        Some(mut known) => {
            let is_given = known.state == State::Given && known.epoch == ticket.epoch;
            if !is_given {
                known.state = State::Waits;
                known.epoch = ticket.epoch;
                rows.update(&known)?;
            }
        }
        None => {
            let rank = -i64::from(one.priority);
            let (head, first) = rows.head(&one.limit, rank)?.unwrap_or_default();
            let round = rows.round_of(n, &one.limit, rank)?.map_or(head, |last| head.max(last + 1));
            let least = if round == head { first } else { 0 };
            let share = rows.share_of(&one.limit, rank, &one.flow, round)?.map_or(least, |last| least.max(last + 1));
            rows.insert(&TurnRow {
                id: 0,
                limit: one.limit.clone(),
                n,
                call: ticket.call,
                epoch: ticket.epoch,
                flow: one.flow.clone(),
                name: one.name.clone(),
                rank,
                round,
                share,
                state: State::Waits,
                asked_at: now,
                at: 0,
            })?;
        }
    }
    pump(rows, &one.limit, stored.clone(), &stored, now)?;
    standing(rows, ticket, &mut Gates::new(now, 1))
}

/// Gives all turns that are due, and keeps the limit where it has changed since it was stored.
fn pump<R: Rows>(rows: &R, name: &str, mut limit: Limit, stored: &Limit, now: Millis) -> Done<(), R> {
    let now = limit.gate.mend(now + rows.late());
    let mut running = if limit.gate.bounds.at_once.is_some() { rows.running(name)? } else { 0 };
    while let Some(mut turn) = rows.next(name)? {
        let Ok(at) = limit.gate.give(now, running) else { break };
        turn.state = State::Given;
        turn.at = at;
        rows.update(&turn)?;
        running += 1;
        limit.given += 1;
    }
    if limit == *stored { Ok(()) } else { rows.save(name, &limit) }
}

/// A limit as somebody sees it who waits there.
struct Seen {
    gate: Gate,
    running: u64,
    now: Millis,
    /// How many are before each that waits.
    places: Option<HashMap<i64, u64>>,
}

impl Seen {
    fn of<R: Rows>(rows: &R, name: &str, now: Millis) -> Done<Self, R> {
        let mut gate = rows.limit(name)?.unwrap_or_default().gate;
        let now = gate.mend(now + rows.late());
        let running = if gate.bounds.at_once.is_some() { rows.running(name)? } else { 0 };
        Ok(Self { gate, running, now, places: None })
    }

    fn is_due(&self) -> bool {
        self.gate.clone().give(self.now, self.running).is_ok()
    }

    /// What whoever waits waits for.
    fn holds(&self) -> Holds {
        self.gate.clone().give(self.now, self.running).err().unwrap_or(Holds::Rate)
    }
}

/// The limits that some calls wait at, each looked at once.
struct Gates {
    now: Millis,
    /// Whether so many are asked for that their places are better read together.
    many: bool,
    known: BTreeMap<String, Seen>,
}

impl Gates {
    fn new(now: Millis, tickets: usize) -> Self {
        Self { now, many: tickets > MANY, known: BTreeMap::new() }
    }
}

fn standing<R: Rows>(rows: &R, ticket: &Ticket, gates: &mut Gates) -> Done<Turn, R> {
    let Some(turn) = own(rows, ticket)? else { return Ok(Turn::Unknown) };
    match turn.state {
        State::Given => return Ok(Turn::Given(turn.at)),
        State::Aside => return Ok(Turn::Unknown),
        State::Waits => {}
    }
    if !gates.known.contains_key(&turn.limit) {
        let mut seen = Seen::of(rows, &turn.limit, gates.now)?;
        if gates.many {
            seen.places = Some(rows.order(&turn.limit)?.into_iter().zip(0..).collect());
        }
        gates.known.insert(turn.limit.clone(), seen);
    }
    let Some(seen) = gates.known.get(&turn.limit) else { return Ok(Turn::Unknown) };
    let before = match &seen.places {
        Some(places) => places.get(&turn.id).copied().unwrap_or(COUNTED),
        None => rows.before(&turn)?,
    };
    Ok(Turn::Waits { before, holds: seen.holds(), expects: seen.gate.expects(seen.now, before) })
}

/// The turn of a ticket, if it is still that of this epoch.
fn own<R: Rows>(rows: &R, ticket: &Ticket) -> Done<Option<TurnRow>, R> {
    let Some(n) = rows.number(&ticket.execution)? else { return Ok(None) };
    Ok(rows.turn(n, ticket.call)?.filter(|turn| turn.epoch == ticket.epoch))
}

/// Gives a turn back, or a place: of its own epoch, since another process may have it by now.
pub fn give_back<R: Rows>(rows: &R, ticket: &Ticket) -> Done<(), R> {
    match own(rows, ticket)? {
        Some(turn) => rows.remove(turn.id),
        None => Ok(()),
    }
}

fn limits_of<R: Rows>(rows: &R, tickets: &[Ticket]) -> Done<BTreeSet<String>, R> {
    let mut found = BTreeSet::new();
    for ticket in tickets {
        if let Some(turn) = own(rows, ticket)?.filter(|turn| turn.state == State::Waits) {
            found.insert(turn.limit);
        }
    }
    Ok(found)
}

fn holders<R: Rows>(rows: &R, name: &str, now: Millis) -> Done<Vec<Holder>, R> {
    let mut limit = rows.hold(name)?;
    if (now - limit.looked_at).abs() < LOOK_AFTER {
        return Ok(Vec::new());
    }
    limit.looked_at = now;
    rows.save(name, &limit)?;
    rows.prune(name)?;
    for (other, limit) in rows.limits()? {
        let is_old = limit.set.is_none() && limit.gate.closed.is_none() && limit.gate.clock < now - FORGET;
        if is_old && other != name {
            rows.forget(&other)?;
        }
    }
    rows.holders(name)
}

fn remove<R: Rows>(rows: &R, name: &str) -> Done<bool, R> {
    if rows.limit(name)?.is_none() {
        return Ok(false);
    }
    let mut limit = rows.hold(name)?;
    if !rows.counts()?.iter().any(|(of, ..)| of == name) {
        rows.forget(name)?;
        return Ok(true);
    }
    // Calls have turns there: it holds nothing back from now on.
    limit.gate = Gate::default();
    limit.set = None;
    rows.save(name, &limit)?;
    Ok(true)
}

fn close<R: Rows>(rows: &R, name: &str, closed: &Closed) -> Done<bool, R> {
    let mut limit = rows.hold(name)?;
    let now = limit.gate.mend(closed.from + rows.late());
    if !limit.gate.close(closed.clone()) {
        return Ok(false);
    }
    let taken = rows.take_back(name, now * 1000)?;
    if let Some(rate) = &limit.gate.bounds.rate {
        limit.gate.due -= rate.distance().saturating_mul(Micros::try_from(taken).unwrap_or(Micros::MAX));
    }
    limit.given = limit.given.saturating_sub(taken);
    limit.gate.clock = now;
    rows.save(name, &limit)?;
    Ok(true)
}

fn list<R: Rows>(rows: &R, now: Millis) -> Done<Vec<LimitRow>, R> {
    let counts = rows.counts()?;
    let count = |name: &str, wanted: &[State]| {
        counts.iter().filter(|(of, state, _)| of == name && wanted.contains(state)).map(|(.., count)| count).sum()
    };
    let mut found = Vec::new();
    for (name, mut limit) in rows.limits()? {
        limit.gate.mend(now);
        found.push(LimitRow {
            running: count(&name, &[State::Given]),
            waiting: count(&name, &[State::Waits, State::Aside]),
            bounds: limit.gate.bounds,
            set: limit.set,
            closed: limit.gate.closed,
            given: limit.given,
            name,
        });
    }
    Ok(found)
}

fn waiting_of<R: Rows>(rows: &R, id: &ExecutionId, now: Millis) -> Done<Vec<WaitingCall>, R> {
    let Some(n) = rows.number(id)? else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for turn in rows.waiting_of(n)? {
        let seen = Seen::of(rows, &turn.limit, now)?;
        let before = rows.before(&turn)?;
        found.push(WaitingCall {
            before,
            holds: seen.holds(),
            expects: seen.gate.expects(seen.now, before),
            aside: turn.state == State::Aside,
            asked_at: turn.asked_at,
            name: turn.name,
            limit: turn.limit,
        });
    }
    Ok(found)
}
