//! The shape of a flow as its latest executions show it: which calls it makes, how often, how long they take, how often
//! they fail, what they cost.
//!
//! It is asked of few executions and not of all, and says of how many. Not here: what executions came to by day
//! ([`kitaru_store::Queries::statistics`]).

use super::{Result, newest, view};
use kitaru_core::Millis;
use kitaru_core::event::{CallKind, Usage};
use kitaru_core::rows::{CallRow, CallStatus};
use kitaru_store::{ExecutionFilter, Page, Store};
use serde_json::{Value as Json, json};
use std::collections::HashMap;

/// So many executions are looked at, at most.
const MOST: usize = 200;
/// No further execution is looked at once so many calls were read.
const ENOUGH: usize = 50_000;

/// What the calls of one name came to.
#[derive(Debug)]
struct Step {
    name: String,
    kind: CallKind,
    calls: u64,
    executions: u64,
    /// The last execution that was counted.
    last: usize,
    failed: u64,
    retried: u64,
    spans: Vec<Millis>,
    usage: Usage,
}

/// The shape of a flow. Refuses one that has not run.
pub fn shape(store: &dyn Store, flow: &str) -> Result<Json> {
    let latest = newest(store, flow)?;
    let filter = ExecutionFilter { flow: Some(flow.to_owned()), ..ExecutionFilter::default() };
    let rows = store.queries().executions(&filter, Page { limit: MOST, offset: 0 })?;
    let (mut steps, mut places) = (Vec::new(), HashMap::new());
    let (mut looked, mut read, mut since) = (0, 0, latest.created_at);
    for row in &rows {
        if read >= ENOUGH {
            break;
        }
        let calls = store.queries().calls(&row.id)?;
        read += calls.len();
        looked += 1;
        since = row.created_at;
        // What a replay has from its source was made there.
        for call in calls.iter().filter(|call| call.seq > row.base) {
            count(&mut steps, &mut places, looked, call);
        }
    }
    Ok(json!({
        "flow": flow,
        "newest": latest.id,
        "looked_at": looked,
        "since": view::time(since),
        "shape": steps.iter_mut().map(item).collect::<Vec<Json>>(),
    }))
}

fn count(steps: &mut Vec<Step>, places: &mut HashMap<(String, CallKind), usize>, execution: usize, call: &CallRow) {
    let place = *places.entry((call.name.clone(), call.kind)).or_insert_with(|| {
        steps.push(Step {
            name: call.name.clone(),
            kind: call.kind,
            calls: 0,
            executions: 0,
            last: 0,
            failed: 0,
            retried: 0,
            spans: Vec::new(),
            usage: Usage::default(),
        });
        steps.len() - 1
    });
    let step = &mut steps[place];
    step.calls += 1;
    if step.last != execution {
        step.last = execution;
        step.executions += 1;
    }
    step.failed += u64::from(call.status == CallStatus::Failed);
    step.retried += u64::from(call.attempts > 1);
    step.usage.add(&call.usage);
    if let Some(ended) = call.ended_at {
        step.spans.push((ended - call.started_at).max(0));
    }
}

fn item(step: &mut Step) -> Json {
    step.spans.sort_unstable();
    json!({
        "name": step.name,
        "kind": step.kind,
        "calls": step.calls,
        "executions": step.executions,
        "failed": step.failed,
        "retried": step.retried,
        "median_ms": share(&step.spans, 50),
        "p95_ms": share(&step.spans, 95),
        "usage": view::usage(&step.usage),
    })
}

/// What so many in a hundred of these do not exceed: one of them, never something in between.
fn share(sorted: &[Millis], hundredths: usize) -> Option<Millis> {
    let rank = (sorted.len() * hundredths).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests {
    use super::share;

    #[test]
    fn a_share_is_one_of_what_was_measured() {
        assert_eq!(share(&[], 50), None);
        assert_eq!(share(&[7], 95), Some(7));
        assert_eq!(share(&[1, 2, 3, 4], 50), Some(2));
        let hundred: Vec<i64> = (1..=100).collect();
        assert_eq!((share(&hundred, 50), share(&hundred, 95)), (Some(50), Some(95)));
    }
}
