//! One score a patient, and a site's summary of them.

/// What a metric with values between 0 and 1 says of one patient.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum PatientScore {
    /// Between 0 (nothing in common with the truth) and 1.
    Scored(f64),
    /// Neither the prediction nor the truth has anything: nothing to measure.
    BothEmpty,
}

impl PatientScore {
    /// The score, if there was something to measure.
    pub fn value(self) -> Option<f64> {
        match self {
            Self::Scored(score) => Some(score),
            Self::BothEmpty => None,
        }
    }
}

/// What a site says about its patients.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// Mean over the scored patients; `None` where no patient could be scored.
    pub mean: Option<f64>,
    /// Patients scored.
    pub n: u64,
    /// Patients with nothing in prediction and truth, left out of the mean.
    pub both_empty: u64,
}

impl Summary {
    /// The summary of `scores`, one a patient.
    pub fn of(scores: &[PatientScore]) -> Self {
        let scored: Vec<f64> = scores.iter().filter_map(|score| score.value()).collect();
        let mean = (!scored.is_empty()).then(|| scored.iter().sum::<f64>() / scored.len() as f64);
        Self { mean, n: scored.len() as u64, both_empty: (scores.len() - scored.len()) as u64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_is_the_mean_of_its_scored_patients() {
        let scores = [PatientScore::Scored(0.5), PatientScore::BothEmpty, PatientScore::Scored(1.0)];
        assert_eq!(Summary::of(&scores), Summary { mean: Some(0.75), n: 2, both_empty: 1 });
    }

    #[test]
    fn a_site_with_nothing_to_measure_has_no_mean() {
        assert_eq!(Summary::of(&[]), Summary { mean: None, n: 0, both_empty: 0 });
        assert_eq!(Summary::of(&[PatientScore::BothEmpty]), Summary { mean: None, n: 0, both_empty: 1 });
    }
}
