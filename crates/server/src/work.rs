//! A worker without a server: `kitaru worker`, and one inside of an application.
//!
//! Told to stop, `kitaru worker` hands over what pools have given it, each when what runs of it has ended, and is told
//! twice to go at once. Not here: what a worker does (`carry`).

use crate::carry::Carrier;
use crate::metrics::Metrics;
use crate::signals::Signals;
use crate::{Config, broken};
use kitaru_engine::manage::ManageError;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

/// How long its threads have to end with their next look.
const PATIENCE: Duration = Duration::from_secs(2);

/// Between two looks whether all is handed over.
const LOOK: Duration = Duration::from_millis(20);

/// A worker that works until it is stopped or dropped.
pub struct Working {
    runtime: Option<Runtime>,
    carrier: Carrier,
}

impl Working {
    /// Begins. Of the configuration, where it listens is not read. `kind`: what it is, for those who look.
    pub fn begin(config: &Config, kind: &str) -> Result<Self, ManageError> {
        let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| broken(&error))?;
        let carrier = {
            let _here = runtime.enter();
            Carrier::begin(config, Arc::<Metrics>::default(), kind)
        };
        Ok(Self { runtime: Some(runtime), carrier })
    }

    /// Nothing more is begun. What is under way goes on to its end by itself.
    pub fn stop(&mut self) {
        self.carrier.stop();
        // Its threads end with their next look.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(PATIENCE);
        }
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Returns when all is handed over that is to be.
async fn drained(carrier: &Carrier) {
    while carrier.drain() > 0 {
        tokio::time::sleep(LOOK).await;
    }
}

/// Works until SIGINT or SIGTERM. `say` is called when it does.
pub fn work(config: &Config, say: &mut dyn FnMut()) -> Result<(), ManageError> {
    let mut working = Working::begin(config, "worker")?;
    if let Some(runtime) = &working.runtime {
        runtime.block_on(async {
            let mut signals = Signals::new().map_err(|error| broken(&error))?;
            say();
            config.log.event("works");
            signals.next().await;
            config.log.event("stops");
            tokio::select! {
                () = drained(&working.carrier) => {}
                () = signals.next() => {}
            }
            Ok::<(), ManageError>(())
        })?;
    }
    working.stop();
    Ok(())
}
