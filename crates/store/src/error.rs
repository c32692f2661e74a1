//! What can go wrong with a store, in terms of what the caller can do about it.
//!
//! Not here: SQL error codes; a backend translates them.

use kitaru_core::{Digest, ExecutionId};
use serde::{Deserialize, Serialize};

/// A store's refusal or failure. Goes over the wire as it is.
#[derive(Clone, Debug, thiserror::Error, Serialize, Deserialize)]
pub enum StoreError {
    /// No such execution.
    #[error("no execution {0}")]
    NotFound(String),
    /// An identifier's beginning or end fits several executions.
    #[error("{text:?} fits several executions: {}; give more of it", found.iter().map(ExecutionId::as_str).collect::<Vec<_>>().join(", "))]
    Ambiguous {
        /// What was given.
        text: String,
        /// Some of those that fit.
        found: Vec<ExecutionId>,
    },
    /// Somebody else has taken the execution up since, or it is no longer open for writing. Stop writing.
    #[error("execution {0} is no longer held by this process")]
    Fenced(ExecutionId),
    /// The guard of a posted event did not hold: somebody was faster, or the wait is not open.
    #[error("{0}")]
    Conflict(String),
    /// The store is busy beyond patience, or away for now. The same call may succeed later.
    #[error("the store did not answer in time: {0}")]
    Busy(String),
    /// A stored value was removed as unused while it was being written again. Written anew, it is there.
    #[error("a stored value was removed while it was being written again; try again")]
    Collected,
    /// The store may not be written. Nothing was recorded.
    #[error("cannot write to the store at {path}: {why}")]
    ReadOnly {
        /// Where.
        path: String,
        /// The system's words, with what to do.
        why: String,
    },
    /// The disk is full. Nothing was recorded.
    #[error("no space is left for the store at {path}: free some, then go on; what was recorded before is safe")]
    Full {
        /// Where.
        path: String,
    },
    /// The file is not a store, or is damaged.
    #[error(
        "the store at {path} is damaged: {why}; restore a copy of it, or move it away to begin anew \
         (`kitaru doctor --deep` walks it)"
    )]
    Damaged {
        /// Where.
        path: String,
        /// What was found.
        why: String,
    },
    /// The file that is open is no longer the one at its path.
    #[error("the store at {path} was moved or replaced while this process had it open: {how}; start it again")]
    Moved {
        /// Where it was.
        path: String,
        /// What is there now.
        how: String,
    },
    /// The store was written by a later version.
    #[error("the store at {path} has format {found}, this version knows up to {known}: upgrade kitaru")]
    Newer {
        /// Where.
        path: String,
        /// Its format.
        found: u32,
        /// What is known here.
        known: u32,
    },
    /// The store was written by an earlier version, and is brought up to date only when somebody says so.
    #[error(
        "the store at {path} has format {found}, this version needs {known}: stop what uses it, make a backup, and run \
         `kitaru store migrate`"
    )]
    Older {
        /// Where.
        path: String,
        /// Its format.
        found: u32,
        /// What is needed here.
        known: u32,
    },
    /// The database server is of a version that lacks what is needed.
    #[error("the PostgreSQL at {path} is version {found}, and {needed} or newer is needed")]
    TooOld {
        /// Where.
        path: String,
        /// Its version.
        found: String,
        /// What is needed.
        needed: u32,
    },
    /// The store lies on a file system whose locks cannot be trusted.
    #[error(
        "{path} is on a network file system ({kind}), where locks cannot be trusted: set KITARU_HOME to a local folder"
    )]
    Network {
        /// Where.
        path: String,
        /// Which kind.
        kind: String,
    },
    /// The handle was inherited by a forked child: the connections in it belong to the parent.
    #[error(
        "this process was forked while its parent had the store at {path} open, and cannot use it: start it with spawn or forkserver"
    )]
    Forked {
        /// Where.
        path: String,
    },
    /// `KITARU_STORE` is of a form that is not known.
    #[error(
        "cannot open {0:?}: a store is a path to a file, memory:, the http(s):// address of a server, or the postgres:// address of a database"
    )]
    Address(String),
    /// The server of the store is away, and was waited for as long as may be. Whether the last write arrived is unknown.
    #[error("the server at {url} does not answer ({why}); waited {waited} s")]
    Away {
        /// Where.
        url: String,
        /// What the system said last.
        why: String,
        /// For how long it was waited for.
        waited: u64,
    },
    /// The server does not know the token, or none was sent.
    #[error("the server at {url} does not let this in: {why}")]
    Unauthorized {
        /// Where.
        url: String,
        /// What it says.
        why: String,
    },
    /// The server knows the token, which may not do this.
    #[error("the server at {url} refuses: {why}")]
    Forbidden {
        /// Where.
        url: String,
        /// What it says.
        why: String,
    },
    /// A token would be sent where others can read it.
    #[error("a token is not sent to {url}: others can read it on its way")]
    Readable {
        /// Where.
        url: String,
    },
    /// The file that a token is to be read from cannot be used.
    #[error("the token in {path} is not used: {why}")]
    TokenFile {
        /// Where.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// What the store has is sealed, and the keys that it needs were not given. Nothing was read or written.
    #[error("the store at {path} is sealed {how}")]
    Sealed {
        /// Where.
        path: String,
        /// With which keys, which of them is missing, and what to do.
        how: String,
    },
    /// The file of keys cannot be used.
    #[error("the keys in {path} are not used: {why}")]
    KeyFile {
        /// Where.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// The place where large values are kept cannot be used.
    #[error("the large values at {address} cannot be used: {why}")]
    Blobs {
        /// Where they are.
        address: String,
        /// What is wrong with it.
        why: String,
    },
    /// `KITARU_BLOBS` names another place than the one that the store's large values are in.
    #[error(
        "the large values of the store at {path} are at {kept}, and KITARU_BLOBS names {given}: name the same, or unset it"
    )]
    OtherBlobs {
        /// The store.
        path: String,
        /// Where they are.
        kept: String,
        /// What was given.
        given: String,
    },
    /// A setting of the environment means nothing.
    #[error("{0}")]
    Setting(String),
    /// The server speaks another protocol.
    #[error("the server at {url} is of version {theirs}, this is {ours}, and they do not understand each other: {way}")]
    Version {
        /// Where.
        url: String,
        /// The server's version.
        theirs: String,
        /// The version here.
        ours: String,
        /// What to do.
        way: String,
    },
    /// The two sides did not understand each other.
    #[error("the server of the store is not understood: {0}")]
    Protocol(String),
    /// The sender took values for known that are not there. It sends them; nobody else sees this.
    #[error("values that are referred to are not in the store")]
    Missing(Vec<Digest>),
    /// Somebody pressed Ctrl-C while the server was waited for.
    #[error("interrupted while the server of the store was waited for")]
    Interrupted,
    /// Anything else the system said.
    #[error("store at {path}: {why}")]
    Io {
        /// Where.
        path: String,
        /// The system's words.
        why: String,
    },
}

