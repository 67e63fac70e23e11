//! Where a site keeps its boxes: one file or folder beside `images/`, found by its name.

use super::boxes_of_image::Objects;
use super::classes::{ClassNames, ClassSet};
use super::coco::{COCO_BYTES_MAX, COCO_FILE, CocoFile};
use super::fault::BoxFault;
use super::instances::{INSTANCES, boxes_round};
use super::named_images::{Matched, match_rows};
use super::voc::{VOC_FOLDER, read_voc};
use super::yolo::{CLASSES_FILE, YOLO_FOLDER, YoloClasses, read_yolo};
use crate::error::{Fault, ImagingError, Place, Size};
use crate::manifest::Row;
use crate::scan::Scan;
use crate::site_folder::Files;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// Largest file of one image: as many boxes as an image may have, each with the words that VOC's tools add.
const LABEL_BYTES_MAX: u64 = 16 << 20;

/// What a study wants to know of a site's boxes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub(crate) names: &'a ClassNames,
    pub(crate) labelled: &'a ClassSet,
}

/// The boxes of a site, ready to be asked for by row.
pub(crate) struct BoxSource<'a> {
    files: &'a Files,
    wanted: Wanted<'a>,
    form: Form,
}

/// How they are written.
enum Form {
    Coco(Matched),
    Voc,
    Yolo(YoloClasses),
    Instances,
}

/// The forms by the name of their file or folder; of several the first is read.
pub(crate) const FORMS: [&str; 4] = [COCO_FILE, VOC_FOLDER, YOLO_FOLDER, INSTANCES];

impl<'a> BoxSource<'a> {
    /// Opens the first of [`FORMS`] that `files` has.
    pub(crate) fn open(files: &'a Files, rows: &[Row], wanted: Wanted<'a>) -> Result<Self, ImagingError> {
        let at_folder = |fault: BoxFault| ImagingError::new(Place::Folder(files.folder().into()), fault.into());
        wanted.check().map_err(at_folder)?;
        let form = match present_forms(files).first() {
            Some(&COCO_FILE) => coco(files, rows, wanted)?,
            Some(&VOC_FOLDER) => Form::Voc,
            Some(&YOLO_FOLDER) => yolo(files, wanted)?,
            Some(&INSTANCES) => instances(wanted).map_err(|fault| at(INSTANCES, fault.into()))?,
            _ => return Err(at_folder(BoxFault::NoAnnotations)),
        };
        Ok(Self { files, wanted, form })
    }

    /// The objects of the image in row number `index`, which has the size `image`.
    pub(crate) fn objects(&self, index: usize, row: &Row, image: Size) -> Result<Objects, ImagingError> {
        match &self.form {
            Form::Coco(matched) => matched.rows[index].clone(),
            Form::Voc => {
                let path = format!("{VOC_FOLDER}/{}", row.file.with_ending("xml").as_str());
                read_voc(&self.read(&path, LABEL_BYTES_MAX)?, &path, self.wanted.names)
            }
            Form::Yolo(classes) => {
                let path = format!("{YOLO_FOLDER}/{}", row.file.with_ending("txt").as_str());
                let text = match self.read(&path, LABEL_BYTES_MAX) {
                    Err(error) if *error.fault() == Fault::Missing => Vec::new(),
                    read => read?,
                };
                read_yolo(&text, classes, image).map_err(|fault| at(&path, fault.into()))
            }
            Form::Instances => {
                let path = format!("{INSTANCES}/{}", row.file.mask().as_str());
                let mask = Scan::read(&self.files.folder().join(&path)).and_then(|scan| scan.mask());
                mask.and_then(|mask| Ok(boxes_round(&mask)?)).map_err(|fault| at(&path, fault))
            }
        }
    }

    /// Annotated images without a row; only COCO's file names images by itself.
    pub(crate) fn unread(&self) -> usize {
        if let Form::Coco(matched) = &self.form { matched.unread } else { 0 }
    }

