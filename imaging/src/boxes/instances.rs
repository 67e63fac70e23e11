//! Boxes round the objects of an instance mask: a grey PNG in which every object has its own number and 0 is none.

use super::boxes_of_image::{Counts, Object, Objects, RawEdges};
use super::fault::BoxFault;
use crate::error::Size;
use ndarray::Array2;
use std::collections::BTreeMap;

/// An instance mask does not say what an object is, so all are of the study's only class.
const CLASS: u8 = 1;

/// One box for each number, in rising order; an object in several parts has one box round all.
///
/// # Errors
/// [`BoxFault::TooManyBoxes`]
pub(crate) fn boxes_round(instances: &Array2<u16>) -> Result<Objects, BoxFault> {
    let mut extents: BTreeMap<u16, Extent> = BTreeMap::new();
    for (place, number) in instances.indexed_iter().filter(|(_, number)| **number > 0) {
        extents.entry(*number).or_insert_with(|| Extent::at(place)).include(place);
    }
    let size = Size { width: instances.ncols() as u32, height: instances.nrows() as u32 };
    let mut objects = Objects { size: Some(size), ..Objects::default() };
    for extent in extents.values() {
        objects.push(Object { class: CLASS, edges: extent.edges(), counts: Counts::Fully })?;
    }
    Ok(objects)
}

/// First and last row and column of an object.
struct Extent {
    rows: [usize; 2],
    columns: [usize; 2],
}

impl Extent {
    fn at((y, x): (usize, usize)) -> Self {
        Self { rows: [y; 2], columns: [x; 2] }
    }

    fn include(&mut self, (y, x): (usize, usize)) {
        self.rows = [self.rows[0].min(y), self.rows[1].max(y)];
        self.columns = [self.columns[0].min(x), self.columns[1].max(x)];
    }

    fn edges(&self) -> RawEdges {
        RawEdges {
            left: self.columns[0] as f64,
            top: self.rows[0] as f64,
            right: self.columns[1] as f64 + 1.0,
            bottom: self.rows[1] as f64 + 1.0,
        }
    }
}

pub(crate) const INSTANCES: &str = "instances";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ClassNames;
    use crate::boxes::samples::labelled;
    use ndarray::array;

    #[test]
    fn each_number_has_one_box_round_all_its_parts() {
        let instances = array![[0, 7, 0, 300], [0, 7, 7, 0], [9, 0, 0, 300]];
        let objects = boxes_round(&instances).expect("three");
        let size = Size { width: 4, height: 3 };
        let placed = objects.place(size, &ClassNames::new(["nucleus"]).expect("a name").all()).expect("its own size");
        let boxes = [[1.0, 0.0, 3.0, 2.0], [0.0, 2.0, 1.0, 3.0], [3.0, 0.0, 4.0, 3.0]];
        assert_eq!(placed.boxes, boxes.map(|edges| labelled(1, edges)));
    }

    #[test]
    fn an_empty_mask_has_no_box_and_too_many_are_refused() {
        assert_eq!(boxes_round(&Array2::zeros((5, 5))).map(|objects| objects.objects.len()), Ok(0));
        let crowded = Array2::from_shape_fn((101, 100), |(y, x)| (y * 100 + x) as u16);
        assert_eq!(boxes_round(&crowded), Err(BoxFault::TooManyBoxes));
    }
}
