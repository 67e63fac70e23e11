//! An image's own range of intensities, and the way to 0..=1 and back.

use ndarray::Array3;

/// Smallest and largest finite value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct OwnRange {
    low: f64,
    high: f64,
}

impl OwnRange {
    /// Of no finite value: 0 and 0.
    pub(super) fn of(image: &Array3<f32>) -> Self {
        let finite = || image.iter().copied().filter(|value| value.is_finite()).map(f64::from);
        let (low, high) = (finite().fold(f64::INFINITY, f64::min), finite().fold(f64::NEG_INFINITY, f64::max));
        if low <= high { Self { low, high } } else { Self { low: 0.0, high: 0.0 } }
    }

    /// True where nothing can be told from anything else.
    pub(super) fn is_flat(&self) -> bool {
        self.low == self.high
    }

    /// In 0..=1; what is not finite becomes 0.
    pub(super) fn stretched(&self, image: &Array3<f32>) -> Array3<f32> {
        let extent = if self.is_flat() { 1.0 } else { self.high - self.low };
        image.mapv(|value| if value.is_finite() { ((f64::from(value) - self.low) / extent) as f32 } else { 0.0 })
    }

    /// The way back.
    pub(super) fn back(&self, unit: &Array3<f32>) -> Array3<f32> {
        unit.mapv(|value| (self.low + f64::from(value) * (self.high - self.low)) as f32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn there_and_back_is_identity_even_for_the_widest_range() {
        for image in [array![[[-3.0f32, 5.0, 1.0]]], array![[[f32::MIN, 0.0, f32::MAX]]]] {
            let range = OwnRange::of(&image);
            let unit = range.stretched(&image);
            assert!(unit.iter().all(|value| (0.0..=1.0).contains(value)));
            assert_eq!(range.back(&unit), image);
        }
    }

    #[test]
    fn flat_empty_and_unfinite_images_have_no_range() {
        let flat = array![[[7.0f32, 7.0]]];
        assert!(OwnRange::of(&flat).is_flat());
        assert_eq!(OwnRange::of(&flat).back(&OwnRange::of(&flat).stretched(&flat)), flat);
        assert!(OwnRange::of(&Array3::zeros((1, 0, 0))).is_flat());
        let sick = array![[[f32::NAN, f32::INFINITY]]];
        let range = OwnRange::of(&sick);
        assert_eq!(range.back(&range.stretched(&sick)), array![[[0.0, 0.0]]]);
    }
}
