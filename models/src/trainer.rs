//! What a site does in a round: local steps from the model it was given.

mod bend;
mod private;

use crate::optimizer::{optimizer, unit_descent};
use crate::registry::{Network, layout};
use crate::sampling::ShuffledPasses;
use crate::{ComputeDevice, TrainingError, TrainingSet, batch, parameters};
use burn::module::{Module, ModuleVisitor, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};
use std::ops::ControlFlow;
use std::sync::Arc;
use wardround_imaging::{Example, augmented};
use wardround_plan::{Layout, Plan, Purpose, RoundNumber, StreamKey, Weights};

/// How far a round is at this site.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepProgress {
    /// Local steps made.
    pub done: u32,
    /// Local steps of the round.
    pub of: u32,
    /// Loss of the last step, mean over its images.
    pub loss: f64,
}

/// Local steps that are made with the same round, keys and images.
#[derive(Clone, Copy)]
pub struct LocalRound<'a> {
    /// What the site learns from.
    pub images: &'a TrainingSet,
    /// Which round.
    pub round: RoundNumber,
    /// Root of shuffles and augmentation.
    pub keys: &'a StreamKey,
    /// What a strategy does to every step's gradient.
    pub bend: Option<Bend<'a>>,
}

/// Trains the network of one plan on one device.
#[derive(Debug, Clone)]
pub struct Trainer {
    plan: Plan,
    layout: Arc<Layout>,
    device: Device,
}

impl Trainer {
    /// A trainer for `plan`.
    ///
    /// # Errors
    /// [`TrainingError::Device`]
    pub fn new(plan: &Plan, device: ComputeDevice) -> Result<Self, TrainingError> {
        let layout = Arc::new(layout(&plan.model));
        Ok(Self { plan: plan.clone(), layout, device: device.burn()?.autodiff() })
    }

    /// The model after `training.local_steps` steps from `start`.
    ///
    /// Bit-equal for the same arguments, whatever the number of processor threads: images are dealt in shuffled passes and
    /// changed by streams of `keys`. `observer` hears of every step and may stop the training.
    ///
    /// # Errors
    /// [`TrainingError`]; the start model is untouched then, so the round can be tried again.
    pub fn train(
        &self,
        start: &Weights,
        images: &TrainingSet,
        round: RoundNumber,
        keys: &StreamKey,
        observer: &mut (dyn FnMut(StepProgress) -> ControlFlow<()> + Send),
    ) -> Result<Weights, TrainingError> {
        self.train_round(start, &LocalRound { images, round, keys, bend: None }, observer)
    }

    /// As [`Trainer::train`], with gradients that a strategy may bend.
    ///
    /// # Errors
    /// As [`Trainer::train`].
    pub fn train_round(
        &self,
        start: &Weights,
        of_round: &LocalRound<'_>,
        observer: &mut (dyn FnMut(StepProgress) -> ControlFlow<()> + Send),
    ) -> Result<Weights, TrainingError> {
        // From inside the pool each of the many short parallel loops starts without waking a sleeping thread.
        rayon::scope(|_| self.steps(start, of_round, observer))
    }

    /// By how much a constant gradient of ones moves each weight over the steps of `round`, downwards; `None` for optimisers
    /// whose steps are no sum of gradients.
    pub fn gradient_weight(&self, round: RoundNumber) -> Option<f64> {
        let rates = (0..self.plan.training.local_steps).map(|step| self.plan.learning_rate(round, step));
        unit_descent(&self.plan.training, rates)
    }

    fn steps(
        &self,
        start: &Weights,
        of_round: &LocalRound<'_>,
        observer: &mut (dyn FnMut(StepProgress) -> ControlFlow<()> + Send),
    ) -> Result<Weights, TrainingError> {
        let LocalRound { images, round, keys, bend } = *of_round;
        let of = self.plan.training.local_steps;
        let network = Network::new(&self.plan.model, &self.device);
        let mut network = parameters::with_weights(network, start).map_err(TrainingError::Start)?;
        let mut optimizer = optimizer(&self.plan.training);
        let mut order = ShuffledPasses::new(keys, round, images.images());
        for step in 0..of {
            let examples = self.examples(images, &mut order, round, step, keys);
            let (loss, gradients) = self.gradients(&network, &examples, At { round, step: step + 1 })?;
            let gradients = match bend {
                Some(bend) => bend.gradients(&network, &gradients),
                None => gradients,
            };
            network = optimizer.step(self.plan.learning_rate(round, step), network, gradients);
            if observer(StepProgress { done: step + 1, of, loss }).is_break() {
                return Err(TrainingError::Stopped { done: step + 1 });
            }
        }
        parameters::weights(&network, self.layout.clone())
            .map_err(|error| At { round, step: of }.diverged(format!("the trained model: {error}; a weight")))
    }

