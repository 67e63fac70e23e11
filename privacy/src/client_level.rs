//! DP-FedAvg (McMahan, Ramage, Talwar and Zhang 2018): the whole update of one site is the unit of privacy.
//!
//! Each site takes part in a round by a coin of probability q ([`crate::PoissonSample`]). Its whole update is clipped to
//! C, the clipped updates are summed, Gaussian noise of σ C is added to the sum once, and the result is divided by the
//! expected number of sites q n, never by the number there was. With a quantile the clip norm follows it
//! ([`AdaptiveClip`]), at the same cost. Whoever sums sees the updates before the noise, and has to be trusted with them;
//! and with a handful of sites the noise is larger than what they agree on. It is meant for many.

use crate::adaptive_clip::{AdaptiveClip, Bits};
use crate::noise::{CONTRIBUTIONS_MAX, NoiseError, NoiseStreams, SumNoise};
use crate::{Charge, Clip, ClipNorm, Mechanism, NoiseMultiplier, Quantile, Reach, SamplingRate, UnitError};
use wardround_plan::{ClipKind, NoiseKind};

/// What is fixed for a study before its first round.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClientLevel {
    /// σ of a round, for updates and quantile bits together.
    pub noise_multiplier: NoiseMultiplier,
    /// q
    pub sampling_rate: SamplingRate,
    /// n: sites that may take part. Public.
    pub sites: usize,
    /// How noise is drawn.
    pub kind: NoiseKind,
    /// The quantile of the norms that the clip norm follows; without one it stays.
    pub clip_quantile: Option<Quantile>,
}

/// One round, while updates come in. It holds their sum and how many were within the clip norm.
#[derive(Debug)]
pub struct ClientRound {
    terms: ClientLevel,
    clip: ClipNorm,
    sum: Vec<f64>,
    bits: Bits,
}

/// What a round gives out; all of it has noise.
#[derive(Debug, Clone, PartialEq)]
pub struct ClientStep {
    /// The mean update, to be added to the model.
    pub mean: Vec<f64>,
    /// The clip norm of the next round.
    pub next_clip: ClipNorm,
}

