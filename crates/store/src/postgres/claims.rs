//! Executions that are taken up, as the database takes them where a request says nothing else but who looks for more: what
//! workers do most when there is much to begin.
//!
//! Values go as they are, and not in JSON (`claims` in `migrations/writing.sql`). Not here: one that moved, or of which
//! more is said (`items`), and sending it (`once`).

use super::fault::Result;
use super::items::{PLACED, Pen, assigned};
use super::param::Param;
use super::places::{Spot, execution};
use super::steps::number;
use crate::seal::Sealing;
use crate::wire::Write;
use kitaru_core::Body;
use kitaru_core::event::is_unasked;
use kitaru_core::project::{Change, ExecutionPatch, Fruitless, project};
use kitaru_core::rows::Status;
use serde_json::{Value as Json, json};

/// Takes them up. Its writer has written before.
pub const CLAIMS: &str =
    "SELECT claims($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16::jsonb)::text";

/// What `claims` is given behind the writer, its number, the schema and the keys: a column each.
#[derive(Default)]
struct Rows {
    /// Which of the writes each is, from 1.
    whose: Vec<i64>,
    ids: Vec<String>,
    epochs: Vec<i64>,
    ats: Vec<i64>,
    leases: Vec<i64>,
    owners: Vec<String>,
    dead: Vec<Option<String>>,
    unasked: Vec<bool>,
    payloads: Vec<String>,
    places: Vec<i64>,
    firsts: Vec<i64>,
    /// Those that look for more, each with its place among the writes.
    looks: Vec<Json>,
}

/// The columns of these writes; `None`: one of them says more, or none takes anything up. `dead` and `spots`: as for `items`.
pub fn claims(
    writes: &[Write],
    dead: &[Option<String>],
    seal: &Sealing<'_>,
    spots: &[Option<Spot>],
) -> Result<Option<Vec<Param>>> {
    let mut rows = Rows::default();
    let mut all: Vec<_> = (1..).zip(writes).zip(dead).zip(spots).collect();
    // In one order for all, as in `once`: whoever takes up several holds them one after the other.
    all.sort_by(|(((_, one), _), _), (((_, other), _), _)| execution(one).cmp(&execution(other)));
    for (((at, one), dead), spot) in all {
        if let Write::Assign(assign) = one {
            rows.looks.push(json!([at, assigned(assign)]));
            continue;
        }
        rows.whose.push(at);
        if !rows.add(one, dead.as_deref(), seal, spot.as_ref())? {
            return Ok(None);
        }
    }
    let looks = Json::Array(rows.looks).to_string();
    // A name with an escape is put together where all escapes are.
    if rows.ids.is_empty() || looks.contains("\\u0000") || looks.contains("\\u001a") {
        return Ok(None);
    }
    Ok(Some(vec![
        Param::Ints(rows.whose),
        Param::Texts(rows.ids),
        Param::Ints(rows.epochs),
        Param::Ints(rows.ats),
        Param::Ints(rows.leases),
        Param::Texts(rows.owners),
        Param::SomeTexts(rows.dead),
        Param::Bools(rows.unasked),
        Param::Texts(rows.payloads),
        Param::Ints(rows.places),
        Param::Ints(rows.firsts),
        Param::from(looks.as_str()),
    ]))
}

impl Rows {
    /// Whether it could be added: its one event is that it is taken up, where it was, and changes what that always does.
    fn add(&mut self, one: &Write, dead: Option<&str>, seal: &Sealing<'_>, spot: Option<&Spot>) -> Result<bool> {
        let Write::Claim(id, at, epoch, claim, events) = one else { return Ok(false) };
        let [body @ Body::Taken(taken)] = &events[..] else { return Ok(false) };
        let always = ExecutionPatch {
            status: Some(Status::Running),
            reason: Some(None),
            wake_at: Some(None),
            owner: Some(Some(claim.owner.clone())),
            error: Some(None),
            stop: Some(None),
            fruitless: Fruitless::Increment,
            ..ExecutionPatch::default()
        };
        if taken.entry.is_some() || project(PLACED, *at, body) != [Change::Execution(Box::new(always))] {
            return Ok(false);
        }
        let pen = Pen { seal, spot: spot.copied().unwrap_or(Spot { n: 0, first: 0 }) };
        self.ids.push(id.as_str().to_owned());
        self.epochs.push(number(*epoch));
        self.ats.push(*at);
        self.leases.push(claim.lease_until);
        self.owners.push(serde_json::to_string(&claim.owner)?);
        self.dead.push(dead.map(str::to_owned));
        self.unasked.push(is_unasked(events));
        self.payloads.push(pen.at("journal.payload", 0, &serde_json::to_string(body)?));
        if let (Some(spot), Some(_)) = (spot, seal.writes()) {
            self.places.push(spot.n);
            self.firsts.push(number(spot.first));
        }
        Ok(true)
    }
}
