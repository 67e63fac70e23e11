//! Which detection found which true box: the greedy matching of COCO (Lin et al. 2014, "Microsoft COCO", and pycocotools
//! `COCOeval.evaluateImg`).
//!
//! The surest detection chooses first. It takes the true box it overlaps most, if by at least the threshold, among those
//! nobody took; of equals the last. Findings come before boxes that are to be ignored, whatever their overlap. A crowd can be
//! taken by many. A second detection of one finding is a false alarm.

use super::observations::{Group, RankedBox, TruthBox};
use super::{AreaRange, IouThreshold, Observations, Settings, TruthKind};

/// pycocotools lets boxes that are equal but for rounding match at a threshold of 1.
const THRESHOLD_MAX: f64 = 1.0 - 1e-10;

/// What became of one detection in one area range; bit t is for the t-th threshold. In neither mask: left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Outcome {
    pub(crate) found: u32,
    pub(crate) false_alarm: u32,
}

/// Matches group after group; keeps its memory between them.
pub(crate) struct Matcher<'a> {
    thresholds: &'a [IouThreshold],
    areas: &'a [AreaRange],
    detections_max: u32,
    candidates: Candidates,
    taken: Vec<u32>,
    ignored: Vec<bool>,
}

/// The true boxes that each detection overlaps by at least the lowest threshold.
#[derive(Default)]
struct Candidates {
    pairs: Vec<(usize, f64)>,
    ends: Vec<usize>,
}

impl<'a> Matcher<'a> {
    pub(crate) fn new(settings: &'a Settings) -> Self {
        Self {
            thresholds: settings.thresholds.as_slice(),
            areas: &settings.areas,
            detections_max: settings.detections_max.iter().map(|most| most.get()).max().unwrap_or(0),
            candidates: Candidates::default(),
            taken: Vec::new(),
            ignored: Vec::new(),
        }
    }

    /// Appends the outcomes of a group: for each of its detections, one an area range. Those beyond the largest number of
    /// detections are left out.
    pub(crate) fn append(&mut self, seen: &Observations, group: &Group, outcomes: &mut Vec<Outcome>) {
        let (truths, detections) = (&seen.truths[group.truths.clone()], &seen.detections[group.detections.clone()]);
        let counted = &detections[..detections.len().min(self.detections_max as usize)];
        let begin = outcomes.len();
        outcomes.resize(begin + detections.len() * self.areas.len(), Outcome::default());
        self.candidates.find(truths, counted, self.lowest());
        for (place, area) in self.areas.iter().enumerate() {
            self.taken.clear();
            self.taken.resize(truths.len(), 0);
            self.ignored.clear();
            self.ignored.extend(truths.iter().map(|truth| !truth.counts(area)));
            for (at, detection) in counted.iter().enumerate() {
                let candidates = self.candidates.of(at);
                let unmatched_counts = area.holds(detection.bbox.area_px2());
                outcomes[begin + at * self.areas.len() + place] =
                    matched(self.thresholds, truths, candidates, &self.ignored, &mut self.taken, unmatched_counts);
            }
        }
    }

    fn lowest(&self) -> f64 {
        self.thresholds.iter().fold(THRESHOLD_MAX, |lowest, threshold| lowest.min(threshold.get()))
    }
}

impl Candidates {
    fn find(&mut self, truths: &[TruthBox], detections: &[RankedBox], lowest: f64) {
        self.pairs.clear();
        self.ends.clear();
        for detection in detections {
            for (at, truth) in truths.iter().enumerate() {
                let overlap = overlap(detection, truth);
                if overlap >= lowest {
                    self.pairs.push((at, overlap));
                }
            }
            self.ends.push(self.pairs.len());
        }
    }

    fn of(&self, detection: usize) -> &[(usize, f64)] {
        let begin = detection.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.pairs[begin..self.ends[detection]]
    }
}

fn overlap(detection: &RankedBox, truth: &TruthBox) -> f64 {
    match truth.kind {
        TruthKind::Crowd => detection.bbox.share_inside(&truth.bbox),
        TruthKind::Finding | TruthKind::Ignored => detection.bbox.iou(&truth.bbox),
    }
}

