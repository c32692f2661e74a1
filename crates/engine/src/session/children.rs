//! Child executions: which one a call of a child flow is.
//!
//! Not here: whether a call is asked about (core), and creating and carrying on a child (the host does).

use super::Session;
use super::calls::stale;
use crate::error::Result;
use kitaru_core::ExecutionId;
use kitaru_core::matcher::CallId;
use kitaru_core::records::Record;
use kitaru_core::rows::{ExecutionRow, Status};
use kitaru_store::{ExecutionFilter, Page, StoreError};

impl Session {
    /// The identifier of the execution that a call of a child flow starts or goes on with; `keyed`: the one that its key
    /// gives it. Of a call that a replay keeps it is the child of the execution that made the call; of one that was decided
    /// to be a child that began with other inputs, that child.
    pub fn child_id(&self, call: CallId, keyed: Option<ExecutionId>) -> Result<ExecutionId> {
        let adopted = self.lock().pass.matcher.adopted(call).cloned();
        if let Some(child) = adopted.map(|record| self.child_begun_as(&record)).transpose()?.flatten() {
            return Ok(child.id);
        }
        if let Some(keyed) = keyed {
            return Ok(keyed);
        }
        let inner = self.lock();
        let scope = inner.pass.matcher.child_scope(call).ok_or_else(stale)?;
        let record = inner.pass.matcher.record_of(call).filter(|record| record.state.is_served());
        let sources = inner.pass.matcher.records.fork.iter().flat_map(|fork| &fork.sources);
        let source = record.and_then(|record| sources.into_iter().find(|(upto, _)| record.seq <= *upto));
        Ok(ExecutionId::child_of(source.map_or(self.id(), |(_, id)| id), &scope))
    }

    /// Of the children that a call may be and that have not ended for this flow, the first that is there and was not
    /// cancelled: its record's index, its identifier and its status. `alone`: as the call was decided.
    pub fn child_left(&self, call: CallId, alone: bool) -> Result<Option<(usize, ExecutionId, Status)>> {
        let candidates: Vec<(usize, Record)> = {
            let inner = self.lock();
            let matcher = &inner.pass.matcher;
            let known = matcher.children_left(call, alone).into_iter();
            known.map(|ix| (ix, matcher.records.all[ix].clone())).collect()
        };
        for (ix, record) in candidates {
            if let Some(child) = self.child_begun_as(&record)?
                && child.status != Status::Cancelled
            {
                let status = crate::manage::status(self.store.as_ref(), &child, self.now());
                return Ok(Some((ix, child.id, status)));
            }
        }
        Ok(None)
    }

    /// The execution that a call of a child began, if it came to be: named by that call, or by a key.
    fn child_begun_as(&self, record: &Record) -> Result<Option<ExecutionRow>> {
        let queries = self.store.queries();
        match queries.execution(&ExecutionId::child_of(self.id(), &record.child_scope())) {
            Ok(row) => return Ok(Some(row)),
            Err(StoreError::NotFound(_)) => {}
            Err(error) => return Err(error.into()),
        }
        let filter = ExecutionFilter { parent: Some(self.id().clone()), ..ExecutionFilter::default() };
        let children = queries.executions(&filter, Page { limit: usize::MAX, offset: 0 })?;
        let is_it = |row: &ExecutionRow| row.parent.as_ref().is_some_and(|parent| parent.key == record.call.key);
        Ok(children.into_iter().find(is_it))
    }
}
