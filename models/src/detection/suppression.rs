//! Several boxes around one object become one: greedy non-maximum suppression.

use wardround_imaging::{BoxPx, Detection};

/// Of boxes that overlap by more than `overlap_max` (intersection over union) the one with the best score; best score first.
pub(super) fn suppressed(mut found: Vec<Detection>, overlap_max: f32) -> Vec<Detection> {
    found.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut kept: Vec<Detection> = Vec::new();
    for next in found {
        if kept.iter().all(|better| overlap(&better.bbox, &next.bbox) <= overlap_max) {
            kept.push(next);
        }
    }
    kept
}

/// Intersection over union; 0 for boxes without area.
fn overlap(a: &BoxPx, b: &BoxPx) -> f32 {
    let (left, right) = (a.edges(), b.edges());
    let width = (left.right.min(right.right) - left.left.max(right.left)).max(0.0);
    let height = (left.bottom.min(right.bottom) - left.top.max(right.top)).max(0.0);
    let both = width * height;
    let either = a.area() + b.area() - both;
    if either > 0.0 { both / either } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wardround_imaging::Edges;

    fn detection(left: f32, score: f32) -> Detection {
        let edges = Edges { left, top: 0.0, right: left + 10.0, bottom: 10.0 };
        Detection { class: 1, bbox: BoxPx::new(edges).expect("a box"), score }
    }

    #[test]
    fn of_boxes_around_one_object_the_best_is_kept() {
        let kept = suppressed(vec![detection(0.0, 0.5), detection(1.0, 0.9), detection(8.0, 0.3)], 0.5);
        assert_eq!(kept, [detection(1.0, 0.9), detection(8.0, 0.3)]);
    }

    #[test]
    fn overlap_is_intersection_over_union() {
        let of = |left| overlap(&detection(0.0, 0.0).bbox, &detection(left, 0.0).bbox);
        assert_eq!((of(0.0), of(5.0), of(10.0)), (1.0, 50.0 / 150.0, 0.0));
        let point = BoxPx::new(Edges { left: 1.0, top: 1.0, right: 1.0, bottom: 1.0 }).expect("a box");
        assert_eq!(overlap(&point, &point), 0.0);
    }
}
