//! Who may ask: programs and people of this machine, and no page of another site that their browser shows.
//!
//! A page elsewhere can send requests here, and by a name that it lets resolve to here (DNS rebinding) even read the
//! answers. So `Host` must name this machine, and `Origin`, which browsers set, this server. Not here: tokens.

use crate::problem::Problem;
use crate::scope::Caller;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::net::SocketAddr;

/// What the server is called from this machine.
#[derive(Clone, Debug)]
pub struct Door {
    hosts: [String; 3],
}

impl Door {
    /// The door of a server that listens there.
    pub fn new(address: SocketAddr) -> Self {
        let port = address.port();
        Self { hosts: [address.to_string(), format!("localhost:{port}"), format!("127.0.0.1:{port}")] }
    }

    fn is_here(&self, host: &str) -> bool {
        self.hosts.iter().any(|one| one.eq_ignore_ascii_case(host))
    }
}

/// Lets a request in, or says why not; sets what every answer carries.
pub async fn check(State(door): State<Door>, mut request: Request, next: Next) -> Response {
    let mut response = match refusal(&door, &request) {
        Some(problem) => problem.into_response(),
        None => {
            request.extensions_mut().insert(Caller::local());
            next.run(request).await
        }
    };
    let headers = response.headers_mut();
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    headers.insert("referrer-policy", HeaderValue::from_static("no-referrer"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; style-src 'self'; form-action 'none'; frame-ancestors 'none'"),
    );
    response
}

fn refusal(door: &Door, request: &Request) -> Option<Problem> {
    let headers = request.headers();
    // Said twice is said by two: by somebody in between, too.
    let text = |name: header::HeaderName| {
        let mut all = headers.get_all(name).iter();
        all.next().filter(|_| all.next().is_none()).and_then(|value| value.to_str().ok())
    };
    let target = request.uri().authority().is_none_or(|authority| door.is_here(authority.as_str()));
    if !target || !text(header::HOST).is_some_and(|host| door.is_here(host)) {
        return Some(Problem::new(StatusCode::MISDIRECTED_REQUEST, "wrong-host", "the Host is not this server's"));
    }
    if headers.contains_key(header::ORIGIN) {
        let origin = text(header::ORIGIN).and_then(|origin| origin.strip_prefix("http://"));
        if !origin.is_some_and(|origin| door.is_here(origin)) {
            return Some(Problem::new(StatusCode::FORBIDDEN, "wrong-origin", "a page of another site asks"));
        }
    }
    None
}
