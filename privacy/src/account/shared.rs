//! What may be claimed for noise that sites add in shares, when a patient is drawn by a coin in every step.
//!
//! One step releases the sum over sites of snapped, clipped sums, plus at least m shares. The shares of m honest sites are
//! fixed here; whatever else is in the sum (more shares, other sites' vectors) does not depend on the patient and is added
//! after them. So the mechanism is an integer vector plus noise Z of variance v, against the Gaussian of σ = √v / C_eff that
//! the ledger is charged for (`Mechanism::SampledGaussian`).
//!
//! # By Rényi divergence: a theorem at every whole order
//! With Q the law of Z and P that of Z + k for a patient's integer vector k, ‖k‖ ≤ C_eff: ln E_Q[(P/Q)^j] = (j-1) ε(j) is
//! bounded by Theorem 3.5 of Agarwal, Kairouz and Liu 2021 (Skellam), or by Prop. 14 of Kairouz, Liu and Steinke 2021. The
//! binomial expansion of ((1-q) + q P/Q)^a has positive coefficients, so their bounds bound the sampled release. The other
//! direction is no larger (Mironov, Talwar and Zhang 2019, Theorem 5): both laws are symmetric, so x → k - x maps the
//! integers onto themselves and exchanges P and Q. [`SharedNoise::sampled_rdp`] computes it; on the grid it is that of the
//! Gaussian to 10^-9 of σ (a test says so), and [`SharedNoise::missed_delta`] covers what is left.
//!
//! # By privacy loss distributions: a theorem with a number
//! Noise does not depend on data: all n = T d m draws of a study are one vector, of which everything released is a function,
//! with the data, the coins and earlier releases as its other arguments. Let L be ln of the likelihood ratio between that
//! vector and one that is exactly right: a *rounded* Gaussian of the same variance, for which the continuous accountant holds by
//! post-processing. If L > h has probability β at most, and -L > h under the other law too, then for any set S of results
//! P'(S) ≤ e^h P(S) + β and Q(S) ≤ e^h Q'(S) + β, so
//!   P'(S) - e^ε Q'(S) ≤ e^h (P(S) - e^(ε-2h) Q(S)) + (1 + e^ε) β,
//! and δ(ε - 2h) ≤ δ(ε) + e^(2h) - 1. Together: δ' ≤ δ + (e^(3h) - 1) + (1 + e^ε) β. Only β meets e^ε, and β falls
//! exponentially in h; a total variation distance in place of both would have e^ε times ½ √(T d / 24) / v.
//!
//! L is a sum of independent terms with
//! - **shape**, T d of them: to leading order γ/24 (t⁴ - 6t² + 3), t = x / √v, with γ the difference of the fourth
//!   cumulants over v²: (v + 1/120) / v² for Skellam and 1/120 / v² for a discrete Gaussian (Sheppard). Quadratic mean γ/√24,
//!   and at most 1150 γ for |t| ≤ 13. **Proven to leading order; the next is smaller by v, and the constants are checked
//!   against exact probabilities below.**
//! - **sampler**, one for each share: [`skellam::ERROR_TYPICAL`], [`skellam::ERROR_MAX`]; discrete Gaussians have none.
//! - **sum of discrete Gaussians**: τ a coordinate.
//!
//! h is Bernstein's inequality for them (Boucheron, Lugosi and Massart 2013, 2.10), with their mean, a divergence, below the
//! sum of twice their squares. Mass beyond 13 standard deviations and what the sampler cuts there is [`skellam::TAIL`] a draw.

use super::distributed::{Norms, tau};
use super::rdp::sampled_at_whole;
use crate::noise::skellam;
use crate::{Epsilon, SamplingRate, SharedNoise};
use wardround_plan::ShareLaw;

