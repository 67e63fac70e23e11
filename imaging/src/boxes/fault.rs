//! What can be wrong with boxes. As every [`crate::Fault`], free of the names of files and people; the names of
//! classes that stand here are the study's own, which are public.

use super::boxes_of_image::BOXES_MAX;
use crate::error::Size;

/// What is wrong with a set of boxes, without any name. [`BoxFault::remedy`] says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BoxFault {
    /// Edges that enclose nothing.
    #[error("is no box: an edge is not finite, right is before left, or bottom above top")]
    NotABox,
    /// Names that could be mixed up, too many, or none.
    #[error("the names of classes are not 1 to 255 different, plain names")]
    ClassNames,
    /// A site that is said to label no class of the study.
    #[error("this site is said to label no class of the study")]
    NothingLabelled,
    /// No file with boxes.
    #[error("has no boxes: neither annotations.coco.json, nor annotations-voc/, labels-yolo/ or instances/")]
    NoAnnotations,
    /// Larger than this program reads.
    #[error("is larger than {bytes_max} bytes")]
    TooLarge {
        /// The limit.
        bytes_max: u64,
    },
    /// Not JSON, or not COCO's.
    #[error("is not COCO's JSON, as line {line} shows")]
    Json {
        /// From 1.
        line: usize,
    },
    /// More objects than any image has.
    #[error("has more than {BOXES_MAX} boxes")]
    TooManyBoxes,
    /// The boxes were drawn on an image of another size.
    #[error("is {image}, but its boxes were drawn on {annotated}")]
    Size {
        /// Of the image.
        image: Size,
        /// As the annotations say.
        annotated: Size,
    },
    /// An image that the annotations do not mention: nobody knows whether it holds objects.
    #[error("is not in the annotations")]
    NotAnnotated,
    /// One name for two images.
    #[error("cannot be told from another image by the name that the annotations give")]
    Ambiguous,
    /// One number for two things.
    #[error("uses one id for two images or two categories")]
    IdTwice,
    /// An annotation of an image that is not listed.
    #[error("has an annotation of an image that it does not list")]
    UnlistedImage,
    /// An annotation with a category that is not listed.
    #[error("has an annotation with a category that it does not list")]
    UnlistedCategory,
    /// An annotation that says no place.
    #[error("has an annotation with neither four numbers in `bbox` nor a polygon")]
    NoPlace,
    /// A name that differs from a class in case or spaces only.
    #[error("is nearly the class `{class}`, but not the same")]
    NearlyAClass {
        /// The study's name.
        class: String,
    },
    /// A class that this site is said to label, and that its list of classes lacks.
    #[error("lists no class `{class}`, which this site is said to label")]
    ClassNotListed {
        /// The study's name.
        class: String,
    },
    /// Not XML, or not VOC's.
    #[error("is not VOC's XML: an `annotation` with objects, each with a name and a box of numbers")]
    Xml,
    /// An object that is not said to be anything.
    #[error("has an object without a name")]
    NoName,
    /// A line that is no object.
    #[error("has no class and four numbers in line {line}")]
    YoloLine {
        /// From 1.
        line: usize,
    },
    /// A class beyond the list of names.
    #[error("has a class in line {line} that classes.txt does not name")]
    NamelessNumber {
        /// From 1.
        line: usize,
    },
    /// YOLO's numbers without their meaning.
    #[error("has no classes.txt, so nobody knows what its numbers mean")]
    NoClassList,
    /// Instances of one kind for a study of several.
    #[error("is an instance mask, which does not say what an object is, but the study has {classes} classes")]
    InstancesSayNoClass {
        /// Classes of the study.
        classes: usize,
    },
    /// Names in the files and in the plan that have nothing in common.
    #[error("has boxes, but none of a class that this site is said to label")]
    NoKnownBox,
    /// A box that a format cannot hold.
    #[error("a box of at most one pixel cannot be written in VOC's XML, where it is empty")]
    TooThin,
    /// A region that a format cannot hold.
    #[error("a region to ignore cannot be written in YOLO's text")]
    NoCrowds,
    /// Boxes over the edge of their image.
    #[error("has boxes over its edge, which are clipped: {boxes}")]
    Clipped {
        /// How many.
        boxes: usize,
    },
    /// Boxes that enclose nothing of their image.
    #[error("has boxes without area in it, which are left out: {boxes}")]
    Dropped {
        /// How many.
        boxes: usize,
    },
    /// Boxes of a class that nobody is said to have looked for.
    #[error("has boxes of `{class}`, which this site is not said to label; they are left out: {boxes}")]
    Unlabelled {
        /// The study's name.
        class: String,
        /// How many.
        boxes: usize,
    },
    /// A class that is said to be labelled and is nowhere.
    #[error("has no box of `{class}`, which this site is said to label")]
    NoBoxOf {
        /// The study's name.
        class: String,
    },
    /// Images in which nothing was found.
    #[error("{empty} of {images} images have no box")]
    EmptyImages {
        /// Images without a box.
        empty: usize,
        /// All images that could be read.
        images: usize,
    },
    /// Annotations that no row of the manifest uses.
    #[error("names images that the manifest does not, and their boxes are not read: {images}")]
    Unread {
        /// How many.
        images: usize,
    },
    /// Boxes in several formats.
    #[error("has boxes in several formats; {read} is read and nothing else")]
    SeveralForms {
        /// Its name.
        read: &'static str,
    },
    /// Objects of a class that the study does not use.
    #[error("is no class of the study; its boxes are left out: {boxes}")]
    Foreign {
        /// How many.
        boxes: usize,
    },
}

