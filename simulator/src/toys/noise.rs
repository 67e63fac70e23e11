//! The trivial model: every site sends Gaussian noise. What a round costs beyond it is the engine.

use crate::{Job, LocalWork, Report, SiteNumber, WorkError};
use rand_distr::{Distribution, StandardNormal};
use wardround_plan::Purpose;

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

    fn train(&self, (): &mut (), job: &Job<'_>, update: &mut [f32]) -> Result<Report, WorkError> {
        let mut stream = job.stream(Purpose::Sampling);
        for value in update {
            *value = StandardNormal.sample(&mut stream);
        }
        Ok(Report { loss: None, steps: 1 })
    }

    fn evaluate(&self, (): &mut (), _: SiteNumber, _: &[f32]) -> Result<Option<f64>, WorkError> {
        Ok(None)
    }

    fn initial(&self) -> Vec<f32> {
        vec![0.0; self.weights]
    }

    fn name(&self) -> &str {
        "noise"
    }
}
