//! What is asked of a store in a file ([`Queries`]): each is a statement of the modules beside this one.
//!
//! Not here: the verbs of those who run executions (`super`).

use super::*;

impl Queries for Sqlite {
    fn execution(&self, id: &ExecutionId) -> Result<ExecutionRow> {
        self.read(|db| read::execution(db, id))
    }

    fn find(&self, text: &str) -> Result<ExecutionId> {
        self.read(|db| read::find(db, text))
    }

    fn executions(&self, filter: &ExecutionFilter, page: Page) -> Result<Vec<ExecutionRow>> {
        self.read(|db| read::executions(db, filter, page))
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
        self.read(|db| read::waits(db, filter, page))
    }

    fn inbox(&self, after: Option<&InboxPlace>, limit: usize) -> Result<Vec<(InboxPlace, WaitRow)>> {
        self.read(|db| due::inbox(db, after, limit))
    }

    fn stirred(&self, now: Millis) -> Result<Vec<ExecutionRow>> {
        self.read(|db| due::candidates(db, now))
    }

    fn artifacts(&self, id: &ExecutionId) -> Result<Vec<ArtifactRow>> {
        self.read(|db| if forks::is_replay(db, id)? { forks::artifacts(db, id) } else { read::artifacts(db, id) })
    }

    fn logs(&self, id: &ExecutionId, after: u64, limit: usize) -> Result<(Vec<LogLine>, u64)> {
        self.read(|db| read::logs(db, id, after, limit))
    }

    fn changes(&self, after: Revision, limit: usize) -> Result<Changes> {
        self.read(|db| feed::changes(db, after, limit))
    }

    fn forgotten(&self) -> Result<Revision> {
        self.read(feed::forgotten)
    }

    fn newest(&self) -> Result<Revision> {
        self.read(feed::newest)
    }

    fn statistics(&self, since: Millis) -> Result<Vec<StatisticsRow>> {
        self.read(|db| statistics::statistics(db, since))
    }

    fn counts(&self) -> Result<Vec<(String, kitaru_core::rows::Status, u64)>> {
        self.read(statistics::counts)
    }

    fn open_waits(&self) -> Result<(u64, Option<Millis>)> {
        self.read(statistics::open_waits)
    }

    fn tags(&self) -> Result<Vec<(String, u64)>> {
        self.read(statistics::tags)
    }

    fn breakpoints(&self, flow: Option<&str>) -> Result<Vec<BreakpointRow>> {
        self.read(|db| breakpoints::list(db, flow))
    }

    fn releases(&self, flow: Option<&str>) -> Result<Vec<Release>> {
        self.read(|db| releases::list(db, flow))
    }

    fn schedules(&self, by: Option<Millis>) -> Result<Vec<Schedule>> {
        self.read(|db| schedules::list(db, by))
    }

    fn events(&self, id: &ExecutionId, kinds: &[&str]) -> Result<Vec<Event>> {
        self.read(|db| read::events_of(db, id, kinds))
    }

    fn code(&self, digest: &str) -> Result<Option<String>> {
        self.read(|db| breakpoints::code(db, digest))
    }

    fn health(&self, deep: bool) -> Result<Vec<(String, String)>> {
        let setting =
            |db: &Db, name: &str| open::pragma(db, name).map_err(|error| Fault::Sql(error).told(Some(db), &self.path));
        self.here()?;
        let mut found = vec![("path".to_owned(), self.path.display().to_string())];
        // Settings belong to a connection: the one that writes is the one that matters.
        self.writer.with(|db| {
            found.push(("format".to_owned(), setting(db, "user_version")?));
            for name in SETTINGS {
                found.push(((*name).to_owned(), setting(db, name)?));
            }
            Ok(())
        })?;
        if self.reader.is_some() {
            let len = |path: &Path| path.metadata().map_or(0, |file| file.len()).to_string();
            found.push(("file_bytes".to_owned(), len(&self.path)));
            found.push(("wal_bytes".to_owned(), len(&open::beside(&self.path, "-wal"))));
        }
        found.push(("pack_bytes".to_owned(), self.values.bytes().to_string()));
        found.push(("commits".to_owned(), self.writer.commits().to_string()));
        found.push(("sealed".to_owned(), self.seal.now().told()));
        if deep {
            // On the reading connection, so that nobody waits for it.
            let name = "integrity_check";
            found.push((name.to_owned(), self.read(|db| Ok(open::pragma(db, name)?))?));
            let checked = self.read(|db| check::check(db, &self.values, &self.path))?;
            found.push(("value_check".to_owned(), checked.map_or_else(|why| why, |_| "ok".to_owned())));
        }
        Ok(found)
    }
}
