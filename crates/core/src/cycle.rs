//! Executions that wait for each other: whether one can ever get what it waits for.
//!
//! Not here: who waits for whom, which is read from what is on record ([`crate::event::Await`], calls, parents).

use crate::ids::ExecutionId;
use std::collections::{HashMap, HashSet};

/// What an execution cannot go on without: so many of these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// How many of them.
    pub least: usize,
    /// Of which.
    pub of: Vec<ExecutionId>,
}

/// What each execution needs, all of it. One that is not named needs nothing.
pub type Needs = HashMap<ExecutionId, Vec<Need>>;

/// The way from an execution over those that it needs back to itself, where it can never get what it needs: the first
/// and the last are the same. `None`: it can, or others keep it from it who wait for each other.
pub fn cycle(start: &ExecutionId, needs: &Needs) -> Option<Vec<ExecutionId>> {
    let mut stuck: HashSet<&ExecutionId> = needs.keys().collect();
    loop {
        let is_met = |need: &Need| need.of.iter().filter(|id| !stuck.contains(id)).count() >= need.least;
        let freed: Vec<&ExecutionId> =
            stuck.iter().copied().filter(|id| needs.get(*id).is_none_or(|all| all.iter().all(is_met))).collect();
        if freed.is_empty() {
            break;
        }
        for id in freed {
            stuck.remove(id);
        }
    }
    if !stuck.contains(start) {
        return None;
    }
    // The shortest way back, so that what is named is the cycle and nothing beside it.
    let mut from: HashMap<&ExecutionId, &ExecutionId> = HashMap::new();
    let mut level = vec![start];
    while !level.is_empty() {
        let mut below = Vec::new();
        for at in level {
            for next in needs.get(at).into_iter().flatten().flat_map(|need| &need.of) {
                if next == start {
                    return Some(way(start, at, &from));
                }
                if stuck.contains(next) && !from.contains_key(next) {
                    from.insert(next, at);
                    below.push(next);
                }
            }
        }
        level = below;
    }
    None
}

fn way(start: &ExecutionId, last: &ExecutionId, from: &HashMap<&ExecutionId, &ExecutionId>) -> Vec<ExecutionId> {
    let mut found = vec![start.clone()];
    let mut at = last;
    while at != start {
        found.push(at.clone());
        let Some(before) = from.get(at) else { break };
        at = before;
    }
    found.push(start.clone());
    found.reverse();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(start: &str, edges: &[(&str, usize, &[&str])]) -> Option<String> {
        let id = |text: &str| ExecutionId::new(text);
        let mut needs = Needs::new();
        for (who, least, of) in edges {
            let need = Need { least: *least, of: of.iter().map(|one| id(one)).collect() };
            needs.entry(id(who)).or_default().push(need);
        }
        let way = cycle(&id(start), &needs)?;
        Some(way.iter().map(ExecutionId::as_str).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn a_cycle_is_named_from_whoever_asks() {
        assert_eq!(found("a", &[("a", 1, &["b"]), ("b", 1, &["a"])]).as_deref(), Some("a b a"));
        let three: [(&str, usize, &[&str]); 3] = [("a", 1, &["b"]), ("b", 1, &["c"]), ("c", 1, &["a"])];
        assert_eq!(found("b", &three).as_deref(), Some("b c a b"));
        assert_eq!(found("a", &[("a", 1, &["a"])]).as_deref(), Some("a a"));
    }

    #[test]
    fn whoever_waits_for_something_else_is_no_cycle() {
        assert_eq!(found("a", &[("a", 1, &["b"]), ("b", 1, &["c"])]), None);
        assert_eq!(found("a", &[("b", 1, &["a"])]), None);
    }

    #[test]
    fn one_of_several_is_enough_where_one_is_asked_for() {
        let any: [(&str, usize, &[&str]); 2] = [("a", 1, &["b", "c"]), ("b", 1, &["a"])];
        assert_eq!(found("a", &any), None, "c may come");
        let all: [(&str, usize, &[&str]); 2] = [("a", 2, &["b", "c"]), ("b", 1, &["a"])];
        assert_eq!(found("a", &all).as_deref(), Some("a b a"));
    }

    #[test]
    fn all_that_an_execution_waits_for_counts() {
        let both: [(&str, usize, &[&str]); 3] = [("a", 1, &["c"]), ("a", 1, &["b"]), ("b", 1, &["a"])];
        assert_eq!(found("a", &both).as_deref(), Some("a b a"));
    }

    #[test]
    fn others_that_wait_for_each_other_are_not_ours_to_name() {
        assert_eq!(found("a", &[("a", 1, &["b"]), ("b", 1, &["c"]), ("c", 1, &["b"])]), None);
    }
}
