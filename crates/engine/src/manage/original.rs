//! An execution that is replayed or compared, read once: its records, its calls, its questions, whose records it has.
//!
//! Not here: what is asked of a replay ([`super::replay`]) and how executions compare ([`super::diff`]).

use super::{Result, view};
use kitaru_core::event::{CallKind, PauseReason, WaitOpened};
use kitaru_core::plan::{Child, Source};
use kitaru_core::records::Records;
use kitaru_core::rows::{CallRow, ExecutionRow, Status};
use kitaru_core::table::Table;
use kitaru_core::{Body, ExecutionId, Seq, Value};
use kitaru_store::{ExecutionFilter, Page, Store, StoreError};
use std::collections::HashMap;

/// How many events are in memory at once while a journal is read.
const PAGE: usize = 2_000;
/// More replays of replays than anybody makes.
const DEEPEST: usize = 1_000;

/// See the module. Of a running execution, what was recorded up to when its row was read.
#[derive(Debug)]
pub struct Original {
    /// Its row.
    pub row: ExecutionRow,
    /// What its flow would be served.
    pub records: Records,
    /// Its calls, as a plan needs them.
    pub source: Source,
    /// Its calls, as they are listed.
    pub rows: Vec<CallRow>,
    /// Its questions, by key.
    pub questions: HashMap<String, Box<WaitOpened>>,
    /// Parameters of its flow whose values somebody put in place.
    pub plain: Vec<String>,
    /// What bodies were given where somebody changed that, by key.
    pub given: HashMap<String, Value>,
    /// Whose events come before its own: of each execution, those up to a sequence.
    pub sources: Vec<(Seq, ExecutionId)>,
}

impl Original {
    /// Reads an execution's journal. The execution is not written.
    pub fn read(store: &dyn Store, row: &ExecutionRow) -> Result<Self> {
        let (mut records, mut table) = (Records::default(), Table::default());
        let (mut questions, mut given) = (HashMap::new(), HashMap::new());
        let (mut plain, mut sources) = (Vec::new(), Vec::new());
        let mut after = 0;
        loop {
            let page = store.load(&row.id, after, PAGE)?;
            let is_last = page.len() < PAGE;
            for event in page {
                after = event.seq;
                if event.seq > row.last_seq {
                    break;
                }
                records.fold(event.seq, event.at, &event.body);
                table.fold(event.seq, event.at, &event.body);
                match event.body {
                    Body::WaitOpened(opened) if opened.call.kind == CallKind::Wait => {
                        questions.insert(opened.call.key.clone(), opened);
                    }
                    Body::CallStarted(started) => {
                        given.remove(&started.call.key);
                        if let Some(inputs) = started.effective {
                            given.insert(started.call.key, inputs);
                        }
                    }
                    Body::CallEnded(ended) => {
                        if ended.record.is_none() {
                            given.remove(&ended.call.key);
                        }
                        if let Some(inputs) = ended.effective {
                            given.insert(ended.call.key, inputs);
                        }
                    }
                    // Of several the last is its own: those before are of what it replays.
                    Body::Created(created) => {
                        if let Some(fork) = created.fork {
                            plain = fork.plain;
                            sources.push((fork.upto, fork.source));
                        }
                    }
                    _ => {}
                }
            }
            if is_last || after >= row.last_seq {
                break;
            }
        }
        let mut source = Source::of(&records, &table);
        source.upto = row.last_seq;
        source.inputs = Some(row.inputs.clone());
        source.failed_by = failed_by(row).into_iter().collect();
        if source.calls.iter().any(|call| call.kind == CallKind::Child) {
            let mut started = children(store, row)?;
            for call in source.calls.iter_mut().filter(|call| call.kind == CallKind::Child) {
                call.child = started.remove(&call.key);
            }
        }
        Ok(Self { row: row.clone(), records, source, rows: table.calls(), questions, plain, given, sources })
    }

    /// Which execution made a record.
    pub fn origin(&self, seq: Seq) -> &ExecutionId {
        self.sources.iter().find(|(upto, _)| seq <= *upto).map_or(&self.row.id, |(_, id)| id)
    }

    /// Digest of the flow's code when it was last taken up.
    pub fn code(&self) -> Option<&str> {
        self.records.codes.get(self.records.current_code())?.as_deref()
    }
}

/// The records that an execution failed by, or was paused by when retries ran out.
fn failed_by(row: &ExecutionRow) -> Vec<Seq> {
    match row.status {
        Status::Failed => super::resume::sources(row),
        Status::Paused => match super::next::pause(row) {
            Some(PauseReason::RetriesExhausted { record, .. }) => vec![record],
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

/// The executions that calls on record started, by key; those of a replay's kept calls belong to its sources.
fn children(store: &dyn Store, row: &ExecutionRow) -> Result<HashMap<String, Child>> {
    let mut found: HashMap<String, Child> = HashMap::new();
    let mut at: Option<ExecutionId> = Some(row.id.clone());
    for _ in 0..DEEPEST {
        let Some(id) = at else { break };
        let filter = ExecutionFilter { parent: Some(id.clone()), ..ExecutionFilter::default() };
        // Newest first: of several that one call started, the last.
        for child in store.queries().executions(&filter, Page { limit: usize::MAX >> 1, offset: 0 })? {
            let Some(parent) = &child.parent else { continue };
            if !found.contains_key(&parent.key) {
                let usage = view::usage_of_all(store, &child)?;
                found.insert(parent.key.clone(), Child { id: child.id.clone(), usage });
            }
        }
        at = match store.queries().execution(&id) {
            Ok(row) => row.forked_from,
            // What a replay keeps of a source that was deleted has no children that could be named.
            Err(StoreError::NotFound(_)) => None,
            Err(error) => return Err(error.into()),
        };
    }
    Ok(found)
}
