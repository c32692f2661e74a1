//! Questions and sleeps: opened, answered by others, over in time, withdrawn.
//!
//! Not here: validating an answer ([`crate::manage`] does, before it is recorded) and knowing when a flow is quiet.

use super::calls::stale;
use super::{Session, json};
use crate::error::Result;
use kitaru_core::event::{Stop, WaitAnswered, WaitClosed};
use kitaru_core::matcher::CallId;
use kitaru_core::pass;
use kitaru_core::records::State;
use kitaru_core::{Body, Millis};
use kitaru_store::Guard;
use std::sync::PoisonError;
use std::time::Duration;

/// A question, or a sleep when `question` is empty and the kind of its call says so.
#[derive(Clone, Debug, Default)]
pub struct Question {
    /// What people are asked.
    pub question: String,
    /// JSON Schema of an answer.
    pub schema: Option<serde_json::Value>,
    /// JSON text of what is shown with it.
    pub data: Option<String>,
    /// When it ends by itself.
    pub deadline: Option<Millis>,
    /// What happens then: `default`, `raise` or `escalate`.
    pub on_timeout: Option<String>,
}

/// Where a wait stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// Unanswered, and its deadline has not passed.
    Open {
        /// When it ends by itself.
        deadline: Option<Millis>,
    },
    /// There is something to serve.
    Over,
    /// Its deadline has passed and nothing of it is recorded yet.
    Due,
    /// Somebody cancelled the execution.
    Cancelled,
}

impl Session {
    /// Asks. Durable when this returns. A question of the same name that this pass did not ask again and that
    /// nobody answered is withdrawn. Returns the wait's key.
    pub fn open_wait(&self, call: CallId, question: Question) -> Result<String> {
        self.must_be_open()?;
        let data = question.data.map(json).transpose()?;
        let (key, batch) = {
            let mut inner = self.lock();
            inner.must_not_stop(self.id())?;
            let question = pass::Question {
                question: question.question,
                schema: question.schema,
                data,
                deadline: question.deadline,
                on_timeout: question.on_timeout,
            };
            let (key, batch) = inner.pass.open_wait(call, question).ok_or_else(stale)?;
            inner.open_waits += 1;
            (key, batch)
        };
        self.write(batch)?;
        Ok(key)
    }

    /// A wait that an earlier pass opened is waited for again. Returns its key.
    pub fn reopen_wait(&self, call: CallId) -> Result<String> {
        let mut inner = self.lock();
        inner.open_waits += 1;
        let record = inner.pass.matcher.record_of(call);
        record.map(|record| record.call.key.clone()).ok_or_else(stale)
    }

    /// Where the wait stands now.
    pub fn wait_news(&self, call: CallId) -> Result<News> {
        if self.fenced.load(std::sync::atomic::Ordering::Acquire) {
            self.must_be_open()?;
        }
        let now = self.now();
        let inner = self.lock();
        if inner.stop == Some(Stop::Cancel) {
            return Ok(News::Cancelled);
        }
        Ok(match inner.pass.matcher.record_of(call).map(|record| &record.state) {
            Some(State::Asked(opened)) => match opened.deadline {
                // An escalated question stays open: its deadline is for those who watch.
                Some(deadline) if deadline <= now && opened.on_timeout.as_deref() != Some("escalate") => News::Due,
                deadline => News::Open { deadline },
            },
            _ => News::Over,
        })
    }

    /// Blocks until something came from outside, at most `patience`.
    pub fn await_news(&self, patience: Duration) {
        let inner = self.lock();
        drop(self.changed.wait_timeout(inner, patience).unwrap_or_else(PoisonError::into_inner));
    }

    /// Ends a wait without an answer: `withdrawn`, `timed_out` or `elapsed`. An answer that was recorded first
    /// wins: then nothing is written, and [`Session::wait_news`] says so.
    pub fn close_wait(&self, call: CallId, why: &str) -> Result<()> {
        self.must_be_open()?;
        let key = {
            let mut inner = self.lock();
            inner.open_waits = inner.open_waits.saturating_sub(1);
            if !inner.pass.is_asked(call) {
                return Ok(());
            }
            inner.pass.matcher.record_of(call).map(|record| record.call.key.clone())
        };
        let Some(key) = key else { return Ok(()) };
        let closed = Body::WaitClosed(WaitClosed { key: key.clone(), why: why.to_owned() });
        self.post_wait(key, closed)
    }

    /// Records an answer that was given in this process. It must have been validated.
    pub fn answer_wait(&self, call: CallId, value: String, by: &str) -> Result<()> {
        self.must_be_open()?;
        let value = json(value)?;
        let key = self.lock().pass.matcher.record_of(call).map(|record| record.call.key.clone());
        let key = key.ok_or_else(stale)?;
        let answered = Body::WaitAnswered(WaitAnswered { key: key.clone(), value, by: by.to_owned(), request: None });
        self.post_wait(key, answered)
    }

    /// The wait is over for its caller.
    pub fn wait_done(&self) {
        let mut inner = self.lock();
        inner.open_waits = inner.open_waits.saturating_sub(1);
    }

    fn post_wait(&self, key: String, body: Body) -> Result<()> {
        let posted = self.store.post(&self.id, self.now(), Guard::WaitOpen(key), vec![body]);
        match posted {
            Ok(_) | Err(kitaru_store::StoreError::Conflict(_)) => {
                self.look();
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// A question with all that was shown, as one JSON text: what its digest is taken of, and what a difference
/// is shown of.
pub(crate) fn question_text(question: &str, data: Option<&str>, schema: Option<&serde_json::Value>) -> String {
    let data: serde_json::Value =
        data.and_then(|data| serde_json::from_str(data).ok()).unwrap_or(serde_json::Value::Null);
    serde_json::json!({ "question": question, "metadata": data, "schema": schema }).to_string()
}
