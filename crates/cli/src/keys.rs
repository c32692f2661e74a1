//! The keys of a store: `kitaru keys new`, `list`, `rotate`.
//!
//! Not here: how values are sealed, and anew (`kitaru_store`).

use crate::args::Args;
use crate::output::{Answer, clean};
use clap::Subcommand;
use kitaru_engine::manage::{self, Actor, ManageError, Target};
use kitaru_engine::{Clock, SystemClock};
use kitaru_store::{InUse, Keyring, Options, Reached, Resealed, Store, hidden, keys as files};
use serde_json::{Value as Json, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;

type Result<T> = std::result::Result<T, ManageError>;

/// `kitaru keys …`
#[derive(Debug, Subcommand)]
pub enum Keys {
    /// Make a key, and put it into a file of keys: a new one, or behind those that are there.
    New {
        /// The file [default: KITARU_KEYS].
        #[arg(long)]
        file: Option<PathBuf>,
    },
    /// The keys in the file, and which of them the store uses.
    List,
    /// Let a new key write, and seal with it what is plain or was sealed by older ones, while others use the store.
    Rotate {
        /// Write the store's file anew afterwards, however large it is, so that nothing plain is left in its unused parts.
        /// Others wait meanwhile.
        #[arg(long)]
        scrub: bool,
    },
}

impl Keys {
    /// The name that JSON answers carry.
    pub fn name(&self) -> &'static str {
        match self {
            Self::New { .. } => "keys.new",
            Self::List => "keys.list",
            Self::Rotate { .. } => "keys.rotate",
        }
    }
}

/// `keys …`
pub fn keys(args: &Args, one: &Keys) -> Result<Answer> {
    match one {
        Keys::New { file } => new(file.clone()),
        Keys::List => list(args),
        Keys::Rotate { scrub } => rotate(args, *scrub),
    }
}

fn named() -> Result<PathBuf> {
    let way = "name the file of keys: KITARU_KEYS=FILE";
    files::named().ok_or_else(|| ManageError::new("usage", "KITARU_KEYS is not set", Some(way.to_owned())))
}

fn today() -> String {
    let now = jiff::Timestamp::from_millisecond(SystemClock.now()).unwrap_or_default();
    now.strftime("%Y-%m-%d").to_string()
}

/// `keys new`
fn new(file: Option<PathBuf>) -> Result<Answer> {
    let is_named = files::named();
    let file = match file {
        Some(file) => std::path::absolute(&file).unwrap_or(file),
        None => named()?,
    };
    let made = files::make(&file, &today())?;
    let count = files::read(&file)?.len();
    let shown = file.display().to_string();
    let mut messages =
        vec![format!("keep a copy of {shown} apart from the store: what it seals opens with nothing else")];
    if is_named.as_deref() != Some(&file) {
        messages.push(format!("to seal a store with it: export KITARU_KEYS={shown}"));
    }
    messages.push(if count > 1 {
        "nothing uses it yet; bring the file to all who open the store, and then: kitaru keys rotate".to_owned()
    } else {
        "a store is sealed from the first time on that it is opened with keys: kitaru keys rotate".to_owned()
    });
    let item = json!({ "id": made.id.to_string(), "made": made.made, "file": shown, "keys": count });
    let text = format!("key {} in {shown}", made.id);
    Ok(Answer { item: Some(item), text: clean(&text), messages, ..Answer::default() })
}

/// Opens the store. `stays`: one that is plain stays so.
fn opened(args: &Args, stays: bool) -> Result<(Arc<dyn Store>, String)> {
    let (address, home) = crate::located(args)?;
    let options = Options { stays_plain: stays, ..Options::default() };
    let store = kitaru_store::open(&address, &home, &options)?;
    Ok((store, hidden(&address)))
}

fn ring<'a>(store: &'a dyn Store, shown: &str) -> Result<&'a dyn Keyring> {
    let why =
        format!("the keys of {shown} are where it lies: a store behind a server is sealed there, one in memory never");
    store.keyring().ok_or_else(|| ManageError::new("usage", why, None))
}

/// `keys list`
fn list(args: &Args) -> Result<Answer> {
    let file = named()?;
    let keys = files::read(&file)?;
    let (address, _) = crate::located(args)?;
    let is_there = crate::store::kind(&address) != "sqlite" || Path::new(&address).exists();
    let used = if is_there {
        let (store, shown) = opened(args, true)?;
        ring(store.as_ref(), &shown)?.in_use()?
    } else {
        InUse::default()
    };
    let use_of = |id: &str| match (&used.writes, used.before.iter().any(|one| one == id)) {
        (Some(writes), _) if writes == id => "writes",
        (_, true) => "opens",
        _ => "unused",
    };
    let row = |key: &files::Key| {
        let id = key.id.to_string();
        json!({ "id": id, "made": key.made, "use": use_of(&id) })
    };
    let items: Vec<Json> = keys.iter().map(row).collect();
    let line = |item: &Json| {
        let of = |name: &str| item[name].as_str().unwrap_or_default().to_owned();
        format!("{}  {}  {}", of("id"), of("made"), of("use"))
    };
    let text = items.iter().map(line).collect::<Vec<_>>().join("\n");
    let mut messages = Vec::new();
    if used.writes.is_none() {
        messages.push("the store is plain; to seal it: kitaru keys rotate".to_owned());
    } else if used.is_under_way() {
        let what = if used.plain { "some of the store is plain still" } else { "some is sealed by an older key still" };
        messages.push(format!("{what}; to seal it: kitaru keys rotate"));
    }
    Ok(Answer { items: Some(items), text: clean(&text), messages, ..Answer::default() })
}

/// `keys rotate`
fn rotate(args: &Args, scrub: bool) -> Result<Answer> {
    let file = named()?;
    // A key that nobody has made is not asked for twice.
    files::read(&file)?;
    let (store, shown) = opened(args, false)?;
    let ring = ring(store.as_ref(), &shown)?;
    let actor = Actor { by: crate::who(), token: None, from: "cli".to_owned() };
    let given = json!({ "scrub": scrub });
    let act = ("rotateKeys", Target::Nothing);
    manage::audited(store.as_ref(), &actor, act, &given, &|| SystemClock.now(), || {
        let before = ring.in_use()?;
        let newest = files::read(&file)?.last().map(|key| key.id.to_string());
        // What was begun is ended first; and a newer key that was made for this is the one.
        if !before.is_under_way() && before.writes == newest {
            files::make(&file, &today())?;
        }
        let changed = ring.change()?;
        let (mut sealed, mut reached) = (0, Reached::default());
        eprintln!("{} rows are to be sealed; it may be stopped, and goes on when it is asked for again", ring.left()?);
        while let Resealed::Some(count) = ring.reseal(&mut reached)? {
            sealed += count;
        }
        let left = if changed || scrub || before.plain { ring.scrub(scrub)? } else { None };
        let writes = ring.in_use()?.writes.unwrap_or_default();
        let mut messages: Vec<String> = left.iter().cloned().collect();
        if left.is_some() {
            messages.push("when others can wait: kitaru keys rotate --scrub".to_owned());
        }
        messages.push("older keys open backups that were made before: keep them as long as those".to_owned());
        let item = json!({ "id": writes, "sealed": sealed, "left": 0, "unscrubbed": left });
        let text = format!("sealed {sealed} rows of {shown} with key {writes}");
        Ok(Answer { item: Some(item), text: clean(&text), messages, ..Answer::default() })
    })
}
