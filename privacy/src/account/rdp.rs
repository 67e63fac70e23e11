//! Rényi differential privacy of one use of a mechanism (Mironov 2017), for adding or removing a patient.
//!
//! Sampled noise: integer orders of the Gaussian by the binomial sum of Mironov, Talwar and Zhang 2019, section 3.3; the rest
//! by quadrature. Both sum E[(P/Q)^a] - 1, whose terms are positive, so that nothing cancels however small q is.

use super::quadrature::{Interval, SIX};
use super::special::{log_add, log_expm1, log_mix, normal_density};
use crate::{Charge, Mechanism};

/// ε(a) of one use, at an order a > 1. Infinite at any other order.
pub fn rdp(mechanism: Mechanism, order: f64) -> f64 {
    if !(order > 1.0 && order.is_finite()) {
        return f64::INFINITY;
    }
    match mechanism {
        Mechanism::Gaussian { noise_multiplier } => order / (2.0 * noise_multiplier.get().powi(2)),
        Mechanism::DiscreteGaussian { sigma, sensitivity } => {
            order * (f64::from(sensitivity) / sigma.get()).powi(2) / 2.0
        }
        Mechanism::SampledGaussian { noise_multiplier, sampling_rate } if sampling_rate.get() == 1.0 => {
            rdp(Mechanism::Gaussian { noise_multiplier }, order)
        }
        Mechanism::SampledGaussian { noise_multiplier, sampling_rate } => {
            sampled_gaussian(noise_multiplier.get(), sampling_rate.get(), order)
        }
        Mechanism::Laplace { scale } => laplace(scale.get(), order),
        Mechanism::SampledLaplace { scale, sampling_rate } => sampled_laplace(scale.get(), sampling_rate.get(), order),
        Mechanism::DiscreteLaplace { scale, sensitivity } => {
            discrete_laplace(scale.get(), f64::from(sensitivity), order)
        }
    }
}

/// ε(a) of all charges together.
pub(super) fn rdp_of_all(charges: &[Charge], order: f64) -> f64 {
    charges.iter().map(|charge| charge.times as f64 * rdp(charge.mechanism, order)).sum()
}

/// From ln(A - 1), A = E[(P/Q)^a], to ln A / (a - 1).
fn from_log_excess(log_excess: f64, order: f64) -> f64 {
    log_add(0.0, log_excess) / (order - 1.0)
}

fn sampled_gaussian(sigma: f64, rate: f64, order: f64) -> f64 {
    if order == order.trunc() {
        return from_log_excess(gaussian_sum(sigma, rate, order), order);
    }
    if sigma < QUADRATURE_SIGMA_MIN {
        return interpolated(order, |whole| from_log_excess(gaussian_sum(sigma, rate, whole), whole));
    }
    from_log_excess(gaussian_integral(sigma, rate, order), order)
}

/// (a - 1) ε(a) is convex in a, and 0 at a = 1: a chord is above it.
pub(super) fn interpolated(order: f64, at_whole: impl Fn(f64) -> f64) -> f64 {
    let (below, above) = (order.floor(), order.ceil());
    let weighted = |whole: f64| if whole > 1.0 { (whole - 1.0) * at_whole(whole) } else { 0.0 };
    let share = order - below;
    ((1.0 - share) * weighted(below) + share * weighted(above)) / (order - 1.0)
}

/// ε(a) at a whole order of a Poisson-sampled release, from ln E[(P/Q)^k] of the one that is not sampled.
pub(super) fn sampled_at_whole(rate: f64, order: f64, log_moment: impl Fn(f64) -> f64) -> f64 {
    match rate {
        1.0 => log_moment(order) / (order - 1.0),
        _ => from_log_excess(binomial_sum(rate, order, log_moment), order),
    }
}

fn gaussian_sum(sigma: f64, rate: f64, order: f64) -> f64 {
    binomial_sum(rate, order, |k| k * (k - 1.0) / (2.0 * sigma * sigma))
}

/// ln of Σ_k C(a,k) (1-q)^(a-k) q^k (E[(P/Q)^k] - 1)
fn binomial_sum(rate: f64, order: f64, log_moment: impl Fn(f64) -> f64) -> f64 {
    let (log_in, log_out) = (rate.ln(), (-rate).ln_1p());
    let mut log_choose = order.ln();
    let mut sum = f64::NEG_INFINITY;
    for k in 2..=order as u64 {
        let k = k as f64;
        log_choose += ((order - k + 1.0) / k).ln();
        let log_excess = log_expm1(log_moment(k));
        sum = log_add(sum, log_choose + (order - k) * log_out + k * log_in + log_excess);
    }
    sum
}

