//! The statements of tokens, links and the log of changes.
//!
//! Not here: what they are for (`crate::access`).

use super::Sqlite;
use super::fault::{Fault, Result};
use super::seal::Db;
use super::writer::Durable;
use crate::access::{Access, ActFilter, ActRow, Digest, LinkRow, TokenRow};
use crate::seal::Place;
use crate::store;
use kitaru_core::{ExecutionId, Millis};
use rusqlite::{OptionalExtension, Row, params};

/// A link that ended so long ago is forgotten.
const LONG: Millis = 30 * 86_400_000;

const TOKEN: &str = "SELECT id, name, scope, digest, by, created_at, expires_at, revoked_at, used_at FROM tokens";
const ACT: &str = "SELECT id, at, by, token, origin, act, target, given, before, after, outcome, ended_at FROM audit";

impl Access for Sqlite {
    fn add_token(&self, token: &TokenRow) -> store::Result<()> {
        let one = token.clone();
        self.write(Durable::Now, move |db, _| add_token(db, &one).map(|()| 0))?;
        self.posted();
        Ok(())
    }

    fn token(&self, id: &str) -> store::Result<Option<TokenRow>> {
        self.read(|db| {
            let found = db.prepare_cached(&format!("{TOKEN} WHERE id = ?1"))?.query_row([id], token).optional()?;
            Ok(found)
        })
    }

    fn tokens(&self) -> store::Result<Vec<TokenRow>> {
        self.read(|db| {
            let mut select = db.prepare_cached(&format!("{TOKEN} ORDER BY created_at DESC, id"))?;
            let rows = select.query_map([], token)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn revoke_token(&self, id: &str, at: Millis) -> store::Result<bool> {
        let id = id.to_owned();
        let ended = self.write(Durable::Now, move |db, _| {
            let text = "UPDATE tokens SET revoked_at = ?2 WHERE id = ?1 AND revoked_at IS NULL";
            Ok(db.prepare_cached(text)?.execute(params![id, at])? as u64)
        })?;
        self.posted();
        Ok(ended > 0)
    }

    fn token_used(&self, id: &str, at: Millis) -> store::Result<()> {
        let id = id.to_owned();
        self.write(Durable::Later, move |db, _| {
            db.prepare_cached("UPDATE tokens SET used_at = ?2 WHERE id = ?1")?.execute(params![id, at])?;
            Ok(0)
        })
        .map(|_| ())
    }

    fn add_link(&self, link: &LinkRow) -> store::Result<()> {
        let one = link.clone();
        self.write(Durable::Now, move |db, _| add_link(db, &one).map(|()| 0)).map(|_| ())
    }

    fn link(&self, id: &str) -> store::Result<Option<LinkRow>> {
        self.read(|db| {
            let text = "SELECT id, digest, execution_id, key, question, by, created_at, expires_at, used_at
                FROM links WHERE id = ?1";
            let mut select = db.prepare_cached(text)?;
            let mut rows = select.query([id])?;
            rows.next()?.map(|row| link(db, row)).transpose()
        })
    }

    fn link_used(&self, id: &str, at: Millis) -> store::Result<()> {
        let id = id.to_owned();
        self.write(Durable::Now, move |db, _| {
            let text = "UPDATE links SET used_at = ?2 WHERE id = ?1 AND used_at IS NULL";
            db.prepare_cached(text)?.execute(params![id, at])?;
            Ok(0)
        })
        .map(|_| ())
    }

    fn begin_act(&self, act: &ActRow) -> store::Result<u64> {
        let one = act.clone();
        self.write(Durable::Now, move |db, _| begin_act(db, &one))
    }

    fn end_act(&self, id: u64, at: Millis, after: Option<&str>, outcome: &str) -> store::Result<()> {
        let (after, outcome) = (after.map(str::to_owned), outcome.to_owned());
        self.write(Durable::Later, move |db, _| {
            let mut begun = db.prepare_cached("SELECT at, by, act, origin FROM audit WHERE id = ?1")?;
            let mut rows = begun.query([id])?;
            let Some(row) = rows.next()? else { return Ok(0) };
            let place = act_place("audit.after", row.get(0)?, &strings(row, 1)?);
            let seal = db.seal.now();
            let after = after.as_deref().map(|text| seal.text(|| place, text));
            let text = "UPDATE audit SET ended_at = ?2, after = ?3, outcome = ?4 WHERE id = ?1 AND outcome IS NULL";
            db.prepare_cached(text)?.execute(params![id, at, after, outcome])?;
            Ok(0)
        })
        .map(|_| ())
    }

    fn acts(&self, filter: &ActFilter) -> store::Result<Vec<ActRow>> {
        self.read(|db| acts(db, filter))
    }
}

/// What is asked by a link stands there as a digest, which tells a short question.
fn link_place(id: &str) -> Place {
    Place::of("links.question").text(id)
}

/// The number of a change is not known before it is written.
fn act_place(column: &str, at: Millis, [by, act, origin]: &[String; 3]) -> Place {
    Place::of(column).n(at).text(by).text(act).text(origin)
}

fn strings(row: &Row<'_>, at: usize) -> Result<[String; 3]> {
    Ok([row.get(at)?, row.get(at + 1)?, row.get(at + 2)?])
}

fn add_token(db: &Db, one: &TokenRow) -> Result<()> {
    let text = "INSERT INTO tokens (id, name, scope, digest, by, created_at, expires_at, revoked_at, used_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    db.prepare_cached(text)?.execute(params![
        one.id,
        one.name,
        one.scope,
        one.digest,
        one.by,
        one.created_at,
        one.expires_at,
        one.revoked_at,
        one.used_at
    ])?;
    Ok(())
}

fn token(row: &Row<'_>) -> rusqlite::Result<TokenRow> {
    Ok(TokenRow {
        id: row.get(0)?,
        name: row.get(1)?,
        scope: row.get(2)?,
        digest: row.get::<_, Digest>(3)?,
        by: row.get(4)?,
        created_at: row.get(5)?,
        expires_at: row.get(6)?,
        revoked_at: row.get(7)?,
        used_at: row.get(8)?,
    })
}

fn add_link(db: &Db, one: &LinkRow) -> Result<()> {
    db.prepare_cached("DELETE FROM links WHERE expires_at < ?1")?.execute([one.created_at.saturating_sub(LONG)])?;
    let (question, _) = db.seal.now().bytes(|| link_place(&one.id), one.question[..].into());
    let text = "INSERT INTO links (id, digest, execution_id, key, question, by, created_at, expires_at, used_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    db.prepare_cached(text)?.execute(params![
        one.id,
        one.digest,
        one.execution_id.as_str(),
        one.key,
        question,
        one.by,
        one.created_at,
        one.expires_at,
        one.used_at
    ])?;
    Ok(())
}

