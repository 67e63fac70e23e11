//! The pair of output distributions that is hardest to tell apart, for noise of full support: what every data set and its
//! neighbour look like at worst (Zhu, Dong and Wang 2022; for replace-one the pair of Google's dp-accounting).
//!
//! One patient moves the sum by 1. With f the noise's density and q the sampling rate, a mixture (1-q) f(x) + q f(x∓1) stands
//! for the data with her. Outcomes are mirrored where needed, so that the privacy loss always grows with the outcome.

use super::quadrature::{Interval, SIX, THREE, TWO};
use super::special::{log_mix, log_unmix, normal_cdf, normal_density};

/// Noise added to a sum that one patient moves by 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Noise {
    Gaussian { sigma: f64 },
    Laplace { scale: f64 },
}

/// Which of the two neighbours the outcome is drawn from, and what the other is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    /// Drawn with the patient; the other is without.
    Removed,
    /// Drawn without the patient; the other is with.
    Added,
    /// Drawn with one patient; the other has her opposite.
    Replaced,
}

/// P and Q of one use of a mechanism.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Pair {
    pub(super) noise: Noise,
    pub(super) rate: f64,
    pub(super) view: View,
}

/// P-mass with a privacy loss of at most `loss`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Atom {
    pub(super) loss: f64,
    pub(super) mass: f64,
}

impl Pair {
    /// ln P/Q at an outcome.
    pub(super) fn loss(&self, x: f64) -> f64 {
        let mixed = |x| log_mix(self.rate, self.noise.log_ratio(x));
        match self.view {
            View::Removed => mixed(x),
            View::Added => -mixed(-x),
            View::Replaced => mixed(x) - mixed(-x),
        }
    }

    /// The outcome of a loss; infinite where no outcome has it.
    pub(super) fn outcome(&self, loss: f64) -> f64 {
        match self.view {
            View::Removed => self.noise.outcome(log_unmix(self.rate, loss)),
            View::Added => -self.noise.outcome(log_unmix(self.rate, -loss)),
            View::Replaced => self.noise.replaced_outcome(self.rate, loss.abs()) * loss.signum(),
        }
    }

    /// P's density.
    pub(super) fn density(&self, x: f64) -> f64 {
        match self.view {
            View::Added => self.noise.density(x),
            View::Removed | View::Replaced => {
                (1.0 - self.rate) * self.noise.density(x) + self.rate * self.noise.density(x - 1.0)
            }
        }
    }

    /// The outcomes that matter, cut where the density has a kink. Beyond them Gaussian noise is with at most `tail`, and the
    /// loss of Laplace noise is constant.
    pub(super) fn smooth_parts(&self, tail: f64) -> Vec<Interval> {
        match (self.noise, self.view) {
            (Noise::Gaussian { sigma }, view) => {
                let reach = sigma * (-2.0 * tail.ln()).sqrt();
                let to = if view == View::Added { reach } else { 1.0 + reach };
                vec![Interval { from: -reach, to }]
            }
            (Noise::Laplace { .. }, View::Removed) => vec![Interval { from: 0.0, to: 1.0 }],
            (Noise::Laplace { .. }, View::Added) => vec![Interval { from: -1.0, to: 0.0 }],
            (Noise::Laplace { .. }, View::Replaced) => {
                vec![Interval { from: -1.0, to: 0.0 }, Interval { from: 0.0, to: 1.0 }]
            }
        }
    }

    /// The P-mass beyond the outcomes that matter, each end with the largest loss it can have.
    pub(super) fn tails(&self, parts: &[Interval]) -> [Atom; 2] {
        let from = parts.first().map_or(0.0, |part| part.from);
        let to = parts.last().map_or(0.0, |part| part.to);
        let below = Atom { loss: self.loss(from), mass: self.mass_above(Mirrored::Yes, -from) };
        let above = Atom { loss: self.supremum(to), mass: self.mass_above(Mirrored::No, to) };
        [below, above]
    }

