//! One mechanism seen from one side: the privacy loss of a single use, exactly.

use super::AccountError;
use super::cells::{self, Cell, Coarsening};
use super::lattice::Lattice;
use super::pair::{Atom, Noise, Pair, View};
use crate::{Adjacency, Mechanism};

/// From which of two neighbours the outcomes are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// From the one with the patient.
    With,
    /// From the one without.
    Without,
}

/// The loss of one use, as a mixture of pairs whose branch an observer is told.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Step {
    parts: Vec<(f64, Shape)>,
    tail: f64,
}

#[derive(Debug, Clone, PartialEq)]
enum Shape {
    Smooth(Pair),
    Listed(Lattice),
}

impl Step {
    /// Of a mechanism; masses below `tail` may be cut, always upwards.
    pub(super) fn of(mechanism: Mechanism, adjacency: Adjacency, side: Side, tail: f64) -> Result<Self, AccountError> {
        // Replacing a patient moves a sum in which every patient is by up to twice what she adds.
        let moves = match adjacency {
            Adjacency::AddOrRemoveOne => 1.0,
            Adjacency::ReplaceOne => 2.0,
        };
        let shape = match mechanism {
            Mechanism::Gaussian { noise_multiplier } => {
                unsampled(Noise::Gaussian { sigma: noise_multiplier.get() / moves })?
            }
            Mechanism::Laplace { scale } => unsampled(Noise::Laplace { scale: scale.get() / moves })?,
            Mechanism::SampledGaussian { noise_multiplier, sampling_rate } => {
                sampled(Noise::Gaussian { sigma: noise_multiplier.get() }, sampling_rate.get(), adjacency, side)?
            }
            Mechanism::SampledLaplace { scale, sampling_rate } => {
                sampled(Noise::Laplace { scale: scale.get() }, sampling_rate.get(), adjacency, side)?
            }
            Mechanism::DiscreteGaussian { sigma, sensitivity } => {
                Shape::Listed(Lattice::gaussian(sigma.get(), moves * f64::from(sensitivity), tail)?)
            }
            Mechanism::DiscreteLaplace { scale, sensitivity } => {
                Shape::Listed(Lattice::laplace(scale.get(), moves * f64::from(sensitivity), tail)?)
            }
        };
        Ok(Self { parts: vec![(1.0, shape)], tail })
    }

    /// A mixture: with the weight `first`, that of `self`; else that of `other`.
    pub(super) fn mixed(self, first: f64, other: Self) -> Self {
        let ours = self.parts.into_iter().map(|(weight, shape)| (weight * first, shape));
        let theirs = other.parts.into_iter().map(|(weight, shape)| (weight * (1.0 - first), shape));
        Self { parts: ours.chain(theirs).collect(), tail: self.tail }
    }

    /// Smallest and largest finite loss that matter.
    pub(super) fn range(&self) -> (f64, f64) {
        let mut range = (f64::INFINITY, f64::NEG_INFINITY);
        let mut widen = |loss: f64| {
            if loss.is_finite() {
                range = (range.0.min(loss), range.1.max(loss));
            }
        };
        for (_, shape) in &self.parts {
            match shape {
                Shape::Listed(lattice) => lattice.atoms.iter().for_each(|atom| widen(atom.loss)),
                Shape::Smooth(pair) => pair.smooth_parts(self.tail).iter().for_each(|part| {
                    widen(pair.loss(part.from));
                    widen(pair.loss(part.to));
                }),
            }
        }
        range
    }

    /// Visits losses and masses that integrate it to about six digits: enough to choose a grid, not to state a bound.
    pub(super) fn sketch(&self, mut visit: impl FnMut(Atom)) {
        for (weight, shape) in &self.parts {
            let mut weighted = |atom: Atom| visit(Atom { mass: atom.mass * weight, ..atom });
            match shape {
                Shape::Listed(lattice) => lattice.atoms.iter().for_each(|atom| weighted(*atom)),
                Shape::Smooth(pair) => {
                    let parts = pair.smooth_parts(self.tail);
                    pair.tails(&parts).into_iter().for_each(&mut weighted);
                    parts.into_iter().for_each(|part| pair.integrate(part, 0.5, &mut weighted));
                }
            }
        }
    }

    /// Visits the cells of a grid, integrated to full precision.
    pub(super) fn cells(&self, grid: f64, coarsening: &Coarsening, mut visit: impl FnMut(Cell)) {
        for (weight, shape) in &self.parts {
            let mut weighted = |cell: Cell| visit(cell.weighted(*weight));
            match shape {
                Shape::Listed(lattice) => lattice.atoms.iter().for_each(|atom| weighted(cells::of_atom(*atom, grid))),
                Shape::Smooth(pair) => {
                    let parts = pair.smooth_parts(self.tail);
                    pair.tails(&parts).into_iter().for_each(|atom| weighted(cells::of_atom(atom, grid)));
                    parts.into_iter().for_each(|part| cells::of_part(pair, part, grid, coarsening, &mut weighted));
                }
            }
        }
    }
}

fn unsampled(noise: Noise) -> Result<Shape, AccountError> {
    smooth(Pair { noise, rate: 1.0, view: View::Removed })
}

fn sampled(noise: Noise, rate: f64, adjacency: Adjacency, side: Side) -> Result<Shape, AccountError> {
    let view = match (adjacency, side) {
        (Adjacency::ReplaceOne, _) => View::Replaced,
        (Adjacency::AddOrRemoveOne, Side::With) => View::Removed,
        (Adjacency::AddOrRemoveOne, Side::Without) => View::Added,
    };
    smooth(Pair { noise, rate, view })
}

fn smooth(pair: Pair) -> Result<Shape, AccountError> {
    let scale = pair.noise.unit();
    if scale < NOISE_MIN {
        Err(AccountError::NoiseTooNarrow { scale, min: NOISE_MIN })
    } else {
        Ok(Shape::Smooth(pair))
    }
}

/// Narrower noise has losses beyond 10^4 at every outcome, over which integrating takes for ever.
const NOISE_MIN: f64 = 1e-4;
