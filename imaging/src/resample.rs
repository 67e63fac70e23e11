//! Separable resampling of a plane: area averages where it shrinks, straight lines where it grows.

use ndarray::{Array2, Array3, ArrayView2, ArrayView3, Axis, AxisDescription, Slice};
use std::ops::Range;

/// How the cells of one axis of the result draw on the source.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AxisMap {
    extent: usize,
    taps: Vec<Taps>,
}

/// The part of the source that makes one cell; weights add up to one. Empty for a cell outside the source.
#[derive(Debug, Clone, PartialEq, Default)]
struct Taps {
    start: usize,
    weights: Vec<f32>,
}

/// A stretch of an axis, measured in source pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Stretch {
    /// Where the first cell begins; may be before the source.
    pub(crate) begin: f64,
    /// Source pixels a cell.
    pub(crate) step: f64,
}

impl Stretch {
    /// The way back: pixels of the source, measured in cells.
    pub(crate) fn back(self) -> Self {
        Self { begin: -self.begin / self.step, step: 1.0 / self.step }
    }
}

impl AxisMap {
    /// Maps `cells` cells along `stretch` to a source of `extent` pixels. A cell is outside where its centre is.
    pub(crate) fn new(extent: usize, stretch: Stretch, cells: usize) -> Self {
        Self { extent, taps: (0..cells).map(|cell| taps(extent, stretch, cell)).collect() }
    }

    /// Pixels of the source.
    pub(crate) fn extent(&self) -> usize {
        self.extent
    }

    /// Number of cells.
    pub(crate) fn cells(&self) -> usize {
        self.taps.len()
    }

    /// The cells inside the source: one range, since the source has no holes.
    pub(crate) fn inside(&self) -> Range<usize> {
        let is_inside = |taps: &Taps| !taps.weights.is_empty();
        let first = self.taps.iter().position(is_inside).unwrap_or(0);
        let count = self.taps[first..].iter().take_while(|taps| is_inside(taps)).count();
        first..first + count
    }
}

/// The cells inside the source on both axes, for ndarray's `slice_each_axis`.
pub(crate) fn inside(rows: &AxisMap, columns: &AxisMap) -> impl Fn(AxisDescription) -> Slice {
    let (rows, columns) = (rows.inside(), columns.inside());
    move |axis| Slice::from(if axis.axis == Axis(0) { rows.clone() } else { columns.clone() })
}

/// Resamples `plane` by a map for its rows and one for its columns; cells outside are 0.
pub(crate) fn resample(plane: ArrayView2<'_, f32>, rows: &AxisMap, columns: &AxisMap) -> Array2<f32> {
    let mut narrow = Array2::zeros((plane.nrows(), columns.taps.len()));
    for (source, mut target) in plane.axis_iter(Axis(0)).zip(narrow.axis_iter_mut(Axis(0))) {
        for (cell, taps) in target.iter_mut().zip(&columns.taps) {
            let part = source.slice_axis(Axis(0), Slice::from(taps.start..taps.start + taps.weights.len()));
            *cell = part.iter().zip(&taps.weights).map(|(value, weight)| value * weight).sum();
        }
    }
    let mut result = Array2::zeros((rows.taps.len(), columns.taps.len()));
    for (mut target, taps) in result.axis_iter_mut(Axis(0)).zip(&rows.taps) {
        for (offset, weight) in taps.weights.iter().enumerate() {
            target.scaled_add(*weight, &narrow.row(taps.start + offset));
        }
    }
    result
}

/// Resamples `volume` by a map for each of its axes; cells outside are 0.
pub(crate) fn resample_volume(volume: ArrayView3<'_, f32>, maps: &[AxisMap; 3]) -> Array3<f32> {
    let [slices, rows, columns] = maps;
    let planes: Vec<_> = volume.outer_iter().map(|plane| resample(plane, rows, columns)).collect();
    let mut result = Array3::zeros((slices.cells(), rows.cells(), columns.cells()));
    for (mut target, taps) in result.outer_iter_mut().zip(&slices.taps) {
        for (offset, weight) in taps.weights.iter().enumerate() {
            target.scaled_add(*weight, &planes[taps.start + offset]);
        }
    }
    result
}

fn taps(extent: usize, Stretch { begin, step }: Stretch, cell: usize) -> Taps {
    let centre = begin + (cell as f64 + 0.5) * step;
    if !(centre >= 0.0 && centre < extent as f64) {
        return Taps::default();
    }
    // A tent of two source pixels is what straight lines between their centres amount to.
    let reach = if step >= 1.0 { step / 2.0 } else { 1.0 };
    let first = (centre - reach - 0.5).floor().max(0.0) as usize;
    let last = ((centre + reach + 0.5).ceil() as usize).min(extent);
    let weight = |pixel: usize| match step >= 1.0 {
        true => (centre + reach).min(pixel as f64 + 1.0) - (centre - reach).max(pixel as f64),
        false => 1.0 - (pixel as f64 + 0.5 - centre).abs(),
    };
    let weights: Vec<f64> = (first..last).map(|pixel| weight(pixel).max(0.0)).collect();
    let sum: f64 = weights.iter().sum();
    Taps { start: first, weights: weights.iter().map(|weight| (weight / sum) as f32).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn line(values: &[f32], begin: f64, step: f64, cells: usize) -> Vec<f32> {
        let plane = Array2::from_shape_vec((1, values.len()), values.to_vec()).expect("one row");
        let columns = AxisMap::new(values.len(), Stretch { begin, step }, cells);
        let rows = AxisMap::new(1, Stretch { begin: 0.0, step: 1.0 }, 1);
        resample(plane.view(), &rows, &columns).into_raw_vec_and_offset().0
    }

    #[test]
    fn the_same_grid_changes_nothing() {
        assert_eq!(line(&[3.0, 1.0, 4.0], 0.0, 1.0, 3), [3.0, 1.0, 4.0]);
    }

    #[test]
    fn shrinking_averages_by_area() {
        assert_eq!(line(&[1.0, 3.0, 5.0, 7.0], 0.0, 2.0, 2), [2.0, 6.0]);
        let thirds = line(&[0.0, 3.0, 6.0], 0.0, 1.5, 2);
        assert!((thirds[0] - 1.0).abs() < 1e-6 && (thirds[1] - 5.0).abs() < 1e-6, "{thirds:?}");
    }

    #[test]
    fn growing_draws_straight_lines_and_keeps_the_edges() {
        assert_eq!(line(&[0.0, 4.0], 0.0, 0.5, 4), [0.0, 1.0, 3.0, 4.0]);
    }

    #[test]
    fn cells_outside_are_zero_and_known() {
        let map = AxisMap::new(2, Stretch { begin: -1.0, step: 1.0 }, 4);
        assert_eq!(map.inside(), 1..3);
        assert_eq!(line(&[5.0, 6.0], -1.0, 1.0, 4), [0.0, 5.0, 6.0, 0.0]);
        assert_eq!(AxisMap::new(0, Stretch { begin: 0.0, step: 1.0 }, 2).inside(), 0..0);
    }

    #[test]
    fn rows_and_columns_are_not_exchanged() {
        let plane = array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]];
        let rows = AxisMap::new(2, Stretch { begin: 0.0, step: 2.0 }, 1);
        let columns = AxisMap::new(3, Stretch { begin: 0.0, step: 1.0 }, 3);
        assert_eq!(resample(plane.view(), &rows, &columns), array![[2.5, 3.5, 4.5]]);
    }
}
