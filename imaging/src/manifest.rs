//! `manifest.csv`: which image belongs to whom, and on which side of the split.

use crate::error::{Fault, ImagingError, Place, ROWS_MAX};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path};

/// Who one person is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PatientGrouping {
    /// The manifest's column `patient` names her. A manifest without it is refused.
    ByManifest,
    /// **Weakens privacy.** Where the manifest has no column `patient`, each image counts as a person, so one with n
    /// images is protected n times less. Only for a site whose policy says that no person has two images. A column
    /// that is there is used all the same: known persons are never torn apart.
    ImagesArePatients,
}

/// Side of the split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Split {
    /// To train on.
    Train,
    /// To measure on.
    #[serde(rename = "val")]
    Validation,
}

/// One row: an image with its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) file: FileName,
    pub(crate) patient: String,
    pub(crate) split: Split,
}

/// A relative path below `images/` that cannot leave it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FileName(String);

/// A manifest as read, good rows and bad.
#[derive(Debug)]
pub(crate) struct Manifest {
    pub(crate) rows: Vec<Row>,
    /// In the order of the file; empty for a good manifest.
    pub(crate) faults: Vec<ImagingError>,
    /// False where each image counts as a person.
    pub(crate) knows_patients: bool,
}

impl Manifest {
    /// Reads the manifest of `folder`, going on after a bad row.
    ///
    /// # Errors
    /// A manifest that is not there, has no rows, or lacks a column.
    pub(crate) fn read(folder: &Path, grouping: PatientGrouping) -> Result<Self, ImagingError> {
        let path = folder.join(MANIFEST);
        let file = std::fs::File::open(&path).map_err(|error| at(None, Fault::Io(error.kind())))?;
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).flexible(false).from_reader(file);
        let columns = Columns::of(reader.headers().map_err(|_| at(Some(1), Fault::Csv))?, grouping)?;
        let mut manifest = Self { rows: Vec::new(), faults: Vec::new(), knows_patients: columns.patient.is_some() };
        for (index, record) in reader.records().enumerate() {
            if index == ROWS_MAX {
                return Err(at(None, Fault::TooManyRows));
            }
            match row(record, &columns) {
                Ok(row) => manifest.rows.push(row),
                Err(error) => manifest.faults.push(error),
            }
        }
        if manifest.rows.is_empty() && manifest.faults.is_empty() {
            return Err(at(None, Fault::NoRows));
        }
        let between_rows = between_rows(&manifest.rows);
        manifest.faults.extend(between_rows);
        Ok(manifest)
    }

    /// Patients of one split with the indices of their rows, both in the order of the manifest.
    pub(crate) fn patients(&self, split: Split) -> Vec<Vec<usize>> {
        let mut place_of = BTreeMap::new();
        let mut patients: Vec<Vec<usize>> = Vec::new();
        for (index, row) in self.rows.iter().enumerate().filter(|(_, row)| row.split == split) {
            let place = *place_of.entry(row.patient.as_str()).or_insert(patients.len());
            match patients.get_mut(place) {
                Some(rows) => rows.push(index),
                None => patients.push(vec![index]),
            }
        }
        patients
    }
}

