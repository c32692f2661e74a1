//! The store of a server: every verb is a message to it, one round trip each, and a server that is away is waited for.
//!
//! `link` sends a message, `values` keeps large values from being sent twice, `queries` looks; waiting and numbering stand
//! in `afar`. Its times are by the server's clock ([`Store::by_its_clock`]), and its
//! owners are known by their leases. Not here: any decision; the server has a store of its own.

mod link;
mod queries;
mod token;
mod values;

use crate::afar::{Away, Lane, Settings, Tries};
use crate::error::StoreError;
use crate::limits::{Limited, Limiting};
use crate::owners;
use crate::store::{Assign, Claim, Created, Guard, LogLine, Queries, Result, Store};
use crate::wire::{self, Connect, Found, Hello, Read, Write, Writes, Wrote, odd};
use kitaru_core::lease::{Owner, Pulse};
use kitaru_core::release::Release;
use kitaru_core::rows::BreakpointRow;
use kitaru_core::schedule::Schedule;
use kitaru_core::{Body, Digest, Epoch, Event, ExecutionId, Millis, ScopeId, Seq, Value, ValueRef};
use link::{Failed, Link};
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;
use values::Known;

/// Of no answer more than this is unpacked.
const MOST: usize = 2 << 30;
/// How often the server may be asked for its version by each process.
const LOOK: Duration = Duration::from_millis(100);
/// How long it is waited for by those who only look whether anything happened.
const GLANCE: Duration = Duration::from_millis(500);
/// Writes with more bytes than this in a value let others pass.
const LARGE: u64 = 256 << 10;

/// See the module.
pub struct Remote {
    link: Link,
    away: Away,
    /// Writes of executions; those with large values; leases, which must not wait for either.
    lanes: [Lane; 3],
    known: Known,
    inline: usize,
    /// The server is elsewhere: what is sent is compressed.
    far: bool,
    pid: u32,
}

/// Whether that is the address of a server.
pub fn is_remote(address: &str) -> bool {
    address.starts_with("http://") || address.starts_with("https://")
}

/// Opens the store of the server at that address. `token_file`: see [`crate::Options`].
pub fn connect(address: &str, token_file: Option<&Path>) -> Result<std::sync::Arc<dyn Store>> {
    let settings = Settings::from_env()?;
    let token = token::token(token_file)?;
    let url = address.trim_end_matches('/').to_owned();
    let host = host(&url).ok_or_else(|| StoreError::Address(hidden(&url)))?;
    let near = is_loopback(&host);
    if token.is_some() && !near && url.starts_with("http://") && !settings.allow_http {
        return Err(StoreError::Readable { url });
    }
    let link = Link::new(url, token.as_deref(), near);
    let away = Away::new(&link.url, &settings);
    let (lanes, pid) = ([Lane::new(1), Lane::new(1), Lane::new(1)], std::process::id());
    let mut made = Remote { link, away, lanes, known: Known::default(), inline: crate::INLINE, far: !near, pid };
    let ours = Connect { protocol: wire::VERSION, version: env!("CARGO_PKG_VERSION").to_owned() };
    let told = made.ask("connect", &wire::pack(&ours, &[], false)?, Some(settings.first))?;
    let hello: Hello = wire::unpack(&told, MOST)?.head()?;
    if hello.protocol != wire::VERSION {
        let older = if hello.protocol < wire::VERSION { "the server" } else { "kitaru here" };
        let (theirs, ours) = (hello.version, ours.version);
        return Err(StoreError::Version { url: made.link.url, theirs, ours, way: format!("upgrade {older}") });
    }
    made.inline = hello.inline;
    Ok(std::sync::Arc::new(made))
}

/// The host of an address without anything secret in it.
fn host(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    if authority.contains('@') || url.contains(['?', '#']) || url.contains(char::is_whitespace) {
        return None;
    }
    let host = match authority.strip_prefix('[') {
        Some(six) => six.split_once(']')?.0,
        None => authority.split(':').next()?,
    };
    (!host.is_empty()).then(|| host.to_owned())
}

