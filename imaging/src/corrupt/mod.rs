//! Corruptions: the same scan as a worse scanner, a restless patient or a careless export would have given it.
//!
//! They ask what a model is worth on a bad day, in five severities, and are made for measuring, not for training. A
//! corruption changes what is seen and never where it lies, so the masks stay true, and no function here takes one.
//! The suite follows ImageNet-C (Hendrycks and Dietterich, ICLR 2019) and MedMNIST-C (Di Salvo et al., 2024), without
//! weather and with what happens to MR and CT; [`table`] has all numbers and where they come from.

mod artefact;
mod blur;
mod catalogue;
mod digital;
#[cfg(test)]
mod goldens;
mod intensity;
mod jpeg;
mod noise;
mod occlusion;
mod own_range;
mod table;

pub use catalogue::{Corruption, CorruptionFamily, CorruptionSeverity, UnknownCorruption};

use ndarray::{Array2, Array3, ArrayView2, ArrayViewMut3, Axis};
use own_range::OwnRange;
use wardround_plan::Stream;

/// A corrupted copy of the image `pixels`, `[channels, height, width]`.
///
/// The image is stretched to 0..=1 by its own smallest and largest value, corrupted, cut off at 0 and 1, and stretched
/// back, so that units do not matter. Channels share what has a place (an angle, an occluder) and not the noise. The
/// same stream gives the same copy; two severities with equal streams differ in strength alone. All values of the copy
/// are finite: a pixel that is not finite counts as the smallest. An image of one value has no range and is given back
/// as it is.
pub fn corrupt(
    pixels: &Array3<f32>,
    corruption: Corruption,
    severity: CorruptionSeverity,
    stream: &mut Stream,
) -> Array3<f32> {
    let range = OwnRange::of(pixels);
    let mut unit = range.stretched(pixels);
    if !range.is_flat() {
        apply(unit.view_mut(), corruption, severity, stream);
    }
    range.back(&unit)
}

/// A corrupted copy of the volume `voxels`, `[z, y, x]`: as [`corrupt`], slice by slice, in the range of the whole.
pub fn corrupt_volume(
    voxels: &Array3<f32>,
    corruption: Corruption,
    severity: CorruptionSeverity,
    stream: &mut Stream,
) -> Array3<f32> {
    let range = OwnRange::of(voxels);
    let mut unit = range.stretched(voxels);
    if !range.is_flat() {
        for slice in unit.outer_iter_mut() {
            apply(slice.insert_axis(Axis(0)), corruption, severity, stream);
        }
    }
    range.back(&unit)
}

