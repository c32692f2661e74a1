//! How much one caller may ask: requests by the second, failed attempts, streams at once.
//!
//! Not here: what a request may weigh (`lib`), and what a connection may (`connections`).

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// How many callers are known at once: those that have been quiet for longest are forgotten.
const KNOWN: usize = 10_000;

/// Buckets that fill by the second and are emptied by what is asked.
#[derive(Debug)]
pub struct Buckets {
    rate: f64,
    depth: f64,
    held: Mutex<HashMap<String, (f64, Instant)>>,
}

impl Buckets {
    /// So many a second, and so many at once. A rate of 0 has no limit.
    pub fn new(rate: u32, depth: u32) -> Self {
        Self { rate: rate.into(), depth: depth.into(), held: Mutex::default() }
    }

    /// Takes one out of a caller's. Refused with the seconds to wait for another.
    pub fn take(&self, who: &str, now: Instant) -> Result<(), u64> {
        if self.rate <= 0.0 {
            return Ok(());
        }
        let mut held = lock(&self.held);
        if held.len() >= KNOWN && !held.contains_key(who) {
            // Whose bucket is full again is nobody that is known.
            let full = |(left, at): &(f64, Instant)| self.filled(*left, *at, now) >= self.depth;
            held.retain(|_, one| !full(one));
            if held.len() >= KNOWN {
                return Err(1);
            }
        }
        let (left, at) = held.entry(who.to_owned()).or_insert((self.depth, now));
        *left = self.filled(*left, *at, now);
        *at = now;
        if *left >= 1.0 {
            *left -= 1.0;
            return Ok(());
        }
        let wait = ((1.0 - *left) / self.rate).ceil();
        // At least a second: a header has no smaller part.
        Err(if wait < 1.0 { 1 } else { wait as u64 })
    }

    fn filled(&self, left: f64, at: Instant, now: Instant) -> f64 {
        (left + now.saturating_duration_since(at).as_secs_f64() * self.rate).min(self.depth)
    }
}

/// How many of something each caller has at once.
#[derive(Clone, Debug)]
pub struct Places {
    most: usize,
    held: Arc<Mutex<HashMap<String, usize>>>,
}

/// One of a caller's places, until it is dropped.
#[derive(Debug)]
pub struct Place {
    who: String,
    held: Arc<Mutex<HashMap<String, usize>>>,
}

impl Places {
    /// So many each.
    pub fn new(most: usize) -> Self {
        Self { most, held: Arc::default() }
    }

    /// Takes one; `None`: that caller has all of its own.
    pub fn take(&self, who: &str) -> Option<Place> {
        let mut held = lock(&self.held);
        let count = held.entry(who.to_owned()).or_insert(0);
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Place { who: who.to_owned(), held: Arc::clone(&self.held) })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = lock(&self.held);
        if let Some(count) = held.get_mut(&self.who) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.who);
            }
        }
    }
}

/// What a caller without a token is counted by: its address, or what its provider gives to one customer of them.
pub fn address(from: IpAddr) -> String {
    match from.to_canonical() {
        IpAddr::V4(from) => from.to_string(),
        IpAddr::V6(from) => {
            let [a, b, c, d, ..] = from.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each use leaves it whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_bucket_gives_what_is_in_it_and_what_has_come_since() {
        let (buckets, begun) = (Buckets::new(2, 3), Instant::now());
        let at = |ms: u64| begun + Duration::from_millis(ms);
        let taken: Vec<bool> = (0..4).map(|_| buckets.take("a", at(0)).is_ok()).collect();
        assert_eq!(taken, [true, true, true, false]);
        assert_eq!(buckets.take("a", at(0)), Err(1));
        assert_eq!(buckets.take("b", at(0)), Ok(()), "another's is its own");
        assert_eq!(buckets.take("a", at(499)), Err(1));
        assert_eq!(buckets.take("a", at(500)), Ok(()));
        let late: Vec<bool> = (0..4).map(|_| buckets.take("a", at(3_600_000)).is_ok()).collect();
        assert_eq!(late, [true, true, true, false], "no more than it holds");
        assert_eq!(Buckets::new(1, 1).take("a", at(0)), Ok(()));
        let none = Buckets::new(0, 0);
        assert!((0..1000).all(|_| none.take("a", at(0)).is_ok()));
    }

    #[test]
    fn whoever_asks_too_much_is_not_forgotten_for_many_others() {
        let (buckets, now) = (Buckets::new(1, 1), Instant::now());
        assert!(buckets.take("a", now).is_ok() && buckets.take("a", now).is_err());
        for other in 0..KNOWN * 2 {
            _ = buckets.take(&other.to_string(), now);
        }
        assert!(buckets.take("a", now).is_err());
        assert!(lock(&buckets.held).len() <= KNOWN);
        let later = now + Duration::from_secs(2);
        assert!(buckets.take("new", later).is_ok(), "those who were quiet are forgotten");
    }

    #[test]
    fn a_place_is_free_again_when_it_is_given_back() {
        let places = Places::new(2);
        let (one, _two) = (places.take("a"), places.take("a"));
        assert!(one.is_some() && places.take("a").is_none() && places.take("b").is_some());
        drop(one);
        assert!(places.take("a").is_some());
    }

    #[test]
    fn one_customer_is_one_caller() {
        let of = |text: &str| address(text.parse().expect("an address"));
        assert_eq!(of("10.0.0.7"), "10.0.0.7");
        assert_eq!(of("::ffff:10.0.0.7"), "10.0.0.7");
        assert_eq!(of("2001:db8:1:2:3::4"), of("2001:db8:1:2:ffff::1"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
    }
}
