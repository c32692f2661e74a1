//! How long an execution has worked: the time that a process held it and it was not suspended. What waits for people, for
//! others or for time, with nothing else to do, is left by its process, and does not count.
//!
//! It begins anew when somebody has it go on after a pause. Not here: what follows when it was long enough.

use crate::event::Body;
use crate::ids::Millis;

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Worked {
    /// How long it may work, if that was said.
    pub deadline: Option<Millis>,
    /// While nobody held it since.
    before: Millis,
    /// Since when it is held, and when it was last heard of.
    held: Option<(Millis, Millis)>,
}

impl Worked {
    /// Adds an event of that time.
    pub fn fold(&mut self, at: Millis, body: &Body) {
        match body {
            Body::Created(created) => *self = Self { deadline: created.deadline, ..Self::default() },
            Body::Taken(_) => {
                // Whoever held it before was not heard of again.
                self.end(None);
                self.held = Some((at, at));
            }
            Body::Paused(_) => *self = Self { deadline: self.deadline, ..Self::default() },
            Body::Suspended(_) | Body::Interrupted(_) | Body::Failed(_) | Body::Completed(_) | Body::Cancelled(_) => {
                self.end(Some(at));
            }
            _ => {
                if let Some((_, last)) = &mut self.held {
                    *last = (*last).max(at);
                }
            }
        }
    }

    fn end(&mut self, at: Option<Millis>) {
        if let Some((since, last)) = self.held.take() {
            self.before = self.before.saturating_add(at.unwrap_or(last).saturating_sub(since).max(0));
        }
    }

    /// How long it may work yet, from when it was last taken up; `None`: as long as it likes.
    pub fn left(&self) -> Option<Millis> {
        self.deadline.map(|deadline| deadline.saturating_sub(self.before).max(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Created, EntryPoint, Interrupted, PauseReason, Paused, Suspended, Taken};
    use crate::lease::Owner;
    use crate::value::Value;

    fn created() -> Body {
        Body::Created(Box::new(Created {
            flow: "f".to_owned(),
            inputs: Value::of(&()).unwrap(),
            entry: EntryPoint::default(),
            code: None,
            parent: None,
            fork: None,
            tags: Vec::new(),
            key: None,
            detached: false,
            pool: None,
            pause_before: Vec::new(),
            deadline: Some(100),
        }))
    }

    fn taken() -> Body {
        let text = String::new;
        let owner = Owner { host: text(), boot: text(), pid: 1, started: 1, slot: 0, nonce: text() };
        Body::Taken(Taken { owner, code: None, why: "start".to_owned(), entry: None })
    }

    fn left(events: &[(Millis, Body)]) -> Option<Millis> {
        let mut worked = Worked::default();
        for (at, body) in events {
            worked.fold(*at, body);
        }
        worked.left()
    }

    #[test]
    fn what_waits_does_not_count_and_a_decision_begins_anew() {
        let suspended = || {
            Body::Suspended(Suspended {
                waits: Vec::new(),
                wake_at: None,
                sleeping: false,
                awaits: Vec::new(),
                reused: Vec::new(),
            })
        };
        let gone = || Body::Interrupted(Interrupted { by: "x".to_owned(), reused: Vec::new() });
        let reason = PauseReason::Requested { by: "x".to_owned(), with: None };
        let paused =
            || Body::Paused(Box::new(Paused { reason: reason.clone(), text: String::new(), reused: Vec::new() }));
        assert_eq!(left(&[(0, created()), (0, taken())]), Some(100));
        assert_eq!(left(&[(0, created()), (0, taken()), (30, suspended()), (9_000, taken())]), Some(70));
        let twice = [(0, created()), (0, taken()), (30, suspended()), (9_000, taken()), (9_060, gone())];
        assert_eq!(left(&twice), Some(10));
        let mut late = twice.to_vec();
        late.extend([(10_000, taken()), (20_000, gone())]);
        assert_eq!(left(&late), Some(0));
        late.extend([(20_000, paused()), (30_000, taken())]);
        assert_eq!(left(&late), Some(100));
        // A process that died is believed until it was last heard of, and a clock that goes back gives nothing back.
        let died = [(0, created()), (10, taken()), (40, created_scope()), (5_000, taken())];
        assert_eq!(left(&died), Some(70));
        assert_eq!(left(&[(0, created()), (50, taken()), (20, suspended()), (50, taken())]), Some(100));
    }

    fn created_scope() -> Body {
        Body::ScopeOpened(crate::event::ScopeOpened {
            scope: crate::ids::ScopeId::ROOT,
            parent: crate::ids::ScopeId::ROOT,
            kind: "task".to_owned(),
            name: "t".to_owned(),
            inputs: None,
            occurrence: 1,
            label: "t".to_owned(),
        })
    }
}
