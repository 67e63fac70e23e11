//! The time at which TLS judges certificates. Chosen in `main`, like every other clock.

use rustls::pki_types::UnixTime;
use rustls::time_provider::{DefaultTimeProvider, TimeProvider};
use std::sync::Arc;
use std::time::Duration;
use wardround_plan::Timestamp;

/// Where TLS takes the time from.
#[derive(Debug, Clone)]
pub struct Clock(Arc<dyn TimeProvider>);

impl Clock {
    /// The clock of this machine.
    pub fn system() -> Self {
        Self(Arc::new(DefaultTimeProvider))
    }

    /// A clock that stands still, for tests and simulations.
    pub fn standing_at(now: Timestamp) -> Self {
        Self(Arc::new(Standing(now)))
    }

    pub(crate) fn provider(&self) -> Arc<dyn TimeProvider> {
        self.0.clone()
    }
}

#[derive(Debug)]
struct Standing(Timestamp);

impl TimeProvider for Standing {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_millis(self.0.as_ms())))
    }
}
