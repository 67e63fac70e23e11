//! From a volume on its own grid to the network's input, and from the network's output back onto the volume.

use super::{SpacingMm, VolumeCase, VolumeExample};
use crate::normalise::normalise;
use crate::resample::{AxisMap, Stretch, resample_volume};
use ndarray::{Array3, Array4, ArrayView3, Axis, Slice, Zip};

/// Spacings whose ratio is this close to 1 are one: files round to 32 bits, and plans to a few digits.
const SAME_SPACING: f64 = 1e-4;

/// What a study's three-dimensional network wants to see.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VolumePreparation {
    /// Channels of the input. A volume has one; where more are wanted it is repeated.
    pub channels: u32,
    /// Voxels of the input: depth, height, width.
    pub size_vox: [u32; 3],
    /// Classes with the background.
    pub classes: u32,
    /// Spacing that volumes are resampled to; `None` leaves every volume its own.
    pub spacing: Option<SpacingMm>,
}

impl VolumePreparation {
    /// The input for `case`: resampled, then cropped or padded about the middle, then normalised by itself.
    ///
    /// Voxels are averaged where the grid becomes coarser and interpolated along straight lines (trilinear) where it
    /// becomes finer; a label is the class with the largest share. Padding is 0, the mean, and background, and has no
    /// say in the normalisation. A case whose labels have another shape gives zeros.
    pub fn example(&self, case: &VolumeCase) -> VolumeExample {
        let maps = self.maps(case);
        let size = self.size_vox.map(|side| side as usize);
        let mut voxels = Array4::zeros((self.channels as usize, size[0], size[1], size[2]));
        if case.voxels.dim() == case.labels.dim() {
            let mut resampled = resample_volume(case.voxels.view(), &maps);
            normalise(resampled.slice_each_axis_mut(|axis| Slice::from(maps[axis.axis.index()].inside())));
            voxels.outer_iter_mut().for_each(|mut channel| channel.assign(&resampled));
        }
        VolumeExample { voxels, classes: vote(&case.labels, &maps) }
    }

    /// The classes of `case` on its own grid, from `probabilities` `[classes, depth, height, width]` for its
    /// [`VolumePreparation::example`]. Beyond the input all is background. Of equal classes the lower wins.
    pub fn restore(&self, probabilities: &Array4<f32>, case: &VolumeCase) -> Array3<u8> {
        let (_, depth, height, width) = probabilities.dim();
        let (cells, extent) = ([depth, height, width], case.labels.shape());
        let maps =
            [0, 1, 2].map(|axis| AxisMap::new(cells[axis], self.stretch(case, axis, cells[axis]).back(), extent[axis]));
        let inside = |axis: ndarray::AxisDescription| Slice::from(maps[axis.axis.index()].inside());
        let mut winner = Winner::new(case.labels.dim(), f32::NEG_INFINITY);
        for (class, share) in (0..=u8::MAX).zip(probabilities.axis_iter(Axis(0))) {
            winner.challenge(&resample_volume(share, &maps), class);
        }
        let mut restored = Array3::zeros(case.labels.dim());
        restored.slice_each_axis_mut(inside).assign(&winner.classes.slice_each_axis(inside));
        restored
    }

    fn maps(&self, case: &VolumeCase) -> [AxisMap; 3] {
        [0, 1, 2].map(|axis| {
            let cells = self.size_vox[axis] as usize;
            AxisMap::new(case.labels.shape()[axis], self.stretch(case, axis, cells), cells)
        })
    }

    /// The part of an axis that the input shows, about its middle.
    fn stretch(&self, case: &VolumeCase, axis: usize, cells: usize) -> Stretch {
        let own = case.spacing.zyx()[axis];
        let step = self.spacing.map_or(1.0, |wanted| wanted.zyx()[axis] / own);
        let middle = case.labels.shape()[axis] as f64 / 2.0;
        match (step - 1.0).abs() < SAME_SPACING {
            // Whole voxels, so that nothing is blurred where nothing is resampled.
            true => Stretch { begin: (middle - cells as f64 / 2.0).floor(), step: 1.0 },
            false => Stretch { begin: middle - cells as f64 * step / 2.0, step },
        }
    }
}

/// The class with the largest share of each cell; of equal shares the lower class.
fn vote(labels: &Array3<u8>, maps: &[AxisMap; 3]) -> Array3<u8> {
    let mut present = [false; 256];
    labels.iter().for_each(|class| present[usize::from(*class)] = true);
    let [slices, rows, columns] = maps;
    let mut winner = Winner::new((slices.cells(), rows.cells(), columns.cells()), 0.0);
    for class in (0..=u8::MAX).filter(|class| present[usize::from(*class)]) {
        let is_class = labels.mapv(|value| f32::from(u8::from(value == class)));
        winner.challenge(&resample_volume(ArrayView3::from(&is_class), maps), class);
    }
    winner.classes
}

