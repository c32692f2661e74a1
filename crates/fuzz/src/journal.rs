//! A journal whose events are well-formed JSON and anything else: it is folded, and nothing is served that was not there.

use kitaru_core::matcher::Matcher;
use kitaru_core::pass::Pass;
use kitaru_core::project::project;
use kitaru_core::records::Records;
use kitaru_core::table::Table;
use kitaru_core::{Body, Seq};

/// One event a line.
const STORY: &str = include_str!("../samples/journal.jsonl");

pub fn samples() -> Vec<Vec<u8>> {
    let lines: Vec<&str> = STORY.lines().collect();
    let mut samples = vec![STORY.as_bytes().to_vec()];
    samples.extend((1..lines.len()).step_by(7).map(|end| lines[..end].join("\n").into_bytes()));
    samples
}

pub fn journal(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (mut records, mut others, mut table) = (Records::default(), Records::default(), Table::default());
    for (at, line) in text.lines().enumerate().take(500) {
        let Ok(body) = serde_json::from_str::<Body>(line) else { continue };
        let seq = at as Seq + 1;
        let written = match serde_json::to_string(&body) {
            Ok(written) => written,
            Err(error) => panic!("{body:?} cannot be written: {error}"),
        };
        assert!(serde_json::from_str::<Body>(&written).is_ok_and(|again| again == body), "{written} is read otherwise");
        project(seq, 0, &body);
        table.fold(seq, 0, &body);
        records.fold(seq, 0, &body);
        others.fold(seq, 0, &body);
    }
    drop((table.calls(), table.artifacts().len()));
    drop(Matcher::new(records).not_taken());
    drop(Pass::new(others));
}