/// An address without what may be a password in it.
fn hidden(url: &str) -> String {
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, rest))) => format!("{scheme}://…@{rest}"),
        _ => url.to_owned(),
    }
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

impl Remote {
    /// Refuses a forked child: the connections belong to its parent.
    fn here(&self) -> Result<()> {
        if std::process::id() == self.pid {
            return Ok(());
        }
        Err(StoreError::Forked { path: self.link.url.clone() })
    }

    /// Sends a message until it is answered, or as long as may be. `most`: the patience, if it is another.
    fn ask(&self, path: &str, message: &[u8], most: Option<Duration>) -> Result<Vec<u8>> {
        self.here()?;
        let mut tries = Tries::default();
        loop {
            match self.link.send(path, message) {
                Ok(answer) => {
                    self.away.over(&tries);
                    return Ok(answer);
                }
                Err(Failed::Told(error)) => {
                    self.away.over(&tries);
                    return Err(error);
                }
                Err(Failed::Away(why)) => self.away.pause(&mut tries, &why, most)?,
            }
        }
    }

    /// What is found, and the bytes after it.
    fn find(&self, read: &Read, most: Option<Duration>) -> Result<(Found, Vec<u8>)> {
        let message = wire::pack(&(read, self.far), &[], self.far)?;
        let mut tries = Tries::default();
        loop {
            let answer = self.ask("read", &message, most)?;
            let answer = wire::unpack(&answer, MOST)?;
            match answer.head::<Result<Found>>()? {
                // The server's store waited for others as long as it does.
                Err(StoreError::Busy(why)) => self.away.pause(&mut tries, &why, most)?,
                found => return Ok((found?, answer.tail().to_vec())),
            }
        }
    }

    fn look(&self, read: &Read) -> Result<Found> {
        self.find(read, None).map(|(found, _)| found)
    }

    fn write(&self, mut write: Write) -> Result<Wrote> {
        self.here()?;
        let lane = match &write {
            Write::Renew(..) => 2,
            _ => {
                let values = write.events_mut().iter_mut().flat_map(Body::values_mut);
                usize::from(values.map(|value| value.len()).max().unwrap_or_default() > LARGE)
            }
        };
        let lane = self.lanes.get(lane).ok_or_else(odd)?;
        lane.run(write, &self.away, |writer, number, writes| self.send(writer, number, writes))
    }

    /// Sends writes until it is known what came of them.
    fn send(&self, writer: &str, number: u64, writes: Vec<Write>) -> Result<Vec<Result<Wrote>>> {
        let mut tries = Tries::default();
        let mut message = self.load_up(writer, number, writes.clone())?;
        let mut has_forgotten = false;
        loop {
            let answer = self.ask("write", &message.0, None)?;
            match wire::unpack(&answer, MOST)?.head::<Result<Vec<Result<Wrote>>>>()? {
                Err(StoreError::Missing(_)) if !has_forgotten => {
                    // It has forgotten what it had: all is sent, under the same number.
                    has_forgotten = true;
                    self.known.forget();
                    message = self.load_up(writer, number, writes.clone())?;
                }
                Err(error @ (StoreError::Busy(_) | StoreError::Collected)) => {
                    self.away.pause(&mut tries, &error.to_string(), None)?;
                }
                Err(error) => return Err(error),
                Ok(answers) => {
                    self.away.over(&tries);
                    self.known.arrived(message.1);
                    return Ok(answers);
                }
            }
        }
    }

    fn load_up(&self, writer: &str, number: u64, mut writes: Vec<Write>) -> Result<(Vec<u8>, values::Cargo)> {
        let mut cargo = self.known.unload(&mut writes, self.inline);
        let (bytes, values) = (std::mem::take(&mut cargo.bytes), std::mem::take(&mut cargo.values));
        let head = Writes { writer: writer.to_owned(), number, writes, values };
        Ok((wire::pack(&head, &bytes, self.far)?, cargo))
    }

