//! ε from privacy loss distributions: composed on finer and finer grids, each of which gives an upper bound.

use super::charges::{is_symmetric, merged, only_gaussian};
use super::side::SideLosses;
use super::sketch::Sketch;
use super::step::{Side, Step};
use super::{AccountError, gaussian};
use crate::{Adjacency, Charge, Delta, Epsilon};

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
        let mut grid = self.grid(delta.get(), COARSE);
        let mut epsilon = self.epsilon_on(grid, delta.get());
        let mut divisor = COARSE_TO_FINE;
        for _ in 0..REFINEMENTS {
            let finer = (grid / divisor).max(self.finest());
            let next = self.epsilon_on(finer, delta.get()).min(epsilon);
            let settled = epsilon - next <= TOLERANCE * next || finer >= grid;
            (grid, epsilon, divisor) = (finer, next, 2.0);
            if settled {
                break;
            }
        }
        finite(epsilon, grid, delta, self.cut)
    }

    /// ε at δ on the grid that should be fine enough, unchecked: still an upper bound.
    pub(super) fn epsilon_once(&self, delta: f64) -> f64 {
        self.epsilon_on(self.grid(delta, FINE), delta)
    }

    fn epsilon_on(&self, grid: f64, delta: f64) -> f64 {
        self.on_grid(grid).iter().map(|side| side.epsilon(delta)).fold(0.0, f64::max)
    }

    pub(super) fn on_grid(&self, grid: f64) -> Vec<SideLosses> {
        self.sides.iter().map(|(sketch, steps)| SideLosses::on_grid(sketch.clone(), steps, grid)).collect()
    }

    /// The grid that should overestimate ε by a share of `error`.
    pub(super) fn grid(&self, delta: f64, error: f64) -> f64 {
        let grids = self.sides.iter().map(|(sketch, _)| grid_of(sketch, delta.ln(), error));
        grids.fold(f64::INFINITY, f64::min).max(self.finest())
    }

    /// The finest grid that the limit on cells allows.
    fn finest(&self) -> f64 {
        self.sides.iter().map(|(sketch, _)| sketch.width()).fold(0.0, f64::max).max(f64::MIN_POSITIVE) / CELLS_MAX
    }
}

fn grid_of(sketch: &Sketch, log_delta: f64, error: f64) -> f64 {
    let saddle = sketch.saddle_of_delta(log_delta);
    let allowed = error * saddle.epsilon.max(EPSILON_NEGLIGIBLE);
    let mut grid = sketch.width().max(f64::MIN_POSITIVE) / CELLS_MIN;
    let finest = grid * CELLS_MIN / CELLS_MAX;
    while grid > finest && sketch.overestimate(saddle.tilt, grid) > allowed {
        grid *= std::f64::consts::FRAC_1_SQRT_2;
    }
    grid
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

/// The first grid is this much coarser than the second, so that the comparison costs little; the error goes with the square.
const COARSE_TO_FINE: f64 = 4.0;
const COARSE: f64 = FINE * COARSE_TO_FINE * COARSE_TO_FINE;

/// Grids that are tried.
const REFINEMENTS: u32 = 8;

/// Cells of one mechanism's losses: at least these, so that its shape is seen, and at most these, for memory and time.
const CELLS_MIN: f64 = 64.0;
const CELLS_MAX: f64 = 2_097_152.0;

/// ε below this need not be known to three digits.
const EPSILON_NEGLIGIBLE: f64 = 1e-6;

/// Share of δ that tails of all uses may weigh before they are moved to infinity.
const CUT: f64 = 1e-8;

/// What the last steps of arithmetic can be off by.
const ROUND_UP: f64 = 1e-12;
