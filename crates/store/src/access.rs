//! What a store keeps of who may ask it: tokens, links that answer one wait, and the log of what was changed.
//!
//! Secrets are never here: rows have digests of them. Not here: who may do what, and what a secret looks like
//! (`kitaru_engine::manage`).

use crate::store::Result;
use kitaru_core::{ExecutionId, Millis};

/// A digest of a secret, or of a question.
pub type Digest = [u8; 32];

/// A token, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRow {
    /// Its public part.
    pub id: String,
    /// What it is called: it stands in journals as who did something.
    pub name: String,
    /// `read`, `answer`, `operate` or `admin`.
    pub scope: String,
    /// Of its secret.
    pub digest: Digest,
    /// Who made it.
    pub by: String,
    /// When.
    pub created_at: Millis,
    /// From then on it is none; `None`: it stays.
    pub expires_at: Option<Millis>,
    /// Since then it is none.
    pub revoked_at: Option<Millis>,
    /// When it was last used, within some minutes.
    pub used_at: Option<Millis>,
}

/// A link that answers one wait, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkRow {
    /// Its public part.
    pub id: String,
    /// Of its secret.
    pub digest: Digest,
    /// The execution that asks.
    pub execution_id: ExecutionId,
    /// Its wait.
    pub key: String,
    /// Of what is asked: another question under the same key is not answered by it.
    pub question: Digest,
    /// Who made it.
    pub by: String,
    /// When.
    pub created_at: Millis,
    /// From then on it is none.
    pub expires_at: Millis,
    /// It has answered.
    pub used_at: Option<Millis>,
}

/// A change: who asked for it, of what, and what came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActRow {
    /// Its number, which is the store's.
    pub id: u64,
    /// When it was asked for.
    pub at: Millis,
    /// Who asked.
    pub by: String,
    /// The public part of the token that was shown.
    pub token: Option<String>,
    /// From where: `cli`, `python`, `http 10.0.0.7`.
    pub from: String,
    /// What: `answerWait`.
    pub act: String,
    /// Of what: an execution, or what a path names.
    pub target: Option<String>,
    /// What was asked with it: a JSON text, without values.
    pub given: String,
    /// How the target was: a JSON text.
    pub before: Option<String>,
    /// How it was afterwards.
    pub after: Option<String>,
    /// `done`, or the code of a refusal; `None`: nobody came to say.
    pub outcome: Option<String>,
    /// When that was.
    pub ended_at: Option<Millis>,
}

/// Which changes to list. Empty: all.
#[derive(Clone, Debug, Default)]
pub struct ActFilter {
    /// Only what was asked for then or later.
    pub since: Option<Millis>,
    /// Only what they asked for: a name, or the public part of a token.
    pub by: Option<String>,
    /// Only those with a lower number.
    pub before: Option<u64>,
    /// How many at the most.
    pub limit: usize,
}

/// The verbs. Durable when they return, unless they say otherwise.
pub trait Access: Send + Sync {
    /// Keeps a token.
    fn add_token(&self, token: &TokenRow) -> Result<()>;

    /// The token of that public part, also one that is none any more.
    fn token(&self, id: &str) -> Result<Option<TokenRow>>;

    /// All that ever were, newest first.
    fn tokens(&self) -> Result<Vec<TokenRow>>;

    /// Ends a token; `false`: there is none, or it was ended before.
    fn revoke_token(&self, id: &str, at: Millis) -> Result<bool>;

    /// Notes that a token was used. Not awaited to the disk.
    fn token_used(&self, id: &str, at: Millis) -> Result<()>;

    /// Keeps a link. Those that ended long before it are forgotten.
    fn add_link(&self, link: &LinkRow) -> Result<()>;

    /// The link of that public part.
    fn link(&self, id: &str) -> Result<Option<LinkRow>>;

    /// Notes that a link has answered.
    fn link_used(&self, id: &str, at: Millis) -> Result<()>;

    /// Notes that something is about to be changed. Returns its number.
    fn begin_act(&self, act: &ActRow) -> Result<u64>;

    /// Notes what came of it. Not awaited to the disk: without it, nobody knows.
    fn end_act(&self, id: u64, at: Millis, after: Option<&str>, outcome: &str) -> Result<()>;

    /// Changes, newest first.
    fn acts(&self, filter: &ActFilter) -> Result<Vec<ActRow>>;
}
