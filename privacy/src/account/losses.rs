//! Privacy losses on a grid, rounded so that they stay an upper bound: "connect the dots" (Doroshenko, Ghazi, Kamath, Kumar
//! and Manurangsi 2022).
//!
//! Mass between two grid points goes to both of them, so that its P-mass and its Q-mass stay what they are. The
//! hockey-stick curve then passes through the true one at grid points and is linear in e^ε between: never below it. Where
//! little mass is, only every second, fourth, ... grid point is used.

use super::cells::{Cell, Coarsening};
use super::step::Step;

/// P-masses at multiples of the grid, in increasing order, and the mass of unbounded loss.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct GridLosses {
    pub(super) grid: f64,
    pub(super) infinity: f64,
    masses: Vec<Mass>,
}

/// P-mass at a multiple of the grid.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Mass {
    pub(super) index: i64,
    pub(super) mass: f64,
}

/// ln E[e^(λL)] over the finite losses, and its first two derivatives in λ.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Cumulants {
    pub(super) log_moment: f64,
    pub(super) mean: f64,
    pub(super) variance: f64,
}

impl GridLosses {
    pub(super) fn of(step: &Step, grid: f64, coarsening: &Coarsening) -> Self {
        let mut losses = Self { grid, infinity: 0.0, masses: Vec::new() };
        step.cells(grid, coarsening, |cell| losses.add(cell));
        losses.settle();
        losses
    }

    fn add(&mut self, cell: Cell) {
        match cell {
            Cell::Unbounded { mass } => self.infinity += mass,
            Cell::Bounded { index, multiple, lower, upper } => {
                self.push(Mass { index, mass: lower });
                self.push(Mass { index: index + multiple, mass: upper });
            }
        }
    }

    fn push(&mut self, added: Mass) {
        match self.masses.last_mut() {
            Some(last) if last.index == added.index => last.mass += added.mass,
            _ if added.mass > 0.0 => self.masses.push(added),
            _ => {}
        }
    }

    /// Sorts; and the heaviest mass takes what makes the total 1, so that no rounding error is raised to the number of steps.
    fn settle(&mut self) {
        self.masses.sort_by_key(|one| one.index);
        self.masses.dedup_by(|next, kept| {
            let same = next.index == kept.index;
            kept.mass += if same { next.mass } else { 0.0 };
            same
        });
        let missing = 1.0 - self.infinity - compensated_sum(self.masses.iter().map(|one| one.mass));
        match self.masses.iter_mut().max_by(|a, b| a.mass.total_cmp(&b.mass)) {
            Some(heaviest) if missing.abs() < ROUNDED_AWAY_MAX => heaviest.mass += missing,
            // More than rounding: whatever was missed counts as lost. NaN is no less than 1.
            _ => self.infinity += missing.clamp(0.0, 1.0).max(if missing.is_nan() { 1.0 } else { 0.0 }),
        }
    }

    /// The smallest and the largest finite loss, as multiples of the grid.
    pub(super) fn ends(&self) -> (i64, i64) {
        (self.masses.first().map_or(0, |one| one.index), self.masses.last().map_or(0, |one| one.index))
    }

    /// The loss that weighs most under a tilt.
    pub(super) fn origin(&self, tilt: f64) -> i64 {
        if tilt > 0.0 { self.ends().1 } else { self.ends().0 }
    }

    pub(super) fn cumulants(&self, tilt: f64) -> Cumulants {
        let (mut mass, mut first, mut second) = (0.0, 0.0, 0.0);
        let origin = self.origin(tilt);
        self.tilted(tilt, |one| {
            let distance = (one.index - origin) as f64;
            mass += one.mass;
            first += one.mass * distance;
            second += one.mass * distance * distance;
        });
        let mean = first / mass;
        Cumulants {
            log_moment: mass.ln() + tilt * self.grid * origin as f64,
            mean: (mean + origin as f64) * self.grid,
            variance: (second / mass - mean * mean).max(0.0) * self.grid * self.grid,
        }
    }

    /// Visits all masses times e^(λ (loss - origin)).
    pub(super) fn tilted(&self, tilt: f64, mut visit: impl FnMut(Mass)) {
        let origin = self.origin(tilt);
        let factor = |indices: i64| (tilt * self.grid * indices as f64).exp();
        // One exponential for each run of even gaps; the rest are products, too few to gather errors.
        let (mut run, mut gap, mut ratio, mut weight) = (RUN_MAX, 0, 1.0, 1.0);
        let mut previous = origin;
        for one in &self.masses {
            let next_gap = one.index - previous;
            if run == RUN_MAX || next_gap != gap || ratio > RATIO_MAX {
                (run, weight) = (0, factor(one.index - origin));
                if next_gap != gap {
                    (gap, ratio) = (next_gap, factor(next_gap));
                }
            } else {
                weight *= ratio;
                run += 1;
            }
            previous = one.index;
            visit(Mass { index: one.index, mass: one.mass * weight });
        }
    }
}

/// Masses that share an exponential.
const RUN_MAX: u32 = 32;

/// A longer gap than this could leap from a weight of 0 to infinity.
const RATIO_MAX: f64 = 1e9;

/// Rounding errors of a total of 1 are below this.
const ROUNDED_AWAY_MAX: f64 = 1e-9;

fn compensated_sum(terms: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut lost) = (0.0_f64, 0.0);
    for term in terms {
        let next = sum + term;
        lost += if sum.abs() >= term.abs() { (sum - next) + term } else { (term - next) + sum };
        sum = next;
    }
    sum + lost
}
