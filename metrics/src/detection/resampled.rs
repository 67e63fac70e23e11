//! Average precision on patients drawn anew, for its interval ([`crate::statistics::bootstrap`]).
//!
//! Which detection found what depends on its image alone. So everything is matched once, and a resample only says how often each
//! image counts: a patient drawn twice counts twice, with all her findings, false alarms and images.

use super::observations::ClassSpan;
use super::precision::average_precision;
use super::ranking::Ranking;
use super::{AreaRange, ClassId, ImageId, IouThresholds, Observations, PatientIndex, Settings};
use rayon::prelude::*;

/// Truth and detections, matched, of numbered patients.
pub struct ResampledPrecision {
    thresholds: usize,
    patients: Vec<PatientIndex>,
    classes: Vec<ResampledClass>,
}

/// Images and patients that do not belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{given} patients for {images} images: give the patient of each image")]
pub struct PatientsError {
    given: usize,
    images: u32,
}

struct ResampledClass {
    class: ClassId,
    ranking: Ranking,
    /// Findings of each image that has some.
    findings: Vec<(ImageId, u64)>,
}

impl ResampledPrecision {
    /// Matches everything once, at most 100 detections a class and image. `patients` has the patient of each image, numbered
    /// from 0 as the patients are that are drawn.
    ///
    /// # Errors
    /// [`PatientsError`] unless each image has a patient.
    pub fn of(
        seen: &Observations,
        thresholds: IouThresholds,
        patients: Vec<PatientIndex>,
    ) -> Result<Self, PatientsError> {
        let images = seen.images.count();
        if patients.len() != images as usize {
            return Err(PatientsError { given: patients.len(), images });
        }
        let settings = Settings::over(thresholds);
        let classes = seen.classes.par_iter().map(|span| ResampledClass::of(seen, span, &settings)).collect();
        Ok(Self { thresholds: settings.thresholds.as_slice().len(), patients, classes })
    }

    /// The mean over overlaps, and over classes or of one, on the patients drawn; one drawn twice counts twice. `None` where
    /// they have no finding.
    pub fn average_precision(&self, drawn: &[usize], class: Option<ClassId>) -> Option<f64> {
        let patient_count = drawn.iter().map(|patient| patient + 1).max().unwrap_or(0);
        let mut times = vec![0u32; patient_count];
        for patient in drawn {
            times[*patient] += 1;
        }
        let of_image = |image: ImageId| {
            let patient = self.patients[image.0 as usize].0 as usize;
            u64::from(times.get(patient).copied().unwrap_or(0))
        };
        let wanted = self.classes.iter().filter(|one| class.is_none_or(|only| only == one.class));
        let values: Vec<f64> = wanted.filter_map(|one| one.average_precision(self.thresholds, of_image)).collect();
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    }
}

impl ResampledClass {
    fn of(seen: &Observations, span: &ClassSpan, settings: &Settings) -> Self {
        let of_group = |group: &super::observations::Group| (group.image, seen.findings_in(group, &AreaRange::ALL));
        let findings = seen.groups(span).iter().map(of_group).filter(|(_, findings)| *findings > 0).collect();
        Self { class: span.class, ranking: Ranking::of(seen, span, settings), findings }
    }

