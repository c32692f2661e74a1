//! One seeded sequence of operations, played on SQLite and in PostgreSQL: each is answered alike, and afterwards every query
//! finds the same.
//!
//! Not here: what the right answer is (the other modules).

use super::events::created;
use super::{Fixture, LEASE, T, fold};
use crate::cluster::Cluster;
use kitaru_core::event::Taken;
use kitaru_core::lease::Owner;
use kitaru_core::rows::{BreakpointRow, ExecutionRow, Status};
use kitaru_core::{Body, ExecutionId, Millis};
use kitaru_store::wire::Write;
use kitaru_store::{Changed, Claim, ExecutionFilter, Guard, LogLine, Page, Store, StoreError, WaitFilter};
use std::fmt::Debug;

const EXECUTIONS: u64 = 7;
const OPERATIONS: usize = 260;

/// Numbers by a seed: the same on each machine.
struct Luck(u64);

impl Luck {
    fn below(&mut self, most: u64) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % most
    }

    fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }
}

fn id(at: u64) -> ExecutionId {
    ExecutionId::new(format!("01890000-0000-7000-8000-{at:012x}"))
}

fn owner(luck: &mut Luck) -> Owner {
    let nonce = format!("n{}", luck.below(2));
    Owner { host: "elsewhere".to_owned(), boot: "b".to_owned(), pid: 7, started: 1, slot: 0, nonce }
}

fn claim(luck: &mut Luck, at: Millis) -> Claim {
    Claim { owner: owner(luck), lease_until: at + LEASE }
}

fn bodies(luck: &mut Luck, count: u64) -> Vec<Body> {
    (0..count).map(|n| fold::body((luck.below(17) as u8, luck.below(5) as u8, luck.below(8) as u8), 20 + n)).collect()
}

/// Of an execution: what it is created as. It never replays itself.
fn first(luck: &mut Luck, store: &dyn Store, one: u64) -> Body {
    let mut body = if luck.one_in(4) {
        let source = id((one + 1 + luck.below(EXECUTIONS - 1)) % EXECUTIONS);
        let last = store.queries().execution(&source).map_or(3, |row| row.last_seq);
        super::forks::forked(&source, luck.below(last + 3), &[(1, 2)])
    } else {
        created(["one", "two\0", "Drei"][luck.below(3) as usize])
    };
    if let Body::Created(created) = &mut body {
        created.entry.host = Some("h".to_owned());
        created.tags = (0..luck.below(3)).map(|at| format!("tag{}\u{1a}", (at + luck.0) % 3)).collect();
        created.key = luck.one_in(3).then(|| "key".to_owned());
        created.detached = luck.one_in(5);
        created.parent = luck
            .one_in(3)
            .then(|| kitaru_core::event::Parent { id: id(luck.below(EXECUTIONS)), key: "child".to_owned() });
    }
    body
}

