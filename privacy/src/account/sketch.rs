//! What a composition will look like, from a few hundred exact losses: where to tilt, how fine a grid to use. Only choices
//! follow from it, never a bound.

use super::cells::{Allowance, Coarsening};
use super::losses::Cumulants;
use super::pair::Atom;
use super::special::mills_ratio;
use super::step::Step;
use super::zcdp::golden_minimum;

/// Exact losses of every mechanism, each with its number of uses.
#[derive(Debug, Clone, Default)]
pub(super) struct Sketch {
    parts: Vec<(Vec<Atom>, f64)>,
    width: f64,
    largest: f64,
}

/// A tilt λ, and the loss and the variance of the composition under it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Saddle {
    pub(super) tilt: f64,
    pub(super) epsilon: f64,
    pub(super) variance: f64,
    pub(super) log_delta: f64,
    pub(super) log_chernoff: f64,
}

/// A tilt, and the losses that a window has to hold under it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Frame {
    pub(super) tilt: f64,
    pub(super) span: f64,
    /// The highest loss.
    pub(super) top: f64,
    /// Of these, those that are looked at; the rest only keeps others from falling on them.
    kept: f64,
}

impl Sketch {
    pub(super) fn of(steps: &[(Step, u64)]) -> Self {
        let parts = steps.iter().map(|(step, times)| (outline(step), *times as f64)).collect();
        let (low, high) = range(steps);
        Self { parts, width: (high - low).max(0.0), largest: low.abs().max(high.abs()) }
    }

    /// ln E[e^(λL)] of the composition, with derivatives.
    pub(super) fn cumulants(&self, tilt: f64) -> Cumulants {
        self.parts.iter().fold(Cumulants::default(), |sum, (atoms, times)| {
            let one = cumulants(atoms, tilt);
            Cumulants {
                log_moment: sum.log_moment + times * one.log_moment,
                mean: sum.mean + times * one.mean,
                variance: sum.variance + times * one.variance,
            }
        })
    }

    /// Where the composition's δ is about `log_delta`.
    pub(super) fn saddle_of_delta(&self, log_delta: f64) -> Saddle {
        self.saddle_where(|saddle| saddle.log_delta > log_delta)
    }

    /// Where the composition's ε is about `epsilon`.
    pub(super) fn saddle_of_epsilon(&self, epsilon: f64) -> Saddle {
        self.saddle_where(|saddle| saddle.epsilon < epsilon)
    }

    /// The window for this saddle point, under its own tilt.
    pub(super) fn frame(&self, saddle: Saddle, log_tail: f64) -> Frame {
        self.frame_at(saddle, saddle.tilt, log_tail)
    }

    /// The window under a tilt that is lowered while that makes it shorter: the decisive losses then weigh less beside
    /// others, which costs precision, but several rare large losses at once weigh next to nothing.
    pub(super) fn lowered(&self, saddle: Saddle, own: Frame, log_tail: f64, grid: f64) -> Frame {
        let mut frame = own;
        for _ in 0..TILTS {
            let tilt = frame.tilt * LOWERED;
            if frame.kept >= frame.span || self.raised(saddle, tilt, grid) > raised_max(saddle) {
                break;
            }
            let next = self.frame_at(saddle, tilt, log_tail);
            if next.span >= frame.span {
                break;
            }
            frame = next;
        }
        frame
    }

    /// About the share of δ that is there only because all bins are raised by what rounding may have taken from them.
    fn raised(&self, saddle: Saddle, tilt: f64, grid: f64) -> f64 {
        let steps: f64 = self.parts.iter().map(|(_, times)| times).sum();
        // Errors count where the spectrum is large: a wide bulk has a narrow one.
        let bulk = 2.5 * self.cumulants(0.0).variance.sqrt() / grid;
        let error = STEP_ERROR * (steps / bulk).max(1.0);
        let log_scale = self.cumulants(tilt).log_moment - tilt * saddle.epsilon - saddle.log_delta;
        error * log_scale.exp() / (tilt * (tilt + 1.0) * grid)
    }

    /// How long a window has to be under a tilt: losses at which δ is decided at this saddle point, where no tail but
    /// `log_tail` falls on others when the window wraps around.
    fn frame_at(&self, saddle: Saddle, tilt: f64, log_tail: f64) -> Frame {
        let top = self.chernoff(self.tilt_of_tail(log_tail).max(saddle.tilt), log_tail);
        let bottom = self.chernoff(self.tilt_of_lower_tail(log_tail), log_tail).max(top + log_tail / tilt);
        let bottom = bottom.min(saddle.epsilon - saddle.variance.sqrt());
        // Mass above the window wraps around below ε, where untilting raises it by e^(λ length): there it does no harm.
        let wrapped = self.tilted_tail(tilt, WRAPPED.ln() - self.disadvantage(saddle, tilt)) - saddle.epsilon;
        Frame { tilt, top, kept: top - bottom, span: (top - bottom).max(wrapped) }
    }

