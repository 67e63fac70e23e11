//! The probabilities of all classes for one case, and the class it was.

use super::{Claim, Probability, ProbabilityError};

/// Probabilities from a softmax in single precision sum to 1 within this.
const SUM_TOLERANCE: f64 = 1e-3;

/// What a classifier says about one case.
#[derive(Debug, Clone, PartialEq)]
pub struct Forecast {
    probabilities: Vec<Probability>,
    class: usize,
}

/// Numbers that are no forecast.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum ForecastError {
    /// One of them is no probability.
    #[error(transparent)]
    Probability(#[from] ProbabilityError),
    /// They do not belong to classes that exclude each other.
    #[error("the probabilities of a case sum to {sum}, not 1: give the softmax over all classes")]
    Sum {
        /// What they sum to.
        sum: f64,
    },
    /// The true class has no probability.
    #[error("the case is of class {class}, but there are {classes} probabilities, for classes from 0")]
    Class {
        /// The true class.
        class: usize,
        /// How many there are.
        classes: usize,
    },
}

impl Forecast {
    /// Checks the probabilities of one case and its true class.
    ///
    /// # Errors
    /// [`ForecastError`] where one is outside of 0 to 1, they do not sum to 1 within .001, or the class is not among them.
    pub fn new(probabilities: &[f64], class: usize) -> Result<Self, ForecastError> {
        let checked: Vec<Probability> =
            probabilities.iter().map(|one| Probability::new(*one)).collect::<Result<_, _>>()?;
        let sum: f64 = probabilities.iter().sum();
        if class >= checked.len() {
            return Err(ForecastError::Class { class, classes: checked.len() });
        }
        if (sum - 1.0).abs() > SUM_TOLERANCE {
            return Err(ForecastError::Sum { sum });
        }
        Ok(Self { probabilities: checked, class })
    }

    /// The claim that the case is of the likeliest class; of equals the first.
    pub fn top_label(&self) -> Claim {
        let mut top = 0;
        for (class, probability) in self.probabilities.iter().enumerate() {
            if *probability > self.probabilities[top] {
                top = class;
            }
        }
        Claim { confidence: self.probabilities[top], held: top == self.class }
    }

    /// The claim that the case is of `class`; `None` where that has no probability.
    pub fn claim_of(&self, class: usize) -> Option<Claim> {
        let confidence = *self.probabilities.get(class)?;
        Some(Claim { confidence, held: class == self.class })
    }

    /// Squared distance from the truth over all classes, from 0 to 2.
    pub(crate) fn squared_error(&self) -> f64 {
        let truth = |class: usize| f64::from(u8::from(class == self.class));
        self.probabilities.iter().enumerate().map(|(class, one)| (one.get() - truth(class)).powi(2)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn top(probabilities: &[f64], class: usize) -> (f64, bool) {
        let claim = Forecast::new(probabilities, class).expect("a forecast").top_label();
        (claim.confidence.get(), claim.held)
    }

    #[test]
    fn the_likeliest_class_is_called_and_of_equals_the_first() {
        assert_eq!(top(&[0.2, 0.7, 0.1], 1), (0.7, true));
        assert_eq!(top(&[0.2, 0.7, 0.1], 0), (0.7, false));
        assert_eq!(top(&[0.5, 0.5], 0), (0.5, true));
        assert_eq!(top(&[0.5, 0.5], 1), (0.5, false));
    }

    #[test]
    fn numbers_that_are_no_forecast_are_refused() {
        assert_eq!(Forecast::new(&[0.5, 0.5], 2), Err(ForecastError::Class { class: 2, classes: 2 }));
        assert_eq!(Forecast::new(&[], 0), Err(ForecastError::Class { class: 0, classes: 0 }));
        assert!(matches!(Forecast::new(&[0.5, 0.6], 0), Err(ForecastError::Sum { .. })));
        assert!(matches!(Forecast::new(&[-0.5, 1.5], 0), Err(ForecastError::Probability(_))));
        assert!(Forecast::new(&[0.3333, 0.3333, 0.3333], 0).is_ok(), "rounded");
    }
}