/// A write by luck. What it asks of the store is asked of one of them only: they have the same.
fn write(luck: &mut Luck, store: &dyn Store, at: Millis) -> Write {
    let at_one = luck.below(EXECUTIONS);
    let one = id(at_one);
    let row = store.queries().execution(&one).ok();
    let epoch = row.as_ref().map_or(0, |row| row.epoch).saturating_sub(u64::from(luck.one_in(8)));
    let last = row.as_ref().map_or(0, |row| row.last_seq).saturating_sub(u64::from(luck.one_in(6)));
    match luck.below(25) {
        0..=3 => {
            let mut events = vec![first(luck, store, at_one)];
            let count = luck.below(3);
            events.extend(bodies(luck, count));
            let claim = (!luck.one_in(3)).then(|| claim(luck, at));
            Write::Create(one, at, events, claim)
        }
        4..=6 => {
            let claim = claim(luck, at);
            let why = ["start", "due"][luck.below(2) as usize].to_owned();
            let taken = Taken { owner: claim.owner.clone(), code: None, why, entry: None };
            let events = vec![Body::Taken(taken)];
            Write::Claim(one, at, epoch, claim, events)
        }
        7..=11 => {
            let count = 1 + luck.below(4);
            Write::Append(one, at, epoch, bodies(luck, count), Vec::new())
        }
        12..=14 => {
            let guard = match luck.below(4) {
                0 => Guard::NotFinal,
                1 => Guard::WaitOpen(format!("k{}", luck.below(5))),
                2 => Guard::Unchanged(epoch, last),
                _ => {
                    let other = id(luck.below(EXECUTIONS));
                    let seen = store.queries().execution(&other).map_or(Status::Running, |row| row.status);
                    Guard::AllUnchanged(epoch, last, vec![(other, kitaru_store::Seen::In(seen))])
                }
            };
            let count = 1 + luck.below(3);
            Write::Post(one, at, guard, bodies(luck, count))
        }
        15 => Write::Renew(vec![(one, epoch), (id(luck.below(EXECUTIONS)), 1)], at + 2 * LEASE),
        16 => {
            let line = |n: u64| LogLine {
                at,
                call_key: (n == 1).then(|| "k1".to_owned()),
                stream: "stdout".to_owned(),
                text: format!("line\0 {n}"),
            };
            Write::Log(one, (0..luck.below(3)).map(line).collect())
        }
        17 => Write::Delete(one, epoch, last),
        18 => Write::AddBreakpoint(BreakpointRow {
            id: 0,
            flow: "one".to_owned(),
            file: luck.one_in(2).then(|| "/file".to_owned()),
            before: "step 1".to_owned(),
            every: luck.one_in(2),
            condition: None,
            by: "me".to_owned(),
            at,
            hits: 0,
        }),
        20 | 21 => {
            let (version, seen) = (luck.below(3), (!luck.one_in(2)).then(|| luck.below(3)));
            let name = if luck.one_in(2) { "nightly" } else { "zweit\0" };
            let look_at = luck.one_in(2).then_some(at);
            Write::KeepSchedule(Box::new(super::schedules::schedule(name, version, at)), look_at, seen)
        }
        22 => Write::RemoveSchedule("nightly".to_owned(), luck.below(3)),
        23 => {
            let flow = if luck.one_in(2) { "agent" } else { "zwei\0" };
            Write::Release(Box::new(super::releases::release(flow, 1 + luck.below(4), "prod\u{1a}")))
        }
        _ => Write::RemoveBreakpoint(1 + luck.below(4)),
    }
}

/// As text, so that answers of any kind can be held against each other.
fn told<T: Debug>(answer: Result<T, StoreError>) -> String {
    answer.map_or_else(|error| format!("{}: {error}", error.code()), |answer| format!("{answer:?}"))
}

/// All that queries find, without what each store counts by itself.
fn everything(with: &Fixture) -> Vec<String> {
    let (store, queries) = (with.store.as_ref(), with.store.queries());
    let all = Page { limit: 1000, offset: 0 };
    let bare = |rows: Result<Vec<ExecutionRow>, StoreError>| {
        told(rows.map(|rows| rows.into_iter().map(|row| ExecutionRow { number: 0, ..row }).collect::<Vec<_>>()))
    };
    let mut found = Vec::new();
    let filter = ExecutionFilter::default;
    let text = |text: &str| Some(text.to_owned());
    for filter in [
        filter(),
        ExecutionFilter { open: true, ..filter() },
        ExecutionFilter { roots: true, ..filter() },
        ExecutionFilter { awaits: true, ..filter() },
        ExecutionFilter { flow: text("two\0"), ..filter() },
        ExecutionFilter { tag: text("tag1\u{1a}"), ..filter() },
        ExecutionFilter { key: text("key"), ..filter() },
        ExecutionFilter { text: text("dre"), ..filter() },
        ExecutionFilter { text: text("000000000003"), ..filter() },
        ExecutionFilter { text: text("TAG2"), ..filter() },
        ExecutionFilter { status: vec![Status::Waiting, Status::Failed], ..filter() },
        ExecutionFilter { due_by: Some(T), ..filter() },
        ExecutionFilter { since: Some(T + 500), ..filter() },
        ExecutionFilter { still_since: Some(T + 900), ..filter() },
        ExecutionFilter { parent: Some(id(2)), ..filter() },
        ExecutionFilter { forked_from: Some(id(1)), ..filter() },
    ] {
        found.push(format!("{filter:?}: {}", bare(queries.executions(&filter, all))));
        found.push(bare(queries.executions(&filter, Page { limit: 2, offset: 1 })));
    }
    for by in [None, Some(T + 100)] {
        found.push(format!("schedules: {}", told(queries.schedules(by))));
    }
    for flow in [None, Some("agent")] {
        found.push(format!("releases: {}", told(queries.releases(flow))));
    }
    found.push(format!("stirred: {}", bare(queries.stirred(T + 1))));
    for at in 0..EXECUTIONS {
        let one = id(at);
        found.push(format!("events of {at}: {}", told(store.load(&one, 0, 0))));
        found.push(told(store.load(&one, 3, 4)));
        found.push(format!(
            "calls of {at}: {}",
            told(queries.calls(&one).map(|mut rows| {
                rows.sort_by(|a, b| (a.seq, &a.key).cmp(&(b.seq, &b.key)));
                rows
            }))
        ));
        found.push(told(queries.call_counts(&one)));
        found.push(told(queries.artifacts(&one)));
        found.push(told(queries.logs(&one, 0, 0)));
        found.push(told(queries.events(&one, &["created", "call_ended"])));
        // Bytes are each store's own: PostgreSQL keeps a text with NUL with an escape.
        found.push(told(with.store.upkeep().unwrap().weigh(&one).map(|(events, _)| events)));
        let filter = WaitFilter { execution: Some(one), open: false };
        found.push(format!("waits of {at}: {}", told(queries.waits(&filter, all))));
    }
    found.push(told(queries.waits(&WaitFilter { execution: None, open: true }, all)));
    let inbox = queries.inbox(None, 100).map(|rows| rows.into_iter().map(|(_, wait)| wait).collect::<Vec<_>>());
    found.push(format!("inbox: {}", told(inbox)));
    found.push(told(queries.statistics(Millis::MIN)));
    found.push(told(queries.counts()));
    found.push(told(queries.open_waits()));
    found.push(told(queries.tags()));
    let breakpoints =
        queries.breakpoints(None).map(|rows| rows.into_iter().map(|row| (row.before, row.hits)).collect::<Vec<_>>());
    found.push(told(breakpoints));
    let changes = queries.changes(0, 100_000).map(|changes| {
        changes.items.into_iter().map(|one| (one.execution, one.what)).collect::<Vec<(ExecutionId, Changed)>>()
    });
    found.push(format!("changes: {}", told(changes)));
    found
}

