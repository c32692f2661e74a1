//! What can be typed. Help, completion and the reference page are made of this.

pub use crate::asked::Resume;
use crate::asked::{Diff, Replay, from_one};
use crate::guard::{Audit, Link, Listen, Tokens};
use crate::limits::Limits;
use clap::{Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Durable control for Python AI agents.
#[derive(Debug, Parser)]
#[command(name = "kitaru", version, max_term_width = 100)]
pub struct Args {
    /// How answers look. JSON goes to stdout, messages to stderr.
    #[arg(long, value_enum, default_value = "text", global = true)]
    pub output: Output,
    /// Folder of the store and its locks [default: ~/.kitaru, or KITARU_HOME].
    #[arg(long, global = true)]
    pub home: Option<PathBuf>,
    /// The store: a path, or the address of a server or a PostgreSQL [default: kitaru.db in the home, or KITARU_STORE].
    #[arg(long, global = true)]
    pub store: Option<String>,
    /// File with the token that the server of the store is shown [default: KITARU_TOKEN, or KITARU_TOKEN_FILE].
    #[arg(long, value_name = "FILE", global = true)]
    pub token_file: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// See [`Args::output`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a flow: FILE.py:FLOW or module:FLOW.
    Run(Run),
    /// Look at executions and act on them.
    #[command(subcommand)]
    Executions(Executions),
    /// List executions (executions list).
    Ls(List),
    /// Show one execution (executions get).
    #[command(alias = "get")]
    Show {
        /// Identifier, a unique beginning or end of it, or `latest`.
        id: String,
    },
    /// Show what an execution printed and logged.
    Logs {
        /// Identifier.
        id: String,
        /// Go on until it has ended.
        #[arg(long, short)]
        follow: bool,
    },
    /// Answer a wait, and carry the flow on.
    Input(Input),
    /// Go on with an execution.
    Resume(Resume),
    /// The same as resume: what failed runs again.
    Retry(Resume),
    /// Run an execution again as another one, from any call, with anything changed.
    Replay(Box<Replay>),
    /// Compare executions.
    Diff(Diff),
    /// Cancel an execution and its children.
    Cancel {
        /// Identifier.
        id: String,
    },
    /// Pause an execution and its children, when what runs now has ended.
    Pause {
        /// Identifier.
        id: String,
    },
    /// Places to pause before.
    #[command(subcommand)]
    Breakpoints(Breakpoints),
    /// How many calls run at once, and how fast they begin, by name.
    #[command(subcommand)]
    Limits(Limits),
    /// Flows that start by the clock.
    #[command(subcommand)]
    Schedules(crate::schedules::Schedules),
    /// Keep a flow's project as a version that workers run, whatever becomes of the files here.
    Deploy(crate::deployments::Deploy),
    /// Versions of flows' code, and the tags that name them.
    #[command(subcommand)]
    Deployments(crate::deployments::Deployments),
    /// Show what an execution started, what it was started by, and its replays.
    Tree {
        /// Identifier of any execution of the tree.
        id: String,
    },
    /// Open questions of all executions.
    #[command(subcommand)]
    Waits(Waits),
    /// Values that executions saved.
    #[command(subcommand)]
    Artifacts(Artifacts),
    /// Flows that have executions.
    #[command(subcommand)]
    Flows(Flows),
    /// Whether the open executions of a flow would resume with the code as it is now. Exit status 1 if any would stop.
    Check {
        /// FILE.py:FLOW or module:FLOW. The flow's name may be left out if there is one only.
        target: String,
    },
    /// Explain an error's code.
    Explain {
        /// The code, as in error[CODE]. Left out: lists them.
        code: Option<String>,
    },
    /// Store health, and why open executions are not progressing.
    Doctor {
        /// Walk the whole store.
        #[arg(long)]
        deep: bool,
    },
    /// The store as a whole: what it is, bringing it up to date, copying it into another.
    #[command(subcommand)]
    Store(crate::store::Keep),
    /// The keys by which the store is sealed.
    #[command(subcommand)]
    Keys(crate::keys::Keys),
    /// Who may ask a server, and for what.
    #[command(subcommand)]
    Tokens(Tokens),
    /// What was changed, by whom, and what came of it.
    Audit(Audit),
    /// Remove executions that ended long ago, and stored values that nothing refers to.
    Gc(crate::keep::Gc),
    /// Copy the store into a folder that is not there yet, while others use it.
    Backup {
        /// The folder.
        folder: PathBuf,
    },
    /// Make the store of a backup. What ran when that was made is interrupted.
    Restore {
        /// The folder of the backup.
        folder: PathBuf,
        /// A store that is there already is put aside.
        #[arg(long)]
        force: bool,
        /// Leave tokens and links as they were when the backup was made, also those that were revoked or used since.
        #[arg(long)]
        keep_tokens: bool,
    },
    /// Serve the HTTP API.
    Server(Listen),
    /// Serve the HTTP API, and carry executions on: those that are answered, due, or resumed over HTTP.
    Up(Up),
    /// Carry executions on, as `kitaru up` does, and serve nothing. Several may work on one store.
    Worker(Worker),
    /// Serve an AI assistant: the Model Context Protocol over standard input and output.
    Mcp(Mcp),
    /// Print the version.
    Version,
}

/// See [`Command::Mcp`].
#[derive(Debug, clap::Args)]
pub struct Mcp {
    /// What the assistant may do: look, also answer questions, also run and resume, also delete.
    #[arg(long, default_value = "operate", value_parser = ["read", "answer", "operate", "admin"])]
    pub allow: String,
    /// How many executions are carried on at once.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..))]
    pub at_once: u16,
}

/// How a server's log looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogForm {
    /// For people.
    Text,
    /// A JSON object a line.
    Json,
    /// Only what goes wrong is told.
    Off,
}

