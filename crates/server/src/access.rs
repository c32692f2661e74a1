//! Who may ask: whoever shows a token, and, where nobody is asked for one, programs and people of this machine; and no
//! page of another site that their browser shows.
//!
//! A page elsewhere can send requests here, and by a name that it lets resolve to here (DNS rebinding) even read the
//! answers. So `Host` must name this server, and `Origin`, which browsers set, too. A token that is no good is refused
//! wherever it comes from. Not here: what a caller may do (`scope`).

use crate::Rules;
use crate::dashboard;
use crate::leash::Leashes;
use crate::limits::{self, Buckets, Places};
use crate::problem::Problem;
use crate::scope::Caller;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use kitaru_engine::manage;
use kitaru_engine::{Clock, SystemClock};
use kitaru_store::Store;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

/// Streams of one caller at once.
const STREAMS: usize = 256;
/// Attempts with a token that is no good: so many at once, and one more each second.
const ATTEMPTS: u32 = 20;

/// What every answer may do in a browser, unless it says otherwise: show itself.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'";

/// What is set by somebody that stands between a client and this server.
const PASSED_ON: [&str; 5] = ["forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip"];

/// The other end of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub IpAddr);

/// What the server is called, and who may come in.
#[derive(Clone)]
pub struct Door {
    shared: Arc<Inside>,
}

struct Inside {
    /// With a port.
    hosts: Vec<String>,
    /// With any port.
    names: Vec<String>,
    rules: Rules,
    store: Arc<dyn Store>,
    asked: Buckets,
    failed: Buckets,
    streams: Places,
    leashes: Leashes,
}

impl Door {
    /// The door of a server that listens there.
    pub fn new(address: SocketAddr, rules: &Rules, store: Arc<dyn Store>) -> Self {
        let port = address.port();
        let (exact, names) = rules.allow_host.iter().cloned().partition(|name| has_port(name));
        let mut hosts: Vec<String> = exact;
        hosts.push(address.to_string());
        if address.ip().is_loopback() {
            hosts.extend([format!("localhost:{port}"), format!("127.0.0.1:{port}")]);
        }
        let shared = Arc::new(Inside {
            hosts,
            names,
            rules: rules.clone(),
            asked: Buckets::new(rules.rate, rules.rate.saturating_mul(2)),
            failed: Buckets::new(1, ATTEMPTS),
            streams: Places::new(STREAMS),
            leashes: Leashes::new(Arc::clone(&store)),
            store,
        });
        Self { shared }
    }

    /// What a client that asked by that `Host` calls this server.
    pub fn url(&self, headers: &HeaderMap) -> String {
        let host = one(headers, header::HOST).unwrap_or_default();
        let scheme = if self.shared.rules.is_https() { "https" } else { "http" };
        format!("{scheme}://{host}")
    }

    fn is_here(&self, host: &str) -> bool {
        let name = if has_port(host) { host.rsplit_once(':').map_or(host, |(name, _)| name) } else { host };
        self.shared.hosts.iter().any(|one| one.eq_ignore_ascii_case(host))
            || self.shared.names.iter().any(|one| one.eq_ignore_ascii_case(name))
    }

    fn is_own_page(&self, origin: &str) -> bool {
        let (http, https) = (origin.strip_prefix("http://"), origin.strip_prefix("https://"));
        let host = if self.shared.rules.is_https() { https } else { http };
        host.is_some_and(|host| self.is_here(host))
    }

    /// Where a request comes from: what the proxy before this server says, if there is one.
    pub fn from(&self, request: &Request) -> Option<IpAddr> {
        let peer = request.extensions().get::<Peer>().map(|peer| peer.0.to_canonical());
        if !self.shared.rules.behind_proxy {
            return peer;
        }
        // The last one is the proxy's word; those before it are what others told the proxy.
        let all = request.headers().get_all("x-forwarded-for").iter().next_back();
        let last = all.and_then(|text| text.to_str().ok()).and_then(|text| text.rsplit(',').next());
        last.and_then(|text| text.trim().parse().ok()).or(peer)
    }

