//! Writing: what a process has to write goes out together, numbered, and is sent again until it is known what came of it.
//!
//! Threads share a transaction as they share a message to a server ([`crate::afar::Lane`]). Values that are large are put
//! beside the journal first (`shelved`), and referred to in the transaction that writes their events. Not here: what an item says
//! (`items`), and what the database makes of it (`migrations`).

use super::Postgres;
use super::chunks;
use super::claims;
use super::fault::{self, Fault};
use super::items::{self, Items, Referred};
use super::limits;
use super::param::{Columns, Param, unescaped};
use super::places::{Spot, execution};
use super::seal::is_stale;
use super::steps;
use crate::afar::{Tries, now};
use crate::error::StoreError;
use crate::seal::{Sealing, named};
use crate::store::{Created, Result};
use crate::values;
use crate::wire::{Write, Wrote};
use kitaru_core::lease::{Owner, Pulse};
use kitaru_core::{Body, Digest, ExecutionId, Value};
use serde_json::Value as Json;
use std::sync::Arc;

/// How often values are put beside the journal anew because a part of them has just been removed.
const AGAIN: usize = 5;

/// Writes of calls that have ended, with the turns at limits that they give back: in one transaction, by one statement. A
/// turn is of one epoch, so that nobody gives back what another has by now.
const ENDED: &str = "WITH ended AS (DELETE FROM turns AS t USING executions AS e, unnest($11::text[], $12::bigint[],
        $13::bytea[]) AS g(id, epoch, call) WHERE e.id = g.id AND t.n = e.n AND t.call = g.call AND t.epoch = g.epoch)
    SELECT once($1, $2, $3::jsonb, $4, $5, $6, $7, $8, $9, $10)::text";

/// The same without such calls.
const ONCE: &str = "SELECT once($1, $2, $3::jsonb, $4, $5, $6, $7, $8, $9, $10)::text";

/// What a request is, as a statement and what it is given.
struct Request {
    text: &'static str,
    params: Vec<Param>,
}

/// What came of each write.
pub type Answers = Vec<Result<Wrote>>;

/// What is asked for, and by which keys.
struct Asked<'a> {
    writes: &'a [Write],
    referred: &'a [Referred],
    dead: &'a [Option<String>],
    seal: &'a Sealing<'a>,
}

/// What the database says of a request.
enum Told {
    Answers(Vec<Json>),
    /// A later one of the same writer was answered.
    Overtaken(u64),
    /// Values are not there.
    Missing(Vec<Digest>),
}

impl Postgres {
    /// Writes until it is known what came of it. `strict`: references to values that are not there refuse all of it.
    pub(super) fn send(&self, writer: &str, number: u64, mut writes: Vec<Write>, strict: bool) -> Result<Answers> {
        self.here()?;
        loop {
            let told = self.send_by(&self.seal.now(), writer, number, &mut writes, strict);
            match told {
                // Somebody else has sealed the store, or changed its key: nothing was written.
                Err(error) if is_stale(&error) => self.follow()?,
                other => return other,
            }
        }
    }

    /// The same, sealed by these keys. Where they are no longer the store's it is refused, with the writes as they were.
    fn send_by(
        &self,
        seal: &Sealing<'_>,
        writer: &str,
        number: u64,
        writes: &mut Vec<Write>,
        strict: bool,
    ) -> Result<Answers> {
        let dead = writes.iter_mut().map(|one| self.hold_on(one)).collect::<Result<Vec<_>>>()?;
        let mut referred =
            writes.iter_mut().map(|one| self.values_of(one.events_mut(), seal)).collect::<Result<Vec<_>>>()?;
        let asked = self
            .put(&mut referred, seal)
            .and_then(|()| self.ask(writer, number, &Asked { writes, referred: &referred, dead: &dead, seal }, strict));
        let answers = match asked {
            Err(error) if is_stale(&error) => {
                writes.iter_mut().zip(&referred).for_each(|(one, referred)| put_back(one, referred));
                return Err(error);
            }
            // One of them is what no statement takes: nothing was written, and each goes alone.
            Err(StoreError::Io { .. }) if writes.len() > 1 => {
                let told = std::mem::take(writes)
                    .into_iter()
                    .enumerate()
                    .map(|(at, one)| self.alone(writer, number, at, one, strict));
                return told.collect();
            }
            other => other?,
        };
        match answers {
            Told::Overtaken(last) => {
                let why = format!("write {number} comes after write {last} of the same writer, which was answered");
                Err(StoreError::Conflict(why))
            }
            Told::Missing(names) => Err(StoreError::Missing(plain_names(seal, &referred, names))),
            Told::Answers(answers) => {
                let answers: Answers =
                    answers.into_iter().map(|one| answer(&one, |name| plain_name(seal, &referred, name))).collect();
                let failed = answers.iter().zip(writes.iter()).filter(|(answer, _)| answer.is_err());
                self.places.forget(failed.filter_map(|(_, one)| execution(one)));
                let is_collected = |one: &Result<Wrote>| matches!(one, Err(StoreError::Collected));
                if !answers.iter().any(is_collected) || writer.matches('/').count() >= AGAIN {
                    return Ok(answers);
                }
                self.anew(writer, number, std::mem::take(writes), referred, answers, strict)
            }
        }
    }

