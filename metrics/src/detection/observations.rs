//! Truth and detections side by side, in the order in which they are compared: class by class, image by image, the surest
//! detection first. Equal scores keep the order in which they were given, as a merge sort in pycocotools does.

use super::{AreaRange, BoxPx, ClassId, Detection, GroundTruth, ImageId, Images, TruthKind};
use rayon::prelude::*;
use std::ops::Range;

/// Detections that one evaluation holds, so that positions fit 32 bits.
const DETECTIONS_MAX: usize = u32::MAX as usize;

/// What a model says about images, beside what is there.
#[derive(Debug, Clone)]
pub struct Observations {
    pub(crate) images: Images,
    pub(crate) truths: Vec<TruthBox>,
    pub(crate) detections: Vec<RankedBox>,
    pub(crate) classes: Vec<ClassSpan>,
    groups: Vec<Group>,
}

/// Truth and detections that do not belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ObservationError {
    /// A box in an image that is not there.
    #[error("a box of {class} is in {image}, but {images} images were looked at, numbered from 0")]
    UnknownImage {
        /// The image named.
        image: ImageId,
        /// The class of the box.
        class: ClassId,
        /// How many there are.
        images: u32,
    },
    /// A true box of a class its site claims not to label.
    #[error(
        "{image} has a true box of {class}, which its site says it does not label; correct the list of labelled classes"
    )]
    NotLabelled {
        /// The image.
        image: ImageId,
        /// The class.
        class: ClassId,
    },
    /// More boxes than can be counted.
    #[error("{given} boxes are more than one evaluation holds ({DETECTIONS_MAX}); evaluate in parts")]
    TooMany {
        /// How many.
        given: usize,
    },
}

/// A true box of a group.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TruthBox {
    pub(crate) bbox: BoxPx,
    pub(crate) kind: TruthKind,
}

impl TruthBox {
    /// Whether it is to be found in this area range.
    pub(crate) fn counts(&self, area: &AreaRange) -> bool {
        self.kind == TruthKind::Finding && area.holds(self.bbox.area_px2())
    }
}

/// A detection of a group.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RankedBox {
    pub(crate) image: ImageId,
    pub(crate) bbox: BoxPx,
    pub(crate) score: f64,
    /// Larger for a surer detection.
    pub(crate) key: u64,
    /// 0 for the surest of its class in its image.
    pub(crate) rank: u32,
}

/// What there is of one class in one image.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    pub(crate) class: ClassId,
    pub(crate) image: ImageId,
    pub(crate) truths: Range<usize>,
    pub(crate) detections: Range<usize>,
}

/// What there is of one class.
#[derive(Debug, Clone)]
pub(crate) struct ClassSpan {
    pub(crate) class: ClassId,
    pub(crate) detections: Range<usize>,
    truths: Range<usize>,
    groups: Range<usize>,
}

impl Observations {
    /// Sorts what was seen. Detections of a class at a site that does not label it are left out.
    ///
    /// # Errors
    /// [`ObservationError`] where a box is in no image, a site has truth of a class it does not label, or there are too many.
    pub fn new(images: Images, truths: &[GroundTruth], detections: &[Detection]) -> Result<Self, ObservationError> {
        let given = truths.len().max(detections.len());
        if given > DETECTIONS_MAX {
            return Err(ObservationError::TooMany { given });
        }
        let (truth_at, truths) = sorted_truths(&images, truths)?;
        let (detection_at, detections) = sorted_detections(&images, detections)?;
        let groups = grouped(&truth_at, &detection_at);
        let classes = spans(&groups);
        Ok(Self { images, truths, detections, classes, groups })
    }

    /// The images that were looked at.
    pub fn images(&self) -> &Images {
        &self.images
    }

    /// Every class in the truth or in the detections, ascending.
    pub fn classes(&self) -> impl Iterator<Item = ClassId> + '_ {
        self.classes.iter().map(|span| span.class)
    }

    pub(crate) fn groups(&self, span: &ClassSpan) -> &[Group] {
        &self.groups[span.groups.clone()]
    }

    /// Findings of a class in a size.
    pub(crate) fn findings(&self, span: &ClassSpan, area: &AreaRange) -> u64 {
        self.counted(span.truths.clone(), area)
    }

    /// Findings of a group in a size.
    pub(crate) fn findings_in(&self, group: &Group, area: &AreaRange) -> u64 {
        self.counted(group.truths.clone(), area)
    }

    fn counted(&self, truths: Range<usize>, area: &AreaRange) -> u64 {
        self.truths[truths].iter().filter(|truth| truth.counts(area)).count() as u64
    }
}

/// Where a box belongs; orders as groups do.
type Place = (ClassId, ImageId);

fn sorted_truths(images: &Images, truths: &[GroundTruth]) -> Result<(Vec<Place>, Vec<TruthBox>), ObservationError> {
    let mut sorted: Vec<&GroundTruth> = truths.iter().collect();
    for &&GroundTruth { image, class, .. } in &sorted {
        if !labelled(images, image, class)? {
            return Err(ObservationError::NotLabelled { image, class });
        }
    }
    sorted.sort_by_key(|truth| (truth.class, truth.image));
    let boxed = |truth: &&GroundTruth| TruthBox { bbox: truth.bbox, kind: truth.kind };
    Ok((sorted.iter().map(|truth| (truth.class, truth.image)).collect(), sorted.iter().map(boxed).collect()))
}

