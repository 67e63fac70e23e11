//! Privacy losses on a grid, rounded so that they stay an upper bound: "connect the dots" (Doroshenko, Ghazi, Kamath, Kumar
//! and Manurangsi 2022).
//!
//! Mass between two grid points goes to both of them, so that its P-mass and its Q-mass stay what they are. The
//! hockey-stick curve then passes through the true one at grid points and is linear in e^ε between: never below it.

use super::pair::Atom;
use super::step::Step;

/// P-masses at losses `(first + i) * grid`, and the mass of unbounded loss.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct GridLosses {
    pub(super) grid: f64,
    pub(super) first: i64,
    pub(super) masses: Vec<f64>,
    pub(super) infinity: f64,
}

/// ln E[e^(λL)] over the finite losses, and its first two derivatives in λ.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Cumulants {
    pub(super) log_moment: f64,
    pub(super) mean: f64,
    pub(super) variance: f64,
}

impl GridLosses {
    pub(super) fn of(step: &Step, grid: f64) -> Self {
        let (low, high) = step.range();
        let first = (low / grid).floor() - 1.0;
        let count = (high / grid).floor() - first + 3.0;
        let mut losses = Self { grid, first: first as i64, masses: vec![0.0; count as usize], infinity: 0.0 };
        let split = -1.0 / (-grid).exp_m1();
        step.cells(grid, |atom| losses.add(atom, first, split));
        losses.settle();
        losses
    }

    /// Splits an atom between its neighbours on the grid, keeping P-mass and Q-mass.
    fn add(&mut self, atom: Atom, first: f64, split: f64) {
        if atom.loss == f64::INFINITY {
            self.infinity += atom.mass;
            return;
        }
        let cell = (atom.loss / self.grid).floor();
        let upper = (-(cell * self.grid - atom.loss).exp_m1() * split).clamp(0.0, 1.0) * atom.mass;
        let index = (cell - first) as usize;
        self.masses[index] += atom.mass - upper;
        self.masses[index + 1] += upper;
    }

    /// The heaviest mass takes what makes the total 1, so that no rounding error is raised to the number of steps.
    fn settle(&mut self) {
        while self.masses.len() > 1 && self.masses.last() == Some(&0.0) {
            self.masses.pop();
        }
        let empty = self.masses.iter().take_while(|mass| **mass == 0.0).count().min(self.masses.len() - 1);
        self.masses.drain(..empty);
        self.first += empty as i64;
        let missing = 1.0 - self.infinity - compensated_sum(&self.masses);
        if let Some(heaviest) = self.masses.iter_mut().max_by(|a, b| a.total_cmp(b)) {
            *heaviest += missing;
        }
    }

    /// The largest finite loss, as a multiple of the grid.
    pub(super) fn last(&self) -> i64 {
        self.first + self.masses.len() as i64 - 1
    }

    pub(super) fn cumulants(&self, tilt: f64) -> Cumulants {
        let (mut mass, mut first, mut second) = (0.0, 0.0, 0.0);
        // Losses are counted from the end that weighs most, where the exponential is 1.
        let origin = if tilt > 0.0 { self.last() } else { self.first };
        self.tilted(tilt, |index, tilted| {
            let distance = (index - origin) as f64;
            mass += tilted;
            first += tilted * distance;
            second += tilted * distance * distance;
        });
        let mean = first / mass;
        Cumulants {
            log_moment: mass.ln() + tilt * self.grid * origin as f64,
            mean: (mean + origin as f64) * self.grid,
            variance: (second / mass - mean * mean).max(0.0) * self.grid * self.grid,
        }
    }

    /// Visits every index with its mass times e^(λ (loss - the extreme loss)).
    pub(super) fn tilted(&self, tilt: f64, mut visit: impl FnMut(i64, f64)) {
        let step = tilt * self.grid;
        let powers: Vec<f64> = (0..BLOCK).map(|k| (step * k as f64).exp()).collect();
        let origin = if tilt > 0.0 { self.masses.len() as f64 - 1.0 } else { 0.0 };
        for (block, masses) in self.masses.chunks(BLOCK).enumerate() {
            let start = block * BLOCK;
            let scale = (step * (start as f64 - origin)).exp();
            for (k, mass) in masses.iter().enumerate() {
                visit(self.first + (start + k) as i64, mass * (scale * powers[k]));
            }
        }
    }
}

/// Masses that share one exponential.
const BLOCK: usize = 32;

fn compensated_sum(terms: &[f64]) -> f64 {
    let (mut sum, mut lost) = (0.0_f64, 0.0);
    for term in terms {
        let next = sum + term;
        lost += if sum.abs() >= term.abs() { (sum - next) + term } else { (term - next) + sum };
        sum = next;
    }
    sum + lost
}
