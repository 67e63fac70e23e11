//! Zero-concentrated differential privacy (Bun and Steinke 2016): ε(a) = ρ a for every order, as Gaussian noise has.

use super::AccountError;
use super::conversion::{RdpEpsilon, epsilon_at};
use crate::{Delta, Epsilon};

/// ρ: a bound ρ a on the Rényi divergence of every order a.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Zcdp(f64);

impl Zcdp {
    /// # Errors
    /// [`AccountError::OutOfRange`] unless ρ is finite and from 0.
    pub fn new(rho: f64) -> Result<Self, AccountError> {
        if rho >= 0.0 && rho.is_finite() { Ok(Self(rho)) } else { Err(out_of_range(rho)) }
    }

    /// ρ
    pub fn get(self) -> f64 {
        self.0
    }

    /// ε at δ at the best order of all.
    ///
    /// # Errors
    /// [`AccountError::OutOfRange`] if ε is beyond floating-point numbers.
    pub fn epsilon(self, delta: Delta) -> Result<RdpEpsilon, AccountError> {
        // ε is one valley in ln(a - 1): golden sections find its floor.
        let at = |log: f64| epsilon_at(1.0 + log.exp(), self.0 * (1.0 + log.exp()), delta);
        let order = 1.0 + golden_minimum(-40.0, 80.0, ORDER_SECTIONS, at).exp();
        let epsilon = Epsilon::new(epsilon_at(order, self.0 * order, delta) * (1.0 + 1e-12));
        Ok(RdpEpsilon { epsilon: epsilon.map_err(|_| out_of_range(self.0))?, order, order_at_end: false })
    }

    /// ρ + 2 √(ρ ln 1/δ), the simple bound (Bun and Steinke 2016, Prop. 1.3).
    ///
    /// # Errors
    /// [`AccountError::OutOfRange`] if ε is beyond floating-point numbers.
    pub fn simple_epsilon(self, delta: Delta) -> Result<Epsilon, AccountError> {
        let epsilon = self.0 + 2.0 * (self.0 * -delta.get().ln()).sqrt();
        Epsilon::new(epsilon * (1.0 + 1e-14)).map_err(|_| out_of_range(self.0))
    }
}

fn out_of_range(rho: f64) -> AccountError {
    AccountError::OutOfRange { what: "zCDP parameter", value: rho, range: "a number from 0 to 1e300" }
}

/// Where a function with one valley is least, after so many golden sections.
pub(super) fn golden_minimum(mut low: f64, mut high: f64, sections: u32, of: impl Fn(f64) -> f64) -> f64 {
    let golden = 0.5 * (5.0_f64.sqrt() - 1.0);
    let (mut left, mut right) = (high - golden * (high - low), low + golden * (high - low));
    let (mut at_left, mut at_right) = (of(left), of(right));
    for _ in 0..sections {
        if at_left <= at_right {
            (high, right, at_right) = (right, left, at_left);
            left = high - golden * (high - low);
            at_left = of(left);
        } else {
            (low, left, at_left) = (left, right, at_right);
            right = low + golden * (high - low);
            at_right = of(right);
        }
    }
    0.5 * (low + high)
}

/// Sections of the search for the best order: each leaves 0.62 of the interval.
const ORDER_SECTIONS: u32 = 60;
