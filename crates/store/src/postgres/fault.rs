//! What goes wrong with a statement, and PostgreSQL's words as what the caller can do.
//!
//! Not here: the errors that callers see ([`StoreError`]), and trying again.

use crate::error::StoreError;
use tokio_postgres::error::SqlState;

/// See the module.
#[derive(Debug)]
pub enum Fault {
    /// The connection is gone, or the database is about to go or to come. What came of the statement is unknown.
    Lost(String),
    /// The transaction was undone because of others: the same may succeed now.
    Again(String),
    /// A refusal.
    Refused(StoreError),
    /// A value that would not serialise, or a stored text that is not what it should be.
    Json(serde_json::Error),
    /// A stored word or number that means nothing.
    Odd(String),
    /// Anything else that the database says of a statement.
    Statement(String),
}

/// A result of a statement.
pub type Result<T> = std::result::Result<T, Fault>;

impl From<serde_json::Error> for Fault {
    fn from(error: serde_json::Error) -> Self {
        Self::Json(error)
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Refused(error)
    }
}

impl Fault {
    /// What the driver says of the database at `path`.
    pub fn of(error: &tokio_postgres::Error, path: &str) -> Self {
        let path = path.to_owned();
        let Some(told) = error.as_db_error() else {
            let why = whole(error);
            // A value of another type than is expected: our tables are not what they should be.
            return if why.contains("deserializing") || why.contains("serializing parameter") {
                Self::Odd(why)
            } else {
                Self::Lost(why)
            };
        };
        let why = told.message().to_owned();
        let code = told.code();
        if *code == SqlState::T_R_SERIALIZATION_FAILURE
            || *code == SqlState::T_R_DEADLOCK_DETECTED
            || *code == SqlState::LOCK_NOT_AVAILABLE
            || *code == SqlState::QUERY_CANCELED
            // `once` has noticed that this was written before: it is looked for.
            || code.code() == "KT001"
        {
            return Self::Again(why);
        }
        // What stands still in a transaction is ended by it; too many have a connection.
        if *code == SqlState::TOO_MANY_CONNECTIONS
            || *code == SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT
            || ["08", "57P"].iter().any(|class| code.code().starts_with(class))
        {
            return Self::Lost(why);
        }
        Self::Refused(match code.code() {
            "28P01" | "28000" => StoreError::Unauthorized { url: path, why },
            "3D000" => StoreError::Io { path, why: format!("{why}: create it with `createdb`, or name another") },
            "42501" => StoreError::ReadOnly { path, why: format!("{why}; grant that to the user of the address") },
            "25006" => StoreError::ReadOnly { path, why: format!("{why}; it is a standby, or set to be read only") },
            "53100" => StoreError::Full { path },
            "42P01" | "42883" | "42703" | "3F000" | "XX001" | "XX002" => StoreError::Damaged { path, why },
            other => return Self::Statement(format!("{why} ({other})")),
        })
    }

    /// What it means to the caller.
    pub fn told(self, path: &str) -> StoreError {
        let path = path.to_owned();
        match self {
            Self::Refused(error) => error,
            Self::Json(error) => StoreError::Damaged { path, why: format!("a record cannot be read ({error})") },
            Self::Odd(why) => StoreError::Damaged { path, why },
            Self::Lost(why) | Self::Again(why) => StoreError::Busy(format!("{path}: {why}")),
            Self::Statement(why) => StoreError::Io { path, why },
        }
    }
}

/// An error with what it came from: the driver's own words say little.
fn whole(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let more = inner.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = inner.source();
    }
    text
}