/// See [`Command::Run`].
#[derive(Debug, clap::Args)]
pub struct Run {
    /// FILE.py:FLOW or module:FLOW, where the flow's name may be left out if there is one only; or FLOW@TAG or
    /// FLOW@VERSION, which was deployed and is left to the workers of a pool.
    pub target: String,
    /// An argument, NAME=VALUE. VALUE is JSON where it parses, else a string.
    #[arg(long, value_name = "NAME=VALUE")]
    pub input: Vec<String>,
    /// All arguments as a JSON object.
    #[arg(long, value_name = "JSON")]
    pub inputs: Option<String>,
    /// A label.
    #[arg(long)]
    pub tag: Vec<String>,
    /// Pause this run before a call: its key, a checkpoint's name, or `step 14`.
    #[arg(long, value_name = "SELECTOR")]
    pub pause_before: Vec<String>,
    /// What the execution is known by: the same key starts once.
    #[arg(long)]
    pub key: Option<String>,
    /// Pause it when it has worked so long, not counting what waits for people: 90s, 15m, 2h.
    #[arg(long, value_name = "SPAN")]
    pub deadline: Option<String>,
    /// Run nothing here: leave it to the workers of this pool (`kitaru worker` has the pool `default`).
    #[arg(long, value_name = "NAME")]
    pub pool: Option<String>,
}

/// See [`Command::Worker`].
#[derive(Debug, clap::Args)]
pub struct Worker {
    /// How many executions are carried on at once.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..))]
    pub at_once: u16,
    /// A pool whose executions it begins, and takes up when they have lost their process. May be given several times.
    #[arg(long, value_name = "NAME", default_value = kitaru_core::event::DEFAULT_POOL)]
    pub pool: Vec<String>,
    /// Only executions of these flows, separated by commas.
    #[arg(long, value_name = "FLOW,…", value_delimiter = ',')]
    pub flows: Vec<String>,
    /// The most memory that the process of an execution may have, as 512MiB or 2GiB: one that takes more is ended, and its
    /// execution paused.
    #[arg(long, value_name = "SIZE", value_parser = a_size)]
    pub memory_limit: Option<u64>,
    /// What it tells on stderr of what it does.
    #[arg(long, value_enum, default_value = "off")]
    pub log: LogForm,
}

/// So many bytes.
fn a_size(text: &str) -> Result<u64, String> {
    let at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(at);
    let power = match unit {
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        _ => return Err("a whole number and KiB, MiB or GiB, as in 512MiB".to_owned()),
    };
    let number: u64 = number.parse().map_err(|_| "a whole number and KiB, MiB or GiB, as in 512MiB".to_owned())?;
    number.checked_mul(1 << power).filter(|bytes| *bytes > 0).ok_or_else(|| "that is no size of memory".to_owned())
}

