//! `kitaru tokens …`, `kitaru waits link` and `kitaru audit`; and how what is typed gets into the log of changes.
//!
//! Not here: what a token is (`kitaru_engine::manage`).

use crate::guard::{Audit, Link, Tokens};
use crate::output::{Answer, clean};
use crate::{Context, render, who};
use kitaru_engine::manage::{self, Actor, ManageError, Scope, Target, view};
use kitaru_engine::{Clock, SystemClock};
use kitaru_store::ActFilter;
use serde_json::{Value as Json, json};

type Result<T> = std::result::Result<T, ManageError>;

/// Does what is typed, with its place in the log of changes.
pub fn logged<T>(
    context: &mut Context<'_>,
    act: (&str, Target<'_>),
    given: &Json,
    work: impl FnOnce(&mut Context<'_>) -> Result<T>,
) -> Result<T> {
    let actor = Actor { by: who(), token: None, from: "cli".to_owned() };
    let store = std::sync::Arc::clone(&context.store);
    manage::audited(store.as_ref(), &actor, act, given, &|| SystemClock.now(), || work(context))
}

/// `tokens …`
pub fn tokens(context: &mut Context<'_>, one: &Tokens) -> Result<Answer> {
    match one {
        Tokens::Create { name, scope, expires } => create(context, name, scope, expires.as_deref()),
        Tokens::List => list(context),
        Tokens::Revoke { id } => revoke(context, id),
    }
}

fn create(context: &mut Context<'_>, name: &str, scope: &str, expires: Option<&str>) -> Result<Answer> {
    let lasts = expires.map(manage::span_of).transpose()?;
    let scope = Scope::parse(scope)?;
    let given = json!({ "name": name, "scope": scope.as_str(), "expires": expires });
    let now = context.now();
    let (row, secret) = logged(context, ("createToken", Target::Nothing), &given, |context| {
        manage::create_token(context.store.as_ref(), name, scope, lasts, &who(), now)
    })?;
    let mut item = view::token(&row, now);
    item["token"] = json!(secret.reveal());
    let ends = render::when(&item, "expires_at");
    let ends = if ends.is_empty() { String::new() } else { format!(", until {ends} UTC") };
    let messages = vec![
        format!("{name} ({scope}{ends}): this is shown once, and kept nowhere", scope = scope.as_str()),
        format!("to end it: kitaru tokens revoke {}", row.id),
    ];
    Ok(Answer { item: Some(item), text: secret.reveal().to_owned(), messages, ..Answer::default() })
}

fn list(context: &mut Context<'_>) -> Result<Answer> {
    let now = context.now();
    let items: Vec<Json> = manage::tokens(context.store.as_ref())?.iter().map(|row| view::token(row, now)).collect();
    let text = if items.is_empty() {
        "no tokens".to_owned()
    } else {
        render::table(
            &items,
            &[
                ("ID", |item| render::field(item, "id")),
                ("NAME", |item| render::field(item, "name")),
                ("SCOPE", |item| render::field(item, "scope")),
                ("STATE", |item| render::field(item, "state")),
                ("EXPIRES (UTC)", |item| render::when(item, "expires_at")),
                ("USED (UTC)", |item| render::when(item, "used_at")),
                ("MADE BY", |item| render::field(item, "by")),
            ],
        )
    };
    Ok(Answer { items: Some(items), text, ..Answer::default() })
}

fn revoke(context: &mut Context<'_>, id: &str) -> Result<Answer> {
    let now = context.now();
    // Who pastes the whole token means it, and it is not to be kept.
    let public = manage::secrets::public("ktr", id).unwrap_or(id).to_owned();
    let row = logged(context, ("revokeToken", Target::Other(&public)), &json!({}), |context| {
        manage::revoke_token(context.store.as_ref(), &public, now)
    })?;
    let text = clean(&format!("{} ({}) lets nobody in any more", row.id, row.name));
    Ok(Answer { item: Some(view::token(&row, now)), text, ..Answer::default() })
}

/// `waits link`
pub fn link(context: &mut Context<'_>, link: &Link) -> Result<Answer> {
    let is_url = (link.url.starts_with("http://") || link.url.starts_with("https://"))
        && link.url.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_url {
        return Err(ManageError::new("usage", "--url is what clients call the server: https://kitaru.example", None));
    }
    let lasts = manage::span_of(&link.expires)?;
    let row = manage::find(context.store.as_ref(), &link.id)?;
    let given = json!({ "wait": link.wait, "expires": link.expires });
    let now = context.now();
    let (made, secret) = logged(context, ("createLink", Target::Execution(row.id.as_str())), &given, |context| {
        manage::create_link(context.store.as_ref(), &row, link.wait.as_deref(), lasts, &who(), now)
    })?;
    let item = view::link(&made, &secret, &link.url);
    let text = render::field(&item, "url");
    let until = render::when(&item, "expires_at");
    let said = format!("answers {} once, until {until} UTC, while a server of this store is at {}", made.key, link.url);
    Ok(Answer { item: Some(item), text, messages: vec![clean(&said)], ..Answer::default() })
}

/// `audit`
pub fn audit(context: &mut Context<'_>, audit: &Audit) -> Result<Answer> {
    let since = audit.since.as_deref().map(manage::span_of).transpose()?;
    let filter = ActFilter {
        since: since.map(|span| context.now().saturating_sub(span)),
        by: audit.by.clone(),
        before: audit.before,
        limit: audit.limit,
    };
    let items = manage::changes(context.store.as_ref(), &filter)?;
    let text = if items.is_empty() {
        "nothing was changed".to_owned()
    } else {
        render::table(
            &items,
            &[
                ("ID", |item| render::field(item, "id")),
                ("WHEN (UTC)", |item| render::when(item, "at")),
                ("BY", |item| render::cut(&render::field(item, "by"), 24)),
                ("FROM", |item| render::cut(&render::field(item, "from"), 24)),
                ("ACT", |item| render::field(item, "act")),
                ("OF", |item| {
                    let of = render::field(item, "target");
                    let cut = of.len().saturating_sub(8);
                    if of.len() == 36 { of.get(cut..).unwrap_or_default().to_owned() } else { render::cut(&of, 20) }
                }),
                ("CAME TO", came_to),
            ],
        )
    };
    Ok(Answer { items: Some(items), text, ..Answer::default() })
}

/// `done: waiting -> running`
fn came_to(item: &Json) -> String {
    let outcome = item["outcome"].as_str().unwrap_or("nobody came to say");
    let state = |pointer: &str| item.pointer(pointer).and_then(Json::as_str).map(str::to_owned);
    match (state("/before/status"), state("/after/execution/status")) {
        (Some(before), Some(after)) if before != after => format!("{outcome}: {before} -> {after}"),
        _ => outcome.to_owned(),
    }
}
