//! Small releases, by OpenDP: counts, histograms, means and sums of bits. The only file that names that library.
//!
//! Its samplers are exact and proven, draw from OpenSSL's generator (seeded by the operating system, nothing to pass in),
//! and make some 10^5 draws a second: right for tens of numbers, not for a network's millions. Measurements are not
//! `Send`, so each is made and used inside one function. Everything released here is an integer, so no property of
//! floating point is in any price.
//!
//! A price is asked for first (`*_charges`), debited, and only then is the release drawn; the release carries the same
//! charges for the record. One patient is in one bin, has one value, or one bit.

use crate::{Charge, Confidence, LaplaceScale, Mechanism, NoiseMultiplier};
use opendp::domains::{AtomDomain, VectorDomain};
use opendp::measurements::{make_gaussian, make_laplace};
use opendp::measures::{MaxDivergence, ZeroConcentratedDivergence};
use opendp::metrics::{L1Distance, L2Distance};

/// A released value and what it cost.
#[derive(Debug, Clone, PartialEq)]
pub struct Noisy<T> {
    /// With noise: free to use, whatever is done to it.
    pub value: T,
    /// What the ledger must have been charged before.
    pub charges: Vec<Charge>,
}

/// The range that values are known to lie in, before any is seen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    lower: f64,
    upper: f64,
}

/// A small release that cannot be made.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SmallReleaseError {
    /// More patients than integers can be noised without saturating.
    #[error("a count of {count} is more than can be noised; at most {COUNT_MAX}")]
    TooMany {
        /// The count.
        count: u64,
    },
    /// Bounds that hold nothing.
    #[error("bounds from {lower} to {upper} hold no values; write two finite numbers, the smaller one first")]
    Bounds {
        /// The first.
        lower: f64,
        /// The second.
        upper: f64,
    },
    /// OpenDP refused, for example because OpenSSL had no entropy.
    #[error("OpenDP made no release: {0}")]
    Refused(String),
}

/// Beyond any hospital, and far from where i64 saturates.
const COUNT_MAX: u64 = 1 << 48;
/// A value is one of so many and one steps of its range. Rounding to them costs a mean less than its noise does.
const VALUE_STEPS: u32 = 1000;

/// What a histogram (or a count, a histogram of one bin) costs, however many bins it has: one patient's presence changes one
/// bin by one. That exchanging her for another changes two is the accountants' part.
pub fn histogram_charges(scale: LaplaceScale) -> Vec<Charge> {
    vec![once(Mechanism::DiscreteLaplace { scale, sensitivity: 1 })]
}

/// Each count with discrete Laplace noise, P(x) ∝ exp(-|x| / scale). Noisy counts may be negative; clamp them for people.
///
/// # Errors
/// [`SmallReleaseError`]; then nothing was released.
pub fn noisy_histogram(counts: &[u64], scale: LaplaceScale) -> Result<Noisy<Vec<i64>>, SmallReleaseError> {
    let counts = counts.iter().map(|count| countable(*count)).collect::<Result<Vec<_>, _>>()?;
    Ok(Noisy { value: with_laplace(&counts, scale)?, charges: histogram_charges(scale) })
}

/// How many there are, with discrete Laplace noise.
///
/// # Errors
/// [`SmallReleaseError`]; then nothing was released.
pub fn noisy_count(count: u64, scale: LaplaceScale) -> Result<Noisy<i64>, SmallReleaseError> {
    let histogram = noisy_histogram(&[count], scale)?;
    Ok(Noisy { value: histogram.value.iter().sum(), charges: histogram.charges })
}

/// What a mean costs under either adjacency: a sum of values and a count, each with noise of `scale` times what one patient
/// changes at most.
///
/// # Errors
/// [`SmallReleaseError::Refused`] for a scale that is not finite when multiplied.
pub fn mean_charges(scale: LaplaceScale) -> Result<Vec<Charge>, SmallReleaseError> {
    let sum = Mechanism::DiscreteLaplace { scale: sum_scale(scale)?, sensitivity: VALUE_STEPS };
    Ok(vec![once(sum), once(Mechanism::DiscreteLaplace { scale, sensitivity: 1 })])
}