/// The outcome of one detection at every threshold; what it takes is marked in `taken`.
fn matched(
    thresholds: &[IouThreshold],
    truths: &[TruthBox],
    candidates: &[(usize, f64)],
    ignored: &[bool],
    taken: &mut [u32],
    unmatched_counts: bool,
) -> Outcome {
    let every = u32::MAX >> (u32::BITS as usize - thresholds.len());
    if candidates.is_empty() {
        return Outcome { found: 0, false_alarm: if unmatched_counts { every } else { 0 } };
    }
    let mut outcome = Outcome::default();
    for (place, threshold) in thresholds.iter().enumerate() {
        let bit = 1 << place;
        let free = |at: usize| taken[at] & bit == 0 || truths[at].kind == TruthKind::Crowd;
        let least = threshold.get().min(THRESHOLD_MAX);
        let finding = best(candidates, least, |at| !ignored[at] && free(at));
        match finding.or_else(|| best(candidates, least, |at| ignored[at] && free(at))) {
            Some(at) => {
                taken[at] |= bit;
                outcome.found |= if ignored[at] { 0 } else { bit };
            }
            None if unmatched_counts => outcome.false_alarm |= bit,
            None => {}
        }
    }
    outcome
}

/// The candidate of most overlap, at least `least`; of equals the last.
fn best(candidates: &[(usize, f64)], least: f64, may: impl Fn(usize) -> bool) -> Option<usize> {
    let mut best = None;
    let mut most = least;
    for &(at, overlap) in candidates {
        if overlap >= most && may(at) {
            (best, most) = (Some(at), overlap);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::super::testing::{boxed, detection, truth};
    use super::*;
    use crate::detection::{ClassId, GroundTruth, ImageId, Images, IouThresholds};

    /// The outcomes at one threshold of one half, in the order of the scores: `+` found, `-` a false alarm, `.` left out.
    fn check(truths: &[GroundTruth], detections: &[[i32; 4]], expected: &str) {
        let falling = (0..).map(|place| 0.9 - 0.1 * f64::from(place));
        let detections: Vec<_> =
            detections.iter().zip(falling).map(|(edges, score)| detection(0, 0, *edges, score)).collect();
        let seen = Observations::new(Images::of_one_site(1), truths, &detections).expect("fit together");
        let settings = Settings::over(IouThresholds::one(IouThreshold::HALF));
        let mut outcomes = Vec::new();
        Matcher::new(&settings).append(&seen, &seen.groups(&seen.classes[0])[0], &mut outcomes);
        let sign = |outcome: &Outcome| match (outcome.found, outcome.false_alarm) {
            (1, 0) => '+',
            (0, 1) => '-',
            _ => '.',
        };
        assert_eq!(outcomes.iter().map(sign).collect::<String>(), expected);
    }

    fn of_kind(edges: [i32; 4], kind: TruthKind) -> GroundTruth {
        GroundTruth { image: ImageId(0), class: ClassId(0), bbox: boxed(edges), kind }
    }

    #[test]
    fn the_surest_takes_the_finding_and_the_second_is_a_false_alarm() {
        check(&[truth(0, 0, [0, 0, 10, 10])], &[[0, 0, 10, 8], [0, 0, 10, 10]], "+-");
    }

    #[test]
    fn a_detection_takes_what_it_overlaps_most() {
        let truths = [truth(0, 0, [0, 0, 10, 10]), truth(0, 0, [2, 0, 12, 10])];
        check(&truths, &[[2, 0, 12, 10], [0, 0, 10, 10]], "++");
    }

    #[test]
    fn an_overlap_of_exactly_the_threshold_matches() {
        check(&[truth(0, 0, [0, 0, 10, 10])], &[[0, 0, 10, 5]], "+");
        check(&[truth(0, 0, [0, 0, 100, 100])], &[[0, 0, 100, 49]], "-");
    }

    #[test]
    fn an_ignored_box_is_taken_once_and_a_crowd_by_many() {
        let (ignored, crowd) = (of_kind([0, 0, 10, 10], TruthKind::Ignored), of_kind([0, 0, 90, 90], TruthKind::Crowd));
        check(&[ignored], &[[0, 0, 10, 10], [0, 0, 10, 10]], ".-");
        check(&[crowd], &[[0, 0, 10, 10], [5, 5, 9, 9], [85, 85, 99, 99]], "..-");
    }

    #[test]
    fn a_finding_comes_before_a_better_overlap_with_an_ignored_box() {
        let truths = [of_kind([0, 0, 10, 10], TruthKind::Ignored), truth(0, 0, [0, 0, 10, 6])];
        check(&truths, &[[0, 0, 10, 10], [0, 0, 10, 10]], "+.");
    }
}
