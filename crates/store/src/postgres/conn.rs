//! Connections: each with a little runtime of its own, which runs on whichever thread asks, and only while it asks. So
//! there is no thread that a forked child would lack, and no hand-off on the way of a call.
//!
//! A pool keeps some of them. Not here: trying again (`super`), and what is said of a failure (`fault`).

use super::address::Address;
use super::fault::{Fault, Result};
use super::param::Param;
use super::tls::Tls;
use crate::error::StoreError;
use crate::seal::Seal;
use std::cell::RefCell;
use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::runtime::{Builder, Handle, Runtime, RuntimeFlavor};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, NoTls, Row, Statement};

/// How long a connection may take to come about.
pub const CONNECT: Duration = Duration::from_secs(8);
/// How long an answer may take: longer than the database lets a statement run.
const ANSWER: Duration = Duration::from_secs(60);
/// Connections that a process has at the most, and keeps when nobody uses them.
const MOST: usize = 12;
const KEPT: usize = 10;

/// How sessions are set up. What an administrator has set stricter stays. A machine that is lost without a word does not
/// keep its connections for hours.
const SETTINGS: &str = "SET statement_timeout = '50s'; SET lock_timeout = '20s';
    SET idle_in_transaction_session_timeout = '30s'; SET jit = off; SET client_min_messages = warning;
    SET tcp_keepalives_idle = 15; SET tcp_keepalives_interval = 5; SET tcp_user_timeout = '30s';
    SET timezone = 'UTC'; SET search_path TO ";

/// See the module.
pub struct Conn {
    driver: Driver,
    client: Client,
    path: String,
    /// The keys of what is read and written by it.
    pub seal: Arc<Seal>,
    /// The few statements that are on the way of each call.
    statements: RefCell<HashMap<&'static str, Statement>>,
}

/// A connection's runtime.
pub struct Driver(Option<Runtime>);

impl Driver {
    pub fn new(path: &str) -> Result<Self> {
        let io = |error: std::io::Error| StoreError::Io { path: path.to_owned(), why: error.to_string() };
        Ok(Self(Some(Builder::new_current_thread().enable_all().build().map_err(io)?)))
    }

    pub fn runtime(&self) -> Result<&Runtime> {
        self.0.as_ref().ok_or_else(|| Fault::Lost("the connection is closed".to_owned()))
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            // Whoever drops it may stand in another runtime, where nothing may be waited for.
            runtime.shutdown_background();
        }
    }
}

impl Conn {
    fn open(address: &Address, tls: Option<&Tls>, seal: Arc<Seal>, relaxed: bool) -> Result<Self> {
        let driver = Driver::new(&address.shown)?;
        let connected = drive(driver.runtime()?, async {
            let connected = async {
                // The two kinds of connections are of different types, and both are driven where somebody asks.
                match tls {
                    None => {
                        let (client, connection) = address.config.connect(NoTls).await?;
                        tokio::spawn(connection);
                        Ok(client)
                    }
                    Some(tls) => {
                        let (client, connection) = address.config.connect(tls.clone()).await?;
                        tokio::spawn(connection);
                        Ok(client)
                    }
                }
            };
            tokio::time::timeout(CONNECT, connected).await
        });
        let client = match connected {
            Ok(Ok(client)) => client,
            Ok(Err(error)) => return Err(unreachable(Fault::of(&error, &address.shown), &error)),
            Err(_) => return Err(Fault::Lost(format!("no connection within {} s", CONNECT.as_secs()))),
        };
        let (path, statements) = (address.shown.clone(), RefCell::default());
        let made = Self { driver, client, path, seal, statements };
        made.batch(&format!("{SETTINGS} \"{}\", pg_catalog", address.schema))?;
        let commit = if relaxed {
            "SET synchronous_commit = off"
        } else {
            // What waits for other machines too stays as it is.
            "SELECT set_config('synchronous_commit', 'on', false)
             WHERE current_setting('synchronous_commit') IN ('off', 'local')"
        };
        made.batch(commit)?;
        Ok(made)
    }

    fn run<T: Send>(
        &self,
        work: impl Future<Output = std::result::Result<T, tokio_postgres::Error>> + Send,
    ) -> Result<T> {
        match drive(self.driver.runtime()?, async { tokio::time::timeout(ANSWER, work).await }) {
            Ok(done) => done.map_err(|error| Fault::of(&error, &self.path)),
            Err(_) => Err(Fault::Lost(format!("no answer within {} s", ANSWER.as_secs()))),
        }
    }

    /// The rows that a statement finds. One round trip.
    pub fn query(&self, text: &str, params: &[Param]) -> Result<Vec<Row>> {
        let typed: Vec<(&(dyn ToSql + Sync), _)> = params.iter().map(Param::typed).collect();
        self.run(self.client.query_typed(text, &typed))
    }

    /// The same, planned once a connection.
    pub fn prepared(&self, text: &'static str, params: &[Param]) -> Result<Vec<Row>> {
        let (values, types): (Vec<&(dyn ToSql + Sync)>, Vec<_>) = params.iter().map(Param::typed).unzip();
        let known = self.statements.borrow().get(text).cloned();
        let statement = match known {
            Some(known) => known,
            None => {
                let made = self.run(self.client.prepare_typed(text, &types))?;
                self.statements.borrow_mut().insert(text, made.clone());
                made
            }
        };
        self.run(self.client.query(&statement, &values))
    }

    /// The first of them, if there is one.
    pub fn find(&self, text: &str, params: &[Param]) -> Result<Option<Row>> {
        Ok(self.query(text, params)?.into_iter().next())
    }

