//! What can stop a session, in terms of what its flow must do.
//!
//! Not here: failures of user code; they are data to the engine.

use kitaru_core::lease::Owner;
use kitaru_core::rows::Status;
use kitaru_core::{ExecutionId, event::Stop};
use kitaru_store::StoreError;

/// An engine's refusal or failure.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The execution has ended for good.
    #[error("execution {id} is {status}: it cannot go on")]
    Ended {
        /// Which.
        id: ExecutionId,
        /// How.
        status: Status,
    },
    /// A living process works on it.
    #[error("execution {id} is held by process {} on {}", owner.pid, owner.host)]
    Held {
        /// Which.
        id: ExecutionId,
        /// By whom.
        owner: Box<Owner>,
    },
    /// It has been suspended, paused or ended in this process: nothing more is recorded.
    #[error("execution {0} is no longer running here")]
    Closed(ExecutionId),
    /// Somebody asked it to stop.
    #[error("execution {id} was asked to {}", match stop { Stop::Cancel => "cancel", Stop::Pause => "pause" })]
    Stopping {
        /// Which.
        id: ExecutionId,
        /// How.
        stop: Stop,
    },
    /// It was taken up several times without one new record.
    #[error("execution {id} was taken up {taken} times without one new record")]
    NoProgress {
        /// Which.
        id: ExecutionId,
        /// How many times.
        taken: u32,
    },
    /// A call that was made before the flow's function began again: nobody waits for it any more.
    #[error("this call was made before the flow began again from its top; nothing of it is recorded")]
    EarlierPass,
    /// Somebody's change of a call's inputs cannot be made.
    #[error("the inputs of {key} cannot be changed so: {why}")]
    BadOverride {
        /// The call.
        key: String,
        /// Why.
        why: kitaru_core::path::PathError,
    },
    /// A value that is no JSON text: a mistake of the binding.
    #[error("misuse of the engine: {0}")]
    Misuse(String),
}

impl EngineError {
    /// The error's code: a kebab-case word with a page in `docs/errors/`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Store(error) => error.code(),
            Self::Ended { .. } => "already-ended",
            Self::Held { .. } => "held",
            Self::Closed(_) => "closed",
            Self::Stopping { .. } => "stopping",
            Self::NoProgress { .. } => "no-progress",
            Self::EarlierPass => "earlier-pass",
            Self::BadOverride { .. } => "bad-override",
            Self::Misuse(_) => "misuse",
        }
    }
}

/// A result of the engine.
pub type Result<T> = std::result::Result<T, EngineError>;