    fn average_precision(&self, thresholds: usize, times: impl Fn(ImageId) -> u64) -> Option<f64> {
        let findings: u64 = self.findings.iter().map(|(image, findings)| findings * times(*image)).sum();
        if findings == 0 {
            return None;
        }
        let (mut walks, mut alarms) = (vec![Vec::new(); thresholds], vec![0u64; thresholds]);
        for (image, outcome) in self.ranking.placed(0) {
            let times = times(image);
            for (place, alarms) in alarms.iter_mut().enumerate() {
                *alarms += u64::from(outcome.false_alarm >> place & 1) * times;
                if outcome.found >> place & 1 == 1 {
                    walks[place].extend((0..times).map(|_| *alarms));
                }
            }
        }
        let sum: f64 = walks.into_iter().map(|walk| average_precision(walk.into_iter(), findings)).sum();
        Some(sum / thresholds as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{detection, truth};
    use super::*;
    use crate::detection::{Detection, GroundTruth, Images, Part, PrecisionTable};
    use crate::statistics::{BootstrapPlan, StatisticsSeed, Units, bootstrap};

    const PATIENTS: u32 = 12;

    /// What is in the image of each patient: two lesions, found more or less well, and a false alarm.
    fn scene(patient: u32, image: u32) -> (Vec<GroundTruth>, Vec<Detection>) {
        let shift = (patient % 5) as i32;
        let class = patient % 2;
        let truths = vec![truth(image, class, [0, 0, 20, 20]), truth(image, class, [40, 0, 60, 20])];
        let score = |step: u32| f64::from((patient * 7 + step * 5) % 23) / 23.0;
        let detections = vec![
            detection(image, class, [shift, 0, 20 + shift, 20], score(0)),
            detection(image, class, [40 + 3 * shift, 0, 60 + 3 * shift, 20], score(1)),
            detection(image, 1 - class, [80, 80, 90, 90], score(2)),
        ];
        (truths, detections)
    }

    /// The scenes of these patients, each as an image of its own.
    fn seen(patients: &[usize]) -> Observations {
        let scenes: Vec<_> = (0..).zip(patients).map(|(image, patient)| scene(*patient as u32, image)).collect();
        let truths: Vec<_> = scenes.iter().flat_map(|scene| &scene.0).copied().collect();
        let detections: Vec<_> = scenes.iter().flat_map(|scene| &scene.1).copied().collect();
        Observations::new(Images::of_one_site(patients.len() as u32), &truths, &detections).expect("fit together")
    }

    fn resampled(patients: u32) -> ResampledPrecision {
        let everyone: Vec<usize> = (0..patients as usize).collect();
        let of_image = (0..patients).map(PatientIndex).collect();
        ResampledPrecision::of(&seen(&everyone), IouThresholds::coco(), of_image).expect("one a patient")
    }

    #[test]
    fn a_resample_is_the_table_of_images_written_as_often_as_drawn() {
        let matched = resampled(PATIENTS);
        let draws: [&[usize]; 4] = [&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], &[3, 3, 3], &[1, 8, 8, 0, 11, 0], &[2, 4]];
        for drawn in draws {
            let table = PrecisionTable::of(&seen(drawn), Settings::coco());
            for class in [None, Some(ClassId(0)), Some(ClassId(1))] {
                let (ours, written) =
                    (matched.average_precision(drawn, class), table.average_precision(Part { class, ..Part::OVERALL }));
                let close = |a: f64, b: f64| (a - b).abs() < 1e-12;
                assert!(
                    ours.zip(written).map_or(ours == written, |(a, b)| close(a, b)),
                    "{drawn:?}, {class:?}: {ours:?} against {written:?}"
                );
            }
        }
    }

    #[test]
    fn average_precision_has_an_interval_over_patients() {
        let matched = resampled(PATIENTS);
        let plan = BootstrapPlan::seeded(StatisticsSeed(4));
        let units = Units::patients(PATIENTS as usize).expect("enough");
        let interval = bootstrap(&units, plan, |drawn| matched.average_precision(drawn, None)).expect("findings");
        assert!(interval.limits.low < interval.estimate && interval.estimate < interval.limits.high, "{interval:?}");
        assert!(interval.limits.low > 0.0 && interval.limits.high < 1.0, "{interval:?}");
    }

    #[test]
    fn nobody_drawn_has_no_value_and_an_image_of_nobody_is_refused() {
        assert_eq!(resampled(3).average_precision(&[], None), None);
        let error = ResampledPrecision::of(&seen(&[0, 1]), IouThresholds::coco(), vec![PatientIndex(0)]);
        assert_eq!(error.err(), Some(PatientsError { given: 1, images: 2 }));
    }
}
