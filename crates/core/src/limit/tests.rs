//! A schedule is exact, a burst is bounded, and no clock that jumps breaks either. Not here: who is next (stores).

use super::*;

const T: Millis = 1_700_000_000_000;

fn gate(at_once: Option<u32>, rate: Option<&str>, burst: u32) -> Gate {
    let rate = rate.map(|text| Rate::read(text, burst).unwrap());
    Gate { bounds: Bounds { at_once, rate }, ..Gate::default() }
}

/// All that are given at that time.
fn given(gate: &mut Gate, now: Millis) -> Vec<Micros> {
    let now = gate.mend(now);
    std::iter::from_fn(|| gate.give(now, 0).ok()).collect()
}

#[test]
fn a_rate_gives_turns_exactly_so_far_apart_whenever_somebody_looks() {
    let mut gate = gate(None, Some("50/s"), 1);
    let mut turns = Vec::new();
    // Whoever looks does so when it likes, as long as that is before what was given has been used up.
    for step in [0, 1, 7, 130, 250, 490, 733, 1000, 1400, 1401, 1899, 2300] {
        turns.extend(given(&mut gate, T + step));
    }
    assert!(turns.len() > 100);
    assert!(turns.iter().zip(0..).all(|(at, place)| *at == T * 1000 + place * 20_000), "{turns:?}");
    for (ahead, begun) in turns.iter().zip(turns.iter().skip(50)) {
        assert_eq!(begun - ahead, 1_000_000, "50 in a second, and never 51");
    }
}

#[test]
fn what_nobody_took_is_not_saved_up_but_for_a_burst() {
    let mut plain = gate(None, Some("10/s"), 1);
    assert_eq!(plain.give(T, 0), Ok(T * 1000));
    assert_eq!(plain.give(T + 60_000, 0), Ok((T + 60_000) * 1000));
    assert_eq!(plain.give(T + 60_000, 0), Ok((T + 60_100) * 1000));
    let mut burst = gate(None, Some("1/s"), 3);
    let turns: Vec<Micros> = (0..5).filter_map(|_| burst.give(T, 0).ok()).collect();
    assert_eq!(turns, [T * 1000; 3], "three together, and the next in a second");
    assert_eq!(burst.give(T, 0), Err(Holds::Rate));
    assert_eq!(burst.expects(T, 0), (T + 1000) * 1000);
    assert_eq!(burst.expects(T, 2), (T + 3000) * 1000);
    assert_eq!(burst.give(T + 600, 0), Ok((T + 1000) * 1000));
}

#[test]
fn at_once_counts_those_that_run() {
    let mut gate = gate(Some(2), None, 1);
    assert_eq!(gate.give(T, 1), Ok(T * 1000));
    assert_eq!(gate.give(T, 2), Err(Holds::Full));
    assert_eq!(gate.give(T, 9), Err(Holds::Full), "it was lowered while more run");
    assert_eq!(Gate::default().give(T, 1_000_000), Ok(T * 1000), "nothing is set");
}

#[test]
fn a_closed_gate_gives_nothing_until_it_opens_and_then_by_its_rate() {
    let mut gate = gate(None, Some("10/s"), 1);
    given(&mut gate, T);
    let closed = |until| Closed { from: T, until, by: "x".to_owned(), why: "429".to_owned() };
    assert!(gate.close(closed(T + 5_000)));
    assert!(!gate.close(closed(T + 3_000)), "a shorter word does not open it earlier");
    assert!(given(&mut gate, T + 4_000).is_empty());
    assert_eq!(gate.give(T + 4_000, 0), Err(Holds::Closed));
    let turns = given(&mut gate, T + 4_900);
    assert_eq!(turns.first(), Some(&((T + 5_000) * 1000)));
    assert!(turns.windows(2).all(|pair| pair[1] - pair[0] == 100_000));
    gate.mend(T + 5_000);
    assert_eq!(gate.closed, None);
}

#[test]
fn a_clock_that_is_set_back_makes_nobody_wait_for_a_time_that_has_been() {
    let mut gate = gate(None, Some("10/s"), 2);
    given(&mut gate, T);
    gate.close(Closed { from: T, until: T + 2_000, by: "x".to_owned(), why: "429".to_owned() });
    let back = T - 3_600_000;
    gate.mend(back);
    assert_eq!(gate.closed.as_ref().map(|one| one.until), Some(back + 2_000));
    assert!(gate.next_at(back) <= (back + 2_000) * 1000);
    gate.mend(back + 2_000);
    assert!(!given(&mut gate, back + 4_000).is_empty());
    // Whoever had to wait for the store says an earlier time, and gets no turn twice for it.
    let mut late = self::gate(None, Some("50/s"), 1);
    let first = given(&mut late, T);
    let then = given(&mut late, T + 400);
    assert!(given(&mut late, T - 5_000).is_empty());
    assert_eq!(then.first().map(|at| at - first[first.len() - 1]), Some(20_000));
    // And forward: what was missed is not made up for.
    let forward = T + 86_400_000;
    assert_eq!(given(&mut gate, forward).iter().filter(|at| **at == forward * 1000).count(), 2);
}

#[test]
fn a_slower_rate_that_is_made_faster_counts_from_now_on() {
    let mut gate = gate(None, Some("1/h"), 1);
    assert_eq!(given(&mut gate, T), [T * 1000]);
    gate.set(Bounds { at_once: None, rate: Some(Rate::read("50/s", 1).unwrap()) }, T + 10);
    assert!(gate.next_at(T + 10) < (T + 2_000) * 1000);
}

#[test]
fn rates_are_read_and_shown() {
    let shown = |text: &str| Rate::read(text, 1).map(|rate| (rate.distance(), rate.text()));
    assert_eq!(shown("50/s"), Ok((20_000, "50/s".to_owned())));
    assert_eq!(shown(" 3000 / m "), Ok((20_000, "3000/m".to_owned())));
    assert_eq!(shown("1/10s"), Ok((10_000_000, "1/10s".to_owned())));
    assert_eq!(shown("2/60s"), Ok((30_000_000, "2/m".to_owned())));
    assert_eq!(shown("10000/day"), Ok((8_640_000, "10000/d".to_owned())));
    for bad in [
        "",
        "50",
        "/s",
        "0/s",
        "-1/s",
        "50/0s",
        "50/x",
        "1.5/s",
        "50/s/s",
        "9999999/s",
        "1/99999999999999999999d",
        "1/8d",
    ] {
        assert!(Rate::read(bad, 1).is_err(), "{bad}");
    }
    assert!(Rate::read("1/s", 0).is_err());
    assert!(Bounds { at_once: Some(0), rate: None }.check().is_err());
    for bad in ["", " ", "a b", "-x", "a\nb", &"x".repeat(201)] {
        assert!(check_name(bad).is_err(), "{bad:?}");
    }
    assert!(check_name("openai:gpt").is_ok());
}