/// The class with the largest share so far.
struct Winner {
    share: Array3<f32>,
    classes: Array3<u8>,
}

impl Winner {
    /// Background, which any share above `floor` beats.
    fn new(shape: (usize, usize, usize), floor: f32) -> Self {
        Self { share: Array3::from_elem(shape, floor), classes: Array3::zeros(shape) }
    }

    fn challenge(&mut self, share: &Array3<f32>, class: u8) {
        Zip::from(&mut self.share).and(&mut self.classes).and(share).for_each(|best, winner, here| {
            if *here > *best {
                (*best, *winner) = (*here, class);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::real_sites;
    use crate::{PatientGrouping, SiteFolder};
    use proptest::prelude::*;

    fn preparation(size_vox: [u32; 3]) -> VolumePreparation {
        VolumePreparation { channels: 1, size_vox, classes: 3, spacing: None }
    }

    fn spacing(zyx: [f64; 3]) -> SpacingMm {
        SpacingMm::new(zyx).expect("lengths")
    }

    /// A ball of class 1 with a core of class 2, `radius` in millimetres, on a slope of intensities.
    fn ball(shape: [usize; 3], spacing: SpacingMm, radius: f64) -> VolumeCase {
        let sides = spacing.zyx();
        let class = |place: (usize, usize, usize)| {
            let place = [place.0, place.1, place.2];
            let part = |axis: usize| (place[axis] as f64 + 0.5 - shape[axis] as f64 / 2.0) * sides[axis];
            let distance = (0..3).map(|axis| part(axis).powi(2)).sum::<f64>().sqrt();
            u8::from(distance < radius) + u8::from(distance < 0.6 * radius)
        };
        let labels = Array3::from_shape_fn(shape, class);
        let slope = Array3::from_shape_fn(shape, |(z, y, x)| (z + y + x) as f32 * 0.01);
        VolumeCase { voxels: labels.mapv(f32::from) + slope, labels, spacing }
    }

    fn one_hot(classes: &Array3<u8>, count: usize) -> Array4<f32> {
        let (depth, height, width) = classes.dim();
        Array4::from_shape_fn((count, depth, height, width), |(class, z, y, x)| {
            f32::from(u8::from(usize::from(classes[[z, y, x]]) == class))
        })
    }

    fn dice(a: &Array3<u8>, b: &Array3<u8>, class: u8) -> f64 {
        let both = a.iter().zip(b).filter(|(a, b)| **a == class && **b == class).count();
        let sum = a.iter().chain(b).filter(|found| **found == class).count();
        2.0 * both as f64 / sum as f64
    }

    fn round_trip(preparation: &VolumePreparation, case: &VolumeCase) -> [f64; 2] {
        let classes = preparation.example(case).classes;
        let restored = preparation.restore(&one_hot(&classes, 3), case);
        [1, 2].map(|class| dice(&restored, &case.labels, class))
    }

    fn inner(example: &VolumeExample, is_inner: impl Fn(usize, usize, usize) -> bool) -> (f64, f64) {
        let values: Vec<f64> = example
            .voxels
            .indexed_iter()
            .filter(|((_, z, y, x), _)| is_inner(*z, *y, *x))
            .map(|(_, value)| f64::from(*value))
            .collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        (mean, values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / values.len() as f64)
    }

    #[test]
    fn cropping_and_padding_are_about_the_middle_and_exact() {
        let case = ball([20, 21, 30], SpacingMm::ISOTROPIC_1, 6.0);
        for size in [[20, 21, 30], [24, 24, 24], [16, 16, 16], [15, 40, 13]] {
            assert_eq!(round_trip(&preparation(size), &case), [1.0, 1.0], "{size:?}");
        }
        let example = preparation([24, 21, 16]).example(&case);
        assert_eq!(example.classes[[2 + 10, 10, 8]], case.labels[[10, 10, 15]]);
        assert!(example.voxels.index_axis(Axis(1), 1).iter().all(|value| *value == 0.0), "padding is the mean");
        let (mean, variance) = inner(&example, |z, _, _| (2..22).contains(&z));
        assert!(mean.abs() < 1e-5 && (variance - 1.0).abs() < 1e-4, "{mean} {variance}");
    }

    #[test]
    fn what_is_cut_off_is_background_when_restored() {
        let case = ball([10, 10, 10], SpacingMm::ISOTROPIC_1, 20.0);
        let everywhere = one_hot(&Array3::from_elem((4, 6, 10), 2), 3);
        let restored = preparation([4, 6, 10]).restore(&everywhere, &case);
        assert_eq!(restored.iter().filter(|class| **class == 2).count(), 240);
        assert_eq!((restored[[2, 5, 5]], restored[[3, 2, 0]], restored[[7, 5, 5]]), (0, 2, 0));
    }

    #[test]
    fn thick_slices_and_thin_ones_show_one_body_at_one_size() {
        let target = VolumePreparation { spacing: Some(SpacingMm::ISOTROPIC_1), ..preparation([32, 32, 32]) };
        let even = target.example(&ball([32, 32, 32], SpacingMm::ISOTROPIC_1, 12.0)).classes;
        for (shape, own) in [([16, 32, 32], [2.0, 1.0, 1.0]), ([40, 48, 24], [0.8, 2.0 / 3.0, 4.0 / 3.0])] {
            let case = ball(shape, spacing(own), 12.0);
            let classes = target.example(&case).classes;
            let found = [1, 2].map(|class| dice(&classes, &even, class));
            assert!(found.iter().all(|dice| *dice > 0.9), "{own:?}: {found:?}");
            let back = round_trip(&target, &case);
            assert!(back.iter().all(|dice| *dice > 0.93), "{own:?}: {back:?}");
        }
    }

    #[test]
    fn a_spacing_rounded_to_32_bits_is_the_same_spacing() {
        let own = spacing([f64::from(0.7f32), f64::from(1.3f32), f64::from(0.1f32)]);
        let case = ball([9, 10, 11], own, 2.0);
        let wanted = VolumePreparation { spacing: Some(spacing([0.7, 1.3, 0.1])), ..preparation([8, 10, 12]) };
        assert_eq!(wanted.example(&case), preparation([8, 10, 12]).example(&case));
    }

    #[test]
    fn a_factor_of_4000_between_scanners_leaves_no_trace() {
        let case = ball([20, 20, 20], SpacingMm::ISOTROPIC_1, 6.0);
        let other = VolumeCase { voxels: case.voxels.mapv(|value| value * 4000.0 + 700.0), ..case.clone() };
        let [one, two] = [case, other].map(|case| preparation([16, 24, 20]).example(&case).voxels);
        assert!(one.iter().zip(&two).all(|(a, b)| (a - b).abs() < 1e-3));
    }

    #[test]
    fn channels_are_repeated_and_torn_cases_are_zeros() {
        let case = ball([8, 8, 8], SpacingMm::ISOTROPIC_1, 3.0);
        let two = VolumePreparation { channels: 2, ..preparation([8, 8, 8]) }.example(&case);
        assert_eq!(two.voxels.index_axis(Axis(0), 0), two.voxels.index_axis(Axis(0), 1));
        let torn = VolumeCase { voxels: Array3::zeros((2, 2, 2)), ..case };
        assert_eq!(preparation([4, 4, 4]).example(&torn).voxels, Array4::<f32>::zeros((1, 4, 4, 4)));
        let nothing = VolumeCase {
            voxels: Array3::zeros((0, 3, 3)),
            labels: Array3::zeros((0, 3, 3)),
            spacing: SpacingMm::ISOTROPIC_1,
        };
        assert_eq!(preparation([4, 4, 4]).example(&nothing).classes, Array3::<u8>::zeros((4, 4, 4)));
        assert_eq!(preparation([4, 4, 4]).restore(&Array4::zeros((3, 4, 4, 4)), &nothing).len(), 0);
    }

    #[test]
    fn the_real_sites_look_alike_once_prepared() {
        let preparation = preparation([40, 56, 40]);
        for dir in real_sites("hippocampus-mr") {
            let folder = SiteFolder::open(&dir, PatientGrouping::ImagesArePatients).expect("a good manifest");
            let site = folder.load_volumes(3).expect("the real set is good");
            let brightest = |case: &VolumeCase| case.voxels.iter().copied().fold(0.0, f32::max);
            let cases: Vec<_> = site.train.iter().chain(&site.validation).flat_map(|one| &one.cases).collect();
            println!("{:?}: up to {}", dir.file_name(), cases.iter().map(|case| brightest(case)).fold(0.0, f32::max));
            for case in cases {
                let example = preparation.example(case);
                let highest = example.voxels.iter().copied().fold(0.0, f32::max);
                assert!((1.0..8.0).contains(&highest), "{highest}");
                assert_eq!(round_trip(&preparation, case), [1.0, 1.0], "no label lies beyond 40 x 56 x 40");
            }
        }
    }

    proptest! {
        #[test]
        fn any_shape_and_spacing_give_finite_input(
            shape in prop::array::uniform3(1usize..14),
            size in prop::array::uniform3(1u32..14),
            own in prop::array::uniform3(0.05f64..20.0),
        ) {
            let wanted = VolumePreparation { spacing: Some(SpacingMm::ISOTROPIC_1), ..preparation(size) };
            let example = wanted.example(&ball(shape, spacing(own), 3.0));
            prop_assert!(example.voxels.iter().all(|value| value.is_finite()));
            prop_assert!(example.classes.iter().all(|class| *class <= 2));
        }
    }
}
