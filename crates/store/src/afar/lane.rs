//! Writes on their way: those that come while requests are under way go out together with the next, numbered, so that a
//! request whose answer was lost is known when it comes again.
//!
//! A thread that finds a writer free sends for all that wait; else it waits until one of them is its own. A writer has one
//! request under way at a time. Where there are several, few are used as long as they are back soon: what goes out together
//! costs both sides less. Not here: the request (`super`).

use super::away::{Away, SLICE};
use crate::error::StoreError;
use crate::store::Result;
use crate::wire::{Write, Wrote, odd};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Large values that go out together, in bytes: one that is larger goes alone.
const TOGETHER: u64 = 8 << 20;
/// Writes that go out together.
const MOST: usize = 512;

/// See the module.
pub struct Lane {
    queue: Mutex<Queue>,
    /// So many writers are kept back, while the others send as soon as there is something to send.
    spare: usize,
    /// One of them sends once something has waited this long for one of the others to be back.
    patience: Duration,
}

#[derive(Default)]
struct Queue {
    waiting: Vec<Waiting>,
    free: Vec<Writer>,
}

/// The other side knows a writer by its name, and its last request by the number.
struct Writer {
    name: String,
    number: u64,
}

struct Waiting {
    write: Write,
    slot: Arc<Slot>,
    /// It has been given a writer, and is about to send.
    leads: bool,
}

/// Where a thread is told.
#[derive(Default)]
struct Slot {
    told: Mutex<Told>,
    news: Condvar,
}

#[derive(Default)]
struct Told {
    lead: Option<Writer>,
    done: Option<Result<Wrote>>,
}

impl Slot {
    fn tell(&self, news: impl FnOnce(&mut Told)) {
        news(&mut lock(&self.told));
        self.news.notify_one();
    }

    /// Waits until there is something to take, and no longer than `most`: then there is nothing.
    fn wait_for(&self, most: Duration) -> Told {
        let until = Instant::now() + most;
        let mut told = lock(&self.told);
        while told.lead.is_none() && told.done.is_none() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            told = self.news.wait_timeout(told, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        std::mem::take(&mut *told)
    }

    /// Waits until there is something to take; `look` is called now and then meanwhile.
    fn wait(&self, mut look: impl FnMut()) -> Told {
        let mut told = lock(&self.told);
        while told.lead.is_none() && told.done.is_none() {
            let (still, waited) = self.news.wait_timeout(told, SLICE).unwrap_or_else(PoisonError::into_inner);
            told = still;
            if waited.timed_out() {
                drop(told);
                look();
                told = lock(&self.told);
            }
        }
        std::mem::take(&mut *told)
    }
}

impl Lane {
    /// A lane with so many writers: so many requests of it are under way at once.
    pub fn new(writers: usize) -> Self {
        Self::gathering(writers, writers, Duration::ZERO)
    }

    /// The same, of which only `prompt` send at once: another one sends what has waited for those as long as `patience`.
    pub fn gathering(writers: usize, prompt: usize, patience: Duration) -> Self {
        let writer = |_| Writer { name: uuid::Uuid::now_v7().simple().to_string(), number: 0 };
        let queue = Queue { waiting: Vec::new(), free: (0..writers).map(writer).collect() };
        Self { queue: Mutex::new(queue), spare: writers.saturating_sub(prompt), patience }
    }

    /// Writes, with what others write meanwhile. `send` is given the writer, the number and the writes. A Ctrl-C that
    /// comes while another thread sends ends the waiting for `away`, and is told here whatever came of the write.
    pub fn run(
        &self,
        write: Write,
        away: &Away,
        send: impl FnOnce(&str, u64, Vec<Write>) -> Result<Vec<Result<Wrote>>>,
    ) -> Result<Wrote> {
        let slot = Arc::new(Slot::default());
        let mut lead = {
            let mut queue = lock(&self.queue);
            let lead = if queue.free.len() > self.spare { queue.free.pop() } else { None };
            queue.waiting.push(Waiting { write, slot: Arc::clone(&slot), leads: lead.is_some() });
            lead
        };
        let mut interrupted = false;
        let mut patient = !self.patience.is_zero();
        loop {
            let Some(mut writer) = lead.take() else {
                let told = if patient {
                    slot.wait_for(self.patience)
                } else {
                    slot.wait(|| interrupted |= away.interrupted())
                };
                if patient && told.lead.is_none() && told.done.is_none() {
                    lead = lock(&self.queue).hasten(&slot);
                    patient = false;
                    continue;
                }
                if let Some(done) = told.done {
                    if let Some(writer) = told.lead {
                        self.release(writer);
                    }
                    return if interrupted { Err(StoreError::Interrupted) } else { done };
                }
                lead = told.lead;
                continue;
            };
            // Another that sends may have taken the own one along meanwhile.
            let Some(group) = lock(&self.queue).take(&slot) else {
                self.release(writer);
                continue;
            };
            writer.number += 1;
            let (slots, writes): (Vec<_>, Vec<_>) = group.into_iter().map(|one| (one.slot, one.write)).unzip();
            let mut leader = Leader { lane: self, slots, writer: Some(writer), told: None };
            let told = match &leader.writer {
                Some(writer) => send(&writer.name, writer.number, writes),
                None => Err(odd()),
            };
            leader.told = Some(told);
            drop(leader);
            let done = slot.wait(|| ()).done.unwrap_or_else(|| Err(odd()));
            return if interrupted { Err(StoreError::Interrupted) } else { done };
        }
    }