/// See [`Command::Up`].
#[derive(Debug, clap::Args)]
pub struct Up {
    /// Where it listens.
    #[command(flatten)]
    pub listen: Listen,
    /// How many executions are carried on at once.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..))]
    pub at_once: u16,
}

/// `kitaru executions …`
#[derive(Debug, Subcommand)]
pub enum Executions {
    /// List them, newest first.
    #[command(alias = "ls")]
    List(List),
    /// Show one.
    #[command(alias = "show")]
    Get {
        /// Identifier, a unique beginning or end of it, or `latest`.
        id: String,
    },
    /// Show what it started, what it was started by, and its replays.
    Tree {
        /// Identifier.
        id: String,
    },
    /// Show what it printed and logged.
    Logs {
        /// Identifier.
        id: String,
        /// Go on until it has ended.
        #[arg(long, short)]
        follow: bool,
    },
    /// Answer a wait, and carry the flow on.
    Input(Input),
    /// Go on with it.
    Resume(Resume),
    /// The same as resume: what failed runs again.
    Retry(Resume),
    /// Run it again as another one, from any call, with anything changed.
    Replay(Box<Replay>),
    /// Compare executions.
    Diff(Diff),
    /// Delete one that has ended, and its children.
    #[command(alias = "rm")]
    Delete {
        /// Identifier.
        id: String,
        /// Do not ask.
        #[arg(long, short)]
        yes: bool,
    },
    /// Cancel it and its children.
    Cancel {
        /// Identifier.
        id: String,
    },
    /// Pause it and its children, when what runs now has ended.
    Pause {
        /// Identifier.
        id: String,
    },
}

/// `kitaru breakpoints …`
#[derive(Debug, Subcommand)]
pub enum Breakpoints {
    /// Pause the next run of a flow before a call.
    Add(AddBreakpoint),
    /// List them.
    #[command(alias = "ls")]
    List {
        /// Only this flow's.
        #[arg(long)]
        flow: Option<String>,
    },
    /// Remove one.
    #[command(alias = "rm")]
    Remove {
        /// Its number.
        id: String,
    },
}

/// `kitaru breakpoints add`
#[derive(Debug, clap::Args)]
pub struct AddBreakpoint {
    /// The flow: its name, or FILE.py:FLOW.
    pub flow: String,
    /// Before which call: its key, a checkpoint's name, or `step 14`.
    #[arg(long, value_name = "SELECTOR")]
    pub before: String,
    /// It stays: every run pauses there.
    #[arg(long)]
    pub every: bool,
    /// Only when this holds: an expression over inputs, key, name and step.
    #[arg(long, value_name = "EXPR")]
    pub when: Option<String>,
}

/// `kitaru waits …`
#[derive(Debug, Subcommand)]
pub enum Waits {
    /// List open questions, oldest first.
    #[command(alias = "ls")]
    List(Inbox),
    /// Make a link that answers one question, once, for somebody without a token.
    Link(Link),
}

/// `kitaru waits list`
#[derive(Debug, clap::Args)]
pub struct Inbox {
    /// Only those of executions that this one started.
    #[arg(long, value_name = "ID")]
    pub parent: Option<String>,
    /// With --parent: of all executions below it.
    #[arg(long, requires = "parent")]
    pub recursive: bool,
    /// How many at the most.
    #[arg(long, value_name = "N", default_value_t = 1000, conflicts_with = "parent")]
    pub limit: usize,
    /// Go on behind the list that named this.
    #[arg(long, conflicts_with = "parent")]
    pub cursor: Option<String>,
}

/// `kitaru flows …`
#[derive(Debug, Subcommand)]
pub enum Flows {
    /// List them, with how many executions are in which state.
    #[command(alias = "ls")]
    List,
}

/// `kitaru artifacts …`
#[derive(Debug, Subcommand)]
pub enum Artifacts {
    /// List an execution's.
    #[command(alias = "ls")]
    List {
        /// Identifier.
        id: String,
    },
    /// Print one.
    Get {
        /// Identifier.
        id: String,
        /// Its name.
        name: String,
    },
}

