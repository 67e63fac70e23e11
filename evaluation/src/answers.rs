//! A model's predictions for some patients, asked once and measured as often as one likes.

use crate::segmented::{self, ImageSpacing, Pair, SegmentedError};
use crate::{Column, Measure};
use ndarray::{Array2, Array3};
use std::ops::Range;
use wardround_imaging::{Patient, Prediction};
use wardround_metrics::Score;
use wardround_metrics::calibration::{BinCount, CalibrationMetric, Forecast, ForecastError, PositiveClass};
use wardround_metrics::detection::{ClassId, DetectionMetric, FalseAlarmRates};
use wardround_metrics::statistics::{
    BootstrapPlan, Interval, StatisticsError, StatisticsSeed, Units, bootstrap, bootstrap_mean,
};
use wardround_models::{Evaluator, Seen, SeenError, observations};

/// How far around objects calibration looks, in pixels of the network's input: elsewhere no model doubts that it is background.
const BAND_PX: usize = 3;

/// What a model says of some patients.
pub struct Answers<'a> {
    evaluator: &'a Evaluator,
    patients: &'a [Patient],
    predictions: Vec<Vec<Prediction>>,
    setting: Setting,
}

/// What some metrics want to know beside the predictions.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// Spacing of images; volumes have their own.
    pub spacing: Option<ImageSpacing>,
    /// False alarms an image at which sensitivity is read for `cpm`.
    pub false_alarms: FalseAlarmRates,
}

/// Answers that cannot be measured.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum AnswersError {
    /// Label maps.
    #[error(transparent)]
    Segmented(#[from] SegmentedError),
    /// Boxes.
    #[error(transparent)]
    Boxes(#[from] SeenError),
    /// Probabilities.
    #[error(transparent)]
    Forecast(#[from] ForecastError),
}

impl<'a> Answers<'a> {
    /// Asks `evaluator` about all `patients`.
    pub fn of(evaluator: &'a Evaluator, patients: &'a [Patient], setting: Setting) -> Self {
        let predictions = patients.iter().map(|patient| evaluator.predict(&patient.cases)).collect();
        Self { evaluator, patients, predictions, setting }
    }

    /// What was said of one patient's cases, in their order.
    pub fn of_patient(&self, patient: usize) -> &[Prediction] {
        self.predictions.get(patient).map_or(&[], Vec::as_slice)
    }

    /// The patients.
    pub fn patients(&self) -> &[Patient] {
        self.patients
    }

    /// One measure of every patient and of all; of a detector's `class` alone where one is given.
    ///
    /// # Errors
    /// [`AnswersError`]
    pub fn column(&self, measure: Measure, class: Option<u8>, plan: BootstrapPlan) -> Result<Column, AnswersError> {
        let (scores, interval) = match measure {
            Measure::Detection(metric) => self.detected(metric, class, plan)?,
            Measure::Segmentation(metric) => {
                let score = |patient| segmented::score(&metric, &self.pairs(patient), self.setting.spacing);
                let scores = (0..self.patients.len()).map(score).collect::<Result<Vec<_>, _>>()?;
                let interval = mean_interval(&scores, plan);
                (scores, interval)
            }
            Measure::Calibration(metric) => {
                let scores = self.patients.iter().map(|patient| self.calibrated(metric, patient));
                let scores: Vec<Score> = scores.collect::<Result<_, _>>()?;
                let interval = mean_interval(&scores, plan);
                (scores, interval)
            }
        };
        Ok(Column { measure, class, scores, interval })
    }

    /// The figure for all patients together, without an interval.
    ///
    /// # Errors
    /// [`AnswersError`]
    pub fn figure(&self, measure: Measure) -> Result<Option<f64>, AnswersError> {
        let everybody = 0..self.patients.len();
        match measure {
            Measure::Detection(metric) => self.precision(metric, None, everybody),
            _ => Ok(self.column(measure, None, BootstrapPlan::seeded(StatisticsSeed(0)))?.mean()),
        }
    }

    fn pairs(&self, patient: usize) -> Vec<Pair<'_>> {
        self.patients[patient].cases.iter().zip(&self.predictions[patient]).collect()
    }

    /// Average precision and the like are of all patients together; drawn anew for the interval.
    fn detected(
        &self,
        metric: DetectionMetric,
        class: Option<u8>,
        plan: BootstrapPlan,
    ) -> Result<(Vec<Score>, Result<Interval, StatisticsError>), AnswersError> {
        let alone = |patient: usize| {
            let value = self.precision(metric, class, patient..patient + 1)?;
            Ok(value.map_or(Score::BothEmpty, Score::Value))
        };
        let scores = (0..self.patients.len()).map(alone).collect::<Result<_, AnswersError>>()?;
        let units = Units::patients(self.patients.len());
        let drawn = |patients: &[usize]| self.precision(metric, class, patients.iter().copied()).ok().flatten();
        let interval = units.and_then(|units| bootstrap(&units, plan, drawn));
        Ok((scores, interval))
    }

    fn precision(
        &self,
        metric: DetectionMetric,
        class: Option<u8>,
        patients: impl IntoIterator<Item = usize>,
    ) -> Result<Option<f64>, AnswersError> {
        let seen: Vec<Seen<'_>> = patients.into_iter().flat_map(|patient| self.seen(patient)).collect();
        let class = class.map(|class| ClassId(class.into()));
        Ok(metric.measure(&observations(&seen)?, class, &self.setting.false_alarms))
    }

    fn seen(&self, patient: usize) -> Vec<Seen<'_>> {
        self.pairs(patient).into_iter().filter_map(|(case, found)| Some((case.boxes()?, found.boxes()?))).collect()
    }

    fn calibrated(&self, metric: CalibrationMetric, patient: &Patient) -> Result<Score, AnswersError> {
        let mut forecasts = Vec::new();
        for case in &patient.cases {
            // One at a time: probabilities of all classes are large.
            for (probabilities, truth) in self.evaluator.probabilities(std::slice::from_ref(case)) {
                forecasts.extend(in_band(&probabilities, &truth)?);
            }
        }
        let value = metric.measure(&forecasts, PositiveClass(1), BinCount::FIFTEEN);
        Ok(value.map_or(Score::BothEmpty, Score::Value))
    }
}

