//! The one background thread of an engine: extends leases, writes what rides along when nothing else does and what
//! nobody waits for, tells sessions what other processes wrote for them, and looks how those stand that wait for a turn.
//!
//! It runs only while there are sessions. Not here: any decision about an execution.

use crate::clock::Clock;
use crate::codes::Codes;
use crate::desk::Desk;
use crate::engine::LEASE;
use crate::session::Session;
use kitaru_core::Millis;
use kitaru_store::Store;
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};

/// How often leases are extended.
const RENEW: Millis = LEASE / 3;
/// How often a session without open waits is told of news: only requests to stop and breakpoints can come for it. News
/// or not, each is told with each renewal, should a look have failed.
const TELL: Millis = 200;
/// How often it is tried to let go of what is abandoned.
const LET_GO: Millis = 1_000;
/// How long a started call may stay unwritten.
const FLUSH: Millis = 500;

#[derive(Default)]
struct Watched {
    sessions: Vec<Weak<Session>>,
    running: bool,
}

/// See the module.
pub struct Heartbeat {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    codes: Arc<Codes>,
    desk: Arc<Desk>,
    watched: Arc<(Mutex<Watched>, Condvar)>,
}

impl Heartbeat {
    /// A heartbeat for sessions on `store`.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, codes: Arc<Codes>, desk: Arc<Desk>) -> Self {
        Self { store, clock, codes, desk, watched: Arc::default() }
    }

    /// Cares for `session` until it closes or is dropped.
    pub fn watch(&self, session: &Arc<Session>) {
        let mut watched = self.watched.0.lock().unwrap_or_else(PoisonError::into_inner);
        watched.sessions.push(Arc::downgrade(session));
        if watched.running {
            return;
        }
        let (store, clock, shared) = (Arc::clone(&self.store), Arc::clone(&self.clock), Arc::clone(&self.watched));
        let (codes, desk) = (Arc::clone(&self.codes), Arc::clone(&self.desk));
        let spawned = std::thread::Builder::new()
            .name("kitaru-heartbeat".to_owned())
            .spawn(move || beat(store.as_ref(), clock.as_ref(), &codes, &desk, &shared));
        // Without a thread leases are still extended by the writer when an append finds them expired.
        watched.running = spawned.is_ok();
    }
}

impl Heartbeat {
    /// Has all that it cares for handed over to other processes, each when what runs of it has ended.
    pub fn hand_over(&self, by: &str) {
        let watched = self.watched.0.lock().unwrap_or_else(PoisonError::into_inner);
        let open: Vec<_> = watched.sessions.iter().filter_map(Weak::upgrade).collect();
        drop(watched);
        for session in open {
            session.hand_over(by);
        }
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        self.watched.1.notify_all();
    }
}

fn beat(store: &dyn Store, clock: &dyn Clock, codes: &Codes, desk: &Desk, shared: &(Mutex<Watched>, Condvar)) {
    let mut seen = None;
    let mut renewed = clock.now();
    let mut told = renewed;
    let mut let_go = renewed;
    // Whether there was news since all were told.
    let mut untold = true;
    loop {
        let sessions: Vec<Arc<Session>> = {
            let mut watched = shared.0.lock().unwrap_or_else(PoisonError::into_inner);
            watched.sessions.retain(|session| session.upgrade().is_some_and(|session| session.is_open()));
            if watched.sessions.is_empty() {
                watched.running = false;
                return;
            }
            watched.sessions.iter().filter_map(Weak::upgrade).collect()
        };
        let now = clock.now();
        // A clock that stepped back must not stop the renewal.
        if now - renewed >= RENEW || now < renewed {
            renewed = now;
            untold = true;
            let leases: Vec<_> = sessions.iter().map(|session| (session.id().clone(), session.epoch())).collect();
            if let Ok(lost) = store.renew(&leases, now + LEASE) {
                for session in sessions.iter().filter(|session| lost.contains(session.id())) {
                    session.fence();
                }
            }
        }
        let version = store.version().ok();
        let news = version.is_none() || version != seen;
        seen = version;
        untold |= news;
        let tell_all = untold && (now - told >= TELL || now < told);
        if tell_all {
            (told, untold) = (now, false);
        }
        let breakpoints = if tell_all { store.queries().breakpoints(None).ok() } else { None };
        for session in &sessions {
            if let Some(rows) = &breakpoints {
                session.take_breakpoints(rows);
            }
            if session.has_open_waits() && news || tell_all {
                session.look();
            }
            session.mind_deadline();
            session.flush(now - FLUSH);
        }
        if now - let_go >= LET_GO || now < let_go {
            let_go = now;
            sessions.iter().for_each(|session| session.let_go());
        }
        drop(sessions);
        desk.beat(news);
        codes.flush();
        let watched = shared.0.lock().unwrap_or_else(PoisonError::into_inner);
        drop(shared.1.wait_timeout(watched, store.look_every()));
    }
}
