//! The gradient of a weight matrix for each patient, as a product of what came in and what came back.
//!
//! A layer that multiplies each position of its input by one matrix, as linear layers and (over patches) convolutions do,
//! has for one patient the gradient `G = L R^T`: `L` is `[outputs, positions]`, `R` is `[inputs, positions]`, and the
//! positions are those of all her images. Two ways lead to the norm of `G`:
//!
//! - *instantiated*: compute `G`;
//! - *ghost* (Goodfellow 2015; Li et al. 2022, 2110.05679; Bu et al. 2022, 2205.10683): `|G|^2 = <L^T L, R^T R>`, where
//!   both factors are `[positions, positions]`, the products of her positions with each other, across images included.
//!   `G` is then never made: the clipped sum over patients is one product with scaled rows.
//!
//! The literature's rule takes ghost where `2 positions^2 < outputs * inputs`, which is about memory. Here the product is
//! cheap and memory is freed as the backward pass goes, so [`ghost_pays`] asks for the time instead, which is stricter.

use super::recorder::Slot;
use burn::tensor::Tensor;
use rayon::prelude::*;
use std::ops::Range;

/// Multiplications that the ghost norm may cost for each value that it saves: a value is written, squared and added.
/// By measurement, see `docs/benchmarks.md`.
const GHOST_COST_MAX: usize = 2;

/// Extents of a product: of the weight, and of what one image brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extents {
    pub(crate) outputs: usize,
    pub(crate) inputs: usize,
    pub(crate) positions: usize,
}

/// True where the ghost norm is the cheaper way.
pub(crate) fn ghost_pays(patients: &[Range<usize>], extents: Extents) -> bool {
    let Extents { outputs, inputs, positions } = extents;
    let pairs: usize = patients.iter().map(|rows| (rows.len() * positions).pow(2)).sum();
    // The Gram matrices are symmetric, so half of the pairs is computed.
    pairs / 2 * (outputs + inputs) < GHOST_COST_MAX * patients.len() * outputs * inputs
}

/// Gives `weight`, which is `[outputs, inputs]`, its gradients from `left` `[images, outputs, positions]` and `right`.
pub(crate) fn record(weight: &Slot, left: Tensor<3>, right: &Patches) {
    let [_, outputs, positions] = left.dims();
    let extents = Extents { outputs, inputs: right.inputs(), positions };
    if ghost_pays(weight.patients(), extents) {
        return weight.add_ghost(Product::of(left, right, extents));
    }
    let each = weight.patients().iter().flat_map(|rows| {
        let left = left.clone().slice([rows.clone()]);
        let product = left.matmul(right.of(rows.clone()).swap_dims(1, 2)).sum_dim(0);
        product.into_data().iter::<f32>().collect::<Vec<_>>()
    });
    weight.add(each.collect());
}

/// The neighbourhoods a weight matrix sees: a square of an odd number of pixels around each, zeros beyond the border.
#[derive(Debug)]
pub(crate) struct Patches {
    images: Tensor<4>,
    kernel_px: usize,
}

impl Patches {
    /// Of `images` `[images, channels, height, width]`.
    pub(crate) fn of_size(images: Tensor<4>, kernel_px: usize) -> Self {
        Self { images, kernel_px }
    }

    /// Each pixel by itself.
    pub(crate) fn pixels(images: Tensor<4>) -> Self {
        Self::of_size(images, 1)
    }

    fn inputs(&self) -> usize {
        self.images.dims()[1] * self.kernel_px * self.kernel_px
    }

    /// Those of some images, `[images, inputs, positions]`; the inputs lie as `[channel, row, column]`.
    fn of(&self, rows: Range<usize>) -> Tensor<3> {
        let images = self.images.clone().slice([rows]);
        let [count, channels, height, width] = images.dims();
        if self.kernel_px == 1 {
            return images.reshape([count, channels, height * width]);
        }
        let border = self.kernel_px / 2;
        let padded = images.pad((border, border, border, border), 0.0);
        let shifted = |place: usize| {
            let (y, x) = (place / self.kernel_px, place % self.kernel_px);
            let shifted = padded.clone().slice([0..count, 0..channels, y..y + height, x..x + width]);
            shifted.reshape([count, channels, 1, height * width])
        };
        let places: Vec<Tensor<4>> = (0..self.kernel_px * self.kernel_px).map(shifted).collect();
        Tensor::cat(places, 2).reshape([count, self.inputs(), height * width])
    }
}

/// Both factors, position by position.
#[derive(Debug, Clone)]
pub(super) struct Product {
    extents: Extents,
    /// `[images, positions, outputs]`.
    left: Vec<f32>,
    /// `[images, positions, inputs]`.
    right: Vec<f32>,
}

impl Product {
    fn of(left: Tensor<3>, right: &Patches, extents: Extents) -> Self {
        let [images, ..] = left.dims();
        let by_position = |factor: Tensor<3>| factor.swap_dims(1, 2).into_data().iter::<f32>().collect();
        Self { extents, left: by_position(left), right: by_position(right.of(0..images)) }
    }

    /// Square of the norm of one patient's gradient, in f64: the terms can cancel.
    pub(super) fn norm_squared(&self, patient: &Range<usize>) -> f64 {
        let positions: Vec<(&[f32], &[f32])> = self.positions(patient).collect();
        let pairs = (0..positions.len()).flat_map(|one| (0..=one).map(move |other| (one, other)));
        pairs
            .map(|(one, other)| {
                let ((left, right), (left_other, right_other)) = (positions[one], positions[other]);
                let term = dot(left, left_other) * dot(right, right_other);
                if one == other { term } else { 2.0 * term }
            })
            .sum()
    }

    /// Adds every patient's gradient times her factor to `sum`, which is `[outputs, inputs]`; a factor of zero adds nothing,
    /// whatever the gradient.
    pub(super) fn add_to(&self, sum: &mut [f64], patients: &[Range<usize>], factors: &[f64]) {
        let counted = patients.iter().zip(factors).filter(|(_, factor)| **factor != 0.0);
        let scaled: Vec<(f64, &[f32], &[f32])> = counted
            .flat_map(|(patient, factor)| self.positions(patient).map(|(left, right)| (*factor, left, right)))
            .collect();
        sum.par_chunks_exact_mut(self.extents.inputs).enumerate().for_each(|(output, sum)| {
            for (factor, left, right) in &scaled {
                let factor = factor * f64::from(left[output]);
                sum.iter_mut().zip(*right).for_each(|(sum, value)| *sum += factor * f64::from(*value));
            }
        });
    }

    /// The gradients themselves, `[patients, outputs, inputs]`.
    pub(super) fn instantiated(&self, patients: &[Range<usize>]) -> Vec<f32> {
        let Extents { outputs, inputs, .. } = self.extents;
        let each = patients.iter().flat_map(|patient| {
            let mut gradient = vec![0.0; outputs * inputs];
            self.add_to(&mut gradient, std::slice::from_ref(patient), &[1.0]);
            gradient
        });
        each.map(|value| value as f32).collect()
    }

    fn positions(&self, patient: &Range<usize>) -> impl Iterator<Item = (&[f32], &[f32])> {
        let Extents { outputs, inputs, positions } = self.extents;
        let (first, last) = (patient.start * positions, patient.end * positions);
        let left = self.left[first * outputs..last * outputs].chunks_exact(outputs);
        left.zip(self.right[first * inputs..last * inputs].chunks_exact(inputs))
    }
}

fn dot(one: &[f32], other: &[f32]) -> f64 {
    one.iter().zip(other).map(|(one, other)| f64::from(*one) * f64::from(*other)).sum()
}