    fn done(&self, write: Write) -> Result<()> {
        match self.write(write)? {
            Wrote::Done => Ok(()),
            _ => Err(odd()),
        }
    }
}

impl Store for Remote {
    fn create(&self, id: &ExecutionId, at: Millis, mut events: Vec<Body>, claim: Option<Claim>) -> Result<Created> {
        for body in &mut events {
            if let Body::Created(created) = body {
                // Whoever carries on what this store has looks for its code where it is: a deployment is everywhere.
                created.entry.host = created.entry.deployment.is_none().then(crate::os::host_name);
            }
        }
        match self.write(Write::Create(id.clone(), at, events, claim))? {
            Wrote::Created(created) => Ok(created),
            _ => Err(odd()),
        }
    }

    fn claim(&self, id: &ExecutionId, at: Millis, expected: Epoch, claim: Claim, events: Vec<Body>) -> Result<Epoch> {
        self.write(Write::Claim(id.clone(), at, expected, claim, events))?.number()
    }

    fn append_last(
        &self,
        id: &ExecutionId,
        at: Millis,
        epoch: Epoch,
        events: Vec<Body>,
        turns: Vec<ScopeId>,
    ) -> Result<Seq> {
        self.write(Write::Append(id.clone(), at, epoch, events, turns))?.number()
    }

    fn limiting(&self, what: Limiting) -> Result<Limited> {
        if what.only_looks() {
            return match self.look(&Read::Limits(what))? {
                Found::Limits(limited) => Ok(limited),
                _ => Err(odd()),
            };
        }
        let message = wire::pack(&(&what, self.far), &[], self.far)?;
        let mut tries = Tries::default();
        loop {
            let answer = self.ask("limits", &message, None)?;
            match wire::unpack(&answer, MOST)?.head::<Result<Limited>>()? {
                // Whatever came of it, it may be asked again.
                Err(StoreError::Busy(why)) => self.away.pause(&mut tries, &why, None)?,
                told => return told,
            }
        }
    }

    fn post(&self, id: &ExecutionId, at: Millis, guard: Guard, events: Vec<Body>) -> Result<Seq> {
        self.write(Write::Post(id.clone(), at, guard, events))?.number()
    }

    fn renew(&self, leases: &[(ExecutionId, Epoch)], until: Millis) -> Result<Vec<ExecutionId>> {
        self.write(Write::Renew(leases.to_vec(), until))?.these()
    }

    fn assign(&self, wanted: Assign) -> Result<Vec<ExecutionId>> {
        self.write(Write::Assign(wanted))?.these()
    }

    fn load(&self, id: &ExecutionId, after: Seq, limit: usize) -> Result<Vec<Event>> {
        match self.look(&Read::Load(id.clone(), after, limit))? {
            Found::Events(events) => Ok(events),
            _ => Err(odd()),
        }
    }

    fn reference(&self, value: &Value) -> Option<ValueRef> {
        value.inline().filter(|text| text.len() > self.inline).map(|_| value.reference())
    }

    fn value(&self, reference: &ValueRef) -> Result<String> {
        let (Found::Text, text) = self.find(&Read::Value(*reference), None)? else { return Err(odd()) };
        // A wrong value is never handed out, whatever stands in between.
        if Digest::of(&text) != reference.digest {
            return Err(StoreError::Protocol(format!("value {} came with other bytes", reference.digest)));
        }
        String::from_utf8(text).map_err(|_| odd())
    }

    fn log(&self, id: &ExecutionId, lines: Vec<LogLine>) -> Result<()> {
        self.done(Write::Log(id.clone(), lines))
    }

    fn version(&self) -> Result<u64> {
        match self.find(&Read::Version, Some(GLANCE))?.0 {
            Found::Number(version) => Ok(version),
            _ => Err(odd()),
        }
    }

    fn delete(&self, id: &ExecutionId, epoch: Epoch, last_seq: Seq) -> Result<()> {
        self.done(Write::Delete(id.clone(), epoch, last_seq))
    }

