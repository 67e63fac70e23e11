//! The Gaussian mechanism, exactly (Balle and Wang 2018, Theorem 8). T uses with noise σ are one use with σ/√T.

use super::AccountError;
use super::quadrature::{Interval, SIX};
use super::special::{mills_ratio, normal_cdf, normal_density};
use crate::{Delta, Epsilon, NoiseMultiplier};

/// δ of `steps` uses at ε. Zero steps cost nothing.
pub fn gaussian_delta(noise: NoiseMultiplier, steps: u64, epsilon: Epsilon) -> f64 {
    delta(mu(noise, steps), epsilon.get())
}

/// ε of `steps` uses at δ, rounded up in the last places.
///
/// # Errors
/// [`AccountError::OutOfRange`] if ε is beyond floating-point numbers.
pub fn gaussian_epsilon(noise: NoiseMultiplier, steps: u64, delta: Delta) -> Result<Epsilon, AccountError> {
    let mu = mu(noise, steps);
    Epsilon::new(epsilon(mu, delta.get())).map_err(|_| AccountError::OutOfRange {
        what: "signal-to-noise ratio",
        value: mu,
        range: "at most 1e150: more noise or fewer steps",
    })
}

/// The least noise with which `steps` uses stay within (ε, δ), rounded up in the last places.
///
/// # Errors
/// [`AccountError::OutOfRange`] if there are no steps, or more than floating-point numbers can divide by.
pub fn gaussian_noise(epsilon: Epsilon, delta: Delta, steps: u64) -> Result<NoiseMultiplier, AccountError> {
    let within = |log_mu: f64| self::delta(log_mu.exp(), epsilon.get()) <= delta.get();
    // ln μ from the smallest to the largest that a finite σ and ε can have.
    let (mut low, mut high) = (-300.0, 350.0);
    while high - low > 1e-14 * (1.0_f64 + f64::abs(low)) {
        let middle = 0.5 * (low + high);
        if within(middle) { low = middle } else { high = middle }
    }
    let sigma = (steps as f64).sqrt() / low.exp() * (1.0 + 1e-13);
    NoiseMultiplier::new(sigma).map_err(|_| AccountError::OutOfRange {
        what: "number of steps",
        value: steps as f64,
        range: "at least 1",
    })
}

fn mu(noise: NoiseMultiplier, steps: u64) -> f64 {
    (steps as f64).sqrt() / noise.get()
}

/// Φ(μ/2 - ε/μ) - e^ε Φ(-μ/2 - ε/μ) = φ(a) (R(a) - R(a + μ)), with a = ε/μ - μ/2 and Mills' ratio R.
pub(super) fn delta(mu: f64, epsilon: f64) -> f64 {
    if mu == 0.0 {
        return 0.0;
    }
    let a = epsilon / mu - 0.5 * mu;
    if a > FAR_OUT {
        return 0.0;
    }
    if mu < 0.5 && a > -2.0 {
        return normal_density(a) * mills_drop(a, mu);
    }
    let density = normal_density(a);
    let below = if density > 0.0 { density * mills_ratio(a + mu) } else { 0.0 };
    (if a < 0.0 { normal_cdf(-a) } else { density * mills_ratio(a) } - below).max(0.0)
}

/// R(a) - R(a + μ) for a small μ without cancellation: the integral of -R'(t) = 1 - t R(t).
fn mills_drop(a: f64, mu: f64) -> f64 {
    let interval = Interval { from: a, to: a + mu };
    interval.parts(0.25).flat_map(|part| part.nodes(SIX)).map(|(t, weight)| weight * (1.0 - t * mills_ratio(t))).sum()
}

pub(super) fn epsilon(mu: f64, target: f64) -> f64 {
    if delta(mu, 0.0) <= target {
        return 0.0;
    }
    // At a = FAR_OUT no mass is left.
    let (mut low, mut high) = (0.0, (FAR_OUT + 0.5 * mu) * mu);
    while high - low > 4.0 * f64::EPSILON * high {
        let middle = 0.5 * (low + high);
        if delta(mu, middle) > target { low = middle } else { high = middle }
    }
    high * (1.0 + 1e-13)
}

/// Standard deviations beyond which less than 1e-300 is left.
const FAR_OUT: f64 = 38.0;
