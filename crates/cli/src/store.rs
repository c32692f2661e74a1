//! The store as a whole: `kitaru store status`, `migrate`, `copy`.
//!
//! None of them works on the store that the other commands have opened: it may be one that cannot be opened yet. Not
//! here: how a store is copied and migrated (`kitaru_store`).

use crate::args::Args;
use crate::output::{Answer, clean};
use clap::Subcommand;
use kitaru_engine::manage::{self, Actor, ManageError, Target};
use kitaru_engine::{Clock, SystemClock};
use kitaru_store::{Options, Store, hidden, is_postgres};
use serde_json::{Value as Json, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;

type Result<T> = std::result::Result<T, ManageError>;

/// `kitaru store …`
#[derive(Debug, Subcommand)]
pub enum Keep {
    /// What the store is, and whether it can be used as it is.
    Status,
    /// Bring the tables of an earlier version up to date. Stop what uses them first.
    Migrate,
    /// Copy a store into an empty one: a file into PostgreSQL, or back. Nothing may run in it.
    Copy {
        /// The store that is copied; it stays as it is.
        #[arg(long, value_name = "STORE")]
        from: String,
        /// An empty store: it is made, or filled.
        #[arg(long, value_name = "STORE")]
        to: String,
        /// The keys of the store that is copied [default: KITARU_KEYS].
        #[arg(long, value_name = "FILE")]
        from_keys: Option<PathBuf>,
        /// The keys that the copy is sealed by [default: KITARU_KEYS].
        #[arg(long, value_name = "FILE")]
        to_keys: Option<PathBuf>,
        /// The copy is not sealed, whatever keys there are.
        #[arg(long, conflicts_with = "to_keys")]
        to_plain: bool,
    },
}

impl Keep {
    /// The name that JSON answers carry.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Status => "store.status",
            Self::Migrate => "store.migrate",
            Self::Copy { .. } => "store.copy",
        }
    }
}

/// `store …`
pub fn store(args: &Args, one: &Keep) -> Result<Answer> {
    match one {
        Keep::Status => status(args),
        Keep::Migrate => migrate(args),
        Keep::Copy { from, to, from_keys, to_keys, to_plain } => {
            // KITARU_BLOBS is of the copy, if that is one that may have large values elsewhere.
            let known = Some(String::new());
            let blobs = if is_postgres(to) { None } else { known.clone() };
            let looks = Options { keys: from_keys.clone(), stays_plain: true, blobs: known, ..Options::default() };
            let fills = Options { keys: to_keys.clone(), stays_plain: *to_plain, blobs, ..Options::default() };
            copy(args, (from, &looks), (to, &fills))
        }
    }
}

pub fn kind(address: &str) -> &'static str {
    if is_postgres(address) {
        "postgres"
    } else if kitaru_store::is_remote(address) {
        "server"
    } else if address == "memory:" {
        "memory"
    } else {
        "sqlite"
    }
}

/// `store status`
fn status(args: &Args) -> Result<Answer> {
    let (address, home) = crate::located(args)?;
    let mut item = json!({ "kind": kind(&address), "store": hidden(&address) });
    if is_postgres(&address) {
        let (found, known) = kitaru_store::version(&address)?;
        item["format"] = json!(found);
        item["known"] = json!(known);
        if found != Some(known) {
            // It is not filled for a look, and not used as it is.
            item["state"] = json!(if found.is_none() { "empty" } else { "to be migrated" });
            let next = if found.is_none() { "the first use fills it" } else { "kitaru store migrate" };
            return Ok(answer(item, vec![next.to_owned()]));
        }
    } else if kind(&address) == "sqlite" && !Path::new(&address).exists() {
        item["state"] = json!("empty");
        return Ok(answer(item, vec!["the first use makes it".to_owned()]));
    }
    let options = Options { stays_plain: true, ..Options::default() };
    let opened = kitaru_store::open(&address, &home, &options)?;
    let queries = opened.queries();
    let counts = queries.counts()?;
    let health = queries.health(false)?;
    if let Some((_, format)) = health.iter().find(|(name, _)| name == "format") {
        item["format"] = json!(format.parse::<u64>().ok());
    }
    if let Some((_, sealed)) = health.iter().find(|(name, _)| name == "sealed") {
        item["sealed"] = json!(sealed);
    }
    if let Some((_, blobs)) = health.iter().find(|(name, _)| name == "blobs") {
        item["blobs"] = json!(blobs);
    }
    item["state"] = json!("ready");
    item["executions"] = json!(counts.iter().map(|(.., count)| count).sum::<u64>());
    item["open_waits"] = json!(queries.open_waits()?.0);
    Ok(answer(item, Vec::new()))
}

