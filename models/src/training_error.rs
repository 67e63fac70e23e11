//! Why a round cannot be trained, and what to do.

use crate::{DeviceError, GuardError, UnsupportedLayer};
use wardround_plan::{RoundNumber, WeightsError};

/// Why a round could not be trained.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TrainingError {
    /// No patient to learn from.
    #[error("this site has no training image: mark patients with `train` in the column `split` of its manifest")]
    NoImages,
    /// A mask with a class that the plan does not have.
    #[error("a mask has class {class}, but the plan has {classes} classes from 0: correct the mask or [model] classes")]
    UnknownClass {
        /// The class in the mask.
        class: u8,
        /// Classes of the plan, with the background.
        classes: u32,
    },
    /// The device cannot be used.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The model that came is not the plan's.
    #[error("the model to start from does not fit the plan: {0}")]
    Start(WeightsError),
    /// Training ran away.
    #[error(
        "{what} is not a finite number at local step {step} of round {round}: write a lower [training] learning_rate"
    )]
    Diverged {
        /// The loss, or the gradient of a tensor.
        what: String,
        /// The step, from 1.
        step: u32,
        /// The round.
        round: RoundNumber,
    },
    /// The backward pass lost a part of the gradient; a defect of the engine, seen before (burn issue 5573).
    #[error(
        "the backward pass gave {got} of {expected} gradients at local step {step}: run the round again, and report this"
    )]
    LostGradient {
        /// Gradients that came.
        got: usize,
        /// Parameters of the network.
        expected: usize,
        /// The step, from 1.
        step: u32,
    },
    /// The guard of a private round said no.
    #[error(transparent)]
    Guard(#[from] GuardError),
    /// The same, of a private step.
    #[error(
        "the backward pass gave no gradient of `{parameter}` for each patient: run the round again, and report this"
    )]
    LostPrivateGradient {
        /// The parameter.
        parameter: String,
    },
    /// The network cannot be trained privately.
    #[error(transparent)]
    UnsupportedLayer(#[from] UnsupportedLayer),
    /// The caller asked to stop.
    #[error("training was stopped after {done} local steps")]
    Stopped {
        /// Steps made.
        done: u32,
    },
}
