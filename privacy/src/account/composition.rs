//! The part of a composition around one ε: self-composition by FFT of the tilted losses, one spectrum for each mechanism.
//!
//! Tilting by e^(λL) puts the peak of the transform's input where δ is decided, so that rounding errors are small beside δ
//! however small δ is, and the window need not reach back to the bulk. What makes it an upper bound:
//! - losses above the window are counted whole, by Chernoff's bound;
//! - losses that wrap around only add mass to the window;
//! - every bin is raised by a bound on its rounding error, and negative bins count as zero.

use super::losses::{Cumulants, GridLosses};
use realfft::num_complex::Complex;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};
use std::sync::{Arc, Mutex, PoisonError};

/// A mechanism's losses and the number of its uses.
#[derive(Debug, Clone)]
pub(super) struct Repeated {
    pub(super) losses: GridLosses,
    pub(super) times: u64,
}

/// Where to look, in multiples of the grid.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Window {
    pub(super) tilt: f64,
    /// The highest bin.
    pub(super) top: i64,
    /// Bins, a length that is quick to transform.
    pub(super) length: usize,
    /// Mass above the window.
    pub(super) beyond: f64,
}

/// P-masses of the composed loss in a window, from its highest bin down; each at least the true one.
#[derive(Debug, Clone)]
pub(super) struct Composed {
    grid: f64,
    top: i64,
    /// Mass that is above every ε.
    beyond: f64,
    tilted: Vec<f64>,
    /// How much of each is a bound on its error.
    raise: f64,
    tilt: f64,
    log_scale: f64,
}

/// Sum of the cumulants of all uses.
pub(super) fn cumulants(parts: &[Repeated], tilt: f64) -> Cumulants {
    parts.iter().fold(Cumulants::default(), |sum, part| {
        let (one, times) = (part.losses.cumulants(tilt), part.times as f64);
        Cumulants {
            log_moment: sum.log_moment + times * one.log_moment,
            mean: sum.mean + times * one.mean,
            variance: sum.variance + times * one.variance,
        }
    })
}

impl Composed {
    /// `None` where numbers left the range of floating-point ones.
    pub(super) fn of(parts: &[Repeated], window: Window) -> Option<Self> {
        let grid = parts.first().map_or(1.0, |part| part.losses.grid);
        let steps: f64 = parts.iter().map(|part| part.times as f64).sum();
        let Transformed { tilted, raise, log_moment } = transform(parts, window);
        let infinite: f64 = parts.iter().map(|part| part.times as f64 * part.losses.infinity).sum();
        // The moment of one use is off by a few units in the last place, and is raised to the number of uses.
        let log_scale = log_moment + 8.0 * f64::EPSILON * (steps + log_moment.abs());
        let sound = log_scale.is_finite() && tilted.iter().all(|bin| bin.is_finite());
        sound.then_some(Self {
            grid,
            top: window.top,
            beyond: window.beyond + infinite,
            tilted,
            raise,
            tilt: window.tilt,
            log_scale,
        })
    }

    /// The smallest ε >= 0 in the window with δ(ε) <= `delta`; `None` if it is below the window, infinite if above it.
    pub(super) fn epsilon(&self, delta: f64) -> Option<f64> {
        if self.beyond.is_nan() || self.beyond >= delta {
            return Some(f64::INFINITY);
        }
        let rise = -(-self.grid).exp_m1();
        let (mut above, mut weight) = (self.beyond, 0.0);
        for (index, mass) in self.masses() {
            // Invariant: `above` is δ at this bin's loss, and δ(ε) = above + weight (1 - e^(ε - loss)) just below it.
            weight = mass + weight * (1.0 - rise);
            let next = above + weight * rise;
            if next.is_nan() || next > delta {
                let within = (-(delta - above) / weight).ln_1p();
                let epsilon = index as f64 * self.grid + within;
                return Some(if epsilon.is_nan() { f64::INFINITY } else { epsilon.max(0.0) });
            }
            if index <= 1 {
                return Some(0.0);
            }
            above = next;
        }
        None
    }

