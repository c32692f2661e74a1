//! Writes on their way: those that come while one request is under way go out together with the next, numbered, so
//! that a request whose answer was lost is known when it comes again.
//!
//! The thread that finds nobody sending sends for all that wait. Not here: the request (`super`).

use crate::error::StoreError;
use crate::store::Result;
use crate::wire::{Write, Wrote, odd};
use std::collections::HashMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Large values that go out together, in bytes: one that is larger goes alone.
const TOGETHER: u64 = 8 << 20;
/// Writes that go out together.
const MOST: usize = 512;

/// See the module.
pub struct Lane {
    /// The server knows the writer by it.
    writer: String,
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    waiting: Vec<(u64, Write)>,
    done: HashMap<u64, Result<Wrote>>,
    busy: bool,
    last_ticket: u64,
    number: u64,
}

impl Lane {
    /// A writer of its own.
    pub fn new() -> Self {
        let writer = uuid::Uuid::now_v7().simple().to_string();
        Self { writer, queue: Mutex::default(), changed: Condvar::new() }
    }

    /// Writes, with what others write meanwhile. `send` is given the writer, the number and the writes.
    pub fn run(
        &self,
        write: Write,
        send: impl FnOnce(&str, u64, Vec<Write>) -> Result<Vec<Result<Wrote>>>,
    ) -> Result<Wrote> {
        let mut queue = self.lock();
        queue.last_ticket += 1;
        let ticket = queue.last_ticket;
        queue.waiting.push((ticket, write));
        loop {
            if let Some(done) = queue.done.remove(&ticket) {
                return done;
            }
            if !queue.busy {
                break;
            }
            queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        queue.busy = true;
        queue.number += 1;
        let number = queue.number;
        let group = queue.take(ticket);
        drop(queue);
        let (tickets, writes): (Vec<u64>, Vec<Write>) = group.into_iter().unzip();
        let mut leader = Leader { lane: self, tickets, told: None };
        leader.told = Some(send(&self.writer, number, writes));
        drop(leader);
        self.lock().done.remove(&ticket).unwrap_or_else(|| Err(odd()))
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    /// Those that go out now, that one among them, in the order in which they came.
    fn take(&mut self, own: u64) -> Vec<(u64, Write)> {
        let (mut bytes, mut count) = (0, 0);
        let mut group = Vec::new();
        let mut rest = Vec::new();
        for (ticket, mut write) in std::mem::take(&mut self.waiting) {
            let size: u64 =
                write.events_mut().iter_mut().flat_map(kitaru_core::Body::values_mut).map(|value| value.len()).sum();
            if ticket == own || (bytes + size <= TOGETHER && count < MOST) {
                bytes += size;
                count += 1;
                group.push((ticket, write));
            } else {
                rest.push((ticket, write));
            }
        }
        self.waiting = rest;
        group
    }
}

/// The thread that sends. However it ends, the others are told.
struct Leader<'a> {
    lane: &'a Lane,
    tickets: Vec<u64>,
    told: Option<Result<Vec<Result<Wrote>>>>,
}

impl Drop for Leader<'_> {
    fn drop(&mut self) {
        let given_up = || StoreError::Busy("the write was given up; try again".to_owned());
        let mut queue = self.lane.lock();
        let told = self.told.take().unwrap_or_else(|| Err(given_up()));
        match told {
            Ok(all) if all.len() == self.tickets.len() => queue.done.extend(self.tickets.drain(..).zip(all)),
            other => {
                let error = other.err().unwrap_or_else(odd);
                queue.done.extend(self.tickets.drain(..).map(|ticket| (ticket, Err(error.clone()))));
            }
        }
        queue.busy = false;
        drop(queue);
        self.lane.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_while_a_request_is_under_way_goes_out_together_in_order() {
        let lane = Lane::new();
        let sent = Mutex::new(Vec::new());
        let send = |_: &str, number: u64, writes: Vec<Write>| {
            if number == 1 {
                while lane.lock().waiting.len() < 7 {
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
                    assert_eq!(lane.run(Write::RemoveBreakpoint(at), send).unwrap(), Wrote::Number(at));
                });
            }
        });
        assert_eq!(*sent.lock().unwrap(), [(1, 1), (2, 7)]);
    }

    #[test]
    fn a_sender_that_panics_leaves_nobody_waiting() {
        let lane = Lane::new();
        std::thread::scope(|scope| {
            let lane = &lane;
            let leader = scope.spawn(|| {
                lane.run(Write::RemoveBreakpoint(1), |_, _, writes| {
                    while lane.lock().waiting.is_empty() {
                        std::thread::yield_now();
                    }
                    assert!(writes.is_empty(), "a mistake");
                    Ok(Vec::new())
                })
            });
            while !lane.lock().busy {
                std::thread::yield_now();
            }
            let told = |_: &str, _: u64, writes: Vec<Write>| Ok(writes.iter().map(|_| Ok(Wrote::Done)).collect());
            assert_eq!(lane.run(Write::RemoveBreakpoint(2), told).unwrap(), Wrote::Done);
            assert!(leader.join().is_err());
        });
        assert!(!lane.lock().busy);
    }

    #[test]
    fn an_answer_that_is_not_to_each_is_told_to_all() {
        let lane = Lane::new();
        assert_eq!(
            lane.run(Write::RemoveBreakpoint(1), |_, _, _| Ok(Vec::new())).unwrap_err().code(),
            "server-protocol"
        );
    }
}
