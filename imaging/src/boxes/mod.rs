//! Objects in boxes: read from what annotators' tools write, brought to the form a detector sees, and back.
//!
//! Coordinates are continuous pixels: the first pixel covers 0..1, so a box's right and bottom are exclusive, and the
//! box round a single pixel has the size 1. Every reader turns its format's own convention into this one at its edge.

mod augment;
mod bbox;
mod boxes_of_image;
mod cases;
mod check;
mod classes;
mod coco;
mod coco_writing;
mod fault;
mod figures;
mod image_boxes;
mod instances;
mod named_images;
mod outline;
mod overlay;
mod preparation;
mod report;
#[cfg(test)]
mod samples;
mod site_boxes;
mod source;
mod voc;
mod yolo;

pub use augment::augment_boxes;
pub use bbox::{BoxPx, Detection, Edges, LabelledBox};
pub use boxes_of_image::BOXES_MAX;
pub use cases::{BoxCase, BoxExample, BoxPatient, SiteBoxes};
pub use check::check_boxes;
pub use classes::{ClassNames, ClassSet};
pub use fault::BoxFault;
pub use overlay::overlay_boxes;
pub use report::BoxCheckReport;

pub(crate) use coco::COCO_FILE;
pub(crate) use coco_writing::write_coco;
pub(crate) use image_boxes::ImageBoxes;
pub(crate) use voc::{VOC_FOLDER, write_voc};
pub(crate) use yolo::{CLASSES_FILE, YOLO_FOLDER, write_classes, write_yolo};