/// A tenth above 1/√24, for the orders behind the leading one.
const SHAPE_TYPICAL: f64 = 0.225;
/// (t⁴ - 6t² + 3) / 24 at t = 13 is 1148.
const SHAPE_MAX: f64 = 1150.0;
/// β e^ε = exp(-60) is below 10^-26.
const LOG_RARE: f64 = 60.0;
/// The most that the sum's rounding can be off by.
const ROUND_UP: f64 = 1.0 + 1e-9;

impl SharedNoise {
    /// An upper bound on ε(a) of one step at a whole order from 2, with every patient drawn at this rate.
    pub fn sampled_rdp(&self, rate: SamplingRate, order: u32) -> f64 {
        let norms = Norms::of(self.sensitivity(), self.entries() as f64);
        let variance = self.total_variance();
        let rdp = |a: f64| match self.law() {
            ShareLaw::Skellam => norms.skellam_rdp(variance, a),
            ShareLaw::DiscreteGaussian => norms.discrete_gaussian_rdp(variance, self.tau(), a),
        };
        sampled_at_whole(rate.get(), f64::from(order), |k| (k - 1.0) * rdp(k))
    }

    /// By how much δ at `epsilon` may be more than accountants say of `steps` charges
    /// `SampledGaussian` with the multiplier of this noise: an upper bound, to be taken from δ before the noise is calibrated.
    ///
    /// It is 1, which no plan can pay, where shares are so narrow (below 2^40) that nothing is claimed for them.
    pub fn missed_delta(&self, steps: u64, epsilon: Epsilon) -> f64 {
        let share = self.total_variance() / f64::from(self.honest().get());
        if share < skellam::ACCOUNTED_FROM {
            return 1.0;
        }
        let entries = steps as f64 * self.entries() as f64;
        let draws = entries * f64::from(self.honest().get());
        let log_inverse_rare = epsilon.get() + LOG_RARE;
        let ratio = self.log_ratio(entries, draws, log_inverse_rare);
        // Two sums, each with its β; where e^h does not fit into the third, nothing is left of δ anyway.
        let unlikely = 3.0 * (-log_inverse_rare).exp() + draws * skellam::TAIL;
        (((3.0 * ratio).exp_m1() + (1.0 + epsilon.get().exp()) * unlikely) * ROUND_UP).min(1.0)
    }

    /// h, which ln of the likelihood ratio of all noise exceeds with a probability of at most β.
    fn log_ratio(&self, entries: f64, draws: f64, log_inverse_rare: f64) -> f64 {
        let shape = self.shape();
        let (sampler_typical, sampler_max) = match self.law() {
            ShareLaw::Skellam => (skellam::ERROR_TYPICAL, skellam::ERROR_MAX),
            ShareLaw::DiscreteGaussian => (0.0, 0.0),
        };
        // A bound for each of the two sums; as both are of one form, so is what they add up to.
        let typical = SHAPE_TYPICAL * shape * entries.sqrt() + sampler_typical * draws.sqrt();
        let most = SHAPE_MAX * shape + sampler_max;
        let mean = 2.0 * typical * typical;
        mean + typical * (2.0 * log_inverse_rare).sqrt() + most * log_inverse_rare * 2.0 / 3.0 + entries * self.tau()
    }

    /// γ: how far the fourth cumulant is from a rounded Gaussian's, over the squared variance.
    fn shape(&self) -> f64 {
        let variance = self.total_variance();
        match self.law() {
            ShareLaw::Skellam => (variance + 1.0 / 120.0) / (variance * variance),
            ShareLaw::DiscreteGaussian => 1.0 / (120.0 * variance * variance),
        }
    }

