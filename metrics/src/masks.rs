//! The object of a case on both sides, cut to what both occupy with one empty voxel around it.
//!
//! The cut changes no distance and no surface: everything outside is background on both sides, and what lies beyond the
//! edge of a scan counts as background too (as in MONAI, surface-distance and medpy).

use crate::case::{Axes, Case, Grid};
use crate::region::Region;
use crate::score::Score;
use rayon::prelude::*;
use std::ops::Range;

/// Empty voxels around the object on each side of each axis.
const MARGIN: usize = 1;

/// The two objects of a case.
pub(crate) struct Masks {
    pub prediction: Mask,
    pub truth: Mask,
    pub grid: Grid,
}

/// One byte a voxel, 1 inside and 0 outside, on the grid of its [`Masks`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mask(pub Vec<u8>);

impl Mask {
    pub fn is_empty(&self) -> bool {
        !self.0.contains(&1)
    }
}

impl Masks {
    pub fn of(case: &Case<'_>, region: Region) -> Self {
        match region {
            Region::Foreground => Self::cut(case, |label| label != crate::region::BACKGROUND),
            Region::Class(class) => Self::cut(case, move |label| label == class.label()),
        }
    }

    /// `measure` of the two objects where there are two, and which of them is missing where not.
    pub fn where_both(&self, measure: impl FnOnce(&Self) -> f64) -> Score {
        match (self.prediction.is_empty(), self.truth.is_empty()) {
            (false, false) => Score::Value(measure(self)),
            (true, false) => Score::PredictionEmpty,
            (false, true) => Score::TruthEmpty,
            (true, true) => Score::BothEmpty,
        }
    }

    fn cut(case: &Case<'_>, inside: impl Fn(u8) -> bool + Copy + Sync) -> Self {
        let bounds = occupied(case, inside);
        let margins = match case.grid.axes {
            Axes::Two => [0, MARGIN, MARGIN],
            Axes::Three => [MARGIN; 3],
        };
        let shape = [0, 1, 2].map(|axis| bounds[axis].len() + 2 * margins[axis]);
        let grid = Grid { shape, ..case.grid };
        let copy = |labels: &[u8]| copied(labels, &case.grid, &bounds, (&grid, margins), inside);
        Self { prediction: copy(&case.prediction), truth: copy(&case.truth), grid }
    }
}

/// The least box around every voxel that is inside on either side; of no length where there is none.
fn occupied(case: &Case<'_>, inside: impl Fn(u8) -> bool + Copy + Sync) -> [Range<usize>; 3] {
    let [_, _, columns] = case.grid.shape;
    if case.grid.voxels() == 0 {
        return [0..0, 0..0, 0..0];
    }
    let slices = case.prediction.par_chunks(case.grid.slice()).zip(case.truth.par_chunks(case.grid.slice()));
    let boxes = slices.enumerate().map(|(slice, (prediction, truth))| {
        let rows = prediction.chunks(columns).zip(truth.chunks(columns)).enumerate();
        rows.fold([0..0, 0..0, 0..0], |bounds, (row, (prediction, truth))| {
            let columns = union(&extent(prediction, inside), &extent(truth, inside));
            if columns.is_empty() { bounds } else { around(&bounds, &[slice..slice + 1, row..row + 1, columns]) }
        })
    });
    boxes.reduce(|| [0..0, 0..0, 0..0], |a, b| around(&a, &b))
}

/// From the first to the last voxel that is inside.
fn extent(row: &[u8], inside: impl Fn(u8) -> bool) -> Range<usize> {
    // Most rows are empty, and this first look at a whole row without a branch is the fast one.
    if !row.iter().fold(false, |any, label| any | inside(*label)) {
        return 0..0;
    }
    let first = row.iter().position(|label| inside(*label)).unwrap_or(0);
    let last = row.iter().rposition(|label| inside(*label)).unwrap_or(0);
    first..last + 1
}

fn around(a: &[Range<usize>; 3], b: &[Range<usize>; 3]) -> [Range<usize>; 3] {
    [0, 1, 2].map(|axis| union(&a[axis], &b[axis]))
}

fn union(a: &Range<usize>, b: &Range<usize>) -> Range<usize> {
    match (a.is_empty(), b.is_empty()) {
        (true, _) => b.clone(),
        (_, true) => a.clone(),
        (false, false) => a.start.min(b.start)..a.end.max(b.end),
    }
}