    /// Gives a writer to the first that waits and has none.
    fn release(&self, writer: Writer) {
        let mut queue = lock(&self.queue);
        match queue.waiting.iter_mut().find(|one| !one.leads) {
            Some(next) => {
                next.leads = true;
                next.slot.tell(|told| told.lead = Some(writer));
            }
            None => queue.free.push(writer),
        }
    }
}

impl Queue {
    /// A writer for one that still waits and has none.
    fn hasten(&mut self, own: &Arc<Slot>) -> Option<Writer> {
        let at = self.waiting.iter().position(|one| Arc::ptr_eq(&one.slot, own) && !one.leads)?;
        let writer = self.free.pop()?;
        if let Some(one) = self.waiting.get_mut(at) {
            one.leads = true;
        }
        Some(writer)
    }

    /// Those that go out now, that one among them, in the order in which they came. `None`: it has gone out.
    fn take(&mut self, own: &Arc<Slot>) -> Option<Vec<Waiting>> {
        if !self.waiting.iter().any(|one| Arc::ptr_eq(&one.slot, own)) {
            return None;
        }
        let (mut bytes, mut count) = (0, 0);
        let mut group = Vec::new();
        let mut rest = Vec::new();
        for mut one in std::mem::take(&mut self.waiting) {
            let events = one.write.events_mut().iter_mut();
            let size: u64 = events.flat_map(kitaru_core::Body::values_mut).map(|value| value.len()).sum();
            if Arc::ptr_eq(&one.slot, own) || (bytes + size <= TOGETHER && count < MOST) {
                bytes += size;
                count += 1;
                group.push(one);
            } else {
                rest.push(one);
            }
        }
        self.waiting = rest;
        Some(group)
    }
}

/// The thread that sends. However it ends, the others are told, and its writer goes on.
struct Leader<'a> {
    lane: &'a Lane,
    slots: Vec<Arc<Slot>>,
    writer: Option<Writer>,
    told: Option<Result<Vec<Result<Wrote>>>>,
}