/// Where two texts begin to differ.
fn difference(here: &str, there: &str) -> String {
    let same = here.bytes().zip(there.bytes()).take_while(|(a, b)| a == b).count();
    let cut = |text: &str| {
        let bytes = &text.as_bytes()[same.saturating_sub(200)..text.len().min(same + 300)];
        String::from_utf8_lossy(bytes).into_owned()
    };
    format!("--- sqlite\n{}\n--- postgres\n{}", cut(here), cut(there))
}

/// What comes of one that was sent by a verb of its own: most of what is written is, and goes a shorter way in PostgreSQL.
/// `None`: that does not go so.
fn verb(store: &dyn Store, writes: &[Write]) -> Option<String> {
    match writes {
        [Write::Append(id, at, epoch, events, _)] => Some(told(store.append(id, *at, *epoch, events.clone()))),
        [Write::Claim(id, at, epoch, claim, events)] => {
            Some(told(store.claim(id, *at, *epoch, claim.clone(), events.clone())))
        }
        _ => None,
    }
}

/// Plays one sequence. `Err`: where they differ.
fn play(cluster: &Cluster, seed: u64) -> Result<(), String> {
    let file = Fixture::new(|home| home.path().join("kitaru.db").display().to_string());
    let far = Fixture::new(|_| cluster.fresh());
    let mut luck = Luck(seed);
    for (number, at) in (1..).zip((T..).step_by(7)).take(OPERATIONS) {
        let writes: Vec<Write> = (0..=luck.below(2)).map(|_| write(&mut luck, file.store.as_ref(), at)).collect();
        let by_verb = luck.one_in(2);
        let answers = [&file, &far].map(|with| {
            if by_verb && let Some(answer) = verb(with.store.as_ref(), &writes) {
                return answer;
            }
            let told_each = |all: Vec<Result<_, StoreError>>| all.into_iter().map(told).collect::<Vec<_>>();
            told(with.store.write_once("w", number, writes.clone()).map(told_each))
        });
        if answers[0] != answers[1] {
            let shown: String = format!("{writes:?}").chars().take(1500).collect();
            return Err(format!("write {number}: {shown}\n{}", difference(&answers[0], &answers[1])));
        }
    }
    match everything(&file).into_iter().zip(everything(&far)).find(|(here, there)| here != there) {
        Some((here, there)) => Err(difference(&here, &there)),
        None => Ok(()),
    }
}

pub fn answer_alike(cluster: &Cluster, seeds: std::ops::Range<u64>) {
    let wrong = seeds.filter_map(|seed| play(cluster, seed).err().map(|why| format!("seed {seed}: {why}\n")));
    let wrong: Vec<String> = wrong.collect();
    assert!(wrong.is_empty(), "{}", wrong.concat());
}
