//! One request and its answer, over connections that are kept, and what the server's clock says.
//!
//! Not here: trying again (`away`), and what is said (`wire`).

use crate::afar::{Ahead, now};
use crate::error::StoreError;
use kitaru_core::Millis;
use std::time::{Duration, Instant};

/// What messages of the protocol are sent as: no page of another site can send that without asking first.
const KIND: &str = "application/vnd.kitaru.store";
/// The server's clock, milliseconds since the Unix epoch.
const CLOCK: &str = "x-kitaru-now";
/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(5);
/// How long the server may take for an answer to begin: longer than it waits for others to write.
const ANSWER: Duration = Duration::from_secs(40);
/// How long a message may be under way.
const BODY: Duration = Duration::from_secs(300);
/// A connection that was not used for so long is not used again: the server closes it soon.
const IDLE: Duration = Duration::from_secs(8);
/// Connections that are kept.
const KEPT: usize = 32;

/// Why there is no answer.
pub enum Failed {
    /// The server is not there, or is about to go or to come: the same may succeed later.
    Away(String),
    /// It refused, or is not what it should be.
    Told(StoreError),
}

/// See the module.
pub struct Link {
    agent: ureq::Agent,
    /// Without a slash at its end, and without a path of ours.
    pub url: String,
    authorization: Option<String>,
    /// How far the server's clock is ahead of the one here.
    ahead: Ahead,
}

impl Link {
    /// A link to the server at `url`. `near`: it is on this machine.
    pub fn new(url: String, token: Option<&str>, near: bool) -> Self {
        let mut config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .no_delay(true)
            .max_redirects(0)
            .accept_encoding("identity")
            .user_agent(concat!("kitaru/", env!("CARGO_PKG_VERSION")))
            .max_idle_connections(KEPT)
            .max_idle_connections_per_host(KEPT)
            .max_idle_age(IDLE)
            .timeout_connect(Some(CONNECT))
            .timeout_send_body(Some(BODY))
            .timeout_recv_response(Some(ANSWER))
            .timeout_recv_body(Some(BODY));
        if near {
            config = config.proxy(None);
        }
        let agent = ureq::Agent::new_with_config(config.build());
        let authorization = token.map(|token| format!("Bearer {token}"));
        Self { agent, url, authorization, ahead: Ahead::default() }
    }

    /// Sends a message and returns the answer.
    pub fn send(&self, path: &str, message: &[u8]) -> Result<Vec<u8>, Failed> {
        let mut request = self.agent.post(format!("{}/api/v1/store/{path}", self.url)).content_type(KIND);
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        let (begun, clock) = (Instant::now(), now());
        let away = |error: ureq::Error| Failed::Away(error.to_string());
        let mut response = request.send(message).map_err(away)?;
        let took = Millis::try_from(begun.elapsed().as_millis()).unwrap_or(Millis::MAX);
        let status = response.status().as_u16();
        let theirs = response.headers().get(CLOCK).and_then(|text| text.to_str().ok()?.parse().ok());
        let body = response.body_mut().with_config().limit(u64::MAX).read_to_vec().map_err(away)?;
        match (status, theirs) {
            (200, Some(theirs)) => {
                self.ahead.hear(clock, took, theirs);
                Ok(body)
            }
            _ => Err(self.refused(status, &body)),
        }
    }

    /// What that time of the clock here is by the server's.
    pub fn by_its_clock(&self, here: Millis) -> Millis {
        self.ahead.by_its_clock(here)
    }

    fn refused(&self, status: u16, body: &[u8]) -> Failed {
        let problem: Option<serde_json::Value> = serde_json::from_slice(body).ok();
        let field = |name: &str| problem.as_ref().and_then(|all| all.get(name)?.as_str().map(str::to_owned));
        let why = field("detail").unwrap_or_else(|| format!("it answers with status {status}"));
        let url = self.url.clone();
        Failed::Told(match (status, field("code").as_deref()) {
            (401, _) => StoreError::Unauthorized { url, why },
            (403, _) => StoreError::Forbidden { url, why },
            (404, _) => StoreError::Protocol(format!("nothing at {url} keeps a store for others")),
            // Whoever stands in between says that it is away, or it is about to end.
            (408 | 425 | 429 | 500..=599, _) => return Failed::Away(why),
            (200, _) => StoreError::Protocol(format!("what answers at {url} is no kitaru server")),
            (_, code) => StoreError::Protocol(format!(
                "{url}: {}{why}",
                code.map(|code| format!("{code}: ")).unwrap_or_default()
            )),
        })
    }
}