impl Drop for Leader<'_> {
    fn drop(&mut self) {
        let given_up = || StoreError::Busy("the write was given up; try again".to_owned());
        // The next goes out while these are told.
        if let Some(writer) = self.writer.take() {
            self.lane.release(writer);
        }
        match self.told.take().unwrap_or_else(|| Err(given_up())) {
            Ok(all) if all.len() == self.slots.len() => {
                for (slot, done) in self.slots.drain(..).zip(all) {
                    slot.tell(|told| told.done = Some(done));
                }
            }
            other => {
                let error = other.err().unwrap_or_else(odd);
                for slot in self.slots.drain(..) {
                    slot.tell(|told| told.done = Some(Err(error.clone())));
                }
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn away() -> Away {
        Away::new("http://127.0.0.1:1", &crate::afar::Settings::from_env().unwrap())
    }

    #[test]
    fn what_comes_while_a_request_is_under_way_goes_out_together_in_order() {
        let lane = Lane::new(1);
        let sent = Mutex::new(Vec::new());
        let send = |_: &str, number: u64, writes: Vec<Write>| {
            if number == 1 {
                while lock(&lane.queue).waiting.len() < 7 {
                    std::thread::yield_now();
                }
            }
            let told = writes.iter().map(|one| match one {
                Write::RemoveBreakpoint(at) => Ok(Wrote::Number(*at)),
                _ => Err(odd()),
            });
            let told = Ok(told.collect());
            sent.lock().unwrap().push((number, writes.len()));
            told
        };
        std::thread::scope(|scope| {
            for at in 0..8 {
                let (lane, send) = (&lane, &send);
                scope.spawn(move || {
                    assert_eq!(lane.run(Write::RemoveBreakpoint(at), &away(), send).unwrap(), Wrote::Number(at));
                });
            }
        });
        assert_eq!(*sent.lock().unwrap(), [(1, 1), (2, 7)]);
    }

    /// Two senders that are out until `back`, and then `more` that come; returns how many writes each request had.
    fn sent(lane: &Lane, more: u64, back: impl Fn(&[usize]) -> bool + Sync) -> Vec<usize> {
        let sent = Mutex::new(Vec::new());
        let send = |_: &str, _: u64, writes: Vec<Write>| {
            let first = {
                let mut sent = lock(&sent);
                sent.push(writes.len());
                sent.len() <= 2
            };
            while first && !back(&lock(&sent)) {
                std::thread::yield_now();
            }
            Ok(writes.iter().map(|_| Ok(Wrote::Done)).collect())
        };
        std::thread::scope(|scope| {
            let come = |_| _ = scope.spawn(|| lane.run(Write::RemoveBreakpoint(1), &away(), send).unwrap());
            for at in 1..=2 {
                come(at);
                while lock(&sent).len() < at as usize {
                    std::thread::yield_now();
                }
            }
            (0..more).for_each(come);
        });
        sent.into_inner().unwrap()
    }

    #[test]
    fn what_comes_while_enough_requests_are_under_way_waits_for_one_of_them() {
        let lane = Lane::gathering(8, 2, Duration::from_secs(3600));
        assert_eq!(sent(&lane, 6, |sent| sent.len() > 2 || lock(&lane.queue).waiting.len() == 6), [1, 1, 6]);
        assert_eq!(lock(&lane.queue).free.len(), 8);
    }

    #[test]
    fn another_request_goes_out_where_those_under_way_are_not_back_soon() {
        let lane = Lane::gathering(8, 2, Duration::from_millis(1));
        let all = sent(&lane, 6, |sent| sent.iter().sum::<usize>() == 8);
        assert_eq!((all.iter().sum::<usize>(), lock(&lane.queue).free.len()), (8, 8));
    }

    #[test]
    fn a_sender_that_panics_leaves_nobody_waiting() {
        let lane = Lane::new(1);
        std::thread::scope(|scope| {
            let lane = &lane;
            let leader = scope.spawn(|| {
                lane.run(Write::RemoveBreakpoint(1), &away(), |_, _, writes| {
                    while lock(&lane.queue).waiting.is_empty() {
                        std::thread::yield_now();
                    }
                    assert!(writes.is_empty(), "a mistake");
                    Ok(Vec::new())
                })
            });
            while !lock(&lane.queue).free.is_empty() {
                std::thread::yield_now();
            }
            let told = |_: &str, _: u64, writes: Vec<Write>| Ok(writes.iter().map(|_| Ok(Wrote::Done)).collect());
            assert_eq!(lane.run(Write::RemoveBreakpoint(2), &away(), told).unwrap(), Wrote::Done);
            assert!(leader.join().is_err());
        });
        assert_eq!(lock(&lane.queue).free.len(), 1);
    }

    #[test]
    fn a_ctrl_c_on_a_thread_that_waits_for_another_that_sends_ends_the_waiting_of_both() {
        thread_local!(static PRESSED: std::cell::Cell<bool> = const { std::cell::Cell::new(false) });
        crate::afar::interrupt_by(|| PRESSED.get());
        let (lane, away) = (Lane::new(1), away());
        std::thread::scope(|scope| {
            let (lane, away) = (&lane, &away);
            let leader = scope.spawn(move || {
                lane.run(Write::RemoveBreakpoint(1), away, |_, _, _| {
                    let mut tries = crate::afar::Tries::default();
                    loop {
                        away.pause(&mut tries, "away", None)?;
                    }
                })
            });
            while !lock(&lane.queue).free.is_empty() {
                std::thread::yield_now();
            }
            PRESSED.set(true);
            let told = lane.run(Write::RemoveBreakpoint(2), away, |_, _, _| Ok(vec![Ok(Wrote::Done)]));
            assert_eq!(told.unwrap_err().code(), "interrupted");
            assert_eq!(leader.join().unwrap().unwrap_err().code(), "server-away");
        });
    }

    #[test]
    fn an_answer_that_is_not_to_each_is_told_to_all() {
        let lane = Lane::new(1);
        assert_eq!(
            lane.run(Write::RemoveBreakpoint(1), &away(), |_, _, _| Ok(Vec::new())).unwrap_err().code(),
            "server-protocol"
        );
    }

    #[test]
    fn writers_send_beside_each_other_and_each_write_is_told_its_own() {
        let lane = Lane::new(3);
        let sent = Mutex::new(std::collections::HashMap::<String, Vec<u64>>::new());
        let (under_way, most) = (std::sync::atomic::AtomicU64::new(0), std::sync::atomic::AtomicU64::new(0));
        let order = std::sync::atomic::Ordering::SeqCst;
        let send = |writer: &str, number: u64, writes: Vec<Write>| {
            let now = under_way.fetch_add(1, order) + 1;
            most.fetch_max(now, order);
            std::thread::yield_now();
            sent.lock().unwrap().entry(writer.to_owned()).or_default().push(number);
            under_way.fetch_sub(1, order);
            let told = writes.iter().map(|one| match one {
                Write::RemoveBreakpoint(at) => Ok(Wrote::Number(*at)),
                _ => Err(odd()),
            });
            Ok(told.collect())
        };
        std::thread::scope(|scope| {
            for thread in 0..12 {
                let (lane, send) = (&lane, &send);
                scope.spawn(move || {
                    for at in 0..200 {
                        let own = thread * 1000 + at;
                        assert_eq!(lane.run(Write::RemoveBreakpoint(own), &away(), send).unwrap(), Wrote::Number(own));
                    }
                });
            }
        });
        assert!(most.load(order) <= 3, "a writer has one request under way");
        assert_eq!(lock(&lane.queue).free.len(), 3);
        for numbers in sent.lock().unwrap().values() {
            assert_eq!(*numbers, (1..=numbers.len() as u64).collect::<Vec<_>>(), "and counts without gaps");
        }
    }
}
