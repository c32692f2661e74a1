//! What can be typed about who may ask: where a server listens, tokens, links, and the log of changes.
//!
//! Not here: what is done then (`server`, `tokens`).

use clap::{Args, Subcommand};
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

/// Where a server listens, and who may ask there.
#[derive(Debug, Args)]
pub struct Listen {
    /// The address. One that others can reach wants tokens, and TLS.
    #[arg(long, default_value = "127.0.0.1", value_parser = host)]
    pub host: IpAddr,
    /// The port; 0: any that is free.
    #[arg(long, default_value_t = 7733)]
    pub port: u16,
    /// Whoever asks has to show a token, also on this machine.
    #[arg(long)]
    pub require_token: bool,
    /// The certificate, with those that it depends on (PEM). Read again at SIGHUP.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// Its key (PEM).
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// A proxy stands before it that speaks TLS, and says in X-Forwarded-For who asks.
    #[arg(long)]
    pub behind_proxy: bool,
    /// What clients call it, as in `kitaru.example` or `kitaru.example:8443`.
    #[arg(long, value_name = "NAME")]
    pub allow_host: Vec<String>,
    /// Requests a second with one token; 0: any number.
    #[arg(long, default_value_t = kitaru_server::RATE)]
    pub rate: u32,
    /// What it tells on stderr of each request and of what its worker does.
    #[arg(long, value_enum, default_value = "off")]
    pub log: crate::args::LogForm,
}

fn host(text: &str) -> Result<IpAddr, String> {
    if text.eq_ignore_ascii_case("localhost") {
        return Ok(Ipv4Addr::LOCALHOST.into());
    }
    text.parse().map_err(|_| "an IP address, or localhost".to_owned())
}

/// `kitaru tokens …`
#[derive(Debug, Subcommand)]
pub enum Tokens {
    /// Make one. It is printed once, and kept nowhere.
    Create {
        /// What it is called: what is done with it stands under that name.
        name: String,
        /// What it allows; each includes those before it.
        #[arg(long, value_parser = ["read", "answer", "operate", "admin"])]
        scope: String,
        /// For how long: 90s, 15m, 24h, 30d. Without it, until it is revoked.
        #[arg(long, value_name = "SPAN")]
        expires: Option<String>,
    },
    /// List them, newest first.
    #[command(alias = "ls")]
    List,
    /// Revoke one: it lets nobody in from then on.
    #[command(alias = "rm")]
    Revoke {
        /// Its identifier.
        id: String,
    },
}

impl Tokens {
    /// The name that JSON answers carry.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Create { .. } => "tokens.create",
            Self::List => "tokens.list",
            Self::Revoke { .. } => "tokens.revoke",
        }
    }
}

/// `kitaru waits link`
#[derive(Debug, Args)]
pub struct Link {
    /// Identifier of the execution that asks, or of its parent.
    pub id: String,
    /// Which wait, if several are open: its key or name.
    #[arg(long)]
    pub wait: Option<String>,
    /// For how long: 90s, 15m, 24h, 30d.
    #[arg(long, value_name = "SPAN", default_value = "24h")]
    pub expires: String,
    /// What whoever answers calls the server.
    #[arg(long, default_value = "http://127.0.0.1:7733")]
    pub url: String,
}

/// `kitaru audit`
#[derive(Debug, Args)]
pub struct Audit {
    /// Only what was asked for in that time: 15m, 24h, 30d.
    #[arg(long, value_name = "SPAN")]
    pub since: Option<String>,
    /// Only what they asked for: a name, or a token's identifier.
    #[arg(long)]
    pub by: Option<String>,
    /// How many.
    #[arg(long, default_value_t = 50, value_parser = crate::asked::from_one)]
    pub limit: usize,
    /// Only those before that number.
    #[arg(long, value_name = "ID")]
    pub before: Option<u64>,
}