fn gaussian_integral(sigma: f64, rate: f64, order: f64) -> f64 {
    let reach = 13.0 * sigma;
    let mut sum = f64::NEG_INFINITY;
    // The likelihood ratio bends at 1/2 and where both parts of the mixture weigh the same, within a width of σ².
    let bends = [0.5, 0.5 + sigma * sigma * ((1.0 - rate) / rate).ln()];
    let mut from = -reach;
    while from < order + reach {
        let distance = bends.iter().map(|bend| (from - bend).abs()).fold(f64::INFINITY, f64::min);
        let length = (0.25 * sigma).min((0.25 * sigma * sigma).max(0.1 * distance));
        for (x, weight) in (Interval { from, to: from + length }).nodes(SIX) {
            let log_density = -0.5 * (x / sigma).powi(2) + (weight * normal_density(0.0) / sigma).ln();
            sum = log_add(sum, log_density + log_convex_excess(rate, (x - 0.5) / (sigma * sigma), order));
        }
        from += length;
    }
    sum
}

/// ln of (1+u)^b - 1 - b u >= 0 with u = q (e^r - 1), for b > 1 or b < 0.
fn log_convex_excess(rate: f64, r: f64, exponent: f64) -> f64 {
    let ratio = log_mix(rate, r);
    if r > 30.0 && exponent < 0.0 {
        return (-exponent * rate).ln() + r;
    }
    if exponent * ratio > 30.0 {
        let rest = (-exponent * ratio).exp() + exponent * rate * (r - exponent * ratio).exp();
        return exponent * ratio + (-rest).ln_1p();
    }
    let u = rate * r.exp_m1();
    if u.abs() * (exponent.abs() + 1.0) < 0.02 {
        let mut term = 0.5 * exponent * (exponent - 1.0) * u * u;
        let mut sum = 0.0;
        for k in 2..14 {
            sum += term;
            term *= (exponent - f64::from(k)) * u / f64::from(k + 1);
        }
        return sum.ln();
    }
    ((exponent * ratio).exp_m1() - exponent * u).ln()
}

/// Mironov 2017, Table II, with e^(1/b) taken out.
fn laplace(scale: f64, order: f64) -> f64 {
    let pure = 1.0 / scale;
    let rest = (order - 1.0) * ((1.0 - 2.0 * order) * pure).exp_m1() / (2.0 * order - 1.0);
    (pure + rest.ln_1p() / (order - 1.0)).clamp(0.0, pure)
}

/// The larger of both directions: with the patient against without, and the other way round.
fn sampled_laplace(scale: f64, rate: f64, order: f64) -> f64 {
    let pure = log_mix(rate, 1.0 / scale);
    let fineness = 0.25 * (scale / order).min(1.0);
    if fineness < LAPLACE_FINENESS_MIN {
        return pure;
    }
    let direction = |exponent: f64| from_log_excess(laplace_integral(scale, rate, exponent, fineness), order);
    direction(order).max(direction(1.0 - order)).min(pure)
}

/// Without the patient the log-ratio is -1/b below 0, 1/b above 1, and a line between.
fn laplace_integral(scale: f64, rate: f64, exponent: f64, fineness: f64) -> f64 {
    let at = |r: f64| log_convex_excess(rate, r, exponent) - std::f64::consts::LN_2;
    let mut sum = log_add(at(-1.0 / scale), at(1.0 / scale) - 1.0 / scale);
    for part in (Interval { from: 0.0, to: 1.0 }).parts(fineness) {
        for (x, weight) in part.nodes(SIX) {
            sum = log_add(sum, (weight / scale).ln() - x / scale + at((2.0 * x - 1.0) / scale));
        }
    }
    sum
}

/// With r = e^(-1/b): the ratio is e^(Δ/b) on half of the outcomes, e^(-Δ/b) on the other side, a geometric series between.
fn discrete_laplace(scale: f64, sensitivity: f64, order: f64) -> f64 {
    let (pure, power) = (sensitivity / scale, order - 1.0);
    let log_half = -(-1.0 / scale).exp().ln_1p();
    let ends = log_add(log_half + power * pure, log_half - pure - power * pure);
    // Σ over x = 1..Δ-1 of (1-r)/(1+r) e^(power Δ/b) e^(-x (1 + 2 power)/b)
    let step = (1.0 + 2.0 * power) / scale;
    let log_series = -step + log_one_minus_exp(step * (sensitivity - 1.0)) - log_one_minus_exp(step);
    let inner = log_half + log_one_minus_exp(1.0 / scale) + power * pure + log_series;
    let all = if sensitivity > 1.0 { log_add(ends, inner) } else { ends };
    (all / power).clamp(0.0, pure)
}

/// ln(1 - e^-y) for y > 0.
fn log_one_minus_exp(y: f64) -> f64 {
    (-(-y).exp_m1()).ln()
}

/// Below this noise, fractional orders are bounded by a chord between whole ones: the integral would take too many nodes.
const QUADRATURE_SIGMA_MIN: f64 = 0.2;

/// Where sampled Laplace noise would need finer parts than this, its pure ε is the bound.
const LAPLACE_FINENESS_MIN: f64 = 2e-4;
