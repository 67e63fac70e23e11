//! Why there is no statistic.

/// A statistic that would mean nothing.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum StatisticsError {
    /// Not enough to say how much it varies.
    #[error("{given} {what} are too few: at least {least} are needed")]
    TooFew {
        /// What there are too few of.
        what: &'static str,
        /// How many there are.
        given: usize,
        /// How many are needed.
        least: usize,
    },
    /// A score that cannot be averaged.
    #[error("the score {given} of patient {patient} is not finite: leave patients without a score out, and count them")]
    NotFinite {
        /// The place of the patient in the list, from 0.
        patient: usize,
        /// Her score.
        given: f64,
    },
    /// Two lists that should be of the same patients.
    #[error("{scores} scores for {patients} patients: give one a patient")]
    Lengths {
        /// How many scores.
        scores: usize,
        /// How many patients.
        patients: usize,
    },
    /// The statistic has no value on all patients.
    #[error("the metric has no value on these patients, so it has no interval")]
    NoValue,
    /// The statistic has no value on too many resamples.
    #[error(
        "the metric has no value in {undefined} of {resamples} resamples: too few patients have anything to measure"
    )]
    Undefined {
        /// Resamples without a value.
        undefined: u32,
        /// All of them.
        resamples: u32,
    },
    /// All resamples lie on one side of the estimate.
    #[error("no resample lies on one side of the estimate, so BCa has no interval; use the percentile interval")]
    OneSided,
    /// A setting out of its range.
    #[error("{setting} is {given}: give {range}")]
    Setting {
        /// Its name.
        setting: &'static str,
        /// What was given.
        given: f64,
        /// What may be given.
        range: &'static str,
    },
}