    fn read(&self, path: &str, bytes_max: u64) -> Result<Vec<u8>, ImagingError> {
        read_within(&self.files.folder().join(path), bytes_max).map_err(|fault| at(path, fault))
    }
}

/// Those of [`FORMS`] that a site has.
pub(crate) fn present_forms(files: &Files) -> Vec<&'static str> {
    FORMS.into_iter().filter(|form| files.folder().join(form).exists()).collect()
}

fn coco(files: &Files, rows: &[Row], wanted: Wanted<'_>) -> Result<Form, ImagingError> {
    let text = read_within(&files.folder().join(COCO_FILE), COCO_BYTES_MAX).map_err(|fault| at(COCO_FILE, fault))?;
    let file = CocoFile::read(&text, wanted.names)?;
    wanted.are_listed(|class| file.listed.contains(&class)).map_err(|fault| at(COCO_FILE, fault.into()))?;
    Ok(Form::Coco(match_rows(rows, file.images)))
}

fn yolo(files: &Files, wanted: Wanted<'_>) -> Result<Form, ImagingError> {
    // LabelImg writes it among the labels, others beside them.
    let among = format!("{YOLO_FOLDER}/{CLASSES_FILE}");
    let found = [among.as_str(), CLASSES_FILE].into_iter().find(|path| files.folder().join(path).exists());
    let path = found.ok_or_else(|| at(YOLO_FOLDER, BoxFault::NoClassList.into()))?;
    let text = read_within(&files.folder().join(path), LABEL_BYTES_MAX).map_err(|fault| at(path, fault))?;
    let classes = YoloClasses::read(&text, wanted.names)?;
    wanted.are_listed(|class| classes.lists(class)).map_err(|fault| at(path, fault.into()))?;
    Ok(Form::Yolo(classes))
}

fn instances(wanted: Wanted<'_>) -> Result<Form, BoxFault> {
    match wanted.names.names().len() {
        1 => Ok(Form::Instances),
        classes => Err(BoxFault::InstancesSayNoClass { classes }),
    }
}

impl Wanted<'_> {
    fn check(&self) -> Result<(), BoxFault> {
        let good = !self.labelled.is_empty() && self.labelled.iter().all(|class| self.names.name(class).is_some());
        if good { Ok(()) } else { Err(BoxFault::NothingLabelled) }
    }

    /// Holds a file's own list of classes against those that this site labels: one that is missing there was not
    /// looked for, or has another name, and either way its objects would be learnt as background.
    fn are_listed(&self, listed: impl Fn(u8) -> bool) -> Result<(), BoxFault> {
        let missing = self.labelled.iter().find(|class| !listed(*class));
        let name = missing.map(|class| self.names.name(class).unwrap_or_default().to_owned());
        name.map_or(Ok(()), |class| Err(BoxFault::ClassNotListed { class }))
    }
}

/// The bytes of a file, unless there are more than `bytes_max`.
fn read_within(path: &Path, bytes_max: u64) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| from_io(&error))?;
    file.take(bytes_max + 1).read_to_end(&mut bytes).map_err(|error| from_io(&error))?;
    if bytes.len() as u64 > bytes_max { Err(BoxFault::TooLarge { bytes_max }.into()) } else { Ok(bytes) }
}

fn from_io(error: &io::Error) -> Fault {
    match error.kind() {
        io::ErrorKind::NotFound => Fault::Missing,
        kind => Fault::Io(kind),
    }
}

fn at(path: &str, fault: Fault) -> ImagingError {
    ImagingError::new(Place::Annotations(path.into()), fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_the_limit_is_read_and_one_byte_more_is_refused() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("labels.txt");
        std::fs::write(&path, b"0123456789").expect("written");
        assert_eq!(read_within(&path, 10), Ok(b"0123456789".to_vec()));
        assert_eq!(read_within(&path, 9), Err(BoxFault::TooLarge { bytes_max: 9 }.into()));
        assert_eq!(read_within(&dir.path().join("none.txt"), 9), Err(Fault::Missing));
    }
}