/// Corrupts channels that lie in 0..=1, and leaves them there.
fn apply(
    mut planes: ArrayViewMut3<'_, f32>,
    corruption: Corruption,
    severity: CorruptionSeverity,
    stream: &mut Stream,
) {
    let level = severity.index();
    let (_, height, width) = planes.dim();
    let px = table::scale(height, width);
    match corruption {
        Corruption::Pixelate => each(planes.view_mut(), |plane| digital::pixelate(plane, table::PIXELATE[level])),
        Corruption::Jpeg => each(planes.view_mut(), |plane| jpeg::jpeg(plane, table::JPEG[level])),
        Corruption::GaussianNoise => noise::gaussian(planes.view_mut(), table::GAUSSIAN_NOISE[level], stream),
        Corruption::SpeckleNoise => noise::speckle(planes.view_mut(), table::SPECKLE_NOISE[level], stream),
        Corruption::ImpulseNoise => noise::impulse(planes.view_mut(), table::IMPULSE_NOISE[level], stream),
        Corruption::ShotNoise => noise::shot(planes.view_mut(), table::SHOT_NOISE[level], stream),
        Corruption::LowDoseNoise => noise::low_dose(planes.view_mut(), table::LOW_DOSE_NOISE[level], stream),
        Corruption::DefocusBlur => {
            let disk = blur::disk(table::DEFOCUS_BLUR[level] * px);
            each(planes.view_mut(), |plane| blur::convolved(plane, &disk));
        }
        Corruption::MotionBlur => {
            let (radius, sigma) = table::MOTION_BLUR[level];
            let trace = blur::Trace::draw(radius * px, sigma * px, stream);
            each(planes.view_mut(), |plane| trace.smeared(plane));
        }
        Corruption::ZoomBlur => each(planes.view_mut(), |plane| blur::zoomed(plane, table::ZOOM_BLUR[level])),
        Corruption::GaussianBlur => {
            each(planes.view_mut(), |plane| blur::gaussian(plane, table::GAUSSIAN_BLUR[level] * px));
        }
        Corruption::BrightnessUp => intensity::brightness(planes.view_mut(), table::BRIGHTNESS_UP[level]),
        Corruption::BrightnessDown => intensity::brightness(planes.view_mut(), table::BRIGHTNESS_DOWN[level]),
        Corruption::ContrastUp => intensity::contrast(planes.view_mut(), table::CONTRAST_UP[level]),
        Corruption::ContrastDown => intensity::contrast(planes.view_mut(), table::CONTRAST_DOWN[level]),
        Corruption::GammaUp => intensity::gamma(planes.view_mut(), table::GAMMA_UP[level]),
        Corruption::GammaDown => intensity::gamma(planes.view_mut(), table::GAMMA_DOWN[level]),
        Corruption::BiasField => artefact::bias_field(planes.view_mut(), table::BIAS_FIELD[level], stream),
        Corruption::Ghosting => artefact::ghosting(planes.view_mut(), table::GHOSTING[level], stream),
        Corruption::Spike => artefact::spike(planes.view_mut(), table::SPIKE[level], stream),
        Corruption::Occlusion => occlusion::occlude(planes.view_mut(), table::OCCLUSION[level], stream),
    }
    planes.mapv_inplace(|value| value.clamp(0.0, 1.0));
}

