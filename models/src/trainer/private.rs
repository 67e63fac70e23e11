//! Local steps of differentially private SGD (Abadi et al. 2016): a few patients drawn by coins, each one's gradient
//! clipped, the sum noised once, and the mean given to the optimiser.
//!
//! Coins, clip and noise are the [`Guard`]'s, who has paid for them. From here to the guard go clipped sums only, and what
//! the optimiser sees has passed through the guard: whatever it remembers is post-processing.

use super::{At, StepProgress, Trainer};
use crate::optimizer::{learning_rate, optimizer};
use crate::private::{PatientBatch, check_private, clipped_sum, into_gradients};
use crate::registry::Network;
use crate::{TrainingError, TrainingSet, parameters};
use std::ops::{ControlFlow, Range};
use wardround_imaging::{Example, augment};
use wardround_plan::{Purpose, RoundNumber, Stream, StreamKey, Weights};

/// Who stands between the patients and the optimiser.
pub trait Guard {
    /// Who takes part in the next step, by number from 0 below `patients`; nobody is possible.
    ///
    /// # Errors
    /// Nothing is left of what was paid for.
    fn draw(&mut self, patients: usize) -> Result<Vec<usize>, GuardError>;

    /// By what a contribution is multiplied, from its squared L2 norm.
    fn clip_factor(&self, norm_squared: f64) -> f64;

    /// The mean of the step from the sum of the clipped contributions of those that were drawn.
    ///
    /// # Errors
    /// A sum that cannot be noised, or one too many.
    fn noisy_mean(&mut self, clipped: &[f64]) -> Result<Vec<f64>, GuardError>;
}

/// The guard's no, in its own words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct GuardError(pub String);

/// Local steps of a private round that are made with the same round, keys and images.
struct Round<'a> {
    images: &'a TrainingSet,
    round: RoundNumber,
    keys: &'a StreamKey,
}

impl Trainer {
    /// The model after `training.local_steps` private steps from `start`.
    ///
    /// What comes back depends on patients only through the guard. `observer` hears of every step, and its loss is exact:
    /// for this site's own eyes.
    ///
    /// # Errors
    /// [`TrainingError`]; what the guard gave out by then is spent.
    pub fn train_private(
        &self,
        start: &Weights,
        images: &TrainingSet,
        round: RoundNumber,
        keys: &StreamKey,
        guard: &mut (dyn Guard + Send),
        observer: &mut (dyn FnMut(StepProgress) -> ControlFlow<()> + Send),
    ) -> Result<Weights, TrainingError> {
        let of_round = Round { images, round, keys };
        rayon::scope(|_| self.private_steps(start, &of_round, guard, observer))
    }

    fn private_steps(
        &self,
        start: &Weights,
        of_round: &Round<'_>,
        guard: &mut (dyn Guard + Send),
        observer: &mut (dyn FnMut(StepProgress) -> ControlFlow<()> + Send),
    ) -> Result<Weights, TrainingError> {
        let (of, round) = (self.plan.training.local_steps, of_round.round);
        let network = Network::new(&self.plan.model, &self.device);
        check_private(&network)?;
        let mut network = parameters::with_weights(network, start).map_err(TrainingError::Start)?;
        let mut optimizer = optimizer(&self.plan.training);
        for step in 0..of {
            let drawn = guard.draw(of_round.images.patients())?;
            let (loss, clipped) = self.clipped(&network, of_round, step, &drawn, guard)?;
            let gradients = into_gradients(&network, &guard.noisy_mean(&clipped)?);
            network = optimizer.step(learning_rate(&self.plan, round, step), network, gradients);
            if observer(StepProgress { done: step + 1, of, loss }).is_break() {
                return Err(TrainingError::Stopped { done: step + 1 });
            }
        }
        parameters::weights(&network, self.layout.clone())
            .map_err(|error| At { round, step: of }.diverged(format!("the trained model: {error}; a weight")))
    }

    /// Mean loss, and the sum of the clipped gradients of all who were drawn, a part that fits memory after the other.
    fn clipped(
        &self,
        network: &Network,
        of_round: &Round<'_>,
        step: u32,
        drawn: &[usize],
        guard: &(dyn Guard + Send),
    ) -> Result<(f64, Vec<f64>), TrainingError> {
        let (mut sum, mut loss) = (vec![0.0; self.layout.len()], 0.0);
        for part in drawn.chunks(self.patients_in_memory()) {
            let batch = PatientBatch::of(part.iter().map(|patient| self.views(of_round, step, *patient)));
            let clipped = clipped_sum(network, &batch, &|norm_squared| guard.clip_factor(norm_squared))?;
            sum.iter_mut().zip(&clipped.sum).for_each(|(sum, part)| *sum += part);
            loss += clipped.loss;
        }
        Ok((loss / drawn.len().max(1) as f64, sum))
    }

    /// As many whole patients as have `batch_images` images, at least one.
    fn patients_in_memory(&self) -> usize {
        let training = &self.plan.training;
        let images_each = training.images_per_patient.unwrap_or(1).saturating_mul(training.views.unwrap_or(1));
        (training.batch_images / images_each).max(1) as usize
    }

    /// Some images of one patient, each changed in some ways: chosen by streams of her own, so that nobody's choice
    /// depends on anybody else.
    fn views(&self, of_round: &Round<'_>, step: u32, patient: usize) -> Vec<Example> {
        let training = &self.plan.training;
        let index = (u64::from(step) << 32) | patient as u64;
        let mut choice = of_round.keys.stream(Purpose::Sampling, of_round.round, index);
        let mut changes = of_round.keys.stream(Purpose::Augmentation, of_round.round, index);
        let images = some_of(of_round.images.of_patient(patient), training.images_per_patient, &mut choice);
        let views = training.views.unwrap_or(1);
        let each = images.into_iter().flat_map(|image| std::iter::repeat_n(image, views as usize));
        each.map(|image| augment(of_round.images.image(image), &training.augment, &mut changes)).collect()
    }
}

/// At most `count` of the numbers in `all`, each as likely as another.
fn some_of(all: Range<usize>, count: Option<u32>, stream: &mut Stream) -> Vec<usize> {
    let mut order: Vec<usize> = all.collect();
    let count = order.len().min(count.unwrap_or(1) as usize);
    for place in 0..count {
        let other = place + crate::sampling::below((order.len() - place) as u64, stream) as usize;
        order.swap(place, other);
    }
    order.truncate(count);
    order
}
