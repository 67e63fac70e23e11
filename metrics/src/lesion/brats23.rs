//! `lesion.brats23`: Dice and HD95 a lesion, as the BraTS 2023 challenge scored its tasks for glioma.
//!
//! True parts that meet when the truth is grown three times by one voxel through faces and edges are one lesion. A predicted
//! part belongs to every lesion whose grown shape it meets; all of it counts. A lesion of at most 50 mm³ is left out, and so
//! are the predicted parts that meet it. A missed lesion and a predicted part that meets none score a Dice of 0 and 374 mm.
//! The case is the mean over lesions and false parts; without any it scores 1 and 0 mm. The distance is `hd95.weighted`.
//!
//! After the challenge's own program (`BraTS-2023-Metrics`, October 2023). Its description says "voxels" and "3 x 3 x 3"; what
//! it does is what is written here, and its scans have voxels of 1 mm³.

use super::components::{Components, Connectivity};
use crate::case::{Axes, Case, Grid};
use crate::masks::{Mask, Masks};
use crate::overlap::{Counts, Empties, OverlapKind};
use crate::region::Region;
use crate::score::Score;
use crate::surface::{Surfaces, hausdorff};
use std::borrow::Cow;
use std::collections::BTreeSet;

/// Millimetres for an object that has no counterpart: about the diagonal of a BraTS volume.
pub const PENALTY_MM: f64 = 374.0;
/// Lesions of at most this many cubic millimetres are left out.
pub const LEFT_OUT_MM3: f64 = 50.0;
/// How often the truth is grown by one voxel.
const GROWN: usize = 3;

/// Which of the two figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Brats23 {
    /// Mean Dice over lesions and false parts.
    Dice,
    /// Mean 95 % Hausdorff distance over lesions and false parts, in millimetres.
    Hd95,
}

/// The score of one case; volumes only.
pub(crate) fn score(masks: &Masks, figure: Brats23) -> Score {
    match masks.grid.axes {
        Axes::Two => Score::NotApplicable,
        Axes::Three => Score::Value(mean(masks, figure)),
    }
}

fn mean(masks: &Masks, figure: Brats23) -> f64 {
    let grid = &masks.grid;
    let predicted = Components::of(&masks.prediction, grid, Connectivity::Full);
    let grown = (0..GROWN).fold(masks.truth.clone(), |mask, _| grow(&mask, grid));
    // The grown shape of a lesion is exactly the grown part it lies in: whatever its growth meets is the same part.
    let lesions = Components::of(&grown, grid, Connectivity::Full);
    let meets = pairs(&lesions.labels, &predicted.labels);
    let met: BTreeSet<usize> = meets.iter().map(|(_, part)| *part).collect();
    let false_parts = predicted.count - met.len();
    let counted = (1..=lesions.count).zip(volumes_mm3(&lesions, masks)).filter(|(_, mm3)| *mm3 > LEFT_OUT_MM3);
    let scores: Vec<f64> =
        counted.map(|(lesion, _)| one_lesion(masks, (&lesions, lesion), (&predicted, &meets)).score(figure)).collect();
    let (nothing, false_part) = match figure {
        Brats23::Dice => (1.0, 0.0),
        Brats23::Hd95 => (0.0, PENALTY_MM),
    };
    match scores.len() + false_parts {
        0 => nothing,
        n => (scores.iter().sum::<f64>() + false_part * false_parts as f64) / n as f64,
    }
}

/// Cubic millimetres of truth in each grown part.
fn volumes_mm3(lesions: &Components, masks: &Masks) -> Vec<f64> {
    let mut voxels = vec![0u64; lesions.count + 1];
    lesions.labels.iter().zip(&masks.truth.0).for_each(|(label, voxel)| voxels[*label] += u64::from(*voxel));
    let voxel_mm3 = masks.grid.steps_mm.iter().product::<f64>();
    voxels[1..].iter().map(|voxels| *voxels as f64 * voxel_mm3).collect()
}

/// Which numbers of both maps share a voxel.
fn pairs(a: &[usize], b: &[usize]) -> BTreeSet<(usize, usize)> {
    a.iter().copied().zip(b.iter().copied()).filter(|(a, b)| *a != 0 && *b != 0).collect()
}

/// One true lesion and the predicted parts that meet it.
struct Lesion<'a>(Case<'a>);

fn one_lesion<'a>(
    masks: &Masks,
    (lesions, lesion): (&Components, usize),
    (predicted, meets): (&Components, &BTreeSet<(usize, usize)>),
) -> Lesion<'a> {
    let truth = lesions.labels.iter().zip(&masks.truth.0).map(|(label, voxel)| voxel * u8::from(*label == lesion));
    let prediction = predicted.labels.iter().map(|part| u8::from(meets.contains(&(lesion, *part))));
    let (prediction, truth) = (Cow::Owned(prediction.collect()), Cow::Owned(truth.collect()));
    Lesion(Case { prediction, truth, grid: masks.grid })
}

impl Lesion<'_> {
    fn score(&self, figure: Brats23) -> f64 {
        match figure {
            Brats23::Dice => dice(&self.0),
            Brats23::Hd95 => hd95(&Masks::of(&self.0, Region::Foreground)),
        }
    }
}

fn dice(case: &Case<'_>) -> f64 {
    let score = Counts::of(case, Region::Foreground).score(OverlapKind::Dice, Empties::Brats);
    score.value().expect("BraTS has a number for every case")
}

