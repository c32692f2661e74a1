//! A tool with all that is to be known of it: who may, what it says of itself, what it takes, what it does.
//!
//! Not here: any tool, and the protocol (`handler`).

use super::told::Told;
use super::{bounded, schema};
use crate::Shared;
use crate::scope::Scope;
use kitaru_core::rows::ExecutionRow;
use kitaru_engine::manage::{self, Actor, ManageError, Target};
use rmcp::model::{JsonObject, ToolAnnotations};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// A result of a tool.
pub type Result<T> = std::result::Result<T, ManageError>;

/// What a tool works with.
pub struct Call {
    /// What handlers share.
    pub shared: Shared,
    /// Who calls, as it stands in journals.
    pub by: String,
    /// The same, as the log of changes has it.
    pub actor: Actor,
    /// What it may do.
    pub scope: Scope,
}

impl Call {
    /// The execution that an identifier names.
    pub fn find(&self, id: &str) -> Result<ExecutionRow> {
        manage::find(self.shared.store.as_ref(), id)
    }
}

/// What a client is told that a call may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hints {
    /// It changes nothing.
    pub reads: bool,
    /// What it does cannot be taken back.
    pub destroys: bool,
    /// Called again with the same arguments, it does nothing more.
    pub repeats: bool,
    /// It runs a flow's code, which may do anything.
    pub runs_code: bool,
}

/// It looks.
pub const LOOKS: Hints = Hints { reads: true, destroys: false, repeats: true, runs_code: false };

/// It has a flow's code run.
pub const RUNS: Hints = Hints { reads: false, destroys: false, repeats: false, runs_code: true };

/// It changes something, and that can be changed back.
pub const CHANGES: Hints = Hints { reads: false, destroys: false, repeats: false, runs_code: false };

/// What a tool does: it blocks, so it is called where that is allowed.
type Run = Box<dyn Fn(&Call, Value) -> Result<Told> + Send + Sync>;

/// See the module.
pub struct Tool {
    /// Its name for programs.
    pub name: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// Who may.
    pub scope: Scope,
    /// See [`Hints`].
    pub hints: Hints,
    /// What it does, for a model that has never seen the product.
    pub says: &'static str,
    /// Its arguments.
    pub schema: fn() -> JsonObject,
    run: Run,
}

/// A tool that takes a `T`.
pub fn tool<T>(
    name: &'static str,
    title: &'static str,
    (scope, hints): (Scope, Hints),
    says: &'static str,
    work: fn(&Call, T) -> Result<Told>,
) -> Tool
where
    T: DeserializeOwned + JsonSchema + 'static,
{
    let run: Run = Box::new(move |call, arguments| {
        let asked = serde_json::from_value(arguments)
            .map_err(|error| ManageError::new("usage", format!("the arguments of {name} are wrong: {error}"), None))?;
        work(call, asked)
    });
    Tool { name, title, scope, hints, says, schema: schema::of::<T>, run }
}

impl Tool {
    /// Calls it. What changes something is in the log of changes before that.
    pub fn call(&self, call: &Call, arguments: JsonObject) -> Result<Told> {
        let named = arguments.get("execution_id").and_then(Value::as_str).map(str::to_owned);
        let given = Value::Object(arguments);
        if self.hints.reads {
            return (self.run)(call, given).map(bounded::bounded);
        }
        let target = named.as_deref().map_or(Target::Nothing, Target::Execution);
        let (store, clock) = (call.shared.store.as_ref(), || call.shared.now());
        let told = manage::audited(store, &call.actor, (self.name, target), &given, &clock, || {
            (self.run)(call, given.clone())
        });
        told.map(bounded::bounded)
    }

    /// As the protocol lists it.
    pub fn listed(&self) -> rmcp::model::Tool {
        let hints = ToolAnnotations::with_title(self.title)
            .read_only(self.hints.reads)
            .destructive(self.hints.destroys)
            .idempotent(self.hints.repeats)
            .open_world(self.hints.runs_code);
        rmcp::model::Tool::new(self.name, self.says, (self.schema)()).with_title(self.title).with_annotations(hints)
    }
}
