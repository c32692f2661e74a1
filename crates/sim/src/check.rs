//! What must hold of an execution at the end, read from the store.
//!
//! The journal is folded with core's own fold, and applied here to the plainest rows there are: the backend's
//! rows must be the same. Not here: who wrote when ([`crate::faults`] watches that while it happens).

use kitaru_core::lease::MAX_FRUITLESS_TAKES;
use kitaru_core::project::{Change, Fruitless, project};
use kitaru_core::rows::{CallStatus, Status};
use kitaru_core::{Body, Event, ExecutionId, Seq};
use kitaru_store::{Page, Store, StoreError, WaitFilter};
use std::collections::BTreeMap;

#[derive(Debug, PartialEq)]
struct Call {
    record: Seq,
    status: CallStatus,
}

/// Says which promise is broken, if one is.
pub fn check(store: &dyn Store, id: &ExecutionId) -> Result<Option<String>, StoreError> {
    let journal = store.load(id, 0, 0)?;
    if let Some(broken) = journal_holds(&journal) {
        return Ok(Some(broken));
    }
    let mut status = Status::Interrupted;
    let (mut fruitless, mut tokens, mut owned) = (0, 0, false);
    let mut calls: BTreeMap<String, Call> = BTreeMap::new();
    let mut waits: BTreeMap<String, String> = BTreeMap::new();
    for event in &journal {
        for change in project(event.seq, event.at, &event.body) {
            match change {
                Change::Execution(patch) => {
                    status = patch.status.unwrap_or(status);
                    owned = patch.owner.as_ref().map_or(owned, Option::is_some);
                    tokens += patch.usage.input_tokens;
                    fruitless = match patch.fruitless {
                        Fruitless::Keep => fruitless,
                        Fruitless::Increment => fruitless + 1,
                        Fruitless::Reset => 0,
                    };
                }
                Change::Call(patch) => {
                    calls.insert(patch.call.key, Call { record: patch.record, status: patch.status });
                }
                Change::WaitOpened(opened) => {
                    waits.insert(opened.call.key.clone(), "open".to_owned());
                }
                Change::WaitClosed(end) => {
                    if let Some(call) = calls.get_mut(&end.key) {
                        let withdrawn = end.status == "withdrawn";
                        call.status = if withdrawn { CallStatus::Cancelled } else { CallStatus::Completed };
                    }
                    waits.insert(end.key, end.status);
                }
                _ => {}
            }
        }
    }
    let row = store.queries().execution(id)?;
    let stored = (row.status, row.fruitless, row.usage.input_tokens, row.owner.is_some(), row.last_seq);
    let folded = (status, fruitless, tokens, owned, journal.len() as Seq);
    if stored != folded {
        return Ok(Some(format!("the row is {stored:?}, the journal says {folded:?}")));
    }
    let listed: BTreeMap<String, Call> = store
        .queries()
        .calls(id)?
        .into_iter()
        .map(|row| (row.key, Call { record: row.seq, status: row.status }))
        .collect();
    if listed != calls {
        return Ok(Some(format!("the calls are {listed:?}, the journal says {calls:?}")));
    }
    let filter = WaitFilter { execution: Some(id.clone()), open: false };
    let asked = store.queries().waits(&filter, Page { limit: 1_000, offset: 0 })?;
    let asked: BTreeMap<String, String> = asked.into_iter().map(|wait| (wait.key, wait.status)).collect();
    Ok((asked != waits).then(|| format!("the waits are {asked:?}, the journal says {waits:?}")))
}

fn journal_holds(journal: &[Event]) -> Option<String> {
    let mut last = 0;
    let mut ended = false;
    let mut takes = 0;
    let mut recorded: BTreeMap<&str, Seq> = BTreeMap::new();
    for event in journal {
        if event.seq != last + 1 {
            return Some(format!("event {} follows event {last}", event.seq));
        }
        last = event.seq;
        if ended {
            return Some(format!("{} was written after the end", event.body.kind()));
        }
        match &event.body {
            Body::Completed(_) | Body::Cancelled(_) => ended = true,
            Body::Taken(_) => {
                takes += 1;
                if takes > MAX_FRUITLESS_TAKES {
                    return Some(format!("taken up {takes} times without one new record"));
                }
            }
            Body::CallEnded(call) => {
                takes = 0;
                if let Some(before) = recorded.insert(&call.call.key, event.seq) {
                    return Some(format!("{} is recorded at {before} and again at {}", call.call.key, event.seq));
                }
            }
            // Somebody may let it try once more.
            Body::Paused(_) => takes = takes.min(MAX_FRUITLESS_TAKES - 1),
            // Whoever parks it, or answers it, says that it did not kill its process.
            Body::WaitAnswered(_) | Body::WaitOpened(_) | Body::Interrupted(_) | Body::Suspended(_) => takes = 0,
            _ => {}
        }
    }
    None
}
