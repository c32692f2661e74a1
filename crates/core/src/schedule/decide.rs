//! What becomes of the ticks that are due: decided once, written down, and then done.
//!
//! What is decided follows from the schedule, from how the last execution stands and from the time, and from nothing
//! else: whoever looks first decides, and who comes later finds it decided. Not here: doing it.

use super::{Begun, Fate, Note, Paused, Schedule, State, Times};
use crate::ids::{ExecutionId, Millis};

/// So many ticks are made up for, or wait for their turn, at the most.
pub const MOST: usize = 100;
/// So many ticks in a row that could not begin pause a schedule.
pub const FAILED: u32 = 3;
/// What became of so many ticks is kept.
const NOTES: usize = 50;
/// A clock that goes back by more than this was wrong before, and not only corrected.
pub const JUMP: Millis = 60_000;

/// How the execution of the last tick stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It has ended, nobody works on it, or there is none.
    Over,
    /// It works, waits, sleeps or is paused, as the word says.
    Open(String),
    /// It has been created, and nobody has begun it yet.
    Unbegun,
    /// It could not begin, for that reason.
    Refused(String),
}

/// The state after what is to be decided now; `None`: nothing is.
pub fn decide(schedule: &Schedule, times: &Times, standing: &Standing, now: Millis) -> Option<State> {
    let state = &schedule.state;
    if state.paused.is_some() || !state.is_settled() {
        return None;
    }
    let mut next = state.clone();
    if state.until > now.saturating_add(JUMP) {
        // What was begun ahead of time is known by its key, and is not begun again.
        next.until = now;
    }
    let due = times.newest(next.until, now, MOST);
    if due.is_empty() && next.waiting.is_empty() {
        return (next.until != state.until).then_some(next);
    }
    let mut desk = Desk { schedule, next, now };
    let is_open = match standing {
        Standing::Over => false,
        Standing::Open(_) | Standing::Unbegun => true,
        Standing::Refused(why) => {
            if desk.withdraw(why) {
                // The ticks stay due, and are passed over when somebody resumes.
                return Some(desk.next);
            }
            false
        }
    };
    if matches!(standing, Standing::Over | Standing::Open(_)) {
        desk.next.failures = 0;
    }
    desk.take(times, &due, standing, is_open);
    if !is_open || desk.next.ends.is_some() {
        desk.begin_waiting();
    }
    (desk.next != *state).then_some(desk.next)
}

/// The state of a schedule that somebody resumes: what came while it was paused stays away.
pub fn resumed(state: &State, times: &Times, now: Millis) -> State {
    let mut next = state.clone();
    next.paused = None;
    next.failures = 0;
    if let Some(first) = times.next(state.until).filter(|first| *first <= now) {
        let last = times.newest(state.until, now, 1).pop().unwrap_or(first);
        let count = times.between(state.until, last).take(10 * MOST).count() as u64;
        note(
            &mut next,
            Note { fate: Fate::Missed, from: first, tick: last, count, at: now, why: Some("it was paused".to_owned()) },
        );
    }
    next.until = next.until.max(now);
    next
}

struct Desk<'a> {
    schedule: &'a Schedule,
    next: State,
    now: Millis,
}

impl Desk<'_> {
    fn note(&mut self, fate: Fate, tick: Millis, why: Option<String>) {
        let at = self.now;
        note(&mut self.next, Note { fate, from: tick, tick, count: 1, at, why });
    }

    fn last(&self) -> Option<ExecutionId> {
        self.next.last.as_ref().map(|last| self.schedule.execution(last.tick))
    }

    /// Has what could not begin withdrawn. Whether the schedule is paused for it.
    fn withdraw(&mut self, why: &str) -> bool {
        let Some(last) = self.next.last.clone() else { return false };
        self.next.ends = self.last();
        self.next.refused = None;
        self.next.failures += 1;
        self.note(Fate::Failed, last.tick, Some(why.to_owned()));
        if self.next.failures < FAILED {
            return false;
        }
        let why = format!("{FAILED} ticks in a row could not begin: {why}");
        self.next.paused = Some(Paused { by: "kitaru".to_owned(), at: self.now, why: Some(why) });
        true
    }

    /// Decides about the ticks that are due.
    fn take(&mut self, times: &Times, due: &[Millis], standing: &Standing, is_open: bool) {
        let (Some(first), Some(latest)) = (due.first(), due.last()) else { return };
        let since = self.next.until;
        self.next.until = *latest;
        let spec = &self.schedule.spec;
        let kept = if spec.backfill { due } else { due.get(due.len() - 1..).unwrap_or_default() };
        let from = kept.first().unwrap_or(first);
        if let Some(passed) = times.next(since).filter(|passed| passed < from) {
            let mut count = 0;
            let mut last = passed;
            for tick in times.between(since, from - 1).take(10 * MOST) {
                (count, last) = (count + 1, tick);
            }
            let last = times.newest(last - 1, from - 1, 1).pop().unwrap_or(last);
            let why = if spec.backfill {
                format!("nobody worked; the latest {MOST} are made up for")
            } else {
                "nobody worked".to_owned()
            };
            note(
                &mut self.next,
                Note { fate: Fate::Missed, from: passed, tick: last, count, at: self.now, why: Some(why) },
            );
        }
        match kept {
            [tick] if self.next.waiting.is_empty() => self.take_one(*tick, standing, is_open),
            _ => kept.iter().for_each(|tick| self.queue(*tick, "others wait before it")),
        }
    }

    fn take_one(&mut self, tick: Millis, standing: &Standing, is_open: bool) {
        use super::Overlap::{Cancel, Queue, Skip};
        if !is_open {
            return self.begin(tick);
        }
        let word = match standing {
            Standing::Open(word) => word.as_str(),
            Standing::Over | Standing::Unbegun | Standing::Refused(_) => "not begun yet",
        };
        let before = self.last().map(|id| id.short().to_owned()).unwrap_or_default();
        match self.schedule.spec.overlap {
            Skip => self.note(Fate::Skipped, tick, Some(format!("the one before is {word}: {before}"))),
            Queue => self.queue(tick, &format!("the one before is {word}: {before}")),
            Cancel => {
                self.next.ends = self.last();
                self.begin(tick);
            }
        }
    }

    fn queue(&mut self, tick: Millis, why: &str) {
        if self.next.waiting.len() >= MOST {
            return self.note(Fate::Skipped, tick, Some(format!("{MOST} wait for their turn already")));
        }
        self.next.waiting.push(tick);
        self.note(Fate::Queued, tick, Some(why.to_owned()));
    }

    fn begin_waiting(&mut self) {
        // One at a time, and none beside what has just been decided.
        if self.next.last.as_ref().is_none_or(|last| last.made) && !self.next.waiting.is_empty() {
            let tick = self.next.waiting.remove(0);
            self.begin(tick);
        }
    }

    fn begin(&mut self, tick: Millis) {
        self.next.last = Some(Begun { tick, made: false });
        self.next.refused = None;
        self.note(Fate::Started, tick, None);
    }
}

/// Notes what became of ticks; what goes the same way as the last ones is added to them.
fn note(state: &mut State, one: Note) {
    match state.notes.last_mut() {
        Some(last) if last.fate == one.fate && last.why == one.why && one.fate != Fate::Started => {
            last.tick = one.tick;
            last.count += one.count;
            last.at = one.at;
        }
        _ => state.notes.push(one),
    }
    let over = state.notes.len().saturating_sub(NOTES);
    state.notes.drain(..over);
}
