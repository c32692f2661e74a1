//! One simulated world: first chaos, then calm, then the checks. Everything that happens is drawn from the seed.

use crate::check::check;
use crate::faults::{Cheat, Faulty, Shared};
use crate::rng::Rng;
use crate::worker::{Did, Flow, LEASE, Worker};
use kitaru_core::event::{Created, EntryPoint, Stop, StopRequested, WaitAnswered};
use kitaru_core::lease::Owner;
use kitaru_core::rows::Status;
use kitaru_core::{Body, ExecutionId, Millis, Value};
use kitaru_store::{Guard, Page, Store, WaitFilter};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

/// What is simulated.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Everything that happens follows from it.
    pub seed: u64,
    /// Actions in the chaos.
    pub actions: u64,
    /// Whether the store breaks a promise on purpose.
    pub cheat: Cheat,
}

/// What happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Digest of all that was done and what came of it.
    pub trace: String,
    /// Processes that died.
    pub deaths: u64,
    /// Executions that were taken up.
    pub takes: u64,
    /// Owners that found themselves replaced.
    pub fenced: u64,
    /// Writes that failed before they happened, and after.
    pub faults: (u64, u64),
    /// Executions that were paused because they killed their processes.
    pub paused: u64,
    /// Executions that completed.
    pub completed: u64,
    /// Executions that were cancelled.
    pub cancelled: u64,
}

struct Process {
    worker: Worker,
    nonce: String,
    host: usize,
    /// Nothing happens in it until then, by the world's time.
    stopped_until: Millis,
}

struct World {
    store: Arc<dyn Store>,
    shared: Arc<Mutex<Shared>>,
    rng: Rng,
    now: Millis,
    /// How far each host's clock is off.
    skew: Vec<Millis>,
    processes: Vec<Process>,
    flows: Vec<(ExecutionId, Flow)>,
    born: u32,
    report: Report,
    log: String,
}

const HOSTS: usize = 2;
const PROCESSES: usize = 4;
const FLOWS: u32 = 4;

/// Simulates one world on `store`, whose executions are named after `name`. `Err`: the broken promise, with the
/// end of the trace.
pub fn simulate(store: &Arc<dyn Store>, name: &str, settings: Settings) -> Result<Report, String> {
    let mut rng = Rng::new(settings.seed);
    let shared = Shared::new(Rng::new(rng.draw()), rng.below(12), settings.cheat);
    let mut world = World {
        store: Arc::clone(store),
        shared: Arc::new(Mutex::new(shared)),
        skew: (0..HOSTS).map(|_| rng.between(-20_000, 20_000)).collect(),
        rng,
        now: 1_000_000,
        processes: Vec::new(),
        flows: Vec::new(),
        born: 0,
        report: Report::default(),
        log: String::new(),
    };
    let told = |world: &World, broken: String| {
        let tail: Vec<&str> = world.log.lines().rev().take(120).collect();
        let tail: Vec<&str> = tail.into_iter().rev().collect();
        format!("seed {}: {broken}\n{}", settings.seed, tail.join("\n"))
    };
    match world.live(name, settings.actions) {
        Ok(()) => {
            let shared = world.shared.lock().unwrap_or_else(PoisonError::into_inner);
            world.report.faults = (shared.failed_before, shared.failed_after);
            world.report.trace = blake3::hash(world.log.as_bytes()).to_hex().to_string();
            Ok(world.report.clone())
        }
        Err(broken) => Err(told(&world, broken)),
    }
}

impl World {
    fn live(&mut self, name: &str, actions: u64) -> Result<(), String> {
        for at in 0..FLOWS {
            self.create(&format!("{name}-{at}"))?;
        }
        for at in 0..PROCESSES {
            let process = self.born(at % HOSTS);
            self.processes.push(process);
        }
        for _ in 0..actions {
            self.now += self.rng.between(1, 400);
            self.chaos();
            self.holds()?;
        }
        self.calm()
    }

    fn create(&mut self, name: &str) -> Result<(), String> {
        let id = ExecutionId::new(name);
        let calls = 2 + u32::try_from(self.rng.below(5)).unwrap_or(0);
        let within = |rng: &mut Rng| u32::try_from(rng.below(u64::from(calls))).unwrap_or(0);
        let asks = self.rng.chance(40).then(|| within(&mut self.rng));
        let kills = self.rng.chance(20).then(|| within(&mut self.rng));
        let created = Created {
            flow: "simulated".to_owned(),
            inputs: Value::of(&serde_json::json!({})).map_err(|error| error.to_string())?,
            entry: EntryPoint::default(),
            code: Some("v1".to_owned()),
            parent: None,
            fork: None,
            key: None,
            detached: false,
            pool: None,
            pause_before: Vec::new(),
            deadline: None,
            tags: Vec::new(),
        };
        let made = self.store.create(&id, self.now, vec![Body::Created(Box::new(created))], None);
        made.map_err(|error| error.to_string())?;
        let flow = Flow { calls, asks, kills };
        self.said(&format!("flow {} is {flow:?}", self.flows.len()));
        self.flows.push((id, flow));
        Ok(())
    }

    /// A new process on a host.
    fn born(&mut self, host: usize) -> Process {
        self.born += 1;
        let nonce = format!("p{}", self.born);
        let owner = Owner {
            host: format!("host{host}"),
            boot: "boot".to_owned(),
            pid: self.born,
            started: u64::from(self.born),
            slot: u64::from(self.born),
            nonce: nonce.clone(),
        };
        let store = Faulty::new(Arc::clone(&self.store), Arc::clone(&self.shared), owner);
        Process { worker: Worker::new(store), nonce, host, stopped_until: 0 }
    }