    /// The one row that a statement has.
    pub fn one(&self, text: &str, params: &[Param]) -> Result<Row> {
        self.find(text, params)?.ok_or_else(|| Fault::Odd("a statement that has one row has none".to_owned()))
    }

    /// How many rows a statement has changed.
    pub fn execute(&self, text: &str, params: &[Param]) -> Result<u64> {
        let typed: Vec<(&(dyn ToSql + Sync), _)> = params.iter().map(Param::typed).collect();
        self.run(self.client.execute_typed(text, &typed))
    }

    /// Statements without values and without results.
    pub fn batch(&self, text: &str) -> Result<()> {
        self.run(self.client.batch_execute(text))
    }

    /// Runs `work` in one transaction that begins with `begin`.
    pub fn transaction<T>(&self, begin: &str, work: impl FnOnce(&Self) -> Result<T>) -> Result<T> {
        self.batch(begin)?;
        match work(self) {
            Ok(done) => self.batch("COMMIT").map(|()| done),
            Err(fault) => {
                if !matches!(fault, Fault::Lost(_)) {
                    self.batch("ROLLBACK")?;
                }
                Err(fault)
            }
        }
    }
}

/// Runs what a connection waits for, here. Whoever asks may stand in a runtime of its own (the server's): it is told that
/// this thread blocks, or, where it has no other, another thread waits.
pub fn drive<T: Send>(runtime: &Runtime, work: impl Future<Output = T> + Send) -> T {
    match Handle::try_current().map(|outer| outer.runtime_flavor()) {
        Err(_) => runtime.block_on(work),
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(|| runtime.block_on(work)),
        Ok(_) => std::thread::scope(|scope| match scope.spawn(|| runtime.block_on(work)).join() {
            Ok(done) => done,
            Err(panicked) => std::panic::resume_unwind(panicked),
        }),
    }
}

/// What cannot be helped by waiting is said at once.
fn unreachable(fault: Fault, error: &tokio_postgres::Error) -> Fault {
    match fault {
        Fault::Lost(why) if why.contains("invalid configuration") || why.contains("password") => {
            Fault::Refused(StoreError::Setting(format!("KITARU_STORE: {why}")))
        }
        Fault::Lost(why) if error.to_string().contains("TLS") => {
            Fault::Refused(StoreError::Setting(format!("KITARU_STORE: {why}")))
        }
        other => other,
    }
}

#[derive(Default)]
struct Idle {
    conns: Vec<Conn>,
    /// How many are open, idle or in use.
    open: usize,
}

/// Connections that are kept.
pub struct Pool {
    address: Address,
    tls: Option<Tls>,
    relaxed: bool,
    seal: Arc<Seal>,
    idle: Mutex<Idle>,
    freed: Condvar,
}

impl Pool {
    /// A pool without a connection. `relaxed`: commits are not awaited to the disk.
    pub fn new(address: Address, seal: Arc<Seal>, relaxed: bool) -> std::result::Result<Self, StoreError> {
        let tls = address.tls.as_ref().map(Tls::new).transpose()?;
        Ok(Self { address, tls, relaxed, seal, idle: Mutex::default(), freed: Condvar::new() })
    }

    /// Where it leads to.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Runs `work` on a connection that nobody else uses meanwhile.
    pub fn with<T>(&self, work: impl FnOnce(&Conn) -> Result<T>) -> Result<T> {
        let conn = self.take()?;
        let mut held = Held { pool: self, conn: Some(conn) };
        let done = held.conn.as_ref().map_or_else(|| Err(Fault::Lost("no connection".to_owned())), work);
        if matches!(done, Err(Fault::Lost(_))) {
            // Those that wait here were made before whatever happened.
            let gone = held.conn.take();
            let mut idle = self.lock();
            idle.open -= usize::from(gone.is_some());
            let others = std::mem::take(&mut idle.conns);
            idle.open -= others.len();
            drop(idle);
            self.freed.notify_all();
        }
        done
    }

    fn lock(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Result<Conn> {
        let mut idle = self.lock();
        loop {
            if let Some(conn) = idle.conns.pop() {
                return Ok(conn);
            }
            if idle.open < MOST {
                break;
            }
            idle = self.freed.wait(idle).unwrap_or_else(PoisonError::into_inner);
        }
        idle.open += 1;
        drop(idle);
        let mut opening = Opening { pool: self, done: false };
        let conn = Conn::open(&self.address, self.tls.as_ref(), Arc::clone(&self.seal), self.relaxed)?;
        opening.done = true;
        Ok(conn)
    }
}

/// A connection that is about to come: however that ends, it is counted.
struct Opening<'a> {
    pool: &'a Pool,
    done: bool,
}

impl Drop for Opening<'_> {
    fn drop(&mut self) {
        if !self.done {
            self.pool.lock().open -= 1;
            self.pool.freed.notify_one();
        }
    }
}

/// A connection in use. One that a panic has interrupted is not used again: what it is in the middle of is unknown.
struct Held<'a> {
    pool: &'a Pool,
    conn: Option<Conn>,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let Some(conn) = self.conn.take() else { return };
        let mut idle = self.pool.lock();
        if idle.conns.len() < KEPT && !std::thread::panicking() && !conn.client.is_closed() {
            idle.conns.push(conn);
            drop(idle);
        } else {
            idle.open -= 1;
            drop(idle);
            drop(conn);
        }
        self.pool.freed.notify_one();
    }
}
