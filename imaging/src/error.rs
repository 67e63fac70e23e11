//! What can be wrong with a site's folder: one vocabulary for loading and for checking.
//!
//! A [`Fault`] never holds a name of a file or a person, so it may stand in any log. Where it was found is a
//! [`Place`], which may; an [`ImagingError`] joins the two for people at the site.

use crate::boxes::BoxFault;
use crate::volume::VolumeFault;
use serde::Serialize;
use std::fmt;
use std::io;
use std::path::PathBuf;

/// Most values of a mask that an error lists.
const VALUES_LISTED_MAX: usize = 8;

/// A fault at its place. Its text names files and is for the site alone; see [`ImagingError::redacted`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImagingError {
    place: Place,
    fault: Fault,
}

/// Where a fault is. Shown at the site, never sent or logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The folder as a whole.
    Folder(PathBuf),
    /// Its `manifest.csv`, and the line where one is at fault.
    Manifest {
        /// From 1, with the header as line 1.
        line: Option<u64>,
    },
    /// An image, as the manifest names it.
    Image(String),
    /// A mask, by its name in `masks/`.
    Mask(String),
    /// A patient, as the manifest names her.
    Patient(String),
    /// A file with boxes, by its path in the site's folder.
    Annotations(String),
    /// A class by the name that a file with boxes gives it.
    Category(String),
    /// The labels of a volume, by their name in `labels/`.
    Label(String),
    /// A file that was named by its path.
    File(PathBuf),
}

