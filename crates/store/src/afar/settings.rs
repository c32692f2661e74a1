//! What the environment says of a store that lies elsewhere.
//!
//! Not here: its address, and a server's token (`http`).

use crate::error::StoreError;
use std::time::Duration;

/// How long a server that was there is waited for.
const PATIENCE: Duration = Duration::from_secs(600);
/// How long one that was never there is.
const FIRST: Duration = Duration::from_secs(3);

/// See the module.
pub struct Settings {
    /// `KITARU_PATIENCE`: how long a server that does not answer is waited for.
    pub patience: Duration,
    /// The same, when it has never answered.
    pub first: Duration,
    /// `KITARU_ALLOW_HTTP`: a token may be sent over a connection that others can read.
    pub allow_http: bool,
}

impl Settings {
    /// As the environment has them.
    pub fn from_env() -> Result<Self, StoreError> {
        let from = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
        let patience = from("KITARU_PATIENCE").map(|text| {
            let seconds = text.parse::<f64>().ok();
            let length = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
            length.ok_or_else(|| StoreError::Setting(format!("KITARU_PATIENCE={text:?}: it is a number of seconds")))
        });
        let patience = patience.transpose()?;
        Ok(Self {
            patience: patience.unwrap_or(PATIENCE),
            first: patience.unwrap_or(FIRST),
            allow_http: from("KITARU_ALLOW_HTTP").is_some_and(|text| text == "1"),
        })
    }
}
