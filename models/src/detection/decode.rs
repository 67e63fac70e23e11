//! From maps to boxes with scores.

use super::loss::PRIOR_LOGIT;
use super::suppression::suppressed;
use crate::centernet::{PLACE_MAPS, STRIDE_PX};
use ndarray::{ArrayView2, ArrayView3, Axis};
use wardround_imaging::{BoxPx, Detection, Edges};

/// Detections of one image at most, as pycocotools counts them.
const DETECTIONS_MAX: usize = 100;
/// What scores less is no detection.
const SCORE_MIN: f32 = 0.02;
/// Boxes of one class that overlap more are one object.
const OVERLAP_MAX: f32 = 0.5;

/// What `maps` `[classes + PLACE_MAPS, rows, columns]` of one image say, best score first, in pixels of the network's input.
pub(crate) fn decode(maps: ArrayView3<'_, f32>) -> Vec<Detection> {
    let classes = maps.dim().0.saturating_sub(PLACE_MAPS);
    let (logits_of, places) = maps.split_at(Axis(0), classes);
    let mut found = Vec::new();
    for class in 0..classes {
        let logits = logits_of.index_axis(Axis(0), class);
        let peaks = logits.indexed_iter().filter(|(at, logit)| is_peak(logits, *at, **logit));
        let detections = peaks.filter_map(|(at, logit)| {
            let score = 1.0 / (1.0 + (-(logit + PRIOR_LOGIT as f32)).exp());
            let bbox = placed(places, at)?;
            (score >= SCORE_MIN).then_some(Detection { class: class as u8 + 1, bbox, score })
        });
        found.extend(suppressed(detections.collect(), OVERLAP_MAX));
    }
    found.sort_by(|a, b| b.score.total_cmp(&a.score));
    found.truncate(DETECTIONS_MAX);
    found
}

/// No neighbour is higher, and none before it in row-major order is as high.
fn is_peak(logits: ArrayView2<'_, f32>, (row, column): (usize, usize), logit: f32) -> bool {
    let (rows, columns) = logits.dim();
    let around = |at: usize, end: usize| at.saturating_sub(1)..(at + 2).min(end);
    around(row, rows).flat_map(|y| around(column, columns).map(move |x| (y, x))).all(|at| {
        match at.cmp(&(row, column)) {
            std::cmp::Ordering::Less => logits[at] < logit,
            std::cmp::Ordering::Equal => logit.is_finite(),
            std::cmp::Ordering::Greater => logits[at] <= logit,
        }
    })
}

/// The box whose centre is in a cell; `None` where the maps say no place.
fn placed(places: ArrayView3<'_, f32>, (row, column): (usize, usize)) -> Option<BoxPx> {
    let value = |map: usize| places[[map, row, column]];
    let (rows, columns) = (places.dim().1 as f32, places.dim().2 as f32);
    let [y, x] = [row as f32 + value(0).clamp(-1.0, 2.0), column as f32 + value(1).clamp(-1.0, 2.0)];
    // An object may reach beyond the picture, but not by more than its size again.
    let half = [value(2).exp().min(2.0 * rows) / 2.0, value(3).exp().min(2.0 * columns) / 2.0];
    let px = |cells: f32| cells * STRIDE_PX as f32;
    let edges = Edges { left: px(x - half[1]), top: px(y - half[0]), right: px(x + half[1]), bottom: px(y + half[0]) };
    BoxPx::new(edges).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detection::Targets;
    use burn::tensor::Device;
    use ndarray::Array3;
    use wardround_imaging::{BoxExample, ClassNames, LabelledBox};

    fn bbox(left: f32, top: f32, right: f32, bottom: f32) -> BoxPx {
        BoxPx::new(Edges { left, top, right, bottom }).expect("a box")
    }

    /// The maps of a detector that has learned an example by heart.
    fn perfect(boxes: &[LabelledBox]) -> Array3<f32> {
        let labelled = ClassNames::new(["cell", "speck"]).expect("names").all();
        let pixels = Array3::zeros((1, 32, 32));
        let example = BoxExample { pixels, boxes: boxes.to_vec(), ignored: vec![], labelled };
        let targets = Targets::of(&[&example], [1, 2 + PLACE_MAPS, 16, 16], &Device::flex());
        let logit =
            |hill: f32| (hill.clamp(1e-4, 1.0 - 1e-4) / (1.0 - hill.clamp(1e-4, 1.0 - 1e-4))).ln() - PRIOR_LOGIT as f32;
        let hills = targets.hills.into_data().iter::<f32>().map(logit).collect::<Vec<_>>();
        let places: Vec<f32> = targets.places.into_data().iter::<f32>().collect();
        Array3::from_shape_vec((2 + PLACE_MAPS, 16, 16), [hills, places].concat()).expect("as many values")
    }

    #[test]
    fn what_was_put_into_maps_comes_out_of_them() {
        let boxes = [
            LabelledBox { class: 1, bbox: bbox(2.0, 3.0, 13.0, 10.0) },
            LabelledBox { class: 2, bbox: bbox(20.0, 18.5, 23.0, 22.0) },
            LabelledBox { class: 1, bbox: bbox(15.0, 20.0, 32.0, 32.0) },
        ];
        let found = decode(perfect(&boxes).view());
        assert_eq!(found.len(), boxes.len());
        for expected in boxes {
            let near = |found: &&Detection| {
                let (a, b) = (found.bbox.edges(), expected.bbox.edges());
                let apart = [a.left - b.left, a.top - b.top, a.right - b.right, a.bottom - b.bottom];
                found.class == expected.class && apart.iter().all(|px| px.abs() < 1e-3) && found.score > 0.99
            };
            assert!(found.iter().any(|found| near(&found)), "{expected:?} is not in {found:?}");
        }
    }

    #[test]
    fn a_plateau_is_one_peak_and_what_is_no_number_is_none() {
        let mut maps = Array3::from_elem((1 + PLACE_MAPS, 4, 4), 0.0);
        assert_eq!(decode(maps.view()).len(), 1);
        maps.fill(f32::NAN);
        assert!(decode(maps.view()).is_empty());
        maps.index_axis_mut(Axis(0), 0).fill(5.0);
        assert!(decode(maps.view()).is_empty(), "a place that is no number is no box");
        assert!(decode(Array3::zeros((0, 4, 4)).view()).is_empty());
    }

    #[test]
    fn at_most_a_hundred_are_told_best_first() {
        let mut maps = Array3::from_elem((1 + PLACE_MAPS, 64, 64), -3.0);
        for (number, at) in (0..32).flat_map(|y| (0..32).map(move |x| (2 * y, 2 * x))).enumerate() {
            maps[[0, at.0, at.1]] = number as f32 / 100.0;
        }
        let found = decode(maps.view());
        assert_eq!(found.len(), DETECTIONS_MAX);
        assert!(found.windows(2).all(|pair| pair[0].score >= pair[1].score));
    }
}
