//! Commands to paste: what to type next, made in one place so that every surface says the same.

use kitaru_core::Millis;
use kitaru_core::event::PauseReason;
use kitaru_core::rows::{ExecutionRow, WaitRow};
use serde_json::Value as Json;

use super::example::example;

/// The command that answers a wait, with an example of a value that fits. It names the question: pasted again after
/// that one was answered, it must not answer the next.
pub fn answer(wait: &WaitRow) -> String {
    answer_to(wait.execution_id.short(), wait.schema.as_ref(), &wait.key)
}

/// The same from its parts.
pub fn answer_to(short: &str, schema: Option<&Json>, key: &str) -> String {
    let value = example(schema);
    format!("kitaru input {short} --value {} --wait {}", quoted(&value), quoted(key))
}

/// What to do about an open wait: answer it, or let its flow go on without an answer where its time has passed.
pub fn wait(wait: &WaitRow, now: Millis) -> String {
    if wait.is_too_late(now) { format!("kitaru resume {}", wait.execution_id.short()) } else { answer(wait) }
}

/// The command that goes on with a paused execution.
pub fn after_pause(row: &ExecutionRow) -> String {
    let short = row.id.short();
    match pause(row) {
        Some(PauseReason::Drift { .. } | PauseReason::WaitChanged { .. }) => {
            format!("kitaru resume {short} --on-drift reuse   # or: --on-drift rerun")
        }
        Some(PauseReason::MutatedArgument { .. }) => {
            format!("kitaru resume {short} --on-drift rerun   # or: --on-drift reuse")
        }
        Some(PauseReason::InDoubt { key, .. } | PauseReason::Volatile { key, .. }) => {
            format!("kitaru resume {short} --rerun {}   # or: --set output=VALUE", quoted(&key))
        }
        Some(PauseReason::RetriesExhausted { .. }) => {
            format!("kitaru resume {short}   # or: --set output=VALUE")
        }
        Some(PauseReason::Breakpoint { .. }) => {
            format!("kitaru resume {short}   # with --set to change what it is given")
        }
        _ => format!("kitaru resume {short}"),
    }
}

/// What a pause says, as one line, without the commands that follow it.
pub fn said(text: &str) -> String {
    let text = text.split_once("; go on with: kitaru ").map_or(text, |(before, _)| before);
    let mut said = Vec::new();
    for line in text.lines() {
        let Some((before, _)) = line.split_once(": kitaru ") else {
            said.push(line.trim());
            continue;
        };
        // What introduces a command goes with it; the sentences before stay.
        said.extend(before.rsplit_once(". ").map(|(kept, _)| kept.trim()));
        break;
    }
    said.join(" ")
}

/// Why a paused execution is paused.
pub fn pause(row: &ExecutionRow) -> Option<PauseReason> {
    let pause = row.reason.as_ref()?.get("pause")?.clone();
    serde_json::from_value(pause).ok()
}

/// A time span for people: `45s`, `12m`, `3h`, `2d`.
pub fn span(length: Millis) -> String {
    let seconds = length.max(0) / 1000;
    match seconds {
        0..=99 => format!("{seconds}s"),
        100..=5_999 => format!("{}m", seconds / 60),
        6_000..=172_799 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// What `--set` takes to put that value there: JSON where a text would be taken for it, else the text.
pub(super) fn assignment(name: &str, value: &Json) -> String {
    let text = match value {
        Json::String(text) if serde_json::from_str::<Json>(text).is_err() => text.clone(),
        other => other.to_string(),
    };
    format!("{}={}", quoted(name), quoted(&text))
}

/// A word for a POSIX shell.
pub(super) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_said_in_one_line() {
        let text = "step has other inputs:\n  x: 1 -> 2\nUse its result: kitaru resume 1 --on-drift reuse";
        assert_eq!(said(text), "step has other inputs: x: 1 -> 2");
        assert_eq!(said("paused by cli; go on with: kitaru resume 1"), "paused by cli");
    }

    #[test]
    fn words_survive_a_shell() {
        assert_eq!(quoted("true"), "true");
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted("item#2"), "'item#2'");
    }
}
