//! `ap.binned`: average precision from counts that may be summed across sites, so that no score leaves a hospital.
//!
//! Each site counts, in 100 equal bins of the score, the detections that found something and the false alarms. A patient adds
//! at most K detections (her surest, of at most 100 an image) and F findings, so one patient more or less moves the counts by at most `sqrt(K² + F²)`.
//! Counts are whole numbers: their sum over sites is exact in any order, under a mask too.
//!
//! Within a bin the order is lost. Average precision rises when a finding found moves up the ranking, so the order with the
//! findings first bounds it from above and the order with the false alarms first from below; the value is halfway and the
//! error half the distance. The bound is on the average precision of the detections that were counted, after K and F.

use super::patient_share::{Counted, Heard, clipped_findings};
use super::precision::average_precision;
use super::ranking::Ranking;
use super::{ClassId, IouThreshold, IouThresholds, Observations, PatientIndex, PatientShare, Settings};
use std::collections::BTreeMap;

/// Bins of the score, equal in width, from 0 to 1.
pub const SCORE_BINS: usize = 100;

/// Findings that one sum holds; more than all hospitals have, and few enough to walk through in memory.
const FINDINGS_MAX: u64 = 10_000_000;

/// Means of 101 precisions round by less.
const ROUNDING: f64 = 1e-12;

/// Counts of one class at one overlap; what may be summed across sites.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BinnedCounts {
    share: PatientShare,
    found: Vec<u64>,
    false_alarms: Vec<u64>,
    findings: u64,
}

/// Average precision and how far it may be from that of the exact ranking.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BinnedPrecision {
    /// Halfway between the bounds, 0 to 1.
    pub value: f64,
    /// The average precision of the counted detections in their exact order is within this of `value`.
    pub error: f64,
}

/// Counts that cannot be made or summed.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum BinnedError {
    /// A score outside of the bins.
    #[error("a detection of {class} has the score {score}: bins are from 0 to 1, so give probabilities")]
    Score {
        /// The class.
        class: ClassId,
        /// The score.
        score: f64,
    },
    /// An image of no patient.
    #[error("{given} patients for {images} images: give the patient of each image")]
    Patients {
        /// How many were given.
        given: usize,
        /// How many are needed.
        images: u32,
    },
    /// Two sites that clip otherwise.
    #[error(
        "counts of at most {held:?} a patient cannot be added to counts of at most {given:?}: both come from one plan"
    )]
    Shares {
        /// What this sum holds.
        held: PatientShare,
        /// What should be added.
        given: PatientShare,
    },
    /// Too few or too many numbers, more findings than a sum holds, or more found than there were.
    #[error(
        "{numbers} numbers, {found} of {findings} findings found: a sum has 201 numbers and at most 10,000,000 findings, and no more are found than there are"
    )]
    Counts {
        /// How many numbers.
        numbers: usize,
        /// Findings found.
        found: u128,
        /// Findings.
        findings: u64,
    },
}

impl BinnedCounts {
    /// No patient yet.
    pub fn none(share: PatientShare) -> Self {
        Self { share, found: vec![0; SCORE_BINS], false_alarms: vec![0; SCORE_BINS], findings: 0 }
    }

    /// Counts one class of a site. `patients` has the patient of each image.
    ///
    /// # Errors
    /// [`BinnedError`] where a score is outside of 0 to 1, or an image has no patient.
    pub fn of(
        seen: &Observations,
        class: ClassId,
        threshold: IouThreshold,
        share: PatientShare,
        patients: &[PatientIndex],
    ) -> Result<Self, BinnedError> {
        if patients.len() != seen.images.count() as usize {
            return Err(BinnedError::Patients { given: patients.len(), images: seen.images.count() });
        }
        let mut counts = Self::none(share);
        let Some(span) = seen.classes.iter().find(|span| span.class == class) else { return Ok(counts) };
        counts.findings = clipped_findings(seen, span, share, patients);
        let settings = Settings::over(IouThresholds::one(threshold));
        let ranking = Ranking::of(seen, span, &settings);
        let mut heard: BTreeMap<PatientIndex, Heard> = BTreeMap::new();
        for ((score, _), (image, outcome)) in ranking.scored(0).zip(ranking.placed(0)) {
            let Some(outcome) = Counted::of(outcome) else { continue };
            let heard = heard.entry(patients[image.0 as usize]).or_default();
            if heard.within(share, outcome) {
                let bin = bin(score).ok_or(BinnedError::Score { class, score })?;
                counts.bins(outcome)[bin] += 1;
            }
        }
        Ok(counts)
    }