/// `kitaru executions list`
#[derive(Debug, clap::Args)]
pub struct List {
    /// Only these states: running, waiting, sleeping, paused, interrupted, completed, failed, cancelled.
    #[arg(long)]
    pub status: Vec<String>,
    /// Only this flow's.
    #[arg(long)]
    pub flow: Option<String>,
    /// Only with this label.
    #[arg(long)]
    pub tag: Option<String>,
    /// Only those known by this key.
    #[arg(long)]
    pub key: Option<String>,
    /// Only those with this in their identifier, flow, key or a label.
    #[arg(long, value_name = "TEXT")]
    pub search: Option<String>,
    /// How many.
    #[arg(long, default_value_t = 20, value_parser = from_one)]
    pub limit: usize,
    /// Which page, from 1.
    #[arg(long, default_value_t = 1, value_parser = from_one)]
    pub page: usize,
}

/// `kitaru input`
#[derive(Debug, clap::Args)]
pub struct Input {
    /// Identifier of the execution that asks, or of its parent.
    pub id: String,
    /// The answer, as JSON.
    #[arg(long, value_name = "JSON", allow_hyphen_values = true)]
    pub value: String,
    /// Which wait, if several are open: its key or name.
    #[arg(long, allow_hyphen_values = true)]
    pub wait: Option<String>,
    /// Only record the answer.
    #[arg(long)]
    pub no_resume: bool,
}

impl Command {
    /// The name that JSON answers carry.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Run { .. } => "run",
            Self::Executions(Executions::List(_)) | Self::Ls(_) => "executions.list",
            Self::Executions(Executions::Get { .. }) | Self::Show { .. } => "executions.get",
            Self::Executions(Executions::Logs { .. }) | Self::Logs { .. } => "executions.logs",
            Self::Executions(Executions::Input(_)) | Self::Input(_) => "executions.input",
            Self::Executions(Executions::Resume(_)) | Self::Resume(_) => "executions.resume",
            Self::Executions(Executions::Retry(_)) | Self::Retry(_) => "executions.retry",
            Self::Executions(Executions::Replay(_)) | Self::Replay(_) => "executions.replay",
            Self::Executions(Executions::Diff(_)) | Self::Diff(_) => "executions.diff",
            Self::Executions(Executions::Delete { .. }) => "executions.delete",
            Self::Executions(Executions::Cancel { .. }) | Self::Cancel { .. } => "executions.cancel",
            Self::Executions(Executions::Pause { .. }) | Self::Pause { .. } => "executions.pause",
            Self::Limits(one) => one.name(),
            Self::Breakpoints(Breakpoints::Add(_)) => "breakpoints.add",
            Self::Breakpoints(Breakpoints::List { .. }) => "breakpoints.list",
            Self::Breakpoints(Breakpoints::Remove { .. }) => "breakpoints.remove",
            Self::Executions(Executions::Tree { .. }) | Self::Tree { .. } => "executions.tree",
            Self::Waits(Waits::List { .. }) => "waits.list",
            Self::Waits(Waits::Link(_)) => "waits.link",
            Self::Schedules(one) => one.name(),
            Self::Deploy(_) => "deploy",
            Self::Deployments(one) => one.name(),
            Self::Tokens(one) => one.name(),
            Self::Audit(_) => "audit",
            Self::Artifacts(Artifacts::List { .. }) => "artifacts.list",
            Self::Artifacts(Artifacts::Get { .. }) => "artifacts.get",
            Self::Flows(_) => "flows.list",
            Self::Check { .. } => "check",
            Self::Explain { .. } => "explain",
            Self::Doctor { .. } => "doctor",
            Self::Store(one) => one.name(),
            Self::Keys(one) => one.name(),
            Self::Gc(_) => "gc",
            Self::Backup { .. } => "backup",
            Self::Restore { .. } => "restore",
            Self::Server(_) => "server",
            Self::Up(_) => "up",
            Self::Worker(_) => "worker",
            Self::Mcp(_) => "mcp",
            Self::Version => "version",
        }
    }
}
