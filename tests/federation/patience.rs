//! Waiting for what another process does. Nothing here sleeps for a guessed time: a condition is looked at until it holds.

use std::time::{Duration, Instant};

/// How soon a condition is looked at again.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// Longest wait for anything that a loaded machine does.
pub const LONG: Duration = Duration::from_secs(90);

/// Waits until `look` finds something.
pub fn wait_for<T>(what: &str, longest: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < longest, "{what} did not happen within {longest:?}");
        std::thread::sleep(LOOK_EVERY);
    }
}
