//! The `kitaru` command: what people type, and how answers look.
//!
//! `args` and `asked` are what can be typed, `look` shows, `act` changes, `replay` and `batch` run again what was
//! recorded, `check` rehearses, `diff` compares, `server` serves, `tokens` and `guard` say who may ask it, `keep` keeps a
//! store in order, `render`, `plan` and `tree` make text of items, `explain` has the error pages.
//! Deliberately not here: what the commands do (`kitaru_engine::manage`) and running user code,
//! which the [`Host`] does.

mod act;
mod args;
mod asked;
mod batch;
mod breakpoints;
mod check;
mod deployments;
mod diff;
mod explain;
mod guard;
mod keep;
mod keys;
mod limits;
mod look;
mod output;
mod plan;
mod render;
mod replay;
mod schedules;
mod server;
mod store;
mod tokens;
mod tree;
mod values;

use args::{Args, Command, Executions, Flows, Waits};
use clap::Parser;
use kitaru_core::event::EntryPoint;
use kitaru_core::{Epoch, ExecutionId, Millis};
use kitaru_engine::manage::{Check, Inspection, ManageError};
use kitaru_engine::{Clock, SystemClock};
use kitaru_store::{Options, Restoring, Store, Synchronous};
use output::{Answer, Out};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// Something that needs the user's code.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Job {
    /// Start an execution of `FILE.py:FLOW` or `module:FLOW`.
    Run {
        /// Where the flow is.
        target: String,
        /// Its arguments, plain JSON.
        inputs: serde_json::Map<String, serde_json::Value>,
        /// Labels.
        tags: Vec<String>,
        /// Selectors of calls to pause before.
        pause_before: Vec<String>,
        /// What the execution is known by.
        key: Option<String>,
        /// The pool whose workers run it; `None`: it runs at once.
        pool: Option<String>,
        /// How long it may work before it is paused, in milliseconds; `None`: what its flow says.
        #[serde(skip_serializing_if = "Option::is_none")]
        deadline: Option<Millis>,
    },
    /// Leave an execution of what was deployed to a pool.
    Start {
        /// What it is to be called.
        id: ExecutionId,
        /// Where its code is.
        entry: EntryPoint,
        /// Its arguments, plain JSON.
        inputs: serde_json::Map<String, serde_json::Value>,
        /// Labels.
        tags: Vec<String>,
        /// Selectors of calls to pause before.
        pause_before: Vec<String>,
        /// What the execution is known by.
        key: Option<String>,
        /// What the request was known by that asked for it.
        request: Option<String>,
        /// The pool.
        pool: String,
        /// How long it may work before it is paused, in milliseconds; `None`: what its flow says.
        #[serde(skip_serializing_if = "Option::is_none")]
        deadline: Option<Millis>,
    },
    /// Go on with an execution.
    Resume {
        /// Which.
        id: ExecutionId,
        /// Where its code is.
        entry: EntryPoint,
        /// Why: `resume`, `answer`, `due`, `replay` or `awaited`.
        why: String,
        /// What is done with a call that has other inputs than recorded; `None`: what its flow says.
        #[serde(skip_serializing_if = "Option::is_none")]
        on_drift: Option<String>,
        /// Whether its code is there from now on, and was elsewhere.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        moves: bool,
        /// The epoch in which whoever asked for it saw it: it does not go on if another process has had it since.
        #[serde(skip_serializing_if = "Option::is_none")]
        epoch: Option<Epoch>,
    },
    /// Look at the code of an execution as it is now.
    Inspect {
        /// Which.
        id: ExecutionId,
        /// Where its code is.
        entry: EntryPoint,
        /// Overrides to check against it.
        checks: Vec<Check>,
        /// Digests of code on record, by checkpoint and child flow.
        recorded: BTreeMap<String, String>,
        /// Digest of the flow's code on record.
        flow_recorded: Option<String>,
    },
}

