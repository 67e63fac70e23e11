//! Tiny scans: a bright disc on noise, its mask, and names that would be recognised wherever they turned up.

use image::{GrayImage, Luma};
use std::path::Path;

/// Side of the images.
pub const SIZE_PX: u32 = 16;
/// In every file name.
pub const FILE_MARK: &str = "NOBODY_FAKE_";
/// In every patient's name.
pub const PATIENT_MARK: &str = "PATIENT_FAKE_";

const TRAIN_PATIENTS: u32 = 3;
const VALIDATION_PATIENTS: u32 = 1;
const IMAGES_PER_PATIENT: u32 = 2;

/// Writes a site's folder; another `site` number gives other scans.
pub fn write(folder: &Path, site: u32) {
    for sub in ["images", "masks"] {
        std::fs::create_dir_all(folder.join(sub)).expect("a folder of ours");
    }
    let mut manifest = String::from("file,patient,split\n");
    for patient in 0..TRAIN_PATIENTS + VALIDATION_PATIENTS {
        let split = if patient < TRAIN_PATIENTS { "train" } else { "val" };
        for slice in 0..IMAGES_PER_PATIENT {
            let number = site * 1000 + patient * IMAGES_PER_PATIENT + slice;
            let file = format!("{FILE_MARK}{number:04}.png");
            save(folder, &file, number);
            manifest += &format!("{file},{PATIENT_MARK}{site}_{patient},{split}\n");
        }
    }
    std::fs::write(folder.join("manifest.csv"), manifest).expect("a folder of ours");
}

fn save(folder: &Path, file: &str, number: u32) {
    let inside = |x: u32, y: u32| {
        let (dx, dy) = (x.abs_diff(5 + number % 5), y.abs_diff(6 + number % 4));
        dx * dx + dy * dy <= 10
    };
    // Noise that needs no generator: Knuth's multiplicative hash of the pixel.
    let noise = |x: u32, y: u32| ((number * 7919 + y * SIZE_PX + x).wrapping_mul(2_654_435_761) >> 27) as u8;
    let image = GrayImage::from_fn(SIZE_PX, SIZE_PX, |x, y| Luma([40 + noise(x, y) + 120 * u8::from(inside(x, y))]));
    let mask = GrayImage::from_fn(SIZE_PX, SIZE_PX, |x, y| Luma([255 * u8::from(inside(x, y))]));
    image.save(folder.join("images").join(file)).expect("a folder of ours");
    mask.save(folder.join("masks").join(file)).expect("a folder of ours");
}
