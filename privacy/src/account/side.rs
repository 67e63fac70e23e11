//! All charges seen from one side, on one grid: answers for one δ or one ε, each an upper bound.

use super::composition::{Composed, Repeated, Window, cumulants};
use super::losses::GridLosses;
use super::sketch::{Frame, Saddle, Sketch, raised_max};
use super::step::Step;
use rayon::prelude::*;

/// One side of a composition.
#[derive(Debug, Clone)]
pub(super) struct SideLosses {
    sketch: Sketch,
    parts: Vec<Repeated>,
}

impl SideLosses {
    /// Composes on a grid that is made for the δ around these.
    pub(super) fn on_grid(sketch: Sketch, steps: &[(Step, u64)], grid: f64, log_deltas: &[f64]) -> Self {
        let tilts: Vec<f64> = log_deltas.iter().map(|log_delta| sketch.saddle_of_delta(*log_delta).tilt).collect();
        let parts = steps.par_iter().enumerate().map(|(index, (step, times))| {
            let coarsening = sketch.coarsening(index, grid, &tilts);
            Repeated { losses: GridLosses::of(step, grid, &coarsening), times: *times }
        });
        Self { parts: parts.collect(), sketch }
    }

    /// ε(δ); infinite where the cut tails weigh more than δ.
    pub(super) fn epsilon(&self, delta: f64) -> f64 {
        if self.total_variation() <= delta {
            return 0.0;
        }
        let saddle = self.sketch.saddle_of_delta(delta.ln());
        let tail = delta * TAIL_SHARE;
        let composed = self.composed(saddle, tail, |composed| {
            let epsilon = composed.epsilon(delta)?;
            Some((epsilon, composed.raised(epsilon) / delta))
        });
        composed.unwrap_or(f64::INFINITY).min(self.epsilon_by_moment(delta))
    }

    /// δ(ε).
    pub(super) fn delta(&self, epsilon: f64) -> f64 {
        let saddle = self.sketch.saddle_of_epsilon(epsilon);
        let tail = saddle.log_delta.clamp(LOG_DELTA_MIN, 0.0).exp() * TAIL_SHARE;
        let composed = self.composed(saddle, tail, |composed| {
            let delta = composed.delta(epsilon)?;
            Some((delta, composed.raised(epsilon) / delta))
        });
        composed.unwrap_or(1.0).min(self.delta_by_moment(saddle.tilt, epsilon)).min(self.total_variation()).min(1.0)
    }

    /// An answer from a window around this saddle point, and how much of δ is there only because rounding errors are added:
    /// if too much under a lowered tilt, once more without.
    fn composed(&self, saddle: Saddle, tail: f64, answer: impl Fn(&Composed) -> Option<(f64, f64)>) -> Option<f64> {
        let grid = self.parts.first()?.losses.grid;
        // A tilt by more than e a bin gains nothing, and would lose every bin but the highest.
        let saddle = Saddle { tilt: saddle.tilt.min(1.0 / grid), ..saddle };
        let from = |frame: Frame, widening| answer(&Composed::of(&self.parts, self.window(frame, tail, widening)?)?);
        let own = self.sketch.frame(saddle, tail.ln());
        let lowered = self.sketch.lowered(saddle, own, tail.ln(), grid);
        let quick = if lowered.tilt < own.tilt { from(lowered, 0) } else { None };
        match quick {
            Some((value, raised)) if raised <= 2.0 * raised_max(saddle) => Some(value),
            _ => (0..WIDENINGS).find_map(|widening| from(own, widening)).map(|(value, _)| value),
        }
    }

    /// 2^widening times as many bins as should do; `None` where that is too many.
    fn window(&self, frame: Frame, tail: f64, widening: u32) -> Option<Window> {
        let grid = self.parts.first()?.losses.grid;
        let (top, beyond) = self.top(frame.tilt, tail, grid);
        let bins = (frame.span / grid + BINS_MIN) * f64::from(1 << widening);
        if !(bins < WINDOW_MAX && (top as f64).abs() < INDEX_MAX) {
            return None;
        }
        Some(Window { tilt: frame.tilt, top, length: quick_length(bins as usize), beyond })
    }

    /// The highest bin, and the mass above it.
    fn top(&self, tilt: f64, tail: f64, grid: f64) -> (i64, f64) {
        let largest: f64 = self.parts.iter().map(|part| part.times as f64 * part.losses.ends().1 as f64).sum();
        let tilt = self.sketch.tilt_of_tail(tail.ln()).max(tilt);
        let bound = (self.log_moment(tilt) - tail.ln()) / tilt / grid;
        if bound < largest { (bound.ceil() as i64, tail) } else { (largest as i64, 0.0) }
    }

    /// Bretagnolle and Huber: at most √(1 - e^-KL), and what is unbounded.
    fn total_variation(&self) -> f64 {
        let divergence = cumulants(&self.parts, 0.0).mean;
        if divergence.is_nan() { 1.0 } else { (-(-divergence.max(0.0)).exp_m1()).sqrt() + self.infinite() }
    }

    /// Without a transform: the conversion of Canonne, Kamath and Steinke 2020, Prop. 12, at the best order.
    fn epsilon_by_moment(&self, delta: f64) -> f64 {
        let left = delta - self.infinite();
        if left <= 0.0 {
            return f64::INFINITY;
        }
        let tilt = self.sketch.tilt_of_moment(left.ln());
        let epsilon = (self.log_moment(tilt) - left.ln() - tilt.ln_1p()) / tilt + (tilt / (tilt + 1.0)).ln();
        // NaN must not pass for 0.
        if epsilon.is_nan() { f64::INFINITY } else { epsilon.max(0.0) }
    }

    fn delta_by_moment(&self, tilt: f64, epsilon: f64) -> f64 {
        let log_delta = self.log_moment(tilt) - tilt * epsilon + tilt * (tilt / (tilt + 1.0)).ln() - tilt.ln_1p();
        if log_delta.is_nan() { 1.0 } else { log_delta.exp() + self.infinite() }
    }

    /// ln E[e^(λL)], with what rounding can make of so many uses.
    fn log_moment(&self, tilt: f64) -> f64 {
        let steps: f64 = self.parts.iter().map(|part| part.times as f64).sum();
        let moment = cumulants(&self.parts, tilt).log_moment;
        moment + 8.0 * f64::EPSILON * (steps + moment.abs())
    }

    fn infinite(&self) -> f64 {
        self.parts.iter().map(|part| part.times as f64 * part.losses.infinity).sum()
    }
}

/// The next length >= `bins` of the form 2^k, 5·2^k, 3·2^k or 7·2^k.
fn quick_length(bins: usize) -> usize {
    let power = bins.next_power_of_two().max(64);
    (5..8).map(|eighths| power / 8 * eighths).find(|length| *length >= bins).unwrap_or(power)
}

/// Share of δ that a tail may take.
pub(super) const TAIL_SHARE: f64 = 1e-8;

/// The smallest δ that is looked for.
const LOG_DELTA_MIN: f64 = -600.0;

/// Times that a window which missed ε is doubled.
const WIDENINGS: u32 = 3;

/// Bins around the saddle point that any window has.
const BINS_MIN: f64 = 48.0;

/// Bins of the longest window: 0.1 GB for each mechanism while it is transformed.
const WINDOW_MAX: f64 = 4_194_304.0;

/// Bins that floating-point numbers still count exactly.
const INDEX_MAX: f64 = 1e15;
