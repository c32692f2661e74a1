//! User code in a process of its own: a job goes in and what was told comes out, both in files, since what the process
//! prints is the user's.
//!
//! Not here: which jobs there are, and what follows from what they tell. The other process's side is
//! `kitaru._cli.child`.

use kitaru_engine::manage::ManageError;
use serde_json::Value;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How another process finds the store: what it was opened as, the folder of the locks, and whether a commit counts as
/// done when the system has it.
pub type Place = (String, PathBuf, bool);

/// A job under way.
pub struct Process {
    child: Child,
    /// Gone with this, unless the process is still there: then it is the process's to remove, which may not even have
    /// read its job yet.
    folder: Option<TempDir>,
    told: PathBuf,
}

impl Process {
    /// Begins a job with that interpreter, in a process group of its own.
    pub fn begin(interpreter: &str, job: &Value, place: &Place) -> std::io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("kitaru-").tempdir()?;
        std::fs::write(folder.path().join("job"), job.to_string())?;
        let (store, home, normal) = place;
        let mut command = Command::new(interpreter);
        command
            .args(["-c", "import sys; from kitaru._cli import child; sys.exit(child())"])
            .arg(folder.path().join("job"))
            .arg(folder.path().join("told"))
            .arg("1")
            .env("KITARU_STORE", store)
            .env("KITARU_HOME", home)
            .envs(kitaru_store::keys::named().map(|file| ("KITARU_KEYS", file)))
            .env("KITARU_SYNCHRONOUS", if *normal { "normal" } else { "full" })
            // What it prints is kept with the execution.
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        kitaru_store::os::stand_apart(&mut command);
        let told = folder.path().join("told");
        Ok(Self { child: command.spawn()?, folder: Some(folder), told })
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// What it told.
    pub fn told(&self) -> Option<Value> {
        serde_json::from_str(&std::fs::read_to_string(&self.told).ok()?).ok()
    }

    /// What it told, once it has ended. One that takes longer is killed.
    pub fn finish(mut self, patience: Duration) -> Result<Value, ManageError> {
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = self.ended() {
                break status;
            }
            if begun.elapsed() > patience {
                // It is looked at once more: it may have ended meanwhile.
                drop(self.child.kill());
                drop(self.child.wait());
                let message = format!("its code took longer than {} s to load", patience.as_secs());
                return Err(ManageError::new("flow-import", message, None));
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        self.told().ok_or_else(|| {
            let message = format!("its process ended with {status} and told nothing");
            ManageError::new("flow-import", message, Some("is kitaru installed in its environment?".to_owned()))
        })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.ended().is_none()
            && let Some(folder) = self.folder.take()
        {
            drop(folder.keep());
        }
    }
}

/// The refusal in what a job told: an array with code, message and way out from `at` on.
pub fn refusal(told: &Value, at: usize) -> Option<ManageError> {
    let code = told.get(at)?.as_str()?;
    let message = told.get(at + 1).and_then(Value::as_str).unwrap_or_default();
    let hint = told.get(at + 2).and_then(Value::as_str).map(str::to_owned);
    Some(ManageError::new(code, message, hint))
}
