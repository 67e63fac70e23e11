//! ε from privacy loss distributions: composed on finer and finer grids, each of which gives an upper bound.

use super::charges::{is_symmetric, merged, only_gaussian};
use super::side::{SideLosses, TAIL_SHARE};
use super::sketch::Sketch;
use super::step::{Side, Step};
use super::{AccountError, gaussian};
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

    /// ε at δ, on grids that are refined until it moves by less than 0.1 % and should be nearer than [`FINE`].
    pub(super) fn refined(&self, delta: Delta) -> Result<PldEpsilon, AccountError> {
        let mut grid = self.grid(delta.get(), COARSE);
        let mut epsilon = self.epsilon_on(grid, delta.get());
        let mut divisor = FIRST_DIVISOR;
        let finest = self.finest(delta.get());
        for _ in 0..REFINEMENTS {
            let finer = (grid / divisor).max(finest);
            let next = self.epsilon_on(finer, delta.get()).min(epsilon);
            // The overestimate goes with the square of the grid, so two values tell what is left of it.
            let moved = if next > 0.0 { (epsilon - next) / next.max(EPSILON_NEGLIGIBLE) } else { 0.0 };
            let left = moved / (divisor * divisor - 1.0);
            let settled = (moved <= TOLERANCE && left <= enough(finer)) || finer >= grid;
            (grid, epsilon) = (finer, next);
            if settled {
                break;
            }
            divisor = (1.1 * (left / enough(finer)).sqrt()).clamp(1.5, DIVISOR_MAX);
        }
        finite(epsilon, grid, delta, self.cut)
    }

    fn epsilon_on(&self, grid: f64, delta: f64) -> f64 {
        let sides = self.sides.par_iter();
        let epsilons =
            sides.map(|(sketch, steps)| SideLosses::on_grid(sketch.clone(), steps, grid, &[delta.ln()]).epsilon(delta));
        epsilons.reduce(|| 0.0, f64::max)
    }

    /// Both sides on one grid, made for the δ around these.
    pub(super) fn on_grid(&self, grid: f64, log_deltas: &[f64]) -> Vec<SideLosses> {
        let side = |(sketch, steps): &(Sketch, Vec<_>)| SideLosses::on_grid(sketch.clone(), steps, grid, log_deltas);
        self.sides.par_iter().map(side).collect()
    }

    /// The grid that should overestimate ε by a share of `error` from either side.
    pub(super) fn grid(&self, delta: f64, error: f64) -> f64 {
        let grids = self.sides.iter().map(|(sketch, _)| grid_of(sketch, delta, error));
        grids.fold(f64::INFINITY, f64::min).max(self.finest(delta))
    }

    /// The finest grid that the limits on time and memory allow.
    fn finest(&self, delta: f64) -> f64 {
        self.sides.iter().map(|(sketch, _)| finest_of(sketch, delta)).fold(0.0, f64::max)
    }
}

fn grid_of(sketch: &Sketch, delta: f64, error: f64) -> f64 {
    let saddle = sketch.saddle_of_delta(delta.ln());
    let allowed = error * saddle.epsilon.max(EPSILON_NEGLIGIBLE);
    let finest = finest_of(sketch, delta);
    let mut grid = (sketch.width() / CELLS_MIN).min(GRID_UNDER_TILT / saddle.tilt).max(finest);
    while grid > finest && sketch.overestimate(saddle.tilt, grid) > allowed {
        grid *= std::f64::consts::FRAC_1_SQRT_2;
    }
    grid.max(finest)
}

fn finest_of(sketch: &Sketch, delta: f64) -> f64 {
    let span = sketch.span(sketch.saddle_of_delta(delta.ln()), (delta * TAIL_SHARE).ln());
    (sketch.width() / CELLS_MAX).max(span / BINS_MAX).max(GRID_MIN)
}

/// How near is near enough: on grids that are finer than any other accountant's, a digit less.
fn enough(grid: f64) -> f64 {
    if grid > GRID_OF_OTHERS { FINE } else { 10.0 * FINE }
}

fn finite(epsilon: f64, grid: f64, delta: Delta, tails: f64) -> Result<PldEpsilon, AccountError> {
    let too_small = AccountError::DeltaTooSmall { delta: delta.get(), tails };
    let epsilon = Epsilon::new(epsilon * (1.0 + ROUND_UP)).map_err(|_| too_small)?;
    Ok(PldEpsilon { epsilon, grid })
}

/// ε has settled when it moves by less.
const TOLERANCE: f64 = 1e-3;

/// What the grid of the answer should overestimate ε by: far less than [`TOLERANCE`].
pub(super) const FINE: f64 = 4e-6;

/// Half of the spacing at which Google's dp-accounting stops.
const GRID_OF_OTHERS: f64 = 5e-5;

/// What the first grid should overestimate ε by, and how much finer the second is.
const COARSE: f64 = 256.0 * FINE;
const FIRST_DIVISOR: f64 = 4.0;

/// How much finer one grid is than the one before, at most.
const DIVISOR_MAX: f64 = 8.0;

/// Grids that are tried.
const REFINEMENTS: u32 = 8;

/// Cells of one mechanism's losses: at least these, so that its shape is seen, and at most these, for memory and time.
const CELLS_MIN: f64 = 64.0;
const CELLS_MAX: f64 = 1_048_576.0;

/// Bins of the window of a grid that is chosen; [`super::side`] may double them.
const BINS_MAX: f64 = 1_048_576.0;

/// Losses closer than this are the same.
const GRID_MIN: f64 = 1e-290;

/// Grids are at least this much finer than 1/λ.
const GRID_UNDER_TILT: f64 = 0.25;

/// ε below this need not be known to three digits.
const EPSILON_NEGLIGIBLE: f64 = 1e-6;

/// Share of δ that tails of all uses may weigh before they are moved to infinity.
pub(super) const CUT: f64 = 1e-8;

/// What the last steps of arithmetic can be off by.
const ROUND_UP: f64 = 1e-12;
