//! What a worker looks for in the store: what is due, what has lost its process, and what the pools have to begin.
//!
//! Several workers look at one store. What one of them is about to begin is given to it first ([`Store::assign`]), so that
//! the others begin something else. Not here: beginning it (`carry`).

use crate::carry::Work;
use crate::serves::is_at_home;
use kitaru_core::Millis;
use kitaru_core::rows::ExecutionRow;
use kitaru_core::schedule::Schedule;
use kitaru_engine::manage::{self, ManageError};
use kitaru_store::{Assign, Wanted};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Between two looks, if nobody rings.
const LOOK: Duration = Duration::from_millis(50);

/// So long somebody is listened for before it is asked whether the worker stops.
const HEAR: Duration = Duration::from_millis(200);

/// Between two looks because somebody rang.
const APART: Duration = Duration::from_millis(5);

/// Without a write, what is there by time alone is looked for so often.
const PASSING: Duration = Duration::from_secs(1);

/// A look for what is due takes at most one part in so many of the time, however much there is to look at.
const MOST: u32 = 5;

/// How long others leave alone what was given: as long as it takes to load an execution's code, or a little more.
const HOLD: Millis = 30_000;

/// Has whoever waits look at once.
#[derive(Default)]
pub struct Bell {
    rung: Mutex<bool>,
    news: Condvar,
}

impl Bell {
    /// There may be something.
    pub fn ring(&self) {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.news.notify_all();
    }

    /// Waits until it rings, at most so long. Whether it did.
    fn wait(&self, most: Duration) -> bool {
        let rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut rung, _) =
            self.news.wait_timeout_while(rung, most, |rung| !*rung).unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *rung)
    }
}

/// Looks until the worker is stopped.
pub fn until_stopped(work: &Work) {
    let (mut seen, mut last, mut rested) = (None, Instant::now(), Duration::ZERO);
    let (mut held, mut spared) = (Instant::now(), PASSING);
    let mut rung = true;
    while !work.is_leaving() {
        let version = work.store.version().ok();
        let news = version != seen || last.elapsed() >= PASSING;
        if !news && !rung {
            rung = work.look.wait(LOOK);
            continue;
        }
        let begun = Instant::now();
        let mut looked = Ok(());
        // However often it rings, the looks that take longer with what is parked keep their distance.
        if news && last.elapsed() >= rested {
            looked = look_for_what_goes_on(work);
            (last, rested) = (begun, (begun.elapsed() * MOST).min(PASSING * 10));
            if looked.is_ok() {
                seen = version;
            }
        }
        // A lease lasts many times as long. Looks for what is held keep their distance as well.
        let lapsed = held.elapsed() >= spared && work.free() > 0;
        let begun = Instant::now();
        let looked = looked.and_then(|()| look_for_what_begins(work, lapsed));
        let looked = if lapsed { looked.and_then(|()| look_for_what_is_lost(work)) } else { looked };
        if lapsed {
            (held, spared) = (begun, (begun.elapsed() * MOST).clamp(PASSING, PASSING * 10));
        }
        if let Err(error) = looked {
            work.log.complain(&error.code, &format!("worker: error[{}]: {error}", error.code));
        }
        rung = work.look.wait(LOOK);
    }
}

/// Has the worker look when somebody says that there may be something, where that can be heard.
pub fn until_nobody_rings(work: &Work) {
    while !work.is_leaving() {
        match work.store.hear(HEAR) {
            Ok(Some(true)) => {
                work.look.ring();
                // However often somebody rings: what is asked for meanwhile is found together.
                std::thread::sleep(APART);
            }
            Ok(Some(false)) => {}
            Ok(None) => return,
            // Looking says what is wrong with the store.
            Err(_) => std::thread::sleep(PASSING),
        }
    }
}

/// Sees to schedules: what it creates belongs to a pool that nobody has begun.
fn tick(work: &Work) {
    let complain = |code: &str, why: &str| work.log.complain(code, &format!("worker: {why}"));
    // What was added on another machine is started there, unless all share one store.
    let is_mine = |one: &Schedule| !work.is_remote || one.spec.entry.host.is_some() && is_at_home(&one.spec.entry);
    match manage::tick(work.store.as_ref(), work.now(), is_mine) {
        Ok(told) => {
            for (schedule, id) in told.created {
                work.log.act("starts a tick with", id.as_str(), &schedule.spec.flow, None);
            }
            for (name, error) in told.failed {
                complain(&error.code, &format!("schedule {name}: error[{}]: {error}", error.code));
            }
        }
        Err(error) => complain(&error.code, &format!("schedules: error[{}]: {error}", error.code)),
    }
}

/// What is due.
fn look_for_what_goes_on(work: &Work) -> Result<(), ManageError> {
    tick(work);
    let due = manage::due(work.store.as_ref(), work.now())?;
    work.take_in(wanted(work, due)?, "due");
    Ok(())
}

/// What has lost its process on this machine. All that run are looked at for it.
fn look_for_what_is_lost(work: &Work) -> Result<(), ManageError> {
    let lost = manage::orphaned(work.store.as_ref(), &work.serves.pools, work.now())?;
    work.take_in(wanted(work, lost)?, "worker");
    Ok(())
}

/// Which of them this worker serves, has not, and is given.
fn wanted(work: &Work, rows: Vec<ExecutionRow>) -> Result<Vec<ExecutionRow>, ManageError> {
    given(work, rows.into_iter().filter(|row| work.serves.takes(row) && !work.knows(row)).collect())
}

/// What the pools have to begin, as far as there is a place for it.
fn look_for_what_begins(work: &Work, lapsed: bool) -> Result<(), ManageError> {
    let limit = work.free();
    if limit == 0 {
        return Ok(());
    }
    let (pools, flows) = (work.serves.pools.clone(), work.serves.flows.clone());
    // What is under way here may have let its lease pass, as a process does that was stopped: others take that up.
    let wanted = Wanted::OfPools { pools, flows, host: kitaru_store::os::host_name(), but: work.has(), lapsed };
    let ids = work.store.assign(Assign { wanted, limit, at: work.now(), hold: HOLD })?;
    let rows = ids.iter().map(|id| work.store.queries().execution(id)).collect::<Result<Vec<_>, _>>()?;
    work.take_in(rows.into_iter().filter(|row| !work.knows(row)).collect(), "worker");
    Ok(())
}

/// Which of them are given to this worker.
fn given(work: &Work, rows: Vec<ExecutionRow>) -> Result<Vec<ExecutionRow>, ManageError> {
    if rows.is_empty() {
        return Ok(rows);
    }
    let wanted = Wanted::These(rows.iter().map(|row| row.id.clone()).collect());
    let ids = work.store.assign(Assign { wanted, limit: rows.len(), at: work.now(), hold: HOLD })?;
    Ok(rows.into_iter().filter(|row| ids.contains(&row.id)).collect())
}

/// Whether that one is given to this worker.
pub fn is_given(work: &Work, row: &ExecutionRow) -> bool {
    given(work, vec![row.clone()]).is_ok_and(|rows| !rows.is_empty())
}
