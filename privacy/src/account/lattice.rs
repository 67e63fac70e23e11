//! Noise on integers: its privacy losses are a list of atoms, so nothing has to be integrated.

use super::AccountError;
use super::pair::Atom;
use super::special::normal_cdf;

/// Atoms of one use of a mechanism with integer noise; infinite loss stands for a tail that cannot be bounded.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Lattice {
    pub(super) atoms: Vec<Atom>,
}

impl Lattice {
    /// Discrete Gaussian noise on integers that move by `sensitivity` (Canonne, Kamath and Steinke 2020); with P the noise
    /// at x and Q the noise at x + Δ the loss is Δ(2x+Δ)/(2σ²).
    pub(super) fn gaussian(sigma: f64, sensitivity: f64, tail: f64) -> Result<Self, AccountError> {
        let reach = (sigma * (-2.0 * tail.ln()).sqrt()).ceil() + 1.0;
        let reach = values(reach, sigma)?;
        let weight = |x: i64| (-0.5 * (x as f64 / sigma).powi(2)).exp();
        let total: f64 = (1..=reach).rev().map(|x| 2.0 * weight(x)).sum::<f64>() + 1.0;
        let loss = |x: i64| sensitivity * (2.0 * x as f64 + sensitivity) / (2.0 * sigma * sigma);
        // CKS20 Prop. 25: the discrete tail is below the continuous one, one step further in.
        let beyond = normal_cdf(-(reach as f64 - 1.0) / sigma) * (1.0 + 1e-12);
        let mut atoms = vec![Atom { loss: loss(-reach), mass: beyond }];
        atoms.extend((-reach..=reach).map(|x| Atom { loss: loss(x), mass: weight(x) / total }));
        atoms.push(Atom { loss: f64::INFINITY, mass: beyond });
        Ok(Self { atoms })
    }

    /// Discrete Laplace noise P(x) ∝ r^|x| with r = exp(-1/scale); the loss is (|x+Δ| - |x|)/scale.
    pub(super) fn laplace(scale: f64, sensitivity: f64, tail: f64) -> Result<Self, AccountError> {
        let r = (-1.0 / scale).exp();
        let half = 1.0 / (1.0 + r);
        let mut atoms = vec![Atom { loss: sensitivity / scale, mass: half }];
        // Between -Δ and 0, as far as it matters; what is further is given the loss of the last of these, which is more.
        let inner = (sensitivity - 1.0).min((-tail.ln() * scale).ceil());
        let inner = values(inner, scale)?;
        let single = -(-1.0 / scale).exp_m1() * half;
        let mass = |x: i64| single * (-(x as f64) / scale).exp();
        atoms.extend((1..=inner).map(|x| Atom { loss: (sensitivity - 2.0 * x as f64) / scale, mass: mass(x) }));
        let last = if inner as f64 == sensitivity - 1.0 { -sensitivity } else { sensitivity - 2.0 * inner as f64 };
        atoms.push(Atom { loss: last / scale, mass: half * (-(inner as f64 + 1.0) / scale).exp() });
        Ok(Self { atoms })
    }
}

fn values(count: f64, scale: f64) -> Result<i64, AccountError> {
    if count <= VALUES_MAX as f64 {
        Ok(count as i64)
    } else {
        Err(AccountError::NoiseTooWide { scale, max: VALUES_MAX })
    }
}

/// Values of discrete noise that are listed.
const VALUES_MAX: usize = 1 << 21;