    /// The next step's images, each changed by a stream of its own.
    fn examples(
        &self,
        images: &TrainingSet,
        order: &mut ShuffledPasses<'_>,
        round: RoundNumber,
        step: u32,
        keys: &StreamKey,
    ) -> Vec<Example> {
        let size = self.plan.training.batch_images;
        let first = u64::from(step) * u64::from(size);
        let drawn = (first..first + u64::from(size)).zip(order);
        drawn
            .map(|(number, image)| {
                let mut stream = keys.stream(Purpose::Augmentation, round, number);
                augmented(images.image(image), &self.plan.training.augment, &mut stream)
            })
            .collect()
    }

    /// Mean loss over the images and its gradient, checked.
    fn gradients(
        &self,
        network: &Network,
        examples: &[Example],
        at: At,
    ) -> Result<(f64, GradientsParams), TrainingError> {
        let scores = network.forward(batch::pixels(examples, &self.device));
        let loss = batch::losses(scores, examples).mean();
        let value: f32 = loss.clone().into_scalar();
        if !value.is_finite() {
            return Err(at.diverged("the loss".into()));
        }
        let gradients = GradientsParams::from_grads(loss.backward(), network);
        self.check(network, &gradients, at)?;
        Ok((f64::from(value), gradients))
    }

    fn check(&self, network: &Network, gradients: &GradientsParams, at: At) -> Result<(), TrainingError> {
        let mut found = Found { gradients, sums: Vec::new(), got: 0 };
        network.visit(&mut found);
        let expected = self.layout.tensors().len();
        if found.got != expected {
            return Err(TrainingError::LostGradient { got: found.got, expected, step: at.step });
        }
        // One read from the device for all tensors.
        let sums: Vec<f32> = Tensor::cat(found.sums, 0).into_data().iter::<f32>().collect();
        match sums.iter().position(|sum| !sum.is_finite()) {
            None => Ok(()),
            Some(index) => Err(at.diverged(format!("the gradient of `{}`", self.layout.tensors()[index].name))),
        }
    }
}

pub use bend::Bend;
pub use private::{Guard, GuardError};

#[derive(Clone, Copy)]
struct At {
    round: RoundNumber,
    step: u32,
}

impl At {
    fn diverged(self, what: String) -> TrainingError {
        TrainingError::Diverged { what, step: self.step, round: self.round }
    }
}

/// Counts gradients and adds up each, which is finite only if all its parts are.
struct Found<'a> {
    gradients: &'a GradientsParams,
    sums: Vec<Tensor<1>>,
    got: usize,
}

impl Found<'_> {
    fn add<const D: usize>(&mut self, id: ParamId) {
        if let Some(gradient) = self.gradients.get::<D>(id) {
            self.sums.push(gradient.abs().sum());
            self.got += 1;
        }
    }
}