    /// ln of how much less the losses at the saddle point weigh under another tilt than under their own.
    fn disadvantage(&self, saddle: Saddle, tilt: f64) -> f64 {
        (self.cumulants(tilt).log_moment - tilt * saddle.epsilon - saddle.log_chernoff).max(0.0)
    }

    /// The loss beyond which, by Chernoff's bound at a tilt, no more than `log_tail` is.
    fn chernoff(&self, tilt: f64, log_tail: f64) -> f64 {
        (self.cumulants(tilt).log_moment - log_tail) / tilt
    }

    /// The tilt at which the moment alone gives the least ε.
    pub(super) fn tilt_of_moment(&self, log_delta: f64) -> f64 {
        let epsilon = |log_tilt: f64| {
            let tilt = log_tilt.exp();
            (self.cumulants(tilt).log_moment - log_delta - tilt.ln_1p()) / tilt + (tilt / (tilt + 1.0)).ln()
        };
        golden_minimum(TILT_MIN.ln(), TILT_MAX.ln(), MOMENT_SECTIONS, epsilon).exp()
    }

    /// The tilt λ > 0 that bounds P[L > bound] <= `tail` with the smallest bound: the minimum of (K(λ) - ln tail)/λ.
    pub(super) fn tilt_of_tail(&self, log_tail: f64) -> f64 {
        self.saddle_where(|saddle| saddle.log_chernoff > log_tail).tilt
    }

    /// The tilt λ < 0 that bounds P[L < bound] the same way.
    fn tilt_of_lower_tail(&self, log_tail: f64) -> f64 {
        -bisect(|tilt| {
            let all = self.cumulants(-tilt);
            all.log_moment + tilt * all.mean > log_tail
        })
    }

    /// A loss above which the composition tilted by `tilt` has no more mass than `log_tail` says.
    fn tilted_tail(&self, tilt: f64, log_tail: f64) -> f64 {
        let start = self.cumulants(tilt).log_moment;
        let chernoff = |more: f64| (self.cumulants(tilt + more), more);
        let more = bisect(|more| {
            let (all, more) = chernoff(more);
            all.log_moment - start - more * all.mean > log_tail
        });
        (chernoff(more).0.log_moment - start - log_tail) / more
    }

    fn saddle_where(&self, below: impl Fn(&Saddle) -> bool) -> Saddle {
        self.saddle(bisect(|tilt| below(&self.saddle(tilt))))
    }

    fn saddle(&self, tilt: f64) -> Saddle {
        let all = self.cumulants(tilt);
        let deviation = all.variance.sqrt();
        // The saddle-point approximation of Lugannani and Rice's kind: a Gaussian in place of the tilted losses.
        let shape = mills_ratio(tilt * deviation) - mills_ratio((tilt + 1.0) * deviation);
        let log_chernoff = all.log_moment - tilt * all.mean;
        let log_delta = log_chernoff + (shape.max(f64::MIN_POSITIVE) / 2.506_628_274_631).ln();
        Saddle { tilt, epsilon: all.mean, variance: all.variance, log_delta, log_chernoff }
    }

    /// How much a grid adds to ε at a tilt: each loss in a cell (a, b) adds λ+1 times (L-a)(b-L)/2, to first order.
    pub(super) fn overestimate(&self, tilt: f64, grid: f64) -> f64 {
        let spread: f64 = self.parts.iter().map(|(atoms, times)| times * spread(atoms, tilt, grid)).sum();
        0.5 * (tilt + 1.0) * spread
    }

    /// How much wider than the grid the cells of a mechanism may be where, under all these tilts, little mass is.
    pub(super) fn coarsening(&self, mechanism: usize, grid: f64, tilts: &[f64]) -> Coarsening {
        let atoms = &self.parts[mechanism].0;
        let allowance = |tilt: &f64| {
            let one = cumulants(atoms, *tilt);
            let bulk = 1.0 / one.variance.sqrt().max(grid);
            Allowance { tilt: *tilt, log_moment: one.log_moment, cubed: grid.powi(3) * bulk / BULK_OVER_TAIL }
        };
        Coarsening { tilts: tilts.iter().map(allowance).collect() }
    }

