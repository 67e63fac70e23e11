//! What a private forward and backward pass leaves behind: for each parameter, the gradient of each patient.
//!
//! A layer that is handed a recorder announces each of its parameters in the forward pass (a [`Slot`]) and fills the slot
//! in the backward pass, in one of two ways. Our own kernels fill it from their backward step. Layers made of burn's
//! operations add a *tap* to their output, a leaf whose gradient autodiff then gives us for every image by itself.
//! The parameters themselves are constants of the pass, so autodiff computes no gradient summed over images beside.

use super::factors::Factors;
use burn::module::{Param, ParamId};
use burn::tensor::{Gradients, Tensor};
use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Handed through a network with its features; clones record into the same place.
#[derive(Clone)]
pub(crate) struct Recorder(Arc<Shared>);

struct Shared {
    patients: Vec<Range<usize>>,
    way: Way,
    recorded: Mutex<HashMap<ParamId, Recorded>>,
    taps: Mutex<Vec<Tap>>,
}

/// How gradients of single patients are come by, where there is a choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// By our kernels where they run, by taps elsewhere.
    Kernels,
    /// By taps everywhere, as on a device without our kernels.
    #[cfg(test)]
    Taps,
}

/// What is known of one parameter.
#[derive(Default)]
pub(super) struct Recorded {
    announced: usize,
    filled: usize,
    gradient: Option<PatientGradients>,
}

/// The gradient of one parameter for each patient.
pub(super) enum PatientGradients {
    /// `[patients, values of the parameter]`.
    Instantiated(Vec<f32>),
    /// The factors whose product it is.
    Ghost(Factors),
}

/// A leaf, and what is to be done with its gradient.
struct Tap {
    leaf: Tensor<4>,
    rule: Box<dyn FnOnce(Tensor<4>) + Send>,
}

impl Recorder {
    /// For a batch in which `patients` says which images are whose: side by side, none left out.
    pub(crate) fn new(patients: &[Range<usize>], way: Way) -> Self {
        let patients = patients.to_vec();
        Self(Arc::new(Shared { patients, way, recorded: Mutex::default(), taps: Mutex::default() }))
    }

    /// True where our kernels may be used.
    pub(crate) fn allows_kernels(&self) -> bool {
        self.0.way == Way::Kernels
    }

    /// The images of each patient.
    pub(crate) fn patients(&self) -> &[Range<usize>] {
        &self.0.patients
    }

    /// Where the gradient of `parameter` goes; from now on the backward pass has to bring one.
    pub(crate) fn slot<const D: usize>(&self, parameter: &Param<Tensor<D>>) -> Slot {
        lock(&self.0.recorded).entry(parameter.id).or_default().announced += 1;
        Slot { recorder: self.clone(), parameter: parameter.id }
    }

    /// `output` plus `value` for each channel; `rule` is given the gradient of the sum, each image by itself, on a device
    /// without autodiff.
    pub(crate) fn tapped(
        &self,
        output: Tensor<4>,
        value: Tensor<1>,
        rule: impl FnOnce(Tensor<4>) + Send + 'static,
    ) -> Tensor<4> {
        let dims = output.dims();
        // Expanded without a copy: its stride along images and positions is zero.
        let leaf = value.inner().reshape([1, dims[1], 1, 1]).expand(dims).autodiff().require_grad();
        lock(&self.0.taps).push(Tap { leaf: leaf.clone(), rule: Box::new(rule) });
        output + leaf
    }

    /// Fills the slots whose gradients are on taps. A tap without one leaves its slots empty, which is found at the end.
    pub(super) fn read_taps(&self, gradients: &mut Gradients) {
        let taps = std::mem::take(&mut *lock(&self.0.taps));
        for tap in taps {
            if let Some(gradient) = tap.leaf.grad_remove(gradients) {
                (tap.rule)(gradient);
            }
        }
    }

    /// What was recorded of a parameter.
    ///
    /// # Errors
    /// [`Missing`]
    pub(super) fn take(&self, parameter: ParamId) -> Result<PatientGradients, Missing> {
        let recorded = lock(&self.0.recorded).remove(&parameter).unwrap_or_default();
        match recorded.gradient {
            _ if recorded.announced == 0 => Err(Missing::Rule),
            Some(gradient) if recorded.announced == recorded.filled => Ok(gradient),
            _ => Err(Missing::Gradient),
        }
    }
}

/// Why there is no gradient of a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    /// No layer announced it.
    Rule,
    /// A layer announced it as often as it used it, and the backward pass did not come by as often.
    Gradient,
}

/// Where the gradients of one parameter go, for one use of it.
#[derive(Debug, Clone)]
pub(crate) struct Slot {
    recorder: Recorder,
    parameter: ParamId,
}

impl Slot {
    /// The images of each patient.
    pub(crate) fn patients(&self) -> &[Range<usize>] {
        self.recorder.patients()
    }

    /// Adds the gradients `[patients, values]` of one use. A parameter that is used twice has the sum of both as its
    /// gradient, and the norm is taken of that.
    pub(crate) fn add(&self, values: Vec<f32>) {
        self.fill(PatientGradients::Instantiated(values));
    }

    /// The same from gradients of each image, `[images, values]`.
    pub(crate) fn add_rows(&self, rows: Vec<f32>) {
        let images = self.patients().last().map_or(0, |rows| rows.end);
        if images == self.patients().len() {
            return self.add(rows);
        }
        let values = rows.len() / images.max(1);
        let mut sums = vec![0.0; self.patients().len() * values];
        if values > 0 {
            for (sum, patient) in sums.chunks_exact_mut(values).zip(self.patients()) {
                for row in rows[patient.start * values..patient.end * values].chunks_exact(values) {
                    sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
                }
            }
        }
        self.add(sums);
    }

    /// The same from factors whose product is never made, unless the parameter is used again.
    pub(super) fn add_ghost(&self, factors: Factors) {
        self.fill(PatientGradients::Ghost(factors));
    }

    fn fill(&self, more: PatientGradients) {
        let mut recorded = lock(&self.recorder.0.recorded);
        let recorded = recorded.entry(self.parameter).or_default();
        recorded.filled += 1;
        recorded.gradient = Some(match recorded.gradient.take() {
            None => more,
            Some(before) => {
                let mut sum = before.instantiated(self.patients());
                sum.iter_mut().zip(more.instantiated(self.patients())).for_each(|(sum, value)| *sum += value);
                PatientGradients::Instantiated(sum)
            }
        });
    }
}

impl PatientGradients {
    fn instantiated(self, patients: &[Range<usize>]) -> Vec<f32> {
        match self {
            Self::Instantiated(values) => values,
            Self::Ghost(factors) => factors.instantiated(patients),
        }
    }
}

impl fmt::Debug for Recorder {
    /// No gradients: they are a patient's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").field("patients", &self.0.patients.len()).field("way", &self.0.way).finish()
    }
}

/// A thread that panicked while it held the lock has ended the pass; nothing half done is read after that.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