    fn supremum(&self, to: f64) -> f64 {
        match (self.noise, self.view) {
            (Noise::Laplace { .. }, _) => self.loss(to),
            // Bounded for View::Added, but by far more than what matters: the tail is cut there too.
            (Noise::Gaussian { .. }, _) => f64::INFINITY,
        }
    }

    /// P[X > x], or P[-X > x] of the mirrored outcomes.
    fn mass_above(&self, mirrored: Mirrored, x: f64) -> f64 {
        let shift = match mirrored {
            Mirrored::No => 1.0,
            Mirrored::Yes => -1.0,
        };
        match self.view {
            View::Added => self.noise.tail(x),
            View::Removed | View::Replaced => {
                (1.0 - self.rate) * self.noise.tail(x) + self.rate * self.noise.tail(x - shift)
            }
        }
    }

    /// Calls `visit` with losses and P-masses that together integrate over an interval in which the density is smooth.
    pub(super) fn integrate(&self, interval: Interval, fineness: f64, visit: &mut impl FnMut(Atom)) {
        let unit = self.noise.unit();
        for part in interval.parts(fineness * unit) {
            let length = (part.to - part.from) / unit;
            let rule = match length {
                _ if length < 1e-3 => TWO,
                _ if length < 1e-2 => THREE,
                _ => SIX,
            };
            for (x, weight) in part.nodes(rule) {
                visit(Atom { loss: self.loss(x), mass: weight * self.density(x) });
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Mirrored {
    Yes,
    No,
}

impl Noise {
    /// ln f(x-1)/f(x)
    fn log_ratio(self, x: f64) -> f64 {
        match self {
            Self::Gaussian { sigma } => (x - 0.5) / (sigma * sigma),
            Self::Laplace { scale } => (2.0 * x - 1.0).clamp(-1.0, 1.0) / scale,
        }
    }

    fn outcome(self, log_ratio: f64) -> f64 {
        match self {
            Self::Gaussian { sigma } => log_ratio * sigma * sigma + 0.5,
            Self::Laplace { scale } => 0.5 * (log_ratio * scale + 1.0),
        }
    }

    /// The outcome at which the loss of replacing one patient is `loss` >= 0.
    fn replaced_outcome(self, rate: f64, loss: f64) -> f64 {
        match self {
            // With w = exp(x/σ²) the loss is a quadratic equation in w; its solution is w = exp(loss/2 + asinh g).
            Self::Gaussian { sigma } => {
                let variance = sigma * sigma;
                let log_g =
                    ((1.0 - rate) / (2.0 * rate)).ln() + (-(-loss).exp_m1()).ln() + 0.5 * (loss + 1.0 / variance);
                let asinh = if log_g > 20.0 { std::f64::consts::LN_2 + log_g } else { log_g.exp().asinh() };
                variance * (0.5 * loss + asinh)
            }
            Self::Laplace { scale } => self.outcome(log_unmix(rate, loss + log_mix(rate, -1.0 / scale))),
        }
    }

    pub(super) fn density(self, x: f64) -> f64 {
        match self {
            Self::Gaussian { sigma } => normal_density(x / sigma) / sigma,
            Self::Laplace { scale } => (-x.abs() / scale).exp() / (2.0 * scale),
        }
    }

    /// At least P[noise > x].
    fn tail(self, x: f64) -> f64 {
        match self {
            Self::Gaussian { sigma } => normal_cdf(-x / sigma) * (1.0 + 1e-12),
            Self::Laplace { scale } if x > 0.0 => 0.5 * (-x / scale).exp(),
            Self::Laplace { scale } => 1.0 - 0.5 * (x / scale).exp(),
        }
    }

    /// The length over which the density changes.
    pub(super) fn unit(self) -> f64 {
        match self {
            Self::Gaussian { sigma } => sigma,
            Self::Laplace { scale } => scale,
        }
    }
}
