//! `kitaru limits …`
//!
//! Not here: what a limit does (`kitaru_engine::manage`, sessions and the store).

use crate::output::{Answer, clean};
use crate::tokens::logged;
use crate::{Context, render, who};
use clap::Subcommand;
use kitaru_engine::manage::{self, ManageError, Target, WantedLimit};
use serde_json::{Value as Json, json};

type Result<T> = std::result::Result<T, ManageError>;

/// `kitaru limits …`
#[derive(Debug, Subcommand)]
pub enum Limits {
    /// Set what a limit is, in place of what it was.
    Set {
        /// Its name, as `@checkpoint(limit=…)` says it.
        name: String,
        /// How many calls run at once.
        #[arg(long, value_name = "N")]
        at_once: Option<u32>,
        /// How many begin in a time: 50/s, 3000/m, 500/h, 1/10s.
        #[arg(long, value_name = "N/TIME")]
        rate: Option<String>,
        /// How many of them may begin together after a pause.
        #[arg(long, value_name = "N", requires = "rate")]
        burst: Option<u32>,
    },
    /// List them: those that are set, and those that calls have named.
    #[command(alias = "ls")]
    List,
    /// Let nobody begin for some time. What runs goes on.
    Close {
        /// Its name.
        name: String,
        /// For how long: 90s, 15m, 24h.
        #[arg(long = "for", value_name = "TIME")]
        lasts: String,
        /// Why, for those who wonder.
        #[arg(long, value_name = "TEXT")]
        why: Option<String>,
    },
    /// Let calls begin again.
    Open {
        /// Its name.
        name: String,
    },
    /// Forget what was set: calls that name it are not held back.
    #[command(alias = "rm")]
    Remove {
        /// Its name.
        name: String,
    },
}

impl Limits {
    /// The name that JSON answers carry.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Set { .. } => "limits.set",
            Self::List => "limits.list",
            Self::Close { .. } => "limits.close",
            Self::Open { .. } => "limits.open",
            Self::Remove { .. } => "limits.remove",
        }
    }
}

/// The command.
pub fn limits(context: &mut Context<'_>, one: &Limits) -> Result<Answer> {
    match one {
        Limits::Set { name, at_once, rate, burst } => {
            let wanted = WantedLimit { at_once: *at_once, rate: rate.clone(), burst: *burst };
            let given = json!({ "at_once": at_once, "rate": rate, "burst": burst });
            let row = logged(context, ("setLimit", Target::Other(name)), &given, |context| {
                manage::set_limit(context.store.as_ref(), name, &wanted, &who(), context.now())
            })?;
            Ok(told(manage::limit_item(&row)))
        }
        Limits::List => list(context),
        Limits::Close { name, lasts, why } => {
            let span = manage::span_of(lasts)?;
            let given = json!({ "for": lasts, "why": why });
            let row = logged(context, ("closeLimit", Target::Other(name)), &given, |context| {
                let now = context.now();
                manage::close_limit(context.store.as_ref(), name, span, why.as_deref(), &who(), now)
            })?;
            Ok(told(manage::limit_item(&row)))
        }
        Limits::Open { name } => {
            let row = logged(context, ("openLimit", Target::Other(name)), &json!({}), |context| {
                manage::open_limit(context.store.as_ref(), name, context.now())
            })?;
            Ok(told(manage::limit_item(&row)))
        }
        Limits::Remove { name } => {
            logged(context, ("removeLimit", Target::Other(name)), &json!({}), |context| {
                manage::remove_limit(context.store.as_ref(), name, context.now())
            })?;
            let text = clean(&format!("{name} holds nothing back any more"));
            Ok(Answer { item: Some(json!({ "removed": name })), text, ..Answer::default() })
        }
    }
}

fn told(item: Json) -> Answer {
    let text = clean(&format!("{}: {}", render::field(&item, "name"), what(&item)));
    Answer { item: Some(item), text, ..Answer::default() }
}

/// What a limit is, in words.
fn what(item: &Json) -> String {
    let mut all = Vec::new();
    if let Some(many) = item["at_once"].as_u64() {
        all.push(format!("{many} at once"));
    }
    if let Some(rate) = item["rate"].as_str() {
        let burst = item["burst"].as_u64().filter(|many| *many > 1);
        all.push(burst.map_or_else(|| rate.to_owned(), |many| format!("{rate}, {many} together after a pause")));
    }
    if all.is_empty() {
        all.push("not set, holds nothing back".to_owned());
    }
    if item["closed_until"].is_string() {
        let why = format!("{}, {}", render::field(item, "closed_by"), render::field(item, "closed_why"));
        all.push(format!("closed until {} UTC ({why})", render::when(item, "closed_until")));
    }
    all.join("; ")
}

fn list(context: &mut Context<'_>) -> Result<Answer> {
    let rows = manage::limits(context.store.as_ref(), context.now())?;
    let items: Vec<Json> = rows.iter().map(manage::limit_item).collect();
    let text = if items.is_empty() {
        "no limits".to_owned()
    } else {
        render::table(
            &items,
            &[
                ("NAME", |item| render::cut(&render::field(item, "name"), 32)),
                ("RUNNING", |item| render::field(item, "running")),
                ("WAITING", |item| render::field(item, "waiting")),
                ("GIVEN", |item| render::field(item, "given")),
                ("LIMIT", what),
            ],
        )
    };
    Ok(Answer { items: Some(items), text, ..Answer::default() })
}
