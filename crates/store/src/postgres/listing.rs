//! Lists of executions and waits, and what has to be looked at. Numbers come from indexes alone; only the page's rows are
//! fetched. Not here: how rows become types (`read`).

use super::conn::Conn;
use super::fault::Result;
use super::param::{Columns, Param};
use super::read::{self, EXECUTION, WAIT};
use crate::store::{ExecutionFilter, InboxPlace, Page, WaitFilter};
use kitaru_core::Millis;
use kitaru_core::rows::{ExecutionRow, Status, WaitRow};
use tokio_postgres::Row;

/// Conditions with their values.
#[derive(Default)]
struct Where {
    conditions: Vec<String>,
    values: Vec<Param>,
}

impl Where {
    fn is(&mut self, condition: &str) {
        self.conditions.push(condition.to_owned());
    }

    /// `$` stands for the value.
    fn has(&mut self, condition: &str, value: impl Into<Param>) {
        let place = self.put(value);
        self.conditions.push(condition.replace('$', &place));
    }

    fn put(&mut self, value: impl Into<Param>) -> String {
        self.values.push(value.into());
        format!("${}", self.values.len())
    }

    fn text(&self) -> String {
        if self.conditions.is_empty() { "true".to_owned() } else { self.conditions.join(" AND ") }
    }
}

/// Whether a text stands in what an execution is called.
const TEXT: &str = "(strpos(lower(flow), $) > 0 OR strpos(id, $) > 0 OR strpos(lower(coalesce(key, '')), $) > 0
    OR EXISTS (SELECT 1 FROM unnest(tags) AS one WHERE strpos(lower(one COLLATE \"C\"), $) > 0))";

/// Whether it is parked on that execution.
const AWAITS_ON: &str = "n IN (SELECT n FROM awaits WHERE awaited = $)";

pub fn executions(db: &Conn, filter: &ExecutionFilter, page: Page) -> Result<Vec<ExecutionRow>> {
    let mut chosen = Where::default();
    let mut statuses: Vec<Status> = if filter.status.is_empty() { Status::ALL.to_vec() } else { filter.status.clone() };
    if filter.open {
        statuses.retain(|status| !status.has_ended());
    }
    if filter.open || !filter.status.is_empty() {
        let words = statuses.iter().map(|status| status.as_str().to_owned()).collect();
        chosen.has("status = ANY ($)", Param::Texts(words));
    }
    let texts = [
        ("flow = $", filter.flow.as_deref()),
        ("$ = ANY (tags)", filter.tag.as_deref()),
        ("pool = $", filter.pool.as_deref()),
    ];
    let ids = [("parent = $", &filter.parent), ("forked_from = $", &filter.forked_from)];
    for (condition, value) in texts.into_iter().chain([("key = $", filter.key.as_deref())]) {
        if let Some(value) = value {
            chosen.has(condition, value);
        }
    }
    for (condition, value) in ids {
        if let Some(value) = value {
            chosen.has(condition, value.as_str());
        }
    }
    if let Some(before) = filter.before {
        chosen.has("n < $", before);
    }
    if let Some(cost) = filter.min_cost {
        chosen.has("cost_usd >= $", cost);
    }
    for (condition, value) in
        [("created_at >= $", filter.since), ("updated_at <= $", filter.still_since), ("wake_at <= $", filter.due_by)]
    {
        if let Some(value) = value {
            chosen.has(condition, value);
        }
    }
    if let Some(text) = &filter.text {
        chosen.has(TEXT, text.to_lowercase().as_str());
    }
    if filter.awaits {
        chosen.is("awaits");
    }
    if let Some(other) = &filter.awaits_on {
        chosen.has(AWAITS_ON, other.as_str());
    }
    if filter.roots {
        chosen.is("parent IS NULL");
    }
    let (limit, offset) = (chosen.put(page.limit), chosen.put(page.offset));
    let text = format!(
        "{EXECUTION} WHERE n IN (SELECT n FROM executions WHERE {} ORDER BY n DESC LIMIT {limit} OFFSET {offset})
         ORDER BY n DESC",
        chosen.text()
    );
    db.query(&text, &chosen.values)?.iter().map(|row| read::execution_row(db, row)).collect()
}

/// What may have something to go on with, newest first: each part by an index of its own.
const CANDIDATES: &str = "n IN (
    SELECT n FROM executions WHERE stirred
    UNION ALL SELECT n FROM executions WHERE wake_at <= $1
    UNION ALL SELECT n FROM awaits WHERE NOT ends
    UNION ALL SELECT n FROM executions WHERE parent IS NOT NULL AND status IN ('running', 'interrupted'))
 ORDER BY n DESC";

pub fn candidates(db: &Conn, now: Millis) -> Result<Vec<ExecutionRow>> {
    db.query(&format!("{EXECUTION} WHERE {CANDIDATES}"), &[now.into()])?
        .iter()
        .map(|row| read::execution_row(db, row))
        .collect()
}

pub fn waits(db: &Conn, filter: &WaitFilter, page: Page) -> Result<Vec<WaitRow>> {
    let mut chosen = Where::default();
    chosen.is("NOT sleep");
    if filter.open {
        chosen.is("waits.status = 'open' AND NOT over");
    }
    if let Some(id) = &filter.execution {
        chosen.has("waits.n = (SELECT n FROM executions WHERE id = $)", id.as_str());
    }
    let (limit, offset) = (chosen.put(page.limit), chosen.put(page.offset));
    let text = format!(
        "SELECT {WAIT} FROM waits JOIN executions USING (n) WHERE {}
         ORDER BY opened_at, waits.n, waits.key LIMIT {limit} OFFSET {offset}",
        chosen.text()
    );
    db.query(&text, &chosen.values)?.iter().map(|row| read::wait_row(db, row)).collect()
}

pub fn inbox(db: &Conn, after: Option<&InboxPlace>, limit: usize) -> Result<Vec<(InboxPlace, WaitRow)>> {
    let text = format!(
        "SELECT {WAIT} FROM waits JOIN executions USING (n)
         WHERE waits.status = 'open' AND NOT sleep AND NOT over AND (opened_at, waits.n, waits.key) > ($1, $2, $3)
         ORDER BY opened_at, waits.n, waits.key LIMIT $4"
    );
    let (at, number, key) =
        after.map_or((Millis::MIN, 0, ""), |after| (after.opened_at, after.number, after.key.as_str()));
    let one = |row: &Row| {
        let wait = read::wait_row(db, row)?;
        Ok((InboxPlace { opened_at: wait.opened_at, number: row.num(13)?, key: wait.key.clone() }, wait))
    };
    db.query(&text, &[at.into(), number.into(), key.into(), limit.into()])?.iter().map(one).collect()
}
