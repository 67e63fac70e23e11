//! Errors of counting and of electronics, each pixel by itself.

use ndarray::ArrayViewMut3;
use rand::RngExt as _;
use rand_distr::{Distribution as _, Poisson, StandardNormal};
use wardround_plan::Stream;

/// Attenuation of the densest tissue in a low-dose image: e^-4 of the photons come through, as through 20 cm of water.
const ATTENUATION: f32 = 4.0;

/// Adds noise of this standard deviation.
pub(super) fn gaussian(mut planes: ArrayViewMut3<'_, f32>, deviation: f32, stream: &mut Stream) {
    planes.mapv_inplace(|value| value + deviation * normal(stream));
}

/// Adds noise in proportion to the signal.
pub(super) fn speckle(mut planes: ArrayViewMut3<'_, f32>, deviation: f32, stream: &mut Stream) {
    planes.mapv_inplace(|value| value + value * deviation * normal(stream));
}

/// Makes a share of the pixels black or white.
pub(super) fn impulse(mut planes: ArrayViewMut3<'_, f32>, share: f32, stream: &mut Stream) {
    planes.mapv_inplace(|value| {
        // Two draws a pixel at any share, so that what a slight severity hits a severe one hits too.
        let (drawn, white): (f32, bool) = (stream.random(), stream.random());
        if drawn < share { f32::from(u8::from(white)) } else { value }
    });
}

/// Counts photons: Poisson with mean `photons` at 1.
pub(super) fn shot(mut planes: ArrayViewMut3<'_, f32>, photons: f32, stream: &mut Stream) {
    planes.mapv_inplace(|value| count(value * photons, stream) / photons);
}

/// Counts photons behind the tissue (Beer and Lambert) and takes the logarithm again, as an X-ray detector does. For
/// CT it stands in for noise in the sinogram: strongest in dense tissue, without the streaks. A detector that counts
/// nothing is taken to have counted one.
pub(super) fn low_dose(mut planes: ArrayViewMut3<'_, f32>, photons: f32, stream: &mut Stream) {
    planes.mapv_inplace(|value| {
        let counted = count(photons * (-ATTENUATION * value).exp(), stream).max(1.0);
        (photons / counted).ln() / ATTENUATION
    });
}

fn normal(stream: &mut Stream) -> f32 {
    StandardNormal.sample(stream)
}

/// A Poisson count; a mean that is not above 0 gives none.
fn count(mean: f32, stream: &mut Stream) -> f32 {
    Poisson::new(mean).map_or(0.0, |counts| counts.sample(stream))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array3;
    use rand::SeedableRng as _;

    /// Pixels of one brightness: moments are held to 5 standard errors, which fails once in a million seeds.
    const PIXELS: usize = 40_000;

    /// Mean and variance of what a corruption makes of a flat image.
    fn moments(value: f32, corrupt: impl Fn(ArrayViewMut3<'_, f32>, &mut Stream)) -> (f64, f64) {
        let mut image = Array3::from_elem((1, 200, 200), value);
        corrupt(image.view_mut(), &mut Stream::seed_from_u64(11));
        let mean = image.iter().copied().map(f64::from).sum::<f64>() / PIXELS as f64;
        (mean, image.iter().map(|value| (f64::from(*value) - mean).powi(2)).sum::<f64>() / PIXELS as f64)
    }

    fn check(found: (f64, f64), mean: f64, variance: f64, kurtosis: f64) {
        let pixels = PIXELS as f64;
        let (mean_error, variance_error) = ((variance / pixels).sqrt(), variance * ((kurtosis - 1.0) / pixels).sqrt());
        assert!((found.0 - mean).abs() < 5.0 * mean_error, "mean {} is not {mean}", found.0);
        assert!((found.1 - variance).abs() < 5.0 * variance_error, "variance {} is not {variance}", found.1);
    }

    #[test]
    fn gaussian_noise_has_its_deviation_and_speckle_that_of_its_pixel() {
        check(moments(0.5, |image, stream| gaussian(image, 0.08, stream)), 0.5, 0.0064, 3.0);
        check(moments(0.5, |image, stream| speckle(image, 0.2, stream)), 0.5, 0.01, 3.0);
        assert_eq!(moments(0.0, |image, stream| speckle(image, 0.2, stream)), (0.0, 0.0));
    }

    #[test]
    fn photons_are_counted_with_the_variance_of_their_mean() {
        // A Poisson count of mean m has kurtosis 3 + 1/m.
        check(moments(0.5, |image, stream| shot(image, 60.0, stream)), 0.5, 0.5 / 60.0, 3.0 + 1.0 / 30.0);
        check(moments(0.2, |image, stream| shot(image, 5.0, stream)), 0.2, 0.2 / 5.0, 4.0);
        assert_eq!(moments(0.0, |image, stream| shot(image, 5.0, stream)), (0.0, 0.0));
    }

    #[test]
    fn impulses_are_black_and_white_by_halves() {
        // Of pixels at 0.5, a share s moves by 0.5 either way: variance s/4, kurtosis 1/s.
        let share = 0.1f32;
        check(moments(0.5, |image, stream| impulse(image, share, stream)), 0.5, 0.025, 10.0);
    }

    #[test]
    fn low_dose_is_true_on_average_and_worst_in_dense_tissue() {
        let deviation = |value: f32| {
            let (mean, variance) = moments(value, |image, stream| low_dose(image, 4000.0, stream));
            assert!((mean - f64::from(value)).abs() < 0.005, "{value}: {mean}");
            // Propagation of errors through the logarithm.
            let expected = (f64::from(ATTENUATION * value).exp() / 4000.0).sqrt() / f64::from(ATTENUATION);
            assert!((variance.sqrt() / expected - 1.0).abs() < 0.05, "{value}: {} is not {expected}", variance.sqrt());
            variance.sqrt()
        };
        assert!(deviation(1.0) > 5.0 * deviation(0.0));
        let blind = moments(1.0, |image, stream| low_dose(image, 1.0, stream));
        assert!(blind.0.is_finite() && blind.0 <= 1.0);
    }
}
