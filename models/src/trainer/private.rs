//! Local steps of differentially private SGD (Abadi et al. 2016): a few patients drawn by coins, each one's gradient
//! clipped, the sum noised once, and the mean given to the optimiser.
//!
//! Coins, clip and noise are the [`Guard`]'s, who has paid for them. From here to the guard go clipped sums only, and what
//! the optimiser sees has passed through the guard: whatever it remembers is post-processing.

use super::{At, LocalRound, StepProgress, Trainer};
use crate::optimizer::optimizer;
use crate::private::{PatientBatch, check_private, clipped_sum, into_gradients};
use crate::registry::Network;
use crate::{TrainingError, TrainingSet, parameters};
use std::ops::{ControlFlow, Range};
use wardround_imaging::{Example, augmented};
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
        self.train_private_round(start, &LocalRound { images, round, keys, bend: None }, guard, observer)
    }

    /// As [`Trainer::train_private`], with noised means that a strategy may bend.
    ///
    /// # Errors
    /// As [`Trainer::train_private`].
    pub fn train_private_round(
        &self,
        start: &Weights,
        of_round: &LocalRound<'_>,
        guard: &mut (dyn Guard + Send),
        observer: &mut (dyn FnMut(StepProgress) -> ControlFlow<()> + Send),
    ) -> Result<Weights, TrainingError> {
        rayon::scope(|_| self.private_steps(start, of_round, guard, observer))
    }

    /// The sum of the clipped gradients of the patients whom the guard draws for one step from `start`.
    ///
    /// **It has no noise**: it is for a masked sum to which every site adds its share. The guard is not asked for a mean.
    ///
    /// # Errors
    /// [`TrainingError`]
    pub fn clipped_gradients(
        &self,
        start: &Weights,
        images: &TrainingSet,
        round: RoundNumber,
        keys: &StreamKey,
        guard: &mut (dyn Guard + Send),
        observer: &mut (dyn FnMut(StepProgress) -> ControlFlow<()> + Send),
    ) -> Result<Vec<f64>, TrainingError> {
        let of_round = LocalRound { images, round, keys, bend: None };
        rayon::scope(|_| {
            let network = self.private_network(start)?;
            let drawn = guard.draw(images.patients())?;
            let (loss, clipped) = self.clipped(&network, &of_round, 0, &drawn, guard)?;
            match observer(StepProgress { done: 1, of: 1, loss }) {
                ControlFlow::Continue(()) => Ok(clipped),
                ControlFlow::Break(()) => Err(TrainingError::Stopped { done: 1 }),
            }
        })
    }

    fn private_network(&self, start: &Weights) -> Result<Network, TrainingError> {
        let network = Network::new(&self.plan.model, &self.device);
        check_private(&network)?;
        parameters::with_weights(network, start).map_err(TrainingError::Start)
    }

    fn private_steps(
        &self,
        start: &Weights,
        of_round: &LocalRound<'_>,
        guard: &mut (dyn Guard + Send),
        observer: &mut (dyn FnMut(StepProgress) -> ControlFlow<()> + Send),
    ) -> Result<Weights, TrainingError> {
        let (of, round) = (self.plan.training.local_steps, of_round.round);
        let mut network = self.private_network(start)?;
        let mut optimizer = optimizer(&self.plan.training);
        for step in 0..of {
            let drawn = guard.draw(of_round.images.patients())?;
            let (loss, clipped) = self.clipped(&network, of_round, step, &drawn, guard)?;
            let mean = guard.noisy_mean(&clipped)?;
            let gradients = match of_round.bend {
                Some(bend) => bend.mean(&network, &mean),
                None => into_gradients(&network, &mean),
            };
            network = optimizer.step(self.plan.learning_rate(round, step), network, gradients);
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
        of_round: &LocalRound<'_>,
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
    fn views(&self, of_round: &LocalRound<'_>, step: u32, patient: usize) -> Vec<Example> {
        let training = &self.plan.training;
        let index = (u64::from(step) << 32) | patient as u64;
        let mut choice = of_round.keys.stream(Purpose::Sampling, of_round.round, index);
        let mut changes = of_round.keys.stream(Purpose::Augmentation, of_round.round, index);
        let images = some_of(of_round.images.of_patient(patient), training.images_per_patient, &mut choice);
        let views = training.views.unwrap_or(1);
        let each = images.into_iter().flat_map(|image| std::iter::repeat_n(image, views as usize));
        each.map(|image| augmented(of_round.images.image(image), &training.augment, &mut changes)).collect()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trainer::tests::{plan, squares};
    use crate::{ComputeDevice, initial_weights};
    use wardround_plan::Plan;

    /// Draws the same patients at every step and adds no noise; remembers what it was shown.
    struct Open {
        drawn: Vec<usize>,
        left: usize,
        sums: Vec<Vec<f64>>,
    }

    impl Open {
        fn of(drawn: &[usize]) -> Self {
            Self { drawn: drawn.to_vec(), left: 100, sums: Vec::new() }
        }
    }

    impl Guard for Open {
        fn draw(&mut self, patients: usize) -> Result<Vec<usize>, GuardError> {
            self.left = self.left.checked_sub(1).ok_or_else(|| GuardError("nothing is left".into()))?;
            Ok(self.drawn.iter().copied().filter(|patient| *patient < patients).collect())
        }

        fn clip_factor(&self, norm_squared: f64) -> f64 {
            (1.0 / norm_squared.sqrt()).min(1.0)
        }

        fn noisy_mean(&mut self, clipped: &[f64]) -> Result<Vec<f64>, GuardError> {
            self.sums.push(clipped.to_vec());
            Ok(clipped.iter().map(|value| value / 4.0).collect())
        }
    }

    fn train(plan: &Plan, guard: &mut Open) -> Result<Weights, TrainingError> {
        let trainer = Trainer::new(plan, ComputeDevice::Cpu).expect("the processor is always there");
        let keys = StreamKey::from_public_seed(1);
        let go_on = &mut |_| ControlFlow::Continue(());
        trainer.train_private(&initial_weights(plan), &squares(6), RoundNumber::FIRST, &keys, guard, go_on)
    }

    #[test]
    fn the_gradients_of_one_step_are_those_that_the_step_is_made_with() {
        let mut plan = plan("");
        (plan.training.local_steps, plan.training.optimizer) = (1, wardround_plan::Optimizer::Sgd);
        let mut guard = Open::of(&[0, 3, 5]);
        let trained = train(&plan, &mut guard).expect("trains");
        let trainer = Trainer::new(&plan, ComputeDevice::Cpu).expect("the processor is always there");
        let (start, keys) = (initial_weights(&plan), StreamKey::from_public_seed(1));
        let mut again = Open::of(&[0, 3, 5]);
        let go_on = &mut |_| ControlFlow::Continue(());
        let round = RoundNumber::FIRST;
        let sum = trainer.clipped_gradients(&start, &squares(6), round, &keys, &mut again, go_on).expect("a sum");
        assert_eq!((&sum, again.sums.len()), (&guard.sums[0], 0), "the same sum, and no mean was asked for");
        // The server's step from the sum is the site's own.
        let step = plan.learning_rate(round, 0) / 4.0;
        let by_server = start.values().iter().zip(&sum).map(|(weight, sum)| (f64::from(*weight) - step * sum) as f32);
        let apart = trained.values().iter().zip(by_server).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(apart < 1e-6, "{apart}");
    }

    fn norm(sum: &[f64]) -> f64 {
        sum.iter().map(|value| value * value).sum::<f64>().sqrt()
    }

    #[test]
    fn nobody_drawn_is_a_step_like_any_other() {
        let (mut plan, mut guard) = (plan(""), Open::of(&[]));
        plan.training.optimizer = wardround_plan::Optimizer::Sgd;
        let trained = train(&plan, &mut guard).expect("trains");
        assert_eq!(guard.sums.len(), 5, "every step asks for noise");
        assert!(guard.sums.iter().flatten().all(|value| *value == 0.0));
        assert_eq!(trained.to_le_bytes(), initial_weights(&plan).to_le_bytes());
    }

    #[test]
    fn the_guard_sees_each_patient_clipped() {
        let mut guard = Open::of(&[2]);
        train(&plan(""), &mut guard).expect("trains");
        assert!(guard.sums.iter().all(|sum| norm(sum) <= 1.0 + 1e-6 && norm(sum) > 0.0));
        let mut three = Open::of(&[0, 2, 5]);
        train(&plan(""), &mut three).expect("trains");
        assert!(norm(&three.sums[0]) > norm(&guard.sums[0]) && norm(&three.sums[0]) <= 3.0 + 1e-5);
    }

    #[test]
    fn how_many_images_fit_in_memory_changes_no_sum() {
        let first_sum = |batch_images: u32| {
            let mut plan = plan("");
            plan.training.batch_images = batch_images;
            let mut guard = Open::of(&[0, 1, 2, 3, 4]);
            train(&plan, &mut guard).expect("trains");
            guard.sums.swap_remove(0)
        };
        let (parts, whole) = (first_sum(2), first_sum(64));
        let difference: Vec<f64> = parts.iter().zip(&whole).map(|(a, b)| a - b).collect();
        assert!(norm(&difference) < 1e-5 * norm(&whole), "{}", norm(&difference));
    }

    #[test]
    fn a_guard_that_says_no_ends_the_training_in_its_words() {
        let mut guard = Open { left: 2, ..Open::of(&[1]) };
        let refused = train(&plan(""), &mut guard).map(drop);
        assert_eq!(refused, Err(TrainingError::Guard(GuardError("nothing is left".into()))));
        assert_eq!(guard.sums.len(), 2);
    }

    #[test]
    fn some_of_a_patients_images_are_drawn_without_repetition() {
        let keys = StreamKey::from_public_seed(5);
        let mut seen = [0; 4];
        for index in 0..400 {
            let mut stream = keys.stream(Purpose::Sampling, RoundNumber::FIRST, index);
            let mut chosen = some_of(10..14, Some(2), &mut stream);
            chosen.sort_unstable();
            chosen.dedup();
            assert_eq!(chosen.len(), 2);
            chosen.iter().for_each(|image| seen[image - 10] += 1);
        }
        // 200 expected each, standard deviation 10; six of them is one in 10^9.
        assert!(seen.iter().all(|count: &i32| (count - 200).abs() < 60), "seed 5: {seen:?}");
        let mut stream = keys.stream(Purpose::Sampling, RoundNumber::FIRST, 0);
        assert_eq!(some_of(3..3, Some(2), &mut stream), Vec::<usize>::new());
        assert_eq!(some_of(3..4, None, &mut stream), [3]);
    }
}
