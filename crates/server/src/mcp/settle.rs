//! Waiting, where a caller asks for it, until an execution that was just acted on stands still again; bounded.
//!
//! Not here: acting.

use super::tool::Result;
use crate::{Shared, executions};
use kitaru_core::rows::{ExecutionRow, Status};
use kitaru_core::{Epoch, ExecutionId, Seq};
use kitaru_engine::manage;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// How long somebody may wait at the most, in seconds.
pub const LONGEST: u64 = 60;

/// Between two looks.
const LOOK: Duration = Duration::from_millis(50);

/// An execution that goes on, as it was before.
#[derive(Clone, Debug)]
pub struct Watch {
    id: ExecutionId,
    epoch: Epoch,
    seq: Seq,
    in_place: bool,
    seconds: u64,
}

impl Watch {
    /// Of an execution as it was before it went on. `in_place`: in the process that has it.
    pub fn new(before: &ExecutionRow, in_place: bool, seconds: u64) -> Self {
        let (epoch, seq) = (before.epoch, before.last_seq);
        Self { id: before.id.clone(), epoch, seq, in_place, seconds: seconds.min(LONGEST) }
    }

    /// Whether anybody wants to wait.
    pub fn is_wanted(&self) -> bool {
        self.seconds > 0
    }

    /// Does not wait.
    pub fn look_once(&mut self) {
        self.seconds = 0;
    }

    /// Where it stands, and whether that is where it stays for now.
    fn look(&self, shared: &Shared) -> Result<(bool, Value)> {
        let row = shared.store.queries().execution(&self.id)?;
        let status = manage::status(shared.store.as_ref(), &row, shared.now());
        let has_moved = row.epoch > self.epoch || (self.in_place && row.last_seq > self.seq);
        let refused = shared.carrier.as_ref().and_then(|carrier| carrier.refused(&row));
        let settled = (has_moved && status != Status::Running) || status.is_final() || refused.is_some();
        let mut item = executions::said(shared, &row, json!({ "settled": settled }))?;
        if let Some(why) = refused {
            item["could_not_go_on"] = why.into();
        }
        Ok((settled, item))
    }

    /// Waits as long as was asked for, and returns where it stands then. Ends early when the server does.
    pub async fn wait(self, shared: Shared) -> Result<Value> {
        let begun = Instant::now();
        let mut closing = shared.feed.closing();
        loop {
            let (watch, looked) = (self.clone(), shared.clone());
            let found = tokio::task::spawn_blocking(move || watch.look(&looked)).await;
            let (settled, item) = match found {
                Ok(found) => found?,
                Err(error) => return Err(manage::ManageError::new("misuse", error.to_string(), None)),
            };
            let is_over = *closing.borrow_and_update();
            if settled || is_over || begun.elapsed() >= Duration::from_secs(self.seconds) {
                return Ok(item);
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                _ = closing.wait_for(|closed| *closed) => {}
            }
        }
    }
}