    fn add_breakpoint(&self, breakpoint: BreakpointRow) -> Result<u64> {
        self.write(Write::AddBreakpoint(breakpoint))?.number()
    }

    fn remove_breakpoint(&self, id: u64) -> Result<bool> {
        match self.write(Write::RemoveBreakpoint(id))? {
            Wrote::Removed(removed) => Ok(removed),
            _ => Err(odd()),
        }
    }

    fn keep_schedule(&self, mut schedule: Schedule, look_at: Option<Millis>, seen: Option<u64>) -> Result<()> {
        if seen.is_none() {
            // As with executions: whoever starts it looks for its code where it is.
            let entry = &mut schedule.spec.entry;
            entry.host = entry.deployment.is_none().then(crate::os::host_name);
        }
        self.done(Write::KeepSchedule(Box::new(schedule), look_at, seen))
    }

    fn release(&self, release: Release) -> Result<()> {
        self.done(Write::Release(Box::new(release)))
    }

    fn remove_schedule(&self, name: &str, seen: u64) -> Result<bool> {
        match self.write(Write::RemoveSchedule(name.to_owned(), seen))? {
            Wrote::Removed(removed) => Ok(removed),
            _ => Err(odd()),
        }
    }

    fn keep_code(&self, digest: &str, parts: &str) -> Result<()> {
        self.done(Write::KeepCode(digest.to_owned(), parts.to_owned()))
    }

    fn write_once(&self, writer: &str, number: u64, writes: Vec<Write>) -> Result<Vec<Result<Wrote>>> {
        self.here()?;
        self.send(writer, number, writes)
    }

    fn chunks(&self, digests: &[Digest]) -> Result<Vec<Option<Vec<u8>>>> {
        let (Found::Chunks(lengths), bytes) = self.find(&Read::Chunks(digests.to_vec()), None)? else {
            return Err(odd());
        };
        let mut rest = &*bytes;
        let cut = lengths.into_iter().map(|len| {
            let Some(len) = len else { return Ok(None) };
            let (piece, after) = rest.split_at_checked(len).ok_or_else(odd)?;
            rest = after;
            Ok(Some(piece.to_vec()))
        });
        cut.collect()
    }

    fn by_its_clock(&self, here: Millis) -> Millis {
        self.link.by_its_clock(here)
    }

    fn look_every(&self) -> Duration {
        LOOK
    }

    fn owner(&self) -> Result<Owner> {
        self.here()?;
        Ok(owners::remote())
    }

    fn pulse(&self, owner: &Owner) -> Pulse {
        if owner.is_remote() {
            let known = owners::by_process(owner);
            if known != Pulse::Unknown {
                return known;
            }
        }
        // What cannot be asked is not known, and then only a lease counts.
        match self.find(&Read::Pulse(owner.clone()), Some(GLANCE)) {
            Ok((Found::Pulse(pulse), _)) => pulse,
            _ => Pulse::Unknown,
        }
    }

    fn leave(&self) {
        self.away.leave();
    }

    fn queries(&self) -> &dyn Queries {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_secrets_in_them_are_not_told() {
        assert_eq!(host("http://127.0.0.1:7733").unwrap(), "127.0.0.1");
        assert_eq!(host("https://[::1]:1/under/it").unwrap(), "::1");
        assert_eq!(host("https://kitaru.example").unwrap(), "kitaru.example");
        for bad in ["http://", "http://me:secret@host", "http://host?token=secret", "http://ho st"] {
            assert!(host(bad).is_none(), "{bad}");
        }
        let refused = connect("http://me:secret@host", None).err().unwrap();
        assert_eq!(refused.code(), "store-address");
        assert!(!refused.to_string().contains("secret"));
        assert!(is_loopback("localhost") && is_loopback("::1") && is_loopback("127.0.0.9"));
        assert!(!is_loopback("localhost.example") && !is_loopback("10.0.0.1"));
    }
}