    /// One of several, under a name that is made of theirs.
    fn alone(&self, writer: &str, number: u64, at: usize, one: Write, strict: bool) -> Result<Result<Wrote>> {
        let told = self.send(&format!("{writer}/{at}"), number, vec![one], strict)?;
        Ok(told.into_iter().next().unwrap_or_else(|| Err(crate::wire::odd())))
    }

    /// Parts of values were removed between being put and being referred to: what was refused for it is sent again, as
    /// something new.
    fn anew(
        &self,
        writer: &str,
        number: u64,
        writes: Vec<Write>,
        referred: Vec<Referred>,
        mut answers: Answers,
        strict: bool,
    ) -> Result<Answers> {
        for ((at, mut one), referred) in writes.into_iter().enumerate().zip(referred) {
            if !matches!(answers.get(at), Some(Err(StoreError::Collected))) {
                continue;
            }
            put_back(&mut one, &referred);
            let told = self.alone(writer, number, at, one, strict)?;
            if let Some(place) = answers.get_mut(at) {
                *place = told;
            }
        }
        Ok(answers)
    }

    /// Sends one request until it is answered.
    fn ask(&self, writer: &str, number: u64, asked: &Asked<'_>, strict: bool) -> Result<Told> {
        let durable = asked.writes.iter().any(Write::is_durable);
        // Whoever else has writers of such names may send again what was written.
        let mut known = strict || writer.contains('/');
        // What was guessed wrong once is looked at.
        let mut held = writer.contains('/');
        let mut tries = Tries::default();
        let told: Json = loop {
            let sent = now();
            let send = |db: &super::Conn| {
                let spots = self.spots(db, asked, held)?;
                // Most requests are this, and it costs the database half. What may have come before is looked for first.
                let plain = if known || number == 1 { None } else { self.plain(writer, number, asked, &spots)? };
                let request = match plain {
                    Some(plain) => plain,
                    None => self.request((writer, number), asked, &spots, (durable, known, strict))?,
                };
                let row = db.prepared(request.text, &request.params)?.into_iter().next();
                let row = row.ok_or_else(|| Fault::Odd("a statement that has one row has none".to_owned()))?;
                Ok(serde_json::from_str::<Json>(&row.text(0)?)?)
            };
            let is_sealed = asked.seal.writes().is_some();
            let told = self.pool.with(|db| if held && is_sealed { db.transaction("BEGIN", send) } else { send(db) });
            match told {
                Ok(told) => {
                    self.away.over(&tries);
                    if let Some(theirs) = told["now"].as_i64() {
                        self.ahead.hear(sent, now() - sent, theirs);
                    }
                    break told;
                }
                // The number says whether it was written: it is sent again as it is.
                Err(Fault::Lost(why) | Fault::Again(why)) => {
                    (known, held) = (true, true);
                    self.away.pause(&mut tries, &why, None)?;
                }
                Err(fault) => return Err(fault.told(&self.path)),
            }
        };
        if told["keys"].as_bool() == Some(true) {
            return Err(StoreError::Sealed { path: self.path.clone(), how: "with other keys than before".to_owned() });
        }
        if let Some(last) = told["last"].as_u64() {
            return Ok(Told::Overtaken(last));
        }
        if let Some(missing) = told["missing"].as_array() {
            return Ok(Told::Missing(missing.iter().filter_map(Json::as_str).filter_map(digest).collect()));
        }
        match told {
            Json::Object(mut all) => match all.remove("answers") {
                Some(Json::Array(answers)) => Ok(Told::Answers(answers)),
                _ => Err(crate::wire::odd()),
            },
            _ => Err(crate::wire::odd()),
        }
    }