/// The mean of one value of each patient. Values outside the bounds are moved to the nearer one, and NaN to the lower.
/// The result lies within the bounds; with few patients it may say nothing.
///
/// # Errors
/// [`SmallReleaseError`]; then nothing was released.
pub fn noisy_mean(values: &[f64], bounds: Bounds, scale: LaplaceScale) -> Result<Noisy<f64>, SmallReleaseError> {
    let count = countable(values.len() as u64)?;
    let sum: i64 = values.iter().map(|value| bounds.steps(*value)).sum();
    let noisy_sum: i64 = with_laplace(&[sum], sum_scale(scale)?)?.iter().sum();
    let noisy_count: i64 = with_laplace(&[count], scale)?.iter().sum();
    let share = noisy_sum as f64 / (noisy_count.max(1) as f64 * f64::from(VALUE_STEPS));
    Ok(Noisy { value: bounds.at(share.clamp(0.0, 1.0)), charges: mean_charges(scale)? })
}

/// What a sum of bits costs.
pub fn bits_charges(sigma: NoiseMultiplier) -> Vec<Charge> {
    vec![once(Mechanism::DiscreteGaussian { sigma, sensitivity: 1 })]
}

/// How many bits are set, with discrete Gaussian noise: for quantiles that are followed over many rounds, where Gaussians
/// add up more cheaply.
///
/// # Errors
/// [`SmallReleaseError`]; then nothing was released.
pub fn noisy_bits(bits: &[bool], sigma: NoiseMultiplier) -> Result<Noisy<i64>, SmallReleaseError> {
    let set = countable(bits.iter().filter(|bit| **bit).count() as u64)?;
    Ok(Noisy { value: with_gaussian(&[set], sigma)?.iter().sum(), charges: bits_charges(sigma) })
}

/// The half-width of an interval around a noisy count that holds the true one with this confidence: the least w with
/// P(|X| ≤ w) ≥ `confidence`, exactly. It depends on no data, and is printed before anything is released.
pub fn half_width(scale: LaplaceScale, confidence: Confidence) -> f64 {
    let missed = 1.0 - confidence.get();
    // P(|X| > w) = 2 p^(w+1) / (1 + p) with p = exp(-1 / scale).
    let beyond = |w: f64| 2.0 * (-(w + 1.0) / scale.get()).exp() / (1.0 + (-1.0 / scale.get()).exp());
    let solved = scale.get() * (beyond(-1.0) / missed).ln() - 1.0;
    let width = solved.ceil().max(0.0);
    // The logarithm may have been rounded across an integer.
    if beyond(width) <= missed { width } else { width + 1.0 }
}

impl Bounds {
    /// From the smaller to the larger.
    ///
    /// # Errors
    /// [`SmallReleaseError::Bounds`].
    pub fn new(lower: f64, upper: f64) -> Result<Self, SmallReleaseError> {
        if lower < upper && (upper - lower).is_finite() {
            Ok(Self { lower, upper })
        } else {
            Err(SmallReleaseError::Bounds { lower, upper })
        }
    }

    /// Where a value lies, from 0 to `VALUE_STEPS`; NaN becomes 0 by the cast.
    fn steps(&self, value: f64) -> i64 {
        let share = (value.clamp(self.lower, self.upper) - self.lower) / (self.upper - self.lower);
        (share * f64::from(VALUE_STEPS)).round() as i64
    }

    fn at(&self, share: f64) -> f64 {
        self.lower + share * (self.upper - self.lower)
    }
}

fn once(mechanism: Mechanism) -> Charge {
    Charge { mechanism, times: 1 }
}

fn sum_scale(scale: LaplaceScale) -> Result<LaplaceScale, SmallReleaseError> {
    LaplaceScale::new(scale.get() * f64::from(VALUE_STEPS))
        .map_err(|error| SmallReleaseError::Refused(error.to_string()))
}

fn countable(count: u64) -> Result<i64, SmallReleaseError> {
    let too_many = SmallReleaseError::TooMany { count };
    if count > COUNT_MAX { Err(too_many) } else { i64::try_from(count).map_err(|_| too_many) }
}

