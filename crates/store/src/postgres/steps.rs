//! Calls that have ended, as the database takes them where they are all that a request says: most of what is written is.
//!
//! Values go as they are, and not in JSON (`steps` in `migrations/writing.sql`). Not here: whatever says more
//! (`items`), and sending it (`once`).

use super::fault::Result;
use super::items::{PLACED, Pen, word};
use super::param::{Param, escaped};
use super::places::{Spot, execution};
use crate::seal::Sealing;
use crate::wire::Write;
use kitaru_core::project::{CallPatch, Change, ExecutionPatch, Fruitless, project};

/// Writes them. Its writer has written before.
pub const STEPS: &str =
    "SELECT steps($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)::text";

/// The same with turns at limits that they give back: see `once`.
pub const ENDED: &str =
    "WITH ended AS (DELETE FROM turns AS t USING executions AS e, unnest($20::text[], $21::bigint[],
        $22::bytea[]) AS g(id, epoch, call) WHERE e.id = g.id AND t.n = e.n AND t.call = g.call AND t.epoch = g.epoch)
    SELECT steps($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)::text";

/// What `steps` is given behind the writer, its number, the schema and the keys: a column each.
#[derive(Default)]
struct Rows {
    /// Which of the writes each is, from 1.
    whose: Vec<i64>,
    ids: Vec<String>,
    epochs: Vec<i64>,
    ats: Vec<i64>,
    kinds: Vec<String>,
    payloads: Vec<String>,
    keys: Vec<String>,
    records: Vec<i64>,
    names: Vec<String>,
    sorts: Vec<String>,
    statuses: Vec<String>,
    attempts: Vec<i64>,
    begun: Vec<i64>,
    places: Vec<i64>,
    firsts: Vec<i64>,
}

/// The columns of these writes; `None`: one of them says more. `spots`: as for `items`.
pub fn steps(writes: &[Write], seal: &Sealing<'_>, spots: &[Option<Spot>]) -> Result<Option<Vec<Param>>> {
    let mut rows = Rows::default();
    let mut all: Vec<_> = (1..).zip(writes).zip(spots).collect();
    // In one order for all, as in `once`: whoever writes several executions holds them one after the other.
    all.sort_by(|((_, one), _), ((_, other), _)| execution(one).cmp(&execution(other)));
    for ((at, one), spot) in all {
        rows.whose.push(at);
        if !rows.add(one, seal, spot.as_ref())? {
            return Ok(None);
        }
    }
    Ok(Some(vec![
        Param::Ints(rows.whose),
        Param::Texts(rows.ids),
        Param::Ints(rows.epochs),
        Param::Ints(rows.ats),
        Param::Texts(rows.kinds),
        Param::Texts(rows.payloads),
        Param::Texts(rows.keys),
        Param::Ints(rows.records),
        Param::Texts(rows.names),
        Param::Texts(rows.sorts),
        Param::Texts(rows.statuses),
        Param::Ints(rows.attempts),
        Param::Ints(rows.begun),
        Param::Ints(rows.places),
        Param::Ints(rows.firsts),
    ]))
}

impl Rows {
    /// Whether it could be added: it is one event, by which one call has ended, with nothing to be counted.
    fn add(&mut self, one: &Write, seal: &Sealing<'_>, spot: Option<&Spot>) -> Result<bool> {
        let Write::Append(id, at, epoch, events, _) = one else { return Ok(false) };
        let [body] = &events[..] else { return Ok(false) };
        let mut changes = project(PLACED, *at, body).into_iter();
        let (Some(Change::Call(call)), Some(Change::Execution(rest)), None) =
            (changes.next(), changes.next(), changes.next())
        else {
            return Ok(false);
        };
        if *rest != (ExecutionPatch { fruitless: Fruitless::Reset, ..ExecutionPatch::default() }) {
            return Ok(false);
        }
        let CallPatch { call, record, status, attempts: Some(attempts), started_at, ended, usage } = *call else {
            return Ok(false);
        };
        if ended != Some((*at, PLACED)) || !usage.is_zero() {
            return Ok(false);
        }
        let pen = Pen { seal, spot: spot.copied().unwrap_or(Spot { n: 0, first: 0 }) };
        let payload = serde_json::to_string(body)?;
        let payload = pen.at("journal.payload", 0, &payload);
        self.ids.push(id.as_str().to_owned());
        self.epochs.push(number(*epoch));
        self.ats.push(*at);
        self.kinds.push(body.kind().to_owned());
        self.payloads.push(payload);
        self.keys.push(escaped(&call.key));
        self.records.push(number(record));
        self.names.push(escaped(&call.name));
        self.sorts.push(word(&call.kind)?);
        self.statuses.push(status.as_str().to_owned());
        self.attempts.push(i64::from(attempts));
        self.begun.push(started_at);
        if let (Some(spot), Some(_)) = (spot, seal.writes()) {
            self.places.push(spot.n);
            self.firsts.push(number(spot.first));
        }
        Ok(true)
    }
}

/// As the database has it.
pub fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
