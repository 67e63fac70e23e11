//! From boxes to the maps that a detector should give (Zhou et al. 2019, section 4; ellipses as in TTFNet, Liu et al. 2019).
//!
//! Every object is a hill of height 1 in the map of its class, at the cell of its centre. A class that the site has not marked
//! has no target at all: what looks like background may be one of its objects.

use crate::centernet::{PLACE_MAPS, STRIDE_PX};
use burn::tensor::{Device, Tensor, TensorData};
use wardround_imaging::{BoxExample, LabelledBox};

/// Share of a box's side within which a hill is high (TTFNet's α).
const HILL_SHARE: f32 = 0.54;
/// A hill's deviations along its diameter.
const DEVIATIONS: f32 = 6.0;
/// Smallest side of a box in cells, so that its logarithm is a number.
const SIDE_MIN_CELLS: f32 = 0.1;

/// Targets of some images, as tensors.
pub(crate) struct Targets {
    /// 1 at a centre, less around it, `[images, classes, rows, columns]`.
    pub(crate) hills: Tensor<4>,
    /// 0 where nobody knows what is there: classes that the site has not marked, and regions that count neither way;
    /// `[images, classes, rows, columns]`.
    pub(crate) known: Tensor<4>,
    /// 1 at cells with a centre, `[images, 1, rows, columns]`.
    pub(crate) centres: Tensor<4>,
    /// At centres the offset and the logarithm of the size, `[images, PLACE_MAPS, rows, columns]`.
    pub(crate) places: Tensor<4>,
    /// Objects of each image, at least 1.
    pub(crate) objects: Tensor<1>,
}

/// Extents of the maps of one image.
#[derive(Debug, Clone, Copy)]
struct Extents {
    classes: usize,
    rows: usize,
    columns: usize,
}

/// Values of one image, in row-major order.
struct Maps {
    extents: Extents,
    hills: Vec<f32>,
    known: Vec<f32>,
    centres: Vec<f32>,
    places: Vec<f32>,
    objects: f32,
}

impl Targets {
    /// For maps `[images, classes + PLACE_MAPS, rows, columns]`.
    pub(crate) fn of(examples: &[&BoxExample], [images, maps, rows, columns]: [usize; 4], device: &Device) -> Self {
        let extents = Extents { classes: maps - PLACE_MAPS, rows, columns };
        let each: Vec<Maps> = examples.iter().map(|example| Maps::of(example, extents)).collect();
        let tensor = |part: fn(&Maps) -> &Vec<f32>, dims: [usize; 4]| {
            let values: Vec<f32> = each.iter().flat_map(|maps| part(maps).iter().copied()).collect();
            Tensor::<4>::from_data(TensorData::new(values, dims), device)
        };
        let objects: Vec<f32> = each.iter().map(|maps| maps.objects.max(1.0)).collect();
        Self {
            hills: tensor(|maps| &maps.hills, [images, extents.classes, rows, columns]),
            known: tensor(|maps| &maps.known, [images, extents.classes, rows, columns]),
            centres: tensor(|maps| &maps.centres, [images, 1, rows, columns]),
            places: tensor(|maps| &maps.places, [images, PLACE_MAPS, rows, columns]),
            objects: Tensor::from_data(TensorData::new(objects, [images]), device),
        }
    }
}

impl Maps {
    fn of(example: &BoxExample, extents: Extents) -> Self {
        let plane = extents.rows * extents.columns;
        let labelled = |class: usize| example.labelled.contains(class as u8 + 1);
        let mut maps = Self {
            extents,
            hills: vec![0.0; extents.classes * plane],
            known: (0..extents.classes).flat_map(|class| vec![f32::from(u8::from(labelled(class))); plane]).collect(),
            centres: vec![0.0; plane],
            places: vec![0.0; PLACE_MAPS * plane],
            objects: 0.0,
        };
        let of_plan = |found: &&LabelledBox| (1..=extents.classes).contains(&usize::from(found.class));
        example.ignored.iter().filter(of_plan).for_each(|region| maps.forget(region));
        let mut boxes: Vec<&LabelledBox> = example.boxes.iter().filter(of_plan).collect();
        // The largest first: of two objects with their centres in one cell, the smaller has its place told.
        boxes.sort_by(|a, b| b.bbox.area().total_cmp(&a.bbox.area()));
        boxes.into_iter().for_each(|found| maps.add(found));
        maps
    }

    /// What is in `region` is neither an object nor background.
    fn forget(&mut self, region: &LabelledBox) {
        let Extents { rows, columns, .. } = self.extents;
        let edges = region.bbox.edges();
        let cells = |from: f32, to: f32, end: usize| {
            let cell = |px: f32| (px / STRIDE_PX as f32).max(0.0);
            (cell(from).floor() as usize).min(end)..(cell(to).ceil() as usize).min(end)
        };
        let plane = &mut self.known[(usize::from(region.class) - 1) * rows * columns..][..rows * columns];
        for row in cells(edges.top, edges.bottom, rows) {
            plane[row * columns..][cells(edges.left, edges.right, columns)].fill(0.0);
        }
    }

    fn add(&mut self, found: &LabelledBox) {
        let Extents { rows, columns, .. } = self.extents;
        let cells = |px: f32| px / STRIDE_PX as f32;
        let edges = found.bbox.edges();
        let (x, y) = (cells(edges.left + edges.right) / 2.0, cells(edges.top + edges.bottom) / 2.0);
        let (row, column) = (y.floor(), x.floor());
        if !(0.0..rows as f32).contains(&row) || !(0.0..columns as f32).contains(&column) {
            return;
        }
        let sides = [found.bbox.height(), found.bbox.width()].map(|side| cells(side).max(SIDE_MIN_CELLS));
        let at = row as usize * columns + column as usize;
        let plane = rows * columns;
        self.objects += 1.0;
        self.centres[at] = 1.0;
        for (map, value) in [y - row, x - column, sides[0].ln(), sides[1].ln()].into_iter().enumerate() {
            self.places[map * plane + at] = value;
        }
        let class = usize::from(found.class) - 1;
        self.known[class * plane + at] = 1.0;
        hill(&mut self.hills[class * plane..][..plane], columns, [row, column], sides);
    }
}