impl FileName {
    /// Accepts only plain components: no `..`, no root, no drive, no empty or `.` part.
    fn new(text: &str) -> Option<Self> {
        let plain = |part: &str| !matches!(part, "" | "." | "..");
        let good = !text.contains(['\\', '\0', ':'])
            && text.split('/').all(plain)
            && Path::new(text).components().all(|part| matches!(part, Component::Normal(_)));
        good.then(|| Self(text.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The mask's name: the same, ending in `.png`.
    pub(crate) fn mask(&self) -> Self {
        self.with_ending("png")
    }

    /// The same, ending in `.` and `ending`.
    pub(crate) fn with_ending(&self, ending: &str) -> Self {
        let stem = match self.0.rsplit_once('.') {
            Some((stem, known)) if !known.contains('/') => stem,
            _ => &self.0,
        };
        Self(format!("{stem}.{ending}"))
    }
}

impl Split {
    fn new(text: &str) -> Option<Self> {
        match text {
            "train" => Some(Self::Train),
            "val" => Some(Self::Validation),
            _ => None,
        }
    }

    /// As the manifest writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "val",
        }
    }
}

struct Columns {
    file: usize,
    split: usize,
    patient: Option<usize>,
}

impl Columns {
    fn of(header: &csv::StringRecord, grouping: PatientGrouping) -> Result<Self, ImagingError> {
        // A spreadsheet may have put a byte order mark before the first name.
        let find = |name: &str| header.iter().position(|cell| cell.trim_start_matches('\u{feff}') == name);
        let need = |name| find(name).ok_or_else(|| at(Some(1), Fault::Column(name)));
        let patient = match grouping {
            PatientGrouping::ByManifest => Some(need("patient")?),
            PatientGrouping::ImagesArePatients => find("patient"),
        };
        Ok(Self { file: need("file")?, split: need("split")?, patient })
    }
}

fn row(record: Result<csv::StringRecord, csv::Error>, columns: &Columns) -> Result<Row, ImagingError> {
    let record = record.map_err(|error| at(error.position().map(csv::Position::line), Fault::Csv))?;
    let bad = |fault| at(record.position().map(csv::Position::line), fault);
    let cell = |column: usize| record.get(column).unwrap_or("");
    let file = FileName::new(cell(columns.file)).ok_or_else(|| bad(Fault::UnsafeFile))?;
    let patient = columns.patient.map_or(file.as_str(), cell).to_owned();
    if patient.is_empty() {
        return Err(bad(Fault::NoPatient));
    }
    let split = Split::new(cell(columns.split)).ok_or_else(|| bad(Fault::Split))?;
    Ok(Row { file, patient, split })
}

/// Rules that concern more than one row.
fn between_rows(rows: &[Row]) -> Vec<ImagingError> {
    let mut faults = Vec::new();
    let mut masks = BTreeSet::new();
    let mut splits: BTreeMap<&str, BTreeSet<Split>> = BTreeMap::new();
    for row in rows {
        // By mask, so that a scan stored as both .png and .jpg is found too.
        if !masks.insert(row.file.mask()) {
            faults.push(ImagingError::new(Place::Image(row.file.as_str().into()), Fault::Twice));
        }
        splits.entry(&row.patient).or_default().insert(row.split);
    }
    let torn = splits.iter().filter(|(_, splits)| splits.len() > 1);
    faults.extend(torn.map(|(patient, _)| ImagingError::new(Place::Patient((*patient).into()), Fault::BothSplits)));
    for split in [Split::Train, Split::Validation] {
        if !rows.iter().any(|row| row.split == split) {
            faults.push(at(None, Fault::EmptySplit(split.as_str())));
        }
    }
    faults
}

fn at(line: Option<u64>, fault: Fault) -> ImagingError {
    ImagingError::new(Place::Manifest { line }, fault)
}

pub(crate) const MANIFEST: &str = "manifest.csv";

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, grouping: PatientGrouping) -> Result<Manifest, ImagingError> {
        let dir = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(dir.path().join(MANIFEST), text).expect("written");
        Manifest::read(dir.path(), grouping)
    }

    fn faults(text: &str) -> Vec<Fault> {
        let manifest = match read(text, PatientGrouping::ByManifest) {
            Ok(manifest) => manifest,
            Err(error) => return vec![error.fault().clone()],
        };
        manifest.faults.iter().map(|error| error.fault().clone()).collect()
    }

    #[test]
    fn columns_are_found_by_name_and_others_ignored() {
        let manifest = read(
            "\u{feff}split,extra, file ,patient\ntrain,1,b.png,p1\nval,2,sub/a.png,p2\ntrain,3,c.png,p1\n",
            PatientGrouping::ByManifest,
        )
        .expect("good");
        assert!(manifest.faults.is_empty(), "{:?}", manifest.faults);
        assert_eq!(manifest.patients(Split::Train), [vec![0, 2]]);
        assert_eq!(manifest.patients(Split::Validation), [vec![1]]);
    }

    #[test]
    fn missing_columns_and_rows_are_named() {
        assert_eq!(faults("file,split\na.png,train\n"), [Fault::Column("patient")]);
        assert_eq!(faults("patient,split\np,train\n"), [Fault::Column("file")]);
        assert_eq!(faults("file,patient\na.png,p\n"), [Fault::Column("split")]);
        assert_eq!(faults("file,patient,split\n"), [Fault::NoRows]);
        assert_eq!(faults(""), [Fault::Column("patient")]);
    }

    #[test]
    fn each_bad_row_is_one_fault_and_the_rest_is_read() {
        let text = "file,patient,split\na.png,p,test\nb.png,,train\nc.png,p\nd.png,p,train\ne.png,q,val\n";
        assert_eq!(faults(text), [Fault::Split, Fault::NoPatient, Fault::Csv]);
    }

    #[test]
    fn files_outside_the_folder_are_refused() {
        let bad = ["../x.png", "/etc/passwd", "a/../../x", "./a.png", "a//b", "a\\b", "C:x", "..", "", "a/", "\0"];
        assert!(bad.iter().all(|text| FileName::new(text).is_none()));
        assert!(["a.png", "a/b.png", "..a.png", "a b.png", "ä"].iter().all(|text| FileName::new(text).is_some()));
        assert_eq!(faults("file,patient,split\n../x.png,p,train\na.png,q,train\nb.png,r,val\n"), [Fault::UnsafeFile]);
    }

    #[test]
    fn duplicates_torn_patients_and_empty_splits_are_faults() {
        let good = "file,patient,split\na.png,p,train\nb.png,q,val\n";
        assert_eq!(faults(good), []);
        assert_eq!(faults(&format!("{good}a.jpg,p,train\n")), [Fault::Twice]);
        assert_eq!(faults(&format!("{good}c.png,q,train\n")), [Fault::BothSplits]);
        assert_eq!(faults("file,patient,split\na.png,p,train\n"), [Fault::EmptySplit("val")]);
    }

    #[test]
    fn images_are_patients_only_where_patients_are_unknown() {
        let text = "file,split\na.png,train\nb.png,train\nc.png,val\n";
        let manifest = read(text, PatientGrouping::ImagesArePatients).expect("good");
        assert!(!manifest.knows_patients);
        assert_eq!(manifest.patients(Split::Train), [vec![0], vec![1]]);
        let text = "file,patient,split\na.png,p,train\nb.png,p,train\nc.png,q,val\n";
        let manifest = read(text, PatientGrouping::ImagesArePatients).expect("good");
        assert!(manifest.knows_patients);
        assert_eq!(manifest.patients(Split::Train), [vec![0, 1]]);
    }

    #[test]
    fn one_row_beyond_the_limit_is_too_many() {
        let rows =
            |count: usize| -> String { (0..count).map(|index| format!("{index}.png,p{index},train\n")).collect() };
        let header = "file,patient,split\n";
        assert_eq!(faults(&format!("{header}last.png,q,val\n{}", rows(ROWS_MAX - 1))), []);
        assert_eq!(faults(&format!("{header}last.png,q,val\n{}", rows(ROWS_MAX))), [Fault::TooManyRows]);
    }

    #[test]
    fn the_mask_of_a_jpeg_is_a_png() {
        let mask = |text| FileName::new(text).expect("good").mask().0;
        assert_eq!(mask("a.jpg"), "a.png");
        assert_eq!(mask("a.b/c"), "a.b/c.png");
        assert_eq!(mask("a.png"), "a.png");
    }
}
