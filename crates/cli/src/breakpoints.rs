//! `kitaru breakpoints …`
//!
//! Not here: what a breakpoint does (`kitaru_engine::manage` and sessions).

use crate::args::{AddBreakpoint, Breakpoints};
use crate::output::Answer;
use crate::tokens::logged;
use crate::{Context, FlowAt, HostError, render, who};
use kitaru_engine::manage::{self, Before, Flow, ManageError, Target, view};
use serde_json::{Value as Json, json};

type Result<T> = std::result::Result<T, ManageError>;

/// The command.
pub fn breakpoints(context: &mut Context<'_>, one: &Breakpoints) -> Result<Answer> {
    match one {
        Breakpoints::Add(add) => set(context, add),
        Breakpoints::List { flow } => list(context, flow.as_deref()),
        Breakpoints::Remove { id } => remove(context, id),
    }
}

fn set(context: &mut Context<'_>, add: &AddBreakpoint) -> Result<Answer> {
    // Refused before any code of the user's is loaded.
    manage::check_before(&add.before)?;
    let flow = if add.flow.contains(':') || add.flow.ends_with(".py") {
        let FlowAt { name, file } = context.host.flow(&add.flow, context.json, &context.place).map_err(refused)?;
        Flow { name, file }
    } else {
        manage::known_flow(context.store.as_ref(), &add.flow, context.now())?
    };
    let at = Before { before: add.before.clone(), every: add.every, condition: add.when.clone() };
    let given = json!({ "flow": flow.name, "before": at.before, "every": at.every, "when": at.condition });
    let (row, note) = logged(context, ("addBreakpoint", Target::Nothing), &given, |context| {
        manage::add_breakpoint(context.store.as_ref(), flow, at, &who(), context.now())
    })?;
    let which = if row.every { "every run of" } else { "the next run of" };
    let when = row.condition.as_ref().map(|condition| format!(", when {condition}")).unwrap_or_default();
    let text = format!("breakpoint {}: {which} {} pauses before {}{when}", row.id, row.flow, row.before);
    let messages = note.iter().map(|note| crate::output::clean(&format!("note: {note}"))).collect();
    Ok(Answer { item: Some(view::breakpoint(&row)), text: crate::output::clean(&text), messages, ..Answer::default() })
}

/// A refusal of the host.
pub fn refused(HostError { code, message, hint }: HostError) -> ManageError {
    ManageError { code, message, hint }
}

fn list(context: &mut Context<'_>, flow: Option<&str>) -> Result<Answer> {
    let rows = manage::breakpoints(context.store.as_ref(), flow)?;
    let items: Vec<Json> = rows.iter().map(view::breakpoint).collect();
    let text = if items.is_empty() {
        "no breakpoints".to_owned()
    } else {
        render::table(
            &items,
            &[
                ("ID", |item| render::field(item, "id")),
                ("FLOW", |item| render::cut(&render::field(item, "flow"), 24)),
                ("BEFORE", |item| render::cut(&render::field(item, "before"), 24)),
                ("STAYS", |item| if item["every"] == true { "yes".to_owned() } else { "no".to_owned() }),
                ("HITS", |item| render::field(item, "hits")),
                ("SET BY", |item| render::cut(&render::field(item, "by"), 16)),
                ("WHEN", |item| render::field(item, "when")),
            ],
        )
    };
    Ok(Answer { items: Some(items), text, ..Answer::default() })
}

fn remove(context: &mut Context<'_>, id: &str) -> Result<Answer> {
    let number = id.parse().map_err(|_| {
        let hint = Some("kitaru breakpoints list".to_owned());
        ManageError::new("unknown-breakpoint", format!("a breakpoint has a number, not {id:?}"), hint)
    })?;
    logged(context, ("removeBreakpoint", Target::Other(id)), &json!({}), |context| {
        manage::remove_breakpoint(context.store.as_ref(), number)
    })?;
    Ok(Answer { item: Some(Json::from(number)), text: format!("breakpoint {number} is removed"), ..Answer::default() })
}
