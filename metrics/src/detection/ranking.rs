//! The detections of one class over all images, in the order in which precision walks them.

use super::matching::{Matcher, Outcome};
use super::observations::{ClassSpan, Group};
use super::{DetectionsMax, ImageId, Observations, Settings};
use rayon::prelude::*;

/// Groups that one task matches; enough to be worth a task, few enough to share out.
const GROUPS_A_TASK: usize = 256;

/// The detections of one class over all images, the surest first.
pub(crate) struct Ranking {
    thresholds: usize,
    areas: usize,
    /// For each detection its rank in its image.
    ranks: Vec<u32>,
    /// For each detection its score.
    scores: Vec<f64>,
    /// For each detection its image.
    images: Vec<ImageId>,
    /// For each detection, one an area range.
    outcomes: Vec<Outcome>,
}

impl Ranking {
    pub(crate) fn of(seen: &Observations, span: &ClassSpan, settings: &Settings) -> Self {
        let detections = &seen.detections[span.detections.clone()];
        let by_image = outcomes(seen, span, settings);
        let mut order: Vec<(u64, u32)> = detections.iter().enumerate().map(|(at, one)| (!one.key, at as u32)).collect();
        order.par_sort_unstable();
        let areas = settings.areas.len();
        let of_detection = |at: u32| &by_image[at as usize * areas..(at as usize + 1) * areas];
        Self {
            thresholds: settings.thresholds.as_slice().len(),
            areas,
            ranks: order.iter().map(|(_, at)| detections[*at as usize].rank).collect(),
            images: order.iter().map(|(_, at)| detections[*at as usize].image).collect(),
            scores: order.iter().map(|(_, at)| detections[*at as usize].score).collect(),
            outcomes: order.iter().flat_map(|(_, at)| of_detection(*at)).copied().collect(),
        }
    }

    /// For each detection, the surest first, its score and what became of it in the area range numbered `area`.
    pub(crate) fn scored(&self, area: usize) -> impl Iterator<Item = (f64, Outcome)> + '_ {
        self.scores.iter().copied().zip(self.of_area(area))
    }

    /// For each detection, the surest first, its image and what became of it in the area range numbered `area`.
    pub(crate) fn placed(&self, area: usize) -> impl Iterator<Item = (ImageId, Outcome)> + '_ {
        self.images.iter().copied().zip(self.of_area(area))
    }

    /// For each threshold: how many false alarms rank before each finding found.
    pub(crate) fn walks(&self, area: usize, most: DetectionsMax) -> Vec<Vec<u32>> {
        let mut walks = vec![Vec::new(); self.thresholds];
        let mut alarms = vec![0u32; self.thresholds];
        for (rank, outcome) in self.ranks.iter().copied().zip(self.of_area(area)) {
            if rank >= most.get() {
                continue;
            }
            for (place, alarms) in alarms.iter_mut().enumerate() {
                *alarms += outcome.false_alarm >> place & 1;
            }
            if outcome.found != 0 {
                note(outcome.found, &alarms, &mut walks);
            }
        }
        walks
    }

    fn of_area(&self, area: usize) -> impl Iterator<Item = Outcome> + '_ {
        self.outcomes.iter().skip(area).step_by(self.areas).copied()
    }
}

fn note(found: u32, alarms: &[u32], walks: &mut [Vec<u32>]) {
    for (place, walk) in walks.iter_mut().enumerate() {
        if found >> place & 1 == 1 {
            walk.push(alarms[place]);
        }
    }
}

/// The outcomes of a class, image after image.
fn outcomes(seen: &Observations, span: &ClassSpan, settings: &Settings) -> Vec<Outcome> {
    let of_chunk = |groups: &[Group]| {
        let (mut matcher, mut outcomes) = (Matcher::new(settings), Vec::new());
        for group in groups {
            matcher.append(seen, group, &mut outcomes);
        }
        outcomes
    };
    seen.groups(span).par_chunks(GROUPS_A_TASK).flat_map_iter(of_chunk).collect()
}