/// Why a job could not be run. What a flow raises is none of it: that is on record.
#[derive(Clone, Debug)]
pub struct HostError {
    /// Kebab-case word with a page.
    pub code: String,
    /// One line.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

/// Where the command works: the store that it opened, and how another process finds it.
#[derive(Clone)]
pub struct Place {
    /// The store.
    pub store: Arc<dyn Store>,
    /// What it was opened as.
    pub address: String,
    /// The folder of the locks.
    pub home: PathBuf,
    /// Whether a commit counts as done when the system has it.
    pub normal: bool,
    /// Where its token is read from, if that was said on the command line.
    pub token_file: Option<PathBuf>,
}

/// A job that came to the flow's end or suspension.
#[derive(Clone, Debug)]
pub struct Ran {
    /// The execution.
    pub id: ExecutionId,
    /// Whether somebody pressed Ctrl-C at an inline question.
    pub interrupted: bool,
}

/// A flow that was found in the user's code.
#[derive(Clone, Debug)]
pub struct FlowAt {
    /// Its name.
    pub name: String,
    /// Absolute path of the file that defines it.
    pub file: Option<String>,
}

/// A flow with arguments that fit it.
#[derive(Clone, Debug, Deserialize)]
pub struct BoundAt {
    /// Its name.
    pub flow: String,
    /// Where its code is.
    pub entry: EntryPoint,
    /// Its bound arguments, a JSON text.
    pub inputs: String,
    /// How long an execution may work before it is paused.
    pub deadline: Option<Millis>,
}

/// A flow that is about to be deployed.
#[derive(Clone, Debug, Deserialize)]
pub struct Released {
    /// Its name.
    pub flow: String,
    /// Its qualified name in its module.
    pub qualname: String,
    /// Digest of its code.
    pub code: Option<String>,
    /// The version of Python: `3.12`.
    pub python: String,
}

/// Runs user code.
pub trait Host {
    /// Makes a place known to whatever this process starts.
    fn settle(&mut self, place: &Place) -> Result<(), HostError>;

    /// Runs a job to the flow's end or suspension; the user's output goes to stderr if `json`.
    fn run(&mut self, job: &Job, json: bool, place: &Place) -> Result<Ran, HostError>;

    /// Runs jobs that resume, each in a process of its own, at most `at_once` together, and tells how each ended. What
    /// they print is kept with them and shown nowhere. Returns whether it was interrupted before all were begun.
    fn run_all(&mut self, jobs: &[Job], at_once: usize, place: &Place, told: &mut Told<'_>) -> bool;

    /// Loads the code of an execution and looks at it; runs nothing of it but its import. `job`: [`Job::Inspect`].
    fn inspect(&mut self, job: &Job, place: &Place) -> Result<Inspection, HostError>;

    /// Asks a question on the terminal; `true`: yes.
    fn confirm(&mut self, question: &str) -> bool;

    /// Loads `FILE.py:FLOW` or `module:FLOW`, to say which flow that is. What its module prints goes to stderr if
    /// `json`.
    fn flow(&mut self, target: &str, json: bool, place: &Place) -> Result<FlowAt, HostError>;

    /// Loads a flow and binds its arguments, so that those which do not fit are refused. `job`: an object with `target` and
    /// `inputs`.
    fn bind(&mut self, job: &serde_json::Value, place: &Place) -> Result<BoundAt, HostError>;

    /// Loads what is about to be deployed from where it was unpacked. The flow's name may be missing in `entry` if there is
    /// one only.
    fn released(&mut self, entry: &EntryPoint, place: &Place) -> Result<Released, HostError>;

    /// Rehearses an execution with the code that is there: an object with `clean`, and why it is not.
    fn rehearse(&mut self, id: &ExecutionId, entry: &EntryPoint, place: &Place)
    -> Result<serde_json::Value, HostError>;

    /// The interpreter that runs this.
    fn interpreter(&self) -> String;

    /// Rehearses the open executions of `FILE.py:FLOW` or `module:FLOW`: an object with `flow`, `executions` and
    /// `others`.
    fn check(&mut self, target: &str, place: &Place) -> Result<serde_json::Value, HostError>;
}

/// Takes the place of a job in its list, and how it ended.
pub type Told<'a> = dyn FnMut(usize, Result<Ran, HostError>) + 'a;

/// What commands work with.
struct Context<'a> {
    store: Arc<dyn Store>,
    place: Place,
    host: &'a mut dyn Host,
    json: bool,
    /// Somebody pressed Ctrl-C at an inline question.
    interrupted: bool,
}

impl Context<'_> {
    fn now(&self) -> Millis {
        self.store.by_its_clock(SystemClock.now())
    }
}

