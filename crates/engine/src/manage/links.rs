//! Links that answer one wait and nothing else, once.
//!
//! What makes it once is the answer itself: it is posted only while the wait is open, and by a request key that is the
//! link's, so that two who click at the same time answer together, or one of them not at all. Not here: the page that a
//! link shows (`kitaru_server`).

use super::answer::{open_wait, open_waits};
use super::secrets::{self, Secret};
use super::tokens::access;
use super::{Answered, ManageError, Result, answer_once};
use kitaru_core::Millis;
use kitaru_core::rows::{ExecutionRow, WaitRow};
use kitaru_store::{Digest, LinkRow, Store};
use serde_json::{Value as Json, json};

/// What a link's secret begins with.
const KIND: &str = "kta";

/// Makes a link for an open wait of `row` or of one of its descendants: its name or key, or the only one. The secret is
/// in what is returned, and nowhere else.
pub fn create_link(
    store: &dyn Store,
    row: &ExecutionRow,
    wait: Option<&str>,
    lasts: Millis,
    by: &str,
    now: Millis,
) -> Result<(LinkRow, Secret)> {
    if lasts <= 0 {
        return Err(ManageError::new("usage", "a link that has expired already answers nothing", None));
    }
    let wait = open_wait(store, row, wait, now)?;
    let (id, secret) = secrets::make(KIND)?;
    let link = LinkRow {
        id,
        digest: secrets::digest(secret.reveal()),
        execution_id: wait.execution_id.clone(),
        question: question(&wait),
        key: wait.key,
        by: by.to_owned(),
        created_at: now,
        expires_at: now.saturating_add(lasts),
        used_at: None,
    };
    access(store)?.add_link(&link)?;
    Ok((link, secret))
}

/// What a wait asks: another question, schema or shown data is another one.
fn question(wait: &WaitRow) -> Digest {
    let asked = json!([wait.key, wait.question, wait.schema, wait.data.as_ref().map(|data| data.reference())]);
    blake3::derive_key("kitaru 2026-11 what a link answers", asked.to_string().as_bytes())
}

/// The link of a secret, and what it answers. Refused when it is none, has answered or expired, or when that is no longer
/// asked.
pub fn linked(store: &dyn Store, secret: &str, now: Millis) -> Result<(LinkRow, WaitRow)> {
    let id = secrets::public(KIND, secret).ok_or_else(unknown)?;
    let link = access(store)?.link(id)?.filter(|link| secrets::is_of(secret, &link.digest)).ok_or_else(unknown)?;
    if link.used_at.is_some() {
        return Err(over("this link has answered already"));
    }
    if now >= link.expires_at {
        return Err(over("this link has expired"));
    }
    let row = store.queries().execution(&link.execution_id).map_err(|_| over("what asked is gone"))?;
    let open = open_waits(store, &row)?;
    let wait = open.into_iter().find(|one| one.execution_id == link.execution_id && one.key == link.key);
    let wait = wait.ok_or_else(|| over("this question is no longer open"))?;
    if wait.is_too_late(now) {
        return Err(over("the time for an answer has passed"));
    }
    if question(&wait) != link.question {
        return Err(over("another question is asked now than the one that this link was made for"));
    }
    Ok((link, wait))
}

/// Answers what a link is for. A bad answer is refused, and the link stays.
pub fn answer_link(store: &dyn Store, secret: &str, answer: &Json, now: Millis) -> Result<Answered> {
    let (link, wait) = linked(store, secret, now)?;
    let row = store.queries().execution(&wait.execution_id)?;
    let (by, request) = (format!("link {} by {}", link.id, link.by), format!("link {}", link.id));
    let answered = match answer_once(store, &row, Some(&wait.key), answer, (&by, &request), now) {
        Err(error) if matches!(error.code.as_str(), "key-conflict" | "already-answered") => {
            return Err(over("this question was answered at the same time"));
        }
        answered => answered?,
    };
    access(store)?.link_used(&link.id, now)?;
    Ok(answered)
}

fn unknown() -> ManageError {
    ManageError::new("unknown-link", "this is no link to a question", None)
}

fn over(why: &str) -> ManageError {
    ManageError::new("link-over", why, Some("ask whoever sent it for another one".to_owned()))
}
