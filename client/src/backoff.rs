//! How long to wait before trying again: full jitter, so that sites do not come back all at once.

use rand::{Rng, RngExt as _};
use std::time::Duration;

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);
/// Doublings after which [`LONGEST`] is reached, whatever `FIRST` is.
const DOUBLINGS_MAX: u32 = 16;

/// Failures in a row.
#[derive(Debug, Clone, Default)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// Notes one more failure; gives the wait before the next try, even between zero and 1 s, 2 s, 4 s ... 60 s.
    pub fn failed(&mut self, rng: &mut impl Rng) -> Duration {
        let longest = FIRST.saturating_mul(1 << self.failures.min(DOUBLINGS_MAX)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        longest.mul_f64(rng.random::<f64>())
    }

    /// Notes a success: the next failure waits short again.
    pub fn succeeded(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    #[test]
    fn waits_are_spread_below_a_doubling_bound_and_start_again_after_success() {
        for seed in 0..200 {
            let mut rng = StdRng::seed_from_u64(seed);
            let mut backoff = Backoff::default();
            for bound in [1, 2, 4, 8, 16, 32, 60, 60] {
                assert!(backoff.failed(&mut rng) <= Duration::from_secs(bound), "seed {seed}");
            }
            backoff.succeeded();
            assert!(backoff.failed(&mut rng) <= FIRST, "seed {seed}");
        }
    }

    #[test]
    fn waits_use_the_whole_bound() {
        let mut rng = StdRng::seed_from_u64(7);
        let waits: Vec<_> = (0..1000).map(|_| Backoff { failures: 40 }.failed(&mut rng)).collect();
        let mean = waits.iter().sum::<Duration>() / 1000;
        // Uniform on 0 to 60 s: the mean of 1000 is within 30 +- 2.5 s but for one seed in 10^5.
        assert!(mean.abs_diff(LONGEST / 2) < Duration::from_millis(2500), "{mean:?}");
    }
}
