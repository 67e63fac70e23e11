//! Site folders for the tests of this crate: small ones written on the spot, and the real sets where they are.

use ndarray::{Array2, array};
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// A folder that a test fills image by image; gone when dropped.
pub(crate) struct Sample(tempfile::TempDir);

impl Sample {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir(dir.path().join("images")).expect("created");
        std::fs::create_dir(dir.path().join("masks")).expect("created");
        std::fs::write(dir.path().join("manifest.csv"), "file,patient,split\n").expect("written");
        Self(dir)
    }

    /// Two patients with one image each.
    pub(crate) fn good() -> Self {
        let sample = Self::new();
        let image = array![[10, 20, 30], [40, 50, 60]];
        let mask = array![[0, 255, 0], [0, 255, 0]];
        sample.add("a.png", "p", "train", &image, &mask);
        sample.add("b.png", "q", "val", &image, &mask);
        sample
    }

    pub(crate) fn folder(&self) -> &Path {
        self.0.path()
    }

    /// Writes an image with its mask, and a row for both.
    pub(crate) fn add(&self, file: &str, patient: &str, split: &str, image: &Array2<u8>, mask: &Array2<u8>) {
        self.row(&format!("{file},{patient},{split}"));
        save(image, &self.folder().join("images").join(file));
        save(mask, &self.folder().join("masks").join(file).with_extension("png"));
    }

    /// Writes a row alone.
    pub(crate) fn row(&self, row: &str) {
        let mut manifest =
            OpenOptions::new().append(true).open(self.folder().join("manifest.csv")).expect("it was written");
        writeln!(manifest, "{row}").expect("written");
    }
}

/// Site folders of a real set. They lie beside the checkout in `shared/data`, or where `WARDROUND_TEST_DATA` says.
pub(crate) fn real_sites(set: &str) -> Vec<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let data = std::env::var_os("WARDROUND_TEST_DATA").map_or(beside, PathBuf::from);
    let Ok(entries) = std::fs::read_dir(data.join(set)) else {
        println!("SKIPPED: no real images of the set {set} here");
        return Vec::new();
    };
    let mut sites: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.is_dir()).collect();
    sites.sort();
    sites
}

fn save(pixels: &Array2<u8>, path: &Path) {
    let (height, width) = pixels.dim();
    image::GrayImage::from_fn(width as u32, height as u32, |x, y| image::Luma([pixels[[y as usize, x as usize]]]))
        .save(path)
        .expect("written");
}
