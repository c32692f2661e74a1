//! Where what is written next will stand, before it is written: what is sealed is bound to its place.
//!
//! Remembered from what this process wrote before, so that a write is one round trip. A guess that was wrong writes nothing
//! (`stands` in the migrations): it is made again then, while the execution is held. Not here: what is sealed (`items`).

use super::conn::Conn;
use super::fault::Result;
use super::param::{Columns, Param};
use crate::wire::Write;
use kitaru_core::{Body, ExecutionId};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Executions that are remembered at the most.
const MOST: usize = 10_000;

/// The place of a write: its execution's number, and its first sequence or line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spot {
    pub n: i64,
    pub first: u64,
}

/// No place: what is written for it is refused.
const NOWHERE: Spot = Spot { n: -1, first: 0 };

#[derive(Clone, Copy)]
struct Known {
    n: i64,
    seq: u64,
    line: u64,
}

/// See the module.
#[derive(Default)]
pub struct Places(Mutex<HashMap<ExecutionId, Known>>);

/// The execution that a write is for, if its place matters, and how many sequences and lines it takes.
fn wants(one: &Write) -> Option<(&ExecutionId, u64, u64)> {
    match one {
        Write::Append(id, _, _, events, _) | Write::Claim(id, _, _, _, events) | Write::Post(id, _, _, events) => {
            Some((id, events.len() as u64, 0))
        }
        Write::Log(id, lines) => Some((id, 0, lines.len() as u64)),
        _ => None,
    }
}

impl Places {
    /// The places of some writes. `held`: their executions are looked at, and held until the transaction ends.
    pub fn spots(&self, db: &Conn, writes: &[Write], held: bool) -> Result<Vec<Option<Spot>>> {
        let mut known: HashMap<&ExecutionId, Known> = HashMap::new();
        if !held {
            let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            known.extend(writes.iter().filter_map(wants).filter_map(|(id, ..)| Some((id, *all.get(id)?))));
        }
        let mut unknown: Vec<&ExecutionId> =
            writes.iter().filter_map(wants).map(|(id, ..)| id).filter(|id| !known.contains_key(id)).collect();
        unknown.sort_unstable();
        unknown.dedup();
        if !unknown.is_empty() {
            let how = if held { "FOR NO KEY UPDATE" } else { "" };
            let text = format!("SELECT id, n, last_seq FROM executions WHERE id = ANY ($1) ORDER BY id {how}");
            let ids = Param::Texts(unknown.iter().map(|id| id.as_str().to_owned()).collect());
            let found = db.query(&text, &[ids])?;
            // A statement of its own: it sees what whoever held them before has written.
            let lines = "SELECT n, max(line) FROM logs WHERE n = ANY ($1) GROUP BY n";
            let numbers = found.iter().map(|row| row.int(1)).collect::<Result<Vec<_>>>()?;
            let mut far: HashMap<i64, u64> = HashMap::new();
            for row in db.query(lines, &[Param::Ints(numbers)])? {
                far.insert(row.int(0)?, row.num(1)?);
            }
            for row in &found {
                let (id, n) = (row.text(0)?, row.int(1)?);
                if let Some(id) = unknown.iter().find(|one| one.as_str() == id) {
                    let line = far.get(&n).copied().unwrap_or_default() + 1;
                    known.insert(id, Known { n, seq: row.num(2)? + 1, line });
                }
            }
        }
        let mut spots = Vec::with_capacity(writes.len());
        for one in writes {
            spots.push(match (one, wants(one)) {
                (Write::Create(id, _, events, _), _) => Some(create(db, id, events, &mut known)?),
                (_, None) => None,
                (_, Some((id, events, lines))) => Some(known.get_mut(id).map_or(NOWHERE, |far| {
                    let first = if matches!(one, Write::Log(..)) { far.line } else { far.seq };
                    (far.seq, far.line) = (far.seq + events, far.line + lines);
                    Spot { n: far.n, first }
                })),
            });
        }
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() > MOST {
            all.clear();
        }
        all.extend(known.into_iter().map(|(id, far)| (id.clone(), far)));
        Ok(spots)
    }

    /// What is known of those is not believed any more: something else was written, or not all was.
    pub fn forget<'a>(&self, ids: impl Iterator<Item = &'a ExecutionId>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for id in ids {
            all.remove(id);
        }
    }
}

/// A number for a new execution: what it begins with is bound to it.
fn create<'a>(
    db: &Conn,
    id: &'a ExecutionId,
    events: &[Body],
    known: &mut HashMap<&'a ExecutionId, Known>,
) -> Result<Spot> {
    let n = db.one("SELECT nextval(pg_get_serial_sequence('executions', 'n'))", &[])?.int(0)?;
    let base = match events.first() {
        Some(Body::Created(created)) => created.fork.as_ref().map_or(0, |fork| fork.upto),
        _ => 0,
    };
    known.insert(id, Known { n, seq: base + 1 + events.len() as u64, line: 1 });
    Ok(Spot { n, first: base + 1 })
}

/// The execution that a write is for.
pub fn execution(one: &Write) -> Option<&ExecutionId> {
    match one {
        Write::Create(id, ..) | Write::Delete(id, ..) => Some(id),
        other => wants(other).map(|(id, ..)| id),
    }
}