    /// δ(ε); `None` if ε is below the window.
    pub(super) fn delta(&self, epsilon: f64) -> Option<f64> {
        if epsilon < (self.top - self.tilted.len() as i64 + 1) as f64 * self.grid {
            return None;
        }
        let terms = self.masses().take_while(|(index, _)| *index as f64 * self.grid > epsilon);
        let within: f64 = terms.map(|(index, mass)| mass * -(epsilon - index as f64 * self.grid).exp_m1()).sum();
        Some(self.beyond + within)
    }

    /// About how much of δ(ε) is bounds on errors.
    pub(super) fn raised(&self, epsilon: f64) -> f64 {
        let scale = (self.log_scale - self.tilt * epsilon).exp();
        self.raise * scale / (self.tilt * (self.tilt + 1.0) * self.grid)
    }

    /// Bins from the highest down, untilted.
    fn masses(&self) -> impl Iterator<Item = (i64, f64)> {
        let ratio = (self.tilt * self.grid).exp();
        let mut weight = 0.0;
        self.tilted.iter().enumerate().map(move |(down, tilted)| {
            let index = self.top - down as i64;
            // One exponential for each run of bins; the rest are products, too few to gather errors.
            weight = if down % RUN == 0 { self.weight(index) } else { weight * ratio };
            (index, tilted * weight)
        })
    }

    /// What makes a tilted bin a mass; rounded up where it would vanish.
    fn weight(&self, index: i64) -> f64 {
        (self.log_scale - self.tilt * index as f64 * self.grid).max(LOG_WEIGHT_MIN).exp()
    }
}

/// Bins that share an exponential.
const RUN: usize = 32;

/// ln of the smallest weight.
const LOG_WEIGHT_MIN: f64 = -700.0;

/// Tilted masses from the window's top down, each raised by a bound on its rounding error.
struct Transformed {
    tilted: Vec<f64>,
    raise: f64,
    /// ln of their scale.
    log_moment: f64,
}

fn transform(parts: &[Repeated], window: Window) -> Transformed {
    let length = window.length;
    let (forward, inverse) = plans(length);
    let depth = (length as f64).log2() + 1.0;
    let mut input = forward.make_input_vec();
    let mut spectrum = forward.make_output_vec();
    let mut product = Vec::new();
    let mut log_moment = 0.0;
    for part in parts {
        log_moment += part.times as f64 * fold(&part.losses, window.tilt, &mut input);
        forward.process(&mut input, &mut spectrum).expect("both buffers were made by the plan");
        let (first, last) = part.losses.ends();
        let reach = window.tilt * part.losses.grid * (last - first) as f64;
        let error = QUADRATURE_ERROR + ROUNDING * (8.0 * depth + 4.0 * reach.abs() + 64.0);
        let uses = Uses::new(part.times, error);
        multiply(&mut product, spectrum.iter().map(|value| uses.of(*value)));
    }
    let (size, error) = total(&product, length);
    let raise = error + ROUNDING * 8.0 * depth * size;
    for (value, certain) in spectrum.iter_mut().zip(&product) {
        *value = certain.value / length as f64;
    }
    // The transform of real masses is real at both ends; rounding may have left a trace.
    spectrum[0].im = 0.0;
    spectrum[length / 2].im = 0.0;
    inverse.process(&mut spectrum, &mut input).expect("both buffers were made by the plan, the ends are real");
    let (below, above) = input.split_at(window.top.rem_euclid(length as i64) as usize + 1);
    let down = below.iter().rev().chain(above.iter().rev());
    Transformed { tilted: down.map(|bin| bin.max(0.0) + raise).collect(), raise, log_moment }
}

fn multiply(product: &mut Vec<Certain>, factors: impl Iterator<Item = Certain>) {
    if product.is_empty() {
        product.extend(factors);
        return;
    }
    product.iter_mut().zip(factors).for_each(|(so_far, factor)| *so_far = so_far.times(factor));
}

/// Both transforms; those of ordinary lengths are planned once, since that takes longer than to use them.
fn plans(length: usize) -> (Arc<dyn RealToComplex<f64>>, Arc<dyn ComplexToReal<f64>>) {
    static PLANNER: Mutex<Option<RealFftPlanner<f64>>> = Mutex::new(None);
    if length > KEPT_LENGTH_MAX {
        let mut planner = RealFftPlanner::new();
        return (planner.plan_fft_forward(length), planner.plan_fft_inverse(length));
    }
    let mut kept = PLANNER.lock().unwrap_or_else(PoisonError::into_inner);
    let planner = kept.get_or_insert_with(RealFftPlanner::new);
    (planner.plan_fft_forward(length), planner.plan_fft_inverse(length))
}

