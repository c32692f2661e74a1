//! An execution that is to go on with the code of another version: whether what is on record fits it.
//!
//! Not here: which versions there are (the engine), and how it goes on (`going`).

use crate::Shared;
use crate::process::Process;
use crate::start::{PATIENCE, no_worker};
use kitaru_core::event::EntryPoint;
use kitaru_core::rows::ExecutionRow;
use kitaru_engine::manage::{self, ManageError};
use serde_json::json;

/// Where its code is from now on. `is_decided`: somebody has said what is done with what does not fit.
pub fn to(shared: &Shared, row: &ExecutionRow, version: &str, is_decided: bool) -> Result<EntryPoint, ManageError> {
    let Some(carrier) = &shared.carrier else { return Err(no_worker()) };
    let deployment = manage::another(shared.store.as_ref(), row, version)?;
    if !is_decided {
        let interpreter = carrier.at(&deployment.entry)?.interpreter;
        let job = json!({ "rehearse": { "id": row.id, "target": null, "entry": deployment.entry } });
        let process = Process::begin(&interpreter, &job, carrier.place()).map_err(|error| {
            let message = format!("{interpreter} cannot be started: {error}");
            ManageError::new("flow-import", message, None)
        })?;
        manage::must_fit(row, &deployment, &process.finish(PATIENCE)?)?;
    }
    Ok(deployment.entry)
}