/// `hd95.brats`: the weighted distance; 374 mm where one object is missing, 0 where both are.
pub(crate) fn hd95(masks: &Masks) -> f64 {
    match masks.where_both(|masks| hausdorff::robust_weighted(&Surfaces::between_voxels(masks))) {
        Score::Value(distance_mm) => distance_mm,
        Score::PredictionEmpty | Score::TruthEmpty => PENALTY_MM,
        Score::BothEmpty | Score::NotApplicable => 0.0,
    }
}

/// The mask and every voxel that touches it through a face or an edge.
fn grow(mask: &Mask, grid: &Grid) -> Mask {
    let mut grown = mask.0.clone();
    let [slices, rows, columns] = grid.shape.map(|voxels| voxels as isize);
    for (z, y) in (0..slices).flat_map(|z| (0..rows).map(move |y| (z, y))) {
        for (dz, dy) in (-1..=1).flat_map(|dz| (-1..=1).map(move |dy| (dz, dy))) {
            let (from_z, from_y) = (z + dz, y + dy);
            if (0..slices).contains(&from_z) && (0..rows).contains(&from_y) {
                let start = |z: isize, y: isize| ((z * rows + y) * columns) as usize;
                let from = &mask.0[start(from_z, from_y)..][..columns as usize];
                let reach = usize::from(dz == 0 || dy == 0);
                spread(&mut grown[start(z, y)..][..columns as usize], from, reach);
            }
        }
    }
    Mask(grown)
}

/// Adds the voxels of a row, and with a reach of 1 also those beside them.
fn spread(row: &mut [u8], from: &[u8], reach: usize) {
    row.iter_mut().zip(from).for_each(|(voxel, from)| *voxel |= from);
    row.iter_mut().skip(reach).zip(from).for_each(|(voxel, from)| *voxel |= from);
    row.iter_mut().zip(from.iter().skip(reach)).for_each(|(voxel, from)| *voxel |= from);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::Maps;
    use crate::spacing::Spacing;
    use ndarray::Array3;

    const SHAPE: (usize, usize, usize) = (12, 12, 40);

    fn block(map: &mut Array3<u8>, from: [usize; 3], side: usize) {
        (0..side * side * side).for_each(|i| {
            map[[from[0] + i / (side * side), from[1] + i / side % side, from[2] + i % side]] = 1;
        });
    }

    fn scores(prediction: &Array3<u8>, truth: &Array3<u8>, mm: f64) -> [f64; 2] {
        let maps = Maps { prediction: prediction.view().into_dyn(), truth: truth.view().into_dyn() };
        let case = Case::new(maps, Spacing::volume([mm; 3]).expect("positive")).expect("same shape");
        let masks = Masks::of(&case, Region::Foreground);
        [Brats23::Dice, Brats23::Hd95].map(|figure| score(&masks, figure).value().expect("a volume"))
    }

    #[test]
    fn growth_goes_through_faces_and_edges_not_corners() {
        let grid = Grid { shape: [3; 3], steps_mm: [1.0; 3], axes: Axes::Three };
        let mut mask = vec![0; 27];
        mask[13] = 1;
        let grown = grow(&Mask(mask), &grid);
        assert_eq!((grown.voxels(), grown.0[0], grown.0[1]), (19, 0, 1));
    }

    #[test]
    fn misses_and_false_parts_cost_a_zero_and_the_penalty() {
        let (mut truth, mut prediction) = (Array3::zeros(SHAPE), Array3::zeros(SHAPE));
        block(&mut truth, [2, 2, 2], 4);
        block(&mut truth, [2, 2, 20], 4);
        block(&mut prediction, [2, 2, 2], 4);
        assert_eq!(scores(&prediction, &truth, 1.0), [0.5, PENALTY_MM / 2.0]);
        block(&mut prediction, [2, 2, 34], 2);
        assert_eq!(scores(&prediction, &truth, 1.0), [1.0 / 3.0, 2.0 * PENALTY_MM / 3.0]);
    }

    #[test]
    fn small_lesions_are_left_out_by_volume_and_their_predictions_with_them() {
        let (mut truth, none) = (Array3::zeros(SHAPE), Array3::zeros(SHAPE));
        block(&mut truth, [2, 2, 2], 3);
        assert_eq!(scores(&truth, &truth, 1.0), [1.0, 0.0], "27 mm3, found");
        assert_eq!(scores(&none, &truth, 1.0), [1.0, 0.0], "27 mm3, missed");
        assert_eq!(scores(&none, &truth, 2.0), [0.0, PENALTY_MM], "216 mm3, missed");
        assert_eq!(scores(&none, &none, 1.0), [1.0, 0.0], "healthy and left alone");
    }

    #[test]
    fn parts_less_than_seven_voxels_apart_are_one_lesion() {
        let lesions = |gap: usize| {
            let (mut truth, mut prediction) = (Array3::zeros(SHAPE), Array3::zeros(SHAPE));
            block(&mut truth, [2, 2, 2], 4);
            block(&mut prediction, [2, 2, 2], 4);
            block(&mut truth, [2, 2, 6 + gap], 4);
            scores(&prediction, &truth, 1.0)[0]
        };
        assert_eq!((lesions(6), lesions(7)), (2.0 / 3.0, 0.5));
    }

    #[test]
    fn an_image_has_no_such_score() {
        let one = Array3::<u8>::ones((1, 2, 2)).remove_axis(ndarray::Axis(0));
        let maps = Maps { prediction: one.view().into_dyn(), truth: one.view().into_dyn() };
        let case = Case::new(maps, Spacing::plane([1.0; 2]).expect("positive")).expect("same shape");
        assert_eq!(score(&Masks::of(&case, Region::Foreground), Brats23::Dice), Score::NotApplicable);
    }
}
