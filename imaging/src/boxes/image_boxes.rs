//! One image's boxes on their way into a file.

use super::bbox::LabelledBox;
use crate::error::Size;

/// What is written for one image.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ImageBoxes {
    /// Below `images/`.
    pub(crate) file: String,
    pub(crate) size: Size,
    pub(crate) boxes: Vec<LabelledBox>,
    pub(crate) ignored: Vec<LabelledBox>,
}