fn link(db: &Db, row: &Row<'_>) -> Result<LinkRow> {
    let (id, question): (String, Vec<u8>) = (row.get(0)?, row.get(4)?);
    // Sealed, it is longer than a digest.
    let question = db.seal.now().open_bytes(|| link_place(&id), question.len() != 32, question)?;
    let question = Digest::try_from(question).map_err(|_| Fault::Odd("a link has no question".to_owned()))?;
    Ok(LinkRow {
        id,
        digest: row.get::<_, Digest>(1)?,
        execution_id: ExecutionId::new(row.get::<_, String>(2)?),
        key: row.get(3)?,
        question,
        by: row.get(5)?,
        created_at: row.get(6)?,
        expires_at: row.get(7)?,
        used_at: row.get(8)?,
    })
}

fn begin_act(db: &Db, one: &ActRow) -> Result<u64> {
    let text = "INSERT INTO audit (at, by, token, origin, act, target, given, before)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) RETURNING id";
    let seal = db.seal.now();
    let bound = [one.by.clone(), one.act.clone(), one.from.clone()];
    let given = seal.text(|| act_place("audit.given", one.at, &bound), &one.given);
    let before = one.before.as_deref().map(|text| seal.text(|| act_place("audit.before", one.at, &bound), text));
    let fields = params![one.at, one.by, one.token, one.from, one.act, one.target, given, before];
    Ok(db.prepare_cached(text)?.query_row(fields, |row| row.get(0))?)
}

fn acts(db: &Db, filter: &ActFilter) -> Result<Vec<ActRow>> {
    let below = i64::try_from(filter.before.unwrap_or(u64::MAX)).unwrap_or(i64::MAX);
    let limit = i64::try_from(filter.limit).unwrap_or(i64::MAX);
    let since = filter.since.unwrap_or(Millis::MIN);
    let mut select;
    let mut rows = match &filter.by {
        None => {
            select = db.prepare_cached(&format!("{ACT} WHERE id < ?1 AND at >= ?2 ORDER BY id DESC LIMIT ?3"))?;
            select.query(params![below, since, limit])?
        }
        // Each half by its own index.
        Some(by) => {
            select = db.prepare_cached(&format!(
                "SELECT * FROM ({ACT} WHERE by = ?4 AND id < ?1 AND at >= ?2 ORDER BY id DESC LIMIT ?3)
                 UNION SELECT * FROM ({ACT} WHERE token = ?4 AND id < ?1 AND at >= ?2 ORDER BY id DESC LIMIT ?3)
                 ORDER BY 1 DESC LIMIT ?3"
            ))?;
            select.query(params![below, since, limit, by])?
        }
    };
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(act(db, row)?);
    }
    Ok(found)
}

fn act(db: &Db, row: &Row<'_>) -> Result<ActRow> {
    let (at, by, act, from): (Millis, String, String, String) = (row.get(1)?, row.get(2)?, row.get(5)?, row.get(4)?);
    let bound = [by, act, from];
    let given = db.text(row, 7, || act_place("audit.given", at, &bound))?;
    let before = db.opt_text(row, 8, || act_place("audit.before", at, &bound))?;
    let after = db.opt_text(row, 9, || act_place("audit.after", at, &bound))?;
    let [by, act, from] = bound;
    let (id, token, target, outcome, ended_at) = (row.get(0)?, row.get(3)?, row.get(6)?, row.get(10)?, row.get(11)?);
    Ok(ActRow { id, at, by, token, from, act, target, given, before, after, outcome, ended_at })
}
