//! All charges seen from one side, on one grid: answers for one δ or one ε, each an upper bound.

use super::composition::{Composed, Repeated, Window, cumulants};
use super::losses::GridLosses;
use super::sketch::{Saddle, Sketch};
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
        let saddle = self.sketch.saddle_of_delta(delta.ln());
        let tail = delta * TAIL_SHARE;
        (0..WIDENINGS)
            .find_map(|widening| Composed::of(&self.parts, self.window(saddle, tail, widening)?).epsilon(delta))
            .unwrap_or_else(|| self.epsilon_by_moment(saddle.tilt, delta))
    }

    /// δ(ε).
    pub(super) fn delta(&self, epsilon: f64) -> f64 {
        let saddle = self.sketch.saddle_of_epsilon(epsilon);
        let tail = saddle.log_delta.clamp(LOG_TAIL_MIN, 0.0).exp() * TAIL_SHARE;
        (0..WIDENINGS)
            .find_map(|widening| Composed::of(&self.parts, self.window(saddle, tail, widening)?).delta(epsilon))
            .unwrap_or_else(|| self.delta_by_moment(saddle.tilt, epsilon))
            .min(1.0)
    }

    /// A window around the saddle point, 2^widening times what should do; `None` where it would be too long.
    fn window(&self, saddle: Saddle, tail: f64, widening: u32) -> Option<Window> {
        let grid = self.parts.first()?.losses.grid;
        // A tilt by more than e a bin gains nothing, and would lose every bin but the highest.
        let tilt = saddle.tilt.min(1.0 / grid);
        let (top, beyond) = self.top(tilt, tail, grid);
        let highest = top as f64 * grid;
        let bottom = self.bottom(tail).max(highest + tail.ln() / tilt);
        let lowest = bottom.min(saddle.epsilon - saddle.variance.sqrt() - 8.0 * grid);
        // Mass above the window wraps around below ε, where untilting raises it by e^(λ length): there it does no harm.
        let wrap = self.sketch.tilted_tail(tilt, TAIL_SHARE.ln()) - saddle.epsilon;
        let bins = ((highest - lowest).max(wrap) / grid).max(64.0) * f64::from(1 << widening);
        if !(bins < WINDOW_MAX && highest.abs() / grid < INDEX_MAX) {
            return None;
        }
        Some(Window { tilt, top, length: quick_length(bins as usize), beyond })
    }

    /// The highest bin, and the mass above it.
    fn top(&self, tilt: f64, tail: f64, grid: f64) -> (i64, f64) {
        let largest = self.parts.iter().map(|part| part.times as f64 * part.losses.ends().1 as f64).sum::<f64>() * grid;
        let tilt = self.sketch.tilt_of_tail(tail.ln()).max(tilt);
        let bound = (cumulants(&self.parts, tilt).log_moment - tail.ln()) / tilt;
        if bound < largest { ((bound / grid).ceil() as i64, tail) } else { ((largest / grid).round() as i64, 0.0) }
    }

    /// A loss below which the mass is at most `tail`.
    fn bottom(&self, tail: f64) -> f64 {
        let tilt = self.sketch.tilt_of_lower_tail(tail.ln());
        (self.sketch.cumulants(tilt).log_moment - tail.ln()) / tilt
    }

    /// Without a transform: the conversion of Canonne, Kamath and Steinke 2020, Prop. 12, at one order.
    fn epsilon_by_moment(&self, tilt: f64, delta: f64) -> f64 {
        let left = delta - self.infinite();
        if left <= 0.0 {
            return f64::INFINITY;
        }
        let moment = self.log_moment(tilt);
        ((moment - left.ln() - tilt.ln_1p()) / tilt + (tilt / (tilt + 1.0)).ln()).max(0.0)
    }

    fn delta_by_moment(&self, tilt: f64, epsilon: f64) -> f64 {
        let moment = self.log_moment(tilt);
        (moment - tilt * epsilon + tilt * (tilt / (tilt + 1.0)).ln() - tilt.ln_1p()).exp() + self.infinite()
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
const TAIL_SHARE: f64 = 1e-8;

/// The smallest δ that is looked for.
const LOG_TAIL_MIN: f64 = -600.0;

/// Times that a window which missed ε is doubled.
const WIDENINGS: u32 = 3;

/// Bins of the longest window: 0.1 GB for each mechanism while it is transformed.
const WINDOW_MAX: f64 = 4_194_304.0;

/// Bins that floating-point numbers still count exactly.
const INDEX_MAX: f64 = 1e15;
