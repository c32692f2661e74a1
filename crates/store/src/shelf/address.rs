//! Where a shelf is: `KITARU_BLOBS`, and the same as it is kept in the database.
//!
//! Credentials are never part of it. Not here: whether anything is there.

use crate::error::StoreError;
use std::path::PathBuf;

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A folder that all processes of the store see under this path.
    Folder(PathBuf),
    /// A bucket, what names begin with in it, and who keeps it.
    S3 {
        /// The bucket.
        bucket: String,
        /// With a slash at its end, or empty.
        prefix: String,
        /// Where it is asked for; `None`: at Amazon.
        endpoint: Option<String>,
        /// Which region signatures are for.
        region: String,
    },
}

impl Address {
    /// What `KITARU_BLOBS` says; `None`: it is not set.
    pub fn from_env() -> Result<Option<Self>, StoreError> {
        match std::env::var("KITARU_BLOBS") {
            Ok(text) if !text.is_empty() => Self::parse(&text).map(Some),
            _ => Ok(None),
        }
    }

    /// An address as it is given or kept.
    pub fn parse(text: &str) -> Result<Self, StoreError> {
        let wrong = |why: &str| {
            let how = "it is an absolute folder, or s3://BUCKET/PREFIX?endpoint=http://HOST:PORT&region=REGION";
            StoreError::Setting(format!("KITARU_BLOBS: {why}; {how}"))
        };
        let Some(rest) = text.strip_prefix("s3://") else {
            let path = PathBuf::from(text);
            if text.contains("://") {
                return Err(wrong("no such kind of storage is known"));
            }
            if !path.is_absolute() {
                return Err(wrong("a folder is named from the root on, so that it is one and the same for all"));
            }
            // `/a/b/` and `/a/b` are one.
            return Ok(Self::Folder(path.components().collect()));
        };
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
        let is_plain = |one: u8| one.is_ascii_alphanumeric() || matches!(one, b'-' | b'_' | b'.');
        if bucket.is_empty() || !bucket.bytes().all(is_plain) {
            return Err(wrong(
                "it names no bucket (credentials are given in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY)",
            ));
        }
        let prefix = prefix.trim_matches('/');
        let parts_are_plain = prefix
            .split('/')
            .all(|part| prefix.is_empty() || (!matches!(part, "" | "." | "..") && part.bytes().all(is_plain)));
        if !parts_are_plain {
            return Err(wrong("a prefix is made of letters, digits, - _ . and /"));
        }
        let (mut endpoint, mut region) = (None, None);
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("endpoint", url)) => {
                    let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
                    if host.is_none_or(|host| host.is_empty() || host.contains('@')) {
                        return Err(wrong("endpoint= is http://HOST:PORT or https://HOST"));
                    }
                    endpoint = Some(url.trim_end_matches('/').to_owned());
                }
                Some(("region", name)) if !name.is_empty() && name.bytes().all(is_plain) => {
                    region = Some(name.to_owned());
                }
                _ => return Err(wrong("behind the ? stand endpoint= and region=")),
            }
        }
        let named = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
        let region = region.or_else(|| named("AWS_REGION")).or_else(|| named("AWS_DEFAULT_REGION"));
        Ok(Self::S3 {
            bucket: bucket.to_owned(),
            prefix: if prefix.is_empty() { String::new() } else { format!("{prefix}/") },
            endpoint,
            region: region.unwrap_or_else(|| "us-east-1".to_owned()),
        })
    }

    /// As it is kept and shown. [`Self::parse`] takes it back.
    pub fn shown(&self) -> String {
        match self {
            Self::Folder(path) => path.display().to_string(),
            Self::S3 { bucket, prefix, endpoint, region } => {
                let endpoint = endpoint.as_ref().map(|url| format!("endpoint={url}&")).unwrap_or_default();
                format!("s3://{bucket}/{prefix}?{endpoint}region={region}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_as_it_is_read() {
        for (given, shown) in [
            ("/mnt/shared/", "/mnt/shared"),
            ("s3://big?region=eu-west-1", "s3://big/?region=eu-west-1"),
            (
                "s3://big/a/b/?region=x&endpoint=http://127.0.0.1:9000/",
                "s3://big/a/b/?endpoint=http://127.0.0.1:9000&region=x",
            ),
        ] {
            let read = Address::parse(given).unwrap();
            assert_eq!(read.shown(), shown);
            assert_eq!(Address::parse(shown).unwrap(), read);
        }
    }

    #[test]
    fn what_means_nothing_is_refused_without_a_word_of_what_is_secret() {
        for bad in [
            "here",
            "gs://bucket",
            "s3://",
            "s3://me:secret@bucket/x",
            "s3://b/../x",
            "s3://b/x?endpoint=http://me:secret@host",
            "s3://b/x?key=secret",
            "s3://b/x?region=",
        ] {
            let told = Address::parse(bad).err().unwrap();
            assert_eq!(told.code(), "usage", "{bad}");
            assert!(!told.to_string().contains("secret"), "{told}");
        }
    }
}
