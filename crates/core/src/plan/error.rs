//! Why there is no plan, with the code that its page has.
//!
//! Not here: ways out, which name commands (the engine's `manage`).

use crate::path::PathError;
use crate::selector::SelectorError;
use std::fmt;

/// Why there is no plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlanError {
    /// A selector names nothing, or several.
    Selector(SelectorError),
    /// An override names nothing that can be changed.
    Override {
        /// As it was written.
        path: String,
        /// Why not.
        why: String,
    },
    /// There is no such wait.
    NoWait {
        /// As it was named.
        name: String,
        /// Keys of those there are.
        known: Vec<String>,
    },
    /// Several waits have that name, and none that key.
    SeveralWaits {
        /// As it was named.
        name: String,
        /// Their keys.
        keys: Vec<String>,
    },
    /// The frontier stands after something that is changed, which would then change nothing.
    TooLate {
        /// The frontier.
        from: String,
        /// What is changed before.
        path: String,
    },
    /// Nothing is asked: the replay would do what was done.
    Nothing {
        /// Whether a failed call can be replayed from.
        failed: bool,
    },
}

impl PlanError {
    /// The error's code: a kebab-case word with a page in `docs/errors/`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Selector(SelectorError::Ambiguous { .. }) => "ambiguous-selector",
            Self::Selector(_) => "unknown-call",
            Self::Override { .. } | Self::TooLate { .. } => "bad-override",
            Self::NoWait { .. } => "unknown-wait",
            Self::SeveralWaits { .. } => "several-waits",
            Self::Nothing { .. } => "usage",
        }
    }

    pub(super) fn refused(path: &str, why: impl fmt::Display) -> Self {
        Self::Override { path: path.to_owned(), why: why.to_string() }
    }

    pub(super) fn bad_path(path: &str, error: &PathError) -> Self {
        Self::refused(path, error)
    }
}

impl From<SelectorError> for PlanError {
    fn from(error: SelectorError) -> Self {
        Self::Selector(error)
    }
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Selector(error) => error.fmt(f),
            Self::Override { path, why } => write!(f, "{path} cannot be set: {why}"),
            Self::NoWait { name, known } if known.is_empty() => write!(f, "there is no wait {name}; it asked nothing"),
            Self::NoWait { name, known } => write!(f, "there is no wait {name}; there is: {}", known.join(", ")),
            Self::SeveralWaits { name, keys } => write!(f, "{name} names several waits: {}", keys.join(", ")),
            Self::TooLate { from, path } => write!(
                f,
                "{path} is changed before {from}: what ran between them would be reused as if it were not changed"
            ),
            Self::Nothing { .. } => f.write_str("nothing is changed, and nothing is to run again"),
        }
    }
}

impl std::error::Error for PlanError {}
