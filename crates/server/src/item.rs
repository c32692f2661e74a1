//! What is told of a change, made once for all who follow.
//!
//! Not here: places in a stream, which are each stream's own (`events`).

use kitaru_core::project::{Change as Row, project};
use kitaru_core::rows::Status;
use kitaru_core::{Body, Event, ExecutionId, Seq};
use kitaru_engine::manage::view;
use kitaru_store::{Change, Changed, LogLine, Revision};
use serde_json::{Value, json};

/// See the module.
#[derive(Debug)]
pub struct Item {
    /// Its number; of what is not on record that of what came before.
    pub revision: Revision,
    /// Of which execution.
    pub execution: ExecutionId,
    /// What it is.
    pub what: What,
    /// As JSON. Empty for what is a status alone.
    pub data: String,
    /// The same without values and texts: that it happened, and where.
    pub brief: String,
    /// The execution's status from then on, if that is told with it.
    pub status: Option<Status>,
}

/// See [`Item`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// An event of the journal.
    Journal(Seq),
    /// A line of the log, by its position.
    Log(u64),
    /// The execution was deleted.
    Deleted,
    /// Its owner has died, which nobody has recorded.
    Died,
}

impl What {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Journal(_) => "journal",
            Self::Log(_) => "log",
            Self::Deleted => "deleted",
            Self::Died => "status",
        }
    }
}

impl Item {
    /// What is told of a change.
    pub fn of(change: &Change) -> Self {
        let (id, revision) = (&change.execution, change.revision);
        match &change.what {
            Changed::Event(event) => Self::event(id, revision, event),
            Changed::Line(number, line) => Self::line(id, revision, *number, line),
            Changed::Deleted => Self {
                revision,
                execution: id.clone(),
                what: What::Deleted,
                data: json!({ "execution": id }).to_string(),
                brief: json!({ "execution": id }).to_string(),
                status: None,
            },
        }
    }

    /// An event.
    pub fn event(id: &ExecutionId, revision: Revision, event: &Event) -> Self {
        let mut data = journal(event);
        data["execution"] = json!(id);
        let brief = json!({ "seq": event.seq, "kind": data["kind"], "call": data["call"], "execution": id });
        let (what, status) = (What::Journal(event.seq), status_after(event));
        Self { revision, execution: id.clone(), what, data: data.to_string(), brief: brief.to_string(), status }
    }

    /// A line of the log.
    pub fn line(id: &ExecutionId, revision: Revision, number: u64, line: &LogLine) -> Self {
        let mut data = view::log_line(line);
        data["execution"] = json!(id);
        let brief = json!({ "call": line.call_key, "stream": line.stream, "execution": id }).to_string();
        let what = What::Log(number);
        Self { revision, execution: id.clone(), what, data: data.to_string(), brief, status: None }
    }

    /// An owner's death.
    pub fn died(id: &ExecutionId, revision: Revision) -> Self {
        let status = Some(Status::Interrupted);
        let (data, brief) = (String::new(), String::new());
        Self { revision, execution: id.clone(), what: What::Died, data, brief, status }
    }

    /// What it takes in memory, about.
    pub fn size(&self) -> usize {
        self.data.len() + self.brief.len() + 200
    }
}

/// A status, as it is told.
pub fn status_text(id: &ExecutionId, status: Status) -> String {
    json!({ "execution": id, "status": status.as_str(), "ended": status.has_ended() }).to_string()
}

/// The status that an execution has from an event on. Its creation is told by itself.
pub fn status_after(event: &Event) -> Option<Status> {
    if matches!(event.body, Body::Created(_)) {
        return None;
    }
    project(event.seq, event.at, &event.body).into_iter().find_map(|change| match change {
        Row::Execution(patch) => patch.status,
        _ => None,
    })
}

/// An event of the journal, as it is shown.
pub fn journal(event: &Event) -> Value {
    let mut body = serde_json::to_value(&event.body).unwrap_or(Value::Null);
    let kind = event.body.kind();
    // A body is an object of one field, its kind.
    let fields = body.get_mut(kind).map(Value::take).unwrap_or(Value::Null);
    json!({
        "seq": event.seq,
        "kind": kind,
        "call": event.body.call_key(),
        "at": view::time(event.at),
        "event": fields,
    })
}
