//! The factors of patients' gradients, their norms and their weighted sum, with no gradient ever made.

use super::product::Extents;
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;
use std::ops::Range;

/// Rows of the weighted sum that stay in registers together.
const ROWS: usize = 4;

/// Vectors of each of these rows.
const VECTORS: usize = 2;

/// Rows of one task: enough to use what was read of the right factors more than once.
const TASK_ROWS: usize = 4 * ROWS;

/// Both factors, position by position, in f64: the terms of a norm can cancel.
#[derive(Debug, Clone)]
pub(super) struct Factors {
    extents: Extents,
    /// `[images, positions, outputs]`.
    left: Vec<f64>,
    /// `[images, positions, inputs]`.
    right: Vec<f64>,
}

impl Factors {
    /// From `left` `[images, positions, outputs]` and `right` `[images, positions, inputs]`.
    pub(super) fn new(extents: Extents, left: Vec<f64>, right: Vec<f64>) -> Self {
        Self { extents, left, right }
    }

    /// Square of the norm of one patient's gradient.
    pub(super) fn norm_squared(&self, patient: &Range<usize>) -> f64 {
        let positions: Vec<(&[f64], &[f64])> = self.positions(patient).collect();
        let arch = Arch::new();
        let dot = |one, other| arch.dispatch(Dot { one, other });
        let mut sum = 0.0;
        for (index, (left, right)) in positions.iter().enumerate() {
            for (left_before, right_before) in &positions[..index] {
                sum += 2.0 * dot(left, left_before) * dot(right, right_before);
            }
            sum += dot(left, left) * dot(right, right);
        }
        // Rounding may leave a little less than nothing of terms that cancel.
        if sum < 0.0 { 0.0 } else { sum }
    }

    /// Adds every patient's gradient times her factor to `sum`, which is `[outputs, inputs]`; a factor of zero adds nothing,
    /// whatever the gradient.
    pub(super) fn add_to(&self, sum: &mut [f64], patients: &[Range<usize>], factors: &[f64]) {
        let Extents { outputs, inputs, .. } = self.extents;
        let counted = || patients.iter().zip(factors).filter(|(_, factor)| **factor != 0.0);
        let right: Vec<&[f64]> =
            counted().flat_map(|(patient, _)| self.positions(patient).map(|(_, right)| right)).collect();
        let left: Vec<(f64, &[f64])> =
            counted().flat_map(|(patient, factor)| self.positions(patient).map(|(left, _)| (*factor, left))).collect();
        let arch = Arch::new();
        sum.par_chunks_mut(TASK_ROWS * inputs).enumerate().for_each(|(task, sum)| {
            let rows = (task * TASK_ROWS..outputs.min((task + 1) * TASK_ROWS)).step_by(ROWS);
            let left: Vec<Vec<[f64; ROWS]>> =
                rows.map(|row| left.iter().map(|(factor, left)| scaled(left, row, *factor)).collect()).collect();
            arch.dispatch(WeightedRows { sum, inputs, left: &left, right: &right });
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

    fn positions(&self, patient: &Range<usize>) -> impl Iterator<Item = (&[f64], &[f64])> {
        let Extents { outputs, inputs, positions } = self.extents;
        let (first, last) = (patient.start * positions, patient.end * positions);
        let left = self.left[first * outputs..last * outputs].chunks_exact(outputs);
        left.zip(self.right[first * inputs..last * inputs].chunks_exact(inputs))
    }
}

/// Some rows of one position times a factor; zeros beyond the last.
fn scaled(left: &[f64], first: usize, factor: f64) -> [f64; ROWS] {
    let mut rows = [0.0; ROWS];
    rows.iter_mut().zip(&left[first..]).for_each(|(row, left)| *row = factor * left);
    rows
}

struct Dot<'a> {
    one: &'a [f64],
    other: &'a [f64],
}

impl WithSimd for Dot<'_> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f64 {
        let (one, one_rest) = S::as_simd_f64s(self.one);
        let (other, other_rest) = S::as_simd_f64s(self.other);
        let mut sums = [simd.splat_f64s(0.0); 4];
        for (one, other) in one.chunks(4).zip(other.chunks(4)) {
            for (sum, (one, other)) in sums.iter_mut().zip(one.iter().zip(other)) {
                *sum = simd.mul_add_e_f64s(*one, *other, *sum);
            }
        }
        let total = simd.add_f64s(simd.add_f64s(sums[0], sums[1]), simd.add_f64s(sums[2], sums[3]));
        let mut total = simd.reduce_sum_f64s(total);
        for (one, other) in one_rest.iter().zip(other_rest) {
            total += one * other;
        }
        total
    }
}

/// Adds the products of `left` (for each few rows, by position) with `right` (by position) to some rows of a sum.
struct WeightedRows<'a> {
    sum: &'a mut [f64],
    inputs: usize,
    left: &'a [Vec<[f64; ROWS]>],
    right: &'a [&'a [f64]],
}