    /// The finite losses of one use, from the smallest to the largest of all mechanisms.
    pub(super) fn width(&self) -> f64 {
        self.width
    }

    /// The largest of them, of either sign.
    pub(super) fn largest(&self) -> f64 {
        self.largest
    }
}

/// The smallest and the largest finite loss of one use; both 0 where there is none.
fn range(steps: &[(Step, u64)]) -> (f64, f64) {
    let ranges = steps.iter().map(|(step, _)| step.range());
    let (low, high) = ranges.fold((f64::INFINITY, f64::NEG_INFINITY), |all, one| (all.0.min(one.0), all.1.max(one.1)));
    if low <= high { (low, high) } else { (0.0, 0.0) }
}

/// The finite atoms, thinned to a number that is quick to sum.
fn outline(step: &Step) -> Vec<Atom> {
    let mut atoms = Vec::new();
    step.sketch(|atom| {
        if atom.loss.is_finite() && atom.mass > 0.0 {
            atoms.push(atom);
        }
    });
    let stride = atoms.len().div_ceil(ATOMS_MAX);
    if stride > 1 {
        atoms.sort_by(|a, b| a.loss.total_cmp(&b.loss));
        atoms = atoms.chunks(stride).map(merged).collect();
    }
    atoms
}

fn merged(atoms: &[Atom]) -> Atom {
    let mass: f64 = atoms.iter().map(|atom| atom.mass).sum();
    Atom { loss: atoms.iter().map(|atom| atom.loss * atom.mass / mass).sum(), mass }
}

/// Cells are widened where the density is below that of the bulk by this: the tails then add a third of what the bulk does.
const BULK_OVER_TAIL: f64 = 27.0;

/// Atoms that a sketch sums.
const ATOMS_MAX: usize = 2048;

fn cumulants(atoms: &[Atom], tilt: f64) -> Cumulants {
    let top = atoms.iter().map(|atom| tilt * atom.loss).fold(f64::NEG_INFINITY, f64::max);
    let (mut mass, mut first) = (0.0, 0.0);
    for atom in atoms {
        let tilted = atom.mass * (tilt * atom.loss - top).exp();
        mass += tilted;
        first += tilted * atom.loss;
    }
    let mean = first / mass;
    let second: f64 =
        atoms.iter().map(|atom| atom.mass * (tilt * atom.loss - top).exp() * (atom.loss - mean).powi(2)).sum();
    Cumulants { log_moment: top + mass.ln(), mean, variance: second / mass }
}

/// E[(L-a)(b-L)] over the cells (a, b) of a grid, under a tilt.
fn spread(atoms: &[Atom], tilt: f64, grid: f64) -> f64 {
    let top = atoms.iter().map(|atom| tilt * atom.loss).fold(f64::NEG_INFINITY, f64::max);
    let (mut mass, mut sum) = (0.0, 0.0);
    for atom in atoms {
        let tilted = atom.mass * (tilt * atom.loss - top).exp();
        let within = atom.loss - (atom.loss / grid).floor() * grid;
        mass += tilted;
        sum += tilted * within * (grid - within);
    }
    sum / mass
}

/// The largest tilt at which something that falls with the tilt still holds, to a few percent.
fn bisect(holds: impl Fn(f64) -> bool) -> f64 {
    let (mut low, mut high) = (TILT_MIN.ln(), TILT_MAX.ln());
    while high - low > 0.02 {
        let middle = 0.5 * (low + high);
        if holds(middle.exp()) { low = middle } else { high = middle }
    }
    (0.5 * (low + high)).exp()
}

/// Share of the tilted mass that may wrap around onto the losses that count.
const WRAPPED: f64 = 1e-8;

/// Each lower tilt, as a share of the one before, and how many there are.
const LOWERED: f64 = 0.85;
const TILTS: u32 = 8;

/// The share of δ that raising may add for a shorter window: it adds 1/λ of that to ε.
pub(super) fn raised_max(saddle: Saddle) -> f64 {
    RAISED_MAX * saddle.tilt * saddle.epsilon
}

/// Share of ε that raising may add.
const RAISED_MAX: f64 = 5e-7;

/// What the spectrum of one use may be off by, for choosing a window.
const STEP_ERROR: f64 = 5e-12;

/// Sections of the search for a tilt: to a thousandth of it.
const MOMENT_SECTIONS: u32 = 24;

/// Tilts between which the saddle point is sought: losses of 10^16 and of 10^-12 have theirs inside.
const TILT_MIN: f64 = 1e-16;
const TILT_MAX: f64 = 1e14;