    /// Who takes up what has an owner must know it to be gone, where its lease is not over. Returns the owner that is.
    fn hold_on(&self, one: &mut Write) -> Result<Option<String>> {
        let Write::Claim(id, _, expected, ..) = one else { return Ok(None) };
        if kitaru_core::ids::takes(*expected) == 0 {
            return Ok(None);
        }
        let row = self.read(|db| {
            let text = "SELECT owner, held_until(lease_until) > now_ms() FROM executions WHERE id = $1 AND epoch = $2";
            db.find(text, &[id.as_str().into(), (*expected).into()])
        })?;
        let Some(row) = row else { return Ok(None) };
        let told = |fault: Fault| fault.told(&self.path);
        let (owner, holds) = (row.opt_text(0).map_err(told)?, row.flag(1).map_err(told)?);
        let Some(owner) = owner.filter(|_| holds) else { return Ok(None) };
        let known: Owner = serde_json::from_str(&owner).map_err(|error| told(error.into()))?;
        Ok((crate::owners::by_process(&known) == Pulse::Dead).then_some(owner))
    }

    /// The places that it will have.
    fn spots(&self, db: &super::Conn, asked: &Asked<'_>, held: bool) -> fault::Result<Vec<Option<Spot>>> {
        match asked.seal.writes() {
            None => Ok(vec![None; asked.writes.len()]),
            Some(_) => self.places.spots(db, asked.writes, held),
        }
    }

    /// What is to be sent.
    fn request(
        &self,
        (writer, number): (&str, u64),
        asked: &Asked<'_>,
        spots: &[Option<Spot>],
        (durable, known, strict): (bool, bool, bool),
    ) -> fault::Result<Request> {
        let Items { json, payloads, values } =
            items::items(asked.writes, asked.referred, asked.dead, asked.seal, spots)?;
        let mut params = vec![
            Param::from(writer),
            Param::from(number),
            Param::Text(Some(json)),
            Param::Texts(payloads),
            Param::Bool(durable),
            Param::Bool(known),
            Param::Bool(strict),
            Param::Bool(values),
            Param::Small(self.space),
            Param::from(asked.seal.names().as_str()),
        ];
        let ended = limits::ended(asked.writes);
        let text = if ended.is_some() { ENDED } else { ONCE };
        params.extend(ended.into_iter().flatten());
        Ok(Request { text, params })
    }

    /// The same, where it is nothing but calls that have ended, or executions that are taken up.
    fn plain(
        &self,
        writer: &str,
        number: u64,
        asked: &Asked<'_>,
        spots: &[Option<Spot>],
    ) -> fault::Result<Option<Request>> {
        if asked.referred.iter().any(|one| !one.new.is_empty() || !one.copied.is_empty()) {
            return Ok(None);
        }
        let ended = limits::ended(asked.writes);
        let (text, columns) = if let Some(columns) = steps::steps(asked.writes, asked.seal, spots)? {
            (if ended.is_some() { steps::ENDED } else { steps::STEPS }, columns)
        } else if let Some(columns) = claims::claims(asked.writes, asked.dead, asked.seal, spots)? {
            (claims::CLAIMS, columns)
        } else {
            return Ok(None);
        };
        let mut params = vec![
            Param::from(writer),
            Param::from(number),
            Param::Small(self.space),
            Param::from(asked.seal.names().as_str()),
        ];
        params.extend(columns);
        params.extend(ended.into_iter().flatten());
        Ok(Some(Request { text, params }))
    }

    /// Takes large values out of events.
    fn values_of(&self, events: &mut [Body], seal: &Sealing<'_>) -> Result<Referred> {
        let mut referred = Referred::default();
        for value in events.iter_mut().flat_map(Body::values_mut) {
            match value {
                Value::Stored(reference) => referred.copied.push(reference.digest),
                Value::Inline(text) if text.get().len() > values::INLINE => {
                    let new = self.values.prepare(text, seal, |digests| self.read(|db| chunks::has(db, digests)))?;
                    *value = Value::Stored(new.reference);
                    referred.new.push(new);
                }
                Value::Inline(_) => {}
            }
        }
        Ok(referred)
    }

