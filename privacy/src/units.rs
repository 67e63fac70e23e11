//! The numbers of a privacy promise, each a type of its own so that none can stand in another's place.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A number outside its range.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("{value} is no {what}; write {range}")]
pub struct UnitError {
    what: &'static str,
    value: f64,
    range: &'static str,
}

/// Numbers whose squares, and the squares' inverses, are numbers too.
const SQUARES: std::ops::RangeInclusive<f64> = 1e-100..=1e100;

macro_rules! unit {
    ($(#[$meta:meta])* $name:ident, $what:literal, $range:literal, $holds:expr) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
        #[serde(try_from = "f64", into = "f64")]
        pub struct $name(f64);

        impl $name {
            /// Checks the range; NaN is in none.
            ///
            /// # Errors
            /// [`UnitError`] with the range.
            pub fn new(value: f64) -> Result<Self, UnitError> {
                let holds: fn(f64) -> bool = $holds;
                if holds(value) { Ok(Self(value)) } else { Err(UnitError { what: $what, value, range: $range }) }
            }

            /// The number.
            pub fn get(self) -> f64 {
                self.0
            }
        }

        impl TryFrom<f64> for $name {
            type Error = UnitError;
            fn try_from(value: f64) -> Result<Self, UnitError> {
                Self::new(value)
            }
        }

        impl From<$name> for f64 {
            fn from(value: $name) -> f64 {
                value.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;
            fn from_str(text: &str) -> Result<Self, String> {
                let value: f64 = text.parse().map_err(|_| format!("`{text}` is no number"))?;
                Self::new(value).map_err(|error| error.to_string())
            }
        }
    };
}

unit!(
    /// ε: bound on the logarithm of how much likelier any outcome can be with a patient than without her.
    Epsilon, "epsilon", "a finite number from 0", |value| value.is_finite() && value >= 0.0
);
unit!(
    /// δ: probability mass that the bound ε may miss.
    Delta, "delta", "more than 0 and less than 1", |value| value > 0.0 && value < 1.0
);
unit!(
    /// q: probability with which each patient takes part in one step, by a coin of her own.
    SamplingRate, "sampling rate", "more than 0 and at most 1", |value| value > 0.0 && value <= 1.0
);
unit!(
    /// σ: standard deviation of Gaussian noise over the L2 norm that one patient contributes at most.
    NoiseMultiplier, "noise multiplier", "1e-100 to 1e100", |value| SQUARES.contains(&value)
);
unit!(
    /// Scale of Laplace noise over the L1 norm that one patient contributes at most; its ε is the inverse.
    LaplaceScale, "Laplace scale", "1e-100 to 1e100", |value| SQUARES.contains(&value)
);
unit!(
    /// C: the L2 norm to which one patient's contribution is clipped.
    ClipNorm, "clip norm", "more than 0 and finite", |value| value > 0.0 && value.is_finite()
);
unit!(
    /// γ: the share of contributions that are to be within the clip norm.
    Quantile, "quantile", "more than 0 and less than 1", |value| value > 0.0 && value < 1.0
);
unit!(
    /// Probability with which a stated interval holds the truth.
    Confidence, "confidence", "more than 0 and less than 1", |value| value > 0.0 && value < 1.0
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_out_of_range_are_refused_with_the_range() {
        assert!(Delta::new(0.0).is_err() && Delta::new(1.0).is_err() && Delta::new(f64::NAN).is_err());
        assert!(Epsilon::new(-0.1).is_err() && Epsilon::new(f64::INFINITY).is_err());
        assert!(SamplingRate::new(1.5).is_err() && SamplingRate::new(1.0).is_ok());
        let error = NoiseMultiplier::new(0.0).expect_err("no noise").to_string();
        assert_eq!(error, "0 is no noise multiplier; write 1e-100 to 1e100");
        assert!(serde_json::from_str::<Delta>("2.0").is_err(), "reading goes through the same constructor");
    }
}
