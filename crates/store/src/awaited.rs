//! Whom a parked execution awaits, of what its reason says: all that is kept of that where the reason itself is sealed.
//!
//! Not here: keeping it (each backend's).

use serde_json::Value as Json;
use std::collections::BTreeMap;

/// Whom a reason awaits, and whether nothing but an end counts: in none of the groups does less of it.
pub fn awaited(reason: Option<&Json>) -> BTreeMap<&str, bool> {
    let mut found = BTreeMap::new();
    for group in reason.and_then(|reason| reason["awaits"].as_array()).into_iter().flatten() {
        let ends = group["ends"].as_bool() == Some(true);
        for id in group["executions"].as_array().into_iter().flatten().filter_map(Json::as_str) {
            *found.entry(id).or_insert(true) &= ends;
        }
    }
    found
}
