//! What a model says with a probability, and whether it was so.

/// A number from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Probability(f64);

/// A number that is no probability.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("{given} is no probability: it must be from 0 to 1; apply the softmax or sigmoid first")]
pub struct ProbabilityError {
    given: f64,
}

/// One statement of a model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Claim {
    /// How sure the model was.
    pub confidence: Probability,
    /// Whether it was so.
    pub held: bool,
}

impl Probability {
    /// Checks the number.
    ///
    /// # Errors
    /// [`ProbabilityError`] unless it is from 0 to 1.
    pub fn new(probability: f64) -> Result<Self, ProbabilityError> {
        // Adding zero turns -0 into 0.
        let good = (0.0..=1.0).contains(&probability);
        if good { Ok(Self(probability + 0.0)) } else { Err(ProbabilityError { given: probability }) }
    }

    /// The number.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl Claim {
    /// 1 if it was so, else 0.
    pub(crate) fn truth(&self) -> f64 {
        f64::from(u8::from(self.held))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_probability_is_refused_with_words() {
        for given in [-1e-12, 1.000_000_1, f64::NAN, f64::INFINITY, 7.3] {
            let error = Probability::new(given).expect_err("outside of 0 to 1");
            assert!(error.to_string().contains("softmax"), "{error}");
        }
        assert_eq!(
            (Probability::new(0.0).map(Probability::get), Probability::new(1.0).map(Probability::get)),
            (Ok(0.0), Ok(1.0))
        );
    }
}