    fn tau(&self) -> f64 {
        match self.law() {
            ShareLaw::Skellam => 0.0,
            ShareLaw::DiscreteGaussian => {
                let sites = self.honest().get();
                tau(self.total_variance() / f64::from(sites), sites)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ClipNorm, Mechanism, NoiseMultiplier, rdp};
    use std::num::NonZeroU32;

    const LAWS: [ShareLaw; 2] = [ShareLaw::Skellam, ShareLaw::DiscreteGaussian];

    fn noise(law: ShareLaw, sigma: f64, entries: usize, honest: u32) -> SharedNoise {
        let (clip, sigma) = (ClipNorm::new(0.7).expect("positive"), NoiseMultiplier::new(sigma).expect("positive"));
        let honest = NonZeroU32::new(honest).expect("at least one");
        SharedNoise::new(clip, sigma, entries, honest, law).expect("a grid")
    }

    #[test]
    fn sampled_release_costs_what_the_gaussian_costs() {
        let orders = (2..=12).chain([16, 32, 64, 128, 256, 512, 1024]);
        for order in orders {
            for (sigma, rate) in
                [(0.5, 1e-4), (0.8, 1e-3), (1.0, 0.01), (1.3, 0.1), (3.0, 0.5), (10.0, 0.9), (2.0, 1.0)]
            {
                let sampling_rate = SamplingRate::new(rate).expect("a rate");
                let narrower = NoiseMultiplier::new(sigma * (1.0 - 1e-9)).expect("positive");
                let gaussian =
                    rdp(Mechanism::SampledGaussian { noise_multiplier: narrower, sampling_rate }, order.into());
                for entries in [1, 100, 1_000_000, 100_000_000] {
                    for law in LAWS {
                        let ours = noise(law, sigma, entries, 7).sampled_rdp(sampling_rate, order);
                        assert!(
                            ours <= gaussian && ours > gaussian * (1.0 - 1e-5),
                            "{law:?}, order {order}, sigma {sigma}, rate {rate}, {entries} entries: {ours} and {gaussian}"
                        );
                    }
                }
            }
        }
    }

    /// With 2^29 steps in a standard deviation, no study of this size misses a thousandth of δ = 10^-6.
    #[test]
    fn what_is_missed_is_below_a_thousandth_of_delta() {
        for law in LAWS {
            for (sigma, honest) in [(0.3, 1), (1.0, 7), (4.0, 100), (1.0, 1000), (50.0, 1000)] {
                for (entries, steps) in [(1, 1), (10_000, 1_000), (30_000_000, 20_000), (100_000_000, 100_000)] {
                    for epsilon in [0.0, 1.0, 8.0, 20.0] {
                        let epsilon = Epsilon::new(epsilon).expect("an epsilon");
                        let missed = noise(law, sigma, entries, honest).missed_delta(steps, epsilon);
                        assert!(
                            missed > 0.0 && missed < 1e-9,
                            "{law:?}, {honest}, {entries}, {steps}, {epsilon}: {missed}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn more_is_missed_in_more_steps_and_entries_and_at_a_larger_epsilon() {
        let missed = |entries, steps, epsilon| {
            noise(ShareLaw::Skellam, 1.0, entries, 7).missed_delta(steps, Epsilon::new(epsilon).expect("an epsilon"))
        };
        let one = missed(10_000_000, 10_000, 1.0);
        let as_the_root = 1.9..2.0;
        assert!(as_the_root.contains(&(missed(10_000_000, 40_000, 1.0) / one)));
        assert!(as_the_root.contains(&(missed(40_000_000, 10_000, 1.0) / one)));
        // e^(3h) - 1, with h no less than the √(2 · 61) deviations that a normal sum would need.
        let variance = noise(ShareLaw::Skellam, 1.0, 10_000_000, 7).total_variance();
        let least = 3.0 * (2.0 * 61.0 * 1e11 / 24.0_f64).sqrt() / variance;
        assert!(one > least && one < 2.0 * least, "{one:e} and {least:e}");
        assert!(missed(10_000_000, 10_000, 20.0) > one);
        assert_eq!(missed(10_000_000, 10_000, 800.0), 1.0, "an epsilon without meaning has no small delta");
    }

    #[test]
    fn shares_too_narrow_to_be_accounted_for_miss_everything() {
        let epsilon = Epsilon::new(1.0).expect("an epsilon");
        assert_eq!(noise(ShareLaw::Skellam, 1.0, 1, 1 << 20).missed_delta(1, epsilon), 1.0);
    }

    /// P(k) of a Skellam distribution of an even variance, by a recurrence from above (Miller), from 0 to 13.1 deviations.
    fn skellam(variance: f64) -> Vec<f64> {
        let reach = (13.1 * variance.sqrt()) as usize;
        let mut values = vec![0.0; 3 * reach + 2];
        let last = values.len() - 2;
        values[last] = 1e-300;
        for k in (1..=last).rev() {
            values[k - 1] = values[k + 1] + 2.0 * k as f64 / variance * values[k];
            if values[k - 1] > 1e200 {
                values[k - 1..].iter_mut().for_each(|value| *value *= 1e-250);
            }
        }
        let total = values[0] + 2.0 * values[1..].iter().sum::<f64>();
        values.truncate(reach);
        values.iter().map(|value| value / total).collect()
    }

    /// Narrow noise and a large step of one patient, where nothing is near a Gaussian: E over the integers, term by term.
    #[test]
    fn sampled_skellam_is_within_the_theorem_in_both_directions() {
        for (variance, shift, rate) in [(20.0, 1_i64, 0.3), (20.0, 3, 0.05), (60.0, 4, 0.6)] {
            let half = skellam(variance);
            let without = |x: i64| half[x.unsigned_abs() as usize];
            let mixed = |x: i64| (1.0 - rate) * without(x) + rate * without(x - shift);
            let reach = half.len() as i64 - 1 - shift;
            let norms = Norms::of(shift as f64, 1.0);
            for order in 2..=8 {
                let a = f64::from(order);
                let of = |over: &dyn Fn(i64) -> f64, under: &dyn Fn(i64) -> f64| {
                    let terms = (-reach..=reach).map(|x| under(x) * (over(x) / under(x)).powi(order));
                    terms.sum::<f64>().ln() / (a - 1.0)
                };
                let (added, removed) = (of(&mixed, &without), of(&without, &mixed));
                let bound = sampled_at_whole(rate, a, |k| (k - 1.0) * norms.skellam_rdp(variance, k));
                assert!(removed <= added * (1.0 + 1e-9), "v = {variance}, order {order}: {removed} and {added}");
                assert!(added <= bound, "v = {variance}, order {order}: {added} is more than {bound}");
                // The theorem is loose by about 1 + 1/v, and more in high orders.
                assert!(added > 0.6 * bound, "v = {variance}, order {order}: {added} is far below {bound}");
            }
        }
    }

    /// The constants of the shape, from exact probabilities and not from their leading order.
    #[test]
    fn likelihood_ratio_to_the_rounded_gaussian_is_within_its_constants() {
        for variance in [400.0, 2_000.0, 10_000.0] {
            let shape = (variance + 1.0 / 120.0) / (variance * variance);
            let deviation = (variance - 1.0 / 12.0_f64).sqrt();
            let upper = |x: f64| 0.5 * libm::erfc(x / deviation / std::f64::consts::SQRT_2);
            let (mut of_skellam, mut of_gaussian, mut largest) = (0.0_f64, 0.0_f64, 0.0_f64);
            for (k, probability) in skellam(variance).iter().enumerate() {
                let (twice, k) = (if k == 0 { 1.0 } else { 2.0 }, k as f64);
                let cell = upper(k - 0.5) - upper(k + 0.5);
                let ratio = (probability / cell).ln();
                of_skellam += twice * probability * ratio * ratio;
                of_gaussian += twice * cell * ratio * ratio;
                if k <= 13.0 * variance.sqrt() {
                    largest = largest.max(ratio.abs());
                }
            }
            let typical = of_skellam.max(of_gaussian).sqrt() / shape;
            assert!((0.19..=SHAPE_TYPICAL).contains(&typical), "v = {variance}: {typical}");
            let largest = largest / shape;
            assert!((700.0..=SHAPE_MAX).contains(&largest), "v = {variance}: {largest}");
        }
    }
}
