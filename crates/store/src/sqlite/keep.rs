//! Large values on their way into the journal: put beside it first, then referred to in the same transaction.
//!
//! What is referred to is there whenever a transaction has committed: whoever removes what is unused (`collect`) and
//! whoever writes both look inside theirs. Not here: cutting values up (`values/`), and their index (`chunks`).

use super::fault::{self, Fault};
use super::feed::Numbers;
use super::seal::Db;
use super::writer::Durable;
use super::{Sqlite, chunks};
use crate::error::StoreError;
use crate::store::Result;
use crate::values::{self, New};
use kitaru_core::{Body, Digest, Value};
use std::sync::Arc;

/// How often values are put beside the journal anew because a part of them has just been removed.
pub const AGAIN: usize = 5;

/// What events refer to.
pub struct Referred {
    pub new: Vec<New>,
    /// By events that were given with references.
    pub copied: Vec<Digest>,
}

impl Sqlite {
    /// Writes events and what they refer to. `work` writes the events; 0: there was nothing to write.
    pub(super) fn write_events(
        &self,
        mut events: Vec<Body>,
        work: impl Fn(&Db, &mut Numbers, &[Body]) -> fault::Result<u64> + Send + Sync + 'static,
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
            referred = self.store_anew(&values)?;
        }
        Err(StoreError::Collected)
    }

    /// Puts large values beside the journal before the transaction that refers to them.
    pub(super) fn store_values(&self, events: &mut [Body]) -> Result<Referred> {
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

    /// The same, when a part of it has just been removed.
    pub(super) fn store_anew(&self, values: &Referred) -> Result<Referred> {
        let new = values.new.iter().map(|one| self.prepare(&one.text)).collect::<Result<_>>()?;
        Ok(Referred { new, copied: values.copied.clone() })
    }

    fn prepare(&self, text: &Arc<kitaru_core::value::Text>) -> Result<New> {
        self.values.prepare(text, &self.seal.now(), |digests| {
            self.read(|db| chunks::has_chunks(db, digests).map_err(Fault::from))
        })
    }
}
