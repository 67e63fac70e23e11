//! What a site does in a round: train from the model it was given, and say what changed.
//!
//! A rule is handed a way to train and calls it once or more; between two rounds it keeps vectors of its own at the site.
//! Whatever bends the steps away from plain training is a [`Correction`] of their gradients, so that a trainer has to know
//! none of the strategies.

use crate::message::MessageShape;

/// A strategy's part at the sites.
pub trait LocalRule: Send + Sync {
    /// How the messages are made up that this rule writes.
    fn message(&self) -> MessageShape {
        MessageShape::UPDATE
    }

    /// How many vectors this rule reads beside the model; see [`crate::ServerRule::broadcast_vectors`].
    fn broadcast_vectors(&self) -> usize {
        0
    }

    /// Numbers that a site keeps from one of its rounds to the next, for a model of `weights` weights.
    fn site_state_len(&self, weights: usize) -> usize {
        let _ = weights;
        0
    }

    /// What a site keeps before its first round; `model` is the one it was sent in that round.
    fn start(&self, model: &[f32], site: &mut [f32]) {
        let _ = model;
        site.fill(0.0);
    }

    /// One round: trains, writes the message, and moves what the site keeps.
    ///
    /// The message has [`MessageShape::len`] numbers and comes in with any content. A caller keeps the old `site` vector
    /// until it knows that the message was counted, and goes back to it otherwise. All lengths have been checked; call
    /// [`local_round`], which does.
    ///
    /// # Errors
    /// [`LocalError`]; the message and `site` are of no use then.
    fn round(
        &self,
        received: Received<'_>,
        site: &mut [f32],
        trainer: &mut dyn LocalSteps,
        message: &mut [f32],
    ) -> Result<(), LocalError>;

    /// The model this site uses itself: the common one, unless the rule makes personal models.
    fn site_model(&self, model: &[f32], site: &[f32], out: &mut [f32]) {
        let _ = site;
        out.copy_from_slice(model);
    }
}

/// A way to train at one site in one round.
pub trait LocalSteps {
    /// Makes the round's local steps from `weights`, in place.
    ///
    /// Every step's gradient goes through [`Correction::apply`] before the optimiser sees it; under differential privacy after
    /// the noise, so that the correction is post-processing.
    ///
    /// # Errors
    /// [`LocalError::Training`]
    fn train(&mut self, weights: &mut [f32], correction: &Correction<'_>) -> Result<Effort, LocalError>;
}

/// What a site was sent.
#[derive(Debug, Clone, Copy)]
pub struct Received<'a> {
    /// x: the round's model.
    pub model: &'a [f32],
    /// The server's vectors for the sites, [`LocalRule::broadcast_vectors`] of them, each as long as the model.
    pub server: &'a [&'a [f32]],
}

/// How the gradient of each local step is bent: g' = g + μ (w - anchor) + offset.
#[derive(Debug, Clone, Copy, Default)]
pub struct Correction<'a> {
    /// The pull towards a model.
    pub proximal: Option<Proximal<'a>>,
    /// Added to every gradient.
    pub offset: Option<&'a [f32]>,
}

/// μ (w - anchor), the gradient of μ/2 ‖w - anchor‖².
#[derive(Debug, Clone, Copy)]
pub struct Proximal<'a> {
    /// μ
    pub mu: f64,
    /// What the weights are pulled to.
    pub anchor: &'a [f32],
}

/// The work behind a change of the weights.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Effort {
    /// τ: local steps made.
    pub steps: u32,
    /// A: what the change, divided by it, is a mean gradient: w_before - w_after = Σ a_k g_k with A = Σ a_k. `None` where the
    /// optimiser's steps are no such sum, as Adam's.
    pub gradient_weight: Option<f64>,
}

/// A site's round went wrong.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LocalError {
    /// The trainer's own reason.
    #[error("{0}")]
    Training(String),
    /// The strategy needs a mean gradient, and this optimiser's steps do not give one.
    #[error(
        "the strategy needs the mean gradient behind an update, which only steps of SGD give; \
         write `optimizer = \"sgd\"` in [training]"
    )]
    NoMeanGradient,
    /// A vector of another length than the rule and the model ask for.
    #[error("the {what} has {got} numbers, but {expected} were expected: it belongs to another rule or model")]
    Length {
        /// Which vector.
        what: &'static str,
        /// Numbers asked for.
        expected: usize,
        /// Numbers given.
        got: usize,
    },
}

impl Correction<'_> {
    /// Bends one step's gradient, taken at `weights`. All vectors are as long as the model.
    pub fn apply(&self, weights: &[f32], gradient: &mut [f32]) {
        if let Some(Proximal { mu, anchor }) = self.proximal {
            let pulled = gradient.iter_mut().zip(weights).zip(anchor);
            pulled.for_each(|((slope, weight), anchor)| *slope += (mu * f64::from(weight - anchor)) as f32);
        }
        if let Some(offset) = self.offset {
            gradient.iter_mut().zip(offset).for_each(|(slope, offset)| *slope += offset);
        }
    }

    /// True where gradients stay as they are.
    pub fn is_none(&self) -> bool {
        self.proximal.is_none() && self.offset.is_none()
    }
}

