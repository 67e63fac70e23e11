//! The point with the least sum of distances to the updates, by Weiszfeld's iteration, smoothed: RFA (Pillutla, Kakade,
//! Harchaoui, IEEE TSP 2022, algorithm 2).
//!
//! v ← Σ β_i x_i / Σ β_i with β_i = 1 / max(ν, ‖v - x_i‖), from the mean on. Breakdown: with fewer than half of the updates
//! corrupt v stays near the honest ones, whatever the dimension; with half or more it can be anything. The pull of a far
//! update has the length of anybody's: it is bounded, not removed.

use super::distances::from_point;
use super::{Influence, RobustRule, Updates};
use rayon::prelude::*;
use wardround_plan::{GeometricMedianConfig, RuleError};

/// Fewest updates: of two every point between them has the least sum.
const SITES_MIN: usize = 3;
/// Of ν: a pass that moves the point by less ends the iteration.
const STANDSTILL: f64 = 1e-3;
/// Coordinates that are averaged together.
const BLOCK: usize = 4096;

/// The smoothed geometric median.
#[derive(Debug, Clone, Copy)]
pub struct GeometricMedian {
    config: GeometricMedianConfig,
}

impl GeometricMedian {
    /// The rule with these settings.
    ///
    /// # Errors
    /// A setting out of its range.
    pub fn new(config: GeometricMedianConfig) -> Result<Self, RuleError> {
        config.check().map(|()| Self { config })
    }
}

impl RobustRule for GeometricMedian {
    fn sites_min(&self) -> usize {
        SITES_MIN
    }

    fn aggregate(&self, updates: &Updates<'_>, mean: &mut [f64]) -> Influence {
        let GeometricMedianConfig { smoothing, passes } = self.config;
        let mut shares = vec![1.0 / updates.len() as f64; updates.len()];
        weighted_mean(updates, &shares, mean);
        for _ in 0..passes {
            let inverse = |square: f64| 1.0 / square.sqrt().max(smoothing);
            let weights: Vec<f64> = from_point(updates, mean).into_iter().map(inverse).collect();
            let sum: f64 = weights.iter().sum();
            shares.iter_mut().zip(weights).for_each(|(share, weight)| *share = weight / sum);
            if weighted_mean(updates, &shares, mean).sqrt() <= STANDSTILL * smoothing {
                break;
            }
        }
        let mut weighted: Vec<(usize, f64)> =
            shares.into_iter().enumerate().map(|(n, s)| (updates.site(n), s)).collect();
        weighted.sort_unstable_by_key(|(site, _)| *site);
        Influence::Weighted(weighted)
    }
}

/// Writes Σ share_i x_i; gives the squared distance from what was there.
fn weighted_mean(updates: &Updates<'_>, shares: &[f64], mean: &mut [f64]) -> f64 {
    let block = |(block, out): (usize, &mut [f64])| {
        let (from, mut next) = (block * BLOCK, vec![0.0; out.len()]);
        for (update, share) in updates.iter().zip(shares) {
            let values = &update[from..from + out.len()];
            next.iter_mut().zip(values).for_each(|(sum, value)| *sum += share * f64::from(*value));
        }
        let moved = out.iter().zip(&next).map(|(old, new)| (new - old) * (new - old)).sum::<f64>();
        out.copy_from_slice(&next);
        moved
    };
    // Collected before they are added, so that the blocks' order is the same for any number of threads.
    mean.par_chunks_mut(BLOCK).enumerate().map(block).collect::<Vec<f64>>().iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::robust::combine;
    use crate::robust::testing::{check_rule, of};

    const CONFIG: GeometricMedianConfig = GeometricMedianConfig { smoothing: 1e-6, passes: 1000 };

    fn rule() -> GeometricMedian {
        GeometricMedian::new(CONFIG).expect("in range")
    }

    /// Fermat's point of the triangle (0,0), (1,0), (0,1): all three corners are seen at 120 degrees, at x = y = (3 - √3) / 6.
    #[test]
    fn it_is_fermats_point() {
        let got = of(&rule(), &[&[0.0, 0.0], &[1.0, 0.0], &[0.0, 1.0]]);
        let expected = (3.0 - 3.0f64.sqrt()) / 6.0;
        assert!((got[0] - expected).abs() < 1e-8 && (got[1] - expected).abs() < 1e-8, "{got:?} against {expected}");
    }

    #[test]
    fn a_corner_of_120_degrees_or_more_is_the_point_itself() {
        let got = of(&rule(), &[&[-1.0, 0.1], &[0.0, 0.0], &[1.0, 0.1]]);
        assert!(got.iter().all(|value| value.abs() < 1e-4), "{got:?}");
    }

    #[test]
    fn it_holds_below_one_half_and_breaks_beyond() {
        check_rule(&rule(), 7).holds_with(3).breaks_with(4);
        check_rule(&rule(), 3).holds_with(1).breaks_with(2);
        check_rule(&rule(), 4).holds_with(1).breaks_with(2);
    }

    #[test]
    fn the_shares_of_far_updates_are_small_and_add_up() {
        let list: [&[f32]; 4] = [&[1000.0], &[0.0], &[0.1], &[0.2]];
        let updates = Updates::new(&list).expect("good");
        let Ok(Influence::Weighted(shares)) = combine(&rule(), &updates, &mut [0.0]) else { panic!("shares") };
        assert!((shares.iter().map(|(_, share)| share).sum::<f64>() - 1.0).abs() < 1e-12);
        assert!(shares[0].0 == 0 && shares[0].1 < 1e-3, "{shares:?}");
    }

    #[test]
    fn settings_out_of_range_are_refused() {
        assert!(GeometricMedian::new(GeometricMedianConfig { smoothing: 0.0, ..CONFIG }).is_err());
        assert!(GeometricMedian::new(GeometricMedianConfig { passes: 0, ..CONFIG }).is_err());
        check_rule(&rule(), 2).is_refused();
    }
}
