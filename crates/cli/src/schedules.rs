//! `kitaru schedules …`
//!
//! Not here: what becomes of ticks (`kitaru_engine::manage`), and loading a flow (the host).

use crate::breakpoints::refused;
use crate::output::{Answer, clean};
use crate::tokens::logged;
use crate::{BoundAt, Context, act, render, who};
use clap::Subcommand;
use kitaru_core::event::DEFAULT_POOL;
use kitaru_core::schedule::Overlap;
use kitaru_engine::manage::{self, ManageError, NewSchedule, Target, view};
use serde_json::{Value as Json, json};

type Result<T> = std::result::Result<T, ManageError>;

/// `kitaru schedules …`
#[derive(Debug, Subcommand)]
pub enum Schedules {
    /// Start a flow at the times of a cron expression, as long as a worker works (kitaru up, kitaru worker).
    Add(Box<Add>),
    /// List them, with the next tick of each.
    #[command(alias = "ls")]
    List,
    /// Show one: its next ticks, and what became of the last.
    #[command(alias = "get")]
    Show {
        /// Its name.
        name: String,
    },
    /// Let it tick no more until it is resumed. What it has begun goes on.
    Pause {
        /// Its name.
        name: String,
    },
    /// Let it tick again, from its next time on.
    Resume {
        /// Its name.
        name: String,
    },
    /// Remove it. Its executions stay.
    #[command(alias = "rm")]
    Remove {
        /// Its name.
        name: String,
    },
}

/// `kitaru schedules add`
#[derive(Debug, clap::Args)]
pub struct Add {
    /// FILE.py:FLOW or module:FLOW. The flow's name may be left out if there is one only.
    pub target: String,
    /// When: minute, hour, day of the month, month, day of the week; or @hourly, @daily, @weekly, @monthly.
    #[arg(long, value_name = "EXPR")]
    pub cron: String,
    /// The time zone of these times: Europe/Berlin.
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    pub timezone: String,
    /// What it is called [default: as the flow].
    #[arg(long)]
    pub name: Option<String>,
    /// An argument, NAME=VALUE. VALUE is JSON where it parses, else a string.
    #[arg(long, value_name = "NAME=VALUE")]
    pub input: Vec<String>,
    /// All arguments as a JSON object.
    #[arg(long, value_name = "JSON")]
    pub inputs: Option<String>,
    /// A label of its executions.
    #[arg(long)]
    pub tag: Vec<String>,
    /// Pause one when it has worked so long, not counting what waits for people: 90s, 15m, 2h [default: as the flow says].
    #[arg(long, value_name = "SPAN")]
    pub deadline: Option<String>,
    /// The pool whose workers run them (`kitaru worker` has the pool `default`).
    #[arg(long, value_name = "NAME")]
    pub pool: Option<String>,
    /// Ticks that were missed while nobody worked are made up for, one after the other, the latest 100 at the most. Without
    /// it only the latest is.
    #[arg(long)]
    pub backfill: bool,
    /// What a tick does while the execution of the one before has not ended: it is left out, waits, or cancels that.
    #[arg(long, default_value = "skip", value_parser = ["skip", "queue", "cancel"])]
    pub overlap: String,
}

impl Schedules {
    /// The name that JSON answers carry.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Add(_) => "schedules.add",
            Self::List => "schedules.list",
            Self::Show { .. } => "schedules.show",
            Self::Pause { .. } => "schedules.pause",
            Self::Resume { .. } => "schedules.resume",
            Self::Remove { .. } => "schedules.remove",
        }
    }
}

/// The command.
pub fn schedules(context: &mut Context<'_>, one: &Schedules) -> Result<Answer> {
    match one {
        Schedules::Add(add) => set(context, add),
        Schedules::List => list(context),
        Schedules::Show { name } => show(context, name),
        Schedules::Pause { name } => {
            let now = context.now();
            logged(context, ("pauseSchedule", Target::Other(name)), &json!({}), |context| {
                manage::pause_schedule(context.store.as_ref(), name, &who(), now)
            })?;
            show(context, name)
        }
        Schedules::Resume { name } => {
            let now = context.now();
            logged(context, ("resumeSchedule", Target::Other(name)), &json!({}), |context| {
                manage::resume_schedule(context.store.as_ref(), name, now)
            })?;
            show(context, name)
        }
        Schedules::Remove { name } => {
            logged(context, ("removeSchedule", Target::Other(name)), &json!({}), |context| {
                manage::remove_schedule(context.store.as_ref(), name)
            })?;
            let text = format!("schedule {name} is removed; its executions: kitaru ls --tag schedule:{name}");
            Ok(Answer { item: Some(json!(name)), text, ..Answer::default() })
        }
    }
}

fn set(context: &mut Context<'_>, add: &Add) -> Result<Answer> {
    // Refused before any code of the user's is loaded.
    manage::times_of(&add.cron, &add.timezone)?;
    let overlap = Overlap::parse(&add.overlap)
        .ok_or_else(|| ManageError::new("usage", format!("there is no overlap {}", add.overlap), None))?;
    let within = add.deadline.as_deref().map(manage::span_of).transpose()?;
    let inputs = act::inputs(&add.input, add.inputs.as_deref())?;
    let job = json!({ "target": add.target, "inputs": inputs });
    let bound = context.host.bind(&job, &context.place).map_err(refused)?;
    let BoundAt { flow, entry, inputs, deadline } = bound;
    let given = json!({ "flow": flow, "name": add.name, "tags": add.tag });
    let new = NewSchedule {
        name: add.name.clone(),
        cron: add.cron.clone(),
        timezone: add.timezone.clone(),
        flow,
        entry,
        inputs,
        tags: add.tag.clone(),
        deadline: within.or(deadline),
        pool: add.pool.clone(),
        overlap,
        backfill: add.backfill,
    };
    let now = context.now();
    let one = logged(context, ("addSchedule", Target::Nothing), &given, |context| {
        manage::add_schedule(context.store.as_ref(), new, &who(), now)
    })?;
    let mut answer = show(context, &one.name)?;
    answer.messages.push("it ticks while somebody works: kitaru up, or kitaru worker".to_owned());
    Ok(answer)
}

