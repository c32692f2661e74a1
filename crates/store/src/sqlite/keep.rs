//! Large values on their way into the journal: put beside it first, then referred to in the same transaction.
//!
//! What is referred to is there whenever a transaction has committed: whoever removes what is unused (`collect`) and
//! whoever writes both look inside theirs. Not here: cutting values up (`values/`), and their index (`chunks`).

use super::fault::{self, Fault};
use super::feed::Numbers;
use super::writer::Durable;
use super::{Sqlite, chunks, once};
use crate::error::StoreError;
use crate::store::Result;
use crate::values::{self, New};
use crate::wire::Write;
use kitaru_core::{Body, Digest, Value};
use rusqlite::Connection;
use std::sync::{Arc, Mutex, PoisonError};

/// How often values are put beside the journal anew because a part of them has just been removed.
const AGAIN: usize = 5;

/// What events refer to.
struct Referred {
    new: Vec<New>,
    /// By events that were given with references.
    copied: Vec<Digest>,
}

impl Sqlite {
    /// Writes events and what they refer to. `work` writes the events; 0: there was nothing to write.
    pub(super) fn write_events(
        &self,
        mut events: Vec<Body>,
        work: impl Fn(&Connection, &mut Numbers, &[Body]) -> fault::Result<u64> + Send + Sync + 'static,
    ) -> Result<u64> {
        let mut referred = self.store_values(&mut events)?;
        let shared = Arc::new((events, work));
        for _ in 0..AGAIN {
            let (job, values) = (Arc::clone(&shared), Arc::new(referred));
            let inside = Arc::clone(&values);
            let done = self.write(Durable::Now, move |db, numbers| {
                let done = (job.1)(db, numbers, &job.0)?;
                if done > 0 {
                    chunks::insert(db, &inside.new)?;
                    chunks::must_exist(db, &inside.copied)?;
                }
                Ok(done)
            });
            match done {
                Err(StoreError::Collected) => {}
                other => return other,
            }
            referred = Referred { new: self.prepare_again(&values.new)?, copied: values.copied.clone() };
        }
        Err(StoreError::Collected)
    }

    /// The same for what a writer sends that may send it again.
    pub(super) fn write_request(&self, writer: &str, number: u64, mut writes: Vec<Write>) -> Result<once::Answers> {
        let durable = if writes.iter().any(Write::is_durable) { Durable::Now } else { Durable::Later };
        let stored = writes.iter_mut().map(|one| self.store_values(one.events_mut()));
        let (mut new, mut copied) = (Vec::with_capacity(stored.len()), Vec::new());
        for referred in stored {
            let referred = referred?;
            new.push(referred.new);
            copied.extend(referred.copied);
        }
        let (writes, copied, answers) = (Arc::new(writes), Arc::new(copied), Arc::<Mutex<once::Answers>>::default());
        for _ in 0..AGAIN {
            let (told, values) = (Arc::clone(&answers), Arc::new(new));
            let request = once::Request {
                writer: writer.to_owned(),
                number,
                writes: Arc::clone(&writes),
                new: Arc::clone(&values),
                copied: Arc::clone(&copied),
                path: self.path.clone(),
            };
            let done = self.write(durable, move |db, numbers| {
                *told.lock().unwrap_or_else(PoisonError::into_inner) = request.run(db, numbers)?;
                Ok(0)
            });
            match done {
                Err(StoreError::Collected) => {}
                Err(error) => return Err(error),
                Ok(_) => return Ok(std::mem::take(&mut *answers.lock().unwrap_or_else(PoisonError::into_inner))),
            }
            new = values.iter().map(|new| self.prepare_again(new)).collect::<Result<_>>()?;
        }
        Err(StoreError::Collected)
    }

    fn prepare_again(&self, new: &[New]) -> Result<Vec<New>> {
        new.iter().map(|one| self.prepare(&one.text)).collect()
    }

    /// Puts large values beside the journal before the transaction that refers to them.
    fn store_values(&self, events: &mut [Body]) -> Result<Referred> {
        self.here()?;
        let mut referred = Referred { new: Vec::new(), copied: Vec::new() };
        for value in events.iter_mut().flat_map(Body::values_mut) {
            match value {
                Value::Stored(reference) => referred.copied.push(reference.digest),
                Value::Inline(text) if text.get().len() > values::INLINE => {
                    let new = self.prepare(text)?;
                    *value = Value::Stored(new.reference);
                    referred.new.push(new);
                }
                Value::Inline(_) => {}
            }
        }
        Ok(referred)
    }

    fn prepare(&self, text: &Arc<kitaru_core::value::Text>) -> Result<New> {
        self.values.prepare(text, |digests| self.read(|db| chunks::has_chunks(db, digests).map_err(Fault::from)))
    }
}
