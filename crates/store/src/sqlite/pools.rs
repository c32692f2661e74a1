//! Giving workers what they are about to begin.
//!
//! Not here: which worker wants what, and taking an execution up (`write::claim`).

use super::fault::Result;
use super::seal::Db;
use crate::store::{Assign, Wanted};
use kitaru_core::ExecutionId;
use rusqlite::{OptionalExtension, params};

/// What a pool has to begin, and what is left behind there: by its own index, those first that are there longest.
pub const OF_POOL: &str = "UPDATE executions SET assigned_until = ?2 + ?3 WHERE n IN (
    SELECT n FROM executions INDEXED BY executions_pool
    WHERE pool = ?1 AND status IN ('running', 'interrupted') AND assigned_until <= ?2
        AND (owner IS NULL OR ?8 AND lease_until <= ?2)
        AND (?4 = '[]' OR flow IN (SELECT value FROM json_each(?4)))
        AND coalesce(json_extract(entry, '$.host'), ?5) = ?5
        AND id NOT IN (SELECT value FROM json_each(?7))
    ORDER BY n LIMIT ?6)
 RETURNING n, id";

pub fn assign(db: &Db, wanted: &Assign) -> Result<Vec<ExecutionId>> {
    let Assign { wanted, limit, at, hold } = wanted;
    let mut found = Vec::new();
    match wanted {
        Wanted::These(ids) => {
            let mut update = db.prepare_cached(
                "UPDATE executions SET assigned_until = ?2 + ?3
                 WHERE id = ?1 AND assigned_until <= ?2 AND status NOT IN ('completed', 'cancelled') RETURNING n",
            )?;
            for id in ids.iter().take(*limit) {
                let given: Option<i64> =
                    update.query_row(params![id.as_str(), at, hold], |row| row.get(0)).optional()?;
                found.extend(given.map(|_| id.clone()));
            }
        }
        Wanted::OfPools { pools, flows, host, but, lapsed } => {
            let (flows, but) = (serde_json::to_string(flows)?, serde_json::to_string(but)?);
            for pool in pools {
                let left = limit.saturating_sub(found.len());
                let mut update = db.prepare_cached(OF_POOL)?;
                let rows = update.query_map(params![pool, at, hold, flows, host, left, but, lapsed], |row| {
                    Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?))
                })?;
                let mut of_pool = rows.collect::<rusqlite::Result<Vec<_>>>()?;
                of_pool.sort_unstable();
                found.extend(of_pool.into_iter().map(|(_, id)| ExecutionId::new(id)));
            }
        }
    }
    Ok(found)
}