/// The voxels within `bounds`, in the middle of an empty grid.
fn copied(
    labels: &[u8],
    from: &Grid,
    bounds: &[Range<usize>; 3],
    (into, margins): (&Grid, [usize; 3]),
    inside: impl Fn(u8) -> bool + Copy + Sync,
) -> Mask {
    let mut mask = vec![0; into.voxels()];
    if bounds[2].is_empty() {
        return Mask(mask);
    }
    let slices = mask.par_chunks_mut(into.slice()).skip(margins[0]).take(bounds[0].len());
    slices.zip(bounds[0].clone()).for_each(|(slice, z)| {
        let rows = slice.chunks_mut(into.shape[2]).skip(margins[1]);
        rows.zip(bounds[1].clone()).for_each(|(row, y)| {
            let start = z * from.slice() + y * from.shape[2];
            let labels = &labels[start + bounds[2].start..start + bounds[2].end];
            row[margins[2]..].iter_mut().zip(labels).for_each(|(voxel, label)| *voxel = u8::from(inside(*label)));
        });
    });
    Mask(mask)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::Maps;
    use crate::region::Class;
    use crate::spacing::Spacing;
    use ndarray::{Array2, Array3, array};

    impl Mask {
        pub fn voxels(&self) -> usize {
            self.0.iter().map(|voxel| usize::from(*voxel)).sum()
        }
    }

    fn plane(prediction: &Array2<u8>, truth: &Array2<u8>, region: Region) -> Masks {
        let maps = Maps { prediction: prediction.view().into_dyn(), truth: truth.view().into_dyn() };
        let case = Case::new(maps, Spacing::plane([1.0, 2.0]).expect("positive")).expect("same shape");
        Masks::of(&case, region)
    }

    #[test]
    fn both_objects_are_cut_to_one_box_with_an_empty_margin() {
        let (mut prediction, mut truth) = (Array2::zeros((9, 9)), Array2::zeros((9, 9)));
        (prediction[[4, 3]], truth[[4, 5]]) = (1, 2);
        let masks = plane(&prediction, &truth, Region::Foreground);
        assert_eq!((masks.grid.shape, masks.grid.steps_mm), ([1, 3, 5], [1.0, 1.0, 2.0]));
        assert_eq!(masks.prediction.0, [0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(masks.truth.0, [0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn an_object_at_the_edge_of_the_scan_has_its_margin_too() {
        let full = array![[1, 1], [1, 1]];
        let masks = plane(&full, &full, Region::Foreground);
        assert_eq!((masks.grid.shape, masks.truth.voxels()), ([1, 4, 4], 4));
        let cube = Array3::ones((2, 2, 2));
        let maps = Maps { prediction: cube.view().into_dyn(), truth: cube.view().into_dyn() };
        let case = Case::new(maps, Spacing::volume([1.0; 3]).expect("positive")).expect("same shape");
        assert_eq!(Masks::of(&case, Region::Foreground).grid.shape, [4, 4, 4]);
    }

    #[test]
    fn other_classes_are_background_to_a_class() {
        let (prediction, truth) = (array![[1, 2, 0]], array![[0, 1, 2]]);
        let masks = plane(&prediction, &truth, Region::Class(Class::new(2).expect("a class")));
        assert_eq!((&masks.prediction.0[5..7], &masks.truth.0[5..7]), (&[1, 0][..], &[0, 1][..]));
    }

    #[test]
    fn it_is_said_which_object_is_missing() {
        let (none, some) = (array![[0, 0]], array![[0, 1]]);
        let score = |prediction, truth| plane(prediction, truth, Region::Foreground).where_both(|_| 7.0);
        assert_eq!(score(&some, &some), Score::Value(7.0));
        assert_eq!(score(&none, &some), Score::PredictionEmpty);
        assert_eq!(score(&some, &none), Score::TruthEmpty);
        assert_eq!(score(&none, &none), Score::BothEmpty);
        assert_eq!(
            plane(&Array2::zeros((0, 3)), &Array2::zeros((0, 3)), Region::Foreground).where_both(|_| 7.0),
            Score::BothEmpty
        );
    }
}
