//! The Brier score (Brier 1950): mean squared distance of what was said from what was so. Smaller is better.

use super::{Claim, Forecast};

/// `brier.positive`: over claims about the positive class, 0 to 1. `None` without a claim.
pub fn brier_positive(claims: &[Claim]) -> Option<f64> {
    mean(claims.iter().map(|claim| (claim.confidence.get() - claim.truth()).powi(2)))
}

/// `brier.classes`: summed over all classes of a case, 0 to 2, as Brier defined it; for two classes twice
/// [`brier_positive`]. `None` without a case.
pub fn brier_classes(forecasts: &[Forecast]) -> Option<f64> {
    mean(forecasts.iter().map(Forecast::squared_error))
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> Option<f64> {
    let n = values.len();
    (n > 0).then(|| values.sum::<f64>() / n as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibration::Probability;

    #[test]
    fn two_classes_score_twice_the_positive_one() {
        let said = [(0.9, true), (0.4, false), (0.25, true)];
        let claims = said.map(|(p, held)| Claim { confidence: Probability::new(p).expect("from 0 to 1"), held });
        let forecasts = said.map(|(p, held)| Forecast::new(&[1.0 - p, p], usize::from(held)).expect("a forecast"));
        let (one, all) = (brier_positive(&claims).expect("claims"), brier_classes(&forecasts).expect("cases"));
        assert!((one - (0.01 + 0.16 + 0.5625) / 3.0).abs() < 1e-15 && (all - 2.0 * one).abs() < 1e-15);
    }

    #[test]
    fn nothing_said_has_no_score() {
        assert_eq!((brier_positive(&[]), brier_classes(&[])), (None, None));
    }
}