fn with_laplace(integers: &[i64], scale: LaplaceScale) -> Result<Vec<i64>, SmallReleaseError> {
    let domain = VectorDomain::new(AtomDomain::<i64>::default());
    make_laplace::<_, _, MaxDivergence>(domain, L1Distance::<i64>::default(), scale.get(), None)
        .and_then(|measurement| measurement.invoke(&integers.to_vec()))
        .map_err(|error| SmallReleaseError::Refused(error.to_string()))
}

fn with_gaussian(integers: &[i64], sigma: NoiseMultiplier) -> Result<Vec<i64>, SmallReleaseError> {
    let domain = VectorDomain::new(AtomDomain::<i64>::default());
    make_gaussian::<_, _, ZeroConcentratedDivergence>(domain, L2Distance::<i64>::default(), sigma.get(), None)
        .and_then(|measurement| measurement.invoke(&integers.to_vec()))
        .map_err(|error| SmallReleaseError::Refused(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::testing::chi_squared_limit;
    use crate::{DiscreteGaussian, NoiseStreams, SimulatedNoise};
    use std::collections::BTreeMap;
    use wardround_plan::StreamKey;

    fn scale(value: f64) -> LaplaceScale {
        LaplaceScale::new(value).expect("positive")
    }

    fn sigma(value: f64) -> NoiseMultiplier {
        NoiseMultiplier::new(value).expect("positive")
    }

    fn binned(draws: &[i64], width: i64) -> BTreeMap<i64, f64> {
        let mut bins = BTreeMap::new();
        draws.iter().for_each(|draw| *bins.entry(draw.div_euclid(width)).or_default() += 1.0);
        bins
    }

    /// OpenDP's sampler is the oracle of ours. It draws from the operating system, so this test is not repeatable: the
    /// two-sample chi-square statistic passes its limit by chance less than once in 10^9 runs.
    #[test]
    fn our_discrete_gaussian_is_that_of_opendp() {
        for (parameter, width, count) in
            [(1, 1, 100_000), (5, 1, 100_000), (1000, 250, 200_000), (1 << 20, 1 << 18, 60_000)]
        {
            let theirs = with_gaussian(&vec![0; count], sigma(parameter as f64)).expect("entropy");
            let mut ours = vec![0; 5 * count];
            let mut streams = SimulatedNoise::new(&StreamKey::from_public_seed(9), "oracle").take(1).expect("streams");
            // 11/12 and the 1/12 that `at_least` adds.
            let sampler = DiscreteGaussian::at_least(parameter as f64 - 0.1).expect("in range");
            assert_eq!(sampler.sigma(), parameter as u64);
            sampler.fill(&mut streams[0], &mut ours);
            let (ours, theirs) = (binned(&ours, width), binned(&theirs, width));
            let ratio = 5.0_f64.sqrt();
            let mut statistic = 0.0;
            let mut cells = 0.0;
            // Cells with too few for the statistic's distribution to be chi-square are left to the tests of tails.
            for (bin, mine) in ours.iter().filter(|(_, mine)| **mine >= 100.0) {
                let other = theirs.get(bin).copied().unwrap_or(0.0);
                statistic += (mine / ratio - other * ratio).powi(2) / (mine + other);
                cells += 1.0;
            }
            assert!(statistic < chi_squared_limit(cells), "s = {parameter}: {statistic} in {cells} cells");
        }
    }

    #[test]
    fn noise_of_a_histogram_is_discrete_laplace() {
        const BINS: usize = 100_000;
        for parameter in [0.5, 3.0] {
            let noisy = noisy_histogram(&vec![7; BINS], scale(parameter)).expect("entropy").value;
            let p = (-1.0 / parameter).exp();
            let cell = |x: i64| {
                let expected = BINS as f64 * (1.0 - p) / (1.0 + p) * p.powi(x.unsigned_abs() as i32);
                let seen = noisy.iter().filter(|count| **count - 7 == x).count() as f64;
                (seen - expected).powi(2) / expected
            };
            let reach = (3.0 * parameter) as i64;
            let statistic: f64 = (-reach..=reach).map(cell).sum();
            assert!(statistic < chi_squared_limit((2 * reach + 1) as f64), "{parameter}: {statistic}");
        }
    }

    #[test]
    fn half_width_is_the_least_that_covers() {
        for parameter in [0.1, 0.5, 1.0, 2.7, 40.0] {
            let p = (-1.0_f64 / parameter).exp();
            for confidence in [0.01, 0.5, 0.9, 0.95, 0.999, 1.0 - 1e-12] {
                let width = half_width(scale(parameter), Confidence::new(confidence).expect("inside"));
                let covered = |w: f64| 1.0 - 2.0 * p.powf(w + 1.0) / (1.0 + p);
                assert!(covered(width) >= confidence - 1e-15, "{parameter}, {confidence}: {width} is too narrow");
                assert!(
                    width == 0.0 || covered(width - 1.0) < confidence,
                    "{parameter}, {confidence}: {width} is too wide"
                );
            }
        }
        let known = half_width(scale(10.0), Confidence::new(0.95).expect("inside"));
        assert_eq!(known, 30.0, "2 p^31 / (1 + p) = 0.04729, 2 p^30 / (1 + p) = 0.05226 with p = exp(-0.1)");
    }

    #[test]
    fn prices_are_those_that_opendp_states() {
        let domain = || VectorDomain::new(AtomDomain::<i64>::default());
        let laplace =
            make_laplace::<_, _, MaxDivergence>(domain(), L1Distance::<i64>::default(), 4.0, None).expect("made");
        assert_eq!(laplace.map(&1).expect("a price"), 0.25);
        assert_eq!(
            histogram_charges(scale(4.0)),
            [once(Mechanism::DiscreteLaplace { scale: scale(4.0), sensitivity: 1 })]
        );
        let gaussian =
            make_gaussian::<_, _, ZeroConcentratedDivergence>(domain(), L2Distance::<i64>::default(), 2.0, None)
                .expect("made");
        assert_eq!(gaussian.map(&1).expect("a price"), 0.125);
        assert_eq!(bits_charges(sigma(2.0)), [once(Mechanism::DiscreteGaussian { sigma: sigma(2.0), sensitivity: 1 })]);
    }

    #[test]
    fn mean_is_within_its_bounds_and_near_the_truth() {
        let bounds = Bounds::new(-1.0, 3.0).expect("in order");
        let values: Vec<f64> = (0..10_000).map(|index| f64::from(index % 5) - 1.0).collect();
        let mean = noisy_mean(&values, bounds, scale(2.0)).expect("entropy");
        // Off by 0.01 means 25 scales of either noise: a chance of e^-25 at most, and twice that for the two.
        assert!((mean.value - 1.0).abs() < 0.02, "{}", mean.value);
        assert_eq!(mean.charges, mean_charges(scale(2.0)).expect("a scale"));
        let wild = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300];
        assert_eq!(wild.map(|value| bounds.steps(value)), [0, 1000, 0, 1000]);
        let empty = noisy_mean(&[], bounds, scale(2.0)).expect("entropy").value;
        assert!((-1.0..=3.0).contains(&empty), "nobody has no mean, and that is not shown: {empty}");
    }

    #[test]
    fn counts_and_bits_are_near_the_truth() {
        // 60 scales, 15 standard deviations.
        let count = noisy_count(1000, scale(1.0)).expect("entropy");
        assert!((count.value - 1000).abs() < 60, "{}", count.value);
        let bits = noisy_bits(&[true, false, true, true], sigma(2.0)).expect("entropy");
        assert!((bits.value - 3).abs() < 30, "{}", bits.value);
    }

    #[test]
    fn bounds_and_counts_that_make_no_sense_are_refused() {
        for (lower, upper) in [(1.0, 1.0), (2.0, 1.0), (f64::NAN, 1.0), (0.0, f64::INFINITY), (f64::MIN, f64::MAX)] {
            assert!(matches!(Bounds::new(lower, upper), Err(SmallReleaseError::Bounds { .. })), "{lower} to {upper}");
        }
        assert_eq!(noisy_count(COUNT_MAX + 1, scale(1.0)), Err(SmallReleaseError::TooMany { count: COUNT_MAX + 1 }));
        assert!(noisy_histogram(&[], scale(1.0)).expect("entropy").value.is_empty());
    }
}
