//! The statements of tokens, links and the log of changes. Each may be sent again: it notices what it has done.
//!
//! Not here: what they are for (`crate::access`).

use super::Postgres;
use super::conn::Conn;
use super::fault::{Fault, Result};
use super::param::{Columns, Param};
use crate::access::{Access, ActFilter, ActRow, LinkRow, TokenRow};
use crate::error::StoreError;
use crate::seal::Place;
use crate::store;
use kitaru_core::{ExecutionId, Millis};
use std::cell::Cell;
use tokio_postgres::Row;

/// A link that ended so long ago is forgotten.
const LONG: Millis = 30 * 86_400_000;

const TOKEN: &str = "SELECT id, name, scope, digest, by, created_at, expires_at, revoked_at, used_at FROM tokens";
const ACT: &str = "SELECT id, at, by, token, origin, act, target, given, before, after, outcome, ended_at FROM audit";

impl Postgres {
    /// Writes what is sealed, by the keys that are the store's.
    fn written<T>(&self, work: impl Fn(&Conn) -> Result<T>) -> store::Result<T> {
        self.again(|db| {
            db.transaction("BEGIN", |db| {
                self.must_have_keys(db)?;
                work(db)
            })
        })
    }

    /// Writes what others must notice. `work` is told whether it may have been done before.
    pub(super) fn noticed<T>(&self, work: impl Fn(&Conn, bool) -> Result<T>) -> store::Result<T> {
        let tried = Cell::new(false);
        self.again(|db| {
            let again = tried.replace(true);
            db.transaction("BEGIN", |db| {
                db.query("SELECT announce($1)", &[Param::Small(self.space)])?;
                let done = work(db, again)?;
                db.query("SELECT nextval('revision')", &[])?;
                Ok(done)
            })
        })
    }
}

/// What is asked by a link stands there as a digest, which tells a short question.
fn link_place(id: &str) -> Place {
    Place::of("links.question").text(id)
}

/// The number of a change is not known before it is written.
fn act_place(column: &str, at: Millis, [by, act, origin]: [&str; 3]) -> Place {
    Place::of(column).n(at).text(by).text(act).text(origin)
}

impl Access for Postgres {
    fn add_token(&self, token: &TokenRow) -> store::Result<()> {
        self.noticed(|db, again| {
            let text = "INSERT INTO tokens (id, name, scope, digest, by, created_at, expires_at, revoked_at, used_at)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (id) DO NOTHING";
            let params = [
                token.id.as_str().into(),
                token.name.as_str().into(),
                token.scope.as_str().into(),
                Param::Bytes(token.digest.to_vec()),
                token.by.as_str().into(),
                token.created_at.into(),
                token.expires_at.into(),
                token.revoked_at.into(),
                token.used_at.into(),
            ];
            if db.execute(text, &params)? == 0 && !again {
                return Err(Fault::Refused(StoreError::Conflict(format!("there is a token {} already", token.id))));
            }
            Ok(())
        })
    }

    fn token(&self, id: &str) -> store::Result<Option<TokenRow>> {
        self.read(|db| db.find(&format!("{TOKEN} WHERE id = $1"), &[id.into()])?.as_ref().map(token).transpose())
    }

    fn tokens(&self) -> store::Result<Vec<TokenRow>> {
        self.read(|db| db.query(&format!("{TOKEN} ORDER BY created_at DESC, id"), &[])?.iter().map(token).collect())
    }

    fn revoke_token(&self, id: &str, at: Millis) -> store::Result<bool> {
        self.noticed(|db, again| {
            let text = "UPDATE tokens SET revoked_at = $2 WHERE id = $1
                AND (revoked_at IS NULL OR $3 AND revoked_at = $2)";
            Ok(db.execute(text, &[id.into(), at.into(), Param::Bool(again)])? > 0)
        })
    }

    fn token_used(&self, id: &str, at: Millis) -> store::Result<()> {
        self.again(|db| db.execute("UPDATE tokens SET used_at = $2 WHERE id = $1", &[id.into(), at.into()])).map(|_| ())
    }

    fn add_link(&self, link: &LinkRow) -> store::Result<()> {
        self.written(|db| {
            let (question, _) = db.seal.now().bytes(|| link_place(&link.id), link.question[..].into());
            let old = link.created_at.saturating_sub(LONG);
            db.execute("DELETE FROM links WHERE expires_at < $1", &[old.into()])?;
            let text =
                "INSERT INTO links (id, digest, execution_id, key, question, by, created_at, expires_at, used_at)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (id) DO NOTHING";
            let params = [
                link.id.as_str().into(),
                Param::Bytes(link.digest.to_vec()),
                link.execution_id.as_str().into(),
                link.key.as_str().into(),
                Param::Bytes(question.into_owned()),
                link.by.as_str().into(),
                link.created_at.into(),
                link.expires_at.into(),
                link.used_at.into(),
            ];
            db.execute(text, &params).map(|_| ())
        })
    }

    fn link(&self, id: &str) -> store::Result<Option<LinkRow>> {
        let text = "SELECT id, digest, execution_id, key, question, by, created_at, expires_at, used_at
            FROM links WHERE id = $1";
        self.read(|db| db.find(text, &[id.into()])?.as_ref().map(|row| link_of(db, row)).transpose())
    }

