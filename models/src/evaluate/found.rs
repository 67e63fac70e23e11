//! Boxes that are there and boxes that a model found, as the metrics want them.

use wardround_imaging::{BoxCase, BoxPx, Detection};
use wardround_metrics::PatientScore;
use wardround_metrics::detection as metric;
use wardround_metrics::detection::{
    AreaRange, ClassId, DetectionsMax, GroundTruth, ImageId, Images, IouThreshold, IouThresholds, Labelled,
    ObservationError, Observations, Part, PrecisionTable, Settings, TruthKind,
};

/// One image with what a model found in it.
pub type Seen<'a> = (&'a BoxCase, &'a [Detection]);

/// Boxes that cannot be judged.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SeenError {
    /// A box is none.
    #[error(transparent)]
    Box(#[from] metric::BoxError),
    /// A score is no number.
    #[error(transparent)]
    Score(#[from] metric::ScoreError),
    /// More images than can be numbered.
    #[error(transparent)]
    Images(#[from] metric::TooManyImages),
    /// Boxes do not belong together.
    #[error(transparent)]
    Observations(#[from] ObservationError),
}

/// What was there and what was found in some images, each judged by the classes that its site has marked.
///
/// # Errors
/// [`SeenError`], which neither our readers nor our detectors cause.
pub fn observations(seen: &[Seen<'_>]) -> Result<Observations, SeenError> {
    let mut images = Images::default();
    let (mut truths, mut found) = (Vec::new(), Vec::new());
    for (image, (case, detections)) in (0..).map(ImageId).zip(seen) {
        let labelled = case.labelled.iter().map(|class| ClassId(class.into())).collect();
        images.add_site(1, Labelled::Only(labelled))?;
        for (boxes, kind) in [(&case.boxes, TruthKind::Finding), (&case.ignored, TruthKind::Crowd)] {
            for there in boxes {
                truths.push(GroundTruth { image, class: ClassId(there.class.into()), bbox: px(&there.bbox)?, kind });
            }
        }
        for detection in *detections {
            let score = metric::Score::new(detection.score.into())?;
            let (class, bbox) = (ClassId(detection.class.into()), px(&detection.bbox)?);
            found.push(metric::Detection { image, class, bbox, score });
        }
    }
    Ok(Observations::new(images, &truths, &found)?)
}

/// `ap@0.50.patient`: average precision over one patient's images at an overlap of one half, mean over the classes that she
/// has and her site has marked. Without any object there is nothing to measure where nothing is found, and 0 where something is.
///
/// # Errors
/// As [`observations`].
pub fn patient_ap(seen: &[Seen<'_>]) -> Result<PatientScore, SeenError> {
    let marked = |(case, found): &Seen<'_>| found.iter().any(|found| case.labelled.contains(found.class));
    let (truth, found) = (seen.iter().any(|(case, _)| !case.boxes.is_empty()), seen.iter().any(marked));
    let observations = observations(seen)?;
    let settings = Settings {
        thresholds: IouThresholds::one(IouThreshold::HALF),
        areas: vec![AreaRange::ALL],
        detections_max: vec![DetectionsMax::HUNDRED],
    };
    Ok(match PrecisionTable::of(&observations, settings).average_precision(Part::OVERALL) {
        Some(precision) => PatientScore::Scored(precision),
        None if found && !truth => PatientScore::Scored(0.0),
        None => PatientScore::BothEmpty,
    })
}

fn px(bbox: &BoxPx) -> Result<metric::BoxPx, SeenError> {
    let edges = bbox.edges();
    let [left, top, right, bottom] = [edges.left, edges.top, edges.right, edges.bottom].map(f64::from);
    Ok(metric::BoxPx::new(metric::Edges { left, top, right, bottom })?)
}