fn sorted_detections(
    images: &Images,
    detections: &[Detection],
) -> Result<(Vec<Place>, Vec<RankedBox>), ObservationError> {
    let mut order = Vec::with_capacity(detections.len());
    for (given, &Detection { image, class, score, .. }) in detections.iter().enumerate() {
        if labelled(images, image, class)? {
            order.push((class, image, !score.rank_key(), given as u32));
        }
    }
    order.par_sort_unstable();
    let places: Vec<Place> = order.iter().map(|&(class, image, ..)| (class, image)).collect();
    let mut ranked = Vec::with_capacity(order.len());
    for (at, &(_, _, inverse_key, given)) in order.iter().enumerate() {
        let Detection { image, bbox, score, .. } = detections[given as usize];
        let rank = match at.checked_sub(1) {
            Some(before) if places[before] == places[at] => last_rank(&ranked) + 1,
            _ => 0,
        };
        ranked.push(RankedBox { image, bbox, score: score.get(), key: !inverse_key, rank });
    }
    Ok((places, ranked))
}

fn last_rank(ranked: &[RankedBox]) -> u32 {
    ranked.last().map_or(0, |one| one.rank)
}

fn labelled(images: &Images, image: ImageId, class: ClassId) -> Result<bool, ObservationError> {
    let unknown = ObservationError::UnknownImage { image, class, images: images.count() };
    images.labels(image, class).ok_or(unknown)
}

/// Walks both sorted lists at once; a group is there where either has something.
fn grouped(truths: &[Place], detections: &[Place]) -> Vec<Group> {
    let (mut groups, mut truth, mut detection) = (Vec::new(), 0, 0);
    while let Some(&place) = [truths.get(truth), detections.get(detection)].into_iter().flatten().min() {
        let truth_end = truth + run(&truths[truth..], place);
        let detection_end = detection + run(&detections[detection..], place);
        let (class, image) = place;
        groups.push(Group { class, image, truths: truth..truth_end, detections: detection..detection_end });
        (truth, detection) = (truth_end, detection_end);
    }
    groups
}

fn spans(groups: &[Group]) -> Vec<ClassSpan> {
    let mut spans: Vec<ClassSpan> = Vec::new();
    for (at, Group { class, truths, detections, .. }) in groups.iter().enumerate() {
        match spans.last_mut().filter(|span| span.class == *class) {
            Some(span) => {
                span.groups.end = at + 1;
                span.truths.end = truths.end;
                span.detections.end = detections.end;
            }
            None => spans.push(ClassSpan {
                class: *class,
                detections: detections.clone(),
                truths: truths.clone(),
                groups: at..at + 1,
            }),
        }
    }
    spans
}

fn run(places: &[Place], of: Place) -> usize {
    places.iter().take_while(|place| **place == of).count()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{detection, truth};
    use super::*;
    use crate::detection::Labelled;

    #[test]
    fn boxes_are_grouped_by_class_then_image() {
        let truths = [truth(1, 2, [0, 0, 4, 4]), truth(0, 1, [0, 0, 4, 4]), truth(1, 1, [0, 0, 4, 4])];
        let detections = [detection(1, 2, [0, 0, 4, 4], 0.5), detection(2, 1, [0, 0, 4, 4], 0.5)];
        let seen = Observations::new(Images::of_one_site(3), &truths, &detections).expect("fit together");
        let places: Vec<_> = seen.groups.iter().map(|group| (group.class.0, group.image.0)).collect();
        assert_eq!(places, [(1, 0), (1, 1), (1, 2), (2, 1)]);
        let sizes: Vec<_> = seen.groups.iter().map(|group| (group.truths.len(), group.detections.len())).collect();
        assert_eq!(sizes, [(1, 0), (1, 0), (0, 1), (1, 1)]);
        assert_eq!(seen.classes().collect::<Vec<_>>(), [ClassId(1), ClassId(2)]);
    }

    #[test]
    fn the_surest_comes_first_and_ties_keep_their_order() {
        let lefts = [7, 3, 9, 1];
        let scored = lefts.iter().zip([0.5, 0.9, 0.5, 0.5]);
        let detections: Vec<_> = scored.map(|(left, score)| detection(0, 1, [*left, 0, 20, 4], score)).collect();
        let seen = Observations::new(Images::of_one_site(1), &[], &detections).expect("fit together");
        let order: Vec<f64> = seen.detections.iter().map(|one| one.bbox.edges().left).collect();
        assert_eq!(order, [3.0, 7.0, 9.0, 1.0]);
        assert_eq!(seen.detections.iter().map(|one| one.rank).collect::<Vec<_>>(), [0, 1, 2, 3]);
    }

    #[test]
    fn a_class_that_a_site_does_not_label_is_left_out_there() {
        let mut images = Images::of_one_site(1);
        images.add_site(1, Labelled::Only([ClassId(1)].into())).expect("few");
        let both = [detection(0, 2, [0, 0, 4, 4], 0.5), detection(1, 2, [0, 0, 4, 4], 0.5)];
        let seen = Observations::new(images.clone(), &[], &both).expect("fit together");
        assert_eq!(seen.detections.len(), 1);
        let error = Observations::new(images, &[truth(1, 2, [0, 0, 4, 4])], &[]).expect_err("truth where none is said");
        assert!(error.to_string().contains("class 2") && error.to_string().contains("image 1"), "{error}");
    }

    #[test]
    fn a_box_in_no_image_is_refused() {
        let error = Observations::new(Images::of_one_site(2), &[], &[detection(2, 0, [0, 0, 4, 4], 0.5)]);
        let error = error.expect_err("numbered from 0");
        assert_eq!(error, ObservationError::UnknownImage { image: ImageId(2), class: ClassId(0), images: 2 });
    }
}