/// Longer plans are not kept: all up to here take 40 MB together.
const KEPT_LENGTH_MAX: usize = 1 << 19;

/// Tilts and normalises losses and wraps them around; returns the logarithm of the norm.
fn fold(losses: &GridLosses, tilt: f64, input: &mut [f64]) -> f64 {
    input.fill(0.0);
    let length = input.len() as i64;
    let mut total = 0.0;
    // Where multiple `start` of the grid is bin 0.
    let mut start = losses.ends().0.div_euclid(length) * length;
    losses.tilted(tilt, |one| {
        while one.index >= start + length {
            start += length;
        }
        input[(one.index - start) as usize] += one.mass;
        total += one.mass;
    });
    input.iter_mut().for_each(|mass| *mass /= total);
    total.ln() + tilt * losses.grid * losses.origin(tilt) as f64
}

/// A number of the spectrum and a bound on its error.
#[derive(Debug, Clone, Copy)]
struct Certain {
    value: Complex<f64>,
    error: f64,
}

impl Certain {
    fn times(self, other: Self) -> Self {
        let (ours, theirs) = (norm(self.value), norm(other.value));
        let error = self.error * theirs + ours * other.error + self.error * other.error;
        Self { value: self.value * other.value, error: error + 4.0 * ROUNDING * ours * theirs }
    }
}

/// The power by which every value of a spectrum is raised.
struct Uses {
    times: u64,
    /// A bound on the error of each value.
    error: f64,
    /// What a value's error adds to its power, for each unit of the power but one.
    growth: f64,
    /// What stands for a power that is next to nothing.
    faded: Certain,
}

impl Uses {
    fn new(times: u64, error: f64) -> Self {
        // Where |v|^n < e^-F, n > 2F, and (|v| + e)^n <= max(|v|^n, 2^-n) e^(2 n e).
        let faded = (2.0 * times as f64 * error - FADED).exp();
        let growth = times as f64 * (error + 4.0 * ROUNDING) * (times as f64 * error).exp();
        Self { times, error, growth, faded: Certain { value: Complex::default(), error: faded } }
    }

    /// A power of a value of norm at most 1: (|v| + e)^n - |v|^n is about n e |v|^(n-1) e^(n e), and below that plus e² where
    /// |v| is no larger than e.
    fn of(&self, value: Complex<f64>) -> Certain {
        // |v|^n < e^-F: most of a long spectrum.
        if (1.0 - value.norm_sqr()) * (self.times as f64 - 1.0) > 2.0 * FADED {
            return self.faded;
        }
        let below = power(value, self.times - 1);
        Certain { value: below * value, error: self.growth * norm(below) + self.error * self.error }
    }
}

/// Without the scaling of `hypot`: what underflows here is nothing beside the error.
fn norm(value: Complex<f64>) -> f64 {
    value.norm_sqr().sqrt()
}

fn power(value: Complex<f64>, mut exponent: u64) -> Complex<f64> {
    let (mut square, mut result) = (value, Complex::new(1.0, 0.0));
    while exponent > 0 {
        if exponent & 1 == 1 {
            result *= square;
        }
        square *= square;
        exponent >>= 1;
    }
    result
}

/// What a bin's value and its error can be at most: sums over the whole spectrum, of which half is stored.
fn total(product: &[Certain], length: usize) -> (f64, f64) {
    let sums = product.iter().fold((0.0, 0.0), |sum, one| (sum.0 + norm(one.value), sum.1 + one.error));
    (2.0 * sums.0 / length as f64, 2.0 * sums.1 / length as f64)
}

/// -ln of what is nothing in a normalised spectrum: far less than any rounding error of its transform.
const FADED: f64 = 50.0;

/// Half a unit in the last place.
const ROUNDING: f64 = f64::EPSILON / 2.0;

/// Relative error of a mass that was integrated within its cell.
const QUADRATURE_ERROR: f64 = 4e-12;