impl StoreError {
    /// The error's code: a kebab-case word with a page in `docs/errors/`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound(_) => "unknown-execution",
            Self::Ambiguous { .. } => "ambiguous-id",
            Self::Fenced(_) => "fenced",
            Self::Conflict(_) => "conflict",
            Self::Busy(_) | Self::Collected => "store-busy",
            Self::ReadOnly { .. } => "store-read-only",
            Self::Full { .. } => "store-full",
            Self::Damaged { .. } => "store-damaged",
            Self::Moved { .. } => "store-moved",
            Self::Newer { .. } => "store-newer",
            Self::Older { .. } => "store-older",
            Self::TooOld { .. } => "postgres-too-old",
            Self::Network { .. } => "network-file-system",
            Self::Forked { .. } => "store-forked",
            Self::Address(_) => "store-address",
            Self::Away { .. } => "server-away",
            Self::Unauthorized { .. } => "unauthorized",
            Self::Forbidden { .. } => "forbidden",
            Self::Readable { .. } => "token-over-http",
            Self::TokenFile { .. } => "token-file",
            Self::Sealed { .. } => "store-sealed",
            Self::KeyFile { .. } => "key-file",
            Self::Blobs { .. } => "blobs",
            Self::OtherBlobs { .. } => "other-blobs",
            Self::Setting(_) => "usage",
            Self::Version { .. } => "server-version",
            Self::Protocol(_) | Self::Missing(_) => "server-protocol",
            Self::Interrupted => "interrupted",
            Self::Io { .. } => "store-io",
        }
    }
}

/// A system error about a path, as what the caller can do about it.
pub(crate) fn from_io(path: &std::path::Path, error: &std::io::Error) -> StoreError {
    let path = path.display().to_string();
    match error.kind() {
        std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => {
            StoreError::ReadOnly { path, why: format!("{error}; set KITARU_HOME to a folder that can be written") }
        }
        // Also what is said of a new folder whose name a file has.
        std::io::ErrorKind::NotADirectory | std::io::ErrorKind::AlreadyExists => {
            let why =
                "a file is where a folder is needed; set KITARU_HOME to a folder, or KITARU_STORE to a file in one";
            StoreError::Io { path, why: why.to_owned() }
        }
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded | std::io::ErrorKind::FileTooLarge => {
            StoreError::Full { path }
        }
        std::io::ErrorKind::IsADirectory => {
            StoreError::Io { path, why: "it is a folder; set KITARU_STORE to a file".to_owned() }
        }
        _ => StoreError::Io { path, why: error.to_string() },
    }
}
