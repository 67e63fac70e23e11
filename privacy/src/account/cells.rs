//! Cells of a grid of losses: how wide each may be, and what the mass in it is split into.

use super::pair::{Atom, Pair};
use super::quadrature::Interval;

/// What one cell adds to the grid.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Cell {
    /// Mass between `index` and `index + multiple` times the grid, split between both ends.
    Bounded { index: i64, multiple: i64, lower: f64, upper: f64 },
    /// Mass of unbounded loss.
    Unbounded { mass: f64 },
}

impl Cell {
    /// The same cell in a mixture.
    pub(super) fn weighted(self, weight: f64) -> Self {
        match self {
            Self::Unbounded { mass } => Self::Unbounded { mass: mass * weight },
            Self::Bounded { index, multiple, lower, upper } => {
                Self::Bounded { index, multiple, lower: lower * weight, upper: upper * weight }
            }
        }
    }
}

/// How wide cells may be. A cell of width w where the tilted density is p adds (λ+1) p w³/12 to ε for each use, and more by
/// e^(λw) where λw is not small. That is spent evenly over the losses where there is less than in the bulk.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Coarsening {
    pub(super) tilts: Vec<Allowance>,
}

/// The allowance under one tilt: of one use's losses.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Allowance {
    pub(super) tilt: f64,
    pub(super) log_moment: f64,
    pub(super) cubed: f64,
}

impl Coarsening {
    /// The widest cell at a loss with this P-density.
    fn width(&self, loss: f64, density: f64) -> f64 {
        let width = |one: &Allowance| {
            let tilted = density * (one.tilt * loss - one.log_moment).exp();
            // Solves w³ e^((λ+1) w) = allowance / density, from below.
            ((one.tilt + 1.0) * (one.cubed / tilted).cbrt()).ln_1p() / (one.tilt + 1.0)
        };
        self.tilts.iter().map(width).fold(f64::INFINITY, f64::min)
    }
}

/// The cell of an atom.
pub(super) fn of_atom(atom: Atom, grid: f64) -> Cell {
    if atom.loss == f64::INFINITY {
        return Cell::Unbounded { mass: atom.mass };
    }
    let index = (atom.loss / grid).floor();
    let above = -(index * grid - atom.loss).exp_m1();
    bounded(Extent { index, multiple: 1.0 }, grid, atom.mass, above * atom.mass)
}

/// Visits the cells of a smooth part of a pair's outcomes, from the smallest loss up.
pub(super) fn of_part(pair: &Pair, part: Interval, grid: f64, coarsening: &Coarsening, visit: &mut impl FnMut(Cell)) {
    let mut extent = Extent { index: (pair.loss(part.from) / grid).floor(), multiple: 1.0 };
    let mut from = part.from;
    while from < part.to {
        // Below the smallest loss the outcome is -∞, above the largest ∞.
        let outcome = pair.outcome(extent.end() * grid);
        let to = if outcome < part.to { outcome.max(from) } else { part.to };
        let (mut mass, mut above) = (0.0, 0.0);
        if to > from {
            let start = extent.index * grid;
            pair.integrate(Interval { from, to }, FINENESS, &mut |atom| {
                mass += atom.mass;
                above += atom.mass * -(start - atom.loss).exp_m1();
            });
        }
        let points = coarsening.width(extent.end() * grid, mass / (extent.multiple * grid)) / grid;
        if extent.multiple > 1.0 && 2.0 * points < extent.multiple {
            // More mass is here than the last cell let expect.
            extent.multiple /= 2.0;
            continue;
        }
        if to > from {
            visit(bounded(extent, grid, mass, above));
        }
        extent = extent.next(points);
        from = to;
    }
}

/// Splits `mass` so that the mass times 1 - e^(start - loss), which is `above`, stays what it is.
fn bounded(extent: Extent, grid: f64, mass: f64, above: f64) -> Cell {
    let upper = (above / -(-extent.multiple * grid).exp_m1()).clamp(0.0, mass);
    Cell::Bounded { index: extent.index as i64, multiple: extent.multiple as i64, lower: mass - upper, upper }
}

/// A cell: from a multiple of the grid, so many grid points long. Lengths are powers of two, and starts multiples of them.
#[derive(Debug, Clone, Copy)]
struct Extent {
    index: f64,
    multiple: f64,
}

impl Extent {
    fn end(self) -> f64 {
        self.index + self.multiple
    }

    /// The cell after this: half or twice as long at most, as `points` allow.
    fn next(self, points: f64) -> Self {
        let index = self.end();
        let multiple = match self.multiple {
            m if points >= 2.0 * m && m < MULTIPLE_MAX && index.rem_euclid(2.0 * m) == 0.0 => 2.0 * m,
            m if points < m => (m / 2.0).max(1.0),
            m => m,
        };
        Self { index, multiple }
    }
}

/// Grid points that the longest cell spans.
const MULTIPLE_MAX: f64 = 4096.0;

/// Longest piece of a cell that one quadrature rule covers to full precision, as a share of the noise's scale.
const FINENESS: f64 = 0.1;
