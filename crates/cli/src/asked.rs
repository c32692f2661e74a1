//! What can be typed after `replay`, `diff` and `resume`.

use clap::Args;

/// `kitaru replay`
#[derive(Debug, Args)]
pub struct Replay {
    /// Identifiers of the executions to replay. Several are a batch.
    #[arg(required_unless_present_any = ["flow", "status", "tagged", "older_than", "newer_than"])]
    pub ids: Vec<String>,
    /// Run again from this call on: a call's key, a checkpoint's name, `step N`, `failure` or `start`.
    #[arg(long, value_name = "SELECTOR")]
    pub from: Option<String>,
    /// What to reuse: all that ended before that call, or what is unchanged, wherever it stands.
    #[arg(long, value_parser = ["frontier", "unchanged"])]
    pub reuse: Option<String>,
    /// Keep all that is recorded, however early something is changed: inputs decide.
    #[arg(long, value_parser = ["recorded"])]
    pub keep: Option<String>,
    /// Put a value in place: flow.NAME, CALL.inputs.NAME, CALL.output or waits.NAME. VALUE is JSON where it parses, else
    /// a string.
    #[arg(long, value_name = "PATH=VALUE")]
    pub set: Vec<String>,
    /// The same, with the value in a file.
    #[arg(long, value_name = "PATH=FILE")]
    pub set_file: Vec<String>,
    /// Ask this wait again, by name or key, or all of them.
    #[arg(long, value_name = "WAIT|all")]
    pub ask_again: Vec<String>,
    /// For a call that has other inputs than recorded: ask, reuse its result, rerun it, or fail.
    #[arg(long, value_parser = ["ask", "reuse", "rerun", "fail"])]
    pub on_drift: Option<String>,
    /// Only show the plan.
    #[arg(long)]
    pub dry_run: bool,
    /// A label of the replay.
    #[arg(long)]
    pub tag: Vec<String>,
    /// Say what ends, as it does.
    #[arg(long, short)]
    pub follow: bool,
    /// Do not ask before it runs.
    #[arg(long, short)]
    pub yes: bool,
    /// Name of the batch: each execution is replayed once in it [default: made of what is asked].
    #[arg(long, value_name = "NAME")]
    pub batch: Option<String>,
    /// All executions of this flow.
    #[arg(long, conflicts_with = "ids", help_heading = "Which executions")]
    pub flow: Option<String>,
    /// All executions in these states.
    #[arg(long, conflicts_with = "ids", help_heading = "Which executions")]
    pub status: Vec<String>,
    /// All executions with this label.
    #[arg(long, value_name = "TAG", conflicts_with = "ids", help_heading = "Which executions")]
    pub tagged: Option<String>,
    /// Only executions created longer ago: 30m, 12h, 7d.
    #[arg(long, value_name = "AGE", conflicts_with = "ids", value_parser = age, help_heading = "Which executions")]
    pub older_than: Option<i64>,
    /// Only executions created since: 30m, 12h, 7d.
    #[arg(long, value_name = "AGE", conflicts_with = "ids", value_parser = age, help_heading = "Which executions")]
    pub newer_than: Option<i64>,
    /// How many of a batch run together.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = from_one)]
    pub limit_running: usize,
}

impl Replay {
    /// Whether it is a batch: which replays each execution once, however often it is started.
    pub fn is_batch(&self) -> bool {
        self.ids.len() != 1 || self.batch.is_some()
    }
}

/// `kitaru diff`
#[derive(Debug, Args)]
pub struct Diff {
    /// The executions, the one to compare with first. More than two give a matrix.
    #[arg(required = true, num_args = 2..)]
    pub ids: Vec<String>,
    /// Exit with 1 if they differ.
    #[arg(long)]
    pub fail_on_divergence: bool,
    /// Show outputs, calls or cost alone.
    #[arg(long, value_parser = ["outputs", "calls", "cost"])]
    pub only: Option<String>,
}

/// A span of time as milliseconds: `45s`, `30m`, `12h`, `7d`, `2w`.
fn age(text: &str) -> Result<i64, String> {
    let wrong = || format!("{text:?} is no age: it looks like 45s, 30m, 12h, 7d or 2w");
    let (number, unit) = text.split_at(text.len() - text.chars().last().map_or(0, char::len_utf8));
    let unit = match unit {
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        "w" => 604_800_000,
        _ => return Err(wrong()),
    };
    let number: i64 = number.parse().map_err(|_| wrong())?;
    number.checked_mul(unit).filter(|age| *age >= 0).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_age_is_a_number_and_a_unit() {
        assert_eq!(super::age("30m"), Ok(1_800_000));
        assert_eq!(super::age("2w"), Ok(1_209_600_000));
        for text in ["", "m", "3", "-1h", "1y", "1.5h", "99999999999999999w"] {
            assert!(super::age(text).is_err(), "{text:?}");
        }
    }
}

/// `kitaru resume`
#[derive(Debug, Args)]
pub struct Resume {
    /// Identifier.
    #[arg(required_unless_present = "due")]
    pub id: Option<String>,
    /// For a call that has other inputs than recorded, or changed them: reuse its result, or rerun it.
    #[arg(long, value_parser = ["reuse", "rerun"])]
    pub on_drift: Option<String>,
    /// Run calls again: `failed`, or a call's key.
    #[arg(long, value_name = "failed|KEY", allow_hyphen_values = true)]
    pub rerun: Vec<String>,
    /// At the call that it is paused at: give it another input (NAME.PATH=VALUE), or its output instead of running it
    /// (output=VALUE). VALUE is JSON where it parses, else a string.
    #[arg(long, value_name = "PATH=VALUE", allow_hyphen_values = true)]
    pub set: Vec<String>,
    /// The same with a value from a file.
    #[arg(long, value_name = "PATH=FILE")]
    pub set_file: Vec<String>,
    /// Move it to another version of its flow that was deployed, or to what a tag names, or `latest`: from now on its code
    /// is that. Refused where what is on record does not fit it, unless --on-drift says what is done with such calls.
    #[arg(long, value_name = "VERSION|TAG", conflicts_with = "due")]
    pub version: Option<String>,
    /// Everything whose time has come, or whose answer is there.
    #[arg(long, conflicts_with = "id")]
    pub due: bool,
}

/// A number that counts from 1.
pub fn from_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("it counts from 1".to_owned()),
        Ok(number) => Ok(number),
        Err(_) => Err("not a whole number".to_owned()),
    }
}