/// Mean over the patients that have a number.
fn mean_interval(scores: &[Score], plan: BootstrapPlan) -> Result<Interval, StatisticsError> {
    let values: Vec<f64> = scores.iter().filter_map(|score| score.value()).collect();
    bootstrap_mean(&values, &Units::patients(values.len())?, plan)
}

/// What is said of the pixels in objects, true or predicted, and near them in the same slice; at the upper and lower edge of a
/// volume's slice a few rows of the neighbouring slice are taken for near too.
fn in_band(probabilities: &Array3<f32>, truth: &Array2<u8>) -> Result<Vec<Forecast>, ForecastError> {
    let (classes, rows, columns) = probabilities.dim();
    let likeliest = |row: usize, column: usize| {
        let value = |class: &usize| probabilities[[*class, row, column]];
        (0..classes).max_by(|a, b| value(a).total_cmp(&value(b)).then(b.cmp(a))).unwrap_or(0)
    };
    let marked =
        Array2::from_shape_fn((rows, columns), |(row, column)| truth[[row, column]] > 0 || likeliest(row, column) > 0);
    let around = |at: usize, end: usize| -> Range<usize> { at.saturating_sub(BAND_PX)..(at + BAND_PX + 1).min(end) };
    // A square is a row of columns: two passes of lines.
    let across = Array2::from_shape_fn((rows, columns), |(row, column)| {
        around(column, columns).any(|column| marked[[row, column]])
    });
    let mut forecasts = Vec::new();
    for row in 0..rows {
        for column in 0..columns {
            if around(row, rows).any(|row| across[[row, column]]) {
                let each: Vec<f64> = (0..classes).map(|class| f64::from(probabilities[[class, row, column]])).collect();
                forecasts.push(Forecast::new(&each, usize::from(truth[[row, column]]))?);
            }
        }
    }
    Ok(forecasts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn calibration_looks_at_objects_and_around_them() {
        let mut truth = Array2::zeros((20, 20));
        truth[[10, 10]] = 1;
        let sure = Array3::from_shape_fn((2, 20, 20), |(class, _, _)| if class == 0 { 0.9 } else { 0.1 });
        let side = 2 * BAND_PX + 1;
        assert_eq!(in_band(&sure, &truth).expect("probabilities").len(), side * side);
        assert!(in_band(&sure, &Array2::zeros((20, 20))).expect("probabilities").is_empty());
        let mut found = sure.clone();
        (found[[0, 0, 0]], found[[1, 0, 0]]) = (0.2, 0.8);
        let corner = (BAND_PX + 1) * (BAND_PX + 1);
        assert_eq!(in_band(&found, &truth).expect("probabilities").len(), side * side + corner);
    }

    #[test]
    fn what_is_no_probability_is_refused() {
        let broken = Array3::from_elem((2, 1, 1), f32::NAN);
        assert!(in_band(&broken, &array![[1]]).is_err());
    }
}
