//! One request and its answer, over connections that are kept, and what the server's clock says.
//!
//! Not here: trying again (`away`), and what is said (`wire`).

use crate::error::StoreError;
use kitaru_core::Millis;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

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
    ahead: AtomicI64,
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
        Self { agent, url, authorization, ahead: AtomicI64::new(0) }
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
                self.hear(clock, took, theirs);
                Ok(body)
            }
            _ => Err(self.refused(status, &body)),
        }
    }

    /// What that time of the clock here is by the server's.
    pub fn by_its_clock(&self, here: Millis) -> Millis {
        here.saturating_add(self.ahead.load(Ordering::Relaxed))
    }

    /// The server's clock was somewhere between what it was sent and what came back: as far as what was known before
    /// fits to that, it stays.
    fn hear(&self, sent: Millis, took: Millis, theirs: Millis) {
        let (most, least) = (theirs.saturating_sub(sent) + 1, theirs.saturating_sub(sent.saturating_add(took)) - 1);
        let known = self.ahead.load(Ordering::Relaxed);
        let fits = known.clamp(least.min(most), most);
        if fits != known {
            self.ahead.store(fits, Ordering::Relaxed);
        }
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

fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis::try_from(since.as_millis()).unwrap_or(Millis::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_believed_no_further_than_it_can_be_told() {
        let link = Link::new("http://127.0.0.1:1".to_owned(), None, true);
        link.hear(1_000, 10, 1_005);
        assert_eq!(link.by_its_clock(0), 0, "it may be the same clock");
        link.hear(1_000, 10, 61_000);
        assert_eq!(link.by_its_clock(0), 59_989, "a minute ahead, give or take the way");
        link.hear(1_000, 2, 61_001);
        assert_eq!(link.by_its_clock(0), 59_998);
        link.hear(1_000, 500, 61_200);
        assert_eq!(link.by_its_clock(0), 59_998, "what is known better stays");
        link.hear(3_600_000, 2, 61_000);
        assert!(link.by_its_clock(0) < -3_500_000, "the clock here was set");
    }
}
