//! Least squares with a known answer: site i pulls every weight to its own target, with its own strength.
//!
//! F(w) = Σ_i h_i ‖w - t_i‖² / 2 has its minimum at Σ h_i t_i / Σ h_i, whatever the algorithm. FedAvg with several local steps
//! ends elsewhere where the h_i differ (Wang et al. 2020, FedNova, section 3): each site has moved a part of its own way.

use crate::{Job, Labels, LocalWork, Report, SiteNumber, WorkError};
use rand_chacha::rand_core::Rng;
use wardround_plan::{Purpose, RoundNumber, StreamKey};

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

    fn site(&self, site: SiteNumber) -> Result<(f32, f32), WorkError> {
        let known = || WorkError(format!("the quadratic has {} sites, and no site {site}", self.sites.len()));
        self.sites.get(site.place()).copied().ok_or_else(known)
    }
}

impl LocalWork for Quadratic {
    type Worker = ();

    fn worker(&self) -> Result<(), WorkError> {
        Ok(())
    }

    fn train(&self, (): &mut (), job: &Job<'_>, update: &mut [f32]) -> Result<Report, WorkError> {
        let (target, strength) = self.site(job.site)?;
        let target = if job.labels == Labels::Flipped { -target } else { target };
        let mut loss = 0.0;
        for (change, start) in update.iter_mut().zip(job.model) {
            let mut weight = *start;
            for _ in 0..self.local_steps {
                weight -= self.learning_rate * strength * (weight - target);
            }
            *change = weight - start;
            loss += 0.5 * f64::from(strength) * f64::from(weight - target).powi(2);
        }
        Ok(Report { loss: Some(loss / self.weights as f64), steps: self.local_steps })
    }

    /// Minus the site's own share of F, so that more is better.
    fn evaluate(&self, (): &mut (), site: SiteNumber, model: &[f32]) -> Result<Option<f64>, WorkError> {
        let (target, strength) = self.site(site)?;
        let square = |weight: &f32| f64::from(weight - target).powi(2);
        Ok(Some(-0.5 * f64::from(strength) * model.iter().map(square).sum::<f64>() / self.weights as f64))
    }

    fn initial(&self) -> Vec<f32> {
        vec![0.0; self.weights]
    }

    fn name(&self) -> &str {
        "quadratic"
    }
}
