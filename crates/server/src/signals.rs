//! Being asked to end: SIGINT (Ctrl-C) and SIGTERM; and to read certificates again: SIGHUP.
//!
//! Not here: what is done at the end.

use crate::log::Log;
use crate::tls::Tls;

/// Hears of every request to end since it was made.
pub struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    /// From now on.
    #[cfg(unix)]
    pub fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// From when it is first waited for.
    #[cfg(not(unix))]
    pub fn new() -> std::io::Result<Self> {
        Ok(Self {})
    }

    /// Returns when it is asked for once more.
    pub async fn next(&mut self) {
        #[cfg(unix)]
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
        #[cfg(not(unix))]
        drop(tokio::signal::ctrl_c().await);
    }
}

/// Reads certificates again whenever it is asked for; what is wrong with them is told, and those that are there stay.
#[cfg(unix)]
pub fn at_hangup(tls: Tls, log: Log) {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut asked) = signal(SignalKind::hangup()) else { return };
    tokio::spawn(async move {
        while asked.recv().await.is_some() {
            let again = tls.clone();
            let read = tokio::task::spawn_blocking(move || again.read_again()).await;
            match read {
                Ok(Ok(())) => log.event("read the certificate again"),
                Ok(Err(error)) => {
                    log.complain(&error.code, &format!("error[{}]: {error}; the old one stays", error.code))
                }
                Err(error) => log.complain("misuse", &format!("error[misuse]: {error}")),
            }
        }
    });
}

/// Nothing asks for it here.
#[cfg(not(unix))]
pub fn at_hangup(_: Tls, _: Log) {}
