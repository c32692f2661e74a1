//! The queries, each a message. Not here: what they find.

use super::Remote;
use crate::store::{
    ArtifactRow, Changes, ExecutionFilter, InboxPlace, LogLine, Page, Queries, Result, Revision, StatisticsRow,
    WaitFilter,
};
use crate::wire::{Found, Read, odd};
use kitaru_core::release::Release;
use kitaru_core::rows::{BreakpointRow, CallRow, CallStatus, ExecutionRow, Status, WaitRow};
use kitaru_core::schedule::Schedule;
use kitaru_core::{Event, ExecutionId, Millis};

/// What was found, if it is of the kind that was asked for.
macro_rules! found {
    ($self:expr, $read:expr, $kind:pat => $found:expr) => {
        match $self.look(&$read)? {
            $kind => Ok($found),
            _ => Err(odd()),
        }
    };
}

impl Queries for Remote {
    fn execution(&self, id: &ExecutionId) -> Result<ExecutionRow> {
        found!(self, Read::Execution(id.clone()), Found::Execution(row) => *row)
    }

    fn find(&self, text: &str) -> Result<ExecutionId> {
        found!(self, Read::Find(text.to_owned()), Found::Id(id) => id)
    }

    fn executions(&self, filter: &ExecutionFilter, page: Page) -> Result<Vec<ExecutionRow>> {
        found!(self, Read::Executions(Box::new(filter.clone()), page), Found::Executions(rows) => rows)
    }

    fn calls(&self, id: &ExecutionId) -> Result<Vec<CallRow>> {
        found!(self, Read::Calls(id.clone()), Found::Calls(rows) => rows)
    }

    fn call_counts(&self, id: &ExecutionId) -> Result<Vec<(CallStatus, u64)>> {
        found!(self, Read::CallCounts(id.clone()), Found::CallCounts(counts) => counts)
    }

    fn waits(&self, filter: &WaitFilter, page: Page) -> Result<Vec<WaitRow>> {
        found!(self, Read::Waits(filter.clone(), page), Found::Waits(rows) => rows)
    }

    fn inbox(&self, after: Option<&InboxPlace>, limit: usize) -> Result<Vec<(InboxPlace, WaitRow)>> {
        found!(self, Read::Inbox(after.cloned(), limit), Found::Inbox(rows) => rows)
    }

    fn stirred(&self, now: Millis) -> Result<Vec<ExecutionRow>> {
        found!(self, Read::Stirred(now), Found::Executions(rows) => rows)
    }

    fn artifacts(&self, id: &ExecutionId) -> Result<Vec<ArtifactRow>> {
        found!(self, Read::Artifacts(id.clone()), Found::Artifacts(rows) => rows)
    }

    fn logs(&self, id: &ExecutionId, after: u64, limit: usize) -> Result<(Vec<LogLine>, u64)> {
        found!(self, Read::Logs(id.clone(), after, limit), Found::Logs(lines, last) => (lines, last))
    }

    fn changes(&self, after: Revision, limit: usize) -> Result<Changes> {
        found!(self, Read::Changes(after, limit), Found::Changes(changes) => changes)
    }

    fn newest(&self) -> Result<Revision> {
        found!(self, Read::Newest, Found::Number(newest) => newest)
    }

    fn forgotten(&self) -> Result<Revision> {
        found!(self, Read::Forgotten, Found::Number(number) => number)
    }

    fn counts(&self) -> Result<Vec<(String, Status, u64)>> {
        found!(self, Read::Counts, Found::Counts(counts) => counts)
    }

    fn statistics(&self, since: Millis) -> Result<Vec<StatisticsRow>> {
        found!(self, Read::Statistics(since), Found::Statistics(rows) => rows)
    }

    fn tags(&self) -> Result<Vec<(String, u64)>> {
        found!(self, Read::Tags, Found::Tags(tags) => tags)
    }

    fn breakpoints(&self, flow: Option<&str>) -> Result<Vec<BreakpointRow>> {
        found!(self, Read::Breakpoints(flow.map(str::to_owned)), Found::Breakpoints(rows) => rows)
    }

    fn releases(&self, flow: Option<&str>) -> Result<Vec<Release>> {
        found!(self, Read::Releases(flow.map(str::to_owned)), Found::Releases(rows) => rows)
    }

    fn schedules(&self, by: Option<Millis>) -> Result<Vec<Schedule>> {
        found!(self, Read::Schedules(by), Found::Schedules(rows) => rows)
    }

    fn events(&self, id: &ExecutionId, kinds: &[&str]) -> Result<Vec<Event>> {
        let kinds = kinds.iter().map(|kind| (*kind).to_owned()).collect();
        found!(self, Read::Events(id.clone(), kinds), Found::Events(events) => events)
    }

    fn code(&self, digest: &str) -> Result<Option<String>> {
        found!(self, Read::Code(digest.to_owned()), Found::Code(parts) => parts)
    }

    fn health(&self, deep: bool) -> Result<Vec<(String, String)>> {
        let health = found!(self, Read::Health(deep), Found::Health(health) => health)?;
        let server = ("server".to_owned(), self.link.url.clone());
        Ok(std::iter::once(server).chain(health).collect())
    }
}