    /// The token that is shown; `None`: nobody is asked for one.
    fn shown(&self, headers: &HeaderMap, from: Option<IpAddr>) -> Result<Option<String>, Problem> {
        if headers.contains_key(header::AUTHORIZATION) {
            let token = bearer(headers).map(str::to_owned);
            let wrong = || Problem::unauthorized("what is asked for is: Authorization: Bearer TOKEN");
            return token.ok_or_else(wrong).map(Some);
        }
        let local = from.is_some_and(|from| from.is_loopback());
        // What somebody passes on is not from this machine, whoever does.
        let passed_on = PASSED_ON.iter().any(|name| headers.contains_key(*name));
        if self.shared.rules.require_token || !local || passed_on {
            return Err(Problem::unauthorized("this server wants a token"));
        }
        Ok(None)
    }

    /// Who asks, from there.
    async fn caller(&self, shown: Result<Option<String>, Problem>, from: Option<IpAddr>) -> Result<Caller, Problem> {
        let known = match shown {
            Ok(None) => Ok(Caller::local()),
            Ok(Some(token)) => self.recognised(token).await?,
            Err(problem) => Err(problem),
        };
        known.map(|caller| Caller { from, ..caller }).map_err(|problem| self.failed(from, problem))
    }

    async fn recognised(&self, token: String) -> Result<Result<Caller, Problem>, Problem> {
        let store = Arc::clone(&self.shared.store);
        let looked = tokio::task::spawn_blocking(move || {
            let (store, now) = (store.as_ref(), SystemClock.now());
            let known = manage::recognise(store, &token, now)?;
            if let Ok(row) = &known {
                // A store that cannot be written may still be read.
                drop(manage::note_use(store, row, now));
            }
            Ok::<_, manage::ManageError>(known)
        });
        let known = looked.await.map_err(|error| Problem::broken(&error))??;
        Ok(known.map(|row| Caller::of(&row)).map_err(Problem::from))
    }

    /// Counts a failed attempt: the refusal, or that there were too many.
    pub fn failed(&self, from: Option<IpAddr>, problem: Problem) -> Problem {
        let who = from.map_or_else(|| "nobody".to_owned(), limits::address);
        match self.shared.failed.take(&who, Instant::now()) {
            Ok(()) => problem,
            Err(wait) => Problem::too_many("too many attempts without a good token", wait),
        }
    }

    fn count(&self, caller: &Caller) -> Result<(), Problem> {
        // Who is on this machine and needs no token can do worse than ask.
        let Some(who) = caller.counted() else { return Ok(()) };
        let taken = self.shared.asked.take(&who, Instant::now());
        taken.map_err(|wait| Problem::too_many("too many requests with this token", wait))
    }
}

