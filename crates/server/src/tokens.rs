//! `/api/v1/tokens`: who may ask, and for what. The secret of a token is in the answer that makes it, and nowhere else.
//!
//! Not here: how a token is recognised (`access`).

use crate::Shared;
use crate::executions::items;
use crate::given::{At, Given};
use crate::problem::{Answer, Made, answer, made};
use crate::route::{Route, delete, get, post};
use crate::scope::{Caller, Scope};
use axum::extract::State;
use kitaru_engine::manage::{self, ManageError, view};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

pub fn routes() -> Vec<Route> {
    vec![
        get("/tokens", "listTokens", list)
            .scope(Scope::Admin)
            .says("All tokens that ever were, newest first, without their secrets.")
            .answers("Tokens"),
        post("/tokens", Scope::Admin, "createToken", create)
            .says("Make a token. Its secret is shown this once.")
            .body::<Create>()
            .creates()
            .answers("NewToken"),
        delete("/tokens/{id}", Scope::Admin, "revokeToken", revoke)
            .says("Revoke a token. What it began to read ends too.")
            .answers("Token"),
    ]
}

async fn list(State(shared): State<Shared>) -> Answer {
    answer(&shared, |shared| {
        let now = shared.now();
        items(manage::tokens(shared.store.as_ref())?.iter().map(|row| Ok(view::token(row, now))))
    })
    .await
}

/// A token to be made.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Create {
    /// What it is called: what is done with it stands under that name in journals and in the log of changes.
    #[schemars(regex(pattern = r"^[A-Za-z0-9._@-]{1,64}$"))]
    name: String,
    /// What it allows. Each includes those before it.
    scope: ScopeWord,
    /// For how long: `90s`, `15m`, `24h`, `30d`. Without it, until it is revoked.
    #[schemars(regex(pattern = r"^[0-9]{1,6}[smhd]$"))]
    expires: Option<String>,
}

/// See [`Scope`].
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum ScopeWord {
    /// Look.
    Read,
    /// Answer what is asked.
    Answer,
    /// Start, resume, replay, pause, cancel.
    Operate,
    /// Delete, and say who may do what.
    Admin,
}

impl From<ScopeWord> for Scope {
    fn from(word: ScopeWord) -> Self {
        match word {
            ScopeWord::Read => Self::Read,
            ScopeWord::Answer => Self::Answer,
            ScopeWord::Operate => Self::Operate,
            ScopeWord::Admin => Self::Admin,
        }
    }
}

async fn create(State(shared): State<Shared>, caller: Caller, Given(asked): Given<Create>) -> Made {
    let answered = answer(&shared, move |shared| {
        let lasts = asked.expires.as_deref().map(manage::span_of).transpose()?;
        let (store, now) = (shared.store.as_ref(), shared.now());
        let (row, secret) = manage::create_token(store, &asked.name, asked.scope.into(), lasts, &caller.by, now)?;
        let mut item = view::token(&row, now);
        item["token"] = json!(secret.reveal());
        Ok(item)
    });
    made(answered.await)
}

async fn revoke(State(shared): State<Shared>, At(id): At<String>) -> Answer {
    answer(&shared, move |shared| {
        let now = shared.now();
        let row = manage::revoke_token(shared.store.as_ref(), &id, now)?;
        Ok::<_, ManageError>(view::token(&row, now))
    })
    .await
}
