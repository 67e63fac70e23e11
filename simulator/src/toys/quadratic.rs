//! Least squares with a known answer: site i pulls every weight to its own target, with its own strength.
//!
//! F(w) = Σ_i h_i ‖w - t_i‖² / 2 has its minimum at Σ h_i t_i / Σ h_i, whatever the algorithm. FedAvg with several local steps
//! ends elsewhere where the h_i differ (Wang et al. 2020, FedNova, section 3): each site has moved a part of its own way.

use super::zeros;
use crate::{Job, Labels, LocalWork, Report, SiteNumber, WorkError};
use rand_chacha::rand_core::Rng;
use wardround_plan::{Digest, Purpose, RoundNumber, StreamKey, Weights};
use wardround_strategy::{Correction, Effort};

/// The sites' problems, drawn from a seed.
#[derive(Debug, Clone, PartialEq)]
pub struct Quadratic {
    /// t_i and h_i
    sites: Vec<(f32, f32)>,
    weights: usize,
    local_steps: u32,
    learning_rate: f32,
}

/// Numbers with which descent does not converge.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("a quadratic needs sites, weights and a learning rate in 0 to 0.5; got {sites}, {weights} and {learning_rate}")]
pub struct QuadraticError {
    sites: u32,
    weights: usize,
    learning_rate: f32,
}

impl Quadratic {
    /// Problems of `sites` sites with targets in [-1, 1] and strengths in [0.5, 2].
    ///
    /// # Errors
    /// [`QuadraticError`]
    pub fn new(
        seed: u64,
        sites: u32,
        weights: usize,
        local_steps: u32,
        learning_rate: f32,
    ) -> Result<Self, QuadraticError> {
        if sites == 0 || weights == 0 || !(learning_rate > 0.0 && learning_rate <= 0.5) {
            return Err(QuadraticError { sites, weights, learning_rate });
        }
        let keys = StreamKey::from_public_seed(seed).derive("quadratic");
        let site = |site: u32| {
            let mut stream = keys.stream(Purpose::Phantom, RoundNumber::FIRST, u64::from(site));
            let [target, strength] = std::array::from_fn(|_| stream.next_u32() as f32 / u32::MAX as f32);
            (2.0 * target - 1.0, 0.5 + 1.5 * strength)
        };
        Ok(Self { sites: (0..sites).map(site).collect(), weights, local_steps, learning_rate })
    }

    /// Where F is smallest.
    pub fn minimum(&self) -> f64 {
        let sums = self.sites.iter().fold((0.0, 0.0), |(above, below), (target, strength)| {
            (above + f64::from(*strength) * f64::from(*target), below + f64::from(*strength))
        });
        sums.0 / sums.1
    }

    /// Where FedAvg over all sites ends: each site moves 1 - (1 - ηh)^K of its way, and these are the weights.
    pub fn fedavg_limit(&self) -> f64 {
        let moved = |strength: f32| {
            1.0 - (1.0 - f64::from(self.learning_rate) * f64::from(strength)).powi(self.local_steps as i32)
        };
        let sums = self.sites.iter().fold((0.0, 0.0), |(above, below), (target, strength)| {
            (above + moved(*strength) * f64::from(*target), below + moved(*strength))
        });
        sums.0 / sums.1
    }

    fn score(&self, target: f32, strength: f32, weights: &[f32]) -> f64 {
        let square = |weight: &f32| f64::from(weight - target).powi(2);
        -0.5 * f64::from(strength) * weights.iter().map(square).sum::<f64>() / self.weights as f64
    }

    fn site(&self, site: SiteNumber) -> Result<(f32, f32), WorkError> {
        let known = || WorkError(format!("the quadratic has {} sites, and no site {site}", self.sites.len()));
        self.sites.get(site.place()).copied().ok_or_else(known)
    }
}

impl LocalWork for Quadratic {
    /// Room for a gradient.
    type Worker = Vec<f32>;

    fn worker(&self) -> Result<Vec<f32>, WorkError> {
        Ok(Vec::new())
    }

    fn train(
        &self,
        gradient: &mut Vec<f32>,
        job: &Job<'_>,
        weights: &mut [f32],
        correction: &Correction<'_>,
    ) -> Result<Report, WorkError> {
        let (target, strength) = self.site(job.site)?;
        let target = if job.labels == Labels::Flipped { -target } else { target };
        gradient.resize(weights.len(), 0.0);
        for _ in 0..self.local_steps {
            let slopes = gradient.iter_mut().zip(&*weights);
            slopes.for_each(|(slope, weight)| *slope = strength * (weight - target));
            correction.apply(weights, gradient);
            weights.iter_mut().zip(&*gradient).for_each(|(weight, slope)| *weight -= self.learning_rate * slope);
        }
        let effort = Effort::sgd(self.local_steps, f64::from(self.learning_rate));
        Ok(Report { loss: Some(-self.score(target, strength, weights)), effort })
    }

    /// Minus the site's own share of F, for each weight, so that more is better.
    fn evaluate(&self, _: &mut Vec<f32>, site: SiteNumber, model: &[f32]) -> Result<Option<f64>, WorkError> {
        let (target, strength) = self.site(site)?;
        Ok(Some(self.score(target, strength, model)))
    }

    fn initial(&self) -> Weights {
        zeros(self.weights)
    }

    fn name(&self) -> &str {
        "quadratic"
    }

    fn data(&self) -> Digest {
        let bytes = |(target, strength): &(f32, f32)| [target.to_le_bytes(), strength.to_le_bytes()].concat();
        Digest::of(&self.sites.iter().flat_map(bytes).collect::<Vec<u8>>())
    }
}