/// Lets a request in, or says why not; sets what every answer carries.
pub async fn check(State(door): State<Door>, mut request: Request, next: Next) -> Response {
    let from = door.from(&request);
    let ends = must_end_in_one_way(&request).is_ok();
    let mut response = match let_in(&door, admitted(&door, &request), from).await {
        Err(problem) => problem.into_response(),
        Ok(caller) => {
            request.extensions_mut().insert(door.clone());
            if let Some(caller) = &caller {
                request.extensions_mut().insert(caller.clone());
            }
            held(&door, caller.as_ref(), from, next.run(request).await)
        }
    };
    let is_unauthorized = response.status() == StatusCode::UNAUTHORIZED;
    let headers = response.headers_mut();
    if is_unauthorized {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"kitaru\""));
    }
    if !ends {
        // Nobody knows what the bytes behind it are.
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    headers.insert("referrer-policy", HeaderValue::from_static("no-referrer"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(POLICY));
    response
}

/// What was shown, or that nobody is asked.
type Shown = Option<Result<Option<String>, Problem>>;

/// Who asks, if it is somebody in particular.
async fn let_in(door: &Door, shown: Result<Shown, Problem>, from: Option<IpAddr>) -> Result<Option<Caller>, Problem> {
    let Some(shown) = shown? else { return Ok(None) };
    let caller = door.caller(shown, from).await?;
    door.count(&caller)?;
    Ok(Some(caller))
}

/// Whether a request may come in. `Ok(None)`: whoever asks, since what it asks for has a secret of its own, or none.
fn admitted(door: &Door, request: &Request) -> Result<Shown, Problem> {
    let path = request.uri().path();
    let link = path.starts_with("/a/");
    let open = dashboard::is_open(path) || ["/style.css", "/health/live", "/health/ready"].contains(&path);
    must_end_in_one_way(request)?;
    must_be_for_us(door, request)?;
    if !link {
        must_be_no_other_page(door, request)?;
    }
    Ok((!link && !open).then(|| door.shown(request.headers(), door.from(request))))
}

/// A stream is one of few, and ends with the token that began it.
fn held(door: &Door, caller: Option<&Caller>, from: Option<IpAddr>, response: Response) -> Response {
    let kind = response.headers().get(header::CONTENT_TYPE);
    if !kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream")) {
        return response;
    }
    let by_address = || from.map_or_else(|| "nobody".to_owned(), limits::address);
    let who = caller.and_then(Caller::counted).unwrap_or_else(by_address);
    let Some(place) = door.shared.streams.take(&who) else {
        return Problem::too_many("too many streams of one caller at once", 5).into_response();
    };
    let token = caller.and_then(|caller| caller.token.as_deref());
    let (parts, body) = response.into_parts();
    Response::from_parts(parts, door.shared.leashes.hold(body, token, place))
}

/// Said twice is said by two: by somebody in between, too.
fn one(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    let mut all = headers.get_all(name).iter();
    all.next().filter(|_| all.next().is_none()).and_then(|value| value.to_str().ok())
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = one(headers, header::AUTHORIZATION)?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

fn has_port(host: &str) -> bool {
    host.rsplit_once(':').is_some_and(|(_, port)| !port.is_empty() && port.bytes().all(|one| one.is_ascii_digit()))
        && (!host.starts_with('[') || host.contains("]:"))
}

/// Where a body ends is said once. Whoever stands in between may read two sayings otherwise, and then takes the rest of
/// the bytes for another's request.
fn must_end_in_one_way(request: &Request) -> Result<(), Problem> {
    let said = |name| request.headers().get_all(name).iter().count();
    if said(header::TRANSFER_ENCODING) + said(header::CONTENT_LENGTH) <= 1 {
        return Ok(());
    }
    Err(Problem::new(StatusCode::BAD_REQUEST, "usage", "where the request ends is said more than once"))
}

fn must_be_for_us(door: &Door, request: &Request) -> Result<(), Problem> {
    let target = request.uri().authority().is_none_or(|authority| door.is_here(authority.as_str()));
    if target && one(request.headers(), header::HOST).is_some_and(|host| door.is_here(host)) {
        return Ok(());
    }
    Err(Problem::new(StatusCode::MISDIRECTED_REQUEST, "wrong-host", "the Host is not this server's"))
}

fn must_be_no_other_page(door: &Door, request: &Request) -> Result<(), Problem> {
    let headers = request.headers();
    if headers.contains_key(header::ORIGIN)
        && !one(headers, header::ORIGIN).is_some_and(|origin| door.is_own_page(origin))
    {
        return Err(Problem::new(StatusCode::FORBIDDEN, "wrong-origin", "a page of another site asks"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::has_port;

    #[test]
    fn a_port_is_told_from_the_end_of_an_address() {
        for host in ["a:1", "127.0.0.1:80", "[::1]:80"] {
            assert!(has_port(host), "{host}");
        }
        for host in ["a", "a:", "a:b", "[::1]", "127.0.0.1"] {
            assert!(!has_port(host), "{host}");
        }
    }
}