/// Who types: the user's name, and that it was here.
fn who() -> String {
    who_by("cli")
}

/// The same, by other means.
fn who_by(means: &str) -> String {
    let names = ["USER", "LOGNAME", "USERNAME"];
    let name = names.iter().filter_map(|name| std::env::var(name).ok()).find(|name| !name.is_empty());
    name.map_or_else(|| means.to_owned(), |name| format!("{name} ({means})"))
}

/// Runs a command line (without the program's name). Returns the exit status: 0 completed, 1 failed, 2 usage,
/// 75 waiting, sleeping or paused, 130 interrupted.
pub fn main(argv: &[String], host: &mut dyn Host) -> i32 {
    let words = std::iter::once("kitaru".to_owned()).chain(argv.iter().cloned());
    let args = match Args::try_parse_from(words) {
        Ok(args) => args,
        Err(error) => {
            let json = argv.windows(2).any(|pair| pair[0] == "--output" && pair[1] == "json")
                || argv.iter().any(|word| word == "--output=json");
            return output::usage(&error, json, hint(argv));
        }
    };
    // Standard output is the assistant's there.
    let json = args.output == args::Output::Json && !matches!(args.command, Command::Mcp(_));
    let out = Out { json, command: args.command.name() };
    match dispatch(args, host, &out) {
        Ok(answer) => out.show(&answer),
        Err(error) => out.fail(&error),
    }
}

/// A way out of a mistake that is likely: what a call returns is its output, but `--output` is how answers look.
fn hint(argv: &[String]) -> Option<&'static str> {
    let resumes = argv.iter().any(|word| matches!(word.as_str(), "resume" | "retry"));
    let output = argv.iter().any(|word| word == "--output" || word.starts_with("--output="));
    (resumes && output).then_some("to supply the output of the call that it is paused at: --set output=VALUE")
}