impl BoxFault {
    /// True where the boxes can be used, but somebody should look.
    pub(crate) fn is_warning(&self) -> bool {
        matches!(
            self,
            Self::Foreign { .. }
                | Self::Clipped { .. }
                | Self::Dropped { .. }
                | Self::Unlabelled { .. }
                | Self::NoBoxOf { .. }
                | Self::EmptyImages { .. }
                | Self::Unread { .. }
                | Self::SeveralForms { .. }
        )
    }

    /// What to do about it.
    pub fn remedy(&self) -> String {
        match self {
            Self::NotABox => "give finite edges, left before right and top before bottom".into(),
            Self::ClassNames => {
                "give each class one short name of its own, the same in the plan and in the files".into()
            }
            Self::NothingLabelled => "name at least one class of the study that somebody looked for here".into(),
            Self::NoAnnotations => "put one of them beside manifest.csv".into(),
            Self::TooLarge { .. } => "split the site folder, or leave outlines out of the file".into(),
            Self::Json { .. } => "export it again as COCO".into(),
            Self::TooManyBoxes => "cut the image into parts".into(),
            Self::Size { .. } => "export image and boxes at one size".into(),
            Self::NotAnnotated => "add it there, also if it holds no object, or remove its row".into(),
            Self::Ambiguous => "write the path below images/ in the annotations".into(),
            Self::IdTwice | Self::UnlistedImage | Self::UnlistedCategory => "export it again".into(),
            Self::NoPlace => "draw a box, or remove the annotation".into(),
            Self::NearlyAClass { class } => format!("write `{class}`, or a name that cannot be taken for it"),
            Self::ClassNotListed { class } => {
                format!("add `{class}` there, or say that this site does not label it")
            }
            Self::Xml | Self::NoName => "export it again as Pascal VOC".into(),
            Self::YoloLine { .. } => "write one object a line: its class, then x, y, width and height as shares".into(),
            Self::NamelessNumber { .. } => "add its name there".into(),
            Self::NoClassList => "write labels-yolo/classes.txt, one name a line in the order of the numbers".into(),
            Self::InstancesSayNoClass { .. } => "write the boxes as COCO, VOC or YOLO".into(),
            Self::NoKnownBox => "use the names of the plan in the files, or say what this site labels".into(),
            Self::TooThin | Self::NoCrowds => "write COCO".into(),
            Self::Clipped { .. } | Self::Dropped { .. } => {
                "right if they were drawn by accident, else draw them again".into()
            }
            Self::Unlabelled { class, .. } => {
                format!("right if `{class}` was drawn in some images only, else say that this site labels it")
            }
            Self::NoBoxOf { class } => {
                format!("if nobody looked for `{class}`, say so, or the network learns that there is none")
            }
            Self::EmptyImages { .. } => "right if somebody looked and found nothing".into(),
            Self::Unread { .. } => "add rows for them, or ignore this if they shall not be used".into(),
            Self::SeveralForms { .. } => "remove the others if they may differ".into(),
            Self::Foreign { .. } => "right if the study shall not learn it, else name it in the plan".into(),
        }
    }
}