fn list(context: &mut Context<'_>) -> Result<Answer> {
    let (store, now) = (context.store.as_ref(), context.now());
    let all = manage::schedules(store)?;
    let items: Vec<Json> = all.iter().map(|one| view::schedule(store, one, now)).collect::<Result<_>>()?;
    let text = if items.is_empty() {
        "no schedules: kitaru schedules add FILE.py:FLOW --cron '0 6 * * *' --timezone Europe/Berlin".to_owned()
    } else {
        render::table(
            &items,
            &[
                ("NAME", |item| render::cut(&render::field(item, "name"), 24)),
                ("FLOW", |item| render::cut(&render::field(item, "flow"), 24)),
                ("CRON", |item| render::cut(&render::field(item, "cron"), 24)),
                ("ZONE", |item| render::field(item, "timezone")),
                ("NEXT", next),
                ("LAST", last),
                ("NOTE", note),
            ],
        )
    };
    Ok(Answer { items: Some(items), text, ..Answer::default() })
}

fn next(item: &Json) -> String {
    if item["paused"].is_object() {
        return "paused".to_owned();
    }
    item.pointer("/next/0/local").and_then(Json::as_str).unwrap_or("never").to_owned()
}

fn last(item: &Json) -> String {
    match (item.pointer("/last/execution").and_then(Json::as_str), item.pointer("/last/status").and_then(Json::as_str))
    {
        (Some(id), status) => {
            let short = id.get(id.len().saturating_sub(8)..).unwrap_or(id);
            format!("{short} {}", status.unwrap_or("gone"))
        }
        _ => String::new(),
    }
}

fn note(item: &Json) -> String {
    let why = item.pointer("/paused/why").or_else(|| item.get("problem")).and_then(Json::as_str);
    why.map(str::to_owned).unwrap_or_else(|| match item.pointer("/ticks/0/fate").and_then(Json::as_str) {
        Some(fate @ ("skipped" | "missed" | "queued")) => {
            format!("{fate}: {}", item.pointer("/ticks/0/why").and_then(Json::as_str).unwrap_or_default())
        }
        _ => String::new(),
    })
}

fn show(context: &mut Context<'_>, name: &str) -> Result<Answer> {
    let (store, now) = (context.store.as_ref(), context.now());
    let item = view::schedule(store, &manage::schedule(store, name)?, now)?;
    let text = |name: &str| render::field(&item, name);
    let mut lines = vec![
        format!("schedule {}: {} at {} ({})", text("name"), text("flow"), text("cron"), text("timezone")),
        format!(
            "  overlap {}, {}; added by {}",
            text("overlap"),
            if item["backfill"] == true {
                "missed ticks are made up for"
            } else {
                "of missed ticks the latest is made up for"
            },
            text("by")
        ),
        format!("  inputs {}", render::cut(&item["inputs"].to_string(), 80)),
    ];
    let pool = (item["pool"] != DEFAULT_POOL).then(|| format!("in the pool {}", text("pool")));
    let within = item["deadline_s"].as_f64().map(|seconds| format!("paused after {seconds} s of work"));
    if pool.is_some() || within.is_some() {
        lines.push(format!("  each {}", pool.into_iter().chain(within).collect::<Vec<_>>().join(", ")));
    }
    if let Some(by) = item.pointer("/paused/by").and_then(Json::as_str) {
        let why = item.pointer("/paused/why").and_then(Json::as_str).map(|why| format!(": {why}")).unwrap_or_default();
        lines.push(format!("  paused by {by}{why}"));
        lines.push(format!("  let it tick again: kitaru schedules resume {name}"));
    }
    if let Some(problem) = item["problem"].as_str() {
        lines.push(format!("  its last tick could not begin: {problem}"));
    }
    for (at, one) in item["next"].as_array().into_iter().flatten().enumerate() {
        let title = if at == 0 { "  next" } else { "      " };
        lines.push(format!("{title} {}", render::field(one, "local")));
    }
    for tick in item["waiting"].as_array().into_iter().flatten().take(5) {
        lines.push(format!("  waits for its turn: {}", tick.as_str().unwrap_or_default()));
    }
    for one in item["ticks"].as_array().into_iter().flatten().take(10) {
        let field = |name: &str| render::field(one, name);
        let count = one["count"].as_u64().unwrap_or(1);
        let many = if count > 1 { format!(" and {} more since {}", count - 1, field("from")) } else { String::new() };
        let said = match (one["execution"].as_str(), one["why"].as_str()) {
            (Some(id), _) => format!(": kitaru show {}", id.get(id.len().saturating_sub(8)..).unwrap_or(id)),
            (_, Some(why)) => format!(": {why}"),
            _ => String::new(),
        };
        lines.push(format!("  {} {}{many}{said}", field("tick"), field("fate")));
    }
    let lines: Vec<String> = lines.iter().map(|line| clean(line)).collect();
    Ok(Answer { item: Some(item), text: lines.join("\n"), ..Answer::default() })
}
