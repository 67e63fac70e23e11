//! One side's ε on finer and finer grids, until it has settled. Every value on the way is an upper bound.

use super::grid;
use super::side::SideLosses;
use super::sketch::Sketch;
use super::step::Step;

/// A bound from one side, on the finest grid so far.
pub(super) struct Refined<'a> {
    sketch: &'a Sketch,
    steps: &'a [(Step, u64)],
    delta: f64,
    /// λ where δ is decided.
    tilt: f64,
    /// No grid is finer.
    finest: f64,
    pub(super) grid: f64,
    pub(super) epsilon: f64,
    /// How much finer the next grid has to be.
    divisor: f64,
    refinements: u32,
    /// Whether a finer grid is not worth its time.
    pub(super) settled: bool,
}

impl<'a> Refined<'a> {
    /// On a grid that is quick to use.
    pub(super) fn coarse(sketch: &'a Sketch, steps: &'a [(Step, u64)], delta: f64) -> Self {
        let (grid, finest) = (grid::overestimating_by(COARSE, sketch, delta), grid::finest(sketch, delta));
        let tilt = sketch.saddle_of_delta(delta.ln()).tilt;
        let (epsilon, divisor, refinements, settled) = (0.0, 1.0, 0, false);
        let mut coarse = Self { sketch, steps, delta, tilt, finest, grid, epsilon, divisor, refinements, settled };
        coarse.epsilon = coarse.epsilon_on(grid);
        coarse.divisor = coarse.divisor_for(coarse.expected());
        coarse
    }

    /// On the next grid.
    pub(super) fn refine(&mut self) {
        let finer = (self.grid / self.divisor).max(self.finest);
        let next = self.epsilon_on(finer).min(self.epsilon);
        // The overestimate goes with the square of the grid, so two values tell what is left of it.
        let moved = if next > 0.0 { (self.epsilon - next) / next.max(EPSILON_NEGLIGIBLE) } else { 0.0 };
        let divisor = self.grid / finer;
        let left = moved / (divisor * divisor - 1.0);
        let last = finer >= self.grid || self.refinements + 1 == REFINEMENTS;
        (self.grid, self.epsilon, self.refinements) = (finer, next, self.refinements + 1);
        // Losses that are few and far between may lie well on one grid and badly on the next.
        let left = left.max(0.5 * self.expected());
        self.settled = last || (moved <= TOLERANCE && left <= enough(finer));
        self.divisor = self.divisor_for(left);
    }

    /// The share of ε by which exact losses say that the grid overestimates it.
    fn expected(&self) -> f64 {
        COARSENED * self.sketch.overestimate(self.tilt, self.grid) / self.epsilon.max(EPSILON_NEGLIGIBLE)
    }

    /// How much finer a grid must be than one that overestimates ε by a share of `left`.
    fn divisor_for(&self, left: f64) -> f64 {
        let divisor = |share: f64| MARGIN * (left / share).sqrt();
        // From the grid of others on, nearly as near is near enough.
        divisor(FINE).min((self.grid / GRID_OF_OTHERS).max(divisor(NEARLY))).clamp(DIVISOR_MIN, DIVISOR_MAX)
    }

    fn epsilon_on(&self, grid: f64) -> f64 {
        SideLosses::on_grid(self.sketch.clone(), self.steps, grid, &[self.delta.ln()]).epsilon(self.delta)
    }
}

/// How near is near enough: less on grids on which others would be further off.
fn enough(grid: f64) -> f64 {
    if grid > GRID_OF_OTHERS * (1.0 + 1e-9) { FINE } else { NEARLY }
}

/// ε has settled when it moves by less.
const TOLERANCE: f64 = 1e-3;

/// What the grid of the answer should overestimate ε by: far less than [`TOLERANCE`].
pub(super) const FINE: f64 = 1e-6;

/// What it should at most overestimate ε by on grids of [`GRID_OF_OTHERS`] and below.
const NEARLY: f64 = 1e-4;

/// Where we overestimate by half of what Google's dp-accounting does, which stops at 1e-4.
const GRID_OF_OTHERS: f64 = 6e-5;

/// What the first grid should overestimate ε by.
const COARSE: f64 = 400.0 * FINE;

/// What wider cells where little mass is add to a grid's overestimate, as a factor.
const COARSENED: f64 = 4.0 / 3.0;

/// How much finer one grid is than the one before, and by how much more than it should have to be.
const DIVISOR_MIN: f64 = 1.5;
const DIVISOR_MAX: f64 = 20.0;
const MARGIN: f64 = 1.1;

/// Grids that are tried.
const REFINEMENTS: u32 = 8;

/// ε below this need not be known to three digits.
pub(super) const EPSILON_NEGLIGIBLE: f64 = 1e-6;