impl ModuleVisitor for Found<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.add::<D>(param.id);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::initial_weights;
    use ndarray::{Array2, Array3};
    use wardround_imaging::ImageExample;
    use wardround_plan::WeightsError;

    /// A small plan; `line` goes into the section that has such a key.
    pub(crate) fn plan(line: &str) -> Plan {
        let (study, training) = match line.split('=').next().map(str::trim) {
            Some("seed") => (line, ""),
            _ => ("", line),
        };
        let rate = if training.starts_with("learning_rate") { "" } else { "learning_rate = 0.01" };
        let text = format!(
            r#"
            [study]
            name = "test"
            purpose = "research"
            rounds = 4
            min_sites = 2
            deadline_s = 60
            {study}
            [model]
            kind = "unet2d"
            width = 4
            depth = 2
            classes = 2
            channels = 1
            input_px = 16
            [training]
            optimizer = "adam"
            local_steps = 5
            batch_images = 3
            {rate}
            {training}
            [privacy]
            mode = "none"
            [secagg]
            enabled = false
            [strategy]
            kind = "fedavg"
            weighting = "equal"
            [evaluation]
            metrics = ["dice.foreground"]
            "#
        );
        Plan::from_toml(&text).expect("a good plan")
    }

    /// Bright squares on a dark ground, at different places.
    pub(crate) fn squares(count: usize) -> TrainingSet {
        let example = |number: usize| {
            let classes = Array2::from_shape_fn((16, 16), |(y, x)| {
                u8::from((number..number + 6).contains(&y) && (3..8).contains(&x))
            });
            let pixels = Array3::from_shape_fn((1, 16, 16), |(_, y, x)| f32::from(classes[[y, x]]) * 2.0 - 0.5);
            Example::Image(ImageExample { pixels, classes })
        };
        TrainingSet::of(&plan(""), (0..count).map(example).collect()).expect("good examples")
    }

    fn go_on(_: StepProgress) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    fn train(plan: &Plan, set: &TrainingSet, seed: u64) -> Result<Weights, TrainingError> {
        let trainer = Trainer::new(plan, ComputeDevice::Cpu).expect("the processor is always there");
        trainer.train(&initial_weights(plan), set, RoundNumber::FIRST, &StreamKey::from_public_seed(seed), &mut go_on)
    }

    #[test]
    fn training_makes_the_loss_smaller_with_every_optimiser() {
        for line in ["optimizer = \"adam\"", "optimizer = \"adamw\"", "optimizer = \"sgd\""] {
            let text = String::from_utf8(plan("").to_canonical()).expect("JSON");
            let text = text.replace("\"optimizer\":\"adam\"", &line.replace(" = ", "\":").replacen("opt", "\"opt", 1));
            let text = text.replace("\"local_steps\":5", "\"local_steps\":40");
            let plan = Plan::from_canonical(text.as_bytes()).expect("a good plan");
            let mut losses = Vec::new();
            let mut observer = |progress: StepProgress| {
                losses.push(progress.loss);
                go_on(progress)
            };
            let trainer = Trainer::new(&plan, ComputeDevice::Cpu).expect("cpu");
            let keys = StreamKey::from_public_seed(1);
            trainer
                .train(&initial_weights(&plan), &squares(6), RoundNumber::FIRST, &keys, &mut observer)
                .expect("trains");
            assert_eq!(losses.len(), 40);
            assert!(losses[39] < 0.5 * losses[0], "{line}: {} to {}", losses[0], losses[39]);
        }
    }

    #[test]
    fn the_same_round_gives_the_same_bits_and_another_seed_does_not() {
        let (plan, set) = (plan("augment = [\"flip\", \"gain\"]"), squares(6));
        let first = train(&plan, &set, 1).expect("trains");
        assert_eq!(first.to_le_bytes(), train(&plan, &set, 1).expect("trains").to_le_bytes());
        assert_ne!(first, train(&plan, &set, 2).expect("trains"));
    }

    #[test]
    fn the_caller_can_stop_after_any_step() {
        let plan = plan("");
        let trainer = Trainer::new(&plan, ComputeDevice::Cpu).expect("cpu");
        let mut stop_at_two = |progress: StepProgress| {
            if progress.done == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let keys = StreamKey::from_public_seed(1);
        let stopped = trainer.train(&initial_weights(&plan), &squares(2), RoundNumber::FIRST, &keys, &mut stop_at_two);
        assert_eq!(stopped, Err(TrainingError::Stopped { done: 2 }));
    }

    #[test]
    fn running_away_says_where_and_what_to_do() {
        let plan = plan("");
        let layout = initial_weights(&plan).layout().clone();
        // The largest numbers there are, in the last layer, where no normalisation follows.
        let start = Weights::new(layout.clone(), vec![f32::MAX; layout.len()]).expect("finite");
        let trainer = Trainer::new(&plan, ComputeDevice::Cpu).expect("cpu");
        let keys = StreamKey::from_public_seed(1);
        let error =
            trainer.train(&start, &squares(3), RoundNumber::FIRST, &keys, &mut go_on).map(drop).expect_err("diverges");
        assert!(matches!(error, TrainingError::Diverged { .. }), "{error}");
        assert!(error.to_string().contains("lower [training] learning_rate"), "{error}");
    }

    #[test]
    fn a_model_of_another_plan_is_refused() {
        let (plan, other) = (plan(""), wardround_plan::ModelSection { width: 8, ..plan("").model });
        let layout = Arc::new(layout(&other));
        let start = Weights::new(layout.clone(), vec![0.0; layout.len()]).expect("finite");
        let trainer = Trainer::new(&plan, ComputeDevice::Cpu).expect("cpu");
        let keys = StreamKey::from_public_seed(1);
        let refused = trainer.train(&start, &squares(3), RoundNumber::FIRST, &keys, &mut go_on);
        assert_eq!(refused, Err(TrainingError::Start(WeightsError::Layout)));
    }

    #[test]
    fn a_lost_gradient_is_an_error_and_not_a_zero() {
        let plan = plan("");
        let trainer = Trainer::new(&plan, ComputeDevice::Cpu).expect("cpu");
        let network = Network::new(&plan.model, &trainer.device);
        let at = At { round: RoundNumber::FIRST, step: 1 };
        let refused = trainer.check(&network, &GradientsParams::new(), at);
        assert!(matches!(refused, Err(TrainingError::LostGradient { got: 0, step: 1, .. })), "{refused:?}");
    }
}