impl Effort {
    /// Of plain stochastic gradient descent: A is the sum of the step sizes.
    pub fn sgd(steps: u32, learning_rate: f64) -> Self {
        Self { steps, gradient_weight: Some(f64::from(steps) * learning_rate) }
    }

    /// Of descent with heavy-ball momentum from rest, v ← ρ v + g, w ← w - η v:
    /// A = η Σ_k (1 - ρ^k) / (1 - ρ), k from 1 to τ (Wang et al. 2020, section 3). `momentum` is ρ, from 0 to below 1.
    pub fn momentum(steps: u32, learning_rate: f64, momentum: f64) -> Self {
        let (mut velocity, mut sum) = (0.0, 0.0);
        for _ in 0..steps {
            velocity = momentum * velocity + 1.0;
            sum += velocity;
        }
        Self { steps, gradient_weight: Some(learning_rate * sum) }
    }

    /// A, if it makes a mean gradient.
    ///
    /// # Errors
    /// [`LocalError::NoMeanGradient`], also for no steps at all.
    pub fn gradient_weight(&self) -> Result<f64, LocalError> {
        self.gradient_weight.filter(|weight| weight.is_finite() && *weight > 0.0).ok_or(LocalError::NoMeanGradient)
    }
}

/// One round at a site by `rule`, after a check of the vectors' lengths: what callers use instead of [`LocalRule::round`].
///
/// # Errors
/// [`LocalError`]
pub fn local_round(
    rule: &dyn LocalRule,
    received: Received<'_>,
    site: &mut [f32],
    trainer: &mut dyn LocalSteps,
    message: &mut [f32],
) -> Result<(), LocalError> {
    let weights = received.model.len();
    let same = |what, expected, got| {
        if expected == got { Ok(()) } else { Err(LocalError::Length { what, expected, got }) }
    };
    same("list of the server's vectors", rule.broadcast_vectors(), received.server.len())?;
    received.server.iter().try_for_each(|vector| same("server's vector", weights, vector.len()))?;
    same("site's state", rule.site_state_len(weights), site.len())?;
    same("message", rule.message().len(weights), message.len())?;
    rule.round(received, site, trainer, message)
}

/// Trains from `start` within `room` and leaves there what changed.
pub(crate) fn train_change(
    start: &[f32],
    correction: &Correction<'_>,
    trainer: &mut dyn LocalSteps,
    room: &mut [f32],
) -> Result<Effort, LocalError> {
    room.copy_from_slice(start);
    let effort = trainer.train(room, correction)?;
    room.iter_mut().zip(start).for_each(|(weight, start)| *weight -= start);
    Ok(effort)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_correction_is_its_formula() {
        let correction =
            Correction { proximal: Some(Proximal { mu: 0.5, anchor: &[1.0, 2.0] }), offset: Some(&[10.0, -10.0]) };
        let mut gradient = [1.0, 1.0];
        correction.apply(&[3.0, -2.0], &mut gradient);
        assert_eq!(gradient, [1.0 + 0.5 * 2.0 + 10.0, 1.0 - 0.5 * 4.0 - 10.0]);
        Correction::default().apply(&[3.0, -2.0], &mut gradient);
        assert_eq!(gradient, [12.0, -11.0], "nothing bends nothing");
    }

    #[test]
    fn the_gradient_weight_of_momentum_is_what_unit_gradients_move() {
        for (steps, momentum) in [(1u32, 0.9), (5, 0.9), (40, 0.5), (7, 0.0)] {
            let (mut weight, mut velocity) = (0.0, 0.0);
            for _ in 0..steps {
                velocity = momentum * velocity + 1.0;
                weight -= 0.1 * velocity;
            }
            let closed: f64 = (1..=steps).map(|k| (1.0 - f64::powi(momentum, k as i32)) / (1.0 - momentum)).sum();
            let weighed = Effort::momentum(steps, 0.1, momentum).gradient_weight().expect("descent");
            assert!((weighed + weight).abs() < 1e-12 && (weighed - 0.1 * closed).abs() < 1e-12, "{steps} {momentum}");
        }
        assert_eq!(Effort::sgd(7, 0.1).steps, 7);
    }

    #[test]
    fn work_without_a_mean_gradient_has_no_weight() {
        let adam = Effort { steps: 3, gradient_weight: None };
        for effort in [adam, Effort::sgd(0, 0.1), Effort::sgd(3, f64::NAN), Effort::sgd(3, f64::INFINITY)] {
            assert_eq!(effort.gradient_weight(), Err(LocalError::NoMeanGradient));
        }
    }
}
