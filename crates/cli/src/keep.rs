//! Keeping a store in order: `kitaru gc`, `kitaru backup`, `kitaru restore`.
//!
//! Not here: what may go (`kitaru_engine::manage::gc`), and how a store is copied (`kitaru_store`).

use crate::Context;
use crate::args::{Args, Gc};
use crate::output::{Answer, clean};
use kitaru_engine::manage::{self, GcOptions, ManageError};
use kitaru_engine::{Clock, SystemClock};
use kitaru_store::Backup;
use serde_json::{Value as Json, json};
use std::path::Path;

type Result<T> = std::result::Result<T, ManageError>;

/// `gc`
pub fn gc(context: &mut Context<'_>, asked: &Gc) -> Result<Answer> {
    let options = GcOptions {
        before: context.now().saturating_sub(manage::age(&asked.older_than)?),
        flow: asked.flow.clone(),
        status: asked.status.iter().map(|word| manage::parse_status(word)).collect::<Result<_>>()?,
        dry_run: asked.dry_run,
    };
    let found = manage::gc(context.store.as_ref(), &options)?;
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
pub fn restore(args: &Args, folder: &Path, force: bool) -> Result<Answer> {
    let (address, _) = crate::located(args)?;
    let made = kitaru_store::restore(folder, &address, force, SystemClock.now()).map_err(|error| {
        let mut refused = ManageError::from(error);
        if refused.code == "store-io" && !force && Path::new(&address).exists() {
            refused.hint = Some("kitaru restore --force puts the store that is there aside".to_owned());
        }
        refused
    })?;
    let mut messages = Vec::new();
    if made.interrupted > 0 {
        let they = if made.interrupted == 1 { "was running: it is" } else { "were running: they are" };
        messages.push(format!("{} {they} interrupted now", many(made.interrupted, "execution")));
        messages.push("to see them: kitaru ls --status interrupted".to_owned());
    }
    if let Some(before) = &made.before {
        messages.push(format!("the store that was there is at {}", before.display()));
    }
    let mut item = item(&made.backup);
    item["store"] = json!(address);
    item["interrupted"] = json!(made.interrupted);
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
