//! What is asked of a store in PostgreSQL ([`Queries`]): each is a statement of the modules beside this one.
//!
//! Not here: the verbs of those who run executions (`super`).

use super::*;

impl Queries for Postgres {
    fn execution(&self, id: &ExecutionId) -> Result<ExecutionRow> {
        self.read(|db| read::execution(db, id))
    }

    fn find(&self, text: &str) -> Result<ExecutionId> {
        self.read(|db| read::find(db, text))
    }

    fn executions(&self, filter: &ExecutionFilter, page: Page) -> Result<Vec<ExecutionRow>> {
        self.read(|db| listing::executions(db, filter, page))
    }

    fn calls(&self, id: &ExecutionId) -> Result<Vec<CallRow>> {
        self.read(|db| if forks::is_replay(db, id)? { forks::calls(db, id) } else { read::calls(db, id) })
    }

    fn call_counts(&self, id: &ExecutionId) -> Result<Vec<(CallStatus, u64)>> {
        if !self.read(|db| forks::is_replay(db, id))? {
            return self.read(|db| read::call_counts(db, id));
        }
        let mut counts = std::collections::BTreeMap::new();
        for call in self.calls(id)? {
            counts.entry(call.status.as_str()).or_insert((call.status, 0)).1 += 1;
        }
        Ok(counts.into_values().collect())
    }

    fn waits(&self, filter: &WaitFilter, page: Page) -> Result<Vec<WaitRow>> {
        self.read(|db| listing::waits(db, filter, page))
    }

    fn inbox(&self, after: Option<&InboxPlace>, limit: usize) -> Result<Vec<(InboxPlace, WaitRow)>> {
        self.read(|db| listing::inbox(db, after, limit))
    }

    fn stirred(&self, now: Millis) -> Result<Vec<ExecutionRow>> {
        self.read(|db| listing::candidates(db, now))
    }

    fn artifacts(&self, id: &ExecutionId) -> Result<Vec<ArtifactRow>> {
        self.read(|db| if forks::is_replay(db, id)? { forks::artifacts(db, id) } else { read::artifacts(db, id) })
    }

    fn logs(&self, id: &ExecutionId, after: u64, limit: usize) -> Result<(Vec<LogLine>, u64)> {
        self.read(|db| read::logs(db, id, after, limit))
    }

    fn changes(&self, after: Revision, limit: usize) -> Result<Changes> {
        self.read(|db| feed::changes(db, self.space, after, limit))
    }

    fn newest(&self) -> Result<Revision> {
        self.newest_settled()
    }

    fn statistics(&self, since: Millis) -> Result<Vec<StatisticsRow>> {
        self.read(|db| statistics::statistics(db, since))
    }

    fn counts(&self) -> Result<Vec<(String, Status, u64)>> {
        self.read(statistics::counts)
    }

    fn open_waits(&self) -> Result<(u64, Option<Millis>)> {
        self.read(statistics::open_waits)
    }

    fn tags(&self) -> Result<Vec<(String, u64)>> {
        self.read(statistics::tags)
    }

    fn breakpoints(&self, flow: Option<&str>) -> Result<Vec<BreakpointRow>> {
        self.read(|db| read::breakpoints(db, flow))
    }

    fn releases(&self, flow: Option<&str>) -> Result<Vec<Release>> {
        self.read(|db| read::releases(db, flow))
    }

    fn schedules(&self, by: Option<Millis>) -> Result<Vec<Schedule>> {
        self.read(|db| read::schedules(db, by))
    }

    fn events(&self, id: &ExecutionId, kinds: &[&str]) -> Result<Vec<Event>> {
        self.read(|db| read::events_of(db, id, kinds))
    }

    fn code(&self, digest: &str) -> Result<Option<String>> {
        self.read(|db| read::code(db, digest))
    }

    fn health(&self, deep: bool) -> Result<Vec<(String, String)>> {
        let schema = &self.pool.address().schema;
        let mut found = vec![("path".to_owned(), self.path.clone()), ("format".to_owned(), open::VERSION.to_string())];
        found.extend(self.read(|db| statistics::health(db, schema))?);
        found.push(("sealed".to_owned(), self.seal.now().told()));
        found.push(("blobs".to_owned(), self.blobs_told()?));
        if deep {
            found.push((
                "integrity_check".to_owned(),
                self.read(|db| db.batch("SELECT count(*) FROM journal")).map(|()| "ok".to_owned())?,
            ));
            found.push(("value_check".to_owned(), self.check()?));
        }
        Ok(found)
    }
}
