//! What to draw, and how often.

use super::StatisticsError;

/// Fewer resamples say nothing about the ends of an interval.
const RESAMPLES_MIN: u32 = 100;
/// More change no digit that anyone prints.
const RESAMPLES_MAX: u32 = 1_000_000;

/// The seed of every draw of a statistic; the same seed gives the same numbers on any number of threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatisticsSeed(pub u64);

/// How often to draw anew: 100 to a million.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resamples(u32);

/// The probability with which an interval should hold the truth: above 0, below 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Level(f64);

/// How an interval is read from resamples (Efron and Tibshirani 1993, chapters 13 and 14).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IntervalKind {
    /// Between two quantiles of the resamples.
    Percentile,
    /// The same, corrected for bias and for a spread that changes with the value.
    Bca,
}

/// A bootstrap.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BootstrapPlan {
    /// How often.
    pub resamples: Resamples,
    /// How sure.
    pub level: Level,
    /// How the interval is read.
    pub kind: IntervalKind,
    /// What it is drawn with.
    pub seed: StatisticsSeed,
}

impl Resamples {
    /// What reports use.
    pub const THOUSAND: Self = Self(1_000);

    /// Checks the number.
    ///
    /// # Errors
    /// [`StatisticsError::Setting`] unless it is from 100 to a million.
    pub fn new(resamples: u32) -> Result<Self, StatisticsError> {
        let good = (RESAMPLES_MIN..=RESAMPLES_MAX).contains(&resamples);
        let refused = StatisticsError::Setting {
            setting: "the number of resamples",
            given: f64::from(resamples),
            range: "100 to 1,000,000",
        };
        if good { Ok(Self(resamples)) } else { Err(refused) }
    }

    /// The number.
    pub fn get(self) -> u32 {
        self.0
    }
}

impl Level {
    /// 19 times in 20.
    pub const NINETY_FIVE: Self = Self(0.95);

    /// Checks the level.
    ///
    /// # Errors
    /// [`StatisticsError::Setting`] unless it is above 0 and below 1.
    pub fn new(level: f64) -> Result<Self, StatisticsError> {
        let refused = StatisticsError::Setting {
            setting: "the level",
            given: level,
            range: "a number between 0 and 1, such as 0.95",
        };
        if level > 0.0 && level < 1.0 { Ok(Self(level)) } else { Err(refused) }
    }

    /// The number.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl BootstrapPlan {
    /// 1,000 resamples, 95 %, BCa.
    pub fn seeded(seed: StatisticsSeed) -> Self {
        Self { resamples: Resamples::THOUSAND, level: Level::NINETY_FIVE, kind: IntervalKind::Bca, seed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_outside_of_their_range_are_refused() {
        assert!(Resamples::new(RESAMPLES_MIN).is_ok() && Resamples::new(RESAMPLES_MAX).is_ok());
        for given in [0, RESAMPLES_MIN - 1, RESAMPLES_MAX + 1] {
            let error = Resamples::new(given).expect_err("too few or too many");
            assert!(error.to_string().contains("100 to 1,000,000"), "{error}");
        }
        for given in [0.0, 1.0, 95.0, f64::NAN] {
            assert!(Level::new(given).is_err(), "{given}");
        }
    }
}
