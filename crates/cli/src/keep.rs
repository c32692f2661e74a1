//! Keeping a store in order: `kitaru gc`, `kitaru backup`, `kitaru restore`.
//!
//! Not here: what may go (`kitaru_engine::manage::gc`), and how a store is copied (`kitaru_store`).

use crate::Context;
use crate::args::Args;
use crate::output::{Answer, clean};
use crate::tokens::logged;
use kitaru_engine::manage::{self, Actor, GcOptions, ManageError, Target};
use kitaru_engine::{Clock, SystemClock};
use kitaru_store::{Backup, Restoring};
use serde_json::{Value as Json, json};
use std::path::Path;

/// How many names of tokens are shown.
const SHOWN: usize = 20;

type Result<T> = std::result::Result<T, ManageError>;

/// `kitaru gc`
#[derive(Debug, clap::Args)]
pub struct Gc {
    /// Only what ended longer ago: a whole number and s, m, h, d or w.
    #[arg(long, value_name = "AGE", value_parser = an_age)]
    pub older_than: String,
    /// Only executions of this flow, with all that they started.
    #[arg(long)]
    pub flow: Option<String>,
    /// Only in these states: completed, cancelled, failed [default: completed and cancelled].
    #[arg(long)]
    pub status: Vec<String>,
    /// Only say what would be removed.
    #[arg(long)]
    pub dry_run: bool,
}

/// An age that can be read.
fn an_age(text: &str) -> std::result::Result<String, String> {
    kitaru_engine::manage::age(text).map(|_| text.to_owned()).map_err(|error| error.hint.unwrap_or(error.message))
}

/// `gc`
pub fn gc(context: &mut Context<'_>, asked: &Gc) -> Result<Answer> {
    let options = GcOptions {
        now: context.now(),
        before: context.now().saturating_sub(manage::age(&asked.older_than)?),
        flow: asked.flow.clone(),
        status: asked.status.iter().map(|word| manage::parse_status(word)).collect::<Result<_>>()?,
        dry_run: asked.dry_run,
    };
    let found = if asked.dry_run {
        manage::gc(context.store.as_ref(), &options)?
    } else {
        let given = json!({ "older_than": asked.older_than, "flow": asked.flow, "status": asked.status });
        let act = ("removeOld", Target::Nothing);
        logged(context, act, &given, |context| manage::gc(context.store.as_ref(), &options))?
    };
    let would = if asked.dry_run { "would remove" } else { "removed" };
    let mut text = format!(
        "{would} {} of {}, and {} of {} that nothing {}refers to",
        many(found.executions, "execution"),
        size(found.bytes),
        many(found.collected.values, "value"),
        size(found.collected.bytes),
        if asked.dry_run { "then " } else { "" },
    );
    if found.kept > 0 {
        let they = if found.kept == 1 { "that are old enough stays" } else { "that are old enough stay" };
        text.push_str(&format!("\n{} {they}: something needs them", many(found.kept, "execution")));
    }
    if found.given_back > 0 {
        text.push_str(&format!("\nthe database is to shrink by {}", size(found.given_back)));
    }
    let put_off = found.collected.put_off.as_ref();
    let messages = put_off.map(|why| format!("values were left for the next time: {why}")).into_iter().collect();
    Ok(Answer { item: Some(found.item(asked.dry_run)), text, messages, ..Answer::default() })
}

/// `backup`
pub fn backup(context: &mut Context<'_>, folder: &Path) -> Result<Answer> {
    let made = manage::upkeep(context.store.as_ref())?.backup(folder)?;
    let restore = format!("to restore it: kitaru restore {}", made.folder.display());
    Ok(Answer {
        item: Some(item(&made)),
        text: clean(&format!("{} holds {}, read back and whole", made.folder.display(), what(&made))),
        messages: vec![clean(&restore)],
        ..Answer::default()
    })
}

/// `restore`
pub fn restore(args: &Args, folder: &Path, how: Restoring) -> Result<Answer> {
    let (address, _) = crate::located(args)?;
    let made = kitaru_store::restore(folder, &address, how.clone(), SystemClock.now()).map_err(|error| {
        let mut refused = ManageError::from(error);
        if refused.code == "store-io" && !how.force && Path::new(&address).exists() {
            refused.hint = Some("kitaru restore --force puts the store that is there aside".to_owned());
        }
        refused
    })?;
    // The log of changes is what the backup had: that it was restored is the first that comes after.
    let store = crate::open(args)?.store;
    let actor = Actor { by: crate::who(), token: None, from: "cli".to_owned() };
    let given = json!({ "folder": folder.display().to_string(), "force": how.force, "keep_tokens": how.keep_tokens });
    let act = ("restoreStore", Target::Nothing);
    manage::audited(store.as_ref(), &actor, act, &given, &|| SystemClock.now(), || Ok(()))?;
    let mut messages = Vec::new();
    if made.interrupted > 0 {
        let they = if made.interrupted == 1 { "was running: it is" } else { "were running: they are" };
        messages.push(format!("{} {they} interrupted now", many(made.interrupted, "execution")));
        messages.push("to see them: kitaru ls --status interrupted".to_owned());
    }
    if !made.tokens.is_empty() {
        let (what, then) = match (how.keep_tokens, made.tokens.len()) {
            (false, 1) => ("is revoked", "to let it in again: kitaru tokens create"),
            (false, _) => ("are revoked", "to let them in again: kitaru tokens create"),
            (true, 1) => ("is valid", "look whether it was revoked since the backup: kitaru tokens list"),
            (true, _) => ("are valid", "look which were revoked since the backup: kitaru tokens list"),
        };
        let shown: Vec<&str> = made.tokens.iter().take(SHOWN).map(String::as_str).collect();
        let more = if made.tokens.len() > SHOWN { ", …" } else { "" };
        messages.push(format!("{} {what}: {}{more}", many(made.tokens.len() as u64, "token"), shown.join(", ")));
        messages.push(then.to_owned());
    }
    if let Some(before) = &made.before {
        messages.push(format!("the store that was there is at {}", before.display()));
    }
    let mut item = item(&made.backup);
    item["store"] = json!(address);
    item["interrupted"] = json!(made.interrupted);
    item[if how.keep_tokens { "tokens_valid" } else { "tokens_revoked" }] = json!(made.tokens);
    item["before"] = json!(made.before.as_ref().map(|before| before.display().to_string()));
    let text = format!("{address} restored: {}", what(&made.backup));
    let messages = messages.iter().map(|line| clean(line)).collect();
    Ok(Answer { item: Some(item), text: clean(&text), messages, ..Answer::default() })
}

fn what(backup: &Backup) -> String {
    let (executions, values) = (many(backup.executions, "execution"), many(backup.values, "large value"));
    format!("{executions} with {} and {values}, {}", many(backup.events, "event"), size(backup.bytes))
}

fn item(backup: &Backup) -> Json {
    json!({
        "folder": backup.folder.display().to_string(),
        "executions": backup.executions,
        "events": backup.events,
        "values": backup.values,
        "bytes": backup.bytes,
    })
}

fn many(count: u64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// A number of bytes for people.
#[allow(clippy::cast_precision_loss)]
fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{:.1} KiB", bytes as f64 / 1024.0),
        1_048_576..1_073_741_824 => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
        _ => format!("{:.1} GiB", bytes as f64 / 1_073_741_824.0),
    }
}
