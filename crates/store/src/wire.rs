//! What a client and the server of a store say to each other: writes, reads, and their answers, each a JSON text with bytes
//! after it.
//!
//! An internal protocol: [`VERSION`] says which, and a client of another one is refused when it connects. Large values
//! travel apart from the events that have them, in pieces cut by content, and a piece that the server has is only named.
//! Not here: connections (`http/` and the server), and what a write means ([`crate::Store`]).

use crate::error::StoreError;
use crate::limits::{Limited, Limiting};
use crate::store::{
    ArtifactRow, Assign, Changes, Claim, Created, ExecutionFilter, Guard, InboxPlace, LogLine, Page, Result, Revision,
    StatisticsRow, WaitFilter,
};
use kitaru_core::lease::{Owner, Pulse};
use kitaru_core::release::Release;
use kitaru_core::rows::{BreakpointRow, CallRow, CallStatus, ExecutionRow, Status, WaitRow};
use kitaru_core::schedule::Schedule;
use kitaru_core::{Body, Digest, Epoch, Event, ExecutionId, Millis, ScopeId, Seq, ValueRef};
use serde::{Deserialize, Serialize};

/// Which protocol this is. Changed with whatever the other side would misread.
pub const VERSION: u32 = 3;

/// One verb that writes, with what it is given.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Write {
    /// [`crate::Store::create`].
    Create(ExecutionId, Millis, Vec<Body>, Option<Claim>),
    /// [`crate::Store::claim`].
    Claim(ExecutionId, Millis, Epoch, Claim, Vec<Body>),
    /// [`crate::Store::append_last`].
    Append(ExecutionId, Millis, Epoch, Vec<Body>, Vec<ScopeId>),
    /// [`crate::Store::post`].
    Post(ExecutionId, Millis, Guard, Vec<Body>),
    /// [`crate::Store::renew`].
    Renew(Vec<(ExecutionId, Epoch)>, Millis),
    /// [`crate::Store::assign`].
    Assign(Assign),
    /// [`crate::Store::log`].
    Log(ExecutionId, Vec<LogLine>),
    /// [`crate::Store::delete`].
    Delete(ExecutionId, Epoch, Seq),
    /// [`crate::Store::add_breakpoint`].
    AddBreakpoint(BreakpointRow),
    /// [`crate::Store::remove_breakpoint`].
    RemoveBreakpoint(u64),
    /// [`crate::Store::keep_schedule`].
    KeepSchedule(Box<Schedule>, Option<Millis>, Option<u64>),
    /// [`crate::Store::remove_schedule`].
    RemoveSchedule(String, u64),
    /// [`crate::Store::release`].
    Release(Box<Release>),
    /// [`crate::Store::keep_code`].
    KeepCode(String, String),
}

impl Write {
    /// The events that it writes.
    pub fn events(&self) -> &[Body] {
        match self {
            Self::Create(_, _, events, _)
            | Self::Claim(_, _, _, _, events)
            | Self::Append(_, _, _, events, _)
            | Self::Post(_, _, _, events) => events,
            _ => &[],
        }
    }

    /// The same, to change.
    pub fn events_mut(&mut self) -> &mut [Body] {
        match self {
            Self::Create(_, _, events, _)
            | Self::Claim(_, _, _, _, events)
            | Self::Append(_, _, _, events, _)
            | Self::Post(_, _, _, events) => events,
            _ => &mut [],
        }
    }

    /// The execution whose journal it writes.
    pub fn execution(&self) -> Option<&ExecutionId> {
        match self {
            Self::Create(id, ..) | Self::Claim(id, ..) | Self::Append(id, ..) | Self::Post(id, ..) => Some(id),
            _ => None,
        }
    }

    /// Whether it must be on the disk when it returns. What a worker is about to begin is only a hint for others.
    pub fn is_durable(&self) -> bool {
        !matches!(self, Self::Assign(..) | Self::Log(..) | Self::KeepCode(..))
    }
}

/// What came of a write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Wrote {
    /// Of [`Write::Create`].
    Created(Created),
    /// An epoch, a sequence or a breakpoint's number.
    Number(u64),
    /// Whether there was something to remove.
    Removed(bool),
    /// Of [`Write::Renew`]: what is lost; of [`Write::Assign`]: what is assigned.
    These(Vec<ExecutionId>),
    /// Nothing more is to be said.
    Done,
}

/// A write of another kind has been answered: the two sides do not understand each other.
pub fn odd() -> StoreError {
    StoreError::Protocol("an answer is of another kind than what was asked".to_owned())
}