    /// Counts from a sum, as [`BinnedCounts::numbers`] orders them.
    ///
    /// # Errors
    /// [`BinnedError::Counts`] where their number is wrong or more was found than there was.
    pub fn from_numbers(share: PatientShare, numbers: &[u64]) -> Result<Self, BinnedError> {
        let (bins, findings) = match numbers {
            [bins @ .., findings] => (bins, *findings),
            [] => (numbers, 0),
        };
        let (found, false_alarms) = bins.split_at(bins.len().min(SCORE_BINS));
        let counts = Self { share, found: found.into(), false_alarms: false_alarms.into(), findings };
        let all_found = total(found);
        let possible = findings <= FINDINGS_MAX
            && all_found <= u128::from(findings)
            && total(false_alarms) <= u128::from(u64::MAX);
        if false_alarms.len() != SCORE_BINS || !possible {
            return Err(BinnedError::Counts { numbers: numbers.len(), found: all_found, findings });
        }
        Ok(counts)
    }

    /// Adds another site.
    ///
    /// # Errors
    /// [`BinnedError`] where it clips otherwise or there are more findings than a sum holds; nothing is added then.
    pub fn add(&mut self, other: &Self) -> Result<(), BinnedError> {
        if self.share != other.share {
            return Err(BinnedError::Shares { held: self.share, given: other.share });
        }
        let sums: Option<Vec<u64>> = self.numbers().zip(other.numbers()).map(|(a, b)| a.checked_add(b)).collect();
        let overflow = || BinnedError::Counts {
            numbers: 2 * SCORE_BINS + 1,
            found: total(&self.found) + total(&other.found),
            findings: self.findings.saturating_add(other.findings),
        };
        *self = Self::from_numbers(self.share, &sums.ok_or_else(overflow)?)?;
        Ok(())
    }

    /// The whole numbers that are summed: found and false alarms in each bin from score 0 upwards, then findings.
    pub fn numbers(&self) -> impl Iterator<Item = u64> + '_ {
        self.found.iter().chain(&self.false_alarms).copied().chain([self.findings])
    }

    /// Average precision with its error; `None` without a finding.
    pub fn average_precision(&self) -> Option<BinnedPrecision> {
        if self.findings == 0 {
            return None;
        }
        let least = average_precision(self.walk(WithinBin::FalseAlarmsFirst).into_iter(), self.findings);
        let most = average_precision(self.walk(WithinBin::FindingsFirst).into_iter(), self.findings);
        Some(BinnedPrecision { value: 0.5 * (least + most), error: 0.5 * (most - least) + ROUNDING })
    }

    fn bins(&mut self, of: Counted) -> &mut [u64] {
        match of {
            Counted::Found => &mut self.found,
            Counted::FalseAlarm => &mut self.false_alarms,
        }
    }

    /// False alarms before each finding found.
    fn walk(&self, order: WithinBin) -> Vec<u64> {
        let mut walk = Vec::new();
        let mut before = 0;
        for (found, alarms) in self.found.iter().zip(&self.false_alarms).rev() {
            let first = match order {
                WithinBin::FalseAlarmsFirst => before + alarms,
                WithinBin::FindingsFirst => before,
            };
            walk.extend((0..*found).map(|_| first));
            before += alarms;
        }
        walk
    }
}

#[derive(Clone, Copy)]
enum WithinBin {
    FalseAlarmsFirst,
    FindingsFirst,
}

fn total(counts: &[u64]) -> u128 {
    counts.iter().map(|count| u128::from(*count)).sum()
}

