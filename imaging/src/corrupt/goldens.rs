//! What Pillow, scipy, scikit-image and numpy make of one image; see `testdata/corrupt/make.py`.

use super::{artefact, blur, digital, intensity, jpeg};
use ndarray::{Array2, Array3, Axis};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// Two steps of 8 bits, in which Pillow enhances: half a step times 1.3 from the image, half a step times 0.5 from its
/// mean, and one from cutting off the result.
const ENHANCED: f32 = 2.0 / 255.0;
/// One step of 8 bits: libjpeg transforms in integers.
const DECODED: f32 = 1.0 / 255.0 + 1e-5;
/// Numbers in the file have six digits, and images 32 bits.
const EXACT: f32 = 3e-6;

struct Goldens {
    shape: (usize, usize),
    all: BTreeMap<String, Value>,
}

impl Goldens {
    fn read() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/corrupt/expected.json");
        let text = std::fs::read_to_string(path).expect("it was made by make.py");
        let all: BTreeMap<String, Value> = serde_json::from_str(&text).expect("an object");
        let side = |name: &str| all[name].as_u64().expect("a number") as usize;
        Self { shape: (side("height"), side("width")), all }
    }

    fn array(&self, name: &str) -> Array2<f32> {
        let numbers = serde_json::from_value(self.all[name].clone()).expect("numbers");
        Array2::from_shape_vec(self.shape, numbers).expect("one for each pixel")
    }

    /// Holds what `ours` makes of the image, cut off at 0 and 1, against every golden whose name begins with `kind`.
    fn check(&self, kind: &str, tolerance: f32, ours: impl Fn(&[f64], Array3<f32>) -> Array3<f32>) {
        let image = self.array("image").insert_axis(Axis(0));
        let mut checked = 0;
        for name in self.all.keys().filter(|name| name.split(' ').next() == Some(kind)) {
            let numbers: Vec<f64> = name.split(' ').skip(1).map(|number| number.parse().expect("a number")).collect();
            let made = ours(&numbers, image.clone()).mapv(|value| value.clamp(0.0, 1.0));
            let golden = self.array(name).mapv(|value| value.clamp(0.0, 1.0)).insert_axis(Axis(0));
            let apart = (&made - &golden).mapv(f32::abs).into_iter().fold(0.0, f32::max);
            println!("{name}: at most {apart:.7} apart");
            assert!(apart <= tolerance, "{name}: {apart}");
            assert!((&made - &image).mapv(f32::abs).sum() > 0.1, "{name} changes nothing");
            checked += 1;
        }
        assert!(checked >= 2, "{kind}");
    }
}

fn plane(image: &Array3<f32>) -> ndarray::ArrayView2<'_, f32> {
    image.index_axis(Axis(0), 0)
}

#[test]
fn pixels_are_boxed_as_pillow_does() {
    Goldens::read().check("pixelate", EXACT, |at, image| digital::pixelate(plane(&image), at[0]).insert_axis(Axis(0)));
}

#[test]
fn jpeg_loses_what_libjpeg_loses() {
    Goldens::read().check("jpeg", DECODED, |at, image| jpeg::jpeg(plane(&image), at[0] as u8).insert_axis(Axis(0)));
}

#[test]
fn brightness_contrast_and_gamma_are_those_of_pillow_and_scikit_image() {
    let goldens = Goldens::read();
    goldens.check("brightness", ENHANCED, |at, mut image| {
        intensity::brightness(image.view_mut(), at[0] as f32);
        image
    });
    goldens.check("contrast", ENHANCED, |at, mut image| {
        intensity::contrast(image.view_mut(), at[0] as f32);
        image
    });
    goldens.check("gamma", EXACT, |at, mut image| {
        intensity::gamma(image.view_mut(), at[0] as f32);
        image
    });
}

#[test]
fn blurs_are_those_of_scipy() {
    let goldens = Goldens::read();
    goldens.check("gaussian", EXACT, |at, image| blur::gaussian(plane(&image), at[0] as f32).insert_axis(Axis(0)));
    goldens.check("defocus", EXACT, |at, image| {
        blur::convolved(plane(&image), &blur::disk(at[0] as f32)).insert_axis(Axis(0))
    });
}

#[test]
fn ghosts_are_weakened_lines_of_k_space() {
    Goldens::read().check("ghosting", EXACT, |at, mut image| {
        for mut line in image.index_axis_mut(Axis(0), 0).outer_iter_mut() {
            let ghosted = artefact::ghosted(&line.to_vec(), at[0] as usize, at[1] as f32);
            line.iter_mut().zip(ghosted).for_each(|(value, ghosted)| *value = ghosted);
        }
        image
    });
}