    /// Puts the new parts of values into their table, and looks what each is called there: what refers to them is committed
    /// afterwards.
    fn put(&self, referred: &mut [Referred], seal: &Sealing<'_>) -> Result<()> {
        for one in referred.iter_mut().filter(|one| !one.new.is_empty()) {
            let all: Vec<&values::Chunk> = one.new.iter().flat_map(|new| &new.chunks).collect();
            if all.iter().any(|chunk| !matches!(chunk.place, values::Place::Known)) {
                self.put_chunks(&all, seal)?;
            }
            let ids = one.new.iter().map(|new| self.read(|db| chunks::ids(db, &new.chunks)));
            one.chunks = ids.collect::<Result<_>>()?;
        }
        Ok(())
    }

    /// Runs what may be run twice.
    pub(super) fn again<T>(&self, work: impl Fn(&super::Conn) -> fault::Result<T>) -> Result<T> {
        self.until_done(|| self.pool.with(&work))
    }

    /// Tries until it is done, or refused.
    pub(super) fn until_done<T>(&self, work: impl Fn() -> fault::Result<T>) -> Result<T> {
        self.here()?;
        let mut tries = Tries::default();
        loop {
            match work() {
                Ok(done) => {
                    self.away.over(&tries);
                    return Ok(done);
                }
                Err(Fault::Lost(why) | Fault::Again(why)) => self.away.pause(&mut tries, &why, None)?,
                Err(fault) => return Err(fault.told(&self.path)),
            }
        }
    }
}

fn digest(hex: &str) -> Option<Digest> {
    let mut bytes = [0; 32];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(hex.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(Digest(bytes))
}

/// Puts large values back that were taken out.
fn put_back(one: &mut Write, referred: &Referred) {
    let texts = |digest: &Digest| referred.new.iter().find(|new| new.reference.digest == *digest);
    for value in one.events_mut().iter_mut().flat_map(Body::values_mut) {
        if let Value::Stored(reference) = value
            && let Some(new) = texts(&reference.digest)
        {
            *value = Value::Inline(Arc::clone(&new.text));
        }
    }
}

/// The digest of a value that the database knows by another name.
fn plain_name(seal: &Sealing<'_>, referred: &[Referred], name: Digest) -> Digest {
    let all = referred.iter().flat_map(|one| &one.copied);
    all.copied().find(|digest| seal.address(named::VALUE, *digest) == name).unwrap_or(name)
}

fn plain_names(seal: &Sealing<'_>, referred: &[Referred], names: Vec<Digest>) -> Vec<Digest> {
    names.into_iter().map(|name| plain_name(seal, referred, name)).collect()
}

/// What came of one write.
fn answer(told: &Json, plain: impl Fn(Digest) -> Digest) -> Result<Wrote> {
    let text = |name: &str| unescaped(told[name].as_str().unwrap_or_default().to_owned());
    if let Some(why) = told["no"].as_str() {
        return Err(match why {
            "fenced" => StoreError::Fenced(ExecutionId::new(text("id"))),
            "unknown" => StoreError::NotFound(text("id")),
            "conflict" => StoreError::Conflict(text("why")),
            // Another place than it was sealed for is met as a part of a value that has gone: it is made anew.
            "chunk" | "place" => StoreError::Collected,
            "value" => {
                let named = told["digests"][0].as_str().and_then(digest);
                let name = named.map(|digest| plain(digest).to_string()).unwrap_or_default();
                StoreError::Conflict(format!("value {name} has been removed, with all that referred to it"))
            }
            _ => crate::wire::odd(),
        });
    }
    if let Some(number) = told.as_u64() {
        return Ok(Wrote::Number(number));
    }
    if told.as_bool() == Some(true) {
        return Ok(Wrote::Done);
    }
    if let Some(epoch) = told["new"].as_u64() {
        return Ok(Wrote::Created(Created::New(epoch)));
    }
    if told["exists"].as_bool() == Some(true) {
        return Ok(Wrote::Created(Created::Exists));
    }
    if let Some(removed) = told["removed"].as_bool() {
        return Ok(Wrote::Removed(removed));
    }
    if let Some(these) = told["these"].as_array() {
        return Ok(Wrote::These(these.iter().filter_map(Json::as_str).map(ExecutionId::new).collect()));
    }
    Err(crate::wire::odd())
}
