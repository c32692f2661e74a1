//! Processes of user code that run one execution after another: what they have imported stays, and a flow goes on without
//! the start of an interpreter.
//!
//! A job goes in as a line of JSON, and what was told comes out as one. A process whose code has changed since it was
//! loaded says so, and another takes the job. Not here: which jobs there are (`carry`), and jobs that only look
//! (`process`). The other side is `kitaru._serve`.

use crate::process::Place;
use kitaru_core::event::EntryPoint;
use kitaru_store::os;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A process that has had nothing to do for so long ends.
const KEEP: Duration = Duration::from_secs(300);
/// A process ends after so many jobs: what the user's code leaks goes with it.
const MOST: u32 = 200;
/// What a process has told comes so long after its end at the most; others may hold its output open for longer.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Whoever wants to know that a process has said something.
pub type Ring = Arc<dyn Fn() + Send + Sync>;

/// A process.
pub struct Hand {
    child: Child,
    input: Option<ChildStdin>,
    said: Arc<Mutex<Said>>,
    gone: Option<(ExitStatus, Instant)>,
    of: String,
    jobs: u32,
    since: Instant,
}

#[derive(Default)]
struct Said {
    lines: VecDeque<String>,
    is_over: bool,
}

/// How a job ended.
pub enum End {
    /// With what it told.
    Told(Value),
    /// It was not begun: the code on the disk is another one.
    Stale,
    /// Its process ended before it did.
    Gone(ExitStatus),
}

#[derive(Deserialize)]
struct Line {
    told: Option<Value>,
    #[serde(default)]
    again: bool,
}

impl Hand {
    fn begin(entry: &EntryPoint, place: &Place, ring: Ring) -> std::io::Result<Self> {
        let (store, home, normal) = place;
        let mut command = Command::new(&entry.interpreter);
        command
            .args(["-c", "import sys; from kitaru._serve import serve; sys.exit(serve())"])
            .env("KITARU_STORE", store)
            .env("KITARU_HOME", home)
            .env("KITARU_SYNCHRONOUS", if *normal { "normal" } else { "full" })
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // What it prints is kept with the execution.
            .stderr(Stdio::null());
        os::stand_apart(&mut command);
        let mut child = command.spawn()?;
        let said = Arc::new(Mutex::new(Said::default()));
        if let Some(output) = child.stdout.take() {
            let said = Arc::clone(&said);
            let hear = move || {
                for line in BufReader::new(output).lines().map_while(std::io::Result::ok) {
                    lock(&said).lines.push_back(line);
                    ring();
                }
                lock(&said).is_over = true;
                ring();
            };
            std::thread::Builder::new().name("kitaru-hears".to_owned()).spawn(hear)?;
        }
        let input = child.stdin.take();
        Ok(Self { child, input, said, gone: None, of: named(entry), jobs: 0, since: Instant::now() })
    }

    fn say(&mut self, what: &Value) -> std::io::Result<()> {
        let input = self.input.as_mut().ok_or(std::io::ErrorKind::BrokenPipe)?;
        input.write_all(format!("{what}\n").as_bytes())?;
        input.flush()
    }

    /// Has what it runs handed over to another process, when what runs of that has ended.
    pub fn hand_over(&mut self) {
        // One that has just ended has nothing to hand over.
        drop(self.say(&json!({ "hand_over": "its worker stops" })));
    }

    /// Ends it, with all that it has started.
    pub fn kill(&mut self) {
        os::kill_group(&mut self.child);
    }

    /// How many bytes of memory it has.
    pub fn memory(&self) -> Option<u64> {
        os::memory(self.child.id())
    }

    /// How its job ended, if it has, and whether it takes another.
    pub fn ended(&mut self) -> Option<(End, bool)> {
        let (line, is_over) = {
            let mut said = lock(&self.said);
            (said.lines.pop_front(), said.is_over)
        };
        if let Some(line) = line {
            let Ok(line) = serde_json::from_str::<Line>(&line) else {
                self.kill();
                return None;
            };
            let again = line.again && self.jobs < MOST;
            return Some(line.told.map_or((End::Stale, false), |told| (End::Told(told), again)));
        }
        if self.gone.is_none()
            && let Some(status) = self.child.try_wait().ok().flatten()
        {
            self.gone = Some((status, Instant::now()));
        }
        let (status, since) = self.gone?;
        (is_over || since.elapsed() > LAST_WORDS).then_some((End::Gone(status), false))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Of which code a process is.
fn named(entry: &EntryPoint) -> String {
    json!([entry.interpreter, entry.cwd, entry.file, entry.module, entry.path]).to_string()
}

/// Processes that have nothing to do.
#[derive(Default)]
pub struct Warm {
    idle: Vec<Hand>,
    /// Those that are to end, and do so by themselves.
    leaving: Vec<Hand>,
}

impl Warm {
    /// Has a job done: by a process that has that code, or by a new one.
    pub fn give(&mut self, entry: &EntryPoint, job: &Value, place: &Place, ring: &Ring) -> std::io::Result<Hand> {
        let of = named(entry);
        while let Some(at) = self.idle.iter().rposition(|hand| hand.of == of) {
            let mut hand = self.idle.swap_remove(at);
            // One that has ended meanwhile takes nothing.
            if hand.gone.is_none() && hand.child.try_wait().is_ok_and(|status| status.is_none()) {
                hand.jobs += 1;
                if hand.say(job).is_ok() {
                    return Ok(hand);
                }
            }
            self.leave(hand);
        }
        self.give_new(entry, job, place, ring)
    }

    /// The same by a new one.
    pub fn give_new(&mut self, entry: &EntryPoint, job: &Value, place: &Place, ring: &Ring) -> std::io::Result<Hand> {
        let mut hand = Hand::begin(entry, place, Arc::clone(ring))?;
        hand.jobs = 1;
        // Whether it took it is heard: one that ends before it does tells nothing.
        drop(hand.say(job));
        Ok(hand)
    }

    /// Keeps a process for another job, at most so many.
    pub fn keep(&mut self, mut hand: Hand, most: usize) {
        hand.since = Instant::now();
        self.idle.push(hand);
        while self.idle.len() > most {
            let longest = self.idle.remove(0);
            self.leave(longest);
        }
    }

    /// Lets a process end, which it does when it has read all.
    pub fn leave(&mut self, mut hand: Hand) {
        hand.input = None;
        self.leaving.push(hand);
    }

    /// Lets those go that were not needed for long, and buries those that have ended.
    pub fn tidy(&mut self) {
        while self.idle.first().is_some_and(|hand| hand.since.elapsed() > KEEP) {
            let hand = self.idle.remove(0);
            self.leave(hand);
        }
        self.leaving.retain_mut(|hand| hand.child.try_wait().is_ok_and(|status| status.is_none()));
    }
}
