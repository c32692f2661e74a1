//! Who lives. What needs real processes stands in `tests/processes.rs`.

use super::Fixture;
use kitaru_core::lease::{Owner, Pulse};

pub fn this_process_lives(with: &Fixture) {
    let owner = with.store.owner().unwrap();
    assert_eq!(with.store.owner().unwrap(), owner);
    assert_eq!(with.store.pulse(&owner), Pulse::Alive);
    assert_eq!(with.again().pulse(&owner), Pulse::Alive);
}

pub fn an_owner_elsewhere_is_unknown(with: &Fixture) {
    let owner = Owner { host: "elsewhere".to_owned(), ..with.store.owner().unwrap() };
    assert_eq!(with.store.pulse(&owner), Pulse::Unknown);
    let owner = Owner { boot: String::new(), ..with.store.owner().unwrap() };
    assert_eq!(with.store.pulse(&owner), Pulse::Unknown);
}

pub fn an_owner_of_an_earlier_boot_is_dead(with: &Fixture) {
    let owner = Owner { boot: "0000/pid:[1]".to_owned(), nonce: "old".to_owned(), ..with.store.owner().unwrap() };
    // Another kernel may be another machine of the same name: of whoever works through a server only its lease counts.
    let seen = if owner.is_remote() { Pulse::Unknown } else { Pulse::Dead };
    assert_eq!(with.store.pulse(&owner), seen);
}

pub fn a_recycled_pid_is_not_its_predecessor(with: &Fixture) {
    let own = with.store.owner().unwrap();
    let before = Owner { started: own.started.wrapping_sub(100), nonce: "before".to_owned(), ..own };
    assert_eq!(with.store.pulse(&before), Pulse::Dead);
}

pub fn another_program_in_the_same_process_is_not_its_owner(with: &Fixture) {
    // As after `exec`: pid and start time are the same, the name is another.
    let before = Owner { nonce: "before exec".to_owned(), ..with.store.owner().unwrap() };
    assert_eq!(with.store.pulse(&before), Pulse::Dead);
}