impl Wrote {
    /// The number that it holds.
    pub fn number(self) -> Result<u64> {
        match self {
            Self::Number(number) => Ok(number),
            _ => Err(odd()),
        }
    }

    /// The executions that it names.
    pub fn these(self) -> Result<Vec<ExecutionId>> {
        match self {
            Self::These(ids) => Ok(ids),
            _ => Err(odd()),
        }
    }
}

/// A large value beside the events that refer to it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Attached {
    /// What stands for it in its events.
    pub reference: ValueRef,
    /// Its pieces in order.
    pub pieces: Vec<Piece>,
}

/// A piece of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Piece {
    /// The server has it.
    Known(Digest),
    /// So many bytes of those that follow.
    New(usize),
}

/// Writes as they are sent.
#[derive(Debug, Serialize, Deserialize)]
pub struct Writes {
    /// Who writes.
    pub writer: String,
    /// See [`crate::Store::write_once`].
    pub number: u64,
    /// What.
    pub writes: Vec<Write>,
    /// Large values that they refer to.
    pub values: Vec<Attached>,
}

/// What is looked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Read {
    /// [`crate::Store::load`].
    Load(ExecutionId, Seq, usize),
    /// [`crate::Store::value`]; its text follows the answer.
    Value(ValueRef),
    /// [`crate::Store::version`].
    Version,
    /// [`crate::Store::pulse`].
    Pulse(Owner),
    /// [`crate::Store::chunks`]; their bytes follow the answer.
    Chunks(Vec<Digest>),
    /// [`crate::Queries::execution`].
    Execution(ExecutionId),
    /// [`crate::Queries::find`].
    Find(String),
    /// [`crate::Queries::executions`].
    Executions(Box<ExecutionFilter>, Page),
    /// [`crate::Queries::calls`].
    Calls(ExecutionId),
    /// [`crate::Queries::call_counts`].
    CallCounts(ExecutionId),
    /// [`crate::Queries::waits`].
    Waits(WaitFilter, Page),
    /// [`crate::Queries::inbox`].
    Inbox(Option<InboxPlace>, usize),
    /// [`crate::Queries::stirred`].
    Stirred(Millis),
    /// [`crate::Queries::artifacts`].
    Artifacts(ExecutionId),
    /// [`crate::Queries::logs`].
    Logs(ExecutionId, u64, usize),
    /// [`crate::Queries::changes`].
    Changes(Revision, usize),
    /// [`crate::Queries::newest`].
    Newest,
    /// [`crate::Queries::forgotten`].
    Forgotten,
    /// [`crate::Queries::counts`].
    Counts,
    /// [`crate::Queries::statistics`].
    Statistics(Millis),
    /// [`crate::Queries::tags`].
    Tags,
    /// [`crate::Queries::breakpoints`].
    Breakpoints(Option<String>),
    /// [`crate::Queries::schedules`].
    Schedules(Option<Millis>),
    /// [`crate::Queries::releases`].
    Releases(Option<String>),
    /// [`crate::Queries::events`].
    Events(ExecutionId, Vec<String>),
    /// [`crate::Queries::code`].
    Code(String),
    /// [`crate::Queries::health`].
    Health(bool),
    /// [`crate::Store::limiting`], of what only looks.
    Limits(Limiting),
}

/// What was found.
#[derive(Debug, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Found {
    Number(u64),
    /// The bytes that follow are a value's text.
    Text,
    Pulse(Pulse),
    /// Lengths of what follows.
    Chunks(Vec<Option<usize>>),
    Events(Vec<Event>),
    Execution(Box<ExecutionRow>),
    Id(ExecutionId),
    Executions(Vec<ExecutionRow>),
    Calls(Vec<CallRow>),
    CallCounts(Vec<(CallStatus, u64)>),
    Counts(Vec<(String, Status, u64)>),
    Waits(Vec<WaitRow>),
    Inbox(Vec<(InboxPlace, WaitRow)>),
    Artifacts(Vec<ArtifactRow>),
    Logs(Vec<LogLine>, u64),
    Changes(Changes),
    Statistics(Vec<StatisticsRow>),
    Tags(Vec<(String, u64)>),
    Breakpoints(Vec<BreakpointRow>),
    Schedules(Vec<Schedule>),
    Releases(Vec<Release>),
    Code(Option<String>),
    Health(Vec<(String, String)>),
    Limits(Limited),
}

/// What a client is told when it connects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The protocol.
    pub protocol: u32,
    /// The server's version, for people.
    pub version: String,
    /// JSON texts up to this many bytes stay in their event.
    pub inline: usize,
    /// The server's clock.
    pub now: Millis,
}

