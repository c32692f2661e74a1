//! A shelf that is a bucket of an S3 API. Requests are signed by the address alone, so that no secret is ever in one; what
//! comes over an unencrypted endpoint is as open as any other request there.
//!
//! Credentials are looked up for each request, so that whoever replaces them in the environment need not start anew, and
//! are kept nowhere. Not here: trying again.

use super::{Address, Failed, Lying, Result, Shelf};
use crate::error::StoreError;
use rusty_s3::{Bucket, Credentials, S3Action, UrlStyle};
use std::time::Duration;

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(5);
/// How long an answer may take to begin.
const ANSWER: Duration = Duration::from_secs(40);
/// How long bytes may be under way.
const BODY: Duration = Duration::from_secs(120);
/// For how long a signature holds.
const SIGNED: Duration = Duration::from_secs(600);
/// Connections that are kept.
const KEPT: usize = 16;
/// Of what is not an object at most so much is read.
const TOLD: u64 = 8 << 20;

/// See the module.
pub struct S3 {
    agent: ureq::Agent,
    bucket: Bucket,
    prefix: String,
    shown: String,
}

impl S3 {
    /// The bucket of that address, of which nothing is asked yet.
    pub fn new(
        address: &Address,
        bucket: &str,
        prefix: &str,
        endpoint: Option<&str>,
        region: &str,
    ) -> std::result::Result<Self, StoreError> {
        let shown = address.shown();
        let wrong = |why: String| StoreError::Setting(format!("KITARU_BLOBS: {shown}: {why}"));
        let amazons = format!("https://s3.{region}.amazonaws.com");
        // A certificate of Amazon's has one name before its own.
        let style = if endpoint.is_some() || bucket.contains('.') { UrlStyle::Path } else { UrlStyle::VirtualHost };
        let url = endpoint.unwrap_or(&amazons).parse().map_err(|_| wrong("its endpoint is no address".to_owned()))?;
        let bucket =
            Bucket::new(url, style, bucket.to_owned(), region.to_owned()).map_err(|error| wrong(error.to_string()))?;
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .no_delay(true)
            .max_redirects(0)
            .accept_encoding("identity")
            .user_agent(concat!("kitaru/", env!("CARGO_PKG_VERSION")))
            .max_idle_connections(KEPT)
            .max_idle_connections_per_host(KEPT)
            .timeout_connect(Some(CONNECT))
            .timeout_send_body(Some(BODY))
            .timeout_recv_response(Some(ANSWER))
            .timeout_recv_body(Some(BODY));
        let agent = ureq::Agent::new_with_config(config.build());
        Ok(Self { agent, bucket, prefix: prefix.to_owned(), shown })
    }

    fn credentials(&self) -> Result<Credentials> {
        let named = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
        match (named("AWS_ACCESS_KEY_ID"), named("AWS_SECRET_ACCESS_KEY"), named("AWS_SESSION_TOKEN")) {
            (Some(key), Some(secret), Some(token)) => Ok(Credentials::new_with_token(key, secret, token)),
            (Some(key), Some(secret), None) => Ok(Credentials::new(key, secret)),
            _ => Err(self.refused("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set where this runs")),
        }
    }

    fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    fn refused(&self, why: &str) -> Failed {
        Failed::Told(StoreError::Blobs { address: self.shown.clone(), why: why.to_owned() })
    }

    /// What an answer means that is not the one that was asked for.
    fn failed(&self, status: u16, body: &[u8]) -> Failed {
        let text = String::from_utf8_lossy(body);
        let field = |name: &str| {
            let begin = text.find(&format!("<{name}>"))? + name.len() + 2;
            Some(text.get(begin..)?.split_once('<')?.0.to_owned())
        };
        let code = field("Code").unwrap_or_default();
        // Its message may say again what it was sent.
        let why =
            if code.is_empty() { format!("it answers with status {status}") } else { format!("{code} ({status})") };
        match (status, code.as_str()) {
            (408 | 425 | 429 | 500..=599, _) | (_, "RequestTimeout" | "SlowDown" | "OperationAborted") => {
                Failed::Away(why)
            }
            (404, _) => self.refused(&format!("{why}: there is no such bucket")),
            (301 | 302 | 307 | 308, _) => self.refused(&format!("{why}: the bucket is in another region")),
            _ => self.refused(&why),
        }
    }
}

/// What the system says of a request that was not answered. The address is left out: it has the signature.
fn away(error: ureq::Error) -> Failed {
    let text = error.to_string();
    Failed::Away(if text.contains("X-Amz") { "a request was not answered".to_owned() } else { text })
}

type Answer = (u16, Vec<u8>, ureq::http::HeaderMap);