/// 1 belongs to the last bin.
fn bin(score: f64) -> Option<usize> {
    (0.0..=1.0).contains(&score).then(|| ((score * SCORE_BINS as f64) as usize).min(SCORE_BINS - 1))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{detection, truth};
    use super::*;
    use crate::detection::{Detection, DetectionsMax, GroundTruth, Images, Part, PrecisionTable};
    use proptest::prelude::*;

    const HIT: [i32; 4] = [0, 0, 10, 10];
    const MISS: [i32; 4] = [50, 50, 60, 60];

    fn share(detections: u32, findings: u32) -> PatientShare {
        let most = |number| DetectionsMax::new(number).expect("not 0");
        PatientShare { detections_max: most(detections), findings_max: most(findings) }
    }

    /// One patient an image.
    fn counts(
        images: u32,
        truths: &[GroundTruth],
        detections: &[Detection],
        share: PatientShare,
    ) -> Result<BinnedCounts, BinnedError> {
        let seen = Observations::new(Images::of_one_site(images), truths, detections).expect("fit together");
        let patients: Vec<_> = (0..images).map(PatientIndex).collect();
        BinnedCounts::of(&seen, ClassId(0), IouThreshold::HALF, share, &patients)
    }

    #[test]
    fn a_patient_adds_no_more_than_her_share() {
        let lesions: Vec<_> = (0..5).map(|at| truth(0, 0, [at * 20, 0, at * 20 + 10, 10])).collect();
        let found: Vec<_> = (0..5).map(|at| detection(0, 0, [at * 20, 0, at * 20 + 10, 10], 0.9)).collect();
        let sums = |share| counts(1, &lesions, &found, share).map(|counts| (total(&counts.found), counts.findings));
        assert_eq!(sums(share(9, 9)), Ok((5, 5)));
        assert_eq!(sums(share(3, 9)), Ok((3, 5)));
        assert_eq!(sums(share(9, 2)), Ok((2, 2)));
    }

    #[test]
    fn her_surest_detections_are_kept() {
        let detections = [detection(0, 0, MISS, 0.2), detection(0, 0, HIT, 0.9)];
        let counts = counts(1, &[truth(0, 0, HIT)], &detections, share(1, 1)).expect("counts");
        assert_eq!((counts.found[90], total(&counts.false_alarms)), (1, 0));
    }

    #[test]
    fn the_sum_of_sites_is_the_count_of_both() {
        let (truths, detections) =
            ([truth(0, 0, HIT), truth(1, 0, HIT)], [detection(0, 0, HIT, 0.9), detection(1, 0, MISS, 1.0)]);
        let both = counts(2, &truths, &detections, share(5, 5)).expect("counts");
        let mut sum = counts(1, &truths[..1], &detections[..1], share(5, 5)).expect("counts");
        let other = counts(2, &truths[1..], &detections[1..], share(5, 5)).expect("counts");
        sum.add(&other).expect("one plan");
        assert_eq!(sum, both);
        assert_eq!(BinnedCounts::from_numbers(share(5, 5), &sum.numbers().collect::<Vec<_>>()), Ok(both));
    }

    #[test]
    fn what_cannot_be_summed_is_refused() {
        let mut counts = BinnedCounts::none(share(5, 5));
        let error = counts.add(&BinnedCounts::none(share(6, 5))).expect_err("another share");
        assert!(error.to_string().contains("one plan"), "{error}");
        let numbers = |at: usize| (0..201).map(|place| u64::from(place == at)).collect::<Vec<_>>();
        assert!(BinnedCounts::from_numbers(share(5, 5), &numbers(0)).is_err(), "found, but no finding");
        assert!(BinnedCounts::from_numbers(share(5, 5), &numbers(100)).is_ok(), "a false alarm");
        for length in [0, 1, 150, 200, 202, 301] {
            assert!(BinnedCounts::from_numbers(share(5, 5), &vec![0; length]).is_err(), "{length} numbers");
        }
    }

    #[test]
    fn a_sum_holds_ten_million_findings_and_not_one_more() {
        let of = |findings: u64| BinnedCounts::from_numbers(share(5, 5), &[vec![0; 200], vec![findings]].concat());
        let mut full = of(FINDINGS_MAX).expect("fits");
        assert!(of(FINDINGS_MAX + 1).is_err() && of(u64::MAX).is_err());
        assert!(full.add(&of(1).expect("a finding")).is_err());
        assert_eq!(Ok(full), of(FINDINGS_MAX), "nothing was added");
        let alarms = [vec![0; 100], vec![u64::MAX; 2], vec![0; 98], vec![1]].concat();
        assert!(BinnedCounts::from_numbers(share(5, 5), &alarms).is_err(), "more false alarms than can be counted");
    }

    #[test]
    fn scores_that_are_no_probabilities_and_images_of_no_patient_are_refused() {
        let error = counts(1, &[truth(0, 0, HIT)], &[detection(0, 0, HIT, 7.5)], share(5, 5)).expect_err("a logit");
        assert!(error.to_string().contains("7.5"), "{error}");
        let seen = Observations::new(Images::of_one_site(2), &[], &[]).expect("fit together");
        let error = BinnedCounts::of(&seen, ClassId(0), IouThreshold::HALF, share(5, 5), &[PatientIndex(0)]);
        assert_eq!(error, Err(BinnedError::Patients { given: 1, images: 2 }));
    }

    #[test]
    fn without_a_finding_there_is_no_value() {
        let counts = counts(1, &[], &[detection(0, 0, HIT, 0.5)], share(5, 5)).expect("counts");
        assert_eq!(counts.average_precision(), None);
    }

    proptest! {
        #[test]
        fn the_error_bounds_the_distance_from_the_exact_ranking(boxes in proptest::collection::vec((0u32..6, 0.0..=1.0f64, any::<bool>()), 1..40)) {
            let truths: Vec<_> = (0..6).map(|image| truth(image, 0, HIT)).collect();
            let detections: Vec<_> =
                boxes.iter().map(|(image, score, hit)| detection(*image, 0, if *hit { HIT } else { MISS }, *score)).collect();
            let seen = Observations::new(Images::of_one_site(6), &truths, &detections).expect("fit together");
            let exact = PrecisionTable::of(&seen, Settings::over(IouThresholds::one(IouThreshold::HALF)));
            let exact = exact.average_precision(Part::OVERALL).expect("findings");
            let binned = counts(6, &truths, &detections, share(100, 100)).expect("counts").average_precision().expect("findings");
            prop_assert!((binned.value - exact).abs() <= binned.error, "{exact} against {binned:?}");
        }
    }
}