/// What is wrong, without any name. [`Fault::remedy`] says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The operating system refused to read.
    #[error("cannot be read: {0}")]
    Io(io::ErrorKind),
    /// The operating system refused to write.
    #[error("cannot be written: {0}")]
    Write(io::ErrorKind),
    /// A folder that should be made is there already.
    #[error("exists already")]
    Exists,
    /// A request for phantoms that cannot be met.
    #[error("cannot make phantoms: {0}")]
    Phantom(&'static str),
    /// A line of the manifest is not CSV with the header's columns.
    #[error("is not a line of CSV with as many cells as the header")]
    Csv,
    /// A column that must be there is not.
    #[error("has no column `{0}`")]
    Column(&'static str),
    /// Nothing but a header.
    #[error("names no image")]
    NoRows,
    /// More rows than this program takes.
    #[error("names more than {ROWS_MAX} images")]
    TooManyRows,
    /// A file name that leaves the folder, or is none.
    #[error("the cell `file` is no plain relative path below images/")]
    UnsafeFile,
    /// A split other than train and val.
    #[error("the cell `split` is neither `train` nor `val`")]
    Split,
    /// A patient column with an empty cell.
    #[error("the cell `patient` is empty")]
    NoPatient,
    /// One file in two rows.
    #[error("is named by two rows of the manifest")]
    Twice,
    /// One person on both sides of the split.
    #[error("is in both splits, train and val")]
    BothSplits,
    /// No patient with this split.
    #[error("no patient has the split `{0}`")]
    EmptySplit(&'static str),
    /// The file that a row names is not there.
    #[error("is not there")]
    Missing,
    /// Bytes of another format than PNG and JPEG.
    #[error("is neither PNG nor JPEG")]
    Format,
    /// Larger than the limits of the decoder.
    #[error("is larger than {SIDE_PX_MAX} pixels a side or {DECODED_BYTES_MAX} decoded bytes")]
    TooLarge,
    /// Damaged, or cut off.
    #[error("is damaged or cut off")]
    Damaged,
    /// A mask that was compressed with loss.
    #[error("is a JPEG, which blurs the borders between classes")]
    LossyMask,
    /// A mask with unequal colour channels.
    #[error("is coloured; a mask has one value a pixel")]
    ColouredMask,
    /// Image and mask do not lie on each other.
    #[error("is {mask}, but its image is {image}")]
    Size {
        /// Of the image.
        image: Size,
        /// Of the mask.
        mask: Size,
    },
    /// Values that are no classes of the plan; see [`crate::MaskCoding`].
    #[error("the masks hold the values {}, which are not {classes} classes", listed(.values))]
    Values {
        /// Over the whole site, rising.
        values: Vec<u16>,
        /// Classes of the plan, with the background.
        classes: u32,
    },
    /// A number of channels that images do not have.
    #[error("an image gives 1 (grey) or 3 (colour) channels, not {0}")]
    Channels(u32),
    /// Masks without foreground.
    #[error("{empty} of {masks} masks are empty (background only)")]
    EmptyMasks {
        /// Masks without foreground.
        empty: usize,
        /// All masks that could be read.
        masks: usize,
    },
    /// Colour images for a network that sees grey, or the reverse.
    #[error("{images} images have {stored} channels, the plan has {wanted}")]
    ChannelsDiffer {
        /// How many.
        images: usize,
        /// As stored.
        stored: u32,
        /// As the plan has it.
        wanted: u32,
    },
    /// A file below `images/` without a row.
    #[error("is not named by the manifest")]
    Unnamed,
    /// A site that counts each image as a person.
    #[error("no patient is known: each image counts as one, which protects a person with n images n times less")]
    ImagesArePatients,
    /// What is wrong with boxes.
    #[error(transparent)]
    Boxes(#[from] BoxFault),
    /// A fault that only volumes have.
    #[error("{0}")]
    Volume(#[from] VolumeFault),
}

/// Most rows of a manifest.
pub const ROWS_MAX: usize = 200_000;
/// Longest side of an image.
pub const SIDE_PX_MAX: u32 = 16_384;
/// Most bytes that one decoded image may take: 16384 x 16384 in 8-bit grey, or half that in 16 bit.
pub const DECODED_BYTES_MAX: u64 = 256 << 20;

/// Width and height in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Size {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

impl ImagingError {
    pub(crate) fn new(place: Place, fault: Fault) -> Self {
        Self { place, fault }
    }

    /// Where; for the site alone.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// What; free of names.
    pub fn fault(&self) -> &Fault {
        &self.fault
    }

    /// The error without names of files, folders and patients: fit for logs and for the coordinator.
    pub fn redacted(&self) -> String {
        format!("{} {}; {}", self.place.kind(), self.fault, self.fault.remedy())
    }
}

impl fmt::Display for ImagingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.place, self.fault, self.fault.remedy())
    }
}

impl std::error::Error for ImagingError {}

impl Place {
    /// What kind of thing this is, without its name.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Folder(_) => "the folder",
            Self::Manifest { .. } => "the manifest",
            Self::Image(_) => "an image",
            Self::Mask(_) => "a mask",
            Self::Patient(_) => "a patient",
            Self::Annotations(_) => "a file with boxes",
            Self::Category(_) => "a category",
            Self::Label(_) => "the labels of a volume",
            Self::File(_) => "a file",
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => write!(f, "{}", path.display()),
            Self::Manifest { line: Some(line) } => write!(f, "manifest.csv, line {line}"),
            Self::Manifest { line: None } => f.write_str("manifest.csv"),
            Self::Image(file) => write!(f, "images/{file}"),
            Self::Mask(file) => write!(f, "masks/{file}"),
            Self::Patient(name) => write!(f, "patient {name}"),
            Self::Annotations(path) => f.write_str(path),
            Self::Category(name) => write!(f, "category `{name}`"),
            Self::Label(file) => write!(f, "labels/{file}"),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}

impl Fault {
    /// What to do about it.
    pub fn remedy(&self) -> String {
        match self {
            Self::Io(_) => "see that it exists and that this user may read it".into(),
            Self::Write(_) => "see that the disk has room and that this user may write there".into(),
            Self::Exists => "choose another folder, nothing is overwritten".into(),
            Self::Phantom(_) => "ask for less".into(),
            Self::Csv => "write one line an image: file,patient,split".into(),
            Self::Column("patient") => "add one with a pseudonym for each person, or, only if every image is of \
                another person, let the site's policy say that images are patients"
                .into(),
            Self::Column(name) => format!("add `{name}` to the first line and to every row"),
            Self::NoRows => "write one line an image: file,patient,split".into(),
            Self::TooManyRows => "make several site folders".into(),
            Self::UnsafeFile => "write the path below images/, for example `scan-1.png`, without `..`".into(),
            Self::Split => "write `train` or `val`".into(),
            Self::NoPatient => "write the person's pseudonym".into(),
            Self::Twice => "remove one".into(),
            Self::BothSplits => "give all her rows one split, or the measure is of patients already seen".into(),
            Self::EmptySplit(_) => "give whole patients to both splits".into(),
            Self::Missing => "restore the file or remove its row; a mask has its image's name, ending in .png".into(),
            Self::Format => "convert it to PNG".into(),
            Self::TooLarge => "crop it or store it smaller".into(),
            Self::Damaged => "export it again, or remove its row".into(),
            Self::LossyMask | Self::ColouredMask => "store it as grey PNG with one value a class".into(),
            Self::Size { .. } => "export both at one size".into(),
            Self::Values { classes, .. } => format!(
                "write class numbers 0 to {}, or use exactly {classes} grey values over the whole site, one of them 0",
                classes.saturating_sub(1)
            ),
            Self::Channels(_) => "write `channels = 1` or `channels = 3` in the plan".into(),
            Self::EmptyMasks { .. } => "right if the target is absent there, else draw it".into(),
            Self::ChannelsDiffer { .. } => {
                "they are turned to the plan's channels: colour to luminance, grey repeated".into()
            }
            Self::Unnamed => "add a row for it, or ignore this if it shall not be used".into(),
            Self::ImagesArePatients => "add a column `patient` if any person has more than one image".into(),
            Self::Boxes(fault) => fault.remedy(),
            Self::Volume(fault) => fault.remedy(),
        }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

fn listed(values: &[u16]) -> String {
    let mut text: Vec<_> = values.iter().take(VALUES_LISTED_MAX).map(u16::to_string).collect();
    if values.len() > VALUES_LISTED_MAX {
        text.push("...".into());
    }
    text.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redacted_text_holds_no_name() {
        let places = [
            Place::Folder("/home/NOBODY".into()),
            Place::Image("NOBODY.png".into()),
            Place::Mask("NOBODY.png".into()),
            Place::Patient("NOBODY".into()),
            Place::Annotations("NOBODY.xml".into()),
            Place::Category("NOBODY".into()),
            Place::Label("NOBODY.nii".into()),
            Place::File("/home/NOBODY.nii".into()),
        ];
        for place in places {
            let error = ImagingError::new(place, Fault::Damaged);
            assert!(error.to_string().contains("NOBODY"), "{error}");
            assert!(!error.redacted().contains("NOBODY"), "{}", error.redacted());
        }
    }

    #[test]
    fn many_values_are_cut_short() {
        let text = Fault::Values { values: (0..300).collect(), classes: 2 }.to_string();
        assert!(text.contains("6, 7, ...") && text.len() < 120, "{text}");
    }
}
