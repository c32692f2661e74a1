//! libFuzzer's way in: `KITARU_FUZZ=journal target/fuzz/release/fuzz` looks at one target (`make fuzz`: at all in turn).
#![no_main]
#![allow(clippy::panic)]

use kitaru_fuzz::{TARGETS, Target};
use libfuzzer_sys::fuzz_target;
use std::sync::OnceLock;

fuzz_target!(|bytes: &[u8]| {
    static CHOSEN: OnceLock<&Target> = OnceLock::new();
    let target = CHOSEN.get_or_init(|| {
        let name = std::env::var("KITARU_FUZZ").unwrap_or_default();
        TARGETS.iter().find(|one| one.name == name).unwrap_or_else(|| panic!("KITARU_FUZZ={name} names no target"))
    });
    (target.run)(bytes);
});