fn dispatch(args: Args, host: &mut dyn Host, out: &Out) -> Result<Answer, ManageError> {
    if let Command::Explain { code } = &args.command {
        return explain::explain(code.as_deref());
    }
    if matches!(args.command, Command::Version) {
        return Ok(Answer::text(format!("kitaru {}", env!("CARGO_PKG_VERSION"))));
    }
    if let Command::Restore { folder, force, keep_tokens } = &args.command {
        // Before the store is opened: it may be damaged, and is not to be there.
        return keep::restore(&args, folder, Restoring { force: *force, keep_tokens: *keep_tokens, keys: None });
    }
    if let Command::Store(one) = &args.command {
        // Before the store is opened: it may be of an earlier version, and is not to be filled for a look.
        return store::store(&args, one);
    }
    if let Command::Keys(one) = &args.command {
        // Before the store is opened: a plain one is not to be sealed for a look.
        return keys::keys(&args, one);
    }
    let place = open(&args)?;
    host.settle(&place).map_err(|error| ManageError::new(&error.code, error.message, error.hint))?;
    let store = Arc::clone(&place.store);
    let context = &mut Context { store, place, host, json: out.json, interrupted: false };
    match args.command {
        Command::Run(run) => act::run(context, run),
        Command::Executions(one) => executions(context, one),
        Command::Ls(list) => look::list(context, &list),
        Command::Show { id } => look::get(context, &id),
        Command::Logs { id, follow } => look::logs(context, &id, follow),
        Command::Input(input) => act::input(context, &input),
        Command::Resume(resume) | Command::Retry(resume) => act::resume(context, &resume),
        Command::Replay(one) => replay::replay(context, &one),
        Command::Diff(one) => diff::diff(context, &one),
        Command::Cancel { id } => act::stop(context, &id, kitaru_core::event::Stop::Cancel),
        Command::Pause { id } => act::stop(context, &id, kitaru_core::event::Stop::Pause),
        Command::Breakpoints(one) => breakpoints::breakpoints(context, &one),
        Command::Limits(one) => limits::limits(context, &one),
        Command::Schedules(one) => schedules::schedules(context, &one),
        Command::Deploy(one) => deployments::deploy(context, &one),
        Command::Deployments(one) => deployments::deployments(context, &one),
        Command::Tree { id } => look::tree(context, &id),
        Command::Tokens(one) => tokens::tokens(context, &one),
        Command::Audit(audit) => tokens::audit(context, &audit),
        Command::Waits(Waits::Link(one)) => tokens::link(context, &one),
        Command::Waits(Waits::List(list)) => look::waits(context, &list),
        Command::Artifacts(one) => look::artifacts(context, &one),
        Command::Flows(Flows::List) => look::flows(context),
        Command::Check { target } => check::check(context, &target),
        Command::Doctor { deep } => look::doctor(context, deep),
        Command::Gc(gc) => keep::gc(context, &gc),
        Command::Backup { folder } => keep::backup(context, &folder),
        Command::Server(listen) => server::serve(context, &listen, 0),
        Command::Worker(asked) => server::work(context, &asked),
        Command::Up(up) => server::serve(context, &up.listen, up.at_once),
        Command::Mcp(mcp) => server::mcp(context, &mcp),
        Command::Explain { .. } | Command::Version | Command::Restore { .. } | Command::Store(_) | Command::Keys(_) => {
            Ok(Answer::text(String::new()))
        }
    }
}

fn executions(context: &mut Context<'_>, one: Executions) -> Result<Answer, ManageError> {
    match one {
        Executions::List(list) => look::list(context, &list),
        Executions::Get { id } => look::get(context, &id),
        Executions::Tree { id } => look::tree(context, &id),
        Executions::Logs { id, follow } => look::logs(context, &id, follow),
        Executions::Input(input) => act::input(context, &input),
        Executions::Resume(resume) | Executions::Retry(resume) => act::resume(context, &resume),
        Executions::Replay(one) => replay::replay(context, &one),
        Executions::Diff(one) => diff::diff(context, &one),
        Executions::Delete { id, yes } => act::delete(context, &id, yes),
        Executions::Cancel { id } => act::stop(context, &id, kitaru_core::event::Stop::Cancel),
        Executions::Pause { id } => act::stop(context, &id, kitaru_core::event::Stop::Pause),
    }
}

/// The address of the store and the folder of the locks.
fn located(args: &Args) -> Result<(String, PathBuf), ManageError> {
    let home = args
        .home
        .clone()
        .or_else(|| from("KITARU_HOME").map(PathBuf::from))
        .or_else(|| std::env::home_dir().map(|home| home.join(".kitaru")));
    let Some(home) = home else {
        return Err(ManageError::new("usage", "no home folder: set KITARU_HOME", None));
    };
    let home = std::path::absolute(&home).unwrap_or(home);
    let store = args.store.clone().or_else(|| from("KITARU_STORE"));
    Ok((store.unwrap_or_else(|| home.join("kitaru.db").display().to_string()), home))
}

fn from(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.is_empty())
}

fn open(args: &Args) -> Result<Place, ManageError> {
    let (store, home) = located(args)?;
    let normal = from("KITARU_SYNCHRONOUS").is_some_and(|level| level.eq_ignore_ascii_case("normal"));
    let token_file = args.token_file.as_ref().map(|file| std::path::absolute(file).unwrap_or_else(|_| file.clone()));
    let synchronous = if normal { Synchronous::Normal } else { Synchronous::Full };
    let options = Options { synchronous, token_file: token_file.clone(), ..Options::default() };
    let opened = kitaru_store::open(&store, &home, &options)?;
    Ok(Place { store: opened, address: store, home, normal, token_file })
}
