//! Which image of the manifest a file with boxes means: some tools write the folder, some the whole path, some neither.

use super::boxes_of_image::Objects;
use super::fault::BoxFault;
use crate::error::ImagingError;
use crate::manifest::Row;
use std::collections::BTreeMap;

/// The objects of each row. A name is the row's path below `images/`, or either is the end of the other's.
pub(crate) fn match_rows(rows: &[Row], mut named: BTreeMap<String, Objects>) -> Vec<Result<Objects, ImagingError>> {
    let names = Names::of(&named);
    let found: Vec<Result<String, BoxFault>> = rows.iter().map(|row| names.find(row.file.as_str())).collect();
    let objects = |(row, name): (&Row, Result<String, BoxFault>)| {
        let taken = name.and_then(|name| named.remove(&name).ok_or(BoxFault::Ambiguous));
        taken.map_err(|fault| ImagingError::new(row.image_place(), fault.into()))
    };
    rows.iter().zip(found).map(objects).collect()
}

/// Names by their last part.
struct Names(BTreeMap<String, Vec<String>>);

impl Names {
    fn of(named: &BTreeMap<String, Objects>) -> Self {
        let mut by_last: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for name in named.keys() {
            by_last.entry(last_part(name).to_owned()).or_default().push(name.clone());
        }
        Self(by_last)
    }

    fn find(&self, file: &str) -> Result<String, BoxFault> {
        let same_end = self.0.get(last_part(file)).map_or(&[][..], Vec::as_slice);
        if let Some(exact) = same_end.iter().find(|name| *name == file) {
            return Ok(exact.clone());
        }
        let mut fitting = same_end.iter().filter(|name| is_end_of(file, name) || is_end_of(name, file));
        match (fitting.next(), fitting.next()) {
            (Some(name), None) => Ok(name.clone()),
            (None, _) => Err(BoxFault::NotAnnotated),
            (Some(_), Some(_)) => Err(BoxFault::Ambiguous),
        }
    }
}

fn last_part(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// True where `path` ends in `end`, at a folder's border.
fn is_end_of(end: &str, path: &str) -> bool {
    path.strip_suffix(end).is_some_and(|folder| folder.ends_with('/'))
}
