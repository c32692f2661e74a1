//! Watching an execution while this process, or another one, carries it on: what ends, as it does.
//!
//! Not here: what it prints (its logs).

use kitaru_core::event::{CallKind, Outcome};
use kitaru_core::rows::ExecutionRow;
use kitaru_core::{Body, ExecutionId, Seq};
use kitaru_store::Store;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// Between two looks: a person reads no faster.
const LOOK: Duration = Duration::from_millis(200);

/// Watches until it is dropped; what ended before that is told.
#[derive(Debug)]
pub struct Following {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Tells `say` a line for each call of `row` that ends after what the row shows.
pub fn follow(store: Arc<dyn Store>, row: &ExecutionRow, say: fn(&str)) -> Following {
    let (stop, stopped) = channel();
    let (id, after) = (row.id.clone(), row.last_seq);
    let watch = move || watch(store.as_ref(), &id, after, say, &stopped);
    let spawned = std::thread::Builder::new().name("kitaru-follow".to_owned()).spawn(watch);
    // Without a thread nothing is told meanwhile; what happens is on record.
    Following { stop: Some(stop), thread: spawned.ok() }
}

impl Drop for Following {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn watch(store: &dyn Store, id: &ExecutionId, mut after: Seq, say: fn(&str), stopped: &Receiver<()>) {
    loop {
        let over = stopped.recv_timeout(LOOK) != Err(RecvTimeoutError::Timeout);
        // A store that does not answer is complained of by whoever carries the execution on.
        for event in store.load(id, after, 0).unwrap_or_default() {
            after = event.seq;
            if let Some(line) = line(&event.body, event.at) {
                say(&line);
            }
        }
        if over {
            return;
        }
    }
}

fn line(body: &Body, at: i64) -> Option<String> {
    match body {
        Body::CallEnded(ended) if ended.call.kind != CallKind::Reading => {
            let word = match &ended.outcome {
                Outcome::Returned { .. } | Outcome::Volatile { .. } => "ended".to_owned(),
                Outcome::Raised { error } => {
                    format!("failed: {}: {}", error.kind.trim_start_matches("builtins."), error.message)
                }
                Outcome::Cancelled => "was cancelled".to_owned(),
            };
            let took = (at - ended.started_at).max(0);
            Some(format!("{} {word} ({took} ms)", ended.call.key))
        }
        Body::AttemptFailed(failed) => Some(format!("{} failed, and is tried again", failed.call.key)),
        Body::WaitOpened(opened) if opened.call.kind == CallKind::Wait => {
            Some(format!("{} asks: {}", opened.call.key, opened.question))
        }
        _ => None,
    }
}
