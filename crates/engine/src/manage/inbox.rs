//! The inbox: open questions of all executions, by pages that follow each other whatever is answered between them.
//!
//! Not here: the questions of one execution or below it (`fleet`), and answering (`answer`).

use super::{ManageError, Result};
use kitaru_core::rows::WaitRow;
use kitaru_store::{InboxPlace, Store};

/// A page, oldest first, behind the one that gave `cursor`; and the cursor of the next, if there is one.
pub fn inbox(store: &dyn Store, cursor: Option<&str>, limit: usize) -> Result<(Vec<WaitRow>, Option<String>)> {
    if limit == 0 {
        return Err(ManageError::new("usage", "limit counts from 1", None));
    }
    let after = cursor.map(|text| parse(text).ok_or_else(foreign)).transpose()?;
    let mut found = store.queries().inbox(after.as_ref(), limit.saturating_add(1))?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|(place, _)| text(place));
    Ok((found.into_iter().map(|(_, wait)| wait).collect(), next))
}

fn foreign() -> ManageError {
    ManageError::new("usage", "cursor is what the page before gave as next", None)
}

fn text(place: &InboxPlace) -> String {
    format!("w{}.{}.{}", place.opened_at, place.number, place.key)
}

fn parse(text: &str) -> Option<InboxPlace> {
    let mut parts = text.strip_prefix('w')?.splitn(3, '.');
    let mut number = || parts.next().filter(|part| part.bytes().all(|one| one.is_ascii_digit()))?.parse().ok();
    let (opened_at, number) = (number()?, number()?);
    let key = parts.next().filter(|key| !key.is_empty())?.to_owned();
    Some(InboxPlace { opened_at, number: u64::try_from(number).ok()?, key })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_leads_back_to_its_place() {
        for key in ["ok", "a/b#2", "with.dots..", "ünï"] {
            let place = InboxPlace { opened_at: 1_700_000_000_000, number: 12, key: key.to_owned() };
            assert_eq!(parse(&text(&place)), Some(place));
        }
        for other in ["", "w", "w1", "w1.2", "w1.2.", "w-1.2.a", "w1.-2.a", "w1.x.a", "e1", "w99999999999999999999.1.a"]
        {
            assert_eq!(parse(other), None, "{other}");
        }
    }
}
