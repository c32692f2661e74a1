//! The address of a store in PostgreSQL: that of the database, with what is ours in its query taken out.
//!
//! `schema=` names the schema that the tables are in (`kitaru`); `sslmode=` and `sslrootcert=` say whether the connection
//! is encrypted, and whose certificates are believed. Not here: connecting.

use crate::error::StoreError;
use std::path::PathBuf;
use std::time::Duration;
use tokio_postgres::config::{Host, SslMode};

/// See the module.
pub struct Address {
    /// What the driver is told.
    pub config: tokio_postgres::Config,
    /// Where the tables are.
    pub schema: String,
    /// Whose certificates are believed; `None`: the connection is not encrypted.
    pub tls: Option<Roots>,
    /// Without what is secret in it.
    pub shown: String,
}

/// Whose certificates are believed.
pub enum Roots {
    /// Those that the public trusts.
    Public,
    /// Those in a file.
    File(PathBuf),
}

/// How long the other side of a connection may say nothing to what was sent.
const UNHEARD: Duration = Duration::from_secs(10);

/// Whether that is the address of a database.
pub fn is_postgres(address: &str) -> bool {
    address.starts_with("postgres://") || address.starts_with("postgresql://")
}

impl Address {
    /// Reads an address.
    pub fn parse(text: &str) -> Result<Self, StoreError> {
        let wrong = |why: &str| StoreError::Setting(format!("KITARU_STORE: {}: {why}", hidden(text)));
        let (base, query) = text.split_once('?').unwrap_or((text, ""));
        let (mut schema, mut mode, mut root) = ("kitaru".to_owned(), None, None);
        let mut kept = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("schema", name)) => name.clone_into(&mut schema),
                Some(("sslmode", word)) => mode = Some(word),
                Some(("sslrootcert", path)) => root = Some(PathBuf::from(path)),
                _ => kept.push(pair),
            }
        }
        let named = !schema.is_empty()
            && schema.len() < 64
            && schema.bytes().all(|one| one.is_ascii_lowercase() || one.is_ascii_digit() || one == b'_');
        if !named || schema.starts_with("pg_") {
            return Err(wrong("schema= is a name of small letters, digits and _"));
        }
        let tls = match mode {
            None | Some("disable") if root.is_none() => None,
            None | Some("require" | "verify-ca" | "verify-full") => Some(root.map_or(Roots::Public, Roots::File)),
            Some(_) => return Err(wrong("sslmode= is disable, or verify-full, which checks the server's certificate")),
        };
        let rest = if kept.is_empty() { base.to_owned() } else { format!("{base}?{}", kept.join("&")) };
        // What the driver says of an address may have a secret in it.
        let mut config: tokio_postgres::Config =
            rest.parse().map_err(|_| wrong("it is not postgres://USER:PASSWORD@HOST/DATABASE"))?;
        if config.get_hosts().is_empty() {
            return Err(wrong("it names no host"));
        }
        config.ssl_mode(if tls.is_some() { SslMode::Require } else { SslMode::Disable });
        if config.get_application_name().is_none() {
            config.application_name("kitaru");
        }
        notice(&mut config);
        let shown = shown(&config, &schema);
        Ok(Self { config, schema, tls, shown })
    }
}

/// Has a network that loses what is sent be noticed, unless the address says when: a connection on which nothing is heard
/// any more is given up sooner than a lease ends, and what was asked is asked again by another.
fn notice(config: &mut tokio_postgres::Config) {
    let unset = tokio_postgres::Config::new();
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(UNHEARD);
    }
    if config.get_keepalives_idle() == unset.get_keepalives_idle() {
        config.keepalives_idle(UNHEARD / 2);
    }
    if config.get_keepalives_interval().is_none() {
        config.keepalives_interval(UNHEARD / 4);
    }
}

fn shown(config: &tokio_postgres::Config, schema: &str) -> String {
    let ports = config.get_ports();
    let host = |(at, host): (usize, &Host)| {
        let port = ports.get(at).or_else(|| ports.first()).copied().unwrap_or(5432);
        match host {
            Host::Tcp(name) => format!("{name}:{port}"),
            #[cfg(unix)]
            Host::Unix(path) => path.display().to_string(),
        }
    };
    let hosts: Vec<String> = config.get_hosts().iter().enumerate().map(host).collect();
    let name = config.get_dbname().or(config.get_user()).unwrap_or_default();
    let apart = if schema == "kitaru" { String::new() } else { format!("?schema={schema}") };
    format!("postgres://{}/{name}{apart}", hosts.join(","))
}

/// An address without what may be a secret in it, for whoever shows one.
pub fn hidden(address: &str) -> String {
    if !is_postgres(address) {
        return address.to_owned();
    }
    let (base, query) = address.split_once('?').unwrap_or((address, ""));
    let (scheme, rest) = base.split_once("://").unwrap_or(("postgres", ""));
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    let schema = query.split('&').find(|pair| pair.starts_with("schema="));
    format!("{scheme}://{rest}{}", schema.map(|pair| format!("?{pair}")).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_and_shown_without_its_secrets() {
        let read = Address::parse("postgres://me:secret@db.example:6000/work?schema=agents&connect_timeout=3").unwrap();
        assert_eq!(read.schema, "agents");
        assert_eq!(read.shown, "postgres://db.example:6000/work?schema=agents");
        assert!(read.tls.is_none());
        assert_eq!(hidden("postgres://me:sec@ret@db/work?schema=a&password=x"), "postgres://db/work?schema=a");
        assert_eq!(Address::parse("postgresql://db/work").unwrap().shown, "postgres://db:5432/work");
        assert!(matches!(Address::parse("postgres://db/w?sslmode=verify-full").unwrap().tls, Some(Roots::Public)));
        assert!(matches!(Address::parse("postgres://db/w?sslrootcert=/ca.pem").unwrap().tls, Some(Roots::File(_))));
    }

    #[test]
    fn a_network_that_loses_what_is_sent_is_noticed_as_soon_as_the_address_says() {
        let read = |query: &str| {
            let config = Address::parse(&format!("postgres://db/work{query}")).unwrap().config;
            (config.get_tcp_user_timeout().map(Duration::as_secs), config.get_keepalives_idle().as_secs())
        };
        assert_eq!(read(""), (Some(10), 5));
        assert_eq!(read("?tcp_user_timeout=60&keepalives_idle=90"), (Some(60), 90));
    }

    #[test]
    fn what_means_nothing_is_refused_without_a_word_of_what_is_secret() {
        for bad in [
            "postgres://me:secret@db/w?schema=No Such",
            "postgres://me:secret@db/w?schema=",
            "postgres://me:secret@db/w?schema=pg_x",
            "postgres://me:secret@db/w?sslmode=prefer",
            "postgres://me:secret@db/w?nonsense=secret",
            "postgres://me:secret@db:port/w",
        ] {
            let told = Address::parse(bad).err().unwrap();
            assert_eq!(told.code(), "usage", "{bad}");
            assert!(!told.to_string().contains("secret"), "{told}");
        }
    }
}