fn answer(item: Json, messages: Vec<String>) -> Answer {
    let fields = item.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
    let line = |(name, value): (&String, &Json)| {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        format!("{:<12} {}", name.replace('_', " "), clean(&value))
    };
    let text = fields.map(line).collect::<Vec<_>>().join("\n");
    Answer { item: Some(item), text, messages, ..Answer::default() }
}

/// `store migrate`
fn migrate(args: &Args) -> Result<Answer> {
    let (address, home) = crate::located(args)?;
    let (from, to) = if is_postgres(&address) {
        kitaru_store::migrate(&address)?
    } else {
        // A file is brought up to date by whoever opens it: nobody else has it open while that goes on.
        drop(kitaru_store::open(&address, &home, &Options::default())?);
        return Ok(Answer::text(clean(&format!("{} is up to date", hidden(&address)))));
    };
    let shown = hidden(&address);
    let text = match from {
        None => format!("{shown}: filled, format {to}"),
        Some(from) if from == to => format!("{shown}: format {to} already"),
        Some(from) => format!("{shown}: format {from} before, {to} now"),
    };
    let item = json!({ "store": shown, "before": from, "format": to });
    Ok(Answer { item: Some(item), text: clean(&text), ..Answer::default() })
}

/// `store copy`
fn copy(args: &Args, (from, looks): (&str, &Options), (to, fills): (&str, &Options)) -> Result<Answer> {
    let (_, home) = crate::located(args)?;
    if kind(from) == "sqlite" && !Path::new(from).exists() {
        let why = format!("there is no store at {from}");
        return Err(ManageError::new("usage", why, Some("kitaru store status".to_owned())));
    }
    if from == "memory:" || to == "memory:" {
        return Err(ManageError::new("usage", "a store in memory goes with its process", None));
    }
    let open = |address: &str, options: &Options| -> Result<Arc<dyn Store>> {
        Ok(kitaru_store::open(address, &home, options)?)
    };
    let (source, target) = (open(from, looks)?, open(to, fills)?);
    let sealed = |store: &Arc<dyn Store>| {
        Ok::<_, ManageError>(match store.keyring() {
            Some(ring) => ring.in_use()?.writes,
            None => None,
        })
    };
    let (was, is) = (sealed(&source)?, sealed(&target)?);
    let now = source.by_its_clock(SystemClock.now());
    let copied = kitaru_store::copy(source.as_ref(), target.as_ref(), now)?;
    // The log of changes is what the source had: that it was copied is the first that comes after.
    let actor = Actor { by: crate::who(), token: None, from: "cli".to_owned() };
    let (from, to) = (hidden(from), hidden(to));
    let given = json!({ "from": from, "to": to });
    let act = ("copyStore", Target::Nothing);
    manage::audited(target.as_ref(), &actor, act, &given, &|| SystemClock.now(), || Ok(()))?;
    let text = format!(
        "copied {} executions with {} events and {} large values to {to}",
        copied.executions, copied.events, copied.values
    );
    let item = json!({
        "from": from, "to": to, "executions": copied.executions, "events": copied.events, "values": copied.values,
        "sealed": is,
    });
    let how = match (was.is_some(), &is) {
        (true, None) => Some("the copy is plain: whoever can read it reads all values".to_owned()),
        (_, Some(key)) => Some(format!("the copy is sealed with key {key}")),
        (false, None) => None,
    };
    let next =
        "the store that was copied is as it was: set KITARU_STORE to the copy, and use only one of them".to_owned();
    Ok(Answer {
        item: Some(item),
        text: clean(&text),
        messages: how.into_iter().chain([next]).collect(),
        ..Answer::default()
    })
}
