//! What goes wrong inside a statement, and SQLite's words as what the caller can do.
//!
//! Not here: the errors that callers see ([`StoreError`]).

use crate::error::{StoreError, from_io};
use rusqlite::{Connection, Error, ErrorCode};
use std::path::Path;

/// What can go wrong inside: SQLite's own errors are translated where the path is known.
#[derive(Debug)]
pub enum Fault {
    /// SQLite failed.
    Sql(Error),
    /// A refusal.
    Refused(StoreError),
    /// A value that would not serialise, or a stored text that is not what it should be.
    Json(serde_json::Error),
    /// A stored word or number that means nothing.
    Odd(String),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Sql(error)
    }
}

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

/// A result of a statement.
pub type Result<T> = std::result::Result<T, Fault>;

impl Fault {
    /// Whether the statements of others in the same transaction would meet it too.
    pub fn concerns_all(&self) -> bool {
        let Self::Sql(error) = self else { return false };
        !matches!(
            error.sqlite_error_code(),
            None | Some(ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch | ErrorCode::TooBig)
        )
    }

    /// What it means to the caller. `db`: the connection that failed, which knows the system's own error.
    pub fn told(&self, db: Option<&Connection>, path: &Path) -> StoreError {
        let damaged = |why: String| StoreError::Damaged { path: path.display().to_string(), why };
        let error = match self {
            Self::Refused(error) => return error.clone(),
            Self::Json(error) => return damaged(format!("a record cannot be read ({error})")),
            Self::Odd(why) => return damaged(why.clone()),
            Self::Sql(error) => error,
        };
        match error {
            Error::FromSqlConversionFailure(..)
            | Error::IntegralValueOutOfRange(..)
            | Error::Utf8Error(..)
            | Error::InvalidColumnType(..)
            | Error::QueryReturnedNoRows => {
                return damaged(format!("a record cannot be read ({error})"));
            }
            _ => {}
        }
        let shown = path.display().to_string();
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                StoreError::Busy(format!("another program keeps {shown} locked ({error}); close it, or try again"))
            }
            Some(ErrorCode::DiskFull) => StoreError::Full { path: shown },
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => StoreError::ReadOnly {
                path: shown,
                why: format!("{error}; set KITARU_HOME to a folder that can be written"),
            },
            Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen) => match db.and_then(system_error) {
                Some(system) => from_io(path, &system),
                None if error.sqlite_error_code() == Some(ErrorCode::CannotOpen) => StoreError::ReadOnly {
                    path: shown,
                    why: format!("{error}; set KITARU_HOME to a folder that can be written"),
                },
                None => StoreError::Io { path: shown, why: error.to_string() },
            },
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => damaged(error.to_string()),
            // Our statements are right: a table or column that they name has gone.
            Some(ErrorCode::Unknown) if error.to_string().contains("no such ") => damaged(error.to_string()),
            _ => StoreError::Io { path: shown, why: error.to_string() },
        }
    }
}

/// SQLite tells a full disk from other failures for some calls only (not a quota, a file-size limit or a sync).
fn system_error(db: &Connection) -> Option<std::io::Error> {
    // SAFETY: the handle is open for as long as the connection is borrowed; the call reads one number of it.
    let number = unsafe { rusqlite::ffi::sqlite3_system_errno(db.handle()) };
    (number != 0).then(|| std::io::Error::from_raw_os_error(number))
}
