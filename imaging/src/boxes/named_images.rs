//! Which image of the manifest a file with boxes means: some tools write the folder, some the whole path, some neither.

use super::boxes_of_image::Objects;
use super::fault::BoxFault;
use crate::error::ImagingError;
use crate::manifest::Row;
use std::collections::BTreeMap;

/// Annotations by row.
pub(crate) struct Matched {
    /// The objects of each row of the manifest.
    pub(crate) rows: Vec<Result<Objects, ImagingError>>,
    /// Annotated images without a row.
    pub(crate) unread: usize,
}

/// The objects of each row. A name is the row's path below `images/`, or either is the end of the other's.
pub(crate) fn match_rows(rows: &[Row], mut named: BTreeMap<String, Objects>) -> Matched {
    let names = Names::of(&named);
    let found: Vec<Result<String, BoxFault>> = rows.iter().map(|row| names.find(row.file.as_str())).collect();
    let mut claims: BTreeMap<String, usize> = BTreeMap::new();
    found.iter().flatten().for_each(|name| *claims.entry(name.clone()).or_default() += 1);
    let objects = |(row, name): (&Row, Result<String, BoxFault>)| {
        let claimed_once = |name: &String| claims.get(name) == Some(&1);
        let taken =
            name.and_then(|name| named.remove(&name).filter(|_| claimed_once(&name)).ok_or(BoxFault::Ambiguous));
        taken.map_err(|fault| ImagingError::new(row.image_place(), fault.into()))
    };
    let rows = rows.iter().zip(found).map(objects).collect();
    Matched { rows, unread: named.len() }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Fault, Size};
    use crate::{PatientGrouping, SiteFolder};

    /// For each file of a manifest the name that is meant, told by its size.
    fn matched(files: &[&str], names: &[&str]) -> Vec<Result<u32, Fault>> {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let rows: String = files.iter().map(|file| format!("{file},{file},train\n")).collect();
        std::fs::write(dir.path().join("manifest.csv"), format!("file,patient,split\n{rows}last.png,last,val\n"))
            .expect("written");
        let folder = SiteFolder::open(dir.path(), PatientGrouping::ByManifest).expect("good");
        let size = |width| Some(Size { width, height: 1 });
        let named = (0..)
            .zip(names)
            .map(|(width, name)| ((*name).to_owned(), Objects { size: size(width), ..Objects::default() }));
        let found = match_rows(&folder.manifest.rows, named.collect());
        let number = |objects: Result<Objects, ImagingError>| match objects {
            Ok(objects) => Ok(objects.size.map_or(u32::MAX, |size| size.width)),
            Err(error) => Err(error.fault().clone()),
        };
        found.rows.into_iter().take(files.len()).map(number).collect()
    }

    #[test]
    fn folders_may_be_written_or_not() {
        assert_eq!(matched(&["a.png", "p/b.png"], &["a.png", "p/b.png"]), [Ok(0), Ok(1)]);
        assert_eq!(matched(&["a.png", "p/b.png"], &["train/a.png", "b.png"]), [Ok(0), Ok(1)]);
        assert_eq!(matched(&["p/b.png"], &["/home/x/p/b.png", "c.png"]), [Ok(0)]);
    }

    #[test]
    fn one_name_never_means_two_images() {
        let ambiguous = || Err(BoxFault::Ambiguous.into());
        assert_eq!(matched(&["p/a.png", "q/a.png"], &["p/a.png", "q/a.png"]), [Ok(0), Ok(1)]);
        assert_eq!(matched(&["a.png"], &["p/a.png", "q/a.png"]), [ambiguous()]);
        assert_eq!(matched(&["p/a.png", "q/a.png"], &["a.png"]), [ambiguous(), ambiguous()]);
    }

    #[test]
    fn an_image_that_nobody_annotated_is_not_an_image_without_objects() {
        assert_eq!(matched(&["b.png"], &["a.png", "xb.png"]), [Err(BoxFault::NotAnnotated.into())]);
    }
}
