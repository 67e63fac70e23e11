//! The trivial model: every site sends Gaussian noise. What a round costs beyond it is the engine.

use super::zeros;
use crate::{Job, LocalWork, Report, SiteNumber, WorkError};
use rand_distr::{Distribution, StandardNormal};
use wardround_plan::{Digest, Purpose, Stream, Weights};
use wardround_strategy::{Correction, Effort};

/// Adds a standard Gaussian to each weight: all that a site does here.
pub fn add_noise(stream: &mut Stream, weights: &mut [f32]) {
    for weight in weights {
        let normal: f32 = StandardNormal.sample(stream);
        *weight += normal;
    }
}

/// A model of so many weights, all zero at first.
#[derive(Debug, Clone, Copy)]
pub struct Noise {
    /// Weights of the model.
    pub weights: usize,
}

impl LocalWork for Noise {
    type Worker = ();

    fn worker(&self) -> Result<(), WorkError> {
        Ok(())
    }

    fn train(&self, (): &mut (), job: &Job<'_>, weights: &mut [f32], _: &Correction<'_>) -> Result<Report, WorkError> {
        add_noise(&mut job.stream(Purpose::Sampling), weights);
        // A step of size 1 along a gradient that happens to be noise.
        Ok(Report { loss: None, effort: Effort::sgd(1, 1.0) })
    }

    fn evaluate(&self, (): &mut (), _: SiteNumber, _: &[f32]) -> Result<Option<f64>, WorkError> {
        Ok(None)
    }

    fn initial(&self) -> Weights {
        zeros(self.weights)
    }

    fn name(&self) -> &str {
        "noise"
    }

    fn data(&self) -> Digest {
        Digest::of(&[])
    }
}