fn read(mut response: ureq::http::Response<ureq::Body>, most: u64) -> Result<Answer> {
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    // Up to one byte more, so that it is seen to be more.
    let limit = if status == 200 { most } else { TOLD }.saturating_add(1);
    let mut bytes = Vec::new();
    let reader = response.body_mut().with_config().limit(u64::MAX).reader();
    std::io::Read::read_to_end(&mut std::io::Read::take(reader, limit), &mut bytes)
        .map_err(|error| Failed::Away(error.to_string()))?;
    Ok((status, bytes, headers))
}

impl Shelf for S3 {
    fn put(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let (credentials, key) = (self.credentials()?, self.key(name));
        let url = self.bucket.put_object(Some(&credentials), &key).sign(SIGNED);
        let (status, body, _) = read(self.agent.put(url.as_str()).send(bytes).map_err(away)?, TOLD)?;
        if status == 200 { Ok(()) } else { Err(self.failed(status, &body)) }
    }

    fn get(&self, name: &str, most: u64) -> Result<Option<Vec<u8>>> {
        let (credentials, key) = (self.credentials()?, self.key(name));
        let url = self.bucket.get_object(Some(&credentials), &key).sign(SIGNED);
        let (status, body, _) = read(self.agent.get(url.as_str()).call().map_err(away)?, most)?;
        match status {
            200 => Ok(Some(body)),
            404 if String::from_utf8_lossy(&body).contains("<Code>NoSuchKey</Code>") => Ok(None),
            _ => Err(self.failed(status, &body)),
        }
    }

    fn delete(&self, name: &str) -> Result<()> {
        let (credentials, key) = (self.credentials()?, self.key(name));
        let url = self.bucket.delete_object(Some(&credentials), &key).sign(SIGNED);
        let (status, body, _) = read(self.agent.delete(url.as_str()).call().map_err(away)?, TOLD)?;
        if matches!(status, 200 | 204) { Ok(()) } else { Err(self.failed(status, &body)) }
    }

    fn list(&self, after: &str) -> Result<Vec<Lying>> {
        let (credentials, begin) = (self.credentials()?, self.key(after));
        let mut asked = self.bucket.list_objects_v2(Some(&credentials));
        asked.with_prefix(self.prefix.as_str());
        if !after.is_empty() {
            asked.with_start_after(begin.as_str());
        }
        let (status, body, headers) = read(self.agent.get(asked.sign(SIGNED).as_str()).call().map_err(away)?, TOLD)?;
        if status != 200 {
            return Err(self.failed(status, &body));
        }
        let odd = |what: &str| self.refused(&format!("its list is not understood ({what})"));
        let text = String::from_utf8(body).map_err(|_| odd("its bytes"))?;
        let found = rusty_s3::actions::ListObjectsV2::parse_response(&text).map_err(|error| odd(&error.to_string()))?;
        // By its own clock, whatever the one here says.
        let now =
            headers.get("date").and_then(|date| date.to_str().ok()).and_then(date).ok_or_else(|| odd("no date"))?;
        let age = |put: &str| {
            let put: jiff::Timestamp = put.parse().ok()?;
            Some(Duration::from_secs(u64::try_from(now.as_second() - put.as_second()).unwrap_or(0)))
        };
        let all = found.contents.iter().map(|one| {
            let name = one.key.strip_prefix(&self.prefix)?.to_owned();
            Some(Lying { name, bytes: one.size.unwrap_or(0), age: one.last_modified.as_deref().and_then(age)? })
        });
        all.map(|one| one.ok_or_else(|| odd("an entry"))).collect()
    }
}

/// The time in a header.
fn date(text: &str) -> Option<jiff::Timestamp> {
    jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shelf() -> S3 {
        let address = Address::parse("s3://big/p?endpoint=http://127.0.0.1:1&region=here").unwrap();
        S3::new(&address, "big", "p/", Some("http://127.0.0.1:1"), "here").unwrap()
    }

    #[test]
    fn what_a_bucket_says_is_waited_for_or_told() {
        let shelf = shelf();
        let said = |status, code: &str| shelf.failed(status, format!("<Error><Code>{code}</Code></Error>").as_bytes());
        for (status, code) in [(503, "SlowDown"), (500, "InternalError"), (400, "RequestTimeout"), (502, "")] {
            assert!(matches!(said(status, code), Failed::Away(_)), "{code}");
        }
        for (status, code) in [(403, "AccessDenied"), (404, "NoSuchBucket"), (301, "PermanentRedirect"), (400, "Odd")] {
            assert!(matches!(said(status, code), Failed::Told(StoreError::Blobs { .. })), "{code}");
        }
    }

    #[test]
    fn dates_of_answers_are_read() {
        assert_eq!(date("Mon, 30 Nov 2026 17:35:37 GMT").unwrap().as_second(), 1_796_060_137);
        assert!(date("yesterday").is_none());
    }
}
