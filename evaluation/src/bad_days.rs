//! The same patients on a bad day: every corruption in five severities, and what is left of the score.

use crate::{Answers, AnswersError, Measure, Setting};
use std::ops::ControlFlow;
use wardround_imaging::{BoxCase, Case, Corruption, CorruptionSeverity, ImageCase, Patient, VolumeCase};
use wardround_imaging::{corrupt, corrupt_volume};
use wardround_models::Evaluator;
use wardround_plan::{Purpose, RoundNumber, Stream, StreamKey};

/// What is asked.
#[derive(Clone, Copy)]
pub struct BadDays<'a> {
    /// By which metric.
    pub measure: Measure,
    /// Which corruptions.
    pub corruptions: &'a [Corruption],
    /// Root of everything random in them.
    pub keys: &'a StreamKey,
    /// What metrics want to know.
    pub setting: &'a Setting,
}

/// One corruption in one severity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BadDay {
    /// What happened to the scans.
    pub corruption: Corruption,
    /// How badly.
    pub severity: CorruptionSeverity,
    /// The figure for all patients.
    pub value: Option<f64>,
}

/// Measures `patients` under every corruption and severity. Truth stays as it is. `observer` hears of each and may stop.
///
/// # Errors
/// [`AnswersError`]
pub fn bad_days(
    evaluator: &Evaluator,
    patients: &[Patient],
    asked: BadDays<'_>,
    observer: &mut dyn FnMut(&BadDay) -> ControlFlow<()>,
) -> Result<Vec<BadDay>, AnswersError> {
    let mut days = Vec::new();
    for corruption in asked.corruptions {
        for severity in CorruptionSeverity::ALL {
            let worse = corrupted(patients, *corruption, severity, asked.keys);
            let value = Answers::of(evaluator, &worse, asked.setting.clone()).figure(asked.measure)?;
            let day = BadDay { corruption: *corruption, severity, value };
            days.push(day);
            if observer(&day).is_break() {
                return Ok(days);
            }
        }
    }
    Ok(days)
}

/// The streams of a case do not depend on the severity: a worse day is the same day, worse.
fn corrupted(
    patients: &[Patient],
    corruption: Corruption,
    severity: CorruptionSeverity,
    keys: &StreamKey,
) -> Vec<Patient> {
    let keys = keys.derive(corruption.name());
    let mut number = 0;
    let mut case = |case: &Case| {
        let mut stream = keys.stream(Purpose::Augmentation, RoundNumber::FIRST, number);
        number += 1;
        worse(case, corruption, severity, &mut stream)
    };
    patients.iter().map(|patient| Patient { cases: patient.cases.iter().map(&mut case).collect() }).collect()
}

fn worse(case: &Case, corruption: Corruption, severity: CorruptionSeverity, stream: &mut Stream) -> Case {
    match case {
        Case::Image(case) => {
            let pixels = corrupt(&case.pixels, corruption, severity, stream);
            Case::Image(ImageCase { pixels, ..case.clone() })
        }
        Case::Boxes(case) => {
            let pixels = corrupt(&case.pixels, corruption, severity, stream);
            Case::Boxes(BoxCase { pixels, ..case.clone() })
        }
        Case::Volume(case) => {
            let voxels = corrupt_volume(&case.voxels, corruption, severity, stream);
            Case::Volume(VolumeCase { voxels, ..case.clone() })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, Array3};

    #[test]
    fn scans_change_and_truth_does_not() {
        let pixels = Array3::from_shape_fn((1, 32, 32), |(_, y, x)| ((x * y) % 17) as f32);
        let mask = Array2::from_shape_fn((32, 32), |(y, x)| u8::from(y > x));
        let patient = Patient { cases: vec![Case::Image(ImageCase { pixels, mask }); 2] };
        let keys = StreamKey::from_public_seed(1);
        for corruption in Corruption::all() {
            let [_, .., severity] = CorruptionSeverity::ALL;
            let worse = corrupted(std::slice::from_ref(&patient), *corruption, severity, &keys);
            let again = corrupted(std::slice::from_ref(&patient), *corruption, severity, &keys);
            assert_eq!(worse, again, "{corruption}: the same seed gives the same scans");
            for (before, after) in patient.cases.iter().zip(&worse[0].cases) {
                let (before, after) = (before.image().expect("an image"), after.image().expect("an image"));
                assert_eq!(before.mask, after.mask);
                assert_ne!(before.pixels, after.pixels, "{corruption}");
            }
        }
    }
}