/// Replaces every channel by what `change` makes of it.
fn each(mut planes: ArrayViewMut3<'_, f32>, change: impl Fn(ArrayView2<'_, f32>) -> Array2<f32>) {
    for mut plane in planes.outer_iter_mut() {
        let changed = change(plane.view());
        plane.assign(&changed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::SeedableRng as _;

    /// Scans of a bright and a dark disk on a slope with grain, in units of their own.
    fn scans() -> Vec<Array3<f32>> {
        (0..24).map(|index| scan(index, 48, 56)).collect()
    }

    fn scan(index: u64, height: usize, width: usize) -> Array3<f32> {
        let mut drawn = Stream::seed_from_u64(index);
        let mut within = |low: f32, high: f32| drawn.random_range(low..high);
        let mut disk = || {
            let (cy, cx) = (within(0.3, 0.7) * height as f32, within(0.3, 0.7) * width as f32);
            let radius = within(0.1, 0.25) * height as f32;
            move |y: usize, x: usize| f32::from(u8::from((y as f32 - cy).hypot(x as f32 - cx) < radius))
        };
        let (bright, dark) = (disk(), disk());
        Array3::from_shape_fn((1, height, width), |(_, y, x)| {
            let tissue = 0.3 + 0.5 * bright(y, x) - 0.25 * dark(y, x) + 0.003 * x as f32;
            4000.0 * (tissue + drawn.random_range(0.0..0.1f32)) - 700.0
        })
    }

    fn severity(level: u8) -> CorruptionSeverity {
        CorruptionSeverity::new(level).expect("1 to 5")
    }

    fn corrupted(image: &Array3<f32>, corruption: Corruption, level: u8, seed: u64) -> Array3<f32> {
        corrupt(image, corruption, severity(level), &mut Stream::seed_from_u64(seed))
    }

    /// Mean squared change as a share of the range.
    fn change(corruption: Corruption, level: u8) -> f64 {
        let scans = scans();
        let of = |(seed, image): (usize, &Array3<f32>)| {
            let range = OwnRange::of(image);
            let copy = range.stretched(&corrupted(image, corruption, level, seed as u64));
            let squares = (&copy - &range.stretched(image)).mapv(|apart| f64::from(apart).powi(2));
            squares.mean().expect("not empty")
        };
        scans.iter().enumerate().map(of).sum::<f64>() / scans.len() as f64
    }

    #[test]
    fn every_corruption_grows_with_its_severity() {
        for corruption in Corruption::all() {
            let changes: Vec<f64> = (1..=5).map(|level| change(*corruption, level)).collect();
            println!("{corruption}: {changes:.5?}");
            assert!(changes[0] > 0.0 && changes.windows(2).all(|pair| pair[1] > pair[0]), "{corruption}: {changes:?}");
        }
    }

    #[test]
    fn units_of_a_scanner_do_not_matter() {
        let image = scan(1, 30, 40);
        let other = image.mapv(|value| value * 0.01 + 3.0);
        for corruption in Corruption::all() {
            let (one, two) = (corrupted(&image, *corruption, 3, 9), corrupted(&other, *corruption, 3, 9));
            let apart = (&one.mapv(|value| value * 0.01 + 3.0) - &two).mapv(f32::abs).into_iter().fold(0.0, f32::max);
            // Rounding may tip a pixel of a JPEG by one step of 8 bits, or a photon, in a range of 40.
            assert!(apart < 1.0, "{corruption}: {apart}");
        }
    }

    #[test]
    fn what_has_a_place_is_shared_by_channels_and_noise_is_not() {
        let grey = scan(2, 40, 40);
        let colour = ndarray::concatenate(Axis(0), &[grey.view(), grey.view(), grey.view()]).expect("one size");
        for corruption in Corruption::all() {
            let copy = corrupted(&colour, *corruption, 4, 3);
            let same = copy.index_axis(Axis(0), 0) == copy.index_axis(Axis(0), 2);
            let is_noise = corruption.family() == CorruptionFamily::Noise || *corruption == Corruption::LowDoseNoise;
            assert_eq!(same, !is_noise, "{corruption}");
        }
    }

    #[test]
    fn a_volume_is_corrupted_in_the_range_of_the_whole() {
        let bright = scan(3, 24, 24);
        let dark = bright.mapv(|value| value * 0.1);
        let volume = ndarray::concatenate(Axis(0), &[dark.view(), bright.view()]).expect("one size");
        let copy = corrupt_volume(&volume, Corruption::BrightnessUp, severity(5), &mut Stream::seed_from_u64(1));
        let low = OwnRange::of(&volume).stretched(&volume);
        let expected = OwnRange::of(&volume).back(&low.mapv(|value| (value * 1.5).min(1.0)));
        assert!(copy.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-2));
        let noisy = corrupt_volume(&volume, Corruption::GaussianNoise, severity(1), &mut Stream::seed_from_u64(1));
        assert_eq!(noisy.dim(), volume.dim());
    }

    #[test]
    fn flat_images_and_empty_ones_come_back() {
        for corruption in Corruption::all() {
            let flat = Array3::from_elem((1, 5, 6), 3.5);
            assert_eq!(corrupted(&flat, *corruption, 5, 1), flat);
            for empty in [(0, 4, 4), (1, 0, 4), (1, 4, 0)] {
                assert_eq!(corrupted(&Array3::zeros(empty), *corruption, 5, 1).dim(), empty);
            }
        }
    }

    proptest! {
        #[test]
        fn any_image_gives_a_finite_one_of_its_size_and_range(
            height in 1usize..24, width in 1usize..24, which in 0usize..21, level in 1u8..=5, seed: u64, sick: bool,
        ) {
            let mut image = scan(seed % 5, height, width);
            if sick {
                image[[0, 0, 0]] = f32::NAN;
            }
            let corruption = Corruption::all()[which];
            let copy = corrupted(&image, corruption, level, seed);
            prop_assert_eq!(copy.dim(), image.dim());
            let range = OwnRange::of(&image);
            let unit = range.stretched(&copy);
            prop_assert!(copy.iter().all(|value| value.is_finite()), "{}", corruption);
            prop_assert!(unit.iter().all(|value| (-1e-5..=1.0 + 1e-5).contains(value)), "{}", corruption);
            prop_assert_eq!(&copy, &corrupted(&image, corruption, level, seed));
        }
    }
}
