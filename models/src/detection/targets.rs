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
