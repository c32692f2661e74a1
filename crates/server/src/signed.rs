//! Under whose name stands what an engine elsewhere writes: that of its token, whatever it calls itself, with its means.
//!
//! Two other names are let through, where journals here bear them out: a flow's own, for what it does to others, and that
//! of whoever asked for a stop, which an owner repeats when it stops. Where no token was shown nobody is known, and names
//! stay as they are. Not here: the log of changes (`audit`), which has the token in any case.

use crate::scope::Caller;
use kitaru_core::event::PauseReason;
use kitaru_core::schedule::Schedule;
use kitaru_core::{Body, ExecutionId, Seq};
use kitaru_engine::DEADLINE;
use kitaru_store::store::Result;
use kitaru_store::wire::Write;
use kitaru_store::{Limiting, Store, StoreError};

/// What an engine may do something by.
const MEANS: &[&str] = &["cli", "inline", "python"];

/// Puts the caller's name where another stands that it may not use.
pub fn sign(store: &dyn Store, caller: &Caller, writes: &mut [Write]) -> Result<()> {
    if caller.token.is_none() {
        return Ok(());
    }
    for write in writes {
        if let Write::AddBreakpoint(row) = write {
            row.by = named(&caller.by, &row.by);
            continue;
        }
        if let Write::Release(one) = write {
            one.by = named(&caller.by, &one.by);
            continue;
        }
        if let Write::KeepSchedule(one, _, seen) = write {
            keep_schedule(store, caller, one, seen.is_some())?;
            continue;
        }
        let Some(id) = write.execution().cloned() else { continue };
        for event in write.events_mut() {
            let with = asked_above(event).cloned();
            let stops = matches!(event, Body::StopRequested(_) | Body::Cancelled(_) | Body::Paused(_));
            let Some(by) = event.by_mut() else { continue };
            let known = is_act(store, by)?
                || (stops && by.starts_with(DEADLINE))
                || (stops && has_asked(store, &id, with.as_ref(), by)?);
            if !known {
                *by = named(&caller.by, by);
            }
        }
    }
    Ok(())
}

/// The same of what is asked of limits.
pub fn sign_limit(caller: &Caller, what: &mut Limiting) {
    let by = match what {
        Limiting::Set { by, .. } => by,
        Limiting::Close { closed, asked: true, .. } => &mut closed.by,
        _ => return,
    };
    if caller.token.is_some() {
        *by = named(&caller.by, by);
    }
}

/// What a schedule was added with never changes, and who pauses it stands there.
fn keep_schedule(store: &dyn Store, caller: &Caller, one: &mut Schedule, is_known: bool) -> Result<()> {
    if !is_known {
        one.spec.by = named(&caller.by, &one.spec.by);
    }
    let known = store.queries().schedules(None)?.into_iter().find(|known| is_known && known.name == one.name);
    let before = known.as_ref().and_then(|known| known.state.paused.clone());
    if let Some(paused) = one.state.paused.as_mut().filter(|paused| before.as_ref() != Some(paused))
        && paused.by != "kitaru"
    {
        paused.by = named(&caller.by, &paused.by);
    }
    if let Some(known) = known {
        one.spec = known.spec;
    }
    Ok(())
}

/// A caller's name, with by what it says that it did something.
fn named(caller: &str, by: &str) -> String {
    let is_by = |means: &&&str| by == **means || by.ends_with(&format!(" ({means})"));
    MEANS.iter().find(is_by).map_or_else(|| caller.to_owned(), |means| format!("{caller} ({means})"))
}

/// The execution above, which is stopped with all below it.
fn asked_above(event: &Body) -> Option<&ExecutionId> {
    match event {
        Body::StopRequested(stop) => stop.with.as_ref(),
        Body::Paused(paused) => match &paused.reason {
            PauseReason::Requested { with, .. } => with.as_ref(),
            _ => None,
        },
        _ => None,
    }
}

/// Whether they have asked that execution, or the one above, to stop.
fn has_asked(store: &dyn Store, id: &ExecutionId, with: Option<&ExecutionId>, by: &str) -> Result<bool> {
    for id in std::iter::once(id).chain(with) {
        let asked = match store.queries().events(id, &["stop_requested"]) {
            Err(StoreError::NotFound(_)) => continue,
            asked => asked?,
        };
        if asked.iter().any(|event| matches!(&event.body, Body::StopRequested(stop) if stop.by == by)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether that is an act of a flow: such a call stands in its journal, as it does before the act.
fn is_act(store: &dyn Store, by: &str) -> Result<bool> {
    let Some((id, key, record)) = parse(by) else { return Ok(false) };
    let found = match store.load(&ExecutionId::new(id.to_owned()), record.saturating_sub(1), 1) {
        Err(StoreError::NotFound(_)) => return Ok(false),
        found => found?,
    };
    Ok(found
        .iter()
        .any(|event| matches!(&event.body, Body::CallStarted(call) if event.seq == record && call.call.key == key)))
}

/// `execution ID, KEY (RECORD)`.
fn parse(by: &str) -> Option<(&str, &str, Seq)> {
    let (id, rest) = by.strip_prefix("execution ")?.split_once(", ")?;
    let (key, record) = rest.strip_suffix(')')?.rsplit_once(" (")?;
    Some((id, key, record.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::{named, parse};

    #[test]
    fn whatever_it_calls_itself_it_is_its_token() {
        assert_eq!(named("ci", "cli"), "ci (cli)");
        assert_eq!(named("ci", "boss (cli)"), "ci (cli)");
        assert_eq!(named("ci", "python"), "ci (python)");
        for by in ["boss", "", "ci", "http", "(cli)", "boss (http)", "a (cli) "] {
            assert_eq!(named("ci", by), "ci", "{by}");
        }
    }

    #[test]
    fn an_act_names_its_execution_its_call_and_its_record() {
        assert_eq!(parse("execution e-1, a/stop#2 (7)"), Some(("e-1", "a/stop#2", 7)));
        assert_eq!(parse("execution e-1, odd (1) (7)"), Some(("e-1", "odd (1)", 7)));
        for other in ["", "cli", "execution e-1", "execution e-1, a", "execution e-1, a (x)", "execution e-1, a (7) "] {
            assert_eq!(parse(other), None, "{other}");
        }
    }
}
