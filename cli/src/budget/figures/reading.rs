//! ε and δ for people: what they mean, the whole curve, and how they are written.

use crate::exit::Failure;
use serde::Serialize;
use std::fmt;
use wardround_privacy::{Adjacency, Charge, Delta, Epsilon, Profile, reading};
use wardround_report::CurvePoint;

/// δ of the curve, from large to small.
const CURVE_DELTAS: [f64; 8] = [1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10];

/// ε and δ without mathematics. Both numbers are worst cases; infinite ones are `null` in JSON.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Reading {
    /// e^ε: by how much a patient's being in the data can change the odds of any outcome.
    pub odds_factor: f64,
    /// (e^ε - 1 + 2δ) / (e^ε + 1): by how much an attacker beats a coin.
    pub attack_advantage: f64,
    /// Where ε lies among what is common.
    pub band: &'static str,
}

impl Reading {
    pub fn of(epsilon: Epsilon, delta: Delta) -> Self {
        let read = reading(epsilon, delta);
        Self { odds_factor: read.odds_factor, attack_advantage: read.attack_advantage, band: band(epsilon.get()) }
    }

    /// For a page.
    pub fn in_words(&self) -> String {
        format!("What such an ε means: {self}.")
    }
}

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the odds that a patient took part change by a factor of at most {}; who has to guess is right in at most {:.1} % \
             of all cases, a coin in 50 %; {}",
            factor(self.odds_factor),
            // Rounded up to a tenth.
            ((1.0 + self.attack_advantage) * 500.0).ceil() / 10.0,
            self.band
        )
    }
}

/// Bands of ε for one person, after Ponomareva et al. (2023).
fn band(epsilon: f64) -> &'static str {
    match epsilon {
        epsilon if epsilon <= 1.0 => "ε of 1 or less is a strong promise",
        epsilon if epsilon <= 10.0 => "ε between 1 and 10 is common in private learning: a reasonable promise",
        _ => "ε above 10 makes reconstruction of scans harder and says little about who took part",
    }
}

/// ε for the whole of δ; where δ is too small for a bound, the point is missing.
pub fn curve(charges: &[Charge], adjacency: Adjacency) -> Result<Vec<CurvePoint>, Failure> {
    let profile = Profile::compose(charges, adjacency).map_err(Failure::failed)?;
    let point = |delta: f64| {
        let epsilon = profile.epsilon(Delta::new(delta).ok()?).ok()?;
        Some(CurvePoint { delta, epsilon: epsilon.get() })
    };
    Ok(CURVE_DELTAS.into_iter().filter_map(point).collect())
}

/// A bound with four decimals, never below what it is.
pub fn decimals_up(value: f64) -> String {
    let nearest = format!("{value:.4}");
    match nearest.parse::<f64>() {
        Ok(shown) if shown < value => format!("{:.4}", shown + 1e-4),
        _ => nearest,
    }
}

/// A small number as people write it: 1e-5.
pub fn power(value: f64) -> String {
    if (1e-3..1e6).contains(&value) || value == 0.0 { format!("{value}") } else { format!("{value:e}") }
}

fn factor(value: f64) -> String {
    if value < 1e6 { format!("{:.1}", (value * 10.0).ceil() / 10.0) } else { format!("{value:.2e}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(epsilon: f64) -> Reading {
        Reading::of(Epsilon::new(epsilon).expect("in range"), Delta::new(1e-5).expect("in range"))
    }

    #[test]
    fn the_reading_of_one_is_the_known_one() {
        let one = reading(1.0);
        assert!((one.odds_factor - 1_f64.exp()).abs() < 1e-12);
        let by_definition = (1_f64.exp() - 1.0 + 2e-5) / (1_f64.exp() + 1.0);
        assert!((one.attack_advantage - by_definition).abs() < 1e-12);
        assert!(one.to_string().contains("2.8") && one.to_string().contains("73.2 %"), "{one}");
    }

    #[test]
    fn an_enormous_epsilon_is_no_panic_and_no_promise() {
        let much = reading(1e300);
        assert_eq!((much.odds_factor, much.attack_advantage), (f64::INFINITY, 1.0));
        assert!(much.band.contains("says little"));
    }

    #[test]
    fn bounds_are_rounded_up() {
        assert_eq!(
            (decimals_up(1.000_01), decimals_up(2.0), decimals_up(0.0)),
            ("1.0001".into(), "2.0000".into(), "0.0000".into())
        );
        assert_eq!((power(1e-5), power(0.001), power(0.0)), ("1e-5".into(), "0.001".into(), "0".into()));
    }
}