    fn link_used(&self, id: &str, at: Millis) -> store::Result<()> {
        let text = "UPDATE links SET used_at = $2 WHERE id = $1 AND used_at IS NULL";
        self.again(|db| db.execute(text, &[id.into(), at.into()])).map(|_| ())
    }

    fn begin_act(&self, act: &ActRow) -> store::Result<u64> {
        let mark = uuid::Uuid::now_v7().simple().to_string();
        let text = "INSERT INTO audit (at, by, token, origin, act, target, given, before, mark)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
            ON CONFLICT (mark) DO UPDATE SET at = excluded.at RETURNING id";
        let bound = [act.by.as_str(), act.act.as_str(), act.from.as_str()];
        let params = |db: &Conn| {
            [
                act.at.into(),
                act.by.as_str().into(),
                act.token.as_deref().into(),
                act.from.as_str().into(),
                act.act.as_str().into(),
                act.target.as_deref().into(),
                db.kept(|| act_place("audit.given", act.at, bound), &act.given),
                db.opt_kept(|| act_place("audit.before", act.at, bound), act.before.as_deref()),
                mark.as_str().into(),
            ]
        };
        self.written(|db| db.one(text, &params(db))?.num(0))
    }

    fn end_act(&self, id: u64, at: Millis, after: Option<&str>, outcome: &str) -> store::Result<()> {
        let text = "UPDATE audit SET ended_at = $2, after = $3, outcome = $4 WHERE id = $1 AND outcome IS NULL";
        self.written(|db| {
            let begun = "SELECT at, by, act, origin FROM audit WHERE id = $1";
            let Some(row) = db.find(begun, &[id.into()])? else { return Ok(()) };
            let (begun, by, act, origin) = (row.int(0)?, row.text(1)?, row.text(2)?, row.text(3)?);
            let after = db.opt_kept(|| act_place("audit.after", begun, [&by, &act, &origin]), after);
            db.execute(text, &[id.into(), at.into(), after, outcome.into()]).map(|_| ())
        })
    }

    fn acts(&self, filter: &ActFilter) -> store::Result<Vec<ActRow>> {
        let below = filter.before.unwrap_or(u64::MAX);
        let mut params = vec![below.into(), filter.since.unwrap_or(Millis::MIN).into(), filter.limit.into()];
        let text = match &filter.by {
            None => format!("{ACT} WHERE id < $1 AND at >= $2 ORDER BY id DESC LIMIT $3"),
            // Each half by its own index.
            Some(by) => {
                params.push(by.as_str().into());
                format!(
                    "SELECT * FROM (({ACT} WHERE by = $4 AND id < $1 AND at >= $2 ORDER BY id DESC LIMIT $3)
                     UNION ({ACT} WHERE token = $4 AND id < $1 AND at >= $2 ORDER BY id DESC LIMIT $3)) AS both_of
                     ORDER BY id DESC LIMIT $3"
                )
            }
        };
        self.read(|db| db.query(&text, &params)?.iter().map(|row| act(db, row)).collect())
    }
}

fn token(row: &Row) -> Result<TokenRow> {
    Ok(TokenRow {
        id: row.text(0)?,
        name: row.text(1)?,
        scope: row.text(2)?,
        digest: row.digest(3)?,
        by: row.text(4)?,
        created_at: row.int(5)?,
        expires_at: row.opt_int(6)?,
        revoked_at: row.opt_int(7)?,
        used_at: row.opt_int(8)?,
    })
}

fn link_of(db: &Conn, row: &Row) -> Result<LinkRow> {
    let (id, question) = (row.text(0)?, row.bytes(4)?);
    // Sealed, it is longer than a digest.
    let question = db.seal.now().open_bytes(|| link_place(&id), question.len() != 32, question)?;
    let question = question.try_into().map_err(|_| Fault::Odd("a link has no question".to_owned()))?;
    Ok(LinkRow {
        id,
        digest: row.digest(1)?,
        execution_id: ExecutionId::new(row.text(2)?),
        key: row.text(3)?,
        question,
        by: row.text(5)?,
        created_at: row.int(6)?,
        expires_at: row.int(7)?,
        used_at: row.opt_int(8)?,
    })
}

fn act(db: &Conn, row: &Row) -> Result<ActRow> {
    let (at, by, act, from) = (row.int(1)?, row.text(2)?, row.text(5)?, row.text(4)?);
    let place = |column| {
        let bound = [by.as_str(), act.as_str(), from.as_str()];
        move || act_place(column, at, bound)
    };
    Ok(ActRow {
        id: row.num(0)?,
        at,
        token: row.opt_text(3)?,
        target: row.opt_text(6)?,
        given: db.text(row, 7, place("audit.given"))?,
        before: db.opt_text(row, 8, place("audit.before"))?,
        after: db.opt_text(row, 9, place("audit.after"))?,
        outcome: row.opt_text(10)?,
        ended_at: row.opt_int(11)?,
        by,
        act,
        from,
    })
}
