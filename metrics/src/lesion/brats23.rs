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
use super::growth::grow;
use crate::case::{Axes, Case, Grid};
use crate::masks::Masks;
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
pub(crate) enum Brats23 {
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
    let found = Found::in_(masks);
    let scores: Vec<f64> = match figure {
        Brats23::Dice => found.counted().map(|lesion| found.dice(lesion)).collect(),
        Brats23::Hd95 => found.counted().map(|lesion| hd95(&found.cut_out(lesion))).collect(),
    };
    let (nothing, false_part) = match figure {
        Brats23::Dice => (1.0, 0.0),
        Brats23::Hd95 => (0.0, PENALTY_MM),
    };
    match scores.len() + found.false_parts() {
        0 => nothing,
        n => (scores.iter().sum::<f64>() + false_part * found.false_parts() as f64) / n as f64,
    }
}

/// The true lesions and the predicted parts that meet them. Voxels are indices into `grid`.
struct Found<'a> {
    grid: &'a Grid,
    /// Voxels of the truth, by lesion.
    lesions: Vec<Vec<usize>>,
    /// Voxels of the prediction, by part.
    parts: Vec<Vec<usize>>,
    /// Voxels of each lesion that were predicted.
    shared: Vec<u64>,
    /// Parts that meet each lesion.
    meets: Vec<BTreeSet<usize>>,
}

impl<'a> Found<'a> {
    fn in_(masks: &'a Masks) -> Self {
        let grid = &masks.grid;
        let predicted = Components::of(&masks.prediction, grid, Connectivity::Full);
        let grown = (0..GROWN).fold(masks.truth.clone(), |mask, _| grow(&mask, grid));
        // The grown shape of a lesion is exactly the grown part it lies in: whatever its growth meets is the same part.
        let grown = Components::of(&grown, grid, Connectivity::Full);
        let mut found = Self {
            grid,
            lesions: vec![Vec::new(); grown.count],
            parts: vec![Vec::new(); predicted.count],
            shared: vec![0; grown.count],
            meets: vec![BTreeSet::new(); grown.count],
        };
        for voxel in 0..grid.voxels() {
            found.add(voxel, grown.labels[voxel].checked_sub(1), predicted.labels[voxel].checked_sub(1), masks);
        }
        found
    }

    /// Adds one voxel, which lies in a grown lesion, a predicted part, both or none.
    fn add(&mut self, voxel: usize, lesion: Option<usize>, part: Option<usize>, masks: &Masks) {
        if let (Some(lesion), Some(part)) = (lesion, part) {
            self.meets[lesion].insert(part);
        }
        if let (Some(lesion), 1) = (lesion, masks.truth.0[voxel]) {
            self.lesions[lesion].push(voxel);
            self.shared[lesion] += u64::from(part.is_some());
        }
        if let Some(part) = part {
            self.parts[part].push(voxel);
        }
    }

    /// The lesions that are large enough.
    fn counted(&self) -> impl Iterator<Item = usize> + '_ {
        let voxel_mm3 = self.grid.steps_mm.iter().product::<f64>();
        (0..self.lesions.len()).filter(move |lesion| self.lesions[*lesion].len() as f64 * voxel_mm3 > LEFT_OUT_MM3)
    }

    fn false_parts(&self) -> usize {
        self.parts.len() - self.meets.iter().flatten().collect::<BTreeSet<_>>().len()
    }

    fn dice(&self, lesion: usize) -> f64 {
        let predicted: usize = self.meets[lesion].iter().map(|part| self.parts[*part].len()).sum();
        2.0 * self.shared[lesion] as f64 / (self.lesions[lesion].len() + predicted) as f64
    }

    /// A lesion and the parts that meet it, alone in the box that they occupy.
    fn cut_out(&self, lesion: usize) -> Masks {
        let truth = &self.lesions[lesion];
        let prediction: Vec<usize> =
            self.meets[lesion].iter().flat_map(|part| self.parts[*part].iter().copied()).collect();
        let (first, shape) = self.bounds(truth.iter().chain(&prediction));
        let grid = Grid { shape, ..*self.grid };
        let drawn = |voxels: &[usize]| {
            let mut map = vec![0; grid.voxels()];
            for voxel in voxels {
                let at = self.grid.place(*voxel);
                let [z, y, x] = [0, 1, 2].map(|axis| at[axis] - first[axis]);
                map[z * grid.slice() + y * shape[2] + x] = 1;
            }
            Cow::Owned(map)
        };
        let case = Case { prediction: drawn(&prediction), truth: drawn(truth), grid };
        Masks::of(&case, Region::Foreground)
    }

    /// The first corner and the shape of the least box around some voxels.
    fn bounds<'b>(&self, voxels: impl Iterator<Item = &'b usize>) -> ([usize; 3], [usize; 3]) {
        let (first, last) = voxels.fold(([usize::MAX; 3], [0; 3]), |(first, last), voxel| {
            let at = self.grid.place(*voxel);
            ([0, 1, 2].map(|axis| first[axis].min(at[axis])), [0, 1, 2].map(|axis| last[axis].max(at[axis])))
        });
        (first, [0, 1, 2].map(|axis| (last[axis] + 1).saturating_sub(first[axis])))
    }
}

/// `hd95.brats`: the weighted distance; 374 mm where one object is missing, 0 where both are.
pub(crate) fn hd95(masks: &Masks) -> f64 {
    match masks.where_both(|masks| hausdorff::robust_weighted(&Surfaces::between_voxels(masks))) {
        Score::Value(distance_mm) => distance_mm,
        Score::PredictionEmpty | Score::TruthEmpty => PENALTY_MM,
        Score::BothEmpty | Score::NotApplicable => 0.0,
    }
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
