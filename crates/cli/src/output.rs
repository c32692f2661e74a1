//! How an answer leaves: one JSON document on stdout, or text; errors as one clear line and a way out.

use kitaru_engine::manage::ManageError;
use serde_json::{Value as Json, json};
use std::io::{IsTerminal, Write};

/// What a command answers.
#[derive(Debug, Default)]
pub struct Answer {
    /// One thing.
    pub item: Option<Json>,
    /// A list.
    pub items: Option<Vec<Json>>,
    /// The same for people.
    pub text: String,
    /// For people, on stderr: what happened, what to do next.
    pub messages: Vec<String>,
    /// Exit status.
    pub status: i32,
}

impl Answer {
    /// Text that is also the item.
    pub fn text(text: String) -> Self {
        Self { item: Some(Json::String(text.clone())), text, ..Self::default() }
    }
}

/// Where answers go.
pub struct Out {
    /// As JSON.
    pub json: bool,
    /// The command's name in JSON.
    pub command: &'static str,
}

impl Out {
    /// Prints an answer. Returns the exit status.
    pub fn show(&self, answer: &Answer) -> i32 {
        let written = if self.json {
            let mut document = json!({ "command": self.command });
            if let Some(fields) = document.as_object_mut() {
                if let Some(items) = &answer.items {
                    fields.insert("items".to_owned(), Json::Array(items.clone()));
                } else {
                    fields.insert("item".to_owned(), answer.item.clone().unwrap_or(Json::Null));
                }
            }
            print(&format!("{document}\n"))
        } else if answer.text.is_empty() {
            Ok(())
        } else {
            print(&format!("{}\n", answer.text.trim_end_matches('\n')))
        };
        for message in &answer.messages {
            complain(message);
        }
        // A reader that has gone (`| head`) is no error of ours.
        match written {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => 1,
            _ => answer.status,
        }
    }

    /// Prints an error. Returns the exit status.
    pub fn fail(&self, error: &ManageError) -> i32 {
        if self.json {
            let document = json!({
                "command": self.command,
                "error": { "code": error.code, "message": error.message, "hint": error.hint },
            });
            drop(print(&format!("{document}\n")));
        }
        complain(&format!("error[{}]: {}", error.code, clean(error.message.trim_end())));
        for hint in error.hint.iter().flat_map(|hint| hint.lines()) {
            complain(&format!("hint: {}", clean(hint)));
        }
        match error.code.as_str() {
            "usage" | "bad-expression" | "bad-inputs" | "bad-json" | "bad-override" | "bad-selector" => 2,
            "waiting" | "paused" => 75,
            "interrupted" => 130,
            _ => 1,
        }
    }
}

/// A command line that cannot be understood, or a request for help. Returns the exit status.
pub fn usage(error: &clap::Error, json: bool, hint: Option<&str>) -> i32 {
    if !error.use_stderr() {
        drop(print(&error.render().to_string()));
        return 0;
    }
    if json {
        let message = error.to_string();
        // The first paragraph says what is wrong; the rest is how to call it.
        let said: Vec<&str> = message.lines().take_while(|line| !line.is_empty()).map(str::trim).collect();
        let line = said.join(" ").trim_start_matches("error: ").to_owned();
        let document = json!({ "command": "usage", "error": { "code": "usage", "message": line, "hint": hint.unwrap_or("kitaru --help") } });
        drop(print(&format!("{document}\n")));
    }
    let text = error.render().to_string();
    let text = text
        .trim_end()
        .strip_prefix("error: ")
        .map_or_else(|| text.trim_end().to_owned(), |rest| format!("error[usage]: {rest}"));
    complain(&text);
    if let Some(hint) = hint {
        complain(&format!("hint: {hint}"));
    }
    2
}

/// Writes to stdout at once.
pub fn print(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Says something to people while a command goes on.
pub fn say(text: &str) {
    complain(&clean(text));
}

fn complain(text: &str) {
    // Nothing can be said where nobody listens.
    drop(writeln!(std::io::stderr().lock(), "{text}"));
}

/// Whether colour is wanted on stdout (<https://no-color.org>).
pub fn colour() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) && std::io::stdout().is_terminal()
}

/// User text without what could drive a terminal: control characters are shown as escapes.
pub fn clean(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        let bidi = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if (c.is_control() && c != '\n' && c != '\t') || bidi {
            safe.extend(c.escape_default());
        } else {
            safe.push(c);
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    #[test]
    fn user_text_cannot_drive_the_terminal() {
        assert_eq!(super::clean("a\u{1b}[2Jb\r\u{202e}c\n"), "a\\u{1b}[2Jb\\r\\u{202e}c\n");
    }
}