impl WithSimd for WeightedRows<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let tile = VECTORS * S::F64_LANES;
        let whole = self.inputs / tile * tile;
        // The tiles of `right` stay in the first-level cache while all rows pass by.
        for start in (0..whole).step_by(tile) {
            for (left, sum) in self.left.iter().zip(self.sum.chunks_mut(ROWS * self.inputs)) {
                let mut totals = [[simd.splat_f64s(0.0); VECTORS]; ROWS];
                for (left, right) in left.iter().zip(self.right) {
                    let (right, _) = S::as_simd_f64s(&right[start..start + tile]);
                    for (totals, left) in totals.iter_mut().zip(left) {
                        let left = simd.splat_f64s(*left);
                        for (total, right) in totals.iter_mut().zip(right) {
                            *total = simd.mul_add_e_f64s(left, *right, *total);
                        }
                    }
                }
                for (sum, totals) in sum.chunks_exact_mut(self.inputs).zip(&totals) {
                    let (sum, _) = S::as_mut_simd_f64s(&mut sum[start..start + tile]);
                    for (sum, total) in sum.iter_mut().zip(totals) {
                        *sum = simd.add_f64s(*sum, *total);
                    }
                }
            }
        }
        for (left, sum) in self.left.iter().zip(self.sum.chunks_mut(ROWS * self.inputs)) {
            for (left, right) in left.iter().zip(self.right) {
                for (sum, left) in sum.chunks_exact_mut(self.inputs).zip(left) {
                    for (sum, right) in sum[whole..].iter_mut().zip(&right[whole..]) {
                        *sum += left * right;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values that no rule connects.
    fn values(salt: u64, count: usize) -> Vec<f64> {
        crate::private::tests::values(salt, count).into_iter().map(f64::from).collect()
    }

    const EXTENTS: [Extents; 5] = [
        Extents { outputs: 1, inputs: 1, positions: 1 },
        Extents { outputs: 3, inputs: 7, positions: 2 },
        Extents { outputs: 4, inputs: 16, positions: 1 },
        Extents { outputs: 17, inputs: 33, positions: 4 },
        Extents { outputs: 40, inputs: 90, positions: 9 },
    ];

    fn factors(extents: Extents, images: usize) -> Factors {
        let of = |salt, each: usize| values(salt, images * extents.positions * each);
        Factors::new(extents, of(1, extents.outputs), of(2, extents.inputs))
    }

    /// One patient's gradient by its definition.
    fn gradient(factors: &Factors, patient: &Range<usize>) -> Vec<f64> {
        let Extents { outputs, inputs, .. } = factors.extents;
        let mut gradient = vec![0.0; outputs * inputs];
        for (left, right) in factors.positions(patient) {
            for (index, value) in gradient.iter_mut().enumerate() {
                *value += left[index / inputs] * right[index % inputs];
            }
        }
        gradient
    }

    #[test]
    fn the_ghost_norm_is_the_norm_of_the_gradient_over_all_her_images() {
        for extents in EXTENTS {
            let factors = factors(extents, 6);
            for patient in [0..3, 3..5, 5..6, 0..6] {
                let expected: f64 = gradient(&factors, &patient).iter().map(|value| value * value).sum();
                let ghost = factors.norm_squared(&patient);
                assert!((ghost / expected - 1.0).abs() < 1e-12, "{extents:?} {patient:?}: {ghost} {expected}");
            }
        }
    }

    #[test]
    fn images_that_cancel_have_no_norm() {
        let extents = Extents { outputs: 5, inputs: 6, positions: 1 };
        let (left, right) = (values(1, 5), values(2, 6));
        let opposite: Vec<f64> = left.iter().map(|value| -value).collect();
        let factors = Factors::new(extents, [left, opposite].concat(), [right.clone(), right].concat());
        let (apart, together) = (factors.norm_squared(&(0..1)), factors.norm_squared(&(0..2)));
        assert!(together >= 0.0 && together < 1e-14 * apart, "{together} of {apart}");
    }

    #[test]
    fn the_weighted_sum_is_that_of_the_gradients() {
        for extents in EXTENTS {
            let factors = factors(extents, 6);
            let (patients, weights) = ([0..3, 3..5, 5..6], [0.5, 0.0, -2.0]);
            let mut sum = vec![1.0; extents.outputs * extents.inputs];
            factors.add_to(&mut sum, &patients, &weights);
            let mut expected = vec![1.0; sum.len()];
            for (patient, weight) in patients.iter().zip(weights) {
                let gradient = gradient(&factors, patient);
                expected.iter_mut().zip(gradient).for_each(|(sum, value)| *sum += weight * value);
            }
            let error = sum.iter().zip(&expected).map(|(ours, expected)| (ours - expected).abs()).fold(0.0, f64::max);
            assert!(error < 1e-12, "{extents:?}: {error}");
        }
    }

    #[test]
    fn a_factor_of_zero_keeps_out_what_is_no_number() {
        let extents = Extents { outputs: 2, inputs: 2, positions: 1 };
        let factors = Factors::new(extents, vec![1.0, 2.0, f64::NAN, 1.0], vec![3.0, 4.0, 1.0, f64::INFINITY]);
        assert!(!factors.norm_squared(&(1..2)).is_finite());
        let mut sum = vec![0.0; 4];
        factors.add_to(&mut sum, &[0..1, 1..2], &[1.0, 0.0]);
        assert_eq!(sum, [3.0, 4.0, 6.0, 8.0]);
    }

    #[test]
    fn instantiated_is_what_the_sum_is_made_of() {
        let factors = factors(EXTENTS[3], 3);
        let patients = [0..1, 1..3];
        let instantiated = factors.instantiated(&patients);
        let expected: Vec<f64> = patients.iter().flat_map(|patient| gradient(&factors, patient)).collect();
        assert_eq!(instantiated.len(), expected.len());
        assert!(instantiated.iter().zip(&expected).all(|(ours, expected)| (f64::from(*ours) - expected).abs() < 1e-6));
    }
}
