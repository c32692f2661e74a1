//! Where the calls of this process wait for their turn at a limit: one look for all of them, however many they are.
//!
//! What a call is told comes from memory; the store is asked when it may have something new, and whoever is first finds
//! what is due for others too. It also looks whether those who have turns live: no daemon does. Not here: which turn is
//! given when (the store), and the waiting itself, which belongs to a thread or a task.

use crate::clock::Clock;
use crate::error::Result;
use crate::session::Session;
use kitaru_core::Millis;
use kitaru_core::lease::{self, Hold, Owner, Pulse};
use kitaru_core::limit::{AHEAD, Holds, Micros};
use kitaru_store::limits::{Ask, Limited, Limiting, Ticket, Turn};
use kitaru_store::{Store, StoreError};
use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// How often all that wait are looked at, and whether those who have turns live.
const ALL: Millis = 1_000;
/// How often the first of them are, where nothing tells of news.
const SOME: Millis = 100;
/// How many of them, in between.
const FIRST: usize = 32;

/// See the module.
pub struct Desk {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    waiting: Mutex<HashMap<Ticket, Place>>,
    looked: AtomicI64,
    looked_at_all: AtomicI64,
}

struct Place {
    limit: String,
    turn: Turn,
    session: Weak<Session>,
}

impl Desk {
    /// A desk where nobody waits.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock, waiting: Mutex::default(), looked: AtomicI64::new(0), looked_at_all: AtomicI64::new(0) }
    }

    /// Asks for a turn. Unless it begins now, its call waits here until it [leaves](Desk::leaves).
    pub fn ask(&self, session: &Arc<Session>, ask: Ask) -> Result<Turn> {
        let (ticket, limit) = (ask.ticket.clone(), ask.limit.clone());
        let now = self.clock.now();
        let Limited::Turn(turn) = self.store.limiting(Limiting::Ask(Box::new(ask), now))? else { return Err(odd()) };
        if begins(&turn, now) {
            self.leaves(&ticket);
        } else {
            let place = Place { limit, turn: turn.clone(), session: Arc::downgrade(session) };
            self.lock().insert(ticket, place);
        }
        Ok(turn)
    }

    /// How a call stands that waits here, as far as is known.
    pub fn turn(&self, ticket: &Ticket) -> Turn {
        self.lock().get(ticket).map_or(Turn::Unknown, |place| place.turn.clone())
    }

    /// How a call stands, asked anew: before it begins, since its turn may have been taken back.
    pub fn confirm(&self, ticket: &Ticket) -> Result<Turn> {
        let now = self.clock.now();
        let Limited::Turns(turns) = self.store.limiting(Limiting::Look(vec![ticket.clone()], now))? else {
            return Err(odd());
        };
        let turn = turns.into_iter().next().unwrap_or(Turn::Unknown);
        if let Some(place) = self.lock().get_mut(ticket) {
            place.turn = turn.clone();
        }
        Ok(turn)
    }

    /// A call waits here no more.
    pub fn leaves(&self, ticket: &Ticket) -> bool {
        self.lock().remove(ticket).is_some()
    }

    /// Turns that are given back and go with no record. Whoever waits here is told.
    pub fn give_back(&self, tickets: Vec<Ticket>) -> Result<()> {
        self.store.limiting(Limiting::GiveBack(tickets))?;
        self.beat(true);
        Ok(())
    }

    /// Whether anybody waits here.
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// Looks how those stand that wait here, if it is time. `news`: something was written to the store.
    pub fn beat(&self, news: bool) {
        if self.is_empty() {
            return;
        }
        let now = self.clock.now();
        let since = |at: &AtomicI64| (now - at.load(Ordering::Acquire)).abs();
        let all = since(&self.looked_at_all) >= ALL;
        let some = since(&self.looked) >= SOME || news && self.waits_for_a_place();
        if !(all || some || self.is_due(now)) {
            return;
        }
        self.looked.store(now, Ordering::Release);
        if all {
            self.looked_at_all.store(now, Ordering::Release);
            // What cannot be asked now is asked a second later.
            drop(self.free_the_dead(now));
        }
        let tickets = self.tickets(all);
        if tickets.is_empty() {
            return;
        }
        let Ok(Limited::Turns(turns)) = self.store.limiting(Limiting::Look(tickets.clone(), now)) else { return };
        let mut told = Vec::new();
        let mut waiting = self.lock();
        for (ticket, turn) in tickets.iter().zip(turns) {
            let Some(place) = waiting.get_mut(ticket).filter(|place| place.turn != turn) else { continue };
            place.turn = turn;
            told.extend(place.session.upgrade());
        }
        drop(waiting);
        for session in told {
            session.tell();
        }
    }

    /// Whether somebody waits for what others may give back at any moment. When a rate's next turn comes is known.
    fn waits_for_a_place(&self) -> bool {
        let waits = |place: &Place| matches!(place.turn, Turn::Waits { holds: Holds::Full, .. } | Turn::Unknown);
        self.lock().values().any(waits)
    }

    /// Whether somebody's turn is about to be given.
    fn is_due(&self, now: Millis) -> bool {
        let is_due = |place: &Place| match &place.turn {
            Turn::Waits { expects, .. } => *expects - AHEAD / 2 <= now * 1000,
            Turn::Given(_) => false,
            Turn::Unknown => false,
        };
        self.lock().values().any(is_due)
    }

    /// Those that are looked at: of many, the first, unless it is all of them.
    fn tickets(&self, all: bool) -> Vec<Ticket> {
        let waiting = self.lock();
        let mut found: Vec<(u64, &Ticket)> = waiting
            .iter()
            .filter_map(|(ticket, place)| match &place.turn {
                Turn::Waits { before, .. } => Some((*before, ticket)),
                Turn::Given(_) => Some((0, ticket)),
                Turn::Unknown => None,
            })
            .collect();
        if !all && found.len() > FIRST {
            found.select_nth_unstable_by_key(FIRST, |(before, _)| *before);
            found.truncate(FIRST);
        }
        found.into_iter().map(|(_, ticket)| ticket.clone()).collect()
    }

    /// What had a turn and is gone, or has lost its execution, makes room for others.
    fn free_the_dead(&self, now: Millis) -> std::result::Result<(), StoreError> {
        let limits: BTreeSet<String> = self.lock().values().map(|place| place.limit.clone()).collect();
        let mut pulses: HashMap<Owner, Pulse> = HashMap::new();
        for limit in limits {
            let Limited::Holders(holders) = self.store.limiting(Limiting::Holders(limit, now))? else {
                return Err(kitaru_store::wire::odd());
            };
            let mut gone = Vec::new();
            for one in holders {
                let pulse = *pulses.entry(one.owner.clone()).or_insert_with(|| self.store.pulse(&one.owner));
                if lease::hold(true, pulse, one.lease_until, now) != Hold::Held {
                    gone.push((one.execution, one.epoch));
                }
            }
            if !gone.is_empty() {
                self.store.limiting(Limiting::Gone(gone))?;
            }
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Ticket, Place>> {
        // Each use leaves it whole.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a call with that turn begins now.
pub fn begins(turn: &Turn, now: Millis) -> bool {
    matches!(turn, Turn::Given(at) if *at <= now * 1000 + SOON)
}

/// What is so near is now: nothing sleeps for less.
const SOON: Micros = 500;

fn odd() -> crate::error::EngineError {
    kitaru_store::wire::odd().into()
}
