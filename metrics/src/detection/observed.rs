//! What was seen in an image: what is there, and what a model says is there.

use super::BoxPx;
use std::fmt;

/// An image, by its number among the images that were looked at, from 0 ([`super::Images`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageId(pub u32);

/// A class of finding, by the number the plan gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClassId(pub u32);

/// How sure a model is of a detection: any finite number, larger is surer.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Score(f64);

/// A score that cannot be put in order.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error(
    "the score of a detection is {given}: detections are ranked by score, so it must be finite; look for a diverged model"
)]
pub struct ScoreError {
    given: f64,
}

/// How a true box counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TruthKind {
    /// To be found.
    Finding,
    /// Not to be found, nor to be held against a model that does: one detection that matches it is left out.
    Ignored,
    /// A region of many findings, not marked one by one: every detection that lies in it is left out.
    Crowd,
}

/// A box that is there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GroundTruth {
    /// Where.
    pub image: ImageId,
    /// What.
    pub class: ClassId,
    /// Its place in the image.
    pub bbox: BoxPx,
    /// How it counts.
    pub kind: TruthKind,
}

/// A box that a model says is there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Detection {
    /// Where.
    pub image: ImageId,
    /// What.
    pub class: ClassId,
    /// Its place in the image.
    pub bbox: BoxPx,
    /// How sure the model is.
    pub score: Score,
}

impl Score {
    /// Checks the score.
    ///
    /// # Errors
    /// [`ScoreError`] where it is not finite.
    pub fn new(score: f64) -> Result<Self, ScoreError> {
        // Adding zero turns -0 into 0, which every order of scores takes for the same.
        if score.is_finite() { Ok(Self(score + 0.0)) } else { Err(ScoreError { given: score }) }
    }

    /// The number.
    pub fn get(self) -> f64 {
        self.0
    }

    /// A number that is larger the surer the detection is; equal scores give equal keys.
    pub(crate) fn rank_key(self) -> u64 {
        let bits = self.0.to_bits();
        if bits >> 63 == 0 { bits | 1 << 63 } else { !bits }
    }
}

impl fmt::Display for ImageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "image {}", self.0)
    }
}

impl fmt::Display for ClassId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "class {}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_that_is_no_number_is_refused_with_words() {
        for given in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let error = Score::new(given).expect_err("cannot be ranked");
            assert!(error.to_string().contains("must be finite"), "{error}");
        }
    }

    #[test]
    fn keys_order_as_scores_do() {
        let scores =
            [-1e300, -1.0, -1e-300, 0.0, 1e-300, 0.5, 1.0, 1e300].map(|given| Score::new(given).expect("finite"));
        assert!(scores.windows(2).all(|pair| pair[0].rank_key() < pair[1].rank_key()));
        let zero = |given: f64| Score::new(given).expect("finite").rank_key();
        assert_eq!(zero(-0.0), zero(0.0));
    }
}
