//! How fine a grid of losses has to be, and may be.

use super::refined::EPSILON_NEGLIGIBLE;
use super::side::TAIL_SHARE;
use super::sketch::Sketch;

/// The grid that should overestimate ε by a share of `error`.
pub(super) fn overestimating_by(error: f64, sketch: &Sketch, delta: f64) -> f64 {
    let saddle = sketch.saddle_of_delta(delta.ln());
    let allowed = error * saddle.epsilon.max(EPSILON_NEGLIGIBLE);
    let finest = finest(sketch, delta);
    let mut grid = (sketch.width() / CELLS_MIN).min(GRID_UNDER_TILT / saddle.tilt).max(finest);
    while grid > finest && sketch.overestimate(saddle.tilt, grid) > allowed {
        grid *= std::f64::consts::FRAC_1_SQRT_2;
    }
    grid.max(finest)
}

/// The finest grid that the limits on time and memory allow.
pub(super) fn finest(sketch: &Sketch, delta: f64) -> f64 {
    let saddle = sketch.saddle_of_delta(delta.ln());
    let log_tail = (delta * TAIL_SHARE).ln();
    let grid = saddle.variance.sqrt() / FINE_BINS;
    let frame = sketch.lowered(saddle, sketch.frame(saddle, log_tail), log_tail, grid);
    let (cells, bins) = (sketch.width() / CELLS_MAX, frame.span / BINS_MAX);
    // Losses that hardly differ are still counted in multiples of the grid.
    let indices = (frame.top.abs() / TOP_MAX).max(sketch.largest() / INDEX_MAX);
    cells.max(bins).max(indices).max(GRID_MIN)
}

/// Cells of one mechanism's losses: at least these, so that its shape is seen, and at most these, for memory and time.
const CELLS_MIN: f64 = 64.0;
const CELLS_MAX: f64 = 1_048_576.0;

/// Bins of the window of a grid that is chosen; [`super::side`] may double them.
const BINS_MAX: f64 = 1_048_576.0;

/// Grid points up to the top of a window, and up to the loss of one use: below what [`super::side`] and integers can count.
const TOP_MAX: f64 = 1e14;
const INDEX_MAX: f64 = 1e12;

/// Bins over which a fine grid spreads the decisive losses.
const FINE_BINS: f64 = 1e4;

/// Losses closer than this are the same.
const GRID_MIN: f64 = 1e-290;

/// Grids are at least this much finer than 1/λ.
const GRID_UNDER_TILT: f64 = 0.25;