/// Who connects.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Connect {
    /// The protocol.
    pub protocol: u32,
    /// The client's version, for people.
    pub version: String,
}

/// Bytes that are compressed: worth it from this many on.
const WORTH: usize = 4 << 10;

/// A JSON text with bytes after it: length and flags, the text, the bytes. `small`: compressed if that helps.
pub fn pack<T: Serialize>(head: &T, tail: &[u8], small: bool) -> Result<Vec<u8>> {
    let mut out = vec![0; PREFIX];
    serde_json::to_writer(&mut out, head).map_err(|error| StoreError::Protocol(error.to_string()))?;
    let len = (out.len() - PREFIX) as u64;
    if let Some(place) = out.get_mut(..8) {
        place.copy_from_slice(&len.to_le_bytes());
    }
    out.extend_from_slice(tail);
    if small
        && out.len() > WORTH
        && let Ok(packed) = zstd::bulk::compress(&out, 1)
        && packed.len() < out.len() * 9 / 10
    {
        let mut whole = (out.len() as u64 | PACKED).to_le_bytes().to_vec();
        whole.extend_from_slice(&packed);
        return Ok(whole);
    }
    Ok(out)
}

/// Length of what stands in front.
const PREFIX: usize = 8;
/// What follows is compressed, and as long as the rest of the prefix says.
const PACKED: u64 = 1 << 63;

/// What was packed, its bytes apart. `most`: no more bytes than these are unpacked.
pub fn unpack(bytes: &[u8], most: usize) -> Result<Unpacked<'_>> {
    let whole = whole(bytes, most)?;
    let prefix = prefix(&whole)?;
    let end = usize::try_from(prefix).ok().and_then(|len| len.checked_add(PREFIX)).filter(|end| *end <= whole.len());
    match end {
        Some(end) if prefix & PACKED == 0 => Ok(Unpacked { whole, end }),
        _ => Err(torn("its length is wrong")),
    }
}

fn whole(bytes: &[u8], most: usize) -> Result<std::borrow::Cow<'_, [u8]>> {
    let prefix = prefix(bytes)?;
    if prefix & PACKED == 0 {
        return Ok(bytes.into());
    }
    let len =
        usize::try_from(prefix & !PACKED).ok().filter(|len| *len <= most).ok_or_else(|| torn("it is too long"))?;
    let packed = bytes.get(PREFIX..).unwrap_or_default();
    zstd::bulk::decompress(packed, len).map(Into::into).map_err(|error| torn(&error.to_string()))
}

fn prefix(bytes: &[u8]) -> Result<u64> {
    let first = bytes.get(..PREFIX).and_then(|first| first.try_into().ok()).ok_or_else(|| torn("it is cut off"))?;
    Ok(u64::from_le_bytes(first))
}

fn torn(why: &str) -> StoreError {
    StoreError::Protocol(format!("a message cannot be read: {why}"))
}

/// See [`unpack`].
#[derive(Debug)]
pub struct Unpacked<'a> {
    whole: std::borrow::Cow<'a, [u8]>,
    end: usize,
}

impl Unpacked<'_> {
    /// What the JSON text says.
    pub fn head<T: for<'de> Deserialize<'de>>(&self) -> Result<T> {
        let text = self.whole.get(PREFIX..self.end).unwrap_or_default();
        serde_json::from_slice(text).map_err(|error| torn(&error.to_string()))
    }

    /// The bytes after it.
    pub fn tail(&self) -> &[u8] {
        self.whole.get(self.end..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_comes_back() {
        for small in [false, true] {
            for tail in [Vec::new(), b"bytes".to_vec(), vec![7; 100_000]] {
                let packed = pack(&("head", 1), &tail, small).unwrap();
                assert!(!small || tail.len() < 1000 || packed.len() < 1000);
                let back = unpack(&packed, 1 << 20).unwrap();
                assert_eq!(back.head::<(String, u32)>().unwrap(), ("head".to_owned(), 1));
                assert_eq!(back.tail(), tail);
            }
        }
    }

    #[test]
    fn what_is_torn_or_hostile_is_refused_and_takes_no_memory() {
        let packed = pack(&"x", &vec![7; 100_000], true).unwrap();
        assert!(unpack(&packed, 1000).is_err(), "longer than it may be");
        for cut in 0..packed.len() {
            assert!(unpack(&packed[..cut], 1 << 20).is_err(), "{cut}");
        }
        for first in [u64::MAX, 1 << 63, 1 << 40, 9] {
            assert!(unpack(&first.to_le_bytes(), 1 << 20).is_err());
        }
    }
}