    /// A process dies where it stands, and another is started in its place.
    fn dies(&mut self, at: usize) {
        let (nonce, host) = (self.processes[at].nonce.clone(), self.processes[at].host);
        self.shared.lock().unwrap_or_else(PoisonError::into_inner).living.remove(&nonce);
        self.report.deaths += 1;
        self.said(&format!("{nonce} dies"));
        let process = self.born(host);
        self.processes[at] = process;
    }

    fn chaos(&mut self) {
        let at = self.rng.index(self.processes.len());
        let flow = self.rng.index(self.flows.len());
        match self.rng.below(100) {
            0..=1 => self.dies(at),
            2 => {
                // A laptop is closed, a container is frozen: longer than any lease.
                let until = self.now + self.rng.between(LEASE / 2, LEASE * 3);
                self.processes[at].stopped_until = until;
                self.said(&format!("{} stands still", self.processes[at].nonce));
            }
            3 => {
                let host = self.rng.index(HOSTS);
                let step = self.rng.between(-3 * LEASE, 3 * LEASE);
                self.skew[host] += step;
                self.said(&format!("the clock of host{host} steps by {step}"));
            }
            4 => {
                self.now += LEASE;
                self.said("time passes");
            }
            5..=9 => self.answer(flow),
            10 if self.rng.chance(20) => {
                let stop = Body::StopRequested(StopRequested { stop: Stop::Cancel, by: "test".to_owned(), with: None });
                let id = self.flows[flow].0.clone();
                let done = self.store.post(&id, self.now, Guard::NotFinal, vec![stop]).is_ok();
                self.said(&format!("flow {flow} is asked to stop: {done}"));
            }
            10..=24 => self.renew(at),
            25 => self.act(at, flow, true),
            _ => self.act(at, flow, false),
        }
    }

    fn act(&mut self, at: usize, flow: usize, resume: bool) {
        let process = &mut self.processes[at];
        if process.stopped_until > self.now {
            return;
        }
        let (id, steps) = &self.flows[flow];
        let now = self.now + self.skew[process.host];
        let did = process.worker.act(id, steps, now, resume);
        let nonce = process.nonce.clone();
        match did {
            Did::Died => self.dies(at),
            Did::Said(text) => {
                self.report.takes += u64::from(text.starts_with("took"));
                self.report.fenced += u64::from(text.starts_with("fenced"));
                self.report.paused += u64::from(text.starts_with("paused after"));
                self.said(&format!("{nonce} flow {flow}: {text}"));
            }
        }
    }

    fn renew(&mut self, at: usize) {
        let process = &mut self.processes[at];
        if process.stopped_until > self.now {
            return;
        }
        let now = self.now + self.skew[process.host];
        if let Did::Said(text) = process.worker.renew(now) {
            let nonce = process.nonce.clone();
            self.said(&format!("{nonce} {text}"));
        }
    }

    /// Somebody answers what is asked.
    fn answer(&mut self, flow: usize) {
        let id = self.flows[flow].0.clone();
        let filter = WaitFilter { execution: Some(id.clone()), open: true };
        let open = self.store.queries().waits(&filter, Page { limit: 10, offset: 0 }).unwrap_or_default();
        for wait in open {
            let Ok(value) = Value::of(&true) else { continue };
            let answered =
                Body::WaitAnswered(WaitAnswered { key: wait.key.clone(), value, by: "test".to_owned(), request: None });
            let done = self.store.post(&id, self.now, Guard::WaitOpen(wait.key.clone()), vec![answered]).is_ok();
            self.said(&format!("{} of flow {flow} is answered: {done}", wait.key));
        }
    }

    /// Faults stop, clocks agree: everything comes to its end.
    fn calm(&mut self) -> Result<(), String> {
        self.said("calm");
        self.shared.lock().unwrap_or_else(PoisonError::into_inner).rate = 0;
        self.skew.fill(0);
        // Clocks that ran ahead have left leases in the future.
        self.now += 100 * LEASE;
        for round in 0..4_000 {
            self.now += 100;
            let at = self.rng.index(self.processes.len());
            self.processes[at].stopped_until = 0;
            let flow = self.rng.index(self.flows.len());
            if round % 10 == 0 {
                self.answer(flow);
            }
            if round % 20 == 0 {
                for at in 0..self.processes.len() {
                    self.renew(at);
                }
            }
            // Somebody looks at what is paused, now and then.
            self.act(at, flow, round % 30 == 0);
            self.holds()?;
            if round % 25 == 0 && self.all_ended()? {
                break;
            }
        }
        for at in 0..self.flows.len() {
            let (id, flow) = self.flows[at].clone();
            let row = self.store.queries().execution(&id).map_err(|error| error.to_string())?;
            self.said(&format!("flow {at} ends {}", row.status));
            match row.status {
                Status::Completed => self.report.completed += 1,
                Status::Cancelled => self.report.cancelled += 1,
                Status::Paused if flow.kills.is_some() => {}
                other => return Err(format!("flow {at} ({flow:?}) is {other} though the faults have stopped")),
            }
            if let Some(broken) = check(self.store.as_ref(), &id).map_err(|error| error.to_string())? {
                return Err(format!("flow {at}: {broken}"));
            }
        }
        Ok(())
    }

    fn all_ended(&self) -> Result<bool, String> {
        for (id, flow) in &self.flows {
            let row = self.store.queries().execution(id).map_err(|error| error.to_string())?;
            if !row.status.is_final() && (row.status != Status::Paused || flow.kills.is_none()) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn holds(&self) -> Result<(), String> {
        let broken = self.shared.lock().unwrap_or_else(PoisonError::into_inner).broken.clone();
        broken.map_or(Ok(()), Err)
    }

    fn said(&mut self, text: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.log, "{:>9} {text}", self.now);
    }
}
