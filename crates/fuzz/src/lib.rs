//! What reads bytes from outside, each as a target of a fuzzer: a text that somebody types, a journal and a store's files
//! that something has damaged.
//!
//! A target holds what must hold for any bytes: nothing panics or takes memory without bound, what is read can be written
//! and read again, and damage is told and never handed out as a value. `tests/targets.rs` runs each on samples that are
//! damaged at random: some in `make test`, many in `make nightly`. A target is a function of bytes, so that any fuzzer can
//! drive it. Not here: what comes over a socket, and values as Python gets them.

mod files;
mod journal;
mod texts;

/// A target: its name, samples that it reads without complaint, and itself.
pub struct Target {
    /// Its name.
    pub name: &'static str,
    /// What it reads without complaint.
    pub samples: fn() -> Vec<Vec<u8>>,
    /// Panics if what must hold does not.
    pub run: fn(&[u8]),
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target { name: "selector", samples: texts::selectors, run: texts::selector },
    Target { name: "breakpoint", samples: texts::breakpoints, run: texts::breakpoint },
    Target { name: "condition", samples: texts::conditions, run: texts::condition },
    Target { name: "path", samples: texts::paths, run: texts::path },
    Target { name: "schedule", samples: texts::schedules, run: texts::schedule },
    Target { name: "identifier", samples: texts::identifiers, run: texts::identifier },
    Target { name: "journal", samples: journal::samples, run: journal::journal },
    Target { name: "pack", samples: files::packs, run: files::pack },
    Target { name: "database", samples: files::databases, run: files::database },
];
