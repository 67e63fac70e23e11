//! ε from privacy loss distributions: composed on finer and finer grids, each of which gives an upper bound.

use super::charges::{is_symmetric, merged, only_gaussian};
use super::refined::{FINE, Refined};
use super::side::SideLosses;
use super::sketch::Sketch;
use super::step::{Side, Step};
use super::{AccountError, gaussian, grid};
use crate::{Adjacency, Charge, Delta, Epsilon};
use rayon::prelude::*;

/// What the PLD accountant says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PldEpsilon {
    /// An upper bound on ε.
    pub epsilon: Epsilon,
    /// The spacing of the losses it was computed from; 0 where a closed form was used.
    pub grid: f64,
}

/// ε of all charges together at δ. The grid is refined until ε moves by less than 0.1 %; every value is an upper bound.
///
/// # Errors
/// [`AccountError`] where no finite bound can be given.
pub fn epsilon_pld(charges: &[Charge], delta: Delta, adjacency: Adjacency) -> Result<PldEpsilon, AccountError> {
    let charges = merged(charges)?;
    if charges.is_empty() {
        return finite(0.0, 0.0, delta, 0.0);
    }
    if let Some(sigma) = only_gaussian(&charges, adjacency) {
        return finite(gaussian::epsilon(sigma.recip(), delta.get()), 0.0, delta, 0.0);
    }
    let both = Composition::of(&charges, adjacency, delta.get() * CUT)?;
    both.refined(delta)
}

/// All charges, from each side that differs.
#[derive(Debug, Clone)]
pub(super) struct Composition {
    sides: Vec<(Sketch, Vec<(Step, u64)>)>,
    cut: f64,
}

impl Composition {
    /// Of merged charges; all that is cut from all uses together weighs at most `cut`.
    pub(super) fn of(charges: &[Charge], adjacency: Adjacency, cut: f64) -> Result<Self, AccountError> {
        let uses: f64 = charges.iter().map(|charge| charge.times as f64).sum();
        let tail = (cut / uses.max(1.0)).max(f64::MIN_POSITIVE);
        let side = |side| {
            let step = |charge: &Charge| Ok((Step::of(charge.mechanism, adjacency, side, tail)?, charge.times));
            charges.iter().map(step).collect::<Result<Vec<_>, AccountError>>()
        };
        let mut sides = vec![side(Side::With)?];
        if !charges.iter().all(|charge| is_symmetric(charge.mechanism, adjacency)) {
            sides.push(side(Side::Without)?);
        }
        Ok(Self::from_sides(sides, cut))
    }

    pub(super) fn from_sides(sides: Vec<Vec<(Step, u64)>>, cut: f64) -> Self {
        Self { sides: sides.into_iter().map(|steps| (Sketch::of(&steps), steps)).collect(), cut }
    }

    /// ε at δ, on grids that are refined until it moves by less than 0.1 %.
    pub(super) fn refined(&self, delta: Delta) -> Result<PldEpsilon, AccountError> {
        let sides = self.sides.par_iter();
        let coarse = sides.map(|(sketch, steps)| Refined::coarse(sketch, steps, delta.get()));
        let mut sides: Vec<Refined> = coarse.collect();
        loop {
            // A side whose bound is below the other's needs no better one.
            let Some(largest) = sides.iter_mut().max_by(|a, b| a.epsilon.total_cmp(&b.epsilon)) else {
                return finite(0.0, 0.0, delta, self.cut);
            };
            if largest.settled {
                return finite(largest.epsilon, largest.grid, delta, self.cut);
            }
            largest.refine();
        }
    }

    /// Each side on a grid that is fine for all of these δ.
    pub(super) fn on_fine_grids(&self, deltas: &[f64]) -> Vec<SideLosses> {
        let log_deltas: Vec<f64> = deltas.iter().map(|delta| delta.ln()).collect();
        let side = |(sketch, steps): &(Sketch, Vec<_>)| {
            let grids = deltas.iter().map(|delta| grid::overestimating_by(FINE, sketch, *delta));
            let finest = deltas.iter().map(|delta| grid::finest(sketch, *delta)).fold(0.0, f64::max);
            let grid = grids.fold(f64::INFINITY, f64::min).max(finest);
            SideLosses::on_grid(sketch.clone(), steps, grid, &log_deltas)
        };
        self.sides.par_iter().map(side).collect()
    }
}

fn finite(epsilon: f64, grid: f64, delta: Delta, tails: f64) -> Result<PldEpsilon, AccountError> {
    let too_small = AccountError::DeltaTooSmall { delta: delta.get(), tails };
    let epsilon = Epsilon::new(epsilon * (1.0 + ROUND_UP)).map_err(|_| too_small)?;
    Ok(PldEpsilon { epsilon, grid })
}

/// Share of δ that tails of all uses may weigh before they are moved to infinity.
pub(super) const CUT: f64 = 1e-8;

/// What the last steps of arithmetic can be off by.
const ROUND_UP: f64 = 1e-12;
