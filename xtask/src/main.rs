//! The house's own tool: `cargo run -p xtask -- tidy` checks the house rules that no other linter knows.
//!
//! Not here: formatting, lints and types (rustfmt, clippy, ruff, mypy) and licences (`xtask/deny.sh`).

use std::path::Path;
use std::process::ExitCode;

mod tidy;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["tidy"] => report(tidy::check_tree(Path::new(env!("CARGO_MANIFEST_DIR")).parent())),
        ["tidy", root] => report(tidy::check_tree(Some(Path::new(root)))),
        _ => {
            eprintln!("usage: cargo run -p xtask -- tidy [ROOT]");
            ExitCode::from(2)
        }
    }
}

fn report(found: Result<tidy::Checked, String>) -> ExitCode {
    match found {
        Ok(checked) if checked.findings.is_empty() => {
            println!("tidy: {} files, nothing to say", checked.files);
            ExitCode::SUCCESS
        }
        Ok(checked) => {
            for finding in &checked.findings {
                eprintln!("{finding}");
            }
            eprintln!("tidy: {} files, {} findings", checked.files, checked.findings.len());
            ExitCode::FAILURE
        }
        Err(why) => {
            eprintln!("tidy: {why}");
            ExitCode::FAILURE
        }
    }
}