/// An update or a round that cannot be noised.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ClientLevelError {
    /// An update of another model.
    #[error("an update has {found} weights, the model {expected}")]
    Length {
        /// Of the model.
        expected: usize,
        /// Of the update.
        found: usize,
    },
    /// More updates than sites, or than a sum is made for.
    #[error("{most} updates have been summed, and no more can be")]
    TooMany {
        /// How many there can be.
        most: usize,
    },
    /// The noise cannot be split between updates and quantile bits.
    #[error(transparent)]
    Split(#[from] UnitError),
    /// The noise could not be made.
    #[error(transparent)]
    Noise(#[from] NoiseError),
}

impl ClientLevel {
    /// What each round costs each site.
    pub fn charge(&self) -> Charge {
        let (noise_multiplier, sampling_rate) = (self.noise_multiplier, self.sampling_rate);
        Charge { mechanism: Mechanism::SampledGaussian { noise_multiplier, sampling_rate }, times: 1 }
    }

    /// q n, by which sums are divided.
    pub fn expected_sites(&self) -> f64 {
        self.sampling_rate.get() * self.sites as f64
    }

    /// A round for a model of `weights` weights.
    pub fn open(&self, clip: ClipNorm, weights: usize) -> ClientRound {
        ClientRound { terms: *self, clip, sum: vec![0.0; weights], bits: Bits::default() }
    }

    fn adaptive_clip(&self) -> Result<Option<AdaptiveClip>, UnitError> {
        let clip = |quantile| AdaptiveClip::new(quantile, self.expected_sites(), self.noise_multiplier);
        self.clip_quantile.map(clip).transpose()
    }
}

impl ClientRound {
    /// Clips one site's whole update and adds it. An update that is not finite counts as zero.
    ///
    /// # Errors
    /// [`ClientLevelError::Length`] and [`ClientLevelError::TooMany`]; the round goes on without it.
    pub fn add(&mut self, mut update: Vec<f32>) -> Result<(), ClientLevelError> {
        if update.len() != self.sum.len() {
            return Err(ClientLevelError::Length { expected: self.sum.len(), found: update.len() });
        }
        let most = self.terms.sites.min(CONTRIBUTIONS_MAX);
        if self.bits.within as usize + self.bits.beyond as usize >= most {
            return Err(ClientLevelError::TooMany { most });
        }
        match (Clip { norm: self.clip, kind: ClipKind::Flat }).apply(&mut update) {
            Reach::Within => self.bits.within += 1,
            Reach::Beyond => self.bits.beyond += 1,
        }
        self.sum.iter_mut().zip(update).for_each(|(sum, x)| *sum += f64::from(x));
        Ok(())
    }

    /// Adds the noise, once, and takes the mean over the expected number of sites.
    ///
    /// # Errors
    /// [`ClientLevelError::Split`] and [`ClientLevelError::Noise`]; then nothing was released.
    pub fn close(self, streams: &mut impl NoiseStreams) -> Result<ClientStep, ClientLevelError> {
        let ClientLevel { noise_multiplier, kind, .. } = self.terms;
        let adaptive = self.terms.adaptive_clip()?;
        let noise_multiplier = adaptive.map_or(noise_multiplier, |adaptive| adaptive.contributions());
        let noise = SumNoise { clip: self.clip, noise_multiplier, kind };
        let mut mean = noise.add_to(&self.sum, streams)?;
        let expected = self.terms.expected_sites();
        mean.iter_mut().for_each(|x| *x /= expected);
        let next_clip = match adaptive {
            Some(adaptive) => adaptive.next(self.clip, self.bits, streams)?,
            None => self.clip,
        };
        Ok(ClientStep { mean, next_clip })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PoissonSample, SimulatedNoise};
    use wardround_plan::StreamKey;

    fn terms(clip_quantile: Option<f64>) -> ClientLevel {
        ClientLevel {
            noise_multiplier: NoiseMultiplier::new(1.5).expect("positive"),
            sampling_rate: SamplingRate::new(0.25).expect("a rate"),
            sites: 400,
            kind: NoiseKind::Fast,
            clip_quantile: clip_quantile.map(|quantile| Quantile::new(quantile).expect("inside")),
        }
    }

    fn streams(seed: u64) -> SimulatedNoise {
        SimulatedNoise::new(&StreamKey::from_public_seed(seed), "client level")
    }

    fn clip(norm: f64) -> ClipNorm {
        ClipNorm::new(norm).expect("positive")
    }

    fn norm(values: &[f64]) -> f64 {
        values.iter().map(|x| x * x).sum::<f64>().sqrt()
    }

    #[test]
    fn one_site_moves_the_sum_by_the_clip_norm_at_most() {
        for length in [1e-3_f32, 1.0, 1e6, f32::MAX] {
            let mut round = terms(None).open(clip(0.7), 50);
            round.add(vec![0.01; 50]).expect("fits");
            let before = round.sum.clone();
            round.add((0..50).map(|index| length * (index as f32).cos()).collect()).expect("fits");
            let moved: Vec<f64> = round.sum.iter().zip(before).map(|(after, before)| after - before).collect();
            assert!(norm(&moved) <= 0.7 * (1.0 + 1e-12), "{length}: {}", norm(&moved));
        }
    }

    #[test]
    fn an_update_that_is_not_finite_counts_as_zero_and_as_beyond() {
        let mut round = terms(None).open(clip(1.0), 2);
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            round.add(vec![1.0, bad]).expect("counted");
        }
        assert_eq!((round.sum, round.bits), (vec![0.0; 2], Bits { within: 0, beyond: 3 }));
    }

    /// Six standard deviations of the chi-square over 200 000 draws: wrong by chance for one seed in 5 · 10^8.
    #[test]
    fn noise_is_the_multiplier_over_the_expected_number_even_in_an_empty_round() {
        const WEIGHTS: usize = 200_000;
        for quantile in [None, Some(0.5)] {
            let terms = terms(quantile);
            let step = terms.open(clip(0.3), WEIGHTS).close(&mut streams(1)).expect("noised");
            let multiplier =
                terms.adaptive_clip().expect("a split").map_or(1.5, |adaptive| adaptive.contributions().get());
            let claimed = multiplier * 0.3 / 100.0;
            let statistic: f64 = step.mean.iter().map(|x| (x / claimed).powi(2)).sum();
            // The grid's share of the sensitivity, 1.3e-4 at most, is more noise than claimed.
            let n = WEIGHTS as f64;
            assert!((statistic - n).abs() < 6.0 * (2.0 * n).sqrt() + 3e-4 * n, "{quantile:?}: {}", statistic / n);
        }
    }

    #[test]
    fn clip_norm_reaches_the_quantile_of_the_norms() {
        let terms = terms(Some(0.8));
        let mut streams = streams(2);
        let mut clip = clip(0.01);
        let mut late = Vec::new();
        for round in 0..150 {
            let mut sums = terms.open(clip, 3);
            for site in PoissonSample::draw(terms.sites, terms.sampling_rate, &mut streams).expect("drawn") {
                // Norms spread evenly over 1 to 5: the quantile 0.8 is 4.2.
                sums.add(vec![1.0 + 4.0 * site as f32 / 400.0, 0.0, 0.0]).expect("fits");
            }
            clip = sums.close(&mut streams).expect("noised").next_clip;
            if round >= 100 {
                late.push(clip.get());
            }
        }
        let mean = late.iter().sum::<f64>() / late.len() as f64;
        assert!((mean - 4.2).abs() < 0.2, "{mean}");
    }

    #[test]
    fn mean_is_over_the_expected_number() {
        let terms = ClientLevel { noise_multiplier: NoiseMultiplier::new(1e-6).expect("positive"), ..terms(None) };
        let mut round = terms.open(clip(10.0), 1);
        (0..37).for_each(|_| round.add(vec![2.0]).expect("fits"));
        let step = round.close(&mut streams(3)).expect("noised");
        assert!((step.mean[0] - 0.74).abs() < 1e-5, "37 times 2 over 100, not over 37: {}", step.mean[0]);
        assert_eq!(step.next_clip, clip(10.0));
    }

    #[test]
    fn updates_that_do_not_fit_are_refused() {
        let mut round = ClientLevel { sites: 2, ..terms(None) }.open(clip(1.0), 2);
        assert_eq!(round.add(vec![0.0]), Err(ClientLevelError::Length { expected: 2, found: 1 }));
        round.add(vec![0.0; 2]).expect("the first");
        round.add(vec![0.0; 2]).expect("the second");
        assert_eq!(round.add(vec![0.0; 2]), Err(ClientLevelError::TooMany { most: 2 }));
    }

    #[test]
    fn a_round_costs_one_sampled_gaussian() {
        let terms = terms(Some(0.5));
        let (noise_multiplier, sampling_rate) = (terms.noise_multiplier, terms.sampling_rate);
        let mechanism = Mechanism::SampledGaussian { noise_multiplier, sampling_rate };
        assert_eq!(terms.charge(), Charge { mechanism, times: 1 });
    }
}
