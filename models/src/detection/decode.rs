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
