//! What a server is told of who may ask, and what has to hold before it listens.
//!
//! Not here: requests (`access`).

use kitaru_engine::manage::{self, ManageError};
use kitaru_store::Store;
use std::net::IpAddr;
use std::path::PathBuf;

/// Requests a second of one token, if nobody says.
pub const RATE: u32 = 2000;

/// Who may ask.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Whoever asks has to show a token, also on this machine.
    pub require_token: bool,
    /// Certificate and key.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Something stands before this server, speaks TLS with its clients, and says in `X-Forwarded-For` who they are.
    pub behind_proxy: bool,
    /// What clients may call this server, beside its own address; a name without a port goes with any.
    pub allow_host: Vec<String>,
    /// Requests a second of one token; 0: any number.
    pub rate: u32,
}

impl Default for Rules {
    fn default() -> Self {
        Self { require_token: false, tls: None, behind_proxy: false, allow_host: Vec::new(), rate: RATE }
    }
}

impl Rules {
    /// Whether clients speak TLS, with this server or with what stands before it.
    pub fn is_https(&self) -> bool {
        self.tls.is_some() || self.behind_proxy
    }

    /// The rules that hold at that address. Refused where somebody could listen in, or nobody could come in.
    pub fn at(&self, host: IpAddr, store: &dyn Store, now: i64) -> Result<Self, ManageError> {
        let outside = !host.is_loopback();
        if outside && !self.is_https() {
            let message =
                format!("{host} can be reached from elsewhere, and tokens would be sent there for all to read");
            let hint =
                "--tls-cert FILE --tls-key FILE, or --behind-proxy if something that speaks TLS stands before it";
            return Err(ManageError::new("not-loopback", message, Some(hint.to_owned())));
        }
        if host.is_unspecified() && self.allow_host.is_empty() {
            let message = format!("{host} is every address of this machine: what clients call it has to be said");
            return Err(ManageError::new("not-loopback", message, Some("--allow-host NAME".to_owned())));
        }
        let rules = Self { require_token: self.require_token || outside || self.behind_proxy, ..self.clone() };
        if rules.require_token && !manage::tokens(store)?.iter().any(|row| manage::is_live(row, now).is_ok()) {
            let hint = "kitaru tokens create NAME --scope admin --expires 30d".to_owned();
            return Err(ManageError::new("no-token", "a token is wanted of everybody, and there is none", Some(hint)));
        }
        Ok(rules)
    }
}