/// The higher of what is there and of a hill at `centre`, for a box with `sides` in cells.
fn hill(map: &mut [f32], columns: usize, centre: [f32; 2], sides: [f32; 2]) {
    let variance = sides.map(|side| {
        let deviation = (side * HILL_SHARE + 1.0) / DEVIATIONS;
        2.0 * deviation * deviation
    });
    for (at, value) in map.iter_mut().enumerate() {
        let (down, right) = ((at / columns) as f32 - centre[0], (at % columns) as f32 - centre[1]);
        *value = value.max((-(down * down / variance[0]) - right * right / variance[1]).exp());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array3;
    use wardround_imaging::{BoxPx, ClassNames, Edges};

    const DIMS: [usize; 4] = [1, 2 + PLACE_MAPS, 8, 8];

    fn labelled(class: u8, [left, top, right, bottom]: [f32; 4]) -> LabelledBox {
        LabelledBox { class, bbox: BoxPx::new(Edges { left, top, right, bottom }).expect("a box") }
    }

    fn example(boxes: Vec<LabelledBox>, ignored: Vec<LabelledBox>, marked: &[&str]) -> BoxExample {
        let labelled = ClassNames::new(["cell", "speck"]).and_then(|names| names.only(marked.iter().copied()));
        BoxExample { pixels: Array3::zeros((1, 16, 16)), boxes, ignored, labelled: labelled.expect("names of these") }
    }

    fn targets(example: &BoxExample) -> Targets {
        Targets::of(&[example], DIMS, &Device::flex())
    }

    fn values(tensor: &Tensor<4>) -> Vec<f32> {
        tensor.clone().into_data().iter::<f32>().collect()
    }

    #[test]
    fn an_object_is_a_hill_at_its_centre_and_its_place_is_told_there() {
        // Centre (7, 5) in pixels: cell (3, 2) of column and row, with half a cell over; 4 cells wide, 2 high.
        let targets = targets(&example(vec![labelled(2, [3.0, 3.0, 11.0, 7.0])], vec![], &["cell", "speck"]));
        let (hills, at) = (values(&targets.hills), 2 * 8 + 3);
        assert!(hills[..64].iter().all(|value| *value == 0.0), "no other class has a hill");
        assert_eq!(hills[64 + at], 1.0);
        assert!(hills[64 + at + 1] > 0.0 && hills[64 + at + 1] > hills[64 + at + 8], "a wide box has a wide hill");
        assert_eq!(hills[64..].iter().filter(|value| **value == 1.0).count(), 1);
        let places = values(&targets.places);
        let told = [0, 1, 2, 3].map(|map| places[map * 64 + at]);
        assert_eq!(told, [0.5, 0.5, 2f32.ln(), 4f32.ln()]);
        assert_eq!(values(&targets.centres).iter().sum::<f32>(), 1.0);
        assert_eq!(targets.objects.into_data().iter::<f32>().collect::<Vec<_>>(), [1.0]);
    }

    #[test]
    fn a_class_that_the_site_has_not_marked_is_unknown_everywhere() {
        let targets = targets(&example(vec![labelled(1, [2.0, 2.0, 6.0, 6.0])], vec![], &["cell"]));
        let known = values(&targets.known);
        assert!(known[..64].iter().all(|value| *value == 1.0) && known[64..].iter().all(|value| *value == 0.0));
    }

    #[test]
    fn ignored_regions_are_unknown_but_for_the_objects_in_them() {
        let boxes = vec![labelled(1, [2.0, 2.0, 6.0, 6.0])];
        let targets = targets(&example(boxes, vec![labelled(1, [0.0, 0.0, 8.0, 4.0])], &["cell", "speck"]));
        let known = values(&targets.known);
        // The region is two rows of four cells; the object's centre is in the third row, outside of it.
        assert_eq!(known[..64].iter().filter(|value| **value == 0.0).count(), 8);
        assert!(known[64..].iter().all(|value| *value == 1.0), "another class is known there");
    }

    #[test]
    fn of_two_objects_in_one_cell_the_smaller_has_its_place_told() {
        let (small, large) = (labelled(1, [7.0, 7.0, 8.6, 8.6]), labelled(1, [0.0, 0.0, 15.0, 15.0]));
        for boxes in [vec![small, large], vec![large, small]] {
            let targets = targets(&example(boxes, vec![], &["cell", "speck"]));
            let height = values(&targets.places)[2 * 64 + 3 * 8 + 3];
            assert!((height - 0.8f32.ln()).abs() < 1e-6, "{height}");
        }
    }

    #[test]
    fn an_image_without_objects_counts_as_one_and_odd_boxes_are_left_out() {
        let odd = vec![labelled(0, [0.0; 4]), labelled(3, [0.0, 0.0, 4.0, 4.0]), labelled(1, [40.0, 0.0, 50.0, 4.0])];
        let targets = targets(&example(odd, vec![], &["cell", "speck"]));
        assert_eq!(targets.objects.into_data().iter::<f32>().collect::<Vec<_>>(), [1.0]);
        assert!(values(&targets.centres).iter().all(|value| *value == 0.0));
    }
}
